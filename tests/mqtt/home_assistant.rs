//! Home Assistant as a client of the hub: it learns what nodes there are from what is retained below its prefix, and switches them by
//! the topics that it finds there. What it is told is held to a list of the keys that its components take: the code of Home Assistant itself
//! is not there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::device::{Device, V5};
use crate::support::{Client, Hub, basic, run_to_the_end};

/// The hub with simulated nodes of both generations, whose time goes fast.
const HOUSE: &[&str] =
    &["mqtt.listen=127.0.0.1:0", "mqtt.home_assistant=true", "simulator.run=on", "simulator.speed=50"];
const RELAY: &str = "nodes/bridge/0/relay/i2c0-3b";

/// Keys that a component takes beside those of all: from the pages of the integrations at home-assistant.io, by hand.
const KEYS: [(&str, &[&str]); 6] = [
    ("sensor", &["device_class", "state_class", "unit_of_measurement", "value_template"]),
    ("binary_sensor", &["device_class", "entity_category", "payload_on", "payload_off", "value_template"]),
    ("switch", &["command_topic", "payload_on", "payload_off", "state_on", "state_off", "value_template"]),
    (
        "light",
        &[
            "command_topic",
            "payload_on",
            "payload_off",
            "state_value_template",
            "schema",
            "command_on_template",
            "command_off_template",
            "red_template",
            "green_template",
            "blue_template",
        ],
    ),
    ("select", &["command_topic", "options", "command_template", "value_template"]),
    ("event", &["device_class", "event_types", "value_template"]),
];
const KEYS_OF_ALL: &[&str] = &["name", "unique_id", "state_topic", "device", "origin", "availability"];

/// What was announced, by topic.
#[derive(Default)]
struct House(BTreeMap<String, Value>);

impl House {
    /// Reads announcements until it knows enough.
    async fn reads_until(&mut self, device: &mut Device, knows: impl Fn(&Self) -> bool) {
        while !knows(self) {
            let message = device.message().await;
            if message.payload.is_empty() {
                self.0.remove(&message.topic);
            } else {
                let config = serde_json::from_slice(&message.payload).unwrap();
                self.0.insert(message.topic, config);
            }
        }
    }

    /// The component of this kind with this topic of its state, or of its commands.
    fn find(&self, component: &str, topic: &str) -> Option<&Value> {
        let is_it = |config: &Value| config["state_topic"] == topic || config["command_topic"] == topic;
        let mut all = self.0.iter().filter(|(place, _)| place.split('/').nth(1) == Some(component));
        all.find_map(|(_, config)| is_it(config).then_some(config))
    }

    fn ends_with(&self, component: &str, end: &str) -> bool {
        let said = |config: &Value| {
            let topic = config["state_topic"].as_str().or(config["command_topic"].as_str());
            topic.is_some_and(|topic| topic.ends_with(end)) && config.get("availability").is_some()
        };
        self.0.iter().any(|(place, config)| place.split('/').nth(1) == Some(component) && said(config))
    }
}

#[tokio::test]
async fn it_finds_the_nodes_of_both_generations_and_switches_a_relay_by_what_it_found() {
    let hub = Hub::with(HOUSE);
    let mut assistant = Device::connect(&hub, V5, "home-assistant").await;
    assistant.subscribe("homeassistant/#", 0).await;
    let mut house = House::default();
    let mut hand = Device::connect(&hub, V5, "hand").await;
    asks_what_is_switched_how_it_is(&mut hand).await;
    let wanted = [
        ("sensor", "thermometer/i2c0-48"),
        ("sensor", "barometer/i2c0-60"),
        ("switch", "relay/i2c0-3b"),
        ("select", "led/-"),
        ("sensor", "battery/-/voltage"),
        ("sensor", "thermometer/0:1/temperature"),
        ("switch", "relay/-/state"),
        ("light", "led/-/state"),
        ("light", "led-strip/-/color/set"),
        ("event", "push-button/-/event-count"),
    ];
    house
        .reads_until(&mut assistant, |house| {
            let is_there = house.find("binary_sensor", "nodes/bridge/0/presence").is_some();
            is_there && wanted.iter().all(|(component, end)| house.ends_with(component, end))
        })
        .await;
    for (topic, config) in &house.0 {
        let component = topic.split('/').nth(1).unwrap();
        let own = KEYS.iter().find(|(name, _)| *name == component).unwrap().1;
        for key in config.as_object().unwrap().keys() {
            assert!(own.contains(&&**key) || KEYS_OF_ALL.contains(&&**key), "{component} takes no {key}");
        }
        assert!(topic.ends_with(&format!("/{}/config", config["unique_id"].as_str().unwrap())), "{topic}");
        assert!(config["device"]["identifiers"][0].is_string() && config["origin"]["name"].is_string());
    }

    let thermometer = house.find("sensor", "nodes/bridge/0/thermometer/i2c0-48").unwrap();
    assert_eq!(thermometer["unit_of_measurement"], "°C");
    assert_eq!(thermometer["device_class"], "temperature");
    assert_eq!(thermometer["state_class"], "measurement");
    assert_eq!(thermometer["availability"][0]["topic"], "nodes/bridge/0/presence");
    let relay = house.find("switch", RELAY).unwrap().clone();
    assert_eq!(relay["device"], thermometer["device"], "they are one device");

    let (state, command) = (relay["state_topic"].as_str().unwrap(), relay["command_topic"].as_str().unwrap());
    hand.subscribe(state, 0).await;
    for (payload, is_on) in [("payload_on", true), ("payload_off", false)] {
        hand.say(command, relay[payload].as_str().unwrap()).await;
        let expected = json!({"state": is_on});
        loop {
            let message = hand.message().await;
            if message.topic == state
                && serde_json::from_slice::<Value>(&message.payload).unwrap() == expected
            {
                break;
            }
        }
    }
}

/// What is switched says nothing of itself until somebody asks, as the page does.
async fn asks_what_is_switched_how_it_is(hand: &mut Device) {
    for topic in ["relay/i2c0-3b", "led/-"] {
        hand.say(&format!("nodes/bridge/0/{topic}/get"), "{}").await;
    }
    hand.subscribe("node/+/info", 0).await;
    loop {
        let message = hand.message().await;
        if message.text().contains("power-module") {
            let node = message.topic.strip_suffix("/info").unwrap();
            for topic in ["relay/-/state", "led/-/state"] {
                hand.say(&format!("{node}/{topic}/get"), "null").await;
            }
            return;
        }
    }
}

#[tokio::test]
async fn what_is_announced_is_retained_and_goes_with_its_node() {
    let hub =
        Hub::with(&["mqtt.listen=127.0.0.1:0", "mqtt.home_assistant=true", "mqtt.home_assistant_prefix=ha"]);
    let mut node = Client::open(&hub, "/talk/nodes/attic/1?side=node", r#"{"filters": []}"#).await;
    node.publish("thermometer/0", r#"{"temperature": [20.5, "℃"]}"#).await;
    let mut assistant = Device::connect(&hub, V5, "home-assistant").await;
    assistant.subscribe("ha/#", 0).await;
    let mut house = House::default();
    house.reads_until(&mut assistant, |house| house.ends_with("sensor", "attic/1/thermometer/0")).await;
    // Who comes later finds it as a last value.
    let mut later = Device::connect(&hub, V5, "later").await;
    later.subscribe("ha/sensor/#", 0).await;
    assert!(later.message().await.retain);
    node.publish_with("thermometer/0", "null", r#", "retain": true"#).await;
    house
        .reads_until(&mut assistant, |house| !house.0.keys().any(|topic| topic.starts_with("ha/sensor/")))
        .await;
    // The announcements have no history, and are no node.
    let headers = [("Authorization", &*basic("clown", "bigclown"))];
    let nodes = hub.request("GET", "/api/nodes", &headers, "").await;
    assert!(!nodes.body().contains("\"ha"), "{}", nodes.body());
}

#[tokio::test]
async fn what_was_forgotten_while_nobody_announced_is_taken_back_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let announces = &["mqtt.listen=127.0.0.1:0", "mqtt.home_assistant=true"];
    let headers = [("Authorization", &*basic("clown", "bigclown"))];
    let path = "/api/topics?filter=homeassistant/%23";
    let hub = Hub::with_store(folder.path(), announces);
    let mut dashboard = Client::open(&hub, "/talk", r#"{"filters": ["homeassistant/#"]}"#).await;
    let mut node = Client::open(&hub, "/talk/nodes/attic/1?side=node", r#"{"filters": []}"#).await;
    node.publish("relay/0", r#"{"state": true}"#).await;
    node.publish("thermometer/0", r#"{"temperature": [20.5, "℃"]}"#).await;
    while !dashboard.two().await[0].as_str().unwrap().starts_with("homeassistant/sensor/") {}
    drop((node, dashboard));
    hub.stopped().await;
    let hub = Hub::with_store(folder.path(), &[]);
    let mut dashboard = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    dashboard.publish_with("nodes/attic/1/relay/0", "null", r#", "retain": true"#).await;
    let before = hub.request("GET", path, &headers, "").await;
    assert!(before.body().contains("/switch/") && before.body().contains("/sensor/"), "{}", before.body());
    drop(dashboard);
    hub.stopped().await;
    let hub = Hub::with_store(folder.path(), announces);
    let mut told = String::new();
    for _ in 0..1000 {
        told = hub.request("GET", path, &headers, "").await.body().to_owned();
        if !told.contains("/switch/") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!told.contains("/switch/") && told.contains("/sensor/"), "{told}");
}

#[tokio::test]
async fn without_a_door_there_is_nobody_to_tell() {
    let output = run_to_the_end(&["--listen", "127.0.0.1:0", "--set", "mqtt.home_assistant=true"], "");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && log.contains("mqtt.home_assistant: needs a door"), "{log}");
}
