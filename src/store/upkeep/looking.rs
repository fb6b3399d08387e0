//! Is everything in the file what was written, and what is in it?

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use foldhash::fast::RandomState;

use super::ground::{Trouble, existing, trouble};
use crate::store::folder;
use crate::store::head::Unsettled;
use crate::store::history::looking as history;
use crate::store::log::{self, Bases, moment};
use crate::store::rows::Lease;
use crate::store::tables::{Checked, Fault, Order, Tables};

/// How many complaints of SQLite are read.
const COMPLAINTS: usize = 10;

/// How the rows of a table are looked at.
type LookAt = fn(&Tables, &mut Look) -> Result<Rows, Fault>;

/// Every table, and how its rows are looked at. Who adds a table to the schema adds a line here.
const TABLES: &[(&str, LookAt)] = &[
    ("mark", |_, _| Ok(Rows { all: 1, damaged: 0 })),
    ("life", life),
    ("topic", |tables, look| names(&mut look.topics, |take| tables.topics(Order::Up, take))),
    ("user", |tables, look| names(&mut look.users, |take| tables.users(Order::Up, take))),
    ("last", last),
    ("log", rows_of_the_log),
    ("lease", leases),
    ("queued", queued),
    ("lasting", lasting),
    ("lasting_message", lasting_messages),
    ("web_session", sign_ins),
    ("revocation", revocations),
    ("series", |tables, look| {
        let rows = Rows::of(history::series(tables)?);
        look.series = rows.all;
        Ok(rows)
    }),
    ("thinned", |tables, _| history::thinned(tables).map(Rows::of)),
    ("span", |tables, _| history::spans(tables).map(Rows::of)),
    ("gap", |tables, _| history::gaps(tables).map(Rows::of)),
    ("clock", |tables, _| history::clock(tables).map(Rows::of)),
    ("chunk", |tables, _| history::chunks(tables).map(Rows::of)),
    ("event", events),
    // What these say was compared when the others were read.
    ("tally", |tables, _| tables.count("tally").map(Rows::whole)),
    ("log_bounds", |tables, _| tables.count("log_bounds").map(Rows::whole)),
];

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which file.
    pub file: PathBuf,
    /// The version of the hub that has written it.
    pub version: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Those of its journal, which belongs to it.
    pub journal_bytes: u64,
    /// Bytes of the file that nothing is in.
    pub unused_bytes: u64,
    /// Last values.
    pub values: u64,
    /// Commands that hold for a time only.
    pub leases: u64,
    /// Messages that wait for brokers.
    pub queued: u64,
    /// Sessions of MQTT clients.
    pub lasting: u64,
    /// Messages that wait for them.
    pub lasting_messages: u64,
    /// Sign-ins of pages.
    pub sign_ins: u64,
    /// Series of history.
    pub series: u64,
    /// Events, such as who switched what.
    pub events: u64,
    /// When the oldest of the last values was said.
    pub oldest: Option<SystemTime>,
    /// When the hub wrote last; to some seconds.
    pub written: Option<SystemTime>,
    /// Whether the hub was stopped as it should be.
    pub is_closed: bool,
    /// What is in its tables.
    pub tables: Vec<TableReport>,
    /// What is wrong with its pages.
    pub complaints: Vec<String>,
}

/// What is in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    /// Which.
    pub name: String,
    /// How many rows could be read.
    pub rows: u64,
    /// How many of them are not what was written.
    pub damaged: u64,
}

impl Report {
    /// Whether everything in it is what was written.
    pub fn is_whole(&self) -> bool {
        self.complaints.is_empty() && self.damaged() == 0
    }

    /// How many rows are not what was written.
    pub fn damaged(&self) -> u64 {
        self.tables.iter().map(|table| table.damaged).sum()
    }

    /// What is wrong, in one sentence.
    pub fn complaint(&self) -> String {
        let rows = match self.damaged() {
            0 => None,
            damaged => Some(format!("rows that are not what was written: {damaged}")),
        };
        rows.into_iter().chain(self.complaints.iter().cloned()).collect::<Vec<_>>().join("; ")
    }
}

/// Rows of one table.
#[derive(Debug, Clone, Copy, Default)]
struct Rows {
    all: u64,
    damaged: u64,
}

impl Rows {
    fn of((all, damaged): history::Counted) -> Self {
        Self { all, damaged }
    }

    fn whole(all: u64) -> Self {
        Self { all, damaged: 0 }
    }

    fn count<T>(&mut self, row: &Checked<T>) {
        self.all += 1;
        self.damaged += u64::from(matches!(row, Checked::Damaged));
    }
}

/// What one table has to say to the next ones.
#[derive(Debug, Default)]
struct Look {
    topics: HashSet<u64, RandomState>,
    users: HashSet<u64, RandomState>,
    /// By their topics: the row of the log that said it, and when that was; no time if there is no value any more.
    values: HashMap<u64, (u64, Option<u64>), RandomState>,
    /// The newest time in the log, and that of the last sign of life.
    newest: u64,
    is_closed: bool,
    leases: u64,
    queued: u64,
    lasting: u64,
    lasting_messages: u64,
    sign_ins: u64,
    series: u64,
    events: u64,
}

impl Look {
    /// A last value that names what is not there cannot come back.
    fn is_known(&self, topic: u64, user: u64) -> bool {
        self.topics.contains(&topic) && self.users.contains(&user)
    }
}

/// Looks through the store in a folder, whether a hub uses it or not. Changes nothing.
pub fn check(directory: &Path) -> Result<Report, Trouble> {
    let file = existing(directory)?;
    look_through(&file).map_err(|fault| trouble(&file, &fault))
}

/// Looks through a file. What is damaged is in the report; an error is that it could not be looked at.
pub(super) fn look_through(file: &Path) -> Result<Report, Fault> {
    let (bytes, journal_bytes) = folder::bytes(file);
    let mut report = Report {
        file: file.to_owned(),
        version: 0,
        bytes,
        journal_bytes,
        unused_bytes: 0,
        values: 0,
        leases: 0,
        queued: 0,
        lasting: 0,
        lasting_messages: 0,
        sign_ins: 0,
        series: 0,
        events: 0,
        oldest: None,
        written: None,
        is_closed: false,
        tables: Vec::new(),
        complaints: Vec::new(),
    };
    let opened = folder::look(file).and_then(|()| Tables::open_to_read(file));
    let filled = opened.and_then(|tables| fill(&mut report, &tables));
    match filled {
        Ok(()) => {}
        Err(Fault::Damaged(why)) => report.complaints.push(why),
        Err(fault) => return Err(fault),
    }
    Ok(report)
}

fn fill(report: &mut Report, tables: &Tables) -> Result<(), Fault> {
    tables.hold_still()?;
    report.version = tables.version()?;
    report.unused_bytes = tables.pages()?.unused;
    report.complaints = tables.complaints(COMPLAINTS)?;
    let (there, mut look) = (tables.names_of_tables()?, Look::default());
    // A file of an older version lacks some.
    for (name, read) in TABLES.iter().filter(|(name, _)| there.iter().any(|there| there == name)) {
        let rows = match read(tables, &mut look) {
            Ok(rows) => rows,
            Err(Fault::Damaged(why)) => {
                report.complaints.push(format!("table {name}: {why}"));
                Rows::default()
            }
            Err(fault) => return Err(fault),
        };
        report.tables.push(TableReport { name: (*name).to_owned(), rows: rows.all, damaged: rows.damaged });
    }
    let times = || look.values.values().filter_map(|(_, time)| *time);
    report.values = times().count() as u64;
    report.oldest = times().min().map(moment);
    report.written = (look.newest > 0).then(|| moment(look.newest));
    (report.leases, report.sign_ins, report.queued) = (look.leases, look.sign_ins, look.queued);
    (report.lasting, report.lasting_messages) = (look.lasting, look.lasting_messages);
    (report.series, report.events) = (look.series, look.events);
    report.is_closed = look.is_closed;
    Ok(())
}

fn life(tables: &Tables, look: &mut Look) -> Result<Rows, Fault> {
    let all = tables.count("life")?;
    let life = tables.life()?;
    (look.newest, look.is_closed) = life.map_or((0, false), |life| (life.at, life.clean));
    Ok(Rows { all, damaged: if life.is_some() { 0 } else { all } })
}

fn names(
    found: &mut HashSet<u64, RandomState>,
    read: impl FnOnce(&mut dyn FnMut(u64, Checked<&str>) -> bool) -> Result<(), Fault>,
) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    read(&mut |id, name| {
        rows.count(&name);
        if let Checked::Good(_) = name {
            found.insert(id);
        }
        true
    })?;
    Ok(rows)
}

fn last(tables: &Tables, look: &mut Look) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    tables.last(Order::Up, |topic, row| {
        rows.count(&row);
        if let Checked::Good(Unsettled { seq, value: Some(kept) }) = row {
            rows.damaged += u64::from(!look.is_known(topic, kept.user));
            look.values.insert(topic, (seq, Some(kept.time)));
        }
        true
    })?;
    Ok(rows)
}

/// As a start reads it: rows of a span whose first row is gone say only what is settled.
fn rows_of_the_log(tables: &Tables, look: &mut Look) -> Result<Rows, Fault> {
    let (mut rows, mut bases) = (Rows::default(), Bases::starting_at(tables.mark(), 0));
    let (mut first, mut is_newer) = (None, false);
    tables.log(Order::Up, |seq, bytes| {
        rows.all += 1;
        match log::read(seq, bytes, &mut bases) {
            Ok(row) => {
                look.newest = look.newest.max(row.time);
                if row.span >= *first.get_or_insert(seq) {
                    rows.damaged += u64::from(row.lost > 0);
                }
                for record in row.records {
                    let settled = look.values.get(&record.topic).map_or(0, |(seq, _)| *seq);
                    if settled <= seq {
                        let time = record.value.as_ref().map(|value| value.time);
                        look.values.insert(record.topic, (seq, time));
                    }
                }
            }
            Err(log::Fault::Damaged) => {
                first.get_or_insert(seq);
                rows.damaged += 1;
            }
            Err(log::Fault::Newer) => is_newer = true,
        }
        true
    })?;
    if is_newer { Err(crate::store::tables::newer()) } else { Ok(rows) }
}

fn leases(tables: &Tables, look: &mut Look) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    tables.leases(Order::Up, |_, lease: Checked<Lease<'_>>| {
        rows.count(&lease);
        true
    })?;
    look.leases = rows.all - rows.damaged;
    Ok(rows)
}

fn queued(tables: &Tables, look: &mut Look) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    tables.queued(Order::Up, |_, row| {
        rows.count(&row);
        true
    })?;
    look.queued = rows.all - rows.damaged;
    Ok(rows)
}

fn lasting(tables: &Tables, look: &mut Look) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    tables.lasting(Order::Up, |_, row| {
        rows.count(&row);
        true
    })?;
    look.lasting = rows.all - rows.damaged;
    Ok(rows)
}

fn lasting_messages(tables: &Tables, look: &mut Look) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    tables.lasting_messages(Order::Up, |_, row| {
        rows.count(&row);
        true
    })?;
    look.lasting_messages = rows.all - rows.damaged;
    Ok(rows)
}

fn sign_ins(tables: &Tables, look: &mut Look) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    tables.web_sessions(Order::Up, |_, kept| {
        rows.count(&kept);
        true
    })?;
    look.sign_ins = rows.all - rows.damaged;
    Ok(rows)
}

fn revocations(tables: &Tables, _: &mut Look) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    tables.revocations()?.iter().for_each(|(_, revocation)| rows.count(revocation));
    Ok(rows)
}

fn events(tables: &Tables, look: &mut Look) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    tables.events(u64::MAX, 0, |_, event| {
        rows.count(&event);
        true
    })?;
    look.events = rows.all - rows.damaged;
    tables.compare_events()?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_file_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let mut looked_at: Vec<_> = TABLES.iter().map(|(name, _)| (*name).to_owned()).collect();
        looked_at.sort();
        assert_eq!(tables.names_of_tables().unwrap(), looked_at);
    }
}
