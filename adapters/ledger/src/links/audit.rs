//! Recomputing the chain: where it breaks, and which row was touched.

use super::walk::{Rows, StoredLink, each_row, links, told, whole};
use super::{Hash, Identity, Kind, hashed, hex};
use crate::{Finding, Ledger, LedgerError};

/// Most findings of one audit of the chain: a person begins with the first.
const FINDINGS_MAX: usize = 100;

/// What the walk has come to.
struct Walk {
    /// The number and the hash of the link before.
    before: Option<(i64, Vec<u8>)>,
    /// The last row of each kind that was linked, in the order of [`Kind::OF_ROWS`].
    linked: [i64; 4],
    findings: Vec<Finding>,
}

impl Walk {
    fn found(&mut self, message: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { invariant: "I12", message });
        }
    }
}

impl Ledger {
    /// Recomputes every link from its row: what was changed, removed, added or reordered behind our back.
    pub(crate) fn chain_findings(&self) -> Result<Vec<Finding>, LedgerError> {
        let identity = Identity::read(&self.connection)?;
        let linked = Kind::OF_ROWS.map(|kind| identity.last(kind));
        let mut walk = Walk { before: None, linked, findings: Vec::new() };
        let mut rows = Rows::default();
        let mut roots = self.roots(None, usize::MAX)?.into_iter().peekable();
        loop {
            let after = walk.before.as_ref().map_or(-1, |(sequence, _)| *sequence);
            let step = links(&self.connection, after)?;
            if step.is_empty() {
                break;
            }
            for link in step {
                self.follow(&mut walk, &mut rows, &identity, &link)?;
                while let Some(root) = roots.next_if(|root| root.sequence <= link.sequence.cast_unsigned()) {
                    if root.sequence != link.sequence.cast_unsigned() || root.hash.as_slice() != link.hash {
                        walk.found(format!(
                            "the root that was signed for link {} does not fit the chain",
                            root.sequence
                        ));
                    }
                }
                walk.before = Some((link.sequence, link.hash));
            }
        }
        for root in roots {
            walk.found(format!("a root was signed for link {}, and the chain ends before it", root.sequence));
        }
        for (kind, last) in Kind::OF_ROWS.into_iter().zip(walk.linked) {
            self.unlinked(&mut walk, kind, last, i64::MAX)?;
        }
        Ok(walk.findings)
    }

    /// Checks one link.
    fn follow(
        &self,
        walk: &mut Walk,
        rows: &mut Rows,
        identity: &Identity,
        link: &StoredLink,
    ) -> Result<(), LedgerError> {
        let (number, what) = (link.sequence, link.kind.rows());
        let expected = walk.before.as_ref().map_or(0, |(before, _)| before.saturating_add(1));
        if number != expected {
            walk.found(format!("link {number} follows where link {expected} belongs: links were removed"));
        }
        let before: Hash = match &walk.before {
            Some((_, hash)) => hash.as_slice().try_into().unwrap_or_default(),
            None => Hash::default(),
        };
        let record = if link.kind == Kind::Genesis {
            identity.genesis(&self.connection)?
        } else {
            let Some(body) = rows.take(&self.connection, link.kind, link.row_id)? else {
                walk.found(format!("link {number}: {what} {} is gone", link.row_id));
                return self.in_order(walk, link);
            };
            if body.recorded_at != link.recorded_at {
                let (row, stored) = (told(body.recorded_at), told(link.recorded_at));
                walk.found(format!(
                    "link {number}: {what} {} is of {row}, and its link of {stored}",
                    link.row_id
                ));
            }
            whole(link, &body.record)
        };
        if hashed(&before, record.bytes()).as_slice() != link.hash {
            let stored = hex(link.hash.get(..4).unwrap_or_default());
            walk.found(format!(
                "link {number}: {what} {} is not what was linked ({stored}…): the row, the link or the one before it \
                 was changed",
                link.row_id
            ));
        }
        self.in_order(walk, link)
    }

    /// Rows of a kind are linked in their order, each once, and none is left out.
    fn in_order(&self, walk: &mut Walk, link: &StoredLink) -> Result<(), LedgerError> {
        let Some(place) = Kind::OF_ROWS.iter().position(|kind| *kind == link.kind) else { return Ok(()) };
        let last = walk.linked.get(place).copied().unwrap_or(0);
        if link.row_id <= last {
            let (what, row_id) = (link.kind.rows(), link.row_id);
            walk.found(format!("link {}: {what} {row_id} is linked after {what} {last}", link.sequence));
            return Ok(());
        }
        self.unlinked(walk, link.kind, last, link.row_id.saturating_sub(1))?;
        if let Some(slot) = walk.linked.get_mut(place) {
            *slot = link.row_id;
        }
        Ok(())
    }

    /// Rows after `after` and up to `last` that no link is of.
    fn unlinked(&self, walk: &mut Walk, kind: Kind, after: i64, last: i64) -> Result<(), LedgerError> {
        if after >= last {
            return Ok(());
        }
        each_row(&self.connection, kind, after, last, |number, _| {
            walk.found(format!("{} {number} was never linked: it was added behind our back", kind.rows()));
        })
    }
}
