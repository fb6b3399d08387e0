//! What the writer tells of itself.

use std::fs;

use tokio::time::Instant;

use super::{Folder, Writer};
use crate::hub::{Hub, Publication};
use crate::store::log::milliseconds;

const ON: u64 = 1;
const BEHIND: u64 = 2;
pub(in crate::store) const AWAY: u64 = 3;
const REPLACED: u64 = 4;

/// A journal of so many bytes is one that nobody can cut off: somebody reads the file and does not end.
const LARGE_JOURNAL: u64 = 64 << 20;

/// Last values that are looked at in one second for the oldest one.
const LOOKED_AT: usize = 200;

/// What is found out a little at a time.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// Where the look for the oldest value has come to, and what it has found.
    place: Option<usize>,
    oldest: Option<u64>,
    /// Whether the operator knows that the journal is large.
    is_journal_told: bool,
}

impl Telling {
    /// What is told each second.
    pub(super) fn file(&mut self, folder: &Folder, hub: &Hub) {
        let (figures, (file, journal)) = (hub.figures(), folder.bytes());
        figures.store_bytes.set(file + journal);
        figures.store_journal_bytes.set(journal);
        if journal < LARGE_JOURNAL {
            self.is_journal_told = false;
        } else if !std::mem::replace(&mut self.is_journal_told, true) {
            tracing::warn!(
                journal,
                "the journal of the store grows: another program reads the file and does not end; end that program"
            );
        }
        if let Some(bytes) = written_bytes() {
            figures.store_written_bytes.set(bytes);
        }
        let mut look = |message: Publication| {
            let said = milliseconds(message.time) / 1000;
            self.oldest = Some(self.oldest.unwrap_or(u64::MAX).min(said));
        };
        self.place = hub.last_values_from(self.place.unwrap_or_default(), LOOKED_AT, 0, &mut look);
        if self.place.is_none() {
            figures.store_oldest.set(self.oldest.take().unwrap_or_default());
        }
    }
}

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
        figures.store_values.set(self.names.values() as u64);
    }
}

/// What this thread has given to the system for the disk since it began, as Linux counts it.
fn written_bytes() -> Option<u64> {
    let told = fs::read_to_string("/proc/thread-self/io").ok()?;
    told.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}
