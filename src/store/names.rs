//! Which number each topic and each user has in the file. Pure.
//!
//! A topic that has no value any more keeps its number until the log no longer speaks of it. Then its row goes, and a later
//! value makes a new one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::topic::{Limits, Topic};

/// All names in the file.
#[derive(Debug, Default)]
pub(super) struct Names {
    topics: HashMap<Topic, u64, RandomState>,
    users: HashMap<Arc<str>, u64, RandomState>,
    /// Who said something last, as it is mostly the same one.
    user: Option<(Arc<str>, u64)>,
    highest_topic: u64,
    highest_user: u64,
    /// Topics whose value was forgotten, and of which the log may still speak.
    cleared: BTreeMap<u64, Option<Topic>>,
    /// Topics that nothing speaks of any more. A name that was damaged is not known.
    orphans: BTreeMap<u64, Option<Topic>>,
}

/// A topic of the file.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: u64,
    /// None where the name is damaged, or over the limits of today.
    pub(super) topic: Option<Topic>,
    pub(super) has_value: bool,
}

/// The names that a start has found. To make [`Names`] of them takes a while, which nobody has to wait for.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By their numbers.
    pub(super) topics: Vec<Known>,
    /// Topics that are over the limits of today.
    pub(super) over: Vec<(u64, Topic)>,
    pub(super) users: Vec<(u64, Arc<str>)>,
    /// The highest numbers that the file has given, to a topic and to a user.
    pub(super) highest: (u64, u64),
    /// How many last values went back to the hub.
    pub(super) values: u64,
}

impl Found {
    /// All names, and all topics in the order of their numbers, also those that are over the limits; `is_spoken_of` says which
    /// topics the log speaks of.
    pub(super) fn names(self, is_spoken_of: impl Fn(u64) -> bool) -> (Names, Vec<(u64, Topic)>) {
        let Self { topics: found, over: mut topics, users, highest, .. } = self;
        let mut names = Names { highest_topic: highest.0, highest_user: highest.1, ..Names::default() };
        names.topics.reserve(found.len());
        topics.reserve(found.len());
        let is_over = !topics.is_empty();
        for (id, user) in users {
            names.put_user(user, id);
        }
        for Known { id, topic, has_value } in found {
            if let Some(topic) = &topic {
                names.put_topic(topic.clone(), id);
                topics.push((id, topic.clone()));
            }
            match (has_value, is_spoken_of(id)) {
                (true, _) => {}
                (false, true) => names.clear(id, topic),
                (false, false) => names.orphan(id, topic),
            }
        }
        if is_over {
            topics.sort_unstable_by_key(|(id, _)| *id);
        }
        (names, topics)
    }
}

/// For names of the file: the limits of topics may be other ones now.
pub(super) const NO_LIMITS: Limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };

/// Where a number stands in a list in the order of numbers, of which each thing has one. It is looked for at `next` first, as
/// most that is read comes in this order.
pub(super) fn place<T>(
    list: &[T],
    number: impl Fn(&T) -> u64,
    wanted: u64,
    next: &mut usize,
) -> Option<usize> {
    let is_it = |at: &usize| list.get(*at).is_some_and(|thing| number(thing) == wanted);
    let near = [*next, next.saturating_sub(1)].into_iter().find(is_it);
    let found = near.map_or_else(|| list.binary_search_by_key(&wanted, number), Ok);
    *next = found.unwrap_or_else(|place| place) + 1;
    found.ok()
}

/// The number of a name, and whether it is new to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) id: u64,
    pub(super) is_new: bool,
}

impl Names {
    /// The highest numbers that the file has given.
    #[cfg(test)]
    fn starting_at(highest_topic: u64, highest_user: u64) -> Self {
        Self { highest_topic, highest_user, ..Self::default() }
    }

    pub(super) fn put_topic(&mut self, topic: Topic, id: u64) {
        self.highest_topic = self.highest_topic.max(id);
        self.topics.insert(topic, id);
    }

    pub(super) fn put_user(&mut self, user: Arc<str>, id: u64) {
        self.highest_user = self.highest_user.max(id);
        self.users.insert(user, id);
    }

    /// The number of a topic, if it has one.
    pub(super) fn topic(&self, topic: &Topic) -> Option<u64> {
        self.topics.get(topic).copied()
    }

    /// The number of a topic that gets a value. A new one has to be in the file with the value: after a write that failed, all
    /// names are read again.
    pub(super) fn of_value(&mut self, topic: &Topic) -> Number {
        if let Some(id) = self.topic(topic) {
            self.cleared.remove(&id);
            self.orphans.remove(&id);
            return Number { id, is_new: false };
        }
        let id = self.highest_topic + 1;
        self.put_topic(topic.clone(), id);
        Number { id, is_new: true }
    }

    /// As [`of_value`](Self::of_value), for a user. A row too many does no harm.
    pub(super) fn of_user(&mut self, user: &Arc<str>) -> Number {
        if let Some((_, id)) = self.user.as_ref().filter(|(last, _)| Arc::ptr_eq(last, user)) {
            return Number { id: *id, is_new: false };
        }
        let known = self.users.get(user).copied();
        let id = known.unwrap_or(self.highest_user + 1);
        if known.is_none() {
            self.put_user(Arc::clone(user), id);
        }
        self.user = Some((Arc::clone(user), id));
        Number { id, is_new: known.is_none() }
    }

    /// The value of a topic was forgotten.
    pub(super) fn clear(&mut self, id: u64, topic: Option<Topic>) {
        self.cleared.insert(id, topic);
    }

    /// Nothing speaks of a topic any more.
    pub(super) fn orphan(&mut self, id: u64, topic: Option<Topic>) {
        self.orphans.insert(id, topic);
    }

    /// The log is short: it speaks only of what is `spoken_of`.
    pub(super) fn log_is_short(&mut self, spoken_of: impl Fn(u64) -> bool) {
        let cleared = std::mem::take(&mut self.cleared);
        for (id, topic) in cleared {
            if spoken_of(id) { &mut self.cleared } else { &mut self.orphans }.insert(id, topic);
        }
    }

    /// Whether there are topics that nothing speaks of.
    pub(super) fn has_orphans(&self) -> bool {
        !self.orphans.is_empty()
    }

    /// The next orphans.
    pub(super) fn orphans(&self, most: usize) -> impl Iterator<Item = u64> {
        self.orphans.keys().take(most).copied()
    }

    /// The rows of the first so many orphans are gone.
    pub(super) fn buried(&mut self, count: usize) {
        for _ in 0..count {
            if let Some((_, Some(topic))) = self.orphans.pop_first() {
                self.topics.remove(&topic);
            }
        }
    }

    /// How many topics have a value; too few by those whose names were damaged, until these are gone.
    pub(super) fn values(&self) -> usize {
        self.topics.len().saturating_sub(self.cleared.len() + self.orphans.len())
    }

    /// All topics.
    pub(super) fn topics(&self) -> Vec<Topic> {
        self.topics.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(text: &str) -> Topic {
        Topic::parse(text, &Limits::default()).unwrap()
    }

    #[test]
    fn a_number_is_found_in_whatever_order_it_is_asked_for() {
        let (list, mut next) = ([2, 3, 5, 8], 0);
        let mut found = |wanted| place(&list, |number| *number, wanted, &mut next);
        let asked = [2, 3, 3, 5, 4, 5, 9, 2, 8, 1, 3];
        let places = asked.map(&mut found);
        assert_eq!(
            places,
            [Some(0), Some(1), Some(1), Some(2), None, Some(2), None, Some(0), Some(3), None, Some(1)]
        );
    }

    #[test]
    fn a_user_has_one_number_however_often_others_speak_in_between() {
        let mut names = Names::starting_at(0, 3);
        let (jana, petr): (Arc<str>, Arc<str>) = ("jana".into(), "petr".into());
        let mut found = |user: &Arc<str>| names.of_user(user);
        assert_eq!(
            [&jana, &jana, &petr, &"jana".into()].map(&mut found).map(|found| (found.id, found.is_new)),
            [(4, true), (4, false), (5, true), (4, false)]
        );
    }

    #[test]
    fn a_number_is_given_once_and_stays_as_long_as_something_speaks_of_it() {
        let mut names = Names::starting_at(7, 0);
        let (a, b) = (topic("a"), topic("b"));
        assert_eq!(names.of_value(&a), Number { id: 8, is_new: true });
        assert_eq!(names.of_value(&b), Number { id: 9, is_new: true });
        assert_eq!(names.of_value(&b), Number { id: 9, is_new: false });
        names.clear(8, Some(a.clone()));
        names.clear(9, Some(b.clone()));
        assert_eq!(names.values(), 0);
        names.log_is_short(|id| id == 9);
        assert_eq!(names.orphans(9).collect::<Vec<_>>(), [8]);
        assert_eq!(names.of_value(&b), Number { id: 9, is_new: false }, "said again");
        names.buried(1);
        assert_eq!((names.topic(&a), names.topic(&b), names.values()), (None, Some(9), 1));
        assert_eq!(names.of_value(&a), Number { id: 10, is_new: true });
    }
}
