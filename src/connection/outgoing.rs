//! What is to be written to a socket, in one buffer: whoever appends a whole frame never waits, and one write takes
//! all of it.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much a library above may put in before it has to wait. The hub's own frames are bounded where they are taken
/// from the outbox.
const ROOM: usize = 256 * 1024;

/// The largest buffer that is kept for the next write.
const KEPT: usize = 128 * 1024;

/// So much more than it needs may a buffer have that a slow reader holds; above `KEPT`, twice what it needs, as each
/// cut copies what is left.
const SLACK: usize = 4096;

thread_local! {
    /// The buffer of whoever writes next on this thread. Most writes are taken whole, so one buffer serves all
    /// connections: it stays in the near caches, and idle connections hold none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

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
            self.waiting = SPARE.take();
        }
        &mut self.waiting
    }

    /// Gives the buffer to whoever writes next.
    fn hand_on(&mut self) {
        self.written = 0;
        let mut buffer = std::mem::take(&mut self.waiting);
        if buffer.capacity() <= KEPT {
            buffer.clear();
            SPARE.set(buffer);
        }
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
        let slack = if rest.len() > KEPT { rest.len() } else { SLACK };
        if self.waiting.capacity() > rest.len() + slack {
            let rest = rest.to_vec();
            self.hand_on();
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
            self.hand_on();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Outgoing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Outgoing<S> {
    /// Takes all or nothing, so that what others append never lands inside a frame.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.len() > ROOM {
            ready!(self.poll_drain(cx))?;
        }
        self.tail().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn what_is_appended_while_a_write_is_half_done_comes_after_it() {
        let (here, mut there) = duplex(7);
        let mut outgoing = Outgoing::new(here);
        outgoing.write_all(b"first frame ").await.unwrap();
        let half = futures_util::poll!(std::pin::pin!(outgoing.flush()));
        assert!(half.is_pending());
        outgoing.tail().extend_from_slice(b"second ");
        outgoing.write_all(b"third").await.unwrap();
        let read = async {
            let mut all = vec![0; 24];
            there.read_exact(&mut all).await.unwrap();
            String::from_utf8(all).unwrap()
        };
        let (read, flushed) = tokio::join!(read, outgoing.flush());
        flushed.unwrap();
        assert_eq!(read, "first frame second third");
        assert_eq!(outgoing.len(), 0);
    }
}
