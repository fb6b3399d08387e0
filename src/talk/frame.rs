//! Text to frames and back, without a JSON tree: a frame borrows its payload from the text it came in.
//!
//! The grammar is RFC 8259, checked to the last byte, because whoever receives the payload gets it unread.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

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
    let start = out.len();
    out.extend_from_slice(payload.as_bytes());
    for byte in out.iter_mut().skip(start) {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.push(b']');
}

/// How many bytes a text has as the inside of a JSON string.
pub fn escaped_len(text: &str) -> usize {
    text.bytes().map(|byte| escape_of(byte).map_or(1, str::len)).sum()
}

/// Appends `text` as the inside of a JSON string. Character by character, so the escape of a prefix is a prefix of
/// the escape.
fn escape(text: &str, out: &mut Vec<u8>) {
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
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape_sequence()?,
                Some(0..0x20) => return Err(self.fault(Fault::ControlCharacter)),
                Some(_) => self.at += 1,
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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    fn decode(text: &str) -> Result<Frame<'_>, FrameError> {
        Frames::of(text).next().expect("not blank")
    }

    fn fault(text: &str) -> (usize, Fault) {
        let error = decode(text).unwrap_err();
        (error.at, error.fault)
    }

    #[test]
    fn a_frame_is_a_topic_a_payload_and_perhaps_options() {
        let frame = decode(r#"["relay/i2c0-3b/set", {"state": true}]"#).unwrap();
        assert_eq!(frame.topic, "relay/i2c0-3b/set");
        assert_eq!(frame.payload, r#"{"state": true}"#);
        assert_eq!(frame.options, None);
        let frame = decode(r#"  [ "a" , 20.10 , {"id": 7} ]  "#).unwrap();
        assert_eq!((frame.payload, frame.options), ("20.10", Some(r#"{"id": 7}"#)));
    }

    #[test]
    fn payload_bytes_are_left_as_they_came() {
        for payload in [
            "20.10",
            "1e400",
            "-0",
            "123456789012345678901234567890",
            "\"\\u2103\"",
            "[ 1 ,2]",
            "\"\\ud800\"",
            "null",
        ] {
            assert_eq!(decode(&format!(r#"["t",{payload}]"#)).unwrap().payload, payload);
        }
    }

    #[test]
    fn a_topic_may_be_written_with_escapes() {
        assert_eq!(decode(r#"["a\/b\u002fc", 1]"#).unwrap().topic, "a/b/c");
        assert_eq!(fault(r#"["\ud800", 1]"#), (1, Fault::Escape));
    }

    #[test]
    fn what_is_no_frame_is_told_with_the_byte_where_it_stops_making_sense() {
        assert_eq!(fault("hello"), (0, Fault::NotAnArray));
        assert_eq!(fault(r#"{"a": 1}"#), (0, Fault::NotAnArray));
        assert_eq!(fault("[]"), (1, Fault::TopicNotAString));
        assert_eq!(fault(r#"["a"]"#), (4, Fault::NoPayload));
        assert_eq!(fault(r#"["a",1,{},2]"#), (9, Fault::TooManyElements));
        assert_eq!(fault(r"[1,2]"), (1, Fault::TopicNotAString));
        assert_eq!(fault(r#"["a",1,2]"#), (7, Fault::OptionsNotAnObject));
        assert_eq!(fault(r#"["a",nan]"#), (5, Fault::Expected("a value")));
        assert_eq!(fault(r#"["a",01]"#), (6, Fault::Expected("',' or ']'")));
        assert_eq!(fault(r#"["a",1.]"#), (7, Fault::Expected("a digit")));
        assert_eq!(fault(r#"["a",{b:1}]"#), (6, Fault::Expected("a key in quotes")));
        assert_eq!(fault(r#"["a","\x"]"#), (6, Fault::Escape));
        assert_eq!(fault("[\"a\",\"\t\"]"), (6, Fault::ControlCharacter));
        assert_eq!(fault(r#"["a",[1,]]"#), (8, Fault::Expected("a value")));
        assert_eq!(fault(r#"["a",{"b":1,}]"#), (12, Fault::Expected("a key in quotes")));
        assert_eq!(fault(r#"["lux-meter/i2c0-44", {"illuminance": [600, "lux"]}"#), (51, Fault::Ended));
        assert_eq!(fault(r#"["a",1] x"#), (8, Fault::TextAfterFrame));
        assert_eq!(fault("\u{c}[\"a\",1]"), (0, Fault::NotAnArray), "a form feed is no white space of JSON");
        assert_eq!(fault("\u{c}"), (0, Fault::NotAnArray));
    }

    #[test]
    fn a_payload_nests_128_deep_and_no_deeper() {
        let nested = |depth: usize| format!(r#"["a",{}1{}]"#, "[".repeat(depth), "]".repeat(depth));
        assert!(decode(&nested(128)).is_ok());
        assert_eq!(decode(&nested(129)).unwrap_err().fault, Fault::TooDeep);
        let objects = |depth: usize| format!(r#"["a",{}1{}]"#, r#"{"k":"#.repeat(depth), "}".repeat(depth));
        assert!(decode(&objects(128)).is_ok());
        assert_eq!(decode(&objects(129)).unwrap_err().fault, Fault::TooDeep);
    }

    #[test]
    fn a_message_holds_several_frames_and_a_bad_one_harms_no_other() {
        let message = "[\"a\",1]\n\n[\"b\", {\"x\": [1}\n[\"c\",\n 3]\r\n[\"d\",4] [\"e\",5]\n[\"f\",6]\n";
        let read: Vec<_> = Frames::of(message).map(|frame| frame.map(|f| f.topic.into_owned())).collect();
        assert_eq!(read[0].as_deref(), Ok("a"));
        assert_eq!(read[1].as_ref().unwrap_err().at, 14);
        assert_eq!(read[2].as_deref(), Ok("c"));
        assert_eq!(read[3].as_ref().unwrap_err().fault, Fault::TextAfterFrame);
        assert_eq!(read[4].as_deref(), Ok("f"));
        assert_eq!(read.len(), 5);
    }

    #[test]
    fn blank_messages_hold_no_frame() {
        for blank in ["", "\n", " \r\n\t\n"] {
            assert!(Frames::of(blank).next().is_none());
        }
    }

    #[test]
    fn an_encoded_frame_is_one_line() {
        let mut out = Vec::new();
        encode("a\"\\\n\u{1}℃", "{\r\n \"b\": 1\n}", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "[\"a\\\"\\\\\\n\\u0001℃\", {   \"b\": 1 }]");
        assert_eq!(escaped_len("a\"\n\u{1}℃"), 1 + 2 + 2 + 6 + 3);
    }

    /// JSON texts, and texts that nearly are.
    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
            "[a-z℃ ]{0,5}".prop_map(|text| format!("\"{text}\"")),
            "\"(\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-f]{4})\"",
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[{}]", items.join(" ,"))),
                prop::collection::vec(inner, 0..3).prop_map(|items| {
                    let pairs: Vec<_> = items.iter().map(|item| format!("\"k\":\t{item}")).collect();
                    format!("{{{}}}", pairs.join(","))
                }),
            ]
        })
    }

    fn twin_accepts(text: &str) -> bool {
        serde_json::from_str::<(String, &RawValue)>(text).is_ok()
            || serde_json::from_str::<(String, &RawValue, &RawValue)>(text)
                .is_ok_and(|(_, _, options)| options.get().starts_with('{'))
    }

    proptest! {
        #[test]
        fn whatever_is_json_comes_back_to_the_byte(payload in json(), topic in "\\PC{0,8}") {
            let mut text = Vec::new();
            encode(&topic, &payload, &mut text);
            let text = String::from_utf8(text).unwrap();
            let frame = decode(&text).unwrap();
            prop_assert_eq!(frame.topic.as_ref(), topic.as_str());
            prop_assert_eq!(frame.payload, payload.as_str());
        }

        #[test]
        fn it_accepts_what_serde_json_accepts_and_nothing_else(
            payload in json(), at in any::<prop::sample::Index>(), junk in "[\\[\\]{}\",:0-9.eE+\\-a-z\\\\ ]",
        ) {
            let mut text = format!(r#"["t",{payload}]"#);
            let mut place = at.index(text.len());
            while !text.is_char_boundary(place) { place -= 1; }
            text.insert_str(place, &junk);
            prop_assert_eq!(decode(&text).is_ok(), twin_accepts(&text), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\",:0-9eEtrufalsn\\\\ \n]{0,64}") {
            for frame in Frames::of(&text) { drop(frame); }
        }
    }
}
