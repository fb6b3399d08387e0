//! The memory for messages to the diagnostic endpoints, over all connections together. These have no session, so the budget
//! of the hub does not know of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::connection::Ending;

/// The most that all of them hold together. A message of the largest size takes up to three times its size: a buffer that
/// has grown, and the answer.
pub(super) const MOST: usize = 8 * super::ECHOED_BYTES;

/// What each may hold without being counted.
const FREE: usize = 64 * 1024;

/// What all of them hold.
#[derive(Debug, Default)]
pub(super) struct Memory(Arc<AtomicUsize>);

/// What one of them holds. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Held {
    of_all: Arc<AtomicUsize>,
    counted: usize,
}

impl Memory {
    /// For one more, which holds nothing yet.
    pub(super) fn held(&self) -> Held {
        Held { of_all: Arc::clone(&self.0), counted: 0 }
    }
}

impl Held {
    /// From now on so many bytes are held. Whoever takes more where there is no more has to go.
    pub(super) fn holds(&mut self, bytes: usize) -> Result<(), Ending> {
        let counted = if bytes > FREE { bytes } else { 0 };
        let grows = counted > self.counted;
        let before = if grows {
            self.of_all.fetch_add(counted - self.counted, Ordering::Relaxed)
        } else {
            self.of_all.fetch_sub(self.counted - counted, Ordering::Relaxed)
        };
        let all = before.saturating_add(counted).saturating_sub(self.counted);
        self.counted = counted;
        if grows && all > MOST { Err(Ending::CutOff { held: bytes }) } else { Ok(()) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of_all.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_messages_to_the_endpoints_have_one_bound_together_and_small_ones_always_pass() {
        let memory = Memory::default();
        let mut all: Vec<_> = (0..5).map(|_| memory.held()).collect();
        let told: Vec<_> = all.iter_mut().map(|held| held.holds(MOST / 4).is_ok()).collect();
        assert_eq!(told, [true, true, true, true, false]);
        assert!(memory.held().holds(FREE).is_ok(), "a small one");
        assert!(memory.held().holds(FREE + 1).is_err());
        all.truncate(3);
        assert!(memory.held().holds(MOST / 4).is_ok());
        assert!(all.iter_mut().all(|held| held.holds(0).is_ok()));
        drop(all);
        assert_eq!(memory.0.load(Ordering::Relaxed), 0);
    }
}
