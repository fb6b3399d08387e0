//! The threads that serve sockets. Each has a runtime of its own: a connection begins on one, lives there, and ends there, and
//! nothing is taken over by another thread. The first is the thread that the hub was started on, which does everything else, too.
//!
//! A task of another thread cannot be woken without a call of the kernel. So each thread has a box for letters: a publisher that
//! wakes a thousand readers there puts a thousand letters in, and wakes the thread once.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

/// Threads for what would block, for each thread that serves sockets.
pub const BLOCKING_THREADS: usize = 8;

thread_local! {
    /// The box of this thread, where there are several that serve sockets.
    static HOME: RefCell<Option<Arc<Letters>>> = const { RefCell::new(None) };
}

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
            let letters = Letters::new();
            go_home(&letters);
            first.spawn(letters.deliver());
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
    let letters = Letters::new();
    go_home(&letters);
    runtime.block_on(async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = letters.deliver() => {}
        }
    });
    runtime.shutdown_background();
}

fn go_home(letters: &Arc<Letters>) {
    HOME.set(Some(Arc::clone(letters)));
}

/// What wakes a task of this thread at little cost, whoever wakes it.
pub(crate) fn waker(task: &Waker) -> Waker {
    HOME.with_borrow(|home| match home {
        None => task.clone(),
        Some(home) => {
            let letter = Letter { home: Arc::clone(home), task: task.clone(), waits: AtomicBool::new(false) };
            Waker::from(Arc::new(letter))
        }
    })
}

/// The box of one thread. It has one letter for each connection of the thread at most.
#[derive(Debug)]
struct Letters {
    waiting: Mutex<Vec<Arc<Letter>>>,
    postman: AtomicWaker,
}

/// Who is to be woken.
#[derive(Debug)]
struct Letter {
    home: Arc<Letters>,
    task: Waker,
    /// Whether it is in the box.
    waits: AtomicBool,
}

impl Letters {
    fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), postman: AtomicWaker::new() })
    }

    fn is_here(&self) -> bool {
        HOME.with_borrow(|home| home.as_deref().is_some_and(|home| std::ptr::eq(home, self)))
    }

    /// Puts a letter in, and wakes the thread if it is the first one.
    fn post(&self, letter: Arc<Letter>) {
        let is_first = {
            let mut waiting = self.waiting.lock();
            waiting.push(letter);
            waiting.len() == 1
        };
        if is_first {
            self.postman.wake();
        }
    }

    /// Takes the letters out and wakes the tasks, for ever.
    async fn deliver(self: Arc<Self>) {
        let mut taken = Vec::new();
        poll_fn(|cx| {
            self.deliver_once(&mut taken, cx);
            Poll::<()>::Pending
        })
        .await;
    }

    fn deliver_once(&self, taken: &mut Vec<Arc<Letter>>, cx: &Context<'_>) {
        // Before it is looked: a letter that comes after the look wakes again.
        self.postman.register(cx.waker());
        std::mem::swap(&mut *self.waiting.lock(), taken);
        for letter in taken.drain(..) {
            // Before the task is woken: what comes after is another letter.
            letter.waits.store(false, Ordering::Release);
            letter.task.wake_by_ref();
        }
    }
}

impl Wake for Letter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.home.is_here() {
            self.task.wake_by_ref();
        } else if !self.waits.swap(true, Ordering::AcqRel) {
            self.home.post(Arc::clone(self));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counted() -> (Arc<Counted>, Waker) {
        let counted = Arc::<Counted>::default();
        (Arc::clone(&counted), Waker::from(counted))
    }

    #[test]
    fn a_thread_is_woken_once_for_a_thousand_tasks_and_each_of_them_once() {
        let there = Letters::new();
        let tasks: Vec<_> = (0..1000).map(|_| counted()).collect();
        let letter = |task: &Waker| {
            let letter =
                Letter { home: Arc::clone(&there), task: task.clone(), waits: AtomicBool::new(false) };
            Waker::from(Arc::new(letter))
        };
        let letters: Vec<_> = tasks.iter().map(|(_, task)| letter(task)).collect();
        let ((postman, waker), mut taken) = (counted(), Vec::new());
        let times = |count: &Counted| count.0.load(Ordering::Relaxed);
        for round in 1..=3 {
            there.deliver_once(&mut taken, &Context::from_waker(&waker));
            // Each rings twice before the other thread comes to it.
            letters.iter().chain(&letters).for_each(Waker::wake_by_ref);
            assert_eq!(times(&postman), round);
            assert!(tasks.iter().all(|(task, _)| times(task) == round - 1));
            there.deliver_once(&mut taken, &Context::from_waker(&waker));
            assert!(tasks.iter().all(|(task, _)| times(task) == round));
        }
    }

    #[test]
    fn a_task_of_the_same_thread_is_woken_as_ever_and_where_there_is_one_thread_nothing_is_between() {
        let (count, task) = counted();
        assert!(waker(&task).will_wake(&task));
        go_home(&Letters::new());
        let at_home = waker(&task);
        assert!(!at_home.will_wake(&task));
        at_home.wake_by_ref();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        // Somebody else wakes it: a letter waits until the thread looks.
        std::thread::spawn(move || at_home.wake()).join().unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        HOME.with_borrow(|home| {
            home.as_ref().unwrap().deliver_once(&mut Vec::new(), &Context::from_waker(Waker::noop()));
        });
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

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
