//! The tables of history in SQL: one method a statement.

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::super::log::sum;
use super::super::rows::{blob, text, whole};
use super::super::tables::{BUSY, Checked, Fault, Tables, Writing};
use super::chunk;
use std::path::Path;

/// What is told apart: the numbers or the states at one path in the payloads of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeriesRow {
    pub(super) topic: Box<str>,
    pub(super) path: Box<str>,
    pub(super) kind: u64,
    pub(super) unit: Box<str>,
    pub(super) at: u64,
}

/// What was sealed in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanRow {
    pub(super) tier: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) until: u64,
    pub(super) readings: u64,
}

impl Tables {
    /// All series with their numbers.
    pub(super) fn series(&self, mut take: impl FnMut(u64, Checked<SeriesRow>)) -> Result<(), Fault> {
        let sql = "SELECT id, topic, path, kind, unit, at, sum FROM series ORDER BY id";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            let read = || {
                let (kind, at) = (whole(row, 3)?, whole(row, 5)?);
                let [topic, path, unit] = [1, 2, 4].map(|at| text(row, at));
                let found =
                    SeriesRow { topic: topic?.into(), path: path?.into(), kind, unit: unit?.into(), at };
                (whole(row, 6) == Some(series_sum(self.mark, id, &found).into())).then_some(found)
            };
            take(id, read().map_or(Checked::Damaged, Checked::Good));
        }
        Ok(())
    }

    /// All spans with their numbers.
    pub(super) fn spans(&self, mut take: impl FnMut(u64, Checked<SpanRow>)) -> Result<(), Fault> {
        let sql = "SELECT id, tier, first, last, until, readings, sum FROM span ORDER BY id";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            let read = || {
                let [tier, first, last] = [1, 2, 3].map(|at| whole(row, at));
                let (until, readings) = (whole(row, 4)?, whole(row, 5)?);
                let found = SpanRow { tier: tier?, first: first?, last: last?, until, readings };
                (whole(row, 6) == Some(span_sum(self.mark, id, &found).into())).then_some(found)
            };
            take(id, read().map_or(Checked::Damaged, Checked::Good));
        }
        Ok(())
    }

    /// The number of the first chunk from this one on.
    pub(super) fn chunk_from(&self, id: u64) -> Result<Option<u64>, Fault> {
        let sql = "SELECT id FROM chunk WHERE id >= ?1 ORDER BY id LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found: Option<i64> = statement.query_row([id.cast_signed()], |row| row.get(0)).optional()?;
        Ok(found.map(i64::cast_unsigned))
    }

    /// The bytes of a chunk.
    pub(super) fn chunk(&self, id: u64) -> Result<Option<Vec<u8>>, Fault> {
        chunk_of(&self.connection, id)
    }

    /// Bytes of the file that are in use.
    pub(super) fn used(&self) -> Result<u64, Fault> {
        let sql = "SELECT (page_count - freelist_count) * page_size \
                   FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let used: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(used.cast_unsigned())
    }
}

fn chunk_of(connection: &Connection, id: u64) -> Result<Option<Vec<u8>>, Fault> {
    let mut statement = connection.prepare_cached("SELECT data FROM chunk WHERE id = ?1")?;
    let mut rows = statement.query([id.cast_signed()])?;
    Ok(rows.next()?.map(|row| blob(row, 0).unwrap_or_default().to_vec()))
}

impl Writing<'_> {
    pub(super) fn put_chunk(&self, id: u64, data: &[u8]) -> Result<(), Fault> {
        self.run("INSERT OR REPLACE INTO chunk VALUES (?1, ?2)", params![id.cast_signed(), data])
    }

    pub(super) fn put_series(&self, id: u64, series: &SeriesRow) -> Result<(), Fault> {
        let SeriesRow { topic, path, kind, unit, at } = series;
        let sum = series_sum(self.mark, id, series);
        let (kind, at) = (kind.cast_signed(), at.cast_signed());
        let row = params![id.cast_signed(), topic, path, kind, unit, at, sum];
        self.run("INSERT OR REPLACE INTO series VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", row)
    }

    pub(super) fn put_span(&self, id: u64, span: &SpanRow) -> Result<(), Fault> {
        let sum = span_sum(self.mark, id, span);
        let SpanRow { tier, first, last, until, readings } = *span;
        let [id, tier, first] = [id, tier, first].map(u64::cast_signed);
        let [last, until, readings] = [last, until, readings].map(u64::cast_signed);
        let row = params![id, tier, first, last, until, readings, sum];
        self.run("INSERT OR REPLACE INTO span VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", row)
    }

    pub(super) fn forget_series(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM series WHERE id = ?1", params![id.cast_signed()])
    }

    pub(super) fn forget_span(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM span WHERE id = ?1", params![id.cast_signed()])
    }

    /// Deletes what one series has in one span.
    pub(super) fn forget_chunk(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM chunk WHERE id = ?1", params![id.cast_signed()])
    }

    /// Deletes chunks of a span; says how many there were.
    pub(super) fn forget_chunks(&self, span: u64, most: usize) -> Result<usize, Fault> {
        let sql = "DELETE FROM chunk WHERE id IN \
                   (SELECT id FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)";
        let [from, to] = [chunk::number(span, 0), chunk::number(span + 1, 0)].map(u64::cast_signed);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(self.transaction.prepare_cached(sql)?.execute(params![from, to, most])?)
    }
}

/// The file, for questions.
#[derive(Debug)]
pub(super) struct Chunks {
    connection: Connection,
}

impl Chunks {
    /// Opens the file at a path, to read.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.execute_batch("PRAGMA mmap_size=0; PRAGMA cache_size=-4096; PRAGMA query_only=ON;")?;
        Ok(Self { connection })
    }

    /// The bytes of a chunk.
    pub(super) fn chunk(&self, id: u64) -> Result<Option<Vec<u8>>, Fault> {
        chunk_of(&self.connection, id)
    }
}

fn series_sum(mark: u64, id: u64, series: &SeriesRow) -> u32 {
    let SeriesRow { topic, path, kind, unit, at } = series;
    let lengths = [mark, id, topic.len() as u64, path.len() as u64, *kind, *at].map(u64::to_le_bytes);
    sum(&[b"series", lengths.as_flattened(), topic.as_bytes(), path.as_bytes(), unit.as_bytes()])
}

fn span_sum(mark: u64, id: u64, span: &SpanRow) -> u32 {
    let SpanRow { tier, first, last, until, readings } = *span;
    sum(&[b"span", [mark, id, tier, first, last, until, readings].map(u64::to_le_bytes).as_flattened()])
}
