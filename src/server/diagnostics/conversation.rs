//! One connection to an endpoint: it is answered message by message. The next one is read when the answer is written,
//! so a client that does not read is not read from, and nothing piles up.
//!
//! The socket is the one of the hub's own doors, so what is tried here is what a client of Clown.Talk meets.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::endpoint::{Answer, Endpoint};
use crate::connection::{Ending, Incoming, Patience, Signs, WebSocket, Wire};
use crate::hub::{Allowance, Rates};
use crate::moment::Moment;

/// Messages of one connection that have a line each in the log.
const LOGGED: u64 = 100;

/// Unanswered pings after which a client counts as gone.
const PINGS: u32 = 2;

/// Who is at the other end, and of which endpoint.
pub(super) struct Caller {
    pub(super) endpoint: Endpoint,
    pub(super) user: Arc<str>,
    pub(super) address: SocketAddr,
}

/// What holds for one connection.
pub(super) struct Limits {
    pub(super) rates: Rates,
    pub(super) patience: Patience,
}

struct Conversation<S> {
    socket: WebSocket<S>,
    caller: Caller,
    patience: Patience,
    allowance: Allowance,
    /// The numbers of `/streaming`.
    ticks: Option<watch::Receiver<u64>>,
    heard: Instant,
    pings: u32,
    messages: u64,
    bytes: u64,
}

/// Holds a conversation to its end, and says good-bye.
pub(super) async fn hold<S: AsyncRead + AsyncWrite + Unpin + Send>(
    socket: WebSocket<S>,
    caller: Caller,
    limits: Limits,
    ticks: Option<watch::Receiver<u64>>,
    signs: Signs,
) {
    let Limits { rates, patience } = limits;
    let allowance = Allowance::new(rates, Moment::now().steady());
    let heard = Instant::now();
    let mut conversation =
        Conversation { socket, caller, patience, allowance, ticks, heard, pings: 0, messages: 0, bytes: 0 };
    let ending = conversation.run(signs).await;
    // In a box, so that no living connection holds room for its end.
    Box::pin(conversation.socket.close(&ending)).await;
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Conversation<S> {
    async fn run(&mut self, signs: Signs) -> Ending {
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
        ending
    }

    async fn until_the_end(&mut self) -> Result<Infallible, Ending> {
        if let Some(greeting) = self.caller.endpoint.greeting() {
            self.socket.frame(&[greeting.as_bytes()]);
            self.flush().await?;
        }
        loop {
            let check = self.heard + self.patience.ping + self.patience.pong * self.pings;
            tokio::select! {
                incoming = read(&mut self.socket) => self.hear(incoming)?,
                number = next(self.ticks.as_mut()) => {
                    self.socket.frame(&[format!("message: {number}").as_bytes()]);
                }
                () = sleep_until(check) => self.ask_for_a_sign()?,
            }
            self.flush().await?;
        }
    }

    /// Takes what came, and puts in the answer.
    fn hear(&mut self, incoming: Incoming) -> Result<(), Ending> {
        match incoming {
            Incoming::Text => {
                let text = self.socket.text().ok_or(Ending::NotUtf8)?;
                let (bytes, answer) = (text.len(), self.caller.endpoint.answer(text));
                self.count("text", bytes)?;
                match answer {
                    Answer::Echo => self.socket.echo(true),
                    Answer::Text(text) => self.socket.frame(&[text.as_bytes()]),
                    Answer::Silence => {}
                }
                Ok(())
            }
            Incoming::Binary => {
                self.count("binary", self.socket.bytes().len())?;
                if self.caller.endpoint != Endpoint::Echo {
                    return Err(Ending::NotText);
                }
                self.socket.echo(false);
                Ok(())
            }
            Incoming::Alive => self.heard(),
            Incoming::End(ending) => Err(ending),
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
        self.allowance.frame(Moment::now().steady()).map_err(Ending::TooMuch)
    }

    fn ask_for_a_sign(&mut self) -> Result<(), Ending> {
        if self.pings == PINGS {
            return Err(Ending::Silent);
        }
        self.pings += 1;
        self.socket.ping();
        Ok(())
    }

    /// Writes what was put in. While that waits for the client, the message that it answers is not held besides.
    async fn flush(&mut self) -> Result<(), Ending> {
        loop {
            let before = self.socket.progress();
            let flush = poll_fn(|cx| {
                let flushed = self.socket.poll_flush(cx);
                if flushed.is_pending() {
                    self.socket.let_go();
                }
                flushed
            });
            match timeout(self.patience.write, flush).await {
                Ok(flushed) => return flushed,
                Err(_) if self.socket.progress() == before => return Err(Ending::Stuck),
                Err(_) => {}
            }
        }
    }
}

/// The next thing from the other side.
async fn read<S: AsyncRead + AsyncWrite + Unpin + Send>(socket: &mut WebSocket<S>) -> Incoming {
    poll_fn(|cx| -> Poll<Incoming> {
        socket.wakes(cx.waker());
        socket.poll_read(cx)
    })
    .await
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
