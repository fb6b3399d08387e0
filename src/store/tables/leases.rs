//! Leases in SQL.

use rusqlite::params;

use super::super::rows::{Lease, lease, whole};
use super::tally::{Counted, Tally};
use super::{Checked, Fault, Order, Tables, Writing};

/// The first version of the file that has the column.
const FIRST_WITH_NEAR: u64 = 11;

impl Tables {
    /// All leases, with the numbers of their rows.
    pub(in crate::store) fn leases(
        &self,
        order: Order,
        mut take: impl FnMut(u64, Checked<Lease<'_>>) -> bool,
    ) -> Result<(), Fault> {
        // A file of before is looked through as it is.
        let near = if self.version()? < FIRST_WITH_NEAR { "1" } else { "near" };
        let sql = format!(
            "SELECT id, topic, user, safe, time, written, until, sum, {near} FROM lease ORDER BY id {}",
            order.sql()
        );
        let mut statement = self.connection.prepare(&sql)?;
        let (mut rows, mut tally) = (statement.query([])?, Tally::default());
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            tally.add(whole(row, 7));
            if !take(id, lease(self.mark, row).map_or(Checked::Damaged, Checked::Good)) {
                return Ok(());
            }
        }
        tally.compare(&self.connection, Counted::Leases)
    }
}

impl Writing<'_> {
    /// Puts a lease down in place of the one on the same topic.
    pub(in crate::store) fn put_lease(&self, lease: &Lease<'_>) -> Result<(), Fault> {
        let Lease { topic, user, safe, .. } = *lease;
        let [time, written, until] = [lease.time, lease.written, lease.until].map(u64::cast_signed);
        let row = params![topic, user, safe, time, written, until, lease.sum(self.mark), lease.is_near];
        let sql = "INSERT OR REPLACE INTO lease (topic, user, safe, time, written, until, sum, near) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.run(sql, row)
    }

    pub(in crate::store) fn forget_lease(&self, topic: &str) -> Result<(), Fault> {
        self.run("DELETE FROM lease WHERE topic = ?1", params![topic])
    }

    pub(in crate::store) fn forget_all_leases(&self) -> Result<(), Fault> {
        self.run("DELETE FROM lease", [])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::store::tables) const LEASE: Lease<'_> = Lease {
        topic: "relay/0/set",
        user: "u",
        safe: "{}",
        is_near: true,
        time: 60_000,
        written: 5,
        until: 60_005,
    };

    pub(in crate::store::tables) fn leases(tables: &Tables) -> Vec<Option<String>> {
        let mut found = Vec::new();
        let take = |_, row: Checked<Lease<'_>>| {
            found.push(match row {
                Checked::Good(lease) => Some(lease.topic.to_owned()),
                Checked::Damaged => None,
            });
            true
        };
        tables.leases(Order::Up, take).unwrap();
        found
    }

    #[test]
    fn a_lease_takes_the_place_of_the_older_one_and_a_changed_row_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let mut put = |lease: Lease<'_>| tables.write(false, |writing| writing.put_lease(&lease)).unwrap();
        put(LEASE);
        put(Lease { until: 7, ..LEASE });
        put(Lease { topic: "relay/1/set", ..LEASE });
        assert_eq!(leases(&tables), ["relay/0/set", "relay/1/set"].map(|topic| Some(topic.to_owned())));
        tables.connection.execute("UPDATE lease SET until = 8 WHERE topic = 'relay/0/set'", []).unwrap();
        assert_eq!(leases(&tables)[0], None);
        tables.write(false, |writing| writing.put_lease(&Lease { is_near: false, ..LEASE })).unwrap();
        let mut are_near = Vec::new();
        let take = |_, row: Checked<Lease<'_>>| {
            are_near.push(matches!(row, Checked::Good(lease) if lease.is_near));
            true
        };
        tables.leases(Order::Up, take).unwrap();
        assert_eq!((leases(&tables).len(), are_near), (2, vec![true, false]));
        tables.connection.execute("UPDATE lease SET near = 1", []).unwrap();
        assert_eq!(leases(&tables)[1], None);
        tables.write(false, |writing| writing.forget_lease("relay/0/set")).unwrap();
        assert_eq!(leases(&tables).len(), 1);
        tables
            .write(false, |writing| {
                writing.forget_lease("relay/7/set")?;
                writing.forget_all_leases()
            })
            .unwrap();
        assert_eq!(leases(&tables).len(), 0);
    }
}
