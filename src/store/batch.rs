//! What the next write will say: of each topic what was said last. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::head::{Head, Said, said};
use super::log::{Record, Rest, RowWriter, Value, milliseconds};
use super::names::Names;
use super::tables::{Fault, Writing};
use crate::hub::{Ask, Extras, Publication, Taped};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

/// What becomes of the last value of a topic.
#[derive(Debug)]
pub(super) enum Change {
    Keep(Arc<Publication>),
    Forget,
}

/// What was said since the last write.
#[derive(Debug, Default)]
pub(super) struct Batch {
    changes: HashMap<Topic, Change, RandomState>,
    /// Readings that newer ones have followed, for history.
    earlier: Vec<Arc<Publication>>,
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
        let Taped { message, forgets, ask } = taped;
        self.messages += 1;
        self.asks.extend(ask.map(|ask| *ask));
        if let Some(Change::Keep(earlier)) = self.put(message, forgets)
            && earlier.kind == Kind::Reading
            && has_history(&earlier.topic)
        {
            self.earlier.push(earlier);
        }
    }

    fn put(&mut self, message: Arc<Publication>, forgets: bool) -> Option<Change> {
        self.least = Some(self.least.unwrap_or(u64::MAX).min(message.number));
        self.bytes += message.len();
        let topic = message.topic.clone();
        self.changes.insert(topic, if forgets { Change::Forget } else { Change::Keep(message) })
    }

    /// All readings in here, those of each topic in their order: topic, time and payload.
    pub(super) fn readings(&self) -> impl Iterator<Item = (&Topic, u64, &str)> {
        let newest = self.changes.values().filter_map(|change| match change {
            Change::Keep(message) => Some(message),
            Change::Forget => None,
        });
        let all = self.earlier.iter().chain(newest).filter(|message| message.kind == Kind::Reading);
        all.map(|message| (&message.topic, milliseconds(message.time), message.payload()))
    }

    /// Adds a value as the hub has it.
    pub(super) fn keep(&mut self, message: Publication) {
        self.put(Arc::new(message), false);
    }

    /// Adds that a topic has no value.
    pub(super) fn forget(&mut self, topic: Topic) {
        self.bytes += topic.as_str().len();
        self.changes.insert(topic, Change::Forget);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
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
        self.changes.clear();
        self.changes.shrink_to(1024);
        self.earlier.clear();
        self.earlier.shrink_to(1024);
        (self.bytes, self.messages, self.least) = (0, 0, None);
        std::mem::take(&mut self.asks)
    }

    /// The row number `seq` of the log.
    pub(super) fn plan(&self, seq: u64, time: u64, names: &mut Names, head: &mut Head) -> Plan {
        let mut new = New::default();
        let mut cleared = Vec::new();
        let mut records = Vec::with_capacity(self.changes.len() + self.earlier.len());
        records.extend(self.earlier.iter().map(|message| new.record(message, names)));
        for (topic, change) in &self.changes {
            match change {
                Change::Forget => {
                    // What the file does not know, it need not forget.
                    if let Some(id) = names.topic(topic).or_else(|| new.ids.get(topic).copied()) {
                        records.push(Record { topic: id, value: None });
                        cleared.push((id, topic.clone()));
                    }
                }
                Change::Keep(message) => records.push(new.record(message, names)),
            }
        }
        // Takes the least room.
        records.sort_by_key(|record| record.topic);
        let mut row = RowWriter::new(seq, time, head.bases());
        let mut before = None;
        for record in &records {
            let again = head.has_spoken(record.topic) || before == Some(record.topic);
            before = Some(record.topic);
            row.push(record, again, head.bases());
        }
        let row = (!row.is_empty()).then(|| row.finish());
        let said = records.into_iter().map(said).collect();
        let New { topics: new_topics, users: new_users, .. } = new;
        Plan { seq, row, said, new_topics, new_users, cleared }
    }
}

/// Names that the file does not have yet.
#[derive(Debug, Default)]
struct New {
    topics: Vec<(u64, Topic)>,
    ids: HashMap<Topic, u64, RandomState>,
    users: Vec<(u64, Arc<str>)>,
}

impl New {
    fn record<'m>(&mut self, message: &'m Publication, names: &mut Names) -> Record<'m> {
        let topic = self.ids.get(&message.topic).copied().unwrap_or_else(|| {
            let number = names.topic_or_new(&message.topic, self.topics.len());
            if number.is_new {
                self.topics.push((number.id, message.topic.clone()));
                self.ids.insert(message.topic.clone(), number.id);
            }
            number.id
        });
        let user = user(&message.from, names, &mut self.users);
        let (time, payload) = (milliseconds(message.time), message.payload().into());
        Record { topic, value: Some(Value { time, user, payload, rest: rest(message) }) }
    }
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
