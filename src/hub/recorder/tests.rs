use super::*;
use crate::topic::Limits;
use std::time::SystemTime;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn recorder() -> Arc<Recorder> {
    Recorder::new(Vec::new(), Vec::new(), &Arc::default())
}

fn record(recorder: &Recorder, message: u64) {
    recorder.record(Causer::Hub, Event::default(), message, Moment::from(NOW + Duration::from_secs(1)));
}

fn taken(recorder: &Recorder) -> Vec<Entry> {
    let mut taken = VecDeque::new();
    recorder.take(&mut taken, NOW + Duration::from_secs(2));
    taken.into()
}

fn events(entries: Vec<Entry>) -> Vec<Event> {
    entries
        .into_iter()
        .map(|entry| match entry {
            Entry::Event(event) => *event,
            Entry::Outcome(..) => panic!("an outcome"),
        })
        .collect()
}

#[test]
fn what_does_not_fit_is_counted_and_that_is_an_event_behind_those_that_did() {
    let recorder = recorder();
    (0..EVENTS + 10).for_each(|_| record(&recorder, 0));
    let first = events(taken(&recorder));
    assert_eq!(first.len(), EVENTS + 1);
    let lost = first.last().unwrap();
    assert_eq!((lost.kind, lost.count, lost.number), (EventKind::Lost, Some(10), EVENTS as u64 + 1));
    assert!(lost.since > 0 && lost.at >= lost.since);
    assert_eq!(recorder.figures.events_lost.value(), 10);
    record(&recorder, 0);
    assert_eq!(events(taken(&recorder))[0].number, EVENTS as u64 + 2, "a number is given once");
}

#[test]
fn large_events_have_a_bound_in_bytes() {
    let recorder = recorder();
    let payload = Some(format!("\"{}\"", "x".repeat(1000)));
    for _ in 0..EVENTS {
        let event = Event { payload: payload.clone(), ..Event::default() };
        recorder.record(Causer::Hub, event, 0, Moment::from(NOW));
    }
    let taken = events(taken(&recorder));
    let bytes: usize = taken.iter().map(Event::len).sum();
    assert!(taken.len() < EVENTS && bytes <= BYTES + 1000, "{bytes}");
}

#[test]
fn what_came_of_a_command_is_recorded_with_it_whichever_comes_first() {
    let recorder = recorder();
    let confirmed = || Outcome { result: "confirmed", after: Some(0.5), ..Outcome::default() };
    // The usual order.
    let follow =
        |message| recorder.follow(&Topic::parse("a/set", &Limits::default()).unwrap(), message).unwrap();
    let followed = follow(7);
    record(&recorder, 7);
    followed.ends(confirmed());
    // The node was faster.
    let followed = follow(8);
    followed.ends(confirmed());
    record(&recorder, 8);
    // Nobody waits.
    record(&recorder, 9);
    // Who waited has gone.
    let followed = follow(10);
    record(&recorder, 10);
    drop(followed);
    let [first, outcome, second, third, fourth, gone] = &*taken(&recorder) else { panic!() };
    let (Entry::Event(first), Entry::Event(second)) = (first, second) else { panic!() };
    let (Entry::Event(third), Entry::Event(fourth)) = (third, fourth) else { panic!() };
    assert_eq!(first.result.as_deref(), Some(WAITING));
    let Entry::Outcome(number, outcome) = outcome else { panic!() };
    assert_eq!((*number, &**outcome), (first.number, &confirmed()));
    assert_eq!((second.result.as_deref(), second.after), (Some("confirmed"), Some(0.5)));
    assert_eq!(third.result, None);
    let Entry::Outcome(number, gone) = gone else { panic!() };
    assert_eq!((*number, gone.result), (fourth.number, UNKNOWN));
    assert!(recorder.inside.lock().open.is_empty());
}

#[test]
fn who_asks_waits_until_all_before_it_is_on_the_disk_and_not_for_ever() {
    let recorder = recorder();
    assert_eq!(recorder.flush(Duration::ZERO), 0, "nothing was ever put in");
    record(&recorder, 0);
    assert_eq!(recorder.flush(Duration::ZERO), 1);
    assert!(recorder.is_waited_for());
    let until = recorder.take(&mut VecDeque::new(), NOW);
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| recorder.flush(Duration::from_mins(1)));
        recorder.written(until);
        assert_eq!(asks.join().unwrap(), 0);
    });
    record(&recorder, 0);
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| recorder.flush(Duration::from_mins(1)));
        recorder.close();
        assert_eq!(asks.join().unwrap(), 1);
    });
}

#[test]
fn strangers_who_guess_are_recorded_now_and_then() {
    let recorder = recorder();
    for n in 0..50_000_u32 {
        let (address, event) = (format!("address {}", n % 1000), Event::default());
        recorder.record(Causer::Stranger(&address), event, 0, Moment::from(NOW));
    }
    assert!(events(taken(&recorder)).len() <= 100);
    assert!(recorder.figures.events_left_out.value() >= 49_900);
    let mut later = VecDeque::new();
    recorder.take(&mut later, NOW + Duration::from_mins(3));
    let counted: u64 = events(later.into()).iter().map(|event| event.count.unwrap()).sum();
    assert_eq!(counted, recorder.figures.events_left_out.value(), "and all are counted");
}
