//! The keys of a link and of its rules, for which kinds of links they are, and their bounds.

/// Rules that a link may have.
pub const MOST_RULES: usize = 200;

/// Kinds of links, by what is on their far side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// A broker of MQTT.
    Mqtt,
    /// A gateway of radio nodes on a serial port.
    Serial,
    /// A program.
    Process,
    /// Another hub.
    Hub,
}

/// How the key `kind` names them.
pub const KINDS: [(&str, Which); 4] =
    [("mqtt", Which::Mqtt), ("serial", Which::Serial), ("process", Which::Process), ("hub", Which::Hub)];

impl Which {
    /// How the key `kind` names it.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, which)| *which == self).map_or("", |(name, _)| name)
    }
}

/// Every kind.
const ALL: &[Which] = &[Which::Mqtt, Which::Serial, Which::Process, Which::Hub];
const MQTT: &[Which] = &[Which::Mqtt];
const SERIAL: &[Which] = &[Which::Serial];
const PROCESS: &[Which] = &[Which::Process];
/// Whose far sides are devices, for which commands may come too late.
const DEVICES: &[Which] = &[Which::Serial, Which::Process];
/// Systems at the end of a network, which have an address and to which a message may come late.
const NETWORK: &[Which] = &[Which::Mqtt, Which::Hub];

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
    /// For which kinds of links.
    pub kinds: &'static [Which],
}

const fn number(
    key: &'static str,
    default: u32,
    (least, most): (u32, u32),
    unit: &'static str,
    kinds: &'static [Which],
) -> Number {
    Number { key, default, least, most, unit, kinds }
}

/// The silence after which a broker is given up.
pub(super) const KEEP_ALIVE: Number = number("keep_alive_seconds", 30, (5, 3600), "seconds", MQTT);
/// How long connecting may take.
pub(super) const CONNECT: Number = number("connect_seconds", 10, (1, 300), "seconds", MQTT);
/// How long the broker is to keep the session.
pub(super) const SESSION: Number = number("session_seconds", 3600, (0, 604_800), "seconds", MQTT);
/// What may be on its way to the broker.
pub(super) const INFLIGHT: Number = number("inflight", 100, (1, 10_000), "messages", NETWORK);
/// The largest packet.
pub(super) const PACKET: Number = number("packet_bytes", 1_048_576, (1024, 16_777_216), "bytes", MQTT);
/// What may wait.
pub(super) const QUEUE: Number = number("queue_messages", 10_000, (1, 1_000_000), "messages", ALL);
/// The same in bytes.
pub(super) const QUEUE_BYTES: Number = number("queue_bytes", 8_388_608, (1024, 1_073_741_824), "bytes", ALL);
/// What may wait and is in the store as well.
pub(super) const STORED_BYTES: Number = number("stored_queue_bytes", 0, (0, 1_073_741_824), "bytes", NETWORK);
/// And for how long.
pub(super) const STORED_HOURS: Number = number("stored_queue_hours", 168, (1, 8760), "hours", NETWORK);
/// How fast a serial port is.
pub(super) const BAUD: Number = number("baud", 115_200, (1200, 4_000_000), "baud", SERIAL);
/// How long a command may wait for a device that is not there.
pub(super) const WAIT: Number = number("wait_seconds", 60, (1, 86_400), "seconds", DEVICES);
/// How much a program may say.
pub(super) const RATE: Number =
    number("messages_per_second", 20_000, (1, 10_000_000), "messages a second", PROCESS);

/// Every bound of a link that its file may change.
pub const NUMBERS: [Number; 12] = [
    KEEP_ALIVE,
    CONNECT,
    SESSION,
    INFLIGHT,
    PACKET,
    QUEUE,
    QUEUE_BYTES,
    STORED_BYTES,
    STORED_HOURS,
    BAUD,
    WAIT,
    RATE,
];

/// The other keys of a link, and for which kinds of links they are.
pub const KEYS: [(&str, &[Which]); 23] = [
    ("kind", ALL),
    ("url", NETWORK),
    ("version", MQTT),
    ("client_id", MQTT),
    ("user", MQTT),
    ("password_env", NETWORK),
    ("password_file", NETWORK),
    ("ca_file", NETWORK),
    ("cert_file", MQTT),
    ("key_file", MQTT),
    ("status_topic", MQTT),
    ("home_assistant", MQTT),
    ("home_assistant_prefix", MQTT),
    ("port", SERIAL),
    ("gateway", SERIAL),
    ("prefix", SERIAL),
    ("name_nodes", SERIAL),
    ("names", SERIAL),
    ("command", PROCESS),
    ("directory", PROCESS),
    ("handshake", PROCESS),
    ("base", PROCESS),
    ("rule", ALL),
];

/// The keys of a rule, and for which kinds of links they are.
pub const RULE_KEYS: [(&str, &[Which]); 8] = [
    ("direction", ALL),
    ("filter", ALL),
    ("local_prefix", ALL),
    ("remote_prefix", ALL),
    ("qos", MQTT),
    ("retain", ALL),
    ("text", MQTT),
    ("empty", MQTT),
];

/// For which kinds of links a key of a link is; `None` where it is no key.
pub(super) fn kinds_of(key: &str) -> Option<&'static [Which]> {
    let number = NUMBERS.iter().find(|number| number.key == key).map(|number| number.kinds);
    number.or_else(|| KEYS.iter().find(|(other, _)| *other == key).map(|(_, kinds)| *kinds))
}
