//! Sessions that come back from the store, and the edge that takes them over.

use std::sync::Arc;
use std::time::SystemTime;

use super::rows::{Entry, Row, Shared};
use super::{Lasting, LastingSessions, SentAs, SessionRow, Ticket};
use crate::hub::Retention;
use crate::hub::outbox::Outbox;
use crate::hub::publication::{Extras, Publication};
use crate::hub::queue::{Item, Via};
use crate::hub::relay::Relayed;
use crate::hub::session::Session;
use crate::moment::{Moment, Steady};
use crate::talk::Kind;
use crate::topic::{Share, Topic};

/// A session, as the store gives it back.
pub type AgainSession = SessionRow;

/// A message, as the store gives it back.
#[derive(Debug)]
pub struct AgainRow {
    /// Its number.
    pub id: u64,
    /// That of its session.
    pub session: u64,
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
    /// What the publisher put into the options.
    pub passed_on: Box<str>,
    /// As in a message row.
    pub share: Option<Share>,
    /// As in a message row.
    pub is_last_value: bool,
    /// As in a message row.
    pub sent: Option<SentAs>,
    /// As in a message row.
    pub is_received: bool,
    /// Whether it may have been sent without a word of that in the file.
    pub is_doubtful: bool,
}

/// A message of a session that is taken over.
#[derive(Debug)]
pub struct ClaimedMessage {
    /// The message, with its ticket.
    pub relayed: Relayed,
    /// How it was sent, if it was.
    pub sent: Option<SentAs>,
    /// Whether its receiver has it.
    pub is_received: bool,
}

/// A session that is taken over.
#[derive(Debug)]
pub struct Claimed {
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
    /// What it is to receive, in order.
    pub messages: Vec<ClaimedMessage>,
    /// The session in the book.
    pub lasting: Lasting,
}

impl LastingSessions {
    /// A session that the file has. One that is here under the same name is newer.
    pub fn restore_session(&self, again: AgainSession, now: Moment) {
        let AgainSession { id, user, name, left, words, received } = again;
        let mut inside = self.inside.lock();
        inside.next_session = inside.next_session.max(id.saturating_add(1));
        let key = (Arc::clone(&user), Arc::clone(&name));
        if inside.names.contains_key(&key) || inside.entries.contains_key(&id) {
            if !inside.entries.contains_key(&id) {
                inside.gone.insert(id);
                inside.due = Some(now.steady());
            }
            return;
        }
        let mut entry = Entry::new(&user, &name, Arc::new(Shared::new(id)), std::sync::Weak::new());
        (entry.left, entry.words, entry.received) = (left, words, received.into_iter().collect());
        (entry.is_claimed, entry.is_in_file, entry.is_dirty) = (false, true, false);
        inside.entries.insert(id, entry);
        inside.names.insert(key, id);
    }

    /// A message that the file has, after its session. Says whether that is there.
    pub fn restore_row(&self, again: AgainRow) -> bool {
        let AgainRow { id, session, topic, payload, kind, time, from, retention, .. } = again;
        let mut message = Publication::new(topic, &payload, kind, from, time);
        message.retention = retention;
        message.set_extras(Extras { expires: again.expires, passed_on: again.passed_on, trail: None });
        let mut row = Row::new(&Arc::new(message), again.share, again.is_last_value);
        (row.sent, row.is_received, row.is_in_file) = (again.sent, again.is_received, true);
        row.is_doubtful = again.is_doubtful;
        let mut inside = self.inside.lock();
        let inside = &mut *inside;
        inside.next_row = inside.next_row.max(id.saturating_add(1));
        let more = row.bytes();
        let Some(entry) = inside.entries.get_mut(&session).filter(|entry| !entry.is_claimed) else {
            return false;
        };
        if entry.rows.insert(id, row).is_none() {
            entry.bytes += more;
            inside.bytes += more;
        }
        true
    }

    /// The file has a session or a message that nobody can read: it is to go.
    pub fn discard(&self, session: Option<u64>, row: Option<u64>, now: Moment) {
        let mut inside = self.inside.lock();
        match (session, row) {
            (_, Some(row)) => _ = inside.lost.insert(row),
            (Some(session), None) => _ = inside.gone.insert(session),
            (None, None) => {}
        }
        inside.due = Some(now.steady());
    }

    /// Takes over all sessions that came back and that nobody has.
    pub fn claim_all(self: &Arc<Self>) -> Vec<Claimed> {
        let unclaimed: Vec<_> = {
            let inside = self.inside.lock();
            inside.entries.iter().filter(|(_, entry)| !entry.is_claimed).map(|(id, _)| *id).collect()
        };
        unclaimed.into_iter().filter_map(|id| self.claim_number(id)).collect()
    }

    /// Takes over the session of this name that came back, if there is one that nobody has.
    pub fn claim(self: &Arc<Self>, user: &Arc<str>, name: &str) -> Option<Claimed> {
        let id = self.inside.lock().names.get(&(Arc::clone(user), Arc::from(name))).copied()?;
        self.claim_number(id)
    }

    fn claim_number(self: &Arc<Self>, id: u64) -> Option<Claimed> {
        let mut inside = self.inside.lock();
        let entry = inside.entries.get_mut(&id).filter(|entry| !entry.is_claimed)?;
        entry.is_claimed = true;
        let messages = entry.rows.iter().map(|(row_id, row)| {
            let ticket = Ticket::new(self, Arc::clone(&entry.shared), *row_id).doubtful(row.is_doubtful);
            let relayed = Relayed {
                message: Arc::clone(&row.message),
                is_last_value: row.is_last_value,
                ticket: Some(Arc::new(ticket)),
                share: row.share.clone(),
            };
            ClaimedMessage { relayed, sent: row.sent, is_received: row.is_received }
        });
        Some(Claimed {
            messages: messages.collect(),
            user: Arc::clone(&entry.user),
            name: Arc::clone(&entry.name),
            left: entry.left,
            words: Arc::clone(&entry.words),
            received: entry.received.iter().copied().collect(),
            lasting: Lasting::new(self, Arc::clone(&entry.shared)),
        })
    }
}

impl Session {
    /// A message from before a restart waits for it, as if it had come just now.
    pub fn waits_for(&self, relayed: Relayed) {
        let Relayed { message, ticket, share, .. } = relayed;
        match (share, ticket) {
            (Some(share), ticket) => self.outbox.offer_shared(&message, Via { share, ticket }),
            (None, Some(ticket)) => {
                self.outbox.offer_item(Item::Noted(Arc::clone(&message), ticket), &message);
            }
            (None, None) => {}
        }
    }
}

impl Lasting {
    /// The session of the hub that receives for it.
    pub fn is_received_by(&self, outbox: &Arc<Outbox>) {
        outbox.noted.is_of(self.shared.session);
        let mut inside = self.book.inside.lock();
        if let Some(entry) = inside.entries.get_mut(&self.shared.session) {
            entry.outbox = outbox.myself();
        }
    }
}
