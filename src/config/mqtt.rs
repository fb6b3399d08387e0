//! The section `[mqtt]`: the door for devices that speak MQTT.

use std::net::SocketAddr;
use std::time::Duration;

use super::reader::Reader;
use super::settings::Settings;
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
        }
    }
}

impl Settings {
    /// All addresses that may be listened on, and their keys.
    pub fn listeners(&self) -> [(&'static str, Option<SocketAddr>); 6] {
        let (server, mqtt) = (&self.server, &self.mqtt);
        [
            ("server.listen", Some(server.listen)),
            ("server.tls_listen", server.tls_listen),
            ("server.line_listen", server.line_listen),
            ("server.line_tls_listen", server.line_tls_listen),
            ("mqtt.listen", mqtt.listen),
            ("mqtt.tls_listen", mqtt.tls_listen),
        ]
    }

    /// Whether any of them is one with TLS.
    pub fn has_tls(&self) -> bool {
        let server = &self.server;
        server.tls_listen.or(server.line_tls_listen).or(self.mqtt.tls_listen).is_some()
    }

    /// No two listeners have one address.
    pub(super) fn check_addresses(&self, reader: &mut Reader) {
        let all = self.listeners();
        for (place, (key, address)) in all.iter().enumerate() {
            let Some(address) = address.filter(|address| address.port() != 0) else { continue };
            let mut before = all.iter().take(place);
            if let Some((other, _)) = before.find(|(_, other)| *other == Some(address)) {
                reader.mistake(key, format!("{address} is the address of {other} too"));
            }
        }
    }
}
