//! A client that writes and reads every byte by hand, so that it can do wrong what libraries do right.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Hub, in_time};

pub const V3: u8 = 4;
pub const V5: u8 = 5;

pub const CONNACK: u8 = 0x20;
pub const PUBACK: u8 = 0x40;
pub const PUBREC: u8 = 0x50;
pub const PUBREL: u8 = 0x62;
pub const PUBCOMP: u8 = 0x70;
pub const SUBACK: u8 = 0x90;
pub const UNSUBACK: u8 = 0xb0;
pub const PINGRESP: u8 = 0xd0;
pub const DISCONNECT: u8 = 0xe0;

/// A packet: its first byte, its length, and the rest.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    packet.extend(length(body.len()));
    packet.extend(body);
    packet
}

pub fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(length % 128).unwrap();
        length /= 128;
        bytes.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            return bytes;
        }
    }
}

/// A text or bytes with their length in front.
pub fn text(text: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = text.as_ref();
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// What a client says in its CONNECT.
#[derive(Debug, Clone)]
pub struct Hello {
    pub version: u8,
    pub id: String,
    pub clean: bool,
    pub keep_alive: u16,
    pub login: Option<(String, String)>,
    /// Topic, payload, QoS, retained, and its properties.
    pub will: Option<(String, Vec<u8>, u8, bool, Vec<u8>)>,
    pub properties: Vec<u8>,
}

impl Hello {
    /// The demo user.
    pub fn new(version: u8, id: &str) -> Self {
        let login = Some(("clown".to_owned(), "bigclown".to_owned()));
        Self { version, id: id.to_owned(), clean: true, keep_alive: 0, login, will: None, properties: vec![] }
    }

    /// A session that outlives its connection.
    pub fn lasting(version: u8, id: &str) -> Self {
        let properties = if version == V5 { vec![0x11, 0, 0, 1, 0] } else { vec![] };
        Self { clean: false, properties, ..Self::new(version, id) }
    }

    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self
    }

    pub fn will(mut self, topic: &str, payload: &str) -> Self {
        self.will = Some((topic.to_owned(), payload.as_bytes().to_vec(), 0, false, vec![]));
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut flags = u8::from(self.clean) << 1;
        let mut payload = text(&self.id);
        if let Some((topic, will, qos, retain, properties)) = &self.will {
            flags |= 4 | qos << 3 | u8::from(*retain) << 5;
            if self.version == V5 {
                payload.extend(length(properties.len()));
                payload.extend(properties);
            }
            payload.extend(text(topic));
            payload.extend(text(will));
        }
        if let Some((user, password)) = &self.login {
            flags |= 0xc0;
            payload.extend(text(user));
            payload.extend(text(password));
        }
        let mut body = text("MQTT");
        body.extend([self.version, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        if self.version == V5 {
            body.extend(length(self.properties.len()));
            body.extend(&self.properties);
        }
        body.extend(payload);
        packet(0x10, &body)
    }
}

/// A packet of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub first: u8,
    pub body: Vec<u8>,
}

/// A message of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    pub again: bool,
    pub id: u16,
    pub properties: Vec<u8>,
}

impl Message {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }
}

/// A connection.
pub struct Device {
    stream: TcpStream,
    version: u8,
    /// The CONNACK, behind its fixed header.
    pub welcome: Vec<u8>,
}

impl Device {
    /// A connection on which nothing was said.
    pub async fn dial(hub: &Hub) -> Self {
        let stream = TcpStream::connect(hub.mqtt.unwrap()).await.unwrap();
        Self { stream, version: V5, welcome: vec![] }
    }

    /// Connects, and reads the answer, whatever it is.
    pub async fn try_as(hub: &Hub, hello: &Hello) -> Self {
        let mut device = Self::dial(hub).await;
        device.version = hello.version;
        device.send(&hello.bytes()).await;
        device.welcome = device.heard(CONNACK).await;
        device
    }

    /// Connects, and is let in.
    pub async fn connect_as(hub: &Hub, hello: &Hello) -> Self {
        let device = Self::try_as(hub, hello).await;
        assert_eq!(device.welcome[1], 0, "{:?}", device.welcome);
        device
    }

    pub async fn connect(hub: &Hub, version: u8, id: &str) -> Self {
        Self::connect_as(hub, &Hello::new(version, id)).await
    }

    pub fn session_present(&self) -> bool {
        self.welcome[0] == 1
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next packet; `None` if the connection has ended.
    pub async fn next(&mut self) -> Option<Heard> {
        in_time("a packet", async {
            let first = self.stream.read_u8().await.ok()?;
            let (mut len, mut shift) = (0_usize, 0);
            loop {
                let byte = self.stream.read_u8().await.ok()?;
                len |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; len];
            self.stream.read_exact(&mut body).await.ok()?;
            Some(Heard { first, body })
        })
        .await
    }

    /// The next packet, which is of this kind.
    pub async fn heard(&mut self, first: u8) -> Vec<u8> {
        let heard = self.next().await.expect("the hub has ended the connection");
        assert_eq!(heard.first, first, "{heard:?}");
        heard.body
    }

    /// The next message.
    pub async fn message(&mut self) -> Message {
        let Heard { first, body } = self.next().await.expect("the hub has ended the connection");
        assert_eq!(first >> 4, 3, "{first:#x} {body:?}");
        let len = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + len].to_vec()).unwrap();
        let (qos, mut at, mut id) = (first >> 1 & 3, 2 + len, 0);
        if qos > 0 {
            id = u16::from_be_bytes([body[at], body[at + 1]]);
            at += 2;
        }
        let mut properties = Vec::new();
        if self.version == V5 {
            // None of ours is longer.
            let (len, bytes) = if body[at] < 128 {
                (usize::from(body[at]), 1)
            } else {
                (usize::from(body[at] & 0x7f) | usize::from(body[at + 1]) << 7, 2)
            };
            properties = body[at + bytes..at + bytes + len].to_vec();
            at += bytes + len;
        }
        let payload = body[at..].to_vec();
        Message { topic, payload, qos, retain: first & 1 == 1, again: first & 8 != 0, id, properties }
    }

    /// Publishes.
    pub async fn publish(
        &mut self,
        topic: &str,
        payload: impl AsRef<[u8]>,
        flags: u8,
        id: u16,
        properties: &[u8],
    ) {
        let mut body = text(topic);
        if flags & 6 != 0 {
            body.extend(id.to_be_bytes());
        }
        if self.version == V5 {
            body.extend(length(properties.len()));
            body.extend(properties);
        }
        body.extend(payload.as_ref());
        self.send(&packet(0x30 | flags, &body)).await;
    }

    /// Publishes at QoS 0.
    pub async fn say(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.publish(topic, payload, 0, 0, &[]).await;
    }

    /// Publishes a retained message at QoS 1, and waits until it is there.
    pub async fn keep(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.publish(topic, payload, 0b011, 999, &[]).await;
        let answer = self.heard(PUBACK).await;
        assert_eq!(answer[..2], 999_u16.to_be_bytes(), "{answer:?}");
    }

    /// Subscribes with these options a filter; returns the reason codes.
    pub async fn subscribe_with(&mut self, filters: &[(&str, u8)], properties: &[u8]) -> Vec<u8> {
        let mut body = 77_u16.to_be_bytes().to_vec();
        if self.version == V5 {
            body.extend(length(properties.len()));
            body.extend(properties);
        }
        for (filter, options) in filters {
            body.extend(text(filter));
            body.push(*options);
        }
        self.send(&packet(0x82, &body)).await;
        let answer = self.heard(SUBACK).await;
        assert_eq!(answer[..2], 77_u16.to_be_bytes());
        answer[if self.version == V5 { 3 } else { 2 }..].to_vec()
    }

    /// Subscribes at a QoS.
    pub async fn subscribe(&mut self, filter: &str, options: u8) {
        let codes = self.subscribe_with(&[(filter, options)], &[]).await;
        assert_eq!(codes, [options & 3]);
    }

    /// Unsubscribes; returns the reason codes.
    pub async fn unsubscribe(&mut self, filters: &[&str]) -> Vec<u8> {
        let mut body = 78_u16.to_be_bytes().to_vec();
        if self.version == V5 {
            body.push(0);
        }
        filters.iter().for_each(|filter| body.extend(text(filter)));
        self.send(&packet(0xa2, &body)).await;
        let answer = self.heard(UNSUBACK).await;
        assert_eq!(answer[..2], 78_u16.to_be_bytes());
        answer[if self.version == V5 { 3 } else { 2 }..].to_vec()
    }

    /// An acknowledgement.
    pub async fn answer(&mut self, first: u8, id: u16) {
        self.send(&packet(first, &id.to_be_bytes())).await;
    }

    /// Nothing waits for it: the next thing that comes is the answer to a ping.
    pub async fn hears_nothing(&mut self) {
        self.send(&[0xc0, 0]).await;
        self.heard(PINGRESP).await;
    }

    /// The hub ends the connection; returns the reason code of its DISCONNECT, if it sends one.
    pub async fn ended(&mut self) -> Option<u8> {
        let mut code = None;
        while let Some(heard) = self.next().await {
            assert!(matches!(heard.first, DISCONNECT | CONNACK), "{heard:?}");
            code = Some(if heard.first == CONNACK { heard.body[1] } else { heard.body[0] });
        }
        code
    }

    /// Says good-bye, and waits until the hub has closed.
    pub async fn leave(mut self) {
        self.send(&[0xe0, 0]).await;
        assert_eq!(self.ended().await, None);
    }

    /// The network breaks.
    pub async fn vanish(self) {
        let stream = self.stream.into_std().unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
}
