//! The table of leases: commands that hold for a time only.

use rusqlite::params;

use super::{Checked, Fault, Order, Tables, Writing};
use crate::store::log::sum;
use crate::store::rows::{text, whole};

/// A command that holds for a time only; all times in milliseconds, moments since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Lease<'r> {
    pub(in crate::store) topic: &'r str,
    pub(in crate::store) user: &'r str,
    pub(in crate::store) safe: &'r str,
    pub(in crate::store) time: u64,
    pub(in crate::store) written: u64,
    pub(in crate::store) until: u64,
}

impl Lease<'_> {
    /// Of a file with this mark, so that a row of another file is known.
    fn sum(&self, mark: u64) -> u32 {
        let texts = [self.topic, self.user, self.safe];
        let lengths = texts.map(|text| text.len() as u64);
        let numbers = [mark, self.time, self.written, self.until, lengths[0], lengths[1], lengths[2]];
        let numbers = numbers.map(u64::to_le_bytes);
        let [topic, user, safe] = texts.map(str::as_bytes);
        sum(&[numbers.as_flattened(), topic, user, safe])
    }
}

impl Tables {
    /// All leases, with the numbers of their rows.
    pub(in crate::store) fn leases(
        &self,
        order: Order,
        mut take: impl FnMut(u64, Checked<Lease<'_>>) -> bool,
    ) -> Result<(), Fault> {
        let sql = format!(
            "SELECT id, topic, user, safe, time, written, until, sum FROM lease ORDER BY id {}",
            order.sql()
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            if !take(id, lease(self.mark, row).map_or(Checked::Damaged, Checked::Good)) {
                break;
            }
        }
        Ok(())
    }
}

impl Writing<'_> {
    /// Puts a lease down in place of the one on the same topic.
    pub(in crate::store) fn put_lease(&self, lease: &Lease<'_>) -> Result<(), Fault> {
        let Lease { topic, user, safe, .. } = *lease;
        let [time, written, until] = [lease.time, lease.written, lease.until].map(u64::cast_signed);
        let row = params![topic, user, safe, time, written, until, lease.sum(self.mark)];
        let sql = "INSERT OR REPLACE INTO lease (topic, user, safe, time, written, until, sum) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.run(sql, row)
    }

    pub(in crate::store) fn forget_lease(&self, topic: &str) -> Result<(), Fault> {
        self.run("DELETE FROM lease WHERE topic = ?1", params![topic])
    }

    pub(in crate::store) fn forget_all_leases(&self) -> Result<(), Fault> {
        self.run("DELETE FROM lease", [])
    }
}

fn lease<'r>(mark: u64, row: &'r rusqlite::Row<'_>) -> Option<Lease<'r>> {
    let (topic, user, safe) = (text(row, 1)?, text(row, 2)?, text(row, 3)?);
    let lease =
        Lease { topic, user, safe, time: whole(row, 4)?, written: whole(row, 5)?, until: whole(row, 6)? };
    (whole(row, 7) == Some(lease.sum(mark).into())).then_some(lease)
}
