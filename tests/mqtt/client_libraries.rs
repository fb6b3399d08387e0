//! `rumqttc`, which the links of the hub take their packets from, as a client of its own. Those of other languages are in
//! `tests/clients`.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, QoS, v5};

use crate::hub;
use crate::support::{Hub, in_time};

fn client(hub: &Hub, id: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(id, "127.0.0.1", hub.mqtt.unwrap().port());
    options.set_credentials("clown", "bigclown").set_keep_alive(Duration::from_secs(30));
    AsyncClient::new(options, 100)
}

#[tokio::test]
async fn rumqttc_speaks_3_1_1() {
    let hub = hub();
    let (client, mut events) = client(&hub, "rumqttc");
    client.subscribe("r/#", QoS::ExactlyOnce).await.unwrap();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish("r/a", qos, false, "ž").await.unwrap();
    }
    let mut heard = Vec::new();
    in_time("three messages", async {
        while heard.len() < 3 {
            if let Event::Incoming(Incoming::Publish(message)) = events.poll().await.unwrap() {
                assert_eq!(message.payload, "ž".as_bytes());
                heard.push(message.qos);
            }
        }
    })
    .await;
    heard.sort_by_key(|qos| *qos as u8);
    assert_eq!(heard, [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
}

#[tokio::test]
async fn rumqttc_speaks_5() {
    let hub = hub();
    let mut options = v5::MqttOptions::new("rumqttc", "127.0.0.1", hub.mqtt.unwrap().port());
    options.set_credentials("clown", "bigclown");
    let (client, mut events) = v5::AsyncClient::new(options, 100);
    client.subscribe("r/#", v5::mqttbytes::QoS::AtLeastOnce).await.unwrap();
    let properties = v5::mqttbytes::v5::PublishProperties {
        user_properties: vec![("k".to_owned(), "v".to_owned())],
        response_topic: Some("answers".to_owned()),
        ..Default::default()
    };
    let sent = properties.clone();
    client.publish_with_properties("r/a", v5::mqttbytes::QoS::AtLeastOnce, true, "1", sent).await.unwrap();
    let message = in_time("a message", async {
        loop {
            if let v5::Event::Incoming(v5::Incoming::Publish(message)) = events.poll().await.unwrap() {
                break message;
            }
        }
    })
    .await;
    let heard = message.properties.unwrap();
    assert_eq!(
        (heard.user_properties, heard.response_topic),
        (properties.user_properties, properties.response_topic)
    );
    assert_eq!(message.payload, "1");
}
