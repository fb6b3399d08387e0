//! Sessions that outlive their connections and are to survive a restart: a book between the edge, which has their messages in queues
//! and on their way, and the store, which has a copy of them. The store comes by and takes what has changed.
//!
//! A message enters the book before it is offered to such a session, under the lock of its channel, and leaves it when its [`Ticket`]
//! is dropped: the client has acknowledged it, or something newer took its place. Who wants to hear that it is safe is answered
//! when each such session has either acknowledged it or has it in the file. So where all acknowledge at once nothing is written.
//!
//! What is put in with one message is taken by the store in one piece, and so is written in one transaction. The lock of the book is a
//! leaf: nothing is answered, woken or dropped under it that has a lock of its own.

mod entering;
mod handle;
mod receiver;
mod restoring;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::Thread;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, MutexGuard};

pub use self::entering::Asks;
pub(super) use self::entering::is_worth_nothing_later;
pub use self::handle::{Lasting, Ticket};
pub(super) use self::receiver::Part;
pub use self::restoring::{AgainRow, AgainSession, Claimed, ClaimedMessage};
use self::rows::{Entry, Pledge, Row, Shared};
pub use self::rows::{LastingChanges, MessageRow, SentAs, SessionRow};
use super::outbox::Outbox;
use super::publication::Publication;
use crate::moment::{Moment, Steady};
use crate::topic::Share;

/// How long somebody who waits for the store waits for those who may acknowledge before it writes.
const FOR_ACKNOWLEDGEMENTS: Duration = Duration::from_millis(5);

/// How long what nobody waits for may take to be written.
const UNHURRIED: Duration = Duration::from_millis(500);

/// Where writing has failed, it is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// The store comes by by itself at least so often.
const COMES_BY: Duration = Duration::from_millis(50);

/// The book.
#[derive(Debug, Default)]
pub struct LastingSessions {
    inside: Mutex<Inside>,
    /// The thread of the store.
    writer: OnceLock<Thread>,
}

#[derive(Debug, Default)]
struct Inside {
    /// The most bytes that it has; 0 where there is no store.
    most_bytes: u64,
    bytes: u64,
    next_session: u64,
    next_row: u64,
    entries: BTreeMap<u64, Entry>,
    /// By user and name.
    names: HashMap<(Arc<str>, Arc<str>), u64>,
    /// Those in which something is to be written.
    dirty: BTreeSet<u64>,
    /// Sessions that the file may have and is not to have any more, with all that is theirs.
    gone: BTreeSet<u64>,
    /// Messages in the file that belong to no session.
    lost: BTreeSet<u64>,
    /// When the next write is due.
    due: Option<Steady>,
    /// Whether that is sooner than the store comes by by itself.
    is_hurried: bool,
    /// Publishers that can be answered.
    answers: Vec<Arc<Pledge>>,
}

impl Inside {
    /// The number for something new: above all that a file may have, also one that is found later.
    fn number(next: &mut u64, now: Moment) -> u64 {
        let since = now.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let least = u64::try_from(since.as_millis()).unwrap_or_default() << 12;
        let number = (*next).max(least.min(u64::MAX >> 2)).max(1);
        *next = number + 1;
        number
    }

    /// Notes that something of a session is to be written in so much time. Returns the stamp of the change.
    fn touch(&mut self, session: u64, now: Moment, within: Duration) -> u64 {
        let Some(entry) = self.entries.get_mut(&session) else { return 0 };
        entry.stamp += 1;
        let stamp = entry.stamp;
        self.dirty.insert(session);
        self.is_due(now, within);
        stamp
    }

    /// Something is to be written in so much time.
    fn is_due(&mut self, now: Moment, within: Duration) {
        let due = now.steady().after(within);
        if self.due.is_none_or(|before| due < before) {
            self.due = Some(due);
            self.is_hurried |= within < COMES_BY;
        }
    }

    fn put(
        &mut self,
        session: u64,
        (message, share): (&Arc<Publication>, Option<&Share>),
        is_last_value: bool,
        now: Moment,
    ) -> u64 {
        let id = Self::number(&mut self.next_row, now);
        let row = Row::new(message, share.cloned(), is_last_value);
        if let Some(entry) = self.entries.get_mut(&session) {
            entry.bytes += row.bytes();
            self.bytes += row.bytes();
            entry.rows.insert(id, row);
            entry.dirty_rows.insert(id);
        }
        id
    }

    /// Takes a message out.
    fn remove_row(&mut self, session: u64, id: u64, now: Moment) -> Option<Row> {
        let entry = self.entries.get_mut(&session)?;
        let mut row = entry.rows.remove(&id)?;
        entry.bytes -= row.bytes();
        self.bytes -= row.bytes();
        entry.dirty_rows.remove(&id);
        self.answers.extend(row.pledge.take());
        if row.is_in_file {
            entry.gone_rows.insert(id);
            self.touch(session, now, UNHURRIED);
        }
        Some(row)
    }

    /// Takes a session out with all that is its.
    fn remove(&mut self, session: u64, now: Moment) -> Option<Entry> {
        let mut entry = self.entries.remove(&session)?;
        entry.shared.has_ended.store(true, Ordering::Release);
        self.names.remove(&(Arc::clone(&entry.user), Arc::clone(&entry.name)));
        self.bytes -= entry.bytes;
        self.dirty.remove(&session);
        self.answers.extend(entry.rows.values_mut().filter_map(|row| row.pledge.take()));
        self.answers.append(&mut entry.pledges);
        if entry.is_in_file {
            self.gone.insert(session);
            self.is_due(now, UNHURRIED);
        }
        Some(entry)
    }

    /// Makes room for so many bytes, by giving up the sessions that hold the most.
    fn make_room(&mut self, more: u64, now: Moment) -> Vec<Entry> {
        let mut given_up = Vec::new();
        while self.bytes.saturating_add(more) > self.most_bytes {
            let holders = self.entries.iter().filter(|(_, entry)| entry.bytes > 0);
            let largest = holders.max_by_key(|(_, entry)| entry.bytes).map(|(id, _)| *id);
            let Some(entry) = largest.and_then(|id| self.remove(id, now)) else { break };
            given_up.push(entry);
        }
        given_up
    }
}

impl LastingSessions {
    /// From now on there is a store, which has room for so many bytes of them.
    pub fn turn_on(&self, most_bytes: u64) {
        self.inside.lock().most_bytes = most_bytes.max(1);
    }

    /// The thread that writes, which is woken where somebody waits for it.
    pub fn is_written_by(&self, writer: Thread) {
        let _ = self.writer.set(writer);
    }

    /// The store has ended: nobody waits for it.
    pub fn turn_off(&self) {
        self.inside.lock().most_bytes = 0;
        self.pass(None);
    }

    /// Whether there is a store.
    pub fn is_on(&self) -> bool {
        self.inside.lock().most_bytes > 0
    }

    /// In what time something is to be written; `None` if nothing is.
    pub fn due_in(&self, now: Moment) -> Option<Duration> {
        self.inside.lock().due.map(|due| due.since(now.steady()))
    }

    /// Begins to remember a session. What was remembered under this name is forgotten. `None` where there is no store.
    pub fn begin(self: &Arc<Self>, user: &Arc<str>, name: &str, outbox: &Arc<Outbox>) -> Option<Lasting> {
        let now = Moment::now();
        let mut inside = self.inside.lock();
        if inside.most_bytes == 0 {
            return None;
        }
        let name: Arc<str> = name.into();
        let before = inside.names.get(&(Arc::clone(user), Arc::clone(&name))).copied();
        let before = before.and_then(|session| inside.remove(session, now));
        let session = Inside::number(&mut inside.next_session, now);
        let shared = Arc::new(Shared::new(session));
        let entry = Entry::new(user, &name, Arc::clone(&shared), outbox.myself());
        inside.entries.insert(session, entry);
        inside.names.insert((Arc::clone(user), name), session);
        inside.touch(session, now, UNHURRIED);
        drop(inside);
        drop(before);
        self.answer();
        outbox.noted.is_of(session);
        Some(Lasting::new(self, shared))
    }

    /// Forgets what is remembered under this name, if anything is.
    pub fn forget(&self, user: &Arc<str>, name: &str) {
        let mut inside = self.inside.lock();
        let session = inside.names.get(&(Arc::clone(user), Arc::from(name))).copied();
        let gone = session.and_then(|session| inside.remove(session, Moment::now()));
        drop(inside);
        drop(gone);
        self.answer();
    }

    /// The hub ends, and this session does not: what is dropped from now on stays in the file.
    pub(super) fn freeze(&self, session: u64) {
        if let Some(entry) = self.inside.lock().entries.get(&session) {
            entry.shared.is_frozen.store(true, Ordering::Release);
        }
    }

    /// Forgets the messages of topics that an operator has named, in the file. They still go out to who is connected.
    pub fn forget_topics(&self, is_named: impl Fn(&crate::topic::Topic) -> bool) -> usize {
        let now = Moment::now();
        let mut inside = self.inside.lock();
        let mut named = Vec::new();
        for (session, entry) in &inside.entries {
            let rows = entry.rows.iter().filter(|(_, row)| is_named(&row.message.topic));
            named.extend(rows.map(|(id, _)| (*session, *id)));
        }
        let gone: Vec<_> =
            named.iter().filter_map(|(session, id)| inside.remove_row(*session, *id, now)).collect();
        drop(inside);
        self.answer();
        gone.len()
    }

    /// Answers publishers whose messages are safe. No queue may be held.
    pub fn answer(&self) {
        let answers = std::mem::take(&mut self.inside.lock().answers);
        // Each is answered as it is dropped, outside of the lock.
        drop(answers);
    }

    /// Lets go of the lock, and wakes the store where it would come by too late.
    fn release(&self, mut inside: MutexGuard<'_, Inside>) {
        let is_hurried = std::mem::take(&mut inside.is_hurried);
        drop(inside);
        if is_hurried && let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// What is to be written now, all of it. Whoever takes it says afterwards what has become of it.
    pub fn changes(&self, now: Moment, whenever: bool) -> LastingChanges {
        let mut inside = self.inside.lock();
        let inside = &mut *inside;
        let is_due = inside.due.is_some_and(|due| whenever || due <= now.steady());
        if !is_due {
            return LastingChanges::default();
        }
        inside.due = None;
        let lost = std::mem::take(&mut inside.lost);
        let mut changes = LastingChanges {
            gone_sessions: std::mem::take(&mut inside.gone).into_iter().collect(),
            gone_rows: lost.into_iter().map(|id| (0, id)).collect(),
            ..LastingChanges::default()
        };
        for session in std::mem::take(&mut inside.dirty) {
            if let Some(entry) = inside.entries.get_mut(&session) {
                entry.take_changes(session, &mut changes);
            }
        }
        changes
    }

    /// These are written.
    pub fn written(&self, changes: LastingChanges) {
        let inside = self.inside.lock();
        let mut woken = Vec::new();
        for (session, stamp) in &changes.stamps {
            let Some(entry) = inside.entries.get(session) else { continue };
            if entry.shared.is_written_up_to(*stamp) {
                woken.extend(entry.outbox.upgrade());
            }
        }
        drop(inside);
        for outbox in &woken {
            outbox.wake();
        }
        // Their publishers are answered.
        drop(changes);
        self.answer();
    }

    /// These could not be written: they are to be taken again. Meanwhile nobody waits; with a reason publishers hear it.
    pub fn not_written(&self, changes: LastingChanges, refusal: Option<&str>, now: Moment) {
        let mut book = self.inside.lock();
        let inside = &mut *book;
        inside.gone.extend(&changes.gone_sessions);
        for (session, _) in &changes.stamps {
            inside.dirty.insert(*session);
        }
        for row in &changes.sessions {
            if let Some(entry) = inside.entries.get_mut(&row.id) {
                entry.is_dirty = true;
            }
        }
        for row in &changes.rows {
            if let Some(entry) = inside.entries.get_mut(&row.session)
                && entry.rows.contains_key(&row.id)
            {
                entry.dirty_rows.insert(row.id);
            }
        }
        for (session, id) in &changes.gone_rows {
            // That of a session which has gone meanwhile goes with it.
            match inside.entries.get_mut(session) {
                Some(entry) => _ = entry.gone_rows.insert(*id),
                None => _ = inside.lost.insert(*id),
            }
        }
        inside.due = Some(now.steady().after(AGAIN));
        drop(book);
        if let Some(reason) = refusal {
            changes.pledges.iter().for_each(|pledge| pledge.refuse(reason));
        }
        drop(changes);
        self.pass(refusal);
    }

    /// Nothing can be written now. Nobody waits for it: what is remembered is in memory only, and the log speaks of the disk. With a
    /// reason publishers are told that their messages are not safe.
    pub fn pass(&self, refusal: Option<&str>) {
        let (mut woken, mut pledges) = (Vec::new(), Vec::new());
        let mut inside = self.inside.lock();
        let Inside { dirty, entries, .. } = &mut *inside;
        for session in &*dirty {
            let Some(entry) = entries.get_mut(session) else { continue };
            pledges.append(&mut entry.pledges);
            for id in &entry.dirty_rows {
                pledges.extend(entry.rows.get_mut(id).and_then(|row| row.pledge.take()));
            }
            if entry.shared.is_written_up_to(entry.stamp) {
                woken.extend(entry.outbox.upgrade());
            }
        }
        drop(inside);
        if let Some(reason) = refusal {
            for pledge in &pledges {
                pledge.refuse(reason);
            }
        }
        drop(pledges);
        for outbox in &woken {
            outbox.wake();
        }
        self.answer();
    }

    /// What the file has is not known any more, or it is a new one: all of it is to be written again.
    pub fn all_again(&self, now: Moment) {
        let mut inside = self.inside.lock();
        let inside = &mut *inside;
        for (session, entry) in &mut inside.entries {
            entry.is_dirty = true;
            entry.dirty_rows.extend(entry.rows.keys());
            inside.dirty.insert(*session);
        }
        if !inside.dirty.is_empty() {
            inside.due = Some(now.steady());
        }
    }
}

/// How an outbox is reached by whoever must not keep it.
type Reader = Weak<Outbox>;

#[cfg(test)]
mod tests;
