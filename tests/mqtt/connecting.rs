//! CONNECT and CONNACK.

use crate::device::{CONNACK, Device, Hello, V3, V5, packet, text};
use crate::hub;
use crate::support::{Client, Hub, PASSWORD, user};

fn with_users(users: &[String]) -> Hub {
    Hub::with_users(users, &["mqtt.listen=127.0.0.1:0"])
}

#[tokio::test]
async fn a_client_of_each_version_is_let_in_and_told_what_holds() {
    let hub = hub();
    assert_eq!(Device::connect(&hub, V3, "a").await.welcome, [0, 0]);
    let welcome = Device::connect(&hub, V5, "b").await.welcome;
    assert_eq!(welcome[..2], [0, 0]);
    let holds = |property: &[u8]| welcome.windows(property.len()).any(|window| window == property);
    assert!(holds(&[0x21, 0, 64]), "receive maximum: {welcome:?}");
    assert!(holds(&[0x27, 0, 0x10, 0, 0]), "maximum packet size: {welcome:?}");
    assert!(holds(&[0x22, 0, 16]), "topic alias maximum: {welcome:?}");
    // [MQTT-3.2.2.3.13]
    assert!(holds(&[0x2a, 1]), "shared subscriptions: {welcome:?}");
}

#[tokio::test]
async fn mqtt_3_1_0_1_the_first_packet_is_a_connect() {
    let hub = hub();
    for first in [&[0xc0, 0][..], &packet(0x30, b"\0\x01a1"), &[0x20, 2, 0, 0], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut device = Device::dial(&hub).await;
        device.send(first).await;
        assert_eq!(device.next().await, None, "{first:?}");
    }
}

#[tokio::test]
async fn mqtt_3_1_0_2_a_second_connect_ends_the_connection() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "twice").await;
    device.send(&Hello::new(V5, "twice").bytes()).await;
    assert_eq!(device.ended().await, Some(0x82));
    let mut device = Device::connect(&hub, V3, "twice").await;
    device.send(&Hello::new(V3, "twice").bytes()).await;
    assert_eq!(device.ended().await, None);
}

#[tokio::test]
async fn mqtt_3_1_2_1_and_2_another_protocol_is_refused() {
    let hub = hub();
    let hello = |name: &str, level: u8| {
        let mut body = text(name);
        body.extend([level, 2, 0, 0]);
        body.extend(text("id"));
        packet(0x10, &body)
    };
    for (name, level, answer) in [
        ("MQIsdp", 3, Some(1)),
        ("MQTT", 3, Some(1)),
        ("MQTT", 6, Some(0x84)),
        ("MQTT", 0, Some(1)),
        ("HTTP", 4, None),
    ] {
        let mut device = Device::dial(&hub).await;
        device.send(&hello(name, level)).await;
        assert_eq!(device.ended().await, answer, "{name} {level}");
    }
}

#[tokio::test]
async fn mqtt_3_1_2_3_reserved_flags_are_0() {
    let hub = hub();
    for version in [V3, V5] {
        let mut bytes = Hello::new(version, "id").bytes();
        let flags = 2 + 6 + 1;
        bytes[flags] |= 1;
        let mut device = Device::dial(&hub).await;
        device.send(&bytes).await;
        assert_eq!(device.ended().await, (version == V5).then_some(0x81));
        let mut bytes = Hello::new(version, "id").bytes();
        bytes[0] |= 2;
        let mut device = Device::dial(&hub).await;
        device.send(&bytes).await;
        assert_eq!(device.ended().await, (version == V5).then_some(0x81));
    }
}

#[tokio::test]
async fn flags_of_a_will_without_a_will_are_refused() {
    let hub = hub();
    for bit in [0x08, 0x10, 0x20] {
        let mut bytes = Hello::new(V5, "id").bytes();
        bytes[9] |= bit;
        let mut device = Device::dial(&hub).await;
        device.send(&bytes).await;
        assert_eq!(device.ended().await, Some(0x81));
    }
}

#[tokio::test]
async fn no_connect_in_the_time_for_it_ends_the_connection() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "limits.handshake_seconds=1"]);
    for begun in [&[][..], &[0x10], &[0x10, 40, 0, 4, b'M']] {
        let mut device = Device::dial(&hub).await;
        device.send(begun).await;
        assert_eq!(device.next().await, None);
    }
    hub.logs("no CONNECT in time").await;
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such() {
    let hub = hub();
    for (version, code) in [(V3, 4), (V5, 0x86)] {
        let hello = Hello::new(version, "id").user("clown", "wrong");
        let mut device = Device::try_as(&hub, &hello).await;
        assert_eq!(device.welcome[..2], [0, code]);
        assert_eq!(device.next().await, None, "and the connection ends");
    }
    let mut hello = Hello::new(V5, "id");
    hello.login = None;
    assert_eq!(Device::try_as(&hub, &hello).await.welcome[1], 0x87);
    hub.logs("door=\"mqtt\"").await;
}

#[tokio::test]
async fn too_many_wrong_passwords_lock_the_door_here_as_everywhere() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "users.failures_per_minute=2"]);
    for code in [0x86, 0x86, 0x9f] {
        let hello = Hello::new(V5, "id").user("clown", "wrong");
        assert_eq!(Device::try_as(&hub, &hello).await.welcome[1], code);
    }
}

#[tokio::test]
async fn a_user_who_may_neither_read_nor_write_is_not_let_in() {
    let hub = with_users(&[user("nobody", &[], &[], false), user("jana", &["#"], &["#"], true)]);
    for (version, code) in [(V3, 5), (V5, 0x87)] {
        let hello = Hello::new(version, "id").user("nobody", PASSWORD);
        assert_eq!(Device::try_as(&hub, &hello).await.welcome[1], code);
    }
}

#[tokio::test]
async fn mqtt_3_1_3_6_and_8_an_empty_client_id_is_given_one_if_the_session_is_clean() {
    let hub = hub();
    let mut hello = Hello::new(V3, "");
    Device::connect_as(&hub, &hello).await.hears_nothing().await;
    hello.clean = false;
    assert_eq!(Device::try_as(&hub, &hello).await.welcome, [0, 2]);
    let welcome = Device::connect(&hub, V5, "").await.welcome;
    let at = welcome.windows(8).position(|window| window == b"\x12\0\x15auto-").expect("an assigned id");
    let other = Device::connect(&hub, V5, "").await.welcome;
    assert_ne!(welcome[at..], other[at..], "each its own");
}

#[tokio::test]
async fn a_client_id_that_would_spoil_the_log_is_refused() {
    let hub = hub();
    for id in ["a\u{202e}b", "a\nb", &"x".repeat(257)] {
        assert_eq!(Device::try_as(&hub, &Hello::new(V5, id)).await.welcome[1], 0x85);
    }
    for id in ["x".repeat(256), "Žluťoučký kůň".to_owned(), "a/b #+".to_owned()] {
        Device::connect(&hub, V5, &id).await;
    }
}

#[tokio::test]
async fn mqtt_3_1_4_3_who_comes_with_a_client_id_takes_the_place_of_who_has_it() {
    let hub = hub();
    let mut old = Device::connect(&hub, V5, "lamp").await;
    let mut older = Device::connect(&hub, V3, "door").await;
    Device::connect(&hub, V5, "lamp").await.hears_nothing().await;
    assert_eq!(old.ended().await, Some(0x8e));
    Device::connect(&hub, V3, "door").await.hears_nothing().await;
    assert_eq!(older.ended().await, None);
}

#[tokio::test]
async fn users_do_not_take_each_others_client_ids() {
    let hub = with_users(&[user("jana", &["#"], &["#"], true), user("petr", &["#"], &["#"], true)]);
    let mut jana = Device::connect_as(&hub, &Hello::lasting(V5, "lamp").user("jana", PASSWORD)).await;
    jana.subscribe("secret/#", 1).await;
    let mut petr = Device::connect_as(&hub, &Hello::lasting(V5, "lamp").user("petr", PASSWORD)).await;
    assert!(!petr.session_present());
    jana.hears_nothing().await;
    petr.say("secret/a", "1").await;
    petr.hears_nothing().await;
    assert_eq!(jana.message().await.text(), "1");
}

#[tokio::test]
async fn mqtt_3_1_2_8_the_will_is_published_when_a_client_vanishes_and_not_when_it_says_good_bye() {
    let hub = hub();
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe("will/#", 1).await;
    for version in [V3, V5] {
        let hello = Hello::new(version, "lamp").will("will/a", "gone");
        Device::connect_as(&hub, &hello).await.leave().await;
        reader.hears_nothing().await;
        Device::connect_as(&hub, &hello).await.vanish().await;
        let will = reader.message().await;
        assert_eq!((&*will.topic, will.text()), ("will/a", "gone"));
        // A packet that is none counts as vanishing.
        let mut device = Device::connect_as(&hub, &hello).await;
        device.send(&[0xf3, 0]).await;
        assert_eq!(reader.message().await.text(), "gone");
    }
    let mut device = Device::connect_as(&hub, &Hello::new(V5, "lamp").will("will/a", "gone")).await;
    device.send(&[0xe0, 1, 4]).await;
    assert_eq!(reader.message().await.text(), "gone", "DISCONNECT with the will");
}

#[tokio::test]
async fn a_will_on_a_forbidden_topic_is_refused_at_the_door() {
    let hub = with_users(&[user("lamp", &["#"], &["lamp/#"], false), user("jana", &["#"], &["#"], true)]);
    for (version, code) in [(V3, 5), (V5, 0x87)] {
        let hello = Hello::new(version, "lamp").user("lamp", PASSWORD);
        let forbidden = hello.clone().will("door/open", "1");
        assert_eq!(Device::try_as(&hub, &forbidden).await.welcome[1], code);
        Device::connect_as(&hub, &hello.will("lamp/gone", "1")).await;
    }
    for topic in ["$SYS/hub/version", "clown.talk/-/x"] {
        let hello = Hello::new(V5, "jana").user("jana", PASSWORD).will(topic, "1");
        assert_eq!(Device::try_as(&hub, &hello).await.welcome[1], 0x87, "{topic}");
    }
    let hello = Hello::new(V5, "jana").user("jana", PASSWORD).will("a/+", "1");
    assert_eq!(Device::try_as(&hub, &hello).await.welcome[1], 0x90);
}

#[tokio::test]
async fn a_retained_will_is_kept() {
    let hub = hub();
    let mut hello = Hello::new(V5, "lamp");
    hello.will = Some(("lamp/state".to_owned(), b"offline".to_vec(), 1, true, vec![]));
    let mut reader = Device::connect(&hub, V5, "reader").await;
    reader.subscribe("lamp/#", 1).await;
    Device::connect_as(&hub, &hello).await.vanish().await;
    assert!(!reader.message().await.retain);
    let mut late = Device::connect(&hub, V5, "late").await;
    late.subscribe("lamp/#", 1).await;
    let will = late.message().await;
    assert_eq!((will.text(), will.retain), ("offline", true));
}

#[tokio::test]
async fn mqtt_3_1_2_22_who_is_silent_for_one_and_a_half_keep_alives_is_gone() {
    let hub = hub();
    let mut hello = Hello::new(V5, "quiet");
    hello.keep_alive = 1;
    let mut device = Device::connect_as(&hub, &hello).await;
    assert_eq!(device.ended().await, Some(0x8d));
    hello.version = V3;
    let mut device = Device::connect_as(&hub, &hello).await;
    assert_eq!(device.ended().await, None);
}

#[tokio::test]
async fn mqtt_3_2_2_21_a_server_keep_alive_is_told() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "mqtt.keep_alive_seconds=60"]);
    let mut hello = Hello::new(V5, "id");
    for (asked, told) in [(0, true), (61, true), (60, false), (5, false)] {
        hello.keep_alive = asked;
        let welcome = Device::connect_as(&hub, &hello).await.welcome;
        assert_eq!(welcome.windows(3).any(|window| window == [0x13, 0, 60]), told, "{asked}");
    }
}

#[tokio::test]
async fn an_authentication_method_is_refused() {
    let hub = hub();
    let mut hello = Hello::new(V5, "id");
    hello.properties = [&[0x15][..], &text("SCRAM-SHA-1")].concat();
    assert_eq!(Device::try_as(&hub, &hello).await.welcome[1], 0x8c);
}

#[tokio::test]
async fn a_connect_that_is_larger_than_16_kib_is_refused_before_it_is_kept() {
    let hub = hub();
    for length in [&[0xff, 0xff, 0xff, 0x7f][..], &[0x81, 0x80, 0x01]] {
        let mut device = Device::dial(&hub).await;
        device.send(&[&[0x10][..], length].concat()).await;
        assert_eq!(device.next().await, None);
    }
}

#[tokio::test]
async fn the_hub_says_that_it_is_being_stopped() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "id").await;
    hub.signal("TERM");
    assert_eq!(device.ended().await, Some(0x8b));
}

#[tokio::test]
async fn a_client_is_announced_as_a_node_where_the_configuration_says_so() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "mqtt.presence=devices/%u/%c"]);
    let mut page = Client::open(&hub, "/talk", r#"{"filters": ["devices/#"]}"#).await;
    let device = Device::connect(&hub, V5, "lamp").await;
    let frame = page.frame().await;
    assert_eq!((&frame[0], &frame[1]["state"]), (&"devices/clown/lamp/presence".into(), &"online".into()));
    device.vanish().await;
    assert_eq!(page.frame().await[1]["state"], "offline");
    // An id that is no level stands nowhere.
    Device::connect(&hub, V5, "a/+").await.hears_nothing().await;
    page.hears_nothing().await;
}

#[tokio::test]
async fn an_error_of_the_hub_stays_within_the_words_of_a_connack() {
    let hub = Hub::with(&["mqtt.listen=127.0.0.1:0", "limits.connections_per_user=1"]);
    // The demo user has no such limit.
    let _one = Device::connect(&hub, V5, "one").await;
    let two = Device::connect(&hub, V5, "two").await;
    assert_eq!(two.welcome[..2], [0, 0]);
    let hub = Hub::with_users(
        &[user("jana", &["#"], &["#"], true)],
        &["mqtt.listen=127.0.0.1:0", "limits.connections_per_user=1"],
    );
    let _one = Device::connect_as(&hub, &Hello::new(V5, "one").user("jana", PASSWORD)).await;
    assert_eq!(Device::try_as(&hub, &Hello::new(V5, "two").user("jana", PASSWORD)).await.welcome[1], 0x97);
    let mut three = Device::dial(&hub).await;
    three.send(&Hello::new(V3, "two").user("jana", PASSWORD).bytes()).await;
    assert_eq!(three.heard(CONNACK).await, [0, 3]);
}
