//! How the hub stops, in one place: the first signal drains, the second ends the waiting, and nothing runs that the end
//! would not wait for.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The stop sign and the list of all that runs. Clones are the same thing.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    tasks: TaskTracker,
}

/// How the end went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everybody had left before the deadline.
    Drained,
    /// The deadline or a second signal came before this many tasks were done.
    CutOff(usize),
}

impl Shutdown {
    /// Runs a task that the end waits for. The only place where tasks are spawned.
    #[expect(clippy::disallowed_methods, reason = "this is the one spawner")]
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.tasks.track_future(task));
    }

    /// The sign to finish what was begun and take nothing new.
    pub fn drain(&self) -> &CancellationToken {
        &self.drain
    }

    /// Gives the sign to finish, and waits for all tasks until the deadline or `hurry`. What is left then is cut off when
    /// the runtime is dropped.
    pub async fn finish(&self, deadline: Duration, hurry: impl Future<Output = ()>) -> Ended {
        self.drain.cancel();
        self.tasks.close();
        let all_done = timeout(deadline, self.tasks.wait());
        let in_time = tokio::select! {
            done = all_done => done.is_ok(),
            () = hurry => false,
        };
        if in_time { Ended::Drained } else { Ended::CutOff(self.tasks.len()) }
    }
}

/// Waits for SIGINT or SIGTERM, any number of times.
#[derive(Debug)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on the two signals no longer end the process by themselves.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The next signal. May be cancelled; none is lost.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test(start_paused = true)]
    async fn tasks_that_heed_the_sign_are_waited_for() {
        let shutdown = Shutdown::default();
        let drain = shutdown.drain().clone();
        shutdown.spawn(async move {
            drain.cancelled().await;
            tokio::time::sleep(Duration::from_secs(3)).await;
        });
        assert_eq!(shutdown.finish(Duration::from_secs(5), pending()).await, Ended::Drained);
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_that_do_not_are_cut_off_at_the_deadline_or_by_a_second_signal() {
        for hurry in [Duration::from_secs(1), Duration::from_mins(1)] {
            let shutdown = Shutdown::default();
            shutdown.spawn(pending());
            let ended = shutdown.finish(Duration::from_secs(5), tokio::time::sleep(hurry)).await;
            assert_eq!(ended, Ended::CutOff(1));
        }
    }
}
