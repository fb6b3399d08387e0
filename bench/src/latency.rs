//! How long messages took: a histogram that is right within two per cent, whatever their number.

/// Buckets for each doubling.
const FINE: u64 = 64;

#[derive(Debug, Clone)]
pub(crate) struct Latency {
    counts: Vec<u64>,
    total: u64,
    /// The longest, exactly.
    worst: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: vec![0; 64 * 64], total: 0, worst: 0 }
    }
}

impl Latency {
    pub(crate) fn add(&mut self, nanoseconds: u64) {
        if let Some(count) = self.counts.get_mut(bucket(nanoseconds)) {
            *count += 1;
            self.total += 1;
            self.worst = self.worst.max(nanoseconds);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.worst = 0;
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// Microseconds that the slowest message took.
    pub(crate) fn worst(&self) -> f64 {
        self.worst as f64 / 1000.0
    }

    /// Microseconds that this share of all messages did not exceed.
    pub(crate) fn microseconds(&self, share: f64) -> f64 {
        let wanted = self.total as f64 * share;
        let mut sum = 0;
        let at = self.counts.iter().position(|count| {
            sum += count;
            sum > 0 && sum as f64 >= wanted
        });
        at.map_or(0.0, |at| value(at as u64) as f64 / 1000.0)
    }
}

fn bucket(value: u64) -> usize {
    let shift = (value.max(1).ilog2()).saturating_sub(6);
    usize::try_from(u64::from(shift) * FINE + (value >> shift)).unwrap_or(usize::MAX)
}

/// The least value of a bucket.
fn value(bucket: u64) -> u64 {
    match bucket / FINE {
        0 | 1 => bucket,
        row => (bucket - (row - 1) * FINE) << (row - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_within_two_per_cent() {
        for exact in
            (0..40).map(|bit| 1_u64 << bit).flat_map(|power| [power, power + power / 3, power * 2 - 1])
        {
            let found = value(bucket(exact) as u64);
            assert!(found <= exact && exact - found <= exact / 50, "{exact} became {found}");
        }
    }

    #[test]
    fn shares_are_of_all_messages() {
        let mut latency = Latency::default();
        (1..=1000).for_each(|n| latency.add(n * 1000));
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0)] {
            let found = latency.microseconds(share);
            assert!((found - expected).abs() <= expected * 0.02, "{share}: {found}");
        }
        assert_eq!(latency.worst, 1_000_000);
        latency.clear();
        assert_eq!((latency.worst, latency.total), (0, 0));
    }
}
