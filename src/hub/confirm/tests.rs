use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::moment::Moment;
use crate::topic::Limits;

fn topic(text: &str) -> Topic {
    Topic::parse(text, &Limits::default()).unwrap()
}

fn at(seconds: u64) -> Steady {
    Moment::from(SystemTime::UNIX_EPOCH).steady().after(Duration::from_secs(seconds))
}

fn begin(all: &mut Confirmations<u32>, session: u64, command: &str, payload: &str, until: u64, asker: u32) {
    let (command, wish) = (topic(command), Wish::of(command, payload).unwrap());
    let waiting = Waiting { command, wish, session: SessionId(session), until: at(until), asker };
    assert!(all.begin(waiting).is_ok());
}

fn told(ended: Vec<(Waiting<u32>, Outcome)>) -> Vec<(u32, Outcome)> {
    ended.into_iter().map(|(waiting, outcome)| (waiting.asker, outcome)).collect()
}

#[test]
fn a_command_is_confirmed_by_the_state_that_it_asked_for() {
    let mut all = Confirmations::default();
    begin(&mut all, 1, "relay/0/set", r#"{"state": true}"#, 2, 7);
    assert_eq!(told(all.hear("relay/0", r#"{"state": false}"#)), []);
    assert_eq!(told(all.hear("relay/1", r#"{"state": true}"#)), []);
    assert_eq!(told(all.hear("relay/0", r#"{"state": true}"#)), [(7, Outcome::Confirmed)]);
    assert_eq!(told(all.hear("relay/0", r#"{"state": true}"#)), [], "once");
    assert_eq!((all.len(), all.next()), (0, None));
}

#[test]
fn a_later_command_that_is_confirmed_ends_the_wait_of_the_ones_before_it() {
    let mut all = Confirmations::default();
    begin(&mut all, 1, "relay/0/set", r#"{"state": true}"#, 2, 1);
    begin(&mut all, 1, "relay/0/get", "null", 2, 2);
    begin(&mut all, 2, "relay/0/set", r#"{"state": false}"#, 2, 3);
    begin(&mut all, 2, "relay/0/set", r#"{"state": true}"#, 2, 4);
    let ended = told(all.hear("relay/0", r#"{"state": false}"#));
    assert_eq!(ended, [(1, Outcome::Superseded), (2, Outcome::Confirmed), (3, Outcome::Confirmed)]);
    assert_eq!(told(all.hear("relay/0", r#"{"state": true}"#)), [(4, Outcome::Confirmed)]);
}

#[test]
fn an_answer_ends_the_oldest_wait_that_it_may_be_meant_for() {
    let mut all = Confirmations::default();
    begin(&mut all, 1, "t/config/set", r#"{"publish-interval": 5}"#, 2, 1);
    begin(&mut all, 1, "t/config/set", r#"{"publish-interval": "x"}"#, 2, 2);
    begin(&mut all, 1, "a/-/config/list", "{}", 2, 3);
    assert_eq!(told(all.hear("t/config/ok", "{}")), [(1, Outcome::Confirmed)]);
    assert_eq!(told(all.hear("t/config/error", "{}")), [(2, Outcome::Refused)]);
    assert_eq!(told(all.hear("a/-/config/list/ok", "{}")), [(3, Outcome::Confirmed)]);
    assert_eq!(told(all.hear("a/-/config/list/ok", "{}")), []);
}

#[test]
fn who_waits_too_long_or_goes_waits_no_more() {
    let mut all = Confirmations::default();
    begin(&mut all, 1, "a/0/set", "1", 2, 1);
    begin(&mut all, 2, "a/0/set", "1", 3, 2);
    begin(&mut all, 2, "a/1/set", "1", 4, 3);
    assert_eq!(all.expire(at(1)).len(), 0);
    assert_eq!(all.expire(at(2)).iter().map(|waiting| waiting.asker).collect::<Vec<_>>(), [1]);
    assert_eq!(all.next(), Some(at(3)));
    all.forget(SessionId(2));
    assert_eq!((all.len(), all.expire(at(9)).len()), (0, 0));
}

#[test]
fn there_are_bounds_for_a_state_a_connection_and_all() {
    let mut all = Confirmations::default();
    let mut ask = |session, state: usize| {
        let command = topic(&format!("a/{state}/set"));
        let session = SessionId(session);
        let waiting = Waiting { command, wish: Wish::Answer, session, until: at(1), asker: () };
        all.begin(waiting).map(drop)
    };
    assert!((0..OF_A_STATE).all(|_| ask(0, 0).is_ok()));
    assert_eq!(ask(1, 0), Err(TooMany::State));
    assert!((OF_A_STATE..OF_A_CONNECTION).all(|n| ask(0, n).is_ok()));
    assert_eq!(ask(0, 100), Err(TooMany::Connection));
    assert!((OF_A_CONNECTION..OF_ALL).all(|n| ask(1 + n as u64 / 64, n).is_ok()));
    assert_eq!(ask(9999, 9999), Err(TooMany::Hub));
}

/// What happens to a hub with three lamps.
#[derive(Debug, Clone)]
enum Event {
    Ask { session: u64, lamp: usize, wish: u8, seconds: u64 },
    State { lamp: usize, value: u8 },
    Answer { lamp: usize, good: bool },
    Go { session: u64 },
    Wait { seconds: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3u64, 0..3usize, 0..3u8, 1..5u64)
            .prop_map(|(session, lamp, wish, seconds)| Event::Ask { session, lamp, wish, seconds }),
        3 => (0..3usize, 0..3u8).prop_map(|(lamp, value)| Event::State { lamp, value }),
        1 => (0..3usize, any::<bool>()).prop_map(|(lamp, good)| Event::Answer { lamp, good }),
        1 => (0..3u64).prop_map(|session| Event::Go { session }),
        2 => (0..3u64).prop_map(|seconds| Event::Wait { seconds }),
    ]
}

/// The same in the plainest way: a list.
#[derive(Default)]
struct Twin(Vec<(u32, u64, usize, u8, u64)>);

impl Twin {
    fn state(&mut self, lamp: usize, value: u8) -> Vec<(u32, Outcome)> {
        let last = self.0.iter().rposition(|(_, _, of, wish, _)| (*of, *wish) == (lamp, value));
        let mut ended = Vec::new();
        for (at, (asker, _, of, wish, _)) in self.0.iter().enumerate() {
            if *of == lamp && *wish == value {
                ended.push((*asker, Outcome::Confirmed));
            } else if *of == lamp && last.is_some_and(|last| at < last) {
                ended.push((*asker, Outcome::Superseded));
            }
        }
        self.0.retain(|(asker, ..)| !ended.iter().any(|(gone, _)| gone == asker));
        ended
    }
}

proptest! {
    #[test]
    fn everybody_gets_one_answer_as_in_a_plain_list(events in prop::collection::vec(event(), 0..60)) {
        let (mut all, mut twin, mut now) = (Confirmations::default(), Twin::default(), 0);
        for (event, asker) in events.into_iter().zip(0..) {
            match event {
                Event::Ask { session, lamp, wish, seconds } => {
                    let command = topic(&format!("l/{lamp}/set"));
                    let until = now + seconds;
                    let wish_of = Wish::of(command.as_str(), &wish.to_string()).unwrap();
                    let waiting =
                        Waiting { command, wish: wish_of, session: SessionId(session), until: at(until), asker };
                    if all.begin(waiting).is_ok() {
                        twin.0.push((asker, session, lamp, wish, until));
                    }
                }
                Event::State { lamp, value } => {
                    let ended = told(all.hear(&format!("l/{lamp}"), &value.to_string()));
                    prop_assert_eq!(ended, twin.state(lamp, value));
                }
                Event::Answer { lamp, good } => {
                    let word = if good { "ok" } else { "error" };
                    let ended = told(all.hear(&format!("l/{lamp}/{word}"), "null"));
                    let outcome = if good { Outcome::Confirmed } else { Outcome::Refused };
                    let oldest = twin.0.iter().position(|(_, _, of, ..)| *of == lamp);
                    let oldest = oldest.map(|at| twin.0.remove(at).0);
                    prop_assert_eq!(ended, oldest.map(|asker| (asker, outcome)).into_iter().collect::<Vec<_>>());
                }
                Event::Go { session } => {
                    all.forget(SessionId(session));
                    twin.0.retain(|(_, of, ..)| *of != session);
                }
                Event::Wait { seconds } => {
                    now += seconds;
                    let mut over: Vec<u32> = all.expire(at(now)).iter().map(|waiting| waiting.asker).collect();
                    over.sort_unstable();
                    let gone = twin.0.iter().filter(|(.., until)| *until <= now).map(|(asker, ..)| *asker);
                    prop_assert_eq!(over, gone.collect::<Vec<_>>());
                    twin.0.retain(|(.., until)| *until > now);
                }
            }
            prop_assert_eq!(all.len(), twin.0.len());
            prop_assert_eq!(all.next(), twin.0.iter().map(|(.., until)| at(*until)).min());
        }
    }
}
