//! What waits in line for somebody who is slower than it comes, where readings give way to newer ones. Pure, and without
//! a bound of its own: whoever has one decides when readings give way, and what comes after that.
//!
//! A reading may take the place of an older one of its topic only where nothing else of that topic stands behind the
//! older one: all messages of a topic keep their order. Where such readings are is in the *book*, which a backlog need
//! not keep while nothing gives way.

mod queue;

use std::collections::{HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;

pub(crate) use self::queue::{GaveWay, Queue};
use crate::topic::Topic;

/// Something that waits.
pub trait Waits {
    /// How many bytes it counts.
    fn bytes(&self) -> usize;

    /// The topic of the message that it is; `None` where it is something else.
    fn topic(&self) -> Option<&Topic>;

    /// The same, if it is a reading: a newer message of its topic makes it worthless.
    fn reading(&self) -> Option<&Topic>;

    /// Whether it may be here already.
    fn may_be_again(&self) -> bool {
        false
    }

    /// Whether the reading that waits already, of the same topic, is the very same one.
    fn is_again(&self, _waiting: &Self) -> bool {
        false
    }
}

/// Items in the order in which they came, with the sum of their bytes.
#[derive(Debug)]
pub(crate) struct Backlog<I> {
    items: VecDeque<I>,
    /// The number of the first item, counted since the backlog was made.
    first: u64,
    bytes: usize,
    /// The book: where the last message of a topic waits, if that is a reading. `None` while it is not kept.
    newest: Option<HashMap<Topic, u64, RandomState>>,
}

/// The number that the first item of all has. Below it is room for those that are put back.
const BEGIN: u64 = u64::MAX / 2;

impl<I: Waits> Backlog<I> {
    /// An empty one, which keeps no book.
    pub(crate) const fn new() -> Self {
        Self { items: VecDeque::new(), first: BEGIN, bytes: 0, newest: None }
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The bytes of all items.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// For how many items there is room.
    pub(crate) fn capacity(&self) -> usize {
        self.items.capacity()
    }

    /// What waits, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &I> {
        self.items.iter()
    }

    /// What comes next.
    pub(crate) fn front(&self) -> Option<&I> {
        self.items.front()
    }

    /// What came last.
    pub(crate) fn back(&self) -> Option<&I> {
        self.items.back()
    }

    /// Whether the book is kept.
    pub(crate) fn has_book(&self) -> bool {
        self.newest.is_some()
    }

    /// Keeps the book from here on.
    pub(crate) fn open_book(&mut self) {
        let mut newest = HashMap::default();
        for (number, item) in (self.first..).zip(&self.items) {
            note(&mut newest, item, number);
        }
        self.newest = Some(newest);
    }

    /// Keeps the book no longer.
    pub(crate) fn close_book(&mut self) {
        self.newest = None;
    }

    /// The reading whose place a newer one of this topic would take, as far as the book is kept.
    pub(crate) fn newest(&self, topic: &Topic) -> Option<&I> {
        let number = self.newest.as_ref()?.get(topic)?;
        self.items.get(self.position(*number)?)
    }

    /// Puts an item at the end.
    #[inline]
    pub(crate) fn push(&mut self, item: I) {
        self.bytes += item.bytes();
        if let Some(newest) = &mut self.newest {
            note(newest, &item, self.first + self.items.len() as u64);
        }
        self.items.push_back(item);
    }

    /// Puts a reading in the place of the older one that waits; gives it back where none does.
    #[inline]
    pub(crate) fn replace(&mut self, item: I) -> Option<I> {
        let Some(newest) = &self.newest else { return Some(item) };
        let Some(number) = item.reading().and_then(|topic| newest.get(topic)) else { return Some(item) };
        let Some(older) = self.position(*number).and_then(|at| self.items.get_mut(at)) else {
            return Some(item);
        };
        self.bytes = self.bytes + item.bytes() - older.bytes();
        *older = item;
        None
    }

    /// Takes the first item, and says how many bytes it counted.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(I, usize)> {
        let item = self.items.pop_front()?;
        let bytes = item.bytes();
        self.bytes -= bytes;
        if let Some(newest) = &mut self.newest
            && let Some(topic) = item.reading()
            && newest.get(topic) == Some(&self.first)
        {
            newest.remove(topic);
        }
        self.first += 1;
        Some((item, bytes))
    }

    /// Takes everything, and with it the book. `taken` is empty, and lends its room in return.
    #[inline]
    pub(crate) fn take_all(&mut self, taken: &mut VecDeque<I>) {
        self.first += self.items.len() as u64;
        self.bytes = 0;
        self.newest = None;
        std::mem::swap(&mut self.items, taken);
    }

    /// Puts items back that were taken, in front of all others and in their order. What waits is walked through once, if
    /// the book is kept.
    pub(crate) fn put_back(&mut self, items: impl DoubleEndedIterator<Item = I>) {
        let others = self.first;
        for item in items.rev() {
            self.bytes += item.bytes();
            self.first -= 1;
            self.items.push_front(item);
        }
        let Some(newest) = &mut self.newest else { return };
        let mut last = HashMap::<&Topic, u64, RandomState>::default();
        for (number, item) in (self.first..).zip(&self.items) {
            match (item.reading(), item.topic()) {
                (Some(topic), _) if number < others => {
                    last.insert(topic, number);
                }
                (Some(_), _) | (None, None) => {}
                // A reading that comes must stay behind this one.
                (None, Some(topic)) => {
                    last.remove(topic);
                }
            }
        }
        for (topic, number) in last {
            newest.entry(topic.clone()).or_insert(number);
        }
    }

    /// Drops all readings but the newest of each topic, and keeps the book from here on. Returns how many gave way.
    pub(crate) fn keep_newest(&mut self) -> usize {
        let mut seen = HashSet::<&Topic, RandomState>::default();
        let topics = self.items.iter().rev().map(Waits::reading);
        let mut stays: Vec<bool> = topics.map(|topic| topic.is_none_or(|topic| seen.insert(topic))).collect();
        let before = self.items.len();
        self.newest = Some(HashMap::default());
        self.retain(|_| stays.pop().unwrap_or(true));
        before - self.items.len()
    }

    /// Keeps only these items. They get new places, so that what was large does not stay so.
    pub(crate) fn retain(&mut self, mut stays: impl FnMut(&I) -> bool) {
        let items = std::mem::take(&mut self.items);
        self.bytes = 0;
        if let Some(newest) = &mut self.newest {
            newest.clear();
        }
        items.into_iter().filter(|item| stays(item)).for_each(|item| self.push(item));
    }

    /// Lets go of room for more than so many items.
    #[inline]
    pub(crate) fn shrink_to(&mut self, items: usize) {
        if let Some(newest) = &mut self.newest {
            newest.shrink_to(items);
        }
        self.items.shrink_to(items);
    }

    fn position(&self, number: u64) -> Option<usize> {
        number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok())
    }
}

/// Notes an item that came last.
#[inline]
fn note<I: Waits>(newest: &mut HashMap<Topic, u64, RandomState>, item: &I, number: u64) {
    if let Some(topic) = item.reading() {
        newest.insert(topic.clone(), number);
    } else if let Some(topic) = item.topic() {
        // A reading that follows must not stand before this one.
        newest.remove(topic);
    }
}

#[cfg(test)]
mod tests;
