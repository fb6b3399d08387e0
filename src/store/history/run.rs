//! Readings of one series that are not sealed yet, in few bytes: each is told by the one before it. Pure.
//!
//! ```text
//! reading  varint(zigzag(how much longer the wait was than the one before) << 2 | form), and then by form:
//!   0 as before   varint(zigzag(difference)), with as many decimals as before
//!   1 decimals    decimals (1 byte), then as above
//!   2 float       8 bytes
//! ```

use smallvec::SmallVec;

use super::super::shape::Number;
use super::bits::{unzigzag, zigzag};
use super::payload::Found;
use super::readings::{MOST, MOST_STATES, Readings, Values, float};

const SAME: u64 = 0;
const DECIMALS: u64 = 1;
const FLOAT: u64 = 2;
/// So many are sealed before their time.
pub(super) const LONG: usize = 1 << 16;
/// So many are one part: a step of the writer seals no more of one series.
pub(super) const PART: usize = 10_000;
/// Memory for bytes grows to the next of the sizes that allocators have, four from one power of two to the next, but by so many
/// bytes at least.
const SIZES: usize = 8;
const LEAST_GROWTH: usize = 32;
/// A reading is no longer.
const MOST_BYTES: usize = 24;
/// Longer waits are none.
const LONGEST_WAIT: u64 = 1 << 59;

/// A value without its point and how many decimals it has, or another number.
type Said = Result<(i64, u32), f64>;

/// The readings.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    bytes: Vec<u8>,
    last: At,
    /// There may be very many runs, and most are numbers in one part.
    rare: Option<Box<Rare>>,
}

/// What few runs have.
#[derive(Debug, Clone, Default)]
struct Rare {
    states: Vec<Box<str>>,
    /// Where each part but the first one begins: how many bytes are before it, and what was said last there.
    parts: Vec<(usize, At)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct At {
    time: u64,
    wait: i64,
    mantissa: i64,
    decimals: u32,
    /// How many readings there are up to here.
    count: u32,
}

impl Run {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.last.count as usize
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.last.count == 0
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.states().iter().map(|state| state.len() + 16).sum::<usize>()
    }

    fn states(&self) -> &[Box<str>] {
        self.rare.as_ref().map_or(&[], |rare| &rare.states)
    }

    fn later_parts(&self) -> &[(usize, At)] {
        self.rare.as_ref().map_or(&[], |rare| &rare.parts)
    }

    /// The byte behind which the next reading stands.
    pub(super) fn newest_byte(&self) -> u8 {
        self.bytes.last().copied().unwrap_or_default()
    }

    /// How many parts it has.
    pub(super) fn parts(&self) -> usize {
        if self.is_empty() { 0 } else { self.later_parts().len() + 1 }
    }

    /// The last state.
    pub(super) fn last_state(&self) -> Option<&str> {
        let at = usize::try_from(self.last.mantissa).ok()?;
        self.states().get(at).map(|state| &**state)
    }

    /// Adds a reading; `false` if there is no room for it.
    pub(super) fn push(&mut self, time: u64, told: Found<'_>) -> bool {
        let wait = time.wrapping_sub(self.last.time).cast_signed();
        let longer = wait.wrapping_sub(self.last.wait);
        if self.len() >= MOST || wait.unsigned_abs() >= LONGEST_WAIT || longer.unsigned_abs() >= LONGEST_WAIT
        {
            return false;
        }
        let number = match told {
            Found::Exact(number) => Some(number),
            Found::Near(_) => None,
            Found::State(state) => match self.state(state) {
                Some(mantissa) => Some(Number { mantissa, decimals: 0 }),
                None => return false,
            },
        };
        if !self.is_empty() && self.len().is_multiple_of(PART) {
            let part = (self.bytes.len(), self.last);
            self.rare.get_or_insert_default().parts.push(part);
        }
        let mut said = SmallVec::new();
        let longer = zigzag(longer) << 2;
        let last = &mut self.last;
        (last.time, last.wait) = (time, wait);
        if let Some((mantissa, decimals)) = number.and_then(|number| last.aligned(number)) {
            let before = last.mantissa.wrapping_mul(power(decimals - last.decimals));
            if decimals == last.decimals {
                put(longer | SAME, &mut said);
            } else {
                put(longer | DECIMALS, &mut said);
                said.push(u8::try_from(decimals).unwrap_or_default());
            }
            put(zigzag(mantissa.wrapping_sub(before)), &mut said);
            (last.mantissa, last.decimals) = (mantissa, decimals);
        } else {
            let near = match (told, number) {
                (Found::Near(near), _) => near,
                (_, number) => number.map_or(f64::NAN, float),
            };
            put(longer | FLOAT, &mut said);
            said.extend_from_slice(&near.to_le_bytes());
        }
        last.count += 1;
        let needed = self.bytes.len() + said.len();
        if needed > self.bytes.capacity() {
            let step = (needed.next_power_of_two() / SIZES).max(LEAST_GROWTH);
            self.bytes.reserve_exact(needed.next_multiple_of(step) - self.bytes.len());
        }
        self.bytes.extend_from_slice(&said);
        true
    }

    fn state(&mut self, state: &str) -> Option<i64> {
        let states = &mut self.rare.get_or_insert_default().states;
        let known = states.iter().position(|known| **known == *state);
        let at = known.or_else(|| {
            (states.len() < MOST_STATES).then(|| {
                states.push(state.into());
                states.len() - 1
            })
        });
        at.and_then(|at| i64::try_from(at).ok())
    }

    /// All of them.
    pub(super) fn readings(&self) -> Readings {
        self.read(&self.bytes, At::default(), self.len())
    }

    /// Those of one part, from 0 on.
    pub(super) fn part(&self, part: usize) -> Readings {
        let begins = |part: usize| match part.checked_sub(1) {
            None => Some((0, At::default())),
            Some(part) => self.later_parts().get(part).copied(),
        };
        let Some((from, last)) = begins(part) else { return self.read(&[], At::default(), 0) };
        let to = begins(part + 1).map_or(self.bytes.len(), |(to, _)| to);
        self.read(self.bytes.get(from..to).unwrap_or_default(), last, PART.min(self.len()))
    }

    fn read(&self, mut rest: &[u8], mut last: At, about: usize) -> Readings {
        let (mut times, mut numbers) = (Vec::with_capacity(about), Vec::with_capacity(about));
        let (mut floats, mut decimals) = (false, 0);
        while let Some((time, number)) = last.next(&mut rest) {
            times.push(time);
            floats |= number.is_err();
            decimals = number.map_or(decimals, |(_, of_this)| of_this);
            numbers.push(number);
        }
        if !self.states().is_empty() {
            let which =
                numbers.iter().map(|number| number.map_or(0, |(at, _)| u32::try_from(at).unwrap_or(0)));
            return Readings { times, values: Values::States(self.states().to_vec(), which.collect()) };
        }
        let all = |number: &Result<(i64, u32), f64>| match number {
            Ok((mantissa, of_this)) => mantissa.checked_mul(power(decimals - of_this)),
            Err(_) => None,
        };
        let wholes = if floats { None } else { numbers.iter().map(all).collect() };
        let values = match wholes {
            Some(wholes) => Values::Decimals(decimals, wholes),
            None => Values::Floats(
                numbers
                    .into_iter()
                    .map(|number| {
                        number.map_or_else(
                            |near| near,
                            |(mantissa, decimals)| float(Number { mantissa, decimals }),
                        )
                    })
                    .collect(),
            ),
        };
        Readings { times, values }
    }
}

impl At {
    /// A number with at least as many decimals as before; none if it does not fit.
    fn aligned(&self, number: Number) -> Option<(i64, u32)> {
        let decimals = number.decimals.max(self.decimals);
        let mantissa = number.mantissa.checked_mul(power(decimals - number.decimals))?;
        self.mantissa.checked_mul(power(decimals - self.decimals))?;
        Some((mantissa, decimals))
    }

    fn next(&mut self, rest: &mut &[u8]) -> Option<(u64, Said)> {
        let tag = get(rest)?;
        self.wait = self.wait.wrapping_add(unzigzag(tag >> 2));
        self.time = self.time.wrapping_add(self.wait.cast_unsigned());
        if tag & 3 == FLOAT {
            let (float, behind) = rest.split_first_chunk()?;
            *rest = behind;
            return Some((self.time, Err(f64::from_le_bytes(*float))));
        }
        if tag & 3 == DECIMALS {
            let (decimals, behind) = rest.split_first()?;
            let more = u32::from(*decimals).checked_sub(self.decimals)?;
            self.mantissa = self.mantissa.wrapping_mul(power(more));
            (self.decimals, *rest) = (u32::from(*decimals), behind);
        }
        self.mantissa = self.mantissa.wrapping_add(unzigzag(get(rest)?));
        Some((self.time, Ok((self.mantissa, self.decimals))))
    }
}

/// As large as is ever needed: no number has more than 18 decimals.
fn power(decimals: u32) -> i64 {
    10_i64.checked_pow(decimals).unwrap_or(i64::MAX)
}

fn put(mut value: u64, bytes: &mut SmallVec<[u8; MOST_BYTES]>) {
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
}

fn get(rest: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = Result<Number, f64>> {
        let any_number = |digits: std::ops::Range<i64>, decimals| {
            (digits, decimals).prop_map(|(mantissa, decimals)| Number { mantissa, decimals })
        };
        prop_oneof![
            8 => any_number(-3000..3000, 0..4_u32).prop_map(Ok),
            1 => any_number(-999_999_999_999_999_999..999_999_999_999_999_999, 0..19).prop_map(Ok),
            1 => any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Err),
        ]
    }

    proptest! {
        /// The twin is a list.
        #[test]
        fn a_run_says_what_was_put_into_it(said in prop::collection::vec((1_795_000_000_000..1_795_009_000_000_u64, number()), 0..200)) {
            let mut run = Run::default();
            for (time, number) in &said {
                prop_assert!(run.push(*time, number.map_or_else(Found::Near, Found::Exact)));
            }
            prop_assert_eq!(run.len(), said.len());
            let Readings { times, values } = run.readings();
            prop_assert_eq!(&times, &said.iter().map(|(time, _)| *time).collect::<Vec<_>>());
            let floats: Vec<_> = match values {
                Values::Decimals(decimals, wholes) => {
                    wholes.into_iter().map(|mantissa| float(Number { mantissa, decimals })).collect()
                }
                Values::Floats(floats) => floats,
                Values::States(..) => unreachable!("no states were said"),
            };
            let twin: Vec<_> = said.iter().map(|(_, number)| number.map_or_else(|near| near, float)).collect();
            prop_assert_eq!(floats, twin);
        }

        #[test]
        fn states_come_back(said in prop::collection::vec((0..9_000_u64, "\"[a-c]\""), 1..100)) {
            let mut run = Run::default();
            for (time, state) in &said {
                prop_assert!(run.push(*time, Found::State(state)));
                prop_assert_eq!(run.last_state(), Some(&**state));
            }
            let Values::States(states, which) = run.readings().values else { panic!("no states") };
            let told: Vec<_> = which.iter().map(|which| &*states[*which as usize]).collect();
            prop_assert_eq!(told, said.iter().map(|(_, state)| &**state).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_run_takes_little_more_memory_than_its_bytes() {
        let mut run = Run::default();
        for n in 0..20_000_u64 {
            assert!(run.push(n * 1000 + n % 3, Found::Exact(Number { mantissa: 7, decimals: 0 })));
            let (len, capacity) = (run.bytes.len(), run.bytes.capacity());
            assert!(capacity < len + LEAST_GROWTH.max(len / 4 + 1), "{capacity} for {len}");
        }
        // With the words of its owner it fits into a block of 80 bytes while it is sealed.
        assert_eq!(size_of::<Run>(), 64);
    }

    #[test]
    fn the_parts_of_a_run_say_what_it_says() {
        let mut run = Run::default();
        for n in 0..2 * PART as u64 + 500 {
            let decimals = u32::from(n > 15_000);
            let number = Number { mantissa: (n * 7919 % 1000).cast_signed(), decimals };
            assert!(run.push(n * 1000 + n % 3, Found::Exact(number)));
        }
        assert_eq!(run.parts(), 3);
        let floats = |readings: &Readings| match &readings.values {
            Values::Decimals(decimals, wholes) => wholes
                .iter()
                .map(|mantissa| float(Number { mantissa: *mantissa, decimals: *decimals }))
                .collect::<Vec<_>>(),
            Values::Floats(_) | Values::States(..) => panic!("they are decimals"),
        };
        let (mut times, mut values) = (Vec::new(), Vec::new());
        for part in 0..4 {
            let readings = run.part(part);
            assert_eq!(readings.len(), [PART, PART, 500, 0][part]);
            times.extend(readings.times.iter().copied());
            values.extend(floats(&readings));
        }
        let whole = run.readings();
        assert_eq!((&times, values), (&whole.times, floats(&whole)));
    }

    #[test]
    fn a_reading_of_a_house_takes_three_bytes_and_too_many_states_are_refused() {
        let mut run = Run::default();
        for n in 0..1000_u64 {
            let mantissa = 2000 + (n * 7919 % 9).cast_signed();
            assert!(
                run.push(
                    1_795_000_000_000 + n * 1000 + n % 3,
                    Found::Exact(Number { mantissa, decimals: 2 })
                )
            );
        }
        assert!(run.bytes() < 3000, "{}", run.bytes());
        let mut run = Run::default();
        let taken = (0..1000).filter(|n| run.push(*n, Found::State(&n.to_string()))).count();
        assert_eq!(taken, MOST_STATES);
    }
}
