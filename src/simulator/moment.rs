//! Time as the simulator knows it: a number that is handed in.

/// Milliseconds since 1970, UTC, in the simulated world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

const DAY: u64 = 86_400_000;
/// A clock that is corrected by less than this only makes everything late by as much.
const CLOCK_SLACK: u64 = 60_000;

impl Moment {
    /// That many milliseconds later; the end of time where it does not fit.
    #[must_use]
    pub fn plus(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds from `earlier` to here; 0 where `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole days since 1970.
    pub fn day(self) -> u64 {
        self.0 / DAY
    }

    /// Hours since midnight UTC, 0 to below 24.
    pub fn hour(self) -> f64 {
        f64::from(u32::try_from(self.0 % DAY).unwrap_or_default()) / 3_600_000.0
    }

    /// The next time of something periodic that was due at `self`: one period on, or one period from `now` where
    /// that is past already. Missed periods are skipped, not made up for.
    pub(super) fn next(self, period: u64, now: Self) -> Self {
        let next = self.plus(period);
        if next > now { next } else { now.plus(period) }
    }

    /// Whether something due at `self`, and set at most `horizon` ahead, is to be done now. What lies further ahead
    /// than that, and a minute more, was set before the clock went back and would otherwise wait for the old time.
    pub(super) fn is_due(self, now: Self, horizon: u64) -> bool {
        self <= now || self.since(now) > horizon + CLOCK_SLACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_periods_are_skipped_and_the_beat_is_kept_otherwise() {
        assert_eq!(Moment(1_000).next(500, Moment(1_020)), Moment(1_500));
        assert_eq!(Moment(1_000).next(500, Moment(9_000)), Moment(9_500));
        assert_eq!(Moment(u64::MAX).next(500, Moment(3)), Moment(u64::MAX));
    }

    #[test]
    fn what_lies_beyond_its_horizon_is_due_because_the_clock_went_back() {
        assert!(Moment(100_000).is_due(Moment(100_000), 100));
        assert!(!Moment(100_000).is_due(Moment(39_900), 100));
        assert!(Moment(100_000).is_due(Moment(39_899), 100));
    }

    #[test]
    fn the_hour_of_the_day_is_below_24_also_at_the_end_of_time() {
        assert!((Moment(DAY * 3 + DAY / 2).hour() - 12.0).abs() < 1e-9);
        assert!(Moment(u64::MAX).hour() < 24.0);
        assert_eq!(Moment(DAY * 3 + 5).day(), 3);
    }
}
