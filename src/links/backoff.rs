//! How long to wait before the next attempt: full jitter, so that a thousand hubs do not come back as one. Pure.

use std::time::Duration;

/// The shortest span that a wait is drawn from.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LAST: Duration = Duration::from_mins(1);
/// No wait is shorter than this.
const LEAST: Duration = Duration::from_millis(100);

/// A connection that held for so long was a good one.
pub const HELD: Duration = Duration::from_secs(3);

/// The waits between attempts.
#[derive(Debug, Clone)]
pub struct Backoff {
    span: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { span: FIRST }
    }
}

impl Backoff {
    /// The next wait: anything between nothing and a span that doubles from 1 s to 60 s. `random` is from 0 to 1.
    pub fn wait(&mut self, random: f64) -> Duration {
        let wait = self.span.mul_f64(random.clamp(0.0, 1.0)).max(LEAST);
        self.span = (self.span * 2).min(LAST);
        wait
    }

    /// A connection was good: the waits begin anew.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// A number from 0 to 1.
pub fn random() -> f64 {
    // Without the kernel's randomness the waits are long, which does no harm.
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_of_waits_doubles_up_to_a_minute_and_begins_anew() {
        let mut backoff = Backoff::default();
        let longest: Vec<_> = (0..8).map(|_| backoff.wait(1.0).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.wait(0.5).as_secs(), 30);
        assert_eq!(backoff.wait(0.0), LEAST);
        backoff.reset();
        assert_eq!(backoff.wait(1.0), FIRST);
    }
}
