//! The third element of a frame, as a publisher may give it (`docs/protocol.md`, clause 5.2).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::value::RawValue;

/// The longest `expires`, in seconds: ten years.
const MAX_EXPIRES: f64 = 315_360_000.0;

/// What a publisher asks for one message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PublishOptions {
    /// The JSON text of `id`, a string or a number: the message is to be acknowledged under it.
    pub id: Option<String>,
    /// Overrides the rule of what is kept as the last value.
    pub retain: Option<bool>,
    /// How long the message is worth delivering.
    pub expires: Option<Duration>,
    /// Everything that the publisher put there, as the inside of a JSON object, less the keys that the hub writes
    /// itself (`retained`, `time`, `from`): this is what readers who asked for options see.
    pub passed_on: String,
}

/// Which key of the options makes no sense, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsError {
    /// The sentence for the publisher.
    pub reason: &'static str,
    /// The JSON text of `id` where that was in order, so that the answer finds its question.
    pub id: Option<String>,
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for OptionsError {}

impl PublishOptions {
    /// Reads the text of a JSON object that a frame carried.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        let keys: BTreeMap<String, &RawValue> = serde_json::from_str(text)
            .map_err(|_| OptionsError { reason: "options must be an object with readable keys", id: None })?;
        let mut options = Self::default();
        let raw = |key: &str| keys.get(key).map(|raw| raw.get());
        options.id = raw("id").map(id).transpose()?;
        let id = options.id.clone();
        let refuse = |reason| OptionsError { reason, id: id.clone() };
        options.retain = raw("retain")
            .map(|text| serde_json::from_str(text).map_err(|_| refuse("option retain must be true or false")))
            .transpose()?;
        options.expires = raw("expires")
            .map(|text| {
                expires(text).ok_or_else(|| refuse("option expires must be a number of seconds, above 0"))
            })
            .transpose()?;
        if keys.contains_key("confirm") {
            return Err(refuse("option confirm is not offered by this hub: the message was not published"));
        }
        options.passed_on = passed_on(&keys);
        Ok(options)
    }
}

fn id(text: &str) -> Result<String, OptionsError> {
    const LONGEST: usize = 128;
    match text.bytes().next() {
        Some(b'"' | b'-' | b'0'..=b'9') if text.len() <= LONGEST => Ok(text.to_owned()),
        _ => Err(OptionsError {
            reason: "option id must be a string or a number of at most 128 bytes",
            id: None,
        }),
    }
}

fn expires(text: &str) -> Option<Duration> {
    let seconds: f64 = serde_json::from_str(text).ok()?;
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(MAX_EXPIRES)))
}

fn passed_on(keys: &BTreeMap<String, &RawValue>) -> String {
    keys.iter()
        .filter(|(key, _)| !matches!(key.as_str(), "retained" | "time" | "from"))
        .map(|(key, value)| format!("{}: {}", serde_json::Value::from(key.as_str()), value.get()))
        .collect::<Vec<_>>()
        .join(", ")
        .replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_are_read_and_all_but_the_hubs_own_are_passed_on() {
        let options = PublishOptions::parse(
            "{\"id\": \"a\", \"retain\":true,\"expires\":1.5,\"qos\":[1,\n2],\"from\":\"me\"}",
        )
        .unwrap();
        assert_eq!(options.id.as_deref(), Some("\"a\""));
        assert_eq!(options.retain, Some(true));
        assert_eq!(options.expires, Some(Duration::from_millis(1500)));
        assert_eq!(options.passed_on, r#""expires": 1.5, "id": "a", "qos": [1, 2], "retain": true"#);
        assert_eq!(PublishOptions::parse("{}").unwrap(), PublishOptions::default());
    }

    #[test]
    fn a_wrong_type_is_refused_under_the_id_of_the_message() {
        let refused = |text: &str| PublishOptions::parse(text).unwrap_err();
        assert_eq!(refused(r#"{"id": {}}"#).id, None);
        assert_eq!(refused(r#"{"id": 7, "retain": 1}"#).id.as_deref(), Some("7"));
        assert_eq!(refused(r#"{"retain": 1}"#).reason, "option retain must be true or false");
        for expires in ["0", "-1", "\"1\"", "null"] {
            let text = format!(r#"{{"expires": {expires}}}"#);
            assert_eq!(refused(&text).reason, "option expires must be a number of seconds, above 0");
        }
        assert!(PublishOptions::parse(r#"{"expires": 1e300}"#).is_ok());
        assert!(refused(r#"{"confirm": 2}"#).reason.starts_with("option confirm is not offered"));
    }
}
