//! What holds for every link, whatever is on its far side. One suite, run over a real broker by `over_mosquitto`, and over
//! one in memory by `src/links/tests.rs`, which includes this file.

use std::collections::BTreeMap;

/// Hubs with a link each, and what is on the far side.
pub(crate) trait World: Sized {
    /// A far side that is there, and nobody else.
    async fn new() -> Self;
    /// One more hub, with a link of these directions and filters; waits until the link is connected, unless the far side is
    /// away. Returns its number.
    async fn hub(&mut self, rules: &[(&str, &str)]) -> usize;
    /// A node of a hub publishes.
    async fn say(&mut self, hub: usize, topic: &str, payload: &str);
    /// The next message at a hub, as `topic payload`.
    async fn hears(&mut self, hub: usize) -> String;
    /// What the hub knows of a topic last, as `topic payload`.
    async fn knows(&mut self, hub: usize, topic: &str) -> String;
    /// Somebody who is no hub publishes at the far side.
    async fn far_says(&mut self, topic: &str, payload: &str, retain: bool);
    /// The next message that somebody who is no hub hears at the far side, as `topic payload`.
    async fn far_hears(&mut self) -> String;
    /// The far side goes; with all that it knows, or not.
    async fn goes(&mut self, forgets: bool);
    /// The far side is back, and so are the links.
    async fn comes(&mut self);
}

const BOTH: &[(&str, &str)] = &[("both", "x/#")];

pub(crate) async fn messages_are_carried_both_ways_in_order<W: World>() {
    let mut world = W::new().await;
    let hub = world.hub(BOTH).await;
    for n in 0..50 {
        world.say(hub, "x/out/set", &n.to_string()).await;
        world.far_says("x/in/set", &n.to_string(), false).await;
    }
    let (mut out, mut inward) = (Vec::new(), Vec::new());
    while out.len() < 50 {
        let heard = world.far_hears().await;
        out.extend(heard.strip_prefix("x/out/set ").map(|n| n.parse::<u32>().unwrap()));
    }
    while inward.len() < 50 {
        let heard = world.hears(hub).await;
        inward.extend(heard.strip_prefix("x/in/set ").map(|n| n.parse::<u32>().unwrap()));
    }
    assert_eq!((out, inward), ((0..50).collect(), (0..50).collect()));
}

pub(crate) async fn what_waits_while_the_far_side_is_away_comes_in_order_when_it_is_back<W: World>() {
    let mut world = W::new().await;
    let hub = world.hub(BOTH).await;
    world.say(hub, "x/a/set", "0").await;
    assert_eq!(world.far_hears().await, "x/a/set 0");
    world.goes(false).await;
    for n in 1..50 {
        world.say(hub, "x/a/set", &n.to_string()).await;
    }
    world.comes().await;
    for n in 1..50 {
        assert_eq!(world.far_hears().await, format!("x/a/set {n}"));
    }
}

pub(crate) async fn a_far_side_that_forgot_everything_is_asked_and_told_again<W: World>() {
    let mut world = W::new().await;
    let hub = world.hub(BOTH).await;
    world.say(hub, "x/out/t", "1").await;
    assert_eq!(world.far_hears().await, "x/out/t 1");
    world.goes(true).await;
    world.comes().await;
    assert_eq!(world.far_hears().await, "x/out/t 1", "the last value is told again");
    world.far_says("x/in/set", "2", false).await;
    while world.hears(hub).await != "x/in/set 2" {}
}

pub(crate) async fn last_values_that_were_there_before_are_taken_and_told_once<W: World>() {
    let mut world = W::new().await;
    world.far_says("x/far/t", "1", true).await;
    assert_eq!(world.far_hears().await, "x/far/t 1");
    let hub = world.hub(BOTH).await;
    assert_eq!(world.hears(hub).await, "x/far/t 1");
    assert_eq!(world.knows(hub, "x/far/t").await, "x/far/t 1");
    world.say(hub, "x/near/t", "2").await;
    assert_eq!(
        world.far_hears().await,
        "x/near/t 2",
        "and nothing before: what came from there does not go back"
    );
}

/// Two hubs at one broker: each message is seen once at each hub and at the broker, whoever said it.
pub(crate) async fn two_hubs_at_one_far_side_see_every_message_once<W: World>() {
    const EACH: usize = 10;
    let mut world = W::new().await;
    let hubs = [world.hub(BOTH).await, world.hub(BOTH).await];
    for n in 0..EACH {
        for hub in hubs {
            world.say(hub, &format!("x/{hub}/set"), &n.to_string()).await;
            world.say(hub, &format!("x/{hub}/t"), &n.to_string()).await;
        }
        world.far_says("x/far/t", &n.to_string(), n % 2 == 0).await;
    }
    let last = "x/end/set \"end\"";
    world.far_says("x/end/set", "\"end\"", false).await;
    for hub in hubs {
        let mut counts = BTreeMap::new();
        while counts.values().sum::<usize>() < 5 * EACH + 1 {
            *counts.entry(world.hears(hub).await).or_insert(0) += 1;
        }
        let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
        assert!(wrong.is_empty() && counts.contains_key(last), "{wrong:?} of {counts:?}");
    }
    let mut counts = BTreeMap::new();
    while counts.values().sum::<usize>() < 5 * EACH + 1 {
        *counts.entry(world.far_hears().await).or_insert(0) += 1;
    }
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}
