//! Section `[events]`.

use std::time::Duration;

use super::reader::Reader;
use crate::topic::{self, Filter};

/// Section `[events]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// How long an event is kept.
    pub age: Duration,
    /// How many are kept; 0 is none.
    pub records: u64,
    /// How many bytes of them.
    pub bytes: u64,
    /// Topics whose payloads are left out.
    pub never: Vec<Filter>,
    /// Topics of which there are no events.
    pub ignore: Vec<Filter>,
}

impl Events {
    pub(super) fn read(reader: &mut Reader, topic: &topic::Limits) -> Self {
        Self {
            age: reader.days("events.days", 1..=36_500),
            records: reader.number("events.records", 0..=1_000_000, "events"),
            bytes: reader.number("events.bytes", 1_048_576..=1_099_511_627_776, "bytes"),
            never: reader.filters("events.never", topic),
            ignore: reader.filters("events.ignore", topic),
        }
    }
}
