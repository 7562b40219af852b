//! Header lines: splitting them strictly, and knowing the few that the gate must read.

use crate::refusal::Refusal;

/// The headers that the gate reads or drops; all others pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    Host,
    ContentLength,
    TransferEncoding,
    ContentEncoding,
    Connection,
    Expect,
    Upgrade,
    /// Speaks about the connection only.
    HopByHop,
    Other,
}

/// Recognises a header name. The length picks the few candidates, so that most names cost one comparison.
pub(crate) fn known(name: &str) -> Known {
    let candidates: &[(&str, Known)] = match name.len() {
        2 => &[("te", Known::HopByHop)],
        4 => &[("host", Known::Host)],
        6 => &[("expect", Known::Expect)],
        7 => &[("upgrade", Known::Upgrade), ("trailer", Known::HopByHop)],
        10 => &[("connection", Known::Connection), ("keep-alive", Known::HopByHop)],
        14 => &[("content-length", Known::ContentLength), ("http2-settings", Known::HopByHop)],
        16 => &[("content-encoding", Known::ContentEncoding), ("proxy-connection", Known::HopByHop)],
        17 => &[("transfer-encoding", Known::TransferEncoding)],
        19 => &[("proxy-authorization", Known::HopByHop)],
        _ => &[],
    };
    let found = candidates.iter().find(|(candidate, _)| name.eq_ignore_ascii_case(candidate));
    found.map_or(Known::Other, |&(_, known)| known)
}

/// Takes the first line off `rest`, without its CR LF.
pub(crate) fn take_line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Refusal> {
    let end = memchr::memchr(b'\n', rest).ok_or(Refusal::RequestLine)?;
    let (line, after) = rest.split_at_checked(end).ok_or(Refusal::RequestLine)?;
    *rest = after.get(1..).unwrap_or_default();
    let line = line.strip_suffix(b"\r").ok_or(Refusal::BareLineFeed)?;
    match memchr::memchr(b'\r', line) {
        Some(_) => Err(Refusal::BareCarriageReturn),
        None => Ok(line),
    }
}

/// Splits a header line at its colon.
pub(crate) fn split(line: &[u8]) -> Result<(&str, &[u8]), Refusal> {
    if line.first().is_some_and(|&byte| byte == b' ' || byte == b'\t') {
        return Err(Refusal::FoldedHeader);
    }
    let colon = memchr::memchr(b':', line).ok_or(Refusal::HeaderName)?;
    let (name, value) = line.split_at_checked(colon).ok_or(Refusal::HeaderName)?;
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
        return Err(Refusal::HeaderName);
    }
    // Bytes from 0x80 up are let through: referrers and cookies of old browsers hold Latin-1.
    if value.iter().any(|&byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f) {
        return Err(Refusal::HeaderValue);
    }
    let name = core::str::from_utf8(name).map_err(|_| Refusal::HeaderName)?;
    Ok((name, value))
}

/// The elements of a comma-separated value, without blanks and without empty ones.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// True for a byte that a header name or a method may hold (RFC 9110, `tchar`).
pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
