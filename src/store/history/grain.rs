//! The grains of history.

/// Each reading, as the file calls it.
pub(super) const RAW: u64 = 0;
/// Steps of a minute.
pub(super) const MINUTES: u64 = 1;
/// Steps of a quarter of an hour.
pub(super) const QUARTERS: u64 = 2;
/// Milliseconds of a step.
pub(super) const MINUTE: u64 = 60_000;
pub(super) const QUARTER: u64 = 900_000;
