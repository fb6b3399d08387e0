//! What age is counted by, and when the clock on the wall was set. Pure: both clocks are arguments.
//!
//! The clock on the wall may be wrong, most of all on a board without a battery, and it may be set at any time. What is kept
//! for 7 days must not go because somebody set the year 2050. So age is counted by a clock that follows the one on the wall
//! only as long as that moves like the steady one; where it jumps by more than a day, it is believed a day later.

use std::time::Duration;

use tokio::time::Instant;

/// A clock that is off by more was set.
const JUMP: u64 = 2000;
const DAY: u64 = 86_400_000;

/// The two clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// What was believed, and when. In milliseconds since 1970.
    believed: u64,
    since: Instant,
    /// Since when the clock on the wall says something else.
    doubted: Option<Instant>,
    /// For how long it had been doubted before this process.
    doubted_before: u64,
    /// What the clock on the wall showed last, and when.
    wall: u64,
    at: Instant,
}

/// The clock on the wall was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jump {
    /// What it would have shown.
    pub(super) from: u64,
    /// What it showed.
    pub(super) to: u64,
}

/// What the file keeps of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockRow {
    pub(super) believed: u64,
    pub(super) doubted: u64,
}

impl Clock {
    /// Goes on from what the file says, if it says something.
    pub(super) fn starting(row: Option<ClockRow>, wall: u64, now: Instant) -> Self {
        let ClockRow { believed, doubted } = row.unwrap_or(ClockRow { believed: wall, doubted: 0 });
        let mut clock = Self { believed, since: now, doubted: None, doubted_before: doubted, wall, at: now };
        clock.look(wall, now);
        clock
    }

    /// Looks at both clocks. Says whether the one on the wall was set since the last look.
    pub(super) fn look(&mut self, wall: u64, now: Instant) -> Option<Jump> {
        let expected = self.wall.saturating_add(milliseconds(now.duration_since(self.at)));
        (self.wall, self.at) = (wall, now);
        let steady = self.steady(now);
        if wall.abs_diff(steady) <= DAY {
            (self.believed, self.since, self.doubted, self.doubted_before) = (wall, now, None, 0);
        } else {
            self.doubted.get_or_insert(now);
            if self.doubt(now) >= DAY {
                (self.believed, self.since, self.doubted, self.doubted_before) = (wall, now, None, 0);
            }
        }
        (wall.abs_diff(expected) >= JUMP).then_some(Jump { from: expected, to: wall })
    }

    /// What age is counted by.
    pub(super) fn steady(&self, now: Instant) -> u64 {
        self.believed.saturating_add(milliseconds(now.duration_since(self.since)))
    }

    fn doubt(&self, now: Instant) -> u64 {
        let since = self.doubted.map_or(Duration::ZERO, |since| now.duration_since(since));
        self.doubted_before.saturating_add(milliseconds(since))
    }

    /// What the file is to keep.
    pub(super) fn row(&self, now: Instant) -> ClockRow {
        ClockRow { believed: self.steady(now), doubted: self.doubt(now) }
    }
}

#[cfg(test)]
impl Clock {
    /// As if the clock on the wall had come to this without having been set; what is believed goes on with it.
    pub(super) fn shows(&mut self, wall: u64) {
        self.believed += wall.saturating_sub(self.wall);
        self.wall = wall;
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: u64 = 1_795_824_000_000;
    const HOUR: Duration = Duration::from_hours(1);
    const YEARS: u64 = 10 * 365 * DAY;

    #[test]
    fn a_clock_that_goes_as_it_should_is_believed_and_was_not_set() {
        let start = Instant::now();
        let mut clock = Clock::starting(None, WALL, start);
        for hour in 1..1000_u32 {
            // It is slewed, as time servers have it.
            let wall = WALL + u64::from(hour) * 3_600_500;
            assert_eq!(clock.look(wall, start + HOUR * hour), None);
            assert_eq!(clock.steady(start + HOUR * hour), wall);
        }
    }

    #[test]
    fn a_small_jump_is_noticed_and_believed() {
        let start = Instant::now();
        let mut clock = Clock::starting(None, WALL, start);
        let jump = clock.look(WALL - 3_599_000, start + Duration::from_secs(1));
        assert_eq!(jump, Some(Jump { from: WALL + 1000, to: WALL - 3_599_000 }));
        assert_eq!(clock.steady(start + Duration::from_secs(1)), WALL - 3_599_000);
        assert_eq!(clock.look(WALL - 3_598_000, start + Duration::from_secs(2)), None, "it is told once");
    }

    #[test]
    fn a_large_jump_is_believed_a_day_later_and_a_short_one_there_and_back_never() {
        for to in [WALL + YEARS, WALL - YEARS] {
            let start = Instant::now();
            let mut clock = Clock::starting(None, WALL, start);
            let wall = |hours: u32| to + u64::from(hours) * 3_600_000;
            assert!(clock.look(to, start).is_some());
            for hour in 1..24 {
                clock.look(wall(hour), start + HOUR * hour);
                assert_eq!(clock.steady(start + HOUR * hour), WALL + u64::from(hour) * 3_600_000);
            }
            let mut back = clock;
            assert!(back.look(WALL + DAY, start + HOUR * 24).is_some());
            assert_eq!(back.steady(start + HOUR * 24), WALL + DAY);
            clock.look(wall(25), start + HOUR * 25);
            assert_eq!(clock.steady(start + HOUR * 25), wall(25));
        }
    }

    #[test]
    fn a_restart_does_not_make_a_wrong_clock_right_and_doubt_adds_up_over_restarts() {
        let start = Instant::now();
        let mut row = Clock::starting(None, WALL, start).row(start);
        let mut at = start;
        for restart in 0..8_u32 {
            let wall = WALL + YEARS + u64::from(restart) * 4 * 3_600_000;
            let mut clock = Clock::starting(Some(row), wall, at);
            assert!(clock.steady(at) < WALL + 2 * DAY || restart > 5, "{restart}");
            at += HOUR * 4;
            clock.look(wall + 4 * 3_600_000, at);
            row = clock.row(at);
        }
        assert!(row.believed >= WALL + YEARS);
    }
}
