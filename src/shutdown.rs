//! How the hub stops, in one place. The end has an order: doors close, clients go, links carry to their brokers what that
//! led to, and what is stored is stored. The first signal begins it, a second one cuts it off, a third one even the store. Nothing runs that the end
//! would not wait for.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// The parts of the end, in their order. Each begins when all tasks of those before it are done, or cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Listeners: no new connection is accepted.
    Doors,
    /// Sessions of clients: their queues are sent, and nodes become `offline`.
    Clients,
    /// The links to other systems: they hear all that and pass it on.
    Links,
    /// Tasks that write last values to disk.
    Store,
}

impl Stage {
    /// How many there are.
    const COUNT: usize = 4;
    /// All that the store waits for, in their order.
    const BEFORE_STORE: [Self; 3] = [Self::Doors, Self::Clients, Self::Links];
}

/// How long what is stored may take, in addition to the deadline of all others. It is the one stage that is worth a wait:
/// a disk can stand still for seconds.
const STORING: Duration = Duration::from_secs(10);

/// Each later stage that has something to do is left this part of the time, however long those before it take.
const KEPT_FOR_EACH: u32 = 5;

/// The list of tasks keeps room for so many.
const KEPT: usize = 64;

/// How long a task that is cut off may take to fall apart. It does so at its next `await`.
const FALLING_APART: Duration = Duration::from_millis(200);

/// The stop signs and the list of all that runs. Clones are the same thing.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    parts: Arc<[Part; Stage::COUNT]>,
}

/// How the end went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everybody had left before the deadline.
    Drained,
    /// The deadline or a second signal came before this many tasks were done.
    CutOff(usize),
}

/// What belongs to one stage.
#[derive(Debug, Default)]
struct Part {
    sign: CancellationToken,
    tasks: Arc<Tasks>,
}

/// Tasks that run, and the way to cut each of them off.
#[derive(Debug, Default)]
struct Tasks {
    /// By a number that no other task ever had. A task has its place before it has a handle.
    running: Mutex<HashMap<u64, Option<AbortHandle>, RandomState>>,
    /// How many there were.
    spawned: AtomicU64,
    /// Told when the last one is done.
    all_done: Notify,
}

/// The place of one task. The task owns it, so it is free when the task is done, however it ended.
struct Place {
    tasks: Arc<Tasks>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.tasks.running.lock();
        running.remove(&self.number);
        if running.capacity() / 4 > running.len().max(KEPT) {
            let room = 2 * running.len();
            running.shrink_to(room);
        }
        if running.is_empty() {
            self.tasks.all_done.notify_waiters();
        }
    }
}

impl Tasks {
    #[expect(clippy::disallowed_methods, reason = "this is the one spawner")]
    fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let number = self.spawned.fetch_add(1, Ordering::Relaxed);
        self.running.lock().insert(number, None);
        let place = Place { tasks: Arc::clone(self), number };
        // Not in an `async` block, which would hold the task twice: as what it was given, and as what it waits for.
        let task = tokio::spawn(task.map(move |()| drop(place)));
        // It may be done already, and then it has no place any more.
        if let Some(handle) = self.running.lock().get_mut(&number) {
            *handle = Some(task.abort_handle());
        }
    }

    fn len(&self) -> usize {
        self.running.lock().len()
    }

    /// Waits until none runs.
    async fn wait(&self) {
        loop {
            let all_done = self.all_done.notified();
            if self.len() == 0 {
                return;
            }
            all_done.await;
        }
    }

    /// Ends those that are left, so that they let go of what they hold: a session that is dropped leaves the hub as one
    /// should. Says how many they were.
    async fn cut_off(&self) -> usize {
        let left: Vec<_> = self.running.lock().values().flatten().cloned().collect();
        for handle in &left {
            handle.abort();
        }
        let _ = timeout(FALLING_APART, self.wait()).await;
        left.len()
    }
}

impl Shutdown {
    /// Runs a task that belongs to the clients.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_in(Stage::Clients, task);
    }

    /// As [`spawn`](Self::spawn). What is held is dropped after the task.
    pub fn spawn_with(&self, held: impl Send + 'static, task: impl Future<Output = ()> + Send + 'static) {
        // Not in an `async` block, which would hold the task twice.
        self.spawn(task.map(move |()| drop(held)));
    }

    /// Runs a task that the end waits for, in its stage. With [`spawn`](Self::spawn) the only place where tasks are
    /// spawned.
    pub fn spawn_in(&self, stage: Stage, task: impl Future<Output = ()> + Send + 'static) {
        self.part(stage).tasks.spawn(task);
    }

    /// The sign to clients to finish what was begun and take nothing new.
    pub fn drain(&self) -> &CancellationToken {
        self.sign(Stage::Clients)
    }

    /// The sign to those of a stage that their end has begun.
    pub fn sign(&self, stage: Stage) -> &CancellationToken {
        &self.part(stage).sign
    }

    fn part(&self, stage: Stage) -> &Part {
        let [doors, clients, links, store] = &*self.parts;
        match stage {
            Stage::Doors => doors,
            Stage::Clients => clients,
            Stage::Links => links,
            Stage::Store => store,
        }
    }

    /// Goes through the stages: gives each its sign, waits for its tasks, and cuts off those that take too long. Those before
    /// the store take no longer than `deadline` together, and a part of that is kept for each later one. `hurry` cuts them
    /// off at once. The store comes when they are gone, and has a time of its own, which a second `hurry` ends, and never the
    /// first one: it was meant for those who are gone.
    pub async fn finish(&self, deadline: Duration, mut hurry: impl AsyncFnMut()) -> Ended {
        let (mut cut_off, mut is_hurried) = tokio::select! {
            cut_off = self.in_order(deadline) => (cut_off, false),
            () = hurry() => (self.at_once().await, true),
        };
        let Part { sign, tasks } = self.part(Stage::Store);
        sign.cancel();
        let end = Instant::now() + STORING;
        loop {
            let is_last = tokio::select! {
                () = tasks.wait() => break,
                () = tokio::time::sleep_until(end) => true,
                () = hurry() => std::mem::replace(&mut is_hurried, true),
            };
            if is_last {
                cut_off += tasks.len();
                break;
            }
        }
        if cut_off == 0 { Ended::Drained } else { Ended::CutOff(cut_off) }
    }

    /// Cuts off everybody but the store, so that a session that is left leaves the hub, and the store hears of it. Says how
    /// many they were.
    async fn at_once(&self) -> usize {
        let mut cut_off = 0;
        for stage in Stage::BEFORE_STORE {
            let Part { sign, tasks } = self.part(stage);
            sign.cancel();
            cut_off += tasks.cut_off().await;
        }
        cut_off
    }

    async fn in_order(&self, deadline: Duration) -> usize {
        let end = Instant::now() + deadline;
        let mut cut_off = 0;
        for stage in Stage::BEFORE_STORE {
            let Part { sign, tasks } = self.part(stage);
            let has_work = |later: &Stage| *later > stage && self.part(*later).tasks.len() > 0;
            let later = Stage::BEFORE_STORE.iter().filter(|later| has_work(later)).count();
            let kept = deadline / KEPT_FOR_EACH * u32::try_from(later).unwrap_or(0);
            sign.cancel();
            if timeout_at(end - kept, tasks.wait()).await.is_err() {
                cut_off += tasks.cut_off().await;
            }
        }
        cut_off
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
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn tasks_that_heed_the_sign_are_waited_for() {
        let shutdown = Shutdown::default();
        let drain = shutdown.drain().clone();
        shutdown.spawn(async move {
            drain.cancelled().await;
            sleep(Duration::from_secs(3)).await;
        });
        assert_eq!(shutdown.finish(Duration::from_secs(5), async || pending().await).await, Ended::Drained);
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_that_do_not_are_cut_off_at_the_deadline_or_by_a_second_signal() {
        for hurry in [Duration::from_secs(1), Duration::from_mins(1)] {
            let shutdown = Shutdown::default();
            shutdown.spawn(pending());
            let ended = shutdown.finish(Duration::from_secs(5), async || sleep(hurry).await).await;
            assert_eq!(ended, Ended::CutOff(1));
        }
    }

    type Log = Arc<Mutex<Vec<(Stage, &'static str, u64)>>>;

    /// A task of a stage that takes so many seconds to end, and writes down when it was told to and when it was gone.
    fn log_of(shutdown: &Shutdown, tasks: &[(Stage, u64)]) -> Log {
        struct Gone(Box<dyn Fn(&'static str) + Send>);
        impl Drop for Gone {
            fn drop(&mut self) {
                (self.0)("gone");
            }
        }
        let (log, began) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
        for (stage, seconds) in tasks.iter().copied() {
            let (sign, log) = (shutdown.sign(stage).clone(), Arc::clone(&log));
            let note = move |what| log.lock().push((stage, what, began.elapsed().as_secs()));
            shutdown.spawn_in(stage, async move {
                let gone = Gone(Box::new(note));
                sign.cancelled().await;
                (gone.0)("told");
                sleep(Duration::from_secs(seconds)).await;
            });
        }
        log
    }

    #[tokio::test(start_paused = true)]
    async fn each_stage_is_told_when_all_before_it_are_gone() {
        let shutdown = Shutdown::default();
        let tasks = [(Stage::Store, 1), (Stage::Links, 2), (Stage::Clients, 3), (Stage::Doors, 0)];
        let log = log_of(&shutdown, &tasks);
        assert_eq!(shutdown.finish(Duration::from_mins(1), async || pending().await).await, Ended::Drained);
        let expected = [
            (Stage::Doors, "told", 0),
            (Stage::Doors, "gone", 0),
            (Stage::Clients, "told", 0),
            (Stage::Clients, "gone", 3),
            (Stage::Links, "told", 3),
            (Stage::Links, "gone", 5),
            (Stage::Store, "told", 5),
            (Stage::Store, "gone", 6),
        ];
        assert_eq!(*log.lock(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stage_that_takes_too_long_is_cut_off_and_later_ones_have_their_time() {
        let shutdown = Shutdown::default();
        let log = log_of(&shutdown, &[(Stage::Clients, 1000), (Stage::Clients, 1), (Stage::Links, 3)]);
        assert_eq!(
            shutdown.finish(Duration::from_secs(20), async || pending().await).await,
            Ended::CutOff(1)
        );
        let expected = [
            (Stage::Clients, "told", 0),
            (Stage::Clients, "told", 0),
            (Stage::Clients, "gone", 1),
            (Stage::Clients, "gone", 16),
            (Stage::Links, "told", 16),
            (Stage::Links, "gone", 19),
        ];
        assert_eq!(*log.lock(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn with_no_time_at_all_everybody_is_cut_off_in_order() {
        let shutdown = Shutdown::default();
        let log = log_of(&shutdown, &[(Stage::Links, 5), (Stage::Clients, 5)]);
        tokio::task::yield_now().await;
        assert_eq!(shutdown.finish(Duration::ZERO, async || pending().await).await, Ended::CutOff(2));
        let gone: Vec<_> =
            log.lock().iter().filter(|(_, what, _)| *what == "gone").map(|(stage, ..)| *stage).collect();
        assert_eq!(gone, [Stage::Clients, Stage::Links]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_store_has_a_time_of_its_own_however_the_others_ended() {
        for (deadline, hurry) in [(0, 1000), (100, 3), (1000, 1)] {
            let shutdown = Shutdown::default();
            let log = log_of(&shutdown, &[(Stage::Clients, 1000), (Stage::Store, 9)]);
            tokio::task::yield_now().await;
            let ended = shutdown
                .finish(Duration::from_secs(deadline), async || sleep(Duration::from_secs(hurry)).await)
                .await;
            // Told when the client was cut off, by the deadline or the first signal. A second one ends it sooner than it would.
            let told = deadline.min(hurry);
            assert!(log.lock().contains(&(Stage::Clients, "gone", told)), "{:?}", log.lock());
            assert!(log.lock().contains(&(Stage::Store, "told", told)), "{:?}", log.lock());
            let is_stored = log.lock().contains(&(Stage::Store, "gone", told + 9));
            assert_eq!((is_stored, ended), (hurry > 9, Ended::CutOff(if hurry > 9 { 1 } else { 2 })));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_that_comes_while_the_store_writes_does_not_end_it_and_a_third_one_does() {
        for (hurry, expected) in [(5, Ended::Drained), (4, Ended::CutOff(1))] {
            let shutdown = Shutdown::default();
            let _log = log_of(&shutdown, &[(Stage::Clients, 1), (Stage::Store, 9)]);
            tokio::task::yield_now().await;
            // The first span is over while the client, which takes a second, is gone and the store writes.
            let ended = shutdown
                .finish(Duration::from_secs(100), async || sleep(Duration::from_secs(hurry)).await)
                .await;
            assert_eq!(ended, expected, "{hurry}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_list_of_what_runs_does_not_grow_with_what_has_run() {
        let shutdown = Shutdown::default();
        for _ in 0..10_000 {
            shutdown.spawn(async {});
            shutdown.spawn(tokio::task::yield_now());
        }
        shutdown.part(Stage::Clients).tasks.wait().await;
        assert_eq!(shutdown.part(Stage::Clients).tasks.len(), 0);
        shutdown.spawn(pending());
        assert_eq!(shutdown.finish(Duration::ZERO, async || pending().await).await, Ended::CutOff(1));
    }
}
