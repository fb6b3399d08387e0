//! How a task is woken from another thread.
//!
//! That takes a call of the kernel here and two there. So each thread has a box for letters: a publisher that wakes a thousand
//! readers there puts a thousand letters in, and wakes the thread once. Letters are kept until all that was ready on this
//! thread has run, so that a burst is one letter for each reader. If there are few, this thread then does what their tasks
//! would have done, which is cheaper than to wake a thread for it: a task that allows that gives its waker a [`Task`].

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

/// More letters than this wake the other threads: their cores then share the work.
const FEW: usize = 8;

thread_local! {
    /// The box of this thread, where there are several that serve sockets.
    static HOME: RefCell<Option<Arc<Letters>>> = const { RefCell::new(None) };
    /// What was written on this thread and is not sent. Each letter is there once.
    static WRITTEN: RefCell<Vec<Arc<Letter>>> = const { RefCell::new(Vec::new()) };
}

/// What another thread may do for a task.
pub(crate) trait Task: Send + Sync {
    /// Does what the task was to be woken for. Says whether that was all: otherwise the task is woken. Never waits.
    fn run_aside(&self, task: &Waker) -> bool;
}

/// Whether several threads serve sockets.
pub(crate) fn are_several() -> bool {
    HOME.with_borrow(Option::is_some)
}

/// What wakes a task of this thread at little cost, whoever wakes it.
pub(crate) fn waker(task: &Waker, aside: Option<Weak<dyn Task>>) -> Waker {
    HOME.with_borrow(|home| match home {
        None => task.clone(),
        Some(home) => Waker::from(Arc::new(Letter {
            home: Arc::clone(home),
            task: task.clone(),
            aside,
            waits: AtomicBool::new(false),
        })),
    })
}

/// Sends what was written on this thread.
fn send_written() {
    let mut letters = WRITTEN.take();
    if letters.len() > FEW {
        post_all(&mut letters);
    } else {
        letters.drain(..).for_each(Letter::send);
    }
    // Its room is for the next ones.
    WRITTEN.with_borrow_mut(|written| {
        if written.capacity() == 0 {
            *written = letters;
        }
    });
}

/// Puts each in its box. Each box is locked once, and its thread woken once.
fn post_all(letters: &mut Vec<Arc<Letter>>) {
    letters.sort_unstable_by_key(|letter| Arc::as_ptr(&letter.home));
    while let Some(home) = letters.last().map(|letter| Arc::clone(&letter.home)) {
        let was_empty = {
            let mut waiting = home.waiting.lock();
            let was_empty = waiting.is_empty();
            while let Some(letter) = letters.pop_if(|letter| Arc::ptr_eq(&letter.home, &home)) {
                waiting.push(letter);
            }
            was_empty
        };
        if was_empty {
            home.postman.wake();
        }
    }
}

/// The box of one thread. It has one letter for each connection of the thread at most.
#[derive(Debug)]
pub(super) struct Letters {
    waiting: Mutex<Vec<Arc<Letter>>>,
    postman: AtomicWaker,
}

/// Who is to be woken.
struct Letter {
    home: Arc<Letters>,
    task: Waker,
    /// Who may do it from another thread.
    aside: Option<Weak<dyn Task>>,
    /// Whether it is written, and not delivered.
    waits: AtomicBool,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter").field("task", &self.task).field("waits", &self.waits).finish_non_exhaustive()
    }
}

impl Letters {
    fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), postman: AtomicWaker::new() })
    }

    /// Gives this thread a box. From now on it is one of several.
    pub(super) fn of_this_thread() -> Arc<Self> {
        let letters = Self::new();
        HOME.set(Some(Arc::clone(&letters)));
        letters
    }

    fn is_here(&self) -> bool {
        HOME.with_borrow(|home| home.as_deref().is_some_and(|home| std::ptr::eq(home, self)))
    }

    /// Takes the letters out and wakes the tasks, and sends what was written here, for ever.
    pub(super) async fn deliver(self: Arc<Self>) {
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
        send_written();
    }
}

impl Letter {
    /// Puts it in its box, and wakes the thread if it is the first one there.
    fn post(self: Arc<Self>) {
        let home = Arc::clone(&self.home);
        let is_first = {
            let mut waiting = home.waiting.lock();
            waiting.push(self);
            waiting.len() == 1
        };
        if is_first {
            home.postman.wake();
        }
    }

    /// Does what its task would do, or posts it.
    fn send(self: Arc<Self>) {
        let Some(aside) = self.aside.as_ref().and_then(Weak::upgrade) else { return self.post() };
        // Before it is done: what comes after is another letter.
        self.waits.store(false, Ordering::Release);
        if !aside.run_aside(&self.task) && !self.waits.swap(true, Ordering::AcqRel) {
            self.post();
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
            HOME.with_borrow(|home| match home {
                // What is no thread for sockets has nobody who would send it.
                None => Arc::clone(self).post(),
                Some(here) => {
                    let is_first = WRITTEN.with_borrow_mut(|written| {
                        written.push(Arc::clone(self));
                        written.len() == 1
                    });
                    if is_first {
                        here.postman.wake();
                    }
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

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

    /// A task of another thread, as its waker knows it.
    fn letter(there: &Arc<Letters>, task: &Waker, aside: Option<Weak<dyn Task>>) -> Waker {
        let (home, task) = (Arc::clone(there), task.clone());
        Waker::from(Arc::new(Letter { home, task, aside, waits: AtomicBool::new(false) }))
    }

    fn times(count: &Counted) -> usize {
        count.0.load(Ordering::Relaxed)
    }

    #[test]
    fn a_thread_is_woken_once_for_a_thousand_tasks_and_each_of_them_once() {
        let there = Letters::new();
        let tasks: Vec<_> = (0..1000).map(|_| counted()).collect();
        let letters: Vec<_> = tasks.iter().map(|(_, task)| letter(&there, task, None)).collect();
        let ((postman, waker), mut taken) = (counted(), Vec::new());
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
        assert!(waker(&task, None).will_wake(&task));
        let here = Letters::of_this_thread();
        let at_home = waker(&task, None);
        assert!(!at_home.will_wake(&task));
        at_home.wake_by_ref();
        assert_eq!(times(&count), 1);
        // Somebody else wakes it: a letter waits until the thread looks.
        std::thread::spawn(move || at_home.wake()).join().unwrap();
        assert_eq!(times(&count), 1);
        here.deliver_once(&mut Vec::new(), &Context::from_waker(Waker::noop()));
        assert_eq!(times(&count), 2);
    }

    /// What can be done aside so many times.
    #[derive(Default)]
    struct Aside {
        can: AtomicUsize,
        done: AtomicUsize,
    }

    impl Task for Aside {
        fn run_aside(&self, _task: &Waker) -> bool {
            let is_done = self.done.load(Ordering::Relaxed) < self.can.load(Ordering::Relaxed);
            self.done.fetch_add(is_done.into(), Ordering::Relaxed);
            is_done
        }
    }

    fn can_be_done_aside(times: usize) -> Arc<Aside> {
        Arc::new(Aside { can: times.into(), ..Aside::default() })
    }

    fn weak(aside: &Arc<Aside>) -> Weak<dyn Task> {
        let aside: Weak<Aside> = Arc::downgrade(aside);
        aside
    }

    #[test]
    fn few_letters_are_done_here_after_all_that_was_ready_and_what_cannot_be_done_here_is_posted() {
        let (here, there) = (Letters::of_this_thread(), Letters::new());
        let ((postman, waker), mut taken) = (counted(), Vec::new());
        there.deliver_once(&mut taken, &Context::from_waker(&waker));
        let (sender, ready) = counted();
        let send = || here.deliver_once(&mut Vec::new(), &Context::from_waker(&ready));
        send();
        let ((count, task), aside) = (counted(), can_be_done_aside(2));
        let letter = letter(&there, &task, Some(weak(&aside)));
        for done in 1..=2 {
            letter.wake_by_ref();
            letter.wake_by_ref();
            assert_eq!((aside.done.load(Ordering::Relaxed), times(&sender)), (done - 1, done));
            send();
            assert_eq!((aside.done.load(Ordering::Relaxed), times(&postman)), (done, 0));
        }
        letter.wake_by_ref();
        send();
        assert_eq!((aside.done.load(Ordering::Relaxed), times(&postman)), (2, 1));
        there.deliver_once(&mut taken, &Context::from_waker(&waker));
        assert_eq!(times(&count), 1);
        // Whose connection is gone has nobody who could do it.
        drop(aside);
        letter.wake_by_ref();
        send();
        assert_eq!(times(&postman), 2);
    }

    #[test]
    fn many_letters_are_left_to_the_other_thread_and_so_are_those_of_a_thread_that_serves_no_sockets() {
        let (here, there) = (Letters::of_this_thread(), Letters::new());
        let ((postman, waker), mut taken) = (counted(), Vec::new());
        there.deliver_once(&mut taken, &Context::from_waker(&waker));
        let tasks: Vec<_> = (0..FEW + 5).map(|_| (counted(), can_be_done_aside(9))).collect();
        let letters: Vec<_> =
            tasks.iter().map(|((_, task), aside)| letter(&there, task, Some(weak(aside)))).collect();
        letters.iter().for_each(Waker::wake_by_ref);
        assert_eq!(times(&postman), 0, "a burst may bring more for them");
        letters.iter().for_each(Waker::wake_by_ref);
        here.deliver_once(&mut Vec::new(), &Context::from_waker(Waker::noop()));
        assert_eq!(times(&postman), 1);
        there.deliver_once(&mut taken, &Context::from_waker(&waker));
        let first = letters[0].clone();
        std::thread::spawn(move || first.wake_by_ref()).join().unwrap();
        assert_eq!(times(&postman), 2);
        there.deliver_once(&mut taken, &Context::from_waker(&waker));
        assert!(
            tasks
                .iter()
                .all(|((count, _), aside)| { times(count) >= 1 && aside.done.load(Ordering::Relaxed) == 0 })
        );
    }
}
