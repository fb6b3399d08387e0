//! Text to frames and back, without a JSON tree: a frame borrows its payload from the text it came in.
//!
//! The grammar is RFC 8259, checked to the last byte, because whoever receives the payload gets it unread.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memchr2};

/// How many arrays and objects a payload may hold inside each other.
pub const MAX_DEPTH: u32 = 128;

/// One frame, `[topic, payload]` or `[topic, payload, options]`, borrowed from the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'t> {
    /// The topic with its escapes resolved; not yet checked to be one.
    pub topic: Cow<'t, str>,
    /// Bytes from the start of the frame to the opening quote of the topic.
    pub topic_at: usize,
    /// The payload as it came, without the white space around it.
    pub payload: &'t str,
    /// The options as they came: the text of a JSON object.
    pub options: Option<&'t str>,
}

/// Why a text is no frame, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameError {
    /// Bytes from the start of the frame to the place where it stopped making sense.
    pub at: usize,
    /// What was wrong there.
    pub fault: Fault,
}

/// What can be wrong with a frame; all of it is the sender's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The text does not start with `[`.
    NotAnArray,
    /// The text ended where something was still to come.
    Ended,
    /// A character that has no place here; the text says what was expected.
    Expected(&'static str),
    /// An escape in a string that JSON does not know.
    Escape,
    /// A control character inside a string, which must be written as an escape.
    ControlCharacter,
    /// The first element is not a string.
    TopicNotAString,
    /// Only a topic.
    NoPayload,
    /// The third element is not an object.
    OptionsNotAnObject,
    /// More than three elements.
    TooManyElements,
    /// More than [`MAX_DEPTH`] arrays and objects inside each other.
    TooDeep,
    /// Text goes on after the closing bracket of the frame.
    TextAfterFrame,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnArray => f.write_str("a frame is a JSON array: [topic, payload]"),
            Self::Ended => {
                f.write_str("not JSON: the frame ends too early, a bracket or quote is not closed")
            }
            Self::Expected(what) => write!(f, "not JSON: expected {what}"),
            Self::Escape => f.write_str("not JSON: unknown escape in a string"),
            Self::ControlCharacter => {
                f.write_str("not JSON: control character in a string, write it as \\u00XX")
            }
            Self::TopicNotAString => f.write_str("the first element, the topic, must be a string"),
            Self::NoPayload => f.write_str("the frame has no payload: [topic, payload]"),
            Self::OptionsNotAnObject => f.write_str("the third element, the options, must be an object"),
            Self::TooManyElements => f.write_str("a frame has two or three elements, not more"),
            Self::TooDeep => write!(f, "nesting deeper than {MAX_DEPTH}"),
            Self::TextAfterFrame => {
                f.write_str("text after the end of the frame, a line feed must come between two")
            }
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.fault, self.at)
    }
}

impl std::error::Error for FrameError {}

/// The frames of one message: several are separated by line feeds, blank lines are nothing.
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

    /// Whether nothing is left but white space.
    pub fn is_done(&self) -> bool {
        after_space(self.rest).is_empty()
    }
}

impl<'t> Iterator for Frames<'t> {
    type Item = Result<Frame<'t>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = after_space(self.rest);
        if self.rest.is_empty() {
            return None;
        }
        let mut scanner = Scanner { text: self.rest, at: 0 };
        let frame = scanner.frame();
        let used = match frame {
            Ok(_) => scanner.at,
            Err(_) => memchr(b'\n', self.rest.as_bytes()).unwrap_or(self.rest.len()),
        };
        self.rest = self.rest.get(used..).unwrap_or_default();
        Some(frame)
    }
}

/// The text behind the white space of JSON, which has no form feed.
fn after_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// Appends `[topic, payload]` as the hub writes it. Line feeds and carriage returns in the payload can only be
/// white space between tokens; they become blanks, so that a frame is always one line.
pub fn encode(topic: &str, payload: &str, out: &mut Vec<u8>) {
    out.reserve(topic.len() + payload.len() + 6);
    out.extend_from_slice(b"[\"");
    escape(topic, out);
    out.extend_from_slice(b"\", ");
    if memchr2(b'\n', b'\r', payload.as_bytes()).is_none() {
        out.extend_from_slice(payload.as_bytes());
    } else {
        out.extend(payload.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    }
    out.push(b']');
}

/// The text of one JSON value without the white space around it; `None` where the text is anything else, or is nested
/// deeper than [`MAX_DEPTH`].
pub fn payload(text: &str) -> Option<&str> {
    let mut scanner = Scanner { text, at: 0 };
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
fn escape(text: &str, out: &mut Vec<u8>) {
    if text.bytes().all(|byte| !matches!(byte, 0..0x20 | b'"' | b'\\')) {
        return out.extend_from_slice(text.as_bytes());
    }
    for byte in text.bytes() {
        match escape_of(byte) {
            None => out.push(byte),
            Some(escape) => out.extend_from_slice(escape.as_bytes()),
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

/// A cursor over JSON text. `at` always stands on a character boundary: it only ever passes ASCII bytes one by one
/// and whole strings.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn frame(&mut self) -> Result<Frame<'t>, FrameError> {
        if self.peek() != Some(b'[') {
            return Err(self.fault(Fault::NotAnArray));
        }
        self.at += 1;
        self.skip_space();
        let topic_at = self.at;
        let topic = self.topic()?;
        self.comma_before(Fault::NoPayload)?;
        let payload = self.value()?;
        let options = self.options()?;
        self.end_of_frame()?;
        Ok(Frame { topic, topic_at, payload, options })
    }

    fn topic(&mut self) -> Result<Cow<'t, str>, FrameError> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {}
            None => return Err(self.fault(Fault::Ended)),
            Some(_) => return Err(self.fault(Fault::TopicNotAString)),
        }
        self.string()?;
        let inside = self.slice(start + 1, self.at - 1);
        if memchr(b'\\', inside.as_bytes()).is_none() {
            return Ok(Cow::Borrowed(inside));
        }
        // Only a lone surrogate is left that the scan above has not refused.
        serde_json::from_str::<String>(self.slice(start, self.at))
            .map(Cow::Owned)
            .map_err(|_| FrameError { at: start, fault: Fault::Escape })
    }

    fn options(&mut self) -> Result<Option<&'t str>, FrameError> {
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(None);
        }
        self.comma_before(Fault::Expected("',' or ']'"))?;
        self.skip_space();
        match self.peek() {
            Some(b'{') => {}
            None => return Err(self.fault(Fault::Ended)),
            Some(_) => return Err(self.fault(Fault::OptionsNotAnObject)),
        }
        let options = self.value()?;
        self.skip_space();
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                Ok(Some(options))
            }
            Some(b',') => Err(self.fault(Fault::TooManyElements)),
            Some(_) => Err(self.fault(Fault::Expected("']'"))),
            None => Err(self.fault(Fault::Ended)),
        }
    }

    /// Passes the comma between two elements; a closing bracket in its place is told as `missing`.
    fn comma_before(&mut self, missing: Fault) -> Result<(), FrameError> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(())
            }
            Some(b']') => Err(self.fault(missing)),
            Some(_) => Err(self.fault(Fault::Expected("',' or ']'"))),
            None => Err(self.fault(Fault::Ended)),
        }
    }

    fn end_of_frame(&mut self) -> Result<(), FrameError> {
        while let Some(b' ' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
        match self.peek() {
            None | Some(b'\n') => Ok(()),
            Some(_) => Err(self.fault(Fault::TextAfterFrame)),
        }
    }

    /// Passes one value and the white space before it; returns its text.
    fn value(&mut self) -> Result<&'t str, FrameError> {
        self.skip_space();
        let start = self.at;
        let mut open = Nesting::default();
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'{') => {
                    open.push(Container::Object).map_err(|fault| self.fault(fault))?;
                    self.at += 1;
                    self.skip_space();
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    open.push(Container::Array).map_err(|fault| self.fault(fault))?;
                    self.at += 1;
                    self.skip_space();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            if self.close_or_continue(&mut open)? {
                return Ok(self.slice(start, self.at));
            }
        }
    }

    /// After a value inside containers: closes what is closed here; `true` when nothing is open any more, `false`
    /// when another value follows.
    fn close_or_continue(&mut self, open: &mut Nesting) -> Result<bool, FrameError> {
        while let Some(container) = open.innermost() {
            self.skip_space();
            match (container, self.peek()) {
                (Container::Object, Some(b'}')) | (Container::Array, Some(b']')) => {
                    self.at += 1;
                    open.pop();
                }
                (Container::Object, Some(b',')) => {
                    self.at += 1;
                    self.skip_space();
                    self.key()?;
                    return Ok(false);
                }
                (Container::Array, Some(b',')) => {
                    self.at += 1;
                    return Ok(false);
                }
                (_, None) => return Err(self.fault(Fault::Ended)),
                (Container::Object, Some(_)) => return Err(self.fault(Fault::Expected("',' or '}'"))),
                (Container::Array, Some(_)) => return Err(self.fault(Fault::Expected("',' or ']'"))),
            }
        }
        Ok(true)
    }

    fn key(&mut self) -> Result<(), FrameError> {
        match self.peek() {
            Some(b'"') => self.string()?,
            None => return Err(self.fault(Fault::Ended)),
            Some(_) => return Err(self.fault(Fault::Expected("a key in quotes"))),
        }
        self.skip_space();
        match self.peek() {
            Some(b':') => {
                self.at += 1;
                Ok(())
            }
            None => Err(self.fault(Fault::Ended)),
            Some(_) => Err(self.fault(Fault::Expected("':'"))),
        }
    }

    fn scalar(&mut self) -> Result<(), FrameError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            None => Err(self.fault(Fault::Ended)),
            Some(_) => Err(self.fault(Fault::Expected("a value"))),
        }
    }

    fn string(&mut self) -> Result<(), FrameError> {
        self.at += 1;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'));
            self.at += plain.unwrap_or(rest.len());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape_sequence()?,
                Some(_) => return Err(self.fault(Fault::ControlCharacter)),
                None => return Err(self.fault(Fault::Ended)),
            }
        }
    }

    fn escape_sequence(&mut self) -> Result<(), FrameError> {
        let start = self.at;
        self.at += 1;
        let digits = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            Some(_) => return Err(FrameError { at: start, fault: Fault::Escape }),
            None => return Err(self.fault(Fault::Ended)),
        };
        self.at += 1;
        for _ in 0..digits {
            match self.peek() {
                Some(byte) if byte.is_ascii_hexdigit() => self.at += 1,
                Some(_) => return Err(FrameError { at: start, fault: Fault::Escape }),
                None => return Err(self.fault(Fault::Ended)),
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), FrameError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Passes digits, at least one.
    fn digits(&mut self) -> Result<(), FrameError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.peek() {
            _ if self.at > start => Ok(()),
            None => Err(self.fault(Fault::Ended)),
            Some(_) => Err(self.fault(Fault::Expected("a digit"))),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), FrameError> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.fault(Fault::Expected("a value")))
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn fault(&self, fault: Fault) -> FrameError {
        FrameError { at: self.at, fault }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

/// Which containers are open: one bit each, so that depth costs no memory and cannot overflow a stack.
#[derive(Default)]
struct Nesting {
    depth: u32,
    objects: u128,
}

impl Nesting {
    fn push(&mut self, container: Container) -> Result<(), Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u128::from(container == Container::Object);
        Ok(())
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    fn innermost(&self) -> Option<Container> {
        match (self.depth, self.objects & 1) {
            (0, _) => None,
            (_, 0) => Some(Container::Array),
            _ => Some(Container::Object),
        }
    }
}

#[cfg(test)]
mod tests;
