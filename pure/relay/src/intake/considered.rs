//! The evidence that was looked at, in order, and what became of each piece: for whoever asks why.
//!
//! Nothing in it identifies a visitor: kinds, codes, publishers and times.

use attribution::{NoCredit, Proof, Touch};
use units::Timestamp;

use super::EvidenceKind;

/// What becomes of a piece that is a touch of the order: it is credited, it earns a share, it earns nothing, or it lies
/// outside its time.
pub(super) const USED: &str = "used";
pub(super) const ASSISTS: &str = "assists";
pub(super) const WEAKER: &str = "weaker";
const TOUCHES: [&str; 5] =
    [USED, ASSISTS, WEAKER, NoCredit::OutsideWindow.name(), NoCredit::AfterConversion.name()];

/// One piece of evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Considered {
    /// What it is.
    pub kind: EvidenceKind,
    /// What became of it, by code: `used`, `assists`, `weaker`, `absent`, or why it does not count.
    pub outcome: String,
    /// The publisher that it names.
    pub publisher_id: Option<u64>,
    /// When its click happened.
    pub at: Option<Timestamp>,
}

impl Considered {
    /// Something without a publisher or a time.
    pub(super) fn bare(kind: EvidenceKind, outcome: &str) -> Self {
        Self { kind, outcome: outcome.to_owned(), publisher_id: None, at: None }
    }

    /// The touch of the order's journey that it is; none if it is none, or is known not to be one of this order's.
    /// Whether it lies in its window is found out anew each time.
    pub fn touch(&self) -> Option<Touch> {
        let proof = match self.kind {
            EvidenceKind::Token => Proof::Token,
            EvidenceKind::ClickId => Proof::ClickId,
            EvidenceKind::Voucher => Proof::Voucher,
            EvidenceKind::Cookie => Proof::Cookie,
            EvidenceKind::Named => Proof::Named,
            EvidenceKind::PlatformClickId | EvidenceKind::None => return None,
        };
        let of_this_order = TOUCHES.contains(&self.outcome.as_str());
        let publisher_id = self.publisher_id.filter(|_| of_this_order)?;
        Some(Touch { proof, publisher_id, at: self.at.filter(|_| proof.tells_time()) })
    }

    /// The pieces as one text, for a table.
    pub fn write(pieces: &[Self]) -> String {
        let number = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let piece = |one: &Self| {
            let publisher = number(one.publisher_id.map(|id| id.to_string()));
            let at = number(one.at.map(|at| at.as_millis().to_string()));
            format!("{} {} {publisher} {at}", one.kind.name(), one.outcome)
        };
        pieces.iter().map(piece).collect::<Vec<_>>().join(";")
    }

    /// Reads what [`Self::write`] wrote. What cannot be read is left out: it decides nothing.
    pub fn read(text: &str) -> Vec<Self> {
        let piece = |text: &str| {
            let mut words = text.split(' ');
            let kind = EvidenceKind::parse(words.next()?)?;
            let outcome = words.next()?.to_owned();
            let publisher_id = words.next()?.parse().ok();
            let at = words.next()?.parse().ok().map(Timestamp::from_millis);
            Some(Self { kind, outcome, publisher_id, at })
        };
        text.split(';').filter_map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let pieces = vec![
            Considered::bare(EvidenceKind::PlatformClickId, "absent"),
            Considered {
                kind: EvidenceKind::Token,
                outcome: "used".to_owned(),
                publisher_id: Some(456),
                at: Some(Timestamp::from_millis(1_795_462_261_000)),
            },
        ];
        assert_eq!(Considered::read(&Considered::write(&pieces)), pieces);
        assert_eq!(Considered::read(""), Vec::new());
        assert_eq!(Considered::read("token;x y z;none used - -").len(), 1);
    }
}
