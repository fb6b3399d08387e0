//! A waker that remembers who rang. A task that waits for several things is woken by all of them in the same way; with
//! a bell in between it can ask which, and touch nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use parking_lot::Mutex;

/// A bell and the waker that rings it.
#[derive(Debug)]
pub(crate) struct Bell {
    inner: Arc<Inner>,
    waker: Waker,
}

#[derive(Debug)]
struct Inner {
    rung: AtomicBool,
    task: Mutex<Waker>,
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.lock().wake_by_ref();
    }
}

impl Bell {
    /// A bell that counts as rung, so that the first look is a full one.
    pub(crate) fn new() -> Self {
        let inner = Arc::new(Inner { rung: AtomicBool::new(true), task: Mutex::new(Waker::noop().clone()) });
        Self { waker: Arc::clone(&inner).into(), inner }
    }

    /// Sets the task to wake. A caller that changes the task must check what the bell is for.
    pub(crate) fn wakes(&self, task: &Waker) {
        self.inner.task.lock().clone_from(task);
    }

    /// Whether it rang since this was asked last.
    pub(crate) fn has_rung(&self) -> bool {
        self.inner.rung.load(Ordering::Relaxed) && self.inner.rung.swap(false, Ordering::AcqRel)
    }

    /// The next question finds that it has rung.
    pub(crate) fn ring_again(&self) {
        self.inner.rung.store(true, Ordering::Relaxed);
    }

    /// What to poll with, for this bell to ring.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    struct Task(AtomicBool);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_bell_wakes_the_task_and_says_once_that_it_rang() {
        let bell = Bell::new();
        assert!(bell.has_rung(), "the first look is a full one");
        assert!(!bell.has_rung());
        let task = Arc::new(Task(AtomicBool::new(false)));
        bell.wakes(&Waker::from(Arc::clone(&task)));
        bell.context().waker().wake_by_ref();
        assert!(task.0.load(Ordering::Relaxed));
        assert!(bell.has_rung());
        assert!(!bell.has_rung());
    }
}
