//! The way of a line out of the hub: into a bounded buffer, and from there by a thread of its own. Floor 0.
//!
//! A paused terminal, a pipe that nobody reads and a container's log driver all block the writer. The hub
//! has one thread for all sockets, so it never writes itself. What finds no room is left out, counted, and told in the
//! first line that fits again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Bytes that may wait to be written.
pub const ROOM: usize = 1 << 20;

/// The longest line; what is longer is cut.
pub const LONGEST_LINE: usize = 16 * 1024;

/// How long the end of the program waits for what is not written yet.
pub const LAST_LINES: Duration = Duration::from_secs(1);

/// Lines that were left out since the start because nobody read them.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Lines that were left out since the start because nobody read them, of all writers.
pub fn left_out() -> u64 {
    LEFT_OUT.load(Ordering::Relaxed)
}

/// A writer that never waits. Clones write to the same place. Each call of `write` is one piece, a line as a rule: it is
/// taken whole, cut at [`LONGEST_LINE`], or left out.
#[derive(Debug, Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Pieces that were left out since the last one that was taken.
    left_out: u64,
    /// Whether the thread is busy with a piece that it has taken out.
    is_writing: bool,
}

impl Log {
    /// Starts the thread that writes to `target`. It lives as long as the program: a write that nobody reads cannot be
    /// broken off.
    pub fn to(target: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let log = Self { shared: Arc::clone(&shared) };
        thread::Builder::new().name("log".into()).spawn(move || write_for_ever(&shared, target))?;
        Ok(log)
    }

    /// Waits until all is written, but no longer than `longest`. Says whether it was.
    pub fn flush_for(&self, longest: Duration) -> bool {
        let mut state = self.shared.state.lock();
        let busy = |state: &mut State| state.is_writing || !state.waiting.is_empty();
        !self.shared.changed.wait_while_for(&mut state, busy, longest).timed_out()
    }
}

impl Write for Log {
    /// Never waits and never fails.
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.shared.state.lock().take(piece);
        self.shared.changed.notify_all();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    fn take(&mut self, piece: &[u8]) {
        let cut = piece.len() > LONGEST_LINE;
        let taken = if cut { piece.get(..LONGEST_LINE).unwrap_or_default() } else { piece };
        if self.waiting.len() + taken.len() > ROOM {
            self.left_out += 1;
            LEFT_OUT.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if self.left_out > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            // A few bytes over the bound, once, so that a gap is never without its sentence.
            self.waiting.extend_from_slice(gap(left_out).as_bytes());
        }
        self.waiting.extend_from_slice(taken);
        if cut {
            self.waiting.extend_from_slice("…\n".as_bytes());
        }
    }
}

fn gap(left_out: u64) -> String {
    format!(
        "clown-hub: {left_out} lines of the log are missing here: nobody read the log, and it has room for {ROOM} bytes\n"
    )
}

fn write_for_ever(shared: &Shared, mut target: impl Write) {
    let mut piece = Vec::new();
    loop {
        {
            let mut state = shared.state.lock();
            state.is_writing = false;
            shared.changed.notify_all();
            shared.changed.wait_while(&mut state, |state| state.waiting.is_empty());
            state.is_writing = true;
            std::mem::swap(&mut piece, &mut state.waiting);
        }
        // A log that cannot be written has nowhere to say so.
        let _ = target.write_all(&piece).and_then(|()| target.flush());
        piece.clear();
        piece.shrink_to(LONGEST_LINE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// A place to write to that takes a piece only when it is allowed to.
    struct Pipe {
        may: Receiver<()>,
        took: SyncSender<Vec<u8>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.may.recv().is_ok() {
                let _ = self.took.send(bytes.to_vec());
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (Log, SyncSender<()>, Receiver<Vec<u8>>) {
        let ((allow, may), (took, taken)) = (sync_channel(1), sync_channel(8));
        (Log::to(Pipe { may, took }).unwrap(), allow, taken)
    }

    #[test]
    fn who_writes_never_waits_and_what_was_left_out_is_told_in_the_next_line_that_fits() {
        let (mut log, allow, taken) = pipe();
        let line = [b'x'; 1023].iter().chain(b"\n").copied().collect::<Vec<u8>>();
        let lines = 3 * ROOM / 1024;
        for _ in 0..lines {
            log.write_all(&line).unwrap();
        }
        assert!(log.shared.state.lock().waiting.len() <= ROOM);
        assert!(!log.flush_for(Duration::from_millis(1)), "nobody reads");
        drop(allow);
        assert!(log.flush_for(Duration::from_mins(1)));
        drop(taken);
        log.write_all(b"the next one\n").unwrap();
        assert_eq!(log.shared.state.lock().left_out, 0);
        assert!(left_out() >= (lines - 2 * ROOM / 1024 - 1) as u64);
    }

    #[test]
    fn the_gap_stands_where_the_lines_are_missing() {
        let mut state = State::default();
        for _ in 0..ROOM / 1024 + 7 {
            state.take(&[b'x'; 1024]);
        }
        state.waiting.clear();
        state.take(b"next\n");
        let text = String::from_utf8(state.waiting).unwrap();
        assert!(
            text.starts_with("clown-hub: 7 lines of the log are missing here") && text.ends_with("\nnext\n"),
            "{text}"
        );
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut state = State::default();
        state.take(&vec![b'x'; 2 * LONGEST_LINE]);
        assert_eq!(state.waiting.len(), LONGEST_LINE + "…\n".len());
    }
}
