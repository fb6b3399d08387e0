//! The third element of a frame, as a publisher may give it (`docs/protocol.md`, clause 5.2).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::value::RawValue;

/// The longest `expires`, in seconds: ten years.
const MAX_EXPIRES: f64 = 315_360_000.0;

/// The longest `confirm`, in seconds.
const MAX_CONFIRM: f64 = 60.0;

/// The shortest and the longest `lease`, in seconds: the longest is a week.
const LEASES: std::ops::RangeInclusive<f64> = 1.0..=604_800.0;

/// The longest safe payload, in bytes: there may be thousands.
const MAX_SAFE: usize = 1024;

/// What a publisher asks for one message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PublishOptions {
    /// The JSON text of `id`, a string or a number: the message is to be acknowledged under it.
    pub id: Option<String>,
    /// Overrides the rule of what is kept as the last value.
    pub retain: Option<bool>,
    /// How long the message is worth delivering.
    pub expires: Option<Duration>,
    /// How long the publisher waits for the node to report what came of the command.
    pub confirm: Option<Duration>,
    /// How long the command holds, and what is to hold after it.
    pub lease: Option<Box<LeaseOption>>,
    /// Which hubs the message has passed, as another hub says it.
    pub mark: Option<String>,
    /// Everything that the publisher put there, as the inside of a JSON object, less the keys that the hub writes
    /// itself (`retained`, `time`, `from`, `every`, `kept`, `clown-hub`): this is what readers who asked for options see.
    pub passed_on: String,
}

/// A command that holds for a time only.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseOption {
    /// For how long, if it is not sent again before.
    pub time: Duration,
    /// The payload of the command that is sent when the time is over.
    pub safe: String,
    /// Whether the time runs on where the connection ends with a good-bye.
    pub keep: bool,
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
        options.confirm =
            raw("confirm").map(|text| confirm(text).ok_or_else(|| refuse(CONFIRM_MUST))).transpose()?;
        if options.confirm.is_some() && options.id.is_none() {
            return Err(refuse("option confirm takes the option id: the answer says whose it is"));
        }
        options.lease = lease(raw("lease"), raw("safe"), raw("keep")).map_err(refuse)?.map(Box::new);
        options.mark = raw("clown-hub").and_then(|text| serde_json::from_str(text).ok());
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

const CONFIRM_MUST: &str = "option confirm must be a number of seconds, above 0 and at most 60";

fn confirm(text: &str) -> Option<Duration> {
    let seconds: f64 = serde_json::from_str(text).ok()?;
    (seconds > 0.0 && seconds <= MAX_CONFIRM).then(|| Duration::from_secs_f64(seconds))
}

fn lease(
    time: Option<&str>,
    safe: Option<&str>,
    keep: Option<&str>,
) -> Result<Option<LeaseOption>, &'static str> {
    let Some(time) = time else {
        // Somebody's own keys, which are passed on as all others.
        return Ok(None);
    };
    let seconds = serde_json::from_str(time).ok().filter(|seconds| LEASES.contains(seconds));
    let seconds = seconds.ok_or("option lease must be a number of seconds, from 1 to 604800")?;
    let safe = safe.ok_or("option lease takes the option safe: the payload that is sent when it ends")?;
    if safe.len() > MAX_SAFE {
        return Err("option safe has more than 1024 bytes");
    }
    let keep = keep.map(serde_json::from_str).transpose().map_err(|_| "option keep must be true or false")?;
    let (time, safe) = (Duration::from_secs_f64(seconds), safe.replace(['\n', '\r'], " "));
    Ok(Some(LeaseOption { time, safe, keep: keep.unwrap_or(false) }))
}

fn passed_on(keys: &BTreeMap<String, &RawValue>) -> String {
    keys.iter()
        .filter(|(key, _)| {
            !matches!(key.as_str(), "retained" | "time" | "from" | "every" | "kept" | "clown-hub")
        })
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
            "{\"id\": \"a\", \"retain\":true,\"expires\":1.5,\"qos\":[1,\n2],\"from\":\"me\",\"every\":1,\"kept\":true}",
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
        for confirm in ["0", "-1", "60.5", "true", "null"] {
            assert_eq!(refused(&format!(r#"{{"id": 1, "confirm": {confirm}}}"#)).reason, CONFIRM_MUST);
        }
        assert!(refused(r#"{"confirm": 2}"#).reason.starts_with("option confirm takes the option id"));
    }

    #[test]
    fn a_lease_has_a_time_and_a_safe_payload() {
        let options =
            PublishOptions::parse(r#"{"lease": 30, "safe": {"state": false}, "keep": true}"#).unwrap();
        let safe = r#"{"state": false}"#.to_owned();
        let lease = LeaseOption { time: Duration::from_secs(30), safe, keep: true };
        assert_eq!(options.lease.as_deref(), Some(&lease));
        let refused = |text: &str| PublishOptions::parse(text).unwrap_err().reason;
        for time in ["0.5", "-1", "604801", "1e300", "\"1\"", "null"] {
            let reason = refused(&format!(r#"{{"lease": {time}, "safe": 1}}"#));
            assert_eq!(reason, "option lease must be a number of seconds, from 1 to 604800", "{time}");
        }
        assert!(refused(r#"{"lease": 30}"#).starts_with("option lease takes the option safe"));
        assert_eq!(refused(r#"{"lease": 30, "safe": 1, "keep": 1}"#), "option keep must be true or false");
        let long = format!(r#"{{"lease": 30, "safe": "{}"}}"#, "x".repeat(MAX_SAFE));
        assert_eq!(refused(&long), "option safe has more than 1024 bytes");
        assert!(PublishOptions::parse(r#"{"safe": 1, "keep": "mine"}"#).unwrap().lease.is_none());
    }
}
