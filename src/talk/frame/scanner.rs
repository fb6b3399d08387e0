//! The grammar: one pass over the text, without going back.

use std::borrow::Cow;

use memchr::memchr;

use super::fault::{Fault, FrameError, MAX_DEPTH};

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

/// A cursor over JSON text. `at` always stands on a character boundary: it only ever passes ASCII bytes one by one
/// and whole strings.
pub(super) struct Scanner<'t> {
    text: &'t str,
    pub(super) at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn frame(&mut self) -> Result<Frame<'t>, FrameError> {
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
            Some(_) => self.nul_bytes(),
        }
    }

    /// Passes the end of a C string, and of a buffer that was filled up with it.
    #[cold]
    #[inline(never)]
    fn nul_bytes(&mut self) -> Result<(), FrameError> {
        let start = self.at;
        while let Some(0 | b' ' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
        match self.peek() {
            None | Some(b'\n') => Ok(()),
            Some(_) => Err(FrameError { at: start, fault: Fault::TextAfterFrame }),
        }
    }

    /// Passes one value and the white space before it; returns its text.
    pub(super) fn value(&mut self) -> Result<&'t str, FrameError> {
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
            Some(_) => return Err(self.fault(Fault::NO_KEY)),
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
            Some(_) => Err(self.fault(Fault::NO_VALUE)),
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
            Some(_) => Err(self.fault(Fault::NO_DIGIT)),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), FrameError> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.fault(Fault::NO_VALUE))
    }

    pub(super) fn skip_space(&mut self) {
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
