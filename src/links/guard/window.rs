//! What is remembered for a while, and no more of it than there is room for. Time is an argument.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

/// How long what passed is remembered, at least; at most twice as long.
pub(super) const REMEMBERED: Duration = Duration::from_secs(5);
/// Messages that are remembered, at least, where they come faster; at most twice as many.
pub(super) const MOST_REMEMBERED: usize = 32_768;

/// Two generations of something: the older one is dropped when the newer one is old or full enough.
#[derive(Debug)]
struct Window<T> {
    newer: T,
    older: T,
    began: Instant,
}

impl<T: Default> Window<T> {
    fn starting(now: Instant) -> Self {
        Self { newer: T::default(), older: T::default(), began: now }
    }

    fn turn(&mut self, len: impl Fn(&T) -> usize, now: Instant) {
        let age = now.saturating_duration_since(self.began);
        if age >= REMEMBERED || len(&self.newer) >= MOST_REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
            self.began = now;
        }
        if age >= REMEMBERED * 2 {
            self.older = T::default();
        }
    }
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen(Window<HashSet<u64, RandomState>>);

impl Seen {
    pub(super) fn starting(now: Instant) -> Self {
        Self(Window::starting(now))
    }

    /// Whether this was not seen before. Now it is.
    pub(super) fn is_new(&mut self, id: u64, now: Instant) -> bool {
        self.0.turn(HashSet::len, now);
        !self.0.older.contains(&id) && self.0.newer.insert(id)
    }
}

/// How often something came.
#[derive(Debug)]
pub(super) struct Counts(Window<HashMap<u64, u32, RandomState>>);

impl Counts {
    pub(super) fn starting(now: Instant) -> Self {
        Self(Window::starting(now))
    }

    /// One more; returns how many there are.
    pub(super) fn one_more(&mut self, print: u64, now: Instant) -> u32 {
        self.0.turn(HashMap::len, now);
        let count = self.0.newer.entry(print).or_default();
        *count = count.saturating_add(1);
        count.saturating_add(self.0.older.get(&print).copied().unwrap_or(0))
    }
}

/// How often something is still to come.
#[derive(Debug)]
pub(super) struct Debts(Counts);

impl Debts {
    pub(super) fn starting(now: Instant) -> Self {
        Self(Counts::starting(now))
    }

    /// One more is to come.
    pub(super) fn add(&mut self, print: u64, now: Instant) {
        self.0.one_more(print, now);
    }

    /// One has come. Whether it was to come.
    pub(super) fn pay(&mut self, print: u64, now: Instant) -> bool {
        let window = &mut self.0.0;
        window.turn(HashMap::len, now);
        for counts in [&mut window.older, &mut window.newer] {
            if let Some(count) = counts.get_mut(&print) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&print);
                }
                return true;
            }
        }
        false
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.0.newer.len() + self.0.0.older.len()
    }
}
