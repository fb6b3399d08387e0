//! Bytes of a WebSocket to messages (RFC 6455, section 5), in place and without a buffer of its own while nothing is
//! under way. Pure; the socket is in `websocket`. (Public for the fuzzer alone.)

use std::ops::Range;

/// How much is read at once, and the size of the buffer that all connections of a thread lend to each other.
pub(super) const READ: usize = 16 * 1024;

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A whole text: see [`Messages::payload`]. Not yet checked to be UTF-8.
    Text,
    /// A whole message of bytes.
    Binary,
    /// A question for a sign of life, to be answered with the same bytes.
    Ping(Vec<u8>),
    /// A sign of life.
    Pong,
    /// The other side's good-bye, and what it is to be answered.
    Close(Vec<u8>),
}

/// Which rule was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// One of the protocol; the text says which.
    Protocol(&'static str),
    /// Text that is not UTF-8.
    NotUtf8,
    /// A message above the limit.
    TooBig,
}

/// What has come in of one connection and was not taken yet.
#[derive(Debug)]
pub struct Messages {
    limit: usize,
    buffer: Vec<u8>,
    /// Up to here the buffer is done with.
    at: usize,
    current: Current,
    /// The message that is coming in several frames, or has come so. In a box, as few clients send such ones.
    fragments: Option<Box<Fragments>>,
}

/// A message in several frames.
#[derive(Debug)]
struct Fragments {
    bytes: Vec<u8>,
    is_text: bool,
    /// Whether its last frame has not come.
    is_open: bool,
    /// Up to here it is known to be UTF-8.
    checked: usize,
}

/// Where the message lies that came last.
#[derive(Debug)]
enum Current {
    None,
    Buffer(Range<usize>),
    Fragments,
}

/// The head of a frame (RFC 6455, 5.2).
struct Head {
    is_last: bool,
    opcode: u8,
    len: usize,
    mask: [u8; 4],
    /// Where the payload begins, counted from the start of the frame.
    size: usize,
}

impl Messages {
    /// Starts with what came behind the handshake. No message may have more than `limit` bytes.
    pub fn new(already_read: Vec<u8>, limit: usize) -> Self {
        Self { limit, buffer: already_read, at: 0, current: Current::None, fragments: None }
    }

    /// The most bytes of a message.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The message that came last, until the next is asked for.
    pub fn payload(&self) -> &[u8] {
        match &self.current {
            Current::None => &[],
            Current::Buffer(range) => self.buffer.get(range.clone()).unwrap_or_default(),
            Current::Fragments => self.fragments.as_ref().map_or(&[], |fragments| &fragments.bytes),
        }
    }

    /// Where more is to be read to, with room for it. A buffer is borrowed with `lend`, if there is none.
    pub fn room(&mut self, lend: impl FnOnce() -> Vec<u8>) -> &mut Vec<u8> {
        if self.buffer.capacity() == 0 {
            self.buffer = lend();
        } else {
            self.buffer.drain(..self.at);
        }
        self.at = 0;
        self.buffer.reserve(READ);
        &mut self.buffer
    }

    /// Bytes that are kept of what has not come whole.
    pub(super) fn held(&self) -> usize {
        let unread = self.buffer.len() - self.at;
        // A shorter message lies in a buffer that goes back.
        let buffer = if unread > READ { self.buffer.capacity() } else { unread };
        buffer + self.fragments.as_ref().map_or(0, |fragments| fragments.bytes.capacity())
    }

    /// Nothing more is to be had at present: keeps what is left of a frame and returns the buffer, if it was lent.
    pub fn settle(&mut self) -> Option<Vec<u8>> {
        if self.buffer.capacity() == 0 {
            return None;
        }
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        if rest.len() > READ {
            return None;
        }
        let rest = rest.to_vec();
        self.at = 0;
        let mut lent = std::mem::replace(&mut self.buffer, rest);
        lent.clear();
        // What had to grow for a long message goes back to the allocator.
        (lent.capacity() >= READ && lent.capacity() <= 4 * READ).then_some(lent)
    }

    /// The message that came last is done with.
    pub fn forget(&mut self) {
        if let Current::Fragments = self.current {
            self.fragments = None;
        }
        self.current = Current::None;
    }

    /// The next thing that has come in whole. The message before it is done with.
    #[expect(
        clippy::should_implement_trait,
        reason = "it is no iterator: the payload is asked for in between"
    )]
    pub fn next(&mut self) -> Result<Option<Signal>, Fault> {
        self.forget();
        loop {
            let Some(head) = self.head()? else { return Ok(None) };
            let start = self.at + head.size;
            let range = start..start + head.len;
            let Some(payload) = self.buffer.get_mut(range.clone()) else { return Ok(None) };
            unmask(payload, head.mask);
            self.at = range.end;
            let payload = self.buffer.get(range.clone()).unwrap_or_default();
            match (head.opcode, head.is_last) {
                (PING, _) => return Ok(Some(Signal::Ping(payload.to_vec()))),
                (PONG, _) => return Ok(Some(Signal::Pong)),
                (CLOSE, _) => return close(payload).map(Some),
                (TEXT | BINARY, true) => {
                    self.current = Current::Buffer(range);
                    return Ok(Some(if head.opcode == TEXT { Signal::Text } else { Signal::Binary }));
                }
                (opcode, is_last) => {
                    let fragments =
                        self.fragments.get_or_insert_with(|| Box::new(Fragments::starting(opcode == TEXT)));
                    if let Some(whole) = fragments.add(payload, is_last)? {
                        self.current = Current::Fragments;
                        return Ok(Some(whole));
                    }
                }
            }
        }
    }

    /// Reads the head of the next frame, and refuses what no payload can make good.
    fn head(&self) -> Result<Option<Head>, Fault> {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let [first, second, rest @ ..] = rest else { return Ok(None) };
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Err(Fault::Protocol("a reserved bit is set"));
        }
        if second & 0x80 == 0 {
            return Err(Fault::Protocol("a client's frame must be masked"));
        }
        let (len, wide) = match second & 0x7f {
            126 => match rest {
                [a, b, ..] => (u64::from(u16::from_be_bytes([*a, *b])), 2),
                _ => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        let open = self.fragments.as_ref().filter(|fragments| fragments.is_open);
        match (opcode, open) {
            (TEXT | BINARY, Some(_)) => {
                return Err(Fault::Protocol("a new message inside one that is not complete"));
            }
            (CONTINUATION, None) => return Err(Fault::Protocol("a continuation of nothing")),
            (CLOSE | PING | PONG, _) if !is_last => return Err(Fault::Protocol("a control frame in pieces")),
            (CLOSE | PING | PONG, _) if len > 125 => {
                return Err(Fault::Protocol("a control frame with more than 125 bytes"));
            }
            (CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG, _) => {}
            _ => return Err(Fault::Protocol("a reserved opcode")),
        }
        let before = open.filter(|_| opcode == CONTINUATION).map_or(0, |fragments| fragments.bytes.len());
        let len = usize::try_from(len)
            .ok()
            .filter(|len| len.saturating_add(before) <= self.limit || opcode >= CLOSE);
        let len = len.ok_or(Fault::TooBig)?;
        let mask = rest.get(wide..).and_then(|rest| rest.first_chunk());
        Ok(mask.map(|mask| Head { is_last, opcode, len, mask: *mask, size: 2 + wide + 4 }))
    }
}

impl Fragments {
    fn starting(is_text: bool) -> Self {
        Self { bytes: Vec::new(), is_text, is_open: true, checked: 0 }
    }

    /// Adds the next frame's payload; returns what the message is if that was the last one.
    fn add(&mut self, payload: &[u8], is_last: bool) -> Result<Option<Signal>, Fault> {
        self.bytes.extend_from_slice(payload);
        if self.is_text {
            // As early as possible: the sender of a long text hears at once that it is not UTF-8.
            let unchecked = self.bytes.get(self.checked..).unwrap_or_default();
            match std::str::from_utf8(unchecked) {
                Ok(_) => self.checked = self.bytes.len(),
                Err(error) if error.error_len().is_none() && !is_last => self.checked += error.valid_up_to(),
                Err(_) => return Err(Fault::NotUtf8),
            }
        }
        self.is_open = !is_last;
        Ok(is_last.then_some(if self.is_text { Signal::Text } else { Signal::Binary }))
    }
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// RFC 6455, 5.3.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// A good-bye is answered with its own code (RFC 6455, 5.5.1 and 7.4).
fn close(payload: &[u8]) -> Result<Signal, Fault> {
    match payload {
        [] => Ok(Signal::Close(Vec::new())),
        [_] => Err(Fault::Protocol("half a close code")),
        [a, b, reason @ ..] => {
            std::str::from_utf8(reason).map_err(|_| Fault::NotUtf8)?;
            let code = u16::from_be_bytes([*a, *b]);
            if !matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999) {
                return Err(Fault::Protocol("a close code that may not be sent"));
            }
            Ok(Signal::Close(vec![*a, *b]))
        }
    }
}

#[cfg(test)]
mod tests;
