//! Many clients of one hub in one thread: non-blocking sockets, one epoll, one buffer to read into.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use anyhow::Context;
use mio::event::Event;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::clock;
use crate::dialect::{Dialect, Frame, Guest, Side};
use crate::stream::Stream;
use crate::target::Door;

/// How long a hub may take to answer before that is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One read takes at most this much.
const READ: usize = 256 * 1024;

const CLOCK: Token = Token(usize::MAX);

pub(crate) struct Fleet {
    door: Door,
    dialect: Dialect,
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    read: Vec<u8>,
    clock: Option<OwnedFd>,
}

struct Client {
    dialect: Dialect,
    stream: Stream<TcpStream>,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    out: Vec<u8>,
    asleep: bool,
    /// Why the hub ended the connection.
    ended: Option<String>,
}

impl Fleet {
    pub(crate) fn new(door: Door, dialect: Dialect) -> anyhow::Result<Self> {
        Ok(Self {
            door,
            dialect,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clients: Vec::new(),
            read: vec![0; READ],
            clock: None,
        })
    }

    /// Connects, signs in and asks for these filters below the base; returns the client's number, counted from 0.
    /// Waits until the hub has confirmed it.
    pub(crate) fn join(&mut self, base: &str, side: Side, filters: &[&str]) -> anyhow::Result<usize> {
        let number = self.clients.len();
        let client = self.enter(Guest { number, base, side, filters })?;
        self.clients.push(client);
        Ok(number)
    }

    /// The same in the place of a client whose connection has ended.
    pub(crate) fn join_again(
        &mut self,
        number: usize,
        base: &str,
        side: Side,
        filters: &[&str],
    ) -> anyhow::Result<()> {
        let client = self.enter(Guest { number, base, side, filters })?;
        if let Some(place) = self.clients.get_mut(number) {
            *place = client;
        }
        Ok(())
    }

    fn enter(&self, guest: Guest<'_>) -> anyhow::Result<Client> {
        let (stream, rest) = self.dialect.enter(&self.door, guest).context("a client could not join")?;
        stream.socket().set_nonblocking(true)?;
        let mut stream = stream.map(TcpStream::from_std);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(stream.socket_mut(), Token(guest.number), both)?;
        let out = Vec::new();
        Ok(Client { dialect: self.dialect, stream, rest, out, asleep: false, ended: None })
    }

    /// A client that comes and goes at once; true if it went on with a session of TLS that was there before.
    pub(crate) fn visit(&self, base: &str, filters: &[&str]) -> anyhow::Result<bool> {
        let guest = Guest { number: self.clients.len(), base, side: Side::Dashboard, filters };
        let (stream, _) = self.dialect.enter(&self.door, guest).context("a client could not join")?;
        Ok(stream.was_resumed())
    }

    /// Whether later clients go on with sessions of TLS that were there before.
    pub(crate) fn resume_tls(&mut self, resume: bool) {
        if let Some(tls) = &mut self.door.tls {
            tls.resume(resume);
        }
    }

    /// Has [`turn`](Self::turn) return at least this often.
    pub(crate) fn tick_every(&mut self, period: Duration) -> anyhow::Result<()> {
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
    pub(crate) fn put(&mut self, client: usize, text: &[u8]) {
        if let Some(client) = self.clients.get_mut(client) {
            client.dialect.say(text, &mut client.out);
        }
    }

    /// The same for a message that is framed already, as [`Dialect::say`] does it.
    pub(crate) fn put_framed(&mut self, client: usize, bytes: &[u8]) {
        if let Some(client) = self.clients.get_mut(client) {
            client.out.extend_from_slice(bytes);
        }
    }

    /// Bytes that the socket has not taken.
    pub(crate) fn waiting(&self, client: usize) -> usize {
        self.clients.get(client).map_or(0, |client| client.out.len())
    }

    /// The port of this machine from which a client is connected.
    pub(crate) fn port(&self, client: usize) -> Option<u16> {
        Some(self.clients.get(client)?.stream.socket().local_addr().ok()?.port())
    }

    pub(crate) fn flush(&mut self, client: usize) {
        if let Some(client) = self.clients.get_mut(client) {
            client.flush();
        }
    }

    /// Waits until something came, or the clock ticked, and hands out every text with the number of the client and the
    /// time of the read. False if nothing came for too long.
    pub(crate) fn turn(&mut self, take: &mut impl FnMut(usize, &[u8], u64)) -> anyhow::Result<bool> {
        self.turn_within(PATIENCE, take)
    }

    pub(crate) fn turn_within(
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
    pub(crate) fn fall_asleep(&mut self, client: usize) {
        if let Some(client) = self.clients.get_mut(client) {
            client.asleep = true;
        }
    }

    /// Reads what has come in the meantime, and goes on as usual.
    pub(crate) fn awake(&mut self, number: usize, take: &mut impl FnMut(usize, &[u8], u64)) {
        let Some(client) = self.clients.get_mut(number) else { return };
        client.asleep = false;
        client.read(&mut self.read, &mut |text, now| take(number, text, now));
    }

    /// Why the hub ended this connection, if it did.
    pub(crate) fn ended(&self, client: usize) -> Option<&str> {
        self.clients.get(client)?.ended.as_deref()
    }

    /// Whether the hub has ended a connection, and with which words.
    pub(crate) fn any_ended(&self) -> Option<(usize, &str)> {
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

    fn read(&mut self, buffer: &mut [u8], take: &mut impl FnMut(&[u8], u64)) {
        while self.ended.is_none() {
            match self.stream.read(buffer) {
                Ok(0) => self.ended = Some("closed without a word".to_owned()),
                Ok(n) => {
                    let now = clock::now();
                    self.frames(buffer.get(..n).unwrap_or_default(), &mut |text| take(text, now));
                    if n < buffer.len() && self.stream.is_emptied_by_a_short_read() {
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
            while let Some((frame, len)) = self.dialect.first(bytes) {
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
            Frame::Data(text) => take(text),
            Frame::Ping(payload) => {
                self.dialect.pong(payload, &mut self.out);
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
        if let Err(error) = self.stream.push()
            && error.kind() != ErrorKind::WouldBlock
        {
            self.ended = Some(error.to_string());
        }
    }
}
