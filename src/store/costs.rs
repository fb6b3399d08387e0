//! What the store costs, told each second: bytes on the disk, and how old what is in it is.

use std::fs;

use super::folder::Folder;
use crate::hub::{Hub, Publication};

/// A journal of so many bytes is one that nobody can cut off: somebody reads the file and does not end.
const LARGE_JOURNAL: u64 = 64 << 20;

/// Last values that are looked at in one second for the oldest one.
const LOOKED_AT: usize = 200;

/// What has been found out so far.
#[derive(Debug, Default)]
pub(super) struct Costs {
    /// Where the look for the oldest value has come to, and what it has found.
    place: Option<usize>,
    oldest: Option<u64>,
    /// Whether the operator knows that the journal is large.
    is_journal_told: bool,
}

impl Costs {
    /// What is told each second.
    pub(super) fn tell(&mut self, folder: &Folder, hub: &Hub) {
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
            let said = message.milliseconds() / 1000;
            self.oldest = Some(self.oldest.unwrap_or(u64::MAX).min(said));
        };
        self.place = hub.last_values_from(self.place.unwrap_or_default(), LOOKED_AT, 0, &mut look);
        if self.place.is_none() {
            figures.store_oldest.set(self.oldest.take().unwrap_or_default());
        }
    }
}

/// What this thread has given to the system for the disk since it began, as Linux counts it.
fn written_bytes() -> Option<u64> {
    let told = fs::read_to_string("/proc/thread-self/io").ok()?;
    told.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}
