//! The life of a transaction after its booking: pending, approved or declined, locked, paid.
//!
//! This is apart from its delivery. A transaction may be approved while the platform has never answered, and
//! paid long after everybody has forgotten how it was delivered.
//!
//! Until its lock date a transaction may be amended, declined and, if it was no merchant who declined it,
//! reinstated. From that date on nothing changes it but a clawback, which says why. Each step makes new lines in
//! the books, and never changes one.

/// Where a booked transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Status {
    /// Booked; nobody has judged it.
    Pending,
    /// Somebody whose it is to judge says that it is good.
    Approved,
    /// It earns nothing.
    Declined,
    /// Its lock date has passed: what it earns is due.
    Locked,
    /// What it earns was paid.
    Paid,
    /// What was due or paid was taken back.
    ClawedBack,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Approved, Self::Declined, Self::Locked, Self::Paid, Self::ClawedBack];

    /// The status's name in tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Locked => "locked",
            Self::Paid => "paid",
            Self::ClawedBack => "clawed_back",
        }
    }

    /// The status called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// True while what is earned may still change.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Approved)
    }
}

/// Who moves a transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Cause {
    /// The merchant, by a call of its own.
    Merchant,
    /// The platform that has it, by its report.
    Platform,
    /// One of our operators.
    Operator,
    /// The passing of the lock date.
    LockDate,
    /// A payment run.
    Payment,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 5] =
        [Self::Merchant, Self::Platform, Self::Operator, Self::LockDate, Self::Payment];

    /// The cause's name in tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Platform => "platform",
            Self::Operator => "operator",
            Self::LockDate => "lock_date",
            Self::Payment => "payment",
        }
    }

    /// The cause called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Act {
    /// It is good.
    Approve,
    /// It earns nothing.
    Decline,
    /// It earns something else from now on.
    Amend,
    /// Its lock date has passed.
    Lock,
    /// What is due was paid.
    Pay,
    /// What is due or was paid is taken back.
    ClawBack,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 6] =
        [Self::Approve, Self::Decline, Self::Amend, Self::Lock, Self::Pay, Self::ClawBack];

    /// The act's name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Decline => "decline",
            Self::Amend => "amend",
            Self::Lock => "lock",
            Self::Pay => "pay",
            Self::ClawBack => "claw_back",
        }
    }

    /// The act called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.name() == name)
    }

    /// Who may ask for it.
    const fn is_for(self, by: Cause) -> bool {
        match self {
            Self::Approve | Self::Decline | Self::Amend => {
                matches!(by, Cause::Merchant | Cause::Platform | Cause::Operator)
            }
            Self::Lock => matches!(by, Cause::LockDate),
            Self::Pay => matches!(by, Cause::Payment),
            // After the lock date a merchant has to ask somebody.
            Self::ClawBack => matches!(by, Cause::Platform | Cause::Operator),
        }
    }
}

/// What a step makes in the books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Books {
    /// Nothing.
    Untouched,
    /// What is earned is taken back.
    TakeBack,
    /// What the decline took back is earned again.
    Restore,
    /// What is earned is replaced.
    Replace,
    /// What is owed to publishers becomes what they were paid.
    PayOut,
}

/// A step that is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Where the transaction stands after it.
    pub to: Status,
    /// What it makes in the books.
    pub books: Books,
}

/// Why a step is not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing is to be done.
    #[error("it is {} already", .0.name())]
    Already(Status),
    /// Too late.
    #[error(
        "it is {}, and its lock date has passed: only a clawback with a reason can take back what it earned",
        .0.name()
    )]
    Locked(Status),
    /// Too early.
    #[error("it is {}, and not locked: before its lock date it is declined instead", .0.name())]
    NotLocked(Status),
    /// It was ended.
    #[error("it is {}, which this does not change", .0.name())]
    Final(Status),
    /// Not the asker's to ask.
    #[error("to {} is not for the {}", .0.name(), .1.name())]
    NotTheirs(Act, Cause),
}

/// What `act`, asked for by `by`, makes of a transaction in `from`. `declined_by` is who declined it, where it is
/// declined.
///
/// # Errors
/// Why nothing is made of it.
pub fn step(from: Status, act: Act, by: Cause, declined_by: Option<Cause>) -> Result<Step, Refusal> {
    use Books::{PayOut, Replace, Restore, TakeBack, Untouched};
    use Status::{Approved, ClawedBack, Declined, Locked, Paid, Pending};
    if !act.is_for(by) {
        return Err(Refusal::NotTheirs(act, by));
    }
    let to = |to, books| Ok(Step { to, books });
    match (act, from) {
        (Act::Approve, Pending) => to(Approved, Untouched),
        // What its merchant took back stays so, here and on the platform that was told.
        (Act::Approve, Declined) if by != Cause::Merchant && declined_by != Some(Cause::Merchant) => {
            to(Approved, Restore)
        }
        (Act::Decline, Pending | Approved) => to(Declined, TakeBack),
        (Act::Amend, Pending | Approved) => to(from, Replace),
        (Act::Lock, Pending | Approved) => to(Locked, Untouched),
        (Act::Pay, Locked) => to(Paid, PayOut),
        // A clawback of what was paid is settled by a later payment.
        (Act::Pay, ClawedBack) => to(ClawedBack, PayOut),
        (Act::ClawBack, Locked | Paid) => to(ClawedBack, TakeBack),
        (Act::ClawBack | Act::Pay, Pending | Approved) => Err(Refusal::NotLocked(from)),
        (Act::Approve, Approved)
        | (Act::Decline, Declined)
        | (Act::Lock, Locked | Paid | ClawedBack)
        | (Act::Pay, Paid)
        | (Act::ClawBack, ClawedBack) => Err(Refusal::Already(from)),
        (Act::Approve | Act::Decline | Act::Amend, Locked | Paid) => Err(Refusal::Locked(from)),
        (_, Declined | ClawedBack) => Err(Refusal::Final(from)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.name()), Some(status));
        }
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.name()), Some(cause));
        }
        for act in Act::ALL {
            assert_eq!(Act::parse(act.name()), Some(act));
        }
        assert_eq!((Status::parse(""), Cause::parse("us"), Act::parse("undo")), (None, None, None));
    }

    /// Every step that there is, written out; whatever is not here is refused.
    #[test]
    fn these_steps_and_no_others() {
        use Books::{PayOut, Replace, Restore, TakeBack, Untouched};
        use Status::{Approved, ClawedBack, Declined, Locked, Paid, Pending};
        let judges = [Cause::Merchant, Cause::Platform, Cause::Operator];
        let above = [Cause::Platform, Cause::Operator];
        let steps: [(Status, Act, Status, Books, &[Cause]); 13] = [
            (Pending, Act::Approve, Approved, Untouched, &judges),
            (Pending, Act::Decline, Declined, TakeBack, &judges),
            (Pending, Act::Amend, Pending, Replace, &judges),
            (Pending, Act::Lock, Locked, Untouched, &[Cause::LockDate]),
            (Approved, Act::Decline, Declined, TakeBack, &judges),
            (Approved, Act::Amend, Approved, Replace, &judges),
            (Approved, Act::Lock, Locked, Untouched, &[Cause::LockDate]),
            (Declined, Act::Approve, Approved, Restore, &above),
            (Locked, Act::Pay, Paid, PayOut, &[Cause::Payment]),
            (Locked, Act::ClawBack, ClawedBack, TakeBack, &above),
            (Paid, Act::ClawBack, ClawedBack, TakeBack, &above),
            (ClawedBack, Act::Pay, ClawedBack, PayOut, &[Cause::Payment]),
            // Asked for twice, nothing is done twice.
            (Declined, Act::Decline, Declined, Untouched, &[]),
        ];
        for from in Status::ALL {
            for act in Act::ALL {
                for by in Cause::ALL {
                    let known = steps.iter().find(|row| row.0 == from && row.1 == act && row.4.contains(&by));
                    let expected = known.map(|row| Step { to: row.2, books: row.3 });
                    let made = step(from, act, by, Some(Cause::Platform));
                    assert_eq!(made.ok(), expected, "{} of {} by {}", act.name(), from.name(), by.name());
                }
            }
        }
    }

    #[test]
    fn what_a_merchant_took_back_stays_so() {
        let again = |declined_by| step(Status::Declined, Act::Approve, Cause::Operator, Some(declined_by));
        assert!(again(Cause::Platform).is_ok());
        assert_eq!(again(Cause::Merchant), Err(Refusal::Final(Status::Declined)));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let locked = step(Status::Paid, Act::Decline, Cause::Operator, None).unwrap_err().to_string();
        assert!(locked.contains("clawback"), "{locked}");
        let early = step(Status::Pending, Act::ClawBack, Cause::Operator, None).unwrap_err().to_string();
        assert!(early.contains("declined instead"), "{early}");
        let not_theirs = step(Status::Pending, Act::Lock, Cause::Merchant, None).unwrap_err().to_string();
        assert_eq!(not_theirs, "to lock is not for the merchant");
    }
}
