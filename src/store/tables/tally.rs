//! Is all of a table there, and is all of it of the same time? What was read is compared with what was counted when it was
//! written (`schema/0005.sql`, `schema/0008.sql`).

use rusqlite::{Connection, OptionalExtension};

use super::super::fault::Fault;
use super::super::rows::whole;

/// The first version of the file that has counts.
const COUNTED_SINCE: u32 = 5;

/// The tables that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Topics,
    Users,
    LastValues,
    Leases,
    Events,
    Queued,
    Lasting,
    LastingMessages,
}

impl Counted {
    fn id(self) -> i64 {
        match self {
            Self::Topics => 1,
            Self::Users => 2,
            Self::LastValues => 3,
            Self::Leases => 4,
            Self::Events => 5,
            Self::Queued => 6,
            Self::Lasting => 7,
            Self::LastingMessages => 8,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Topics => "topics",
            Self::Users => "users",
            Self::LastValues => "last values",
            Self::Leases => "leases",
            Self::Events => "events",
            Self::Queued => "messages that wait",
            Self::Lasting => "sessions",
            Self::LastingMessages => "messages of sessions",
        }
    }

    /// The first version of the file that counts it.
    fn since(self) -> u32 {
        match self {
            Self::Topics | Self::Users | Self::LastValues | Self::Leases => COUNTED_SINCE,
            Self::Events => 8,
            Self::Queued => 9,
            Self::Lasting | Self::LastingMessages => 10,
        }
    }
}

/// What was read of a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    entries: u64,
    total: u64,
}

impl Tally {
    /// A row with this sum, whether it fits the row or not. A sum that cannot be read fits nothing.
    pub(super) fn add(&mut self, sum: Option<u64>) {
        self.entries += 1;
        self.total = self.total.wrapping_add(sum.unwrap_or_default());
    }

    /// That of a whole table.
    pub(super) fn of(entries: u64, total: u64) -> Self {
        Self { entries, total }
    }

    /// Compares a table that was read to its end.
    pub(super) fn compare(&self, connection: &Connection, table: Counted) -> Result<(), Fault> {
        let sql = "SELECT entries, total FROM tally WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((whole(row, 0), whole(row, 1)));
        let counted = match connection.query_row(sql, [table.id()], read).optional() {
            Ok(None) | Err(_) if !is_counted(connection, table.since()) => return Ok(()),
            counted => counted?,
        };
        let (name, entries) = (table.name(), self.entries);
        match counted {
            Some((Some(counted), Some(total))) if counted == entries && total == self.total => Ok(()),
            Some((Some(counted), Some(_))) if counted == entries => {
                Err(Fault::Damaged(format!("some of its {entries} {name} are not the newest ones")))
            }
            Some((Some(counted), Some(_))) => {
                Err(Fault::Damaged(format!("it has {entries} {name}, and {counted} were counted")))
            }
            _ => Err(Fault::Damaged(format!("the count of its {name} cannot be read"))),
        }
    }
}

/// Whether the file has counts: one that an older hub has written has none, as long as no hub has brought it to this version.
fn is_counted(connection: &Connection, since: u32) -> bool {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
    version.is_ok_and(|version| version >= since)
}

/// The rows of the log, read in their order.
#[derive(Debug)]
pub(super) struct Sequence {
    next: u64,
    newest: u64,
    missing: bool,
    /// Whether it is known which rows there are.
    is_known: bool,
}

impl Sequence {
    /// That of this file.
    pub(super) fn of(connection: &Connection) -> Result<Self, Fault> {
        let sql = "SELECT first, newest FROM log_bounds";
        let read = |row: &rusqlite::Row<'_>| Ok((whole(row, 0), whole(row, 1)));
        let found = match connection.query_row(sql, [], read).optional() {
            Err(_) if !is_counted(connection, COUNTED_SINCE) => {
                return Ok(Self { next: 0, newest: 0, missing: false, is_known: false });
            }
            found => found?,
        };
        match found {
            Some((Some(next), Some(newest))) => Ok(Self { next, newest, missing: false, is_known: true }),
            _ => Err(Fault::Damaged("the bounds of its log cannot be read".to_owned())),
        }
    }

    pub(super) fn add(&mut self, seq: u64) {
        self.missing |= seq != self.next;
        self.next = seq.saturating_add(1);
    }

    /// Whether it was all of the log.
    pub(super) fn compare(&self) -> Result<(), Fault> {
        if self.is_known && (self.missing || self.next <= self.newest) {
            return Err(Fault::Damaged("rows of its log are missing".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::head::{Kept, Unsettled};
    use super::super::{Order, Tables};
    use super::*;

    fn said(tables: &mut Tables, seq: u64, payload: &str) {
        let kept = Kept {
            time: 5,
            user: 1,
            payload: payload.into(),
            rest: None,
            rhythm: crate::hub::Rhythm::default(),
        };
        let value = Unsettled { seq, value: Some(kept) };
        tables
            .write(false, |writing| {
                writing.add_row(seq, payload.as_bytes())?;
                writing.settle(seq % 2, &value)
            })
            .unwrap();
    }

    fn tables(dir: &tempfile::TempDir) -> Tables {
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        (1..=4).for_each(|seq| said(&mut tables, seq, "1"));
        tables.write(false, |writing| writing.shorten_log(2, 64)).unwrap();
        assert_eq!((last(&tables), log(&tables)), (Ok(()), Ok(())));
        tables
    }

    fn last(tables: &Tables) -> Result<(), Fault> {
        tables.last(Order::Up, |_, _| true)
    }

    fn log(tables: &Tables) -> Result<(), Fault> {
        tables.log(Order::Up, |_, _| true)
    }

    fn damaged(why: &str) -> Result<(), Fault> {
        Err(Fault::Damaged(why.to_owned()))
    }

    /// Changes the file as a disk does that mixes up its pages: nobody counts.
    fn behind_its_back(tables: &Tables, sql: &str) {
        tables
            .connection
            .execute_batch(&format!(
                "DROP TRIGGER last_changed; DROP TRIGGER last_removed; DROP TRIGGER log_shortened; {sql}"
            ))
            .unwrap();
    }

    #[test]
    fn a_last_value_that_is_missing_or_as_it_was_before_is_known_although_each_sum_is_right() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = tables(&dir);
        tables.connection.execute_batch("CREATE TABLE before AS SELECT * FROM last").unwrap();
        said(&mut tables, 5, "2");
        assert_eq!(last(&tables), Ok(()));
        behind_its_back(&tables, "REPLACE INTO last SELECT * FROM before WHERE topic = 1");
        // Which adds one to the count, as it is counted what comes in.
        tables.connection.execute_batch("UPDATE tally SET entries = entries - 1 WHERE id = 3").unwrap();
        assert_eq!(last(&tables), damaged("some of its 2 last values are not the newest ones"));
        tables.connection.execute_batch("DELETE FROM last WHERE topic = 1").unwrap();
        assert_eq!(last(&tables), damaged("it has 1 last values, and 2 were counted"));
        tables.connection.execute_batch("DELETE FROM tally").unwrap();
        assert_eq!(last(&tables), damaged("the count of its last values cannot be read"));
    }

    #[test]
    fn a_row_of_the_log_that_is_missing_is_known_wherever_it_was() {
        for (row, is_known) in [(3, true), (4, false)] {
            let dir = tempfile::tempdir().unwrap();
            let tables = tables(&dir);
            behind_its_back(&tables, &format!("DELETE FROM log WHERE seq = {row}"));
            // Without the newest one it is the log as it was before.
            assert_eq!(log(&tables).is_err(), is_known, "{row}");
        }
        let dir = tempfile::tempdir().unwrap();
        let mut tables = tables(&dir);
        let life = super::super::Life { at: 5, clean: true };
        tables.write(false, |writing| writing.live(life)).unwrap();
        behind_its_back(&tables, "DELETE FROM log WHERE seq = 4");
        assert_eq!(log(&tables), damaged("rows of its log are missing"), "the hub was stopped after it");
    }
}
