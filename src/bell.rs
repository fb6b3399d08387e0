//! A waker that remembers who rang. A task that waits for several things is woken by all of them in the same way; with
//! a bell in between it can ask which, and touch nothing else. And a register of bells that all ring at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
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

/// Bells that ring together. It takes 8 to 16 bytes for each, which a future that waits for a sign takes ten times of.
#[derive(Debug, Default)]
pub(crate) struct Bells(Mutex<Hung>);

#[derive(Debug, Default)]
struct Hung {
    bells: Vec<Weak<Inner>>,
    /// At so many it is looked which of them are gone.
    look_at: usize,
}

impl Bells {
    /// Adds a bell, as long as it lasts.
    pub(crate) fn add(&self, bell: &Bell) {
        const FEW: usize = 16;
        let mut hung = self.0.lock();
        if hung.bells.len() >= hung.look_at.max(FEW) {
            hung.bells.retain(|bell| bell.strong_count() > 0);
            hung.look_at = hung.bells.len() * 2;
            let look_at = hung.look_at.max(FEW);
            hung.bells.shrink_to(look_at);
        }
        hung.bells.push(Arc::downgrade(&bell.inner));
    }

    /// Rings them all.
    pub(crate) fn ring(&self) {
        // Outside of the lock: what is woken may be anything.
        let bells: Vec<_> = self.0.lock().bells.iter().filter_map(Weak::upgrade).collect();
        bells.iter().for_each(Wake::wake_by_ref);
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

    #[test]
    fn bells_ring_together_and_those_that_are_gone_take_no_room() {
        let (bells, kept) = (Bells::default(), [Bell::new(), Bell::new()]);
        for bell in &kept {
            bells.add(bell);
            assert!(bell.has_rung());
        }
        for _ in 0..10_000 {
            bells.add(&Bell::new());
        }
        assert!(bells.0.lock().bells.capacity() < 100);
        bells.ring();
        assert!(kept.iter().all(Bell::has_rung));
        assert!(!kept.iter().any(Bell::has_rung));
    }
}
