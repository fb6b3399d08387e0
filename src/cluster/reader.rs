//! Reads the last values that the servers keep, of what this hub begins to ask for: in pieces, each after its subscription is in
//! effect, so that nothing is missed in between. Pure; time is an argument.
//!
//! What is read in pieces may come from a server that is behind, so the leader is asked for what comes after it. And some seconds
//! later once more: what somebody said just before the subscription was in effect may not have been there yet.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

use crate::hub::Asked;
use crate::topic::Filter;

/// Filters that are read together.
const TOGETHER: usize = 64;
/// Messages that are asked for at one time.
pub const PIECE: u64 = 500;
/// Messages behind a piece that are asked for one by one. With more the filter is read again.
const TAIL: usize = 200;
/// How long after it was read it is looked again.
const LATER: Duration = Duration::from_secs(3);
/// Filters that are to be looked at again. Of more the oldest are not.
const LOOKS: usize = 10_000;
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
    /// The first one of what this filter names, from this number on; the question has that number.
    Tail(Filter, u64, u64),
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
    /// The greatest number that was read.
    seen: u64,
    /// Filters that are read, and behind which number the leader is still to be asked.
    tails: VecDeque<(Filter, u64)>,
    is_at_tails: bool,
    /// Messages that were found behind.
    found: usize,
}

impl Reading {
    fn of(wanted: Vec<Wanted>) -> Self {
        Self {
            wanted,
            name: None,
            left: 0,
            of_piece: 0,
            seen: 0,
            tails: VecDeque::new(),
            is_at_tails: false,
            found: 0,
        }
    }
}

/// All of it.
#[derive(Debug)]
pub struct Reader {
    /// Whose subscription is not known to be in effect.
    unproved: VecDeque<Wanted>,
    waiting: VecDeque<Wanted>,
    under_way: Option<Reading>,
    looks: VecDeque<(Filter, u64, Instant)>,
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
            looks: VecDeque::new(),
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
            return self.look_again(now);
        }
        let wanted: Vec<_> = self.waiting.drain(..many).collect();
        let filters = wanted.iter().map(|(filter, _)| filter.clone()).collect();
        self.under_way = Some(Reading::of(wanted));
        self.since = now;
        Some(Request::Begin(filters))
    }

    fn look_again(&mut self, now: Instant) -> Option<Request> {
        let (filter, seen, _) = self.looks.pop_front_if(|(_, _, at)| now >= *at)?;
        let tails = VecDeque::from([(filter, seen)]);
        self.under_way = Some(Reading { tails, is_at_tails: true, ..Reading::of(Vec::new()) });
        self.since = now;
        self.go_on(now);
        self.requests.pop_front()
    }

    /// When it is to be looked at again.
    pub fn next_date(&self) -> Option<Instant> {
        let answer = self.under_way.as_ref().map(|_| self.since + PATIENCE);
        let begin = self.not_before.filter(|_| !self.waiting.is_empty());
        answer.or(begin).or_else(|| self.looks.front().map(|(_, _, at)| *at))
    }

    /// The servers have begun: what they call it, and how many messages there are.
    pub fn begun(&mut self, name: &str, count: u64, now: Instant) {
        let Some(reading) = self.under_way.as_mut().filter(|reading| reading.name.is_none()) else {
            return self.requests.push_back(Request::End(name.to_owned()));
        };
        (reading.name, reading.left) = (Some(name.to_owned()), count);
        (self.since, self.not_before) = (now, None);
        self.go_on(now);
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
    pub fn came(&mut self, name: &str, number: u64, now: Instant) {
        let Some(reading) = self.under_way.as_mut().filter(|reading| reading.name.as_deref() == Some(name))
        else {
            return;
        };
        self.since = now;
        reading.left = reading.left.saturating_sub(1);
        reading.of_piece += 1;
        reading.seen = reading.seen.max(number);
        if !reading.is_at_tails && (reading.left == 0 || reading.of_piece == PIECE) {
            self.go_on(now);
        }
    }

    /// A piece has ended, whether it was full or not. `is_empty` says that nothing was left.
    pub fn ended(&mut self, piece: u64, is_empty: bool, now: Instant) {
        let Some(reading) = self.under_way.as_mut().filter(|_| piece == self.piece) else { return };
        if reading.name.is_some() && !reading.is_at_tails {
            if is_empty {
                reading.left = 0;
            }
            self.since = now;
            self.go_on(now);
        }
    }

    /// What the leader has behind what was read: the number of a message, or nothing.
    pub fn tail(&mut self, question: u64, found: Option<u64>, now: Instant) {
        let Some(reading) =
            self.under_way.as_mut().filter(|reading| question == self.piece && reading.is_at_tails)
        else {
            return;
        };
        self.since = now;
        let Some((filter, mut seen)) = reading.tails.pop_front() else { return };
        match found {
            Some(number) if reading.found < TAIL => {
                reading.found += 1;
                reading.tails.push_front((filter, number));
            }
            _ => {
                let is_behind = found.is_some();
                // The second look is the last one, but for what is far behind.
                if is_behind || !reading.wanted.is_empty() {
                    seen = found.unwrap_or(seen);
                    self.looks.push_back((filter, seen, now + LATER));
                    if self.looks.len() > LOOKS {
                        self.looks.pop_front();
                    }
                }
            }
        }
        self.go_on(now);
    }

    fn go_on(&mut self, now: Instant) {
        let Some(reading) = &mut self.under_way else { return };
        if !reading.is_at_tails {
            let Some(name) = reading.name.clone() else { return };
            if reading.left > 0 {
                reading.of_piece = 0;
                self.piece += 1;
                return self.requests.push_back(Request::Next(name, self.piece));
            }
            self.requests.push_back(Request::End(name));
            let seen = reading.seen;
            reading.tails = reading.wanted.iter().map(|(filter, _)| (filter.clone(), seen)).collect();
            reading.is_at_tails = true;
        }
        self.since = now;
        match reading.tails.front() {
            None => self.under_way = None,
            Some((filter, seen)) => {
                self.piece += 1;
                self.requests.push_back(Request::Tail(filter.clone(), seen + 1, self.piece));
            }
        }
    }

    fn put_back(&mut self) {
        let Some(Reading { wanted, tails, .. }) = self.under_way.take() else { return };
        self.requests.clear();
        if wanted.is_empty() {
            self.looks.extend(tails.into_iter().map(|(filter, seen)| (filter, seen, self.since + LATER)));
        }
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
        self.looks.clear();
        self.together = TOGETHER;
    }

    /// Whether nothing is being read that is waited for.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.unproved.is_empty()
            && self.under_way.as_ref().is_none_or(|reading| reading.wanted.is_empty())
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
            reader.came("x", 7, now);
            reader.came("another", 9, now);
        }
        assert_eq!(reader.next(now), Some(Request::Next("x".to_owned(), 2)));
        // The end of the first piece comes late.
        reader.ended(1, true, now);
        assert_eq!(reader.next(now), None);
        reader.came("x", 8, now);
        assert_eq!(reader.next(now), Some(Request::End("x".to_owned())));
        // The server may be behind its leader.
        assert_eq!(reader.next(now), Some(Request::Tail(filter("a"), 9, 3)));
        reader.tail(3, Some(11), now);
        assert_eq!(
            (reader.next(now), reader.unfinished()),
            (Some(Request::Tail(filter("a"), 12, 4)), Some(at(1)))
        );
        reader.tail(4, None, now);
        assert_eq!(reader.unfinished(), Some(at(2)));
        assert_eq!(reader.next(now), Some(Request::Begin(vec![filter("b")])));
        reader.begun("y", 0, now);
        assert_eq!(reader.next(now), Some(Request::End("y".to_owned())));
        assert_eq!(reader.next(now), Some(Request::Tail(filter("b"), 1, 5)));
        reader.tail(5, None, now);
        assert!(reader.is_idle() && reader.next(now).is_none());
        // Some seconds later it is looked once more.
        let later = now + LATER;
        assert_eq!(reader.next_date(), Some(later));
        assert_eq!(reader.next(later), Some(Request::Tail(filter("a"), 12, 6)));
        assert!(reader.is_idle() && reader.unfinished().is_none());
        reader.tail(6, None, later);
        assert_eq!(reader.next(later), Some(Request::Tail(filter("b"), 1, 7)));
        reader.tail(7, None, later);
        assert_eq!((reader.next(later), reader.next_date()), (None, None));
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
