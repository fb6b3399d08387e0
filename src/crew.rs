//! The threads that serve sockets. Each has a runtime of its own: a connection begins on one, lives there, and ends there, and
//! nothing is taken over by another thread. The first is the thread that the hub was started on, which does everything else, too.
//!
//! How a task of another thread is woken is in [`letters`].

mod letters;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

use self::letters::Letters;
pub(crate) use self::letters::{Task, are_several, waker};

/// Threads for what would block, for each thread that serves sockets.
pub const BLOCKING_THREADS: usize = 8;

/// The threads. Clones are the same.
#[derive(Debug, Clone)]
pub struct Crew {
    members: Arc<[Member]>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Member {
    runtime: Handle,
    /// How many connections it has.
    connections: Arc<AtomicUsize>,
}

/// A connection that a thread has. Dropping it says that it is gone.
#[derive(Debug)]
pub(crate) struct Aboard(Arc<AtomicUsize>);

impl Drop for Aboard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A runtime for one thread.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().max_blocking_threads(BLOCKING_THREADS).enable_all().build()
}

impl Crew {
    /// So many threads, of which this one is the first: it has to be in its runtime. The others end with
    /// [`dismiss`](Self::dismiss).
    pub fn of(count: usize) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let first = Handle::current();
        if count > 1 {
            first.spawn(Letters::of_this_thread().deliver());
        }
        let mut members = vec![Member::of(first)];
        for number in 1..count {
            let runtime = runtime()?;
            members.push(Member::of(runtime.handle().clone()));
            let stop = stop.clone();
            thread::Builder::new().name(format!("sockets-{number}")).spawn(move || serve(runtime, &stop))?;
        }
        Ok(Self { members: members.into(), stop })
    }

    /// Whether there is only one.
    pub(crate) fn is_one(&self) -> bool {
        self.members.len() == 1
    }

    /// Begins something on the thread with the fewest connections: what `begin` spawns runs there.
    pub(crate) fn aboard<T>(&self, begin: impl FnOnce(Aboard) -> T) -> Option<T> {
        let fewest = self.members.iter().min_by_key(|member| member.connections.load(Ordering::Relaxed))?;
        fewest.connections.fetch_add(1, Ordering::Relaxed);
        let _context = fewest.runtime.enter();
        Some(begin(Aboard(Arc::clone(&fewest.connections))))
    }

    /// Ends the other threads. What runs there is dropped.
    pub fn dismiss(&self) {
        self.stop.cancel();
    }
}

impl Member {
    fn of(runtime: Handle) -> Self {
        Self { runtime, connections: Arc::default() }
    }
}

/// One of the other threads, until it is dismissed.
fn serve(runtime: Runtime, stop: &CancellationToken) {
    let letters = Letters::of_this_thread();
    runtime.block_on(async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = letters.deliver() => {}
        }
    });
    runtime.shutdown_background();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_spread_evenly_also_when_some_end() {
        let crew = Crew::of(3).unwrap();
        let on = || thread::current().name().map(str::to_owned);
        let begin = || crew.aboard(|aboard| (aboard, Handle::current().spawn(async move { on() }))).unwrap();
        let mut names = std::collections::BTreeMap::<_, Vec<_>>::new();
        for _ in 0..30 {
            let (aboard, name) = begin();
            names.entry(name.await.unwrap()).or_default().push(aboard);
        }
        assert_eq!(names.values().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10]);
        assert!(names.contains_key(&Some("sockets-1".to_owned())));
        // All of one thread go; the next ten come to it.
        names.insert(Some("sockets-1".to_owned()), Vec::new());
        let mut kept = Vec::new();
        for _ in 0..10 {
            let (aboard, name) = begin();
            assert_eq!(name.await.unwrap().as_deref(), Some("sockets-1"));
            kept.push(aboard);
        }
        crew.dismiss();
    }
}
