//! MQTT packets, of both versions, from bytes and to bytes. No sockets. Only `read` and `write` know `rumqttc`.
//!
//! Its packets only: `docs/adr/0013-packets-from-rumqttc.md` says why neither its event loop nor its state is used, and
//! why acknowledgements, four bytes each, are read here: it takes reason codes that brokers do send for faults.

mod read;
#[cfg(test)]
mod tests;
mod write;

use bytes::Bytes;

pub use self::read::Reader;
pub use self::write::Writer;
use crate::links::rules::Qos;

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
    pub stamp: Option<&'m str>,
}
