//! A moment as two clocks tell it. Floor 0.
//!
//! The clock on the wall says when something was, to people and to other machines. Somebody may set it, forwards or
//! backwards, so it cannot say how long something takes: that is measured by a steady clock, which nobody sets.
//!
//! One reading of the steady clock gives both. How far the clock on the wall is from it is looked up now and then
//! ([`look_at_the_wall`]).

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Where both clocks were when the process first asked.
#[expect(
    clippy::disallowed_methods,
    reason = "one start for the whole process, and a test pauses its own runtime only"
)]
static START: LazyLock<(Instant, Steady)> =
    LazyLock::new(|| (Instant::now(), Steady::since_1970(SystemTime::now())));

/// By how many nanoseconds the clock on the wall was ahead of the steady one when it was last looked at.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// A point of the steady clock. It begins where the clock on the wall was when the process was started, and goes on by
/// itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady(u64);

impl Steady {
    /// How long after `earlier` this is; nothing if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The point that comes so long after this one.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(time)))
    }

    /// The point that came so long before this one.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(nanoseconds(time)))
    }

    fn since_1970(time: SystemTime) -> Self {
        Self(nanoseconds(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()))
    }
}

/// A point of the clock on the wall, up to the year 2554: half of what a `SystemTime` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(u64);

impl Wall {
    /// In milliseconds since 1970.
    pub fn milliseconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// For telling it.
    pub fn time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.0)
    }
}

impl From<SystemTime> for Wall {
    fn from(time: SystemTime) -> Self {
        Self(Steady::since_1970(time).0)
    }
}

impl From<Moment> for Wall {
    fn from(now: Moment) -> Self {
        Self(now.wall)
    }
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    steady: Steady,
    /// Nanoseconds since 1970.
    wall: u64,
}

impl Moment {
    /// This one.
    pub fn now() -> Self {
        let (instant, steady) = *START;
        let steady = steady.after(instant.elapsed());
        Self { steady, wall: steady.0.saturating_add_signed(AHEAD.load(Ordering::Relaxed)) }
    }

    /// For measuring how long things take.
    pub fn steady(self) -> Steady {
        self.steady
    }

    /// By how much the clock on the wall was set since an earlier moment, forwards or backwards.
    pub fn wall_was_set_by(self, earlier: Self) -> Duration {
        let expected = earlier.wall.saturating_add(self.steady.0.saturating_sub(earlier.steady.0));
        Duration::from_nanos(self.wall.abs_diff(expected))
    }

    /// The same moment, with the clock on the wall set otherwise.
    #[cfg(test)]
    pub(crate) fn with_wall(self, wall: SystemTime) -> Self {
        Self { wall: Steady::since_1970(wall).0, ..self }
    }

    /// For telling when something was.
    pub fn wall(self) -> SystemTime {
        Wall::from(self).time()
    }
}

/// Both clocks agree. For code without another clock, such as a test.
impl From<SystemTime> for Moment {
    fn from(wall: SystemTime) -> Self {
        let steady = Steady::since_1970(wall);
        Self { steady, wall: steady.0 }
    }
}

/// Somebody has set the clock on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// By so much.
    Forward(Duration),
    /// By so much.
    Back(Duration),
}

impl Jump {
    /// Less than this is a clock that is being corrected.
    const LEAST: Duration = Duration::from_secs(2);

    /// From one distance between the two clocks to another one, in nanoseconds.
    fn between(before: i64, after: i64) -> Option<Self> {
        let by = Duration::from_nanos(after.abs_diff(before));
        let jump = if after > before { Self::Forward(by) } else { Self::Back(by) };
        (by >= Self::LEAST).then_some(jump)
    }
}

/// Somebody may have set the clock on the wall: says so if it was set since the last look. To be called every few seconds.
pub fn look_at_the_wall() -> Option<Jump> {
    let (steady, wall) = (Moment::now().steady.0, Steady::since_1970(SystemTime::now()).0);
    let ahead = wall.wrapping_sub(steady).cast_signed();
    Jump::between(AHEAD.swap(ahead, Ordering::Relaxed), ahead)
}

/// A u64 has room for those of 584 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn the_steady_clock_goes_on_when_the_clock_on_the_wall_is_set() {
        let before = Moment::now();
        AHEAD.store(3_600_000_000_000, Ordering::Relaxed);
        let after = Moment::now();
        assert!(after.steady().since(before.steady()) < Duration::from_mins(30));
        assert!(after.wall().duration_since(before.wall()).unwrap() >= Duration::from_mins(59));
        assert!(matches!(look_at_the_wall(), Some(Jump::Back(by)) if by > Duration::from_mins(59)));
        let again = Moment::now();
        assert!(again.steady() >= after.steady());
        assert!(SystemTime::now().duration_since(again.wall()).unwrap_or_default() < Duration::from_mins(1));
    }

    #[test]
    fn a_clock_that_is_being_corrected_does_not_jump() {
        const SECOND: i64 = 1_000_000_000;
        assert_eq!(Jump::between(0, SECOND), None);
        assert_eq!(Jump::between(SECOND, -SECOND), Some(Jump::Back(Duration::from_secs(2))));
        assert_eq!(Jump::between(-SECOND, 60 * SECOND), Some(Jump::Forward(Duration::from_secs(61))));
        assert_eq!(Jump::between(i64::MIN, i64::MAX), Some(Jump::Forward(Duration::from_nanos(u64::MAX))));
    }

    #[test]
    fn how_far_the_clock_on_the_wall_was_set_is_told_whatever_time_has_passed() {
        let before = Moment::from(SystemTime::UNIX_EPOCH + Duration::from_hours(24));
        let later = Moment { steady: before.steady.after(HOUR), wall: before.wall + nanoseconds(HOUR) };
        assert_eq!(later.wall_was_set_by(before), Duration::ZERO);
        for wall in [later.wall() + HOUR, later.wall() - HOUR] {
            assert_eq!(later.with_wall(wall).wall_was_set_by(before), HOUR);
        }
    }

    #[test]
    fn what_lies_beyond_the_end_of_the_clock_is_its_end() {
        let far = Steady(u64::MAX - 1).after(Duration::from_secs(1));
        assert_eq!((far, far.since(far.after(Duration::MAX))), (Steady(u64::MAX), Duration::ZERO));
    }
}
