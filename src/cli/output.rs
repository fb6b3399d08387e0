//! Standard output of a client: whole lines, in bulk where many wait, and no complaint when nobody reads any more.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use tokio::io::{Interest, Ready};
use tokio::net::unix::pipe::Sender;

use super::escape;

/// Bytes that wait at the most before they are written.
const BUFFER: usize = 64 * 1024;

/// The reader of the output has ended, as `head` does when it has enough.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
pub(super) struct ReaderGone;

/// What is to be printed.
#[derive(Default)]
pub(super) struct Output {
    buffer: Vec<u8>,
}

impl Output {
    /// Where whole lines are put.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes if much is waiting.
    pub(super) fn relieve(&mut self) -> anyhow::Result<()> {
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Writes all that is waiting.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(&self.buffer).and_then(|()| stdout.flush());
        self.buffer.clear();
        written.map_err(not_written)
    }
}

/// Prints a text that has its line feeds. What others said in it is escaped already; this is the second net.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(escape::lines(text).as_bytes()).and_then(|()| stdout.flush()).map_err(not_written)
}

fn not_written(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return ReaderGone.into();
    }
    anyhow::Error::new(error).context("standard output could not be written")
}

/// Returns when nobody reads the output any more, also while there is nothing to print. Never returns if the output is not
/// a pipe.
pub(super) async fn reader_gone() {
    // A duplicate that is only asked for its readiness: it does not change how the output is written.
    if !io::stdout().is_terminal()
        && let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned()
        && let Ok(stdout) = Sender::from_owned_fd_unchecked(stdout)
        && stdout.ready(Interest::ERROR).await.is_ok_and(Ready::is_error)
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Whether standard output is a terminal, which obeys what is printed.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether to use colours: on a terminal, unless `NO_COLOR` says otherwise.
pub(super) fn in_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints a sentence for the person at the terminal on standard error. It may contain texts of others, so it stays on one
/// line.
#[expect(clippy::print_stderr, reason = "clients have no log; this is what they have to say")]
pub(super) fn notice(text: &str) {
    eprintln!("clown-hub: {}", escape::escaped(text));
}
