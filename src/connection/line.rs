//! A byte stream as a [`Wire`]: one frame a line, ended by a line feed (`docs/protocol.md`, clauses 1.4 and 2.6).

use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::ending::Ending;
use super::outgoing::Outgoing;
use super::wire::{Incoming, Wire};
use crate::talk::Reply;

/// What is kept of a stream before its sender has signed in. Enough for the longest name, password and base with every
/// character written as an escape.
pub(crate) const BEFORE_SIGN_IN: usize = 16 * 1024;

/// How much is read at once.
const READ: usize = 4096;

/// How long the other side may take to read our last line.
const GOOD_BYE: Duration = Duration::from_secs(1);

pub(crate) struct Lines<S> {
    stream: Outgoing<S>,
    limit: usize,
    /// What came in and was not taken; lines start at `start`.
    buffer: Vec<u8>,
    start: usize,
    /// Up to here, counted from `start`, there is no line feed.
    searched: usize,
    /// Where the line lies that came last.
    current: Range<usize>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Lines<S> {
    /// Takes over a stream. No line may be longer than `limit`, and none that comes before the sign-in than what is kept
    /// then.
    pub(crate) fn new(stream: S, limit: usize) -> Self {
        Self {
            stream: Outgoing::new(stream),
            limit: limit.min(BEFORE_SIGN_IN),
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            current: 0..0,
        }
    }

    /// From now on no line may be longer than this.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// What has come of a line that is not whole, or is too long; up to a character that is cut.
    pub(crate) fn begun(&self) -> &str {
        let unread = self.buffer.get(self.start..).unwrap_or_default();
        let valid = std::str::from_utf8(unread).map_or_else(|error| error.valid_up_to(), str::len);
        unread.get(..valid).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// Finds the next line that was read whole.
    fn next_line(&mut self) -> Result<bool, Ending> {
        let unread = self.buffer.get(self.start..).unwrap_or_default();
        let found = unread.get(self.searched..).and_then(|rest| memchr(b'\n', rest));
        let len = found.map_or(unread.len(), |at| self.searched + at);
        if len > self.limit {
            return Err(Ending::TooBig { limit: self.limit });
        }
        if found.is_none() {
            self.searched = len;
            return Ok(false);
        }
        self.current = self.start..self.start + len;
        self.start += len + 1;
        self.searched = 0;
        Ok(true)
    }

    /// Reads once. Says how many bytes came.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Ending>> {
        if self.start == self.buffer.len() {
            (self.buffer, self.start) = (Vec::new(), 0);
        }
        let mut chunk = [0; READ];
        let mut chunk = ReadBuf::new(&mut chunk);
        match ready!(Pin::new(self.stream.stream()).poll_read(cx, &mut chunk)) {
            Ok(()) if !chunk.filled().is_empty() => {
                self.buffer.drain(..self.start);
                self.start = 0;
                self.buffer.extend_from_slice(chunk.filled());
                Poll::Ready(Ok(chunk.filled().len()))
            }
            _ => Poll::Ready(Err(Ending::Vanished)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for Lines<S> {
    fn wakes(&mut self, _task: &Waker) {}

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let mut read = 0;
        loop {
            match self.next_line() {
                Ok(true) => return Poll::Ready(Incoming::Text),
                Ok(false) if read > 0 => return Poll::Ready(Incoming::Part(read)),
                Ok(false) => {}
                Err(ending) => return Poll::Ready(Incoming::End(ending)),
            }
            match ready!(self.poll_more(cx)) {
                Ok(bytes) => read = bytes,
                Err(ending) => return Poll::Ready(Incoming::End(ending)),
            }
        }
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.buffer.get(self.current.clone())?).ok()
    }

    fn frame(&mut self, pieces: &[&[u8]]) {
        let tail = self.stream.tail();
        for piece in pieces {
            tail.extend_from_slice(piece);
        }
        tail.push(b'\n');
    }

    fn collect(&mut self, pieces: &[&[u8]]) {
        self.frame(pieces);
    }

    fn end_collection(&mut self) {}

    /// A byte stream has no ping; the keep-alive of TCP finds a dead peer.
    fn ping(&mut self) {}

    fn held(&self) -> usize {
        self.buffer.capacity() + self.stream.len()
    }

    fn forget(&mut self) {
        (self.buffer, self.start, self.searched, self.current) = (Vec::new(), 0, 0, 0..0);
    }

    fn waiting(&self) -> usize {
        self.stream.len()
    }

    fn progress(&self) -> u64 {
        self.stream.progress()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        self.stream.poll_flush(cx).map_err(|_| Ending::Vanished)
    }

    async fn close(&mut self, ending: &Ending) {
        if let Some((code, reason)) = ending.close() {
            let close = Reply::Close { code, reason: reason.into_owned() };
            self.frame(&[close.text().as_bytes()]);
        }
        if timeout(GOOD_BYE, poll_fn(|cx| self.stream.poll_shutdown(cx))).await.is_ok_and(|done| done.is_ok())
        {
            // Not in the future of the connection, which would carry it all along.
            let mut bin = vec![0; READ];
            let rest = async { while self.stream.stream().read(&mut bin).await.is_ok_and(|n| n > 0) {} };
            let _ = timeout(GOOD_BYE, rest).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, duplex};

    async fn read(input: &'static [u8], limit: usize) -> Vec<Result<String, Ending>> {
        let (here, mut there) = duplex(7);
        let mut lines = Lines::new(here, limit);
        let write = async move {
            let _ = there.write_all(input).await;
        };
        let read = async {
            let mut read = Vec::new();
            loop {
                match poll_fn(|cx| lines.poll_read(cx)).await {
                    Incoming::Text => {
                        let Some(line) = lines.text() else {
                            read.push(Err(Ending::NotUtf8));
                            return read;
                        };
                        read.push(Ok(line.to_owned()));
                    }
                    Incoming::Binary
                    | Incoming::Packet(_)
                    | Incoming::Aside
                    | Incoming::Alive
                    | Incoming::Part(_) => {}
                    Incoming::End(ending) => {
                        read.push(Err(ending));
                        return read;
                    }
                }
            }
        };
        tokio::join!(write, read).1
    }

    #[tokio::test]
    async fn a_stream_is_cut_into_lines_however_it_arrives() {
        let lines = read(b"[\"a\",1]\n\n[\"b\",\r\n2]\nunfinished", 100).await;
        let lines: Vec<_> = lines.into_iter().filter_map(Result::ok).collect();
        assert_eq!(lines, ["[\"a\",1]", "", "[\"b\",\r", "2]"]);
    }

    #[tokio::test]
    async fn a_line_over_the_limit_ends_the_stream_before_it_is_kept() {
        let lines = read(b"0123456789\n01234567890123456789", 10).await;
        assert_eq!(lines, [Ok("0123456789".to_owned()), Err(Ending::TooBig { limit: 10 })]);
    }

    #[tokio::test]
    async fn bytes_that_are_not_utf_8_end_the_stream() {
        assert_eq!(read(b"\xff\n", 10).await, [Err(Ending::NotUtf8)]);
    }
}
