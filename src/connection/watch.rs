//! What a connection waits for beside its wire and its outbox: the sign to end, the clock, and its next turn.

use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::ending::Ending;
use crate::access::{Connected, Standing};
use crate::bell::Bell;

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

/// What may end a connection from outside: one sign, and where to look for its reason.
#[derive(Debug)]
pub(crate) struct Signs {
    /// The end of this connection. It comes with the end of the hub, too.
    ended: CancellationToken,
    /// The end of the hub.
    drain: CancellationToken,
    /// How the account stands that it rests on.
    standing: Option<Connected>,
}

impl Signs {
    /// For a connection that rests on a sign-in. Its sign must be a child of `drain`.
    pub(crate) fn with(drain: &CancellationToken, signed_in: Option<(CancellationToken, Connected)>) -> Self {
        let (ended, standing) = signed_in.unzip();
        Self { ended: ended.unwrap_or_else(|| drain.clone()), drain: drain.clone(), standing }
    }

    /// The one sign to wait for.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// The end of the connection, and what it takes to know why that was.
    pub(super) fn apart(self) -> (CancellationToken, Background) {
        (self.ended, Background { drain: self.drain, standing: self.standing })
    }

    /// Why it was given.
    pub(crate) fn reason(&self) -> Ending {
        why(&self.drain, self.standing.as_deref())
    }
}

/// What a connection rests on.
#[derive(Debug)]
pub(super) struct Background {
    /// The end of the hub.
    pub(super) drain: CancellationToken,
    /// How the account stands.
    pub(super) standing: Option<Connected>,
}

impl Background {
    /// Why the sign was given that ends the connection.
    pub(super) fn ending(&self) -> Ending {
        why(&self.drain, self.standing.as_deref())
    }
}

/// Why a connection was ended from outside.
fn why(drain: &CancellationToken, standing: Option<&Standing>) -> Ending {
    match standing {
        _ if drain.is_cancelled() => Ending::ShuttingDown,
        Some(standing) if standing.has_ended() => Ending::AccountChanged,
        _ => Ending::SignedOut,
    }
}

/// These are looked at only when their bell has rung: mostly
/// a connection is woken to write, and that should touch nothing else.
pub(super) struct Watch<'w, 's> {
    bell: Bell,
    /// The task that the bell wakes.
    task: Waker,
    ended: Pin<&'w mut WaitForCancellationFuture<'s>>,
    clock: Pin<&'w mut Sleep>,
}

impl<'w, 's> Watch<'w, 's> {
    pub(super) fn new(
        ended: Pin<&'w mut WaitForCancellationFuture<'s>>,
        clock: Pin<&'w mut Sleep>,
        background: &Background,
    ) -> Self {
        let bell = Bell::new();
        if let Some(standing) = &background.standing {
            standing.rings(&bell);
        }
        Self { bell, task: Waker::noop().clone(), ended, clock }
    }

    /// Has the bell wake this task. Says whether that is another one than before.
    pub(super) fn is_of_another_task(&mut self, task: &Waker) -> bool {
        let is_another = !self.task.will_wake(task);
        if is_another {
            self.task.clone_from(task);
            self.bell.wakes(task);
        }
        is_another
    }

    /// Whether one of them has rung since this was asked last.
    pub(super) fn has_rung(&self) -> bool {
        self.bell.has_rung()
    }

    /// Whether the sign was given.
    pub(super) fn is_the_end(&mut self) -> bool {
        self.ended.as_mut().poll(&mut self.bell.context()).is_ready()
    }

    /// Has the bell ring when the others have had their turn.
    ///
    /// A task that wakes itself is run again before the runtime looks at the sockets, up to 61 times. What `yield_now`
    /// hands to the scheduler is woken only after it has run out of ready tasks, or has run 61 of them, and has looked. By
    /// way of the bell, so that a waking for another reason does not begin the next turn before.
    pub(super) fn ring_after_the_others(&self) {
        let others = std::pin::pin!(tokio::task::yield_now());
        if others.poll(&mut self.bell.context()).is_ready() {
            self.bell.context().waker().wake_by_ref();
        }
    }

    /// Has the clock ring no sooner than `due`, where it was set for an answer that has come. This only leaves a note for
    /// the timer, which is less than to be woken for nothing.
    pub(super) fn put_off(&mut self, due: Instant) {
        if due > self.clock.deadline() {
            self.clock.as_mut().reset(due);
        }
    }

    /// Has the clock ring at `due` at the latest. When it rings early, as a check was put off, it is set again.
    pub(super) fn set_clock(&mut self, due: Instant) -> Poll<()> {
        if due < self.clock.deadline() || self.clock.is_elapsed() {
            self.clock.as_mut().reset(due);
        }
        self.clock.as_mut().poll(&mut self.bell.context())
    }
}
