//! What proves the click of a conversion, and who is credited for it.

use attribution::{Candidate, Credit, NoCredit, Proof, credit};
use tracking::directory::Advertiser;
use tracking::migration::{Evidence, EvidenceKind as RuleKind};

use super::Claims;
use super::book::Arrival;

/// How the evidence of a conversion is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum EvidenceKind {
    /// A click id of the new platform itself.
    PlatformClickId,
    /// A token of ours.
    Token,
    /// A click that we hold under the click id that the event names.
    ClickId,
    /// A cookie of our hosts.
    Cookie,
    /// A voucher code that is bound to a publisher.
    Voucher,
    /// Nothing.
    None,
}

impl EvidenceKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::PlatformClickId, Self::Token, Self::ClickId, Self::Cookie, Self::Voucher, Self::None];

    /// What the migration's rules call it: they do not ask how a click is known.
    pub const fn rule(self) -> RuleKind {
        match self {
            Self::PlatformClickId => RuleKind::PlatformClickId,
            Self::Token | Self::ClickId | Self::Cookie => RuleKind::Click,
            Self::Voucher => RuleKind::Voucher,
            Self::None => RuleKind::None,
        }
    }

    /// The kind's name in tables and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlatformClickId => "platform_click_id",
            Self::Token => "token",
            Self::ClickId => "click_id",
            Self::Cookie => "cookie",
            Self::Voucher => "voucher",
            Self::None => "none",
        }
    }

    /// The kind called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The kind of `evidence`, given who is credited by it.
pub fn evidence_kind(evidence: &Evidence, credit: &Credit) -> EvidenceKind {
    match (evidence, credit) {
        (Evidence::PlatformClickId(_), _) => EvidenceKind::PlatformClickId,
        (Evidence::Voucher(_), _) => EvidenceKind::Voucher,
        (Evidence::Click(_), Credit::To(candidate)) => match candidate.proof {
            Proof::Token => EvidenceKind::Token,
            Proof::ClickId => EvidenceKind::ClickId,
            Proof::Cookie => EvidenceKind::Cookie,
        },
        (Evidence::Click(_), Credit::None(_)) | (Evidence::None, _) => EvidenceKind::None,
    }
}

/// The evidence that the owner is told, and who is credited in our own books.
///
/// A visitor who refused leaves no trace in either: no identifier is used or passed on (I10).
pub(super) fn attribute(
    arrival: &Arrival<'_>,
    claims: &Claims,
    advertiser: &Advertiser,
) -> (Evidence, Credit) {
    let envelope = arrival.envelope;
    if !envelope.consent.permits() {
        return (Evidence::None, Credit::None(NoCredit::ConsentRefused));
    }
    let candidates: Vec<Candidate> = [
        (envelope.click.as_ref(), Proof::Token),
        (arrival.known.click.as_ref(), Proof::ClickId),
        (envelope.cookie_click.as_ref(), Proof::Cookie),
    ]
    .into_iter()
    .filter_map(|(click, proof)| Some(Candidate { click: click?.clone(), proof }))
    .collect();
    let credit = credit(&candidates, advertiser.legacy_id, envelope.received_at, advertiser.window_days);
    let foreign = claims.click_id.as_deref().filter(|id| (arrival.ground.is_primary_click_id)(id));
    let evidence = match (foreign, &credit) {
        (Some(id), _) => Evidence::PlatformClickId(id.to_owned()),
        (None, Credit::To(candidate)) => Evidence::Click(candidate.click.clone()),
        (None, Credit::None(_)) => Evidence::None,
    };
    (evidence, credit)
}
