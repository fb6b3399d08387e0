//! What waits for the other side of a link, in a queue as [`backlog`](crate::backlog) has it. Pure.

use std::sync::Arc;

use super::way::Stored;
pub(super) use crate::backlog::GaveWay;
use crate::backlog::Waits;
use crate::hub::Relayed;
use crate::moment::Steady;
use crate::talk::Kind;
use crate::topic::Topic;

/// A message for the other side, and the rule that carries it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The message.
    pub relayed: Relayed,
    /// The number of the rule.
    pub rule: usize,
    /// Its copy in the store, and how it goes out, where that is the link's way. Then the rule says nothing.
    pub stored: Option<Arc<Stored>>,
    /// When the link heard it.
    pub heard: Steady,
}

impl Entry {
    pub(super) fn len(&self) -> usize {
        self.relayed.message.len()
    }

    /// Its topic here.
    pub fn topic(&self) -> &Topic {
        &self.relayed.message.topic
    }
}

impl Waits for Entry {
    fn bytes(&self) -> usize {
        self.len()
    }

    fn topic(&self) -> Option<&Topic> {
        Some(self.topic())
    }

    fn reading(&self) -> Option<&Topic> {
        (self.relayed.message.kind == Kind::Reading).then_some(self.topic())
    }

    /// A last value may wait already, as it happened.
    fn may_be_again(&self) -> bool {
        self.relayed.is_last_value
    }

    fn is_again(&self, waiting: &Self) -> bool {
        let (waiting, found) = (&waiting.relayed.message, &self.relayed.message);
        // What comes back from the store has no number of its own.
        let is_same = || waiting.time() == found.time() && waiting.payload() == found.payload();
        waiting.number == found.number && (found.number > 0 || is_same())
    }
}

/// What waits for the other side of one link.
pub type Queue = crate::backlog::Queue<Entry>;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::hub::Publication;
    use crate::moment::Moment;
    use crate::topic::Limits;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::SystemTime;

    static PUBLISHED: AtomicU64 = AtomicU64::new(1);

    pub(in crate::links) fn entry(topic: &str, payload: &str) -> Entry {
        let topic = Topic::parse(topic, &Limits::default()).unwrap();
        let kind = Kind::of(topic.as_str());
        let mut message = Publication::new(topic, payload, kind, "u".into(), SystemTime::UNIX_EPOCH);
        message.number = PUBLISHED.fetch_add(1, Ordering::Relaxed);
        let relayed = Relayed::plainly(Arc::new(message), false);
        Entry { relayed, rule: 0, stored: None, heard: Moment::now().steady() }
    }

    pub(in crate::links) fn shown(entry: &Entry) -> String {
        format!("{} {}", entry.topic(), entry.relayed.message.payload())
    }

    fn all(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop()).map(|entry| shown(&entry)).collect()
    }

    #[test]
    fn a_full_queue_keeps_the_newest_reading_of_each_topic_and_every_command_in_order() {
        let mut queue = Queue::new(4, usize::MAX);
        for (topic, payload) in [("a/t", "1"), ("a/set", "1"), ("a/t", "2"), ("a/set", "2")] {
            assert_eq!(queue.offer(entry(topic, payload)), GaveWay::default());
        }
        assert_eq!(queue.offer(entry("a/t", "3")).skipped, 2);
        assert_eq!(all(&mut queue), ["a/set 1", "a/t 3", "a/set 2"]);
        assert!(!queue.is_full());
    }

    #[test]
    fn where_nothing_can_give_way_the_oldest_is_lost_and_named() {
        let mut queue = Queue::new(2, usize::MAX);
        queue.offer(entry("a/set", "1"));
        queue.offer(entry("b/set", "2"));
        let gave_way = queue.offer(entry("c/set", "3"));
        assert_eq!((gave_way.lost, gave_way.topic.unwrap().as_str()), (1, "a/set"));
        assert_eq!(all(&mut queue), ["b/set 2", "c/set 3"]);
    }

    fn notification(topic: &str, payload: &str) -> Entry {
        let Entry { relayed, rule, stored, heard } = entry(topic, payload);
        let mut message = Publication::new(
            relayed.message.topic.clone(),
            payload,
            Kind::Notification,
            "u".into(),
            SystemTime::UNIX_EPOCH,
        );
        message.number = relayed.message.number;
        Entry { relayed: Relayed { message: Arc::new(message), ..relayed }, rule, stored, heard }
    }

    #[test]
    fn a_reading_never_overtakes_another_message_of_its_topic() {
        let mut queue = Queue::new(3, usize::MAX);
        for waiting in [entry("x/boot", "1"), notification("x/boot", "2"), entry("a/set", "3")] {
            queue.offer(waiting);
        }
        queue.offer(entry("x/boot", "4"));
        assert_eq!(queue.offer(entry("x/boot", "5")).skipped, 1);
        assert_eq!(all(&mut queue), ["x/boot 2", "a/set 3", "x/boot 5"]);
    }

    #[test]
    fn nor_one_that_was_put_back() {
        let mut queue = Queue::new(3, usize::MAX);
        queue.offer(entry("x/boot", "1"));
        queue.offer(notification("x/boot", "2"));
        let taken = queue.pop();
        queue.offer(entry("a/set", "3"));
        queue.put_back(taken.into_iter());
        queue.offer(entry("x/boot", "4"));
        assert_eq!(all(&mut queue), ["x/boot 2", "a/set 3", "x/boot 4"]);
    }

    #[test]
    fn what_is_put_back_stands_in_front() {
        let mut queue = Queue::new(9, usize::MAX);
        for n in 1..5 {
            queue.offer(entry("a/t", &n.to_string()));
        }
        let taken = [queue.pop().unwrap(), queue.pop().unwrap()];
        assert_eq!(queue.put_back(taken.into_iter()), GaveWay::default());
        assert_eq!(all(&mut queue), ["a/t 1", "a/t 2", "a/t 3", "a/t 4"]);
    }

    #[test]
    fn a_last_value_that_waits_already_is_not_taken_twice() {
        let mut queue = Queue::new(9, usize::MAX);
        let waiting = entry("a/t", "1");
        queue.offer(waiting.clone());
        let again = Relayed { is_last_value: true, ..waiting.relayed.clone() };
        queue.offer(Entry { relayed: again, ..waiting });
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_message_that_is_larger_than_the_queue_is_lost_alone() {
        let mut queue = Queue::new(9, 100);
        assert_eq!(queue.offer(entry("a/t", &"1".repeat(200))).lost, 1);
        assert_eq!((queue.len(), queue.bytes(), queue.is_full()), (0, 0, false));
    }

    proptest! {
        #[test]
        fn every_message_is_delivered_in_the_order_of_its_topic_or_counted(
            steps in prop::collection::vec((0..8_u8, 0..3_u8), 1..120),
            most in 1..12_usize,
        ) {
            let mut queue = Queue::new(most, 400);
            let (mut offered, mut gave_way, mut read) = (0_u64, 0_u64, Vec::new());
            for (n, (what, which)) in steps.iter().enumerate() {
                match what {
                    0 => read.extend(queue.pop().map(|entry| shown(&entry))),
                    1 => {
                        let taken: Vec<_> = (0..*which).filter_map(|_| queue.pop()).collect();
                        let led_to = queue.put_back(taken.into_iter());
                        gave_way += led_to.skipped + led_to.lost;
                    }
                    2 | 3 => {
                        offered += 1;
                        let led_to = queue.offer(entry(&format!("a{which}/set"), &format!("{n:03}")));
                        gave_way += led_to.skipped + led_to.lost;
                    }
                    _ => {
                        offered += 1;
                        let led_to = queue.offer(entry(&format!("a{which}/t"), &format!("{n:03}")));
                        gave_way += led_to.skipped + led_to.lost;
                    }
                }
                prop_assert!(queue.len() <= most && queue.bytes() <= 400);
            }
            read.extend(all(&mut queue));
            prop_assert_eq!(read.len() as u64 + gave_way, offered);
            let mut last: HashMap<String, String> = HashMap::new();
            for text in &read {
                let (topic, payload) = text.split_once(' ').unwrap();
                let before = last.insert(topic.to_owned(), payload.to_owned());
                prop_assert!(before.is_none_or(|before| *before < *payload), "backwards: {read:?}");
            }
            prop_assert_eq!(queue.bytes(), 0);
        }
    }
}
