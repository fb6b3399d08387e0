//! Listeners: connections are accepted, prepared and given a place, or turned away.

use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::App;
use super::peer::is_trusted;
use super::place::{Full, Place};
use crate::backoff::Backoff;
use crate::connection::Patience;
use crate::seldom::Seldom;
use crate::shutdown::Stage;

/// So many connections are taken before all other sockets have their turn.
const A_TURN: u32 = 8;

/// Accepts connections until the stop sign. A client for which there is no place gets `full`, the refusal in the language of
/// the listener.
/// Where the process has no descriptor left, it waits longer each time.
pub(super) async fn accept(
    app: &App,
    listener: TcpListener,
    full: &'static [u8],
    mut serve: impl FnMut(TcpStream, Place),
) {
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);
    let mut taken = 0_u32;
    let mut backoff = Backoff::new(FIRST, LONGEST);
    prepare_listener(&listener, app.settings.patience);
    loop {
        let accepted = tokio::select! {
            () = app.shutdown.sign(Stage::Doors).cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                backoff.reset();
                let is_a_proxy = is_trusted(&app.settings.trusted_proxies, address.ip());
                match app.places.take(address, !is_a_proxy) {
                    Ok(place) => {
                        prepare(&stream, app.settings.patience);
                        begin(app, stream, place, &mut serve);
                    }
                    Err(why) => {
                        log_turned_away(app, &address, address.ip(), why);
                        let _ = stream.try_write(full);
                    }
                }
                taken = taken.wrapping_add(1);
                if taken.is_multiple_of(A_TURN) {
                    tokio::task::yield_now().await;
                }
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                if backoff.is_fresh() {
                    log_error(&error);
                }
                sleep(backoff.draw()).await;
            }
        }
    }
}

/// Begins to serve a connection, on the thread that has the fewest.
fn begin(app: &App, stream: TcpStream, mut place: Place, serve: &mut impl FnMut(TcpStream, Place)) {
    if app.crew.is_one() {
        return serve(stream, place);
    }
    let moved = stream.into_std().and_then(|stream| {
        let begun = app.crew.aboard(|aboard| {
            place.is_aboard(aboard);
            // The thread that is to look at the socket is the one that it is told to here.
            TcpStream::from_std(stream).map(|stream| serve(stream, place))
        });
        begun.unwrap_or(Ok(()))
    });
    if let Err(error) = moved {
        log_error(&error);
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn log_error(error: &io::Error) {
    static NONE_TAKEN: Seldom = Seldom::new();
    if let Some(times) = NONE_TAKEN.again("") {
        tracing::error!(%error, %times, "no connection can be accepted: raise the limit of open files (ulimit -n)");
    }
}

/// Counts and logs that there is no place for a client.
pub(super) fn log_turned_away(app: &App, who: &dyn Display, address: IpAddr, full: Full) {
    static TURNED_AWAY: Seldom = Seldom::new();
    let figures = app.hub.figures();
    figures.connections_turned_away.add(1);
    let reached = match full {
        Full::User => {
            figures.connections_over_share.add(1);
            "its account has limits.connections_per_user; if many devices share this account, raise it"
        }
        Full::All => "limits.connections or limits.handshakes is reached",
        Full::Network => {
            figures.connections_over_share.add(1);
            "its network has limits.connections_per_network or limits.handshakes_per_network; if many clients share this \
             address, raise them, or name the proxy in server.trusted_proxies"
        }
    };
    if let Some(times) = TURNED_AWAY.again(&address.to_string()) {
        tracing::warn!(address = %who, %times, "connection turned away: there is no place; {reached}");
    }
}

/// How many sockets were prepared.
static PREPARED: AtomicU32 = AtomicU32::new(0);

/// When the kernel asks after a silent machine, and how often from then on. Ten thousand clients that came at one moment are not
/// asked at one moment: between containers and on loopback Linux queues a thousand packets and drops the rest, and answers
/// would be missed. So the first question comes at a quarter to three quarters of the time.
fn keepalive_after(vanished: Duration, number: u32) -> Duration {
    const SPREAD: u32 = 20;
    vanished / 4 + vanished / 2 * (number % SPREAD) / SPREAD
}

/// The listener has turned the questions on; this is only when they begin.
#[cfg(target_os = "linux")]
fn first_question(stream: &TcpStream, after: Duration) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_tcp_keepidle(stream, after)?)
}

#[cfg(not(target_os = "linux"))]
fn first_question(stream: &TcpStream, after: Duration) -> io::Result<()> {
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(after))
}

/// What every socket gets: no waiting for more to send, and a dead peer is found by the kernel, too. Sockets on Linux have it from their
/// listener, which saves five calls of the kernel a connection.
fn prepare_all(socket: &SockRef<'_>, patience: Patience) -> io::Result<()> {
    let every = (patience.vanished / 40).max(Duration::from_secs(1));
    socket.set_tcp_nodelay(true)?;
    // As many questions as there may be. The end of them is the end of the time, see below.
    let asks = u32::try_from(patience.vanished.as_secs() / every.as_secs().max(1)).unwrap_or(1).clamp(1, 100);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_interval(every).with_retries(asks))?;
    // For silence as well as for what was written and is not acknowledged (tcp(7)).
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(patience.vanished))?;
    Ok(())
}

/// Prepares a listener, so that its connections need less.
fn prepare_listener(listener: &TcpListener, patience: Patience) {
    if cfg!(target_os = "linux")
        && let Err(error) = prepare_all(&SockRef::from(listener), patience)
    {
        tracing::debug!(%error, "options of a listener");
    }
}

/// Prepares a connection of a listener that was prepared.
fn prepare(stream: &TcpStream, patience: Patience) {
    let mut prepared = Ok(());
    if cfg!(not(target_os = "linux")) {
        prepared = prepare_all(&SockRef::from(stream), patience);
    }
    let number = PREPARED.fetch_add(1, Ordering::Relaxed);
    if let Err(error) =
        prepared.and_then(|()| first_question(stream, keepalive_after(patience.vanished, number)))
    {
        tracing::debug!(%error, "socket options");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_gives_up_a_machine_that_has_vanished_in_the_time_that_was_set() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seconds = Duration::from_secs;
        let patience =
            Patience { ping: seconds(50), pong: seconds(5), write: seconds(10), vanished: seconds(40) };
        prepare_listener(&listener, patience);
        let address = listener.local_addr().unwrap();
        let mut first = std::collections::BTreeSet::new();
        for _ in 0..40 {
            let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (_client, (stream, _)) = (client.unwrap(), accepted.unwrap());
            prepare(&stream, patience);
            let socket = SockRef::from(&stream);
            assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
            // Linux ends a connection by this time, also when it is its questions that are not answered.
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(seconds(40)));
            let probes = socket.tcp_keepalive_interval().unwrap() * socket.tcp_keepalive_retries().unwrap();
            assert!(socket.tcp_keepalive_time().unwrap() + probes >= seconds(40));
            first.insert(socket.tcp_keepalive_time().unwrap().as_secs());
        }
        assert!(first.len() >= 10 && first.iter().all(|first| (10..30).contains(first)), "{first:?}");
    }
}
