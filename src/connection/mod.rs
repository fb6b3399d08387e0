//! One connection: one [`Wire`] and one [`Session`], in one task with one loop.
//!
//! The reading half never writes: its answers go through the outbox, so that they stand in line with everything
//! else. What is to be written is taken from the outbox only when the last write is done, so a slow reader's backlog
//! is in one bounded place.

mod bell;
mod ending;
mod line;
mod messages;
mod outgoing;
#[cfg(test)]
mod tests;
mod websocket;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture, WaitForCancellationFutureOwned};

use self::bell::Bell;
pub(crate) use self::ending::Ending;
pub(crate) use self::line::{Hello, Lines};
pub(crate) use self::websocket::WebSocket;
use crate::hub::{Drained, Found, Session, Until};
use crate::moment::Moment;
use crate::talk::Frames;

/// What a kind of socket has to be able to do. Frames that are put in wait until they are flushed.
pub(crate) trait Wire {
    /// Says which task `poll_read` is to wake. Comes before the first one, and when that changes.
    fn wakes(&mut self, task: &Waker);

    /// The next thing from the other side.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incoming>;

    /// The text that came last, until the next thing is asked for; `None` if it is not UTF-8.
    fn text(&self) -> Option<&str>;

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
pub(crate) enum Incoming {
    /// One message: see [`Wire::text`].
    Text,
    /// One message of bytes.
    Binary,
    /// A sign of life.
    Alive,
    /// Nothing more will.
    End(Ending),
}

/// How long a connection waits for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Silence after which the hub pings. That is for proxies, which cut what is silent, and for programs that hang.
    pub ping: Duration,
    /// How long an answer to a ping is waited for: after the first time the hub pings again, after the second it is the
    /// end.
    pub pong: Duration,
    /// How long a write may make no progress.
    pub write: Duration,
    /// How long the kernel waits for a machine that has vanished.
    pub vanished: Duration,
}

/// How many frames are taken from one client before others get their turn.
const TURN: usize = 32;

/// How many bytes are taken from the outbox for one write.
const WRITE: usize = 64 * 1024;

/// How long what a client said before its socket broke may take to arrive.
const LAST_WORD: Duration = Duration::from_millis(100);

/// What may end a connection from outside.
#[derive(Debug, Clone)]
pub(crate) struct Signs {
    /// The hub is being stopped.
    pub(crate) drain: CancellationToken,
    /// The sign-in of the page was ended; there is none where every connection brings its password.
    pub(crate) signed_out: Option<CancellationToken>,
}

/// Runs a connection to its end, and says good-bye.
pub(crate) fn run<W: Wire + Send>(
    wire: W,
    session: Session,
    patience: Patience,
    signs: Signs,
) -> impl Future<Output = ()> + Send {
    // Outside of the future, which would hold twice what it is given.
    let mut connection = Connection::new(wire, session, patience);
    async move {
        let ending = connection.until_the_end(signs).await;
        let ending = if ending == Ending::Vanished { Box::pin(connection.last_word()).await } else { ending };
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
        let drained = session.drain(WRITE, Moment::now(), &mut |pieces| wire.frame(pieces));
        let flush = tokio::time::timeout(patience.write, poll_fn(|cx| wire.poll_flush(cx))).await;
        if drained == Drained::Everything || !matches!(flush, Ok(Ok(()))) {
            return;
        }
        if let Drained::Later(wait) = drained {
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        }
    }
}

/// Puts in what a client was answered before it broke a rule; the close writes it. About one write's worth, as what
/// such a client left unread is no longer waited for.
fn put_in_what_waits<W: Wire>(wire: &mut W, session: &mut Session) {
    while wire.waiting() < WRITE
        && session.drain(WRITE, Moment::now(), &mut |pieces| wire.frame(pieces)) == Drained::More
    {}
}

struct Connection<W> {
    wire: W,
    session: Session,
    patience: Patience,
    heard: Instant,
    pings: u32,
    pinged: Instant,
    /// Whether something was heard since the last ping, for the first time.
    is_answered: bool,
    /// What the wire had written when a write last made progress, and when that was; `None` when all is written.
    unwritten: Option<(u64, Instant)>,
    batch_due: Option<Instant>,
    /// When the client may have more last values looked up.
    look_up_due: Option<Instant>,
    /// Frames read since the outbox was last looked at.
    turn: usize,
    /// What is left of a message with more frames than one turn takes.
    unfinished: Option<Box<Unfinished>>,
}

struct Unfinished {
    text: String,
    /// Up to here it is done with.
    at: usize,
}

/// What a connection waits for beside its wire and its outbox. These are looked at only when their bell has rung: mostly
/// a connection is woken to write, and that should touch nothing else.
struct Watch<'w, 's> {
    bell: Bell,
    drain: Pin<&'w mut WaitForCancellationFuture<'s>>,
    signed_out: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    clock: Pin<&'w mut Sleep>,
}

impl Watch<'_, '_> {
    /// Whether one of the signs was given.
    fn ending(&mut self) -> Option<Ending> {
        let mut cx = self.bell.context();
        if self.drain.as_mut().poll(&mut cx).is_ready() {
            return Some(Ending::ShuttingDown);
        }
        let signed_out = self.signed_out.as_mut()?;
        signed_out.as_mut().poll(&mut cx).is_ready().then_some(Ending::SignedOut)
    }

    /// Has the clock ring no sooner than `due`, where it was set for an answer that has come. This only leaves a note for
    /// the timer, which is less than to be woken for nothing.
    fn put_off(&mut self, due: Instant) {
        if due > self.clock.deadline() {
            self.clock.as_mut().reset(due);
        }
    }

    /// Has the clock ring at `due` at the latest. When it rings early, as a check was put off, it is set again.
    fn set_clock(&mut self, due: Instant) -> Poll<()> {
        if due < self.clock.deadline() || self.clock.is_elapsed() {
            self.clock.as_mut().reset(due);
        }
        self.clock.as_mut().poll(&mut self.bell.context())
    }
}

impl<W: Wire> Connection<W> {
    fn new(wire: W, session: Session, patience: Patience) -> Self {
        Self {
            wire,
            session,
            patience,
            heard: Instant::now(),
            pings: 0,
            pinged: Instant::now(),
            is_answered: false,
            unwritten: None,
            batch_due: None,
            look_up_due: None,
            turn: 0,
            unfinished: None,
        }
    }

    async fn until_the_end(&mut self, signs: Signs) -> Ending {
        let signed_out = signs.signed_out.map(|token| Box::pin(token.cancelled_owned()));
        let (drain, clock) = (signs.drain.cancelled(), sleep_until(self.next_check()));
        let drain = std::pin::pin!(drain);
        let clock = std::pin::pin!(clock);
        let mut watch = Watch { bell: Bell::new(), drain, signed_out, clock };
        let mut task = Waker::noop().clone();
        let ending = poll_fn(|cx| {
            if !task.will_wake(cx.waker()) {
                task.clone_from(cx.waker());
                watch.bell.wakes(&task);
                self.wire.wakes(&task);
                self.session.outbox().wakes(&task);
            }
            match self.go_on(&mut watch, cx) {
                Ok(()) => Poll::Pending,
                Err(ending) => Poll::Ready(ending),
            }
        });
        ending.await
    }

    /// Does all that can be done now. Writing comes first, so that a free socket is never kept waiting by a client
    /// that talks without a pause.
    fn go_on(&mut self, watch: &mut Watch<'_, '_>, cx: &mut Context<'_>) -> Result<(), Ending> {
        let has_rung = watch.bell.has_rung();
        if has_rung && let Some(ending) = watch.ending() {
            return Err(ending);
        }
        if self.unwritten.is_some() {
            self.flush(cx)?;
        }
        while self.turn < TURN {
            if self.unfinished.is_some() {
                self.receive_more()?;
            } else {
                match self.wire.poll_read(cx) {
                    Poll::Ready(incoming) => self.take_in(incoming)?,
                    Poll::Pending => {
                        // A pause: others come to their turn by themselves, and a burst that follows is not cut.
                        self.turn = 0;
                        break;
                    }
                }
            }
            if self.unwritten.is_some() {
                self.flush(cx)?;
            }
        }
        if self.turn >= TURN {
            self.end_turn()?;
            cx.waker().wake_by_ref();
        }
        loop {
            let looked = self.look_into_the_outbox()?;
            if self.unwritten.is_none() && self.wire.waiting() > 0 {
                self.flush(cx)?;
            }
            if looked != Drained::More {
                break;
            }
        }
        // Silence only puts off what the clock was set for.
        if has_rung || self.unwritten.is_some() || self.batch_due.is_some() || self.look_up_due.is_some() {
            self.look_at_the_clock(watch, cx)?;
        } else if self.is_answered {
            watch.put_off(self.next_check());
        }
        self.is_answered = false;
        Ok(())
    }

    fn look_at_the_clock(&mut self, watch: &mut Watch<'_, '_>, cx: &mut Context<'_>) -> Result<(), Ending> {
        while watch.set_clock(self.next_check()).is_ready() {
            self.check_the_clock()?;
            if self.unwritten.is_some() {
                self.flush(cx)?;
            }
        }
        Ok(())
    }

    /// What a client that talks without a pause must not keep from happening; then others get their turn.
    fn end_turn(&mut self) -> Result<(), Ending> {
        self.turn = 0;
        if self.session.outbox().has_overflowed() {
            return Err(Ending::SlowConsumer);
        }
        self.check_the_clock()
    }

    /// A socket that cannot be written to any more may still hold the client's good-bye, which is then how it ended.
    async fn last_word(&mut self) -> Ending {
        let last = poll_fn(|cx| {
            loop {
                match ready!(self.wire.poll_read(cx)) {
                    Incoming::End(ending) => return Poll::Ready(ending),
                    Incoming::Text | Incoming::Binary | Incoming::Alive => {}
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

    /// Moves what waits in the outbox to the wire, or begins to collect a batch. Says whether to look again.
    fn look_into_the_outbox(&mut self) -> Result<Drained, Ending> {
        let until = match (self.unwritten.is_none(), self.session.is_open(), self.batch_due) {
            (false, ..) => Until::Overflow,
            (true, false, _) => Until::Urgent,
            (true, true, Some(_)) => Until::Pressing,
            (true, true, None) => Until::Something,
        };
        let batch = self.session.batch();
        match self.session.outbox().look(until) {
            None => Ok(Drained::Everything),
            Some(Found::Overflow) => Err(Ending::SlowConsumer),
            Some(Found::Something) if !batch.is_zero() && self.batch_due.is_none() => {
                self.batch_due = Some(Instant::now() + batch);
                Ok(Drained::More)
            }
            Some(Found::Something | Found::Urgent) => Ok(self.take_out()),
        }
    }

    fn note_progress(&mut self) {
        let progress = self.wire.progress();
        if self.unwritten.is_none_or(|(before, _)| progress != before) {
            self.unwritten = Some((progress, Instant::now()));
        }
    }

    fn take_in(&mut self, incoming: Incoming) -> Result<(), Ending> {
        match incoming {
            Incoming::Text => {
                self.heard();
                self.receive()
            }
            Incoming::Alive => {
                self.heard();
                self.session.count_sign(Moment::now()).map_err(Ending::TooMuch)?;
                // The wire may have an answer to write.
                self.unwritten.get_or_insert((self.wire.progress(), Instant::now()));
                Ok(())
            }
            Incoming::Binary => Err(Ending::Binary),
            Incoming::End(ending) => Err(ending),
        }
    }

    fn heard(&mut self) {
        self.heard = Instant::now();
        self.is_answered |= self.pings > 0;
        self.pings = 0;
        self.turn += 1;
    }

    /// Takes the frames of the message that came. It may hold thousands, so what is more than a turn waits until others
    /// have had theirs.
    fn receive(&mut self) -> Result<(), Ending> {
        let text = self.wire.text().ok_or(Ending::NotUtf8)?;
        let mut frames = Frames::of(text);
        if frames.is_done() {
            self.session.count_sign(Moment::now()).map_err(Ending::TooMuch)?;
        }
        if self.session.receive_some(&mut frames, TURN, Moment::now()).map_err(Ending::TooMuch)? {
            let rest = text.get(text.len() - frames.left()..).unwrap_or_default().to_owned();
            self.unfinished = Some(Box::new(Unfinished { text: rest, at: 0 }));
            self.turn = TURN;
        }
        self.note_batch();
        Ok(())
    }

    fn receive_more(&mut self) -> Result<(), Ending> {
        let Some(Unfinished { text, at }) = self.unfinished.as_deref_mut() else { return Ok(()) };
        let mut frames = Frames::of(text.get(*at..).unwrap_or_default());
        if self.session.receive_some(&mut frames, TURN, Moment::now()).map_err(Ending::TooMuch)? {
            *at = text.len() - frames.left();
            self.turn = TURN;
        } else {
            self.unfinished = None;
        }
        self.note_batch();
        Ok(())
    }

    /// Who no longer wants batches gets what was collected. Who asked for much work has had its turn.
    fn note_batch(&mut self) {
        if self.session.end_turn() {
            self.turn = TURN;
        }
        if self.session.batch().is_zero() {
            self.batch_due = None;
        }
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
    fn take_out(&mut self) -> Drained {
        let now = Moment::now();
        let wire = &mut self.wire;
        (self.batch_due, self.look_up_due) = (None, None);
        let drained = if self.session.batch().is_zero() {
            self.session.drain(WRITE, now, &mut |pieces| wire.frame(pieces))
        } else {
            let drained = self.session.drain(WRITE, now, &mut |pieces| wire.collect(pieces));
            wire.end_collection();
            if drained == Drained::More {
                self.batch_due = Some(Instant::now());
            }
            drained
        };
        match drained {
            // After the turn of others the outbox wakes us.
            Drained::Later(wait) if !wait.is_zero() => self.look_up_due = Some(Instant::now() + wait),
            Drained::Later(_) | Drained::More | Drained::Everything => {}
        }
        drained
    }

    fn next_check(&self) -> Instant {
        // Only the first ping may be late: an answer has its whole time.
        let silence = match self.pings {
            0 => in_step(self.heard + self.patience.ping, self.patience.ping / STEPS),
            _ => self.pinged + self.patience.pong,
        };
        match (self.unwritten, self.batch_due.or(self.look_up_due)) {
            (Some((_, since)), _) => silence.min(since + self.patience.write),
            (None, Some(due)) => silence.min(due),
            (None, None) => silence,
        }
    }

    fn check_the_clock(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        if self.unwritten.is_some_and(|(_, since)| now >= since + self.patience.write) {
            return Err(Ending::Stuck);
        }
        if self.batch_due.or(self.look_up_due).is_some_and(|due| now >= due) {
            self.write_some();
        }
        if now < self.next_check() {
            return Ok(());
        }
        if self.pings == 2 {
            return Err(Ending::Silent);
        }
        self.pings += 1;
        self.pinged = now;
        self.wire.ping();
        self.unwritten.get_or_insert((self.wire.progress(), now));
        Ok(())
    }
}

/// Silence is looked at in so many steps a ping.
const STEPS: u32 = 24;

/// The next step of a common clock. Ten thousand silent connections are then looked at together, a few hundred at a time,
/// and not each by a waking of its own.
fn in_step(moment: Instant, step: Duration) -> Instant {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let step = step.as_nanos().max(1);
    let late = moment.saturating_duration_since(*START).as_nanos() % step;
    moment + Duration::from_nanos(u64::try_from(step - late).unwrap_or(0))
}
