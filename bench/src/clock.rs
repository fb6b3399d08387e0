//! Time as the generator reads it: nanoseconds of the monotonic clock, cheap enough for every wake-up.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some moment in the past.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or_default() * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// Seconds as nanoseconds.
pub(crate) fn nanoseconds(seconds: f64) -> u64 {
    std::time::Duration::from_secs_f64(seconds.max(0.0)).as_nanos().try_into().unwrap_or(u64::MAX)
}
