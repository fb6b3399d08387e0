//! What the next write will say. A message is taken apart as soon as it comes, while it is in a near cache, and is let go of.
//! Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::head::Head;
use super::history::{Heard, Hearing};
use super::log::{Bases, Draft, Record, Rest, Value, milliseconds};
use super::names::Names;
use super::pace::{LARGE, MANY};
use super::tables::{Fault, Writing};
use crate::hub::{Ask, Extras, Publication, Rhythm, Taped};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

/// What was said since the last write.
#[derive(Debug, Default)]
pub(super) struct Batch {
    draft: Draft,
    /// Names that the file does not have yet.
    new_topics: Vec<(u64, Topic)>,
    new_users: Vec<(u64, Arc<str>)>,
    /// Topics whose value was forgotten.
    cleared: BTreeMap<u64, Topic>,
    /// Where the records are that count only as long as nothing newer is said of their topic: all but readings that are
    /// history's.
    passing: HashMap<u64, usize, RandomState>,
    /// Messages that were said.
    messages: u64,
    /// The least number of a message in here.
    least: Option<u64>,
    /// Who waits for it.
    asks: Vec<Ask>,
}

/// What hears of each message. All of it is made anew from the file if that cannot be written.
pub(super) struct Desk<'w> {
    /// The row that is written next.
    pub(super) seq: u64,
    pub(super) names: &'w mut Names,
    pub(super) head: &'w mut Head,
    pub(super) history: Hearing<'w>,
}

impl Desk<'_> {
    /// Looks at what will be changed for topics of these numbers. No look waits for what another one has found, so the processor
    /// fetches from far memory for all of them at once, and not for one after the other.
    pub(super) fn bring_near(&self, topics: &[Option<u64>]) {
        let topics = || topics.iter().copied().flatten();
        std::hint::black_box(self.head.look(topics()));
        std::hint::black_box(self.history.look(topics()));
    }
}

impl Batch {
    /// The number of the topic of a message of the tape, which has one from now on if it has a value. The messages are to be
    /// [added](Self::add) in the same order.
    pub(super) fn number(&mut self, taped: &Taped, names: &mut Names) -> Option<u64> {
        let topic = &taped.message.topic;
        if taped.forgets { names.topic(topic) } else { Some(self.of_value(topic, names)) }
    }

    fn of_value(&mut self, topic: &Topic, names: &mut Names) -> u64 {
        let number = names.of_value(topic);
        if number.is_new {
            self.new_topics.push((number.id, topic.clone()));
        }
        number.id
    }

    /// Adds a message of the tape, with the number of its topic.
    pub(super) fn add(&mut self, taped: Taped, id: Option<u64>, desk: &mut Desk<'_>) {
        let Taped { message, forgets, rhythm, ask } = taped;
        self.messages += 1;
        self.asks.extend(ask.map(|ask| *ask));
        self.has(message.number);
        match id {
            Some(id) if forgets => self.clear_value(id, &message.topic, desk),
            Some(id) => self.put(&message, id, rhythm, false, desk),
            // What the file does not know, it need not forget.
            None => {}
        }
    }

    /// Counts a message of the tape that cannot be written.
    pub(super) fn miss(&mut self, taped: Taped) {
        self.messages += 1;
        self.asks.extend(taped.ask.map(|ask| *ask));
        self.has(taped.message.number);
    }

    /// Adds a value as the hub has it, as all last values are gone through.
    pub(super) fn keep(&mut self, message: &Publication, desk: &mut Desk<'_>) {
        self.has(message.number);
        let id = self.of_value(&message.topic, desk.names);
        self.put(message, id, message.rhythm, true, desk);
    }

    /// Adds what became of a value when the hub began.
    pub(super) fn say(&mut self, message: &Publication, desk: &mut Desk<'_>) {
        self.has(message.number);
        let id = self.of_value(&message.topic, desk.names);
        self.put(message, id, message.rhythm, false, desk);
    }

    fn has(&mut self, number: u64) {
        self.least = Some(self.least.unwrap_or(u64::MAX).min(number));
    }

    fn put(&mut self, message: &Publication, id: u64, rhythm: Rhythm, is_walked: bool, desk: &mut Desk<'_>) {
        let (topic, time, payload) = (&message.topic, message.milliseconds(), message.payload());
        let user = desk.names.of_user(&message.from);
        if user.is_new {
            self.new_users.push((user.id, Arc::clone(&message.from)));
        }
        self.cleared.remove(&id);
        self.is_followed(id);
        let number = message.number;
        let mut heard = Heard { topic, id: Some(id), time, payload, apart: None, number, is_walked };
        // History is for readings alone.
        let is_reading = message.kind == Kind::Reading;
        let is_known = is_reading && desk.history.knows(&heard);
        let value = Value { time, user: user.id, payload: payload.into(), rest: rest(message), rhythm };
        let (record, at) = (Record { topic: id, value: Some(value) }, self.draft.len());
        heard.apart = desk.head.say(desk.seq, record, is_known, &mut self.draft);
        if is_known || !is_reading || !desk.history.hear(&heard) {
            self.passing.insert(id, at);
        }
    }

    /// Adds that a topic has no value.
    pub(super) fn forget(&mut self, topic: &Topic, desk: &mut Desk<'_>) {
        if let Some(id) = desk.names.topic(topic) {
            self.clear_value(id, topic, desk);
        }
    }

    fn clear_value(&mut self, id: u64, topic: &Topic, desk: &mut Desk<'_>) {
        self.is_followed(id);
        self.passing.insert(id, self.draft.len());
        desk.head.say(desk.seq, Record { topic: id, value: None }, false, &mut self.draft);
        self.cleared.insert(id, topic.clone());
    }

    /// Something newer is said of a topic.
    fn is_followed(&mut self, id: u64) {
        if let Some(at) = self.passing.remove(&id) {
            self.draft.leave_out(at);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0 && self.draft.len() == 0
    }

    /// Whether it is so much that it is written before its time.
    pub(super) fn is_large(&self) -> bool {
        self.draft.bytes() >= LARGE || self.draft.len() >= MANY
    }

    /// Whether somebody waits for it to be written.
    pub(super) fn is_asked_for(&self) -> bool {
        !self.asks.is_empty()
    }

    /// The row number `seq` of the log; none if it says nothing.
    pub(super) fn row(&self, seq: u64, time: u64, bases: &Bases) -> Option<Vec<u8>> {
        self.draft.row(seq, time, bases)
    }

    /// Writes it.
    pub(super) fn write(&self, writing: &Writing<'_>, seq: u64, row: Option<&[u8]>) -> Result<(), Fault> {
        self.new_topics.iter().try_for_each(|(id, topic)| writing.add_topic(*id, topic.as_str()))?;
        self.new_users.iter().try_for_each(|(id, user)| writing.add_user(*id, user))?;
        row.map_or(Ok(()), |row| writing.add_row(seq, row))
    }

    /// It is written. Gives the topics whose value was forgotten.
    pub(super) fn written(&mut self) -> BTreeMap<u64, Topic> {
        let cleared = std::mem::take(&mut self.cleared);
        self.clear().into_iter().for_each(Ask::confirm);
        cleared
    }

    /// It is not, and is let go of. Returns how many messages that were, and the least number that is missing in the file now.
    pub(super) fn give_up(&mut self, reason: &str) -> (u64, Option<u64>) {
        let least = (!self.is_empty()).then_some(self.least.unwrap_or(u64::MAX));
        let messages = self.messages;
        self.clear().into_iter().for_each(|ask| ask.refuse(reason));
        (messages, least)
    }

    fn clear(&mut self) -> Vec<Ask> {
        let Self { mut draft, asks, .. } = std::mem::take(self);
        draft.clear();
        self.draft = draft;
        asks
    }
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
