//! What is the matter with a line.

use relay::Purpose;
use relay::delivery::State;
use relay::policy::Phase;
use tracking::Home;

use crate::award;
use crate::class::Class;
use crate::matching::{Line, same_reference};
use crate::row::{Kind, Ours, Standing, Theirs};
use crate::terms::Terms;

type Pairs = [(Ours, Theirs)];

/// Both have it.
pub(crate) fn both(ours: Ours, theirs: Theirs, terms: &Terms) -> Line {
    let award = window_of(&ours, terms).and_then(|days| award::rule(&ours, &theirs, days));
    let status = status(&ours, &theirs);
    let delivered = matches!(
        ours.state,
        State::Taken | State::Confirmed | State::Unknown | State::Queued | State::InFlight
    ) && ours.purpose == Purpose::Live;
    let currency = ours.amount.map(|money| money.currency);
    let same_currency = currency.is_none_or(|currency| currency == theirs.amount.currency);
    let found = [
        (Class::ArrivedOtherwise, !delivered),
        (Class::CurrencyDiffers, !same_currency),
        (Class::AmountDiffers, same_currency && ours.told_amount() != Some(theirs.amount)),
        (Class::StatusDiffers, status.is_some()),
        (Class::PublisherDiffers, award.is_some()),
        (Class::CommissionDiffers, commission_differs(&ours, &theirs)),
        (Class::DateShift, ours.day != theirs.day),
        (
            Class::ReferenceCut,
            !same_reference(&ours, &theirs) && ours.reference.is_some() && theirs.reference.is_some(),
        ),
    ];
    let mut classes = found.into_iter().filter(|(_, is)| *is).map(|(class, _)| class);
    let class = classes.next().unwrap_or(Class::Matched);
    let also = classes.collect();
    let why = match class {
        Class::ArrivedOtherwise => ours.state.name(),
        Class::AmountDiffers if ours.change_pending => "an edit by the merchant is on its way",
        _ => award.map_or_else(|| status.unwrap_or_default(), |rule| rule.name()),
    };
    Line { class, also, why, award, ours: Some(ours), theirs: Some(theirs), order: None }
}

fn window_of(ours: &Ours, terms: &Terms) -> Option<u32> {
    // Where nobody can say who ought to earn, no award is judged.
    Some(terms.programmes.get(&ours.advertiser_id).map_or(0, |programme| programme.window_days))
}

/// What stands on one side and not on the other.
fn status(ours: &Ours, theirs: &Theirs) -> Option<&'static str> {
    match (ours.voided, theirs.standing == Standing::Voided) {
        (true, false) if ours.change_pending => Some("voided here, and on its way there"),
        (true, false) => Some("voided here, and it stands there"),
        (false, true) => Some("voided there, and it stands here"),
        _ => None,
    }
}

/// What is voided earns nothing, whatever its row still says.
fn commission_differs(ours: &Ours, theirs: &Theirs) -> bool {
    let voided = ours.voided || theirs.standing == Standing::Voided;
    match (ours.commission, theirs.commission) {
        (Some(own), Some(other)) => !voided && own != other,
        _ => false,
    }
}

/// Why the reports that were given would not name an order, even if it is there.
fn not_covered(ours: &Ours, terms: &Terms) -> Option<&'static str> {
    let home = ours.owner?;
    let Some(told) = terms.told.get(&home)?.get(&ours.advertiser_id) else {
        return Some("the report names nothing of its merchant");
    };
    if ours.received_at < told.span.from {
        return Some("its day lies before those of the report");
    }
    if is_sent_behind(ours, terms) {
        return Some("it was sent after the report's last day");
    }
    let of_another = told.publisher.is_some_and(|only| award::publisher_in(ours, home) != Some(only));
    of_another.then_some("the report names one publisher's sales alone, and this is another's")
}

/// True if the platform may date an order behind the time of which its reports tell.
fn is_sent_behind(ours: &Ours, terms: &Terms) -> bool {
    let told = ours.owner.and_then(|home| terms.told.get(&home)?.get(&ours.advertiser_id));
    told.is_some_and(|told| ours.last_sent() >= told.span.until)
}

const fn is_delivered(ours: &Ours) -> bool {
    matches!(ours.state, State::Taken | State::Confirmed | State::Unknown)
}

/// They do not have it.
pub(crate) fn only_ours(ours: Ours, pairs: &Pairs, terms: &Terms) -> Line {
    let (class, why) = not_expected(&ours, pairs, terms).unwrap_or_else(|| missing(&ours, terms));
    Line { why, ours: Some(ours), ..Line::of(class) }
}

/// Why nothing of it is to be expected there.
fn not_expected(ours: &Ours, pairs: &Pairs, terms: &Terms) -> Option<(Class, &'static str)> {
    let delivered = is_delivered(ours);
    let twin = |(other, _): &(Ours, Theirs)| {
        ours.reference.is_some()
            && other.reference == ours.reference
            && other.amount == ours.amount
            && other.owner == ours.owner
    };
    let compared = ours.owner.is_none_or(|owner| terms.told.contains_key(&owner));
    Some(match ours.state {
        _ if ours.purpose != Purpose::Live => (Class::TestOrShadow, ours.purpose.name()),
        State::Merged => (Class::Merged, ""),
        State::Dropped => (Class::NeverSent, ""),
        _ if !compared => (Class::NotCompared, ""),
        _ if delivered && ours.voided => (Class::NeverSent, "voided here, and gone there"),
        _ if delivered && pairs.iter().any(twin) => (Class::DuplicatedHere, "they have the same order once"),
        _ => return None,
    })
}

/// It ought to be there, or it is known why it is not.
fn missing(ours: &Ours, terms: &Terms) -> (Class, &'static str) {
    if is_delivered(ours) && !terms.is_settled(ours.changed_at) {
        return (Class::NotSettled, ours.state.name());
    }
    if (is_delivered(ours) || ours.state == State::Dead)
        && let Some(why) = not_covered(ours, terms)
    {
        return (Class::NotCovered, why);
    }
    let class = match ours.state {
        State::Queued | State::InFlight => Class::MissingThereQueued,
        State::Held => Class::MissingThereHeld,
        State::Conflict => Class::MissingThereConflict,
        State::Rejected => Class::MissingThereRejected,
        State::Dead => Class::MissingThereDead,
        State::Unknown => Class::MissingThereUnknown,
        State::Taken => Class::MissingThereTaken,
        State::Confirmed => Class::MissingThereConfirmed,
        // Of these nothing is expected.
        State::Merged => Class::Merged,
        State::Dropped => Class::NeverSent,
    };
    (class, "")
}

/// We do not have it.
pub(crate) fn only_theirs(theirs: Theirs, pairs: &Pairs, terms: &Terms) -> Line {
    let sibling = |(_, other): &&(Ours, Theirs)| match (&other.reference, &theirs.reference) {
        (Some(one), Some(another)) => one == another,
        _ => false,
    };
    let siblings: Vec<Home> = pairs.iter().filter(sibling).map(|(_, other)| other.home).collect();
    let voided = theirs.standing == Standing::Voided;
    // A bonus for an order is no second booking of it.
    let (class, why) = if siblings.is_empty() || !theirs.kind.is_tracked() {
        match reason(&theirs, terms) {
            Some(why) => (Class::MissingHere, why),
            None => (Class::Unexplained, ""),
        }
    } else if voided {
        (Class::MissingHere, "a surplus one, voided there already")
    } else if siblings.contains(&theirs.home) {
        (Class::DuplicatedThere, "")
    } else {
        (Class::OnBothPlatforms, theirs.home.name())
    };
    Line { why, theirs: Some(theirs), ..Line::of(class) }
}

/// Why it did not come through here, as far as that is known.
fn reason(theirs: &Theirs, terms: &Terms) -> Option<&'static str> {
    let Some(advertiser_id) = theirs.advertiser_id else { return Some("its merchant is in no map of ours") };
    match theirs.kind {
        Kind::Bonus => return Some("a bonus, which no order brings"),
        Kind::ManualCredit => return Some("a credit by hand"),
        Kind::SecondTier => return Some("a share of another publisher's"),
        Kind::Other => return Some("a kind that no tracking request makes"),
        Kind::Sale | Kind::Lead => {}
    }
    let Some(programme) = terms.programmes.get(&advertiser_id) else {
        return Some("its merchant is in no map of ours");
    };
    let before = programme.first_seen.is_none_or(|first| theirs.at < first);
    match (theirs.home, programme.phase) {
        _ if before => Some("sent directly, before anything of its merchant came through here"),
        (Home::Primary, Phase::Observe | Phase::Shadow) => {
            Some("sent directly: its merchant has not moved yet")
        }
        (Home::Legacy, Phase::Closed) => Some("on the platform that its merchant has left for good"),
        _ => None,
    }
}

/// True if the merchant's own row belongs to the line.
pub(crate) fn takes_an_order(line: &Line) -> bool {
    let tracked = line.theirs.as_ref().is_none_or(|theirs| theirs.kind.is_tracked());
    let takes = !matches!(
        line.class,
        Class::Merged
            | Class::TestOrShadow
            | Class::DuplicatedThere
            | Class::DuplicatedHere
            | Class::OnBothPlatforms
            | Class::NamedAgain
    );
    takes && (tracked || line.ours.is_some())
}

/// What the merchant's own row says about a line.
pub(crate) fn by_order(line: &mut Line, terms: &Terms) {
    let earns = match (&line.ours, &line.theirs) {
        (_, Some(theirs)) => theirs.standing != Standing::Voided && theirs.kind.is_tracked(),
        (Some(ours), None) => !ours.voided && ours.state != State::Dropped,
        (None, None) => return,
    };
    let known = line.advertiser_id().is_some_and(|id| terms.merchants.contains(&id));
    if !takes_an_order(line) || !known || !earns {
        return;
    }
    // Where the platform has something else than the order's value, only we can be held against the merchant.
    let theirs = line.theirs.as_ref().filter(|_| line.ours.as_ref().is_none_or(|ours| ours.told.is_none()));
    let amount = theirs.map(|theirs| theirs.amount);
    let amount = amount.or_else(|| line.ours.as_ref().and_then(|ours| ours.amount));
    let class = match &line.order {
        None => Class::OrderMissing,
        Some(order) if order.cancelled => Class::OrderCancelled,
        Some(order) if Some(order.amount) != amount => Class::OrderAmountDiffers,
        Some(_) => return,
    };
    // What is wrong between us and the platform comes first; what is well between us gives way.
    let well = matches!(
        line.class,
        Class::Matched
            | Class::DateShift
            | Class::ReferenceCut
            | Class::NotSettled
            | Class::NotCompared
            | Class::MissingHere
    );
    if well {
        line.also.insert(0, core::mem::replace(&mut line.class, class));
        line.also.retain(|one| *one != Class::Matched);
    } else {
        line.also.push(class);
    }
}

/// A line all of whose rows lie outside what is compared is another period's.
pub(crate) fn outside(line: &mut Line, terms: &Terms) {
    let ours = line.ours.as_ref().map(|ours| ours.received_at);
    let theirs = line.theirs.as_ref().map(|theirs| theirs.at);
    let order = line.order.as_ref().map(|order| order.at);
    let times = ours.into_iter().chain(theirs).chain(order);
    if !times.into_iter().any(|at| terms.period.holds(at)) {
        line.also.clear();
        line.class = Class::OutsidePeriod;
        line.why = "";
    }
}
