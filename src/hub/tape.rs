//! What waits for the store: a bounded queue, as an outbox is for a reader. The hub puts in without ever waiting and
//! wakes nobody; the store comes by itself.
//!
//! The hub's memory is the truth, and the store is a copy of it. So what does not fit is not lost: the tape remembers that
//! something is missing, and the store goes through all last values again once it has caught up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::channel::Channel;
use super::figures::Figures;
use super::last_value::{LastValue, SaidBefore};
use super::layout::LAYOUT;
use super::outbox::Outbox;
use super::presence;
use super::publication::Publication;
use super::trie::{Near, Needs};
use super::{Hub, Retention, Rhythm, State, StoreFull};
use crate::talk::control::{PublishRefused, Published};
use crate::talk::{Kind, Reply};
use crate::topic::Topic;

/// What may wait for the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapeBounds {
    /// Messages.
    pub messages: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// A part of the tape that readings leave to what is none, such as the word that a value is to be forgotten.
const RESERVED: usize = 8;

/// Messages of one client whose answers may wait until the message is on the disk.
pub(super) const UNCONFIRMED: u32 = 1000;

/// The queue.
#[derive(Debug)]
pub struct Tape {
    inside: Mutex<Inside>,
    all: TapeBounds,
    readings: TapeBounds,
    /// Whether a publisher that asks is answered only when its message is on the disk.
    confirms: bool,
    figures: Arc<Figures>,
}

#[derive(Debug, Default)]
struct Inside {
    queue: VecDeque<Taped>,
    bytes: usize,
    /// The messages that did not fit.
    missing: Option<Skipped>,
    is_closed: bool,
}

/// Messages that did not fit into the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// The least and the greatest of their numbers.
    pub least: u64,
    /// See above.
    pub greatest: u64,
    /// How many.
    pub count: u64,
    /// The time of the earliest one.
    pub first: SystemTime,
    /// The time of the latest one.
    pub last: SystemTime,
}

impl Skipped {
    fn with(self, message: &Publication) -> Self {
        Self {
            least: self.least.min(message.number),
            greatest: self.greatest.max(message.number),
            count: self.count + 1,
            first: self.first.min(message.time()),
            last: self.last.max(message.time()),
        }
    }
}

/// A message that waits for the store.
#[derive(Debug)]
pub struct Taped {
    /// The message.
    pub message: Arc<Publication>,
    /// Whether there is no last value any more, rather than this one.
    pub forgets: bool,
    /// How often the topic speaks, with this message.
    pub rhythm: Rhythm,
    /// Who waits for it to be on the disk.
    pub ask: Option<Box<Ask>>,
}

/// A publisher's question whether its message is kept. Whoever holds it has to answer; dropped, it is answered with a no.
#[derive(Debug)]
pub struct Ask {
    outbox: Arc<Outbox>,
    figures: Arc<Figures>,
    refusal: Box<PublishRefused>,
    is_answered: bool,
}

impl Ask {
    /// `refusal` is what the publisher is to hear if it is a no, less the reason; its `id` stands in both answers.
    pub(super) fn new(outbox: &Arc<Outbox>, figures: &Arc<Figures>, refusal: Box<PublishRefused>) -> Self {
        outbox.unconfirmed.fetch_add(1, Ordering::Relaxed);
        figures.store_unconfirmed.add(1);
        Self { outbox: Arc::clone(outbox), figures: Arc::clone(figures), refusal, is_answered: false }
    }

    /// The message is on the disk.
    pub fn confirm(mut self) {
        if let Some(id) = self.refusal.id.take() {
            self.answer(&Reply::PublishOk(Published::plainly(id, true)));
        }
    }

    /// It is not, for this reason.
    pub fn refuse(mut self, reason: &str) {
        self.say_no(reason);
    }

    /// Nobody is to be answered by this.
    pub(super) fn withdraw(mut self) {
        self.is_answered = true;
    }

    fn say_no(&mut self, reason: &str) {
        let refusal = PublishRefused { reason: reason.to_owned(), ..*std::mem::take(&mut self.refusal) };
        self.answer(&Reply::PublishError(refusal));
    }

    fn answer(&mut self, reply: &Reply) {
        self.is_answered = true;
        self.outbox.reply(reply.text());
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        if !self.is_answered {
            self.say_no("routed, but not kept: the store has ended");
        }
        self.outbox.unconfirmed.fetch_sub(1, Ordering::Relaxed);
        self.figures.store_unconfirmed.sub(1);
    }
}

/// What the store does for a message.
#[derive(Debug)]
pub(super) enum Promise {
    /// Nothing that anybody would wait for.
    None,
    /// The publisher is answered when it is on the disk.
    Waits,
    /// It did not fit into the tape.
    Broken,
}

impl Tape {
    /// An empty one. With `confirms`, who asks is answered when the message is on the disk.
    pub fn new(bounds: TapeBounds, confirms: bool, figures: &Arc<Figures>) -> Arc<Self> {
        let readings = TapeBounds {
            messages: bounds.messages - bounds.messages / RESERVED,
            bytes: bounds.bytes - bounds.bytes / RESERVED,
        };
        let (inside, figures) = (Mutex::default(), Arc::clone(figures));
        Arc::new(Self { inside, all: bounds, readings, confirms, figures })
    }

    /// Puts a message in if there is room. Never waits.
    fn offer(&self, message: &Arc<Publication>, forgets: bool, rhythm: Rhythm, ask: Option<Ask>) -> Promise {
        let len = message.len();
        let bounds = if message.kind == Kind::Reading && !forgets { &self.readings } else { &self.all };
        let mut inside = self.inside.lock();
        if inside.is_closed || inside.queue.len() >= bounds.messages || inside.bytes + len > bounds.bytes {
            let (number, time) = (message.number, message.time());
            let none = Skipped { least: number, greatest: number, count: 0, first: time, last: time };
            inside.missing = Some(inside.missing.unwrap_or(none).with(message));
            drop(inside);
            self.figures.store_skipped.add(1);
            return match ask {
                None => Promise::None,
                Some(ask) => {
                    ask.withdraw();
                    Promise::Broken
                }
            };
        }
        let promise = if ask.is_some() { Promise::Waits } else { Promise::None };
        inside.bytes += len;
        let (message, ask) = (Arc::clone(message), ask.map(Box::new));
        inside.queue.push_back(Taped { message, forgets, rhythm, ask });
        promise
    }

    /// Takes all that waits, into a queue that is empty. Says which messages are missing, if any are.
    pub fn take(&self, into: &mut VecDeque<Taped>) -> Option<Skipped> {
        let mut inside = self.inside.lock();
        std::mem::swap(&mut inside.queue, into);
        inside.bytes = 0;
        inside.missing.take()
    }

    /// Takes no more.
    pub fn close(&self) {
        let left = {
            let mut inside = self.inside.lock();
            inside.is_closed = true;
            std::mem::take(&mut inside.queue)
        };
        // Outside of the lock: each ask that is dropped is answered.
        drop(left);
    }
}

/// A last value that comes back from the store.
#[derive(Debug)]
pub struct Restored {
    /// Made here, so that who takes it back has less to do: it is the slower one of the two.
    channel: Arc<Channel>,
    value: LastValue,
    len: usize,
}

impl Restored {
    /// What was said under this topic.
    pub fn new(topic: Topic, said: SaidBefore) -> Self {
        let value = LastValue::restored(said);
        let len = value.len(&topic);
        Self { channel: Arc::new(Channel::new(topic)), value, len }
    }
}

/// What became of a value that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restoring {
    /// It is the last value again.
    Kept,
    /// A node was there when the hub ended, and is not any more: now the last value of this topic says so.
    WentOffline(Topic),
    /// Something newer was said already.
    Older,
    /// There is no room for it.
    NoRoom,
}

/// Takes last values back, one after the other. Those of one branch should come side by side.
#[derive(Debug)]
pub struct Restorer<'h> {
    hub: &'h Hub,
    near: Near,
}

impl Restorer<'_> {
    /// About so many are to come, of which these are the first: makes memory for them at once.
    pub fn expect<'r>(&self, count: usize, first: impl Iterator<Item = &'r Restored>) {
        let count = count.min(self.hub.settings.retained_topics);
        // Counted before anything is locked: where the file is found late, others publish meanwhile.
        let needs = Needs::of(count, first.map(|restored| restored.channel.topic.as_str()));
        self.hub.last_values.lock().reserve(needs);
        self.hub.channels.reserve(count);
    }

    /// Takes a value back that was the last one when the hub ended, at the moment `ended`. Where the file is found late
    /// there may be readers, and they hear of it.
    pub fn restore(&mut self, restored: Restored, ended: SystemTime) -> Restoring {
        let Self { hub, near } = self;
        let Restored { channel, mut value, mut len } = restored;
        let (from, payload) = value.said();
        let offline =
            (from == "hub").then(|| presence::went_offline(&channel.topic, payload, ended)).flatten();
        let went_offline = offline.is_some();
        if let Some(payload) = offline {
            value.correct(payload, ended);
            len = value.len(&channel.topic);
        }
        hub.channels.with_new(&channel, |channel, state| {
            let topic = &channel.topic;
            if state.last.is_some() {
                return Restoring::Older;
            }
            if !hub.has_room_for_first(topic, len) {
                return Restoring::NoRoom;
            }
            hub.add_near(Some(near), channel, state, value, len);
            // Asked when the value is in the index: who is not counted yet finds it there.
            let is_heard = hub.figures.filters.value() > 0;
            if let Some(value) = state.last.as_ref().filter(|_| is_heard) {
                let message = Arc::new(value.message(topic));
                hub.refresh_route(channel, state);
                state.last_generation = state.route.generation;
                state.route.targets.all().iter().for_each(|target| target.offer(&message));
            }
            if went_offline {
                hub.note_went_offline(topic);
                Restoring::WentOffline(topic.clone())
            } else {
                Restoring::Kept
            }
        })
    }
}

impl Hub {
    /// From now on this tape hears what is kept and what is forgotten. There is one for the life of the hub.
    pub fn record_on(&self, tape: Arc<Tape>) {
        if self.tape.set(tape).is_err() {
            tracing::error!("the hub has a store already");
        }
        self.keep_leases();
    }

    /// Whether a publisher that asks is to be answered when its message is on the disk.
    pub(super) fn confirms(&self) -> bool {
        self.tape.get().is_some_and(|tape| tape.confirms)
    }

    /// Tells the store what has become of a last value. The channel of the topic is locked.
    pub(super) fn tape(
        &self,
        state: &State,
        message: &Arc<Publication>,
        kept: Result<(), StoreFull>,
        ask: Option<Ask>,
    ) -> Promise {
        let tape = self.tape.get().filter(|_| message.retention != Retention::Pass);
        let tape = tape.filter(|_| !is_the_hubs_own(&message.topic));
        // Where nothing is kept there is nothing to wait for: the answer is given by others.
        let ask = match (ask, tape, kept) {
            (Some(ask), None, _) | (Some(ask), _, Err(StoreFull)) => {
                ask.withdraw();
                None
            }
            (ask, ..) => ask,
        };
        let forgets = kept.is_err() || message.retention == Retention::Clear;
        tape.map_or(Promise::None, |tape| {
            let rhythm = state.last.as_ref().map(LastValue::rhythm).unwrap_or_default();
            tape.offer(message, forgets, rhythm, ask)
        })
    }

    /// Takes last values back.
    pub fn restorer(&self) -> Restorer<'_> {
        Restorer { hub: self, near: Near::default() }
    }

    /// Forgets the last value of a topic, and nobody is told. Whether there was one. What says that a node is connected
    /// stays, as that is so.
    pub fn forget_value(&self, topic: &Topic) -> bool {
        self.channels.with(topic, |channel, state| {
            let Some(last) = state.last.as_ref().map(|last| last.message(topic)) else { return false };
            let is_connected = || presence::went_offline(topic, last.payload(), last.time()).is_some();
            if &*last.from == "hub" && is_connected() {
                return false;
            }
            let mut order = Publication::new(topic.clone(), "null", last.kind, "hub".into(), last.time());
            (order.retention, order.number) = (Retention::Clear, self.figures.published.value());
            self.forget(channel, state);
            self.tape(state, &Arc::new(order), Ok(()), None);
            true
        })
    }

    /// Whether a topic has a last value.
    pub fn is_kept(&self, topic: &Topic) -> bool {
        self.channels.with_known(topic, |state| state.last.is_some()).unwrap_or(false)
    }

    /// Goes through about `most` of all last values, from a place in their index on, and visits those that were said from
    /// `number` on. Returns where to go on; what is there all the time is visited once it has returned nothing.
    pub fn last_values_from(
        &self,
        place: usize,
        most: usize,
        number: u64,
        visit: &mut impl FnMut(Publication),
    ) -> Option<usize> {
        let mut channels = Vec::new();
        let next = self
            .last_values
            .lock()
            .leaves_from(place, most, &mut |channel| channels.push(Arc::clone(channel)));
        for channel in channels.iter().filter(|channel| !is_the_hubs_own(&channel.topic)) {
            channel.last_value_since(number).into_iter().for_each(&mut *visit);
        }
        next
    }
}

/// What the hub says of itself is told again after a start, and is not stored. What people have told it is.
fn is_the_hubs_own(topic: &Topic) -> bool {
    topic.is_system() && topic.levels().next() == Some("$SYS") && topic.as_str() != LAYOUT
}
