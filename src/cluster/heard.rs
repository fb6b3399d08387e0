//! Which messages of other hubs have come, and which are missing. And the other way round: how many this hub has sent of
//! each topic. Pure.
//!
//! A hub hears of another one only what its clients ask for, so the messages of a topic are what it can count: each has its
//! number among those of its topic. One that is not the next one after the last says how many are missing. One that is not
//! newer than the last has come before, by another subscription or by a detour, and is left out.
//!
//! Nothing is said of the time in which nobody asked for the topic: then the count begins with what comes first. That is known
//! by the numbers of the subscriptions.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::stamp::Number;
use crate::topic::Topic;

/// A map that forgets what was not asked for the longest, a half at a time.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    new: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    /// So many in each half.
    half: usize,
}

impl<K: Eq + Hash, V: Default> Recent<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { new: HashMap::default(), old: HashMap::default(), half: (most / 2).max(1) }
    }

    pub(super) fn get(&self, key: &K) -> Option<V>
    where
        V: Copy,
    {
        self.new.get(key).or_else(|| self.old.get(key)).copied()
    }

    pub(super) fn clear(&mut self) {
        self.new.clear();
        self.old.clear();
    }

    pub(super) fn entry(&mut self, key: K) -> &mut V {
        if !self.new.contains_key(&key) && self.new.len() >= self.half {
            self.old = std::mem::take(&mut self.new);
        }
        let old = &mut self.old;
        self.new.entry(key).or_insert_with_key(|key| old.remove(key).unwrap_or_default())
    }
}

/// The numbers of what this hub sends.
#[derive(Debug)]
pub struct Sent {
    of_hub: u64,
    of_topics: Recent<Topic, u64>,
}

impl Sent {
    /// For so many topics.
    pub fn new(topics: usize) -> Self {
        Self { of_hub: 0, of_topics: Recent::new(topics) }
    }

    /// The number of the next message of a topic.
    pub fn next(&mut self, topic: &Topic) -> Number {
        self.of_hub += 1;
        let of_topic = self.of_topics.entry(topic.clone());
        *of_topic += 1;
        Number { of_hub: self.of_hub, of_topic: *of_topic }
    }
}

/// What became of a message that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It is new, and so many of its topic before it are missing.
    New {
        /// How many.
        missing: u64,
    },
    /// It was here before, or a newer one was.
    Before,
}

/// The last message of a topic.
#[derive(Debug, Default, Clone, Copy)]
struct Last {
    number: Option<Number>,
    /// By which subscription it came, and which was the newest then.
    by: u64,
    newest: u64,
}

/// The numbers of what came.
#[derive(Debug)]
pub struct Heard {
    of_topics: Recent<(Arc<str>, Topic), Last>,
    /// Subscriptions that there are.
    there: BTreeSet<u64>,
}

impl Heard {
    /// For so many topics.
    pub fn new(topics: usize) -> Self {
        Self { of_topics: Recent::new(topics), there: BTreeSet::new() }
    }

    /// There is another subscription.
    pub fn begins(&mut self, subscription: u64) {
        self.there.insert(subscription);
    }

    /// A subscription is no more.
    pub fn ended(&mut self, subscription: u64) {
        self.there.remove(&subscription);
    }

    /// A message of a life of a hub came by a subscription.
    pub fn came(&mut self, session: &Arc<str>, topic: &Topic, number: Number, by: u64) -> Came {
        let newest = self.there.last().copied().unwrap_or_default();
        let last = self.of_topics.entry((Arc::clone(session), topic.clone()));
        let before = std::mem::replace(last, Last { number: Some(number), by, newest: newest.max(by) });
        let Some(known) = before.number else { return Came::New { missing: 0 } };
        if number.of_hub <= known.of_hub {
            *last = before;
            return Came::Before;
        }
        // Who has counted anew has forgotten, and what is missing is not known.
        let was_asked_for = self.there.contains(&before.by) || by <= before.newest;
        let is_counted = was_asked_for && number.of_topic > known.of_topic;
        Came::New { missing: if is_counted { number.of_topic - known.of_topic - 1 } else { 0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Limits;
    use proptest::prelude::*;

    fn topic(text: &str) -> Topic {
        Topic::parse(text, &Limits::default()).unwrap()
    }

    fn at(of_hub: u64, of_topic: u64) -> Number {
        Number { of_hub, of_topic }
    }

    #[test]
    fn what_is_missing_is_counted_and_what_comes_twice_is_left_out() {
        let (mut heard, a, t) = (Heard::new(100), Arc::from("a"), topic("t"));
        heard.begins(1);
        heard.begins(2);
        assert_eq!(heard.came(&a, &t, at(10, 4), 1), Came::New { missing: 0 });
        assert_eq!(heard.came(&a, &t, at(10, 4), 2), Came::Before);
        assert_eq!(heard.came(&a, &t, at(15, 7), 2), Came::New { missing: 2 });
        assert_eq!(heard.came(&a, &t, at(14, 6), 1), Came::Before);
        assert_eq!(heard.came(&a, &t, at(16, 8), 1), Came::New { missing: 0 });
        // Another hub, and another life of the same one, count by themselves.
        assert_eq!(heard.came(&Arc::from("b"), &t, at(1, 1), 1), Came::New { missing: 0 });
        // One that has forgotten counts anew.
        assert_eq!(heard.came(&a, &t, at(90, 1), 1), Came::New { missing: 0 });
        assert_eq!(heard.came(&a, &t, at(92, 3), 1), Came::New { missing: 1 });
    }

    #[test]
    fn nothing_is_missing_of_a_time_in_which_nobody_asked() {
        let (mut heard, a, t) = (Heard::new(100), Arc::from("a"), topic("t"));
        heard.begins(1);
        heard.came(&a, &t, at(1, 1), 1);
        heard.ended(1);
        heard.begins(2);
        assert_eq!(heard.came(&a, &t, at(9, 9), 2), Came::New { missing: 0 });
        // A wider one takes over: it was there before the narrow one ended.
        heard.begins(3);
        heard.came(&a, &t, at(10, 10), 2);
        heard.ended(2);
        assert_eq!(heard.came(&a, &t, at(12, 12), 3), Came::New { missing: 1 });
    }

    #[test]
    fn only_so_many_topics_are_remembered() {
        let (mut sent, mut heard, a) = (Sent::new(10), Heard::new(10), Arc::from("a"));
        for n in 0..1000 {
            assert_eq!(sent.next(&topic(&format!("t{n}"))).of_topic, 1);
            heard.came(&a, &topic(&format!("t{n}")), at(n + 1, 1), 1);
        }
        for recent in [
            sent.of_topics.new.len() + sent.of_topics.old.len(),
            heard.of_topics.new.len() + heard.of_topics.old.len(),
        ] {
            assert!(recent <= 10);
        }
        // What is used stays.
        for n in 0..100 {
            assert_eq!(sent.next(&topic("often")).of_topic, n + 1);
            sent.next(&topic(&format!("u{n}")));
            sent.next(&topic("often"));
            sent.of_topics.entry(topic("often")).clone_from(&(n + 1));
        }
    }

    proptest! {
        #[test]
        fn what_came_and_what_is_missing_is_all_that_was_sent(
            steps in prop::collection::vec((0..3_u8, any::<bool>(), any::<bool>()), 1..80),
        ) {
            let (mut sent, mut heard, a) = (Sent::new(100), Heard::new(100), Arc::from("a"));
            heard.begins(1);
            heard.begins(2);
            let mut counts = [(0_u64, 0_u64); 3];
            // The first and the last of each topic arrive.
            for which in 0..3_u8 {
                let (name, count) = (topic(&format!("t{which}")), &mut counts[usize::from(which)]);
                heard.came(&a, &name, sent.next(&name), 1);
                *count = (1, 1);
            }
            for (which, first, second) in steps {
                let (name, count) = (topic(&format!("t{which}")), &mut counts[usize::from(which)]);
                let number = sent.next(&name);
                count.0 += 1;
                for by in [first.then_some(1), second.then_some(2)].into_iter().flatten() {
                    if let Came::New { missing } = heard.came(&a, &name, number, by) {
                        count.1 += 1 + missing;
                    }
                }
            }
            for which in 0..3_u8 {
                let (name, (all, known)) = (topic(&format!("t{which}")), counts[usize::from(which)]);
                let Came::New { missing } = heard.came(&a, &name, sent.next(&name), 2) else { panic!("it is new") };
                prop_assert_eq!(known + missing, all);
            }
        }
    }
}
