//! Many clients of one hub in one thread: non-blocking sockets, one epoll, one buffer to read into.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use mio::event::Event;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::clock;
use super::frames::{self, Frame};

/// On which side of the hub a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Dashboard,
    Node,
}

/// How to get in.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) address: SocketAddr,
    /// The header with the credentials, line end included; empty for none.
    pub(super) authorization: String,
}

/// How long a hub may take to answer before that is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// One read takes at most this much.
const READ: usize = 256 * 1024;

const CLOCK: Token = Token(usize::MAX);

pub(super) struct Fleet {
    door: Door,
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    read: Vec<u8>,
    clock: Option<OwnedFd>,
}

struct Client {
    stream: TcpStream,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    out: Vec<u8>,
    asleep: bool,
    /// Why the hub ended the connection.
    ended: Option<String>,
}

impl Fleet {
    pub(super) fn new(door: Door) -> anyhow::Result<Self> {
        Ok(Self {
            door,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clients: Vec::new(),
            read: vec![0; READ],
            clock: None,
        })
    }

    /// Connects, signs in and opens the transmission with this `config/set`; returns the client's number, counted
    /// from 0. Waits for the answer.
    pub(super) fn join(&mut self, base: &str, side: Side, config: &str) -> anyhow::Result<usize> {
        let (stream, rest) = enter(&self.door, base, side, config).context("a client could not join")?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let number = self.clients.len();
        self.poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        self.clients.push(Client { stream, rest, out: Vec::new(), asleep: false, ended: None });
        Ok(number)
    }

    /// Has [`turn`](Self::turn) return at least this often.
    pub(super) fn tick_every(&mut self, period: Duration) -> anyhow::Result<()> {
        let clock =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let period = Timespec { tv_sec: period.as_secs().try_into()?, tv_nsec: period.subsec_nanos().into() };
        let every = Itimerspec { it_interval: period, it_value: period };
        timerfd_settime(&clock, TimerfdTimerFlags::empty(), &every)?;
        self.poll.registry().register(&mut SourceFd(&clock.as_raw_fd()), CLOCK, Interest::READABLE)?;
        self.clock = Some(clock);
        Ok(())
    }

    /// Puts a message in line; [`flush`](Self::flush) sends it.
    pub(super) fn put(&mut self, client: usize, text: &[u8]) {
        if let Some(client) = self.clients.get_mut(client) {
            frames::text(text, &mut client.out);
        }
    }

    pub(super) fn flush(&mut self, client: usize) {
        if let Some(client) = self.clients.get_mut(client) {
            client.flush();
        }
    }

    /// Waits until something came, or the clock ticked, and hands out every text with the number of the client and the
    /// time of the read. False if nothing came for too long.
    pub(super) fn turn(&mut self, take: &mut impl FnMut(usize, &[u8], u64)) -> anyhow::Result<bool> {
        self.turn_within(PATIENCE, take)
    }

    pub(super) fn turn_within(
        &mut self,
        patience: Duration,
        take: &mut impl FnMut(usize, &[u8], u64),
    ) -> anyhow::Result<bool> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            other => other?,
        }
        for event in &self.events {
            if event.token() == CLOCK {
                read_clock(self.clock.as_ref());
            } else if let Some(client) = self.clients.get_mut(event.token().0) {
                client.on(event, &mut self.read, &mut |text, now| take(event.token().0, text, now));
            }
        }
        Ok(!self.events.is_empty())
    }

    /// From now on this client reads nothing.
    pub(super) fn fall_asleep(&mut self, client: usize) {
        if let Some(client) = self.clients.get_mut(client) {
            client.asleep = true;
        }
    }

    /// Reads what has come in the meantime, and goes on as usual.
    pub(super) fn awake(&mut self, number: usize, take: &mut impl FnMut(usize, &[u8], u64)) {
        let Some(client) = self.clients.get_mut(number) else { return };
        client.asleep = false;
        client.read(&mut self.read, &mut |text, now| take(number, text, now));
    }

    /// Why the hub ended this connection, if it did.
    pub(super) fn ended(&self, client: usize) -> Option<&str> {
        self.clients.get(client)?.ended.as_deref()
    }

    /// Whether the hub has ended a connection, and with which words.
    pub(super) fn any_ended(&self) -> Option<(usize, &str)> {
        self.clients.iter().enumerate().find_map(|(n, client)| Some((n, client.ended.as_deref()?)))
    }
}

fn read_clock(clock: Option<&OwnedFd>) {
    if let Some(clock) = clock {
        let mut ticks = [0; 8];
        // Nothing depends on the number of ticks.
        let _ = rustix::io::read(clock, &mut ticks);
    }
}

impl Client {
    fn on(&mut self, event: &Event, buffer: &mut [u8], take: &mut impl FnMut(&[u8], u64)) {
        if event.is_writable() {
            self.flush();
        }
        if event.is_readable() && !self.asleep {
            self.read(buffer, take);
        }
    }

    /// A read that does not fill the buffer has emptied the socket.
    fn read(&mut self, buffer: &mut [u8], take: &mut impl FnMut(&[u8], u64)) {
        while self.ended.is_none() {
            match self.stream.read(buffer) {
                Ok(0) => self.ended = Some("closed without a word".to_owned()),
                Ok(n) => {
                    let now = clock::now();
                    self.frames(buffer.get(..n).unwrap_or_default(), &mut |text| take(text, now));
                    if n < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => self.ended = Some(error.to_string()),
            }
        }
    }

    fn frames(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        if self.rest.is_empty() {
            while let Some((frame, len)) = frames::first(bytes) {
                self.frame(&frame, take);
                bytes = bytes.get(len..).unwrap_or_default();
            }
            self.rest.extend_from_slice(bytes);
            return;
        }
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(bytes);
        self.frames(&joined, take);
        if self.rest.is_empty() {
            joined.clear();
            self.rest = joined;
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, take: &mut impl FnMut(&[u8])) {
        match frame {
            Frame::Text(text) => take(text),
            Frame::Ping(payload) => {
                frames::pong(payload, &mut self.out);
                self.flush();
            }
            Frame::Close(words) => self.ended = Some(words.clone()),
            Frame::Other => {}
        }
    }

    fn flush(&mut self) {
        let mut written = 0;
        while let Some(rest) = self.out.get(written..)
            && !rest.is_empty()
            && self.ended.is_none()
        {
            match self.stream.write(rest) {
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => self.ended = Some(error.to_string()),
            }
        }
        self.out.drain(..written);
    }
}

/// The handshake and the opening, one step after the other; returns what was read beyond.
fn enter(
    door: &Door,
    base: &str,
    side: Side,
    config: &str,
) -> anyhow::Result<(std::net::TcpStream, Vec<u8>)> {
    let side = match side {
        Side::Dashboard => "dashboard",
        Side::Node => "node",
    };
    let mut stream = std::net::TcpStream::connect(door.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET /talk/{base}?side={side} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2xvd24taHViLWJlbmNoIQ==\r\n{}\r\n",
        door.address, door.authorization
    );
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break at + 4;
        }
        more(&mut stream, &mut bytes)?;
    };
    if !bytes.starts_with(b"HTTP/1.1 101") {
        bail!("the hub answered {}", String::from_utf8_lossy(&bytes).trim_end());
    }
    bytes.drain(..head);
    let mut opening = Vec::new();
    frames::text(format!("[\"clown.talk/-/config/set\", {config}]").as_bytes(), &mut opening);
    stream.write_all(&opening)?;
    loop {
        match frames::first(&bytes) {
            Some((Frame::Text(text), len)) if text.starts_with(b"[\"clown.talk/-/config/ok\"") => {
                bytes.drain(..len);
                return Ok((stream, bytes));
            }
            Some((frame, _)) => bail!("the hub answered the opening with {frame:?}"),
            None => more(&mut stream, &mut bytes)?,
        }
    }
}

fn more(stream: &mut std::net::TcpStream, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer)? {
        0 => bail!("the hub closed the connection, having said {:?}", String::from_utf8_lossy(bytes)),
        n => bytes.extend_from_slice(buffer.get(..n).unwrap_or_default()),
    }
    Ok(())
}
