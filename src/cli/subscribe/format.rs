//! A message as a line, or as several where a person is to read it. Payloads stay as they came, but for what a terminal
//! would obey.

use std::borrow::Cow;

use clap::ValueEnum;
use serde::Deserialize;

use super::super::escape;
use super::template::{Parts, Template};
use super::{csv, pretty};
use crate::talk::Frame;
use crate::talk::frame::encode;

/// How a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(super) enum Format {
    Plain,
    Json,
    Pretty,
    Csv,
}

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// What a terminal would obey is escaped.
    Escaped,
    /// The same, with colours of our own.
    Coloured,
    /// All as it came.
    Raw,
}

pub(super) struct Formatter {
    format: Format,
    /// In place of a format.
    template: Option<Template>,
    timestamps: bool,
    look: Look,
    has_begun: bool,
}

/// What the hub adds for those who ask.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Options<'t> {
    retained: bool,
    #[serde(borrow)]
    time: Cow<'t, str>,
}

fn options<'t>(frame: &Frame<'t>) -> Options<'t> {
    frame.options.and_then(|options| serde_json::from_str(options).ok()).unwrap_or_default()
}

pub(super) fn is_retained(frame: &Frame<'_>) -> bool {
    options(frame).retained
}

impl Formatter {
    pub(super) fn new(format: Format, timestamps: bool, look: Look) -> Self {
        Self { format, template: None, timestamps, look, has_begun: false }
    }

    /// Lines as this template has them, in place of a format.
    pub(super) fn with(mut self, template: Option<Template>) -> Self {
        self.template = template;
        self
    }

    pub(super) fn write(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        if let Some(template) = &self.template {
            return self.templated(template, frame, out);
        }
        let time = if self.timestamps { options(frame).time } else { Cow::Borrowed("") };
        let time = self.text(&time);
        match self.format {
            Format::Plain => self.plain(frame, &time, out),
            Format::Json => self.json(frame, out),
            Format::Pretty => self.pretty(frame, &time, out),
            Format::Csv => self.csv(frame, &time, out),
        }
        self.has_begun = true;
    }

    fn templated(&self, template: &Template, frame: &Frame<'_>, out: &mut Vec<u8>) {
        let options = options(frame);
        let mut whole = String::new();
        encode(&frame.topic, frame.payload, &mut whole);
        // As a broker of MQTT has it: a text without its quotes, everything else as it is.
        let text = serde_json::from_str::<Cow<'_, str>>(frame.payload).ok();
        let payload = match &text {
            Some(text) => self.text(text),
            None => self.json_text(frame.payload),
        };
        let parts = Parts {
            topic: &self.text(&frame.topic),
            payload: &payload,
            length: text.as_deref().unwrap_or(frame.payload).len(),
            retained: options.retained,
            time: &self.text(&options.time),
            frame: &self.json_text(&whole),
        };
        out.extend_from_slice(template.line(&parts).as_bytes());
    }

    fn plain(&self, frame: &Frame<'_>, time: &str, out: &mut Vec<u8>) {
        self.painted("2", time, out);
        if !time.is_empty() {
            out.push(b' ');
        }
        self.painted("36", &self.text(&frame.topic), out);
        out.push(b' ');
        out.extend_from_slice(self.readable(frame.payload).as_bytes());
        out.push(b'\n');
    }

    fn json(&self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        let mut line = String::new();
        encode(&frame.topic, frame.payload, &mut line);
        if let (true, Some(options)) = (self.timestamps, frame.options) {
            line.pop();
            line.push_str(", ");
            line.push_str(options);
            line.push(']');
        }
        out.extend_from_slice(self.json_text(&line).as_bytes());
        out.push(b'\n');
    }

    fn pretty(&self, frame: &Frame<'_>, time: &str, out: &mut Vec<u8>) {
        self.painted("1;36", &self.text(&frame.topic), out);
        if !time.is_empty() {
            out.push(b' ');
            self.painted("2", time, out);
        }
        out.extend_from_slice(b"\n  ");
        pretty::indent(&self.readable(frame.payload), 1, out);
        out.push(b'\n');
    }

    fn csv(&self, frame: &Frame<'_>, time: &str, out: &mut Vec<u8>) {
        let fields = [time, &self.text(&frame.topic), &self.json_text(frame.payload)];
        let names = ["time", "topic", "payload"];
        let first = usize::from(!self.timestamps);
        if !self.has_begun {
            csv::line(names.get(first..).unwrap_or_default(), out);
        }
        csv::line(fields.get(first..).unwrap_or_default(), out);
    }

    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.look == Look::Raw { text.into() } else { escape::escaped(text) }
    }

    fn json_text<'t>(&self, json: &'t str) -> Cow<'t, str> {
        if self.look == Look::Raw { json.into() } else { escape::json(json) }
    }

    /// As [`Formatter::json_text`], with the characters themselves in place of `\u2103`.
    fn readable<'t>(&self, json: &'t str) -> Cow<'t, str> {
        if self.look == Look::Raw { json.into() } else { escape::readable_json(json) }
    }

    fn painted(&self, colour: &str, text: &str, out: &mut Vec<u8>) {
        if self.look == Look::Coloured && !text.is_empty() {
            out.extend_from_slice(format!("\x1b[{colour}m{text}\x1b[0m").as_bytes());
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::Frames;

    const FRAME: &str = r#"["a/\u001b", {"t": [20.10, "℃,"]}, {"retained": true, "time": "2026-11-21T09:00:00.123Z", "from": "x"}]"#;

    fn written(format: Format, timestamps: bool, colour: bool) -> String {
        let look = if colour { Look::Coloured } else { Look::Escaped };
        let (mut formatter, mut out) = (Formatter::new(format, timestamps, look), Vec::new());
        let frame = Frames::of(FRAME).next().unwrap().unwrap();
        formatter.write(&frame, &mut out);
        formatter.write(&frame, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn twice(line: &str) -> String {
        line.repeat(2)
    }

    #[test]
    fn every_format_keeps_the_payload() {
        assert_eq!(written(Format::Plain, false, false), twice("a/\\u001b {\"t\": [20.10, \"℃,\"]}\n"));
        assert_eq!(
            written(Format::Plain, true, false),
            twice("2026-11-21T09:00:00.123Z a/\\u001b {\"t\": [20.10, \"℃,\"]}\n")
        );
        assert_eq!(written(Format::Json, false, false), twice("[\"a/\\u001b\", {\"t\": [20.10, \"℃,\"]}]\n"));
        assert_eq!(written(Format::Json, true, false), twice(&format!("{FRAME}\n")));
        assert_eq!(
            written(Format::Csv, true, false),
            format!(
                "time,topic,payload\n{}",
                twice("2026-11-21T09:00:00.123Z,a/\\u001b,\"{\"\"t\"\": [20.10, \"\"℃,\"\"]}\"\n")
            )
        );
        assert_eq!(
            written(Format::Pretty, false, false),
            twice("a/\\u001b\n  {\n    \"t\": [20.10, \"℃,\"]\n  }\n")
        );
    }

    #[test]
    fn colours_are_there_where_they_were_asked_for() {
        assert!(written(Format::Plain, false, true).starts_with("\x1b[36ma/\\u001b\x1b[0m {"));
        assert!(!written(Format::Json, true, true).contains('\x1b'));
    }

    #[test]
    fn words_of_others_are_escaped_in_every_format_unless_they_are_wanted_raw() {
        let frame = "[\"a/\u{202e}\", {\"t\":\n\"\u{9b}\\u2103\"}]";
        let written = |format, raw| {
            let look = if raw { Look::Raw } else { Look::Escaped };
            let (mut formatter, mut out) = (Formatter::new(format, false, look), Vec::new());
            formatter.write(&Frames::of(frame).next().unwrap().unwrap(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(Format::Plain, false), "a/\\u202e {\"t\": \"\\u009b℃\"}\n");
        assert_eq!(written(Format::Json, false), "[\"a/\\u202e\", {\"t\": \"\\u009b\\u2103\"}]\n");
        assert_eq!(
            written(Format::Csv, false),
            "topic,payload\na/\\u202e,\"{\"\"t\"\": \"\"\\u009b\\u2103\"\"}\"\n"
        );
        assert_eq!(written(Format::Pretty, false), "a/\\u202e\n  {\n    \"t\": \"\\u009b℃\"\n  }\n");
        assert_eq!(written(Format::Plain, true), "a/\u{202e} {\"t\":\n\"\u{9b}\\u2103\"}\n");
    }
}
