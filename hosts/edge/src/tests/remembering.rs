//! What the outbox could not take is told to whoever is there first, and what nobody could be told is said.

use std::sync::atomic::Ordering;

use super::*;

/// An edge whose outbox takes no sale, with one sale that the processor, which says this, did not take at once.
async fn remembering(answers: Vec<(u16, &'static str)>) -> (RunningEdge, Arc<fixture::Stand>, impl Sized) {
    let (address, stand, alive) = stand(answers).await;
    let (parts, directory) = parts(strangers::tiny());
    let drain = Drain { grace: Duration::ZERO, within: PATIENCE };
    let settings = EdgeSettings { drain, processor: Some(processor(address)), ..Default::default() };
    let edge = serve(settings, parts).await.unwrap();
    let said = browse(edge.addresses().plain.unwrap(), "old.test", "/buy?shop=1&sum=10.00&order=A-1").await;
    assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
    (edge, stand, (alive, directory))
}

fn tally(edge: &RunningEdge) -> (u64, u64) {
    let tally = edge.public().hands.journal.remembered();
    (tally.waiting.load(Ordering::Relaxed), tally.forgotten.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_outbox_that_stays_shut_cannot_take_is_told_to_the_processor_once_it_is_there() {
    let (edge, stand, _alive) = remembering(vec![(503, ""), (503, ""), (200, TAKEN)]).await;
    eventually("the processor is told", || async { tally(&edge) == (0, 0) }).await;
    {
        let asked = stand.asked.lock().unwrap();
        assert_eq!(asked.len(), 3, "at once, then again until it is taken, and never after");
        let entry = |body: &[u8]| Batch::decode(body).unwrap().entries;
        assert!(asked.iter().all(|again| entry(&again.body) == entry(&asked[0].body)), "one event");
    }
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_taken_is_told_once_more_at_a_stop_and_then_said_to_be_forgotten() {
    let (edge, stand, _alive) = remembering(vec![(503, "")]).await;
    eventually("it was told", || async { stand.asked.lock().unwrap().len() >= 2 }).await;
    let before = stand.asked.lock().unwrap().len();
    let public = Arc::clone(edge.public());
    assert!(edge.stop().await);
    assert!(stand.asked.lock().unwrap().len() > before);
    let tally = public.hands.journal.remembered();
    assert_eq!((tally.waiting.load(Ordering::Relaxed), tally.forgotten.load(Ordering::Relaxed)), (0, 1));
}
