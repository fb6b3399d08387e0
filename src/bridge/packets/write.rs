//! From packets to bytes.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::{QoS as QoS5, v5};

use super::{Hello, Outgoing, Version};
use crate::bridge::rules::Qos;
use crate::bridge::stamp;

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
