//! What brokers keep does not go round. Circles of hubs and brokers are in `src/links/tests.rs`, with brokers in memory.

use std::time::Duration;

use tokio::time::sleep;

use crate::broker::Broker;
use crate::link;
use crate::mqtt::Mqtt;
use crate::support::{Client, Hub};

const EVERYTHING: &[(&str, &str)] = &[("both", "#")];

/// A hub with links of `both` and `#` to these brokers.
async fn hub(ports: &[u16], keys: &str) -> Hub {
    let files: Vec<_> = ports
        .iter()
        .enumerate()
        .map(|(at, port)| (format!("link{at}"), link(*port, keys, EVERYTHING)))
        .collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let hub = Hub::with_links(&files, &[]);
    crate::support::until("the links", || hub.log().matches("link is connected").count() == ports.len())
        .await;
    hub
}

/// What all links of a hub have carried.
async fn carried(hubs: &[Hub]) -> u64 {
    let mut sum = 0;
    for hub in hubs {
        for line in crate::metrics(hub).await.lines() {
            if line.starts_with("clown_hub_bridge_messages_") {
                sum += line.rsplit(' ').next().unwrap().parse::<u64>().unwrap_or(0);
            }
        }
    }
    sum
}

/// Waits until nothing is carried any more, and asserts that it stays so.
async fn falls_silent(hubs: &[Hub]) {
    crate::support::in_time("silence", async {
        let mut before = u64::MAX;
        loop {
            let now = carried(hubs).await;
            if now == before {
                return;
            }
            before = now;
            sleep(Duration::from_millis(400)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_hub_whose_own_last_values_are_retained_by_its_broker_restarts_without_a_circle() {
    let broker = Broker::nats().await;
    let hubs = [hub(&[broker.port], "version = '3.1.1'").await];
    let mut node = Client::open(&hubs[0], "/talk?side=node", r#"{"filters": []}"#).await;
    node.publish("x/a/t", "1").await;
    falls_silent(&hubs).await;
    drop(hubs);
    let hubs = [hub(&[broker.port], "version = '3.1.1'").await];
    let mut late = Client::open(&hubs[0], "/talk", r#"{"filters": ["x/#"]}"#).await;
    assert_eq!(late.hear().await, "[\"x/a/t\", 1]", "the broker gave it back");
    falls_silent(&hubs).await;
    late.hears_nothing().await;
}

#[tokio::test]
async fn what_a_node_said_while_the_broker_was_away_is_newer_than_what_the_broker_had_kept() {
    let mut broker = Broker::mosquitto().await;
    let hubs = [hub(&[broker.port], "version = '3.1.1'").await];
    let mut node = Client::open(&hubs[0], "/talk?side=node", r#"{"filters": []}"#).await;
    node.publish("x/a/t", "20").await;
    falls_silent(&hubs).await;
    broker.stop().await;
    hubs[0].logs("is lost").await;
    let mut page = Client::open(&hubs[0], "/talk", r#"{"filters": ["x/#"], "retained": false}"#).await;
    node.publish("x/a/t", "25").await;
    assert_eq!(page.hear().await, "[\"x/a/t\", 25]");
    broker.start().await;
    crate::support::until("the link", || hubs[0].log().matches("link is connected").count() == 2).await;
    falls_silent(&hubs).await;
    page.hears_nothing().await;
    let mut late = Client::open(&hubs[0], "/talk", r#"{"filters": ["x/#"]}"#).await;
    assert_eq!(late.hear().await, "[\"x/a/t\", 25]");
    let mut there = Mqtt::connect(broker.port, "there").await;
    there.subscribe("x/#").await;
    assert_eq!(there.hears().await, "x/a/t 25", "both have the same");
}
