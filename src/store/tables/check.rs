//! Is the whole file sound, pages that nobody reads at a start included? A list of free pages that names one in use has the
//! next write destroy it. So each file is looked through once after it was opened, in a thread of its own, beside the work.

use std::fmt;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle, OpenFlags};

use super::super::fault::Fault;

/// How long somebody else may hold the file, as a backup does.
pub(in crate::store) const BUSY: Duration = Duration::from_secs(5);
/// How many complaints are read.
const COMPLAINTS: usize = 3;
/// How often the thread is told to stop until it does. A word that comes between two statements is not heard.
const AGAIN: Duration = Duration::from_millis(1);

/// How far it is.
#[derive(Debug)]
pub(super) enum Check {
    Wanted,
    UnderWay(UnderWay),
    /// Or it is not wanted: the file is new.
    Over,
}

impl Check {
    /// Begins, if it is wanted. Where that fails, the next one to ask begins it.
    pub(super) fn begin(&mut self, file: &Connection) {
        if let Self::Wanted = self
            && let Ok(under_way) = UnderWay::begin(Path::new(file.path().unwrap_or_default()))
        {
            *self = Self::UnderWay(under_way);
        }
    }

    /// What has come of it so far: a damaged file is a fault once.
    pub(super) fn outcome(&mut self, file: &Connection) -> Result<(), Fault> {
        if let Self::Wanted = self {
            self.begin(file);
            return Ok(());
        }
        let Self::UnderWay(under_way) = self else { return Ok(()) };
        if !under_way.is_over() {
            return Ok(());
        }
        let found = under_way.outcome();
        *self = Self::Over;
        match found {
            Err(Fault::Damaged(why) | Fault::Other(why)) => Err(Fault::Damaged(why)),
            Ok(())
            // What else there is says nothing about the file, and the next start looks again.
            | Err(
                Fault::Newer { .. }
                | Fault::Older { .. }
                | Fault::Foreign
                | Fault::Full
                | Fault::Scarce { .. }
                | Fault::ReadOnly(_)
                | Fault::Busy(_),
            ) => Ok(()),
        }
    }
}

#[cfg(test)]
impl Check {
    /// Waits until the thread has come to its end, if it was begun. What it has found is told by [`outcome`](Self::outcome).
    pub(super) fn wait(&self) {
        while let Self::UnderWay(under_way) = self
            && !under_way.is_over()
        {
            thread::sleep(AGAIN);
        }
    }
}

/// The thread. It stops when this is dropped.
pub(super) struct UnderWay {
    thread: Option<JoinHandle<Result<(), Fault>>>,
    interrupt: InterruptHandle,
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("UnderWay").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl UnderWay {
    fn begin(path: &Path) -> Result<Self, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection
            .execute_batch("PRAGMA cache_size=-1024; PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;")?;
        let interrupt = connection.get_interrupt_handle();
        let thread = thread::Builder::new().name("check".to_owned()).spawn(move || look_through(&connection));
        let thread = thread.map_err(|error| Fault::Busy(error.to_string()))?;
        Ok(Self { thread: Some(thread), interrupt })
    }

    fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn outcome(&mut self) -> Result<(), Fault> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(Fault::Busy("the check has panicked".to_owned())))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        while !self.is_over() {
            self.interrupt.interrupt();
            thread::sleep(AGAIN);
        }
        // Its connection is closed once it was waited for.
        let _ = self.outcome();
    }
}

fn look_through(connection: &Connection) -> Result<(), Fault> {
    let mut check = connection.prepare("PRAGMA quick_check(3)")?;
    let mut rows = check.query([])?;
    let mut complaints = Vec::new();
    while let Some(row) = rows.next()? {
        let complaint: String = row.get(0)?;
        complaints.push(complaint);
        if complaints.len() == COMPLAINTS {
            break;
        }
    }
    match &*complaints {
        [only] if only == "ok" => Ok(()),
        _ => Err(Fault::Damaged(complaints.join("; ").replace('\n', " "))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{PAGE, Tables};
    use super::*;

    #[test]
    fn a_page_that_is_said_to_be_free_and_is_in_use_is_known_before_much_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        tables.write(true, |writing| (1..9).try_for_each(|seq| writing.add_row(seq, &[7; 2000]))).unwrap();
        tables.write(true, |writing| writing.shorten_log(7, 64)).unwrap();
        tables.close().unwrap();
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        let mut add = |seq| {
            let done = tables.write(false, |writing| writing.add_row(seq, b"x"));
            tables.wait_for_the_check();
            done
        };
        assert_eq!((add(9), add(10), add(11)), (Ok(()), Ok(()), Ok(())));
        tables.close().unwrap();
        // The head of the file says where the list of free pages begins; that has a link, a count, and pages.
        let mut bytes = fs::read(&path).unwrap();
        let first = u32::from_be_bytes(bytes[32..36].try_into().unwrap());
        let list = (u64::from(first) - 1) * PAGE;
        let list = usize::try_from(list).unwrap();
        assert!(first > 0 && bytes[list + 7] > 0);
        bytes[list + 8..list + 12].copy_from_slice(&3_u32.to_be_bytes());
        fs::write(&path, bytes).unwrap();
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        let mut add = |seq| {
            let done = tables.write(false, |writing| writing.add_row(seq, b"x"));
            tables.wait_for_the_check();
            done
        };
        // It begins with the first write, and may be over then.
        assert!(matches!(add(12).and_then(|()| add(13)), Err(Fault::Damaged(_))));
    }

    #[test]
    fn a_check_that_is_not_waited_for_ends_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        tables.write(true, |writing| (1..500).try_for_each(|seq| writing.add_row(seq, &[7; 9000]))).unwrap();
        tables.close().unwrap();
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        tables.write(false, |writing| writing.add_row(500, b"x")).unwrap();
        tables.close().unwrap();
        assert!(!dir.path().join("hub.db-wal").exists(), "nobody holds the journal");
    }
}
