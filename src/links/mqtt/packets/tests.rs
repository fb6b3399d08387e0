use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

fn all(version: Version, most: usize, bytes: &[u8], piece: usize) -> Result<Vec<Packet>, Fault> {
    let mut reader = Reader::new(version, most);
    let mut packets = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        reader.bytes.extend_from_slice(piece);
        while let Some(packet) = reader.packet()? {
            packets.push(packet);
        }
    }
    Ok(packets)
}

fn message<'m>(topic: &'m str, payload: &'m [u8], qos: Qos, stamp: Option<&'m str>) -> Outgoing<'m> {
    let id = if qos == Qos::AtMostOnce { 0 } else { 7 };
    Outgoing { topic, payload, id, qos, retain: true, again: false, stamp }
}

fn written(version: Version, write: impl FnOnce(&mut Writer)) -> BytesMut {
    let mut writer = Writer::new(version);
    write(&mut writer);
    writer.bytes
}

#[test]
fn what_is_published_is_read_the_same_in_both_versions() {
    for version in [Version::V3, Version::V5] {
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let bytes = written(version, |writer| writer.publish(&message("č/b", b"1", qos, Some("a.1 a"))));
            let expected = Publish {
                topic: Bytes::from_static("č/b".as_bytes()),
                id: if qos == Qos::AtMostOnce { 0 } else { 7 },
                qos,
                retain: true,
                payload: Bytes::from_static(b"1"),
                stamp: (version == Version::V5).then(|| "a.1 a".to_owned()),
            };
            assert_eq!(all(version, 1000, &bytes, 1).unwrap(), [Packet::Publish(expected)]);
        }
    }
}

#[test]
fn what_is_written_here_is_what_rumqttc_reads() {
    use rumqttc::mqttbytes::v4;
    for length in [0, 1, 100, 117, 118, 127, 128, 16_000, 16_383, 16_384, 2_097_151, 2_100_000] {
        let payload = vec![b'7'; length];
        let mut bytes = written(Version::V3, |writer| {
            writer.publish(&message("č/b", &payload, Qos::AtLeastOnce, Some("no room for it")));
        });
        let Ok(v4::Packet::Publish(read)) = v4::Packet::read(&mut bytes, usize::MAX) else {
            panic!("{length}")
        };
        assert_eq!((read.topic.as_str(), read.pkid, &*read.payload), ("č/b", 7, &*payload));
        assert!(bytes.is_empty());
        for stamp in [None, Some("a".repeat(length.min(512)))] {
            let wanted = message("č/b", &payload, Qos::ExactlyOnce, stamp.as_deref());
            let bytes = written(Version::V5, |writer| writer.publish(&wanted));
            let packets = all(Version::V5, usize::MAX, &bytes, usize::MAX).unwrap();
            let [Packet::Publish(read)] = packets.as_slice() else { panic!("{packets:?}") };
            assert_eq!((read.id, read.qos, &*read.payload, &read.stamp), (7, wanted.qos, &*payload, &stamp));
        }
    }
}

#[test]
fn the_room_of_a_large_packet_is_given_back() {
    let payload = vec![b'7'; 1 << 20];
    let bytes = written(Version::V5, |writer| writer.publish(&message("a", &payload, Qos::AtMostOnce, None)));
    let mut reader = Reader::new(Version::V5, usize::MAX);
    for piece in bytes.chunks(32 * 1024) {
        reader.bytes.extend_from_slice(piece);
        while let Some(packet) = reader.packet().unwrap() {
            drop(packet);
        }
    }
    assert!(reader.bytes.capacity() < 64 * 1024, "{}", reader.bytes.capacity());
}

#[test]
fn a_message_that_is_too_large_is_passed_over_and_named_and_the_next_one_is_read() {
    for version in [Version::V3, Version::V5] {
        let mut writer = Writer::new(version);
        writer.publish(&message("large/one", &[b'x'; 5_000], Qos::AtLeastOnce, None));
        writer.publish(&message("a/b", b"1", Qos::AtMostOnce, None));
        let packets = all(version, 1_000, &writer.bytes, 10).unwrap();
        let [Packet::Untakeable(large), Packet::Publish(next)] = packets.as_slice() else {
            panic!("{packets:?}")
        };
        assert_eq!((large.topic.as_str(), large.id, large.qos), ("large/one", 7, Qos::AtLeastOnce));
        assert!(large.why.contains("packet_bytes allows 1000"), "{}", large.why);
        assert_eq!(&*next.topic, b"a/b");
    }
}

#[test]
fn a_topic_that_is_no_utf_8_is_left_to_the_link() {
    for version in [Version::V3, Version::V5] {
        let mut bytes =
            written(version, |writer| writer.publish(&message("ab", b"1", Qos::AtLeastOnce, None)));
        let at = bytes.windows(2).position(|pair| pair == b"ab").unwrap();
        bytes[at] = 0xff;
        let packets = all(version, 100, &bytes, 100).unwrap();
        assert!(matches!(packets.as_slice(), [Packet::Publish(it)] if &*it.topic == b"\xffb"), "{packets:?}");
    }
}

#[test]
fn an_older_broker_is_understood_as_such() {
    assert_eq!(all(Version::V5, 100, &[0x20, 2, 0, 1], 9), Ok(vec![Packet::Refused(Refused::Version)]));
    assert_eq!(all(Version::V3, 100, &[0x20, 2, 0, 5], 9), Ok(vec![Packet::Refused(Refused::Login)]));
    assert_eq!(all(Version::V5, 100, &[0x20, 3, 0, 0x87, 0], 9), Ok(vec![Packet::Refused(Refused::Login)]));
}

#[test]
fn what_a_broker_allows_is_taken_from_its_welcome() {
    let properties = [33, 0, 20, 36, 1, 37, 0, 39, 0, 0, 16, 0, 19, 0, 9];
    let head = [0x20, 3 + u8::try_from(properties.len()).unwrap(), 1, 0, 15];
    let packets = all(Version::V5, 100, &[&head[..], &properties].concat(), 1).unwrap();
    let [Packet::Welcome(welcome)] = packets[..] else { panic!("{packets:?}") };
    assert!(welcome.session_present && !welcome.retains);
    assert_eq!((welcome.receive_max, welcome.packet_bytes), (20, Some(4096)));
    assert_eq!((welcome.qos, welcome.keep_alive), (Qos::AtLeastOnce, Some(9)));
}

#[test]
fn acknowledgements_are_read_with_every_reason() {
    let bytes = [0x40, 3, 0, 7, 0x95, 0x40, 2, 0, 8, 0x50, 2, 0, 9, 0x62, 2, 0, 9, 0x70, 4, 0, 9, 0x92, 0];
    let expected = [
        Packet::Acknowledged(7, 0x95),
        Packet::Acknowledged(8, 0),
        Packet::Received(9, 0),
        Packet::Release(9),
        Packet::Complete(9, 0x92),
    ];
    assert_eq!(all(Version::V5, 100, &bytes, 3).unwrap(), expected);
    let refused = Packet::Subscribed(1, vec![None, Some("this user may not".to_owned())]);
    assert_eq!(all(Version::V5, 100, &[0x90, 5, 0, 1, 0, 1, 0x87], 2).unwrap(), [refused]);
    assert_eq!(all(Version::V3, 100, &[0x90, 3, 0, 1, 2], 2).unwrap(), [Packet::Subscribed(1, vec![None])]);
}

#[test]
fn a_good_bye_is_told_in_words() {
    let told = |bytes: &[u8]| match all(Version::V5, 100, bytes, 100).unwrap().pop() {
        Some(Packet::Bye(why, too_large)) => (why, too_large),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(&[0xe0, 0]), ("it said good-bye".to_owned(), false));
    assert!(told(&[0xe0, 1, 0x95]).1);
    assert_eq!(told(&[0xe0, 2, 0x8e, 0]).0, "another client came with the same client id");
    assert_eq!(told(&[0xe0, 1, 0x70]).0, "code 0x70");
}

#[test]
fn a_packet_that_is_no_message_and_too_large_is_a_fault() {
    assert!(all(Version::V5, 10, &[0x20, 100, 0, 0], 9).is_err());
    assert!(all(Version::V5, 10, &[0x20, 0xff, 0xff, 0xff, 0xff, 1], 9).is_err());
    assert!(all(Version::V5, 10, &[0x10, 1, 0], 9).is_err(), "brokers do not say CONNECT");
}

proptest! {
    #[test]
    fn whatever_a_broker_sends_nothing_breaks(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        first in prop_oneof![Just(0x20_u8), Just(0x32), Just(0x40), Just(0x90), Just(0xe0), any::<u8>()],
        five in any::<bool>(),
        piece in 1..50_usize,
    ) {
        let version = if five { Version::V5 } else { Version::V3 };
        let length = u8::try_from(bytes.len().min(127)).unwrap();
        let _ = all(version, 150, &[&[first, length][..], &bytes].concat(), piece);
    }
}
