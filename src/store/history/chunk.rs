//! What one series has in one span, as it stands in the file. Pure.

use super::super::log::Fault;
use super::buckets::{self, Buckets};
use super::readings::{self, Place, Readings, unsealed};

/// Bits of a chunk's number below the span.
const SERIES_BITS: u32 = 24;
/// Numbers of series.
pub(super) const MOST_SERIES: u32 = (1 << SERIES_BITS) - 1;

/// The number of a chunk.
pub(super) fn number(span: u64, series: u32) -> u64 {
    span << SERIES_BITS | u64::from(series)
}

/// The span of a chunk's number.
pub(super) fn span_of(number: u64) -> u64 {
    number >> SERIES_BITS
}

/// What stands in a chunk.
#[derive(Debug, Clone, PartialEq)]
pub enum Chunk {
    /// Each reading.
    Readings(Readings),
    /// What is left of them.
    Buckets(Buckets),
}

impl Chunk {
    /// Reads the chunk of a place.
    pub fn read(place: Place, bytes: &[u8]) -> Result<Self, Fault> {
        let (version, mut bits) = unsealed(place, bytes)?;
        match version {
            readings::VERSION => Readings::of(&mut bits).ok_or(Fault::Damaged)?.map(Self::Readings),
            buckets::VERSION => Buckets::of(&mut bits).ok_or(Fault::Damaged)?.map(Self::Buckets),
            _ => Err(Fault::Newer),
        }
    }
}
