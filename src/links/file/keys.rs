//! The keys of a link and of its rules, and their bounds.

/// Rules that a link may have.
pub const MOST_RULES: usize = 200;

/// A whole number that a key takes.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// The key.
    pub key: &'static str,
    /// Its default.
    pub default: u32,
    /// The least.
    pub least: u32,
    /// The most.
    pub most: u32,
    /// Of what.
    pub unit: &'static str,
}

/// Every bound of a link that its file may change.
pub const NUMBERS: [Number; 9] = [
    Number { key: "keep_alive_seconds", default: 30, least: 5, most: 3600, unit: "seconds" },
    Number { key: "connect_seconds", default: 10, least: 1, most: 300, unit: "seconds" },
    Number { key: "session_seconds", default: 3600, least: 0, most: 604_800, unit: "seconds" },
    Number { key: "inflight", default: 100, least: 1, most: 10_000, unit: "messages" },
    Number { key: "packet_bytes", default: 1_048_576, least: 1024, most: 16_777_216, unit: "bytes" },
    Number { key: "queue_messages", default: 10_000, least: 1, most: 1_000_000, unit: "messages" },
    Number { key: "queue_bytes", default: 8_388_608, least: 1024, most: 1_073_741_824, unit: "bytes" },
    Number { key: "stored_queue_bytes", default: 0, least: 0, most: 1_073_741_824, unit: "bytes" },
    Number { key: "stored_queue_hours", default: 168, least: 1, most: 8760, unit: "hours" },
];

/// The other keys of a link.
pub const KEYS: [&str; 11] = [
    "url",
    "version",
    "client_id",
    "user",
    "password_env",
    "password_file",
    "ca_file",
    "cert_file",
    "key_file",
    "status_topic",
    "rule",
];

/// The keys of a rule.
pub const RULE_KEYS: [&str; 8] =
    ["direction", "filter", "local_prefix", "remote_prefix", "qos", "retain", "text", "empty"];
