//! What of an MQTT message the hub carries beside its payload, as the options of a message (`docs/protocol.md`, clause 5.4): `qos`,
//! and under `mqtt` the properties that have no other place. So they outlive a restart with a last value, Clown.Talk readers see
//! them, and Clown.Talk publishers may write them. Pure.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::read::Publish;
use super::{Properties, Qos};
use crate::talk::foreign;

/// What is carried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// The QoS that the message was published with; `None` for one that is not from MQTT, which counts as the highest.
    pub qos: Option<Qos>,
    /// What is read back of `mqtt`; few messages have any of it.
    pub rest: Option<Box<Rest>>,
}

/// The properties under `mqtt`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Rest {
    /// The payload as it came, where the JSON does not lead back to it.
    pub raw: Option<String>,
    /// Whether the payload says that it is text.
    pub text: Option<bool>,
    /// What the payload is.
    pub content_type: Option<String>,
    /// Where an answer is to go.
    pub response_topic: Option<String>,
    /// What an answer is to be known by, in base64.
    pub correlation: Option<String>,
    /// What the publisher adds.
    pub user: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    qos: Option<u8>,
    #[serde(default)]
    mqtt: Option<Box<Rest>>,
}

impl Carried {
    /// The options of a message, as the inside of a JSON object: with its QoS, its properties and, where it is to be carried, its
    /// payload as it came.
    pub fn options(message: &Publish<'_>, raw: Option<&str>) -> Box<str> {
        options(message.qos, &message.properties, raw)
    }

    /// The same of a will.
    pub fn options_of_will(qos: Qos, properties: &Properties<'_>, raw: Option<&str>) -> Box<str> {
        options(qos, properties, raw)
    }

    /// Reads them back. What a Clown.Talk client wrote there and makes no sense counts as not there.
    pub fn read(options: &str) -> Self {
        match options {
            "" => return Self::default(),
            "\"qos\": 0" => return Self { qos: Some(Qos::AtMostOnce), rest: None },
            "\"qos\": 1" => return Self { qos: Some(Qos::AtLeastOnce), rest: None },
            _ if !options.contains("\"qos\"") && !options.contains("\"mqtt\"") => return Self::default(),
            _ => {}
        }
        let Ok(Options { qos, mqtt }) = serde_json::from_str(&format!("{{{options}}}")) else {
            return Self::default();
        };
        let rest = mqtt.map(|mut rest| {
            let fits = |text: &String| u16::try_from(text.len()).is_ok() && !text.contains('\0');
            rest.content_type = rest.content_type.take().filter(fits);
            let topic = rest.response_topic.take().filter(fits);
            rest.response_topic = topic.filter(|topic| !topic.is_empty() && !topic.contains(['+', '#']));
            rest.user.retain(|(key, value)| fits(key) && fits(value));
            rest
        });
        Self { qos: qos.and_then(Qos::of), rest }
    }
}

impl Rest {
    /// What an answer is to be known by.
    pub fn correlation(&self) -> Option<Vec<u8>> {
        let bytes = STANDARD.decode(self.correlation.as_deref()?).ok()?;
        u16::try_from(bytes.len()).is_ok().then_some(bytes)
    }
}

/// In the order of the keys, as the hub writes options.
fn options(qos: Qos, properties: &Properties<'_>, raw: Option<&str>) -> Box<str> {
    let Properties { is_text, content_type, response_topic, correlation, user, .. } = properties;
    let mut inside = String::new();
    let mut put = |key: &str, value: &str| {
        let comma = if inside.is_empty() { "" } else { ", " };
        // A text takes everything.
        let _ = write!(inside, "{comma}\"{key}\": {value}");
    };
    if let Some(content_type) = content_type {
        put("content-type", &foreign::from_text(content_type));
    }
    if let Some(correlation) = correlation {
        put("correlation", &foreign::from_text(&STANDARD.encode(correlation)));
    }
    if let Some(raw) = raw {
        put("raw", &foreign::from_text(raw));
    }
    if let Some(topic) = response_topic {
        put("response-topic", &foreign::from_text(topic));
    }
    if let Some(is_text) = is_text {
        put("text", if *is_text { "true" } else { "false" });
    }
    if !user.is_empty() {
        put("user", &serde_json::to_string(user).unwrap_or_else(|_| "[]".to_owned()));
    }
    let qos = match qos {
        Qos::ExactlyOnce => "\"qos\": 2",
        Qos::AtLeastOnce => "\"qos\": 1",
        Qos::AtMostOnce => "\"qos\": 0",
    };
    if inside.is_empty() { qos.into() } else { format!("\"mqtt\": {{{inside}}}, {qos}").into() }
}
