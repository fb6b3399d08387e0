//! What a link is to do, as its file says it: what every link has. What its kind has beside that is with the kind.

use std::sync::Arc;
use std::time::Duration;

use super::hub::settings::HubSettings;
use super::mqtt::settings::MqttSettings;
use super::process::settings::ProcessSettings;
use super::rules::Rules;
use super::serial::settings::SerialSettings;

/// One file: a link, and what it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The link.
    pub link: Arc<LinkSettings>,
    /// What is on its far side.
    pub far: FarSettings,
}

/// What is on the far side of a link, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FarSettings {
    /// A broker.
    Mqtt(Arc<MqttSettings>),
    /// A gateway of radio nodes.
    Serial(Arc<SerialSettings>),
    /// A program.
    Process(Arc<ProcessSettings>),
    /// Another hub.
    Hub(Arc<HubSettings>),
}

impl FarSettings {
    /// The broker, where it is one.
    pub fn mqtt(&self) -> Option<&Arc<MqttSettings>> {
        match self {
            Self::Mqtt(mqtt) => Some(mqtt),
            Self::Serial(_) | Self::Process(_) | Self::Hub(_) => None,
        }
    }
}

/// What every link has, whatever is on its far side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// The name of the file without `.toml`.
    pub name: Arc<str>,
    /// The path of the file, for people.
    pub file: Arc<str>,
    /// What the far side is called, in the log and in the trails of messages.
    pub far: Arc<str>,
    /// What kind of thing it is, in a word for the log: a broker.
    pub noun: &'static str,
    /// What may wait while the far side is away: messages.
    pub queue_messages: usize,
    /// The same in bytes.
    pub queue_bytes: usize,
    /// How long a message may wait whose queue is in the store as well; nothing if it is in memory only.
    pub stored_for: Option<Duration>,
    /// How long a message may wait, where what is said late does harm.
    pub patience: Option<Duration>,
    /// What is carried.
    pub rules: Rules,
}
