//! What is to be written to a socket, in one buffer: appending a whole frame never waits, and one write takes
//! all of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::spare;

/// A slow reader's buffer may have this much more capacity than it needs. From the size of the spare buffer on it may have
/// twice what it needs, as each cut copies what is left.
const SLACK: usize = 4096;

/// A stream with a buffer in front of its writing half.
#[derive(Debug)]
pub(crate) struct Outgoing<S> {
    stream: S,
    waiting: Vec<u8>,
    written: usize,
    /// Bytes that the stream has taken since it was made.
    progress: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Outgoing<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, waiting: Vec::new(), written: 0, progress: 0 }
    }

    /// The end of the line: what is appended here goes out after everything before it.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        if self.waiting.capacity() == 0 {
            self.waiting = spare::FOR_WRITING.borrow();
        }
        &mut self.waiting
    }

    /// The stream itself, for reading.
    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The same, to be looked at.
    pub(crate) fn under(&self) -> &S {
        &self.stream
    }

    /// Gives the buffer back for the next connection that writes.
    fn give_back(&mut self) {
        self.written = 0;
        spare::FOR_WRITING.give_back(std::mem::take(&mut self.waiting));
    }

    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() - self.written
    }

    /// Bytes that the stream has taken since it was made: what shows that the other side still reads.
    pub(crate) fn progress(&self) -> u64 {
        self.progress
    }

    /// A slow reader keeps what it has not taken, and not the buffer it came in.
    fn keep_only_the_rest(&mut self) {
        let rest = self.waiting.get(self.written..).unwrap_or_default();
        let slack = if rest.len() > spare::FOR_WRITING.longest { rest.len() } else { SLACK };
        if self.waiting.capacity() > rest.len() + slack {
            let rest = rest.to_vec();
            self.give_back();
            self.waiting = rest;
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.written..)
            && !rest.is_empty()
        {
            let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, rest) else {
                self.keep_only_the_rest();
                return Poll::Pending;
            };
            match written? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => {
                    self.written += n;
                    self.progress += n as u64;
                }
            }
        }
        if self.waiting.capacity() > 0 {
            self.give_back();
        }
        Poll::Ready(Ok(()))
    }

    /// Writes all that waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Writes all that waits, and says that nothing more will come.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, duplex};

    #[tokio::test]
    async fn what_is_appended_while_a_write_is_half_done_comes_after_it() {
        let (here, mut there) = duplex(7);
        let mut outgoing = Outgoing::new(here);
        outgoing.tail().extend_from_slice(b"first frame ");
        let half = futures_util::poll!(std::pin::pin!(poll_fn(|cx| outgoing.poll_flush(cx))));
        assert!(half.is_pending());
        outgoing.tail().extend_from_slice(b"second third");
        let read = async {
            let mut all = vec![0; 24];
            there.read_exact(&mut all).await.unwrap();
            String::from_utf8(all).unwrap()
        };
        let (read, flushed) = tokio::join!(read, poll_fn(|cx| outgoing.poll_flush(cx)));
        flushed.unwrap();
        assert_eq!((read.as_str(), outgoing.len(), outgoing.progress()), ("first frame second third", 0, 24));
    }
}
