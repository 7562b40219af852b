//! The canonical form of what is linked: a list of fields, each with its length before it.
//!
//! It is written out here and nowhere else, for the one who writes a row and for the one who checks it. A change of
//! it is a new version with a new name in the first field; what was linked by the old one stays so.

use core::fmt::Write as _;

use units::EventId;

/// Names the form and its version.
const VERSION: &str = "turnout.link.1";

/// A record that is being written: each field is its length in four bytes, the highest first, and its text.
#[derive(Debug, Default)]
pub(crate) struct Record {
    bytes: Vec<u8>,
    number: String,
}

impl Record {
    /// Begins the record of a link, in the room of the last one.
    pub(crate) fn begin(&mut self, sequence: u64, kind: &str) {
        self.bytes.clear();
        self.text(VERSION);
        self.number(i64::try_from(sequence).unwrap_or(i64::MAX));
        self.text(kind);
    }

    pub(crate) fn text(&mut self, text: &str) {
        // A server's texts cannot hold the character 0 and hold its picture; a record is the same in every store.
        let shown = text.contains('\0').then(|| text.replace('\0', "\u{2400}"));
        let text = shown.as_deref().unwrap_or(text);
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn number(&mut self, number: i64) {
        let mut text = core::mem::take(&mut self.number);
        text.clear();
        // Writing into memory cannot fail.
        let _written = write!(text, "{number}");
        self.text(&text);
        self.number = text;
    }

    fn id(&mut self, id: [u8; 16]) {
        self.text(&EventId::from_u128(u128::from_be_bytes(id)).text());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The fields, for one who writes them elsewhere.
    pub(crate) fn fields(bytes: &[u8]) -> Vec<String> {
        let mut fields = Vec::new();
        let mut rest = bytes;
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let Some((text, behind)) = behind.split_at_checked(length) else { break };
            fields.push(String::from_utf8_lossy(text).into_owned());
            rest = behind;
        }
        fields
    }

    /// Adds what another record holds.
    pub(crate) fn append(&mut self, body: &Self) {
        self.bytes.extend_from_slice(&body.bytes);
    }
}

/// A posting set.
pub(crate) struct SetRecord<'a> {
    pub(crate) set_id: i64,
    pub(crate) event_id: [u8; 16],
    pub(crate) kind: &'a str,
    pub(crate) cause: [u8; 16],
    pub(crate) happened_at: i64,
    pub(crate) posted_at: i64,
}

impl SetRecord<'_> {
    pub(crate) fn write(&self, record: &mut Record) {
        record.number(self.set_id);
        record.id(self.event_id);
        record.text(self.kind);
        record.id(self.cause);
        record.number(self.happened_at);
        record.number(self.posted_at);
    }
}

/// A line of a posting set; it follows its set.
pub(crate) struct LineRecord<'a> {
    pub(crate) line: i64,
    pub(crate) account: &'a str,
    pub(crate) party: i64,
    pub(crate) minor: i64,
    pub(crate) currency: &'a str,
}

impl LineRecord<'_> {
    pub(crate) fn write(&self, record: &mut Record) {
        record.number(self.line);
        record.text(self.account);
        record.number(self.party);
        record.number(self.minor);
        record.text(self.currency);
    }
}

/// A change of a status.
pub(crate) struct ChangeRecord<'a> {
    pub(crate) change_id: i64,
    pub(crate) event_id: [u8; 16],
    pub(crate) before: &'a str,
    pub(crate) status: &'a str,
    pub(crate) cause: &'a str,
    pub(crate) actor: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) set_id: Option<i64>,
    pub(crate) happened_at: i64,
    pub(crate) recorded_at: i64,
}

impl ChangeRecord<'_> {
    pub(crate) fn write(&self, record: &mut Record) {
        record.number(self.change_id);
        record.id(self.event_id);
        for text in [self.before, self.status, self.cause, self.actor, self.reason] {
            record.text(text);
        }
        match self.set_id {
            Some(set_id) => record.number(set_id),
            None => record.text(""),
        }
        record.number(self.happened_at);
        record.number(self.recorded_at);
    }
}

/// A payment.
pub(crate) struct PaymentRecord<'a> {
    pub(crate) payment_id: i64,
    pub(crate) reference: &'a str,
    pub(crate) part: i64,
    pub(crate) publisher_id: i64,
    pub(crate) currency: &'a str,
    pub(crate) minor: i64,
    pub(crate) transactions: i64,
    pub(crate) until: i64,
    pub(crate) actor: &'a str,
    pub(crate) paid_at: i64,
    pub(crate) recorded_at: i64,
}

impl PaymentRecord<'_> {
    pub(crate) fn write(&self, record: &mut Record) {
        record.number(self.payment_id);
        record.text(self.reference);
        record.number(self.part);
        record.number(self.publisher_id);
        record.text(self.currency);
        for number in [self.minor, self.transactions, self.until] {
            record.number(number);
        }
        record.text(self.actor);
        record.number(self.paid_at);
        record.number(self.recorded_at);
    }
}

/// An entry of the journal.
pub(crate) struct JournalRecord<'a> {
    pub(crate) entry_id: i64,
    pub(crate) at: i64,
    pub(crate) actor: &'a str,
    pub(crate) action: &'a str,
    pub(crate) event_id: Option<[u8; 16]>,
    pub(crate) detail: &'a str,
}

impl JournalRecord<'_> {
    pub(crate) fn write(&self, record: &mut Record) {
        record.number(self.entry_id);
        record.number(self.at);
        record.text(self.actor);
        record.text(self.action);
        match self.event_id {
            Some(id) => record.id(id),
            None => record.text(""),
        }
        record.text(self.detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_again_whatever_is_in_them() {
        let mut record = Record::default();
        record.begin(7, "journal");
        record.text("");
        record.text("a\u{1}b\nc ü");
        record.text("the character 0 is \0");
        record.number(i64::MIN);
        let fields = Record::fields(record.bytes());
        assert_eq!(
            fields,
            [
                "turnout.link.1",
                "7",
                "journal",
                "",
                "a\u{1}b\nc ü",
                "the character 0 is \u{2400}",
                "-9223372036854775808"
            ]
        );
        record.begin(8, "posting");
        assert_eq!(
            Record::fields(record.bytes()),
            ["turnout.link.1", "8", "posting"],
            "the room is used again"
        );
    }

    #[test]
    fn where_one_field_ends_is_part_of_the_form() {
        let of = |one: &str, two: &str| {
            let mut record = Record::default();
            record.text(one);
            record.text(two);
            record.bytes().to_vec()
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
    }
}
