//! Leases, between the hub and the file.

use std::time::Duration;

use super::log::{milliseconds, moment};
use super::rows::Lease;
use super::tables::{Fault, Writing};
use crate::hub::{LeaseChanges, LeaseRow};
use crate::topic::{Limits, Topic};

impl Writing<'_> {
    /// Writes what has changed.
    pub(super) fn change_leases(&self, changes: &LeaseChanges) -> Result<(), Fault> {
        if changes.are_all {
            self.forget_all_leases()?;
        }
        for (topic, row) in &changes.rows {
            match row {
                Some(row) => self.put_lease(&lease(row))?,
                None => self.forget_lease(topic.as_str())?,
            }
        }
        Ok(())
    }
}

fn lease(row: &LeaseRow) -> Lease<'_> {
    Lease {
        topic: row.topic.as_str(),
        user: &row.user,
        safe: &row.safe,
        is_near: row.is_near,
        time: u64::try_from(row.time.as_millis()).unwrap_or(u64::MAX),
        written: milliseconds(row.written),
        until: milliseconds(row.until),
    }
}

/// What a row says, if its topic is one.
pub(super) fn row(lease: Lease<'_>, limits: &Limits) -> Option<LeaseRow> {
    Some(LeaseRow {
        topic: Topic::parse(lease.topic, limits).ok()?,
        user: lease.user.into(),
        safe: lease.safe.into(),
        is_near: lease.is_near,
        time: Duration::from_millis(lease.time),
        written: moment(lease.written),
        until: moment(lease.until),
    })
}
