//! What speaks in lines: a serial port, a program. Bytes to lines and back, and what of a link is on its way. The reading half
//! is pure; the writing half is behind [`Stream`].

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::far::{Broken, Event};
use super::queue::Entry;
use crate::hub::{Outbox, Until};

/// How much is read at one time.
const READ: usize = 16 * 1024;
/// What waits to be written, from which on nothing new is put there.
pub(super) const MOST_UNWRITTEN: usize = 16 * 1024;

/// Lines from bytes, however they come in pieces.
#[derive(Debug)]
pub(super) struct Input {
    bytes: BytesMut,
    /// Up to here there is no end of a line.
    looked: usize,
    /// The longest line.
    most: usize,
    /// Whether the line that is read is too long already.
    is_skipping: bool,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its end.
    Whole(Bytes),
    /// One that is too long; it is over now.
    TooLong,
}

impl Input {
    pub(super) fn new(most: usize) -> Self {
        Self { bytes: BytesMut::new(), looked: 0, most, is_skipping: false }
    }

    /// The next line, if it is here.
    pub(super) fn next(&mut self) -> Option<Line> {
        let new = self.bytes.get(self.looked..).unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', new).map(|at| self.looked + at) else {
            if self.bytes.len() > self.most {
                self.bytes.clear();
                self.is_skipping = true;
            }
            self.looked = self.bytes.len();
            return None;
        };
        let line = self.bytes.split_to(at + 1).freeze();
        self.looked = 0;
        if std::mem::take(&mut self.is_skipping) || at > self.most {
            return Some(Line::TooLong);
        }
        Some(Line::Whole(line.slice(..at)))
    }

    /// What was read and is not a line yet.
    pub(super) fn begun(&self) -> &[u8] {
        &self.bytes
    }

    /// More bytes, which were read elsewhere.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

/// A stream of lines in both directions.
pub(super) struct Stream<S> {
    inner: S,
    pub(super) input: Input,
    out: BytesMut,
    /// Bytes that were said, and of these were written.
    said: u64,
    written: u64,
    is_unflushed: bool,
    /// When something was last read.
    pub(super) heard: Instant,
    /// What was read last, for those who want to see it before it is cut into lines.
    fresh: Option<Vec<u8>>,
    /// Until then nothing is read.
    rest: Option<Pin<Box<Sleep>>>,
}

/// What happened on the stream.
enum Moved {
    Read,
    Wrote,
    Closed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    pub(super) fn new(inner: S, longest_line: usize) -> Self {
        Self {
            inner,
            input: Input::new(longest_line),
            out: BytesMut::new(),
            said: 0,
            written: 0,
            is_unflushed: false,
            heard: Instant::now(),
            fresh: None,
            rest: None,
        }
    }

    /// What the lines come from and go to.
    pub(super) fn inner(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Nothing is read until then; what was read already is looked at then, too.
    pub(super) fn rest_until(&mut self, until: Instant) {
        self.rest = Some(Box::pin(sleep_until(until)));
    }

    /// What was read since [`clear_fresh`](Self::clear_fresh), as it came.
    pub(super) fn fresh(&self) -> &[u8] {
        self.fresh.as_deref().unwrap_or_default()
    }

    /// It was seen.
    pub(super) fn clear_fresh(&mut self) {
        if let Some(fresh) = &mut self.fresh {
            fresh.clear();
        }
    }

    /// From now on somebody wants to see it.
    pub(super) fn is_watched(&mut self) {
        self.fresh = Some(Vec::new());
    }

    /// Nobody wants to see it any more.
    pub(super) fn is_known(&mut self) {
        self.fresh = None;
    }

    /// Puts a line behind what waits to be written. Returns where it ends.
    pub(super) fn say(&mut self, line: &str) -> u64 {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\n");
        self.said += line.len() as u64 + 1;
        self.said
    }

    /// Up to where all was written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that wait to be written.
    pub(super) fn unwritten(&self) -> usize {
        self.out.len()
    }

    /// Whether all that was said is on its way.
    pub(super) fn is_written(&self) -> bool {
        self.out.is_empty() && !self.is_unflushed
    }

    /// The next thing that happens, here or in the outbox. May be cancelled.
    pub(super) async fn next(&mut self, outbox: Option<&Outbox>) -> Result<Event, Broken> {
        poll_fn(|cx| {
            if let Poll::Ready(moved) = self.poll_stream(cx) {
                return Poll::Ready(match moved {
                    Ok(Moved::Read) => Ok(Event::Read),
                    Ok(Moved::Wrote) => Ok(Event::Wrote),
                    Ok(Moved::Closed) => Err(Broken::Closed("it is gone".to_owned())),
                    Err(error) => Err(Broken::Closed(format!("it is gone: {error}"))),
                });
            }
            let Some(outbox) = outbox else { return Poll::Pending };
            outbox.wakes(cx.waker());
            outbox.look(Until::Something).map_or(Poll::Pending, |found| Poll::Ready(Ok(Event::Hub(found))))
        })
        .await
    }

    /// Writes what it can, then reads.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Moved>> {
        let mut has_written = false;
        while !self.out.is_empty() {
            match Pin::new(&mut self.inner).poll_write(cx, &self.out)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(written) => {
                    self.out.advance(written);
                    self.written += written as u64;
                    (has_written, self.is_unflushed) = (true, true);
                }
                Poll::Pending => break,
            }
        }
        if self.is_unflushed && Pin::new(&mut self.inner).poll_flush(cx)?.is_ready() {
            self.is_unflushed = false;
        }
        if let Some(rest) = &mut self.rest {
            if rest.as_mut().poll(cx).is_pending() {
                return if has_written { Poll::Ready(Ok(Moved::Wrote)) } else { Poll::Pending };
            }
            self.rest = None;
            return Poll::Ready(Ok(Moved::Read));
        }
        let mut chunk = [0; READ];
        let mut chunk = ReadBuf::new(&mut chunk);
        if Pin::new(&mut self.inner).poll_read(cx, &mut chunk)?.is_ready() {
            let read = chunk.filled();
            if read.is_empty() {
                return Poll::Ready(Ok(Moved::Closed));
            }
            self.input.extend(read);
            if let Some(fresh) = &mut self.fresh {
                fresh.extend_from_slice(read);
            }
            self.heard = Instant::now();
            return Poll::Ready(Ok(Moved::Read));
        }
        if has_written { Poll::Ready(Ok(Moved::Wrote)) } else { Poll::Pending }
    }
}

/// Messages that were said on a stream and are not written yet. A line that was written is all that there is to be known: the
/// far side acknowledges nothing.
#[derive(Debug, Default)]
pub(super) struct Aloft {
    entries: VecDeque<(u64, Entry)>,
    bytes: usize,
}

impl Aloft {
    /// A message was said, and its line ends there.
    pub(super) fn went(&mut self, end: u64, entry: Entry) {
        self.bytes += entry.len();
        self.entries.push_back((end, entry));
    }

    /// All was written up to there. Says how many messages that were.
    pub(super) fn landed(&mut self, written: u64) -> usize {
        let before = self.entries.len();
        while self.entries.front().is_some_and(|(end, _)| *end <= written) {
            let Some((_, entry)) = self.entries.pop_front() else { break };
            self.bytes -= entry.len();
        }
        before - self.entries.len()
    }

    /// Messages, and their bytes.
    pub(super) fn measure(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    /// Gives back what was not written.
    pub(super) fn give_back(&mut self) -> Vec<Entry> {
        self.bytes = 0;
        self.entries.drain(..).map(|(_, entry)| entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(input: &mut Input) -> Vec<Option<Vec<u8>>> {
        let mut lines = Vec::new();
        while let Some(line) = input.next() {
            lines.push(match line {
                Line::Whole(line) => Some(line.to_vec()),
                Line::TooLong => None,
            });
        }
        lines
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_room_than_the_longest_line() {
        let mut input = Input::new(1024);
        for _ in 0..10_000 {
            input.extend(&[b'x'; 100]);
            assert_eq!(input.next(), None);
            assert!(input.begun().len() <= 1024 + 100);
        }
        input.extend(b"\nnext\n");
        assert_eq!(lines(&mut input), [None, Some(b"next".to_vec())]);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_their_bytes_come_in_pieces(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            cuts in prop::collection::vec(1..9_usize, 1..40),
        ) {
            const MOST: usize = 12;
            let mut expected: Vec<Option<Vec<u8>>> = text
                .split(|byte| *byte == b'\n')
                .map(|line| (line.len() <= MOST).then(|| line.to_vec()))
                .collect();
            expected.pop();
            let (mut input, mut found, mut rest) = (Input::new(MOST), Vec::new(), &text[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                input.extend(piece);
                found.extend(lines(&mut input));
                rest = after;
            }
            prop_assert_eq!(found, expected);
        }
    }
}
