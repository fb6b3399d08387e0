//! What the writer does for messages that wait for brokers.

use std::time::Duration;

use super::super::pace::{QUEUE_AGE_OF_COMMIT, SLICE_OF_QUEUES};
use super::super::settings::Durability;
use super::{Duties, Instant, Writer};
use crate::hub::QueueChanges;
use crate::moment::Moment;

impl Writer {
    /// What of them is due. One that the broker acknowledges sooner is never written.
    pub(super) fn queued(&self) -> QueueChanges {
        // Half of it, so that all is written when the whole of it is over.
        let age = self.settings.write / 2;
        let age = match self.settings.durability {
            Durability::Relaxed => age,
            Durability::Commit => age.min(QUEUE_AGE_OF_COMMIT),
        };
        self.hub.stored_queues().changes(Moment::now(), age, SLICE_OF_QUEUES)
    }

    /// They are to be taken again.
    pub(super) fn not_queued(&self, queued: QueueChanges) {
        self.hub.stored_queues().not_written(queued, Moment::now());
    }

    /// Writes all of them.
    pub(super) fn write_queues(&mut self) {
        while self.tables.is_some() {
            let queued = self.hub.stored_queues().changes(Moment::now(), Duration::ZERO, SLICE_OF_QUEUES);
            if queued.is_empty() {
                return;
            }
            self.write(Instant::now(), false, false, false, Duties { queued, ..Duties::default() });
        }
    }
}
