//! Home Assistant at a broker that the hub has a link to: it is told what the rules carry, under the names that it has there.

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::figure;
use crate::mqtt::Mqtt;
use crate::support::{Client, Hub};

/// The file of a link: everything goes out below `clown/`, and commands come in.
fn file(port: u16, takes_commands: bool) -> String {
    let commands = if takes_commands {
        "[[rule]]\ndirection = 'in'\nfilter = 'nodes/+/+/+/+/set'\nremote_prefix = 'clown/'\nretain = 'never'\n"
    } else {
        ""
    };
    format!(
        "url = 'mqtt://127.0.0.1:{port}'\nhome_assistant = true\n\
         [[rule]]\ndirection = 'out'\nfilter = 'nodes/#'\nremote_prefix = 'clown/'\n{commands}"
    )
}

/// The next announcement of this component.
async fn announced(there: &mut Mqtt, component: &str) -> (String, Value) {
    loop {
        let said = there.hears().await;
        let (topic, payload) = said.split_once(' ').unwrap_or((&said, ""));
        if topic.starts_with(&format!("homeassistant/{component}/clown_")) {
            let config =
                if payload.is_empty() { Value::Null } else { serde_json::from_str(payload).unwrap() };
            return (topic.to_owned(), config);
        }
    }
}

#[tokio::test]
async fn it_is_told_at_the_broker_and_switches_a_relay_of_the_hub_from_there() {
    let mut broker = Broker::mosquitto().await;
    let mut there = Mqtt::connect(broker.port, "home-assistant").await;
    there.subscribe("homeassistant/#").await;
    let hub = Hub::with_links(&[("house", &file(broker.port, true))], &[]);
    hub.logs("link is connected").await;
    let mut node =
        Client::open(&hub, "/talk/nodes/attic/1?side=node", r#"{"filters": ["relay/+/set"]}"#).await;
    node.publish("relay/0", r#"{"state": null}"#).await;
    let (_, relay) = announced(&mut there, "switch").await;
    assert_eq!(relay["state_topic"], "clown/nodes/attic/1/relay/0");
    assert_eq!(relay["command_topic"], "clown/nodes/attic/1/relay/0/set");
    assert_eq!(relay["availability"][0]["topic"], "clown/nodes/attic/1/presence");
    there.subscribe("clown/nodes/attic/1/relay/0").await;
    let command = relay["command_topic"].as_str().unwrap();
    there.publish(command, relay["payload_on"].as_str().unwrap().as_bytes(), false).await;
    assert_eq!(node.two().await, [json!("relay/0/set"), json!({"state": true})]);
    node.publish("relay/0", r#"{"state": true}"#).await;
    while there.hears().await != r#"clown/nodes/attic/1/relay/0 {"state": true}"# {}

    // A broker that has lost everything is told again, from the last values.
    broker.kill().await;
    hub.logs("is lost").await;
    broker.start().await;
    let mut there = Mqtt::connect(broker.port, "home-assistant").await;
    there.subscribe("homeassistant/#").await;
    let (topic, again) = announced(&mut there, "switch").await;
    assert_eq!(again["unique_id"], relay["unique_id"]);
    // The relay is forgotten: it is taken back.
    node.publish_with("relay/0", "null", r#", "retain": true"#).await;
    loop {
        let (other, config) = announced(&mut there, "switch").await;
        if config.is_null() {
            assert_eq!(other, topic);
            break;
        }
    }
    let mut later = Mqtt::connect(broker.port, "later").await;
    later.subscribe("homeassistant/#").await;
    // Only the presence of the node is still there.
    assert!(later.hears().await.starts_with("homeassistant/binary_sensor/"));
}

#[tokio::test]
async fn where_no_rule_brings_commands_in_it_sees_states_and_no_switches() {
    let broker = Broker::mosquitto().await;
    let mut there = Mqtt::connect(broker.port, "home-assistant").await;
    there.subscribe("homeassistant/#").await;
    let hub = Hub::with_links(&[("house", &file(broker.port, false))], &[]);
    hub.logs("link is connected").await;
    let mut node = Client::open(&hub, "/talk?side=dashboard", r#"{"filters": []}"#).await;
    node.publish_with("nodes/attic/1/relay/0", r#"{"state": true}"#, r#", "retain": true"#).await;
    let (_, relay) = announced(&mut there, "binary_sensor").await;
    assert_eq!(relay["state_topic"], "clown/nodes/attic/1/relay/0");
    assert_eq!((relay.get("command_topic"), &relay["payload_on"]), (None, &json!("ON")));
}

#[tokio::test]
async fn what_one_word_changes_about_a_whole_node_takes_no_more_of_the_queue_than_is_free() {
    const TOPICS: usize = 40;
    let broker = Broker::mosquitto().await;
    let mut there = Mqtt::connect(broker.port, "home-assistant").await;
    there.subscribe("homeassistant/#").await;
    let text = format!("{}\n", file(broker.port, false)).replacen("home", "queue_messages = 10\nhome", 1);
    let hub = Hub::with_links(&[("house", &text)], &[]);
    hub.logs("link is connected").await;
    let mut node = Client::open(&hub, "/talk?side=dashboard", r#"{"filters": []}"#).await;
    for number in 0..TOPICS {
        let payload = r#"{"altitude": [361, "m"], "pressure": [97, "kPa"]}"#;
        node.publish(&format!("nodes/attic/barometer/{number}"), payload).await;
        for _ in 0..2 {
            announced(&mut there, "sensor").await;
        }
    }
    for firmware in ["one", "two"] {
        let info = format!("{{\"firmware\": \"{firmware}\"}}");
        node.publish("nodes/attic/info", &info).await;
        let mut told = std::collections::BTreeSet::new();
        while told.len() < 2 * TOPICS {
            let (topic, config) = announced(&mut there, "sensor").await;
            assert_eq!(config["device"]["model"], firmware);
            told.insert(topic);
        }
    }
    assert_eq!(figure(&hub, "house", "messages_lost_total").await, 0);
    assert_eq!(figure(&hub, "house", "messages_skipped_total").await, 0);
}
