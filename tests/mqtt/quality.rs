//! QoS 1 and 2 in both directions, each broken off at each of its steps.

use crate::device::{DISCONNECT, Device, Hello, PUBACK, PUBCOMP, PUBREC, PUBREL, V3, V5};
use crate::hub;
use crate::support::Hub;

#[tokio::test]
async fn mqtt_4_3_2_4_a_message_of_qos_1_is_acknowledged() {
    let hub = hub();
    for version in [V3, V5] {
        let mut device = Device::connect(&hub, version, "device").await;
        device.publish("q/1", "1", 2, 0x1234, &[]).await;
        assert_eq!(device.heard(PUBACK).await, [0x12, 0x34]);
    }
}

#[tokio::test]
async fn mqtt_4_3_3_a_message_of_qos_2_comes_once_wherever_its_delivery_is_broken_off() {
    let hub = hub();
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe("q/#", 0).await;
    for version in [V3, V5] {
        let hello = Hello::lasting(version, "device");
        // After PUBLISH: it is not known whether the hub has it.
        let mut device = Device::connect_as(&hub, &hello).await;
        device.publish("q/2", "a", 4, 1, &[]).await;
        assert_eq!(device.heard(PUBREC).await, [0, 1]);
        device.vanish().await;
        // After PUBREC was sent: PUBLISH comes again, and is not published again.
        let mut device = Device::connect_as(&hub, &hello).await;
        assert!(device.session_present());
        device.publish("q/2", "a", 0b1100, 1, &[]).await;
        assert_eq!(device.heard(PUBREC).await, [0, 1]);
        device.vanish().await;
        // After PUBREL: it comes again.
        let mut device = Device::connect_as(&hub, &hello).await;
        device.answer(PUBREL, 1).await;
        assert_eq!(device.heard(PUBCOMP).await, [0, 1]);
        device.vanish().await;
        // After PUBCOMP: the id is free, and PUBREL of what is not known is answered.
        let mut device = Device::connect_as(&hub, &hello).await;
        device.answer(PUBREL, 1).await;
        let answer = device.heard(PUBCOMP).await;
        assert_eq!(answer, if version == V5 { vec![0, 1, 0x92] } else { vec![0, 1] });
        device.publish("q/2", "b", 4, 1, &[]).await;
        assert_eq!(device.heard(PUBREC).await, [0, 1]);
        for payload in ["a", "b"] {
            assert_eq!(reader.message().await.text(), payload);
        }
        reader.hears_nothing().await;
        device.leave().await;
        // The next version begins anew.
        Device::connect_as(&hub, &Hello::new(version, "device")).await.leave().await;
    }
}

#[tokio::test]
async fn mqtt_4_4_0_1_what_the_client_has_not_acknowledged_comes_again_with_dup() {
    let hub = hub();
    for version in [V3, V5] {
        let hello = Hello::lasting(version, "reader");
        let mut reader = Device::connect_as(&hub, &hello).await;
        reader.subscribe("again/#", 2).await;
        let mut device = Device::connect(&hub, V5, "device").await;
        for (flags, id) in [(2, 1), (4, 2)] {
            device.publish("again/a", id.to_string(), flags, id, &[]).await;
            device.next().await.unwrap();
        }
        let (one, two) = (reader.message().await, reader.message().await);
        assert_eq!((one.qos, two.qos, one.again, two.again), (1, 2, false, false));
        reader.vanish().await;
        // Before PUBACK and PUBREC.
        let mut reader = Device::connect_as(&hub, &hello).await;
        for before in [&one, &two] {
            let heard = reader.message().await;
            assert!(heard.again);
            assert_eq!((heard.id, &heard.payload, heard.qos), (before.id, &before.payload, before.qos));
        }
        reader.answer(PUBACK, one.id).await;
        reader.answer(PUBREC, two.id).await;
        assert_eq!(reader.heard(PUBREL).await, two.id.to_be_bytes());
        reader.vanish().await;
        // Before PUBCOMP: PUBREL comes again, and the message does not.
        let mut reader = Device::connect_as(&hub, &hello).await;
        assert_eq!(reader.heard(PUBREL).await, two.id.to_be_bytes());
        reader.answer(PUBCOMP, two.id).await;
        reader.hears_nothing().await;
        reader.vanish().await;
        let mut reader = Device::connect_as(&hub, &hello).await;
        assert!(reader.session_present());
        reader.hears_nothing().await;
        reader.leave().await;
        Device::connect_as(&hub, &Hello::new(version, "reader")).await.leave().await;
    }
}

#[tokio::test]
async fn mqtt_3_8_4_8_a_message_comes_with_the_lower_qos_of_both_sides() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    for granted in 0..3 {
        let mut reader = Device::connect(&hub, V5, "reader").await;
        reader.subscribe("q/#", granted).await;
        for sent in 0..3 {
            device.publish("q/a", "1", sent << 1, 5, &[]).await;
            if sent > 0 {
                device.next().await.unwrap();
            }
            if sent == 2 {
                device.answer(PUBREL, 5).await;
                device.heard(PUBCOMP).await;
            }
            let heard = reader.message().await;
            assert_eq!(heard.qos, granted.min(sent));
            match heard.qos {
                0 => assert_eq!(heard.id, 0),
                1 => reader.answer(PUBACK, heard.id).await,
                _ => {
                    reader.answer(PUBREC, heard.id).await;
                    reader.heard(PUBREL).await;
                    reader.answer(PUBCOMP, heard.id).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn mqtt_3_3_4_9_no_more_than_the_receive_maximum_of_the_client_is_on_its_way() {
    let hub = hub();
    let mut hello = Hello::new(V5, "reader");
    hello.properties = vec![0x21, 0, 2];
    let mut reader = Device::connect_as(&hub, &hello).await;
    reader.subscribe("w/#", 1).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    for number in 0..20 {
        device.publish("w/set", number.to_string(), 2, 1, &[]).await;
        device.heard(PUBACK).await;
    }
    let mut open = vec![reader.message().await, reader.message().await];
    reader.hears_nothing().await;
    for number in 2..20 {
        let first = open.remove(0);
        reader.answer(PUBACK, first.id).await;
        let next = reader.message().await;
        assert_eq!(next.text(), number.to_string(), "in their order");
        open.push(next);
    }
    reader.hears_nothing().await;
}

#[tokio::test]
async fn mqtt_3_3_4_7_a_client_that_goes_over_the_receive_maximum_of_the_hub_is_ended() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "mqtt.window=2"]);
    let mut device = Device::connect(&hub, V5, "device").await;
    for id in 1..=2 {
        device.publish("a", "1", 4, id, &[]).await;
        device.heard(PUBREC).await;
    }
    device.publish("a", "1", 4, 3, &[]).await;
    assert_eq!(device.ended().await, Some(0x93));
}

#[tokio::test]
async fn who_never_acknowledges_obeys_the_policy_of_slow_readers() {
    let hub = Hub::with(&[
        "mqtt.listen=127.0.0.1:0",
        "mqtt.window=4",
        "outbox.messages=8",
        "outbox.hard_messages=16",
        "limits.messages_per_second=0",
    ]);
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe("slow/#", 1).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    // Readings give way to newer ones.
    for number in 0..500 {
        device.publish("slow/reading", number.to_string(), 2, 1, &[]).await;
        device.heard(PUBACK).await;
    }
    hub.logs("from here on only the newest reading of a topic is kept").await;
    let mut last = String::new();
    while last != "499" {
        let heard = reader.message().await;
        reader.answer(PUBACK, heard.id).await;
        last = heard.text().to_owned();
    }
    // Commands do not: their reader is given up.
    for number in 0..500 {
        device.publish("slow/lamp/set", number.to_string(), 2, 1, &[]).await;
        device.heard(PUBACK).await;
    }
    loop {
        let heard = reader.next().await.expect("a DISCONNECT");
        if heard.first == 0xe0 {
            break assert_eq!(heard.body[0], 0x97);
        }
    }
    hub.logs("slow consumer").await;
}

#[tokio::test]
async fn acknowledgements_of_what_is_not_known_are_harmless() {
    let hub = hub();
    for version in [V3, V5] {
        let mut device = Device::connect(&hub, version, "device").await;
        device.answer(PUBACK, 9).await;
        device.answer(PUBCOMP, 9).await;
        device.answer(PUBREC, 9).await;
        let answer = device.heard(PUBREL).await;
        assert_eq!(answer, if version == V5 { vec![0, 9, 0x92] } else { vec![0, 9] });
        device.hears_nothing().await;
    }
}

#[tokio::test]
async fn acknowledgements_of_what_is_not_known_are_counted_and_those_of_messages_are_not() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "limits.messages_per_second=10"]);
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe("a/#", 1).await;
    let mut others = Vec::new();
    for number in 0..10 {
        let mut device = Device::connect(&hub, V5, &format!("device-{number}")).await;
        for message in 0..5 {
            device.publish(&format!("a/{number}/{message}"), "1", 2, 1, &[]).await;
            device.heard(PUBACK).await;
            let heard = reader.message().await;
            reader.answer(PUBACK, heard.id).await;
        }
        others.push(device);
    }
    reader.hears_nothing().await;
    for (first, mut device) in [PUBACK, PUBREC, PUBCOMP].into_iter().zip(others) {
        let answers: Vec<u8> = (0..40).flat_map(|_| [first, 2, 0, 9]).collect();
        device.send(&answers).await;
        let code = loop {
            let heard = device.next().await.expect("a DISCONNECT");
            if heard.first == DISCONNECT {
                break heard.body[0];
            }
            assert_eq!(heard.first, PUBREL);
        };
        assert_eq!(code, 0x96);
    }
}
