//! The tables of history in SQL: one method a statement.

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::super::log::sum;
use super::super::rows::{blob, text, whole};
use super::super::tables::{BUSY, Checked, Fault, Tables, Writing};
use super::chunk;
use super::clock::ClockRow;
use super::gap::{Gap, Why};
use super::spans::{Gone, Span};
use std::path::Path;

/// What is told apart: the numbers or the states at one path in the payloads of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeriesRow {
    pub(super) topic: Box<str>,
    pub(super) path: Box<str>,
    pub(super) kind: u64,
    pub(super) unit: Box<str>,
    /// The newest piece in which it has readings.
    pub(super) newest: u64,
}

impl Tables {
    /// All series with their numbers.
    pub(super) fn series(&self, mut take: impl FnMut(u64, Checked<SeriesRow>)) -> Result<(), Fault> {
        let sql = "SELECT id, topic, path, kind, unit, newest, sum FROM series ORDER BY id";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            let read = || {
                let (kind, newest) = (whole(row, 3)?, whole(row, 5)?);
                let [topic, path, unit] = [1, 2, 4].map(|at| text(row, at));
                let found =
                    SeriesRow { topic: topic?.into(), path: path?.into(), kind, unit: unit?.into(), newest };
                (whole(row, 6) == Some(series_sum(self.mark, id, &found).into())).then_some(found)
            };
            take(id, read().map_or(Checked::Damaged, Checked::Good));
        }
        Ok(())
    }

    /// All spans with their numbers.
    pub(super) fn spans(&self, mut take: impl FnMut(u64, Checked<Span>)) -> Result<(), Fault> {
        let sql = "SELECT id, tier, first, last, sealed, oldest, newest, until, readings, sum FROM span ORDER BY id";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            let read = || {
                let [tier, first, last, sealed] = [1, 2, 3, 4].map(|at| whole(row, at));
                let [from, to, until, readings] = [5, 6, 7, 8].map(|at| whole(row, at));
                let (tier, first, last, sealed) = (tier?, first?, last?, sealed?);
                let (from, to, until, readings) = (from?, to?, until?, readings?);
                let found = Span { tier, first, last, sealed, from, to, until, readings };
                (whole(row, 9) == Some(span_sum(self.mark, id, &found).into())).then_some(found)
            };
            take(id, read().map_or(Checked::Damaged, Checked::Good));
        }
        Ok(())
    }

    /// All gaps with their numbers.
    pub(super) fn gaps(&self, mut take: impl FnMut(u64, Checked<Gap>)) -> Result<(), Fault> {
        let mut statement =
            self.connection.prepare("SELECT id, first, last, why, lost, sum FROM gap ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            let read = || {
                let [first, last, why, count] = [1, 2, 3, 4].map(|at| whole(row, at));
                let found = Gap { first: first?, last: last?, why: Why::of(why?)?, lost: count? };
                (whole(row, 5) == Some(gap_sum(self.mark, id, &found).into())).then_some(found)
            };
            take(id, read().map_or(Checked::Damaged, Checked::Good));
        }
        Ok(())
    }

    /// The clock that age is counted by, if the file says what it showed.
    pub(super) fn clock(&self) -> Result<Option<ClockRow>, Fault> {
        let read = |row: &rusqlite::Row<'_>| Ok([0, 1, 2].map(|at| whole(row, at)));
        let sql = "SELECT believed, doubted, sum FROM clock";
        let found = self.connection.query_row(sql, [], read).optional()?;
        let Some([Some(believed), Some(doubted), Some(sum)]) = found else { return Ok(None) };
        let row = ClockRow { believed, doubted };
        Ok((sum == u64::from(clock_sum(self.mark, row))).then_some(row))
    }

    /// Up to which span nothing of a series is left, by the numbers of the series.
    pub(super) fn thinned(&self, mut take: impl FnMut(u64, Checked<Gone>)) -> Result<(), Fault> {
        let sql = "SELECT series, raw, minutes, quarters, sum FROM thinned ORDER BY series";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            let read = || {
                let [raw, minutes, quarters] = [1, 2, 3].map(|at| whole(row, at));
                let found = [raw?, minutes?, quarters?];
                (whole(row, 4) == Some(thinned_sum(self.mark, id, &found).into())).then_some(found)
            };
            take(id, read().map_or(Checked::Damaged, Checked::Good));
        }
        Ok(())
    }

    /// The topic of a series as it stands there, whatever its sum says.
    pub(super) fn topic_of_series(&self, id: u64) -> Result<Option<String>, Fault> {
        let mut statement = self.connection.prepare("SELECT topic FROM series WHERE id = ?1")?;
        let mut rows = statement.query([id.cast_signed()])?;
        Ok(rows.next()?.and_then(|row| text(row, 0).map(str::to_owned)))
    }

    /// How many bytes a chunk has, if it is there.
    pub(super) fn size_of_chunk(&self, id: u64) -> Result<Option<usize>, Fault> {
        let mut statement =
            self.connection.prepare_cached("SELECT ifnull(length(data), 0) FROM chunk WHERE id = ?1")?;
        let size: Option<i64> = statement.query_row([id.cast_signed()], |row| row.get(0)).optional()?;
        Ok(size.map(|size| usize::try_from(size).unwrap_or(0)))
    }

    /// The numbers of the chunks of a span, and how many bytes each has, until `take` has enough. Says whether that were all.
    pub(super) fn sizes_of_chunks(
        &self,
        span: u64,
        mut take: impl FnMut(u64, usize) -> bool,
    ) -> Result<bool, Fault> {
        let sql = "SELECT id, ifnull(length(data), 0) FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([span, span + 1].map(|span| chunk::number(span, 0).cast_signed()))?;
        while let Some(row) = rows.next()? {
            let (id, size): (i64, i64) = (row.get(0)?, row.get(1)?);
            if !take(id.cast_unsigned(), usize::try_from(size).unwrap_or(0)) {
                return Ok(false);
            }
        }
        Ok(true)
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
        let SeriesRow { topic, path, kind, unit, newest } = series;
        let sum = series_sum(self.mark, id, series);
        let (kind, newest) = (kind.cast_signed(), newest.cast_signed());
        let row = params![id.cast_signed(), topic, path, kind, unit, newest, sum];
        self.run("INSERT OR REPLACE INTO series VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", row)
    }

    pub(super) fn put_span(&self, id: u64, span: &Span) -> Result<(), Fault> {
        let sum = span_sum(self.mark, id, span);
        let Span { tier, first, last, sealed, from, to, until, readings } = *span;
        let [id, tier, first, last, sealed] = [id, tier, first, last, sealed].map(u64::cast_signed);
        let [from, to, until, readings] = [from, to, until, readings].map(u64::cast_signed);
        let row = params![id, tier, first, last, sealed, from, to, until, readings, sum];
        self.run("INSERT OR REPLACE INTO span VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", row)
    }

    /// Puts a gap down, or takes it out.
    pub(crate) fn put_gap(&self, id: u64, gap: Option<&Gap>) -> Result<(), Fault> {
        let Some(gap) = gap else {
            return self.run("DELETE FROM gap WHERE id = ?1", params![id.cast_signed()]);
        };
        let sum = gap_sum(self.mark, id, gap);
        let all = [gap.first, gap.last, gap.why.code(), gap.lost];
        let [first, last, why, count] = all.map(u64::cast_signed);
        let row = params![id.cast_signed(), first, last, why, count, sum];
        self.run("INSERT OR REPLACE INTO gap VALUES (?1, ?2, ?3, ?4, ?5, ?6)", row)
    }

    pub(super) fn put_clock(&self, clock: ClockRow) -> Result<(), Fault> {
        let sum = clock_sum(self.mark, clock);
        let row = params![clock.believed.cast_signed(), clock.doubted.cast_signed(), sum];
        self.run("INSERT OR REPLACE INTO clock VALUES (1, ?1, ?2, ?3)", row)
    }

    pub(super) fn put_thinned(&self, id: u64, gone: &Gone) -> Result<(), Fault> {
        let [raw, minutes, quarters] = gone.map(u64::cast_signed);
        let row = params![id.cast_signed(), raw, minutes, quarters, thinned_sum(self.mark, id, gone)];
        self.run("INSERT OR REPLACE INTO thinned VALUES (?1, ?2, ?3, ?4, ?5)", row)
    }

    pub(super) fn forget_series(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM thinned WHERE series = ?1", params![id.cast_signed()])?;
        self.run("DELETE FROM series WHERE id = ?1", params![id.cast_signed()])
    }

    pub(super) fn forget_span(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM span WHERE id = ?1", params![id.cast_signed()])
    }

    /// Deletes what one series has in one span.
    pub(super) fn forget_chunk(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM chunk WHERE id = ?1", params![id.cast_signed()])
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
    let SeriesRow { topic, path, kind, unit, newest } = series;
    let lengths = [mark, id, topic.len() as u64, path.len() as u64, *kind, *newest].map(u64::to_le_bytes);
    sum(&[b"series", lengths.as_flattened(), topic.as_bytes(), path.as_bytes(), unit.as_bytes()])
}

fn thinned_sum(mark: u64, id: u64, gone: &Gone) -> u32 {
    let [raw, minutes, quarters] = *gone;
    sum(&[b"thinned", [mark, id, raw, minutes, quarters].map(u64::to_le_bytes).as_flattened()])
}

fn span_sum(mark: u64, id: u64, span: &Span) -> u32 {
    let Span { tier, first, last, sealed, from, to, until, readings } = *span;
    let all = [mark, id, tier, first, last, sealed, from, to, until, readings];
    sum(&[b"span", all.map(u64::to_le_bytes).as_flattened()])
}

fn gap_sum(mark: u64, id: u64, gap: &Gap) -> u32 {
    let all = [mark, id, gap.first, gap.last, gap.why.code(), gap.lost];
    sum(&[b"gap", all.map(u64::to_le_bytes).as_flattened()])
}

fn clock_sum(mark: u64, clock: ClockRow) -> u32 {
    sum(&[b"clock", [mark, clock.believed, clock.doubted].map(u64::to_le_bytes).as_flattened()])
}
