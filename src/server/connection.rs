//! One connection: one [`Wire`] and one [`Session`], in one task with one loop.
//!
//! The reading half never writes: its answers go through the outbox, so that they stand in line with everything
//! else. What is to be written is taken from the outbox only when the last write is done, so a slow reader's backlog
//! is in one bounded place.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ending::Ending;
use crate::hub::{Drained, Found, Session, Until};
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

    /// Bytes that were written since the wire was made.
    fn progress(&self) -> u64;

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

/// How long what a client said before its socket broke may take to arrive.
const LAST_WORD: Duration = Duration::from_millis(100);

/// What interrupts the waiting.
enum Event<T> {
    Incoming(Incoming<T>),
    Clock,
}

/// Runs a connection to its end, and says good-bye.
pub(crate) fn run<W: Wire + Send>(
    wire: W,
    session: Session,
    patience: Patience,
    drain: &CancellationToken,
    signed_out: &CancellationToken,
) -> impl Future<Output = ()> + Send
where
    W::Text: Send,
{
    // Outside of the future, which would hold twice what it is given.
    let mut connection = Connection::new(wire, session, patience);
    async move {
        let ending = tokio::select! {
            biased;
            () = drain.cancelled() => Ending::ShuttingDown,
            () = signed_out.cancelled() => Ending::SignedOut,
            ending = connection.until_the_end() => ending,
        };
        let ending = if ending == Ending::Vanished { connection.last_word().await } else { ending };
        // In a box, so that no living connection holds room for its end.
        Box::pin(finish(connection, ending)).await;
    }
}

async fn finish<W: Wire + Send>(connection: Connection<W>, ending: Ending) {
    let Connection { mut wire, mut session, patience, .. } = connection;
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

struct Connection<W> {
    wire: W,
    session: Session,
    patience: Patience,
    heard: Instant,
    pings: u32,
    /// What the wire had written when a write last made progress, and when that was; `None` when all is written.
    unwritten: Option<(u64, Instant)>,
    batch_due: Option<Instant>,
    /// Messages read since the outbox was last looked at.
    turn: usize,
}

impl<W: Wire> Connection<W> {
    fn new(wire: W, session: Session, patience: Patience) -> Self {
        let heard = Instant::now();
        Self { wire, session, patience, heard, pings: 0, unwritten: None, batch_due: None, turn: 0 }
    }

    async fn until_the_end(&mut self) -> Ending {
        let mut clock = std::pin::pin!(sleep_until(self.next_check()));
        loop {
            if self.turn >= TURN {
                tokio::task::yield_now().await;
                if let Err(ending) = self.take_a_turn() {
                    return ending;
                }
            }
            let handled = match poll_fn(|cx| self.poll_event(clock.as_mut(), cx)).await {
                Ok(Event::Incoming(incoming)) => self.take_in(incoming).await,
                Ok(Event::Clock) => {
                    let checked = self.check_the_clock();
                    clock.as_mut().reset(self.next_check());
                    checked
                }
                Err(ending) => Err(ending),
            };
            if let Err(ending) = handled {
                return ending;
            }
        }
    }

    /// What a client that talks without a pause must not keep from happening.
    fn take_a_turn(&mut self) -> Result<(), Ending> {
        self.turn = 0;
        if self.session.outbox().has_overflowed() {
            return Err(Ending::SlowConsumer);
        }
        self.check_the_clock()?;
        self.write_some();
        Ok(())
    }

    /// Goes on with a write, reads, writes what waits in the outbox, and looks at the clock. Writing comes first, so
    /// that a free socket is never kept waiting by a client that talks without a pause.
    fn poll_event(
        &mut self,
        mut clock: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Event<W::Text>, Ending>> {
        if self.unwritten.is_some() {
            self.flush(cx)?;
        }
        if let Poll::Ready(incoming) = self.wire.poll_read(cx) {
            return Poll::Ready(Ok(Event::Incoming(incoming)));
        }
        while let Poll::Ready(looked) = self.poll_outbox(cx) {
            looked?;
            if self.unwritten.is_none() && self.wire.waiting() > 0 {
                self.flush(cx)?;
            }
        }
        let check = self.next_check();
        if clock.deadline() > check {
            clock.as_mut().reset(check);
        }
        clock.poll(cx).map(|()| Ok(Event::Clock))
    }

    /// A socket that cannot be written to any more may still hold the client's good-bye, which is then how it ended.
    async fn last_word(&mut self) -> Ending {
        let last = poll_fn(|cx| {
            loop {
                match ready!(self.wire.poll_read(cx)) {
                    Incoming::End(ending) => return Poll::Ready(ending),
                    Incoming::Text(_) | Incoming::Alive => {}
                }
            }
        });
        match tokio::time::timeout(LAST_WORD, last).await {
            Ok(Ending::Farewell) => Ending::Farewell,
            Ok(_) | Err(_) => Ending::Vanished,
        }
    }

    /// Writes what the socket takes, and notes whether that was all.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        match self.wire.poll_flush(cx) {
            Poll::Ready(flushed) => {
                flushed?;
                self.unwritten = None;
            }
            Poll::Pending => self.note_progress(),
        }
        Ok(())
    }

    /// Moves what waits in the outbox to the wire, or begins to collect a batch. Ready as long as that may be repeated.
    fn poll_outbox(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        let until = match (self.unwritten.is_none(), self.session.is_open(), self.batch_due) {
            (false, ..) => Until::Overflow,
            (true, false, _) => Until::Urgent,
            (true, true, Some(_)) => Until::Pressing,
            (true, true, None) => Until::Something,
        };
        let found = ready!(self.session.outbox().poll_until(until, cx));
        let batch = self.session.batch();
        match found {
            Found::Overflow => return Poll::Ready(Err(Ending::SlowConsumer)),
            Found::Something if !batch.is_zero() && self.batch_due.is_none() => {
                self.batch_due = Some(Instant::now() + batch);
            }
            Found::Something | Found::Urgent => self.take_out(),
        }
        Poll::Ready(Ok(()))
    }

    fn note_progress(&mut self) {
        let progress = self.wire.progress();
        if self.unwritten.is_none_or(|(before, _)| progress != before) {
            self.unwritten = Some((progress, Instant::now()));
        }
    }

    async fn take_in(&mut self, incoming: Incoming<W::Text>) -> Result<(), Ending> {
        match incoming {
            Incoming::Text(text) => {
                self.heard();
                self.receive(text.as_ref()).await
            }
            Incoming::Alive => {
                self.heard();
                self.session.count_sign(SystemTime::now()).map_err(Ending::TooMuch)?;
                // The wire may have an answer to write.
                self.unwritten.get_or_insert((self.wire.progress(), Instant::now()));
                Ok(())
            }
            Incoming::End(ending) => Err(ending),
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
        if frames.is_done() {
            self.session.count_sign(SystemTime::now()).map_err(Ending::TooMuch)?;
        }
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
        if self.session.batch().is_zero() {
            self.batch_due = None;
        }
        Ok(())
    }

    /// Takes what waits in the outbox, if the last write is done, and has it written.
    fn write_some(&mut self) {
        if self.unwritten.is_none() {
            self.take_out();
            if self.wire.waiting() > 0 {
                self.unwritten = Some((self.wire.progress(), Instant::now()));
            }
        }
    }

    /// Moves what waits in the outbox to the wire.
    fn take_out(&mut self) {
        let now = SystemTime::now();
        let wire = &mut self.wire;
        self.batch_due = None;
        if self.session.batch().is_zero() {
            self.session.drain(WRITE, now, &mut |pieces| wire.frame(pieces));
        } else {
            let drained = self.session.drain(WRITE, now, &mut |pieces| wire.collect(pieces));
            wire.end_collection();
            if drained == Drained::More {
                self.batch_due = Some(Instant::now());
            }
        }
    }

    fn next_check(&self) -> Instant {
        let silence = self.patience.ping * (self.pings + 1);
        let wait = if self.pings < 2 { silence } else { self.patience.ping * 2 + self.patience.pong };
        let check = self.heard + wait;
        match (self.unwritten, self.batch_due) {
            (Some((_, since)), _) => check.min(since + self.patience.write),
            (None, Some(due)) => check.min(due),
            (None, None) => check,
        }
    }

    fn check_the_clock(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        if self.unwritten.is_some_and(|(_, since)| now >= since + self.patience.write) {
            return Err(Ending::Stuck);
        }
        if self.batch_due.is_some_and(|due| now >= due) {
            self.write_some();
        }
        if now < self.next_check() {
            return Ok(());
        }
        if self.pings == 2 {
            return Err(Ending::Silent);
        }
        self.pings += 1;
        self.wire.ping();
        self.unwritten.get_or_insert((self.wire.progress(), now));
        Ok(())
    }
}
