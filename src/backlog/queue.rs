//! A backlog with one bound, for what goes to another system: in order, and every loss is counted. Pure.

use super::{Backlog, Waits};
use crate::topic::Topic;

/// An empty queue keeps room for so many.
const KEPT: usize = 64;

/// What was skipped or lost.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct GaveWay {
    /// Readings that newer ones of their topics took the place of.
    pub skipped: u64,
    /// Messages that are lost.
    pub lost: u64,
    /// The topic of the last one that is lost.
    pub topic: Option<Topic>,
}

/// A queue with one bound. Up to it, all is kept. From then on, until the queue is empty, a reading takes the place of
/// an older one of its topic; and where that is not enough, the oldest message is lost.
#[derive(Debug)]
pub struct Queue<I> {
    /// It always keeps its book: a last value is looked up there.
    waiting: Backlog<I>,
    most: usize,
    most_bytes: usize,
    only_newest: bool,
}

impl<I: Waits> Queue<I> {
    /// For so many messages and so many bytes, whichever comes first.
    pub fn new(most: usize, most_bytes: usize) -> Self {
        let mut waiting = Backlog::new();
        waiting.open_book();
        Self { waiting, most, most_bytes, only_newest: false }
    }

    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Their bytes.
    pub fn bytes(&self) -> usize {
        self.waiting.bytes()
    }

    /// Whether readings give way.
    pub fn is_full(&self) -> bool {
        self.only_newest
    }

    /// Adds a message at the end, or in the place of an older one. Never waits.
    pub fn offer(&mut self, item: I) -> GaveWay {
        let mut gave_way = GaveWay::default();
        let looked_for = item.topic().filter(|_| item.may_be_again());
        let waiting = looked_for.and_then(|topic| self.waiting.newest(topic));
        if waiting.is_some_and(|waiting| item.is_again(waiting)) {
            return gave_way;
        }
        if !self.only_newest && self.is_past_with(&item) {
            gave_way.skipped = self.keep_newest();
        }
        let left = if self.only_newest { self.waiting.replace(item) } else { Some(item) };
        match left {
            None => gave_way.skipped += 1,
            Some(item) => self.waiting.push(item),
        }
        self.shrink(&mut gave_way);
        gave_way
    }

    /// The first one.
    pub fn pop(&mut self) -> Option<I> {
        let (item, _) = self.waiting.pop()?;
        if self.waiting.is_empty() {
            self.only_newest = false;
            self.waiting.shrink_to(KEPT);
        }
        Some(item)
    }

    /// Puts back what was taken, in front of all others and in its order.
    pub fn put_back(&mut self, entries: impl DoubleEndedIterator<Item = I>) -> GaveWay {
        self.waiting.put_back(entries);
        let mut gave_way = GaveWay::default();
        if self.is_past() {
            gave_way.skipped = self.keep_newest();
            self.shrink(&mut gave_way);
        }
        gave_way
    }

    fn is_past(&self) -> bool {
        self.len() > self.most || self.bytes() > self.most_bytes
    }

    fn is_past_with(&self, item: &I) -> bool {
        self.len() >= self.most || self.bytes() + item.bytes() > self.most_bytes
    }

    /// Only the newest reading of each topic stays, now and from here on.
    fn keep_newest(&mut self) -> u64 {
        self.only_newest = true;
        self.waiting.keep_newest() as u64
    }

    /// The oldest ones are lost until the rest fits.
    fn shrink(&mut self, gave_way: &mut GaveWay) {
        while self.is_past() {
            let Some(oldest) = self.pop() else { return };
            gave_way.lost += 1;
            gave_way.topic = oldest.topic().cloned();
        }
    }
}
