//! How often a topic speaks, in five bytes. Who finds an old last value can tell by it whether it is stale. Pure.
//!
//! What counts is the gaps between the readings of a topic. A gap is kept as a *step*, of which there are twelve in an
//! octave, so it is known to 5 %. Of a topic there are the last three gaps, of which the middle one is told; the longest gap,
//! which is forgotten slowly; and how many there were.
//!
//! Something is told only of a topic whose gaps are alike. A door that is opened may be opened three times in a minute, but it
//! was closed for hours before, and that is remembered: a gap that is five times as long as usual for 40 readings, one ten times
//! as long for 80, and so on, 40 for each time that it doubles.

use crate::talk::Every;

/// Steps in an octave.
const OCTAVE: u64 = 12;
/// Where octaves begin, in milliseconds. A little below a second, so that the usual intervals are not at the edge of a step:
/// a device that speaks every second says so after 1001 ms, and also after 999.
const SECOND: f32 = 970.0;
/// The shortest gap that is told apart is so many octaves below a second.
const OCTAVES_BELOW: u64 = 4;
/// The longest one is about 39 hours.
const LAST_STEP: u64 = 255;
/// A gap that is so many steps away from the middle one is of another kind: more than two and a half times as long.
const ALIKE: u64 = 16;
/// By how much the longest gap is forgotten with each reading, in sixteenths of a step.
const FORGOTTEN: u64 = 5;
/// So many gaps are needed.
const FEWEST: u64 = 5;
/// More of them are not counted, and are enough for everything.
const ENOUGH: u64 = 15;
/// For so long a topic must have been heard, unless there were enough gaps.
const HEARD_FOR: u64 = 60_000;
/// Nothing is told of a topic that is slower: people have a rhythm of half a day, too. Milliseconds.
const SLOWEST: u32 = 6 * 3_600_000;

/// Intervals that people set, in milliseconds. Where the middle gap may be one of them, it is taken for that.
const USUAL: [u32; 38] = [
    100, 200, 250, 500, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000, 12_000, 15_000, 16_000,
    20_000, 25_000, 30_000, 40_000, 45_000, 60_000, 90_000, 120_000, 180_000, 240_000, 300_000, 480_000,
    600_000, 900_000, 1_200_000, 1_800_000, 2_700_000, 3_600_000, 5_400_000, 7_200_000, 10_800_000,
    14_400_000, 21_600_000,
];

/// What was heard of a topic. It has no gap at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rhythm([u8; Self::LEN]);

/// The longest gap in sixteenths of a step, above the number of gaps (4 bits).
pub(super) const PACE_BITS: u32 = 16;
/// The last three gaps, the newest one lowest.
pub(super) const GAPS_BITS: u32 = 24;
const COUNT: u64 = 0xF;

impl Rhythm {
    /// Bytes.
    pub const LEN: usize = 5;

    /// From what [`bytes`](Self::bytes) gave.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// As it is stored.
    pub fn bytes(self) -> [u8; Self::LEN] {
        self.0
    }

    /// From the two parts that a last value has.
    pub(super) fn of(pace: u64, gaps: u64) -> Self {
        let bytes = ((gaps << PACE_BITS) | pace).to_le_bytes();
        Self(bytes.first_chunk().copied().unwrap_or_default())
    }

    pub(super) fn parts(self) -> (u64, u64) {
        let mut bytes = [0; size_of::<u64>()];
        if let Some(first) = bytes.first_chunk_mut() {
            *first = self.0;
        }
        let parts = u64::from_le_bytes(bytes);
        (parts & ((1 << PACE_BITS) - 1), parts >> PACE_BITS)
    }

    /// Whether there was a gap.
    pub fn is_known(self) -> bool {
        self != Self::default()
    }

    /// With one gap more, of so many milliseconds.
    #[must_use]
    pub fn and(self, gap: u64) -> Self {
        let (pace, gaps) = self.parts();
        let (pace, gaps) = hear(pace, gaps, gap);
        Self::of(pace, gaps)
    }

    /// What was known before, and then this. It is a little too careful: what `self` had of the longest gap is not forgotten
    /// meanwhile.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        let ((old_pace, old_gaps), (pace, gaps)) = (self.parts(), later.parts());
        let count = ((old_pace & COUNT) + (pace & COUNT)).min(ENOUGH);
        let longest = (old_pace & !COUNT).max(pace & !COUNT);
        let newer = (pace & COUNT).min(3);
        let gaps = ((old_gaps << (8 * newer)) | gaps) & ((1 << GAPS_BITS) - 1);
        Self::of(longest | count, gaps)
    }

    /// The seconds between readings, if these are regular.
    pub fn every(self) -> Option<Every> {
        let (pace, gaps) = self.parts();
        let count = pace & COUNT;
        let mut steps = [gaps & 0xFF, (gaps >> 8) & 0xFF, gaps >> 16];
        steps.sort_unstable();
        let [least, middle, most] = steps;
        let most = most.max(pace >> 8);
        if count < FEWEST || middle - least > ALIKE || most - middle > ALIKE {
            return None;
        }
        let every = told(middle);
        let is_enough = count == ENOUGH || u64::from(every) * count >= HEARD_FOR;
        (is_enough && every <= SLOWEST).then(|| Every::from_milliseconds(every))
    }
}

/// Hears of a gap: what becomes of both parts. This is done for every reading that is kept, and is as short as that asks for.
#[inline]
pub(super) fn hear(pace: u64, gaps: u64, gap: u64) -> (u64, u64) {
    let step = step(gap);
    let count = pace & COUNT;
    let count = count + u64::from(count < ENOUGH);
    let longest = (pace & !COUNT).saturating_sub(FORGOTTEN << 4).max(step << 8);
    (longest | count, ((gaps << 8) | step) & ((1 << GAPS_BITS) - 1))
}

/// A float has its logarithm in its upper bits, and goes straight on from one octave to the next.
#[inline]
fn step(gap: u64) -> u64 {
    const SHORTEST: u64 = (127 - OCTAVES_BELOW) << MANTISSA;
    const MANTISSA: u32 = 23;
    #[expect(clippy::cast_precision_loss, reason = "it becomes one of 255 steps")]
    let float = gap.cast_signed() as f32 * (1.0 / SECOND);
    let octaves = u64::from(float.to_bits()).saturating_sub(SHORTEST);
    ((octaves * OCTAVE) >> MANTISSA).min(LAST_STEP - 1) + 1
}

/// Where a step begins, in milliseconds.
fn start(step: u64) -> f64 {
    let above = u32::try_from(step.saturating_sub(1)).unwrap_or(0);
    let (octave, part) = (above / 12, above % 12);
    f64::from(SECOND) / f64::from(1 << OCTAVES_BELOW)
        * f64::from(1 << octave)
        * (1.0 + f64::from(part) / 12.0)
}

/// A step in milliseconds: the usual interval that it may be, or else two digits.
fn told(step: u64) -> u32 {
    /// The clocks of devices are so far from right at most.
    const TOLERANCE: f64 = 0.03;
    let (from, to) = (start(step), start(step + 1));
    let middle = f64::midpoint(from, to);
    let may_be =
        |usual: &u32| (from * (1.0 - TOLERANCE)..to * (1.0 + TOLERANCE)).contains(&f64::from(*usual));
    let far = |usual: &u32| (f64::from(*usual) - middle).abs();
    let usual = USUAL.into_iter().filter(may_be).min_by(|one, other| far(one).total_cmp(&far(other)));
    usual.unwrap_or_else(|| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a step is between 60 ms and some hours"
        )]
        let milliseconds = middle as u32;
        let unit = 10_u32.pow(milliseconds.ilog10().saturating_sub(1));
        (milliseconds + unit / 2) / unit * unit
    })
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "gaps are small numbers")]
mod tests;
