//! How often the writer does what, and how much of it at once.

use std::time::Duration;

/// How often it comes by: under `relaxed`, and where somebody may wait for the disk.
pub(super) const TICK: Duration = Duration::from_millis(50);
pub(super) const TICK_OF_COMMIT: Duration = Duration::from_millis(10);
/// As long as it has other duties, of which each slice takes a few milliseconds.
pub(super) const TICK_OF_DUTY: Duration = Duration::from_millis(10);
/// What is written before its time, so that it need not be held in memory.
pub(super) const LARGE: usize = 4 << 20;
/// The same in records: somewhat more is shared by fewer writes, and takes more memory.
pub(super) const MANY: usize = 10_000;
/// The log is settled when it has so many bytes. In a storm that says how much of history is in memory; less would write more.
pub(super) const LOG_BYTES: u64 = 8 << 20;
/// What is done of the other duties in one transaction: a few milliseconds' worth.
pub(super) const SLICE: usize = 500;
pub(super) const SLICE_OF_LOG: usize = 64;
/// Messages for brokers that are written or deleted in one transaction.
pub(super) const SLICE_OF_QUEUES: usize = 2000;
/// How long a message waits for its broker before it is written, where the store writes at once.
pub(super) const QUEUE_AGE_OF_COMMIT: Duration = Duration::from_millis(100);
/// How often it is looked whether the file is still there, and when the hub's last sign of life is written.
pub(super) const LOOK: Duration = Duration::from_secs(1);
pub(super) const LIFE: Duration = Duration::from_secs(10);
/// Waits between attempts where the disk does not take anything.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(1);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long the end waits for values that are to be gone through once more.
pub(super) const LAST_WALK: Duration = Duration::from_secs(3);
