//! Where a broker is and how it is spoken to, as the file of a link says it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::packets::Version;
use crate::operator::small_file;

/// A broker, and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttSettings {
    /// Where the broker is.
    pub broker: Broker,
    /// Which MQTT.
    pub version: Version,
    /// The client id; made by the hub if there is none.
    pub client_id: Option<String>,
    /// As whom to connect.
    pub user: Option<String>,
    /// Where the password is.
    pub password: Option<Secret>,
    /// Certificates to be trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The silence after which the connection is taken for dead.
    pub keep_alive: Duration,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long the broker is to remember us when we are gone.
    pub session: Duration,
    /// Messages that may be on their way at one time.
    pub inflight: u16,
    /// The largest packet, in either direction.
    pub packet_bytes: usize,
    /// Where the broker is told whether the link is up.
    pub status_topic: Option<String>,
    /// Below what Home Assistant is told of the nodes, if it is.
    pub home_assistant: Option<String>,
}

impl MqttSettings {
    /// Whether the broker repeats to us what we said; where it does not, it has room for stamps.
    pub fn repeats(&self) -> bool {
        self.version == Version::V3
    }
}

/// Where a broker is, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Whether the connection is encrypted.
    pub is_tls: bool,
    /// For MQTT over WebSocket: the path.
    pub websocket: Option<String>,
    /// The host, as written.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{host}:{}", self.port)
    }
}

/// Where a password is; never the password itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In an environment variable of the hub.
    Variable(String),
    /// In the first line of a file.
    File(PathBuf),
}

impl Secret {
    /// Reads it; the error says where it was looked for.
    pub fn read(&self) -> Result<String, String> {
        let password = self.found()?;
        // More has no room in CONNECT.
        if password.len() > 65_535 {
            Err("the password has more than 65535 bytes".to_owned())
        } else {
            Ok(password)
        }
    }

    fn found(&self) -> Result<String, String> {
        match self {
            Self::Variable(name) => std::env::var(name)
                .map_err(|_| format!("password_env: the hub's environment has no variable {name} in UTF-8")),
            Self::File(path) => {
                let shown = path.display();
                let text = small_file::text(path, small_file::MOST_BYTES)
                    .map_err(|why| format!("password_file: {shown} {why}"))?;
                Ok(text.lines().next().unwrap_or_default().to_owned())
            }
        }
    }
}
