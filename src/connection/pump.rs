//! What a connection does when it is woken: it takes what came, and gives out what waits, a turn at the most.

use std::future::poll_fn;
use std::sync::Weak;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::ending::Ending;
use super::heartbeat::{Beat, Heartbeat, Span};
use super::last::WRITE;
use super::stay::Stay;
use super::turn::Turn;
use super::unfinished::{Unfinished, take_frames};
use super::watch::{Patience, Watch};
use super::wire::{Incoming, Wire};
use super::writing::Writing;
use crate::crew::{Task, waker};
use crate::hub::{Drained, Found, Until};
use crate::moment::Moment;
use crate::talk::Frames;

/// A change of a connection's memory is reported from this size on.
const TOLD: usize = 2048;

/// How long what a client said before its socket broke may take to arrive.
const LAST_WORD: Duration = Duration::from_millis(100);

/// A wire and a session.
pub(super) struct Connection<W> {
    pub(super) wire: W,
    pub(super) session: Stay,
    heartbeat: Heartbeat,
    writing: Writing,
    /// How long a write may make no progress.
    pub(super) write_patience: Span,
    /// When the outbox is to be looked at, although nothing comes: a batch is to be sent, or the client may have more last
    /// values looked up.
    due: Option<Instant>,
    /// Whether that is for a batch.
    collects: bool,
    /// Whether it is the others' turn.
    pauses: bool,
    /// Whether its task has found an end.
    is_over: bool,
    /// What is left of a message with more frames than one turn takes.
    unfinished: Option<Box<Unfinished>>,
    /// The memory that was last reported to the session.
    told: usize,
}

impl<W: Wire> Connection<W> {
    pub(super) fn new(wire: W, session: Stay, patience: Patience) -> Self {
        Self {
            wire,
            session,
            heartbeat: Heartbeat::new(patience.ping, patience.pong, Instant::now()),
            writing: Writing::Idle,
            write_patience: patience.write.into(),
            due: None,
            collects: false,
            pauses: false,
            is_over: false,
            unfinished: None,
            told: 0,
        }
    }

    /// What its task does whenever it is woken. `aside` may write for it from other threads.
    pub(super) fn poll(
        &mut self,
        watch: &mut Watch<'_, '_>,
        aside: Option<&Weak<dyn Task>>,
        cx: &mut Context<'_>,
    ) -> Poll<Ending> {
        if watch.is_of_another_task(cx.waker()) {
            self.wire.wakes(cx.waker());
            // Publishers are on all threads; everything else that wakes it is on its own, or seldom.
            self.session.outbox().wakes(&waker(cx.waker(), aside.cloned()));
        }
        match self.go_on(watch, cx) {
            Ok(()) => Poll::Pending,
            Err(ending) => {
                self.is_over = true;
                Poll::Ready(ending)
            }
        }
    }

    /// Writes what waits in the outbox, on a thread that put it there. Says whether all is as it was before: nothing waits any more,
    /// and no clock is to be set. What went wrong the task finds, too.
    pub(super) fn give_out_aside(&mut self, task: &Waker) -> bool {
        if self.is_over
            || self.pauses
            || !self.writing.is_idle()
            || self.due.is_some()
            || self.session.has_changed()
            // What woke it may be for what the client has asked, and not for what waits.
            || self.unfinished.is_some()
            || self.session.awaits()
        {
            return false;
        }
        let mut turn = Turn::default();
        let given = self.give_out_a_turn(&mut turn, &mut Context::from_waker(task));
        given.is_ok() && self.writing.is_idle() && self.due.is_none() && !turn.is_over()
    }

    /// Does what can be done now, a turn at the most. Writing comes first, so that a free socket is never kept waiting by
    /// a client that talks without a pause.
    fn go_on(&mut self, watch: &mut Watch<'_, '_>, cx: &mut Context<'_>) -> Result<(), Ending> {
        let has_rung = watch.has_rung();
        if has_rung && watch.is_the_end() {
            return Err(self.session.ending());
        }
        // Before anything more is taken from the client, or sent to it.
        if has_rung && self.session.has_changed() {
            self.session.look_at_the_account()?;
        }
        if self.pauses && !has_rung {
            return Ok(());
        }
        let mut turn = Turn::default();
        if !self.writing.is_idle() {
            self.flush(&mut turn, cx)?;
        }
        let was_answered = self.take_in_a_turn(&mut turn, cx)?;
        self.give_out_a_turn(&mut turn, cx)?;
        self.tell_what_is_held();
        self.pauses = turn.is_over();
        if self.pauses {
            watch.ring_after_the_others();
        }
        // Silence only puts off what the clock was set for.
        if has_rung || !self.writing.is_idle() || self.due.is_some() {
            self.look_at_the_clock(watch, &mut turn, cx)?;
        } else if was_answered {
            watch.put_off(self.next_check());
        }
        Ok(())
    }

    /// Reads and takes what the client says. Says whether a ping was answered.
    fn take_in_a_turn(&mut self, turn: &mut Turn, cx: &mut Context<'_>) -> Result<bool, Ending> {
        let mut was_answered = false;
        while !turn.has_taken_enough() && !self.session.awaits() {
            if self.unfinished.is_some() {
                self.receive_more(turn)?;
                continue;
            }
            let Poll::Ready(incoming) = self.wire.poll_read(cx) else { break };
            was_answered |= self.take_in(incoming, turn)?;
            if self.writing == Writing::Wanted {
                self.flush(turn, cx)?;
            }
        }
        Ok(was_answered)
    }

    /// Moves what waits in the outbox to the wire, and writes it.
    fn give_out_a_turn(&mut self, turn: &mut Turn, cx: &mut Context<'_>) -> Result<(), Ending> {
        let was_held_back = self.wire.is_held_back();
        self.give_out(turn, cx)?;
        if was_held_back && !self.wire.is_held_back() {
            // Nothing was read so far, and no socket wakes it for that.
            turn.give_up();
        }
        Ok(())
    }

    fn give_out(&mut self, turn: &mut Turn, cx: &mut Context<'_>) -> Result<(), Ending> {
        self.wire.go_on(&self.session);
        while !turn.has_written_enough() {
            let looked = self.look_into_the_outbox()?;
            if self.writing == Writing::Wanted || (self.writing.is_idle() && self.wire.waiting() > 0) {
                self.flush(turn, cx)?;
            }
            match looked {
                Drained::More => {}
                // The store wakes only who is asleep: what it has had since the look above.
                Drained::Everything if self.wire.go_on(&self.session) => {}
                Drained::Everything => break,
                Drained::Later(wait) => {
                    if wait.is_zero() {
                        turn.give_up();
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    fn look_at_the_clock(
        &mut self,
        watch: &mut Watch<'_, '_>,
        turn: &mut Turn,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        while watch.set_clock(self.next_check()).is_ready() {
            self.check_the_clock()?;
            if !self.writing.is_idle() {
                self.flush(turn, cx)?;
            }
        }
        Ok(())
    }

    /// Reports the memory of this connection, and lets the hub end the connections that hold too much.
    fn tell_what_is_held(&mut self) {
        let held = self.wire.held() + self.unfinished.as_ref().map_or(0, |rest| rest.text.capacity());
        if held.abs_diff(self.told) >= TOLD {
            self.told = held;
            self.session.holds(held);
        }
        self.session.relieve();
    }

    /// The queue was given up: by itself, or because the memory of the hub was used up.
    fn given_up(&self) -> Ending {
        match self.session.outbox().was_cut_off() {
            Some(held) => Ending::CutOff { held },
            None => Ending::SlowConsumer,
        }
    }

    /// A socket that cannot be written to any more may still hold the client's good-bye, which is then how it ended.
    pub(super) async fn last_word(&mut self) -> Ending {
        let last = poll_fn(|cx| {
            self.wire.wakes(cx.waker());
            loop {
                match ready!(self.wire.poll_read(cx)) {
                    Incoming::End(ending) => return Poll::Ready(ending),
                    Incoming::Text
                    | Incoming::Binary
                    | Incoming::Packet(_)
                    | Incoming::Aside
                    | Incoming::Alive
                    | Incoming::Part(_) => {}
                }
            }
        });
        match tokio::time::timeout(LAST_WORD, last).await {
            Ok(Ending::Farewell) => Ending::Farewell,
            Ok(_) | Err(_) => Ending::Vanished,
        }
    }

    /// Writes what the socket takes, and notes whether that was all.
    fn flush(&mut self, turn: &mut Turn, cx: &mut Context<'_>) -> Result<(), Ending> {
        let before = self.wire.progress();
        let flushed = self.wire.poll_flush(cx);
        let progress = self.wire.progress();
        turn.wrote(usize::try_from(progress - before).unwrap_or(usize::MAX));
        match flushed {
            Poll::Ready(flushed) => {
                flushed?;
                self.writing = Writing::Idle;
            }
            Poll::Pending => self.writing.block(progress, Instant::now()),
        }
        Ok(())
    }

    /// Moves what waits in the outbox to the wire, or begins to collect a batch. Says whether to look again.
    fn look_into_the_outbox(&mut self) -> Result<Drained, Ending> {
        let until =
            match (self.writing.is_idle() && self.wire.has_room(), self.session.is_open(), self.collects) {
                (false, ..) => Until::Overflow,
                (true, false, _) => Until::Urgent,
                (true, true, true) => Until::Pressing,
                (true, true, false) => Until::Something,
            };
        let batch = self.session.batch();
        match self.session.outbox().look(until) {
            None => Ok(Drained::Everything),
            Some(Found::Overflow) => Err(self.given_up()),
            Some(Found::Something) if !batch.is_zero() && !self.collects => {
                (self.due, self.collects) = (Some(Instant::now() + batch), true);
                Ok(Drained::More)
            }
            Some(Found::Something | Found::Urgent) => Ok(self.take_out()),
        }
    }

    /// Takes one thing that came. Says whether a ping was waiting for it.
    fn take_in(&mut self, incoming: Incoming, turn: &mut Turn) -> Result<bool, Ending> {
        match incoming {
            Incoming::Text => self.receive(turn)?,
            Incoming::Alive => {
                turn.took(0);
                self.session.count_sign(Moment::now()).map_err(Ending::TooMuch)?;
                self.writing.want();
            }
            Incoming::Aside => {
                turn.took(0);
                self.session.count_sign(Moment::now()).map_err(Ending::TooMuch)?;
                self.writing.want();
                return Ok(false);
            }
            Incoming::Packet(bytes) => {
                turn.took(bytes);
                self.wire.receive(&mut self.session, Moment::now())?;
                if self.session.end_turn() {
                    turn.give_up();
                }
            }
            Incoming::Part(bytes) => turn.read(bytes),
            Incoming::Binary => return Err(Ending::Binary),
            Incoming::End(ending) => return Err(ending),
        }
        Ok(self.heartbeat.heard(Instant::now()))
    }

    /// Takes the frames of the message that came. It may hold thousands, so what is more than a turn waits until others
    /// have had theirs.
    fn receive(&mut self, turn: &mut Turn) -> Result<(), Ending> {
        let text = self.wire.text().ok_or(Ending::NotUtf8)?;
        let mut frames = Frames::of(text);
        if frames.is_done() {
            turn.took(text.len());
            self.session.count_sign(Moment::now()).map_err(Ending::TooMuch)?;
        } else if take_frames(&mut self.session, &mut frames, turn)? == Drained::More {
            let rest = text.get(text.len() - frames.left()..).unwrap_or_default().to_owned();
            self.unfinished = Some(Box::new(Unfinished { text: rest, at: 0 }));
        }
        self.note_what_was_asked();
        Ok(())
    }

    fn receive_more(&mut self, turn: &mut Turn) -> Result<(), Ending> {
        let Some(Unfinished { text, at }) = self.unfinished.as_deref_mut() else { return Ok(()) };
        let mut frames = Frames::of(text.get(*at..).unwrap_or_default());
        if take_frames(&mut self.session, &mut frames, turn)? == Drained::More {
            *at = text.len() - frames.left();
        } else {
            self.unfinished = None;
        }
        self.note_what_was_asked();
        Ok(())
    }

    /// Who no longer wants batches gets what was collected.
    fn note_what_was_asked(&mut self) {
        if self.session.batch().is_zero() && std::mem::take(&mut self.collects) {
            self.due = None;
        }
    }

    /// Moves what waits in the outbox to the wire.
    fn take_out(&mut self) -> Drained {
        let now = Moment::now();
        let wire = &mut self.wire;
        (self.due, self.collects) = (None, false);
        let drained = if self.session.batch().is_zero() {
            wire.give(&mut self.session, WRITE, now)
        } else {
            let drained = self.session.drain(WRITE, now, &mut |pieces| wire.collect(pieces));
            wire.end_collection();
            drained
        };
        match drained {
            Drained::More if !self.session.batch().is_zero() => {
                (self.due, self.collects) = (Some(Instant::now()), true);
            }
            Drained::Later(wait) if !wait.is_zero() => self.due = Some(Instant::now() + wait),
            Drained::Later(_) | Drained::More | Drained::Everything => {}
        }
        drained
    }

    /// When the clock is to be looked at, if nothing happens until then.
    pub(super) fn next_check(&self) -> Instant {
        let silence = self.heartbeat.due();
        match (self.writing.stuck_at(self.write_patience.into()), self.due) {
            (Some(stuck), _) => silence.min(stuck),
            (None, Some(due)) => silence.min(due),
            (None, None) => silence,
        }
    }

    fn check_the_clock(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        if self.writing.stuck_at(self.write_patience.into()).is_some_and(|stuck| now >= stuck) {
            return Err(Ending::Stuck);
        }
        if self.writing.is_idle() && self.due.is_some_and(|due| now >= due) {
            self.take_out();
            self.writing.want();
        }
        match self.heartbeat.check(now) {
            Beat::Wait => {}
            Beat::Gone => return Err(Ending::Silent),
            Beat::Ping => {
                // Before the look: what is said after it is not meant.
                let now = Moment::now();
                if self.session.outbox().is_empty() {
                    self.wire.has_everything(now);
                }
                self.wire.ping();
                self.writing.want();
            }
        }
        Ok(())
    }
}
