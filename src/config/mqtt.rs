//! The section `[mqtt]`: the door for devices that speak MQTT.

use std::net::SocketAddr;
use std::time::Duration;

use super::reader::Reader;
use crate::topic::{Base, Limits};

/// Section `[mqtt]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mqtt {
    /// Where MQTT is served, if anywhere.
    pub listen: Option<SocketAddr>,
    /// Where it is served with TLS, if anywhere.
    pub tls_listen: Option<SocketAddr>,
    /// Whether it is served over WebSocket, at `/mqtt` of HTTP.
    pub websocket: bool,
    /// Whether a reading without the retain flag is a last value all the same.
    pub retain: MqttRetain,
    /// At which base a client is announced, with `%u` for the user and `%c` for the client id; empty is nowhere.
    pub presence: String,
    /// For how long a session may outlive its connection.
    pub session: Duration,
    /// Sessions that wait for their clients.
    pub sessions: usize,
    /// Messages that may be on their way in each direction of a connection.
    pub window: u16,
    /// Topic aliases in each direction of a connection.
    pub topic_aliases: u16,
    /// The longest keep-alive; zero for any.
    pub keep_alive: Duration,
    /// Whether Home Assistant is told of the nodes.
    pub home_assistant: bool,
    /// Below what it listens for that.
    pub home_assistant_prefix: String,
}

/// What a message without the retain flag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MqttRetain {
    /// What its publisher says: no last value.
    #[default]
    Flag,
    /// A last value where it is a reading, as of a node.
    Readings,
}

impl Mqtt {
    pub(super) fn read(reader: &mut Reader, topic: &Limits) -> Self {
        let small = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        Self {
            listen: reader.optional_address("mqtt.listen"),
            tls_listen: reader.optional_address("mqtt.tls_listen"),
            websocket: reader.truth("mqtt.websocket"),
            retain: reader
                .choice("mqtt.retain", [("flag", MqttRetain::Flag), ("readings", MqttRetain::Readings)])
                .unwrap_or_default(),
            presence: reader.template_of_base("mqtt.presence", |text| {
                // As a client would stand there whose name and id are one letter.
                let text = text.replace("%u", "u").replace("%c", "c");
                Base::parse(&text, topic).map(drop).map_err(|error| error.to_string())
            }),
            session: reader.seconds("mqtt.session_seconds", 0..=31_536_000),
            sessions: reader.count("mqtt.sessions", 0..=1_000_000, "sessions"),
            window: small(reader.small("mqtt.window", 1..=65_535, "messages")),
            topic_aliases: small(reader.small("mqtt.topic_aliases", 0..=1024, "aliases")),
            keep_alive: reader.seconds("mqtt.keep_alive_seconds", 0..=65_535),
            home_assistant: reader.truth("mqtt.home_assistant"),
            home_assistant_prefix: reader.word("mqtt.home_assistant_prefix", "a level of a topic", is_level),
        }
    }

    pub(super) fn check_together(&self, reader: &mut Reader) {
        if self.home_assistant && self.listen.is_none() && self.tls_listen.is_none() && !self.websocket {
            let sentence = "needs a door through which Home Assistant comes: mqtt.listen, mqtt.tls_listen or mqtt.websocket";
            reader.mistake("mqtt.home_assistant", sentence.to_owned());
        }
    }
}

/// Whether announcements may stand below it.
fn is_level(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
}
