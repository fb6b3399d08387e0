//! What the writer does for sessions that outlive a restart.

use std::time::Duration;

use super::super::settings::Durability;
use super::{Duties, Instant, Writer};
use crate::hub::LastingChanges;
use crate::moment::Moment;

impl Writer {
    /// What of them is due. Where nothing is to be written after all, whoever waits for it hears that at once.
    pub(super) fn lasting(&self) -> LastingChanges {
        let changes = self.hub.lasting().changes(Moment::now(), false);
        if changes.is_empty() {
            self.hub.lasting().written(changes);
            return LastingChanges::default();
        }
        changes
    }

    /// In what time something of them is due, at the longest so long.
    pub(super) fn until_lasting_is_due(&self, most: Duration) -> Duration {
        if self.tables.is_none() {
            return most;
        }
        self.hub.lasting().due_in(Moment::now()).map_or(most, |due| due.min(most))
    }

    /// They are to be taken again. Who has asked for the disk hears that they are not there.
    pub(super) fn not_lasting(&self, changes: LastingChanges) {
        self.hub.lasting().not_written(changes, self.refusal(), Moment::now());
    }

    /// Nothing can be written: nobody waits for it.
    pub(super) fn let_lasting_pass(&self) {
        self.hub.lasting().pass(self.refusal());
    }

    /// What publishers hear where the disk does not take their messages. Where they have not asked for the disk they hear that the
    /// sessions have them, which is so as long as the hub runs.
    fn refusal(&self) -> Option<&'static str> {
        match self.settings.durability {
            Durability::Relaxed => None,
            Durability::Commit => Some("routed, but not on the disk: the store cannot be written"),
        }
    }

    /// Writes all of them.
    pub(super) fn write_lasting(&mut self) {
        while self.tables.is_some() {
            let lasting = self.hub.lasting().changes(Moment::now(), true);
            if lasting.is_empty() {
                return self.hub.lasting().written(lasting);
            }
            self.write(Instant::now(), false, false, false, Duties { lasting, ..Duties::default() });
        }
    }
}
