//! The language that a client and the hub speak about the connection itself: [`Request`] in, [`Reply`] out.
//! Every topic that starts with `clown.talk/` belongs to it (`docs/protocol.md`, clauses 3, 4 and 5.2).
//!
//! The hub writes a [`Reply`], and a client reads it by the same type, so that a word cannot have two spellings.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Frame, timestamp};

mod events;
mod excerpt;
mod history;
mod keys;
mod moments;
mod past;
mod wire;

pub use events::{Event, EventKind, EventsAnswer, EventsGet, MOST_EVENTS, Refused};
pub use excerpt::shown;
pub use history::{HistoryForget, HistoryGet, MOST_POINTS, NoQuestion};
use keys::Keys;
pub use moments::read_moment;
pub use past::{COLUMNS, HistoryAnswer, PastGap, PastSeries, PastValue, shown_moment};

/// The most characters that a client's name may have.
pub const MAX_NAME: usize = 64;

/// What a client asks of its connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `clown.talk/-/config/set`: opens the transmission, or replaces its settings.
    Configure(Configure),
    /// `clown.talk/-/subscription/set`: these filters and no others.
    Replace(Vec<String>),
    /// `clown.talk/-/subscription/add`.
    Add(Vec<String>),
    /// `clown.talk/-/subscription/remove`.
    Remove(Vec<String>),
    /// `clown.talk/-/subscription/get`.
    Show,
    /// `clown.talk/-/history/get`, with its payload: when it is read, it has to be known what time it is.
    History(String),
    /// `clown.talk/-/history/forget`, with its payload: for admins.
    Forget(String),
    /// `clown.talk/-/lease/get`: which leases are there on what these filters name?
    Leases(Vec<String>),
    /// `clown.talk/-/events/get`, with its payload: when it is read, it has to be known what time it is.
    Events(String),
}

/// The settings of a connection; `None` where the client said nothing and the default holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configure {
    /// What to subscribe to at once.
    pub filters: Option<Vec<String>>,
    /// Whether to send the last values; `true` unless said otherwise.
    pub retained: Option<bool>,
    /// Whether to send this connection's own messages back; `false` unless said otherwise.
    pub echo: Option<bool>,
    /// Whether to deliver the third element; `false` unless said otherwise.
    pub options: Option<bool>,
    /// Whether that has the mark of the message, by which hubs know it again; `false` unless said otherwise.
    pub marks: Option<bool>,
    /// How long to collect frames into one message; zero unless said otherwise.
    pub batch: Option<Duration>,
    /// Whether only the newest reading of a topic goes into a batch; `false` unless said otherwise.
    pub conflate: Option<bool>,
    /// Published if the connection ends without a close handshake: topic and payload.
    pub will: Option<(String, String)>,
    /// A name for logs and figures.
    pub name: Option<String>,
}

/// Why a request is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// No request has this topic.
    UnknownTopic,
    /// The payload of `config/set` makes no sense.
    Config(String),
    /// The payload of a subscription request makes no sense.
    Subscription(String),
    /// The payload of a request about leases makes no sense.
    Lease(String),
}

impl Request {
    /// The topic of [`Configure`](Self::Configure).
    pub const CONFIGURE: &str = "clown.talk/-/config/set";
    /// The topic of [`Show`](Self::Show).
    pub const SHOW: &str = "clown.talk/-/subscription/get";
    /// The topic of [`History`](Self::History).
    pub const HISTORY: &str = "clown.talk/-/history/get";
    /// The topic of [`Forget`](Self::Forget).
    pub const FORGET: &str = "clown.talk/-/history/forget";
    /// The topic of [`Leases`](Self::Leases).
    pub const LEASES: &str = "clown.talk/-/lease/get";
    /// The topic of [`Events`](Self::Events).
    pub const EVENTS: &str = "clown.talk/-/events/get";

    /// Whether a topic belongs to this language.
    pub fn claims(topic: &str) -> bool {
        topic.starts_with("clown.talk/")
    }

    /// Reads a frame whose topic [is claimed](Self::claims).
    pub fn parse(topic: &str, payload: &str) -> Result<Self, RequestError> {
        match topic {
            Self::CONFIGURE => Configure::parse(payload).map(Self::Configure).map_err(RequestError::Config),
            "clown.talk/-/subscription/set" => subscription(payload).map(Self::Replace),
            "clown.talk/-/subscription/add" => subscription(payload).map(Self::Add),
            "clown.talk/-/subscription/remove" => subscription(payload).map(Self::Remove),
            Self::SHOW => Ok(Self::Show),
            Self::HISTORY => Ok(Self::History(payload.to_owned())),
            Self::FORGET => Ok(Self::Forget(payload.to_owned())),
            Self::LEASES => filters(payload).map(Self::Leases).map_err(RequestError::Lease),
            Self::EVENTS => Ok(Self::Events(payload.to_owned())),
            _ => Err(RequestError::UnknownTopic),
        }
    }
}

fn subscription(payload: &str) -> Result<Vec<String>, RequestError> {
    filters(payload).map_err(RequestError::Subscription)
}

fn filters(payload: &str) -> Result<Vec<String>, String> {
    let filters = Keys::parse(payload)?.typed("filters", "an array of strings")?;
    filters.ok_or_else(|| "key filters is missing: an array of strings".to_owned())
}

impl Configure {
    fn parse(payload: &str) -> Result<Self, String> {
        let keys = Keys::parse(payload)?;
        Ok(Self {
            filters: keys.typed("filters", "an array of strings")?,
            retained: keys.typed("retained", "true or false")?,
            echo: keys.typed("echo", "true or false")?,
            options: keys.typed("options", "true or false")?,
            marks: keys.typed("marks", "true or false")?,
            batch: keys.typed("batch", "a whole number of milliseconds")?.map(Duration::from_millis),
            conflate: keys.typed("conflate", "true or false")?,
            will: will(&keys)?,
            name: keys.typed("name", "a string")?.map(name).transpose()?,
        })
    }
}

fn will(keys: &Keys<'_>) -> Result<Option<(String, String)>, String> {
    let will: Option<(String, &RawValue)> = keys.typed("will", "[topic, payload] or null")?;
    Ok(will.map(|(topic, payload)| (topic, payload.get().to_owned())))
}

fn name(name: String) -> Result<String, String> {
    if name.chars().count() > MAX_NAME {
        return Err(format!("key name has more than {MAX_NAME} characters"));
    }
    if name.trim().is_empty() || name.chars().any(|c| c.is_control() || is_unseen(c)) {
        return Err(
            "key name must have a visible character, and no control, format or bidi character".to_owned()
        );
    }
    Ok(name)
}

/// Whether a character changes how the text around it is shown and is not seen itself: Unicode's categories Cf, Zl and
/// Zp, and the fillers that look like a blank. A name with one could pass for another in a log.
pub fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
        | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// What the hub says to a client about its connection. Each variant is named by its topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// The transmission is open, or its settings are replaced.
    #[serde(rename = "clown.talk/-/config/ok")]
    ConfigOk(Welcome),
    /// Nothing was changed.
    #[serde(rename = "clown.talk/-/config/error")]
    ConfigError {
        /// Why.
        #[serde(default)]
        reason: String,
        /// The filters at fault, if any.
        #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "wire::each_shown")]
        filters: Vec<String>,
    },
    /// These are the filters now.
    #[serde(rename = "clown.talk/-/subscription/ok")]
    SubscriptionOk {
        /// Relative to the base, in the order in which they were asked for.
        #[serde(default)]
        filters: Vec<String>,
    },
    /// Nothing was changed.
    #[serde(rename = "clown.talk/-/subscription/error")]
    SubscriptionError {
        /// Why.
        #[serde(default)]
        reason: String,
        /// The filters at fault, if any.
        #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "wire::each_shown")]
        filters: Vec<String>,
    },
    /// The message is routed, and kept if it was to be kept.
    #[serde(rename = "clown.talk/-/publish/ok")]
    PublishOk(Published),
    /// The frame was no frame, or the message was refused.
    #[serde(rename = "clown.talk/-/publish/error")]
    PublishError(PublishRefused),
    /// What was said.
    #[serde(rename = "clown.talk/-/history/ok")]
    HistoryOk(HistoryAnswer),
    /// What was said is forgotten.
    #[serde(rename = "clown.talk/-/history/forgotten")]
    HistoryForgotten {
        /// The JSON text of the asker's `id`.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
        id: Option<String>,
        /// How much that was, in a sentence.
        #[serde(default)]
        result: String,
    },
    /// Nothing is told.
    #[serde(rename = "clown.talk/-/history/error")]
    HistoryError {
        /// The JSON text of the asker's `id`, where it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
        id: Option<String>,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Readings that were left out because newer ones of the same topic followed.
    #[serde(rename = "clown.talk/-/skipped")]
    Skipped {
        /// How many since the last such message.
        count: u64,
    },
    /// The leases that there are.
    #[serde(rename = "clown.talk/-/lease/ok")]
    LeaseOk {
        /// Those that end first stand first.
        #[serde(default)]
        leases: Vec<ToldLease>,
        /// How many more there are than one answer has.
        #[serde(default, skip_serializing_if = "wire::is_zero")]
        more: usize,
    },
    /// The question after leases was refused.
    #[serde(rename = "clown.talk/-/lease/error")]
    LeaseError {
        /// Why.
        #[serde(default)]
        reason: String,
        /// The filters at fault, if any.
        #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "wire::each_shown")]
        filters: Vec<String>,
    },
    /// What has happened.
    #[serde(rename = "clown.talk/-/events/ok")]
    EventsOk(EventsAnswer),
    /// The question after events was refused.
    #[serde(rename = "clown.talk/-/events/error")]
    EventsError(Refused),
    /// The last line of a stream, which has no close frame.
    #[serde(rename = "clown.talk/-/close")]
    Close {
        /// As in a close frame of a WebSocket.
        code: u16,
        /// Why.
        reason: String,
    },
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The JSON text of the publisher's `id`.
    #[serde(with = "wire::json_text")]
    pub id: String,
    /// Whether there is nothing to be said about it; else the message passed where its sender may think that it is
    /// the last value now (clause 5.2).
    #[serde(default = "wire::yes", skip_serializing_if = "wire::is_yes")]
    pub kept: bool,
    /// The JSON text of what the node reported.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
    pub confirmed: Option<String>,
    /// Where it reported that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// How many seconds it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// For how many seconds the command holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<f64>,
    /// Whether that is on the disk, so that the command ends also where the hub does; said of leases only.
    #[serde(default = "wire::yes", skip_serializing_if = "wire::is_yes")]
    pub stored: bool,
}

impl Published {
    /// Nothing is to be said but that it was routed, and whether it was kept where its sender may think so.
    pub fn plainly(id: String, kept: bool) -> Self {
        Self { id, kept, confirmed: None, topic: None, after: None, lease: None, stored: true }
    }
}

/// A lease, as it is told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToldLease {
    /// The topic of the command.
    pub topic: String,
    /// Who has sent it last.
    pub holder: String,
    /// Seconds that are left; none where the time is over.
    pub left: f64,
    /// The JSON text of the payload that is sent then.
    #[serde(with = "wire::json_text")]
    pub safe: String,
    /// Whether the time is over, and no node has said yet that it has heard of it.
    #[serde(skip_serializing_if = "wire::is_no")]
    pub owed: bool,
}

/// Why a frame led to nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PublishRefused {
    /// The JSON text of the publisher's `id`, where it could be read.
    #[serde(skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
    pub id: Option<String>,
    /// The sentence for the publisher.
    pub reason: String,
    /// Byte offset from the start of the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
    /// The topic, where it could be read.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "wire::shown_if_any")]
    pub topic: Option<String>,
    /// The JSON text of the state as it is, where another one was asked for.
    #[serde(skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
    pub state: Option<String>,
    /// The JSON text of the node's own answer.
    #[serde(skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
    pub answer: Option<String>,
}

/// What `config/ok` tells: the five keys of the 2016 firmware in their order, which a person compares with the manual, then
/// what this hub adds. Another hub may leave out any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Welcome {
    /// Whether messages are acknowledged as the firmware did it, which it never did.
    pub ack: bool,
    /// What kind of device answers.
    pub device: String,
    /// As the firmware counted them.
    pub capabilities: u32,
    /// When the hub was started.
    pub firmware_datetime: String,
    /// Its version, with a `v` in front.
    pub firmware_release: String,
    /// Where the connection stands; empty for the root.
    pub base: String,
    /// What the hub calls the connection in its logs.
    pub name: String,
    /// What the hub takes.
    pub limits: HubLimits,
}

/// The limits of a hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct HubLimits {
    /// Filters that a connection may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<usize>,
    /// Bytes of one message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_bytes: Option<usize>,
    /// Messages in a second, with a burst of two seconds' worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_second: Option<u32>,
    /// Bytes of a topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_bytes: Option<usize>,
    /// Levels of a topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_levels: Option<usize>,
}

impl Reply {
    /// The frame, without a line feed.
    pub fn text(&self) -> String {
        wire::text(self)
    }

    /// What the hub says in this frame; `None` where it is somebody's message. An error is a word that this program does
    /// not know or cannot read, as of a hub that is newer.
    pub fn read(frame: &Frame<'_>) -> Option<Result<Self, serde_json::Error>> {
        Request::claims(&frame.topic).then(|| wire::read(&frame.topic, frame.payload))
    }
}

impl Welcome {
    /// What this hub tells of itself.
    pub fn of_this_hub(started: SystemTime) -> Self {
        Self {
            device: "hub".to_owned(),
            capabilities: 1,
            firmware_datetime: timestamp::seconds(started),
            firmware_release: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
