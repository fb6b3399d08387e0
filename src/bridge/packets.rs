//! MQTT packets, of both versions, from bytes and to bytes. No sockets. The only file that knows `rumqttc`.
//!
//! Its packets only: `docs/adr/0013-packets-from-rumqttc.md` says why neither its event loop nor its state is used, and
//! why acknowledgements, four bytes each, are read here: it takes reason codes that brokers do send for faults.

use bytes::{Buf, Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::{QoS as QoS5, v5};

use super::rules::Qos;
use super::stamp;

/// Which MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1.
    V3,
    /// 5.0.
    V5,
}

/// What the broker says.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    /// CONNACK.
    Welcome(Welcome),
    /// CONNACK with a reason against us.
    Refused(Refused),
    /// PUBLISH.
    Publish(Publish),
    /// PUBLISH that cannot be taken; it is to be acknowledged all the same, as it would only come again.
    Untakeable(Untakeable),
    /// PUBACK, with its reason.
    Acknowledged(u16, u8),
    /// PUBREC, with its reason.
    Received(u16, u8),
    /// PUBREL.
    Release(u16),
    /// PUBCOMP, with its reason.
    Complete(u16, u8),
    /// SUBACK: for each filter why it was refused, if it was.
    Subscribed(u16, Vec<Option<String>>),
    /// PINGRESP.
    Pong,
    /// DISCONNECT: why, and whether something of ours was too large.
    Bye(String, bool),
    /// Something that nobody waits for.
    Other,
}

/// What the broker allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Whether it knows us from before.
    pub session_present: bool,
    /// How many messages may be on their way.
    pub receive_max: u16,
    /// The largest packet it takes.
    pub packet_bytes: Option<usize>,
    /// The highest QoS it takes.
    pub qos: Qos,
    /// Whether it keeps last values.
    pub retains: bool,
    /// The keep-alive that it wants, in seconds.
    pub keep_alive: Option<u16>,
}

/// Why the broker does not take us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It does not speak this version.
    Version,
    /// It does not like the client id.
    ClientId,
    /// User or password are wrong, or not enough.
    Login,
    /// Anything else, in its words.
    Other(String),
}

/// A message of the broker.
#[derive(Debug, PartialEq, Eq)]
pub struct Publish {
    /// The topic; not yet checked to be one.
    pub topic: Bytes,
    /// The packet id; 0 for QoS 0.
    pub id: u16,
    /// Its QoS.
    pub qos: Qos,
    /// MQTT 5: whether it was published so. 3.1.1: whether it is a last value that was asked for.
    pub retain: bool,
    /// The payload.
    pub payload: Bytes,
    /// The stamp of a hub.
    pub stamp: Option<String>,
}

/// A message of the broker that cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Untakeable {
    /// What is known of its topic.
    pub topic: String,
    /// Its packet id.
    pub id: u16,
    /// Its QoS.
    pub qos: Qos,
    /// What is wrong with it.
    pub why: String,
}

/// What is said makes no sense: the connection is to be ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the broker sent what is no MQTT: {0}")]
pub struct Fault(String);

impl Fault {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// The reason of a good-bye to a client whose place another one of the same id has taken.
pub const TAKEN_OVER: &str = "another client came with the same client id";

/// Topics that are told of packets which are not read are cut at so many bytes.
const SHOWN_TOPIC: usize = 128;

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
            self.bytes.reserve(whole - self.bytes.len());
            return Ok(None);
        }
        let mut packet = self.bytes.split_to(whole);
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

/// A foreign text made fit for a log.
fn shown(topic: &[u8]) -> String {
    let start = topic.get(..SHOWN_TOPIC).unwrap_or(topic);
    String::from_utf8_lossy(start).escape_debug().collect()
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

/// CONNECT.
pub struct Hello<'h> {
    /// The client id.
    pub client_id: &'h str,
    /// Whether the broker is to forget what it knew of us.
    pub clean: bool,
    /// MQTT 5: how long it is to remember us when we are gone, in seconds.
    pub session_seconds: u32,
    /// In seconds.
    pub keep_alive: u16,
    /// MQTT 5: the largest packet that we take.
    pub packet_bytes: u32,
    /// MQTT 5: how many messages of its own may be on their way.
    pub receive_max: u16,
    /// User and password.
    pub login: Option<(String, String)>,
    /// What is to be published retained when we vanish: topic and payload.
    pub will: Option<(&'h str, &'static str)>,
}

/// A message for the broker.
pub struct Outgoing<'m> {
    /// Its topic there.
    pub topic: &'m str,
    /// Its payload.
    pub payload: &'m [u8],
    /// The packet id; 0 for QoS 0.
    pub id: u16,
    /// Its QoS.
    pub qos: Qos,
    /// Whether it is to be kept.
    pub retain: bool,
    /// Whether it was sent before.
    pub again: bool,
    /// MQTT 5: the stamp.
    pub stamp: Option<String>,
}

/// From packets to bytes.
#[derive(Debug)]
pub struct Writer {
    version: Version,
    /// What is not yet written.
    pub bytes: BytesMut,
}

impl Writer {
    /// For a connection of this version.
    pub fn new(version: Version) -> Self {
        Self { version, bytes: BytesMut::new() }
    }

    /// CONNECT.
    pub fn hello(&mut self, hello: Hello<'_>) {
        match self.version {
            Version::V3 => self.hello3(hello),
            Version::V5 => self.hello5(hello),
        }
    }

    fn hello3(&mut self, hello: Hello<'_>) {
        let mut connect = v4::Connect::new(hello.client_id);
        connect.clean_session = hello.clean;
        connect.keep_alive = hello.keep_alive;
        if let Some((user, password)) = hello.login {
            connect.set_login(user, password);
        }
        let will = |(topic, payload)| v4::LastWill::new(topic, payload, rumqttc::QoS::AtLeastOnce, true);
        connect.last_will = hello.will.map(will);
        self.put(|bytes| v4::Packet::Connect(connect).write(bytes, usize::MAX).ok());
    }

    fn hello5(&mut self, hello: Hello<'_>) {
        let properties = v5::ConnectProperties {
            session_expiry_interval: Some(hello.session_seconds),
            receive_maximum: Some(hello.receive_max),
            max_packet_size: Some(hello.packet_bytes),
            ..v5::ConnectProperties::new()
        };
        let connect = v5::Connect {
            keep_alive: hello.keep_alive,
            client_id: hello.client_id.to_owned(),
            clean_start: hello.clean,
            properties: Some(properties),
        };
        let will =
            |(topic, payload): (&str, &str)| v5::LastWill::new(topic, payload, QoS5::AtLeastOnce, true, None);
        let login = hello.login.map(|(user, password)| v5::Login::new(user, password));
        let packet = v5::Packet::Connect(connect, hello.will.map(will), login);
        self.put(|bytes| packet.write(bytes, None).ok());
    }

    /// PUBLISH.
    pub fn publish(&mut self, message: Outgoing<'_>) {
        let payload = Bytes::copy_from_slice(message.payload);
        match self.version {
            Version::V3 => {
                let mut publish = v4::Publish::from_bytes(message.topic, qos3(message.qos), payload);
                (publish.pkid, publish.retain, publish.dup) = (message.id, message.retain, message.again);
                self.put(|bytes| publish.write(bytes).ok());
            }
            Version::V5 => {
                let with = |stamp| v5::PublishProperties {
                    user_properties: vec![(stamp::PROPERTY.to_owned(), stamp)],
                    ..v5::PublishProperties::default()
                };
                let publish = v5::Publish {
                    dup: message.again,
                    qos: qos5(message.qos),
                    retain: message.retain,
                    topic: Bytes::copy_from_slice(message.topic.as_bytes()),
                    pkid: message.id,
                    payload,
                    properties: message.stamp.map(with),
                };
                self.put(|bytes| publish.write(bytes).ok());
            }
        }
    }

    /// SUBSCRIBE: what we said does not come back, and last values are known as such (both MQTT 5).
    pub fn subscribe(&mut self, id: u16, filters: &[(String, Qos)]) {
        match self.version {
            Version::V3 => {
                let filter = |(path, qos): &(String, Qos)| v4::SubscribeFilter::new(path.clone(), qos3(*qos));
                let mut subscribe = v4::Subscribe::new_many(filters.iter().map(filter));
                subscribe.pkid = id;
                self.put(|bytes| subscribe.write(bytes).ok());
            }
            Version::V5 => {
                let filter = |(path, qos): &(String, Qos)| v5::Filter {
                    path: path.clone(),
                    qos: qos5(*qos),
                    nolocal: true,
                    preserve_retain: true,
                    retain_forward_rule: v5::RetainForwardRule::OnEverySubscribe,
                };
                let mut subscribe = v5::Subscribe::new_many(filters.iter().map(filter), None);
                subscribe.pkid = id;
                self.put(|bytes| subscribe.write(bytes).ok());
            }
        }
    }

    /// PUBACK.
    pub fn acknowledge(&mut self, id: u16) {
        self.four(0x40, id);
    }

    /// PUBREC.
    pub fn receive(&mut self, id: u16) {
        self.four(0x50, id);
    }

    /// PUBREL.
    pub fn release(&mut self, id: u16) {
        self.four(0x62, id);
    }

    /// PUBCOMP.
    pub fn complete(&mut self, id: u16) {
        self.four(0x70, id);
    }

    /// PINGREQ.
    pub fn ping(&mut self) {
        self.bytes.extend_from_slice(&[0xc0, 0]);
    }

    /// DISCONNECT. A broker of MQTT 5 can be told to forget us.
    pub fn bye(&mut self, forget: bool) {
        match self.version {
            Version::V3 => self.bytes.extend_from_slice(&[0xe0, 0]),
            Version::V5 if !forget => self.bytes.extend_from_slice(&[0xe0, 0]),
            // Reason 0, and five bytes of properties: session expiry interval 0.
            Version::V5 => self.bytes.extend_from_slice(&[0xe0, 7, 0, 5, 17, 0, 0, 0, 0]),
        }
    }

    fn four(&mut self, first: u8, id: u16) {
        let [high, low] = id.to_be_bytes();
        self.bytes.extend_from_slice(&[first, 2, high, low]);
    }

    /// Half a packet must not be sent: what could not be written is taken back. Nothing that was checked at its door
    /// meets this.
    fn put(&mut self, write: impl FnOnce(&mut BytesMut) -> Option<usize>) {
        let before = self.bytes.len();
        if write(&mut self.bytes).is_none() {
            self.bytes.truncate(before);
        }
    }
}

fn qos3(qos: Qos) -> rumqttc::QoS {
    match qos {
        Qos::AtMostOnce => rumqttc::QoS::AtMostOnce,
        Qos::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
        Qos::ExactlyOnce => rumqttc::QoS::ExactlyOnce,
    }
}

fn qos5(qos: Qos) -> QoS5 {
    match qos {
        Qos::AtMostOnce => QoS5::AtMostOnce,
        Qos::AtLeastOnce => QoS5::AtLeastOnce,
        Qos::ExactlyOnce => QoS5::ExactlyOnce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    fn message<'m>(topic: &'m str, payload: &'m [u8], qos: Qos, stamp: Option<&str>) -> Outgoing<'m> {
        let id = if qos == Qos::AtMostOnce { 0 } else { 7 };
        Outgoing { topic, payload, id, qos, retain: true, again: false, stamp: stamp.map(str::to_owned) }
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
                let bytes =
                    written(version, |writer| writer.publish(message("č/b", b"1", qos, Some("a.1 a"))));
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
    fn a_message_that_is_too_large_is_passed_over_and_named_and_the_next_one_is_read() {
        for version in [Version::V3, Version::V5] {
            let mut writer = Writer::new(version);
            writer.publish(message("large/one", &[b'x'; 5_000], Qos::AtLeastOnce, None));
            writer.publish(message("a/b", b"1", Qos::AtMostOnce, None));
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
                written(version, |writer| writer.publish(message("ab", b"1", Qos::AtLeastOnce, None)));
            let at = bytes.windows(2).position(|pair| pair == b"ab").unwrap();
            bytes[at] = 0xff;
            let packets = all(version, 100, &bytes, 100).unwrap();
            assert!(
                matches!(packets.as_slice(), [Packet::Publish(it)] if &*it.topic == b"\xffb"),
                "{packets:?}"
            );
        }
    }

    #[test]
    fn an_older_broker_is_understood_as_such() {
        assert_eq!(all(Version::V5, 100, &[0x20, 2, 0, 1], 9), Ok(vec![Packet::Refused(Refused::Version)]));
        assert_eq!(all(Version::V3, 100, &[0x20, 2, 0, 5], 9), Ok(vec![Packet::Refused(Refused::Login)]));
        assert_eq!(
            all(Version::V5, 100, &[0x20, 3, 0, 0x87, 0], 9),
            Ok(vec![Packet::Refused(Refused::Login)])
        );
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
        let bytes =
            [0x40, 3, 0, 7, 0x95, 0x40, 2, 0, 8, 0x50, 2, 0, 9, 0x62, 2, 0, 9, 0x70, 4, 0, 9, 0x92, 0];
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
        assert_eq!(
            all(Version::V3, 100, &[0x90, 3, 0, 1, 2], 2).unwrap(),
            [Packet::Subscribed(1, vec![None])]
        );
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
}
