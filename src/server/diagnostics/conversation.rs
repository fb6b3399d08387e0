//! One connection to an endpoint: it is answered message by message. The next one is read when the answer is written,
//! so a client that does not read is not read from, and nothing piles up.
//!
//! The socket is the one of the hub's own doors, so what is tried here is what a client of Clown.Talk meets.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::endpoint::{Answer, Endpoint};
use super::memory::Held;
use crate::connection::{Beat, Ending, Heartbeat, Incoming, Patience, Signs, Turn, WebSocket, Wire};
use crate::hub::{Allowance, Rates, ShareOfNetwork};
use crate::moment::Moment;
use crate::seldom::Seldom;

/// Messages of one connection that have a line each in the log.
const LOGGED: u64 = 100;

/// Who is at the other end, and of which endpoint.
pub(super) struct Caller {
    pub(super) endpoint: Endpoint,
    pub(super) user: Arc<str>,
    pub(super) address: IpAddr,
}

/// What holds for one connection.
pub(super) struct Limits {
    pub(super) rates: Rates,
    /// What it has of what all of its network may send.
    pub(super) share: Option<ShareOfNetwork>,
    pub(super) patience: Patience,
    pub(super) held: Held,
}

struct Conversation<S> {
    socket: WebSocket<S>,
    caller: Caller,
    patience: Patience,
    allowance: Allowance,
    /// The numbers of `/streaming`.
    ticks: Option<watch::Receiver<u64>>,
    heartbeat: Heartbeat,
    messages: u64,
    bytes: u64,
    /// What it takes of the memory for all of them.
    held: Held,
}

/// Holds a conversation to its end, and says good-bye.
pub(super) async fn hold<S: AsyncRead + AsyncWrite + Unpin + Send>(
    socket: WebSocket<S>,
    caller: Caller,
    limits: Limits,
    ticks: Option<watch::Receiver<u64>>,
    signs: Signs,
) {
    let Limits { rates, share, patience, held } = limits;
    let mut allowance = Allowance::new(rates, Moment::now().steady());
    if let Some(share) = share {
        allowance.within(share);
    }
    let heartbeat = Heartbeat::new(patience.ping, patience.pong, Instant::now());
    let mut conversation =
        Conversation { socket, caller, patience, allowance, ticks, heartbeat, messages: 0, bytes: 0, held };
    let ending = conversation.run(signs).await;
    conversation.socket.forget();
    // In a box, so that no living connection holds room for its end.
    Box::pin(conversation.socket.close(&ending)).await;
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Conversation<S> {
    async fn run(&mut self, signs: Signs) -> Ending {
        static CONNECTED: Seldom = Seldom::new();
        static DISCONNECTED: Seldom = Seldom::new();
        let Caller { endpoint, ref user, address } = self.caller;
        if let Some(times) = CONNECTED.each() {
            let (endpoint, left_out) = (endpoint.path(), times.left_out);
            tracing::info!(endpoint, %user, %address, left_out, "diagnostics: connected");
        }
        let ending = tokio::select! {
            biased;
            () = signs.ended().cancelled() => signs.reason(),
            Err(ending) = self.until_the_end() => ending,
        };
        if let Some(times) = DISCONNECTED.each() {
            let (messages, bytes, cause, left_out) =
                (self.messages, self.bytes, ending.cause(), times.left_out);
            let endpoint = endpoint.path();
            tracing::info!(endpoint, %address, messages, bytes, %cause, left_out, "diagnostics: disconnected");
        }
        ending
    }

    async fn until_the_end(&mut self) -> Result<Infallible, Ending> {
        if let Some(greeting) = self.caller.endpoint.greeting() {
            self.socket.frame(&[greeting.as_bytes()]);
            self.flush().await?;
        }
        let mut turn = Turn::default();
        loop {
            tokio::select! {
                incoming = read(&mut self.socket) => self.hear(incoming, &mut turn)?,
                number = next(self.ticks.as_mut()) => {
                    self.socket.frame(&[format!("message: {number}").as_bytes()]);
                }
                () = sleep_until(self.heartbeat.due()) => self.look_at_the_clock()?,
            }
            self.held.holds(self.socket.held())?;
            self.flush().await?;
            if turn.is_over() {
                turn = Turn::default();
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes what came, and puts in the answer.
    fn hear(&mut self, incoming: Incoming, turn: &mut Turn) -> Result<(), Ending> {
        self.heartbeat.heard(Instant::now());
        match incoming {
            Incoming::Text => {
                let text = self.socket.text().ok_or(Ending::NotUtf8)?;
                let (bytes, answer) = (text.len(), self.caller.endpoint.answer(text));
                turn.took(bytes);
                self.count("text", bytes)?;
                match answer {
                    Answer::Echo => self.socket.echo(true),
                    Answer::Text(text) => self.socket.frame(&[text.as_bytes()]),
                    Answer::Silence => {}
                }
                Ok(())
            }
            Incoming::Binary => {
                turn.took(self.socket.bytes().len());
                self.count("binary", self.socket.bytes().len())?;
                if self.caller.endpoint != Endpoint::Echo {
                    return Err(Ending::NotText);
                }
                self.socket.echo(false);
                Ok(())
            }
            Incoming::Alive | Incoming::Aside => {
                turn.took(0);
                self.count_sign()
            }
            Incoming::Packet(bytes) | Incoming::Part(bytes) => {
                turn.read(bytes);
                Ok(())
            }
            Incoming::End(ending) => Err(ending),
        }
    }

    /// Counts a message, and says in the log that it came: how long it is, not what is in it.
    fn count(&mut self, kind: &'static str, bytes: usize) -> Result<(), Ending> {
        static MESSAGE: Seldom = Seldom::new();
        self.count_sign()?;
        self.messages += 1;
        self.bytes += bytes as u64;
        if self.messages <= LOGGED
            && let Some(times) = MESSAGE.each()
        {
            let (endpoint, address) = (self.caller.endpoint.path(), self.caller.address);
            tracing::info!(endpoint, %address, kind, bytes, left_out = times.left_out, "diagnostics: message");
            if self.messages == LOGGED {
                tracing::info!(endpoint, %address, "diagnostics: further messages are counted and not logged");
            }
        }
        Ok(())
    }

    /// Counts one more of what a client may send.
    fn count_sign(&mut self) -> Result<(), Ending> {
        self.allowance.frame(Moment::now().steady()).map_err(Ending::TooMuch)
    }

    fn look_at_the_clock(&mut self) -> Result<(), Ending> {
        match self.heartbeat.check(Instant::now()) {
            Beat::Wait => Ok(()),
            Beat::Gone => Err(Ending::Silent),
            Beat::Ping => {
                self.socket.ping();
                Ok(())
            }
        }
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

/// The next number, for endpoints that send numbers.
async fn next(ticks: Option<&mut watch::Receiver<u64>>) -> u64 {
    if let Some(ticks) = ticks
        && ticks.changed().await.is_ok()
    {
        return *ticks.borrow_and_update();
    }
    std::future::pending().await
}
