//! SUBSCRIBE and UNSUBSCRIBE.

use crate::device::{Device, Hello, PUBACK, V3, V5};
use crate::hub;
use crate::support::{Client, Hub, PASSWORD, user};

#[tokio::test]
async fn mqtt_3_8_4_6_and_7_each_filter_gets_its_own_answer() {
    let hub = Hub::with_users(
        &[user("lamp", &["lamp/#"], &["#"], false), user("jana", &["#"], &["#"], true)],
        &["mqtt.listen=127.0.0.1:0"],
    );
    let deep = "a/".repeat(100);
    let filters = [
        ("lamp/#", 2),
        ("door/#", 1),
        ("lamp/a#", 1),
        (&*deep, 0),
        ("$share/g/lamp/#", 1),
        ("lamp/+/b", 0),
        ("", 0),
    ];
    let hello = Hello::new(V5, "lamp").user("lamp", PASSWORD);
    let mut lamp = Device::connect_as(&hub, &hello).await;
    assert_eq!(lamp.subscribe_with(&filters, &[]).await, [2, 0x87, 0x8f, 0x8f, 1, 0, 0x8f]);
    lamp.leave().await;
    let mut lamp = Device::connect_as(&hub, &Hello { version: V3, ..hello }).await;
    assert_eq!(lamp.subscribe_with(&filters, &[]).await, [2, 0x80, 0x80, 0x80, 1, 0, 0x80]);
    hub.logs("subscription is not allowed").await;
}

#[tokio::test]
async fn the_figures_of_the_hub_take_the_right_to_them() {
    let hub = Hub::with_users(
        &[user("lamp", &["#"], &["#"], false), user("jana", &["#", "$SYS/#"], &["#"], true)],
        &["mqtt.listen=127.0.0.1:0"],
    );
    let mut lamp = Device::connect_as(&hub, &Hello::new(V5, "lamp").user("lamp", PASSWORD)).await;
    assert_eq!(lamp.subscribe_with(&[("$SYS/#", 0), ("#", 0)], &[]).await, [0x87, 0]);
    lamp.hears_nothing().await;
    let mut jana = Device::connect_as(&hub, &Hello::new(V5, "jana").user("jana", PASSWORD)).await;
    jana.subscribe("$SYS/hub/version", 0).await;
    assert_eq!(jana.message().await.topic, "$SYS/hub/version");
}

#[tokio::test]
async fn mqtt_4_7_2_1_wildcards_do_not_name_system_topics() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    device.subscribe("#", 0).await;
    device.subscribe("+/hub/version", 0).await;
    device.hears_nothing().await;
    device.subscribe("$SYS/hub/version", 0).await;
    assert!(device.message().await.retain);
}

#[tokio::test]
async fn filters_name_what_they_should() {
    let hub = hub();
    let mut device = Device::connect(&hub, V3, "device").await;
    for (filter, names, others) in [
        ("a/+/c", vec!["a/b/c", "a//c"], vec!["a/b", "a/b/c/d"]),
        ("a/#", vec!["a", "a/b", "a/b/c", "a/"], vec!["b", "ab"]),
        ("+", vec!["x"], vec!["/x", "x/"]),
        ("/+", vec!["/x"], vec!["x"]),
        ("+/+", vec!["/x", "a/b"], vec!["a"]),
    ] {
        device.subscribe(filter, 0).await;
        for topic in names.iter().chain(&others) {
            device.say(topic, "1").await;
        }
        for name in names {
            assert_eq!(device.message().await.topic, name, "{filter}");
        }
        device.hears_nothing().await;
        assert_eq!(device.unsubscribe(&[filter]).await, [0_u8; 0]);
    }
}

#[tokio::test]
async fn mqtt_3_10_4_an_unsubscribe_ends_what_it_names_and_tells_what_it_did_not_find() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    device.subscribe("a/#", 0).await;
    device.subscribe("a/b", 0).await;
    assert_eq!(device.unsubscribe(&["a/#", "a/+", "bad/#/x"]).await, [0, 0x11, 0x8f]);
    device.say("a/c", "1").await;
    device.say("a/b", "2").await;
    assert_eq!(device.message().await.text(), "2");
    device.hears_nothing().await;
}

#[tokio::test]
async fn mqtt_3_8_3_3_no_local_keeps_own_messages_away() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    let mut other = Device::connect(&hub, V5, "other").await;
    device.subscribe("n/#", 4).await;
    device.say("n/a", "own").await;
    device.hears_nothing().await;
    other.say("n/a", "foreign").await;
    assert_eq!(device.message().await.text(), "foreign");
    // One of several: only where all that name it want none of its own.
    device.subscribe("m/#", 0).await;
    device.say("n/a", "own").await;
    device.say("m/a", "own").await;
    assert_eq!(device.message().await.topic, "m/a");
    device.subscribe("n/b", 0).await;
    device.say("n/b", "own").await;
    assert_eq!(device.message().await.topic, "n/b");
    // Without it, and in 3.1.1, they come back.
    let mut old = Device::connect(&hub, V3, "old").await;
    old.subscribe("o/#", 0).await;
    old.say("o/a", "own").await;
    assert_eq!(old.message().await.text(), "own");
}

#[tokio::test]
async fn mqtt_3_3_1_9_to_13_retain_handling_and_retain_as_published() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    device.keep("h/a", "1").await;
    let mut reader = Device::connect(&hub, V5, "reader").await;
    // 2: never.
    reader.subscribe("h/#", 0x20).await;
    reader.hears_nothing().await;
    // 1: if the subscription is new.
    reader.subscribe("h/#", 0x10).await;
    reader.hears_nothing().await;
    reader.subscribe("h/+", 0x10).await;
    assert!(reader.message().await.retain);
    reader.hears_nothing().await;
    // 0: always, also if other filters have brought it.
    for filter in ["h/+", "h/a", "h/#"] {
        reader.subscribe(filter, 0).await;
        let heard = reader.message().await;
        assert_eq!((heard.text(), heard.retain), ("1", true), "{filter}");
        reader.hears_nothing().await;
    }
    // Live ones are told without the flag, unless it is wanted as published.
    let mut as_published = Device::connect(&hub, V5, "as-published").await;
    as_published.subscribe("h/#", 0x28).await;
    device.keep("h/a", "2").await;
    assert!(!reader.message().await.retain);
    assert!(as_published.message().await.retain);
    device.say("h/a", "3").await;
    assert!(!reader.message().await.retain);
    assert!(!as_published.message().await.retain);
}

#[tokio::test]
async fn a_message_in_flight_is_not_lost_where_a_subscription_is_replaced() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe("h/#", 0).await;
    for number in 0..100 {
        device.publish("h/lamp/set", number.to_string(), 2, 1, &[]).await;
        device.heard(PUBACK).await;
    }
    for number in 0..100 {
        if number == 50 {
            device.say("h/lamp/set", "100").await;
        }
        assert_eq!(reader.message().await.text(), number.to_string());
    }
    assert_eq!(reader.message().await.text(), "100");
    reader.subscribe("h/#", 1).await;
    device.say("h/lamp/set", "101").await;
    assert_eq!(reader.message().await.text(), "101");
}

#[tokio::test]
async fn mqtt_3_3_4_2_and_3_overlapping_filters_bring_one_copy_with_the_highest_qos_and_all_identifiers() {
    let hub = hub();
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe_with(&[("i/#", 0)], &[0x0b, 1]).await;
    reader.subscribe_with(&[("i/+", 1)], &[0x0b, 0x80, 0x01]).await;
    reader.subscribe_with(&[("i/a", 0)], &[]).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    device.publish("i/a", "1", 4, 1, &[]).await;
    let heard = reader.message().await;
    assert_eq!((heard.qos, &*heard.properties), (1, &[0x0b, 1, 0x0b, 0x80, 1][..]));
    reader.answer(PUBACK, heard.id).await;
    device.say("i/a/b", "2").await;
    assert_eq!(reader.message().await.properties, [0x0b, 1]);
    reader.hears_nothing().await;
    // [MQTT-3.8.4-3]: the same filter takes the place of the one before.
    reader.subscribe_with(&[("i/#", 0)], &[]).await;
    device.say("i/a/b", "3").await;
    assert_eq!(reader.message().await.properties, [0_u8; 0]);
}

#[tokio::test]
async fn more_filters_than_there_may_be_are_refused_one_by_one() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "limits.filters=3"]);
    let mut device = Device::connect(&hub, V5, "device").await;
    let filters = [("f/1", 1), ("f/2", 1), ("f/3", 1), ("f/4", 1)];
    assert_eq!(device.subscribe_with(&filters, &[]).await, [1, 1, 1, 0x97]);
    device.say("f/4", "1").await;
    device.say("f/3", "2").await;
    assert_eq!(device.message().await.text(), "2");
    device.unsubscribe(&["f/1"]).await;
    assert_eq!(device.subscribe_with(&[("f/4", 1)], &[]).await, [1]);
}

#[tokio::test]
async fn last_values_come_once_while_another_publishes() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    for number in 0..200 {
        device.keep(&format!("many/{number}"), "0").await;
    }
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe("many/#", 0).await;
    for number in 0..200 {
        device.publish(&format!("many/{number}"), "1", 1, 0, &[]).await;
    }
    let mut last = std::collections::BTreeMap::new();
    let mut news = 0;
    while news < 200 {
        let heard = reader.message().await;
        if heard.retain {
            assert!(
                last.insert(heard.topic.clone(), heard.payload.clone()).is_none(),
                "twice: {}",
                heard.topic
            );
        } else {
            news += 1;
            last.insert(heard.topic, heard.payload);
        }
    }
    reader.hears_nothing().await;
    assert!(last.len() == 200 && last.values().all(|payload| payload == b"1"));
}

#[tokio::test]
async fn rights_that_are_taken_away_end_a_subscription() {
    let users = [user("jana", &["#"], &["#"], true), user("lamp", &["#"], &["#"], true)];
    let hub = Hub::with_users(&users, &["mqtt.listen=127.0.0.1:0"]);
    let mut lamp = Device::connect_as(&hub, &Hello::new(V5, "lamp").user("lamp", PASSWORD)).await;
    lamp.subscribe("door/#", 1).await;
    lamp.subscribe("lamp/#", 1).await;
    let less = [user("jana", &["#"], &["#"], true), user("lamp", &["lamp/#"], &["#"], true)];
    std::fs::write(hub.dir().join("users.toml"), less.join("\n")).unwrap();
    hub.logs("subscriptions have ended").await;
    let mut jana = Client::open_as(&hub, "jana", "/talk", r#"{"filters": []}"#).await;
    jana.publish("door/open", "1").await;
    jana.publish("lamp/set", "2").await;
    assert_eq!(lamp.message().await.text(), "2");
}
