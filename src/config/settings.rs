//! The settings as types: a section of `config/hub.toml` is a struct, a key is a field of it. A time is a
//! [`Duration`], so the unit that ends its key is not part of its name here.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::cluster::Cluster;
use super::events::Events;
use super::history::History;
use super::mqtt::Mqtt;
use super::place::Place;
use super::reader::{Reader, Side};
use super::server::Server;
use super::users::Users;
use crate::operator::quoted;
use crate::topic::{self, Base, Filter};

const MIB: u64 = 1024 * 1024;

/// Everything that can be set, checked. `docs/configuration.md` says what happens at each bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where the hub is reached.
    pub server: Server,
    /// What one peer may ask of the hub.
    pub limits: Limits,
    /// What waits for a slow reader.
    pub outbox: Outbox,
    /// The last values.
    pub retained: Retained,
    /// The memory of who receives what.
    pub routes: Routes,
    /// What survives a restart.
    pub store: Store,
    /// What is kept of the past.
    pub history: History,
    /// What is recorded of who did what.
    pub events: Events,
    /// Who may sign in.
    pub users: Users,
    /// The door for devices that speak MQTT.
    pub mqtt: Mqtt,
    /// The links to MQTT brokers.
    pub bridges: Bridges,
    /// Other hubs, with which this one is one.
    pub cluster: Cluster,
    /// The hub's own figures.
    pub figures: Figures,
    /// The endpoints that a device is brought up against.
    pub diagnostics: Diagnostics,
    /// What is there for old boards alone.
    pub legacy: Legacy,
    /// What is logged.
    pub log: Log,
    /// Nodes that are not there.
    pub simulator: Simulator,
}

/// Section `[limits]`. All are for one connection where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest message, in bytes.
    pub message_bytes: usize,
    /// The longest and the deepest topic or filter: keys `topic_bytes` and `topic_levels`.
    pub topic: topic::Limits,
    /// Filters held.
    pub filters: usize,
    /// Connections of all peers together.
    pub connections: usize,
    /// Connections of all peers together that are not yet signed in.
    pub handshakes: usize,
    /// Connections of one network; `None` is no limit (key: 0).
    pub connections_per_network: Option<usize>,
    /// Connections of one network that are not yet signed in; `None` is no limit (key: 0).
    pub handshakes_per_network: Option<usize>,
    /// Connections that one account has signed in; `None` is no limit (key: 0).
    pub connections_per_user: Option<usize>,
    /// How long signing in may take.
    pub handshake: Duration,
    /// Messages sent in a second, on the average; the burst is twice that. `None` is no limit (key: 0).
    pub messages_per_second: Option<NonZeroU32>,
    /// Messages that all connections of one network send in a second, on the average. `None` is no limit (key: 0).
    pub messages_per_second_per_network: Option<NonZeroU32>,
    /// Frames in a minute that could not be read.
    pub bad_frames_per_minute: u32,
    /// The silence after which the hub pings; two unanswered pings and the client is gone.
    pub ping: Duration,
    /// How long an answer to a ping may take; at most [`Limits::ping`].
    pub pong: Duration,
    /// How long a write may make no progress.
    pub write: Duration,
    /// How long a machine that has vanished is asked for.
    pub vanished: Duration,
    /// The longest batch a client may ask for; zero allows none.
    pub batch: Duration,
    /// Bytes of all that waits or is unfinished, over all connections; `None` for a share of the machine's memory.
    pub memory_bytes: Option<usize>,
}

/// Section `[outbox]`, for each reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbox {
    /// Messages that wait before only the newest reading per topic is kept.
    pub messages: usize,
    /// The same in bytes; what comes first counts.
    pub bytes: usize,
    /// Messages that wait at the most; not below [`Outbox::messages`].
    pub hard_messages: usize,
    /// Bytes that wait at the most; not below [`Outbox::bytes`] and one message.
    pub hard_bytes: usize,
}

/// Section `[retained]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Topics whose last value is kept.
    pub topics: usize,
    /// Bytes of all kept values and their topics; not below one message.
    pub bytes: usize,
    /// Topics that are always retained.
    pub always: Vec<Filter>,
    /// Topics that are retained only where a message asks for it. No filter is in both lists.
    pub never: Vec<Filter>,
}

/// Section `[routes]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routes {
    /// Topics whose receivers are remembered.
    pub cached: usize,
}

/// Section `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Where its file is.
    pub directory: Place,
    /// When a publisher who asks is answered.
    pub durability: Durability,
    /// How often something is written.
    pub write: Duration,
    /// How often it is waited for until the disk has all of it.
    pub sync: Duration,
    /// Messages that wait to be written.
    pub queue_messages: usize,
    /// The same in bytes; not below one message.
    pub queue_bytes: usize,
    /// The largest that the file may get.
    pub bytes: u64,
    /// What is left free on its disk.
    pub keep_free: u64,
}

/// When a publisher is answered who asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When its message is routed.
    #[default]
    Relaxed,
    /// When it is on the disk.
    Commit,
}

/// Section `[bridges]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridges {
    /// Where the files of the links are.
    pub directory: PathBuf,
}

/// Section `[figures]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// How often the hub publishes its own figures.
    pub every: Duration,
}

/// Section `[diagnostics]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagnostics {
    /// Whether they are there beside the demo, too.
    pub enabled: bool,
    /// Connections to all of them together; 1 to 10,000.
    pub connections: usize,
}

/// Section `[legacy]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Legacy {
    /// Whether handshakes of 2010 are taken.
    pub hixie: bool,
}

/// Section `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// What `tracing_subscriber::filter::Targets` takes.
    pub filter: String,
    /// How an event is written.
    pub format: LogFormat,
}

/// How an event is written to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// A line of text.
    #[default]
    Text,
    /// A JSON object on a line.
    Json,
}

/// Section `[simulator]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulator {
    /// Whether it runs.
    pub run: Run,
    /// Where the first simulated bridge stands.
    pub base: Base,
    /// Where the simulated tower gateway stands.
    pub tower_base: Base,
    /// Bridges of the first generation; 0 to 10,000.
    pub bridges: usize,
    /// Gateways of the second generation; 0 to 10,000.
    pub towers: usize,
    /// The same seed gives the same readings.
    pub seed: u32,
    /// How fast simulated time runs, as a multiple of real time; 0.1 to 10,000.
    pub speed: f64,
}

/// Whether the simulator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Run {
    /// Only while the demo user is on.
    #[default]
    Demo,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Settings {
    /// Asks for every key there is, in the order of `config/hub.toml`.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let server = Server::read(reader);
        let limits = Limits::read(reader);
        let topic = limits.topic;
        Self {
            server,
            limits,
            outbox: Outbox::read(reader),
            retained: Retained::read(reader, &topic),
            routes: Routes { cached: reader.count("routes.cached", 1..=10_000_000, "topics") },
            store: Store::read(reader),
            history: History::read(reader, &topic),
            events: Events::read(reader, &topic),
            users: Users::read(reader),
            mqtt: Mqtt::read(reader, &topic),
            bridges: Bridges { directory: reader.path("bridges.directory") },
            cluster: Cluster::read(reader),
            figures: Figures { every: reader.seconds("figures.every_seconds", 1..=3600) },
            diagnostics: Diagnostics {
                enabled: reader.truth("diagnostics.enabled"),
                connections: reader.count("diagnostics.connections", 1..=10_000, "connections"),
            },
            legacy: Legacy { hixie: reader.truth("legacy.hixie") },
            log: Log {
                filter: reader.log_filter("log.filter"),
                format: reader
                    .choice("log.format", [("text", LogFormat::Text), ("json", LogFormat::Json)])
                    .unwrap_or_default(),
            },
            simulator: Simulator::read(reader, &topic),
        }
    }

    /// What each key allows alone and all together do not.
    pub(super) fn check_together(&self, reader: &mut Reader) {
        let side = |key, value: usize| Side { key, value: value as u64 };
        let message = side("limits.message_bytes", self.limits.message_bytes);
        let hard_bytes = side("outbox.hard_bytes", self.outbox.hard_bytes);
        let topic = side("limits.topic_bytes", self.limits.topic.max_bytes);
        reader.at_least(message, topic);
        reader.at_least(
            Side { key: "limits.ping_seconds", value: self.limits.ping.as_secs() },
            Side { key: "limits.pong_seconds", value: self.limits.pong.as_secs() },
        );
        reader.at_least(
            side("outbox.hard_messages", self.outbox.hard_messages),
            side("outbox.messages", self.outbox.messages),
        );
        reader.at_least(hard_bytes, side("outbox.bytes", self.outbox.bytes));
        reader.at_least(hard_bytes, message);
        reader.at_least(side("retained.bytes", self.retained.bytes), message);
        let days = |key, time: Duration| Side { key, value: time.as_secs() / 86_400 };
        let [raw, minutes, quarters] = self.history.days;
        reader.at_least(days("history.minute_days", minutes), days("history.raw_days", raw));
        reader.at_least(days("history.quarter_days", quarters), days("history.minute_days", minutes));
        reader.at_least(side("store.queue_bytes", self.store.queue_bytes), message);
        reader.at_least(side("cluster.queue_bytes", self.cluster.queue_bytes), message);
        if self.users.are_shared && self.cluster.servers.is_empty() {
            let sentence = "is \"cluster\", and there is no cluster: name its servers in cluster.servers";
            reader.mistake("users.source", sentence.to_owned());
        }
        for filter in self.retained.always.iter().filter(|filter| self.retained.never.contains(filter)) {
            let sentence = format!("{} is in retained.always too", quoted(filter.as_str()));
            reader.mistake("retained.never", sentence);
        }
        self.mqtt.check_together(reader);
        self.check_listeners(reader);
    }
}

/// A number of connections; 0 is no limit.
fn some_connections(reader: &mut Reader, key: &'static str, most: u64) -> Option<usize> {
    Some(reader.count(key, 0..=most, "connections")).filter(|most| *most > 0)
}

impl Limits {
    fn read(reader: &mut Reader) -> Self {
        Self {
            message_bytes: reader.count("limits.message_bytes", 1024..=16 * MIB, "bytes"),
            topic: topic::Limits {
                max_bytes: reader.count("limits.topic_bytes", 16..=65_535, "bytes"),
                max_levels: reader.count("limits.topic_levels", 2..=256, "levels"),
            },
            filters: reader.count("limits.filters", 1..=100_000, "filters"),
            connections: reader.count("limits.connections", 1..=1_000_000, "connections"),
            handshakes: reader.count("limits.handshakes", 1..=100_000, "connections"),
            connections_per_network: some_connections(reader, "limits.connections_per_network", 1_000_000),
            handshakes_per_network: some_connections(reader, "limits.handshakes_per_network", 100_000),
            connections_per_user: some_connections(reader, "limits.connections_per_user", 1_000_000),
            handshake: reader.seconds("limits.handshake_seconds", 1..=300),
            messages_per_second: NonZeroU32::new(reader.small(
                "limits.messages_per_second",
                0..=10_000_000,
                "messages a second",
            )),
            messages_per_second_per_network: NonZeroU32::new(reader.small(
                "limits.messages_per_second_per_network",
                0..=10_000_000,
                "messages a second",
            )),
            bad_frames_per_minute: reader.small(
                "limits.bad_frames_per_minute",
                1..=1_000_000,
                "frames a minute",
            ),
            ping: reader.seconds("limits.ping_seconds", 1..=3600),
            pong: reader.seconds("limits.pong_seconds", 1..=3600),
            write: reader.seconds("limits.write_seconds", 1..=3600),
            vanished: reader.seconds("limits.vanished_seconds", 8..=3600),
            batch: reader.milliseconds("limits.batch_milliseconds", 0..=60_000),
            memory_bytes: Some(reader.count("limits.memory_bytes", 0..=MIB * MIB, "bytes"))
                .filter(|bytes| *bytes > 0),
        }
    }
}

impl Outbox {
    fn read(reader: &mut Reader) -> Self {
        Self {
            messages: reader.count("outbox.messages", 1..=1_000_000, "messages"),
            bytes: reader.count("outbox.bytes", 1024..=1024 * MIB, "bytes"),
            hard_messages: reader.count("outbox.hard_messages", 1..=10_000_000, "messages"),
            hard_bytes: reader.count("outbox.hard_bytes", 1024..=4096 * MIB, "bytes"),
        }
    }
}

impl Retained {
    fn read(reader: &mut Reader, topic: &topic::Limits) -> Self {
        Self {
            topics: reader.count("retained.topics", 1..=10_000_000, "topics"),
            bytes: reader.count("retained.bytes", 1024..=MIB * MIB, "bytes"),
            always: reader.filters("retained.always", topic),
            never: reader.filters("retained.never", topic),
        }
    }
}

impl Store {
    fn read(reader: &mut Reader) -> Self {
        Self {
            directory: reader.place("store.directory"),
            durability: reader
                .choice(
                    "store.durability",
                    [("relaxed", Durability::Relaxed), ("commit", Durability::Commit)],
                )
                .unwrap_or_default(),
            write: reader.milliseconds("store.write_milliseconds", 10..=60_000),
            sync: reader.seconds("store.sync_seconds", 1..=3600),
            queue_messages: reader.count("store.queue_messages", 1024..=10_000_000, "messages"),
            queue_bytes: reader.count("store.queue_bytes", MIB..=4096 * MIB, "bytes"),
            bytes: reader.number("store.bytes", 16 * MIB..=MIB * MIB, "bytes"),
            keep_free: reader.number("store.keep_free_bytes", 0..=MIB * MIB, "bytes"),
        }
    }
}

impl Simulator {
    fn read(reader: &mut Reader, topic: &topic::Limits) -> Self {
        Self {
            run: reader
                .choice("simulator.run", [("demo", Run::Demo), ("on", Run::On), ("off", Run::Off)])
                .unwrap_or_default(),
            base: reader.base("simulator.base", topic),
            tower_base: reader.base("simulator.tower_base", topic),
            bridges: reader.count("simulator.bridges", 0..=10_000, "bridges"),
            towers: reader.count("simulator.towers", 0..=10_000, "towers"),
            seed: reader.small("simulator.seed", 0..=u32::MAX, ""),
            speed: reader.factor("simulator.speed", 0.1..=10_000.0, "times real time"),
        }
    }
}
