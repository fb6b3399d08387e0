//! The end of the writer.

use tokio::time::Instant;

use super::super::pace::{LARGE, LAST_WALK};
use super::super::tables::Tables;
use super::Writer;
use crate::hub::LeaseChanges;

impl Writer {
    /// Everything to the medium, and a note that this was the end.
    pub(super) fn finish(&mut self) {
        let began = Instant::now();
        self.take();
        if self.tables.is_some() {
            // What is written into a file that nobody finds any more is lost.
            self.look_at_the_disk(began);
        }
        if self.tables.is_none() && self.reopen().is_err() {
            tracing::error!(
                "the hub ends while its store cannot be written: what was said since then is lost"
            );
            return;
        }
        while self.tables.is_some() && self.walk.is_wanted() && began.elapsed() < LAST_WALK {
            self.walk.go_on(&self.hub, &self.names, &mut self.batch);
            if self.batch.bytes() >= LARGE {
                self.write(Instant::now(), true, false, false, LeaseChanges::default());
            }
        }
        let mut leases = self.hub.lease_changes();
        while self.tables.is_some() && !leases.is_empty() {
            self.write(Instant::now(), false, false, false, leases);
            leases = self.hub.lease_changes();
        }
        while self.tables.is_some() && self.events.has_more() {
            self.write(Instant::now(), false, false, false, LeaseChanges::default());
        }
        let is_whole = !self.walk.is_wanted();
        self.write(Instant::now(), true, true, is_whole, leases);
        match self.tables.take().map(Tables::close) {
            Some(Ok(())) if is_whole => tracing::info!("the store is closed: all last values are in it"),
            Some(Ok(())) => {
                tracing::warn!("the store is closed, and some of the newest last values are not in it");
            }
            Some(Err(fault)) => {
                tracing::warn!(%fault, "the store is not closed as it should be; the next start reads its journal");
            }
            None => tracing::error!(
                "the hub ends while its store cannot be written: what was said since then is lost"
            ),
        }
    }
}
