//! The language that a client and the hub speak about the connection itself: [`Request`] in, [`Reply`] out.
//! Every topic that starts with `clown.talk/` belongs to it (`docs/protocol.md`, clauses 3, 4 and 5.2).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::timestamp;
use crate::topic::Limits;

/// How many characters of a topic or filter an error repeats.
const SHOWN: usize = 64;

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
}

impl Request {
    /// Whether a topic belongs to this language.
    pub fn claims(topic: &str) -> bool {
        topic.starts_with("clown.talk/")
    }

    /// Reads a frame whose topic [is claimed](Self::claims).
    pub fn parse(topic: &str, payload: &str) -> Result<Self, RequestError> {
        match topic {
            "clown.talk/-/config/set" => {
                Configure::parse(payload).map(Self::Configure).map_err(RequestError::Config)
            }
            "clown.talk/-/subscription/set" => filters(payload).map(Self::Replace),
            "clown.talk/-/subscription/add" => filters(payload).map(Self::Add),
            "clown.talk/-/subscription/remove" => filters(payload).map(Self::Remove),
            "clown.talk/-/subscription/get" => Ok(Self::Show),
            _ => Err(RequestError::UnknownTopic),
        }
    }
}

fn filters(payload: &str) -> Result<Vec<String>, RequestError> {
    let refuse = |reason: &str| RequestError::Subscription(reason.to_owned());
    let keys = Keys::parse(payload).map_err(RequestError::Subscription)?;
    keys.typed("filters", "an array of strings")
        .map_err(RequestError::Subscription)?
        .ok_or_else(|| refuse("key filters is missing: an array of strings"))
}

impl Configure {
    fn parse(payload: &str) -> Result<Self, String> {
        let keys = Keys::parse(payload)?;
        Ok(Self {
            filters: keys.typed("filters", "an array of strings")?,
            retained: keys.typed("retained", "true or false")?,
            echo: keys.typed("echo", "true or false")?,
            options: keys.typed("options", "true or false")?,
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
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
        | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The keys of a request's payload. Unknown ones are left alone, `null` is the same as absent.
struct Keys<'t>(BTreeMap<String, &'t RawValue>);

impl<'t> Keys<'t> {
    fn parse(payload: &'t str) -> Result<Self, String> {
        serde_json::from_str(payload).map(Self).map_err(|_| "the payload must be an object".to_owned())
    }

    fn typed<T: serde::Deserialize<'t>>(&self, key: &str, expected: &str) -> Result<Option<T>, String> {
        match self.0.get(key) {
            None => Ok(None),
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| format!("key {key} must be {expected}")),
        }
    }
}

/// What the hub says to a client about its connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The transmission is open, or its settings are replaced.
    ConfigOk(Welcome),
    /// Nothing was changed.
    ConfigError {
        /// Why.
        reason: String,
        /// The filters at fault, if any.
        filters: Vec<String>,
    },
    /// These are the filters now.
    SubscriptionOk {
        /// Relative to the base, in the order in which they were asked for.
        filters: Vec<String>,
    },
    /// Nothing was changed.
    SubscriptionError {
        /// Why.
        reason: String,
        /// The filters at fault, if any.
        filters: Vec<String>,
    },
    /// The message is routed, and kept if it was to be kept.
    PublishOk {
        /// The JSON text of the publisher's `id`.
        id: String,
        /// Whether there is nothing to be said about it; else the message passed where its sender may think that it is
        /// the last value now (clause 5.2).
        kept: bool,
    },
    /// The frame was no frame, or the message was refused.
    PublishError(PublishRefused),
    /// Readings that were left out because newer ones of the same topic followed.
    Skipped {
        /// How many since this was last told.
        count: u64,
    },
}

/// Why a frame led to nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishRefused {
    /// The sentence for the publisher.
    pub reason: String,
    /// The JSON text of the publisher's `id`, where it could be read.
    pub id: Option<String>,
    /// Byte offset from the start of the frame.
    pub at: Option<usize>,
    /// The topic, where it could be read.
    pub topic: Option<String>,
}

/// What `config/ok` tells: the five keys of the 2016 firmware, then what this hub adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Welcome {
    /// When this hub was started.
    pub started: SystemTime,
    /// Where the connection stands; empty for the root.
    pub base: String,
    /// What the hub calls the connection in its logs.
    pub name: String,
    /// Bytes that one message may have.
    pub message_bytes: usize,
    /// Bytes and levels that a topic may have.
    pub topic: Limits,
    /// Filters that a connection may hold.
    pub filters: usize,
    /// Frames that a connection may send in a second; `None` where there is no limit.
    pub messages_per_second: Option<u32>,
}

impl Reply {
    /// The frame, without a line feed.
    pub fn text(&self) -> String {
        let (topic, payload) = match self {
            Self::ConfigOk(welcome) => ("config/ok", welcome.payload()),
            Self::ConfigError { reason, filters } => ("config/error", complaint(reason, filters)),
            Self::SubscriptionOk { filters } => {
                ("subscription/ok", json!({ "filters": filters }).to_string())
            }
            Self::SubscriptionError { reason, filters } => ("subscription/error", complaint(reason, filters)),
            Self::PublishOk { id, kept: true } => ("publish/ok", format!("{{\"id\": {id}}}")),
            Self::PublishOk { id, kept: false } => {
                ("publish/ok", format!("{{\"id\": {id}, \"kept\": false}}"))
            }
            Self::PublishError(refused) => ("publish/error", refused.payload()),
            Self::Skipped { count } => ("skipped", format!("{{\"count\": {count}}}")),
        };
        format!("[\"clown.talk/-/{topic}\", {payload}]")
    }
}

impl Welcome {
    /// Written by hand to keep the order of the firmware's keys, which a person compares with the manual.
    fn payload(&self) -> String {
        let mut limits = json!({
            "message-bytes": self.message_bytes,
            "topic-bytes": self.topic.max_bytes,
            "topic-levels": self.topic.max_levels,
            "filters": self.filters,
        });
        if let (Some(limit), Some(limits)) = (self.messages_per_second, limits.as_object_mut()) {
            limits.insert("messages-per-second".to_owned(), limit.into());
        }
        format!(
            "{{\"ack\": false, \"device\": \"hub\", \"capabilities\": 1, \"firmware-datetime\": \"{}\", \
             \"firmware-release\": \"v{}\", \"base\": {}, \"name\": {}, \"limits\": {limits}}}",
            timestamp::seconds(self.started),
            env!("CARGO_PKG_VERSION"),
            Value::from(self.base.as_str()),
            Value::from(self.name.as_str()),
        )
    }
}

impl PublishRefused {
    fn payload(&self) -> String {
        let mut keys = Vec::new();
        keys.extend(self.id.as_ref().map(|id| format!("\"id\": {id}")));
        keys.push(format!("\"reason\": {}", Value::from(self.reason.as_str())));
        keys.extend(self.at.map(|at| format!("\"at\": {at}")));
        keys.extend(self.topic.as_ref().map(|topic| format!("\"topic\": {}", Value::from(shown(topic)))));
        format!("{{{}}}", keys.join(", "))
    }
}

fn complaint(reason: &str, filters: &[String]) -> String {
    let filters: Vec<_> = filters.iter().map(|filter| shown(filter)).collect();
    if filters.is_empty() {
        return format!("{{\"reason\": {}}}", Value::from(reason));
    }
    format!("{{\"reason\": {}, \"filters\": {}}}", Value::from(reason), Value::from(filters))
}

/// A stranger's text, cut to what an answer or a log line may repeat of it.
pub fn shown(text: &str) -> &str {
    text.char_indices().nth(SHOWN).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configure(payload: &str) -> Result<Configure, String> {
        Configure::parse(payload)
    }

    #[test]
    fn the_empty_request_of_2016_leaves_every_default() {
        assert_eq!(
            Request::parse("clown.talk/-/config/set", "{}"),
            Ok(Request::Configure(Configure::default()))
        );
    }

    #[test]
    fn every_key_of_a_config_request_is_read_and_unknown_ones_are_ignored() {
        let read = configure(
            r##"{"filters": ["#"], "retained": false, "echo": true, "options": true, "batch": 50, "conflate": true,
                "will": ["state", {"on": 20.10}], "name": "kitchen", "colour": "red"}"##,
        )
        .unwrap();
        assert_eq!(read.filters.as_deref(), Some(&["#".to_owned()][..]));
        assert_eq!((read.retained, read.echo, read.options), (Some(false), Some(true), Some(true)));
        assert_eq!((read.batch, read.conflate), (Some(Duration::from_millis(50)), Some(true)));
        assert_eq!(read.will, Some(("state".to_owned(), r#"{"on": 20.10}"#.to_owned())));
        assert_eq!(read.name.as_deref(), Some("kitchen"));
    }

    #[test]
    fn a_key_of_the_wrong_type_is_named_with_what_it_should_be() {
        const NAME: &str = "key name must have a visible character, and no control, format or bidi character";
        assert!(configure(r#"{"name": "Küche ☀️ 厨房"}"#).is_ok());
        for (payload, reason) in [
            ("[]", "the payload must be an object"),
            (r#"{"filters": "a"}"#, "key filters must be an array of strings"),
            (r#"{"retained": 1}"#, "key retained must be true or false"),
            (r#"{"batch": -1}"#, "key batch must be a whole number of milliseconds"),
            (r#"{"batch": "50"}"#, "key batch must be a whole number of milliseconds"),
            (r#"{"will": {}}"#, "key will must be [topic, payload] or null"),
            (r#"{"will": ["a"]}"#, "key will must be [topic, payload] or null"),
            (r#"{"name": " "}"#, NAME),
            (r#"{"name": "a\nb"}"#, NAME),
            ("{\"name\": \"a\u{202e}b\"}", NAME),
            (r#"{"name": "a\u2066b"}"#, NAME),
            ("{\"name\": \"a\u{e0041}\"}", NAME),
            ("{\"name\": \"a\u{85}b\"}", NAME),
        ] {
            assert_eq!(configure(payload).unwrap_err(), reason, "{payload}");
        }
        assert!(configure(&format!(r#"{{"name": "{}"}}"#, "ž".repeat(65))).unwrap_err().contains("64"));
    }

    #[test]
    fn a_subscription_request_needs_filters() {
        let error = |payload| Request::parse("clown.talk/-/subscription/set", payload).unwrap_err();
        assert!(matches!(error("{}"), RequestError::Subscription(reason) if reason.contains("missing")));
        assert!(matches!(error("7"), RequestError::Subscription(reason) if reason.contains("object")));
        assert_eq!(Request::parse("clown.talk/-/nonsense", "{}"), Err(RequestError::UnknownTopic));
    }

    #[test]
    fn replies_are_frames() {
        let refused = PublishRefused {
            reason: "topic is \"empty\"".to_owned(),
            id: Some("7".to_owned()),
            at: Some(1),
            topic: Some("x".repeat(70)),
        };
        for reply in [
            Reply::ConfigError { reason: "no".to_owned(), filters: vec![] },
            Reply::SubscriptionOk { filters: vec!["a/\"b".to_owned()] },
            Reply::SubscriptionError { reason: "no".to_owned(), filters: vec!["a/#/b".to_owned()] },
            Reply::PublishOk { id: "\"x\"".to_owned(), kept: true },
            Reply::PublishOk { id: "7".to_owned(), kept: false },
            Reply::PublishError(refused),
            Reply::Skipped { count: 3 },
        ] {
            let read: (String, serde_json::Map<String, Value>) = serde_json::from_str(&reply.text()).unwrap();
            assert!(Request::claims(&read.0), "{}", read.0);
        }
        let text =
            Reply::PublishError(PublishRefused { reason: "no".to_owned(), ..Default::default() }).text();
        assert_eq!(text, r#"["clown.talk/-/publish/error", {"reason": "no"}]"#);
    }
}
