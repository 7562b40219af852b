//! The classes of differences: a closed set, each with what closes it.

use core::fmt;

/// What is the matter with a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Class {
    /// Both have it, alike.
    Matched,
    /// Both have it, on different days: received before midnight, delivered after it.
    DateShift,
    /// Both have it; the platform has cut its reference.
    ReferenceCut,
    /// Both have it, in different currencies.
    CurrencyDiffers,
    /// Both have it, with different amounts.
    AmountDiffers,
    /// Both have it; here it stands and there it was taken back, or the other way round.
    StatusDiffers,
    /// Both have it, with different publishers.
    PublisherDiffers,
    /// Both have it, with different commissions.
    CommissionDiffers,
    /// They have it, though we never delivered it.
    ArrivedOtherwise,
    /// We decided not to send it.
    NeverSent,
    /// It waits for its delivery.
    MissingThereQueued,
    /// It may have arrived, and they do not name it.
    MissingThereUnknown,
    /// It outlived its schedule and never arrived.
    MissingThereDead,
    /// It waits for a mapping or a decision.
    MissingThereHeld,
    /// It is in conflict with another arrival of the same order.
    MissingThereConflict,
    /// They refused it.
    MissingThereRejected,
    /// They took it without a word, and a settled report does not name it.
    MissingThereTaken,
    /// They took it, and the report is too young to name it.
    NotSettled,
    /// They confirmed it, and the report does not name it.
    MissingThereConfirmed,
    /// They were sent it, and the report given is none that would name it.
    NotCovered,
    /// Its platform's report was not given.
    NotCompared,
    /// They have it, and it is known why we do not.
    MissingHere,
    /// They have it more often than we sent it.
    DuplicatedThere,
    /// We have it more often than they do.
    DuplicatedHere,
    /// The platform that does not own it has it.
    OnBothPlatforms,
    /// Another report names the same transaction.
    NamedAgain,
    /// Another arrival of an order that stands.
    Merged,
    /// A test, or a copy for comparison: no money.
    TestOrShadow,
    /// The merchant's list has another amount.
    OrderAmountDiffers,
    /// The merchant has cancelled it, and it stands.
    OrderCancelled,
    /// The merchant's list does not have it.
    OrderMissing,
    /// Only the merchant's list has it.
    OrderOnly,
    /// It happened before or after what is compared.
    OutsidePeriod,
    /// Nothing that is known explains it.
    Unexplained,
}

impl Class {
    /// Every class, in the order in which they are shown.
    pub const ALL: [Self; 34] = [
        Self::Matched,
        Self::DateShift,
        Self::ReferenceCut,
        Self::CurrencyDiffers,
        Self::AmountDiffers,
        Self::StatusDiffers,
        Self::PublisherDiffers,
        Self::CommissionDiffers,
        Self::ArrivedOtherwise,
        Self::NeverSent,
        Self::MissingThereQueued,
        Self::MissingThereUnknown,
        Self::MissingThereDead,
        Self::MissingThereHeld,
        Self::MissingThereConflict,
        Self::MissingThereRejected,
        Self::MissingThereTaken,
        Self::NotSettled,
        Self::MissingThereConfirmed,
        Self::NotCovered,
        Self::NotCompared,
        Self::MissingHere,
        Self::DuplicatedThere,
        Self::DuplicatedHere,
        Self::OnBothPlatforms,
        Self::NamedAgain,
        Self::Merged,
        Self::TestOrShadow,
        Self::OrderAmountDiffers,
        Self::OrderCancelled,
        Self::OrderMissing,
        Self::OrderOnly,
        Self::OutsidePeriod,
        Self::Unexplained,
    ];

    /// The class's name in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::DateShift => "date_shift",
            Self::ReferenceCut => "reference_cut",
            Self::CurrencyDiffers => "currency_differs",
            Self::AmountDiffers => "amount_differs",
            Self::StatusDiffers => "status_differs",
            Self::PublisherDiffers => "publisher_differs",
            Self::CommissionDiffers => "commission_differs",
            Self::ArrivedOtherwise => "arrived_otherwise",
            Self::NeverSent => "missing_there_never_sent",
            Self::MissingThereQueued => "missing_there_queued",
            Self::MissingThereUnknown => "missing_there_unknown",
            Self::MissingThereDead => "missing_there_dead",
            Self::MissingThereHeld => "missing_there_held",
            Self::MissingThereConflict => "missing_there_conflict",
            Self::MissingThereRejected => "missing_there_rejected",
            Self::MissingThereTaken => "missing_there_taken",
            Self::NotSettled => "not_settled",
            Self::MissingThereConfirmed => "missing_there_confirmed",
            Self::NotCovered => "not_covered",
            Self::NotCompared => "not_compared",
            Self::MissingHere => "missing_here",
            Self::DuplicatedThere => "duplicated_there",
            Self::DuplicatedHere => "duplicated_here",
            Self::OnBothPlatforms => "on_both_platforms",
            Self::NamedAgain => "named_again",
            Self::Merged => "merged",
            Self::TestOrShadow => "test_or_shadow",
            Self::OrderAmountDiffers => "order_amount_differs",
            Self::OrderCancelled => "order_cancelled",
            Self::OrderMissing => "order_missing",
            Self::OrderOnly => "order_only",
            Self::OutsidePeriod => "outside_period",
            Self::Unexplained => "unexplained",
        }
    }

    /// The class called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// True if a person has to do something about it.
    pub const fn needs_a_person(self) -> bool {
        !matches!(
            self,
            Self::Matched
                | Self::DateShift
                | Self::ReferenceCut
                | Self::NeverSent
                | Self::MissingThereQueued
                | Self::NotSettled
                | Self::NotCompared
                | Self::MissingHere
                | Self::NamedAgain
                | Self::Merged
                | Self::TestOrShadow
                | Self::OrderOnly
                | Self::OutsidePeriod
        )
    }

    /// What closes it.
    pub const fn closed_by(self) -> &'static str {
        match self {
            Self::Matched | Self::DateShift | Self::ReferenceCut => {
                "nothing is open; --apply confirms what was only taken, or unknown"
            }
            Self::CurrencyDiffers => "ask the platform to amend it: the shop's currency did not arrive",
            Self::AmountDiffers => {
                "compare with the merchant's order; amend there, or have the merchant edit it"
            }
            Self::StatusDiffers => "bring the void to the side that has not heard of it",
            Self::PublisherDiffers => {
                "turnout explain EVENT shows our evidence; amend there if the rule named is not theirs"
            }
            Self::CommissionDiffers => {
                "compare the programme's commission in the map with the platform's groups"
            }
            Self::ArrivedOtherwise => "turnout dead discard EVENT: sent as well, it would be there twice",
            Self::NeverSent => {
                "nothing: a declared rule or a person's decision; turnout explain EVENT tells which"
            }
            Self::MissingThereQueued => "nothing: it is on its way; turnout queue",
            Self::MissingThereUnknown => {
                "it did not arrive by this report: turnout dead redrive EVENT --approve"
            }
            Self::MissingThereDead => "mend the cause, then turnout dead redrive EVENT",
            Self::MissingThereHeld => "add the mapping, or decide: turnout dead show EVENT",
            Self::MissingThereConflict => {
                "two amounts for one order: ask the merchant, then discard the wrong one"
            }
            Self::MissingThereRejected => "read the reason (turnout dead show EVENT); mend it, then redrive",
            Self::MissingThereTaken => "send claims.csv to the platform; it is never sent again by itself",
            Self::NotSettled => "nothing yet: reconcile again with a later report",
            Self::MissingThereConfirmed => {
                "ask the platform what became of a transaction that it had confirmed"
            }
            Self::NotCovered => {
                "give the report that would name it as well, or ask for it with --live; do not send it by this one"
            }
            Self::NotCompared => "nothing by these reports: its platform's was not given",
            Self::MissingHere => "nothing: it did not come through here, for the reason told",
            Self::DuplicatedThere => "have the platform void the surplus ones; claims.csv names them",
            Self::DuplicatedHere => "compare the events; discard the one that the shop sent twice",
            Self::OnBothPlatforms => "void it on the platform that does not own it; look for a second route",
            Self::NamedAgain => "nothing: the same transaction of the platform, told twice",
            Self::Merged => "nothing: the first arrival stands for it",
            Self::TestOrShadow => "nothing: no money",
            Self::OrderAmountDiffers => "ask the merchant; an edit brings the order's value everywhere",
            Self::OrderCancelled => "have the merchant void it, here: the platform is told",
            Self::OrderMissing => "ask the merchant whether the order exists; void it if not",
            Self::OrderOnly => "nothing, unless the shop's tag ought to have fired",
            Self::OutsidePeriod => "nothing: another period's",
            Self::Unexplained => "look at both sides' rows; this is the remainder",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
