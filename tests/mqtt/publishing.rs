//! PUBLISH: payloads, retained messages, properties, and what the hub makes of them for others.

use serde_json::json;

use crate::device::{Device, Hello, PUBACK, PUBREC, V3, V5, text};
use crate::hub;
use crate::support::{Client, Hub, PASSWORD, user};

#[tokio::test]
async fn a_payload_comes_back_byte_for_byte_whatever_it_is() {
    let hub = hub();
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe("p/#", 0).await;
    let mut device = Device::connect(&hub, V3, "device").await;
    let long = "x".repeat(70_000);
    let payloads: Vec<&[u8]> = vec![
        b"",
        b"ON",
        b"\"ON\"",
        b"\"\"",
        b"20.10",
        b" 20.10",
        b"1\n",
        b"{\"a\":\n 1}",
        b"{\"a\": 1}",
        b"[1,2]",
        b"null",
        b"nan",
        b"\xff\x00\x01",
        b"\0",
        b"\"12\"",
        b"\"\\u004e\"",
        b"\"a\nb\"",
        b"{\"$base64\":\"/wA=\"}",
        b"{\"$base64\": \"!\"}",
        "℃ \u{feff}".as_bytes(),
        b"\r\n",
        b"01",
        long.as_bytes(),
        b"true ",
        b"-0",
        b"1e400",
    ];
    for (number, payload) in payloads.iter().enumerate() {
        let topic = format!("p/{number}");
        device.publish(&topic, payload, 1, 0, &[]).await;
        let heard = reader.message().await;
        assert_eq!((&*heard.topic, &*heard.payload), (&*topic, *payload));
    }
    // And as last values; of an empty payload there is none.
    let mut late = Device::connect(&hub, V3, "late").await;
    late.subscribe("p/#", 0).await;
    let mut kept = std::collections::BTreeMap::new();
    for _ in 1..payloads.len() {
        let heard = late.message().await;
        assert!(heard.retain);
        kept.insert(heard.topic, heard.payload);
    }
    for (number, payload) in payloads.iter().enumerate().skip(1) {
        assert_eq!(kept[&format!("p/{number}")], *payload);
    }
    late.hears_nothing().await;
}

#[tokio::test]
async fn others_read_json() {
    let hub = hub();
    let mut page = Client::open(&hub, "/talk", r##"{"filters": ["#"], "options": true}"##).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    for (payload, json) in [
        (&b"20.10"[..], json!(20.10)),
        (b"ON", json!("ON")),
        (b"{\"a\": [1]}", json!({"a": [1]})),
        (b"\xff\0", json!({"$base64": "/wA="})),
        (b"", json!("")),
    ] {
        device.say("t/a", payload).await;
        let frame = page.frame().await;
        assert_eq!((&frame[0], &frame[1]), (&"t/a".into(), &json));
        assert_eq!((&frame[2]["from"], &frame[2]["qos"]), (&"clown".into(), &0.into()));
    }
}

#[tokio::test]
async fn a_device_reads_what_others_write() {
    let hub = hub();
    let mut device = Device::connect(&hub, V3, "device").await;
    device.subscribe("lamp/#", 2).await;
    let mut page = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    for (json, payload) in [
        (r#"{"state": true}"#, r#"{"state": true}"#),
        (r#""ON""#, "ON"),
        (r#""12""#, r#""12""#),
        ("20.10", "20.10"),
        ("null", "null"),
    ] {
        page.publish("lamp/set", json).await;
        let heard = device.message().await;
        assert_eq!(
            (heard.text(), heard.qos),
            (payload, 2),
            "what is not from MQTT is as sure as the reader wants it"
        );
        device.answer(PUBREC, heard.id).await;
        device.heard(0x62).await;
        device.answer(0x70, heard.id).await;
    }
    page.publish("lamp/bytes", r#"{"$base64": "/wA="}"#).await;
    assert_eq!(device.message().await.payload, b"\xff\0");
}

#[tokio::test]
async fn mqtt_3_3_1_5_to_8_the_retain_flag_decides_what_is_a_last_value() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    device.keep("r/a", "1").await;
    device.say("r/a", "2").await;
    device.say("r/b", "3").await;
    device.hears_nothing().await;
    let mut late = Device::connect(&hub, V5, "late").await;
    late.subscribe("r/#", 1).await;
    let kept = late.message().await;
    assert_eq!((&*kept.topic, kept.text(), kept.retain, kept.qos), ("r/a", "1", true, 1));
    late.hears_nothing().await;
    device.keep("r/a", "").await;
    let gone = late.message().await;
    assert_eq!((gone.payload.len(), gone.retain), (0, false));
    let mut later = Device::connect(&hub, V5, "later").await;
    later.subscribe("r/#", 1).await;
    later.hears_nothing().await;
}

#[tokio::test]
async fn a_reading_without_the_flag_is_kept_where_the_configuration_says_so() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "mqtt.retain=readings"]);
    let mut device = Device::connect(&hub, V5, "device").await;
    device.say("lamp/state", "1").await;
    device.say("lamp/state/set", "0").await;
    device.hears_nothing().await;
    let mut page = Client::open(&hub, "/talk", r##"{"filters": ["#"]}"##).await;
    assert_eq!(page.frame().await, json!(["lamp/state", 1]));
    page.hears_nothing().await;
}

#[tokio::test]
async fn without_the_right_retain_who_says_it_decides() {
    let hub = Hub::with_users(
        &[user("lamp", &["#"], &["#"], false), user("jana", &["#"], &["#"], true)],
        &["mqtt.listen=127.0.0.1:0"],
    );
    let mut lamp = Device::connect_as(&hub, &Hello::new(V5, "lamp").user("lamp", PASSWORD)).await;
    lamp.say("lamp/state", "1").await;
    lamp.publish("lamp/state/set", "0", 0b001, 0, &[]).await;
    lamp.publish("lamp/state", "", 0b001, 0, &[]).await;
    lamp.hears_nothing().await;
    let mut jana = Device::connect_as(&hub, &Hello::new(V5, "jana").user("jana", PASSWORD)).await;
    jana.subscribe("#", 0).await;
    // Readings of a device are kept as those of a node, commands are not, and nothing is taken away.
    let kept = jana.message().await;
    assert_eq!((&*kept.topic, kept.payload.len()), ("lamp/state", 0));
    jana.hears_nothing().await;
}

#[tokio::test]
async fn mqtt_3_3_5_2_a_message_that_is_forbidden_is_answered_and_goes_nowhere() {
    let hub = Hub::with_users(
        &[user("lamp", &["#"], &["lamp/#"], false), user("jana", &["#"], &["#"], true)],
        &["mqtt.listen=127.0.0.1:0"],
    );
    let mut jana = Device::connect_as(&hub, &Hello::new(V5, "jana").user("jana", PASSWORD)).await;
    jana.subscribe("#", 0).await;
    let hello = Hello::new(V5, "lamp").user("lamp", PASSWORD);
    let mut lamp = Device::connect_as(&hub, &hello).await;
    lamp.publish("door/open", "1", 2, 1, &[]).await;
    assert_eq!(lamp.heard(PUBACK).await[..3], [0, 1, 0x87]);
    lamp.publish("door/open", "1", 4, 2, &[]).await;
    assert_eq!(lamp.heard(PUBREC).await[..3], [0, 2, 0x87]);
    lamp.say("door/open", "1").await;
    lamp.hears_nothing().await;
    lamp.leave().await;
    let mut lamp = Device::connect_as(&hub, &Hello { version: V3, ..hello }).await;
    lamp.publish("door/open", "1", 2, 1, &[]).await;
    assert_eq!(lamp.heard(PUBACK).await, [0, 1], "3.1.1 has no word for it");
    for topic in ["$SYS/hub/version", "clown.talk/-/x"] {
        lamp.say(topic, "1").await;
    }
    lamp.hears_nothing().await;
    jana.hears_nothing().await;
    hub.logs("message is not allowed").await;
}

#[tokio::test]
async fn a_topic_that_is_too_long_or_too_deep_is_refused_and_counted() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    for topic in ["x".repeat(2000), "a/".repeat(100)] {
        device.publish(&topic, "1", 2, 1, &[]).await;
        assert_eq!(device.heard(PUBACK).await[..3], [0, 1, 0x90]);
        device.say(&topic, "1").await;
        device.hears_nothing().await;
    }
    hub.logs("message is not published").await;
}

#[tokio::test]
async fn mqtt_3_3_2_properties_pass_to_readers_of_mqtt_5_unaltered() {
    let hub = hub();
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe("#", 1).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    let properties = [
        &[0x01, 1][..],
        &[0x03],
        &text("application/json"),
        &[0x08],
        &text("answers/to/me"),
        &[0x09],
        &text([0xff, 0, 1]),
        &[0x26],
        &text("key"),
        &text("first"),
        &[0x26],
        &text("key"),
        &text("second \"ž\""),
    ]
    .concat();
    device.publish("ask/me", "{\"a\": 1}", 0b011, 7, &properties).await;
    device.heard(PUBACK).await;
    let heard = reader.message().await;
    assert_eq!(heard.properties, properties, "mqtt_3_3_2_18 in their order");
    reader.answer(PUBACK, heard.id).await;
    // As a last value as well.
    let mut late = Device::connect(&hub, V5, "late").await;
    late.subscribe("ask/#", 0).await;
    assert_eq!(late.message().await.properties, properties);
    // And to 3.1.1 without them.
    let mut old = Device::connect(&hub, V3, "old").await;
    old.subscribe("ask/#", 0).await;
    assert_eq!(old.message().await.text(), "{\"a\": 1}");
}

#[tokio::test]
async fn a_clown_talk_client_answers_a_request_of_mqtt_5() {
    let hub = hub();
    let mut page = Client::open(&hub, "/talk", r#"{"filters": ["ask/#"], "options": true}"#).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    device.subscribe("answers/#", 0).await;
    let properties = [&[0x08][..], &text("answers/me"), &[0x09], &text("42")].concat();
    device.publish("ask/me", "1", 0, 0, &properties).await;
    let frame = page.frame().await;
    assert_eq!(frame[2]["mqtt"], json!({"response-topic": "answers/me", "correlation": "NDI="}));
    page.publish_with("answers/me", "2", r#", "mqtt": {"correlation": "NDI="}"#).await;
    let answer = device.message().await;
    assert_eq!((answer.text(), &answer.properties), ("2", &[&[0x09][..], &text("42")].concat()));
    // What makes no sense there counts as not there.
    for options in [r#", "mqtt": 5, "qos": "x""#, r##", "mqtt": {"response-topic": "#"}"##, r#", "qos": 9"#] {
        page.publish_with("answers/me", "3", options).await;
        let answer = device.message().await;
        assert_eq!((answer.text(), answer.properties.len()), ("3", 0), "{options}");
    }
}

#[tokio::test]
async fn mqtt_3_3_2_5_and_6_a_message_that_has_expired_is_not_delivered() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    device.publish("e/short", "1", 0b011, 7, &[0x02, 0, 0, 0, 1]).await;
    device.heard(PUBACK).await;
    device.publish("e/long", "2", 0b011, 7, &[0x02, 0, 0, 0, 100]).await;
    device.heard(PUBACK).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    device.subscribe("e/#", 0).await;
    let heard = device.message().await;
    assert_eq!(heard.topic, "e/long");
    let [0x02, 0, 0, 0, left] = heard.properties[..] else { panic!("{heard:?}") };
    assert!(left < 100, "it is told how much is left: {left}");
    device.hears_nothing().await;
}

#[tokio::test]
async fn mqtt_3_3_2_5_a_message_that_expires_while_the_window_is_full_is_not_delivered() {
    let hub = hub();
    let mut hello = Hello::lasting(V5, "reader");
    hello.properties.extend([0x21, 0, 1]);
    let mut device = Device::connect(&hub, V5, "device").await;
    let mut reader = Device::connect_as(&hub, &hello).await;
    reader.subscribe("e/#", 1).await;
    for topic in ["e/first", "e/second", "e/third"] {
        let properties: &[u8] = if topic == "e/second" { &[0x02, 0, 0, 0, 1] } else { &[] };
        device.publish(topic, "1", 0b010, 7, properties).await;
        device.heard(PUBACK).await;
    }
    let first = reader.message().await;
    assert_eq!(first.topic, "e/first");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    reader.answer(PUBACK, first.id).await;
    let third = reader.message().await;
    assert_eq!(third.topic, "e/third");
    // What was sent comes again, however old it is; what was not waits no longer over another connection.
    device.publish("e/fourth", "1", 0b010, 7, &[0x02, 0, 0, 0, 1]).await;
    device.heard(PUBACK).await;
    reader.hears_nothing().await;
    reader.vanish().await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let mut reader = Device::connect_as(&hub, &hello).await;
    assert_eq!(reader.message().await.topic, "e/third");
    reader.answer(PUBACK, third.id).await;
    reader.hears_nothing().await;
    assert_eq!(hub.figure("messages_expired").await, 2);
}

#[tokio::test]
async fn mqtt_3_3_2_12_topic_aliases_work_in_both_directions() {
    let hub = hub();
    let mut hello = Hello::new(V5, "reader");
    hello.properties = vec![0x22, 0, 1];
    let mut reader = Device::connect_as(&hub, &hello).await;
    reader.subscribe("alias/#", 0).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    device.publish("alias/one", "1", 0, 0, &[0x23, 0, 3]).await;
    device.publish("", "2", 0, 0, &[0x23, 0, 3]).await;
    device.publish("alias/two", "3", 0, 0, &[0x23, 0, 3]).await;
    device.publish("", "4", 0, 0, &[0x23, 0, 3]).await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let heard = reader.message().await;
        told.push((heard.topic, heard.payload[0], heard.properties));
    }
    let alias = vec![0x23, 0, 1];
    let plain = |topic: &str, payload| (topic.to_owned(), payload, Vec::new());
    assert_eq!(
        told,
        [
            ("alias/one".to_owned(), b'1', alias.clone()),
            (String::new(), b'2', alias),
            plain("alias/two", b'3'),
            plain("alias/two", b'4')
        ]
    );
}

#[tokio::test]
async fn mqtt_3_1_2_25_a_message_that_is_too_large_for_a_client_is_left_out_and_counted() {
    let hub = hub();
    let mut hello = Hello::new(V5, "small");
    hello.properties = vec![0x27, 0, 0, 0, 40];
    let mut small = Device::connect_as(&hub, &hello).await;
    small.subscribe("big/#", 1).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    device.publish("big/a", "x".repeat(100), 2, 1, &[]).await;
    device.heard(PUBACK).await;
    device.publish("big/a", "y", 2, 1, &[]).await;
    device.heard(PUBACK).await;
    assert_eq!(small.message().await.text(), "y");
    hub.logs("larger than the client takes").await;
    let mut figures = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    figures.hears_nothing().await;
}

#[tokio::test]
async fn the_relay_is_switched_and_seen() {
    let hub = hub();
    let mut page = Client::open(&hub, "/talk/nodes/bridge/0", r#"{"filters": ["relay/+"]}"#).await;
    let mut node =
        Client::open(&hub, "/talk/nodes/bridge/0?side=node", r#"{"filters": ["relay/+/set"]}"#).await;
    let mut phone = Device::connect(&hub, V3, "phone").await;
    phone.subscribe("nodes/bridge/0/relay/+", 1).await;
    phone.publish("nodes/bridge/0/relay/i2c0-3b/set", "{\"state\": true}", 2, 1, &[]).await;
    phone.heard(PUBACK).await;
    assert_eq!(node.frame().await, json!(["relay/i2c0-3b/set", {"state": true}]));
    node.publish("relay/i2c0-3b", r#"{"state": true}"#).await;
    assert_eq!(page.frame().await, json!(["relay/i2c0-3b", {"state": true}]));
    let heard = phone.message().await;
    assert_eq!((&*heard.topic, heard.text()), ("nodes/bridge/0/relay/i2c0-3b", "{\"state\": true}"));
}
