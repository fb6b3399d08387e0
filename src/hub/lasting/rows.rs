//! What is in the book, and what of it goes to the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::Reader;
use crate::hub::publication::Publication;
use crate::hub::tape::Ask;
use crate::topic::Share;

/// What a message counts beside its own bytes: its entry here and its row in the file.
const A_ROW: u64 = 200;

/// What a message counts, for a session that gets it as a member of a group or without one.
pub(super) fn bytes(message: &Publication, share: Option<&Share>) -> u64 {
    A_ROW + (message.len() + share.map_or(0, |share| share.as_str().len())) as u64
}

/// How a message was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentAs {
    /// How sender and receiver call it.
    pub id: u16,
    /// How surely.
    pub qos: u8,
}

/// A publisher that waits. It is answered with a yes when the last one drops this, unless it was refused.
#[derive(Debug)]
pub(super) struct Pledge(Mutex<Option<Ask>>);

impl Pledge {
    pub(super) fn new(ask: Ask) -> Self {
        Self(Mutex::new(Some(ask)))
    }

    pub(super) fn refuse(&self, reason: &str) {
        let ask = self.0.lock().take();
        if let Some(ask) = ask {
            ask.refuse(reason);
        }
    }
}

impl Drop for Pledge {
    fn drop(&mut self) {
        if let Some(ask) = self.0.get_mut().take() {
            ask.confirm();
        }
    }
}

/// What the edge and the book both see of a session.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) session: u64,
    /// The file has all changes up to this one.
    written: AtomicU64,
    /// Whether somebody is to be woken when there is more.
    waits: AtomicBool,
    /// The hub ends, and the session does not: what is dropped now stays in the file.
    pub(super) is_frozen: AtomicBool,
    /// Nothing is remembered of it any more.
    pub(super) has_ended: AtomicBool,
}

impl Shared {
    pub(super) fn new(session: u64) -> Self {
        Self {
            session,
            written: AtomicU64::new(0),
            waits: AtomicBool::new(false),
            is_frozen: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }
    }

    /// The file has so much. Says whether somebody is to be woken for it.
    pub(super) fn is_written_up_to(&self, stamp: u64) -> bool {
        self.written.fetch_max(stamp, Ordering::SeqCst);
        self.waits.swap(false, Ordering::SeqCst)
    }

    /// The owner is woken when the file has more.
    pub(super) fn is_waited_for(&self) {
        self.waits.store(true, Ordering::SeqCst);
    }

    /// Whether the file has so much. If not, the owner is woken when there is more.
    pub(super) fn is_written(&self, stamp: u64) -> bool {
        let is_written = || self.written.load(Ordering::SeqCst) >= stamp;
        if is_written() || self.has_ended.load(Ordering::Acquire) {
            return true;
        }
        self.is_waited_for();
        is_written()
    }
}

/// A message that a session is to receive.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says something else, and they change apart")]
pub(super) struct Row {
    pub(super) message: Arc<Publication>,
    /// The group by which it came.
    pub(super) share: Option<Share>,
    pub(super) is_last_value: bool,
    pub(super) sent: Option<SentAs>,
    /// The receiver has it, and does not know yet that it is not sent again.
    pub(super) is_received: bool,
    pub(super) is_in_file: bool,
    /// Whether it may have been sent although the file does not say so.
    pub(super) is_doubtful: bool,
    pub(super) pledge: Option<Arc<Pledge>>,
}

impl Row {
    pub(super) fn new(message: &Arc<Publication>, share: Option<Share>, is_last_value: bool) -> Self {
        Self {
            message: Arc::clone(message),
            share,
            is_last_value,
            sent: None,
            is_received: false,
            is_in_file: false,
            is_doubtful: false,
            pledge: None,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        bytes(&self.message, self.share.as_ref())
    }
}

/// A session.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) user: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) shared: Arc<Shared>,
    pub(super) outbox: Reader,
    /// Whether an edge has it.
    pub(super) is_claimed: bool,
    /// Since when its client is away.
    pub(super) left: Option<SystemTime>,
    /// What the edge wants to know again, in its own words.
    pub(super) words: Arc<[u8]>,
    /// Messages of its client that have come and are not released, as the client calls them.
    pub(super) received: BTreeSet<u16>,
    /// How often something was changed.
    pub(super) stamp: u64,
    pub(super) is_in_file: bool,
    /// Whether its own row is to be written.
    pub(super) is_dirty: bool,
    pub(super) rows: BTreeMap<u64, Row>,
    pub(super) dirty_rows: BTreeSet<u64>,
    pub(super) gone_rows: BTreeSet<u64>,
    /// Publishers that wait for this row.
    pub(super) pledges: Vec<Arc<Pledge>>,
    pub(super) bytes: u64,
}

impl Entry {
    pub(super) fn new(user: &Arc<str>, name: &Arc<str>, shared: Arc<Shared>, outbox: Reader) -> Self {
        Self {
            user: Arc::clone(user),
            name: Arc::clone(name),
            shared,
            outbox,
            is_claimed: true,
            left: None,
            words: Arc::from(Vec::new()),
            received: BTreeSet::new(),
            stamp: 0,
            is_in_file: false,
            is_dirty: true,
            rows: BTreeMap::new(),
            dirty_rows: BTreeSet::new(),
            gone_rows: BTreeSet::new(),
            pledges: Vec::new(),
            bytes: 0,
        }
    }

    /// Puts down what has changed.
    pub(super) fn take_changes(&mut self, session: u64, changes: &mut LastingChanges) {
        changes.stamps.push((session, self.stamp));
        changes.pledges.append(&mut self.pledges);
        let gone = std::mem::take(&mut self.gone_rows);
        changes.gone_rows.extend(gone.into_iter().map(|id| (session, id)));
        for id in std::mem::take(&mut self.dirty_rows) {
            let Some(row) = self.rows.get_mut(&id) else { continue };
            row.is_in_file = true;
            changes.pledges.extend(row.pledge.take());
            changes.rows.push(MessageRow {
                id,
                session,
                message: Arc::clone(&row.message),
                share: row.share.clone(),
                is_last_value: row.is_last_value,
                sent: row.sent,
                is_received: row.is_received,
            });
        }
        if std::mem::take(&mut self.is_dirty) {
            self.is_in_file = true;
            changes.sessions.push(SessionRow {
                id: session,
                user: Arc::clone(&self.user),
                name: Arc::clone(&self.name),
                left: self.left,
                words: Arc::clone(&self.words),
                received: self.received.iter().copied().collect(),
            });
        }
    }
}

/// A session, as the store has it.
#[derive(Debug)]
pub struct SessionRow {
    /// Its number.
    pub id: u64,
    /// Whose it is.
    pub user: Arc<str>,
    /// How its client is called.
    pub name: Arc<str>,
    /// Since when its client is away.
    pub left: Option<SystemTime>,
    /// The words of the edge.
    pub words: Arc<[u8]>,
    /// Messages of its client that have come and are not released.
    pub received: Vec<u16>,
}

/// A message that a session is to receive, as the store has it.
#[derive(Debug)]
pub struct MessageRow {
    /// Its number, which is the order in which they came.
    pub id: u64,
    /// That of the session.
    pub session: u64,
    /// The message.
    pub message: Arc<Publication>,
    /// The group by which it came, of which the session is a member.
    pub share: Option<Share>,
    /// Whether it is a last value, and did not happen just then.
    pub is_last_value: bool,
    /// How it was sent, if it was.
    pub sent: Option<SentAs>,
    /// Whether its receiver has it.
    pub is_received: bool,
}

/// What the store is to write.
#[derive(Debug, Default)]
pub struct LastingChanges {
    /// Sessions.
    pub sessions: Vec<SessionRow>,
    /// Messages.
    pub rows: Vec<MessageRow>,
    /// Messages that are to go: session and number.
    pub gone_rows: Vec<(u64, u64)>,
    /// Sessions that are to go with all that is theirs.
    pub gone_sessions: Vec<u64>,
    pub(super) pledges: Vec<Arc<Pledge>>,
    /// How far each session is written then.
    pub(super) stamps: Vec<(u64, u64)>,
}

impl LastingChanges {
    /// Whether there is nothing to write. All the same somebody may wait for that.
    pub fn is_empty(&self) -> bool {
        let is_nothing_new = self.sessions.is_empty() && self.rows.is_empty();
        is_nothing_new && self.gone_rows.is_empty() && self.gone_sessions.is_empty()
    }
}
