//! Server-Sent Events as a [`Wire`]: an answer over HTTP that does not end, one event a frame. What the other side sends is
//! not looked at, but that it has gone is seen.

use std::future::poll_fn;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::ending::Ending;
use super::outgoing::Outgoing;
use super::wire::{Incoming, Wire};
use crate::moment::Moment;
use crate::talk::Reply;

/// How much is read at once, of what nobody wants.
const READ: usize = 1024;

/// How long the other side may take to read our last event.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// A stream of events.
pub(crate) struct EventStream<S> {
    stream: Outgoing<S>,
    /// Whether a sign of life was put in. Nobody answers it, so it counts as answered: a dead peer is found by the kernel.
    has_pinged: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> EventStream<S> {
    /// Takes over a stream, on which this is written first: the head of the answer, and perhaps events.
    pub(crate) fn new(stream: S, head: &[u8]) -> Self {
        let mut stream = Outgoing::new(stream);
        stream.tail().extend_from_slice(head);
        Self { stream, has_pinged: false }
    }
}

/// What an event is known by: when it was sent, in milliseconds since 1970.
pub(crate) fn event_id() -> u64 {
    let since = Moment::now().wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn write_id(tail: &mut Vec<u8>) {
    // A vector takes everything.
    let _ = writeln!(tail, "id: {}", event_id());
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for EventStream<S> {
    fn wakes(&mut self, _task: &Waker) {}

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        if std::mem::take(&mut self.has_pinged) {
            return Poll::Ready(Incoming::Alive);
        }
        let mut chunk = [0; READ];
        let mut chunk = ReadBuf::new(&mut chunk);
        Poll::Ready(match ready!(Pin::new(self.stream.stream()).poll_read(cx, &mut chunk)) {
            Ok(()) if !chunk.filled().is_empty() => Incoming::Part(chunk.filled().len()),
            _ => Incoming::End(Ending::Vanished),
        })
    }

    fn text(&self) -> Option<&str> {
        None
    }

    /// A frame is one line, so it is one line of data. What the hub says to this client alone comes in one piece.
    fn frame(&mut self, pieces: &[&[u8]]) {
        let tail = self.stream.tail();
        if pieces.len() == 1 {
            tail.extend_from_slice(b"event: notice\n");
        } else {
            tail.extend_from_slice(b"event: message\n");
        }
        write_id(tail);
        tail.extend_from_slice(b"data: ");
        for piece in pieces {
            tail.extend_from_slice(piece);
        }
        tail.extend_from_slice(b"\n\n");
    }

    fn collect(&mut self, pieces: &[&[u8]]) {
        self.frame(pieces);
    }

    fn end_collection(&mut self) {}

    /// A comment, and the newest id: a client that comes again says up to when it has heard everything.
    fn ping(&mut self) {
        let tail = self.stream.tail();
        tail.extend_from_slice(b": nothing new\n");
        write_id(tail);
        tail.push(b'\n');
        self.has_pinged = true;
    }

    fn held(&self) -> usize {
        self.stream.len()
    }

    fn forget(&mut self) {}

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
            let close = Reply::Close { code, reason: reason.into_owned() }.text();
            let payload = close.split_once(", ").and_then(|(_, rest)| rest.strip_suffix(']')).unwrap_or("{}");
            let tail = self.stream.tail();
            tail.extend_from_slice(b"event: end\ndata: ");
            tail.extend_from_slice(payload.as_bytes());
            tail.extend_from_slice(b"\n\n");
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
    use tokio::io::duplex;

    #[tokio::test]
    async fn a_frame_is_one_event_and_the_last_event_says_why_it_is_the_end() {
        let (here, mut there) = duplex(4096);
        let mut stream = EventStream::new(here, b"HTTP/1.1 200 OK\r\n\r\n");
        stream.frame(&[b"[\"", b"a\", 1]"]);
        stream.frame(&[b"[\"clown.talk/-/skipped\", {\"count\": 2}]"]);
        stream.ping();
        assert_eq!(poll_fn(|cx| stream.poll_read(cx)).await, Incoming::Alive, "nobody answers a comment");
        stream.close(&Ending::ShuttingDown).await;
        drop(stream);
        let mut said = String::new();
        there.read_to_string(&mut said).await.unwrap();
        let lines: Vec<_> = said.lines().filter(|line| !line.starts_with("id: ")).collect();
        assert_eq!(
            lines,
            [
                "HTTP/1.1 200 OK",
                "",
                "event: message",
                "data: [\"a\", 1]",
                "",
                "event: notice",
                "data: [\"clown.talk/-/skipped\", {\"count\": 2}]",
                "",
                ": nothing new",
                "",
                "event: end",
                "data: {\"code\": 1012, \"reason\": \"hub is restarting\"}",
                "",
            ]
        );
    }

    #[tokio::test]
    async fn who_has_gone_is_seen() {
        let (here, there) = duplex(64);
        let mut stream = EventStream::new(here, b"");
        drop(there);
        assert_eq!(poll_fn(|cx| stream.poll_read(cx)).await, Incoming::End(Ending::Vanished));
    }
}
