//! Servers end, stand still and come back, under load: every message is counted.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::load::{Load, a_second};
use crate::nats::Node;
use crate::support::{Client, Hub};
use crate::{connected, figure_is, hub, so_long, unconnected};

/// What the hubs have counted as missing in all.
async fn missing(hubs: [&Hub; 2]) -> u64 {
    let mut missing = 0;
    for hub in hubs {
        missing += hub.figure("cluster_messages_missing").await;
        assert_eq!(hub.figure("cluster_messages_refused").await, 0);
        assert_eq!(hub.figure("cluster_messages_lost").await, 0);
        assert_eq!(hub.figure("cluster_messages_skipped").await, 0);
    }
    missing
}

/// After so long a hub that comes back waits for the others before it says what has waited.
const LONG_AWAY: Duration = Duration::from_millis(300);

#[tokio::test]
async fn every_message_arrives_once_and_in_order_both_ways() {
    let nodes = Node::nodes(3).await;
    let (a, b) = (hub("a", &[&nodes[0]], &[]).await, hub("b", &[&nodes[1]], &[]).await);
    let there = Load::start(&a, &b, "there", a_second()).await;
    let back = Load::start(&b, &a, "back", a_second()).await;
    sleep(so_long(3, 60)).await;
    let (there, back) = (there.finish().await, back.finish().await);
    println!("{there:?} {back:?}");
    for count in [there, back] {
        assert_eq!((count.arrived, count.again), (count.sent, 0));
    }
    assert_eq!(missing([&a, &b]).await, 0);
    for hub in [&a, &b] {
        assert_eq!(hub.figure("messages_skipped").await + hub.figure("messages_lost").await, 0);
    }
}

#[tokio::test]
async fn a_node_that_is_killed_costs_only_what_is_counted() {
    let mut nodes = Node::nodes(3).await;
    let (a, b) = (hub("a", &[&nodes[0]], &[]).await, hub("b", &[&nodes[1]], &[]).await);
    let there = Load::start(&a, &b, "there", a_second()).await;
    let back = Load::start(&b, &a, "back", a_second()).await;
    there.goes_on(a_second() / 2).await;
    back.goes_on(a_second() / 2).await;
    // The one that a hub is connected to; it goes to another by itself.
    nodes[0].kill().await;
    figure_is(&a, "cluster_connects", |connects| connects >= 2).await;
    there.goes_on(a_second() / 2).await;
    back.goes_on(a_second() / 2).await;
    nodes[0].start().await;
    nodes[1].kill().await;
    figure_is(&b, "cluster_connects", |connects| connects >= 2).await;
    connected(&b).await;
    there.goes_on(a_second()).await;
    back.goes_on(a_second()).await;
    let (there, back) = (there.finish().await, back.finish().await);
    let missing = missing([&a, &b]).await;
    println!("{there:?} {back:?} missing {missing}");
    assert_eq!((there.again, back.again), (0, 0));
    assert_eq!(there.lost() + back.lost(), missing);
}

#[tokio::test]
async fn a_node_that_stands_still_is_noticed_and_left() {
    let nodes = Node::nodes(3).await;
    // What waits until that is noticed is not to give way, on a slow machine either.
    let wide = ["cluster.queue_messages=1000000", "cluster.queue_bytes=500000000"];
    let (a, b) = (hub("a", &[&nodes[0]], &wide).await, hub("b", &[&nodes[1]], &wide).await);
    let there = Load::start(&a, &b, "there", a_second()).await;
    let back = Load::start(&b, &a, "back", a_second()).await;
    there.goes_on(a_second() / 2).await;
    back.goes_on(a_second() / 2).await;
    nodes[0].signal("STOP");
    // A connection that is made by the others does not lead there again.
    figure_is(&a, "cluster_connects", |connects| connects >= 2).await;
    connected(&a).await;
    there.goes_on(a_second() / 2).await;
    back.goes_on(a_second() / 2).await;
    nodes[0].signal("CONT");
    there.goes_on(a_second() / 2).await;
    back.goes_on(a_second() / 2).await;
    let (there, back) = (there.finish().await, back.finish().await);
    let missing = missing([&a, &b]).await;
    println!("{there:?} {back:?} missing {missing}");
    assert_eq!((there.again, back.again), (0, 0));
    assert_eq!(there.lost() + back.lost(), missing);
}

#[tokio::test]
async fn while_the_cluster_is_away_local_life_goes_on_and_what_waits_goes_out_afterwards() {
    let mut node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[]).await);
    let mut there = Client::open(&b, "/talk", r#"{"filters": ["t/#"]}"#).await;
    let mut writer = Client::open(&a, "/talk", r#"{"filters": []}"#).await;
    writer.publish("t/set", "0").await;
    assert_eq!(there.two().await[1], 0);
    node.kill().await;
    for hub in [&a, &b] {
        figure_is(hub, "cluster_connected", |connected| connected == 0).await;
        hub.logs("the connection to the cluster has ended").await;
        hub.logs("no server of the cluster is there").await;
        assert_eq!(hub.request("GET", "/healthz?ready", &[], "").await.status(), 503);
        assert_eq!(hub.request("GET", "/healthz", &[], "").await.status(), 200);
    }
    // Nobody waits for what is not there.
    let mut here = Client::open(&a, "/talk", r#"{"filters": ["t/#"]}"#).await;
    for n in 1..=500 {
        writer.publish("t/set", &n.to_string()).await;
        assert_eq!(here.two().await[1], n);
    }
    assert_eq!(a.figure("cluster_queue_messages").await, 500);
    sleep(LONG_AWAY).await;
    node.start().await;
    for n in 1..=500 {
        assert_eq!(there.two().await[1], n);
    }
    assert_eq!(a.request("GET", "/healthz?ready", &[], "").await.status(), 200);
    assert_eq!(a.figure("cluster_late").await + b.figure("cluster_messages_missing").await, 0);
}

#[tokio::test]
async fn what_waits_is_bounded_and_the_newest_reading_of_each_topic_stays() {
    let mut node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &["cluster.queue_messages=20"]).await, hub("b", &[&node], &[]).await);
    let mut there = Client::open(&b, "/talk", r#"{"filters": ["t/#"]}"#).await;
    let mut writer = Client::open(&a, "/talk", r#"{"filters": []}"#).await;
    node.kill().await;
    figure_is(&a, "cluster_connected", |connected| connected == 0).await;
    for n in 0..100 {
        writer.publish("t/reading", &n.to_string()).await;
    }
    for n in 0..10 {
        writer.publish("t/x/set", &n.to_string()).await;
    }
    figure_is(&a, "cluster_messages_skipped", |skipped| skipped >= 90).await;
    a.logs("the queue for other hubs is full").await;
    let skipped = a.figure("cluster_messages_skipped").await;
    sleep(LONG_AWAY).await;
    node.start().await;
    let (mut readings, mut commands) = (Vec::new(), Vec::new());
    while commands.len() < 10 {
        let [topic, payload] = there.two().await;
        let list = if topic == "t/reading" { &mut readings } else { &mut commands };
        list.push(payload.as_u64().unwrap());
    }
    assert_eq!(commands, (0..10).collect::<Vec<_>>());
    assert_eq!((readings.last(), readings.len() as u64 + skipped), (Some(&99), 100));
}

#[tokio::test]
async fn a_hub_starts_before_its_servers() {
    let mut node = Node::absent();
    let a = unconnected("a", &[&node], &[]);
    let mut client = Client::open(&a, "/talk", r#"{"filters": ["t"]}"#).await;
    a.logs("no server of the cluster is there").await;
    node.start().await;
    connected(&a).await;
    let b = hub("b", &[&node], &[]).await;
    let mut writer = Client::open(&b, "/talk", r#"{"filters": []}"#).await;
    figure_is(&a, "cluster_subscriptions", |subscriptions| subscriptions == 1).await;
    client.asks(r#"["clown.talk/-/subscription/add", {"filters": ["u"]}]"#, "subscription/ok").await;
    writer.publish("t", "1").await;
    assert_eq!(client.two().await, [json!("t"), json!(1)]);
}
