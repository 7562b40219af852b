//! What a person does about a dead letter: one sentence for each code that it may wait for.

use crate::delivery::State;

/// The codes with their sentences; a code that ends with a star stands for all that begin so.
const BY_CODE: [(&str, &str); 22] = [
    (
        "unknown_advertiser",
        "add the merchant to the map (`turnout map import … --switch`); what waits goes on by itself",
    ),
    (
        "advertiser_unmapped",
        "add the merchant's id on the new platform to the map; what waits goes on by itself",
    ),
    (
        "publisher_unmapped",
        "add the publisher's id on the new platform to the map; what waits goes on by itself",
    ),
    (
        "missing_advertiser_id",
        "the request names no merchant: `turnout dead edit … --set advertiser_id=…` if it is known, else discard",
    ),
    (
        "invalid_advertiser_id",
        "the merchant's id is not readable: `turnout dead edit … --set advertiser_id=…` if it is known, else discard",
    ),
    ("missing_amount", "ask the merchant for the order's value, then `turnout dead edit … --set amount=…`"),
    (
        "invalid_amount",
        "look at the original (`turnout dead show`), then `turnout dead edit … --set amount=…`",
    ),
    (
        "negative_amount",
        "no sale is negative: `turnout dead edit … --set amount=…`, or discard what was meant as a return",
    ),
    (
        "amount_out_of_range",
        "the amount is unusually large: compare with the merchant, then edit it, or redrive with --approve",
    ),
    ("amount_conflict", "two amounts for one order: compare with the merchant, then discard the wrong one"),
    (
        "reference_collides",
        "the new platform would take two orders for one: edit the reference, or redrive with --approve",
    ),
    (
        "commission_out_of_range",
        "the programme's commission makes no amount: mend the merchant's row in the map, then redrive",
    ),
    ("adjustment", "make the change on the platform, then discard"),
    ("unreadable_entry", "an edge sent what this version cannot read: update the processor, then redrive"),
    ("poison_entry", "it makes the processor fail: report it with its bytes, update, then redrive"),
    (
        "unreadable_row",
        "its row in the ledger is damaged (`turnout dead show`): look for the order on the platform, check the disk, and \
         have the row restored before a redrive, or discard",
    ),
    ("request_erased", "look for the order on the platform, then `turnout dead settle`"),
    (
        "sealed_unreadable",
        "the key that it was sealed with is gone from secrets.toml: restore the key, then redrive",
    ),
    ("no_rule", "the migration has no rule to send it by: mend the join (`turnout check`), then redrive"),
    (
        "edited_for_legacy",
        "the old platform gets the client's own bytes, which no edit reaches: make the change there, then discard",
    ),
    (
        "conflicting_*",
        "the request says two things: look at the original, then edit, or redrive with --approve",
    ),
    ("held_*", "the request is doubtful: look at the original, then edit, or redrive with --approve"),
];

/// What to do about dead letters that stand in `state` for these codes, joined by blanks: what the first code says that
/// has a sentence, else what the state says.
pub fn advice(state: State, reasons: &str) -> &'static str {
    let known = |code: &str| {
        let fits = |name: &str| match name.strip_suffix('*') {
            Some(start) => code.starts_with(start),
            None => name == code,
        };
        BY_CODE.iter().find(|(name, _)| fits(name)).map(|(_, sentence)| *sentence)
    };
    reasons.split_whitespace().find_map(known).unwrap_or(match state {
        State::Unknown => "look for the orders in the platform's report, then `turnout dead settle … --arrived` or `--not-arrived`",
        State::Dead => "the platform did not take it in time: see that it answers, then redrive",
        State::Rejected => "read the answer (`turnout dead show`), mend the map or edit the event, then redrive, or discard",
        State::Conflict => "two arrivals of one order: compare with the merchant, then edit or discard this one",
        State::Held => "try what would become of it (`turnout dead try`), then redrive, edit or discard",
        State::Queued
        | State::InFlight
        | State::Taken
        | State::Confirmed
        | State::Merged
        | State::Dropped => "nothing: it needs no person",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_code_that_has_a_sentence_speaks() {
        assert!(advice(State::Held, "unknown_advertiser missing_amount").contains("map"));
        assert!(advice(State::Held, "something_new missing_amount").contains("--set amount="));
        assert!(advice(State::Held, "held_basket").contains("--approve"));
        assert!(advice(State::Rejected, "rejected").contains("read the answer"));
    }

    #[test]
    fn whatever_needs_a_person_has_advice() {
        for state in State::ALL.into_iter().filter(|state| state.needs_a_person()) {
            assert!(!advice(state, "").starts_with("nothing"), "{state}");
        }
    }
}
