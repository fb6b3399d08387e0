use super::*;
use proptest::prelude::*;

fn read(version: Version, bytes: &[u8]) -> Result<Packet<'_>, Fault> {
    let head = Head::read(bytes)?.ok_or(Fault::malformed("not whole"))?;
    Packet::read(version, head, bytes.get(head.len..head.whole()).ok_or(Fault::malformed("not whole"))?)
}

#[test]
fn what_rumqttc_writes_is_read() {
    use rumqttc::v5::mqttbytes::{QoS, v5};
    let mut bytes = bytes::BytesMut::new();
    let mut publish = v5::Publish::new("a/b", QoS::AtLeastOnce, "payload", None);
    publish.pkid = 7;
    publish.properties = Some(v5::PublishProperties {
        message_expiry_interval: Some(5),
        user_properties: vec![("k".into(), "v".into())],
        ..Default::default()
    });
    publish.write(&mut bytes).unwrap();
    let Ok(Packet::Publish(read)) = read(Version::V5, &bytes) else { panic!("it is one") };
    assert_eq!((read.topic, read.id, read.qos, read.payload), ("a/b", 7, Qos::AtLeastOnce, &b"payload"[..]));
    assert_eq!((read.properties.message_expiry, &*read.properties.user), (Some(5), &[("k", "v")][..]));
}

#[test]
fn what_is_written_is_read_by_rumqttc() {
    use rumqttc::v5::mqttbytes::v5;
    let user = [("k".to_owned(), "v".to_owned())];
    let message = Outgoing {
        topic: "a/b",
        id: 9,
        qos: 2,
        payload: b"1",
        alias: Some(3),
        subscriptions: &[1, 300],
        content_type: Some("x"),
        response_topic: Some("y"),
        correlation: Some(b"z"),
        is_text: Some(true),
        message_expiry: Some(4),
        user: &user,
        ..Outgoing::default()
    };
    let mut out = Vec::new();
    assert!(Writer::new(Version::V5, &mut out).publish(&message));
    assert_eq!(out.len(), Writer::publish_len(Version::V5, &message));
    let mut bytes = bytes::BytesMut::from(&*out);
    let Ok(v5::Packet::Publish(read)) = v5::Packet::read(&mut bytes, None) else { panic!("it is one") };
    let properties = read.properties.unwrap();
    assert_eq!((read.pkid, &*read.topic, &*read.payload), (9, &b"a/b"[..], &b"1"[..]));
    assert_eq!(properties.subscription_identifiers, [1, 300]);
    assert_eq!((properties.topic_alias, properties.message_expiry_interval), (Some(3), Some(4)));
    assert_eq!(properties.user_properties, user);
    let mut out = Vec::new();
    Writer::new(Version::V5, &mut out).subscribed(5, &[0, 0x87]);
    let mut bytes = bytes::BytesMut::from(&*out);
    assert!(matches!(v5::Packet::read(&mut bytes, None), Ok(v5::Packet::SubAck(ack)) if ack.pkid == 5));
}

#[test]
fn a_length_is_known_before_what_it_announces() {
    assert_eq!(Head::read(&[0x30, 0xff, 0xff, 0xff, 0x7f]).unwrap().unwrap().remaining, 0x0fff_ffff);
    assert_eq!(Head::read(&[0x30, 0xff, 0xff]), Ok(None));
    assert!(Head::read(&[0x30, 0xff, 0xff, 0xff, 0xff]).is_err());
    assert!(Head::read(&[0x30, 0x80, 0]).is_err(), "it stands in more bytes than it needs");
}

#[test]
fn options_are_read_as_they_are_written() {
    let properties = Properties {
        is_text: Some(true),
        content_type: Some("a\"b"),
        response_topic: Some("r/t"),
        correlation: Some(&[0, 255]),
        user: vec![("k", "v"), ("k", "w")],
        ..Properties::default()
    };
    let (qos, topic, payload) = (Qos::AtLeastOnce, "t", &b"1\n"[..]);
    let message = Publish { topic, id: 1, qos, retain: false, again: false, payload, properties };
    let options = Carried::options(&message, Some("1\n"));
    assert_eq!(
        &*options,
        r#""mqtt": {"content-type": "a\"b", "correlation": "AP8=", "raw": "1\n", "response-topic": "r/t", "text": true, "user": [["k","v"],["k","w"]]}, "qos": 1"#
    );
    let carried = Carried::read(&options);
    let rest = carried.rest.unwrap();
    assert_eq!((carried.qos, rest.correlation()), (Some(Qos::AtLeastOnce), Some(vec![0, 255])));
    assert_eq!((rest.raw.as_deref(), rest.content_type.as_deref()), (Some("1\n"), Some("a\"b")));
    assert_eq!(rest.user.len(), 2);
}

#[test]
fn what_others_wrote_under_these_names_is_read_as_far_as_it_makes_sense() {
    assert_eq!(Carried::read(r#""mqtt": 5"#), Carried::default());
    assert_eq!(Carried::read(r#""qos": 3, "id": 1"#), Carried::default());
    assert_eq!(Carried::read(r#""id": 1, "qos": 0"#).qos, Some(Qos::AtMostOnce));
    let rest =
        Carried::read(r#""mqtt": {"response-topic": "a/#", "correlation": "!", "user": []}"#).rest.unwrap();
    assert_eq!((rest.response_topic.as_deref(), rest.correlation()), (None, None));
}

proptest! {
    #[test]
    fn a_payload_comes_back_byte_for_byte(
        payload in prop_oneof![
            any::<Vec<u8>>(),
            "\\PC{0,20}".prop_map(String::into_bytes),
            "[ \\n\\t\"{}a1$]{0,12}".prop_map(String::into_bytes),
            r#"[ \n]?(\{"\$base64": ?"[A-Za-z0-9=]{0,8}"\}|"[0-9a-z]{0,3}"|[0-9]{1,3})[ \n]?"#.prop_map(String::into_bytes),
        ],
    ) {
        let Inward { json, raw } = inward(&payload);
        // As the hub keeps it: without white space around it, and on one line.
        let kept = crate::talk::frame::payload(&json).unwrap().replace(['\n', '\r'], " ");
        let back = raw.map_or_else(|| outward(&kept), |raw| raw.as_bytes().into());
        prop_assert_eq!(&*back, &*payload);
    }

    #[test]
    fn any_bytes_are_a_packet_or_a_fault(bytes in any::<Vec<u8>>(), first in 0x10..=0xff_u8, v5 in any::<bool>()) {
        let version = if v5 { Version::V5 } else { Version::V3 };
        let head = Head { first, len: 2, remaining: bytes.len() };
        let _ = Packet::read(version, head, &bytes);
        let _ = Connect::read(head, &bytes);
    }
}
