//! What the next write will say: of each topic what was said last. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::head::{Head, Said, said as what_is_said};
use super::history::{Heard, Which};
use super::log::{Record, Rest, RowWriter, Value, milliseconds};
use super::names::Names;
use super::pace::{LARGE, MANY};
use super::tables::{Fault, Writing};
use crate::hub::{Ask, Extras, Publication, Rhythm, Taped};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

/// What becomes of the last value of a topic.
#[derive(Debug)]
enum Change {
    Keep(Told),
    Forget,
}

/// A message, and whether it was found when all last values were gone through, rather than on the tape.
#[derive(Debug)]
struct Told {
    message: Arc<Publication>,
    /// How often the topic speaks, with it.
    rhythm: Rhythm,
    is_walked: bool,
}

impl Told {
    /// Of a last value as the hub has it.
    fn kept(message: Publication, is_walked: bool) -> Self {
        Self { rhythm: message.rhythm, message: Arc::new(message), is_walked }
    }

    /// History is for readings alone.
    fn is_reading(&self) -> bool {
        self.message.kind == Kind::Reading
    }

    /// As history hears it.
    fn heard(&self) -> Heard<'_> {
        let (message, is_walked) = (&self.message, self.is_walked);
        let (topic, time, number) = (&message.topic, milliseconds(message.time), message.number);
        Heard { topic, time, payload: message.payload(), number, is_walked }
    }

    /// Which message it is.
    fn which(&self) -> Which<'_> {
        Which { topic: &self.message.topic, number: self.message.number, is_walked: self.is_walked }
    }
}

/// What was said since the last write.
#[derive(Debug, Default)]
pub(super) struct Batch {
    changes: HashMap<Topic, Change, RandomState>,
    /// Readings that newer ones have followed, for history.
    earlier: Vec<Told>,
    /// About so many bytes.
    bytes: usize,
    /// Messages that were said.
    messages: u64,
    /// The least number of a message in here.
    least: Option<u64>,
    /// Who waits for it.
    asks: Vec<Ask>,
}

/// A write that is ready: a row of the log, and what its numbers mean.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) seq: u64,
    /// The bytes of the row; none if it says nothing.
    pub(super) row: Option<Vec<u8>>,
    /// What it says.
    pub(super) said: Vec<Said>,
    pub(super) new_topics: Vec<(u64, Topic)>,
    pub(super) new_users: Vec<(u64, Arc<str>)>,
    pub(super) cleared: Vec<(u64, Topic)>,
    /// The numbers of messages that history has already.
    pub(super) known: HashSet<u64, RandomState>,
}

impl Plan {
    /// Writes it.
    pub(super) fn write(&self, writing: &Writing<'_>) -> Result<(), Fault> {
        self.new_topics.iter().try_for_each(|(id, topic)| writing.add_topic(*id, topic.as_str()))?;
        self.new_users.iter().try_for_each(|(id, user)| writing.add_user(*id, user))?;
        self.row.iter().try_for_each(|row| writing.add_row(self.seq, row))
    }
}

impl Batch {
    /// Adds a message of the tape. What it follows goes into the log as well, if `has_history` says so.
    pub(super) fn add(&mut self, taped: Taped, has_history: impl Fn(&Topic) -> bool) {
        let Taped { message, forgets, rhythm, ask } = taped;
        self.messages += 1;
        self.asks.extend(ask.map(|ask| *ask));
        self.put(Told { message, rhythm, is_walked: false }, forgets, has_history);
    }

    fn put(&mut self, told: Told, forgets: bool, has_history: impl Fn(&Topic) -> bool) {
        let message = &told.message;
        self.least = Some(self.least.unwrap_or(u64::MAX).min(message.number));
        self.bytes += message.len();
        let (topic, number) = (message.topic.clone(), message.number);
        let change = if forgets { Change::Forget } else { Change::Keep(told) };
        let earlier = self.changes.insert(topic, change);
        self.earlier_was(earlier, number, has_history);
    }

    /// A reading that is no last value any more is history's.
    fn earlier_was(&mut self, earlier: Option<Change>, number: u64, has_history: impl Fn(&Topic) -> bool) {
        if let Some(Change::Keep(earlier)) = earlier
            && earlier.message.kind == Kind::Reading
            // It was gone through, and came from the tape then, or the other way round.
            && earlier.message.number != number
            && has_history(&earlier.message.topic)
        {
            self.earlier.push(earlier);
        }
    }

    /// All readings in here, those of each topic in their order.
    pub(super) fn readings(&self) -> impl Iterator<Item = Heard<'_>> {
        self.told().map(Told::heard)
    }

    fn told(&self) -> impl Iterator<Item = &Told> {
        let newest = self.changes.values().filter_map(|change| match change {
            Change::Keep(told) => Some(told),
            Change::Forget => None,
        });
        self.earlier.iter().chain(newest).filter(|told| told.is_reading())
    }

    /// What of it is new to history, as the plan of a write has found.
    pub(super) fn news<'b>(
        &'b self,
        known: &'b HashSet<u64, RandomState>,
    ) -> impl Iterator<Item = Heard<'b>> {
        let is_new = |told: &&Told| !known.contains(&told.message.number) || is_of_the_start(told);
        self.told().filter(is_new).map(Told::heard)
    }

    /// Adds a value as the hub has it, as all last values are gone through.
    pub(super) fn keep(&mut self, message: Publication, has_history: impl Fn(&Topic) -> bool) {
        self.put(Told::kept(message, true), false, has_history);
    }

    /// Adds what became of a value when the hub began.
    pub(super) fn say(&mut self, message: Publication) {
        self.put(Told::kept(message, false), false, |_| false);
    }

    /// Adds that a topic has no value.
    pub(super) fn forget(&mut self, topic: Topic, has_history: impl Fn(&Topic) -> bool) {
        self.bytes += topic.as_str().len();
        let earlier = self.changes.insert(topic, Change::Forget);
        self.earlier_was(earlier, 0, has_history);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether it is so much that it is written before its time.
    pub(super) fn is_large(&self) -> bool {
        self.bytes >= LARGE || self.changes.len() + self.earlier.len() >= MANY
    }

    /// Whether somebody waits for it to be written.
    pub(super) fn is_asked_for(&self) -> bool {
        !self.asks.is_empty()
    }

    /// It is written.
    pub(super) fn written(&mut self) {
        self.clear().into_iter().for_each(Ask::confirm);
    }

    /// It is not, and is let go of. Returns how many messages that were, and the least number that is missing in the file now.
    pub(super) fn give_up(&mut self, reason: &str) -> (u64, Option<u64>) {
        let least = (!self.is_empty()).then_some(self.least.unwrap_or(u64::MAX));
        let messages = self.messages;
        self.clear().into_iter().for_each(|ask| ask.refuse(reason));
        (messages, least)
    }

    fn clear(&mut self) -> Vec<Ask> {
        // The next write is about as large, most likely.
        let (changes, earlier) = (self.changes.len().max(1024), self.earlier.len().max(1024));
        self.changes.clear();
        self.changes.shrink_to(changes);
        self.earlier.clear();
        self.earlier.shrink_to(earlier);
        (self.bytes, self.messages, self.least) = (0, 0, None);
        std::mem::take(&mut self.asks)
    }

    /// The row number `seq` of the log.
    pub(super) fn plan(
        &self,
        seq: u64,
        time: u64,
        names: &mut Names,
        head: &mut Head,
        knows: impl Fn(Which<'_>) -> bool,
    ) -> Plan {
        let (mut new, mut cleared) = (New::default(), Vec::new());
        let mut told = Vec::with_capacity(self.changes.len() + self.earlier.len());
        told.extend(self.earlier.iter().map(|told| (new.topic(&told.message.topic, names), Some(told))));
        for (topic, change) in &self.changes {
            match change {
                Change::Forget => {
                    // What the file does not know, it need not forget.
                    if let Some(id) = names.topic(topic).or_else(|| new.ids.get(topic).copied()) {
                        told.push((id, None));
                        cleared.push((id, topic.clone()));
                    }
                }
                Change::Keep(newest) => told.push((new.topic(topic, names), Some(newest))),
            }
        }
        // Takes the least room. What was said earlier of a topic stays in front.
        told.sort_by_key(|(topic, _)| *topic);
        let mut row = RowWriter::new(seq, time, head.bases());
        let (mut said, mut before) = (Vec::with_capacity(self.changes.len()), None);
        for (at, (topic, told_now)) in told.iter().enumerate() {
            if told_now.is_some_and(|told| new.is_known(told, &knows)) {
                row.known();
            }
            let record = Record { topic: *topic, value: told_now.map(|told| new.value(told, names)) };
            head.tell(&record, before == Some(*topic), &mut row);
            before = Some(*topic);
            if told.get(at + 1).is_none_or(|(next, _)| next != topic) {
                said.push(what_is_said(record));
            }
        }
        let row = (!row.is_empty()).then(|| row.finish());
        let New { topics: new_topics, users: new_users, known, .. } = new;
        Plan { seq, row, said, new_topics, new_users, cleared, known }
    }
}

/// Names that the file does not have yet.
#[derive(Debug, Default)]
struct New {
    topics: Vec<(u64, Topic)>,
    ids: HashMap<Topic, u64, RandomState>,
    users: Vec<(u64, Arc<str>)>,
    /// The numbers of messages that history has already.
    known: HashSet<u64, RandomState>,
}

impl New {
    /// Whether history has a message already.
    fn is_known(&mut self, told: &Told, knows: &impl Fn(Which<'_>) -> bool) -> bool {
        let is_known = told.is_reading() && knows(told.which());
        if is_known {
            self.known.insert(told.message.number);
        }
        is_known
    }

    /// The number of a topic that has a value.
    fn topic(&mut self, topic: &Topic, names: &mut Names) -> u64 {
        self.ids.get(topic).copied().unwrap_or_else(|| {
            let number = names.topic_or_new(topic, self.topics.len());
            if number.is_new {
                self.topics.push((number.id, topic.clone()));
                self.ids.insert(topic.clone(), number.id);
            }
            number.id
        })
    }

    fn value<'m>(&mut self, told: &'m Told, names: &Names) -> Value<'m> {
        let Told { message, rhythm, .. } = told;
        let user = user(&message.from, names, &mut self.users);
        let (time, payload) = (milliseconds(message.time), message.payload().into());
        Value { time, user, payload, rest: rest(message), rhythm: *rhythm }
    }
}

/// What came back from the file has no number of its own. It is said by the hub itself, once.
fn is_of_the_start(told: &Told) -> bool {
    told.message.number == 0 && !told.is_walked
}

/// The number of a user.
fn user(name: &Arc<str>, names: &Names, new: &mut Vec<(u64, Arc<str>)>) -> u64 {
    if let Some((id, _)) = new.iter().find(|(_, known)| known == name) {
        return *id;
    }
    let number = names.user_or_new(name, new.len());
    if number.is_new {
        new.push((number.id, Arc::clone(name)));
    }
    number.id
}

/// What is unusual of a message. When it expires is measured by a clock that ends with the process, so what is left of the
/// time is told by the clock on the wall.
fn rest(message: &Publication) -> Option<Rest> {
    if message.kind == Kind::Reading && message.extras().is_none() {
        return None;
    }
    let Extras { expires, passed_on, trail } = message.extras().cloned().unwrap_or_default();
    let now = Moment::now();
    let expires = expires.map(|expires| milliseconds(now.wall() + expires.since(now.steady())));
    Some(Rest { kind: message.kind, expires, passed_on, trail })
}
