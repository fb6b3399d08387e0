//! Devices of other makers, as their documentation has them speak: `tests/samples/mqtt-*.txt`, played by `rumqttc`. What they say is
//! at the hub under their topics, what is retained stands as last values, their wills come, and they hear their commands.

use std::collections::BTreeMap;

use rumqttc::{AsyncClient, Event, EventLoop, Incoming, LastWill, MqttOptions, QoS};
use serde_json::{Value, json};

use crate::support::{Client, Hub, basic, in_time};

const TASMOTA: &str = include_str!("../samples/mqtt-tasmota.txt");
const ESPHOME: &str = include_str!("../samples/mqtt-esphome.txt");
const ZIGBEE2MQTT: &str = include_str!("../samples/mqtt-zigbee2mqtt.txt");
const SHELLY: &str = include_str!("../samples/mqtt-shelly.txt");

/// A line of a sample.
#[derive(Clone, Copy)]
struct Line<'s> {
    what: &'s str,
    is_retained: bool,
    topic: &'s str,
    payload: &'s str,
}

fn lines(sample: &str) -> impl Iterator<Item = Line<'_>> {
    sample.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (mark, rest) = match what {
            "pub" | "will" => rest.split_once(' ').unwrap(),
            _ => ("-", rest),
        };
        let (topic, payload) = rest.split_once(' ').unwrap_or((rest, ""));
        Line { what, is_retained: mark == "r", topic, payload }
    })
}

/// A payload as the hub has it.
fn as_json(payload: &str) -> Value {
    serde_json::from_str(payload).unwrap_or_else(|_| Value::from(payload))
}

struct Device {
    client: AsyncClient,
    events: EventLoop,
}

impl Device {
    fn new(hub: &Hub, sample: &str) -> Self {
        let mut options = MqttOptions::new("device", "127.0.0.1", hub.mqtt.unwrap().port());
        options.set_credentials("clown", "bigclown").set_max_packet_size(65_536, 65_536);
        let will = lines(sample).find(|line| line.what == "will").unwrap();
        options.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, will.is_retained));
        let (client, events) = AsyncClient::new(options, 100);
        Self { client, events }
    }

    /// What is asked for until it has come.
    async fn until<T>(&mut self, mut wanted: impl FnMut(Incoming) -> Option<T>) -> T {
        in_time("the hub's answer", async {
            loop {
                if let Event::Incoming(incoming) = self.events.poll().await.unwrap()
                    && let Some(found) = wanted(incoming)
                {
                    return found;
                }
            }
        })
        .await
    }

    async fn publish(&mut self, line: Line<'_>) {
        self.client.publish(line.topic, QoS::AtLeastOnce, line.is_retained, line.payload).await.unwrap();
        self.until(|incoming| matches!(incoming, Incoming::PubAck(_)).then_some(())).await;
    }

    async fn subscribe(&mut self, filter: &str) {
        self.client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        self.until(|incoming| matches!(incoming, Incoming::SubAck(_)).then_some(())).await;
    }

    async fn is_told(&mut self, topic: &str, payload: &str) {
        self.until(|incoming| {
            let Incoming::Publish(message) = incoming else { return None };
            (message.topic == topic && message.payload == payload).then_some(())
        })
        .await;
    }
}

/// All last values of a hub.
async fn last_values(hub: &Hub) -> BTreeMap<String, Value> {
    let headers = [("Authorization", &*basic("clown", "bigclown"))];
    let answer = hub.request("GET", "/api/topics?filter=%23&limit=1000", &headers, "").await;
    let all: Vec<Value> = serde_json::from_str(answer.body()).unwrap();
    all.iter().map(|one| (one["topic"].as_str().unwrap().to_owned(), one["payload"].clone())).collect()
}

/// Plays a sample. Returns all last values at its end, the will among them.
async fn plays(sample: &str, settings: &[&str]) -> BTreeMap<String, Value> {
    let hub = Hub::with(&[&["mqtt.listen=127.0.0.1:0"], settings].concat());
    let mut reader = Client::open(&hub, "/talk", r##"{"filters": ["#"]}"##).await;
    let mut device = Device::new(&hub, sample);
    let mut expected = BTreeMap::new();
    for line in lines(sample) {
        let (topic, said) = (Value::from(line.topic), as_json(line.payload));
        match line.what {
            "will" => {}
            "sub" => device.subscribe(line.topic).await,
            "told" => {
                let is_json = serde_json::from_str::<Value>(line.payload).is_ok();
                reader
                    .publish(line.topic, &if is_json { line.payload.to_owned() } else { said.to_string() })
                    .await;
                device.is_told(line.topic, line.payload).await;
            }
            "pub" => {
                device.publish(line).await;
                if line.is_retained && line.payload.is_empty() {
                    // What is not there is cleared all the same.
                    assert_eq!(reader.two().await, [topic, Value::Null]);
                    continue;
                }
                assert_eq!(reader.two().await, [topic, said.clone()]);
                if line.is_retained {
                    expected.insert(line.topic.to_owned(), said);
                    assert_eq!(last_values(&hub).await.get(line.topic), expected.get(line.topic));
                }
            }
            "gone" => break,
            other => panic!("{other}"),
        }
    }
    // The connection breaks without a word.
    drop(device);
    let will = lines(sample).find(|line| line.what == "will").unwrap();
    assert_eq!(reader.two().await, [Value::from(will.topic), as_json(will.payload)]);
    expected.insert(will.topic.to_owned(), as_json(will.payload));
    let values = last_values(&hub).await;
    for (topic, payload) in &expected {
        assert_eq!(values.get(topic), Some(payload), "{topic}");
    }
    if settings.is_empty() {
        assert_eq!(values.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    }
    values
}

#[tokio::test]
async fn a_plug_with_tasmota() {
    let values = plays(TASMOTA, &[]).await;
    assert_eq!(values["stat/plug/POWER"], "ON");
    assert_eq!(values["tele/plug/LWT"], "Offline");
    // Its readings have no retain flag.
    assert_eq!(values.get("tele/plug/SENSOR"), None);
}

#[tokio::test]
async fn readings_of_tasmota_stand_where_the_hub_is_told_to_keep_them_and_its_commands_do_not() {
    let values = plays(TASMOTA, &["mqtt.retain=readings"]).await;
    assert_eq!(values["tele/plug/SENSOR"]["ENERGY"]["Power"], 42);
    assert_eq!(values["tele/plug/STATE"]["Wifi"]["Signal"], -58);
}

#[tokio::test]
async fn a_board_with_esphome() {
    let values = plays(ESPHOME, &[]).await;
    // A number is a number, and a word a string.
    assert_eq!(values["livingroom/sensor/outside/state"], json!(4.3));
    assert_eq!(values["livingroom/switch/heater/state"], "ON");
    assert_eq!(values["livingroom/status"], "offline");
    assert_eq!(values["homeassistant/sensor/livingroom/outside/config"]["unit_of_meas"], "°C");
}

#[tokio::test]
async fn zigbee2mqtt_and_its_devices() {
    let values = plays(ZIGBEE2MQTT, &[]).await;
    assert_eq!(values["zigbee2mqtt/attic"]["temperature"], json!(18.04));
    assert_eq!(values["zigbee2mqtt/washer"]["state"], "ON");
    assert_eq!(values["zigbee2mqtt/bridge/state"], json!({"state": "offline"}));
}

#[tokio::test]
async fn a_shelly_of_the_second_generation() {
    let values = plays(SHELLY, &[]).await;
    assert_eq!(values["shellyplus1pm-a8032abe54dc/status/switch:0"]["aenergy"]["total"], json!(12.104));
    assert_eq!(values["shellyplus1pm-a8032abe54dc/online"], json!(false));
}
