//! How much one client may send: frames in a second, and bad ones in a minute; and how much work its subscriptions may
//! be. Pure; time is an argument.

use std::fmt;
use std::time::Duration;

use super::network_rate::ShareOfNetwork;
use crate::moment::Steady;

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
    /// More frames of all clients of its network together than the rate allows.
    OfNetwork {
        /// The limit.
        per_second: u32,
    },
    /// More bad frames than the rate allows.
    BadFrames {
        /// The limit.
        per_minute: u32,
    },
    /// Another request about the subscription before the work of the earlier ones was paid for.
    Steps {
        /// The limit.
        per_second: u64,
        /// What the earlier ones took over it.
        owed: u64,
    },
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames { per_second } => write!(f, "more than {per_second} messages a second"),
            Self::OfNetwork { per_second } => {
                write!(f, "more than {per_second} messages a second from this network")
            }
            Self::BadFrames { per_minute } => write!(f, "more than {per_minute} bad frames in a minute"),
            Self::Steps { per_second, owed } => {
                write!(f, "subscriptions take more than {per_second} steps a second: {owed} are owed")
            }
        }
    }
}

/// Taking a frame is as much work as so many steps. A step is a place in the store that is looked at, about 50 ns.
pub(super) const STEPS_A_FRAME: u32 = 64;

/// What one last value is that is sent, beside the places that were looked at for it.
pub(super) const A_LAST_VALUE: usize = 8;

/// What a filter is that a request names or that the client holds: it is read, checked and looked for.
pub(super) const A_FILTER: usize = 32;

/// Bytes of a request about the subscription, and of the answer to it, that are read or written for one step.
pub(super) const BYTES_A_STEP: usize = 16;

/// A look-up may go over what is left as long as it finds a last value for each so many steps.
const STEPS_A_VALUE: usize = 32;

/// Who has nothing left goes on when so many steps may be taken again.
const ENOUGH: f64 = 8192.0;

/// What is left of the limits for one client.
#[derive(Debug)]
pub(crate) struct Allowance {
    rates: Rates,
    frames_left: f64,
    counted_at: Steady,
    /// Below zero by what a request took over it.
    steps_left: f64,
    steps_counted_at: Steady,
    bad: u32,
    minute_began: Steady,
    /// What all of its network may send together, where that has a limit.
    of_network: Option<Box<ShareOfNetwork>>,
    #[cfg(test)]
    steps_taken: usize,
}

impl Allowance {
    /// Everything is still allowed.
    pub(crate) fn new(rates: Rates, now: Steady) -> Self {
        let frames_left = rates.frames_per_second.map_or(0.0, burst);
        let steps_left = frames_left * f64::from(STEPS_A_FRAME);
        Self {
            rates,
            frames_left,
            counted_at: now,
            steps_left,
            steps_counted_at: now,
            bad: 0,
            minute_began: now,
            of_network: None,
            #[cfg(test)]
            steps_taken: 0,
        }
    }

    /// From now on the client sends within this share of its network, too.
    pub(crate) fn within(&mut self, share: ShareOfNetwork) {
        self.of_network = Some(Box::new(share));
    }

    /// How many messages a second the client may send at the most.
    pub(super) fn frames_per_second(&self) -> Option<u32> {
        let of_network = self.of_network.as_ref().map(|share| share.per_second());
        self.rates.frames_per_second.into_iter().chain(of_network).min()
    }

    /// All work that was ever counted.
    #[cfg(test)]
    pub(super) fn steps_taken(&self) -> usize {
        self.steps_taken
    }

    /// Counts one frame.
    pub(crate) fn frame(&mut self, now: Steady) -> Result<(), Excess> {
        if let Some(per_second) = self.rates.frames_per_second {
            let passed = now.since(self.counted_at);
            let earned = passed.as_secs_f64() * f64::from(per_second);
            self.frames_left = (self.frames_left + earned).min(burst(per_second));
            self.counted_at = now;
            self.frames_left -= 1.0;
            if self.frames_left < 0.0 {
                return Err(Excess::Frames { per_second });
            }
        }
        self.of_network.as_ref().map_or(Ok(()), |share| share.take(now))
    }

    /// Counts a request about the subscription. How much work its look-up will be is not known before, so one may go
    /// over the limit; the next one has to wait for it.
    pub(super) fn request(&mut self, steps: usize, now: Steady) -> Result<(), Excess> {
        if let Some(per_second) = self.earn_steps(now)
            && self.steps_left < 0.0
        {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is above zero")]
            let owed = -self.steps_left as u64;
            return Err(Excess::Steps { per_second: u64::from(per_second) * u64::from(STEPS_A_FRAME), owed });
        }
        self.took(steps);
        Ok(())
    }

    /// How long a look-up has to wait for its next steps, if it does. One that finds something need not.
    pub(super) fn look_up_waits(&mut self, taken: usize, found: usize, now: Steady) -> Option<Duration> {
        let per_second = self.earn_steps(now)?;
        if self.steps_left > 0.0 || taken <= found.saturating_mul(STEPS_A_VALUE) {
            return None;
        }
        let missing = (ENOUGH - self.steps_left) / (f64::from(per_second) * f64::from(STEPS_A_FRAME));
        // A clock that cannot be set so far ahead, and one that would ring at once.
        Some(Duration::try_from_secs_f64(missing.clamp(0.001, 60.0)).unwrap_or(Duration::from_secs(1)))
    }

    fn earn_steps(&mut self, now: Steady) -> Option<u32> {
        let per_second = self.rates.frames_per_second?;
        let passed = now.since(self.steps_counted_at);
        let earned = passed.as_secs_f64() * f64::from(per_second) * f64::from(STEPS_A_FRAME);
        self.steps_left = (self.steps_left + earned).min(burst(per_second) * f64::from(STEPS_A_FRAME));
        self.steps_counted_at = now;
        Some(per_second)
    }

    /// Counts work that was done.
    pub(super) fn took(&mut self, steps: usize) {
        #[cfg(test)]
        {
            self.steps_taken += steps;
        }
        if self.rates.frames_per_second.is_some() {
            self.steps_left -= f64::from(u32::try_from(steps).unwrap_or(u32::MAX));
        }
    }

    /// Counts one bad frame.
    pub(super) fn bad_frame(&mut self, now: Steady) -> Result<(), Excess> {
        let Some(per_minute) = self.rates.bad_frames_per_minute else { return Ok(()) };
        if now.since(self.minute_began) >= Duration::from_mins(1) {
            self.minute_began = now;
            self.bad = 0;
        }
        self.bad += 1;
        if self.bad > per_minute { Err(Excess::BadFrames { per_minute }) } else { Ok(()) }
    }
}

/// What may come at once.
pub(super) fn burst(per_second: u32) -> f64 {
    f64::from(per_second) * 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::moment::Moment;
    use std::sync::LazyLock;
    use std::time::SystemTime;

    static START: LazyLock<Steady> = LazyLock::new(|| Moment::from(SystemTime::UNIX_EPOCH).steady());

    fn allowance() -> Allowance {
        Allowance::new(Rates { frames_per_second: Some(10), bad_frames_per_minute: Some(100) }, *START)
    }

    #[test]
    fn a_burst_of_two_seconds_passes_and_then_the_rate_holds() {
        let mut allowance = allowance();
        for _ in 0..20 {
            assert_eq!(allowance.frame(*START), Ok(()));
        }
        assert_eq!(allowance.frame(*START), Err(Excess::Frames { per_second: 10 }));
        let later = START.after(Duration::from_secs(1));
        let passed = (0..30).filter(|_| allowance.frame(later).is_ok()).count();
        assert!((9..=10).contains(&passed), "{passed}");
    }

    #[test]
    fn a_pause_brings_back_one_burst_and_not_two() {
        let mut allowance = allowance();
        assert!(allowance.frame(*START).is_ok());
        let later = START.after(Duration::from_hours(1));
        assert_eq!((0..100).filter(|_| allowance.frame(later).is_ok()).count(), 20);
    }

    #[test]
    fn the_hundred_and_first_bad_frame_in_a_minute_is_too_many() {
        let mut allowance = allowance();
        for _ in 0..100 {
            assert_eq!(allowance.bad_frame(*START), Ok(()));
        }
        assert_eq!(allowance.bad_frame(*START), Err(Excess::BadFrames { per_minute: 100 }));
        assert_eq!(allowance.bad_frame(START.after(Duration::from_mins(1))), Ok(()));
    }

    #[test]
    fn one_request_may_take_any_number_of_steps_and_the_next_one_waits_for_it() {
        let mut allowance = allowance();
        assert_eq!(allowance.request(80, *START), Ok(()));
        allowance.took(1280 - 80 + 320);
        assert_eq!(allowance.request(1, *START), Err(Excess::Steps { per_second: 640, owed: 320 }));
        for _ in 0..20 {
            assert_eq!(allowance.frame(*START), Ok(()), "messages are not counted against it");
        }
        assert_eq!(allowance.request(1, START.after(Duration::from_millis(600))), Ok(()));
    }

    #[test]
    fn a_look_up_that_finds_nothing_waits_for_its_steps_and_one_that_finds_does_not() {
        let mut allowance = allowance();
        assert_eq!(allowance.look_up_waits(0, 0, *START), None);
        allowance.took(1280);
        assert_eq!(allowance.look_up_waits(1280, 40, *START), None);
        assert_eq!(allowance.look_up_waits(1280, 39, *START), Some(Duration::from_millis(12_800)));
        assert_eq!(allowance.look_up_waits(1280, 39, START.after(Duration::from_secs(1))), None);
    }

    #[test]
    fn what_runs_inside_has_no_limit() {
        let mut allowance = Allowance::new(Rates::UNLIMITED, *START);
        for _ in 0..100_000 {
            assert!(allowance.frame(*START).is_ok() && allowance.bad_frame(*START).is_ok());
        }
    }
}
