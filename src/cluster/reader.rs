//! Reads the last values that the servers keep, of what this hub begins to ask for: in pieces, each after its subscription is in
//! effect, so that nothing is missed in between. Pure; time is an argument.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

use crate::hub::Asked;
use crate::topic::Filter;

/// Filters that are read together.
const TOGETHER: usize = 64;
/// Messages that are asked for at one time.
pub const PIECE: u64 = 500;
/// So long after no answer came it is begun anew.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the servers are to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To go through what these filters name.
    Begin(Vec<Filter>),
    /// For the next piece, which has this number.
    Next(String, u64),
    /// That is enough.
    End(String),
}

/// Something that is to be read, and how far the changes had come that asked for it.
type Wanted = (Filter, Asked);

/// What is being read.
#[derive(Debug)]
struct Reading {
    wanted: Vec<Wanted>,
    /// What the servers call it, once they have answered.
    name: Option<String>,
    /// Messages that are still to come.
    left: u64,
    /// How many of the piece.
    of_piece: u64,
}

/// All of it.
#[derive(Debug)]
pub struct Reader {
    /// Whose subscription is not known to be in effect.
    unproved: VecDeque<Wanted>,
    waiting: VecDeque<Wanted>,
    under_way: Option<Reading>,
    /// Where servers are old they take one filter at a time.
    together: usize,
    piece: u64,
    requests: VecDeque<Request>,
    /// When there was an answer, or something to begin with.
    since: Instant,
    /// Before this nothing is begun.
    not_before: Option<Instant>,
}

impl Reader {
    /// With nothing to read.
    pub fn new(now: Instant) -> Self {
        Self {
            unproved: VecDeque::new(),
            waiting: VecDeque::new(),
            under_way: None,
            together: TOGETHER,
            piece: 0,
            requests: VecDeque::new(),
            since: now,
            not_before: None,
        }
    }

    /// This is to be read, once all is in effect that was asked for up to there.
    pub fn want(&mut self, filter: Filter, asked: Asked) {
        if !self.unproved.iter().any(|(wanted, _)| *wanted == filter) {
            self.unproved.push_back((filter, asked));
        }
    }

    /// All is in effect that was asked for up to there.
    pub fn proved(&mut self, asked: Asked, now: Instant) {
        if self.waiting.is_empty() && self.under_way.is_none() {
            self.since = now;
        }
        while let Some(wanted) = self.unproved.pop_front_if(|(_, since)| *since <= asked) {
            self.waiting.push_back(wanted);
        }
    }

    /// What is not read yet, of what was asked for the longest ago.
    pub fn unfinished(&self) -> Option<Asked> {
        let reading = self.under_way.iter().flat_map(|reading| &reading.wanted);
        self.unproved.iter().chain(&self.waiting).chain(reading).map(|(_, asked)| *asked).min()
    }

    /// Whether nothing has come for so long although it is waited for.
    pub fn stands_still(&self, now: Instant, time: Duration) -> bool {
        now >= self.since + time
    }

    /// The next request.
    pub fn next(&mut self, now: Instant) -> Option<Request> {
        if let Some(request) = self.requests.pop_front() {
            return Some(request);
        }
        if self.under_way.is_some() && now >= self.since + PATIENCE {
            self.begin_anew(now);
        }
        if self.under_way.is_some() || self.not_before.is_some_and(|until| now < until) {
            return None;
        }
        let many = self.together.min(self.waiting.len());
        if many == 0 {
            return None;
        }
        let wanted: Vec<_> = self.waiting.drain(..many).collect();
        let filters = wanted.iter().map(|(filter, _)| filter.clone()).collect();
        self.under_way = Some(Reading { wanted, name: None, left: 0, of_piece: 0 });
        self.since = now;
        Some(Request::Begin(filters))
    }

    /// When it is to be looked at again.
    pub fn next_date(&self) -> Option<Instant> {
        let answer = self.under_way.as_ref().map(|_| self.since + PATIENCE);
        answer.or_else(|| self.not_before.filter(|_| !self.waiting.is_empty()))
    }

    /// The servers have begun: what they call it, and how many messages there are.
    pub fn begun(&mut self, name: &str, count: u64, now: Instant) {
        let Some(reading) = self.under_way.as_mut().filter(|reading| reading.name.is_none()) else {
            return self.requests.push_back(Request::End(name.to_owned()));
        };
        (reading.name, reading.left) = (Some(name.to_owned()), count);
        (self.since, self.not_before) = (now, None);
        self.go_on();
    }

    /// The servers do not go through that.
    pub fn refused(&mut self, now: Instant) {
        if self.under_way.as_ref().is_some_and(|reading| reading.wanted.len() > 1) {
            self.together = 1;
            self.put_back();
        } else {
            self.begin_anew(now);
        }
    }

    /// A message has come of what has this name.
    pub fn came(&mut self, name: &str, now: Instant) {
        let Some(reading) = self.under_way.as_mut().filter(|reading| reading.name.as_deref() == Some(name))
        else {
            return;
        };
        self.since = now;
        reading.left = reading.left.saturating_sub(1);
        reading.of_piece += 1;
        if reading.left == 0 || reading.of_piece == PIECE {
            self.go_on();
        }
    }

    /// A piece has ended, whether it was full or not. `is_empty` says that nothing was left.
    pub fn ended(&mut self, piece: u64, is_empty: bool, now: Instant) {
        let Some(reading) = self.under_way.as_mut().filter(|_| piece == self.piece) else { return };
        if reading.name.is_some() {
            if is_empty {
                reading.left = 0;
            }
            self.since = now;
            self.go_on();
        }
    }

    fn go_on(&mut self) {
        let Some(reading) = &mut self.under_way else { return };
        let Some(name) = reading.name.clone() else { return };
        if reading.left == 0 {
            self.under_way = None;
            self.requests.push_back(Request::End(name));
        } else {
            reading.of_piece = 0;
            self.piece += 1;
            self.requests.push_back(Request::Next(name, self.piece));
        }
    }

    fn put_back(&mut self) {
        let Some(Reading { wanted, .. }) = self.under_way.take() else { return };
        self.requests.clear();
        for wanted in wanted.into_iter().rev() {
            self.waiting.push_front(wanted);
        }
    }

    fn begin_anew(&mut self, now: Instant) {
        self.put_back();
        self.not_before = Some(now + PATIENCE / 2);
    }

    /// The connection is gone, or what is read there: all is to be read again, when it is asked for again.
    pub fn away(&mut self) {
        (self.under_way, self.not_before) = (None, None);
        self.requests.clear();
        self.waiting.clear();
        self.unproved.clear();
        self.together = TOGETHER;
    }

    /// Whether nothing is being read.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_none() && self.waiting.is_empty() && self.unproved.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Limits;

    fn filter(text: &str) -> Filter {
        Filter::parse(text, &Limits::default()).unwrap()
    }

    fn at(number: u64) -> Asked {
        Asked::from_number(number)
    }

    #[test]
    fn it_is_read_once_the_subscription_is_in_effect_and_in_pieces() {
        let now = Instant::now();
        let mut reader = Reader::new(now);
        reader.want(filter("a"), at(1));
        reader.want(filter("b"), at(2));
        assert_eq!((reader.next(now), reader.unfinished()), (None, Some(at(1))));
        reader.proved(at(1), now);
        assert_eq!(reader.next(now), Some(Request::Begin(vec![filter("a")])));
        reader.proved(at(2), now);
        assert_eq!(reader.next(now), None);
        reader.begun("x", PIECE + 1, now);
        assert_eq!(reader.next(now), Some(Request::Next("x".to_owned(), 1)));
        for _ in 0..PIECE {
            reader.came("x", now);
            reader.came("another", now);
        }
        assert_eq!(reader.next(now), Some(Request::Next("x".to_owned(), 2)));
        // The end of the first piece comes late.
        reader.ended(1, true, now);
        assert_eq!(reader.next(now), None);
        reader.came("x", now);
        assert_eq!(reader.next(now), Some(Request::End("x".to_owned())));
        assert_eq!(reader.unfinished(), Some(at(2)));
        assert_eq!(reader.next(now), Some(Request::Begin(vec![filter("b")])));
        reader.begun("y", 0, now);
        assert_eq!(reader.next(now), Some(Request::End("y".to_owned())));
        assert!(reader.is_idle());
    }

    #[test]
    fn what_does_not_answer_is_begun_anew_and_old_servers_take_one_filter_at_a_time() {
        let now = Instant::now();
        let mut reader = Reader::new(now);
        for text in ["a", "b"] {
            reader.want(filter(text), at(1));
        }
        reader.proved(at(1), now);
        assert_eq!(reader.next(now), Some(Request::Begin(vec![filter("a"), filter("b")])));
        reader.refused(now);
        assert_eq!(reader.next(now), Some(Request::Begin(vec![filter("a")])));
        let later = now + PATIENCE;
        assert_eq!(reader.next(later), None);
        assert!(reader.stands_still(later, PATIENCE));
        let again = later + PATIENCE;
        assert_eq!(reader.next(again), Some(Request::Begin(vec![filter("a")])));
        reader.begun("x", 3, again);
        reader.begun("late", 3, again);
        assert_eq!(reader.next(again), Some(Request::Next("x".to_owned(), 1)));
        assert_eq!(reader.next(again), Some(Request::End("late".to_owned())));
        reader.ended(1, true, again);
        assert_eq!(reader.next(again), Some(Request::End("x".to_owned())));
    }
}
