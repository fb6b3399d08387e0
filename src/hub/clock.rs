//! When something was said, as the hubs of a cluster count it, so that all find the same order. What a message gets as its clock
//! is decided in `agreement.rs`.

use std::time::SystemTime;

/// Clocks of one millisecond, as a power of two.
const WITHIN: u32 = 16;

/// When something was said, as the hubs of a cluster count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock(u64);

impl Clock {
    /// That of a moment.
    pub fn of(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::at(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// That of a moment in milliseconds since 1970.
    pub fn at(milliseconds: u64) -> Self {
        Self(milliseconds.min(u64::MAX >> WITHIN) << WITHIN)
    }

    /// As a number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// What was a number.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// In milliseconds since 1970.
    pub fn milliseconds(self) -> u64 {
        self.0 >> WITHIN
    }

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// What stands at a topic: a clock, and the text, or that it was cleared. The greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing<'t>(pub Clock, pub Option<&'t str>);
