//! From bytes to packets.

use bytes::{Buf, BytesMut};
use rumqttc::v5::mqttbytes::v5;

use super::{Fault, Packet, Publish, Refused, TAKEN_OVER, Untakeable, Version, Welcome};
use crate::links::report::shown;
use crate::links::rules::Qos;
use crate::links::stamp;

/// The room of packets up to this is used again for the next ones.
const LARGE: usize = 128 * 1024;

/// From bytes to packets. A PUBLISH that is larger than it may be is passed over without being kept.
#[derive(Debug)]
pub struct Reader {
    version: Version,
    most: usize,
    /// What was read and is not yet a packet.
    pub bytes: BytesMut,
    /// What is still to be passed over.
    skip: usize,
}

/// The fixed header.
struct Head {
    first: u8,
    len: usize,
    remaining: usize,
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
        let mut remaining = 0;
        for (at, byte) in rest.iter().take(4).enumerate() {
            remaining |= usize::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(Some(Self { first: *first, len: at + 2, remaining }));
            }
        }
        if rest.len() < 4 { Ok(None) } else { Err(Fault::new("a length of more than four bytes")) }
    }

    fn is_publish(&self) -> bool {
        self.first >> 4 == 3
    }

    fn qos(&self) -> Qos {
        match (self.first >> 1) & 3 {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            _ => Qos::ExactlyOnce,
        }
    }
}

impl Reader {
    /// For packets of at most so many bytes.
    pub fn new(version: Version, most: usize) -> Self {
        Self { version, most, bytes: BytesMut::new(), skip: 0 }
    }

    /// The next packet; `None` until there are more bytes.
    pub fn packet(&mut self) -> Result<Option<Packet>, Fault> {
        let passed = self.skip.min(self.bytes.len());
        self.bytes.advance(passed);
        self.skip -= passed;
        if self.skip > 0 {
            return Ok(None);
        }
        let Some(head) = Head::read(&self.bytes)? else { return Ok(None) };
        let whole = head.len + head.remaining;
        if whole > self.most {
            return self.pass_over(&head, whole);
        }
        if self.bytes.len() < whole {
            // There is room for what comes and not for what is announced.
            return Ok(None);
        }
        let mut packet = self.bytes.split_to(whole);
        if whole > LARGE {
            // The room of a large packet goes with it.
            self.bytes = BytesMut::from(&*self.bytes);
        }
        let body = |packet: &BytesMut| packet.get(head.len..).unwrap_or_default().to_vec();
        match head.first >> 4 {
            2 => welcome(self.version, &body(&packet), &mut packet).map(Some),
            3 => Ok(Some(publish(self.version, &head, packet))),
            4 => acknowledgement(&packet, &head, Packet::Acknowledged),
            5 => acknowledgement(&packet, &head, Packet::Received),
            6 => acknowledgement(&packet, &head, |id, _| Packet::Release(id)),
            7 => acknowledgement(&packet, &head, Packet::Complete),
            9 => subscribed(self.version, &body(&packet)).map(Some),
            13 => Ok(Some(Packet::Pong)),
            14 => Ok(Some(bye(&body(&packet), &mut packet))),
            11 | 15 => Ok(Some(Packet::Other)),
            kind => Err(Fault::new(format!("a packet of kind {kind}"))),
        }
    }

    /// Reads of a PUBLISH what it takes to acknowledge it and to name it.
    fn pass_over(&mut self, head: &Head, whole: usize) -> Result<Option<Packet>, Fault> {
        if !head.is_publish() {
            return Err(Fault::new(format!("a packet of {whole} bytes that is no message")));
        }
        let body = self.bytes.get(head.len..).unwrap_or_default();
        let Some((topic, id)) = names(head, body) else { return Ok(None) };
        let most = self.most;
        let why = format!("it has {whole} bytes, packet_bytes allows {most}");
        let untakeable = Untakeable { topic: shown(topic), id, qos: head.qos(), why };
        self.skip = whole;
        Ok(Some(Packet::Untakeable(untakeable)))
    }
}

/// Topic and packet id of a PUBLISH, if that much is there.
fn names<'b>(head: &Head, body: &'b [u8]) -> Option<(&'b [u8], u16)> {
    let (length, rest) = body.split_at_checked(2)?;
    let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
    let (topic, rest) = rest.split_at_checked(length)?;
    if head.qos() == Qos::AtMostOnce {
        return Some((topic, 0));
    }
    let id = rest.get(..2)?.try_into().ok()?;
    Some((topic, u16::from_be_bytes(id)))
}

fn publish(version: Version, head: &Head, mut packet: BytesMut) -> Packet {
    let body = packet.get(head.len..).unwrap_or_default();
    let Some((topic, id)) = names(head, body) else {
        let why = "it ends within its topic".to_owned();
        return Packet::Untakeable(Untakeable { topic: String::new(), id: 0, qos: Qos::AtMostOnce, why });
    };
    let (qos, retain, topic_bytes) = (head.qos(), head.first & 1 == 1, topic.len());
    if version == Version::V3 {
        let id_bytes = if qos == Qos::AtMostOnce { 0 } else { 2 };
        let mut rest = packet.freeze();
        rest.advance(head.len + 2);
        let topic = rest.split_to(topic_bytes);
        rest.advance(id_bytes);
        return Packet::Publish(Publish { topic, id, qos, retain, payload: rest, stamp: None });
    }
    let name = shown(topic);
    let Ok(v5::Packet::Publish(publish)) = v5::Packet::read(&mut packet, None) else {
        let why = "its properties cannot be read".to_owned();
        return Packet::Untakeable(Untakeable { topic: name, id, qos, why });
    };
    let properties = publish.properties.map(|properties| properties.user_properties);
    let ours = |(key, value): (String, String)| (key == stamp::PROPERTY).then_some(value);
    let stamp = properties.into_iter().flatten().find_map(ours);
    Packet::Publish(Publish { topic: publish.topic, id, qos, retain, payload: publish.payload, stamp })
}

fn acknowledgement(
    packet: &[u8],
    head: &Head,
    as_packet: impl FnOnce(u16, u8) -> Packet,
) -> Result<Option<Packet>, Fault> {
    let body = packet.get(head.len..).unwrap_or_default();
    let id = body.get(..2).and_then(|id| id.try_into().ok()).map(u16::from_be_bytes);
    let id = id.ok_or_else(|| Fault::new("an acknowledgement without a packet id"))?;
    Ok(Some(as_packet(id, body.get(2).copied().unwrap_or(0))))
}

fn welcome(version: Version, body: &[u8], packet: &mut BytesMut) -> Result<Packet, Fault> {
    let [flags, code, ..] = *body else { return Err(Fault::new("a CONNACK of one byte")) };
    let mut welcome = Welcome {
        session_present: flags & 1 == 1,
        receive_max: u16::MAX,
        packet_bytes: None,
        qos: Qos::ExactlyOnce,
        retains: true,
        keep_alive: None,
    };
    if version == Version::V3 || body.len() == 2 {
        return Ok(match code {
            // Two bytes are 3.1.1; it is how older brokers answer a CONNECT of version 5.
            0 if version == Version::V3 => Packet::Welcome(welcome),
            0 | 1 | 0x84 => Packet::Refused(Refused::Version),
            2 | 0x85 => Packet::Refused(Refused::ClientId),
            4 | 5 | 0x86 | 0x87 => Packet::Refused(Refused::Login),
            3 => Packet::Refused(Refused::Other("it is not available".to_owned())),
            code => Packet::Refused(Refused::Other(format!("code {code}"))),
        });
    }
    let reason = match v5::Packet::read(packet, None) {
        Ok(v5::Packet::ConnAck(connack)) if code == 0 => {
            if let Some(properties) = connack.properties {
                welcome.receive_max = properties.receive_max.unwrap_or(u16::MAX).max(1);
                welcome.packet_bytes = properties.max_packet_size.map(|most| most as usize);
                welcome.retains = properties.retain_available != Some(0);
                welcome.keep_alive = properties.server_keep_alive;
                welcome.qos = match properties.max_qos {
                    Some(0) => Qos::AtMostOnce,
                    Some(1) => Qos::AtLeastOnce,
                    _ => Qos::ExactlyOnce,
                };
            }
            return Ok(Packet::Welcome(welcome));
        }
        Ok(v5::Packet::ConnAck(connack)) => {
            connack.properties.and_then(|properties| properties.reason_string)
        }
        Ok(_) | Err(_) if code == 0 => return Err(Fault::new("a CONNACK that cannot be read")),
        Ok(_) | Err(_) => None,
    };
    let reason = || reason.map_or_else(|| format!("code {code:#x}"), |reason| shown(reason.as_bytes()));
    Ok(Packet::Refused(match code {
        1 | 0x84 => Refused::Version,
        0x85 => Refused::ClientId,
        0x86 | 0x87 | 0x8c => Refused::Login,
        _ => Refused::Other(reason()),
    }))
}

fn subscribed(version: Version, body: &[u8]) -> Result<Packet, Fault> {
    let bad = || Fault::new("a SUBACK that cannot be read");
    let (id, mut rest) = body.split_at_checked(2).ok_or_else(bad)?;
    let id = u16::from_be_bytes(id.try_into().map_err(|_| bad())?);
    if version == Version::V5 {
        // The same number of bytes stands before them as before any packet.
        let head = Head::read(&[&[0], rest].concat())?.ok_or_else(bad)?;
        rest = rest.get(head.len - 1 + head.remaining..).ok_or_else(bad)?;
    }
    let refusal = |code: &u8| match code {
        0..=2 => None,
        0x80 => Some("it does not say why".to_owned()),
        0x87 => Some("this user may not".to_owned()),
        0x8f => Some("it does not take this filter".to_owned()),
        0x97 => Some("a quota is used up".to_owned()),
        0xa2 => Some("it does not take wildcards".to_owned()),
        code => Some(format!("code {code:#x}")),
    };
    Ok(Packet::Subscribed(id, rest.iter().map(refusal).collect()))
}

fn bye(body: &[u8], packet: &mut BytesMut) -> Packet {
    let code = body.first().copied().unwrap_or(0);
    let words = match v5::Packet::read(packet, None) {
        Ok(v5::Packet::Disconnect(bye)) => bye.properties.and_then(|properties| properties.reason_string),
        Ok(_) | Err(_) => None,
    };
    let meaning = match code {
        0x00 => "it said good-bye",
        0x8b => "it is being stopped",
        0x8d => "it did not hear from us for too long",
        0x8e => TAKEN_OVER,
        0x95 => "a packet of ours is too large for it",
        0x96 => "we send more than it allows",
        0x97 => "a quota is used up",
        0x9a => "it keeps no last values; set retain = \"never\"",
        0x9b => "it does not take this QoS; set a lower qos",
        0x87 => "this user may not do that",
        _ => "",
    };
    let words = words.map(|words| shown(words.as_bytes()));
    let why = match (meaning, words) {
        ("", None) => format!("code {code:#x}"),
        ("", Some(words)) => words,
        (meaning, None) => meaning.to_owned(),
        (meaning, Some(words)) => format!("{meaning} ({words})"),
    };
    Packet::Bye(why, code == 0x95)
}
