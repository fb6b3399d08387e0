//! How much one client may send: frames in a second, and bad ones in a minute; and how many last values it may have
//! looked up. Pure; time is an argument.

use std::fmt;
use std::time::{Duration, SystemTime};

/// The limits of one client's sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Frames a second, with a burst of two seconds' worth; `None` for no limit.
    pub frames_per_second: Option<u32>,
    /// Bad frames a minute; `None` for no limit.
    pub bad_frames_per_minute: Option<u32>,
}

impl Rates {
    /// For what runs inside the hub.
    pub const UNLIMITED: Self = Self { frames_per_second: None, bad_frames_per_minute: None };
}

/// Which limit a client went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// More frames than the rate allows.
    Frames {
        /// The limit.
        per_second: u32,
    },
    /// More bad frames than the rate allows.
    BadFrames {
        /// The limit.
        per_minute: u32,
    },
    /// Another subscription before the last values of the earlier ones were paid for.
    LastValues {
        /// The limit.
        per_second: u64,
    },
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames { per_second } => write!(f, "more than {per_second} messages a second"),
            Self::BadFrames { per_minute } => write!(f, "more than {per_minute} bad frames in a minute"),
            Self::LastValues { per_second } => {
                write!(f, "subscriptions look up more than {per_second} last values a second")
            }
        }
    }
}

/// Looking up so many last values is as much work as taking a frame.
const LAST_VALUES_A_FRAME: u32 = 8;

/// What is left of the limits for one client.
#[derive(Debug)]
pub(crate) struct Allowance {
    rates: Rates,
    frames_left: f64,
    /// Last values; below zero by what a subscription found over it.
    lookups_left: f64,
    counted_at: SystemTime,
    bad: u32,
    minute_began: SystemTime,
}

impl Allowance {
    /// Everything is still allowed.
    pub(crate) fn new(rates: Rates, now: SystemTime) -> Self {
        let frames_left = rates.frames_per_second.map_or(0.0, burst);
        let lookups_left = frames_left * f64::from(LAST_VALUES_A_FRAME);
        Self { rates, frames_left, lookups_left, counted_at: now, bad: 0, minute_began: now }
    }

    /// Counts one frame.
    pub(crate) fn frame(&mut self, now: SystemTime) -> Result<(), Excess> {
        let Some(per_second) = self.rates.frames_per_second else { return Ok(()) };
        let passed = now.duration_since(self.counted_at).unwrap_or_default();
        let earned = passed.as_secs_f64() * f64::from(per_second);
        self.frames_left = (self.frames_left + earned).min(burst(per_second));
        let a_frame = f64::from(LAST_VALUES_A_FRAME);
        self.lookups_left = (self.lookups_left + earned * a_frame).min(burst(per_second) * a_frame);
        self.counted_at = now;
        self.frames_left -= 1.0;
        if self.frames_left < 0.0 { Err(Excess::Frames { per_second }) } else { Ok(()) }
    }

    /// Whether a frame that was just counted may have last values looked up. How many there are is not known before, so
    /// one subscription may go over the limit, however large the store is; the next one has to wait for it.
    pub(super) fn may_look_up(&self) -> Result<(), Excess> {
        match self.rates.frames_per_second {
            Some(per_second) if self.lookups_left < 0.0 => {
                Err(Excess::LastValues { per_second: u64::from(per_second) * u64::from(LAST_VALUES_A_FRAME) })
            }
            _ => Ok(()),
        }
    }

    /// Counts last values that were looked up.
    pub(super) fn looked_up(&mut self, last_values: usize) {
        if self.rates.frames_per_second.is_some() {
            self.lookups_left -= f64::from(u32::try_from(last_values).unwrap_or(u32::MAX));
        }
    }

    /// Counts one bad frame.
    pub(super) fn bad_frame(&mut self, now: SystemTime) -> Result<(), Excess> {
        let Some(per_minute) = self.rates.bad_frames_per_minute else { return Ok(()) };
        if now.duration_since(self.minute_began).unwrap_or(Duration::MAX) >= Duration::from_mins(1) {
            self.minute_began = now;
            self.bad = 0;
        }
        self.bad += 1;
        if self.bad > per_minute { Err(Excess::BadFrames { per_minute }) } else { Ok(()) }
    }
}

fn burst(per_second: u32) -> f64 {
    f64::from(per_second) * 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn allowance() -> Allowance {
        Allowance::new(Rates { frames_per_second: Some(10), bad_frames_per_minute: Some(100) }, START)
    }

    #[test]
    fn a_burst_of_two_seconds_passes_and_then_the_rate_holds() {
        let mut allowance = allowance();
        for _ in 0..20 {
            assert_eq!(allowance.frame(START), Ok(()));
        }
        assert_eq!(allowance.frame(START), Err(Excess::Frames { per_second: 10 }));
        let later = START + Duration::from_secs(1);
        let passed = (0..30).filter(|_| allowance.frame(later).is_ok()).count();
        assert!((9..=10).contains(&passed), "{passed}");
    }

    #[test]
    fn a_pause_brings_back_one_burst_and_not_two() {
        let mut allowance = allowance();
        assert!(allowance.frame(START).is_ok());
        let later = START + Duration::from_hours(1);
        assert_eq!((0..100).filter(|_| allowance.frame(later).is_ok()).count(), 20);
    }

    #[test]
    fn the_hundred_and_first_bad_frame_in_a_minute_is_too_many() {
        let mut allowance = allowance();
        for _ in 0..100 {
            assert_eq!(allowance.bad_frame(START), Ok(()));
        }
        assert_eq!(allowance.bad_frame(START), Err(Excess::BadFrames { per_minute: 100 }));
        assert_eq!(allowance.bad_frame(START + Duration::from_mins(1)), Ok(()));
    }

    #[test]
    fn one_subscription_may_find_any_number_of_last_values_and_the_next_one_waits_for_it() {
        let mut allowance = allowance();
        assert_eq!(allowance.frame(START), Ok(()));
        assert_eq!(allowance.may_look_up(), Ok(()));
        allowance.looked_up(160 + 40);
        assert_eq!(allowance.may_look_up(), Err(Excess::LastValues { per_second: 80 }));
        for _ in 0..19 {
            assert_eq!(allowance.frame(START), Ok(()), "messages are not counted against it");
        }
        let later = START + Duration::from_millis(600);
        assert_eq!((allowance.frame(later), allowance.may_look_up()), (Ok(()), Ok(())));
    }

    #[test]
    fn what_runs_inside_has_no_limit() {
        let mut allowance = Allowance::new(Rates::UNLIMITED, START);
        for _ in 0..100_000 {
            assert!(allowance.frame(START).is_ok() && allowance.bad_frame(START).is_ok());
        }
    }
}
