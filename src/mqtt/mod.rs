//! MQTT packets of devices, 3.1.1 and 5.0, from bytes and to bytes: what they say and not what becomes of it. Floor 0: knows no
//! socket, no session and no clock; JSON it knows as far as a payload goes.
//!
//! It is strict where the packets of links are not (`links/mqtt/packets.rs`, around `rumqttc`): who connects here is a stranger, so
//! reserved bits, texts that are no UTF-8, properties that stand twice or in the wrong packet, and bytes too many are faults. It
//! borrows from the buffer that the packet came in, and a packet that is too large is known before it is kept.

mod carried;
mod payload;
mod properties;
mod read;
mod remembered;
#[cfg(test)]
mod tests;
mod text;
mod write;

pub use self::carried::{Carried, Rest as CarriedRest};
pub use self::payload::{Inward, inward, outward};
pub use self::properties::Properties;
pub use self::read::{Ack, Connect, Disconnect, Head, Packet, Publish, Subscribe, Unsubscribe, Will, Wish};
pub use self::remembered::Remembered;
pub use self::write::{Answer, Outgoing, Welcome, Writer};

/// Which MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1.
    V3,
    /// 5.0.
    V5,
}

/// How surely a message is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// At most once.
    AtMostOnce,
    /// At least once.
    AtLeastOnce,
    /// Exactly once.
    ExactlyOnce,
}

impl Qos {
    /// The one of this number; there is none of 3.
    pub fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }
}

/// What is wrong with what came. The connection ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Fault {
    /// The reason code of MQTT 5.
    pub code: u8,
    /// The sentence.
    pub why: &'static str,
}

impl Fault {
    /// Bytes that are no packet.
    pub(crate) const fn malformed(why: &'static str) -> Self {
        Self { code: code::MALFORMED, why }
    }

    /// A packet that does not belong there.
    pub(crate) const fn protocol(why: &'static str) -> Self {
        Self { code: code::PROTOCOL_ERROR, why }
    }
}

/// Reason codes of MQTT 5 (2.4).
pub mod code {
    /// All is well.
    pub const SUCCESS: u8 = 0x00;
    /// DISCONNECT: the will is to be published all the same.
    pub const WITH_WILL: u8 = 0x04;
    /// Nobody has subscribed to it.
    pub const NO_SUBSCRIBERS: u8 = 0x10;
    /// There was no such subscription.
    pub const NO_SUBSCRIPTION: u8 = 0x11;
    /// Something went wrong.
    pub const UNSPECIFIED: u8 = 0x80;
    /// Bytes that are no packet.
    pub const MALFORMED: u8 = 0x81;
    /// A packet that does not belong there.
    pub const PROTOCOL_ERROR: u8 = 0x82;
    /// The hub does not do that.
    pub const IMPLEMENTATION: u8 = 0x83;
    /// A version of MQTT that the hub does not speak.
    pub const VERSION: u8 = 0x84;
    /// A client id that the hub does not take.
    pub const CLIENT_ID: u8 = 0x85;
    /// The name or the password are wrong.
    pub const BAD_LOGIN: u8 = 0x86;
    /// The account may not do that.
    pub const NOT_AUTHORIZED: u8 = 0x87;
    /// The hub has too much to do.
    pub const BUSY: u8 = 0x89;
    /// The hub is being stopped.
    pub const SHUTTING_DOWN: u8 = 0x8b;
    /// The hub knows no such way to sign in.
    pub const BAD_METHOD: u8 = 0x8c;
    /// Nothing came for too long.
    pub const KEEP_ALIVE: u8 = 0x8d;
    /// Another client came with the same id.
    pub const TAKEN_OVER: u8 = 0x8e;
    /// No filter, or a longer one than the hub takes.
    pub const BAD_FILTER: u8 = 0x8f;
    /// No topic, or a longer one than the hub takes.
    pub const BAD_TOPIC: u8 = 0x90;
    /// The packet id is in use.
    pub const ID_IN_USE: u8 = 0x91;
    /// There is no such packet id.
    pub const NO_SUCH_ID: u8 = 0x92;
    /// More messages are on their way than the hub allows.
    pub const RECEIVE_MAXIMUM: u8 = 0x93;
    /// A topic alias that is none.
    pub const BAD_ALIAS: u8 = 0x94;
    /// The packet is too large.
    pub const TOO_LARGE: u8 = 0x95;
    /// Messages come too fast.
    pub const TOO_FAST: u8 = 0x96;
    /// A limit is reached.
    pub const QUOTA: u8 = 0x97;
    /// An operator has ended it.
    pub const ADMINISTRATIVE: u8 = 0x98;
    /// The payload is not what its property says.
    pub const PAYLOAD_FORMAT: u8 = 0x99;
    /// Too many connections, or too many wrong passwords.
    pub const TOO_MANY: u8 = 0x9f;
}
