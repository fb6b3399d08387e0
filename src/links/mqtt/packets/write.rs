//! From packets to bytes.

use bytes::{BufMut, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::{QoS as QoS5, v5};

use super::{Hello, Outgoing, Version};
use crate::links::rules::Qos;
use crate::links::stamp;

/// The most that may stand behind the length of a packet.
const MOST_REMAINING: usize = 0x0fff_ffff;
/// How a user property begins.
const USER_PROPERTY: u8 = 38;

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

    /// PUBLISH, written here and not by `rumqttc`, which wants owned copies of all its parts: five allocations a message.
    pub fn publish(&mut self, message: &Outgoing<'_>) {
        let stamp = message.stamp.filter(|_| self.version == Version::V5);
        let property = stamp.map_or(0, |stamp| 1 + 2 + stamp::PROPERTY.len() + 2 + stamp.len());
        let properties = if self.version == Version::V5 { length_len(property) + property } else { 0 };
        let id = if message.qos == Qos::AtMostOnce { 0 } else { 2 };
        let remaining = 2 + message.topic.len() + id + properties + message.payload.len();
        if remaining > MOST_REMAINING {
            return;
        }
        let first =
            0x30 | u8::from(message.again) << 3 | qos_bits(message.qos) << 1 | u8::from(message.retain);
        self.bytes.reserve(1 + 4 + remaining);
        self.bytes.put_u8(first);
        self.length(remaining);
        self.text(message.topic);
        if id > 0 {
            self.bytes.put_u16(message.id);
        }
        if self.version == Version::V5 {
            self.length(property);
        }
        if let Some(stamp) = stamp {
            self.bytes.put_u8(USER_PROPERTY);
            self.text(stamp::PROPERTY);
            self.text(stamp);
        }
        self.bytes.extend_from_slice(message.payload);
    }

    /// A length in one to four bytes, seven bits in each.
    fn length(&mut self, mut length: usize) {
        while length > 0x7f {
            self.bytes.put_u8(0x80 | low_bits(length));
            length >>= 7;
        }
        self.bytes.put_u8(low_bits(length));
    }

    /// Texts have at most 65,535 bytes: topics and stamps are checked at their doors.
    fn text(&mut self, text: &str) {
        self.bytes.put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
        self.bytes.extend_from_slice(text.as_bytes());
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

/// How many bytes a length has.
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

fn qos_bits(qos: Qos) -> u8 {
    match qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 1,
        Qos::ExactlyOnce => 2,
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
