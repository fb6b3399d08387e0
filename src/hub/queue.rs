//! What waits for one reader: when readings begin to give way, and when it is too much. Pure; the lock is in `outbox`, and
//! which readings give way in `backlog`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::generation::Generation;
use super::lasting::Ticket;
use super::publication::Publication;
use crate::backlog::{Backlog, Waits};
use crate::talk::Kind;
use crate::topic::{Share, Topic};

/// Something to be sent.
#[derive(Debug, Clone)]
pub enum Item {
    /// A message, as it happened.
    Message(Arc<Publication>),
    /// The same, which is in the book of sessions that last.
    Noted(Arc<Publication>, Arc<Ticket>),
    /// One that the reader gets as a member of a group, and nobody else there.
    Shared(Arc<Publication>, Box<Via>),
    /// Here come the last values that the change of the subscription that made this generation asked for. They are
    /// looked up when their turn comes.
    LastValues(Generation),
    /// A frame of the hub to this client alone.
    Reply(String),
}

/// How a message came that was for one member of a group.
#[derive(Debug, Clone)]
pub struct Via {
    /// The group.
    pub share: Share,
    /// Its place in the book of sessions that last, where it has one.
    pub ticket: Option<Arc<Ticket>>,
}

/// When readings begin to give way, and when the reader is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Waiting frames from which on only the newest reading of a topic is kept.
    pub messages: usize,
    /// The same in bytes.
    pub bytes: usize,
    /// Waiting frames that end the connection.
    pub hard_messages: usize,
    /// The same in bytes.
    pub hard_bytes: usize,
}

/// What an [`offer`](Queue::offer) led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// It waits for its turn.
    Queued,
    /// It waits for its turn, and older readings gave way: this many.
    Replaced(u64),
    /// The hard bound is passed: this many frames were thrown away and nothing more is taken.
    Overflowed(u64),
    /// The queue had been given up before.
    Refused,
}

/// A queue of frames with two bounds. Up to the first it is plain. From there on a reading takes the place of an
/// older one of its topic, while everything else still queues. At the second it is given up.
#[derive(Debug)]
pub(super) struct Queue {
    bounds: Bounds,
    /// Readings give way while it keeps its book.
    waiting: Backlog<Item>,
    /// How many of the items are frames.
    messages: usize,
    /// How many of the items stand for last values.
    last_values: usize,
    always_newest: bool,
    overflowed: bool,
}

/// An empty queue keeps room for so many items.
const KEPT: usize = 64;

impl Queue {
    /// An empty queue.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            waiting: Backlog::new(),
            messages: 0,
            last_values: 0,
            always_newest: false,
            overflowed: false,
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many items wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes of the frames that wait.
    pub(super) fn bytes(&self) -> usize {
        self.waiting.bytes()
    }

    /// Bytes of the places in which everything waits, beside the frames.
    pub(super) fn places(&self) -> usize {
        self.waiting.capacity() * size_of::<Item>()
    }

    /// How many hold what came last.
    pub(super) fn readers_of_the_last(&self) -> usize {
        match self.waiting.back() {
            Some(Item::Message(message) | Item::Noted(message, _) | Item::Shared(message, _)) => {
                Arc::strong_count(message)
            }
            Some(Item::LastValues(_) | Item::Reply(_)) | None => 1,
        }
    }

    /// Whether readings give way because the reader is behind.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.has_book() && !self.always_newest
    }

    /// Whether it is half full: time to send rather than to collect.
    pub(super) fn is_pressing(&self) -> bool {
        self.messages * 2 >= self.bounds.messages || self.waiting.bytes() * 2 >= self.bounds.bytes
    }

    /// Whether the hard bound was passed.
    pub(super) fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// From now on only the newest reading of a topic is kept, however short the queue; or no longer. Returns how many
    /// gave way.
    pub(super) fn keep_only_newest(&mut self, always: bool) -> u64 {
        let was = std::mem::replace(&mut self.always_newest, always);
        if always {
            return if self.waiting.has_book() { 0 } else { self.conflate() };
        }
        // Whether the reader is behind is decided anew, by the bound.
        if was {
            self.waiting.close_book();
        }
        0
    }

    /// Adds something at the end, or, for a reading in a long queue, in place of an older one.
    #[inline]
    pub(super) fn offer(&mut self, item: Item) -> Offered {
        // The hard bounds are not below the others.
        if self.is_plain() && !self.is_full_with(&item) {
            self.push(item);
            return Offered::Queued;
        }
        self.offer_where_readings_give_way(item)
    }

    /// Whether nothing but its bounds can refuse a frame or let one give way.
    fn is_plain(&self) -> bool {
        !self.overflowed && !self.always_newest && !self.waiting.has_book()
    }

    fn offer_where_readings_give_way(&mut self, item: Item) -> Offered {
        if self.overflowed {
            return Offered::Refused;
        }
        let mut replaced = 0;
        if !self.waiting.has_book() {
            replaced = self.conflate();
        }
        match self.waiting.replace(item) {
            None => replaced += 1,
            Some(item) => self.push(item),
        }
        if self.messages > self.bounds.hard_messages || self.waiting.bytes() > self.bounds.hard_bytes {
            return Offered::Overflowed(self.give_up());
        }
        if replaced == 0 { Offered::Queued } else { Offered::Replaced(replaced) }
    }

    /// Moves items from the front to `taken` until it has about `bytes`, but no further than to a place where last
    /// values come; at least one, if there is one. `taken` is empty, and lends its room in return.
    pub(super) fn take(&mut self, bytes: usize, taken: &mut VecDeque<Item>) {
        if self.waiting.bytes() <= bytes && self.last_values == 0 {
            self.messages = 0;
            return self.waiting.take_all(taken);
        }
        let mut sum = 0;
        while sum < bytes
            && self.last_values_next().is_none()
            && let Some((item, bytes)) = self.waiting.pop()
        {
            sum += bytes;
            self.messages -= 1;
            taken.push_back(item);
        }
        self.rest_if_empty();
    }

    fn rest_if_empty(&mut self) {
        if self.waiting.is_empty() {
            self.waiting.close_book();
            self.waiting.shrink_to(KEPT);
        }
    }

    /// Whether it is the turn of last values, and of which.
    pub(super) fn last_values_next(&self) -> Option<Generation> {
        if self.last_values == 0 {
            return None;
        }
        match self.waiting.front() {
            Some(Item::LastValues(generation)) => Some(*generation),
            _ => None,
        }
    }

    /// The last values whose turn it was have been sent.
    pub(super) fn last_values_done(&mut self) {
        if self.last_values_next().is_some() {
            self.waiting.pop();
            self.last_values -= 1;
            self.rest_if_empty();
        }
    }

    /// Here come last values. Where `alone`, those that waited before are not wanted any more; their places go once
    /// there are many, as each means a walk through the queue.
    pub(super) fn put_last_values(&mut self, generation: Generation, alone: bool) {
        const MANY: usize = 64;
        if alone && self.last_values >= MANY {
            self.waiting.retain(|item| !matches!(item, Item::LastValues(_)));
            self.last_values = 0;
        }
        if !self.overflowed {
            self.push(Item::LastValues(generation));
        }
    }

    /// Takes out the messages whose topics are not wanted; returns how many.
    pub(super) fn withhold(&mut self, is_wanted: impl Fn(&Topic) -> bool) -> u64 {
        let before = self.waiting.len();
        self.waiting.retain(|item| Waits::topic(item).is_none_or(&is_wanted));
        let gone = before - self.waiting.len();
        self.messages -= gone;
        self.rest_if_empty();
        gone as u64
    }

    /// Takes out what came by groups of which this holds.
    pub(super) fn take_shared(&mut self, is_it: impl Fn(&Share) -> bool) -> Vec<(Arc<Publication>, Via)> {
        let mut taken = Vec::new();
        let comes_so = |item: &Item| matches!(item, Item::Shared(_, via) if is_it(&via.share));
        if !self.waiting.iter().any(comes_so) {
            return taken;
        }
        self.waiting.retain(|item| {
            if let Item::Shared(message, via) = item
                && is_it(&via.share)
            {
                taken.push((Arc::clone(message), Via::clone(via)));
                return false;
            }
            true
        });
        self.messages -= taken.len();
        self.rest_if_empty();
        taken
    }

    /// The topic of the first message that waits.
    pub(super) fn first_topic(&self) -> Option<&Topic> {
        self.waiting.iter().find_map(Waits::topic)
    }

    /// Throws everything away; returns how many frames that were.
    pub(super) fn give_up(&mut self) -> u64 {
        let thrown = u64::try_from(self.messages).unwrap_or(u64::MAX);
        *self = Self { overflowed: true, ..Self::new(self.bounds) };
        thrown
    }

    fn is_full_with(&self, item: &Item) -> bool {
        item.count() == 1
            && (self.messages >= self.bounds.messages
                || self.waiting.bytes() + item.bytes() > self.bounds.bytes)
    }

    fn push(&mut self, item: Item) {
        self.messages += item.count();
        self.last_values += 1 - item.count();
        self.waiting.push(item);
    }

    /// Drops all readings but the newest of each topic; from here on they give way.
    fn conflate(&mut self) -> u64 {
        let gone = self.waiting.keep_newest();
        self.messages -= gone;
        gone as u64
    }
}

impl Waits for Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) | Self::Noted(message, _) | Self::Shared(message, _) => message.len(),
            Self::LastValues(_) => 0,
            Self::Reply(text) => text.len(),
        }
    }

    fn topic(&self) -> Option<&Topic> {
        match self {
            Self::Message(message) | Self::Noted(message, _) | Self::Shared(message, _) => {
                Some(&message.topic)
            }
            Self::LastValues(_) | Self::Reply(_) => None,
        }
    }

    /// What came by a group is none: nobody else there gets it. And a reading that came without does not stand in for it.
    fn reading(&self) -> Option<&Topic> {
        match self {
            Self::Message(message) | Self::Noted(message, _) if message.kind == Kind::Reading => {
                Some(&message.topic)
            }
            Self::Message(_) | Self::Noted(..) | Self::Shared(..) | Self::LastValues(_) | Self::Reply(_) => {
                None
            }
        }
    }
}

impl Item {
    /// Last values count for nothing: they are in the store, which has its own bound.
    fn count(&self) -> usize {
        usize::from(!matches!(self, Self::LastValues(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Limits;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::time::SystemTime;

    const BOUNDS: Bounds = Bounds { messages: 4, bytes: 10_000, hard_messages: 10, hard_bytes: 20_000 };

    fn message(topic: &str, payload: &str) -> Item {
        let kind = Kind::of(topic);
        let topic = Topic::parse(topic, &Limits::default()).unwrap();
        Item::Message(Arc::new(Publication::new(topic, payload, kind, "u".into(), SystemTime::UNIX_EPOCH)))
    }

    fn all(queue: &mut Queue) -> Vec<String> {
        let mut taken = VecDeque::new();
        queue.take(usize::MAX, &mut taken);
        let root = crate::hub::publication::View::from(&crate::topic::Base::ROOT);
        taken
            .iter()
            .map(|item| match item {
                Item::Message(message) | Item::Noted(message, _) | Item::Shared(message, _) => {
                    String::from_utf8(message.frame(root).concat()).unwrap()
                }
                Item::Reply(text) => text.clone(),
                Item::LastValues(_) => "last value".to_owned(),
            })
            .collect()
    }

    #[test]
    fn a_short_queue_keeps_everything_in_order() {
        let mut queue = Queue::new(BOUNDS);
        for n in 0..4 {
            assert_eq!(queue.offer(message("a/b", &n.to_string())), Offered::Queued);
        }
        assert_eq!(all(&mut queue), ["[\"a/b\", 0]", "[\"a/b\", 1]", "[\"a/b\", 2]", "[\"a/b\", 3]"]);
    }

    #[test]
    fn a_full_queue_keeps_the_newest_reading_of_a_topic_and_every_command() {
        let mut queue = Queue::new(BOUNDS);
        for item in [("a/x", "1"), ("a/y", "1"), ("a/x", "2"), ("r/r/set", "1")] {
            assert_eq!(queue.offer(message(item.0, item.1)), Offered::Queued);
        }
        assert_eq!(queue.offer(message("a/x", "3")), Offered::Replaced(2));
        assert!(queue.is_behind());
        assert_eq!(queue.offer(message("r/r/set", "2")), Offered::Queued);
        assert_eq!(queue.offer(message("a/y", "2")), Offered::Replaced(1));
        assert_eq!(queue.offer(Item::Reply("ok".to_owned())), Offered::Queued);
        assert_eq!(
            all(&mut queue),
            ["[\"a/y\", 2]", "[\"a/x\", 3]", "[\"r/r/set\", 1]", "[\"r/r/set\", 2]", "ok"]
        );
        assert!(!queue.is_behind(), "an empty queue has caught up");
        assert_eq!(queue.offer(message("a/x", "4")), Offered::Queued);
    }

    #[test]
    fn a_reading_never_overtakes_another_message_of_its_topic() {
        let mut queue = Queue::new(BOUNDS);
        queue.keep_only_newest(true);
        queue.offer(message("x/boot", "1"));
        let topic = Topic::parse("x/boot", &Limits::default()).unwrap();
        let event = Publication::new(topic, "2", Kind::Notification, "u".into(), SystemTime::UNIX_EPOCH);
        queue.offer(Item::Message(Arc::new(event)));
        queue.offer(message("x/boot", "3"));
        assert_eq!(queue.offer(message("x/boot", "4")), Offered::Replaced(1));
        assert_eq!(all(&mut queue), ["[\"x/boot\", 1]", "[\"x/boot\", 2]", "[\"x/boot\", 4]"]);
    }

    #[test]
    fn past_the_hard_bound_the_queue_is_given_up() {
        let mut queue = Queue::new(BOUNDS);
        for n in 0..10 {
            assert_eq!(queue.offer(message("r/r/set", &n.to_string())), Offered::Queued);
        }
        assert_eq!(queue.offer(message("r/r/set", "10")), Offered::Overflowed(11));
        assert_eq!(queue.offer(message("r/r/set", "11")), Offered::Refused);
        assert!(queue.is_empty() && queue.has_overflowed());
    }

    #[test]
    fn bytes_are_bounded_as_messages_are() {
        let mut queue = Queue::new(BOUNDS);
        let long = format!("\"{}\"", "x".repeat(6_000));
        assert_eq!(queue.offer(message("a/x", &long)), Offered::Queued);
        assert_eq!(queue.offer(message("a/x", &long)), Offered::Replaced(1));
        assert_eq!(queue.offer(message("r/r/set", &long)), Offered::Queued);
        assert_eq!(queue.offer(message("r/r/set", &long)), Offered::Queued);
        assert_eq!(queue.offer(message("r/r/set", &long)), Offered::Overflowed(4));
    }

    #[test]
    fn who_asks_for_the_newest_only_gets_that_from_the_first_message_on() {
        let mut queue = Queue::new(BOUNDS);
        queue.offer(message("a/x", "1"));
        queue.offer(message("a/x", "2"));
        assert_eq!(queue.keep_only_newest(true), 1);
        assert_eq!(queue.offer(message("a/x", "3")), Offered::Replaced(1));
        assert!(!queue.is_behind());
        assert_eq!(all(&mut queue), ["[\"a/x\", 3]"]);
        queue.offer(message("a/x", "4"));
        assert_eq!(queue.offer(message("a/x", "5")), Offered::Replaced(1));
    }

    proptest! {
        /// Readings count up per topic, commands carry running numbers, takes come in between.
        #[test]
        fn nothing_goes_backwards_no_command_is_lost_and_the_newest_arrives(
            steps in prop::collection::vec((0..4_u8, 0..3_u8), 0..200), soft in 1..6_usize,
        ) {
            let bounds = Bounds { messages: soft, bytes: 10_000, hard_messages: 1_000, hard_bytes: 1_000_000 };
            let mut queue = Queue::new(bounds);
            let (mut read, mut offered, mut replaced) = (Vec::new(), 0_u64, 0_u64);
            let mut newest = HashMap::new();
            for (n, (what, which)) in steps.iter().enumerate() {
                let topic = if *what == 1 { format!("r/{which}/set") } else { format!("s/{which}") };
                if *what == 0 {
                    let mut taken = VecDeque::new();
                    queue.take(usize::from(*which) * 64 + 1, &mut taken);
                    read.extend(taken);
                    continue;
                }
                offered += 1;
                let offer = queue.offer(message(&topic, &n.to_string()));
                if let Offered::Replaced(count) = offer {
                    replaced += count;
                } else {
                    prop_assert_eq!(offer, Offered::Queued);
                }
                newest.insert(topic, n);
            }
            let mut rest = VecDeque::new();
            queue.take(usize::MAX, &mut rest);
            read.extend(rest);
            prop_assert_eq!(read.len() as u64 + replaced, offered);
            let mut seen: HashMap<String, usize> = HashMap::new();
            let root = crate::hub::publication::View::from(&crate::topic::Base::ROOT);
            let mut commands = 0;
            for item in &read {
                let Item::Message(message) = item else { unreachable!() };
                let (topic, n): (String, usize) = serde_json::from_slice(&message.frame(root).concat()).unwrap();
                commands += usize::from(topic.ends_with("/set"));
                let before = seen.insert(topic, n);
                prop_assert!(before.is_none_or(|before| before < n), "backwards");
            }
            prop_assert_eq!(seen, newest);
            prop_assert_eq!(commands, steps.iter().filter(|(what, _)| *what == 1).count());
            prop_assert!(queue.is_empty() && queue.messages == 0 && queue.bytes() == 0);
        }
    }
}
