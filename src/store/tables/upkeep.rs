//! What the care of the file takes, in SQL: to read it while a hub writes it, to look through all of it, to copy it, and to
//! write it anew without what was deleted.

use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::super::rows::text;
use super::{BUSY, Check, Fault, Tables, check_owner, make_private};

/// How often a file is written anew because somebody else has written to it meanwhile.
const ATTEMPTS: usize = 5;

/// What is set for a connection that does not write.
const TO_READ: &str = "PRAGMA mmap_size=0; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY; \
                       PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;";

/// A column in which topics stand by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Holder {
    pub(in crate::store) table: &'static str,
    pub(in crate::store) column: &'static str,
    /// Why a topic may still be there once it was forgotten, for the operator.
    pub(in crate::store) stays: &'static str,
}

/// All of them. Who adds a table with topics adds a line here, and sees to it that `Writer::forget` deletes its rows.
pub(in crate::store) const HOLDERS: &[Holder] = &[
    Holder {
        table: "topic",
        column: "name",
        stays: "topics that are still there, as their nodes are connected or they were said again",
    },
    Holder {
        table: "series",
        column: "topic",
        stays: "series of history that are still there, as more was said meanwhile",
    },
    Holder {
        table: "event",
        column: "topic",
        stays: "events that are still there, as more happened meanwhile",
    },
    Holder {
        table: "queued",
        column: "topic",
        stays: "messages for brokers that are still there, as more came meanwhile",
    },
    Holder {
        table: "lasting_message",
        column: "topic",
        stays: "messages for MQTT sessions that are still there, as more came meanwhile",
    },
    Holder { table: "lease", column: "topic", stays: "leases that stay until they end" },
];

/// Bytes of the pages of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::store) struct Pages {
    /// All of them.
    pub(in crate::store) all: u64,
    /// Those that nothing is in.
    pub(in crate::store) unused: u64,
}

impl Tables {
    /// Opens a file of this version or an older one, to read it. A hub may write it meanwhile.
    pub(in crate::store) fn open_to_read(path: &Path) -> Result<Self, Fault> {
        let mut journal = path.as_os_str().to_owned();
        journal.push("-wal");
        // Who may not write leaves a new journal behind. The one of a hub that was killed is not to be touched.
        let how = if Path::new(&journal).exists() {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        };
        Self::open_as_it_is(path, how)
    }

    /// Opens a file of this version or an older one, to write it anew. No hub may have it.
    pub(in crate::store) fn open_to_rebuild(path: &Path) -> Result<Self, Fault> {
        Self::open_as_it_is(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn open_as_it_is(path: &Path, how: OpenFlags) -> Result<Self, Fault> {
        let connection = Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY)?;
        connection.execute_batch(TO_READ)?;
        let mut tables = Self { check: Check::Over, connection, mark: 0, sync: None };
        let application: u32 = tables.connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let version = u32::try_from(tables.version()?).unwrap_or(u32::MAX);
        check_owner(application, version, true)?;
        let no_mark = || Fault::Damaged("its mark cannot be read".to_owned());
        tables.mark = tables.found_mark()?.ok_or_else(no_mark)?;
        Ok(tables)
    }

    /// Which version of the hub has written it.
    pub(in crate::store) fn version(&self) -> Result<u64, Fault> {
        let version: u32 = self.connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok(version.into())
    }

    /// From now on the file is seen as it is now, whatever is written.
    pub(in crate::store) fn hold_still(&self) -> Result<(), Fault> {
        Ok(self.connection.execute_batch("BEGIN")?)
    }

    /// Looks through all pages and indexes. Returns at most so many complaints.
    pub(in crate::store) fn complaints(&self, most: usize) -> Result<Vec<String>, Fault> {
        let mut check = self.connection.prepare(&format!("PRAGMA integrity_check({most})"))?;
        let found = check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let lines = found.iter().flat_map(|found| found.lines()).map(str::trim);
        Ok(lines.filter(|line| !line.is_empty() && *line != "ok").map(str::to_owned).collect())
    }

    /// The names of all tables.
    pub(in crate::store) fn names_of_tables(&self) -> Result<Vec<String>, Fault> {
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
        let mut statement = self.connection.prepare(sql)?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// How many rows have a topic that is named.
    pub(in crate::store) fn held(
        &self,
        holder: Holder,
        is_named: impl Fn(&str) -> bool,
    ) -> Result<u64, Fault> {
        let Holder { table, column, .. } = holder;
        let mut statement = self.connection.prepare(&format!("SELECT {column} FROM {table}"))?;
        let (mut rows, mut held) = (statement.query([])?, 0);
        while let Some(row) = rows.next()? {
            held += u64::from(text(row, 0).is_some_and(&is_named));
        }
        Ok(held)
    }

    /// How many rows a table has.
    pub(in crate::store) fn count(&self, table: &str) -> Result<u64, Fault> {
        let sql = format!("SELECT count(*) FROM \"{table}\"");
        let count: i64 = self.connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    /// Bytes of its pages.
    pub(in crate::store) fn pages(&self) -> Result<Pages, Fault> {
        let sql = "SELECT page_count * page_size, freelist_count * page_size \
                   FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let (all, unused): (i64, i64) =
            self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Pages { all: all.cast_unsigned(), unused: unused.cast_unsigned() })
    }

    /// Copies all that is in the file as it is now, whatever is written meanwhile, into a new file for its user alone. It
    /// has no gaps, and nothing of what was deleted.
    pub(in crate::store) fn copy_into(&self, path: &Path) -> Result<(), Fault> {
        make_private(path)?;
        self.connection.execute("VACUUM INTO ?1", [path.to_string_lossy()])?;
        Ok(())
    }

    /// Writes the whole file anew, without gaps and without anything that was deleted, in one transaction; `scratch` is
    /// where the new content is put together. The journal is empty afterwards. What others write meanwhile is not lost.
    pub(in crate::store) fn rebuild(&mut self, scratch: &Path) -> Result<(), Fault> {
        // Whoever looks through the file holds its journal. He begins anew with the next write.
        self.check = Check::Wanted;
        // A copy that no hub has opened yet has another kind of journal, in which one that reads holds up one that writes.
        let _: String = self.connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
        let path = self.connection.path().map(PathBuf::from).unwrap_or_default();
        let reader = Self::open_to_read(&path)?;
        for _ in 0..ATTEMPTS {
            let _ = std::fs::remove_file(scratch);
            let before = reader.written_by_others()?;
            let taken = reader.copy_into(scratch).and_then(|()| self.take_over(scratch, &reader, before));
            let _ = std::fs::remove_file(scratch);
            if taken? {
                drop(reader);
                return self.empty_journal();
            }
        }
        Err(Fault::Busy("it is being written".to_owned()))
    }

    /// Takes the content of another file in place of its own, unless somebody has written since `reader` saw `before`.
    fn take_over(&mut self, other: &Path, reader: &Self, before: i64) -> Result<bool, Fault> {
        let other = Connection::open_with_flags(other, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let taking = Backup::new(&other, &mut self.connection)?;
        // This only takes the lock. From here on nobody else can write.
        taking.step(0)?;
        if reader.written_by_others()? != before {
            return Ok(false);
        }
        if taking.step(-1)? == StepResult::Done {
            Ok(true)
        } else {
            Err(Fault::Busy("it is being written".to_owned()))
        }
    }

    /// Moves everything from the journal into the file, and cuts the journal off.
    pub(in crate::store) fn empty_journal(&self) -> Result<(), Fault> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_held: bool = self.connection.query_row(sql, [], |row| row.get(0))?;
        if is_held { Err(Fault::Busy("it is being read".to_owned())) } else { Ok(()) }
    }

    /// Everything is in the file itself, and nothing is beside it any more. Nobody else may have it.
    pub(in crate::store) fn into_one_file(self) -> Result<(), Fault> {
        let _: String = self.connection.query_row("PRAGMA journal_mode=DELETE", [], |row| row.get(0))?;
        self.connection.close().map_err(|(_, error)| error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::head::{Kept, Unsettled};
    use super::*;

    fn settle(tables: &mut Tables, topic: u64, payload: Option<&str>) {
        let kept = payload.map(|payload| Kept {
            time: 5,
            user: 1,
            payload: payload.into(),
            rest: None,
            rhythm: crate::hub::Rhythm::default(),
        });
        tables.write(true, |writing| writing.settle(topic, &Unsettled { seq: 3, value: kept })).unwrap();
    }

    fn has(file: &Path, text: &str) -> bool {
        std::fs::read(file).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes())
    }

    /// That `DELETE` leaves the bytes where they are is what `rebuild` is for.
    #[test]
    fn what_was_deleted_is_in_the_file_until_it_is_written_anew_and_not_after() {
        let dir = tempfile::tempdir().unwrap();
        let (path, scratch) = (dir.path().join("hub.db"), dir.path().join("new"));
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        for topic in 1..500 {
            settle(&mut tables, topic, Some(&format!("\"number {topic} of a house\"")));
        }
        for topic in 1..500 {
            settle(&mut tables, topic, (topic % 5 == 0).then_some("1"));
        }
        tables.empty_journal().unwrap();
        assert!(has(&path, "number"));
        let before = tables.pages().unwrap();
        tables.rebuild(&scratch).unwrap();
        assert!(!has(&path, "number") && !scratch.exists());
        assert_eq!(std::fs::metadata(dir.path().join("hub.db-wal")).unwrap().len(), 0);
        let after = tables.pages().unwrap();
        assert!(after.unused == 0 && after.all < before.all, "{before:?}, {after:?}");
        assert_eq!((tables.count("last").unwrap(), tables.complaints(9).unwrap()), (99, Vec::new()));
        // It goes on as the file that it was.
        settle(&mut tables, 1, Some("2"));
        drop(tables);
        let tables = Tables::open(&path, 1 << 30, 8).unwrap();
        assert_eq!((tables.count("last").unwrap(), tables.mark()), (100, 7));
    }

    /// Numbers of topics go with the row of the topic, names do not.
    #[test]
    fn every_column_with_topics_is_known_to_those_who_forget() {
        let dir = tempfile::tempdir().unwrap();
        let tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let mut found = vec![("topic".to_owned(), "name".to_owned())];
        for table in tables.names_of_tables().unwrap() {
            let sql = "SELECT name FROM pragma_table_info(?1) WHERE type = 'TEXT' AND name LIKE '%topic%'";
            let mut columns = tables.connection.prepare(sql).unwrap();
            let columns = columns.query_map([&table], |row| row.get::<_, String>(0)).unwrap();
            found.extend(columns.map(|column| (table.clone(), column.unwrap())));
        }
        let mut known: Vec<_> = HOLDERS.iter().map(|h| (h.table.to_owned(), h.column.to_owned())).collect();
        found.sort();
        known.sort();
        assert_eq!(known, found);
    }

    #[test]
    fn who_reads_meanwhile_sees_the_file_as_it_was_and_keeps_the_journal_from_being_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        tables.connection.busy_timeout(std::time::Duration::ZERO).unwrap();
        settle(&mut tables, 1, Some("1"));
        let reader = Tables::open_to_read(&path).unwrap();
        reader.hold_still().unwrap();
        assert_eq!(reader.count("last").unwrap(), 1);
        settle(&mut tables, 2, Some("2"));
        assert_eq!(reader.count("last").unwrap(), 1);
        let held = Fault::Busy("it is being read".to_owned());
        assert_eq!(tables.rebuild(&dir.path().join("new")), Err(held));
        drop(reader);
        tables.rebuild(&dir.path().join("new")).unwrap();
        assert_eq!(tables.count("last").unwrap(), 2);
    }

    #[test]
    fn what_somebody_else_writes_while_the_file_is_written_anew_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let (path, scratch) = (dir.path().join("hub.db"), dir.path().join("new"));
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        settle(&mut tables, 1, Some("1"));
        let mut other = Tables::open(&path, 1 << 30, 7).unwrap();
        let reader = Tables::open_to_read(&path).unwrap();
        let before = reader.written_by_others().unwrap();
        reader.copy_into(&scratch).unwrap();
        settle(&mut other, 2, Some("2"));
        assert_eq!(tables.take_over(&scratch, &reader, before), Ok(false));
        assert_eq!(tables.count("last").unwrap(), 2);
        drop(reader);
        // And it can be written by both afterwards.
        tables.rebuild(&scratch).unwrap();
        settle(&mut other, 3, Some("3"));
        settle(&mut tables, 4, Some("4"));
        assert_eq!((tables.count("last").unwrap(), other.count("last").unwrap()), (4, 4));
    }

    #[test]
    fn a_copy_is_one_file_for_its_user_alone_and_is_never_put_over_another() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (path, copy) = (dir.path().join("hub.db"), dir.path().join("copy"));
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        settle(&mut tables, 1, Some("1"));
        let reader = Tables::open_to_read(&path).unwrap();
        reader.copy_into(&copy).unwrap();
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(reader.copy_into(&copy), Err(Fault::Other(_))));
        let copied = Tables::open_to_read(&copy).unwrap();
        assert_eq!((copied.count("last").unwrap(), copied.mark()), (1, 7));
        drop(copied);
        let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["copy", "hub.db", "hub.db-shm", "hub.db-wal"], "nothing is left beside the copy");
    }
}
