//! Text to frames and back, without a JSON tree: a frame borrows its payload from the text it came in.
//!
//! The grammar is RFC 8259, checked to the last byte, because readers receive the payload unchanged.

use memchr::{memchr, memchr2};

mod explanation;
mod fault;
mod habit;
mod scanner;

use scanner::Scanner;

pub use fault::{Fault, FrameError, MAX_DEPTH};
pub use habit::Habit;
pub use scanner::Frame;

/// What ends a C string.
const NUL: char = '\0';
/// What some editors write in front of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// What stands in front of a frame and is nothing.
const IN_FRONT: [char; 6] = [' ', '\t', '\r', '\n', NUL, BYTE_ORDER_MARK];

/// The frames of one message: several are separated by line feeds, blank lines are nothing. NUL bytes in front of a frame
/// and behind it are nothing either, nor is a byte order mark in front of it.
///
/// After a bad frame reading goes on behind the first line feed that follows its start, so one bad line never
/// takes a good one with it.
#[derive(Debug, Clone)]
pub struct Frames<'t> {
    rest: &'t str,
}

impl<'t> Frames<'t> {
    /// Reads `message` frame by frame.
    pub fn of(message: &'t str) -> Self {
        Self { rest: message }
    }

    /// How many bytes have not been read.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left but what may stand in front of a frame.
    pub fn is_done(&self) -> bool {
        self.rest.trim_start_matches(IN_FRONT).is_empty()
    }
}

impl<'t> Iterator for Frames<'t> {
    type Item = Result<Frame<'t>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = after_space(self.rest);
        if self.rest.is_empty() {
            return None;
        }
        let mut scanner = Scanner::of(self.rest);
        match scanner.frame() {
            Ok(frame) => {
                self.rest = self.rest.get(scanner.at..).unwrap_or_default();
                Some(Ok(frame))
            }
            Err(error) => self.no_frame(error),
        }
    }
}

impl<'t> Frames<'t> {
    /// What stands here is no frame. Either there are bytes in front of one that are nothing, or the line is bad, and why
    /// is looked at more closely. None of this costs a good frame anything.
    #[cold]
    #[inline(never)]
    fn no_frame(&mut self, error: FrameError) -> Option<Result<Frame<'t>, FrameError>> {
        let text = self.rest.trim_start_matches(IN_FRONT);
        if text.len() < self.rest.len() {
            self.rest = text;
            return self.next();
        }
        let line_feed = memchr(b'\n', text.as_bytes()).unwrap_or(text.len());
        self.rest = text.get(line_feed..).unwrap_or_default();
        Some(Err(explanation::explained(error, text)))
    }
}

/// The text behind the white space of JSON, which has no form feed.
fn after_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// Appends `[topic, payload]` as the hub writes it. Line feeds and carriage returns in the payload can only be
/// white space between tokens; they become blanks, so that a frame is always one line.
pub fn encode(topic: &str, payload: &str, out: &mut String) {
    // Exactly, as most topics have nothing to escape: a text that is kept is then as long as its memory.
    out.reserve_exact(topic.len() + payload.len() + 6);
    out.push_str("[\"");
    escape(topic, out);
    out.push_str("\", ");
    if memchr2(b'\n', b'\r', payload.as_bytes()).is_none() {
        out.push_str(payload);
    } else {
        out.extend(payload.chars().map(|char| if matches!(char, '\n' | '\r') { ' ' } else { char }));
    }
    out.push(']');
}

/// The text of one JSON value without the white space around it; `None` where the text is anything else, or is nested
/// deeper than [`MAX_DEPTH`].
pub fn payload(text: &str) -> Option<&str> {
    let mut scanner = Scanner::of(text);
    let value = scanner.value().ok()?;
    scanner.skip_space();
    (scanner.at == text.len()).then_some(value)
}

/// How many bytes a text has as the inside of a JSON string.
pub fn escaped_len(text: &str) -> usize {
    text.bytes().map(|byte| escape_of(byte).map_or(1, str::len)).sum()
}

/// Appends `text` as the inside of a JSON string. Character by character, so the escape of a prefix is a prefix of
/// the escape.
fn escape(text: &str, out: &mut String) {
    // All bytes, and not until the first one is found: many at a time are compared so.
    if !text.bytes().fold(false, |found, byte| found | matches!(byte, 0..0x20 | b'"' | b'\\')) {
        return out.push_str(text);
    }
    for char in text.chars() {
        match u8::try_from(char).ok().and_then(escape_of) {
            None => out.push(char),
            Some(escape) => out.push_str(escape),
        }
    }
}

fn escape_of(byte: u8) -> Option<&'static str> {
    const CONTROL: [&str; 32] = [
        "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007", "\\b", "\\t",
        "\\n", "\\u000b", "\\f", "\\r", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012", "\\u0013",
        "\\u0014", "\\u0015", "\\u0016", "\\u0017", "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c",
        "\\u001d", "\\u001e", "\\u001f",
    ];
    match byte {
        b'"' => Some("\\\""),
        b'\\' => Some("\\\\"),
        control => CONTROL.get(usize::from(control)).copied(),
    }
}

#[cfg(test)]
mod tests;
