//! Sessions that outlive their connections, and what ends them.

use crate::device::{DISCONNECT, Device, Hello, PUBACK, V3, V5};
use crate::hub;
use crate::support::{Client, Hub, PASSWORD, user};

#[tokio::test]
async fn mqtt_3_1_2_5_a_session_goes_on_with_what_has_come_in_the_meantime() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    for version in [V3, V5] {
        let hello = Hello::lasting(version, "reader");
        let mut reader = Device::connect_as(&hub, &hello).await;
        assert!(!reader.session_present());
        reader.subscribe("s/one/#", 1).await;
        reader.subscribe("s/zero/#", 0).await;
        reader.leave().await;
        for (topic, number) in [("s/one/a", 1), ("s/zero/a", 2), ("s/one/a/set", 3)] {
            device.publish(topic, number.to_string(), 2, 1, &[]).await;
            device.heard(PUBACK).await;
        }
        let mut reader = Device::connect_as(&hub, &hello).await;
        assert!(reader.session_present());
        for payload in ["1", "3"] {
            let heard = reader.message().await;
            assert_eq!((heard.text(), heard.qos), (payload, 1));
            reader.answer(PUBACK, heard.id).await;
        }
        reader.hears_nothing().await;
        // What is of QoS 0 goes on from here.
        device.say("s/zero/a", "4").await;
        assert_eq!(reader.message().await.text(), "4");
        reader.leave().await;
        // [MQTT-3.1.2-4]: a clean start forgets it.
        let mut reader = Device::connect(&hub, version, "reader").await;
        assert!(!reader.session_present());
        device.publish("s/one/a", "5", 2, 1, &[]).await;
        device.heard(PUBACK).await;
        reader.hears_nothing().await;
        reader.leave().await;
        assert!(!Device::connect_as(&hub, &hello).await.session_present(), "and what was clean is not kept");
        Device::connect(&hub, version, "reader").await.leave().await;
    }
}

#[tokio::test]
async fn a_session_goes_over_to_who_takes_its_place() {
    let hub = hub();
    let hello = Hello::lasting(V5, "reader");
    let mut old = Device::connect_as(&hub, &hello).await;
    old.subscribe("s/#", 1).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    device.publish("s/a", "1", 2, 1, &[]).await;
    device.heard(PUBACK).await;
    let first = old.message().await;
    let mut new = Device::connect_as(&hub, &hello).await;
    assert!(new.session_present());
    assert_eq!(old.ended().await, Some(0x8e));
    let again = new.message().await;
    assert_eq!((again.id, again.again, again.text()), (first.id, true, "1"));
    // Many at one time: one stays, and has the session.
    let mut all = Vec::new();
    for _ in 0..10 {
        let mut one = Device::dial(&hub).await;
        one.send(&hello.bytes()).await;
        all.push(one);
    }
    let mut stays = 0;
    for one in &mut all {
        one.send(&[0xc0, 0]).await;
        let mut codes = Vec::new();
        while let Some(heard) = one.next().await {
            if heard.first == 0xd0 {
                stays += 1;
                break;
            }
            codes.push(heard.first);
        }
        assert!(codes.len() <= 3, "{codes:?}");
    }
    assert!(stays >= 1);
    let mut last = Device::connect_as(&hub, &hello).await;
    assert!(last.session_present());
    assert!(last.message().await.again);
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let hub = hub();
    let mut hello = Hello::lasting(V5, "reader");
    hello.properties = vec![0x11, 0, 0, 0, 1];
    hello = hello.will("will/reader", "gone");
    let mut others = Device::connect(&hub, V5, "others").await;
    others.subscribe("will/#", 0).await;
    let mut reader = Device::connect_as(&hub, &hello).await;
    reader.subscribe("s/#", 1).await;
    reader.vanish().await;
    assert_eq!(others.message().await.text(), "gone");
    crate::support::in_time("the end of the session", async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
            let mut asks = Device::connect_as(&hub, &hello).await;
            let is_there = asks.session_present();
            asks.send(&[DISCONNECT, 0]).await;
            if !is_there {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn mqtt_3_2_2_the_session_expiry_that_holds_is_told() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "mqtt.session_seconds=100"]);
    let mut hello = Hello::lasting(V5, "reader");
    for (asked, told) in [(50_u32, None), (100, None), (101, Some(100_u32)), (u32::MAX, Some(100))] {
        hello.properties = [&[0x11][..], &asked.to_be_bytes()].concat();
        let welcome = Device::connect_as(&hub, &hello).await.welcome;
        let is_told =
            welcome.windows(5).any(|window| window[0] == 0x11 && window[1..] == 100_u32.to_be_bytes());
        assert_eq!(is_told, told.is_some(), "{asked}: {welcome:?}");
    }
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "mqtt.session_seconds=0"]);
    for version in [V3, V5] {
        let hello = Hello::lasting(version, "reader");
        Device::connect_as(&hub, &hello).await.vanish().await;
        assert!(!Device::connect_as(&hub, &hello).await.session_present());
    }
}

#[tokio::test]
async fn mqtt_3_14_2_2_a_good_bye_may_say_how_long_the_session_lasts() {
    let hub = hub();
    let hello = Hello::lasting(V5, "reader");
    let mut reader = Device::connect_as(&hub, &hello).await;
    reader.send(&[DISCONNECT, 7, 0, 5, 0x11, 0, 0, 0, 0]).await;
    assert_eq!(reader.ended().await, None);
    assert!(!Device::connect_as(&hub, &hello).await.session_present());
}

#[tokio::test]
async fn mqtt_3_1_3_9_a_will_waits_for_its_delay_and_is_void_if_the_client_comes_again() {
    let hub = hub();
    let mut others = Device::connect(&hub, V5, "others").await;
    others.subscribe("will/#", 0).await;
    let mut hello = Hello::lasting(V5, "lamp");
    let delay = |seconds: u8| vec![0x18, 0, 0, 0, seconds];
    hello.will = Some(("will/lamp".to_owned(), b"gone".to_vec(), 0, false, delay(100)));
    Device::connect_as(&hub, &hello).await.vanish().await;
    let lamp = Device::connect_as(&hub, &hello).await;
    assert!(lamp.session_present());
    others.hears_nothing().await;
    lamp.leave().await;
    others.hears_nothing().await;
    hello.will = Some(("will/lamp".to_owned(), b"late".to_vec(), 0, false, delay(1)));
    Device::connect_as(&hub, &hello).await.vanish().await;
    assert_eq!(others.message().await.text(), "late");
    // The end of the session does not wait ([MQTT-3.1.2-8]).
    hello.will = Some(("will/lamp".to_owned(), b"end".to_vec(), 0, false, delay(100)));
    Device::connect_as(&hub, &hello).await.vanish().await;
    Device::connect(&hub, V5, "lamp").await;
    assert_eq!(others.message().await.text(), "end");
}

#[tokio::test]
async fn a_session_that_waits_is_bounded_and_its_loss_is_told() {
    let hub = Hub::with(&[
        "mqtt.listen=127.0.0.1:0",
        "outbox.messages=8",
        "outbox.hard_messages=16",
        "limits.messages_per_second=0",
    ]);
    let hello = Hello::lasting(V5, "reader");
    let mut reader = Device::connect_as(&hub, &hello).await;
    reader.subscribe("s/#", 1).await;
    reader.leave().await;
    let mut device = Device::connect(&hub, V5, "device").await;
    // Of readings only the newest waits.
    for number in 0..100 {
        device.publish("s/reading", number.to_string(), 2, 1, &[]).await;
        device.heard(PUBACK).await;
    }
    let mut reader = Device::connect_as(&hub, &hello).await;
    assert!(reader.session_present());
    let mut last = String::new();
    let mut count = 0;
    while last != "99" {
        let heard = reader.message().await;
        reader.answer(PUBACK, heard.id).await;
        (last, count) = (heard.text().to_owned(), count + 1);
    }
    assert!(count <= 9, "{count}");
    reader.leave().await;
    for number in 0..100 {
        device.publish("s/lamp/set", number.to_string(), 2, 1, &[]).await;
        device.heard(PUBACK).await;
    }
    hub.logs("the session is not kept").await;
    assert!(!Device::connect_as(&hub, &hello).await.session_present());
}

#[tokio::test]
async fn as_many_sessions_wait_as_may_and_who_has_the_most_gives_up_the_oldest() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "mqtt.sessions=2"]);
    for id in ["a", "b", "c"] {
        Device::connect_as(&hub, &Hello::lasting(V5, id)).await.leave().await;
    }
    hub.logs("mqtt.sessions wait already").await;
    let mut present = 0;
    for id in ["a", "b", "c"] {
        let one = Device::connect(&hub, V5, id).await;
        present += u8::from(one.session_present());
        one.leave().await;
    }
    assert_eq!(present, 0, "a clean start tells of none");
    // They were given up, so there is room again.
    Device::connect_as(&hub, &Hello::lasting(V5, "d")).await.leave().await;
    assert!(Device::connect_as(&hub, &Hello::lasting(V5, "d")).await.session_present());
    let users = ["jana", "karel"].map(|name| user(name, &["#"], &["#"], true));
    let hub = Hub::with_users(&users, &["mqtt.listen=127.0.0.1:0", "mqtt.sessions=3"]);
    let hello = |name: &str, id: &str| Hello::lasting(V5, id).user(name, PASSWORD);
    Device::connect_as(&hub, &hello("karel", "a")).await.leave().await;
    for id in ["a", "b", "c", "d"] {
        Device::connect_as(&hub, &hello("jana", id)).await.leave().await;
    }
    hub.figure_is("mqtt_given_up", 2).await;
    for (name, id, is_there) in [
        ("karel", "a", true),
        ("jana", "c", true),
        ("jana", "d", true),
        ("jana", "a", false),
        ("jana", "b", false),
    ] {
        let device = Device::connect_as(&hub, &hello(name, id)).await;
        assert_eq!(device.session_present(), is_there, "{name} {id}");
    }
}

#[tokio::test]
async fn who_waits_does_not_count_as_connected() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "figures.every_seconds=1"]);
    Device::connect_as(&hub, &Hello::lasting(V5, "a")).await.vanish().await;
    let mut figures = Client::open(
        &hub,
        "/talk",
        r#"{"filters": ["$SYS/hub/clients/connected", "$SYS/hub/mqtt/sessions"]}"#,
    )
    .await;
    let mut told = std::collections::BTreeMap::new();
    crate::support::in_time("the figures", async {
        loop {
            let frame = figures.frame().await;
            told.insert(frame[0].as_str().unwrap().to_owned(), frame[1].as_u64().unwrap());
            if told.get("$SYS/hub/mqtt/sessions") == Some(&1)
                && told.get("$SYS/hub/clients/connected") == Some(&1)
            {
                break;
            }
        }
    })
    .await;
}
