//! The first byte says which version of MQTT, and how the others are cut into pieces. They are what a broker sends: in
//! whatever pieces it comes, the same is read.

use clown_hub::links::mqtt::packets::{Fault, Outgoing, Packet, Publish, Reader, Version, Writer};

/// The largest packet.
const MOST: usize = 2_000;

pub(crate) fn check(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let version = if first & 1 == 0 { Version::V5 } else { Version::V3 };
    let whole = read(version, bytes, usize::MAX);
    for piece in [1, usize::from(*first) + 1] {
        assert_eq!(read(version, bytes, piece), whole, "in pieces of {piece}");
    }
    for packet in &whole.0 {
        if let Packet::Publish(publish) = packet {
            check_publish(version, publish);
        }
    }
}

fn read(version: Version, bytes: &[u8], piece: usize) -> (Vec<Packet>, Option<Fault>) {
    let mut reader = Reader::new(version, MOST);
    let (mut read, mut fed) = (Vec::new(), 0);
    for piece in bytes.chunks(piece) {
        reader.bytes.extend_from_slice(piece);
        fed += piece.len();
        loop {
            match reader.packet() {
                Ok(Some(packet)) => read.push(packet),
                Ok(None) => break,
                Err(fault) => return (read, Some(fault)),
            }
        }
        let room = reader.bytes.capacity();
        assert!(room <= 4 * (64 + fed), "{room} bytes of room for {fed}");
    }
    (read, None)
}

/// A message that is written again is read the same.
fn check_publish(version: Version, publish: &Publish) {
    let Publish { topic, id, qos, retain, payload, stamp } = publish;
    assert!(topic.len() + payload.len() <= MOST);
    let Ok(topic) = std::str::from_utf8(topic) else { return };
    let mut writer = Writer::new(version);
    writer.publish(&Outgoing {
        topic,
        payload,
        id: *id,
        qos: *qos,
        retain: *retain,
        again: false,
        stamp: stamp.as_deref(),
    });
    let mut reader = Reader::new(version, 2 * MOST);
    reader.bytes.extend_from_slice(&writer.bytes);
    let Ok(Some(Packet::Publish(again))) = reader.packet() else { panic!("not read again: {publish:?}") };
    assert_eq!(again, *publish);
    assert!(reader.bytes.is_empty());
}
