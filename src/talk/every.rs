//! How often a topic speaks, as the third element of a message tells it (`docs/protocol.md`, clause 5.4), and when its
//! silence is too long.

use std::fmt;
use std::time::Duration;

/// The time between two readings of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Every(u32);

impl Every {
    /// A value is stale when its topic is silent for so many times as long as usual.
    const TIMES: u32 = 3;
    /// No value is stale sooner.
    const AT_LEAST: Duration = Duration::from_secs(5);

    /// So many milliseconds.
    pub fn from_milliseconds(milliseconds: u32) -> Self {
        Self(milliseconds)
    }

    /// From seconds, as they are told. Nothing that is no time.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        let time = Duration::try_from_secs_f64(seconds).ok()?;
        u32::try_from(time.as_millis()).ok().filter(|milliseconds| *milliseconds > 0).map(Self)
    }

    /// As a time.
    pub fn time(self) -> Duration {
        Duration::from_millis(self.0.into())
    }

    /// Whether a value is stale, where its topic speaks so often and has been silent for so long.
    pub fn is_stale(self, silence: Duration) -> bool {
        silence > (self.time() * Self::TIMES).max(Self::AT_LEAST)
    }
}

/// Seconds, as a JSON number.
impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (f64::from(self.0) / 1000.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_seconds_with_as_few_digits_as_it_takes() {
        for (milliseconds, told) in
            [(60, "0.06"), (500, "0.5"), (1_000, "1"), (16_000, "16"), (900_000, "900")]
        {
            let every = Every::from_milliseconds(milliseconds);
            assert_eq!(every.to_string(), told);
            assert_eq!(Every::from_seconds(told.parse().unwrap()), Some(every));
        }
        for none in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e12] {
            assert_eq!(Every::from_seconds(none), None);
        }
    }

    #[test]
    fn a_topic_is_stale_after_three_times_its_interval_and_five_seconds_at_least() {
        let stale = |every: f64, silence: f64| {
            Every::from_seconds(every).unwrap().is_stale(Duration::from_secs_f64(silence))
        };
        assert_eq!(
            [(10.0, 30.0), (10.0, 30.1), (0.1, 5.0), (0.1, 5.1)]
                .map(|(every, silence)| stale(every, silence)),
            [false, true, false, true]
        );
    }
}
