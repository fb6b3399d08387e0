//! One connection: one [`Wire`] and one [`Session`], in one task with one loop.
//!
//! The reading half never writes: its answers go through the outbox, so that they stand in line with everything
//! else. What is to be written is taken from the outbox only when the last write is done, so a slow reader's backlog
//! is in one bounded place.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ending::Ending;
use crate::hub::{Drained, Session};
use crate::talk::Frames;

/// What a kind of socket has to be able to do. Frames that are put in wait until they are flushed.
pub(crate) trait Wire {
    /// A text that came in.
    type Text: AsRef<str>;

    /// The next thing from the other side.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incoming<Self::Text>>;

    /// Puts in one frame, given in pieces, as a message of its own.
    fn frame(&mut self, pieces: &[&[u8]]);

    /// Puts in one frame that may share a message with others, until `end_collection`.
    fn collect(&mut self, pieces: &[&[u8]]);

    /// Ends the message that was collected.
    fn end_collection(&mut self);

    /// Puts in a sign that asks for an answer, where the wire knows one.
    fn ping(&mut self);

    /// Bytes that were put in and are not written.
    fn waiting(&self) -> usize;

    /// Writes what was put in.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>>;

    /// Writes what was put in, says why this is the end, and gives the other side a moment to read it.
    fn close(&mut self, ending: &Ending) -> impl Future<Output = ()> + Send;
}

/// What came in.
pub(crate) enum Incoming<T> {
    /// One message.
    Text(T),
    /// A sign of life.
    Alive,
    /// Nothing more will.
    End(Ending),
}

/// How long a connection waits for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Silence after which the hub pings; the second ping follows after as much silence again.
    pub ping: Duration,
    /// How long after the second ping an answer is waited for.
    pub pong: Duration,
    /// How long a write may make no progress.
    pub write: Duration,
}

/// How many frames are taken from one client before others get their turn.
const TURN: usize = 32;

/// How many bytes are taken from the outbox for one write.
const WRITE: usize = 64 * 1024;

/// What can happen next.
enum Event<T> {
    Incoming(Incoming<T>),
    Flushed(Result<(), Ending>),
    Outbox,
    Batch,
    Clock,
    Ended(Ending),
}

/// Runs a connection to its end, and says good-bye.
pub(crate) async fn run<W: Wire + Send>(
    mut wire: W,
    mut session: Session,
    patience: Patience,
    drain: &CancellationToken,
    signed_out: &CancellationToken,
) where
    W::Text: Send,
{
    let mut connection = Connection::new(&mut wire, &mut session, patience);
    let ending = connection.until_the_end(drain, signed_out).await;
    if ending == Ending::Farewell || ending == Ending::ShuttingDown {
        session.farewell();
    }
    if ending == Ending::ShuttingDown {
        flush_everything(&mut wire, &mut session, patience).await;
    } else if ending.is_a_breach() {
        put_in_what_waits(&mut wire, &mut session);
    }
    let (client, cause) = (session.name(), ending.cause());
    tracing::info!(%client, base = ?session.base(), %cause, "disconnected");
    drop(session);
    wire.close(&ending).await;
}

/// Sends what is queued; whoever waits for the end has the deadline.
async fn flush_everything<W: Wire>(wire: &mut W, session: &mut Session, patience: Patience) {
    loop {
        let drained = session.drain(WRITE, SystemTime::now(), &mut |pieces| wire.frame(pieces));
        let flush = tokio::time::timeout(patience.write, poll_fn(|cx| wire.poll_flush(cx))).await;
        if drained == Drained::Everything || !matches!(flush, Ok(Ok(()))) {
            return;
        }
    }
}

/// Puts in what a client was answered before it broke a rule; the close writes it. About one write's worth, as what
/// such a client left unread is no longer waited for.
fn put_in_what_waits<W: Wire>(wire: &mut W, session: &mut Session) {
    while wire.waiting() < WRITE
        && session.drain(WRITE, SystemTime::now(), &mut |pieces| wire.frame(pieces)) == Drained::More
    {}
}

struct Connection<'c, W> {
    wire: &'c mut W,
    session: &'c mut Session,
    patience: Patience,
    heard: Instant,
    pings: u32,
    /// How much was waiting when a write last made progress, and when that was; `None` when all is written.
    unwritten: Option<(usize, Instant)>,
    batch_due: Option<Instant>,
    /// Messages read since the outbox was last looked at.
    turn: usize,
}

impl<'c, W: Wire> Connection<'c, W> {
    fn new(wire: &'c mut W, session: &'c mut Session, patience: Patience) -> Self {
        let heard = Instant::now();
        Self { wire, session, patience, heard, pings: 0, unwritten: None, batch_due: None, turn: 0 }
    }

    async fn until_the_end(&mut self, drain: &CancellationToken, signed_out: &CancellationToken) -> Ending {
        let mut drain = std::pin::pin!(drain.cancelled());
        let mut signed_out = std::pin::pin!(signed_out.cancelled());
        let mut clock = std::pin::pin!(sleep_until(self.next_check()));
        loop {
            if self.turn >= TURN {
                self.turn = 0;
                tokio::task::yield_now().await;
                self.write_some();
            }
            let outbox = std::sync::Arc::clone(self.session.outbox());
            let (is_free, batch_due) = (self.unwritten.is_none(), self.batch_due);
            let (may_take, is_closed) =
                (is_free && self.session.is_open(), is_free && !self.session.is_open());
            let event = tokio::select! {
                biased;
                () = &mut drain => Event::Ended(Ending::ShuttingDown),
                () = &mut signed_out => Event::Ended(Ending::SignedOut),
                event = poll_fn(|cx| self.poll_wire(cx)) => event,
                () = outbox.ready(), if may_take && batch_due.is_none() => Event::Outbox,
                () = outbox.pressing(), if may_take && batch_due.is_some() => Event::Batch,
                () = sleep_until(batch_due.unwrap_or_else(Instant::now)), if may_take && batch_due.is_some() => Event::Batch,
                () = outbox.urgent(), if is_closed => Event::Outbox,
                () = outbox.overflowed(), if !is_free => Event::Outbox,
                () = &mut clock => Event::Clock,
            };
            match self.handle(event).await {
                Ok(()) => {}
                Err(ending) => return ending,
            }
            let check = self.next_check();
            if clock.is_elapsed() || clock.deadline() > check {
                clock.as_mut().reset(check);
            }
        }
    }

    /// Writing first, so that a free socket is never kept waiting by a client that talks without a pause.
    fn poll_wire(&mut self, cx: &mut Context<'_>) -> Poll<Event<W::Text>> {
        if self.unwritten.is_some() {
            match self.wire.poll_flush(cx) {
                Poll::Ready(flushed) => return Poll::Ready(Event::Flushed(flushed)),
                Poll::Pending => self.note_progress(),
            }
        }
        self.wire.poll_read(cx).map(Event::Incoming)
    }

    fn note_progress(&mut self) {
        let waiting = self.wire.waiting();
        if self.unwritten.is_none_or(|(before, _)| waiting != before) {
            self.unwritten = Some((waiting, Instant::now()));
        }
    }

    async fn handle(&mut self, event: Event<W::Text>) -> Result<(), Ending> {
        match event {
            Event::Incoming(Incoming::Text(text)) => {
                self.heard();
                self.receive(text.as_ref()).await
            }
            Event::Incoming(Incoming::Alive) => {
                self.heard();
                // The wire may have an answer to write.
                self.unwritten.get_or_insert((0, Instant::now()));
                Ok(())
            }
            Event::Incoming(Incoming::End(ending)) | Event::Flushed(Err(ending)) | Event::Ended(ending) => {
                Err(ending)
            }
            Event::Flushed(Ok(())) => {
                self.unwritten = None;
                Ok(())
            }
            Event::Outbox | Event::Batch => self.look_into_the_outbox(matches!(event, Event::Batch)),
            Event::Clock => self.check_the_clock(),
        }
    }

    fn heard(&mut self) {
        self.heard = Instant::now();
        self.pings = 0;
        self.turn += 1;
    }

    /// A message may hold thousands of frames; others get their turn in between.
    async fn receive(&mut self, message: &str) -> Result<(), Ending> {
        let mut frames = Frames::of(message);
        while self.session.receive_some(&mut frames, TURN, SystemTime::now()).map_err(Ending::TooMuch)? {
            self.turn = 0;
            self.write_some();
            if self.unwritten.is_some()
                && let Poll::Ready(flushed) = futures_util::poll!(poll_fn(|cx| self.wire.poll_flush(cx)))
            {
                flushed?;
                self.unwritten = None;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn look_into_the_outbox(&mut self, batch_is_due: bool) -> Result<(), Ending> {
        let outbox = self.session.outbox();
        if outbox.has_overflowed() {
            return Err(Ending::SlowConsumer);
        }
        let batch = self.session.batch();
        if batch.is_zero() || batch_is_due || outbox.is_urgent() {
            self.write_some();
        } else {
            self.batch_due = Some(Instant::now() + batch);
        }
        Ok(())
    }

    /// Takes what waits in the outbox, if the last write is done and no batch is being collected.
    fn write_some(&mut self) {
        if self.unwritten.is_some() {
            return;
        }
        let now = SystemTime::now();
        let wire = &mut *self.wire;
        if self.session.batch().is_zero() {
            self.session.drain(WRITE, now, &mut |pieces| wire.frame(pieces));
        } else {
            self.batch_due = None;
            let drained = self.session.drain(WRITE, now, &mut |pieces| wire.collect(pieces));
            wire.end_collection();
            if drained == Drained::More {
                self.batch_due = Some(Instant::now());
            }
        }
        if self.wire.waiting() > 0 {
            self.unwritten = Some((self.wire.waiting(), Instant::now()));
        }
    }

    fn next_check(&self) -> Instant {
        let silence = self.patience.ping * (self.pings + 1);
        let wait = if self.pings < 2 { silence } else { self.patience.ping * 2 + self.patience.pong };
        let check = self.heard + wait;
        match self.unwritten {
            Some((_, since)) => check.min(since + self.patience.write),
            None => check,
        }
    }

    fn check_the_clock(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        if self.unwritten.is_some_and(|(_, since)| now >= since + self.patience.write) {
            return Err(Ending::Stuck);
        }
        if now < self.next_check() {
            return Ok(());
        }
        if self.pings == 2 {
            return Err(Ending::Silent);
        }
        self.pings += 1;
        self.wire.ping();
        self.unwritten.get_or_insert((self.wire.waiting(), now));
        Ok(())
    }
}
