//! How fast a program is read: so many lines a second, with two seconds' worth at once, as a client may send. What is over that is not
//! lost: it is not read yet, and the program waits. Pure; time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Seconds' worth that may come at once.
const BURST: f64 = 2.0;
/// What is lost where a number is not exact is no line.
const NEARLY: f64 = 1e-6;
/// A rest is so long at least: each of them has the task woken.
const REST: Duration = Duration::from_millis(50);

/// What may still be read.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: f64,
    left: f64,
    counted_at: Instant,
}

impl Pace {
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second.max(1));
        Self { per_second, left: per_second * BURST, counted_at: now }
    }

    /// A line was read.
    pub(super) fn count(&mut self) {
        self.left -= 1.0;
    }

    /// Until when nothing is to be read, if it is so.
    pub(super) fn rest(&mut self, now: Instant) -> Option<Instant> {
        let since = now.saturating_duration_since(self.counted_at).as_secs_f64();
        self.left = (self.left + since * self.per_second).min(self.per_second * BURST);
        self.counted_at = now;
        if self.left > 1.0 - NEARLY {
            return None;
        }
        let until = Duration::from_secs_f64((1.0 - self.left) / self.per_second);
        Some(now + until.max(REST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_a_second_are_read_and_twice_as_many_at_once() {
        let mut now = Instant::now();
        let began = now;
        let (mut pace, mut read) = (Pace::new(10, now), 0_u32);
        while read < 120 {
            if let Some(until) = pace.rest(now) {
                assert!(until > now);
                now = until;
            } else {
                pace.count();
                read += 1;
                assert!(read > 20 || now == began, "the burst");
            }
        }
        let took = (now - began).as_secs_f64();
        assert!((9.9..10.2).contains(&took), "{took}");
        // Nothing is saved up beyond the burst.
        now += Duration::from_hours(1);
        let at_once = std::iter::from_fn(|| pace.rest(now).is_none().then(|| pace.count())).count();
        assert_eq!(at_once, 20);
    }
}
