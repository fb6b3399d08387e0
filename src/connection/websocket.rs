//! A WebSocket as a [`Wire`]: what comes in is read in place, what is to be sent is framed into one buffer, so that a
//! frame costs a copy each way and nothing else.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::timeout;
use tokio_util::io::poll_read_buf;

use super::ending::Ending;
use super::messages::{Fault, Messages, Signal};
use super::outgoing::Outgoing;
use super::wire::{Incoming, Wire};
use super::{spare, turn};
use crate::bell::Bell;

/// The most bytes of a message that collects several frames.
const BATCH: usize = 256 * 1024;

/// How long the client may take to answer our close.
const GOOD_BYE: Duration = Duration::from_secs(1);

pub(crate) struct WebSocket<S> {
    stream: Outgoing<S>,
    messages: Messages,
    /// Rings when there may be something to read, so that a connection which is woken to write need not try.
    arrival: Bell,
    /// What few have at any time: in a box, as there are very many connections.
    rare: Option<Box<Rare>>,
}

/// What waits to be written beside frames.
#[derive(Default)]
struct Rare {
    /// The answer to the last ping, which is enough (RFC 6455, 5.5.3): a flood of them does not fill a buffer.
    pong: Option<Box<[u8]>>,
    /// The answer to the other side's good-bye.
    good_bye: Option<Box<[u8]>>,
    /// Frames collected for one message.
    batch: Vec<u8>,
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.pong.is_none() && self.good_bye.is_none() && self.batch.is_empty()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Takes over a connection whose handshake is done. `already_read` came with the handshake.
    pub(crate) fn new(stream: S, already_read: Vec<u8>, limit: usize) -> Self {
        Self {
            stream: Outgoing::new(stream),
            messages: Messages::new(already_read, limit),
            arrival: Bell::new(),
            rare: None,
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Takes what waits, and gives the box back with the last of it.
    fn take<T: Default>(&mut self, which: impl FnOnce(&mut Rare) -> &mut T) -> T {
        let Some(rare) = &mut self.rare else { return T::default() };
        let taken = std::mem::take(which(rare));
        if rare.is_empty() {
            self.rare = None;
        }
        taken
    }

    fn ending(&self, fault: &Fault) -> Ending {
        match fault {
            Fault::Protocol(rule) => Ending::Protocol((*rule).to_owned()),
            Fault::NotUtf8 => Ending::NotUtf8,
            Fault::TooBig => Ending::TooBig { limit: self.messages.limit() },
        }
    }

    fn hear(&mut self, signal: Signal) -> Incoming {
        match signal {
            Signal::Text => Incoming::Text,
            Signal::Binary => Incoming::Binary,
            Signal::Ping(question) => {
                self.rare().pong = Some(question.into());
                Incoming::Alive
            }
            Signal::Pong => Incoming::Alive,
            Signal::Close(answer) => {
                self.rare().good_bye = Some(answer.into());
                Incoming::End(Ending::Farewell)
            }
        }
    }

    /// The message that came last, until the next thing is asked for.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.messages.payload()
    }

    /// Puts in a copy of the message that came last, as text or as bytes.
    pub(crate) fn echo(&mut self, is_text: bool) {
        let (payload, tail) = (self.messages.payload(), self.stream.tail());
        head(if is_text { TEXT } else { BINARY }, payload.len(), tail);
        tail.extend_from_slice(payload);
    }

    /// Puts in bytes as a message of its own.
    pub(crate) fn put_binary(&mut self, bytes: &[u8]) {
        let tail = self.stream.tail();
        head(BINARY, bytes.len(), tail);
        tail.extend_from_slice(bytes);
    }

    /// Puts in a close: all was said.
    pub(crate) fn put_close(&mut self) {
        let answer = self.take(|rare| &mut rare.good_bye);
        let normal = 1000_u16.to_be_bytes();
        self.put_control(CLOSE, answer.as_deref().unwrap_or(&normal));
    }

    /// Writes what was put in, and says that nothing more will come.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }

    /// From now on a message may have so many bytes.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.messages.set_limit(limit);
    }

    /// Forgets the message that came last and gives its buffer back. For a connection that must wait for the next one.
    pub(crate) fn let_go(&mut self) {
        self.messages.forget();
        self.settle();
    }

    fn settle(&mut self) {
        if let Some(buffer) = self.messages.settle() {
            spare::FOR_READING.give_back(buffer);
        }
    }

    fn put_control(&mut self, opcode: u8, payload: &[u8]) {
        let tail = self.stream.tail();
        tail.extend_from_slice(&[0x80 | opcode, u8::try_from(payload.len()).unwrap_or(125)]);
        tail.extend(payload.iter().take(125));
    }

    /// Reads and throws away what still comes, so that the client can read our close before the connection is reset.
    async fn linger(&mut self) {
        // Not in the future of the connection, which would carry it all along.
        let mut bin = vec![0; 4096];
        let stream = self.stream.stream();
        let _ = timeout(GOOD_BYE, async { while stream.read(&mut bin).await.is_ok_and(|n| n > 0) {} }).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for WebSocket<S> {
    fn wakes(&mut self, task: &Waker) {
        self.arrival.wakes(task);
        // The previous task may have been woken for something that it has not handled.
        self.arrival.ring_again();
    }

    fn poll_read(&mut self, _cx: &mut Context<'_>) -> Poll<Incoming> {
        let mut came = 0;
        loop {
            match self.messages.next() {
                Ok(Some(signal)) => return Poll::Ready(self.hear(signal)),
                Ok(None) if came > 0 => return Poll::Ready(Incoming::Part(came)),
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Incoming::End(self.ending(&fault))),
            }
            let read = if self.arrival.has_rung() {
                let room = self.messages.room(|| spare::FOR_READING.borrow()).limit(turn::BYTES);
                poll_read_buf(Pin::new(self.stream.stream()), &mut self.arrival.context(), &mut { room })
            } else {
                Poll::Pending
            };
            match read {
                Poll::Ready(Ok(bytes @ 1..)) => {
                    self.arrival.ring_again();
                    came = bytes;
                }
                Poll::Ready(_) => return Poll::Ready(Incoming::End(Ending::Vanished)),
                Poll::Pending => {
                    self.settle();
                    return Poll::Pending;
                }
            }
        }
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.messages.payload()).ok()
    }

    fn frame(&mut self, pieces: &[&[u8]]) {
        let len = pieces.iter().map(|piece| piece.len()).sum();
        let tail = self.stream.tail();
        head(TEXT, len, tail);
        for piece in pieces {
            tail.extend_from_slice(piece);
        }
    }

    fn collect(&mut self, pieces: &[&[u8]]) {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        let collected = self.rare().batch.len();
        if collected > 0 && collected + 1 + len > BATCH {
            self.end_collection();
        }
        let batch = &mut self.rare().batch;
        if !batch.is_empty() {
            batch.push(b'\n');
        }
        for piece in pieces {
            batch.extend_from_slice(piece);
        }
    }

    fn end_collection(&mut self) {
        let batch = self.take(|rare| &mut rare.batch);
        if !batch.is_empty() {
            self.frame(&[&batch]);
        }
    }

    fn ping(&mut self) {
        self.put_control(PING, &[]);
    }

    fn held(&self) -> usize {
        self.messages.held() + self.stream.len()
    }

    fn forget(&mut self) {
        self.messages = Messages::new(Vec::new(), 0);
    }

    fn waiting(&self) -> usize {
        self.stream.len()
    }

    fn progress(&self) -> u64 {
        self.stream.progress()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        loop {
            if ready!(self.stream.poll_flush(cx)).is_err() {
                return Poll::Ready(Err(Ending::Vanished));
            }
            let Some(answer) = self.take(|rare| &mut rare.pong) else { return Poll::Ready(Ok(())) };
            self.put_control(PONG, &answer);
        }
    }

    async fn close(&mut self, ending: &Ending) {
        if let Some(answer) = self.take(|rare| &mut rare.pong) {
            self.put_control(PONG, &answer);
        }
        if let Some((code, reason)) = ending.close() {
            let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
            self.put_control(CLOSE, &payload);
        } else if let Some(answer) = self.take(|rare| &mut rare.good_bye) {
            self.put_control(CLOSE, &answer);
        }
        let flush = timeout(GOOD_BYE, poll_fn(|cx| self.stream.poll_flush(cx))).await;
        if flush.is_ok_and(|flushed| flushed.is_ok()) {
            let _ = timeout(GOOD_BYE, poll_fn(|cx| self.stream.poll_shutdown(cx))).await;
            self.linger().await;
        }
    }
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The head of an unmasked frame that is a whole message (RFC 6455, 5.2).
fn head(opcode: u8, len: usize, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ 0..126), _) => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}
