//! From packets that the hub sends to bytes.

use super::{Qos, Version, code};

/// CONNACK that lets a client in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Welcome<'w> {
    /// Whether there is a session from before.
    pub session_present: bool,
    /// For how many seconds the session outlives the connection, where that is not what was asked for.
    pub session_expiry: Option<u32>,
    /// How many messages may be on their way to the hub.
    pub receive_maximum: u16,
    /// The largest packet that the hub takes.
    pub packet_maximum: u32,
    /// The id that the hub has given the client.
    pub assigned_id: Option<&'w str>,
    /// How many topic aliases the hub keeps.
    pub alias_maximum: u16,
    /// The keep-alive that holds, where it is not what was asked for.
    pub keep_alive: Option<u16>,
}

/// A message for a client.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outgoing<'m> {
    /// Its topic; empty where the alias stands for it.
    pub topic: &'m str,
    /// The packet id; 0 for QoS 0.
    pub id: u16,
    /// Its QoS, by its number.
    pub qos: u8,
    /// Whether it is told to be retained.
    pub retain: bool,
    /// Whether it was sent before.
    pub again: bool,
    /// Its payload.
    pub payload: &'m [u8],
    /// Of MQTT 5: for how many seconds it is worth delivering.
    pub message_expiry: Option<u32>,
    /// A short name of the topic.
    pub alias: Option<u16>,
    /// The subscriptions that name it.
    pub subscriptions: &'m [u32],
    /// Whether the payload says that it is text.
    pub is_text: Option<bool>,
    /// What the payload is.
    pub content_type: Option<&'m str>,
    /// Where an answer is to go.
    pub response_topic: Option<&'m str>,
    /// What an answer is to be known by.
    pub correlation: Option<&'m [u8]>,
    /// What the publisher adds.
    pub user: &'m [(String, String)],
}

/// The packets that answer a message, and their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// PUBACK.
    Acknowledge,
    /// PUBREC.
    Receive,
    /// PUBREL.
    Release,
    /// PUBCOMP.
    Complete,
}

/// The most that may stand behind the length of a packet.
const MOST_REMAINING: usize = 0x0fff_ffff;

/// Writes packets into a buffer.
#[derive(Debug)]
pub struct Writer<'b> {
    version: Version,
    out: &'b mut Vec<u8>,
}

impl<'b> Writer<'b> {
    /// For a connection of this version.
    pub fn new(version: Version, out: &'b mut Vec<u8>) -> Self {
        Self { version, out }
    }

    /// CONNACK for a client that is let in.
    pub fn welcome(&mut self, welcome: &Welcome<'_>) {
        let mut properties = Vec::new();
        if self.version == Version::V5 {
            let put = &mut properties;
            if let Some(seconds) = welcome.session_expiry {
                four(put, 0x11, seconds);
            }
            two(put, 0x21, welcome.receive_maximum);
            four(put, 0x27, welcome.packet_maximum);
            if let Some(id) = welcome.assigned_id {
                text(put, 0x12, id);
            }
            two(put, 0x22, welcome.alias_maximum);
            // There are shared subscriptions.
            put.extend_from_slice(&[0x2a, 1]);
            if let Some(seconds) = welcome.keep_alive {
                two(put, 0x13, seconds);
            }
        }
        self.packet(0x20, &[u8::from(welcome.session_present), code::SUCCESS], Some(&properties), &[]);
    }

    /// CONNACK for a client that is not let in.
    pub fn refuse(&mut self, reason: u8, why: &str) {
        let reason = if self.version == Version::V5 { reason } else { old(reason) };
        let properties = self.reason(why);
        self.packet(0x20, &[0, reason], Some(&properties), &[]);
    }

    /// How many bytes a message has as a packet.
    pub fn publish_len(version: Version, message: &Outgoing<'_>) -> usize {
        let remaining = remaining(version, message);
        1 + length_len(remaining) + remaining
    }

    /// PUBLISH. False where it is longer than any packet may be; then nothing is written.
    pub fn publish(&mut self, message: &Outgoing<'_>) -> bool {
        let remaining = remaining(self.version, message);
        if remaining > MOST_REMAINING {
            return false;
        }
        self.out.reserve(5 + remaining);
        self.out.push(0x30 | u8::from(message.again) << 3 | message.qos << 1 | u8::from(message.retain));
        length(self.out, remaining);
        plain_text(self.out, message.topic);
        if message.qos > 0 {
            self.out.extend_from_slice(&message.id.to_be_bytes());
        }
        if self.version == Version::V5 {
            length(self.out, properties_len(message));
            put_properties(self.out, message);
        }
        self.out.extend_from_slice(message.payload);
        true
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    pub fn answer(&mut self, answer: Answer, id: u16, reason: u8, why: &str) {
        let first = match answer {
            Answer::Acknowledge => 0x40,
            Answer::Receive => 0x50,
            Answer::Release => 0x62,
            Answer::Complete => 0x70,
        };
        let [high, low] = id.to_be_bytes();
        if self.version == Version::V3 || reason == code::SUCCESS {
            self.out.extend_from_slice(&[first, 2, high, low]);
        } else if why.is_empty() {
            self.out.extend_from_slice(&[first, 3, high, low, reason]);
        } else {
            let properties = self.reason(why);
            self.packet(first, &[high, low, reason], Some(&properties), &[]);
        }
    }

    /// SUBACK: for each filter the QoS that it gets, or a reason against it.
    pub fn subscribed(&mut self, id: u16, reasons: &[u8]) {
        let old: Vec<u8>;
        let reasons = if self.version == Version::V5 {
            reasons
        } else {
            old = reasons.iter().map(|reason| (*reason).min(0x80)).collect();
            &old
        };
        self.packet(0x90, &id.to_be_bytes(), Some(&[]), reasons);
    }

    /// UNSUBACK.
    pub fn unsubscribed(&mut self, id: u16, reasons: &[u8]) {
        let reasons = if self.version == Version::V5 { reasons } else { &[] };
        self.packet(0xb0, &id.to_be_bytes(), Some(&[]), reasons);
    }

    /// PINGRESP.
    pub fn pong(&mut self) {
        self.out.extend_from_slice(&[0xd0, 0]);
    }

    /// DISCONNECT. In 3.1.1 a server has no such packet.
    pub fn bye(&mut self, reason: u8, why: &str) {
        if self.version == Version::V5 {
            let properties = self.reason(why);
            self.packet(0xe0, &[reason], Some(&properties), &[]);
        }
    }

    fn reason(&self, why: &str) -> Vec<u8> {
        const LONGEST: usize = 256;
        let mut properties = Vec::new();
        if self.version == Version::V5 && !why.is_empty() {
            let end = (0..=why.len().min(LONGEST)).rev().find(|end| why.is_char_boundary(*end)).unwrap_or(0);
            text(&mut properties, 0x1f, why.get(..end).unwrap_or_default());
        }
        properties
    }

    /// A packet: its first byte, what stands in front, its properties, and the rest.
    fn packet(&mut self, first: u8, front: &[u8], properties: Option<&[u8]>, rest: &[u8]) {
        let properties = properties.filter(|_| self.version == Version::V5);
        let with_length = properties.map_or(0, |properties| length_len(properties.len()) + properties.len());
        self.out.push(first);
        length(self.out, front.len() + with_length + rest.len());
        self.out.extend_from_slice(front);
        if let Some(properties) = properties {
            length(self.out, properties.len());
            self.out.extend_from_slice(properties);
        }
        self.out.extend_from_slice(rest);
    }
}

/// The codes of a CONNACK of 3.1.1.
fn old(reason: u8) -> u8 {
    match reason {
        code::VERSION => 1,
        code::CLIENT_ID => 2,
        code::BAD_LOGIN => 4,
        code::NOT_AUTHORIZED | code::BAD_METHOD => 5,
        _ => 3,
    }
}

fn remaining(version: Version, message: &Outgoing<'_>) -> usize {
    let id = if message.qos > 0 { 2 } else { 0 };
    let properties = if version == Version::V5 {
        let len = properties_len(message);
        length_len(len) + len
    } else {
        0
    };
    2 + message.topic.len() + id + properties + message.payload.len()
}

fn properties_len(message: &Outgoing<'_>) -> usize {
    let some = |is: bool, len: usize| if is { len } else { 0 };
    let text = |text: Option<usize>| text.map_or(0, |len| 3 + len);
    let ids: usize = message.subscriptions.iter().map(|id| 1 + length_len(*id as usize)).sum();
    let user: usize = message.user.iter().map(|(key, value)| 5 + key.len() + value.len()).sum();
    some(message.is_text.is_some(), 2)
        + some(message.message_expiry.is_some(), 5)
        + some(message.alias.is_some(), 3)
        + ids
        + user
        + text(message.content_type.map(str::len))
        + text(message.response_topic.map(str::len))
        + text(message.correlation.map(<[u8]>::len))
}

fn put_properties(out: &mut Vec<u8>, message: &Outgoing<'_>) {
    if let Some(is_text) = message.is_text {
        out.extend_from_slice(&[0x01, u8::from(is_text)]);
    }
    if let Some(seconds) = message.message_expiry {
        four(out, 0x02, seconds);
    }
    if let Some(alias) = message.alias {
        two(out, 0x23, alias);
    }
    for id in message.subscriptions {
        out.push(0x0b);
        length(out, *id as usize);
    }
    if let Some(content_type) = message.content_type {
        text(out, 0x03, content_type);
    }
    if let Some(topic) = message.response_topic {
        text(out, 0x08, topic);
    }
    if let Some(correlation) = message.correlation {
        out.push(0x09);
        binary(out, correlation);
    }
    for (key, value) in message.user {
        text(out, 0x26, key);
        plain_text(out, value);
    }
}

fn two(out: &mut Vec<u8>, id: u8, number: u16) {
    out.push(id);
    out.extend_from_slice(&number.to_be_bytes());
}

fn four(out: &mut Vec<u8>, id: u8, number: u32) {
    out.push(id);
    out.extend_from_slice(&number.to_be_bytes());
}

fn text(out: &mut Vec<u8>, id: u8, text: &str) {
    out.push(id);
    plain_text(out, text);
}

fn plain_text(out: &mut Vec<u8>, text: &str) {
    binary(out, text.as_bytes());
}

/// These have at most 65,535 bytes: they are checked where they come in.
fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn length(out: &mut Vec<u8>, mut length: usize) {
    while length > 0x7f {
        out.push(0x80 | low_bits(length));
        length >>= 7;
    }
    out.push(low_bits(length));
}

fn length_len(length: usize) -> usize {
    match length {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x001f_ffff => 3,
        _ => 4,
    }
}

fn low_bits(length: usize) -> u8 {
    u8::try_from(length & 0x7f).unwrap_or_default()
}

/// The number of a QoS, in a packet.
impl From<Qos> for u8 {
    fn from(qos: Qos) -> Self {
        qos.number()
    }
}
