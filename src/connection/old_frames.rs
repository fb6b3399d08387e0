//! Frames of the drafts of 2010 in place of those of RFC 6455: `0x00`, UTF-8, `0xFF`. A stream around a stream, so that all
//! that is above speaks one language: what comes in is made a message in pieces, and what goes out is made a frame of the old
//! kind. Old clients know no pings: one is answered here, as whoever is there is known by TCP alone.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at one time.
const READ: usize = 4096;
/// The first bytes of our frames: the last piece, a piece that begins a text, a piece that goes on; and of frames of control.
const LAST: u8 = 0x80;
const TEXT: u8 = 0x01;
const MORE: u8 = 0x00;
const CLOSE: u8 = 0x08;
const PING: u8 = 0x09;
const PONG: u8 = 0x0a;
/// A client masks what it sends; with this mask nothing changes.
const MASKED: u8 = 0x80;
const MASK: [u8; 4] = [0; 4];
/// A length of two bytes follows, or of eight.
const SHORT: u8 = 0x7e;
const LONG: u8 = 0x7f;
/// A close with the code 1000.
const GOOD_BYE: [u8; 8] = [LAST | CLOSE, MASKED | 2, 0, 0, 0, 0, 0x03, 0xe8];

/// A stream that speaks as in 2010.
#[derive(Debug)]
pub(crate) struct OldFrames<S> {
    stream: S,
    /// Whether the client says good-bye by `0xFF 0x00`, and understands it.
    has_good_bye: bool,
    incoming: Incoming,
    /// What was read, in new frames.
    read: Vec<u8>,
    /// Up to where it was handed on.
    handed: usize,
    /// Who waits for something to read.
    reader: Option<Waker>,
    outgoing: Outgoing,
    /// What is to be written, in old frames.
    waiting: Vec<u8>,
    written: usize,
}

/// Where the reading half is in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Incoming {
    /// Before one.
    Between,
    /// In a text, of which this is known: whether a piece was handed on.
    Text { has_begun: bool },
    /// In the length of a frame that has one; so far.
    Length { kind: u8, length: u64 },
    /// In a frame that means nothing, with so much of it left.
    Skipped(u64),
}

/// Where the writing half is in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outgoing {
    /// In the head, of which this came.
    Head(Vec<u8>),
    /// In the payload: the kind, and so much of it left.
    Payload { kind: u8, left: u64, control: Vec<u8> },
}

impl<S> OldFrames<S> {
    /// Around a stream whose handshake is done. `already_read` came with that.
    pub(crate) fn new(stream: S, already_read: &[u8], has_good_bye: bool) -> Self {
        let mut frames = Self {
            stream,
            has_good_bye,
            incoming: Incoming::Between,
            read: Vec::new(),
            handed: 0,
            reader: None,
            outgoing: Outgoing::Head(Vec::new()),
            waiting: Vec::new(),
            written: 0,
        };
        frames.take_in(already_read);
        frames
    }

    /// Makes new frames of what has come.
    fn take_in(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            match self.incoming {
                Incoming::Between => {
                    rest = after;
                    self.incoming = match first {
                        0..0x80 => Incoming::Text { has_begun: false },
                        kind => Incoming::Length { kind: *kind, length: 0 },
                    };
                }
                Incoming::Text { has_begun } => {
                    let end = rest.iter().position(|byte| *byte == 0xff);
                    let (text, after) = rest.split_at(end.unwrap_or(rest.len()));
                    rest = after.get(usize::from(end.is_some())..).unwrap_or_default();
                    self.piece(text, has_begun, end.is_some());
                    self.incoming =
                        if end.is_some() { Incoming::Between } else { Incoming::Text { has_begun: true } };
                }
                Incoming::Length { kind, length } => {
                    rest = after;
                    let length = length.saturating_mul(128).saturating_add(u64::from(first & 0x7f));
                    self.incoming = if first & 0x80 != 0 {
                        Incoming::Length { kind, length }
                    } else {
                        if kind == 0xff && length == 0 {
                            self.read.extend_from_slice(&GOOD_BYE);
                        }
                        if length == 0 { Incoming::Between } else { Incoming::Skipped(length) }
                    };
                }
                Incoming::Skipped(left) => {
                    let skip = left.min(rest.len() as u64);
                    rest = rest.get(usize::try_from(skip).unwrap_or(rest.len())..).unwrap_or_default();
                    self.incoming =
                        if skip == left { Incoming::Between } else { Incoming::Skipped(left - skip) };
                }
            }
        }
    }

    /// Puts in one piece of a text.
    fn piece(&mut self, text: &[u8], has_begun: bool, is_last: bool) {
        let kind = if has_begun { MORE } else { TEXT } | if is_last { LAST } else { 0 };
        self.read.push(kind);
        match u16::try_from(text.len()) {
            Ok(length) if length < 126 => self.read.push(MASKED | length.to_be_bytes()[1]),
            Ok(length) => {
                self.read.push(MASKED | SHORT);
                self.read.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                self.read.push(MASKED | LONG);
                self.read.extend_from_slice(&(text.len() as u64).to_be_bytes());
            }
        }
        self.read.extend_from_slice(&MASK);
        self.read.extend_from_slice(text);
    }

    /// Makes old frames of what is to go out.
    fn put_out(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            match &mut self.outgoing {
                Outgoing::Head(head) => {
                    let Some((first, after)) = rest.split_first() else { return };
                    head.push(*first);
                    rest = after;
                    if let Some((kind, left)) = read_head(head) {
                        if is_data(kind) {
                            self.waiting.push(0);
                        }
                        self.outgoing = Outgoing::Payload { kind, left, control: Vec::new() };
                    }
                }
                Outgoing::Payload { kind, left, control } => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    let (piece, after) = rest.split_at(take);
                    rest = after;
                    *left -= piece.len() as u64;
                    if is_data(*kind) {
                        self.waiting.extend_from_slice(piece);
                    } else {
                        control.extend_from_slice(piece);
                    }
                    if *left > 0 {
                        return;
                    }
                    let (kind, control) = (*kind, std::mem::take(control));
                    self.outgoing = Outgoing::Head(Vec::new());
                    self.ended(kind, &control);
                }
            }
        }
    }

    /// A frame that is to go out is whole.
    fn ended(&mut self, kind: u8, control: &[u8]) {
        match kind {
            CLOSE if self.has_good_bye => self.waiting.extend_from_slice(&[0xff, 0x00]),
            PING => {
                // At most 125 bytes.
                self.read.push(LAST | PONG);
                self.read.push(MASKED | u8::try_from(control.len()).unwrap_or(0));
                self.read.extend_from_slice(&MASK);
                self.read.extend_from_slice(control);
            }
            CLOSE | PONG => {}
            _ => self.waiting.push(0xff),
        }
    }

    fn unhanded(&self) -> &[u8] {
        self.read.get(self.handed..).unwrap_or_default()
    }
}

fn is_data(kind: u8) -> bool {
    !matches!(kind, CLOSE | PING | PONG)
}

/// The kind and the length of a frame of ours, which is never masked and never in pieces; `None` while its head is not whole.
fn read_head(head: &[u8]) -> Option<(u8, u64)> {
    let kind = head.first()? & 0x0f;
    match *head.get(1)? {
        126 => Some((kind, u16::from_be_bytes(head.get(2..4)?.try_into().ok()?).into())),
        127 => Some((kind, u64::from_be_bytes(head.get(2..10)?.try_into().ok()?))),
        length => Some((kind, length.into())),
    }
}

impl<S: AsyncWrite + Unpin> OldFrames<S> {
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.waiting.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for OldFrames<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.unhanded().is_empty() {
            this.read.clear();
            this.handed = 0;
            let mut chunk = [0; READ];
            let mut chunk = ReadBuf::new(&mut chunk);
            if Pin::new(&mut this.stream).poll_read(cx, &mut chunk)?.is_pending() {
                this.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.take_in(chunk.filled());
        }
        let piece = this.unhanded();
        let piece = piece.get(..piece.len().min(buf.remaining())).unwrap_or_default();
        buf.put_slice(piece);
        this.handed += piece.len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for OldFrames<S> {
    /// Takes all, when what was taken before is written.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        this.put_out(bytes);
        // What does not fit waits here: the next write or flush goes on with it.
        if let Poll::Ready(Err(error)) = this.poll_out(cx) {
            return Poll::Ready(Err(error));
        }
        if !this.unhanded().is_empty()
            && let Some(reader) = this.reader.take()
        {
            // A ping was answered, which is to be read.
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// The texts in new frames with a mask that changes nothing, and whether there was a good-bye.
    fn texts(mut frames: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let (mut texts, mut text, mut has_left) = (Vec::new(), Vec::new(), false);
        while let [kind, length, rest @ ..] = frames {
            assert_eq!(length & MASKED, MASKED);
            let (length, rest) = match length & 0x7f {
                126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
                127 => {
                    (usize::try_from(u64::from_be_bytes(rest[..8].try_into().unwrap())).unwrap(), &rest[8..])
                }
                length => (usize::from(length), rest),
            };
            assert_eq!(rest[..4], MASK);
            let (payload, after) = rest[4..].split_at(length);
            frames = after;
            if kind & 0x0f == CLOSE {
                assert_eq!(payload, [0x03, 0xe8]);
                has_left = true;
                continue;
            }
            assert_eq!(kind & 0x0f, if text.is_empty() && kind & 0x0f == TEXT { TEXT } else { MORE });
            text.extend_from_slice(payload);
            if kind & LAST != 0 {
                texts.push(std::mem::take(&mut text));
            }
        }
        (texts, has_left)
    }

    /// A text in one new frame, as the hub writes it.
    fn framed(text: &[u8]) -> Vec<u8> {
        let mut frame = vec![LAST | TEXT];
        match text.len() {
            length @ 0..126 => frame.push(u8::try_from(length).unwrap()),
            length @ 126..65_536 => {
                frame.push(126);
                frame.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                frame.push(127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        [&frame, text].concat()
    }

    fn in_pieces(bytes: &[u8], cuts: &[usize], mut take: impl FnMut(&[u8])) {
        let (mut rest, mut cuts) = (bytes, cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            take(piece);
            rest = after;
        }
    }

    fn a_text() -> impl Strategy<Value = String> {
        prop_oneof!["\\PC{0,20}", (120..70_000_usize).prop_map(|length| "x".repeat(length))]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn texts_of_the_client_are_the_same_however_they_come_in_pieces(
            sent in prop::collection::vec(a_text(), 0..5),
            cuts in prop::collection::vec(1..9000_usize, 1..9),
            skipped in 0..300_usize,
        ) {
            let mut bytes = Vec::new();
            for text in &sent {
                bytes.extend_from_slice(&[&[0][..], text.as_bytes(), &[0xff]].concat());
                // A frame with a length, which means nothing.
                bytes.extend_from_slice(&[0x80, 0x80 | u8::try_from(skipped >> 7).unwrap(), u8::try_from(skipped & 0x7f).unwrap()]);
                bytes.extend(std::iter::repeat_n(0xff, skipped));
            }
            bytes.extend_from_slice(&[0xff, 0x00]);
            let mut frames = OldFrames::new((), &[], true);
            in_pieces(&bytes, &cuts, |piece| frames.take_in(piece));
            let expected: Vec<_> = sent.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(texts(&frames.read), (expected, true));
        }

        #[test]
        fn texts_of_the_hub_are_the_same_however_they_are_written_in_pieces(
            said in prop::collection::vec(a_text(), 0..5),
            cuts in prop::collection::vec(1..9000_usize, 1..9),
        ) {
            let bytes = said.iter().flat_map(|text| framed(text.as_bytes())).collect::<Vec<_>>();
            let mut frames = OldFrames::new((), &[], true);
            in_pieces(&bytes, &cuts, |piece| frames.put_out(piece));
            let expected = said.iter().flat_map(|text| [&[0][..], text.as_bytes(), &[0xff]].concat());
            prop_assert_eq!(frames.waiting, expected.collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_ping_of_the_hub_is_answered_here_and_the_client_hears_nothing_of_it() {
        let (ours, mut theirs) = duplex(1024);
        let mut frames = OldFrames::new(ours, &[], true);
        frames.write_all(&[LAST | PING, 2, b'h', b'i']).await.unwrap();
        let mut pong = [0; 8];
        frames.read_exact(&mut pong).await.unwrap();
        assert_eq!(pong, [LAST | PONG, MASKED | 2, 0, 0, 0, 0, b'h', b'i']);
        frames.write_all(&[LAST | CLOSE, 2, 0x03, 0xe8]).await.unwrap();
        frames.flush().await.unwrap();
        drop(frames);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, [0xff, 0x00]);
    }
}
