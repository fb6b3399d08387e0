//! A message as a line, or as several where a person is to read it. Payloads stay as they came.

use std::borrow::Cow;
use std::fmt::Write as _;

use clap::ValueEnum;
use serde::Deserialize;

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

pub(super) struct Formatter {
    format: Format,
    timestamps: bool,
    colour: bool,
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
    pub(super) fn new(format: Format, timestamps: bool, colour: bool) -> Self {
        Self { format, timestamps, colour, has_begun: false }
    }

    pub(super) fn write(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        let time = if self.timestamps { options(frame).time } else { Cow::Borrowed("") };
        match self.format {
            Format::Plain => self.plain(frame, &time, out),
            Format::Json => self.json(frame, out),
            Format::Pretty => self.pretty(frame, &time, out),
            Format::Csv => self.csv(frame, &time, out),
        }
        self.has_begun = true;
    }

    fn plain(&self, frame: &Frame<'_>, time: &str, out: &mut Vec<u8>) {
        self.painted("2", time, out);
        if !time.is_empty() {
            out.push(b' ');
        }
        self.painted("36", &visible(&frame.topic), out);
        out.push(b' ');
        out.extend_from_slice(frame.payload.as_bytes());
        out.push(b'\n');
    }

    fn json(&self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        encode(&frame.topic, frame.payload, out);
        if let (true, Some(options)) = (self.timestamps, frame.options) {
            out.pop();
            out.extend_from_slice(b", ");
            out.extend_from_slice(options.as_bytes());
            out.push(b']');
        }
        out.push(b'\n');
    }

    fn pretty(&self, frame: &Frame<'_>, time: &str, out: &mut Vec<u8>) {
        self.painted("1;36", &visible(&frame.topic), out);
        if !time.is_empty() {
            out.push(b' ');
            self.painted("2", time, out);
        }
        out.extend_from_slice(b"\n  ");
        pretty::indent(frame.payload, 1, out);
        out.push(b'\n');
    }

    fn csv(&self, frame: &Frame<'_>, time: &str, out: &mut Vec<u8>) {
        let fields = [time, &frame.topic, frame.payload];
        let names = ["time", "topic", "payload"];
        let first = usize::from(!self.timestamps);
        if !self.has_begun {
            csv::line(names.get(first..).unwrap_or_default(), out);
        }
        csv::line(fields.get(first..).unwrap_or_default(), out);
    }

    fn painted(&self, colour: &str, text: &str, out: &mut Vec<u8>) {
        if self.colour && !text.is_empty() {
            out.extend_from_slice(format!("\x1b[{colour}m{text}\x1b[0m").as_bytes());
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// A topic on one line, and without a power over the terminal.
fn visible(topic: &str) -> Cow<'_, str> {
    if !topic.chars().any(char::is_control) {
        return Cow::Borrowed(topic);
    }
    let mut text = String::new();
    for character in topic.chars() {
        if character.is_control() {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::Frames;

    const FRAME: &str = r#"["a/\u001b", {"t": [20.10, "℃,"]}, {"retained": true, "time": "2026-11-21T09:00:00.123Z", "from": "x"}]"#;

    fn written(format: Format, timestamps: bool, colour: bool) -> String {
        let (mut formatter, mut out) = (Formatter::new(format, timestamps, colour), Vec::new());
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
                twice("2026-11-21T09:00:00.123Z,a/\u{1b},\"{\"\"t\"\": [20.10, \"\"℃,\"\"]}\"\n")
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
}
