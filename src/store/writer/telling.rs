//! What the writer tells of itself.

use tokio::time::Instant;

use super::Writer;

const ON: u64 = 1;
const BEHIND: u64 = 2;
pub(in crate::store) const AWAY: u64 = 3;
const REPLACED: u64 = 4;

impl Writer {
    /// What waited when it was looked last.
    pub(super) fn tell_queue(&self) {
        let figures = self.hub.figures();
        figures.store_queue.set(self.taken.len() as u64);
        figures.store_queue_bytes.set(self.taken.iter().map(|taped| taped.message.len() as u64).sum());
    }

    /// A transaction that began then has come to its end.
    pub(super) fn account(&mut self, now: Instant, began: Instant, sync: bool, lived: bool) {
        let figures = self.hub.figures();
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        figures.store_writes.add(1);
        figures.store_syncs.add(u64::from(sync));
        figures.store_write_microseconds.set(took);
        figures.store_writing.add(took);
        figures.store_longest_write.set(figures.store_longest_write.value().max(took));
        self.unsynced = if sync { None } else { self.unsynced.or(Some(now)) };
        if lived {
            self.lived = Some(now);
        }
    }

    /// How things stand.
    pub(super) fn tell_state(&self) {
        let figures = self.hub.figures();
        let is_behind = self.walk.is_wanted() || self.outage.is_on();
        let state = match (&self.tables, self.was_replaced, is_behind) {
            (None, ..) => AWAY,
            (Some(_), true, _) => REPLACED,
            (Some(_), false, true) => BEHIND,
            (Some(_), false, false) => ON,
        };
        figures.store_state.set(state);
        figures.store_log_bytes.set(self.head.gathered());
        let values =
            self.found.as_ref().map_or_else(|| self.names.values() as u64, |waiting| waiting.found.values);
        figures.store_values.set(values);
    }
}
