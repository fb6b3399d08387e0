//! What the edge holds of a session that lasts, and of each of its messages.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::rows::Shared;
use super::{LastingSessions, SentAs, UNHURRIED};
use crate::hub::publication::Publication;
use crate::hub::session::Session;
use crate::moment::Moment;

/// A session that is remembered, as long as this is held. Dropped, it stays in the file, for the next start of the hub: whoever ends
/// a session [says so](Self::ends).
#[derive(Debug)]
pub struct Lasting {
    pub(super) book: Arc<LastingSessions>,
    pub(super) shared: Arc<Shared>,
}

impl Lasting {
    pub(super) fn new(book: &Arc<LastingSessions>, shared: Arc<Shared>) -> Self {
        Self { book: Arc::clone(book), shared }
    }

    /// From now on the edge wants to know this again. Returns the stamp of the change.
    pub fn remembers(&self, words: Vec<u8>) -> u64 {
        self.change(Duration::ZERO, |entry| entry.words = words.into())
    }

    /// The client is away since then, or it is back.
    pub fn is_left(&self, since: Option<SystemTime>) {
        self.change(UNHURRIED, |entry| entry.left = since);
    }

    /// Its client has released a message that came. The stamp of the change, if the message was remembered.
    pub fn releases(&self, id: u16) -> Option<u64> {
        let is_remembered = self.book.inside.lock().entries.get(&self.shared.session)?.received.contains(&id);
        is_remembered.then(|| self.change(Duration::ZERO, |entry| _ = entry.received.remove(&id)))
    }

    fn change(&self, within: Duration, change: impl FnOnce(&mut super::Entry)) -> u64 {
        let mut inside = self.book.inside.lock();
        let session = self.shared.session;
        let Some(entry) = inside.entries.get_mut(&session) else { return 0 };
        change(entry);
        entry.is_dirty = true;
        let stamp = inside.touch(session, Moment::now(), within);
        self.book.release(inside);
        stamp
    }

    /// A last value that is sent, and has to be acknowledged.
    pub fn note(&self, message: &Arc<Publication>) -> Option<Arc<Ticket>> {
        let now = Moment::now();
        let mut inside = self.book.inside.lock();
        let session = self.shared.session;
        inside.entries.get(&session)?;
        let id = inside.put(session, (message, None), true, now);
        inside.touch(session, now, UNHURRIED);
        drop(inside);
        Some(Arc::new(Ticket::new(&self.book, Arc::clone(&self.shared), id)))
    }

    /// A message is being sent like this. Returns the stamp of the change; `is_waited_for` where it is not sent before that is written.
    pub fn sends(&self, ticket: &Ticket, sent: SentAs, is_waited_for: bool) -> u64 {
        self.change_row(ticket, is_waited_for, |row| row.sent = Some(sent))
    }

    /// The client has a message, and is not told so before that is written. Returns the stamp of the change.
    pub fn has_received(&self, ticket: &Ticket) -> u64 {
        self.change_row(ticket, true, |row| row.is_received = true)
    }

    fn change_row(&self, ticket: &Ticket, is_hurried: bool, change: impl FnOnce(&mut super::Row)) -> u64 {
        let within = if is_hurried { Duration::ZERO } else { UNHURRIED };
        let mut inside = self.book.inside.lock();
        let session = self.shared.session;
        let Some(entry) = inside.entries.get_mut(&session) else { return 0 };
        let Some(row) = entry.rows.get_mut(&ticket.row) else { return 0 };
        change(row);
        entry.dirty_rows.insert(ticket.row);
        if is_hurried {
            self.shared.is_waited_for();
        }
        let stamp = inside.touch(session, Moment::now(), within);
        self.book.release(inside);
        stamp
    }

    /// The newest change.
    pub fn stamp(&self) -> u64 {
        self.book.inside.lock().entries.get(&self.shared.session).map_or(0, |entry| entry.stamp)
    }

    /// Whether the file has this change. If not, the owner of the session is woken when it may have it.
    pub fn is_written(&self, stamp: u64) -> bool {
        self.shared.is_written(stamp)
    }

    /// Answers those whose messages were acknowledged. No queue may be held.
    pub fn answer(&self) {
        self.book.answer();
    }

    /// The session ends: nothing is remembered of it any more.
    pub fn ends(&self) {
        let gone = self.book.inside.lock().remove(self.shared.session, Moment::now());
        drop(gone);
        self.book.answer();
    }

    /// Whether something of it is remembered. Where the store had no room for it, nothing is.
    pub fn is_there(&self) -> bool {
        !self.shared.has_ended.load(Ordering::Acquire)
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        self.shared.is_frozen.store(true, Ordering::Release);
    }
}

impl Session {
    /// From now on what comes for it is remembered, too. To be called before a filter is added whose messages are.
    pub fn is_to_be_noted(&self) {
        if !self.outbox.is_noted() {
            self.outbox.noted.is_to_be_noted();
            // Who remembers the receivers of a topic looks for them again, and finds that this one is noted.
            self.hub.subscriptions.renew();
        }
    }
}

/// A message of a session that lasts. Dropped, it takes the message out of the book, unless the hub ends.
#[derive(Debug)]
pub struct Ticket {
    book: Arc<LastingSessions>,
    pub(super) shared: Arc<Shared>,
    pub(super) row: u64,
    /// Whether it may have been sent although that is not written: the hub was killed.
    is_doubtful: bool,
}

impl Ticket {
    pub(super) fn new(book: &Arc<LastingSessions>, shared: Arc<Shared>, row: u64) -> Self {
        Self { book: Arc::clone(book), shared, row, is_doubtful: false }
    }

    pub(super) fn doubtful(mut self, is_doubtful: bool) -> Self {
        self.is_doubtful = is_doubtful;
        self
    }

    /// Whether it may have been sent before.
    pub fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Shared { is_frozen, has_ended, .. } = &*self.shared;
        if is_frozen.load(Ordering::Acquire) || has_ended.load(Ordering::Acquire) {
            return;
        }
        let mut inside = self.book.inside.lock();
        // Whoever waits for it is answered by somebody who holds no queue.
        let row = inside.remove_row(self.shared.session, self.row, Moment::now());
        drop(inside);
        drop(row);
    }
}
