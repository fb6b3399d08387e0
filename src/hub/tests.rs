//! The hub's promises, told without a socket.

mod answers;
mod care;
mod last_values;
mod pages;
mod rhythms;
mod work;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::*;
use crate::topic::Base;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn hub_with(change: impl FnOnce(&mut Settings)) -> Arc<Hub> {
    let mut settings = Settings::default();
    change(&mut settings);
    Hub::new(settings, NOW)
}

fn hub() -> Arc<Hub> {
    hub_with(|_| ())
}

fn client(hub: &Arc<Hub>, base: &str, side: Side) -> Session {
    let base = Base::parse(base, &Limits::default()).unwrap();
    let rights = Arc::new(Rights::everything());
    hub.connect(Client { user: "u".into(), rights, base, side, rates: Rates::UNLIMITED }, NOW)
}

fn dashboard(hub: &Arc<Hub>) -> Session {
    let mut session = client(hub, "", Side::Dashboard);
    say(&mut session, "[\"clown.talk/-/config/set\", {}]");
    session
}

fn node(hub: &Arc<Hub>) -> Session {
    client(hub, "n", Side::Node)
}

fn say(session: &mut Session, frame: &str) {
    session.receive(frame, NOW).unwrap();
}

fn heard_at(session: &mut Session, now: SystemTime) -> Vec<String> {
    let mut heard = Vec::new();
    while session.drain(1, now, &mut |pieces| heard.push(String::from_utf8(pieces.concat()).unwrap()))
        != Drained::Everything
    {}
    heard
}

/// What came, less the welcome.
fn heard(session: &mut Session) -> Vec<String> {
    let mut heard = heard_at(session, NOW);
    heard.retain(|frame| !frame.starts_with("[\"clown.talk/-/config/ok\""));
    heard
}

fn values(session: &mut Session) -> Vec<String> {
    let mut heard = heard(session);
    heard.retain(|frame| !frame.contains("presence\"") && !frame.starts_with("[\"clown.talk/"));
    heard
}

#[test]
fn what_a_node_says_is_kept_for_those_who_come_later() {
    let hub = hub();
    let mut node = node(&hub);
    say(&mut node, "[\"t/1\", 1]\n[\"t/1\", 2]\n[\"t/1/set\", 3]\n[\"t/1/config/ok\", 4]\n[\"boot\", 5]");
    assert_eq!(values(&mut dashboard(&hub)), ["[\"n/t/1\", 2]"]);
}

#[test]
fn what_an_operator_says_is_not() {
    let hub = hub();
    let mut operator = dashboard(&hub);
    say(&mut operator, "[\"n/r/1/set\", true]\n[\"n/r/1\", true]");
    assert_eq!(values(&mut dashboard(&hub)), Vec::<String>::new());
}

#[test]
fn a_last_value_comes_once_and_never_after_a_newer_one() {
    let hub = hub();
    let mut node = node(&hub);
    say(&mut node, "[\"t/1\", 1]\n[\"t/2\", 1]");
    let mut dashboard = dashboard(&hub);
    // The snapshot waits in the outbox while these happen.
    say(&mut node, "[\"t/1\", 2]\n[\"t/1\", 3, {\"retain\": false}]");
    let mut seen = values(&mut dashboard);
    seen.sort();
    assert_eq!(seen, ["[\"n/t/1\", 2]", "[\"n/t/1\", 3]", "[\"n/t/2\", 1]"]);
}

#[test]
fn overlapping_filters_deliver_once_and_later_ones_bring_only_new_last_values() {
    let hub = hub();
    let mut node = node(&hub);
    say(&mut node, "[\"t/1\", 1]\n[\"r/1\", 1]");
    let mut reader = client(&hub, "n", Side::Dashboard);
    say(&mut reader, "[\"clown.talk/-/config/set\", {\"filters\": [\"t/+\", \"t/#\", \"+/1\"]}]");
    assert_eq!(values(&mut reader).len(), 2);
    say(&mut reader, "[\"clown.talk/-/subscription/add\", {\"filters\": [\"#\"]}]");
    assert_eq!(values(&mut reader), Vec::<String>::new());
    say(&mut node, "[\"t/1\", 2]");
    assert_eq!(values(&mut reader), ["[\"t/1\", 2]"]);
}

#[test]
fn a_client_that_keeps_changing_its_mind_has_each_last_value_waiting_once() {
    let hub = hub();
    let mut node = node(&hub);
    for n in 0..50 {
        say(&mut node, &format!("[\"t/{n}\", {n}]"));
    }
    let mut reader = client(&hub, "n", Side::Dashboard);
    for _ in 0..100 {
        say(&mut reader, "[\"clown.talk/-/config/set\", {}]");
        say(&mut reader, "[\"clown.talk/-/subscription/set\", {\"filters\": []}]");
        say(&mut reader, "[\"clown.talk/-/subscription/set\", {\"filters\": [\"t/+\"]}]");
        say(&mut reader, "[\"clown.talk/-/subscription/add\", {\"filters\": [\"#\"]}]");
    }
    assert_eq!(values(&mut reader).len(), 50);
}

/// A dashboard that may send ten messages a second, and so look up 80 last values, 160 at once.
fn slow_dashboard(hub: &Arc<Hub>) -> Session {
    let base = Base::parse("", &Limits::default()).unwrap();
    let rates = Rates { frames_per_second: Some(10), bad_frames_per_minute: None };
    let rights = Arc::new(Rights::everything());
    hub.connect(Client { user: "u".into(), rights, base, side: Side::Dashboard, rates }, NOW)
}

fn hub_with_last_values(count: usize) -> Arc<Hub> {
    let hub = hub();
    let mut node = node(&hub);
    for n in 0..count {
        say(&mut node, &format!("[\"t/{n}\", {n}]"));
    }
    hub
}

#[test]
fn a_store_of_any_size_is_read_whole_and_costs_no_message() {
    let hub = hub_with_last_values(1_000);
    let mut reader = slow_dashboard(&hub);
    say(&mut reader, "[\"clown.talk/-/config/set\", {}]");
    assert_eq!(values(&mut reader).len(), 1_000);
    for n in 0..19 {
        say(&mut reader, &format!("[\"n/relay/set\", {n}]"));
    }
}

#[test]
fn who_asks_for_all_last_values_in_a_loop_is_cut_off() {
    let hub = hub_with_last_values(1_000);
    for second in [
        "config/set\", {}",
        "subscription/set\", {\"filters\": [\"t/#\"]}",
        "subscription/add\", {\"filters\": [\"t/#\"]}",
        "subscription/remove\", {\"filters\": [\"t/#\"]}",
        "subscription/get\", {}",
    ] {
        let mut reader = slow_dashboard(&hub);
        say(&mut reader, "[\"clown.talk/-/config/set\", {}]");
        assert_eq!(values(&mut reader).len(), 1_000);
        let again = format!("[\"clown.talk/-/{second}]");
        // 1,001 values of 8 steps each and two or three on the way to each, of which 1,280 were there.
        let owed = match reader.receive(&again, NOW) {
            Err(Excess::Steps { per_second: 640, owed }) => owed,
            other => panic!("{again}: {other:?}"),
        };
        assert!((8_500..11_000).contains(&owed), "{owed}");
        let paid = Duration::from_secs(owed / 640);
        assert!(reader.receive(&again, NOW + paid).is_err(), "{again}");
        assert_eq!(reader.receive(&again, NOW + paid + Duration::from_secs(1)), Ok(()), "{again}");
    }
}

#[test]
fn a_value_is_cleared_by_a_retained_null_and_only_by_that() {
    let hub = hub();
    let mut node = node(&hub);
    say(&mut node, "[\"t/1\", 1]\n[\"t/2\", null]");
    say(&mut node, "[\"t/1\", null, {\"retain\": true}]");
    assert_eq!(values(&mut dashboard(&hub)), ["[\"n/t/2\", null]"]);
    assert_eq!(hub.figures().retained.value(), 2, "the other is the presence");
}

#[test]
fn a_message_past_its_time_is_not_delivered_and_is_counted() {
    let hub = hub();
    let mut dashboard = dashboard(&hub);
    heard(&mut dashboard);
    let mut node = node(&hub);
    say(&mut node, "[\"t/1\", 1, {\"expires\": 5}]");
    let late = heard_at(&mut dashboard, NOW + Duration::from_secs(5));
    assert!(late.iter().all(|frame| !frame.contains("t/1")), "{late:?}");
    assert_eq!(hub.figures().expired.value(), 1);
}

#[test]
fn a_full_store_routes_but_does_not_keep_and_says_so() {
    let hub = hub_with(|settings| settings.retained_topics = 2);
    let mut node = node(&hub);
    say(&mut node, "[\"clown.talk/-/config/set\", {}]");
    say(&mut node, "[\"t/1\", 1, {\"id\": 1}]\n[\"t/2\", 1, {\"id\": 2}]\n[\"t/1\", 2, {\"id\": 3}]");
    let answers = heard(&mut node);
    assert_eq!(answers[0], "[\"clown.talk/-/publish/ok\", {\"id\": 1}]");
    assert!(answers[1].starts_with("[\"clown.talk/-/publish/error\", {\"id\": 2, \"reason\": \"the store"));
    assert_eq!(answers[2], "[\"clown.talk/-/publish/ok\", {\"id\": 3}]");
    assert_eq!(values(&mut dashboard(&hub)), ["[\"n/t/1\", 2]"]);
}

#[test]
fn a_will_is_published_unless_the_client_says_good_bye() {
    let hub = hub();
    let mut dashboard = dashboard(&hub);
    for (farewell, expected) in [(false, 1), (true, 0)] {
        let mut node = node(&hub);
        say(&mut node, "[\"clown.talk/-/config/set\", {\"will\": [\"state/-\", {\"on\": 20.10}]}]");
        if farewell {
            node.farewell();
        }
        drop(node);
        let wills = values(&mut dashboard);
        assert_eq!(wills.len(), expected, "{wills:?}");
        assert!(wills.iter().all(|will| will == "[\"n/state/-\", {\"on\": 20.10}]"));
    }
}

#[test]
fn presence_is_online_from_the_first_to_the_last_node() {
    let hub = hub();
    let mut dashboard = dashboard(&hub);
    let (first, second) = (node(&hub), node(&hub));
    drop(first);
    assert_eq!(heard(&mut dashboard).len(), 1);
    drop(second);
    let heard = heard(&mut dashboard);
    assert!(heard.len() == 1 && heard[0].contains("offline"), "{heard:?}");
}

#[test]
fn the_default_filters_reach_as_far_as_the_user_may_read() {
    let hub = hub();
    let mut node = node(&hub);
    say(&mut node, "[\"t/1\", 1]\n[\"secret/1\", 1]");
    let may = |text| Filter::parse(text, &Limits::default()).unwrap();
    let rights = Rights { subscribe: vec![may("+/t/#")], ..Rights::default() };
    let base = Base::parse("n", &Limits::default()).unwrap();
    let mut reader = hub.connect(
        Client {
            user: "u".into(),
            rights: Arc::new(rights),
            base,
            side: Side::Dashboard,
            rates: Rates::UNLIMITED,
        },
        NOW,
    );
    say(&mut reader, "[\"clown.talk/-/config/set\", {}]\n[\"clown.talk/-/subscription/get\", {}]");
    let heard = heard(&mut reader);
    assert_eq!(heard, ["[\"t/1\", 1]", "[\"clown.talk/-/subscription/ok\", {\"filters\": [\"t/#\"]}]"]);
    say(&mut reader, "[\"clown.talk/-/subscription/set\", {\"filters\": [\"#\"]}]");
    assert!(heard_at(&mut reader, NOW)[0].contains("\"forbidden: "));
}

#[test]
fn nothing_is_left_of_clients_that_have_gone() {
    let hub = hub();
    let (node, dashboards) = (node(&hub), (0..10).map(|_| dashboard(&hub)).collect::<Vec<_>>());
    drop((node, dashboards));
    assert_eq!((hub.figures().clients.value(), hub.figures().filters.value()), (0, 0));
    assert!(hub.subscriptions.is_empty());
}

/// The race behind the promise: publishers on one topic while readers come and go, on real threads.
#[test]
fn every_newcomer_sees_an_unbroken_sequence_that_ends_with_the_last_value() {
    const LAST: u32 = 20_000;
    let hub = hub_with(|settings| {
        settings.outbox =
            Bounds { messages: 1 << 20, bytes: 1 << 30, hard_messages: 1 << 20, hard_bytes: 1 << 30 };
    });
    let mut first = client(&hub, "n", Side::Node);
    say(&mut first, "[\"t/1\", 0]");
    let all_published = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut node = client(&hub, "n", Side::Node);
            for n in 1..=LAST {
                say(&mut node, &format!("[\"t/1\", {n}]"));
            }
            all_published.store(true, Ordering::SeqCst);
        });
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut rounds = 0;
                    loop {
                        let done = all_published.load(Ordering::SeqCst);
                        let mut reader = dashboard(&hub);
                        let mut seen = values(&mut reader);
                        if rounds % 2 == 0 {
                            std::thread::yield_now();
                        }
                        seen.extend(values(&mut reader));
                        let seen: Vec<u32> = seen
                            .iter()
                            .map(|frame| serde_json::from_str::<(String, u32)>(frame).unwrap().1)
                            .collect();
                        assert!(!seen.is_empty(), "the last value is missing");
                        assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seen:?}");
                        rounds += 1;
                        if done {
                            assert_eq!(seen, [LAST]);
                            return;
                        }
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_first_request_that_is_not_understood_is_answered_at_once_and_opens_nothing() {
    let hub = hub();
    let mut reader = client(&hub, "n", Side::Dashboard);
    say(&mut reader, "[\"t/1/set\", 1, {\"id\": 1}]\n[\"clown.talk/-/config/set\", {\"batch\": \"soon\"}]");
    let told = heard_at(&mut reader, NOW);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("config/error") && told[0].contains("batch"));
    say(&mut reader, "[\"clown.talk/-/config/set\", {}]");
    let told = heard_at(&mut reader, NOW);
    assert!(told[0].contains("config/ok") && told[1].contains("publish/ok"), "{told:?}");
}

#[test]
fn openings_without_end_end_the_connection_and_not_the_memory() {
    let hub = hub();
    let mut reader = dashboard(&hub);
    for _ in 0..hub.settings().outbox.hard_messages + 100 {
        say(&mut reader, "[\"clown.talk/-/config/set\", {}]");
    }
    assert!(reader.outbox().lock().queue.has_overflowed());
    assert_eq!(heard_at(&mut reader, NOW).len(), 1, "only the first one goes before the queue");
}

#[test]
fn the_answer_that_opens_waits_for_nothing_but_earlier_refusals() {
    let hub = hub();
    let mut reader = client(&hub, "n", Side::Dashboard);
    for _ in 0..20 {
        say(&mut reader, "[\"clown.talk/-/config/set\", []]");
    }
    say(&mut reader, "[\"t/1/set\", 1, {\"id\": 1}]\n[\"clown.talk/-/config/set\", {}]");
    let told = heard_at(&mut reader, NOW);
    let place = |what: &str| told.iter().position(|frame| frame.contains(what));
    assert_eq!(place("config/ok"), Some(8), "{told:?}");
    assert!(place("publish/ok") > Some(8), "{told:?}");
}

#[test]
fn a_message_that_would_read_as_the_hubs_own_word_is_not_delivered() {
    let hub = hub();
    let mut reader = client(&hub, "n", Side::Dashboard);
    say(&mut reader, "[\"clown.talk/-/config/set\", {}]");
    let mut liar = dashboard(&hub);
    say(&mut liar, "[\"n/clown.talk/-/publish/ok\", {\"id\": 1}]\n[\"n/t/1\", 1]");
    assert_eq!(heard(&mut reader), ["[\"t/1\", 1]"]);
}

#[test]
fn a_write_takes_no_more_last_values_than_it_asks_for() {
    let hub = hub();
    let mut node = node(&hub);
    let long = "x".repeat(100_000);
    for n in 0..20 {
        say(&mut node, &format!("[\"t/{n}\", \"{long}\"]"));
    }
    let mut reader = dashboard(&hub);
    let mut first = 0;
    reader.drain(64 * 1024, NOW, &mut |_| first += 1);
    assert_eq!(first, 1, "the welcome goes alone");
    let mut written = 0;
    let left = reader.drain(64 * 1024, NOW, &mut |pieces| written += pieces.concat().len());
    assert!(left == Drained::More && written < 2 * 100_100, "{written}");
    assert_eq!(values(&mut reader).len() + 1, 20);
}

#[test]
fn what_gives_way_to_a_wish_for_the_newest_is_told() {
    let hub = hub();
    let mut node = node(&hub);
    let mut reader = dashboard(&hub);
    heard(&mut reader);
    for n in 0..10 {
        say(&mut node, &format!("[\"t/1\", {n}]"));
    }
    say(&mut reader, "[\"clown.talk/-/config/set\", {\"conflate\": true, \"retained\": false}]");
    let told = heard(&mut reader);
    assert_eq!(told[..2], ["[\"clown.talk/-/skipped\", {\"count\": 9}]", "[\"n/t/1\", 9]"], "{told:?}");
}

#[test]
fn the_index_of_last_values_counts_against_the_store() {
    let hub = hub_with(|settings| settings.retained_bytes = 30_000);
    let mut node = node(&hub);
    for n in 0..100 {
        say(&mut node, &format!("[\"{n}/{}\", 1]", "a/".repeat(20)));
    }
    assert!((2..12).contains(&hub.figures().retained.value()), "{}", hub.figures().retained.value());
    assert!(hub.figures().retained_bytes.value() <= 30_000);
}

#[test]
fn remembered_receivers_are_bounded_and_those_who_left_are_let_go() {
    let hub = hub_with(|settings| settings.cached_routes = 10);
    let readers: Vec<_> = (0..50).map(|_| dashboard(&hub)).collect();
    let watched = Arc::downgrade(readers[0].outbox());
    let mut node = node(&hub);
    for n in 0..8 {
        say(&mut node, &format!("[\"t/{n}\", 1]"));
    }
    drop(readers);
    let _others: Vec<_> = (0..50).map(|_| dashboard(&hub)).collect();
    for n in 8..40 {
        say(&mut node, &format!("[\"t/{n}\", 1]"));
    }
    assert!(watched.upgrade().is_none(), "a route still holds a client that has gone");
    assert!(hub.channels.receivers() <= 10 * 16, "{}", hub.channels.receivers());
}
