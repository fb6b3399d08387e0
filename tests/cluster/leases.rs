//! A relay is on for a time only, its holder is at one hub and its node at another: it goes off, whatever breaks.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::nats::Node;
use crate::support::{Client, Hub, in_time};
use crate::{connected, figure_is, hub};

/// The relay of the simulated bridge.
const STATE: &str = "nodes/bridge/0/relay/i2c0-3b";

/// A hub with the simulated nodes.
async fn hub_of_the_node(nodes: &[&Node]) -> Hub {
    hub("b", nodes, &["simulator.run=demo"]).await
}

/// Somebody who looks at the relay, at the hub of the node.
async fn watcher(hub: &Hub) -> Client {
    Client::open(hub, "/talk", &json!({"filters": [STATE]}).to_string()).await
}

/// Waits until the relay has said that it is so.
async fn until_it_says(watcher: &mut Client, is_on: bool) {
    in_time("the relay", async {
        loop {
            let [_, payload] = watcher.two().await;
            if payload["state"] == is_on {
                return;
            }
        }
    })
    .await;
}

/// The relay is on from now on, for so many seconds.
async fn switches_on(phone: &mut Client, seconds: u32) {
    let command = format!(
        r#"["{STATE}/set", {{"state": true}}, {{"id": 1, "confirm": 20, "lease": {seconds}, "safe": {{"state": false}}}}]"#
    );
    let answer = phone.asks(&command, "publish/ok").await;
    assert_eq!((&answer["confirmed"]["state"], &answer["lease"]), (&json!(true), &json!(f64::from(seconds))));
}

async fn phone(hub: &Hub) -> Client {
    Client::open(hub, "/talk", r#"{"filters": []}"#).await
}

#[tokio::test]
async fn the_phone_vanishes_and_the_relay_of_another_hub_goes_off() {
    let nodes = Node::nodes(2).await;
    let (a, b) = (hub("a", &[&nodes[0]], &[]).await, hub_of_the_node(&[&nodes[1]]).await);
    let (mut watcher, mut phone) = (watcher(&b).await, phone(&a).await);
    switches_on(&mut phone, 600).await;
    until_it_says(&mut watcher, true).await;
    assert_eq!((a.figure("leases_count").await, b.figure("leases_count").await), (1, 1));
    drop(phone);
    until_it_says(&mut watcher, false).await;
    // The relay has reported it, so nobody owes anything.
    for hub in [&a, &b] {
        figure_is(hub, "leases_count", |count| count == 0).await;
    }
}

#[tokio::test]
async fn the_hub_of_the_phone_is_killed_and_the_relay_of_another_hub_goes_off_at_its_time() {
    let nodes = Node::nodes(2).await;
    let (a, b) = (hub("a", &[&nodes[0]], &[]).await, hub_of_the_node(&[&nodes[1]]).await);
    let (mut watcher, mut phone) = (watcher(&b).await, phone(&a).await);
    switches_on(&mut phone, 3).await;
    until_it_says(&mut watcher, true).await;
    a.killed().await;
    until_it_says(&mut watcher, false).await;
    figure_is(&b, "leases_count", |count| count == 0).await;
}

#[tokio::test]
async fn the_servers_are_away_and_the_relay_of_another_hub_goes_off_at_its_time() {
    let mut nodes = Node::nodes(2).await;
    let (a, b) = (hub("a", &[&nodes[0]], &[]).await, hub_of_the_node(&[&nodes[1]]).await);
    let (mut watcher, mut phone) = (watcher(&b).await, phone(&a).await);
    switches_on(&mut phone, 8).await;
    until_it_says(&mut watcher, true).await;
    for node in &mut nodes {
        node.kill().await;
    }
    for hub in [&a, &b] {
        figure_is(hub, "cluster_connected", |connected| connected == 0).await;
        assert_eq!(hub.figure("leases_ended").await, 0, "the servers were away before its time");
    }
    drop(phone);
    until_it_says(&mut watcher, false).await;
    // What was said meanwhile changes nothing when they are back.
    for node in &mut nodes {
        node.start().await;
    }
    for hub in [&a, &b] {
        connected(hub).await;
        figure_is(hub, "cluster_queue_messages", |waiting| waiting == 0).await;
        figure_is(hub, "leases_count", |count| count == 0).await;
    }
    let mut late = self::watcher(&b).await;
    assert_eq!(late.two().await[1]["state"], false);
}

#[tokio::test]
async fn what_was_switched_on_while_the_servers_were_away_and_is_over_is_not_switched_on_later() {
    let mut node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[]).await);
    let mut relay = Client::open(&b, "/talk?side=node", r#"{"filters": ["relay/set"]}"#).await;
    let mut phone = phone(&a).await;
    node.kill().await;
    for hub in [&a, &b] {
        figure_is(hub, "cluster_connected", |connected| connected == 0).await;
    }
    let command = r#"["relay/set", true, {"id": 1, "lease": 1, "safe": false}]"#;
    phone.asks(command, "publish/ok").await;
    figure_is(&a, "leases_ended", |ended| ended == 1).await;
    sleep(Duration::from_millis(300)).await;
    node.start().await;
    assert_eq!(relay.two().await, [json!("relay/set"), json!(false)]);
    relay.say(r#"["relay", false]"#).await;
    figure_is(&a, "leases_count", |count| count == 0).await;
    // The safe one may come again, and nothing else.
    relay.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
    loop {
        let [topic, payload] = relay.two().await;
        if topic == "clown.talk/-/subscription/ok" {
            return;
        }
        assert_eq!((topic, payload), (json!("relay/set"), json!(false)));
    }
}

#[tokio::test]
async fn a_lease_that_is_given_again_and_again_does_not_end_in_between_at_either_hub() {
    let nodes = Node::nodes(2).await;
    let (a, b) = (hub("a", &[&nodes[0]], &[]).await, hub_of_the_node(&[&nodes[1]]).await);
    let (mut watcher, mut phone) = (watcher(&b).await, phone(&a).await);
    // The first one would end before the last one is given.
    for _ in 0..10 {
        switches_on(&mut phone, 5).await;
        until_it_says(&mut watcher, true).await;
        sleep(Duration::from_millis(700)).await;
    }
    assert_eq!(a.figure("leases_ended").await + b.figure("leases_ended").await, 0);
    // Of two hubs that run it the one that took it ends it, and the other one has nothing to add.
    until_it_says(&mut watcher, false).await;
    for hub in [&a, &b] {
        figure_is(hub, "leases_count", |count| count == 0).await;
    }
    sleep(Duration::from_secs(3)).await;
    watcher.hears_nothing().await;
}

#[tokio::test]
async fn a_command_without_a_lease_at_a_third_hub_ends_it_at_all() {
    let node = Node::single().await;
    let (a, b, c) =
        (hub("a", &[&node], &[]).await, hub_of_the_node(&[&node]).await, hub("c", &[&node], &[]).await);
    let (mut watcher, mut phone, mut other) = (watcher(&b).await, phone(&a).await, phone(&c).await);
    switches_on(&mut phone, 6).await;
    until_it_says(&mut watcher, true).await;
    other.publish(&format!("{STATE}/set"), r#"{"state": true}"#).await;
    for hub in [&a, &b] {
        figure_is(hub, "leases_count", |count| count == 0).await;
    }
    sleep(Duration::from_secs(8)).await;
    assert_eq!(a.figure("leases_ended").await + b.figure("leases_ended").await, 0);
    drop(watcher);
    let mut late = self::watcher(&b).await;
    assert_eq!(late.two().await[1]["state"], true);
}

#[tokio::test]
async fn who_gives_the_lease_at_another_hub_holds_it_from_then_on() {
    let node = Node::single().await;
    let (a, b, c) =
        (hub("a", &[&node], &[]).await, hub_of_the_node(&[&node]).await, hub("c", &[&node], &[]).await);
    let (mut watcher, mut first, mut second) = (watcher(&b).await, phone(&a).await, phone(&c).await);
    switches_on(&mut first, 600).await;
    switches_on(&mut second, 600).await;
    figure_is(&a, "leases_count", |count| count == 0).await;
    figure_is(&b, "leases_count", |count| count == 1).await;
    drop(first);
    figure_is(&a, "clients_connected", |clients| clients == 1).await;
    assert_eq!(a.figure("leases_ended").await, 0);
    drop(second);
    until_it_says(&mut watcher, false).await;
}

#[tokio::test]
async fn the_node_is_at_another_hub_by_then_and_is_told_there() {
    let nodes = Node::nodes(3).await;
    let (a, b, c) = (
        hub("a", &[&nodes[0]], &[]).await,
        hub("b", &[&nodes[1]], &[]).await,
        hub("c", &[&nodes[2]], &[]).await,
    );
    let settings = r#"{"filters": ["relay/set"]}"#;
    let mut relay = Client::open(&b, "/talk/n?side=node", settings).await;
    let mut phone = phone(&a).await;
    let command = r#"["n/relay/set", true, {"id": 1, "lease": 600, "safe": false}]"#;
    in_time("the command at the node", async {
        loop {
            phone.asks(command, "publish/ok").await;
            if timeout(Duration::from_secs(1), relay.two()).await.is_ok() {
                return;
            }
        }
    })
    .await;
    // It is on, and its hub dies. While it is nowhere the phone vanishes.
    b.killed().await;
    drop((phone, relay));
    figure_is(&a, "leases_ended", |ended| ended == 1).await;
    let mut relay = Client::open(&c, "/talk/n?side=node", settings).await;
    assert_eq!(relay.two().await, [json!("relay/set"), json!(false)]);
    relay.say(r#"["relay", false]"#).await;
    figure_is(&a, "leases_count", |count| count == 0).await;
}

#[tokio::test]
async fn both_hubs_die_and_the_one_with_the_node_ends_the_lease_when_it_is_back() {
    let node = Node::single().await;
    let store = tempfile::tempdir().unwrap();
    let stored = format!("store.directory={}", store.path().display());
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[&stored]).await);
    let settings = r#"{"filters": ["relay/set"]}"#;
    let mut relay = Client::open(&b, "/talk/n?side=node", settings).await;
    let mut phone = phone(&a).await;
    phone.asks(r#"["n/relay/set", true, {"id": 1, "lease": 2, "safe": false}]"#, "publish/ok").await;
    assert_eq!(relay.two().await, [json!("relay/set"), json!(true)]);
    // Until it is on the disk: what was there before the second write from now on.
    let writes = b.figure("store_writes").await;
    figure_is(&b, "store_writes", |now| now >= writes + 2).await;
    a.killed().await;
    b.killed().await;
    sleep(Duration::from_secs(3)).await;
    let b = hub("b", &[&node], &[&stored]).await;
    let mut relay = Client::open(&b, "/talk/n?side=node", settings).await;
    assert_eq!(relay.two().await, [json!("relay/set"), json!(false)]);
    let leases = Client::open(&b, "/talk", r#"{"filters": []}"#)
        .await
        .asks(r##"["clown.talk/-/lease/get", {"filters": ["#"]}]"##, "lease/ok")
        .await;
    let told: &Value = &leases["leases"][0];
    assert_eq!((&told["topic"], &told["holder"]), (&json!("n/relay/set"), &json!("cluster:a:clown")));
    assert_eq!(told["owed"], true);
}

#[tokio::test]
async fn a_node_that_was_away_when_the_lease_ended_is_told_when_it_is_back_however_late() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[]).await);
    let settings = r#"{"filters": ["relay/set"]}"#;
    let mut relay = Client::open(&b, "/talk/n?side=node", settings).await;
    let mut phone = phone(&a).await;
    phone.asks(r#"["n/relay/set", true, {"id": 1, "lease": 600, "safe": false}]"#, "publish/ok").await;
    assert_eq!(relay.two().await, [json!("relay/set"), json!(true)]);
    drop(relay);
    figure_is(&b, "clients_connected", |clients| clients == 1).await;
    drop(phone);
    figure_is(&b, "leases_owed", |owed| owed == 1).await;
    // The hub that took it has gone for ever, and the one of the node remembers.
    a.killed().await;
    let mut relay = Client::open(&b, "/talk/n?side=node", settings).await;
    assert_eq!(relay.two().await, [json!("relay/set"), json!(false)]);
    relay.say(r#"["relay", false]"#).await;
    figure_is(&b, "leases_count", |count| count == 0).await;
}

#[tokio::test]
async fn a_hub_that_comes_back_does_not_end_the_lease_that_its_client_has_taken_elsewhere_meanwhile() {
    let node = Node::single().await;
    let store = tempfile::tempdir().unwrap();
    let stored = format!("store.directory={}", store.path().display());
    let (a, b, c) = (
        hub("a", &[&node], &[&stored]).await,
        hub_of_the_node(&[&node]).await,
        hub("c", &[&node], &[]).await,
    );
    let (mut watcher, mut first, mut second) = (watcher(&b).await, phone(&a).await, phone(&c).await);
    switches_on(&mut first, 4).await;
    until_it_says(&mut watcher, true).await;
    a.killed().await;
    switches_on(&mut second, 600).await;
    let a = hub("a", &[&node], &[&stored]).await;
    // It remembers, and sends the safe command at the time of before.
    figure_is(&a, "leases_ended", |ended| ended == 1).await;
    figure_is(&b, "cluster_messages_overtaken", |overtaken| overtaken >= 1).await;
    figure_is(&c, "cluster_messages_overtaken", |overtaken| overtaken >= 1).await;
    assert_eq!((b.figure("leases_count").await, c.figure("leases_count").await), (1, 1));
    let mut late = self::watcher(&b).await;
    assert_eq!(late.two().await[1]["state"], true);
    drop(second);
    until_it_says(&mut watcher, false).await;
}
