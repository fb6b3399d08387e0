//! What passes over a link, and how it looks on the other side.

use crate::broker::Broker;
use crate::mqtt::{MosquittoSub, Mqtt, mosquitto_pub};
use crate::support::{Client, Hub};
use crate::{figure, link};

/// What the manual of 2016 prints, over a broker: the relay is switched, the readings are seen, and those of the
/// gateway's own tree, `node/<id>/…`, too.
async fn the_bridge_is_seen_and_switched(broker: &Broker, version: &str) {
    let rules = [("both", "nodes/bridge/0/#"), ("both", "node/+/thermometer/#")];
    let file = link(broker.port, &format!("version = '{version}'"), &rules);
    let hub = Hub::with_links(&[("house", &file)], &["simulator.run=on"]);
    hub.logs("link is connected").await;
    let sub = MosquittoSub::start(broker.port, "nodes/bridge/0/#");
    let tree = MosquittoSub::start(broker.port, "node/+/thermometer/#");
    crate::support::until("a reading", || !sub.lines().is_empty()).await;
    let switch = |state: &str| {
        let set = ["-q", "1", "-t", "nodes/bridge/0/relay/i2c0-3b/set", "-m", state];
        mosquitto_pub(broker.port, &set);
    };
    for state in ["{\"state\": true}", "{\"state\": false}"] {
        switch(state);
        sub.prints(&format!("nodes/bridge/0/relay/i2c0-3b {state}")).await;
    }
    crate::support::until("readings", || {
        let is_reading =
            |line: &String| line.starts_with("nodes/bridge/0/thermometer/i2c0-48 {\"temperature\": [");
        sub.lines().iter().any(is_reading)
    })
    .await;
    // A number and nothing else, as the gateway sends it.
    crate::support::until("the gateway's tree", || {
        let is_reading = |line: &String| {
            let number = line.split_once("/temperature ").map(|(_, payload)| payload.parse::<f64>());
            line.starts_with("node/") && matches!(number, Some(Ok(_)))
        };
        tree.lines().iter().any(is_reading)
    })
    .await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": ["nodes/bridge/0/relay/+"]}"#).await;
    assert_eq!(here.hear().await, "[\"nodes/bridge/0/relay/i2c0-3b\", {\"state\": false}]");
    let switched = |line: &String| line.ends_with("relay/i2c0-3b {\"state\": true}");
    assert_eq!(sub.lines().iter().filter(|line| switched(line)).count(), 1, "{:?}", sub.lines());
}

#[tokio::test]
async fn mosquitto_pub_switches_the_relay_and_mosquitto_sub_shows_the_bridge_as_the_manual_prints_it() {
    the_bridge_is_seen_and_switched(&Broker::mosquitto().await, "5").await;
}

#[tokio::test]
async fn over_mosquitto_by_3_1_1_it_is_the_same() {
    the_bridge_is_seen_and_switched(&Broker::mosquitto().await, "3.1.1").await;
}

#[tokio::test]
async fn over_nats_by_3_1_1_it_is_the_same() {
    the_bridge_is_seen_and_switched(&Broker::nats().await, "3.1.1").await;
}

#[tokio::test]
async fn text_passes_unchanged_and_what_is_no_json_becomes_json_and_what_it_was() {
    let broker = Broker::mosquitto().await;
    let mut file = link(broker.port, "", &[("in", "text/#"), ("out", "out/#")]);
    file.push_str("[[rule]]\ndirection = 'in'\nfilter = 'drop/#'\ntext = 'drop'\n");
    file.push_str("[[rule]]\ndirection = 'out'\nfilter = 'bare/#'\ntext = 'bare'\n");
    let hub = Hub::with_links(&[("house", &file)], &[]);
    hub.logs("link is connected").await;
    let mut here = Client::open(&hub, "/talk", r##"{"filters": ["#"]}"##).await;
    let mut there = Mqtt::connect(broker.port, "there").await;
    for (payload, expected) in [
        (&b"20.10"[..], "20.10"),
        (b" {\"b\": 1e3,\n \"a\": [1.00]} ", "{\"b\": 1e3,  \"a\": [1.00]}"),
        (b"ON", "\"ON\""),
        (b"\xff\x00", "{\"$base64\":\"/wA=\"}"),
        (b"", "null"),
    ] {
        there.publish("text/a", payload, false).await;
        assert_eq!(here.hear().await, format!("[\"text/a\", {expected}]"));
    }
    there.publish("drop/a", b"ON", false).await;
    there.publish("čidlo/a", b"1", false).await;
    there.publish("drop/a", b"1", false).await;
    assert_eq!(here.hear().await, "[\"drop/a\", 1]");
    assert_eq!(figure(&hub, "house", "messages_refused_total").await, 1);
    there.subscribe("#").await;
    for (topic, payload, expected) in [
        ("out/a/set", "20.10", "20.10"),
        ("out/a/set", r#"{"$base64": "/wA="}"#, "\u{fffd}\0"),
        ("out/a/set", "\"ON\"", "\"ON\""),
        ("bare/a/set", "\"ON\"", "ON"),
    ] {
        here.say(&format!("[\"{topic}\", {payload}]")).await;
        assert_eq!(there.hears().await, format!("{topic} {expected}"));
    }
}

#[tokio::test]
async fn prefixes_rename_topics_both_ways() {
    let broker = Broker::mosquitto().await;
    let rule =
        "[[rule]]\ndirection = 'both'\nfilter = '#'\nlocal_prefix = 'garden/'\nremote_prefix = 'site/7/'\n";
    let file = link(broker.port, "", &[]) + rule;
    let hub = Hub::with_links(&[("house", &file)], &[]);
    hub.logs("link is connected").await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": ["garden/#"]}"#).await;
    let mut there = Mqtt::connect(broker.port, "there").await;
    there.subscribe("#").await;
    there.publish("site/7/čidlo/a", b"1", false).await;
    assert_eq!(here.hear().await, "[\"garden/čidlo/a\", 1]");
    assert_eq!(there.hears().await, "site/7/čidlo/a 1");
    here.say("[\"garden/lamp/set\", true]").await;
    assert_eq!(there.hears().await, "site/7/lamp/set true");
}

#[tokio::test]
async fn last_values_go_out_retained_once_on_connecting_and_then_as_they_change() {
    let broker = Broker::mosquitto().await;
    let hub = Hub::with_links(&[], &["retained.never=[\"x/pass/#\"]"]);
    let mut node = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
    for (topic, payload) in
        [("x/a/t", "1"), ("x/a/t", "2"), ("x/a/set", "3"), ("x/pass/t", "4"), ("y/a/t", "5")]
    {
        node.publish(topic, payload).await;
    }
    std::fs::write(hub.dir().join("bridges/house.toml"), link(broker.port, "", &[("out", "x/#")])).unwrap();
    hub.logs("link is connected").await;
    node.publish("x/b/t", "6").await;
    node.publish("x/b/set", "7").await;
    let mut there = Mqtt::connect(broker.port, "first").await;
    there.subscribe("x/#").await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let message = crate::support::in_time("a message", there.message()).await.unwrap();
        if message.retain {
            heard.push(message.text());
        }
    }
    heard.sort();
    assert_eq!(heard, ["x/a/t 2", "x/b/t 6"]);
    node.publish_with("x/a/t", "null", ", \"retain\": true").await;
    node.publish("x/b/t", "8").await;
    let mut seen = there.hears().await;
    while seen != "x/a/t " {
        seen = there.hears().await;
    }
    assert_eq!(there.hears().await, "x/b/t 8");
    let mut later = Mqtt::connect(broker.port, "later").await;
    later.subscribe("x/#").await;
    assert_eq!(later.hears().await, "x/b/t 8", "the other one was cleared");
}

#[tokio::test]
async fn what_comes_retained_is_a_last_value_and_an_empty_one_clears_it() {
    let broker = Broker::mosquitto().await;
    let mut there = Mqtt::connect(broker.port, "there").await;
    there.publish("a/t", b"1", true).await;
    there.publish("a/set", b"2", true).await;
    there.publish("b/never", b"3", true).await;
    let mut file = link(broker.port, "", &[("in", "a/#")]);
    file.push_str("[[rule]]\ndirection = 'in'\nfilter = 'b/#'\nretain = 'never'\n");
    file.push_str("[[rule]]\ndirection = 'in'\nfilter = 'c/#'\nretain = 'as-sent'\n");
    let hub = Hub::with_links(&[("house", &file)], &[]);
    hub.logs("link is connected").await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": ["c/#"]}"#).await;
    there.publish("c/kept", b"4", true).await;
    there.publish("c/passing", b"5", false).await;
    assert_eq!([here.hear().await, here.hear().await], ["[\"c/kept\", 4]", "[\"c/passing\", 5]"]);
    let mut late = Client::open(&hub, "/talk", r#"{"filters": ["a/#", "b/#", "c/#"]}"#).await;
    let mut values = [late.hear().await, late.hear().await];
    values.sort();
    assert_eq!(values, ["[\"a/t\", 1]", "[\"c/kept\", 4]"], "a command is never a last value");
    late.hears_nothing().await;
    there.publish("a/t", b"", true).await;
    assert_eq!(late.hear().await, "[\"a/t\", null]");
    let mut last = Client::open(&hub, "/talk", r#"{"filters": ["a/#"]}"#).await;
    last.hears_nothing().await;
}

#[tokio::test]
async fn every_qos_and_every_version_carries_both_ways() {
    let broker = Broker::mosquitto().await;
    for version in ["5", "3.1.1"] {
        for qos in 0..3 {
            let text = format!("[[rule]]\ndirection = 'both'\nfilter = 'q/{qos}/#'\nqos = {qos}\n");
            let file = link(broker.port, &format!("version = '{version}'"), &[]) + &text;
            let hub = Hub::with_links(&[("house", &file)], &[]);
            hub.logs("link is connected").await;
            let mut here = Client::open(&hub, "/talk", &format!("{{\"filters\": [\"q/{qos}/in/#\"]}}")).await;
            let mut there = Mqtt::connect(broker.port, "there").await;
            there.subscribe(&format!("q/{qos}/out/#")).await;
            for n in 0..20 {
                let q = qos.to_string();
                let topic = format!("q/{qos}/in/set");
                mosquitto_pub(broker.port, &["-q", &q, "-t", &topic, "-m", &n.to_string()]);
                assert_eq!(here.hear().await, format!("[\"q/{qos}/in/set\", {n}]"), "{version}");
                here.say(&format!("[\"q/{qos}/out/set\", {n}]")).await;
                assert_eq!(there.hears().await, format!("q/{qos}/out/set {n}"), "{version}");
            }
        }
    }
}

#[tokio::test]
async fn the_broker_is_told_whether_the_link_is_up() {
    let broker = Broker::mosquitto().await;
    let mut there = Mqtt::connect(broker.port, "there").await;
    there.subscribe("hubs/#").await;
    let file = link(broker.port, "status_topic = 'hubs/1'", &[("out", "x/#")]);
    let mut hub = Hub::with_links(&[("house", &file)], &[]);
    assert_eq!(there.hears().await, "hubs/1 online");
    hub.signal("TERM");
    hub.ended().await;
    assert_eq!(there.hears().await, "hubs/1 offline");
    let hub = Hub::with_links(&[("house", &file)], &[]);
    assert_eq!(there.hears().await, "hubs/1 online");
    hub.signal("KILL");
    assert_eq!(there.hears().await, "hubs/1 offline", "by the last will");
}
