//! Calls of the signed interface: who is asked, and what is said.

use super::fixture::{get, snapshot};
use super::{NOW, Step, short};
use crate::envelope::{Envelope, Sealed};
use crate::exchange::{Exchange, Health};
use crate::step::{Happened, Served};
use tracking::wire::SendFailure;
use units::Seed;

/// Everything that an exchange asks for, where the processor answers so and no platform does.
fn run(target: &str, answer: Option<Served>) -> Vec<Step> {
    let inbound = get(target, &[("x-signature", "secret-signature")]);
    let mut exchange = Exchange::open(inbound, snapshot(), Health::default(), Seed(1), NOW);
    let mut steps = Vec::new();
    while let Some(step) = exchange.poll() {
        match &step {
            Step::Ask { .. } => {
                assert_eq!(exchange.poll(), None, "nothing is said before the processor has spoken");
                exchange.handle(answer.clone().map_or(Happened::NotServed, Happened::Served), NOW);
            }
            Step::Send { request, .. } => {
                let failure = SendFailure::NothingSent("silence".to_owned());
                exchange.handle(Happened::Unanswered { home: request.home, failure }, NOW);
            }
            _ => {}
        }
        if !matches!(step, Step::Report(_)) {
            steps.push(step);
        }
    }
    assert!(exchange.is_done());
    steps
}

fn yes() -> Served {
    Served::Reply { status: 200, content_type: "text/plain".to_owned(), body: "yes 1".to_owned() }
}

#[test]
fn a_call_of_a_moved_programme_is_the_processors_to_answer() {
    for (target, answer, expected) in [
        ("/call?do=void&shop=1&order=A", Some(yes()), "ask reply:serve:200"),
        ("/call?shop=1&order=A&DO=UnDo", Some(yes()), "ask reply:serve:200"),
        ("/call?do=void&shop=1&order=A", Some(Served::Forward), "ask send:legacy reply:local:503"),
        ("/call?do=void&shop=1&order=A", None, "ask reply:local:503"),
        ("/call?do=void&shop=3&order=A", Some(yes()), "send:legacy reply:local:503"),
        ("/call?do=void&shop=99&order=A", Some(yes()), "send:legacy reply:local:503"),
        ("/call?do=report&shop=1", Some(yes()), "send:legacy reply:local:503"),
        ("/call", Some(yes()), "send:legacy reply:local:503"),
    ] {
        assert_eq!(short(&run(target, answer)), expected, "{target}");
    }
}

#[test]
fn without_an_answer_the_client_is_told_to_call_again_and_nothing_is_kept() {
    let steps = run("/call?do=void&shop=1&order=A", None);
    let Some(Step::Reply(reply)) = steps.last() else { panic!("no reply") };
    assert!(reply.headers.iter().any(|(name, _)| name == "retry-after"), "{reply:?}");
    assert!(!steps.iter().any(|step| matches!(step, Step::Append(_) | Step::Record(_))));
}

#[test]
fn the_processor_gets_the_call_whole_and_its_signature_sealed() {
    let steps = run("/call?do=void&shop=1&order=A&token=t", Some(yes()));
    let Some(Step::Ask { entry, .. }) = steps.first() else { panic!("{steps:?}") };
    let envelope = Envelope::decode(&entry.bytes).unwrap();
    assert_eq!((envelope.endpoint.as_str(), envelope.event_id), ("calls: void", entry.event_id));
    let open = String::from_utf8_lossy(&entry.bytes).into_owned();
    assert!(!open.contains("secret-signature"), "it is encrypted on its way");
    let keys = &snapshot().secrets.seal_keys;
    let sealed = Sealed::open(&envelope.sealed, keys, envelope.event_id).unwrap();
    assert_eq!(sealed.original.header("x-signature"), Some("secret-signature"));
    assert_eq!(sealed.original.target, b"/call?do=void&shop=1&order=A&token=t");
}
