//! Readings thinned to steps of time: how many, the least, the greatest, the mean, the last. To bytes and back. Pure.
//!
//! ```text
//! chunk   2 (1 byte), bits, CRC-32C (4) over the mark of the file, the chunk's number and all bytes before
//! bits    form (6 bits: decimals, or 63 where no decimals say all numbers), step in seconds, count, columns of: starts in steps,
//!         counts less 1, least, greatest, last, sum
//! ```

use super::super::log::Fault;
use super::super::shape::Number;
use super::bits::{BitReader, BitWriter};
use super::readings::{MOST, Place, Readings, Values, float, ordered, sealed, unordered};

/// The first byte of such chunks.
pub(super) const VERSION: u8 = 2;
const FLOATS: u32 = 63;
/// Whole numbers that a float says exactly are below this.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// A sum of floats is off by less than this part of the greatest of them, for each of them.
const NOISE: f64 = 1e-13;
/// More decimals are rare, and told as floats.
const MOST_DECIMALS: u32 = 12;

/// What was said in one step of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// When it begins, in milliseconds since 1970: a whole multiple of the step.
    pub start: u64,
    /// How many readings.
    pub count: u64,
    /// The least one.
    pub min: f64,
    /// The greatest one.
    pub max: f64,
    /// The last one to come.
    pub last: f64,
    /// All of them together.
    pub sum: f64,
}

impl Bucket {
    fn of(start: u64, value: f64) -> Self {
        Self { start, count: 1, min: value, max: value, last: value, sum: value }
    }

    /// Takes in another one, which came later.
    fn join(&mut self, later: &Self) {
        self.count += later.count;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum += later.sum;
        self.last = later.last;
    }

    /// The mean of the readings.
    #[expect(clippy::cast_precision_loss, reason = "nobody says 2^53 readings")]
    pub fn mean(&self) -> f64 {
        let mean = if self.sum.is_finite() { self.sum / self.count.max(1) as f64 } else { self.last };
        mean.clamp(self.min, self.max)
    }
}

/// Buckets of one step, each moment once, in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    /// Milliseconds.
    pub step: u64,
    /// What there is. A step without a reading has none.
    pub all: Vec<Bucket>,
}

impl Buckets {
    /// None yet.
    pub fn by(step: u64) -> Self {
        Self { step: step.max(1), all: Vec::new() }
    }

    /// Adds one reading.
    pub fn add(&mut self, time: u64, value: f64) {
        self.take(&Bucket::of(time, value));
    }

    /// Adds readings, where they are numbers.
    pub fn add_all(&mut self, readings: &Readings, is_asked: impl Fn(u64) -> bool) {
        let mut add = |time: &u64, value: f64| {
            if is_asked(*time) {
                self.add(*time, value);
            }
        };
        let times = readings.times.iter();
        match &readings.values {
            Values::Decimals(decimals, values) => {
                let number = |mantissa: &i64| float(Number { mantissa: *mantissa, decimals: *decimals });
                times.zip(values).for_each(|(time, mantissa)| add(time, number(mantissa)));
            }
            Values::Floats(values) => times.zip(values).for_each(|(time, value)| add(time, *value)),
            Values::States(..) => {}
        }
    }

    /// Adds what came later than all that is in here.
    pub fn take(&mut self, later: &Bucket) {
        let later = Bucket { start: later.start - later.start % self.step, ..*later };
        match self.all.last_mut() {
            Some(last) if last.start == later.start => return last.join(&later),
            Some(last) if last.start > later.start => {}
            _ => return self.all.push(later),
        }
        // The clock went back.
        match self.all.binary_search_by_key(&later.start, |bucket| bucket.start) {
            Ok(at) => {
                if let Some(bucket) = self.all.get_mut(at) {
                    bucket.join(&later);
                }
            }
            Err(at) => self.all.insert(at, later),
        }
    }

    /// How many readings are in them.
    pub fn readings(&self) -> u64 {
        self.all.iter().map(|bucket| bucket.count).sum()
    }

    /// The bytes of a chunk.
    pub fn chunk(&self, place: Place) -> Vec<u8> {
        let decimals = (0..=MOST_DECIMALS).find_map(|decimals| self.wholes(decimals));
        let (form, columns) = decimals.unwrap_or_else(|| (FLOATS, self.columns(ordered)));
        let mut bits = BitWriter::default();
        bits.put(form.into(), 6);
        bits.put_number(self.step / 1000);
        bits.put_number(self.all.len() as u64);
        let step = self.step;
        bits.put_column(&self.column(|bucket| (bucket.start / step).cast_signed()));
        bits.put_column(&self.column(|bucket| (bucket.count - 1).cast_signed()));
        for column in &columns {
            bits.put_column(column);
        }
        sealed(place, VERSION, bits)
    }

    fn column(&self, one: impl Fn(&Bucket) -> i64) -> Vec<i64> {
        self.all.iter().map(one).collect()
    }

    /// The last three by how far they are from the first one, which is less.
    fn columns(&self, whole: impl Fn(f64) -> i64) -> [Vec<i64>; 4] {
        [
            self.column(|bucket| whole(bucket.min)),
            self.column(|bucket| whole(bucket.max).wrapping_sub(whole(bucket.min))),
            self.column(|bucket| whole(bucket.last).wrapping_sub(whole(bucket.min))),
            self.column(|bucket| {
                let least = whole(bucket.min).wrapping_mul(bucket.count.cast_signed());
                whole(bucket.sum).wrapping_sub(least)
            }),
        ]
    }

    /// All numbers as whole ones, if so many decimals say all of them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "that it is whole and small was looked at, and nobody says 2^53 readings"
    )]
    fn wholes(&self, decimals: u32) -> Option<(u32, [Vec<i64>; 4])> {
        let power = 10_f64.powi(decimals.cast_signed());
        let whole = |value: f64| (value * power).round();
        let is_said = |value: f64| {
            let whole = whole(value);
            whole.abs() < EXACT && (whole / power).to_bits() == value.to_bits()
        };
        let is_sum = |bucket: &Bucket| {
            let (sum, size) = (whole(bucket.sum), bucket.min.abs().max(bucket.max.abs()));
            // A sum of floats is off by a little, and rounding it to the decimals of what was added puts it right. Off by
            // more, a reading between the others has more decimals.
            sum.abs() < EXACT && (sum / power - bucket.sum).abs() <= size * bucket.count as f64 * NOISE
        };
        let all = self
            .all
            .iter()
            .all(|bucket| [bucket.min, bucket.max, bucket.last].into_iter().all(is_said) && is_sum(bucket));
        all.then(|| (decimals, self.columns(|value| whole(value) as i64)))
    }

    pub(super) fn of(bits: &mut BitReader<'_>) -> Option<Result<Self, Fault>> {
        let form = u32::try_from(bits.get(6)?).unwrap_or(FLOATS);
        if form > MOST_DECIMALS && form != FLOATS {
            return Some(Err(Fault::Newer));
        }
        Self::of_bits(form, bits).map(Ok)
    }

    #[expect(clippy::cast_precision_loss, reason = "what is not below 2^53 is told as floats")]
    fn of_bits(form: u32, bits: &mut BitReader<'_>) -> Option<Self> {
        let step = bits.get_number()?.checked_mul(1000).filter(|step| *step > 0)?;
        let count = usize::try_from(bits.get_number()?).ok().filter(|count| *count <= MOST)?;
        let power = 10_f64.powi(form.cast_signed());
        let number = |whole: i64| if form == FLOATS { unordered(whole) } else { whole as f64 / power };
        let mut column = || bits.get_column(count);
        let (starts, counts, least) = (column()?, column()?, column()?);
        let (greatest, newest, sums) = (column()?, column()?, column()?);
        let mut all: Vec<Bucket> = Vec::with_capacity(count);
        for ((((start, count), least), greatest), (last, sum)) in
            starts.into_iter().zip(counts).zip(least).zip(greatest).zip(newest.into_iter().zip(sums))
        {
            let count = u64::try_from(count).ok()?.checked_add(1)?;
            let start = u64::try_from(start).ok()?.checked_mul(step)?;
            let sum = sum.wrapping_add(least.wrapping_mul(count.cast_signed()));
            let bucket = Bucket {
                start,
                count,
                min: number(least),
                max: number(least.wrapping_add(greatest)),
                last: number(least.wrapping_add(last)),
                sum: number(sum),
            };
            let in_order = all.last().is_none_or(|before| before.start < start);
            let is_one = [bucket.min, bucket.max, bucket.last].iter().all(|value| value.is_finite())
                && (bucket.min..=bucket.max).contains(&bucket.last);
            if !in_order || !is_one {
                return None;
            }
            all.push(bucket);
        }
        Some(Self { step, all })
    }
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "small whole numbers, and what is said has to come back to the bit"
    )]

    use super::super::chunk::Chunk;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn said() -> impl Strategy<Value = Vec<(u64, f64)>> {
        let value = prop_oneof![
            8 => (-99_999..99_999_i64).prop_map(|whole| whole as f64 / 100.0),
            1 => any::<f64>().prop_filter("finite", |value| value.is_finite()),
        ];
        let decimals = (-99_999..99_999_i64).prop_map(|whole| whole as f64 / 1000.0);
        let times = || 1_795_000_000_000..1_795_004_000_000_u64;
        prop_oneof![
            prop::collection::vec((times(), value), 0..200),
            prop::collection::vec((times(), decimals), 0..200),
        ]
    }

    /// The twin: all readings of each step, in the order in which they came.
    fn twin(said: &[(u64, f64)], step: u64) -> BTreeMap<u64, Vec<f64>> {
        let mut twin: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for (time, value) in said {
            twin.entry(time / step * step).or_default().push(*value);
        }
        twin
    }

    fn again(id: u64, buckets: &Buckets) -> Buckets {
        match Chunk::read([1, id], &buckets.chunk([1, id])).unwrap() {
            Chunk::Buckets(buckets) => buckets,
            Chunk::Readings(_) => panic!("these are buckets"),
        }
    }

    #[test]
    fn the_mean_is_right_where_a_reading_between_the_others_has_more_decimals() {
        let mut buckets = Buckets::by(60_000);
        for value in [0.0, 0.000_06, 0.01, 0.0] {
            buckets.add(1_795_000_000_000, value);
        }
        let told = again(9, &buckets).all[0];
        assert_eq!((told.min, told.max, told.last), (0.0, 0.01, 0.0));
        assert!((told.mean() - 0.002_515).abs() < 1e-12, "{}", told.mean());
    }

    fn check(buckets: &Buckets, said: &[(u64, f64)]) -> Result<(), TestCaseError> {
        let twin = twin(said, buckets.step);
        prop_assert_eq!(buckets.all.len(), twin.len());
        for (bucket, (start, values)) in buckets.all.iter().zip(twin) {
            prop_assert_eq!((bucket.start, bucket.count), (start, values.len() as u64));
            prop_assert_eq!(bucket.min, values.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(bucket.max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            prop_assert_eq!(bucket.last, *values.last().unwrap());
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let size = values.iter().map(|value| value.abs()).fold(0.0, f64::max);
            if mean.is_finite() {
                prop_assert!((bucket.mean() - mean).abs() <= size * 1e-9, "{} is not {mean}", bucket.mean());
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_step_says_what_a_list_of_all_readings_says(said in said(), step in prop::sample::select(vec![1000, 60_000, 900_000_u64])) {
            let mut buckets = Buckets::by(step);
            for (time, value) in &said {
                buckets.add(*time, *value);
            }
            check(&buckets, &said)?;
            check(&again(9, &buckets), &said)?;
            prop_assert!(Chunk::read([1, 8], &buckets.chunk([1, 9])).is_err());
        }

        #[test]
        fn thinning_twice_is_thinning_once(said in said(), cuts in 1..5_usize) {
            // What is sealed in several pieces, each of which is thinned, written, read and thinned again.
            let mut quarters = Buckets::by(900_000);
            let piece = (said.len() / cuts).max(1);
            for (id, piece) in said.chunks(piece).enumerate() {
                let mut minutes = Buckets::by(60_000);
                for (time, value) in piece {
                    minutes.add(*time, *value);
                }
                let minutes = again(id as u64, &minutes);
                minutes.all.iter().for_each(|bucket| quarters.take(bucket));
            }
            // The last one of a step that the clock went back into is that of the last piece.
            let mut sorted = said.clone();
            sorted.sort_by_key(|(time, _)| *time);
            if said == sorted {
                check(&quarters, &said)?;
            }
        }
    }
}
