//! What systemd is told: that the hub serves, how it stands, that it is alive, and that it stops. And the listeners that systemd
//! holds over restarts (socket activation). Without systemd nothing of this does anything.

use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::super::exit::OperatorError;
use crate::hub::Hub;

/// How often the state is told, where systemd does not ask for a sign of life more often.
const TELL: Duration = Duration::from_secs(30);

/// The way to systemd.
pub(super) struct Systemd {
    is_there: bool,
    has_watchdog: bool,
    clock: Interval,
}

impl Systemd {
    pub(super) fn new() -> Self {
        let watchdog = sd_notify::watchdog_enabled();
        // Twice in the time that is given, so that one sign may be late.
        let every = watchdog.map_or(TELL, |given| (given / 2).clamp(Duration::from_millis(1), TELL));
        let mut clock = interval(every);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            is_there: std::env::var_os("NOTIFY_SOCKET").is_some(),
            has_watchdog: watchdog.is_some(),
            clock,
        }
    }

    /// The hub serves from now on.
    pub(super) fn ready(&self, hub: &Hub) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(&status(hub))]);
    }

    /// The hub stops from now on.
    pub(super) fn stopping(&self) {
        let status = "stopping: clients get what is queued";
        self.tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    /// Waits for something, and gives signs of life meanwhile. They come from the task that everything hangs on, so if the
    /// threads for sockets stand still, they do not come.
    pub(super) async fn alive_until<T>(&mut self, hub: &Hub, done: impl Future<Output = T>) -> T {
        let mut done = pin!(done);
        loop {
            tokio::select! {
                done = &mut done => return done,
                _ = self.clock.tick() => {
                    let status = status(hub);
                    let all = [NotifyState::Status(&status), NotifyState::Watchdog];
                    self.tell(if self.has_watchdog { &all } else { &all[..1] });
                }
            }
        }
    }

    fn tell(&self, state: &[NotifyState<'_>]) {
        if self.is_there
            && let Err(error) = sd_notify::notify(state)
        {
            tracing::debug!(%error, "systemd could not be told how the hub stands");
        }
    }
}

fn status(hub: &Hub) -> String {
    let figures = hub.figures();
    format!("{} clients, {} last values", figures.clients.value(), figures.retained.value())
}

/// The listeners that systemd has opened before the hub was started. Clients that connect while there is no hub wait in them.
pub(super) struct Passed(Vec<(SocketAddr, TcpListener)>);

impl Passed {
    pub(super) fn take() -> Result<Self, OperatorError> {
        let mut from = ListenFd::from_env();
        let mut all = Vec::new();
        for number in 0..from.len() {
            let taken = from.take_tcp_listener(number).and_then(|listener| {
                let Some(listener) = listener else { return Ok(None) };
                listener.set_nonblocking(true)?;
                Ok(Some((listener.local_addr()?, listener)))
            });
            let taken = taken.map_err(|error| {
                OperatorError::new(format!(
                    "socket {} that systemd passes is none that listens for TCP: {error}; ListenStream= takes an address and a \
                     port, and Accept= must be no",
                    number + 1
                ))
            })?;
            all.extend(taken);
        }
        Ok(Self(all))
    }

    /// The one for a listener of the configuration: with its address. Where that is all addresses, a socket with its port that
    /// listens on all of them, be it IPv4 or IPv6. Never one that lets in more than the key says.
    pub(super) fn for_address(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let has = |same: fn(&SocketAddr, &SocketAddr) -> bool| {
            self.0.iter().position(|(passed, _)| same(passed, &address))
        };
        let is_all =
            |one: &SocketAddr, other: &SocketAddr| one.port() == other.port() && one.ip().is_unspecified();
        let found = has(|one, other| one == other)
            .or_else(|| address.ip().is_unspecified().then(|| has(is_all)).flatten());
        found.map(|number| self.0.swap_remove(number).1)
    }

    /// Nothing may be left: clients would wait in it forever.
    pub(super) fn nothing_is_left(&self) -> Result<(), OperatorError> {
        let Some((address, _)) = self.0.first() else { return Ok(()) };
        Err(OperatorError::new(format!(
            "systemd passes a socket for {address}, and no key of the configuration has that address; write it into \
             server.listen, or take its ListenStream= out of the .socket unit"
        )))
    }
}
