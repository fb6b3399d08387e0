//! The parts that packets are made of: numbers, texts and bytes with their lengths (MQTT 5, 1.5).

use super::Fault;

/// What is still to be read of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest<'p>(pub(super) &'p [u8]);

const SHORT: Fault = Fault::malformed("the packet ends too soon");

impl<'p> Rest<'p> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'p [u8], Fault> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let (byte, rest) = self.0.split_first().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn two(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_be_bytes(self.bytes(2)?.try_into().map_err(|_| SHORT)?))
    }

    pub(super) fn four(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_be_bytes(self.bytes(4)?.try_into().map_err(|_| SHORT)?))
    }

    /// A number in one to four bytes, seven bits in each.
    pub(super) fn variable(&mut self) -> Result<u32, Fault> {
        match variable(self.0)? {
            Some((number, len)) => {
                self.bytes(len)?;
                Ok(number)
            }
            None => Err(SHORT),
        }
    }

    /// Bytes with their length in front.
    pub(super) fn binary(&mut self) -> Result<&'p [u8], Fault> {
        let len = self.two()?;
        self.bytes(len.into())
    }

    /// A text: UTF-8 without the character NUL ([MQTT-1.5.4-1], [MQTT-1.5.4-2]).
    pub(super) fn text(&mut self) -> Result<&'p str, Fault> {
        text(self.binary()?)
    }

    /// A packet id, which is never 0.
    pub(super) fn id(&mut self) -> Result<u16, Fault> {
        match self.two()? {
            0 => Err(Fault::protocol("the packet id is 0")),
            id => Ok(id),
        }
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(_) => Err(Fault::malformed("a text with the character NUL")),
        Err(_) => Err(Fault::malformed("a text that is not UTF-8")),
    }
}

/// A number of seven bits a byte, and in how many bytes it stands; `None` where these have not all come. A number has to stand in
/// as few bytes as it can ([MQTT-1.5.5-1]).
pub(super) fn variable(bytes: &[u8]) -> Result<Option<(u32, usize)>, Fault> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        number |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            if *byte == 0 && at > 0 {
                return Err(Fault::malformed("a length in more bytes than it needs"));
            }
            return Ok(Some((number, at + 1)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(Fault::malformed("a length of more than four bytes")) }
}
