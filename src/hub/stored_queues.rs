//! What waits for a broker and is to survive a restart: a book between links, which have the messages in their queues, and
//! the store, which has a copy of them. Nobody waits for anybody. The store comes by and takes what has changed.
//!
//! A message enters the book when it enters the queue of its link, and leaves it when its [`Ticket`] is dropped, which is
//! when the broker has acknowledged it or the queue has given it up. What leaves before the store has taken it is never
//! written: so a broker that is there and keeps up costs no writing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::links::LinkFigures;
use super::publication::{Extras, Publication};
use super::{Hub, Retention};
use crate::moment::{Moment, Steady};
use crate::talk::Kind;
use crate::topic::Topic;

/// A message that waits, as the store has it.
#[derive(Debug)]
pub struct Queued {
    /// The name of the link.
    pub link: Arc<str>,
    /// The message.
    pub message: Arc<Publication>,
    /// Under which name and how it goes out, in the words of the links. The hub and the store do not look at it.
    pub way: Box<[u8]>,
    /// Since when it waits.
    pub at: SystemTime,
    /// Whether an operator has asked to forget its topic.
    is_forgotten: AtomicBool,
}

/// A message that waits, as the store gives it back.
#[derive(Debug)]
pub struct QueuedAgain {
    /// The name of the link.
    pub link: Arc<str>,
    /// The topic.
    pub topic: Topic,
    /// JSON text.
    pub payload: Box<str>,
    /// Its shape.
    pub kind: Kind,
    /// When the hub took it.
    pub time: SystemTime,
    /// Who said it.
    pub from: Arc<str>,
    /// What became of it here.
    pub retention: Retention,
    /// When it stops being worth delivering.
    pub expires: Option<Steady>,
    /// As in [`Queued`].
    pub way: Box<[u8]>,
    /// Since when it waits.
    pub at: SystemTime,
}

/// What the store is to write.
#[derive(Debug, Default)]
pub struct QueueChanges {
    /// Messages that wait, by their numbers.
    pub rows: Vec<(u64, Arc<Queued>)>,
    /// The numbers of those that do not wait any more.
    pub gone: Vec<u64>,
}

impl QueueChanges {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.gone.is_empty()
    }
}

/// The book.
#[derive(Debug, Default)]
pub struct StoredQueues(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    /// The most bytes that it has; 0 where there is no store.
    most_bytes: u64,
    bytes: u64,
    next: u64,
    /// All that wait, by their numbers, which is the order in which they came.
    held: BTreeMap<u64, Held>,
    /// Those of them that the store has not taken as they are now.
    unwritten: BTreeSet<u64>,
    /// Numbers that the file may have and is not to have any more.
    gone: BTreeSet<u64>,
    /// Since when the oldest of these is to go.
    gone_since: Option<Steady>,
}

#[derive(Debug)]
struct Held {
    queued: Arc<Queued>,
    since: Steady,
    /// Whether the file may have it.
    is_in_file: bool,
    /// Whether a link has it in its queue.
    is_claimed: bool,
}

/// What a message counts beside its own bytes: its entry here and its row in the file.
const A_ROW: u64 = 200;

/// So many messages are handled with one lock where all of them are gone through.
const PIECE: usize = 256;

fn bytes(queued: &Queued) -> u64 {
    A_ROW + (queued.message.len() + queued.way.len()) as u64
}

impl Inside {
    fn is_on(&self) -> bool {
        self.most_bytes > 0
    }

    fn remove(&mut self, id: u64, now: Steady) -> Option<Held> {
        let held = self.held.remove(&id)?;
        self.bytes -= bytes(&held.queued);
        self.unwritten.remove(&id);
        if held.is_in_file {
            self.delete(id, now);
        }
        Some(held)
    }

    fn delete(&mut self, id: u64, now: Steady) {
        self.gone.insert(id);
        self.gone_since.get_or_insert(now);
    }

    fn is_due(&self, before: Steady) -> bool {
        let oldest = self.unwritten.first().and_then(|id| self.held.get(id));
        oldest.is_some_and(|held| held.since <= before)
            || self.gone_since.is_some_and(|since| since <= before)
    }
}

impl StoredQueues {
    /// From now on there is a store, which has room for so many bytes of them.
    pub fn turn_on(&self, most_bytes: u64) {
        self.0.lock().most_bytes = most_bytes.max(1);
    }

    /// Whether there is a store.
    pub fn is_on(&self) -> bool {
        self.0.lock().is_on()
    }

    /// Takes a message into the book; nothing if there is no room for it.
    pub fn put(
        self: &Arc<Self>,
        (link, figures): (&Arc<str>, &Arc<LinkFigures>),
        message: &Arc<Publication>,
        way: Box<[u8]>,
        now: Moment,
    ) -> Option<Ticket> {
        let (link, message) = (Arc::clone(link), Arc::clone(message));
        let is_forgotten = AtomicBool::new(false);
        let queued = Arc::new(Queued { link, message, way, at: now.wall(), is_forgotten });
        let mut inside = self.0.lock();
        let more = bytes(&queued);
        if inside.bytes.saturating_add(more) > inside.most_bytes {
            return None;
        }
        // Above all numbers that a file may have, also one that is found later.
        let least = u64::try_from(since_1970(now.wall()).as_millis()).unwrap_or_default() << 12;
        let id = inside.next.max(least.min(u64::MAX >> 2));
        inside.next = id + 1;
        inside.bytes += more;
        let held =
            Held { queued: Arc::clone(&queued), since: now.steady(), is_in_file: false, is_claimed: true };
        inside.held.insert(id, held);
        inside.unwritten.insert(id);
        drop(inside);
        Some(Ticket::new(id, self, queued, figures))
    }

    /// Takes a message into the book that the file has. Says whether its number was another's, as it may be in a file that
    /// was written while the clock was wrong: then it has a new one, and both are written again.
    pub fn restore(&self, id: u64, again: QueuedAgain, now: Moment) -> bool {
        let QueuedAgain { link, topic, payload, kind, time, from, retention, expires, way, at } = again;
        let mut message = Publication::new(topic, &payload, kind, from, time);
        message.retention = retention;
        message.set_extras(Extras { expires, ..Extras::default() });
        let is_forgotten = AtomicBool::new(false);
        let queued = Arc::new(Queued { link, message: Arc::new(message), way, at, is_forgotten });
        let mut inside = self.0.lock();
        let inside = &mut *inside;
        let (mut free, mut is_in_file) = (id, true);
        if let Some(held) = inside.held.get_mut(&id) {
            if is_same(&held.queued, &queued) {
                return false;
            }
            // The row is the other's as soon as that is written.
            held.is_in_file = true;
            inside.unwritten.insert(id);
            (free, is_in_file) = (inside.next, false);
            inside.unwritten.insert(free);
        }
        inside.next = inside.next.max(free.saturating_add(1));
        inside.bytes += bytes(&queued);
        inside.held.insert(free, Held { queued, since: now.steady(), is_in_file, is_claimed: false });
        free != id
    }

    /// The file has a row of this number that nobody can read: it is to go.
    pub fn discard(&self, id: u64, now: Moment) {
        self.0.lock().delete(id, now.steady());
    }

    /// What waits for a link of this name and is in no queue, in its order. From now on it is that link's.
    pub fn claim(self: &Arc<Self>, link: &str, figures: &Arc<LinkFigures>) -> Vec<Ticket> {
        let mut claimed = Vec::new();
        self.in_pieces(|inside, ids| {
            for id in ids {
                let Some(held) = inside.held.get_mut(id) else { continue };
                if !held.is_claimed && &*held.queued.link == link {
                    held.is_claimed = true;
                    claimed.push((*id, Arc::clone(&held.queued)));
                }
            }
        });
        claimed.into_iter().map(|(id, queued)| Ticket::new(id, self, queued, figures)).collect()
    }

    /// Names of links for which messages wait that no link has in its queue, with how many these are.
    pub fn unclaimed(&self) -> BTreeMap<Arc<str>, u64> {
        let mut found = BTreeMap::new();
        self.in_pieces(|inside, ids| {
            for held in ids.iter().filter_map(|id| inside.held.get(id)).filter(|held| !held.is_claimed) {
                *found.entry(Arc::clone(&held.queued.link)).or_default() += 1;
            }
        });
        found
    }

    /// Goes through all that is in the book now, a piece at a time: between two pieces others may use it. What comes meanwhile
    /// has higher numbers.
    fn in_pieces(&self, mut handle: impl FnMut(&mut Inside, &[u64])) {
        let (mut from, until) = (0, self.0.lock().next);
        loop {
            let mut inside = self.0.lock();
            let ids: Vec<u64> = inside.held.range(from..until).take(PIECE).map(|(id, _)| *id).collect();
            let Some(last) = ids.last() else { return };
            from = last + 1;
            handle(&mut inside, &ids);
        }
    }

    /// Drops what waits for a link of this name and is in no queue. Says how many messages that were.
    pub fn drop_unclaimed(&self, link: &str, now: Moment) -> u64 {
        self.drop_where(now, |held| !held.is_claimed && &*held.queued.link == link)
    }

    /// Forgets all messages of the topics that are named, wherever they wait. Says how many these were.
    pub fn forget(&self, now: Moment, is_named: impl Fn(&Topic) -> bool) -> u64 {
        self.drop_where(now, |held| {
            let named = is_named(&held.queued.message.topic);
            if named {
                held.queued.is_forgotten.store(true, Ordering::Relaxed);
            }
            named
        })
    }

    fn drop_where(&self, now: Moment, goes: impl Fn(&Held) -> bool) -> u64 {
        let mut dropped = 0;
        self.in_pieces(|inside, ids| {
            for id in ids {
                if inside.held.get(id).is_some_and(&goes) {
                    inside.remove(*id, now.steady());
                    dropped += 1;
                }
            }
        });
        dropped
    }

    /// What the store is to write now, at most so many of each: nothing as long as all of it is younger than `age`. Whoever
    /// takes it says afterwards if it was not written.
    pub fn changes(&self, now: Moment, age: Duration, most: usize) -> QueueChanges {
        let mut inside = self.0.lock();
        let inside = &mut *inside;
        if inside.unwritten.is_empty() && inside.gone.is_empty() {
            return QueueChanges::default();
        }
        let is_due = age.is_zero() || inside.is_due(now.steady().before(age));
        if !is_due {
            return QueueChanges::default();
        }
        let ids: Vec<u64> = inside.unwritten.iter().take(most).copied().collect();
        let mut changes = QueueChanges::default();
        for id in ids {
            inside.unwritten.remove(&id);
            if let Some(held) = inside.held.get_mut(&id) {
                held.is_in_file = true;
                changes.rows.push((id, Arc::clone(&held.queued)));
            }
        }
        changes.gone = inside.gone.iter().take(most).copied().collect();
        changes.gone.iter().for_each(|id| _ = inside.gone.remove(id));
        if inside.gone.is_empty() {
            inside.gone_since = None;
        }
        changes
    }

    /// These were not written: they are to be taken again.
    pub fn not_written(&self, changes: QueueChanges, now: Moment) {
        let mut inside = self.0.lock();
        for (id, _) in changes.rows {
            if inside.held.contains_key(&id) {
                inside.unwritten.insert(id);
            }
        }
        changes.gone.into_iter().for_each(|id| inside.delete(id, now.steady()));
    }

    /// What the file has is not known any more, or it is a new one: all of it is to be written again.
    pub fn all_again(&self) {
        self.in_pieces(|inside, ids| inside.unwritten.extend(ids));
    }
}

/// Whether both are one message, which was read twice.
fn is_same(one: &Queued, other: &Queued) -> bool {
    let said = |queued: &Queued| (queued.at, queued.message.time());
    one.link == other.link
        && said(one) == said(other)
        && one.way == other.way
        && one.message.topic == other.message.topic
        && one.message.payload() == other.message.payload()
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

impl Hub {
    /// What waits for brokers and is to survive a restart.
    pub fn stored_queues(&self) -> &Arc<StoredQueues> {
        &self.stored_queues
    }
}

/// The place of a message in the book. Dropped, it takes the message out of it.
#[derive(Debug)]
pub struct Ticket {
    id: u64,
    queued: Arc<Queued>,
    queues: Arc<StoredQueues>,
    figures: Arc<LinkFigures>,
    stays: AtomicBool,
}

impl Ticket {
    fn new(id: u64, book: &Arc<StoredQueues>, queued: Arc<Queued>, figures: &Arc<LinkFigures>) -> Self {
        figures.stored.add(1);
        let (book, figures) = (Arc::clone(book), Arc::clone(figures));
        Self { id, queued, queues: book, figures, stays: AtomicBool::new(false) }
    }

    /// The message.
    pub fn queued(&self) -> &Arc<Queued> {
        &self.queued
    }

    /// Whether an operator has asked to forget its topic.
    pub fn is_forgotten(&self) -> bool {
        self.queued.is_forgotten.load(Ordering::Relaxed)
    }

    /// The link has ended and the message waits: it stays in the book, for the next link of its name.
    pub fn stay(&self) {
        self.stays.store(true, Ordering::Relaxed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.figures.stored.sub(1);
        let mut inside = self.queues.0.lock();
        if !self.stays.load(Ordering::Relaxed) {
            drop(inside.remove(self.id, Moment::now().steady()));
        } else if let Some(held) = inside.held.get_mut(&self.id) {
            held.is_claimed = false;
        }
    }
}

#[cfg(test)]
mod tests;
