//! Who drives a connection: its own task alone; or, where several threads serve sockets, also a thread that has just put something into
//! its outbox. To write it there costs what the write costs. To wake the thread of the task for it costs several times as much.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ending::Ending;
use super::pump::Connection;
use super::watch::Watch;
use super::wire::Wire;
use crate::crew::{Task, are_several};

/// A connection.
#[expect(clippy::large_enum_variant, reason = "the large one is the usual one, and stands in a task")]
pub(super) enum Held<W> {
    /// Only its task has it.
    Alone(Connection<W>),
    /// Other threads may write for it.
    Shared(Arc<Shared<W>>),
}

/// A connection that several threads have. Whoever finds that another one has it at present leaves it: only its task waits.
pub(super) struct Shared<W> {
    /// There until its end.
    connection: Mutex<Option<Connection<W>>>,
    ended: CancellationToken,
}

impl<W: Wire + Send + 'static> Held<W> {
    pub(super) fn new(connection: Connection<W>, ended: &CancellationToken) -> Self {
        if are_several() {
            Self::Shared(Arc::new(Shared { connection: Mutex::new(Some(connection)), ended: ended.clone() }))
        } else {
            Self::Alone(connection)
        }
    }

    pub(super) async fn until_the_end(&mut self, ended: &CancellationToken) -> Ending {
        match self {
            Self::Alone(connection) => connection.until_the_end(ended).await,
            Self::Shared(shared) => Box::pin(shared.until_the_end()).await,
        }
    }

    /// The connection, for its end.
    pub(super) fn into_connection(self) -> Option<Connection<W>> {
        match self {
            Self::Alone(connection) => Some(connection),
            Self::Shared(shared) => shared.connection.lock().take(),
        }
    }
}

impl<W: Wire + Send> Connection<W> {
    async fn until_the_end(&mut self, ended: &CancellationToken) -> Ending {
        let (ended, clock) = (ended.cancelled(), sleep_until(self.next_check()));
        let ended = std::pin::pin!(ended);
        let clock = std::pin::pin!(clock);
        let mut watch = Watch::new(ended, clock, self.session.background());
        poll_fn(|cx| self.poll(&mut watch, None, cx)).await
    }
}

impl<W: Wire + Send + 'static> Shared<W> {
    async fn until_the_end(self: &Arc<Self>) -> Ending {
        let aside: Weak<Self> = Arc::downgrade(self);
        let aside: Weak<dyn Task> = aside;
        let (ended, clock) = (self.ended.cancelled(), sleep_until(Instant::now()));
        let ended = std::pin::pin!(ended);
        let clock = std::pin::pin!(clock);
        let mut watch = {
            let connection = self.connection.lock();
            let Some(connection) = connection.as_ref() else { return Ending::Vanished };
            Watch::new(ended, clock, connection.session.background())
        };
        poll_fn(|cx| {
            let mut connection = self.connection.lock();
            let Some(connection) = connection.as_mut() else { return Poll::Ready(Ending::Vanished) };
            connection.poll(&mut watch, Some(&aside), cx)
        })
        .await
    }
}

impl<W: Wire + Send> Task for Shared<W> {
    fn run_aside(&self, task: &Waker) -> bool {
        let Some(mut held) = self.connection.try_lock() else { return false };
        let Some(connection) = held.as_mut().filter(|_| !self.ended.is_cancelled()) else { return false };
        // What would end the task of this connection must not end the thread of another one.
        catch_unwind(AssertUnwindSafe(|| connection.give_out_aside(task))).unwrap_or_else(|_| {
            let broken = held.take();
            drop(held);
            drop(broken);
            false
        })
    }
}

#[cfg(test)]
mod tests;
