//! Until when is a certificate good? The one fact of it that no library of ours tells.
//!
//! A certificate is a nest of values, each a tag, a length and its bytes (DER, RFC 5280). The way to the end of its
//! validity is: certificate, what is signed of it, past version, serial number, algorithm and issuer, validity, its
//! second time.

use units::Timestamp;
use units::calendar::Day;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of the certificate's validity; none if these bytes are no certificate.
pub(crate) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (mut rest, _) = value(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = any(rest)?.2;
    }
    for _serial_algorithm_issuer in 0..3 {
        rest = any(rest)?.2;
    }
    let (validity, _) = value(rest, SEQUENCE)?;
    let (_, _, second) = any(validity)?;
    let (tag, written, _) = any(second)?;
    time(tag, std::str::from_utf8(written).ok()?)
}

/// The content of a value that must have this tag, and what follows it.
fn value(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = any(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// Tag and content of the next value, and what follows it.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, bytes) = bytes.split_first()?;
    let (&first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(first), bytes),
        // So many bytes of length follow; four are four gigabytes.
        0x81..=0x84 => {
            let (digits, bytes) = bytes.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), bytes)
        }
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A time in UTC, to the second: `YYMMDDhhmmssZ` until 2049, and with four digits of the year after that.
fn time(tag: u8, written: &str) -> Option<Timestamp> {
    let digits =
        written.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { year + 2000 } else { year + 1900 }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let [month, day, hour, minute, second] = [part(0)?, part(2)?, part(4)?, part(6)?, part(8)?];
    let start = Day::new(year, month, day)?.start();
    Some(Timestamp::from_seconds(start.as_seconds() + hour * 3600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(year: i32) -> Vec<u8> {
        let mut parameters = rcgen::CertificateParams::new(vec!["old.test".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 2, 28);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_ways_of_writing_it() {
        for year in [1999, 2027, 2049, 2050, 2100] {
            let end = not_after(&made(year)).map(|at| at.to_string());
            assert_eq!(end, Some(format!("{year}-02-28T00:00:00.000Z")));
        }
    }

    #[test]
    fn what_is_cut_or_no_certificate_has_no_end_and_no_bytes_panic() {
        let whole = made(2027);
        for length in 0..whole.len().min(120) {
            assert_eq!(not_after(&whole[..length]), None, "{length}");
        }
        for place in 0..whole.len() {
            for byte in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                let mut other = whole.clone();
                other[place] = byte;
                // Whatever it says, it says it without a panic.
                let _end = not_after(&other);
            }
        }
    }
}
