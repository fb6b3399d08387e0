//! Packets of every kind that are none: the connection ends, with the reason code where the version has one, and nobody else
//! notices.

use crate::device::{Device, V3, V5, packet, text};
use crate::hub;
use crate::support::Bystander;

/// Sends these bytes over a connection that is let in; returns the reason code of the end.
async fn sent(hub: &crate::support::Hub, version: u8, bytes: &[u8]) -> Option<u8> {
    let mut device = Device::connect(hub, version, "bad").await;
    device.send(bytes).await;
    device.ended().await
}

#[tokio::test]
async fn malformed_packets_of_each_kind_end_the_connection() {
    let hub = hub();
    let mut others = Bystander::at(&hub).await;
    let long_id = [&0xff_u8.to_be_bytes()[..], &[0xff, 0xff]].concat();
    let cases: Vec<(&str, Vec<u8>, u8)> = vec![
        ("mqtt_2_1_3_1 reserved bits of SUBSCRIBE", packet(0x80, &[0, 1, 0, 0, 1, b'a', 0]), 0x81),
        ("mqtt_2_1_3_1 reserved bits of PUBREL", packet(0x60, &[0, 1]), 0x81),
        ("mqtt_2_1_3_1 reserved bits of PINGREQ", packet(0xc1, &[]), 0x81),
        ("mqtt_2_1_3_1 reserved bits of DISCONNECT", packet(0xe1, &[]), 0x81),
        ("mqtt_2_2_1_2 packet id 0 of PUBLISH", packet(0x32, &[0, 1, b'a', 0, 0, 0]), 0x82),
        ("mqtt_2_2_1_3 packet id 0 of SUBSCRIBE", packet(0x82, &[0, 0, 0, 0, 1, b'a', 0]), 0x82),
        ("packet id 0 of PUBACK", packet(0x40, &[0, 0]), 0x82),
        ("mqtt_1_5_4_1 a topic that is not UTF-8", packet(0x30, &[0, 2, 0xc3, 0x28, 0]), 0x81),
        ("mqtt_1_5_4_1 a surrogate", packet(0x30, &[0, 3, 0xed, 0xa0, 0x80, 0]), 0x81),
        ("mqtt_1_5_4_2 NUL in a topic", packet(0x30, &[0, 3, b'a', 0, b'b', 0]), 0x81),
        ("mqtt_3_3_2_2 a wildcard in a topic", packet(0x30, &[0, 3, b'a', b'/', b'#', 0]), 0x90),
        ("mqtt_3_3_2_2 a wildcard in a topic", packet(0x30, &[0, 1, b'+', 0]), 0x90),
        ("mqtt_3_3_1_2 DUP at QoS 0", packet(0x38, &[0, 1, b'a', 0]), 0x81),
        ("mqtt_3_3_1_4 QoS 3", packet(0x36, &[0, 1, b'a', 0, 1, 0]), 0x81),
        ("mqtt_4_7_3_1 an empty topic without an alias", packet(0x30, &[0, 0, 0]), 0x82),
        ("a topic longer than the packet", packet(0x30, &[0, 9, b'a']), 0x81),
        ("a PUBLISH without anything", packet(0x30, &[]), 0x81),
        ("mqtt_3_8_3_2 a SUBSCRIBE without a filter", packet(0x82, &[0, 1, 0]), 0x82),
        ("mqtt_3_8_3_5 reserved bits of an option", packet(0x82, &[0, 1, 0, 0, 1, b'a', 0x40]), 0x81),
        ("a subscription of QoS 3", packet(0x82, &[0, 1, 0, 0, 1, b'a', 3]), 0x81),
        ("a retain handling of 3", packet(0x82, &[0, 1, 0, 0, 1, b'a', 0x30]), 0x82),
        (
            "mqtt_3_8_3_4 no-local on a shared subscription",
            packet(0x82, &[&[0, 1, 0][..], &text("$share/g/a"), &[4]].concat()),
            0x82,
        ),
        ("a filter without its options", packet(0x82, &[0, 1, 0, 0, 1, b'a']), 0x81),
        ("mqtt_3_10_3_2 an UNSUBSCRIBE without a filter", packet(0xa2, &[0, 1, 0]), 0x82),
        ("a property that is unknown", packet(0x30, &[0, 1, b'a', 2, 0x7f, 0]), 0x81),
        ("a property of another packet", packet(0x30, &[0, 1, b'a', 5, 0x11, 0, 0, 0, 1]), 0x81),
        ("a property that stands twice", packet(0x30, &[0, 1, b'a', 4, 1, 1, 1, 1]), 0x82),
        ("properties longer than the packet", packet(0x30, &[0, 1, b'a', 9, 1]), 0x81),
        ("a property that is cut", packet(0x30, &[0, 1, b'a', 2, 2, 0]), 0x81),
        ("a truth of 2", packet(0x30, &[0, 1, b'a', 2, 1, 2]), 0x82),
        ("mqtt_3_3_2_14 a wildcard in a response topic", packet(0x30, &[0, 1, b'a', 4, 8, 0, 1, b'#']), 0x82),
        ("mqtt_3_3_4_6 a subscription identifier of a client", packet(0x30, &[0, 1, b'a', 2, 0x0b, 1]), 0x81),
        ("a subscription identifier of 0", packet(0x82, &[0, 1, 2, 0x0b, 0, 0, 1, b'a', 0]), 0x82),
        ("a topic alias of 0", packet(0x30, &[0, 1, b'a', 3, 0x23, 0, 0]), 0x94),
        ("a topic alias above the maximum", packet(0x30, &[0, 1, b'a', 3, 0x23, 0, 17]), 0x94),
        ("a topic alias that was not set", packet(0x30, &[0, 0, 3, 0x23, 0, 1]), 0x82),
        ("a payload that is not the text it says", packet(0x30, &[0, 1, b'a', 2, 1, 1, 0xff]), 0x99),
        ("an acknowledgement with bytes too many", packet(0x40, &[0, 1, 0, 0, 0]), 0x81),
        ("a reason code that is none", packet(0x40, &[0, 1, 0x55]), 0x82),
        ("a PINGREQ with a body", packet(0xc0, &[1]), 0x81),
        ("CONNACK from a client", packet(0x20, &[0, 0]), 0x81),
        ("SUBACK from a client", packet(0x90, &[0, 1, 0, 0]), 0x81),
        ("PINGRESP from a client", packet(0xd0, &[]), 0x81),
        ("a packet of kind 0", packet(0x00, &[]), 0x81),
        ("AUTH", packet(0xf0, &[]), 0x82),
        ("a DISCONNECT with a session that was to end", packet(0xe0, &[0, 5, 0x11, 0, 0, 0, 9]), 0x82),
        ("a length of more than four bytes", [&[0x30][..], &long_id, &[0xff, 0xff, 1]].concat(), 0x81),
        ("mqtt_1_5_5_1 a length in more bytes than it needs", vec![0xc0, 0x80, 0x00], 0x81),
    ];
    for (what, bytes, code) in cases {
        assert_eq!(sent(&hub, V5, &bytes).await, Some(code), "{what}");
    }
    for bytes in [
        packet(0x80, &[0, 1, 0, 1, b'a', 0]),
        packet(0x32, &[0, 1, b'a', 0, 0]),
        packet(0x30, &[0, 1, b'#']),
        packet(0x30, &[0, 0]),
        packet(0x36, &[0, 1, b'a', 0, 1]),
        packet(0x82, &[0, 1, 0, 1, b'a', 4]),
        packet(0x82, &[0, 1]),
        packet(0x40, &[0, 1, 0]),
        packet(0xe0, &[0]),
        packet(0xf0, &[]),
        vec![0xc0, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(sent(&hub, V3, &bytes).await, None, "{bytes:?}");
    }
    others.is_undisturbed().await;
}

#[tokio::test]
async fn mqtt_3_1_2_24_a_packet_beyond_the_maximum_is_refused_by_its_length_alone() {
    let hub = hub();
    for length in [&[0xff, 0xff, 0xff, 0x7f][..], &[0xff, 0xff, 0x7f]] {
        assert_eq!(sent(&hub, V5, &[&[0x30][..], length].concat()).await, Some(0x95));
        assert_eq!(sent(&hub, V3, &[&[0x30][..], length].concat()).await, None);
    }
    assert!(hub.resident_kib() < 200_000, "nothing was kept");
}

#[tokio::test]
async fn packets_may_come_byte_by_byte_and_many_at_once() {
    let hub = hub();
    let mut device = Device::connect(&hub, V5, "slow").await;
    device.subscribe("a/#", 0).await;
    for byte in packet(0x30, &[0, 3, b'a', b'/', b'b', 0, b'1']) {
        device.send(&[byte]).await;
    }
    assert_eq!(device.message().await.text(), "1");
    device.send(&packet(0x30, &[0, 3, b'a', b'/', b'b', 0, b'2']).repeat(500)).await;
    for _ in 0..500 {
        assert_eq!(device.message().await.text(), "2");
    }
}

#[tokio::test]
async fn a_client_that_sends_faster_than_it_may_is_ended() {
    let hub = crate::support::Hub::with(&["mqtt.listen=127.0.0.1:0", "limits.messages_per_second=10"]);
    let mut device = Device::connect(&hub, V5, "fast").await;
    device.send(&packet(0x30, &[0, 1, b'a', 0, b'1']).repeat(100)).await;
    assert_eq!(device.ended().await, Some(0x96));
}
