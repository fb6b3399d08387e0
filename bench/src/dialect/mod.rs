//! What is said to a hub: Clown.Talk over WebSocket, or what its peers speak, so that they are measured by the same
//! clients, the same clock and the same book.

mod mqtt;
mod nats;
mod opening;
mod talk;
mod websocket;

use std::net::TcpStream;

use crate::stream::Stream;
use crate::target::Door;

/// The language of a hub; a URL names it by its scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Clown.Talk, `ws://`.
    Talk,
    /// MQTT 3.1.1 without acknowledgements, `mqtt://`.
    Mqtt,
    /// The same in WebSocket, `mqtt+ws://`.
    MqttOverWebSocket,
    /// The client protocol of NATS, `nats://`.
    Nats,
}

/// On which side of the hub a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Dashboard,
    Node,
}

/// A client that wants in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guest<'a> {
    /// Different for every client of a fleet.
    pub(crate) number: usize,
    pub(crate) base: &'a str,
    pub(crate) side: Side,
    /// Below the base, in the syntax of Clown.Talk.
    pub(crate) filters: &'a [&'a str],
}

/// A frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// What a [`Message`](super::message::Message) may be.
    Data(&'a [u8]),
    Ping(&'a [u8]),
    /// The reason, as one sentence.
    Close(String),
    /// What needs no answer.
    Other,
}

/// The bytes of a message around its topic and its payload. What stands between the two may have a hole: bytes that
/// are the hub's own choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) head: Vec<u8>,
    pub(crate) joint: Vec<u8>,
    pub(crate) hole: std::ops::Range<usize>,
    pub(crate) end: Vec<u8>,
}

impl Dialect {
    pub(crate) const SCHEMES: &str = "ws://, mqtt://, mqtt+ws:// or nats://";

    pub(crate) fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "ws" | "http" => Some(Self::Talk),
            "mqtt" => Some(Self::Mqtt),
            "mqtt+ws" => Some(Self::MqttOverWebSocket),
            "nats" => Some(Self::Nats),
            _ => None,
        }
    }

    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Talk | Self::MqttOverWebSocket => 80,
            Self::Mqtt => 1883,
            Self::Nats => 4222,
        }
    }

    /// How a topic or filter is written; only Clown.Talk leaves out the base.
    pub(crate) fn topic(self, base: &str, text: &str) -> String {
        match self {
            Self::Talk => text.to_owned(),
            Self::Mqtt | Self::MqttOverWebSocket => format!("{base}/{text}"),
            Self::Nats => nats::subject(&format!("{base}/{text}")),
        }
    }

    /// What is sent and what is received of a message with so many bytes of topic and of payload.
    pub(crate) fn shapes(self, topic: usize, payload: usize) -> [Shape; 2] {
        match self {
            Self::Talk => [talk::shape(), talk::shape()],
            Self::Mqtt | Self::MqttOverWebSocket => {
                [mqtt::shape(topic, payload), mqtt::shape(topic, payload)]
            }
            Self::Nats => [nats::sent(payload), nats::received(payload)],
        }
    }

    /// Whether who publishes gets its own message, if it asked for the topic.
    pub(crate) fn echoes(self) -> bool {
        match self {
            Self::Talk | Self::Nats => false,
            Self::Mqtt | Self::MqttOverWebSocket => true,
        }
    }

    /// Appends a message to what is to be written.
    pub(crate) fn say(self, message: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Talk => websocket::text(message, out),
            Self::MqttOverWebSocket => websocket::binary(message, out),
            Self::Mqtt | Self::Nats => out.extend_from_slice(message),
        }
    }

    /// Appends the answer to a ping.
    pub(crate) fn pong(self, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Talk | Self::MqttOverWebSocket => websocket::pong(payload, out),
            Self::Nats => out.extend_from_slice(nats::PONG),
            // No broker asks.
            Self::Mqtt => {}
        }
    }

    /// The first frame and how many bytes it takes; `None` while it is not all there.
    pub(crate) fn first(self, bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
        match self {
            Self::Talk => websocket::first(bytes),
            Self::Mqtt => mqtt::first(bytes),
            Self::MqttOverWebSocket => mqtt::first_in_websocket(bytes),
            Self::Nats => nats::first(bytes),
        }
    }

    /// Connects, signs in and asks for the filters, and waits until all of it is confirmed; returns what was read
    /// beyond as well.
    pub(crate) fn enter(self, door: &Door, guest: Guest<'_>) -> anyhow::Result<(Stream<TcpStream>, Vec<u8>)> {
        match self {
            Self::Talk => talk::enter(door, guest),
            Self::Mqtt | Self::MqttOverWebSocket => mqtt::enter(self, door, guest),
            Self::Nats => nats::enter(door, guest),
        }
    }
}
