//! What a link is to do, as its file says it: what every link has. What its kind has beside that is with the kind.

use std::sync::Arc;
use std::time::Duration;

use super::mqtt::settings::MqttSettings;
use super::rules::Rules;

/// One file: a link, and the broker that it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The link.
    pub link: Arc<LinkSettings>,
    /// The broker.
    pub mqtt: Arc<MqttSettings>,
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
    /// What may wait while the far side is away: messages.
    pub queue_messages: usize,
    /// The same in bytes.
    pub queue_bytes: usize,
    /// How long a message may wait whose queue is in the store as well; nothing if it is in memory only.
    pub stored_for: Option<Duration>,
    /// What is carried.
    pub rules: Rules,
}
