//! Sessions that outlive the hub: what waits, what is on its way, subscriptions, and what ends them all the same.

use std::path::Path;
use std::time::Duration;

use crate::device::{Device, Hello, PUBACK, PUBCOMP, PUBREC, PUBREL, SUBACK, V3, V5, packet, text};
use crate::support::{Hub, PASSWORD, user};

const MQTT: &[&str] = &["mqtt.listen=127.0.0.1:0"];

fn hub(folder: &Path) -> Hub {
    Hub::with_store(folder, MQTT)
}

/// Publishes so many commands, and waits until each is acknowledged.
async fn publish(hub: &Hub, topic: &str, numbers: std::ops::Range<u32>) {
    let mut device = Device::connect(hub, V5, "publisher").await;
    for number in numbers {
        device.publish(topic, number.to_string(), 2, 1, &[]).await;
        device.heard(PUBACK).await;
    }
    device.leave().await;
}

#[tokio::test]
async fn a_session_with_its_subscriptions_and_what_waits_is_there_after_the_hub_was_stopped_or_killed() {
    for (version, is_killed) in [(V3, false), (V5, false), (V3, true), (V5, true)] {
        let folder = tempfile::tempdir().unwrap();
        let hello = Hello::lasting(version, "reader");
        let first = hub(folder.path());
        let mut reader = Device::connect_as(&first, &hello).await;
        assert!(!reader.session_present());
        reader.subscribe("s/#", 1).await;
        reader.subscribe("zero/#", 0).await;
        reader.leave().await;
        publish(&first, "s/lamp/set", 0..3).await;
        if is_killed {
            first.killed().await
        } else {
            first.stopped().await
        }
        let second = hub(folder.path());
        // Who is not there hears what is said before it comes, too.
        publish(&second, "s/lamp/set", 3..5).await;
        let mut reader = Device::connect_as(&second, &hello).await;
        assert!(reader.session_present());
        for number in 0..5 {
            let heard = reader.message().await;
            assert_eq!((heard.text(), heard.qos), (&*number.to_string(), 1));
            reader.answer(PUBACK, heard.id).await;
        }
        reader.hears_nothing().await;
        publish(&second, "zero/lamp/set", 9..10).await;
        assert_eq!(reader.message().await.text(), "9");
        reader.leave().await;
        second.stopped().await;
        // What was acknowledged has gone.
        let third = hub(folder.path());
        let mut reader = Device::connect_as(&third, &hello).await;
        assert!(reader.session_present());
        reader.hears_nothing().await;
    }
}

#[tokio::test]
async fn mqtt_4_4_0_1_what_is_on_its_way_comes_again_under_its_number() {
    let folder = tempfile::tempdir().unwrap();
    for qos in [1, 2] {
        let hello = Hello::lasting(V5, &format!("reader-{qos}"));
        let first = hub(folder.path());
        let mut reader = Device::connect_as(&first, &hello).await;
        reader.subscribe("s/#", qos).await;
        let mut device = Device::connect(&first, V5, "device").await;
        for number in 1..=3_u16 {
            device.publish("s/lamp/set", number.to_string(), qos << 1, number, &[]).await;
        }
        let mut sent = Vec::new();
        for _ in 0..3 {
            let heard = reader.message().await;
            assert!(!heard.again);
            sent.push((heard.id, heard.text().to_owned()));
        }
        if qos == 2 {
            // The first one it has; that it knows is on its way.
            reader.answer(PUBREC, sent[0].0).await;
            reader.heard(PUBREL).await;
        }
        first.stopped().await;
        let second = hub(folder.path());
        let mut reader = Device::connect_as(&second, &hello).await;
        assert!(reader.session_present());
        if qos == 2 {
            let (id, _) = sent.remove(0);
            assert_eq!(reader.heard(PUBREL).await[..2], id.to_be_bytes());
            reader.answer(PUBCOMP, id).await;
        }
        for (id, text) in &sent {
            let heard = reader.message().await;
            assert_eq!((heard.id, heard.text(), heard.again), (*id, &**text, true));
        }
        for (id, _) in sent {
            if qos == 1 {
                reader.answer(PUBACK, id).await;
            } else {
                reader.answer(PUBREC, id).await;
                reader.heard(PUBREL).await;
                reader.answer(PUBCOMP, id).await;
            }
        }
        reader.hears_nothing().await;
        second.stopped().await;
    }
}

#[tokio::test]
async fn a_message_of_qos_2_that_came_is_known_again_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (speaker, listener) = (Hello::lasting(V5, "speaker"), Hello::lasting(V5, "listener"));
    let first = hub(folder.path());
    let mut reader = Device::connect_as(&first, &listener).await;
    reader.subscribe("s/#", 2).await;
    reader.leave().await;
    let mut device = Device::connect_as(&first, &speaker).await;
    device.publish("s/lamp/set", "1", 4, 7, &[]).await;
    device.heard(PUBREC).await;
    first.killed().await;
    let second = hub(folder.path());
    let mut device = Device::connect_as(&second, &speaker).await;
    assert!(device.session_present());
    // It has not seen the answer, and sends it again.
    device.publish("s/lamp/set", "1", 0b1100, 7, &[]).await;
    device.heard(PUBREC).await;
    device.answer(PUBREL, 7).await;
    device.heard(PUBCOMP).await;
    second.killed().await;
    // The number is free again.
    let third = hub(folder.path());
    let mut device = Device::connect_as(&third, &speaker).await;
    device.publish("s/lamp/set", "2", 4, 7, &[]).await;
    device.heard(PUBREC).await;
    let mut reader = Device::connect_as(&third, &listener).await;
    let heard = [reader.message().await, reader.message().await];
    assert_eq!(heard.each_ref().map(|heard| (heard.text(), heard.qos)), [("1", 2), ("2", 2)]);
    for message in heard {
        reader.answer(PUBREC, message.id).await;
        reader.heard(PUBREL).await;
        reader.answer(PUBCOMP, message.id).await;
    }
    reader.hears_nothing().await;
}

#[tokio::test]
async fn a_session_whose_time_is_over_while_the_hub_is_down_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut short = Hello::lasting(V5, "short");
    short.properties = vec![0x11, 0, 0, 0, 1];
    let long = Hello::lasting(V5, "long");
    let first = hub(folder.path());
    for hello in [&short, &long] {
        let mut reader = Device::connect_as(&first, hello).await;
        reader.subscribe("s/#", 1).await;
        reader.leave().await;
    }
    first.killed().await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let second = hub(folder.path());
    second.logs("sessions are back").await;
    assert!(!Device::connect_as(&second, &short).await.session_present());
    assert!(Device::connect_as(&second, &long).await.session_present());
}

#[tokio::test]
async fn a_session_that_was_ended_or_forgotten_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let first = hub(folder.path());
    for id in ["clean", "goes"] {
        Device::connect_as(&first, &Hello::lasting(V5, id)).await.leave().await;
    }
    // A clean start that does not last, and a good-bye that says so.
    Device::connect(&first, V5, "clean").await.leave().await;
    let mut goes = Device::connect_as(&first, &Hello::lasting(V5, "goes")).await;
    goes.send(&[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 0]).await;
    assert_eq!(goes.ended().await, None);
    first.stopped().await;
    let second = hub(folder.path());
    for id in ["clean", "goes"] {
        assert!(!Device::connect_as(&second, &Hello::lasting(V5, id)).await.session_present(), "{id}");
    }
}

/// 1024 words wait for the store at most, and nothing more is read then.
#[tokio::test]
async fn who_asks_for_more_than_may_wait_for_the_store_is_answered_to_the_last() {
    for threads in ["server.io_threads=1", "server.io_threads=2"] {
        let folder = tempfile::tempdir().unwrap();
        let hub =
            Hub::with_store(folder.path(), &[MQTT, &["limits.messages_per_second=0", threads]].concat());
        let mut device = Device::connect_as(&hub, &Hello::lasting(V5, "device")).await;
        let subscribe = |id: u16| packet(0x82, &[&id.to_be_bytes()[..], &[0], &text("t"), &[1]].concat());
        device.send(&(1..=10_000).flat_map(subscribe).collect::<Vec<_>>()).await;
        for id in 1..=10_000_u16 {
            assert_eq!(device.heard(SUBACK).await[..2], id.to_be_bytes());
        }
    }
}

/// What they make room for is more than may be unsent before nothing more is read.
#[tokio::test]
async fn who_acknowledges_many_messages_at_once_gets_all_that_they_make_room_for() {
    for threads in ["server.io_threads=1", "server.io_threads=2"] {
        let folder = tempfile::tempdir().unwrap();
        let hub =
            Hub::with_store(folder.path(), &[MQTT, &["limits.messages_per_second=0", threads]].concat());
        let hello = Hello::lasting(V5, "reader");
        let mut reader = Device::connect_as(&hub, &hello).await;
        reader.subscribe("t", 1).await;
        reader.leave().await;
        let mut publisher = Device::connect(&hub, V5, "publisher").await;
        for _ in 0..124 {
            publisher.publish("t", "x".repeat(3000), 2, 1, &[]).await;
            publisher.heard(PUBACK).await;
        }
        let mut reader = Device::connect_as(&hub, &hello).await;
        let mut answers = Vec::new();
        for _ in 0..64 {
            answers.extend(packet(PUBACK, &reader.message().await.id.to_be_bytes()));
        }
        reader.send(&answers).await;
        for _ in 64..124 {
            reader.message().await;
        }
    }
}

#[tokio::test]
async fn a_session_of_an_account_that_is_gone_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("store.directory={}", folder.path().display());
    let settings = [&[&*store][..], MQTT].concat();
    let (jana, karel) = (user("jana", &["#"], &["#"], true), user("karel", &["#"], &["#"], true));
    let first = Hub::with_users(&[jana.clone(), karel.clone()], &settings);
    for name in ["jana", "karel"] {
        let hello = Hello::lasting(V5, "reader").user(name, PASSWORD);
        let mut reader = Device::connect_as(&first, &hello).await;
        reader.subscribe("s/#", 1).await;
        reader.leave().await;
    }
    first.stopped().await;
    let second = Hub::with_users(std::slice::from_ref(&jana), &settings);
    second.logs("sessions are back").await;
    second.stopped().await;
    let third = Hub::with_users(&[jana, karel], &settings);
    for (name, is_there) in [("jana", true), ("karel", false)] {
        let hello = Hello::lasting(V5, "reader").user(name, PASSWORD);
        assert_eq!(Device::connect_as(&third, &hello).await.session_present(), is_there, "{name}");
    }
}

#[tokio::test]
async fn what_waits_is_bounded_over_a_restart_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        [MQTT, &["outbox.messages=8", "outbox.hard_messages=16", "limits.messages_per_second=0"]].concat();
    let hello = Hello::lasting(V5, "reader");
    let first = Hub::with_store(folder.path(), &settings);
    let mut reader = Device::connect_as(&first, &hello).await;
    reader.subscribe("s/#", 1).await;
    reader.leave().await;
    publish(&first, "s/lamp/set", 0..10).await;
    first.killed().await;
    // Ten wait already; the seventh more is one too many.
    let second = Hub::with_store(folder.path(), &settings);
    publish(&second, "s/lamp/set", 10..17).await;
    second.logs("the session is not kept").await;
    second.stopped().await;
    let third = Hub::with_store(folder.path(), &settings);
    assert!(!Device::connect_as(&third, &hello).await.session_present());
}

#[tokio::test]
async fn without_a_store_sessions_end_with_the_hub() {
    let hello = Hello::lasting(V5, "reader");
    let first = Hub::with(MQTT);
    Device::connect_as(&first, &hello).await.leave().await;
    first.stopped().await;
    let second = Hub::with(MQTT);
    assert!(!Device::connect_as(&second, &hello).await.session_present());
}

#[tokio::test]
async fn a_publisher_of_qos_2_may_use_the_whole_window_it_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(folder.path(), &[MQTT, &["limits.messages_per_second=0"]].concat());
    let mut reader = Device::connect_as(&hub, &Hello::lasting(V5, "reader")).await;
    reader.subscribe("burst/#", 2).await;
    // The session that waits has the store in the way of each answer.
    reader.leave().await;
    for (version, most) in [(V5, 64), (V3, 1024)] {
        let mut device = Device::connect(&hub, version, "device").await;
        let publish = |id: u16| {
            let properties: &[u8] = if version == V5 { &[0] } else { &[] };
            packet(0x34, &[&text("burst/a")[..], &id.to_be_bytes(), properties, b"1"].concat())
        };
        device.send(&(1..=most).map(publish).collect::<Vec<_>>().concat()).await;
        for id in 1..=most {
            assert_eq!(device.heard(PUBREC).await, id.to_be_bytes());
        }
        device.send(&publish(most + 1)).await;
        assert_eq!(device.ended().await, (version == V5).then_some(0x93));
    }
}
