//! The readings of one series: to bytes and back. Pure.
//!
//! ```text
//! chunk   1 (1 byte), bits, CRC-32C (4) over the mark of the file, the chunk's number and all bytes before
//! bits    form (2 bits), count, times as a column, and then by form:
//!   0 decimals  how many decimals, values without their point as a column
//!   1 floats    values as a column of their bits, in the order of their values
//!   2 states    how many states, each with its length and bytes, which one as a column
//! ```

use super::super::log::{Fault, sum};
use super::super::shape::Number;
use super::bits::{BitReader, BitWriter};

/// The first byte of such chunks.
pub(super) const VERSION: u8 = 1;
/// The checksum behind.
const TAIL: usize = 4;
/// No chunk has more.
pub(super) const MOST: usize = 1 << 20;
/// States of one chunk.
pub(super) const MOST_STATES: usize = 256;
/// The longest state, quotes and escapes included.
const LONGEST_STATE: usize = 128;

/// When, and what.
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    /// In milliseconds since 1970, in the order in which they came.
    pub times: Vec<u64>,
    /// As many as there are times.
    pub values: Values,
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers without their point, and how many decimals all of them have.
    Decimals(u32, Vec<i64>),
    /// Numbers that no decimals say.
    Floats(Vec<f64>),
    /// States as JSON texts, and which of them it was.
    States(Vec<Box<str>>, Vec<u32>),
}

/// The number that is nearest to a decimal: what `parse` makes of its text.
#[expect(clippy::cast_precision_loss, reason = "it is not lost: both are whole and below 2^53")]
pub(crate) fn float(number: Number) -> f64 {
    let Number { mantissa, decimals } = number;
    let power = 10_i64.checked_pow(decimals).filter(|power| *power < 1 << 53);
    match power {
        Some(power) if mantissa.unsigned_abs() < 1 << 53 => mantissa as f64 / power as f64,
        _ => format!("{mantissa}e-{decimals}").parse().unwrap_or(f64::NAN),
    }
}

/// A number as a whole one, in the same order.
pub(super) fn ordered(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

pub(super) fn unordered(value: i64) -> f64 {
    f64::from_bits((value ^ ((value >> 63).cast_unsigned() >> 1).cast_signed()).cast_unsigned())
}

/// Where a chunk stands: the mark of the file, and the number of the chunk. Elsewhere it is damaged.
pub type Place = [u64; 2];

/// A body with its version before and its checksum behind.
pub(super) fn sealed(place: Place, version: u8, bits: BitWriter) -> Vec<u8> {
    let mut bytes = vec![version];
    bytes.extend(bits.finish());
    let sum = sum(&[b"chunk", place.map(u64::to_le_bytes).as_flattened(), &bytes]);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// The version and the body of a chunk that is whole.
pub(super) fn unsealed(place: Place, bytes: &[u8]) -> Result<(u8, BitReader<'_>), Fault> {
    let body = bytes.len().checked_sub(TAIL).ok_or(Fault::Damaged)?;
    let (body, tail) = bytes.split_at_checked(body).ok_or(Fault::Damaged)?;
    if tail != sum(&[b"chunk", place.map(u64::to_le_bytes).as_flattened(), body]).to_le_bytes() {
        return Err(Fault::Damaged);
    }
    let [version, bits @ ..] = body else { return Err(Fault::Damaged) };
    Ok((*version, BitReader::new(bits)))
}

impl Readings {
    /// How many.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The bytes of a chunk.
    pub fn chunk(&self, place: Place) -> Vec<u8> {
        let mut bits = BitWriter::default();
        bits.put(
            match self.values {
                Values::Decimals(..) => 0,
                Values::Floats(_) => 1,
                Values::States(..) => 2,
            },
            2,
        );
        bits.put_number(self.times.len() as u64);
        bits.put_column(&self.times.iter().map(|time| time.cast_signed()).collect::<Vec<_>>());
        match &self.values {
            Values::Decimals(decimals, values) => {
                bits.put_number((*decimals).into());
                bits.put_column(values);
            }
            Values::Floats(values) => {
                bits.put_column(&values.iter().map(|value| ordered(*value)).collect::<Vec<_>>());
            }
            Values::States(states, which) => {
                bits.put_number(states.len() as u64);
                for state in states {
                    bits.put_number(state.len() as u64);
                    state.bytes().for_each(|byte| bits.put(byte.into(), 8));
                }
                bits.put_column(&which.iter().map(|which| i64::from(*which)).collect::<Vec<_>>());
            }
        }
        sealed(place, VERSION, bits)
    }

    pub(super) fn of(bits: &mut BitReader<'_>) -> Option<Result<Self, Fault>> {
        let form = bits.get(2)?;
        let count = usize::try_from(bits.get_number()?).ok().filter(|count| *count <= MOST)?;
        let times = bits.get_column(count)?.into_iter().map(i64::cast_unsigned).collect();
        let values = match form {
            0 => {
                let decimals = u32::try_from(bits.get_number()?).ok()?;
                let decimals = Some(decimals).filter(|decimals| *decimals <= Number::MOST_DECIMALS)?;
                Values::Decimals(decimals, bits.get_column(count)?)
            }
            1 => {
                let values: Vec<_> = bits.get_column(count)?.into_iter().map(unordered).collect();
                values.iter().all(|value| value.is_finite()).then_some(Values::Floats(values))?
            }
            2 => {
                let states = (0..states(bits)?).map(|_| state(bits)).collect::<Option<Vec<_>>>()?;
                let which = bits.get_column(count)?.into_iter().map(u32::try_from);
                let which = which.collect::<Result<Vec<_>, _>>().ok()?;
                let is_known = which.iter().all(|which| (*which as usize) < states.len());
                is_known.then_some(Values::States(states, which))?
            }
            _ => return Some(Err(Fault::Newer)),
        };
        Some(Ok(Self { times, values }))
    }
}

fn states(bits: &mut BitReader<'_>) -> Option<usize> {
    usize::try_from(bits.get_number()?).ok().filter(|count| *count <= MOST_STATES)
}

fn state(bits: &mut BitReader<'_>) -> Option<Box<str>> {
    let len = usize::try_from(bits.get_number()?).ok().filter(|len| *len <= LONGEST_STATE)?;
    let bytes = (0..len).map(|_| u8::try_from(bits.get(8)?).ok()).collect::<Option<Vec<_>>>()?;
    String::from_utf8(bytes).ok().map(String::into_boxed_str)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::chunk::Chunk;
    use super::*;
    use proptest::prelude::*;

    fn read(place: Place, bytes: &[u8]) -> Result<Readings, Fault> {
        match Chunk::read(place, bytes)? {
            Chunk::Readings(readings) => Ok(readings),
            Chunk::Buckets(_) => panic!("these are readings"),
        }
    }

    fn values(count: usize) -> impl Strategy<Value = Values> {
        let floats = any::<f64>().prop_filter("finite", |value| value.is_finite());
        let states = prop::collection::vec("\"[a-z℃]{0,20}\"".prop_map(String::into_boxed_str), 1..5);
        prop_oneof![
            (0..=18_u32, prop::collection::vec(any::<i64>(), count))
                .prop_map(|(d, v)| Values::Decimals(d, v)),
            prop::collection::vec(floats, count).prop_map(Values::Floats),
            (states, prop::collection::vec(any::<prop::sample::Index>(), count)).prop_map(
                |(states, which)| {
                    let which =
                        which.iter().map(|which| u32::try_from(which.index(states.len())).unwrap()).collect();
                    Values::States(states, which)
                }
            ),
        ]
    }

    pub(in super::super) fn some() -> impl Strategy<Value = Readings> {
        (0..300_usize).prop_flat_map(|count| {
            let times = prop::collection::vec(1_795_000_000_000..1_796_000_000_000_u64, count);
            (times, values(count)).prop_map(|(times, values)| Readings { times, values })
        })
    }

    proptest! {
        #[test]
        fn readings_come_back_as_they_were(readings in some(), mark in any::<u64>(), id in any::<u64>()) {
            let bytes = readings.chunk([mark, id]);
            prop_assert_eq!(read([mark, id], &bytes), Ok(readings));
            prop_assert_eq!(read([mark, id ^ 1], &bytes), Err(Fault::Damaged), "of another place");
            prop_assert_eq!(read([mark ^ 1, id], &bytes), Err(Fault::Damaged), "of another file");
        }

        #[test]
        fn one_wrong_bit_is_found(readings in some(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut bytes = readings.chunk([7, 7]);
            bytes[at.index(readings.chunk([7, 7]).len())] ^= 1_u8 << bit;
            prop_assert_eq!(read([7, 7], &bytes), Err(Fault::Damaged));
        }

        #[test]
        fn a_decimal_is_the_number_of_its_text(mantissa in any::<i64>(), decimals in 0..19_u32) {
            let text = format!("{mantissa}e-{decimals}");
            prop_assert_eq!(float(Number { mantissa, decimals }).to_bits(), text.parse::<f64>().unwrap().to_bits());
        }

        #[test]
        fn floats_keep_their_order(a in any::<f64>(), b in any::<f64>()) {
            prop_assert_eq!(unordered(ordered(a)).to_bits(), a.to_bits());
            if a < b {
                prop_assert!(ordered(a) < ordered(b));
            }
        }
    }
}
