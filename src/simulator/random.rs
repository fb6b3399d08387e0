//! Chance from a seed: `SplitMix64`, as a stream and as a function of a place.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number that belongs to a place: same arguments, same number, whatever was asked before.
pub(super) fn at(seed: u64, channel: u64, index: u64) -> u64 {
    let channel = finish(seed.wrapping_add(channel.wrapping_mul(GOLDEN)));
    finish(channel.wrapping_add(index.wrapping_mul(GOLDEN)))
}

/// A number from 0 to below 1 out of the upper half of `bits`.
pub(super) fn unit(bits: u64) -> f64 {
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / 4_294_967_296.0
}

/// A stream of numbers.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        finish(self.0)
    }

    /// A number from `low` to below `high`; `low` where there is none.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % high.saturating_sub(low).max(1)
    }
}

fn finish(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_splitmix64() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut random = Random::new(0);
        assert!((0..1000).all(|_| (5..9).contains(&random.between(5, 9))));
        assert_eq!(random.between(5, 5), 5);
        assert!((0..1000).all(|index| (0.0..1.0).contains(&unit(at(1, 2, index)))));
        assert_ne!(at(1, 2, 3), at(1, 3, 2));
    }
}
