//! What is set for events.

use std::time::Duration;

use crate::topic::Filter;

/// What is set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long an event is kept.
    pub age: Duration,
    /// How many are kept; with 0 nothing is recorded.
    pub records: u64,
    /// How many bytes of them.
    pub bytes: u64,
    /// Topics whose payloads are left out.
    pub never: Vec<Filter>,
    /// Topics of which there are no events.
    pub ignore: Vec<Filter>,
}

impl Settings {
    /// Whether something is recorded.
    pub fn is_on(&self) -> bool {
        self.records > 0
    }
}
