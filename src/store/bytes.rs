//! Numbers and texts to bytes and back, as everything that is stored has them. Pure.

/// Why bytes are no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// They are not what was written.
    #[error("the row is damaged")]
    Damaged,
    /// They were written by a newer version of this program.
    #[error("the row was written by a newer version")]
    Newer,
}

/// The CRC-32C that stands behind everything that is stored.
pub fn sum(pieces: &[&[u8]]) -> u32 {
    pieces.iter().fold(0, |sum, piece| crc32c::crc32c_append(sum, piece))
}

/// A number in no more bytes than it needs, seven bits in each.
pub(super) fn put(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Small numbers of both signs become small numbers.
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The way back.
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Bytes behind their length.
pub(super) fn put_bytes(piece: &[u8], bytes: &mut Vec<u8>) {
    put(piece.len() as u64, bytes);
    bytes.extend_from_slice(piece);
}

/// What is left to be read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.0.split_first().ok_or(Fault::Damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (piece, rest) = self.0.split_at_checked(count).ok_or(Fault::Damaged)?;
        self.0 = rest;
        Ok(piece)
    }

    /// A number of at most 64 bits, written in no more bytes than it needs.
    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if (part << shift) >> shift != part || (byte == 0 && shift > 0) {
                return Err(Fault::Damaged);
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Fault::Damaged)
    }

    pub(super) fn count(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.number()?).map_err(|_| Fault::Damaged)
    }

    pub(super) fn decimals(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.number()?).map_err(|_| Fault::Damaged)
    }

    pub(super) fn time(&mut self, row: u64) -> Result<u64, Fault> {
        Ok(row.wrapping_add(unzigzag(self.number()?).cast_unsigned()))
    }

    pub(super) fn piece(&mut self) -> Result<&'a [u8], Fault> {
        let count = self.count()?;
        self.take(count)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.piece()?).map_err(|_| Fault::Damaged)
    }
}
