//! How long to wait before the next attempt: a span that doubles, of which a random part is waited. Floor 0. Pure but
//! for [`random`].
//!
//! Clients that wait for the same time all come back at the same moment after the same failure. A thousand
//! hubs that lost a broker, or ten thousand nodes that lost a hub, would come as one.

use std::time::Duration;

/// No wait is shorter than this part of the first span.
const SHORTEST: u32 = 10;

/// The waits between attempts.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    span: Duration,
}

impl Backoff {
    /// The first wait is at most `first`. The span doubles with each wait, up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, span: first }
    }

    /// The next wait: `random`, which is from 0 to 1, says how much of the span it is.
    pub fn wait(&mut self, random: f64) -> Duration {
        let wait = self.span.mul_f64(random.clamp(0.0, 1.0)).max(self.first / SHORTEST);
        self.span = (self.span * 2).min(self.longest);
        wait
    }

    /// The next wait, drawn at random.
    pub fn draw(&mut self) -> Duration {
        self.wait(random())
    }

    /// The attempt was a success: the waits begin anew.
    pub fn reset(&mut self) {
        self.span = self.first;
    }

    /// Whether no wait was asked for since the start, or since the last success.
    pub fn is_fresh(&self) -> bool {
        self.span == self.first
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
    fn the_span_of_waits_doubles_up_to_a_bound_and_begins_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1));
        assert!(backoff.is_fresh());
        let longest: Vec<_> = (0..8).map(|_| backoff.wait(1.0).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.wait(0.5).as_secs(), 30);
        assert_eq!(backoff.wait(0.0), Duration::from_millis(100), "never at once");
        assert!(!backoff.is_fresh());
        backoff.reset();
        assert_eq!(backoff.wait(1.0), Duration::from_secs(1));
    }

    #[test]
    fn two_who_were_cut_off_together_do_not_come_back_together() {
        let waits = || {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1));
            (0..8).map(|_| backoff.draw()).collect::<Vec<_>>()
        };
        assert_ne!(waits(), waits());
    }
}
