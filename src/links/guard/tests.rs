use super::window::{MOST_REMEMBERED, REMEMBERED};
use super::*;
use proptest::prelude::*;
use std::time::Duration;

const MESSAGE: (&str, &[u8]) = ("a/b", b"1");

#[tokio::test(start_paused = true)]
async fn a_stamped_message_is_taken_once_and_never_where_it_was() {
    let guard = Guard::new("here", Instant::now());
    let now = Instant::now();
    let (one, two) = (guard.enter(false, now), guard.enter(false, now));
    let came = |link, text| guard.came(link, Some(&Stamp::parse(text).unwrap()), MESSAGE, now);
    assert_eq!(came(one, "far.1 far"), Verdict::New);
    assert_eq!(came(two, "far.1 far"), Verdict::Returned, "by another link");
    assert_eq!(came(two, "far.1 far other"), Verdict::Returned, "by another way");
    assert_eq!(came(one, "far.2 far"), Verdict::New, "another message of the same content");
    assert_eq!(came(one, "far.3 far here other"), Verdict::Returned);
    assert_eq!(came(one, "far.4 a b c d e f g h"), Verdict::Worn);
    assert_ne!(guard.foreign_stamp(), guard.foreign_stamp());
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_forgotten_after_a_while_and_bounded() {
    let guard = Guard::new("here", Instant::now());
    let link = guard.enter(true, Instant::now());
    let stamp = Stamp::parse("far.1 far").unwrap();
    assert_eq!(guard.came(link, Some(&stamp), MESSAGE, Instant::now()), Verdict::New);
    guard.went(MESSAGE, Instant::now());
    tokio::time::advance(REMEMBERED.mul_f64(0.99)).await;
    assert_eq!(guard.came(link, Some(&stamp), MESSAGE, Instant::now()), Verdict::Returned);
    tokio::time::advance(REMEMBERED * 2).await;
    assert_eq!(guard.came(link, Some(&stamp), MESSAGE, Instant::now()), Verdict::New);
    assert_eq!(guard.came(link, None, MESSAGE, Instant::now()), Verdict::New);
    for n in 0..3 * MOST_REMEMBERED {
        guard.went(("a", &n.to_be_bytes()), Instant::now());
        let inside = guard.inside.lock();
        assert!(inside.links_there[&link].owes.len() <= 2 * MOST_REMEMBERED);
    }
}

#[tokio::test(start_paused = true)]
async fn an_echo_is_swallowed_once_and_the_same_word_of_somebody_else_is_not() {
    let now = Instant::now();
    let guard = Guard::new("here", now);
    let link = guard.enter(true, now);
    guard.went(MESSAGE, now);
    assert_eq!(guard.came(link, None, MESSAGE, now), Verdict::Returned, "the echo");
    assert_eq!(guard.came(link, None, MESSAGE, now), Verdict::New, "somebody else");
    assert_eq!(guard.came(link, None, ("a/b", b"2"), now), Verdict::New, "another payload");
}

#[tokio::test(start_paused = true)]
async fn where_the_broker_repeats_nothing_a_single_link_swallows_nothing() {
    let now = Instant::now();
    let guard = Guard::new("here", now);
    let link = guard.enter(false, now);
    guard.went(MESSAGE, now);
    assert_eq!(guard.came(link, None, MESSAGE, now), Verdict::New);
}

#[tokio::test(start_paused = true)]
async fn what_one_link_sent_is_known_where_it_comes_back_by_another() {
    let now = Instant::now();
    let guard = Guard::new("here", now);
    let (one, two) = (guard.enter(false, now), guard.enter(true, now));
    guard.went(MESSAGE, now);
    assert_eq!(guard.came(two, None, MESSAGE, now), Verdict::Returned);
    assert_eq!(guard.came(one, None, MESSAGE, now), Verdict::New, "MQTT 5 would have kept the stamp");
}

#[tokio::test(start_paused = true)]
async fn a_circle_behind_our_back_wears_out_and_a_steady_sensor_does_not() {
    let guard = Guard::new("here", Instant::now());
    let link = guard.enter(false, Instant::now());
    guard.enter(false, Instant::now());
    let worn = |_| guard.came(link, None, MESSAGE, Instant::now()) == Verdict::Worn;
    assert_eq!((0..100).filter(|n| worn(*n)).count(), 100 - MOST_ALIKE as usize);
    for _ in 0..100 {
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(guard.came(link, None, ("c/d", b"ON"), Instant::now()), Verdict::New);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_of_a_broker_said_is_taken_once_by_whichever_way_it_comes_first() {
    let now = Instant::now();
    let guard = Guard::new("here", now);
    let (one, two) = (guard.enter(false, now), guard.enter(false, now));
    assert_eq!(guard.came(one, None, MESSAGE, now), Verdict::New, "from the broker itself");
    let by_another_hub = Stamp::parse("~far.1 far").unwrap();
    assert_eq!(guard.came(two, Some(&by_another_hub), MESSAGE, now), Verdict::Returned);
    assert_eq!(guard.came(one, None, MESSAGE, now), Verdict::New, "said again");
    assert_eq!(guard.came(two, None, MESSAGE, now), Verdict::Returned, "the same broker by two links");
    let began_at_a_hub = Stamp::parse("far.2 far").unwrap();
    guard.came(one, None, MESSAGE, now);
    assert_eq!(guard.came(two, Some(&began_at_a_hub), MESSAGE, now), Verdict::New);
}

/// Hubs and brokers of 3.1.1 in any arrangement: each hub passes on over its other links what it took from one.
fn falls_silent(links: &[(usize, usize)], rounds: usize) -> bool {
    let now = Instant::now();
    let hubs = 1 + links.iter().map(|(hub, _)| *hub).max().unwrap_or(0);
    let guards: Vec<_> = (0..hubs).map(|hub| Guard::new(&hub.to_string(), now)).collect();
    let ids: Vec<_> = links.iter().map(|(hub, _)| guards[*hub].enter(true, now)).collect();
    let mut on_the_way = std::collections::VecDeque::new();
    // From one hub, out over all of its links.
    let send = |hub: usize, not: Option<usize>, on_the_way: &mut std::collections::VecDeque<usize>| {
        for (link, (owner, broker)) in links.iter().enumerate() {
            if *owner == hub && Some(link) != not {
                guards[hub].went(MESSAGE, now);
                on_the_way.push_back(*broker);
            }
        }
    };
    send(0, None, &mut on_the_way);
    for _ in 0..rounds {
        let Some(broker) = on_the_way.pop_front() else { return true };
        for (link, (hub, its)) in links.iter().enumerate() {
            if *its == broker && guards[*hub].came(ids[link], None, MESSAGE, now) == Verdict::New {
                send(*hub, Some(link), &mut on_the_way);
            }
        }
    }
    false
}

proptest! {
    #[test]
    fn however_hubs_and_brokers_of_3_1_1_are_joined_a_message_comes_to_rest(
        links in prop::collection::vec((0..3_usize, 0..3_usize), 1..7),
    ) {
        prop_assert!(falls_silent(&links, 5_000), "{links:?}");
    }
}
