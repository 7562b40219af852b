//! What proves the click of a conversion, and who is credited for it.
//!
//! The order of the search: the new platform's own click id; our token; a click that we hold under the id that
//! is named; a voucher that is bound to a publisher; a cookie of our hosts; a publisher that the merchant names.

use attribution::credit::{judge, objection_to, winner};
use attribution::terms::Version;
use attribution::{
    Awarded, Candidate, Case, CommissionError, Credit, Figures, Judged, NoCredit, Proof, Touch,
};
use tracking::directory::Advertiser;
use tracking::event::Click;
use tracking::migration::{Evidence, EvidenceKind as RuleKind};
use tracking::{Field, Home};
use units::{Money, Timestamp};

use super::book::Arrival;
use super::considered::{ASSISTS, USED, WEAKER};
use super::{Claims, Considered};

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
    /// A publisher that the merchant's own call names.
    Named,
    /// Nothing.
    None,
}

impl EvidenceKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::PlatformClickId,
        Self::Token,
        Self::ClickId,
        Self::Voucher,
        Self::Cookie,
        Self::Named,
        Self::None,
    ];

    /// What the migration's rules call it: they do not ask how a click is known.
    pub const fn rule(self) -> RuleKind {
        match self {
            Self::PlatformClickId => RuleKind::PlatformClickId,
            Self::Token | Self::ClickId | Self::Cookie | Self::Named => RuleKind::Click,
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
            Self::Named => "named_publisher",
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
        (Evidence::Click(_), Credit::To(candidate)) => evidence_kind_of(candidate.proof),
        (Evidence::Click(_), Credit::None(_)) | (Evidence::None, _) => EvidenceKind::None,
    }
}

/// The kind of a proof.
pub const fn evidence_kind_of(proof: Proof) -> EvidenceKind {
    match proof {
        Proof::Token => EvidenceKind::Token,
        Proof::ClickId => EvidenceKind::ClickId,
        Proof::Voucher => EvidenceKind::Voucher,
        Proof::Cookie => EvidenceKind::Cookie,
        Proof::Named => EvidenceKind::Named,
    }
}

/// What the search for evidence came to.
pub(super) struct Attribution {
    /// What the owner is told.
    pub(super) evidence: Evidence,
    /// Whose click the owner is told of.
    pub(super) credit: Credit,
    /// Who earns how much in our own books; none if nobody does.
    pub(super) awarded: Result<Option<Awarded>, CommissionError>,
    /// True if the evidence holds by our own rules: nothing better is waited for.
    pub(super) proven: bool,
    /// The platform on which the click is known to have happened.
    pub(super) click_home: Option<Home>,
    /// Everything that was looked at, in order.
    pub(super) considered: Vec<Considered>,
    /// A click id that was named and is in no record yet.
    pub(super) wanted_click: Option<String>,
}

/// What an arrival is held against while its evidence is searched.
#[derive(Clone, Copy)]
pub(super) struct Basis<'a> {
    pub(super) advertiser: &'a Advertiser<'a>,
    /// The terms in force.
    pub(super) version: &'a Version,
    /// When the order happened, as far as is known: what came after that did not lead to it.
    pub(super) at: Timestamp,
    /// The order's value.
    pub(super) amount: Money,
}

/// The evidence that the owner is told, and who earns how much in our own books.
///
/// A visitor who refused leaves no trace in either: no identifier is used or passed on (I10).
pub(super) fn attribute(arrival: &Arrival<'_>, claims: &Claims, basis: &Basis<'_>) -> Attribution {
    let search = Search { arrival, claims, basis };
    if !arrival.envelope.consent.permits() {
        return Attribution {
            evidence: Evidence::None,
            credit: Credit::None(NoCredit::ConsentRefused),
            // What other arrivals proved, before the visitor refused, stands.
            awarded: search.award(&touches(&[], arrival)),
            proven: true,
            click_home: None,
            considered: vec![Considered::bare(EvidenceKind::None, NoCredit::ConsentRefused.name())],
            wanted_click: None,
        };
    }
    let mut considered = Vec::new();
    let own_ids = search.platform_click_ids(&mut considered);
    let candidates = search.candidates(&mut considered);
    let judged = judge(&candidates, basis.advertiser, basis.at, basis.version);
    let awarded = search.award(&touches(&judged, arrival));
    let credit = credited(&judged, awarded.as_ref().ok().and_then(Option::as_ref));
    note(&judged, &credit, awarded.as_ref().ok().and_then(Option::as_ref), &mut considered);
    in_order(&mut considered);
    let by_credit = match &credit {
        Credit::To(candidate) if candidate.proof == Proof::Voucher => {
            Evidence::Voucher(candidate.click.click_id.clone())
        }
        Credit::To(candidate) => Evidence::Click(candidate.click.clone()),
        Credit::None(_) => Evidence::None,
    };
    let (evidence, proven) = match (own_ids.valid.is_empty(), by_credit) {
        (false, _) => (Evidence::PlatformClickId(own_ids.valid.join(",")), true),
        // The platform judges its own ids: one that we doubt is passed on where there is nothing better.
        (true, Evidence::None) if !own_ids.doubtful.is_empty() => {
            (Evidence::PlatformClickId(own_ids.doubtful.join(",")), false)
        }
        (true, Evidence::None) => (Evidence::None, false),
        (true, by_credit) => (by_credit, true),
    };
    let click_home = match (&evidence, &credit) {
        (Evidence::PlatformClickId(_), _) => proven.then_some(Home::Primary),
        (Evidence::Click(click), Credit::To(_)) => search.home_of(click),
        _ => None,
    };
    let wanted_click = wanted_click(arrival, claims);
    Attribution { evidence, credit: named(credit), awarded, proven, click_home, considered, wanted_click }
}

/// The first click id that the arrival names and that no record is held of, and that is neither a token nor the new
/// platform's own. Its record may come any time: edges hand over independently, and clicks are imported.
pub(super) fn wanted_click(arrival: &Arrival<'_>, claims: &Claims) -> Option<String> {
    let click_ids = arrival.ground.click_ids;
    let unknown = |id: &&String| {
        let held = arrival.known.clicks.iter().any(|held| held.click.click_id == **id);
        click_ids.token(id) == Token::Other && click_ids.primary(id).is_none() && !held
    };
    let permitted = arrival.envelope.consent.permits();
    claims.click_ids.iter().filter(|_| permitted).find(unknown).cloned()
}

/// The publishers that an arrival may credit: what they had earned before may decide about what they earn now.
pub(super) fn publishers(arrival: &Arrival<'_>, claims: &Claims, basis: &Basis<'_>) -> Vec<u64> {
    let found = attribute(arrival, claims, basis).considered;
    let standing = arrival.known.standing.iter().flat_map(|standing| &standing.considered);
    let mut publishers: Vec<u64> =
        found.iter().chain(standing).filter_map(Considered::touch).map(|touch| touch.publisher_id).collect();
    publishers.sort_unstable();
    publishers.dedup();
    publishers
}

/// Every touch of the order: those that the arrival names, and those that are known of what stands.
fn touches(judged: &[Judged], arrival: &Arrival<'_>) -> Vec<Touch> {
    let own = judged.iter().filter(|one| one.objection != Some(NoCredit::OtherAdvertiser));
    let standing = arrival.known.standing.iter().flat_map(|standing| &standing.considered);
    own.map(|one| touch(&one.candidate)).chain(standing.filter_map(Considered::touch)).collect()
}

fn touch(candidate: &Candidate) -> Touch {
    let Candidate { click, proof } = candidate;
    Touch { proof: *proof, publisher_id: click.publisher_id, at: proof.tells_time().then_some(click.at) }
}

/// The arrival's own click that earns the credit. None if nobody is credited, or what stands already knows of a
/// better one.
fn credited(judged: &[Judged], awarded: Option<&Awarded>) -> Credit {
    let Some(awarded) = awarded else {
        // Where the commission cannot be computed, the order is held, and its evidence is told as it is.
        return winner(judged);
    };
    let own = judged.iter().find(|one| one.objection.is_none() && touch(&one.candidate) == awarded.credited);
    match own {
        Some(one) => Credit::To(one.candidate.clone()),
        None => Credit::None(NoCredit::NoClick),
    }
}

/// A voucher's code stands where a click's id does while candidates are compared; it is no click id.
fn named(mut credit: Credit) -> Credit {
    if let Credit::To(candidate) = &mut credit
        && candidate.proof == Proof::Voucher
    {
        candidate.click.click_id.clear();
    }
    credit
}

/// The click ids of the new platform that are named.
struct OwnIds<'a> {
    valid: Vec<&'a str>,
    doubtful: Vec<&'a str>,
}

/// One search.
struct Search<'a> {
    arrival: &'a Arrival<'a>,
    claims: &'a Claims,
    basis: &'a Basis<'a>,
}

impl<'a> Search<'a> {
    fn platform_click_ids(&self, considered: &mut Vec<Considered>) -> OwnIds<'a> {
        let mut ids = OwnIds { valid: Vec::new(), doubtful: Vec::new() };
        let Basis { advertiser, version, at, .. } = *self.basis;
        let days = version.window_days.unwrap_or(advertiser.window_days);
        for id in &self.claims.click_ids {
            let Some(foreign) = self.arrival.ground.click_ids.primary(id) else { continue };
            let own = foreign.advertiser_id.filter(|id| Some(*id) == advertiser.primary_id);
            let objection = match (own, foreign.at) {
                (None, _) => Some(NoCredit::OtherAdvertiser),
                (Some(_), None) => Some(NoCredit::OutsideWindow),
                (Some(own), Some(clicked_at)) => objection_to((own, clicked_at), own, at, days),
            };
            let outcome = objection.map_or(USED, NoCredit::name);
            let place = if objection.is_none() { &mut ids.valid } else { &mut ids.doubtful };
            place.push(id.as_str());
            let piece = Considered::bare(EvidenceKind::PlatformClickId, outcome);
            considered.push(Considered { at: foreign.at, ..piece });
        }
        ids
    }

    /// Who earns how much. What the merchant's own rule gave to another channel earns nobody anything.
    fn award(&self, touches: &[Touch]) -> Result<Option<Awarded>, CommissionError> {
        let Basis { advertiser, version, at, amount } = *self.basis;
        let figures: &[(u64, Figures)] = &self.arrival.known.figures;
        let event = &self.arrival.envelope.event;
        Case { event, amount, at, advertiser, version, figures }.award(touches)
    }

    /// Every click that may have led here, with what proves it.
    fn candidates(&self, considered: &mut Vec<Considered>) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        self.tokens(&mut candidates, considered);
        self.records(&mut candidates, considered);
        self.vouchers(&mut candidates, considered);
        let envelope = self.arrival.envelope;
        let cookie = envelope.cookie_click.iter();
        candidates.extend(cookie.map(|click| Candidate { click: click.clone(), proof: Proof::Cookie }));
        let named = envelope.event.id(Field::PublisherId).filter(|id| *id > 0);
        candidates.extend(named.map(|publisher_id| self.untimed(publisher_id, "", Proof::Named)));
        candidates
    }

    fn tokens(&self, candidates: &mut Vec<Candidate>, considered: &mut Vec<Considered>) {
        let mut add = |click: Click| {
            if !candidates.iter().any(|known| known.click == click) {
                candidates.push(Candidate { click, proof: Proof::Token });
            }
        };
        let verified = self.arrival.envelope.click.clone();
        for id in &self.claims.click_ids {
            let known = verified.as_ref().is_some_and(|click| click.click_id == *id) || self.holds(id);
            match self.arrival.ground.click_ids.token(id) {
                Token::Other => {}
                Token::Click(click) => add(click),
                Token::Invalid if known => {}
                Token::Invalid => considered.push(Considered::bare(EvidenceKind::Token, "tampered")),
            }
        }
        // What the edge verified counts, even if its key has been retired here meanwhile.
        verified.into_iter().for_each(add);
    }

    fn records(&self, candidates: &mut Vec<Candidate>, considered: &mut Vec<Considered>) {
        let click_ids = self.arrival.ground.click_ids;
        for id in &self.claims.click_ids {
            // A token proves itself; one whose key is gone is still proven by its record.
            let token = click_ids.token(id);
            let held = self.arrival.known.clicks.iter().find(|held| held.click.click_id == *id);
            match (token, held) {
                (Token::Click(_), _) | (Token::Invalid, None) => {}
                (_, Some(held)) => {
                    candidates.push(Candidate { click: held.click.clone(), proof: Proof::ClickId });
                }
                (Token::Other, None) if self.is_primarys(id) => {}
                (Token::Other, None) => {
                    considered.push(Considered::bare(EvidenceKind::ClickId, "not_recorded"));
                }
            }
        }
    }

    fn vouchers(&self, candidates: &mut Vec<Candidate>, considered: &mut Vec<Considered>) {
        let at = self.basis.at;
        for code in &self.claims.vouchers {
            match self.arrival.known.vouchers.iter().find(|bound| bound.code == *code) {
                Some(bound) if bound.holds_at(at) => {
                    candidates.push(self.untimed(bound.publisher_id, code, Proof::Voucher));
                }
                Some(_) => considered.push(Considered::bare(EvidenceKind::Voucher, "not_bound_then")),
                None => considered.push(Considered::bare(EvidenceKind::Voucher, "not_bound")),
            }
        }
    }

    /// A click whose time nobody tells: the conversion's stands for it.
    fn untimed(&self, publisher_id: u64, id: &str, proof: Proof) -> Candidate {
        let (advertiser_id, at) = (self.basis.advertiser.legacy_id, self.basis.at);
        let click = Click { advertiser_id, publisher_id, creative_id: 0, at, click_id: id.to_owned() };
        Candidate { click, proof }
    }

    fn holds(&self, id: &str) -> bool {
        self.arrival.known.clicks.iter().any(|held| held.click.click_id == id)
    }

    fn is_primarys(&self, id: &str) -> bool {
        self.arrival.ground.click_ids.primary(id).is_some()
    }

    fn home_of(&self, click: &Click) -> Option<Home> {
        let mut held = self.arrival.known.clicks.iter();
        held.find(|held| held.click.click_id == click.click_id).and_then(|held| held.home)
    }
}

/// What a click id is, seen as a token of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Token {
    /// No token.
    Other,
    /// It is written as one, and no key of ours signed it.
    Invalid,
    /// The click that it carries.
    Click(Click),
}

fn note(judged: &[Judged], credit: &Credit, awarded: Option<&Awarded>, considered: &mut Vec<Considered>) {
    let is_credited = |one: &Candidate| matches!(credit, Credit::To(credited) if credited == one);
    let used = judged.iter().position(|one| one.objection.is_none() && is_credited(&one.candidate));
    let earns = |publisher_id: u64| {
        awarded.is_some_and(|awarded| {
            awarded.model.shares()
                && awarded.awards.iter().any(|award| award.touch.publisher_id == publisher_id)
        })
    };
    for (place, one) in judged.iter().enumerate() {
        let Candidate { click, proof } = &one.candidate;
        let outcome = match one.objection {
            Some(objection) => objection.name(),
            None if Some(place) == used => USED,
            None if earns(click.publisher_id) => ASSISTS,
            None => WEAKER,
        };
        let piece = Considered::bare(evidence_kind_of(*proof), outcome);
        let publisher_id = Some(click.publisher_id);
        considered.push(Considered { publisher_id, at: proof.tells_time().then_some(click.at), ..piece });
    }
}

/// In the order of the search, with what was not there.
pub(super) fn in_order(considered: &mut Vec<Considered>) {
    for kind in EvidenceKind::ALL.into_iter().filter(|kind| *kind != EvidenceKind::None) {
        if !considered.iter().any(|piece| piece.kind == kind) {
            considered.push(Considered::bare(kind, "absent"));
        }
    }
    let place = |kind| EvidenceKind::ALL.iter().position(|known| *known == kind);
    considered.sort_by_key(|piece| place(piece.kind));
}
