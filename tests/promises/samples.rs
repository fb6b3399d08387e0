//! Published samples of three generations of hardware, line by line.

use serde_json::{Value, json};

use crate::support::{Client, Hub};

const CLOWN_TALK: &str = include_str!("../samples/clown-talk.txt");
const CLOWN_MQTT: &str = include_str!("../samples/clown-mqtt.txt");
const TOWER_SERIAL: &str = include_str!("../samples/tower-serial.txt");
const TOWER_MQTT: &str = include_str!("../samples/tower-mqtt.txt");
const BAD: &str = include_str!("../samples/bad.txt");

/// Frames from lines that begin with `<` (from the device) or `>` (to it).
fn frames(text: &str) -> Vec<(Value, String)> {
    let lines = text.lines().map(|line| line.trim_start_matches(['<', '>']).trim());
    lines
        .map(|line| (serde_json::from_str::<Vec<Value>>(line).unwrap()[0].clone(), line.to_owned()))
        .collect()
}

/// The frames of the vendor's conversation, from both sides.
pub fn clown_talk() -> impl Iterator<Item = &'static str> {
    CLOWN_TALK.lines().map(|line| line.trim_start_matches(['<', '>']).trim())
}

/// The payload's own text: what stands behind the first comma after the topic.
fn payload(topic: &Value, frame: &str) -> String {
    let rest = frame.strip_prefix(&format!("[{topic}")).unwrap().trim_start().strip_prefix(',').unwrap();
    rest.strip_suffix(']').unwrap().trim().to_owned()
}

async fn in_and_out(writer: &mut Client, reader: &mut Client, prefix: &str, topic: &Value, frame: &str) {
    writer.say(&format!("{frame}\n")).await;
    let whole = format!("{prefix}{}", topic.as_str().unwrap());
    assert_eq!(reader.hear().await, format!("[{}, {}]", Value::from(whole), payload(topic, frame)));
}

#[tokio::test]
async fn every_line_of_clown_talk_goes_through() {
    let hub = Hub::demo();
    let mut reader =
        Client::open(&hub, "/talk", r#"{"filters": ["nodes/bridge/0/#"], "retained": false}"#).await;
    let mut writer = Client::connect(&hub, "/auth/clown-talk-server_nodes_bridge_0").await;
    let mut count = 0;
    for (topic, frame) in frames(CLOWN_TALK) {
        if topic == "clown.talk/-/config/set" {
            writer.say(&format!("{frame}\n")).await;
            assert_eq!(writer.two().await[0], "clown.talk/-/config/ok");
            continue;
        }
        in_and_out(&mut writer, &mut reader, "nodes/bridge/0/", &topic, &frame).await;
        count += 1;
    }
    assert!(count > 20);
}

#[tokio::test]
async fn every_line_of_the_tower_serial_link_goes_through() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["node/#"], "retained": false}"#).await;
    let mut writer = Client::open(&hub, "/talk/node?side=node", "{}").await;
    assert_eq!(reader.two().await[0], "node/presence");
    for (topic, frame) in frames(TOWER_SERIAL) {
        in_and_out(&mut writer, &mut reader, "node/", &topic, &frame).await;
    }
}

#[tokio::test]
async fn every_mqtt_sample_goes_through_as_a_frame() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r##"{"filters": ["#"]}"##).await;
    let mut writer = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    for line in CLOWN_MQTT.lines().chain(TOWER_MQTT.lines()) {
        let (topic, payload) = line.split_once(' ').unwrap();
        let frame = format!("[{}, {payload}]", Value::from(topic));
        writer.say(&frame).await;
        assert_eq!(reader.hear().await, frame);
    }
}

/// What the relay and the LED of the simulated bridge say they are.
async fn states(client: &mut Client) -> [Value; 2] {
    let mut states = Vec::new();
    for (topic, reading) in [("relay/i2c0-3b/get", "relay/i2c0-3b"), ("led/-/get", "led/-")] {
        client.say(&format!("[\"{topic}\", {{}}]")).await;
        let [topic, payload] = client.two().await;
        assert_eq!(topic, reading);
        states.push(payload);
    }
    states.try_into().unwrap()
}

#[tokio::test]
async fn what_is_no_frame_is_answered_and_what_the_bridge_cannot_use_leaves_it_silent_and_as_it_was() {
    let hub = Hub::with(&["simulator.run=on", "simulator.towers=0"]);
    let path = "/auth/clown-talk-server_nodes_bridge_0";
    let filters = r#"{"filters": ["relay/i2c0-3b", "led/-", "+/+/config/+"], "retained": false}"#;
    let mut client = Client::open(&hub, path, filters).await;
    let mut other = Client::open(&hub, path, r##"{"filters": ["#"], "retained": false}"##).await;
    client.say(r#"["relay/i2c0-3b/set", {"state": false}]"#).await;
    assert_eq!(client.two().await, [json!("relay/i2c0-3b"), json!({"state": false})]);
    client.say(r#"["led/-/set", {"state": "2-dot"}]"#).await;
    assert_eq!(client.two().await, [json!("led/-"), json!({"state": "2-dot"})]);
    let before = states(&mut client).await;
    let (mut refused, mut routed) = (0, 0);
    for line in BAD.lines() {
        if serde_json::from_str::<Vec<Value>>(line).is_ok_and(|frame| frame.len() >= 2) {
            // The state that a dashboard claims is a message like others, and the other reader hears it.
            client.say(line).await;
            let expected: Vec<Value> = serde_json::from_str(line).unwrap();
            loop {
                let heard = other.frame().await;
                if heard == json!(expected[..2]) {
                    break;
                }
            }
            routed += 1;
            if expected.len() == 3 {
                // What the bridge of 2017 refused is a command here: the hub keeps the options to itself.
                assert_eq!(client.two().await, [json!("relay/i2c0-3b"), json!({"state": true})]);
                client.say(r#"["relay/i2c0-3b/set", {"state": false}]"#).await;
                assert_eq!(client.two().await, [json!("relay/i2c0-3b"), json!({"state": false})]);
            }
        } else {
            let answer = client.asks(line, "publish/error").await;
            assert!(answer["at"].is_u64(), "{answer}");
            refused += 1;
        }
        if line.contains("publish-interval") {
            // The one refusal that is told, as the documents of 2016 have it.
            assert_eq!(client.two().await[0], "co2-sensor/i2c0-38/config/error");
        }
        assert_eq!(states(&mut client).await, before, "{line}");
    }
    assert_eq!((refused, routed), (6, 8));
}
