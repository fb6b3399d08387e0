//! What the generator sends, and the book in which every message is looked for: who sent it, its number, and when.
//!
//! A message has the same length and the same text but for three numbers, so writing it is filling in digits and
//! reading it is comparing the rest byte by byte.

use std::collections::HashSet;

use super::latency::Latency;

/// Numbers begin with a one, as JSON knows no leading zeros.
const NUMBERS_FROM: u64 = 1_000_000_000;
const TIMES_FROM: u64 = 100_000_000_000_000;

/// One shape of message: `["before/000017/after", {"n": 1000000000, "t": 100000000000000, "pad": "…"}]`.
#[derive(Debug, Clone)]
pub(super) struct Message {
    text: Vec<u8>,
    source: std::ops::Range<usize>,
    number: std::ops::Range<usize>,
    time: std::ops::Range<usize>,
}

/// The three numbers of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) source: u32,
    pub(super) number: u32,
    pub(super) sent: u64,
}

impl Message {
    /// `before` and `after` are the topic around the number of the source; `pad` bytes make it longer.
    pub(super) fn new(before: &str, after: &str, pad: usize) -> Self {
        let mut text = format!("[\"{before}").into_bytes();
        let source = room(&mut text, 6);
        text.extend_from_slice(format!("{after}\", {{\"n\": ").as_bytes());
        let number = room(&mut text, 10);
        text.extend_from_slice(b", \"t\": ");
        let time = room(&mut text, 15);
        text.extend_from_slice(format!(", \"pad\": \"{}\"}}]", "x".repeat(pad)).as_bytes());
        Self { text, source, number, time }
    }

    /// The message with its numbers filled in.
    pub(super) fn with(&mut self, stamp: Stamp) -> &[u8] {
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

    /// The numbers of a message of this shape; `None` if a single other byte differs.
    pub(super) fn read(&self, text: &[u8]) -> Option<Stamp> {
        let ranges = [
            0..self.source.start,
            self.source.end..self.number.start,
            self.number.end..self.time.start,
            self.time.end..self.text.len(),
        ];
        let same = |range: std::ops::Range<usize>| text.get(range.clone()) == self.text.get(range);
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

fn room(text: &mut Vec<u8>, digits: usize) -> std::ops::Range<usize> {
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
pub(super) struct Book {
    pub(super) shape: Message,
    pub(super) latency: Latency,
    /// Deliveries that must arrive.
    pub(super) expected: u64,
    /// Deliveries that did, each once.
    pub(super) received: u64,
    duplicated: u64,
    disordered: u64,
    sources: usize,
    /// The number that comes next, by reader and source.
    next: Vec<u32>,
    /// Numbers that were passed over: lost, or late.
    passed_over: HashSet<(usize, u32)>,
}

impl Book {
    pub(super) fn new(shape: Message, readers: usize, sources: usize) -> Self {
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
    pub(super) fn take(&mut self, reader: usize, text: &[u8], now: u64) -> Option<Stamp> {
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
    pub(super) fn under_way(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    pub(super) fn checks(&self) -> Checks {
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
pub(super) struct Checks {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) disordered: u64,
}

impl Checks {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            received: self.received + other.received,
            lost: self.lost + other.lost,
            duplicated: self.duplicated + other.duplicated,
            disordered: self.disordered + other.disordered,
        }
    }

    pub(super) fn is_clean(self) -> bool {
        (self.lost, self.duplicated, self.disordered) == (0, 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        Book::new(Message::new("dev/", "/t", 3), 2, 2)
    }

    fn text(source: u32, number: u32) -> Vec<u8> {
        Message::new("dev/", "/t", 3).with(Stamp { source, number, sent: 7 }).to_vec()
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
