//! What the generator sends, and the book in which every message is looked for: who sent it, its number, and when.
//!
//! A message has the same length and the same text but for three numbers, so writing it is filling in digits and
//! reading it is comparing the rest byte by byte.

use std::collections::HashSet;
use std::ops::Range;

use crate::dialect::{Dialect, Shape};
use crate::latency::Latency;

/// Numbers begin with a one, as JSON knows no leading zeros.
const NUMBERS_FROM: u64 = 1_000_000_000;
const TIMES_FROM: u64 = 100_000_000_000_000;

/// One shape of message: `["before/000017/after", {"n": 1000000000, "t": 100000000000000, "pad": "…"}]`, or the same
/// in the words of another dialect.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    sent: Template,
    received: Template,
}

/// A text with places for three numbers, and a hole for what anybody may write there.
#[derive(Debug, Clone)]
struct Template {
    text: Vec<u8>,
    source: Range<usize>,
    hole: Range<usize>,
    number: Range<usize>,
    time: Range<usize>,
}

/// The three numbers of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) source: u32,
    pub(crate) number: u32,
    pub(crate) sent: u64,
}

const SOURCE_DIGITS: usize = 6;
const NUMBER_DIGITS: usize = 10;
const TIME_DIGITS: usize = 15;

impl Message {
    /// `before` and `after` are the topic around the number of the source; `pad` bytes make it longer.
    pub(crate) fn new(dialect: Dialect, base: &str, before: &str, after: &str, pad: usize) -> Self {
        let topic = dialect.topic(base, &format!("{before}\0{after}"));
        let topic = topic.split_once('\0').unwrap_or((&topic, ""));
        let payload = ["{\"n\": ", ", \"t\": ", &format!(", \"pad\": \"{}\"}}", "x".repeat(pad))];
        let topic_length = topic.0.len() + SOURCE_DIGITS + topic.1.len();
        let payload_length = payload.concat().len() + NUMBER_DIGITS + TIME_DIGITS;
        let shapes = dialect.shapes(topic_length, payload_length);
        let [sent, received] = shapes.map(|shape| Template::new(&shape, topic, payload));
        Self { sent, received }
    }

    /// The message with its numbers filled in, as it is sent.
    pub(crate) fn with(&mut self, stamp: Stamp) -> &[u8] {
        self.sent.with(stamp)
    }

    /// The numbers of a message of this shape, as it is received; `None` if a single other byte differs.
    pub(crate) fn read(&self, text: &[u8]) -> Option<Stamp> {
        self.received.read(text)
    }
}

impl Template {
    fn new(shape: &Shape, topic: (&str, &str), payload: [&str; 3]) -> Self {
        let mut text = [&shape.head, topic.0.as_bytes()].concat();
        let source = room(&mut text, SOURCE_DIGITS);
        text.extend_from_slice(topic.1.as_bytes());
        let hole = text.len() + shape.hole.start..text.len() + shape.hole.end;
        text.extend_from_slice(&shape.joint);
        text.extend_from_slice(payload[0].as_bytes());
        let number = room(&mut text, NUMBER_DIGITS);
        text.extend_from_slice(payload[1].as_bytes());
        let time = room(&mut text, TIME_DIGITS);
        text.extend_from_slice(payload[2].as_bytes());
        text.extend_from_slice(&shape.end);
        Self { text, source, hole, number, time }
    }

    fn with(&mut self, stamp: Stamp) -> &[u8] {
        let parts = [
            (&self.source, u64::from(stamp.source)),
            (&self.number, NUMBERS_FROM + u64::from(stamp.number)),
            (&self.time, TIMES_FROM + stamp.sent % TIMES_FROM),
        ];
        for (place, mut value) in parts {
            for digit in self.text.get_mut(place.clone()).into_iter().flatten().rev() {
                *digit = b'0' + u8::try_from(value % 10).unwrap_or_default();
                value /= 10;
            }
        }
        &self.text
    }

    fn read(&self, text: &[u8]) -> Option<Stamp> {
        let ranges = [
            0..self.source.start,
            self.source.end..self.hole.start,
            self.hole.end..self.number.start,
            self.number.end..self.time.start,
            self.time.end..self.text.len(),
        ];
        let same = |range: Range<usize>| text.get(range.clone()) == self.text.get(range);
        if text.len() != self.text.len() || !ranges.into_iter().all(same) {
            return None;
        }
        Some(Stamp {
            source: u32::try_from(digits(text.get(self.source.clone())?)?).ok()?,
            number: u32::try_from(digits(text.get(self.number.clone())?)?.checked_sub(NUMBERS_FROM)?).ok()?,
            sent: digits(text.get(self.time.clone())?)?.checked_sub(TIMES_FROM)?,
        })
    }
}

fn room(text: &mut Vec<u8>, digits: usize) -> Range<usize> {
    let start = text.len();
    text.resize(start + digits, b'1');
    start..text.len()
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter()
        .try_fold(0, |sum, digit| Some(sum * 10 + u64::from(digit.checked_sub(b'0').filter(|d| *d < 10)?)))
}

/// Which messages every reader got of every source, and in which order.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) shape: Message,
    pub(crate) latency: Latency,
    /// Deliveries that must arrive.
    pub(crate) expected: u64,
    /// Deliveries that did, each once.
    pub(crate) received: u64,
    duplicated: u64,
    disordered: u64,
    sources: usize,
    /// The number that comes next, by reader and source.
    next: Vec<u32>,
    /// Numbers that were passed over: lost, or late.
    passed_over: HashSet<(usize, u32)>,
}

impl Book {
    pub(crate) fn new(shape: Message, readers: usize, sources: usize) -> Self {
        Self {
            shape,
            latency: Latency::default(),
            expected: 0,
            received: 0,
            duplicated: 0,
            disordered: 0,
            sources,
            next: vec![0; readers * sources],
            passed_over: HashSet::new(),
        }
    }

    /// Writes a message down that a reader got; `None` if it is not of this shape.
    pub(crate) fn take(&mut self, reader: usize, text: &[u8], now: u64) -> Option<Stamp> {
        let stamp = self.shape.read(text)?;
        let flow = reader * self.sources + stamp.source as usize;
        let next = self.next.get_mut(flow).filter(|_| (stamp.source as usize) < self.sources)?;
        self.latency.add((now % TIMES_FROM).saturating_sub(stamp.sent));
        if stamp.number >= *next {
            self.passed_over.extend((*next..stamp.number).map(|number| (flow, number)));
            *next = stamp.number + 1;
            self.received += 1;
        } else if self.passed_over.remove(&(flow, stamp.number)) {
            self.disordered += 1;
            self.received += 1;
        } else {
            self.duplicated += 1;
        }
        Some(stamp)
    }

    /// Deliveries that have not come.
    pub(crate) fn under_way(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    pub(crate) fn checks(&self) -> Checks {
        Checks {
            sent: self.expected,
            received: self.received,
            lost: self.expected.saturating_sub(self.received),
            duplicated: self.duplicated + self.received.saturating_sub(self.expected),
            disordered: self.disordered,
        }
    }
}

/// What was counted: deliveries that had to arrive, and what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checks {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) disordered: u64,
}

impl Checks {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            received: self.received + other.received,
            lost: self.lost + other.lost,
            duplicated: self.duplicated + other.duplicated,
            disordered: self.disordered + other.disordered,
        }
    }

    pub(crate) fn is_clean(self) -> bool {
        (self.lost, self.duplicated, self.disordered) == (0, 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        Book::new(message(Dialect::Talk), 2, 2)
    }

    fn message(dialect: Dialect) -> Message {
        Message::new(dialect, "base", "dev/", "/t", 3)
    }

    fn text(source: u32, number: u32) -> Vec<u8> {
        message(Dialect::Talk).with(Stamp { source, number, sent: 7 }).to_vec()
    }

    #[test]
    fn a_message_is_json_and_is_read_as_it_was_written() {
        let text = text(17, 4);
        assert!(serde_json::from_slice::<serde_json::Value>(&text).unwrap().is_array());
        assert_eq!(book().shape.read(&text), Some(Stamp { source: 17, number: 4, sent: 7 }));
        for at in [0, 3, text.len() - 3] {
            let mut other = text.clone();
            other[at] ^= 1;
            assert_eq!(book().shape.read(&other), None, "byte {at}");
        }
    }

    #[test]
    fn every_dialect_has_its_own_bytes_for_the_same_message() {
        let payload = r#"{"n": 1000000004, "t": 100000000000007, "pad": "xxx"}"#;
        let sent = |dialect| {
            let text = message(dialect).with(Stamp { source: 17, number: 4, sent: 7 }).to_vec();
            String::from_utf8(text).unwrap()
        };
        assert_eq!(sent(Dialect::Talk), format!("[\"dev/000017/t\", {payload}]"));
        assert_eq!(sent(Dialect::Mqtt), format!("0\u{48}\0\u{11}base/dev/000017/t{payload}"));
        assert_eq!(sent(Dialect::Nats), format!("PUB base.dev.000017.t {}\r\n{payload}\r\n", payload.len()));
        let received = format!("MSG base.dev.000017.t 123456 {}\r\n{payload}\r\n", payload.len());
        let stamp = message(Dialect::Nats).read(received.as_bytes());
        assert_eq!(stamp, Some(Stamp { source: 17, number: 4, sent: 7 }));
    }

    #[test]
    fn the_book_tells_lost_doubled_and_late_messages_apart() {
        let mut book = book();
        book.expected = 6;
        for (source, number) in [(0, 0), (0, 2), (0, 1), (0, 1), (1, 0), (1, 2)] {
            assert!(book.take(1, &text(source, number), 9).is_some());
        }
        let checks = book.checks();
        assert_eq!((checks.received, checks.lost, checks.duplicated, checks.disordered), (5, 1, 1, 1));
        assert!(!checks.is_clean() && book.take(1, b"[\"presence\", 1]", 9).is_none());
    }
}
