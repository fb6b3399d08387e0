//! One connection to an endpoint: it is answered message by message. The next one is read when the answer is written,
//! so a client that does not read is not read from, and nothing piles up.
//!
//! Reading is tungstenite's. What is sent is framed here, as it is for the hub's own sockets: the answer to a large
//! message is then written from where the message lies.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;
use crate::hub::{Allowance, Rates};
use crate::server::connection::{Patience, Signs};
use crate::server::ending::Ending;

/// What one connection holds for reading.
const READ_BUFFER: usize = 16 * 1024;

/// How long the client may take to answer our close.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// Messages of one connection that have a line each in the log.
const LOGGED: u64 = 100;

/// Unanswered pings after which a client counts as gone.
const PINGS: u32 = 2;

/// The first byte of a frame that is whole (RFC 6455, 5.2).
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// Who is at the other end, and of which endpoint.
pub(super) struct Caller {
    pub(super) endpoint: Endpoint,
    pub(super) user: Arc<str>,
    pub(super) address: SocketAddr,
}

/// What holds for one connection.
pub(super) struct Limits {
    pub(super) message_bytes: usize,
    pub(super) rates: Rates,
    pub(super) patience: Patience,
}

struct Conversation<S> {
    socket: WebSocketStream<S>,
    caller: Caller,
    limits: Limits,
    allowance: Allowance,
    /// The numbers of `/streaming`.
    ticks: Option<watch::Receiver<u64>>,
    heard: Instant,
    pings: u32,
    /// Whether a frame was begun and not ended, so that no other may follow.
    torn: bool,
    messages: u64,
    bytes: u64,
}

/// Holds a conversation to its end, and says good-bye.
pub(super) async fn hold<S: AsyncRead + AsyncWrite + Unpin>(
    (stream, already_read): (S, Vec<u8>),
    caller: Caller,
    limits: Limits,
    ticks: Option<watch::Receiver<u64>>,
    signs: Signs,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.message_bytes));
    let socket = WebSocketStream::from_partially_read(stream, already_read, Role::Server, Some(config)).await;
    let allowance = Allowance::new(limits.rates, SystemTime::now());
    let heard = Instant::now();
    let mut conversation = Conversation {
        socket,
        caller,
        limits,
        allowance,
        ticks,
        heard,
        pings: 0,
        torn: false,
        messages: 0,
        bytes: 0,
    };
    conversation.run(signs).await;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    async fn run(&mut self, signs: Signs) {
        let Caller { endpoint, ref user, address } = self.caller;
        tracing::info!(endpoint = endpoint.path(), %user, %address, "diagnostics: connected");
        let ending = tokio::select! {
            biased;
            () = signs.drain.cancelled() => Ending::ShuttingDown,
            () = given(signs.signed_out.as_ref()) => Ending::SignedOut,
            Err(ending) = self.until_the_end() => ending,
        };
        let (messages, bytes, cause) = (self.messages, self.bytes, ending.cause());
        tracing::info!(endpoint = endpoint.path(), %address, messages, bytes, %cause, "diagnostics: disconnected");
        self.close(&ending).await;
    }

    async fn until_the_end(&mut self) -> Result<Infallible, Ending> {
        if let Some(greeting) = self.caller.endpoint.greeting() {
            self.send(TEXT, Bytes::from_static(greeting.as_bytes())).await?;
        }
        loop {
            let check = self.heard + self.limits.patience.ping + self.limits.patience.pong * self.pings;
            tokio::select! {
                incoming = self.socket.next() => self.hear(incoming).await?,
                number = next(self.ticks.as_mut()) => self.send(TEXT, format!("message: {number}").into()).await?,
                () = sleep_until(check) => self.ask_for_a_sign().await?,
            }
        }
    }

    async fn hear(&mut self, incoming: Option<Result<Message, Error>>) -> Result<(), Ending> {
        match incoming {
            Some(Ok(Message::Text(text))) => {
                self.count("text", text.len())?;
                match self.caller.endpoint.answer(text) {
                    Some(answer) => self.send(TEXT, answer).await,
                    None => Ok(()),
                }
            }
            Some(Ok(Message::Binary(bytes))) => {
                self.count("binary", bytes.len())?;
                match self.caller.endpoint {
                    Endpoint::Echo => self.send(BINARY, bytes).await,
                    Endpoint::Reversed { .. } | Endpoint::Socket | Endpoint::Streaming | Endpoint::Poke => {
                        Err(Ending::NotText)
                    }
                }
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                self.heard()?;
                self.flush().await
            }
            Some(Ok(Message::Close(_))) => Err(Ending::Farewell),
            Some(Err(error)) => Err(ending(&error, self.limits.message_bytes)),
            None => Err(Ending::Vanished),
        }
    }

    /// Counts a message, and says in the log that it came: how long it is, not what is in it.
    fn count(&mut self, kind: &'static str, bytes: usize) -> Result<(), Ending> {
        self.heard()?;
        self.messages += 1;
        self.bytes += bytes as u64;
        let (endpoint, address) = (self.caller.endpoint.path(), self.caller.address);
        if self.messages <= LOGGED {
            tracing::info!(endpoint, %address, kind, bytes, "diagnostics: message");
        }
        if self.messages == LOGGED {
            tracing::info!(endpoint, %address, "diagnostics: further messages are counted and not logged");
        }
        Ok(())
    }

    /// A sign of life, and one more of what a client may send.
    fn heard(&mut self) -> Result<(), Ending> {
        self.heard = Instant::now();
        self.pings = 0;
        self.allowance.frame(SystemTime::now()).map_err(Ending::TooMuch)
    }

    async fn ask_for_a_sign(&mut self) -> Result<(), Ending> {
        if self.pings == PINGS {
            return Err(Ending::Silent);
        }
        self.pings += 1;
        self.send(PING, Bytes::new()).await
    }

    /// Writes one whole frame, behind the pong that tungstenite may still hold.
    async fn send(&mut self, first: u8, payload: Bytes) -> Result<(), Ending> {
        self.flush().await?;
        let mut frame = head(first, payload.len()).chain(payload);
        self.torn = true;
        while frame.has_remaining() {
            let write = self.socket.get_mut().write_buf(&mut frame);
            match timeout(self.limits.patience.write, write).await {
                Err(_) => return Err(Ending::Stuck),
                Ok(Ok(0) | Err(_)) => return Err(Ending::Vanished),
                Ok(Ok(_)) => {}
            }
        }
        self.torn = false;
        Ok(())
    }

    /// Writes tungstenite's own answer to a ping.
    async fn flush(&mut self) -> Result<(), Ending> {
        let flushed = timeout(self.limits.patience.write, self.socket.flush()).await;
        let flushed = flushed.map_err(|_| Ending::Stuck)?;
        flushed.map_err(|error| ending(&error, self.limits.message_bytes))
    }

    async fn close(&mut self, ending: &Ending) {
        // The answer to the client's own close is still inside.
        let is_free = timeout(GOOD_BYE, self.socket.flush()).await.is_ok() && !self.torn;
        let stream = self.socket.get_mut();
        if let (true, Some((code, reason))) = (is_free, ending.close()) {
            let mut frame = head(CLOSE, 2 + reason.len());
            frame.put_u16(code);
            frame.put_slice(reason.as_bytes());
            let _ = timeout(GOOD_BYE, stream.write_all(&frame)).await;
        }
        if timeout(GOOD_BYE, stream.shutdown()).await.is_ok_and(|shut| shut.is_ok()) {
            // What still comes is thrown away, so that the client can read our close before the connection is reset.
            let mut bin = vec![0; 4096];
            let _ =
                timeout(GOOD_BYE, async { while stream.read(&mut bin).await.is_ok_and(|n| n > 0) {} }).await;
        }
    }
}

/// The next number, for whoever listens to them.
async fn next(ticks: Option<&mut watch::Receiver<u64>>) -> u64 {
    if let Some(ticks) = ticks
        && ticks.changed().await.is_ok()
    {
        return *ticks.borrow_and_update();
    }
    std::future::pending().await
}

async fn given(sign: Option<&CancellationToken>) {
    match sign {
        Some(sign) => sign.cancelled().await,
        None => std::future::pending().await,
    }
}

/// The head of an unmasked frame (RFC 6455, 5.2).
fn head(first: u8, len: usize) -> BytesMut {
    let mut head = BytesMut::with_capacity(10);
    head.put_u8(first);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ 0..126), _) => head.put_u8(short),
        (_, Ok(medium)) => {
            head.put_u8(126);
            head.put_u16(medium);
        }
        _ => {
            head.put_u8(127);
            head.put_u64(len as u64);
        }
    }
    head
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other errors are of sockets that broke or of no server"
)]
fn ending(error: &Error, limit: usize) -> Ending {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Ending::TooBig { limit },
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ending::Vanished,
        Error::Protocol(what) => Ending::Protocol(what.to_string()),
        Error::Utf8(_) => Ending::NotUtf8,
        Error::ConnectionClosed | Error::AlreadyClosed => Ending::Farewell,
        _ => Ending::Vanished,
    }
}
