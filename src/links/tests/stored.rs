//! Queues that the store has a copy of. The store itself is not here: what it would write is asked of the hub's book.

use std::time::SystemTime;

use super::super::orphans::Orphans;
use super::super::rules::{Qos, REMOTE_LIMITS, Text};
use super::super::way::Way;
use super::*;
use crate::hub::QueuedAgain;
use crate::talk::Kind;
use crate::topic::Topic;

const STORED: &str = "stored_queue_bytes = 1000000";
const OUT: &[(&str, &str)] = &[("out", "x/#")];

fn with_store() -> (Broker, House) {
    let (broker, house) = (Broker::new(false), House::new(0));
    house.hub.stored_queues().turn_on(1 << 20);
    broker.listen("there");
    (broker, house)
}

impl House {
    /// The link ends, as with its hub. Where the process is killed, it does not even say good-bye.
    async fn ends(&mut self, is_killed: bool) {
        let link = self.links.pop().unwrap();
        if is_killed {
            link.abort();
            assert!(link.await.unwrap_err().is_cancelled());
        } else {
            self.stop.cancel();
            drop(link.await.unwrap());
            self.stop = CancellationToken::new();
        }
    }

    /// What the store would write now.
    fn unwritten(&self) -> (usize, usize) {
        let changes = self.hub.stored_queues().changes(Moment::now(), Duration::ZERO, usize::MAX);
        (changes.rows.len(), changes.gone.len())
    }
}

fn heard(broker: &Broker) -> Vec<String> {
    std::iter::from_fn(|| broker.heard("there")).map(|message| message.text()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_a_link_ends_or_is_killed_goes_out_in_order_over_the_next_one_of_its_name() {
    for is_killed in [false, true] {
        let (broker, mut house) = with_store();
        broker.go(false);
        for turn in 0..3 {
            house.link(&broker, "broker", STORED, OUT);
            quiet().await;
            for n in 0..50 {
                house.say("x/a/set", &(turn * 50 + n).to_string());
            }
            quiet().await;
            let waiting = (turn + 1) * 50;
            assert_eq!(house.figure("link0", "queue/stored"), waiting);
            house.ends(is_killed).await;
            assert_eq!(house.hub.stored_queues().unclaimed()["link0"], waiting);
            assert_eq!(house.figure("link0", "queue/stored"), 0);
        }
        assert_eq!(house.unwritten(), (150, 0));
        house.link(&broker, "broker", STORED, OUT);
        broker.come();
        a_while().await;
        let expected: Vec<_> = (0..150).map(|n| format!("x/a/set {n}")).collect();
        assert_eq!(heard(&broker), expected);
        assert_eq!(house.unwritten(), (0, 150));
        assert_eq!(house.figure("link0", "messages/lost"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_still_had_for_a_link_that_is_cut_off_is_in_the_store_too() {
    let (broker, mut house) = with_store();
    broker.go(false);
    house.link(&broker, "broker", STORED, OUT);
    quiet().await;
    // The link is not run in between: all of this is in its outbox when it is cut off.
    for n in 0..50 {
        house.say("x/a/set", &n.to_string());
    }
    house.ends(true).await;
    assert_eq!(house.hub.stored_queues().unclaimed()["link0"], 50);
    assert_eq!(house.unwritten(), (50, 0));
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_a_link_breaks_by_a_fault_of_the_hub_stays_in_the_store() {
    let (broker, mut house) = with_store();
    broker.go(false);
    house.link(&broker, "broker", STORED, OUT);
    quiet().await;
    for n in 0..50 {
        house.say("x/a/set", &n.to_string());
    }
    quiet().await;
    broker.is_faulty();
    broker.come();
    assert!(house.links.pop().unwrap().await.unwrap_err().is_panic());
    assert_eq!(house.hub.stored_queues().unclaimed()["link0"], 50);
    assert_eq!(house.unwritten(), (50, 0));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_there_and_keeps_up_costs_no_writing() {
    let (broker, mut house) = with_store();
    house.link(&broker, "broker", STORED, OUT);
    quiet().await;
    for n in 0..500 {
        house.say("x/a/set", &n.to_string());
        house.say("x/a/t", &n.to_string());
        quiet().await;
    }
    assert_eq!(heard(&broker).len(), 1000);
    assert_eq!(house.unwritten(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acknowledged_when_the_hub_dies_comes_again_and_nothing_else() {
    let (broker, mut house) = with_store();
    house.link(&broker, "broker", STORED, OUT);
    quiet().await;
    house.say("x/a/set", "1");
    quiet().await;
    broker.acknowledges(false);
    house.say("x/a/set", "2");
    quiet().await;
    house.ends(true).await;
    broker.acknowledges(true);
    house.link(&broker, "broker", STORED, OUT);
    a_while().await;
    assert_eq!(heard(&broker), ["x/a/set 1", "x/a/set 2", "x/a/set 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_stored_queue_gives_way_as_any_other_and_so_does_the_store() {
    let (broker, mut house) = with_store();
    broker.go(false);
    house.link(&broker, "broker", &format!("queue_messages = 10\n{STORED}"), OUT);
    quiet().await;
    for n in 0..30 {
        house.say("x/a/t", &n.to_string());
    }
    for n in 0..12 {
        house.say("x/a/set", &n.to_string());
    }
    quiet().await;
    let figure = |name| house.figure("link0", name);
    assert_eq!((figure("messages/skipped"), figure("messages/lost"), figure("queue/stored")), (29, 3, 10));
    assert_eq!(house.unwritten(), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_out_as_it_was_queued_although_the_rules_are_others_now() {
    let (broker, mut house) = with_store();
    broker.go(false);
    house.link(&broker, "broker", STORED, OUT);
    quiet().await;
    house.say("x/a/set", "1");
    quiet().await;
    house.ends(true).await;
    // No rule carries it any more, and the key is gone.
    house.link(&broker, "broker", "", &[("out", "y/#")]);
    broker.come();
    a_while().await;
    assert_eq!(heard(&broker), ["x/a/set 1"]);
    assert_eq!(house.unwritten(), (0, 0));
}

/// A message that the store gives back.
fn again(topic: &str, at: SystemTime) -> QueuedAgain {
    let there = Topic::parse(&format!("far/{topic}"), &REMOTE_LIMITS).unwrap();
    let way = Way { topic: there, qos: Qos::AtLeastOnce, text: Text::String, keeps: true, stamp: None };
    QueuedAgain {
        link: "link0".into(),
        topic: Topic::parse(topic, &Limits::default()).unwrap(),
        payload: "1".into(),
        kind: Kind::Command,
        time: at,
        from: "u".into(),
        retention: crate::hub::Retention::Pass,
        expires: None,
        way: way.to_bytes(),
        at,
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_waited_for_too_long_is_lost_and_counted_and_a_clock_that_is_not_set_ages_nothing() {
    let (broker, mut house) = with_store();
    let (now, book) = (Moment::now(), Arc::clone(house.hub.stored_queues()));
    let hours = |hours| now.wall() - Duration::from_hours(hours);
    let rows = [("x/old/set", hours(3)), ("x/new/set", hours(1)), ("x/unset/set", SystemTime::UNIX_EPOCH)];
    for (id, (topic, at)) in (1..).zip(rows) {
        book.restore(id, again(topic, at), now);
    }
    book.restore(
        4,
        QueuedAgain { way: b"\x07 of a newer version".as_slice().into(), ..again("x/a/set", now.wall()) },
        now,
    );
    house.link(&broker, "broker", &format!("stored_queue_hours = 2\n{STORED}"), OUT);
    a_while().await;
    assert_eq!(heard(&broker), ["far/x/new/set 1", "far/x/unset/set 1"]);
    assert_eq!(house.figure("link0", "messages/lost"), 2);
    assert_eq!(house.unwritten(), (0, 4));
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_topic_is_forgotten_does_not_go_out() {
    let (broker, mut house) = with_store();
    broker.go(false);
    house.link(&broker, "broker", STORED, OUT);
    quiet().await;
    house.say("x/secret/set", "1");
    house.say("x/a/set", "2");
    quiet().await;
    house.hub.stored_queues().forget(Moment::now(), |topic| topic.as_str().starts_with("x/secret"));
    broker.come();
    a_while().await;
    assert_eq!(heard(&broker), ["x/a/set 2"]);
    assert_eq!(house.figure("link0", "messages/lost"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_store_the_link_works_and_its_queue_is_in_memory() {
    let (broker, mut house) = (Broker::new(false), House::new(0));
    broker.listen("there");
    broker.go(false);
    house.link(&broker, "broker", STORED, OUT);
    quiet().await;
    house.say("x/a/set", "1");
    quiet().await;
    assert_eq!((house.figure("link0", "queue/messages"), house.figure("link0", "queue/stored")), (1, 0));
    broker.come();
    a_while().await;
    assert_eq!(heard(&broker), ["x/a/set 1"]);
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_room_in_the_store_waits_in_memory_and_is_counted() {
    let (broker, mut house) = with_store();
    house.hub.stored_queues().turn_on(2000);
    broker.go(false);
    house.link(&broker, "broker", STORED, OUT);
    quiet().await;
    for n in 0..100 {
        house.say("x/a/set", &n.to_string());
    }
    quiet().await;
    let (stored, unstored) =
        (house.figure("link0", "queue/stored"), house.figure("link0", "messages/unstored"));
    assert!(stored > 0 && stored < 10 && stored + unstored == 100, "{stored} {unstored}");
    broker.come();
    a_while().await;
    assert_eq!(heard(&broker).len(), 100);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_link_without_a_file_is_kept_for_a_day_and_then_dropped() {
    let (_, house) = with_store();
    let book = house.hub.stored_queues();
    for (id, link) in [(1, "gone"), (2, "there"), (3, "bad")] {
        book.restore(
            id,
            QueuedAgain { link: link.into(), ..again("x/a/set", SystemTime::UNIX_EPOCH) },
            Moment::now(),
        );
    }
    let began = Instant::now();
    let mut orphans = Orphans::new(began);
    let mistakes = file::parse("bad", "bad.toml", "url = 7", &Limits::default()).unwrap_err();
    orphans.note(&crate::operator::Change::Bad("bad".into(), mistakes));
    let mut look = |hours| {
        orphans.look(&house.hub, began + Duration::from_hours(hours), |name| name == "there");
        book.unclaimed().into_keys().map(|name| name.to_string()).collect::<Vec<_>>()
    };
    for hours in [0, 1, 23] {
        assert_eq!(look(hours), ["bad", "gone", "there"]);
    }
    assert_eq!(look(24), ["bad", "there"]);
}
