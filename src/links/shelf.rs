//! The side of a link that looks to the store: what enters the queue enters the hub's book of what is to survive, and what is
//! in that book for a link of this name comes back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::carry::Carry;
use super::queue::Entry;
use super::report::Report;
use super::settings::LinkSettings;
use super::way::{Stored, Way};
use crate::hub::{Hub, Relayed, StoredQueues, Ticket};
use crate::moment::Moment;

/// A clock that shows an earlier moment is not set: how long a message has waited by it is not known.
const NOT_SET: Duration = Duration::from_hours(438_288);
/// What comes back for a link whose file does not want a stored queue any more may wait so long.
const WITHOUT_KEY: Duration = Duration::from_hours(168);

/// What a link has in the store.
pub(super) struct Shelf {
    book: Arc<StoredQueues>,
    settings: Arc<LinkSettings>,
    /// How long a message may wait; nothing if the queue is in memory only.
    stored_for: Option<Duration>,
}

impl Shelf {
    pub(super) fn new(hub: &Hub, settings: &Arc<LinkSettings>) -> Self {
        let book = Arc::clone(hub.stored_queues());
        if settings.stored_for.is_some() && !book.is_on() {
            let LinkSettings { name: link, file, .. } = &**settings;
            tracing::warn!(%link, %file, "stored_queue_bytes has no effect, as the hub has no store: what waits for the broker is lost \
                with a restart; give store.directory a folder, or remove the key");
        }
        let stored_for = settings.stored_for.filter(|_| book.is_on());
        Self { book, settings: Arc::clone(settings), stored_for }
    }

    /// Has the store keep a message that enters the queue.
    pub(super) fn put(&self, carry: &Carry, report: &Report, entry: &Entry) -> Option<Arc<Stored>> {
        let time = self.stored_for?;
        let (message, now) = (&entry.relayed.message, Moment::now());
        // One that has no name at the far side is lost in its turn, and counted there.
        let way = carry.way(message, entry.rule).ok()?;
        let link = (&self.settings.name, report.figures());
        let Some(ticket) = self.book.put(link, message, way.to_bytes(), now) else {
            report.not_stored(&message.topic);
            return None;
        };
        Some(Arc::new(Stored { ticket, way, until: now.steady().after(time) }))
    }

    /// What the store has for a link of this name, and how much of it cannot be read.
    pub(super) fn claim(&self, report: &Report, now: Moment) -> (Vec<Entry>, u64) {
        let claimed = self.book.claim(&self.settings.name, report.figures());
        let all = claimed.len();
        let entries: Vec<_> = claimed.into_iter().filter_map(|ticket| self.entry(ticket, now)).collect();
        let lost = (all - entries.len()) as u64;
        (entries, lost)
    }

    fn entry(&self, ticket: Ticket, now: Moment) -> Option<Entry> {
        let queued = ticket.queued();
        let way = Way::read(&queued.way)?;
        let has_waited = match queued.at.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) if since >= NOT_SET => now.wall().duration_since(queued.at).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let left = self.stored_for.unwrap_or(WITHOUT_KEY).saturating_sub(has_waited);
        let until = now.steady().after(left);
        let relayed = Relayed::plainly(Arc::clone(&queued.message), false);
        let stored = Some(Arc::new(Stored { ticket, way, until }));
        Some(Entry { relayed, rule: 0, stored, heard: now.steady() })
    }

    /// Whether a message that has waited is to go out. One that is too old, or forgotten, is lost and counted.
    pub(super) fn may_go(entry: &Entry, report: &Report, now: Moment) -> bool {
        let Some(stored) = &entry.stored else { return true };
        if stored.ticket.is_forgotten() {
            report.forgotten();
            return false;
        }
        if stored.until <= now.steady() {
            report.lose(entry, "it has waited for longer than stored_queue_hours allows");
            return false;
        }
        true
    }
}
