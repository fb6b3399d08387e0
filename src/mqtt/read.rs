//! From bytes to packets that clients send.

use super::properties::{Properties, of};
use super::text::{Rest, text, variable};
use super::{Fault, Qos, Version, code};

/// The fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Kind and flags.
    pub first: u8,
    /// Its own bytes.
    pub len: usize,
    /// The bytes behind it.
    pub remaining: usize,
}

impl Head {
    /// Reads it; `None` where it has not come whole.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
        let Some((remaining, len)) = variable(rest)? else { return Ok(None) };
        Ok(Some(Self { first: *first, len: 1 + len, remaining: remaining as usize }))
    }

    /// All bytes of the packet.
    pub fn whole(&self) -> usize {
        self.len + self.remaining
    }

    /// Whether this is a CONNECT.
    pub fn is_connect(&self) -> bool {
        self.first >> 4 == 1
    }
}

/// What a client says after its CONNECT.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'p> {
    /// PUBLISH.
    Publish(Publish<'p>),
    /// PUBACK.
    Acknowledged(Ack),
    /// PUBREC.
    Received(Ack),
    /// PUBREL.
    Release(Ack),
    /// PUBCOMP.
    Complete(Ack),
    /// SUBSCRIBE.
    Subscribe(Subscribe<'p>),
    /// UNSUBSCRIBE.
    Unsubscribe(Unsubscribe<'p>),
    /// PINGREQ.
    Ping,
    /// DISCONNECT.
    Disconnect(Disconnect),
}

/// The four packets that answer another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Which one it answers.
    pub id: u16,
    /// How it went.
    pub code: u8,
}

/// CONNECT.
#[derive(Debug, PartialEq, Eq)]
pub struct Connect<'p> {
    /// Which MQTT.
    pub version: Version,
    /// Whether a session from before is to be forgotten.
    pub is_clean: bool,
    /// In seconds; 0 is never.
    pub keep_alive: u16,
    /// What a session is known by.
    pub client_id: &'p str,
    /// Whom the client names.
    pub user: Option<&'p str>,
    /// What it proves that with.
    pub password: Option<&'p [u8]>,
    /// What is to be published when it vanishes.
    pub will: Option<Will<'p>>,
    /// Of MQTT 5.
    pub properties: Properties<'p>,
}

/// What is to be published when a client vanishes.
#[derive(Debug, PartialEq, Eq)]
pub struct Will<'p> {
    /// Its topic.
    pub topic: &'p str,
    /// Its payload.
    pub payload: &'p [u8],
    /// Its QoS.
    pub qos: Qos,
    /// Whether it is to be retained.
    pub retain: bool,
    /// Of MQTT 5.
    pub properties: Properties<'p>,
}

/// PUBLISH.
#[derive(Debug, PartialEq, Eq)]
pub struct Publish<'p> {
    /// Its topic; empty where there is an alias.
    pub topic: &'p str,
    /// The packet id; 0 for QoS 0.
    pub id: u16,
    /// Its QoS.
    pub qos: Qos,
    /// Whether it is to be retained.
    pub retain: bool,
    /// Whether it was sent before.
    pub again: bool,
    /// Its payload.
    pub payload: &'p [u8],
    /// Of MQTT 5.
    pub properties: Properties<'p>,
}

/// SUBSCRIBE.
#[derive(Debug, PartialEq, Eq)]
pub struct Subscribe<'p> {
    /// The packet id.
    pub id: u16,
    /// The filters, not yet checked to be such.
    pub filters: Vec<(&'p str, Wish)>,
    /// Of MQTT 5.
    pub properties: Properties<'p>,
}

/// How a client wants what a filter names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The highest QoS.
    pub qos: Qos,
    /// Whether its own messages are to be left out.
    pub no_local: bool,
    /// Whether the flag of a message tells how it was published, and not that it is a last value.
    pub as_published: bool,
    /// When last values are sent: 0 always, 1 if the subscription is new, 2 never.
    pub handling: u8,
}

/// UNSUBSCRIBE.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsubscribe<'p> {
    /// The packet id.
    pub id: u16,
    /// The filters.
    pub filters: Vec<&'p str>,
}

/// DISCONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect {
    /// Why.
    pub code: u8,
    /// For how many seconds the session is to outlive the connection, if that is to be otherwise now.
    pub session_expiry: Option<u32>,
}

/// The most filters in one packet; a client may send several packets.
const MOST_FILTERS: usize = 1024;

impl<'p> Connect<'p> {
    /// Reads what stands behind the fixed header of a CONNECT. The version is known before anything that may be wrong in it: an
    /// answer needs it.
    pub fn version(body: &[u8]) -> Result<Version, Fault> {
        let mut rest = Rest(body);
        let name = rest.binary()?;
        let level = rest.byte()?;
        match (name, level) {
            (b"MQTT", 4) => Ok(Version::V3),
            (b"MQTT", 5) => Ok(Version::V5),
            (b"MQTT", _) | (b"MQIsdp", 3) => {
                Err(Fault { code: code::VERSION, why: "the hub speaks MQTT 3.1.1 and 5.0" })
            }
            _ => Err(Fault::malformed("the client speaks no MQTT")),
        }
    }

    /// Reads what stands behind the fixed header of a CONNECT.
    pub fn read(head: Head, body: &'p [u8]) -> Result<Self, Fault> {
        let version = Self::version(body)?;
        if head.first & 0x0f != 0 {
            return Err(Fault::malformed("reserved bits of a CONNECT are set"));
        }
        let mut rest = Rest(body);
        rest.binary()?;
        rest.byte()?;
        let flags = rest.byte()?;
        let is = |bit: u8| flags >> bit & 1 == 1;
        if is(0) {
            return Err(Fault::malformed("the reserved flag of a CONNECT is set"));
        }
        let keep_alive = rest.two()?;
        let properties = |rest: &mut Rest<'p>, allowed| match version {
            Version::V3 => Ok(Properties::default()),
            Version::V5 => Properties::read(rest, allowed),
        };
        let own = properties(&mut rest, of::CONNECT)?;
        let client_id = rest.text()?;
        let will = if is(2) {
            let qos = Qos::of(flags >> 3 & 3).ok_or(Fault::malformed("a will of QoS 3"))?;
            let properties = properties(&mut rest, of::WILL)?;
            let (topic, payload) = (rest.text()?, rest.binary()?);
            Some(Will { topic, payload, qos, retain: is(5), properties })
        } else if flags & 0b0011_1000 != 0 {
            return Err(Fault::malformed("flags of a will without a will"));
        } else {
            None
        };
        let user = if is(7) { Some(rest.text()?) } else { None };
        if is(6) && !is(7) && version == Version::V3 {
            return Err(Fault::malformed("a password without a user"));
        }
        let password = if is(6) { Some(rest.binary()?) } else { None };
        nothing_more(rest)?;
        let is_clean = is(1);
        Ok(Self { version, is_clean, keep_alive, client_id, user, password, will, properties: own })
    }
}

fn nothing_more(rest: Rest<'_>) -> Result<(), Fault> {
    if rest.is_empty() { Ok(()) } else { Err(Fault::malformed("the packet has more bytes than it should")) }
}

impl<'p> Packet<'p> {
    /// Reads what stands behind a fixed header.
    pub fn read(version: Version, head: Head, body: &'p [u8]) -> Result<Self, Fault> {
        let (kind, flags) = (head.first >> 4, head.first & 0x0f);
        let due = if matches!(kind, 6 | 8 | 10) { 2 } else { 0 };
        if kind != 3 && flags != due {
            return Err(Fault::malformed("reserved bits of the fixed header are wrong"));
        }
        let mut rest = Rest(body);
        match kind {
            1 => Err(Fault::protocol("a second CONNECT")),
            3 => publish(version, flags, rest).map(Self::Publish),
            4 => ack(version, rest, &[0, 0x10]).map(Self::Acknowledged),
            5 => ack(version, rest, &[0, 0x10]).map(Self::Received),
            6 => ack(version, rest, &[0]).map(Self::Release),
            7 => ack(version, rest, &[0]).map(Self::Complete),
            8 => subscribe(version, rest).map(Self::Subscribe),
            10 => unsubscribe(version, rest).map(Self::Unsubscribe),
            12 => nothing_more(rest).map(|()| Self::Ping),
            14 => disconnect(version, rest).map(Self::Disconnect),
            15 if version == Version::V5 => {
                if !rest.is_empty() {
                    rest.byte()?;
                    Properties::read(&mut rest, of::AUTH)?;
                }
                Err(Fault::protocol("AUTH, and the client has named no method to sign in"))
            }
            _ => Err(Fault::malformed("a packet that clients do not send")),
        }
    }
}

fn publish(version: Version, flags: u8, mut rest: Rest<'_>) -> Result<Publish<'_>, Fault> {
    let qos = Qos::of(flags >> 1 & 3).ok_or(Fault::malformed("a message of QoS 3"))?;
    let again = flags & 8 != 0;
    if again && qos == Qos::AtMostOnce {
        return Err(Fault::malformed("a message of QoS 0 that was sent before"));
    }
    let topic = rest.text()?;
    if topic.contains(['+', '#']) {
        return Err(Fault { code: code::BAD_TOPIC, why: "a topic with a wildcard" });
    }
    let id = if qos == Qos::AtMostOnce { 0 } else { rest.id()? };
    let properties = match version {
        Version::V3 => Properties::default(),
        Version::V5 => Properties::read(&mut rest, of::PUBLISH)?,
    };
    if topic.is_empty() && properties.alias.is_none() {
        return Err(Fault {
            code: if version == Version::V5 { code::PROTOCOL_ERROR } else { code::MALFORMED },
            why: "a message without a topic",
        });
    }
    let payload = rest.0;
    if properties.is_text == Some(true) && text_of(payload).is_err() {
        return Err(Fault {
            code: code::PAYLOAD_FORMAT,
            why: "a payload that says that it is UTF-8, and is not",
        });
    }
    Ok(Publish { topic, id, qos, retain: flags & 1 == 1, again, payload, properties })
}

/// A payload may have the character NUL, which a text may not.
fn text_of(payload: &[u8]) -> Result<&str, std::str::Utf8Error> {
    std::str::from_utf8(payload)
}

fn ack(version: Version, mut rest: Rest<'_>, good: &[u8]) -> Result<Ack, Fault> {
    let id = rest.id()?;
    let mut code = code::SUCCESS;
    if version == Version::V5 && !rest.is_empty() {
        code = rest.byte()?;
        if code < 0x80 && !good.contains(&code) {
            return Err(Fault::protocol("a reason code that does not belong into this packet"));
        }
        if !rest.is_empty() {
            Properties::read(&mut rest, of::ACK)?;
        }
    }
    nothing_more(rest)?;
    Ok(Ack { id, code })
}

fn subscribe(version: Version, mut rest: Rest<'_>) -> Result<Subscribe<'_>, Fault> {
    let id = rest.id()?;
    let properties = match version {
        Version::V3 => Properties::default(),
        Version::V5 => Properties::read(&mut rest, of::SUBSCRIBE)?,
    };
    let mut filters = Vec::new();
    while !rest.is_empty() {
        let filter = rest.text()?;
        filters.push((filter, wish(version, filter, rest.byte()?)?));
        if filters.len() > MOST_FILTERS {
            return Err(Fault { code: code::QUOTA, why: "more than 1024 filters in one packet" });
        }
    }
    if filters.is_empty() {
        return Err(Fault::protocol("a SUBSCRIBE without a filter"));
    }
    Ok(Subscribe { id, filters, properties })
}

fn wish(version: Version, filter: &str, options: u8) -> Result<Wish, Fault> {
    let qos = Qos::of(options & 3).ok_or(Fault::malformed("a subscription of QoS 3"))?;
    let reserved = if version == Version::V5 { 0b1100_0000 } else { 0b1111_1100 };
    if options & reserved != 0 {
        return Err(Fault::malformed("reserved bits of a subscription are set"));
    }
    let handling = options >> 4 & 3;
    if handling == 3 {
        return Err(Fault::protocol("a retain handling of 3"));
    }
    let no_local = options & 4 != 0;
    if no_local && filter.starts_with("$share/") {
        return Err(Fault::protocol("no-local on a shared subscription"));
    }
    Ok(Wish { qos, no_local, as_published: options & 8 != 0, handling })
}

fn unsubscribe(version: Version, mut rest: Rest<'_>) -> Result<Unsubscribe<'_>, Fault> {
    let id = rest.id()?;
    if version == Version::V5 {
        Properties::read(&mut rest, of::UNSUBSCRIBE)?;
    }
    let mut filters = Vec::new();
    while !rest.is_empty() {
        filters.push(text(rest.binary()?)?);
        if filters.len() > MOST_FILTERS {
            return Err(Fault { code: code::QUOTA, why: "more than 1024 filters in one packet" });
        }
    }
    if filters.is_empty() {
        return Err(Fault::protocol("an UNSUBSCRIBE without a filter"));
    }
    Ok(Unsubscribe { id, filters })
}

fn disconnect(version: Version, mut rest: Rest<'_>) -> Result<Disconnect, Fault> {
    let mut read = Disconnect { code: code::SUCCESS, session_expiry: None };
    if version == Version::V5 && !rest.is_empty() {
        read.code = rest.byte()?;
        if !rest.is_empty() {
            read.session_expiry = Properties::read(&mut rest, of::DISCONNECT)?.session_expiry;
        }
    }
    nothing_more(rest)?;
    Ok(read)
}
