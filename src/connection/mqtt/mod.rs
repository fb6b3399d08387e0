//! MQTT as a [`Wire`]: packets of a device become what a session says and asks, and what waits for the session becomes packets.

mod answers;
mod asking;
#[doc(hidden)]
pub mod by_hand;
mod carrier;
mod flight;
mod giving;
mod lasting;
mod leaving;
mod over_websocket;
mod rare;
mod rest;
mod shares;
mod subscriptions;
mod talk;

use std::future::poll_fn;
use std::io::ErrorKind;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BufMut;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_util::io::poll_read_buf;

use super::ending::Ending;
use super::outgoing::Outgoing;
use super::wire::{Incoming, Wire};
use super::{spare, turn};
use crate::hub::{Drained, Session};
use crate::moment::Moment;
use crate::mqtt::{Head, Packet, Version, Welcome, Writer, code};

pub(crate) use self::carrier::Carrier;
pub(crate) use self::over_websocket::OverWebSocket;
pub(crate) use self::rest::Rest;
pub(crate) use self::talk::{Bounds, Client, Talk, retention};

/// How much is read at once.
const READ: usize = 16 * 1024;

/// Bytes of answers that may wait for the socket before nothing more is read.
const UNREAD: usize = 64 * 1024;

/// How long the other side may take to read our last packet.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// A stream of packets.
pub(crate) struct Mqtt<S> {
    stream: Outgoing<S>,
    input: Input,
    /// There from CONNECT on. In a box, as a client that has not signed in has none.
    talk: Option<Box<Talk>>,
    /// Whether it was told that the conversation has more to do with the last packet, and nobody has had it do that.
    is_told: bool,
    /// In which words it is told why this is the end; `None` for a client that was not let in.
    version: Option<Version>,
    /// Whether another client has come with the same id.
    taken: Taken,
}

/// Says that somebody else has come for the place of a client. Whoever waits for that waits for another sign, and asks here
/// why it was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken(Arc<AtomicBool>);

impl Taken {
    pub(crate) fn say(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_said(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What came in and was not taken.
struct Input {
    limit: usize,
    buffer: Vec<u8>,
    start: usize,
    /// The packet that came last, and where the rest of it stands.
    current: Option<(Head, Range<usize>)>,
}

impl Input {
    /// Finds the next packet that was read whole. One that is larger than it may be is refused by its first bytes.
    fn next(&mut self) -> Result<bool, Ending> {
        self.current = None;
        let unread = self.buffer.get(self.start..).unwrap_or_default();
        let Some(head) = Head::read(unread)? else { return Ok(false) };
        if head.whole() > self.limit {
            return Err(Ending::TooBig { limit: self.limit });
        }
        if unread.len() < head.whole() {
            return Ok(false);
        }
        self.current = Some((head, self.start + head.len..self.start + head.whole()));
        self.start += head.whole();
        Ok(true)
    }

    fn current(&self) -> Option<(Head, &[u8])> {
        let (head, range) = self.current.as_ref()?;
        Some((*head, self.buffer.get(range.clone())?))
    }

    /// Gives the buffer back where nothing is in it.
    fn settle(&mut self) {
        if self.start >= self.buffer.len() && self.buffer.capacity() > 0 {
            spare::FOR_READING.give_back(std::mem::take(&mut self.buffer));
            (self.start, self.current) = (0, None);
        }
    }

    fn make_room(&mut self) {
        if self.buffer.capacity() == 0 {
            self.buffer = spare::FOR_READING.borrow();
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve(READ);
    }
}

impl<S: Carrier> Mqtt<S> {
    /// Takes over a stream. Its first packet may have so many bytes.
    pub(crate) fn new(stream: S, limit: usize) -> Self {
        let input = Input { limit, buffer: Vec::new(), start: 0, current: None };
        let (talk, is_told, version, taken) = (None, false, None, Taken::default());
        Self { stream: Outgoing::new(stream), input, talk, is_told, version, taken }
    }

    /// Reads the first packet, which has to be a CONNECT.
    pub(crate) async fn connect(&mut self) -> Result<(Head, Vec<u8>), Ending> {
        loop {
            if let Some((first, _)) = self.input.buffer.split_first()
                && first >> 4 != 1
            {
                return Err(Ending::Mqtt(code::PROTOCOL_ERROR, "the first packet is no CONNECT".into()));
            }
            if self.input.next()? {
                let (head, body) =
                    self.input.current().unwrap_or((Head { first: 0, len: 0, remaining: 0 }, &[]));
                return Ok((head, body.to_vec()));
            }
            poll_fn(|cx| self.poll_more(cx)).await?;
        }
    }

    /// Refuses the client, in the words of its version.
    pub(crate) async fn refuse(&mut self, version: Version, code: u8, why: &str) {
        Writer::new(version, self.stream.tail()).refuse(code, why);
        self.part().await;
    }

    /// Lets the client in: it is welcomed, what it has not acknowledged comes again, and packets may have so many bytes from now on.
    pub(crate) fn begin(
        &mut self,
        session: &Session,
        mut talk: Talk,
        taken: Taken,
        limit: usize,
        welcome: &Welcome<'_>,
    ) {
        let out = self.stream.tail();
        Writer::new(talk.version(), out).welcome(welcome);
        talk.send_what_waits(session, Moment::now(), out);
        self.input.limit = limit;
        self.stream.stream().lets_in(limit);
        self.taken = taken;
        self.version = Some(talk.version());
        self.talk = Some(Box::new(talk));
    }

    /// What the client and the hub have agreed upon, where it was let in.
    pub(crate) fn talk(&mut self) -> Option<Talk> {
        self.talk.take().map(|talk| *talk)
    }

    /// Reads once. Says how many bytes came.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Ending>> {
        self.input.make_room();
        let room = (&mut self.input.buffer).limit(turn::BYTES);
        let read = poll_read_buf(Pin::new(self.stream.stream()), cx, &mut { room });
        match read {
            Poll::Ready(Ok(bytes @ 1..)) => Poll::Ready(Ok(bytes)),
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::FileTooLarge => {
                Poll::Ready(Err(Ending::TooBig { limit: self.input.limit }))
            }
            Poll::Ready(_) => Poll::Ready(Err(Ending::Vanished)),
            Poll::Pending => {
                self.input.settle();
                Poll::Pending
            }
        }
    }

    /// Writes what waits, closes, and reads on for a moment: what comes to a closed socket would take our last word away.
    async fn part(&mut self) {
        if timeout(GOOD_BYE, poll_fn(|cx| self.stream.poll_shutdown(cx))).await.is_ok_and(|done| done.is_ok())
        {
            // Not in the future of the connection, which would carry it all along.
            let mut bin = vec![0; 4096];
            let rest = async { while self.stream.stream().read(&mut bin).await.is_ok_and(|n| n > 0) {} };
            let _ = timeout(GOOD_BYE, rest).await;
        }
    }

    /// What comes next of what was read: a packet, or the good-bye that it is.
    fn next(&mut self) -> Result<Option<Incoming>, Ending> {
        if !self.input.next()? {
            return Ok(None);
        }
        let (Some((head, body)), Some(talk)) = (self.input.current(), &mut self.talk) else {
            return Ok(None);
        };
        if head.first >> 4 == 14
            && let Packet::Disconnect(bye) = Packet::read(talk.version(), head, body)?
        {
            return talk.bye(bye).map(|ending| Some(Incoming::End(ending)));
        }
        Ok(Some(Incoming::Packet(head.whole())))
    }
}

impl<S: Carrier + Send> Wire for Mqtt<S> {
    fn wakes(&mut self, _task: &Waker) {}

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        if self.talk.as_ref().is_some_and(|talk| talk.is_leaving())
            && !std::mem::replace(&mut self.is_told, true)
        {
            return Poll::Ready(Incoming::Packet(0));
        }
        let mut read = 0;
        loop {
            if self.stream.stream().take_sign() {
                return Poll::Ready(Incoming::Aside);
            }
            // Whoever does not read our answers is not listened to. A socket that is full wakes when it takes some of them, and the
            // store when it has what they wait for.
            if self.is_held_back() {
                return Poll::Pending;
            }
            match self.next() {
                Ok(Some(incoming)) => return Poll::Ready(incoming),
                Ok(None) if read > 0 => return Poll::Ready(Incoming::Part(read)),
                Ok(None) => {}
                Err(ending) => return Poll::Ready(Incoming::End(ending)),
            }
            match self.poll_more(cx) {
                Poll::Ready(Ok(bytes)) => read = bytes,
                Poll::Ready(Err(ending)) => return Poll::Ready(Incoming::End(ending)),
                Poll::Pending if self.stream.stream().take_sign() => return Poll::Ready(Incoming::Aside),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn text(&self) -> Option<&str> {
        None
    }

    /// Nothing of the hub is a frame here.
    fn frame(&mut self, _pieces: &[&[u8]]) {}

    fn collect(&mut self, _pieces: &[&[u8]]) {}

    fn end_collection(&mut self) {}

    /// It is the client who asks for signs of life.
    fn ping(&mut self) {}

    fn held(&self) -> usize {
        let talk = self.talk.as_ref().map_or(0, |talk| talk.held());
        self.input.buffer.capacity() + self.stream.len() + self.stream.under().held() + talk
    }

    fn forget(&mut self) {
        (self.input.buffer, self.input.start, self.input.current) = (Vec::new(), 0, None);
    }

    fn waiting(&self) -> usize {
        self.stream.len()
    }

    fn progress(&self) -> u64 {
        self.stream.progress()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        self.stream.poll_flush(cx).map_err(|_| Ending::Vanished)
    }

    fn receive(&mut self, session: &mut Session, now: Moment) -> Result<(), Ending> {
        self.is_told = false;
        let (Some((head, body)), Some(talk)) = (self.input.current(), &mut self.talk) else { return Ok(()) };
        if talk.is_leaving() {
            talk.go_on_leaving(session, self.stream.tail());
            return Ok(());
        }
        let packet = Packet::read(talk.version(), head, body)?;
        talk.receive(packet, head.whole(), session, now, self.stream.tail())
    }

    fn give(&mut self, session: &mut Session, bytes: usize, now: Moment) -> Drained {
        match &mut self.talk {
            Some(talk) => talk.give(session, bytes, now, self.stream.tail()),
            None => Drained::Everything,
        }
    }

    fn go_on(&mut self, session: &Session) -> bool {
        let before = self.stream.len();
        if let Some(talk) = &mut self.talk
            && talk.waits_for_the_store()
        {
            talk.go_on(session, Moment::now(), self.stream.tail());
        }
        self.stream.len() > before
    }

    fn is_held_back(&self) -> bool {
        self.stream.len() > UNREAD || self.talk.as_ref().is_some_and(|talk| talk.is_behind())
    }

    fn has_room(&self) -> bool {
        self.talk.as_ref().is_none_or(|talk| talk.has_room())
    }

    fn explains(&self, ending: Ending) -> Ending {
        if ending == Ending::SignedOut && self.taken.is_said() { Ending::TakenOver } else { ending }
    }

    async fn close(&mut self, ending: &Ending) {
        if let (Some((code, why)), Some(version)) = (disconnect(ending), self.version) {
            Writer::new(version, self.stream.tail()).bye(code, &why);
        }
        self.part().await;
    }
}

/// The reason of a DISCONNECT; `None` where nobody is there to read it.
fn disconnect(ending: &Ending) -> Option<(u8, String)> {
    let (_, why) = ending.close()?;
    let code = match ending {
        Ending::Mqtt(code, _) => *code,
        Ending::Silent => code::KEEP_ALIVE,
        Ending::TooBig { .. } => code::TOO_LARGE,
        Ending::TooMuch(_) => code::TOO_FAST,
        Ending::SlowConsumer | Ending::CutOff { .. } | Ending::Stuck => code::QUOTA,
        Ending::SignedOut | Ending::NotSignedIn(_) => code::NOT_AUTHORIZED,
        Ending::AccountChanged => code::ADMINISTRATIVE,
        Ending::TakenOver => code::TAKEN_OVER,
        Ending::ShuttingDown => code::SHUTTING_DOWN,
        Ending::Protocol(_) | Ending::Binary | Ending::NotText | Ending::NotUtf8 => code::PROTOCOL_ERROR,
        Ending::Farewell | Ending::Vanished | Ending::WithWill => return None,
    };
    let why = if *ending == Ending::Silent {
        "nothing came for one and a half times the keep-alive".into()
    } else {
        why
    };
    Some((code, why.into_owned()))
}
