//! Whole numbers to bits and back, for columns that move little from one to the next. Pure.
//!
//! A column is told as it is, by differences, or by differences of differences, whichever is least. Then blocks of numbers are
//! told by what they are off the middle one of their block, in Rice codes: how often `2^width` goes into it as zeros and a one,
//! then `width` bits.

/// Numbers that share a middle and a width.
const BLOCK: usize = 128;
/// So many zeros say that a number is told in full.
const ESCAPE: u32 = 24;
/// The width that says that all numbers of a block are its middle one.
const CONSTANT: u32 = 63;
/// How often differences are taken at the most.
const ORDERS: u32 = 3;

/// Bits that are written, the lowest first.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    open: u128,
    filled: u32,
}

impl BitWriter {
    /// The lowest `bits` bits, 64 at the most.
    pub(super) fn put(&mut self, value: u64, bits: u32) {
        self.open |= u128::from(value) << self.filled;
        self.filled += bits;
        if self.filled >= u64::BITS {
            let whole = self.open.to_le_bytes();
            self.bytes.extend(whole.iter().take(size_of::<u64>()));
            self.open >>= u64::BITS;
            self.filled -= u64::BITS;
        }
    }

    /// A number that is mostly small.
    pub(super) fn put_number(&mut self, value: u64) {
        let bits = 64 - value.leading_zeros();
        // Seven bits, as there may be 64.
        self.put(bits.into(), 7);
        self.put(value, bits);
    }

    /// A column; how long it is stands elsewhere.
    pub(super) fn put_column(&mut self, values: &[i64]) {
        if values.is_empty() {
            return;
        }
        let (mut best, mut residuals) = (None::<(u64, u32, Vec<Block>)>, values.to_vec());
        for order in 0..ORDERS {
            if order > 0 {
                differ(&mut residuals, order as usize - 1);
            }
            let blocks: Vec<_> =
                residuals.get(order as usize..).unwrap_or_default().chunks(BLOCK).map(Block::of).collect();
            let cost = blocks.iter().map(|block| block.cost).sum();
            if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                best = Some((cost, order, blocks));
            }
        }
        let Some((_, order, blocks)) = best else { return };
        residuals.copy_from_slice(values);
        (0..order as usize).for_each(|order| differ(&mut residuals, order));
        self.put(order.into(), 2);
        let (first, rest) = residuals.split_at(residuals.len().min(order as usize));
        for value in first {
            self.put_number(zigzag(*value));
        }
        for (values, Block { middle, width, .. }) in rest.chunks(BLOCK).zip(blocks) {
            self.put(width.into(), 6);
            self.put_number(zigzag(middle));
            if width < CONSTANT {
                for value in values {
                    self.put_rice(zigzag(value.wrapping_sub(middle)), width);
                }
            }
        }
    }

    fn put_rice(&mut self, value: u64, width: u32) {
        let times = value >> width;
        if times >= ESCAPE.into() {
            self.put(0, ESCAPE);
            self.put(value, 64);
        } else {
            self.put(1 << times, u32::try_from(times).unwrap_or_default() + 1);
            self.put(value & ((1 << width) - 1), width);
        }
    }

    /// The bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let rest = self.open.to_le_bytes();
        self.bytes.extend(rest.iter().take(self.filled.div_ceil(8) as usize));
        self.bytes
    }
}

/// Each number less the one before it, but for the first one and so many behind it.
fn differ(values: &mut [i64], kept: usize) {
    let mut before = 0;
    for (at, value) in values.iter_mut().enumerate() {
        let this = *value;
        if at > kept {
            *value = this.wrapping_sub(before);
        }
        before = this;
    }
}

struct Block {
    middle: i64,
    width: u32,
    cost: u64,
}

impl Block {
    fn of(values: &[i64]) -> Self {
        // Chunks of this length: there are many of them, so there is no memory to be asked for.
        let mut sorted = [0; BLOCK];
        let sorted = sorted.get_mut(..values.len()).unwrap_or_default();
        sorted.iter_mut().zip(values).for_each(|(place, value)| *place = *value);
        let at = sorted.len() / 2;
        let middle = if sorted.is_empty() { 0 } else { *sorted.select_nth_unstable(at).1 };
        let head = 13 + u64::from(64 - zigzag(middle).leading_zeros());
        if values.iter().all(|value| *value == middle) {
            return Self { middle, width: CONSTANT, cost: head };
        }
        let off = || values.iter().map(|value| zigzag(value.wrapping_sub(middle)));
        let sum: u128 = off().map(u128::from).sum();
        let mean = u64::try_from(sum / (values.len() as u128).max(1)).unwrap_or(u64::MAX);
        let guess = (64 - mean.leading_zeros()).min(CONSTANT - 2);
        let cost = |width: u32| {
            let one = |off: u64| {
                let times = off >> width;
                if times >= ESCAPE.into() { u64::from(ESCAPE) + 64 } else { times + 1 + u64::from(width) }
            };
            (off().map(one).sum::<u64>(), width)
        };
        let widths = [guess.saturating_sub(2), guess.saturating_sub(1), guess, guess + 1];
        let (least, width) = widths.into_iter().map(cost).min().unwrap_or_default();
        Self { middle, width, cost: head + least }
    }
}

/// Bits that are read. What is not there is `None`.
#[derive(Debug)]
pub(super) struct BitReader<'b> {
    bytes: &'b [u8],
    open: u64,
    filled: u32,
}

impl<'b> BitReader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, open: 0, filled: 0 }
    }

    fn refill(&mut self) {
        while self.filled <= 56 {
            let [first, behind @ ..] = self.bytes else { return };
            self.open |= u64::from(*first) << self.filled;
            (self.filled, self.bytes) = (self.filled + 8, behind);
        }
    }

    fn few(&mut self, bits: u32) -> Option<u64> {
        if self.filled < bits {
            self.refill();
        }
        self.filled = self.filled.checked_sub(bits)?;
        let value = self.open & ((1 << bits) - 1);
        self.open >>= bits;
        Some(value)
    }

    /// So many bits, 64 at the most.
    pub(super) fn get(&mut self, bits: u32) -> Option<u64> {
        if bits <= 32 {
            return self.few(bits);
        }
        Some(self.few(32)? | self.few(bits - 32)? << 32)
    }

    pub(super) fn get_number(&mut self) -> Option<u64> {
        let bits = u32::try_from(self.get(7)?).ok().filter(|bits| *bits <= 64)?;
        self.get(bits)
    }

    /// A column of so many numbers.
    pub(super) fn get_column(&mut self, count: usize) -> Option<Vec<i64>> {
        // Each block takes more than a byte, so what cannot be there takes no memory.
        if count / BLOCK > self.bytes.len() + 16 {
            return None;
        }
        let mut values = Vec::with_capacity(count);
        if count == 0 {
            return Some(values);
        }
        let order = usize::try_from(self.get(2)?).ok().filter(|order| *order < ORDERS as usize)?;
        for _ in 0..order.min(count) {
            values.push(unzigzag(self.get_number()?));
        }
        while values.len() < count {
            let (width, len) = (u32::try_from(self.get(6)?).ok()?, (count - values.len()).min(BLOCK));
            let middle = unzigzag(self.get_number()?);
            if width == CONSTANT {
                values.extend(std::iter::repeat_n(middle, len));
                continue;
            }
            for _ in 0..len {
                values.push(middle.wrapping_add(unzigzag(self.rice(width)?)));
            }
        }
        for order in (0..order).rev() {
            let mut before = 0_i64;
            for (at, value) in values.iter_mut().enumerate() {
                if at > order {
                    *value = value.wrapping_add(before);
                }
                before = *value;
            }
        }
        Some(values)
    }

    fn rice(&mut self, width: u32) -> Option<u64> {
        if self.filled < ESCAPE + 1 {
            self.refill();
        }
        let times = self.open.trailing_zeros();
        if times >= ESCAPE {
            self.few(ESCAPE)?;
            return self.get(64);
        }
        self.few(times + 1)?;
        let times = u64::from(times);
        let low = self.get(width)?;
        times.checked_shl(width).filter(|high| high >> width == times).map(|high| high | low)
    }
}

/// A number with a sign as one without, small ones as small ones.
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(values: &[i64]) -> Vec<u8> {
        let mut writer = BitWriter::default();
        writer.put_column(values);
        writer.put_number(7);
        writer.finish()
    }

    fn column() -> impl Strategy<Value = Vec<i64>> {
        prop_oneof![
            prop::collection::vec(any::<i64>(), 0..300),
            prop::collection::vec(-5..5_i64, 0..700),
            (any::<i64>(), prop::collection::vec(990..1010_i64, 0..300)).prop_map(|(first, steps)| {
                steps
                    .into_iter()
                    .scan(first, |at, step| {
                        *at = at.wrapping_add(step);
                        Some(*at)
                    })
                    .collect()
            }),
            (any::<i64>(), 0..300_usize).prop_map(|(value, count)| vec![value; count]),
        ]
    }

    proptest! {
        #[test]
        fn a_column_comes_back_as_it_was(values in column()) {
            let bytes = bytes(&values);
            let mut reader = BitReader::new(&bytes);
            prop_assert_eq!(reader.get_column(values.len()), Some(values));
            prop_assert_eq!(reader.get_number(), Some(7));
        }

        #[test]
        fn what_is_no_column_is_none_and_never_more_than_its_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..2_000_000_usize) {
            let column = BitReader::new(&bytes).get_column(count);
            prop_assert!(column.is_none_or(|column| column.len() == count && count <= (bytes.len() + 17) * BLOCK));
        }
    }

    #[test]
    fn what_moves_little_takes_little() {
        let ticks: Vec<i64> = (0..10_000).map(|n| 1_795_000_000_000 + n * 1000 + n * 7919 % 5).collect();
        assert!(bytes(&ticks).len() < 10_000 * 4 / 8, "{}", bytes(&ticks).len());
        assert!(bytes(&vec![20; 10_000]).len() < 250);
        let steady: Vec<i64> = (0..10_000).map(|n| n * 1000).collect();
        assert!(bytes(&steady).len() < 400, "{}", bytes(&steady).len());
    }
}
