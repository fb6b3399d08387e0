//! The end of the writer: everything to the medium, and a note that this was the end.

use tokio::time::Instant;

use super::super::outage;
use super::super::pace::LAST_WALK;
use super::super::tables::Tables;
use super::{Duties, Writer};

impl Writer {
    /// Everything to the medium, and a note that this was the end.
    pub(super) fn finish(&mut self) {
        let began = Instant::now();
        self.get_ready();
        if self.tables.is_some() {
            // What is written into a file that nobody finds any more is lost.
            self.look_at_the_disk(began);
        }
        self.take();
        // Where the last write finds that the file is damaged, a new one gets everything.
        let is_whole = (0..2).find_map(|_| self.write_the_rest(began));
        outage::tell_the_end(self.tables.take().map(Tables::close), is_whole == Some(true));
    }

    /// The last writes. Says whether they are complete; nothing if there is no file that can be written.
    fn write_the_rest(&mut self, began: Instant) -> Option<bool> {
        if self.tables.is_none() {
            self.reopen().ok()?;
        }
        while self.tables.is_some() && self.walk.is_wanted() && began.elapsed() < LAST_WALK {
            self.walk_on();
            if self.batch.is_large() {
                self.write(Instant::now(), true, false, false, Duties::default());
            }
        }
        let mut leases = self.hub.lease_changes();
        while self.tables.is_some() && !leases.is_empty() {
            self.write(Instant::now(), false, false, false, Duties { leases, ..Duties::default() });
            leases = self.hub.lease_changes();
        }
        while self.tables.is_some() && self.events.has_more() {
            self.write(Instant::now(), false, false, false, Duties::default());
        }
        self.write_queues();
        self.write_lasting();
        let is_whole = !self.walk.is_wanted();
        self.write(Instant::now(), true, true, is_whole, Duties { leases, ..Duties::default() });
        self.tables.is_some().then_some(is_whole)
    }
}
