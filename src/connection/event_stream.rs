//! Server-Sent Events as a [`Wire`]: an answer over HTTP that does not end, one event a frame. What the other side sends is
//! not looked at, but that it has gone is seen.

use std::future::poll_fn;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::ending::Ending;
use super::outgoing::Outgoing;
use super::wire::{Incoming, Wire};
use crate::hub::{Drained, Session};
use crate::moment::{Moment, Wall};
use crate::talk::Reply;

/// How much is read at once, of what nobody wants.
const READ: usize = 1024;

/// How long the other side may take to read our last event.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// A stream of events.
pub(crate) struct EventStream<S> {
    stream: Outgoing<S>,
    /// The id of events: up to then everything was put in that was said.
    up_to: u64,
    /// Whether a sign of life was put in. Nobody answers it, so it counts as answered: a dead peer is found by the kernel.
    has_pinged: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> EventStream<S> {
    /// Takes over a stream, on which this is written first: the head of the answer, and perhaps events. What was said since `id` comes
    /// by the outbox.
    pub(crate) fn new(stream: S, head: &[u8], id: u64) -> Self {
        let mut stream = Outgoing::new(stream);
        stream.tail().extend_from_slice(head);
        Self { stream, up_to: id, has_pinged: false }
    }

    fn write_id(&mut self) {
        // A vector takes everything.
        let _ = writeln!(self.stream.tail(), "id: {}", self.up_to);
    }
}

/// What an event is known by, at this moment: milliseconds since 1970. Who comes again with it was sent everything that was said
/// before.
pub(crate) fn event_id(now: Moment) -> u64 {
    Wall::from(now).milliseconds()
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
        self.write_id();
        let tail = self.stream.tail();
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
        self.stream.tail().extend_from_slice(b": nothing new\n");
        self.write_id();
        self.stream.tail().push(b'\n');
        self.has_pinged = true;
    }

    fn has_everything(&mut self, up_to: Moment) {
        self.up_to = event_id(up_to);
    }

    /// Events of one write have the id from before: of what stands behind them in the write, or waits still, none was said before that.
    /// Behind the last of them is the new one alone.
    fn give(&mut self, session: &mut Session, bytes: usize, now: Moment) -> Drained {
        let (waiting, before) = (self.stream.len(), self.up_to);
        let drained = session.drain(bytes, now, &mut |pieces| self.frame(pieces));
        if drained == Drained::Everything {
            self.has_everything(now);
            if self.stream.len() > waiting && self.up_to != before {
                self.write_id();
                self.stream.tail().push(b'\n');
            }
        }
        drained
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
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::hub::{Client, Extras, Hub, Message, Rates, Rights, Settings, Side};
    use crate::talk::Kind;
    use crate::topic::{Base, Filter, Limits, Topic};
    use tokio::io::duplex;

    #[tokio::test]
    async fn a_frame_is_one_event_and_the_last_event_says_why_it_is_the_end() {
        let (here, mut there) = duplex(4096);
        let mut stream = EventStream::new(here, b"HTTP/1.1 200 OK\r\n\r\n", 1);
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

    /// What a browser would have heard if the connection broke behind each event: the event's data, and the id to come again with.
    fn heard(said: &str) -> Vec<(String, u64)> {
        let (mut events, mut id) = (Vec::new(), 0);
        for event in said.split("\n\n") {
            let value = |key: &str| event.lines().find_map(|line| line.strip_prefix(key));
            id = value("id: ").map_or(id, |id| id.parse().unwrap());
            events.push((value("data: ").unwrap_or_default().to_owned(), id));
        }
        events
    }

    #[tokio::test]
    async fn no_id_is_later_than_what_is_still_to_come() {
        let at = |milliseconds| Moment::from(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds));
        let hub = Hub::new(Settings::default(), at(1000));
        let session = || {
            let client = Client {
                user: "jana".into(),
                rights: Arc::new(Rights::everything()),
                base: Base::ROOT,
                side: Side::Dashboard,
                rates: Rates::UNLIMITED,
            };
            hub.connect(client, at(1000))
        };
        let limits = Limits::default();
        let (mut reader, mut says) = (session(), session());
        reader.open(vec![Filter::parse("#", &limits).unwrap()], true, false).unwrap();
        let (here, mut there) = duplex(65536);
        let mut stream = EventStream::new(here, b"", 1000);
        while stream.give(&mut reader, 1 << 16, at(1001)) != Drained::Everything {}
        for time in [1100, 1200, 1300] {
            let topic = Topic::parse(&format!("t/{time}"), &limits).unwrap();
            let kind = Kind::of(topic.as_str());
            let (retention, extras) = (None, Extras::default());
            let message = Message { topic, payload: "1", kind, retention, extras, was_kept: false };
            says.tell(message, at(time)).unwrap();
        }
        // A byte at a time is a frame at a time.
        assert_eq!(stream.give(&mut reader, 1, at(2000)), Drained::More);
        stream.ping();
        while stream.give(&mut reader, 1, at(2001)) != Drained::Everything {}
        stream.has_everything(at(3000));
        stream.ping();
        poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
        drop(stream);
        let mut said = String::new();
        there.read_to_string(&mut said).await.unwrap();
        let events = heard(&said);
        let times: Vec<u64> = events.iter().filter_map(|(data, _)| data.get(4..8)?.parse().ok()).collect();
        assert_eq!(times, [1100, 1200, 1300]);
        for (number, (_, id)) in events.iter().enumerate() {
            for (data, _) in events.iter().skip(number + 1).filter(|(data, _)| !data.is_empty()) {
                let time = data.get(4..8).and_then(|time| time.parse::<u64>().ok()).unwrap();
                assert!(*id <= time, "{id} stands before {data}: {said}");
            }
        }
        let ids: Vec<_> = events.iter().map(|(_, id)| *id).collect();
        assert!(ids.contains(&2001) && ids.ends_with(&[3000, 3000]), "{said}");
    }

    #[tokio::test]
    async fn who_has_gone_is_seen() {
        let (here, there) = duplex(64);
        let mut stream = EventStream::new(here, b"", 1);
        drop(there);
        assert_eq!(poll_fn(|cx| stream.poll_read(cx)).await, Incoming::End(Ending::Vanished));
    }
}
