//! Keeps at the servers what stands at the topics that this hub knows, so that every hub finds it there. Pure; time is an
//! argument.
//!
//! The servers keep what came last, and not what is newest: of two hubs that say something at one moment, or of one that was
//! away and says it late, the older might stay. So each is put in the place of the one that is known there, by its number in
//! the stream, and the servers refuse it where that is another one by now. Then that one is read and compared: the newer one is
//! put, or taken. Of one topic one question is under way at a time. What changes meanwhile is put after that, the newest alone.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::heard::Recent;
use crate::topic::Topic;

/// What the servers are to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To take what stands here in the place of the one with this number; 0 where there is none.
    Put {
        /// The number of what is there.
        expected: u64,
    },
    /// What is there.
    Get,
}

/// What they have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is there, and has this number.
    Put(u64),
    /// Another one is there.
    Wrong,
    /// This one is there.
    Found {
        /// Its number.
        number: u64,
        /// Whether what stands here is newer.
        is_ours_newer: bool,
    },
    /// Nothing is there.
    Nothing,
    /// It will not be there.
    Refused,
}

/// What is to be done for a topic.
#[derive(Debug, Default)]
struct Task {
    is_under_way: bool,
    /// Whether something has changed since it is under way.
    is_again: bool,
    /// Whether it is to be read what is there.
    is_unclear: bool,
}

/// All of it.
#[derive(Debug)]
pub struct Keeper<K = Topic> {
    /// The numbers of what is known to be there.
    known: Recent<K, Option<u64>>,
    tasks: HashMap<K, Task, RandomState>,
    most: usize,
    queue: VecDeque<K>,
    under_way: BTreeMap<u64, (K, Instant)>,
    window: usize,
    last: u64,
}

impl<K: Eq + Hash + Clone> Keeper<K> {
    /// For so many topics, of which so many are under way at a time.
    pub fn new(topics: usize, window: usize) -> Self {
        Self {
            known: Recent::new(topics),
            tasks: HashMap::default(),
            most: topics,
            queue: VecDeque::new(),
            under_way: BTreeMap::new(),
            window,
            last: 0,
        }
    }

    /// Something else stands at a topic. Says no where that cannot be noted: then all are to be looked through.
    #[must_use]
    pub fn changed(&mut self, topic: &K) -> bool {
        if let Some(task) = self.tasks.get_mut(topic) {
            task.is_again |= task.is_under_way;
            return true;
        }
        if self.tasks.len() >= self.most {
            return false;
        }
        self.tasks.insert(topic.clone(), Task::default());
        self.queue.push_back(topic.clone());
        true
    }

    /// What is to be asked next, and the number of the question.
    pub fn next(&mut self, now: Instant) -> Option<(u64, K, Step)> {
        if self.under_way.len() >= self.window {
            return None;
        }
        let topic = self.queue.pop_front()?;
        let task = self.tasks.get_mut(&topic)?;
        task.is_under_way = true;
        let expected = self.known.get(&topic).flatten().unwrap_or_default();
        let step = if task.is_unclear { Step::Get } else { Step::Put { expected } };
        self.last += 1;
        self.under_way.insert(self.last, (topic.clone(), now));
        Some((self.last, topic, step))
    }

    /// The topic that a question is about.
    pub fn topic(&self, question: u64) -> Option<&K> {
        self.under_way.get(&question).map(|(topic, _)| topic)
    }

    /// A question was answered.
    pub fn answered(&mut self, question: u64, answer: Answer) {
        let Some((topic, _)) = self.under_way.remove(&question) else { return };
        let Some(task) = self.tasks.get_mut(&topic) else { return };
        task.is_under_way = false;
        let (number, is_done) = match answer {
            Answer::Put(number) => (Some(number), true),
            Answer::Wrong => (None, false),
            Answer::Found { number, is_ours_newer } => (Some(number), !is_ours_newer),
            Answer::Nothing => (Some(0), false),
            Answer::Refused => (None, true),
        };
        task.is_unclear = answer == Answer::Wrong;
        *self.known.entry(topic.clone()) = number;
        let is_again = std::mem::take(&mut task.is_again);
        if !is_done {
            self.queue.push_front(topic);
        } else if is_again {
            self.queue.push_back(topic);
        } else {
            self.tasks.remove(&topic);
        }
    }

    /// What is not answered since so long is asked again. Says how many that were.
    pub fn expire(&mut self, now: Instant, time: Duration) -> usize {
        let mut late = 0;
        while self.under_way.first_key_value().is_some_and(|(_, (_, since))| now >= *since + time) {
            if let Some((_, (topic, _))) = self.under_way.pop_first() {
                self.ask_again(topic);
                late += 1;
            }
        }
        late
    }

    /// No answer comes any more: it is not known what the servers have taken.
    pub fn away(&mut self) {
        for (topic, _) in std::mem::take(&mut self.under_way).into_values() {
            self.ask_again(topic);
        }
    }

    fn ask_again(&mut self, topic: K) {
        *self.known.entry(topic.clone()) = None;
        if let Some(task) = self.tasks.get_mut(&topic) {
            *task = Task { is_unclear: true, ..Task::default() };
            self.queue.push_front(topic);
        }
    }

    /// Nothing is there any more.
    pub fn forget(&mut self) {
        self.away();
        self.known.clear();
    }

    /// When the oldest question was asked.
    pub fn oldest(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|(_, (_, since))| *since)
    }

    /// Topics that are not done.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether all is done.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Clock, Standing};
    use crate::topic::Limits;
    use proptest::prelude::*;

    fn topic(text: &str) -> Topic {
        Topic::parse(text, &Limits::default()).unwrap()
    }

    #[test]
    fn of_one_topic_one_question_is_under_way_and_the_newest_follows() {
        let (mut keeper, now, a) = (Keeper::new(10, 10), Instant::now(), topic("a"));
        assert!(keeper.changed(&a));
        let (first, _, step) = keeper.next(now).unwrap();
        assert_eq!((step, keeper.next(now)), (Step::Put { expected: 0 }, None));
        assert!(keeper.changed(&a) && keeper.changed(&a));
        assert_eq!(keeper.next(now), None);
        keeper.answered(first, Answer::Put(7));
        let (second, _, step) = keeper.next(now).unwrap();
        assert_eq!(step, Step::Put { expected: 7 });
        keeper.answered(second, Answer::Put(8));
        // An answer that comes twice changes nothing.
        keeper.answered(second, Answer::Wrong);
        assert!(keeper.is_empty());
    }

    #[test]
    fn where_another_one_is_there_it_is_read_first() {
        let (mut keeper, now, a) = (Keeper::new(10, 10), Instant::now(), topic("a"));
        assert!(keeper.changed(&a));
        let (number, ..) = keeper.next(now).unwrap();
        keeper.answered(number, Answer::Wrong);
        let (number, _, step) = keeper.next(now).unwrap();
        assert_eq!(step, Step::Get);
        keeper.answered(number, Answer::Found { number: 5, is_ours_newer: true });
        let (number, _, step) = keeper.next(now).unwrap();
        assert_eq!(step, Step::Put { expected: 5 });
        keeper.away();
        let (again, _, step) = keeper.next(now).unwrap();
        assert_eq!((step, again > number), (Step::Get, true));
        keeper.answered(again, Answer::Found { number: 6, is_ours_newer: false });
        assert!(keeper.is_empty());
    }

    #[test]
    fn there_are_bounds_and_what_is_not_answered_is_asked_again() {
        let (mut keeper, now) = (Keeper::new(3, 2), Instant::now());
        for (text, is_noted) in [("a", true), ("b", true), ("c", true), ("d", false), ("a", true)] {
            assert_eq!(keeper.changed(&topic(text)), is_noted, "{text}");
        }
        assert!(keeper.next(now).is_some() && keeper.next(now).is_some());
        assert_eq!(keeper.next(now), None);
        let time = Duration::from_secs(1);
        assert_eq!((keeper.expire(now, time), keeper.expire(now + time, time)), (0, 2));
        assert_eq!((keeper.len(), keeper.next(now).unwrap().2), (3, Step::Get));
    }

    /// What stands somewhere.
    type Said = Option<(u64, Option<u8>)>;

    fn is_newer(one: Said, other: Said) -> bool {
        let texts: Vec<_> = (0..=u8::MAX).map(|text| format!("{text:03}")).collect();
        let standing = |said: Said| {
            said.map(|(clock, text)| {
                Standing(Clock::from_number(clock), text.map(|text| &*texts[usize::from(text)]))
            })
        };
        standing(one) > standing(other)
    }

    #[derive(Debug)]
    struct Hub {
        stands: Said,
        keeper: Keeper,
        /// How far its wall clock is ahead.
        ahead: u64,
        mail: Vec<Said>,
        asked: VecDeque<(u64, Step, Said)>,
        answers: VecDeque<(u64, Answer, Said)>,
    }

    impl Hub {
        fn takes(&mut self, said: Said) {
            if is_newer(said, self.stands) {
                self.stands = said;
            }
        }
    }

    #[derive(Debug)]
    struct World {
        hubs: Vec<Hub>,
        wall: u64,
        stored: Said,
        number: u64,
        newest: Said,
    }

    impl World {
        fn say(&mut self, at: usize, text: Option<u8>) {
            self.wall += 1;
            let wall = self.wall;
            let hub = &mut self.hubs[at];
            let after = hub.stands.map_or(0, |(clock, _)| clock + 1);
            let said = Some(((wall + hub.ahead).max(after), text));
            hub.stands = said;
            assert!(hub.keeper.changed(&topic("t")));
            if is_newer(said, self.newest) {
                self.newest = said;
            }
            for (other, hub) in self.hubs.iter_mut().enumerate() {
                if other != at {
                    hub.mail.push(said);
                }
            }
        }

        fn asks(&mut self, at: usize) {
            let hub = &mut self.hubs[at];
            if let Some((number, _, step)) = hub.keeper.next(Instant::now()) {
                hub.asked.push_back((number, step, hub.stands));
            }
        }

        fn serves(&mut self, at: usize) {
            let Some((question, step, said)) = self.hubs[at].asked.pop_front() else { return };
            let answer = match step {
                Step::Put { expected } if expected == self.number => {
                    // The number of a message in a stream is that of the stream, so it is not the next one.
                    self.number += 3;
                    self.stored = said;
                    Answer::Put(self.number)
                }
                Step::Put { .. } => Answer::Wrong,
                Step::Get if self.stored.is_none() => Answer::Nothing,
                Step::Get => Answer::Found { number: self.number, is_ours_newer: false },
            };
            let stored = self.stored;
            self.hubs[at].answers.push_back((question, answer, stored));
        }

        fn hears(&mut self, at: usize) {
            let hub = &mut self.hubs[at];
            let Some((question, answer, stored)) = hub.answers.pop_front() else { return };
            let answer = match answer {
                Answer::Found { number, .. } => {
                    hub.takes(stored);
                    Answer::Found { number, is_ours_newer: is_newer(hub.stands, stored) }
                }
                answer @ (Answer::Put(_) | Answer::Wrong | Answer::Nothing | Answer::Refused) => answer,
            };
            hub.keeper.answered(question, answer);
        }

        fn reads(&mut self, at: usize) {
            let (stored, hub) = (self.stored, &mut self.hubs[at]);
            hub.takes(stored);
            if is_newer(hub.stands, stored) {
                assert!(hub.keeper.changed(&topic("t")));
            }
        }

        fn is_cut_off(&mut self, at: usize, served: usize) {
            for _ in 0..served {
                self.serves(at);
            }
            let hub = &mut self.hubs[at];
            (hub.asked, hub.answers, hub.mail) = (VecDeque::new(), VecDeque::new(), Vec::new());
            hub.keeper.away();
        }

        fn settles(&mut self) {
            for at in 0..self.hubs.len() {
                for _ in 0..1000 {
                    if self.hubs[at].keeper.is_empty() {
                        break;
                    }
                    self.asks(at);
                    self.serves(at);
                    self.hears(at);
                }
                assert!(self.hubs[at].keeper.is_empty());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// In whatever order it arrives, whatever is lost, and whatever the clocks say.
        #[test]
        fn all_hubs_agree_on_the_newest_in_the_end(
            ahead in prop::collection::vec(0..20_u64, 3),
            steps in prop::collection::vec((0..3_usize, 0..9_u8, 0..5_usize), 1..60),
        ) {
            let hub = |ahead| Hub {
                stands: None,
                keeper: Keeper::new(10, 10),
                ahead,
                mail: Vec::new(),
                asked: VecDeque::new(),
                answers: VecDeque::new(),
            };
            let hubs = ahead.into_iter().map(hub).collect();
            let mut world = World { hubs, wall: 0, stored: None, number: 0, newest: None };
            for (at, what, which) in steps {
                match what {
                    0 | 1 => world.say(at, (which > 0).then_some(u8::try_from(which).unwrap())),
                    2 => world.asks(at),
                    3 => world.serves(at),
                    4 => world.hears(at),
                    5 => world.reads(at),
                    6 => world.is_cut_off(at, which),
                    // Live messages of different hubs come in any order, and some are lost.
                    7 if !world.hubs[at].mail.is_empty() => {
                        let which = which % world.hubs[at].mail.len();
                        let said = world.hubs[at].mail.remove(which);
                        world.hubs[at].takes(said);
                    }
                    _ => { world.hubs[at].mail.pop(); }
                }
            }
            world.settles();
            for at in 0..3 {
                world.reads(at);
            }
            prop_assert!(world.hubs.iter().all(|hub| hub.keeper.is_empty()), "nothing that is stored is older: {world:?}");
            for hub in &world.hubs {
                prop_assert_eq!(hub.stands, world.newest);
            }
            prop_assert_eq!(world.stored, world.newest);
        }
    }
}
