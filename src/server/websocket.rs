//! A WebSocket as a [`Wire`]: tungstenite reads and answers pings, what is to be sent is framed here, so that a frame
//! costs a copy into one buffer and nothing else.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::bell::Bell;
use super::connection::{Incoming, Wire};
use super::ending::Ending;
use super::outgoing::Outgoing;

/// What one idle connection holds for reading, and the most that one read takes. Most messages are a tenth of it.
const READ_BUFFER: usize = 1024;

/// The most bytes of a message that collects several frames.
const BATCH: usize = 256 * 1024;

/// How long the client may take to answer our close.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// The first byte of a text frame that is a whole message (RFC 6455, 5.2).
const FINAL_TEXT: u8 = 0x81;

pub(crate) struct WebSocket<S> {
    inner: WebSocketStream<Outgoing<S>>,
    /// Rings when there may be something to read, so that a connection which is woken to write need not try.
    arrival: Bell,
    /// Whether tungstenite may have an answer to write.
    answers: bool,
    limit: usize,
    /// Frames collected for one message.
    batch: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Takes over a connection whose handshake is done. `already_read` came with the handshake.
    pub(crate) async fn new(stream: S, already_read: Vec<u8>, limit: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(limit.max(BATCH))
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let outgoing = Outgoing::new(stream);
        let inner =
            WebSocketStream::from_partially_read(outgoing, already_read, Role::Server, Some(config)).await;
        Self { inner, arrival: Bell::new(), answers: false, limit, batch: Vec::new() }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other errors are of sockets that broke or of no server"
    )]
    fn ending(&self, error: &Error) -> Ending {
        match error {
            Error::Capacity(CapacityError::MessageTooLong { .. }) => Ending::TooBig { limit: self.limit },
            Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => Ending::Vanished,
            Error::Protocol(what) => Ending::Protocol(what.to_string()),
            Error::Utf8(_) => Ending::NotUtf8,
            Error::ConnectionClosed | Error::AlreadyClosed => Ending::Farewell,
            _ => Ending::Vanished,
        }
    }

    /// Reads and throws away what still comes, so that the client can read our close before the connection is reset.
    async fn linger(&mut self) {
        // Not in the future of the connection, which would carry it all along.
        let mut bin = vec![0; 4096];
        let stream = self.inner.get_mut();
        let _ = timeout(GOOD_BYE, async { while stream.read(&mut bin).await.is_ok_and(|n| n > 0) {} }).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for WebSocket<S> {
    type Text = Utf8Bytes;

    fn wakes(&mut self, task: &Waker) {
        self.arrival.wakes(task);
    }

    fn poll_read(&mut self, _cx: &mut Context<'_>) -> Poll<Incoming<Utf8Bytes>> {
        if !self.arrival.has_rung() {
            return Poll::Pending;
        }
        let message = ready!(Pin::new(&mut self.inner).poll_next(&mut self.arrival.context()));
        // More may have come by the same read.
        self.arrival.ring_again();
        let incoming = match message {
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                self.answers = true;
                Incoming::Alive
            }
            Some(Ok(Message::Binary(_))) => Incoming::End(Ending::Binary),
            Some(Ok(Message::Close(_))) => Incoming::End(Ending::Farewell),
            Some(Err(error)) => Incoming::End(self.ending(&error)),
            None => Incoming::End(Ending::Vanished),
        };
        Poll::Ready(incoming)
    }

    fn frame(&mut self, pieces: &[&[u8]]) {
        let len = pieces.iter().map(|piece| piece.len()).sum();
        let tail = self.inner.get_mut().tail();
        head(len, tail);
        for piece in pieces {
            tail.extend_from_slice(piece);
        }
    }

    fn collect(&mut self, pieces: &[&[u8]]) {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        if !self.batch.is_empty() && self.batch.len() + 1 + len > BATCH {
            self.end_collection();
        }
        if !self.batch.is_empty() {
            self.batch.push(b'\n');
        }
        for piece in pieces {
            self.batch.extend_from_slice(piece);
        }
    }

    fn end_collection(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.frame(&[&batch]);
        }
    }

    fn ping(&mut self) {
        self.inner.get_mut().tail().extend_from_slice(&[0x89, 0]);
    }

    fn waiting(&self) -> usize {
        self.inner.get_ref().len()
    }

    fn progress(&self) -> u64 {
        self.inner.get_ref().progress()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        if self.answers {
            let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
            self.answers = false;
            return Poll::Ready(flushed.map_err(|error| self.ending(&error)));
        }
        Pin::new(self.inner.get_mut()).poll_flush(cx).map_err(|_| Ending::Vanished)
    }

    async fn close(&mut self, ending: &Ending) {
        // Pongs and the answer to the client's own close are still inside.
        let answers = std::future::poll_fn(|cx| Pin::new(&mut self.inner).poll_flush(cx));
        let _ = timeout(GOOD_BYE, answers).await;
        let stream = self.inner.get_mut();
        if let Some((code, reason)) = ending.close() {
            // Framed here, as tungstenite sends nothing more after a broken frame (RFC 6455, 5.5.1).
            let tail = stream.tail();
            tail.extend_from_slice(&[0x88, u8::try_from(2 + reason.len()).unwrap_or(125)]);
            tail.extend_from_slice(&code.to_be_bytes());
            tail.extend_from_slice(reason.as_bytes());
        }
        let flush = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx));
        if timeout(GOOD_BYE, flush).await.is_ok_and(|flushed| flushed.is_ok()) {
            let _ = timeout(GOOD_BYE, tokio::io::AsyncWriteExt::shutdown(stream)).await;
            self.linger().await;
        }
    }
}

/// The head of an unmasked text frame (RFC 6455, 5.2).
fn head(len: usize, out: &mut Vec<u8>) {
    out.push(FINAL_TEXT);
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
