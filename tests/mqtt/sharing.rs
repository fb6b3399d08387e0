//! Shared subscriptions: a group of clients, of which one gets each message.

use std::collections::BTreeSet;

use crate::device::{Device, Hello, PUBACK, PUBCOMP, PUBREC, PUBREL, V3, V5};
use crate::hub;
use crate::support::{Hub, PASSWORD, user};

const JOBS: &str = "$share/workers/jobs/#";

/// A client that is in the group.
async fn worker(hub: &Hub, hello: &Hello, qos: u8) -> Device {
    let mut worker = Device::connect_as(hub, hello).await;
    worker.subscribe(JOBS, qos).await;
    worker
}

/// Publishes commands with QoS 1, each after the one before was acknowledged.
async fn publish(device: &mut Device, numbers: std::ops::Range<u16>) {
    for number in numbers {
        device.publish("jobs/lamp/set", number.to_string(), 2, number + 1, &[]).await;
        device.heard(PUBACK).await;
    }
}

/// Takes the next message of QoS 1, which is this one, and acknowledges it.
async fn takes(worker: &mut Device, number: u16) {
    let heard = worker.message().await;
    assert_eq!((heard.text(), heard.qos), (&*number.to_string(), 1));
    worker.answer(PUBACK, heard.id).await;
}

#[tokio::test]
async fn mqtt_4_8_2_1_and_2_a_share_name_has_a_character_and_a_filter_behind_it() {
    let hub = hub();
    let filters = [
        ("$share/", 1),
        ("$share//a", 1),
        ("$share/a", 1),
        ("$share/a/", 1),
        ("$share/a+/x", 1),
        ("$share/a#/x", 1),
        ("$share/+/x", 1),
        ("$share/a/x#", 1),
        ("$share/a/#", 0),
        ("$share/a/b/+/c", 1),
        ("$share/ž/ž", 2),
    ];
    for (version, bad) in [(V3, 0x80), (V5, 0x8f)] {
        let mut device = Device::connect(&hub, version, "device").await;
        let codes = device.subscribe_with(&filters, &[]).await;
        assert_eq!(codes, [bad, bad, bad, bad, bad, bad, bad, bad, 0, 1, 2]);
        let codes = device.unsubscribe(&["$share/a/#", "$share/a/y", "$share/a", "$share/a+/x"]).await;
        assert_eq!(codes, if version == V5 { vec![0, 0x11, 0x8f, 0x8f] } else { vec![] });
        device.leave().await;
    }
}

#[tokio::test]
async fn mqtt_4_8_2_each_message_goes_to_one_client_of_the_group_in_turns() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    for version in [V3, V5] {
        let mut workers = Vec::new();
        for id in ["a", "b", "c"] {
            workers.push(worker(&hub, &Hello::new(version, id), 1).await);
        }
        let mut other = Device::connect(&hub, version, "other").await;
        other.subscribe("$share/others/jobs/#", 1).await;
        let mut plain = Device::connect(&hub, version, "plain").await;
        plain.subscribe("jobs/#", 1).await;
        publish(&mut device, 0..9).await;
        for number in 0..9 {
            takes(&mut workers[usize::from(number % 3)], number).await;
            takes(&mut other, number).await;
            takes(&mut plain, number).await;
        }
        // One that leaves, and one that is not there any more, have no turns.
        workers[0].unsubscribe(&[JOBS]).await;
        workers.remove(1).leave().await;
        publish(&mut device, 9..12).await;
        for number in 9..12 {
            for one in [&mut workers[1], &mut other, &mut plain] {
                takes(one, number).await;
            }
        }
        workers[0].hears_nothing().await;
        for one in workers.into_iter().chain([other, plain]) {
            one.leave().await;
        }
    }
}

#[tokio::test]
async fn mqtt_4_8_2_3_each_client_of_a_group_has_its_own_qos_identifier_and_retain_as_published() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    let mut one = Device::connect(&hub, V5, "one").await;
    let mut two = Device::connect(&hub, V5, "two").await;
    one.subscribe_with(&[(JOBS, 0)], &[0x0b, 1]).await;
    two.subscribe_with(&[(JOBS, 0x08 | 2)], &[0x0b, 2]).await;
    for id in 1..3 {
        device.publish("jobs/a", "1", 0b0101, id, &[]).await;
        device.heard(PUBREC).await;
        device.answer(PUBREL, id).await;
        device.heard(PUBCOMP).await;
    }
    let heard = one.message().await;
    assert_eq!((heard.qos, heard.retain, &*heard.properties), (0, false, &[0x0b, 1][..]));
    let heard = two.message().await;
    assert_eq!((heard.qos, heard.retain, &*heard.properties), (2, true, &[0x0b, 2][..]));
    two.answer(PUBREC, heard.id).await;
    two.heard(PUBREL).await;
    two.answer(PUBCOMP, heard.id).await;
    // The same filter takes the place of the one before, and the client has one turn all the same.
    two.subscribe_with(&[(JOBS, 1)], &[0x0b, 3]).await;
    publish(&mut device, 0..4).await;
    for (number, own) in [(0, "0"), (2, "2")] {
        assert_eq!(one.message().await.text(), own);
        let heard = two.message().await;
        assert_eq!((heard.qos, heard.retain, &*heard.properties), (1, false, &[0x0b, 3][..]));
        assert_eq!(heard.text(), (number + 1).to_string());
        two.answer(PUBACK, heard.id).await;
    }
}

#[tokio::test]
async fn mqtt_4_8_2_who_has_a_subscription_of_its_own_as_well_gets_a_copy_by_each() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe_with(&[("jobs/+/set", 0)], &[0x0b, 1]).await;
    reader.subscribe_with(&[("jobs/lamp/#", 1)], &[0x0b, 2]).await;
    reader.subscribe_with(&[(JOBS, 0)], &[0x0b, 3]).await;
    publish(&mut device, 0..1).await;
    let heard = reader.message().await;
    assert_eq!((heard.qos, &*heard.properties), (1, &[0x0b, 1, 0x0b, 2][..]));
    reader.answer(PUBACK, heard.id).await;
    let heard = reader.message().await;
    assert_eq!((heard.qos, &*heard.properties), (0, &[0x0b, 3][..]));
    reader.hears_nothing().await;
}

#[tokio::test]
async fn mqtt_3_3_1_3_no_retained_messages_come_by_a_group() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    device.keep("jobs/a", "1").await;
    let mut reader = Device::connect(&hub, V5, "reader").await;
    for options in [0, 0x10] {
        reader.subscribe(JOBS, options).await;
        reader.hears_nothing().await;
    }
    device.keep("jobs/a", "2").await;
    let heard = reader.message().await;
    assert_eq!((heard.text(), heard.retain), ("2", false));
}

#[tokio::test]
async fn mqtt_4_8_2_4_what_was_begun_with_qos_2_is_completed_with_the_same_client() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    let hello = Hello::lasting(V5, "one");
    let mut one = worker(&hub, &hello, 2).await;
    for id in 1..3 {
        device.publish("jobs/set", id.to_string(), 4, id, &[]).await;
        device.heard(PUBREC).await;
        device.answer(PUBREL, id).await;
        device.heard(PUBCOMP).await;
    }
    let sent = [one.message().await, one.message().await];
    one.answer(PUBREC, sent[0].id).await;
    one.heard(PUBREL).await;
    one.vanish().await;
    let mut two = worker(&hub, &Hello::new(V5, "two"), 2).await;
    two.hears_nothing().await;
    let mut one = Device::connect_as(&hub, &hello).await;
    assert_eq!(one.heard(PUBREL).await[..2], sent[0].id.to_be_bytes());
    let again = one.message().await;
    assert_eq!((again.id, again.again, &again.payload), (sent[1].id, true, &sent[1].payload));
    one.answer(PUBCOMP, sent[0].id).await;
    one.answer(PUBREC, again.id).await;
    one.heard(PUBREL).await;
    one.answer(PUBCOMP, again.id).await;
    one.hears_nothing().await;
    two.hears_nothing().await;
}

#[tokio::test]
async fn mqtt_4_8_2_5_as_a_session_ends_others_get_what_it_has_not_acknowledged_but_not_of_qos_2() {
    let hub = hub();
    for version in [V3, V5] {
        let mut hello = Hello::lasting(version, "one");
        if version == V5 {
            // Four are on their way, and the others wait.
            hello.properties.extend([0x21, 0, 4]);
        }
        let mut one = worker(&hub, &hello, 2).await;
        let mut device = Device::connect(&hub, V5, "device").await;
        for id in 1..=6_u16 {
            let qos = if id % 2 == 0 { 2 } else { 1 };
            device.publish("jobs/set", id.to_string(), qos << 1, id, &[]).await;
            device.next().await.unwrap();
            if qos == 2 {
                device.answer(PUBREL, id).await;
                device.heard(PUBCOMP).await;
            }
        }
        let sent = if version == V5 { 4 } else { 6 };
        let first = one.message().await;
        for _ in 1..sent {
            one.message().await;
        }
        one.answer(PUBACK, first.id).await;
        if version == V5 {
            // There is room for one more now.
            assert_eq!(one.message().await.text(), "5");
        } else {
            one.hears_nothing().await;
        }
        one.vanish().await;
        let mut two = worker(&hub, &Hello::new(version, "two"), 1).await;
        two.hears_nothing().await;
        // A clean start ends its session.
        let mut one = Device::connect(&hub, version, "one").await;
        // 1 was acknowledged; 2 and 4 were sent, and 6 where nothing bounds what is on its way.
        let expected: &[u16] = if version == V5 { &[3, 5, 6] } else { &[3, 5] };
        for number in expected {
            takes(&mut two, *number).await;
        }
        two.hears_nothing().await;
        one.hears_nothing().await;
        two.leave().await;
        one.leave().await;
    }
}

#[tokio::test]
async fn mqtt_4_8_2_6_what_a_client_refuses_goes_to_nobody_else() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    let mut one = worker(&hub, &Hello::lasting(V5, "one"), 2).await;
    for (flags, id) in [(2, 1), (4, 2)] {
        device.publish("jobs/set", id.to_string(), flags, id, &[]).await;
        device.next().await.unwrap();
    }
    let mut two = worker(&hub, &Hello::new(V5, "two"), 2).await;
    let (first, second) = (one.message().await, one.message().await);
    let refusal =
        |first: u8, id: u16| crate::device::packet(first, &[&id.to_be_bytes()[..], &[0x80]].concat());
    one.send(&refusal(PUBACK, first.id)).await;
    one.send(&refusal(PUBREC, second.id)).await;
    one.hears_nothing().await;
    one.leave().await;
    Device::connect(&hub, V5, "one").await.hears_nothing().await;
    two.hears_nothing().await;
}

#[tokio::test]
async fn a_client_that_is_killed_leaves_its_work_to_the_others() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    let mut hello = Hello::new(V5, "dies");
    hello.properties = vec![0x21, 0, 1];
    let mut dies = worker(&hub, &hello, 1).await;
    let mut lives = worker(&hub, &Hello::new(V5, "lives"), 1).await;
    publish(&mut device, 0..10).await;
    // The first one is on its way, and four wait.
    assert_eq!(dies.message().await.text(), "0");
    let mut heard = BTreeSet::new();
    for _ in 0..5 {
        let message = lives.message().await;
        heard.insert(message.text().to_owned());
        lives.answer(PUBACK, message.id).await;
    }
    lives.hears_nothing().await;
    dies.vanish().await;
    for _ in 0..5 {
        let message = lives.message().await;
        assert!(heard.insert(message.text().to_owned()), "twice: {}", message.text());
        lives.answer(PUBACK, message.id).await;
    }
    assert_eq!(heard, (0..10).map(|number| number.to_string()).collect());
    lives.hears_nothing().await;
}

#[tokio::test]
async fn what_a_client_that_unsubscribes_was_not_sent_goes_to_the_others() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    let mut hello = Hello::new(V5, "one");
    hello.properties = vec![0x21, 0, 1];
    let mut one = worker(&hub, &hello, 1).await;
    publish(&mut device, 0..3).await;
    let sent = one.message().await;
    let mut two = worker(&hub, &Hello::new(V5, "two"), 1).await;
    assert_eq!(one.unsubscribe(&[JOBS]).await, [0]);
    for number in 1..3 {
        takes(&mut two, number).await;
    }
    // What was sent is its own to acknowledge ([MQTT-3.10.4-3]).
    one.answer(PUBACK, sent.id).await;
    one.hears_nothing().await;
    two.hears_nothing().await;
}

#[tokio::test]
async fn a_session_that_waits_for_its_client_gets_messages_where_nobody_else_is_there() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    for version in [V3, V5] {
        let hello = Hello::lasting(version, "away");
        worker(&hub, &hello, 1).await.leave().await;
        // Of QoS 0 nothing waits.
        worker(&hub, &Hello::lasting(version, "zero"), 0).await.leave().await;
        let mut here = worker(&hub, &Hello::new(version, "here"), 1).await;
        publish(&mut device, 0..4).await;
        for number in 0..4 {
            takes(&mut here, number).await;
        }
        here.leave().await;
        publish(&mut device, 4..6).await;
        let mut zero = Device::connect_as(&hub, &Hello::lasting(version, "zero")).await;
        assert!(zero.session_present());
        zero.hears_nothing().await;
        publish(&mut device, 6..7).await;
        assert_eq!(zero.message().await.text(), "6");
        let mut away = Device::connect_as(&hub, &hello).await;
        assert!(away.session_present());
        for number in 4..6 {
            takes(&mut away, number).await;
        }
        away.hears_nothing().await;
        for (id, one) in [("away", away), ("zero", zero)] {
            one.leave().await;
            Device::connect(&hub, version, id).await.leave().await;
        }
    }
}

#[tokio::test]
async fn groups_of_two_users_do_not_take_messages_from_each_other() {
    let users = [user("jana", &["#"], &["#"], true), user("karel", &["jobs/#"], &[], true)];
    let hub = Hub::with_users(&users, &["mqtt.listen=127.0.0.1:0"]);
    let hello = |name: &str| Hello::new(V5, "worker").user(name, PASSWORD);
    let mut jana = worker(&hub, &hello("jana"), 1).await;
    let mut karel = worker(&hub, &hello("karel"), 1).await;
    let mut device = Device::connect_as(&hub, &Hello::new(V5, "device").user("jana", PASSWORD)).await;
    publish(&mut device, 0..3).await;
    for number in 0..3 {
        takes(&mut jana, number).await;
        takes(&mut karel, number).await;
    }
    // What the filter names has to be allowed, with a group as without.
    let filters = [("$share/workers/#", 1), ("$share/workers/jobs/+", 1), ("$share/workers/door/#", 1)];
    assert_eq!(karel.subscribe_with(&filters, &[]).await, [0x87, 1, 0x87]);
}

#[tokio::test]
async fn rights_that_are_taken_away_end_a_membership() {
    let jana = user("jana", &["#"], &["#"], true);
    let hub =
        Hub::with_users(&[jana.clone(), user("lamp", &["#"], &["#"], true)], &["mqtt.listen=127.0.0.1:0"]);
    let mut lamp = worker(&hub, &Hello::new(V5, "lamp").user("lamp", PASSWORD), 1).await;
    lamp.subscribe("$share/workers/lamp/#", 1).await;
    let less = [jana, user("lamp", &["lamp/#"], &["#"], true)];
    std::fs::write(hub.dir().join("users.toml"), less.join("\n")).unwrap();
    hub.logs("shared subscriptions have ended").await;
    let mut device = Device::connect_as(&hub, &Hello::new(V5, "device").user("jana", PASSWORD)).await;
    publish(&mut device, 0..1).await;
    device.publish("lamp/set", "2", 2, 9, &[]).await;
    device.heard(PUBACK).await;
    let heard = lamp.message().await;
    assert_eq!(heard.topic, "lamp/set");
    lamp.answer(PUBACK, heard.id).await;
    lamp.hears_nothing().await;
}

#[tokio::test]
async fn shared_filters_count_among_those_that_a_connection_may_hold() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "limits.filters=3"]);
    let mut device = Device::connect(&hub, V5, "device").await;
    let filters = [("$share/g/f/1", 1), ("f/2", 1), ("$share/g/f/3", 1), ("$share/g/f/4", 1)];
    let codes = device.subscribe_with(&filters, &[]).await;
    assert_eq!(codes, [1, 0x97, 1, 1], "memberships are taken first");
    assert_eq!(device.unsubscribe(&["$share/g/f/1"]).await, [0]);
    let codes = device.subscribe_with(&filters[1..], &[]).await;
    assert_eq!(codes, [1, 1, 1]);
    // A group takes more than 100 from nobody.
    let hub = self::hub();
    let mut device = Device::connect(&hub, V5, "device").await;
    let names: Vec<_> = (0..101).map(|number| format!("$share/{number}/a")).collect();
    let filters: Vec<_> = names.iter().map(|name| (&**name, 1)).collect();
    let codes = device.subscribe_with(&filters, &[]).await;
    assert_eq!((codes[..100].iter().all(|code| *code == 1), codes[100]), (true, 0x97));
}

#[tokio::test]
async fn a_group_is_the_same_after_the_hub_was_stopped_or_killed() {
    for is_killed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let start = || Hub::with_store(folder.path(), &["mqtt.listen=127.0.0.1:0"]);
        let hub = start();
        let (one, two) = (Hello::lasting(V5, "one"), Hello::lasting(V3, "two"));
        let mut first = Device::connect_as(&hub, &one).await;
        first.subscribe_with(&[(JOBS, 1)], &[0x0b, 1]).await;
        // It has a filter of its own as well, which brings a copy of each message.
        first.subscribe_with(&[("jobs/+/set", 1)], &[0x0b, 2]).await;
        first.leave().await;
        worker(&hub, &two, 1).await.leave().await;
        let mut device = Device::connect(&hub, V5, "device").await;
        publish(&mut device, 0..4).await;
        if is_killed {
            hub.killed().await
        } else {
            hub.stopped().await
        }
        let hub = start();
        hub.logs("sessions are back").await;
        let mut device = Device::connect(&hub, V5, "device").await;
        publish(&mut device, 4..8).await;
        let (mut shared, mut own) = (BTreeSet::new(), BTreeSet::new());
        for (hello, count) in [(&one, 12), (&two, 4)] {
            let mut worker = Device::connect_as(&hub, hello).await;
            assert!(worker.session_present());
            for _ in 0..count {
                let message = worker.message().await;
                worker.answer(PUBACK, message.id).await;
                let of = if message.properties == [0x0b, 2] { &mut own } else { &mut shared };
                assert!(of.insert(message.text().to_owned()), "twice: {message:?}");
            }
            worker.hears_nothing().await;
        }
        assert_eq!(own, shared);
        assert_eq!(shared, (0..8).map(|number| number.to_string()).collect());
        hub.stopped().await;
    }
}

#[tokio::test]
async fn what_a_session_has_of_a_group_goes_to_the_others_if_its_time_is_over_while_the_hub_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Hub::with_store(folder.path(), &["mqtt.listen=127.0.0.1:0"]);
    let hub = start();
    let mut hello = Hello::lasting(V5, "short");
    hello.properties = vec![0x11, 0, 0, 0, 1, 0x21, 0, 1];
    let mut short = worker(&hub, &hello, 1).await;
    let mut device = Device::connect(&hub, V5, "device").await;
    publish(&mut device, 0..3).await;
    // One is on its way, and two wait.
    assert_eq!(short.message().await.text(), "0");
    let long = Hello::lasting(V5, "long");
    worker(&hub, &long, 1).await.leave().await;
    hub.killed().await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let hub = start();
    hub.logs("sessions are back").await;
    let mut long = Device::connect_as(&hub, &long).await;
    for number in 0..3 {
        takes(&mut long, number).await;
    }
    long.hears_nothing().await;
    assert!(!Device::connect_as(&hub, &hello).await.session_present());
}
