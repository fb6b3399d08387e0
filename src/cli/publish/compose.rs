//! From what was typed to frames for the hub. Pure.

use std::borrow::Cow;

use serde_json::Value;

use super::super::habit::shell;
use super::super::repair::json_of;
use crate::talk::frame::encode;
use crate::talk::{Frame, Frames};
use crate::topic::{Limits, Topic};

/// Frames for one message.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) text: String,
    pub(super) frames: u32,
}

/// What a payload is before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Typed {
    /// JSON.
    #[default]
    Json,
    /// A text, which becomes a JSON string.
    Text,
    /// JSON, or else a text: what clients of MQTT send.
    Either,
}

/// What each line is to become.
#[derive(Default)]
pub(super) struct Shape {
    /// The topic of all; without one a line is a frame.
    pub(super) topic: Option<String>,
    /// What a line is where there is a topic.
    pub(super) typed: Typed,
    pub(super) retain: bool,
    pub(super) confirm: bool,
    /// For how many seconds a command holds, and the payload that is sent then.
    pub(super) lease: Option<(f64, Value)>,
}

/// Makes frames, and numbers those that are to be confirmed.
pub(super) struct Composer {
    shape: Shape,
    made: u64,
    scratch: String,
}

impl Composer {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, made: 0, scratch: String::new() }
    }

    /// Adds the frame of one line, or says why there is none. An empty line is nothing.
    pub(super) fn add(&mut self, line: &str, batch: &mut Batch) -> Result<(), String> {
        if line.trim().is_empty() && self.shape.topic.is_none() {
            return Ok(());
        }
        self.scratch.clear();
        match &self.shape.topic {
            Some(topic) => {
                check_topic(topic)?;
                let payload = payload(self.shape.typed, line)?;
                encode(topic, &payload, &mut self.scratch);
                let options = self.options(None)?;
                self.append_options(&options);
            }
            None => self.frame(line)?,
        }
        if !batch.text.is_empty() {
            batch.text.push('\n');
        }
        batch.text.push_str(&self.scratch);
        batch.frames += 1;
        self.made += 1;
        Ok(())
    }

    /// Puts a frame that came as one; as it is, where nothing is to be added.
    fn frame(&mut self, line: &str) -> Result<(), String> {
        let frame = one_frame(line)?;
        check_topic(&frame.topic)?;
        let options = self.options(frame.options)?;
        if options.is_empty() {
            self.scratch.push_str(line.trim());
            return Ok(());
        }
        encode(&frame.topic, frame.payload, &mut self.scratch);
        self.append_options(&options);
        Ok(())
    }

    fn append_options(&mut self, options: &str) {
        if !options.is_empty() {
            self.scratch.pop();
            self.scratch.push_str(", ");
            self.scratch.push_str(options);
            self.scratch.push(']');
        }
    }

    /// The options with what is asked for by flags; empty where that is nothing.
    fn options(&self, own: Option<&str>) -> Result<String, String> {
        if !self.shape.retain && !self.shape.confirm && self.shape.lease.is_none() {
            return Ok(String::new());
        }
        let own: serde_json::Map<String, Value> =
            serde_json::from_str(own.unwrap_or("{}")).map_err(|error| format!("options: {error}"))?;
        let mut options = own;
        if self.shape.retain {
            options.insert("retain".to_owned(), true.into());
        }
        if self.shape.confirm {
            options.insert("id".to_owned(), self.made.into());
        }
        if let Some((seconds, safe)) = &self.shape.lease {
            options.insert("lease".to_owned(), (*seconds).into());
            options.insert("safe".to_owned(), safe.clone());
            // This program says good-bye when it has sent everything.
            options.insert("keep".to_owned(), true.into());
        }
        Ok(Value::Object(options).to_string())
    }
}

/// The payload that was typed, as JSON.
fn payload(typed: Typed, text: &str) -> Result<Cow<'_, str>, String> {
    let is_text = match typed {
        Typed::Json => {
            check_line(text)?;
            false
        }
        Typed::Text => true,
        Typed::Either => fault(text).is_some(),
    };
    Ok(if is_text { Value::from(text).to_string().into() } else { text.trim().into() })
}

/// The one frame in a text.
fn one_frame(text: &str) -> Result<Frame<'_>, String> {
    let mut frames = Frames::of(text);
    match (frames.next(), frames.is_done()) {
        (Some(Ok(frame)), true) => Ok(frame),
        (Some(Err(error)), _) => {
            Err(format!("{error}; a line is a frame, as [\"lamp/set\", {{\"on\": true}}]"))
        }
        (_, false) => Err("two frames on one line".to_owned()),
        (None, true) => Err("there is no frame".to_owned()),
    }
}

/// Whether a topic names one thing, and not the connection itself. The hub knows the base and checks lengths.
pub(in crate::cli) fn check_topic(topic: &str) -> Result<(), String> {
    let limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };
    Topic::parse(topic, &limits).map_err(|error| format!("topic {topic:?}: {error}"))?;
    if topic.starts_with("clown.talk/") {
        return Err(format!(
            "topic {topic:?}: what begins with clown.talk/ is between this program and the hub"
        ));
    }
    Ok(())
}

/// The longest payload that a message repeats in its corrected form, in characters.
const ADVISED_CHARS: usize = 80;

/// Whether a line is one JSON value.
fn check_line(text: &str) -> Result<(), String> {
    let Some(fault) = fault(text) else { return Ok(()) };
    Err(match meant(text) {
        Some(json) => format!("is not JSON; write it as {json}"),
        None => format!("is not JSON: {fault}"),
    })
}

/// As [`check_line`], for a payload that was typed behind `command`. The complaint has the command to be typed instead.
pub(in crate::cli) fn check_typed(command: &str, text: &str) -> Result<(), String> {
    let Some(fault) = fault(text) else { return Ok(()) };
    if text.trim().is_empty() {
        return Err(format!("the payload is empty; for nothing type: {command} null"));
    }
    let word = text.trim();
    if let Some(json) = other_spelling(word) {
        return Err(format!("{word} is not JSON: write {json}; type: {command} {}", shell(&json)));
    }
    let why = if text.trim_start().starts_with(['{', '[']) {
        "JSON has its keys and texts in double quotes, and the shell needs single quotes around the whole"
    } else {
        "the payload is JSON: a text has double quotes, and the shell needs single quotes around them"
    };
    Err(match meant(text) {
        Some(json) => format!("{why}; type: {command} {}", shell(&json)),
        None => format!("the payload is not JSON: {fault}; an object is written as '{{\"state\": true}}'"),
    })
}

/// The JSON for a number, a truth or nothing in the spelling of another language.
fn other_spelling(word: &str) -> Option<String> {
    let is_number = |text: &str| serde_json::from_str::<serde_json::Number>(text).is_ok();
    match word {
        "True" => Some("true".to_owned()),
        "False" => Some("false".to_owned()),
        "None" => Some("null".to_owned()),
        _ if matches!(
            word.trim_start_matches(['-', '+']).to_ascii_lowercase().as_str(),
            "nan" | "inf" | "infinity"
        ) =>
        {
            Some("null".to_owned())
        }
        // A decimal comma.
        _ if word.matches(',').count() == 1 && word.len() <= ADVISED_CHARS => {
            Some(word.replace(',', ".")).filter(|number| is_number(number))
        }
        _ => None,
    }
}

/// The JSON that was meant, where it is short enough to be repeated.
fn meant(text: &str) -> Option<String> {
    json_of(text).filter(|json| json.chars().count() <= ADVISED_CHARS && fault(json).is_none())
}

/// Why a text is not one JSON value, or would break out of a frame.
fn fault(text: &str) -> Option<String> {
    let framed = format!("[\"\", {text}]");
    match one_frame(&framed) {
        Ok(frame) if frame.options.is_none() => None,
        Ok(_) => Some("it is more than one value".to_owned()),
        Err(_) if text.trim().is_empty() => Some("it is empty".to_owned()),
        Err(_) => Some(match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Err(error) => error.to_string(),
            Ok(_) => "it is nested too deeply".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(shape: Shape, lines: &[&str]) -> Result<String, String> {
        let (mut composer, mut batch) = (Composer::new(shape), Batch::default());
        for line in lines {
            composer.add(line, &mut batch)?;
        }
        Ok(batch.text)
    }

    fn plain(topic: Option<&str>) -> Shape {
        Shape { topic: topic.map(str::to_owned), ..Shape::default() }
    }

    #[test]
    fn a_payload_goes_out_as_it_was_typed() {
        assert_eq!(
            composed(plain(Some("a\"b")), &["20.10", " [1,  2] "]).unwrap(),
            "[\"a\\\"b\", 20.10]\n[\"a\\\"b\", [1,  2]]"
        );
    }

    #[test]
    fn a_frame_goes_out_as_it_came_blanks_around_it_aside() {
        let lines = [" [ \"a\" ,1.0, {\"qos\": 1} ]\r", "", "[\"b\",null]"];
        assert_eq!(composed(plain(None), &lines).unwrap(), "[ \"a\" ,1.0, {\"qos\": 1} ]\n[\"b\",null]");
    }

    #[test]
    fn flags_become_options_beside_those_of_the_frame() {
        let shape = Shape { retain: true, confirm: true, ..Shape::default() };
        let text = composed(shape, &[r#"["a", 1.50, {"qos": 1, "id": "mine"}]"#, r#"["b", 2]"#]).unwrap();
        assert_eq!(
            text,
            "[\"a\", 1.50, {\"id\":0,\"qos\":1,\"retain\":true}]\n[\"b\", 2, {\"id\":1,\"retain\":true}]"
        );
        let shape = Shape { topic: Some("a".to_owned()), retain: true, ..Shape::default() };
        assert_eq!(composed(shape, &["1"]).unwrap(), r#"["a", 1, {"retain":true}]"#);
    }

    #[test]
    fn what_is_not_json_is_told_how_to_be() {
        let error = check_typed("clown-hub pub a", "it's on").unwrap_err();
        assert!(error.ends_with(r#"type: clown-hub pub a '"it'\''s on"'"#), "{error}");
        let long = format!("{{'a': {}}}", "1".repeat(90));
        assert!(!check_typed("clown-hub pub a", &long).unwrap_err().contains("11111"), "it is not repeated");
        for text in ["", "on", "{on: true}", "1, {\"retain\": true}", "1], [\"b\"", "1]\n[\"b\", 2", "1 2"] {
            assert!(check_typed("", text).is_err() && check_line(text).is_err(), "{text}");
        }
        for text in ["1", "\"on\"", "null", " {\"a\": [1, {}]} "] {
            assert!(check_typed("", text).is_ok() && check_line(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_line_that_is_no_message_is_refused() {
        for line in [
            "1",
            "[\"a\"]",
            "[\"a/+\", 1]",
            "[\"\", 1]",
            "[\"a\", 1] [\"b\", 1]",
            r#"["clown.talk/-/config/set", {}]"#,
        ] {
            assert!(composed(plain(None), &[line]).is_err(), "{line}");
        }
    }

    #[test]
    fn a_lease_goes_out_with_its_safe_payload_and_runs_on_when_the_program_ends() {
        let lease = Some((60.0, serde_json::json!({"state": false})));
        let shape = Shape { topic: Some("r/set".to_owned()), confirm: true, lease, ..Shape::default() };
        let (mut composer, mut batch) = (Composer::new(shape), Batch::default());
        composer.add(r#"{"state": true}"#, &mut batch).unwrap();
        assert_eq!(
            batch.text,
            r#"["r/set", {"state": true}, {"id":0,"keep":true,"lease":60.0,"safe":{"state":false}}]"#
        );
    }
}
