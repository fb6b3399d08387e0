//! Hubs and brokers in circles: every message is seen once, and it falls silent when the publishers do.

use std::collections::BTreeMap;
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

/// Publishes readings and commands at every hub, and last values too; returns for each dashboard how often it saw each.
async fn seen(hubs: &[Hub], brokers: &[u16]) -> Vec<BTreeMap<String, usize>> {
    let mut dashboards = Vec::new();
    for hub in hubs {
        dashboards.push(Client::open(hub, "/talk", r#"{"filters": ["x/#"]}"#).await);
    }
    for (at, hub) in hubs.iter().enumerate() {
        let mut node = Client::open(hub, "/talk?side=node", r#"{"filters": []}"#).await;
        for n in 0..10 {
            node.publish(&format!("x/{at}/t"), &format!("1{at}{n:02}")).await;
            node.publish(&format!("x/{at}/set"), &format!("1{at}{n:02}")).await;
            node.publish("x/shared/t", &format!("\"{at}{n:02}\"")).await;
        }
    }
    for port in brokers {
        let mut mqtt = Mqtt::connect(*port, "foreign").await;
        for n in 0..10 {
            mqtt.publish(&format!("x/foreign/{port}"), format!("{n}").as_bytes(), n % 2 == 0).await;
        }
        falls_silent(hubs).await;
    }
    falls_silent(hubs).await;
    let mut all = Vec::new();
    for mut dashboard in dashboards {
        dashboard.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
        let mut counts = BTreeMap::new();
        loop {
            let heard = dashboard.hear().await;
            if heard.starts_with("[\"clown.talk") {
                break;
            }
            *counts.entry(heard).or_insert(0) += 1;
        }
        all.push(counts);
    }
    all
}

async fn each_once(hubs: &[Hub], brokers: &[u16]) {
    for counts in seen(hubs, brokers).await {
        let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(counts.len(), hubs.len() * 30 + brokers.len() * 10);
    }
}

#[tokio::test]
async fn two_hubs_and_a_broker_see_every_message_once() {
    let broker = Broker::mosquitto().await;
    let ports = [broker.port];
    each_once(&[hub(&ports, "").await, hub(&ports, "").await], &ports).await;
}

#[tokio::test]
async fn two_hubs_that_are_bridged_twice_see_every_message_once() {
    let (one, two) = (Broker::mosquitto().await, Broker::mosquitto().await);
    let ports = [one.port, two.port];
    each_once(&[hub(&ports, "").await, hub(&ports, "").await], &ports).await;
}

#[tokio::test]
async fn a_hub_with_two_links_to_one_broker_sees_every_message_once() {
    let broker = Broker::mosquitto().await;
    let ports = [broker.port, broker.port];
    each_once(&[hub(&ports, "").await, hub(&ports[..1], "").await], &ports[..1]).await;
}

#[tokio::test]
async fn a_ring_of_three_hubs_sees_every_message_once() {
    let (one, two, three) = (Broker::mosquitto().await, Broker::mosquitto().await, Broker::mosquitto().await);
    let hubs = [
        hub(&[one.port, two.port], "").await,
        hub(&[two.port, three.port], "").await,
        hub(&[three.port, one.port], "").await,
    ];
    each_once(&hubs, &[one.port, two.port, three.port]).await;
}

#[tokio::test]
async fn last_values_that_were_there_before_come_once_and_do_not_go_round() {
    let broker = Broker::mosquitto().await;
    let mut foreign = Mqtt::connect(broker.port, "foreign").await;
    for n in 0..20 {
        foreign.publish(&format!("x/{n}"), b"\"old\"", true).await;
    }
    let first = hub(&[broker.port], "").await;
    let mut node = Client::open(&first, "/talk?side=node", r#"{"filters": []}"#).await;
    node.publish("x/hub", "\"old\"").await;
    let hubs = [first, hub(&[broker.port], "").await];
    falls_silent(&hubs).await;
    for hub in &hubs {
        let mut late = Client::open(hub, "/talk", r#"{"filters": ["x/#"]}"#).await;
        late.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
        let mut values = Vec::new();
        loop {
            let heard = late.hear().await;
            if heard.starts_with("[\"clown.talk") {
                break;
            }
            values.push(heard);
        }
        assert_eq!(values.len(), 21, "{values:?}");
    }
    let before = carried(&hubs).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(carried(&hubs).await, before);
}

#[tokio::test]
async fn two_hubs_and_a_broker_of_3_1_1_see_every_message_once() {
    let broker = Broker::mosquitto().await;
    let ports = [broker.port];
    let keys = "version = '3.1.1'";
    each_once(&[hub(&ports, keys).await, hub(&ports, keys).await], &ports).await;
}

#[tokio::test]
async fn in_circles_of_3_1_1_every_message_is_seen_and_it_falls_silent() {
    let (one, two) = (Broker::mosquitto().await, Broker::mosquitto().await);
    let ports = [one.port, two.port];
    let keys = "version = '3.1.1'";
    let hubs = [hub(&ports, keys).await, hub(&ports, keys).await];
    for counts in seen(&hubs, &ports).await {
        assert_eq!(counts.len(), hubs.len() * 30 + ports.len() * 10);
    }
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
