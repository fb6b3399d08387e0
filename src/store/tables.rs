//! The file, in SQL: one method a statement. Only this file, those in the folder of its name, `rows.rs`, `fault.rs` and
//! `history/tables.rs` know `rusqlite`.
//!
//! What is read is checked by the sum that stands with it, as SQLite has none of its own. A row that is not what was
//! written comes back as [`Checked::Damaged`]; a page that is not ends the reading with [`Fault::Damaged`]. The same fault
//! ends it where the rows are not all that were written, or are not of the same time.

mod check;
mod events;
mod lasting;
mod leases;
mod names;
mod queues;
mod steps;
mod tally;
mod upkeep;
mod web_sessions;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(super) use check::BUSY;
use check::Check;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use steps::STEPS;
use tally::{Counted, Sequence, Tally};

pub(super) use events::{EventRow, Kept};
pub(super) use lasting::{LastingMessageRow, LastingRow};
pub(super) use names::{NameRows, Names};
pub(super) use queues::QueuedRow;
pub(super) use web_sessions::Revocation;

pub(super) use super::fault::Fault;
use super::head::Unsettled;
use super::log;
use super::rows::{blob, last_sum, last_value, life_sum, mark_sum, name_sum, whole};
pub(super) use upkeep::{HOLDERS, Holder};

/// What says that the file is the hub's: `Clow`.
pub(super) const APPLICATION: u32 = 0x436C_6F77;
/// For the user of the hub alone.
pub(super) const FILE_MODE: u32 = 0o600;
/// One page. Rows of the log are small, and a page is what a write costs at least.
const PAGE: u64 = 1024;
/// A last value takes no fewer bytes.
const LEAST_ROW: u64 = 16;

/// A row that was read, and whether it is what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checked<T> {
    Good(T),
    /// Its key is all that can be said of it.
    Damaged,
}

/// When the hub wrote last, in milliseconds since 1970, and whether it was stopped as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Life {
    pub(super) at: u64,
    pub(super) clean: bool,
}

/// In which order rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Up,
    Down,
}

impl Order {
    fn sql(self) -> &'static str {
        match self {
            Self::Up => "ASC",
            Self::Down => "DESC",
        }
    }
}

/// The open file.
#[derive(Debug)]
pub(super) struct Tables {
    check: Check,
    pub(super) connection: Connection,
    pub(super) mark: u64,
    /// Whether a write waits for the medium, as it was set last.
    sync: Option<bool>,
}

impl Tables {
    /// Opens the file at a path where there is one, be it empty. It is brought to the newest version.
    /// Only a new file takes the `mark`.
    pub(super) fn open(path: &Path, most_bytes: u64, mark: u64) -> Result<Self, Fault> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        let application: u32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        check_owner(application, version, tables > 0)?;
        connection.pragma_update(None, "page_size", i64::try_from(PAGE).unwrap_or(1024))?;
        let _: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
        connection.execute_batch(
            "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=4096; PRAGMA journal_size_limit=8388608;
             PRAGMA mmap_size=0; PRAGMA cache_size=-2048; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;
             PRAGMA cell_size_check=ON; PRAGMA recursive_triggers=ON;",
        )?;
        connection.pragma_update(
            None,
            "max_page_count",
            i64::try_from(most_bytes / PAGE).unwrap_or(i64::MAX),
        )?;
        let check = if version == 0 { Check::Over } else { Check::Wanted };
        let mut tables = Self { check, connection, mark, sync: None };
        tables.migrate(STEPS, path)?;
        tables.mark = match tables.found_mark()? {
            Some(found) => found,
            None if version == 0 => mark,
            None => return Err(Fault::Damaged("its mark cannot be read".to_owned())),
        };
        Ok(tables)
    }

    /// The mark of the file, which stands in two places.
    fn found_mark(&self) -> Result<Option<u64>, Fault> {
        let one = |row: &rusqlite::Row<'_>| Ok((whole(row, 0), whole(row, 1)));
        let found = self.connection.query_row("SELECT mark, sum FROM mark", [], one).optional();
        if let Ok(Some((Some(mark), Some(sum)))) = found
            && sum == u64::from(mark_sum(mark))
        {
            return Ok(Some(mark));
        }
        let read = self.connection.query_row("SELECT mark, at, clean, sum FROM life", [], |row| {
            Ok((whole(row, 0), whole(row, 1), whole(row, 2), whole(row, 3)))
        });
        Ok(match read.optional()? {
            Some((Some(mark), Some(at), Some(clean), Some(sum))) => {
                Some(mark).filter(|mark| sum == u64::from(life_sum(*mark, at, clean)))
            }
            _ => None,
        })
    }

    /// What makes its sums others than those of another file.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }

    /// Goes through the steps that the file has not seen. Before it changes what somebody has written, it makes a copy.
    fn migrate(&mut self, steps: &[&str], path: &Path) -> Result<(), Fault> {
        let done: u32 = self.connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        if done > 0 && done < steps.len() {
            let copy = path.with_file_name(format!("hub-v{done}.db"));
            // A copy of an attempt that did not come to its end, instead of which there is an empty file: one that SQLite
            // makes could be read by others.
            let _ = std::fs::remove_file(&copy);
            make_private(&copy)?;
            self.connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
        }
        for (version, step) in steps.iter().enumerate().skip(done) {
            let transaction = self.connection.transaction()?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(
                None,
                "user_version",
                i64::try_from(version + 1).unwrap_or(i64::MAX),
            )?;
            if version == 0 {
                let mark = params![self.mark.cast_signed(), mark_sum(self.mark)];
                transaction.execute("INSERT INTO mark VALUES (1, ?1, ?2)", mark)?;
            }
            transaction.commit()?;
        }
        Ok(())
    }

    /// When the hub wrote last; none if it never did, or if that cannot be read.
    pub(super) fn life(&self) -> Result<Option<Life>, Fault> {
        let read = |row: &rusqlite::Row<'_>| Ok((whole(row, 0), whole(row, 1), whole(row, 2)));
        let sql = "SELECT at, clean, sum FROM life";
        let found = self.connection.query_row(sql, [], read).optional()?;
        Ok(found.and_then(|(at, clean, sum)| {
            let (at, clean) = (at?, clean?);
            (sum? == u64::from(life_sum(self.mark, at, clean))).then_some(Life { at, clean: clean == 1 })
        }))
    }

    /// All rows of the log.
    pub(super) fn log(&self, order: Order, mut take: impl FnMut(u64, &[u8]) -> bool) -> Result<(), Fault> {
        let sql = format!("SELECT seq, data FROM log ORDER BY seq {}", order.sql());
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut sequence = match order {
            Order::Up => Some(Sequence::of(&self.connection)?),
            Order::Down => None,
        };
        while let Some(row) = rows.next()? {
            let Some(seq) = whole(row, 0) else { continue };
            if let Some(sequence) = &mut sequence {
                sequence.add(seq);
            }
            if !take(seq, blob(row, 1).unwrap_or_default()) {
                return Ok(());
            }
        }
        sequence.map_or(Ok(()), |sequence| sequence.compare())
    }

    /// About how many last values are settled: what was counted, as far as the file has room for it.
    pub(super) fn about_last_values(&self) -> usize {
        let one = |sql: &str| self.connection.query_row(sql, [], |row| Ok(whole(row, 0))).ok().flatten();
        let counted = one("SELECT entries FROM tally WHERE id = 3").unwrap_or_default();
        let room = one("PRAGMA page_count").unwrap_or_default().saturating_mul(PAGE / LEAST_ROW);
        usize::try_from(counted.min(room)).unwrap_or_default()
    }

    /// All last values that are settled, by their topics.
    pub(super) fn last(
        &self,
        order: Order,
        mut take: impl FnMut(u64, Checked<Unsettled>) -> bool,
    ) -> Result<(), Fault> {
        let sql = format!(
            "SELECT topic, seq, at, user, payload, rest, sum FROM last ORDER BY topic {}",
            order.sql()
        );
        let mut statement = self.connection.prepare(&sql)?;
        let (mut rows, mut tally) = (statement.query([])?, Tally::default());
        while let Some(row) = rows.next()? {
            let Some(topic) = whole(row, 0) else { continue };
            tally.add(whole(row, 6));
            if !take(topic, last_value(self.mark, topic, row).map_or(Checked::Damaged, Checked::Good)) {
                return Ok(());
            }
        }
        tally.compare(&self.connection, Counted::LastValues)
    }

    /// The highest number that a table has given, 0 if none.
    pub(super) fn highest(&self, numbers: Numbers) -> Result<u64, Fault> {
        let sql = match numbers {
            Numbers::Topics => "SELECT max(id) FROM topic",
            Numbers::Users => "SELECT max(id) FROM user",
            Numbers::Rows => "SELECT max(seq) FROM log",
        };
        let highest: Option<i64> = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(highest.map_or(0, i64::cast_unsigned))
    }

    /// Bytes of the file that are in use.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> Result<u64, Fault> {
        let sql = "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count";
        let pages: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(pages.cast_unsigned() * PAGE)
    }

    /// Begins to look through the whole file, beside what is done with it.
    pub(super) fn look_through(&mut self) {
        self.check.begin(&self.connection);
    }

    /// Does all that `act` does, or nothing, unless the file was found to be damaged meanwhile. With `sync` it is on the
    /// medium when this returns, and so is everything before it; else it is with the kernel, which a dying process does not
    /// take along.
    pub(super) fn write<T>(
        &mut self,
        sync: bool,
        act: impl FnOnce(&Writing<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.check.outcome(&self.connection)?;
        if self.sync != Some(sync) {
            let synchronous = if sync { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", synchronous)?;
            self.sync = Some(sync);
        }
        let mark = self.mark;
        let writing = Writing { transaction: self.connection.transaction()?, mark };
        let done = act(&writing)?;
        writing.transaction.commit()?;
        Ok(done)
    }

    /// Moves everything from the journal into the file, and closes it.
    pub(super) fn close(self) -> Result<(), Fault> {
        // It holds the journal.
        drop(self.check);
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.connection.close().map_err(|(_, error)| error.into())
    }
}

/// Which numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Numbers {
    Topics,
    Users,
    Rows,
}

/// What is written in one piece.
pub(super) struct Writing<'t> {
    pub(super) transaction: Transaction<'t>,
    pub(super) mark: u64,
}

impl Writing<'_> {
    pub(super) fn add_topic(&self, id: u64, name: &str) -> Result<(), Fault> {
        self.run(
            "INSERT OR REPLACE INTO topic VALUES (?1, ?2, ?3)",
            params![id.cast_signed(), name, name_sum(self.mark, "topic", id, name)],
        )
    }

    pub(super) fn add_user(&self, id: u64, name: &str) -> Result<(), Fault> {
        self.run(
            "INSERT OR REPLACE INTO user VALUES (?1, ?2, ?3)",
            params![id.cast_signed(), name, name_sum(self.mark, "user", id, name)],
        )
    }

    pub(super) fn forget_topic(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM topic WHERE id = ?1", params![id.cast_signed()])
    }

    pub(super) fn add_row(&self, seq: u64, data: &[u8]) -> Result<(), Fault> {
        self.run("INSERT INTO log VALUES (?1, ?2)", params![seq.cast_signed(), data])
    }

    /// Puts a last value down, or takes it out.
    pub(super) fn settle(&self, topic: u64, unsettled: &Unsettled) -> Result<(), Fault> {
        let Some(kept) = &unsettled.value else {
            return self.run("DELETE FROM last WHERE topic = ?1", params![topic.cast_signed()]);
        };
        let rest = log::beside(kept.rhythm, kept.rest.as_deref());
        let [topic_n, seq, at, user] = [topic, unsettled.seq, kept.time, kept.user].map(u64::cast_signed);
        let sum = last_sum(self.mark, topic, unsettled.seq, kept, rest.as_deref());
        let row = params![topic_n, seq, at, user, &*kept.payload, rest, sum];
        self.run("INSERT OR REPLACE INTO last VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", row)
    }

    /// Deletes the oldest rows up to `until`, but never the newest of all. Says how many went.
    pub(super) fn shorten_log(&self, until: u64, most: usize) -> Result<usize, Fault> {
        let sql = "DELETE FROM log WHERE seq IN (SELECT seq FROM log WHERE seq <= ?1 \
                   AND seq < (SELECT max(seq) FROM log) ORDER BY seq LIMIT ?2)";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(self.transaction.prepare_cached(sql)?.execute(params![until.cast_signed(), most])?)
    }

    pub(super) fn live(&self, life: Life) -> Result<(), Fault> {
        let sum = life_sum(self.mark, life.at, u64::from(life.clean));
        if life.clean {
            self.run("UPDATE log_bounds SET newest = (SELECT ifnull(max(seq), 0) FROM log)", [])?;
        }
        self.run(
            "INSERT OR REPLACE INTO life VALUES (1, ?1, ?2, ?3, ?4)",
            params![life.at.cast_signed(), life.clean, self.mark.cast_signed(), sum],
        )
    }

    pub(super) fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), Fault> {
        self.transaction.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }
}

/// Makes an empty file for the user of the hub alone.
fn make_private(path: &Path) -> Result<(), Fault> {
    let made = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path);
    made.map(drop).map_err(|error| Fault::Other(format!("{}: {error}", path.display())))
}

/// Something in a file is of a newer version, although the file itself does not say so.
pub(super) fn newer() -> Fault {
    Fault::Newer { found: STEPS.len() as u64 + 1, known: STEPS.len() }
}

/// Whether a file of these marks may be touched.
pub(super) fn check_owner(application: u32, version: u32, has_tables: bool) -> Result<(), Fault> {
    let found = u64::from(version);
    match application {
        APPLICATION if found > STEPS.len() as u64 => Err(Fault::Newer { found, known: STEPS.len() }),
        APPLICATION => Ok(()),
        0 if !has_tables && version == 0 => Ok(()),
        _ => Err(Fault::Foreign),
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::Kept;
    use super::leases::tests::{LEASE, leases};
    use super::*;
    use crate::hub::Rhythm;
    use std::os::unix::fs::PermissionsExt;

    fn value(payload: &str) -> Unsettled {
        let kept = Kept { time: 5, user: 1, payload: payload.into(), rest: None, rhythm: Rhythm::default() };
        Unsettled { seq: 3, value: Some(kept) }
    }

    impl Tables {
        /// Waits until the check that a write has begun is over.
        pub(in super::super) fn wait_for_the_check(&self) {
            self.check.wait();
        }

        /// Moves the journal into the file, as it happens now and then.
        pub(in super::super) fn checkpoint(&self) {
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
        }
    }

    fn all(tables: &Tables) -> Vec<(u64, Checked<Unsettled>)> {
        let mut found = Vec::new();
        tables
            .last(Order::Up, |topic, value| {
                found.push((topic, value));
                true
            })
            .unwrap();
        found
    }

    #[test]
    fn what_was_settled_is_read_again_and_a_changed_row_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        tables
            .write(true, |writing| {
                writing.settle(1, &value("1"))?;
                writing.settle(2, &value("2"))
            })
            .unwrap();
        tables.close().unwrap();
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        assert_eq!(all(&tables), [(1, Checked::Good(value("1"))), (2, Checked::Good(value("2")))]);
        tables.connection.execute("UPDATE last SET payload = '3' WHERE topic = 2", []).unwrap();
        assert_eq!(all(&tables), [(1, Checked::Good(value("1"))), (2, Checked::Damaged)]);
        tables.write(false, |writing| writing.settle(2, &Unsettled { seq: 4, value: None })).unwrap();
        assert_eq!(all(&tables).len(), 1);
    }

    #[test]
    fn what_was_begun_and_failed_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let failed = tables.write(false, |writing| {
            writing.settle(1, &value("1"))?;
            Err::<(), _>(Fault::Full)
        });
        assert_eq!((failed, all(&tables).len()), (Err(Fault::Full), 0));
    }

    #[test]
    fn a_file_grows_to_its_bound_and_no_further() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 100 * PAGE, 7).unwrap();
        let row = [7; 10 * 1024];
        let full = (1..100).find_map(|seq| tables.write(false, |writing| writing.add_row(seq, &row)).err());
        assert_eq!(full, Some(Fault::Full));
        assert!(tables.bytes().unwrap() <= 100 * PAGE);
    }

    #[test]
    fn a_new_version_comes_by_a_step_and_what_was_before_is_kept_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        tables.write(true, |writing| writing.settle(1, &value("1"))).unwrap();
        let steps = [STEPS, &["CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT"]].concat();
        tables.migrate(&steps, &path).unwrap();
        tables.migrate(&steps, &path).unwrap();
        tables.connection.execute("INSERT INTO more VALUES (1)", []).unwrap();
        assert_eq!(all(&tables).len(), 1);
        let copy = dir.path().join(format!("hub-v{}.db", STEPS.len()));
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, FILE_MODE);
        let copy = Tables::open(&copy, 1 << 30, 7).unwrap();
        assert_eq!(all(&copy).len(), 1);
        tables.close().unwrap();
        let refused = Tables::open(&path, 1 << 30, 7).unwrap_err();
        assert_eq!(refused, Fault::Newer { found: STEPS.len() as u64 + 1, known: STEPS.len() });
    }

    #[test]
    fn a_file_of_the_first_version_is_taken_over_with_all_that_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let mut tables =
            Tables { check: Check::Over, connection: Connection::open(&path).unwrap(), mark: 7, sync: None };
        tables.migrate(&STEPS[..1], &path).unwrap();
        tables.write(true, |writing| writing.settle(1, &value("1"))).unwrap();
        drop(tables);
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        assert_eq!(all(&tables), [(1, Checked::Good(value("1")))]);
        tables.write(true, |writing| writing.put_lease(&LEASE)).unwrap();
        assert_eq!(leases(&tables), [Some("relay/0/set".to_owned())]);
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        let steps = [STEPS, &["CREATE TABLE more (id INTEGER); nonsense"]].concat();
        assert!(tables.migrate(&steps, &path).is_err());
        drop(tables);
        Tables::open(&path, 1 << 30, 7).unwrap();
    }
}
