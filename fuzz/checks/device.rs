//! The first byte says which version of MQTT. The others are what a device sends: it is read or refused, a message that is written
//! again is read the same, and its payload and properties come back from what the hub carries of them.

use clown_hub::mqtt::{Carried, Connect, Head, Outgoing, Packet, Publish, Version, Writer, inward, outward};
use clown_hub::talk::frame;

/// The largest packet.
const MOST: usize = 4096;

pub(crate) fn check(bytes: &[u8]) {
    let Some((first, mut bytes)) = bytes.split_first() else { return };
    let version = if first & 1 == 0 { Version::V5 } else { Version::V3 };
    while let Ok(Some(head)) = Head::read(bytes) {
        assert!((2..=5).contains(&head.len));
        if head.whole() > MOST {
            return;
        }
        let Some(body) = bytes.get(head.len..head.whole()) else { return };
        if head.is_connect() {
            check_connect(head, body);
        }
        if let Ok(Packet::Publish(publish)) = Packet::read(version, head, body) {
            check_publish(version, &publish);
        }
        bytes = bytes.get(head.whole()..).unwrap_or_default();
    }
}

fn check_connect(head: Head, body: &[u8]) {
    let Ok(connect) = Connect::read(head, body) else { return };
    assert_eq!(Connect::version(body), Ok(connect.version));
    assert!(!connect.client_id.contains('\0'));
}

fn check_publish(version: Version, publish: &Publish<'_>) {
    assert!(!publish.topic.contains(['+', '#', '\0']));
    let properties = &publish.properties;
    let user: Vec<_> =
        properties.user.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let outgoing = Outgoing {
        topic: publish.topic,
        id: publish.id,
        qos: publish.qos.number(),
        retain: publish.retain,
        again: publish.again,
        payload: publish.payload,
        message_expiry: properties.message_expiry,
        alias: properties.alias,
        subscriptions: &[],
        is_text: properties.is_text,
        content_type: properties.content_type,
        response_topic: properties.response_topic,
        correlation: properties.correlation,
        user: &user,
    };
    let mut out = Vec::new();
    assert!(Writer::new(version, &mut out).publish(&outgoing));
    assert_eq!(out.len(), Writer::publish_len(version, &outgoing));
    let Ok(Some(head)) = Head::read(&out) else { panic!("no head: {out:?}") };
    let body = out.get(head.len..).unwrap_or_default();
    match Packet::read(version, head, body) {
        Ok(Packet::Publish(again)) => assert_eq!(again, *publish),
        other => panic!("not read again: {other:?}"),
    }
    let inward = inward(publish.payload);
    let carried = Carried::read(&Carried::options(publish, inward.raw));
    let rest = carried.rest.unwrap_or_default();
    assert_eq!(rest.raw.as_deref(), inward.raw);
    // As the hub keeps a payload: without white space around it, and on one line.
    let Some(kept) = frame::payload(&inward.json) else { panic!("no JSON: {inward:?}") };
    let kept = kept.replace(['\n', '\r'], " ");
    match &rest.raw {
        Some(raw) => assert_eq!(raw.as_bytes(), publish.payload),
        None => assert_eq!(&*outward(&kept), publish.payload),
    }
    assert_eq!(rest.content_type.as_deref(), properties.content_type);
    assert_eq!(rest.text, properties.is_text);
    assert_eq!(rest.user, user);
    assert_eq!(rest.correlation().as_deref(), properties.correlation);
    let topic = properties.response_topic.filter(|topic| !topic.is_empty());
    assert_eq!(rest.response_topic.as_deref(), topic);
}
