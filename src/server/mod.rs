//! The edge towards the network: listeners, doors and limits. Floor 2: knows the hub, Clown.Talk, topics,
//! access and shutdown, the type of a web origin from the configuration, and no other edge.

mod diagnostics;
mod gate;
mod http;
mod metrics;
mod page;
mod session_api;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{interval, sleep, timeout};
use tower::ServiceExt;

use diagnostics::Diagnostics;

use crate::access::{Access, User};
use crate::config::WebOrigin;
use crate::connection::{self, Ending, FirstLine, Hello, Lines, Patience, Signs, Wire};
use crate::hub::{Hub, Rates};
use crate::shutdown::Shutdown;
use crate::talk::Reply;
use crate::topic::Base;

/// What the edge allows.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Origins of pages that may connect besides the hub's own.
    pub origins: Vec<WebOrigin>,
    /// Connections at one time.
    pub connections: usize,
    /// Connections at one time that are not signed in.
    pub handshakes: usize,
    /// How long signing in may take.
    pub handshake: Duration,
    /// What one connection may send.
    pub rates: Rates,
    /// How long a connection waits for what.
    pub patience: Patience,
    /// How often the hub's figures are published.
    pub figures_every: Duration,
    /// Connections at one time to the diagnostic endpoints; `None` where there are no such endpoints.
    pub diagnostics: Option<usize>,
}

/// How long an HTTP connection may live, in times of what a handshake may take: enough for a page and its sign-in.
const HANDSHAKES_A_CONNECTION: u32 = 3;

/// What the doors need to know.
pub(crate) struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) access: Access,
    pub(crate) settings: Settings,
    pub(crate) shutdown: Shutdown,
    /// The endpoints for bringing up a device, where they are on.
    pub(crate) diagnostics: Option<Diagnostics>,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
}

/// One TCP connection: where it comes from, and the places that it takes.
pub(crate) struct Visit {
    pub(crate) address: SocketAddr,
    /// The place of a connection, to be taken over by the socket that it becomes.
    seat: Mutex<Option<OwnedSemaphorePermit>>,
    /// The place of a handshake; given up with the visit, or when it becomes a socket.
    handshake: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Visit {
    /// Takes the connection's place over, and gives up that of the handshake.
    pub(crate) fn seat(&self) -> Option<OwnedSemaphorePermit> {
        self.handshake.lock().take();
        self.seat.lock().take()
    }
}

/// The server: all listeners and whoever came in by them.
pub struct Server {
    app: Arc<App>,
}

impl Server {
    /// A server without a listener.
    pub fn new(hub: Arc<Hub>, access: Access, settings: Settings, shutdown: Shutdown) -> Self {
        let connections = Arc::new(Semaphore::new(settings.connections));
        let handshakes = Arc::new(Semaphore::new(settings.handshakes));
        let diagnostics = settings.diagnostics.map(Diagnostics::new);
        Self { app: Arc::new(App { hub, access, settings, shutdown, diagnostics, connections, handshakes }) }
    }

    /// Serves HTTP and WebSocket until the stop sign.
    pub fn serve_http(&self, listener: TcpListener) {
        let router = http::router(Arc::clone(&self.app));
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn(async move {
            accept(&app, listener, FULL_HTTP, |stream, visit| {
                let (router, app) = (router.clone(), Arc::clone(&app));
                app.shutdown.clone().spawn(serve_http(app, router, stream, visit));
            })
            .await;
        });
    }

    /// Serves lines over TCP until the stop sign.
    pub fn serve_lines(&self, listener: TcpListener) {
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn(async move {
            accept(&app, listener, FULL_LINES, |stream, visit| {
                let app = Arc::clone(&app);
                app.shutdown.clone().spawn(serve_lines(app, stream, visit));
            })
            .await;
        });
    }

    /// Publishes the hub's figures now and then, and forgets what has expired, until the stop sign.
    pub fn tell_figures(&self) {
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn(async move {
            let mut clock = interval(app.settings.figures_every);
            loop {
                tokio::select! {
                    () = app.shutdown.drain().cancelled() => return,
                    _ = clock.tick() => tell_figures(&app.hub),
                }
                app.access.sweep();
            }
        });
    }
}

fn tell_figures(hub: &Hub) {
    let now = SystemTime::now();
    let uptime = now.duration_since(hub.started()).unwrap_or_default().as_secs();
    hub.tell("version", &format!("\"{}\"", env!("CARGO_PKG_VERSION")), now);
    hub.tell("uptime", &uptime.to_string(), now);
    for (topic, _, _, value) in hub.figures().all() {
        hub.tell(topic, &value.to_string(), now);
    }
}

/// Takes connections until the stop sign. Where the process has no descriptor left, the wait grows from 10 ms to 1 s.
async fn accept(
    app: &App,
    listener: TcpListener,
    full: &'static [u8],
    mut serve: impl FnMut(TcpStream, Visit),
) {
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);
    let mut wait = SHORTEST;
    loop {
        let accepted = tokio::select! {
            () = app.shutdown.drain().cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                wait = SHORTEST;
                match admit(app, address) {
                    Some(visit) => serve(stream, visit),
                    None => turn_away(&stream, address, full),
                }
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                if wait == SHORTEST {
                    tracing::error!(%error, "no connection can be taken: raise the limit of open files (ulimit -n)");
                }
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST);
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn admit(app: &App, address: SocketAddr) -> Option<Visit> {
    let seat = Arc::clone(&app.connections).try_acquire_owned().ok()?;
    let handshake = Arc::clone(&app.handshakes).try_acquire_owned().ok()?;
    Some(Visit { address, seat: Mutex::new(Some(seat)), handshake: Mutex::new(Some(handshake)) })
}

/// What a client is told that there is no place for, in the words of the listener it came to.
const FULL_HTTP: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
    Content-Length: 43\r\n\r\ntoo many connections, try again in a while\n";
const FULL_LINES: &[u8] =
    b"[\"clown.talk/-/close\", {\"code\": 1013, \"reason\": \"too many connections, try again in a while\"}]\n";

fn turn_away(stream: &TcpStream, address: SocketAddr, words: &[u8]) {
    tracing::warn!(%address, "connection refused: limits.connections or limits.handshakes is reached");
    let _ = stream.try_write(words);
}

/// How many sockets were prepared.
static PREPARED: AtomicU32 = AtomicU32::new(0);

/// When the kernel asks after a silent machine. Ten thousand clients that came at one moment are not asked at one moment:
/// between containers and on loopback Linux queues a thousand packets and drops the rest, and answers would be missed. So
/// the first question comes at a quarter to three quarters of the time, and from then on often.
fn keepalive(vanished: Duration, number: u32) -> TcpKeepalive {
    const SPREAD: u32 = 20;
    let first = vanished / 4 + vanished / 2 * (number % SPREAD) / SPREAD;
    let every = (vanished / 40).max(Duration::from_secs(1));
    let asks = vanished.saturating_sub(first).as_secs() / every.as_secs().max(1);
    TcpKeepalive::new()
        .with_time(first)
        .with_interval(every)
        .with_retries(u32::try_from(asks).unwrap_or(1).clamp(1, 100))
}

/// What every socket gets: no waiting for more to send, and a dead peer is found by the kernel, too.
fn prepare(stream: &TcpStream, patience: Patience) {
    let keepalive = keepalive(patience.vanished, PREPARED.fetch_add(1, Ordering::Relaxed));
    let socket = SockRef::from(stream);
    let prepared = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_keepalive(&keepalive));
    // The keep-alive is for silence, and this for what was written and is not acknowledged.
    #[cfg(target_os = "linux")]
    let prepared = prepared.and_then(|()| socket.set_tcp_user_timeout(Some(patience.vanished)));
    if let Err(error) = prepared {
        tracing::debug!(%error, "socket options");
    }
}

/// How long a request that has begun may still take once the hub is being stopped.
const LAST_ANSWER: Duration = Duration::from_secs(1);

async fn serve_http(app: Arc<App>, router: Router, stream: TcpStream, visit: Visit) {
    prepare(&stream, app.settings.patience);
    let visit = Arc::new(visit);
    let service = {
        let visit = Arc::clone(&visit);
        hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Arc::clone(&visit));
            router.clone().oneshot(request)
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.handshake)
        .max_headers(64)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // A socket leaves this connection behind; whoever stays may load a page, but not keep a place.
    let too_long = sleep(app.settings.handshake * HANDSHAKES_A_CONNECTION);
    tokio::select! {
        () = too_long => tracing::debug!(address = %visit.address, "connection has not become a socket in time"),
        _ = connection.as_mut() => {}
        () = app.shutdown.drain().cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(LAST_ANSWER, connection).await;
        }
    }
}

async fn serve_lines(app: Arc<App>, stream: TcpStream, visit: Visit) {
    /// The kernel's keep-alive does the asking; the hub has no ping on a byte stream.
    const NEVER: Duration = Duration::from_hours(87600);
    let patience = app.settings.patience;
    prepare(&stream, patience);
    let mut wire = Lines::new(stream);
    let greeted = tokio::select! {
        greeted = timeout(app.settings.handshake, greet(&app, &mut wire, &visit)) => greeted,
        () = app.shutdown.drain().cancelled() => Ok(Err(Ending::ShuttingDown)),
    };
    match greeted {
        Ok(Ok((session, _seat))) => {
            let patience = Patience { ping: NEVER, ..patience };
            let signs = Signs::of(app.shutdown.drain());
            connection::run(wire, session, patience, signs).await;
        }
        Ok(Err(ending)) => refuse_line(&mut wire, &ending).await,
        Err(_) => refuse_line(&mut wire, &Ending::NotSignedIn("no first line in time".into())).await,
    }
}

/// A client who gave no good first line is told so in the words of the protocol.
async fn refuse_line(wire: &mut Lines<TcpStream>, ending: &Ending) {
    let reply = Reply::ConfigError { reason: ending.cause().into_owned(), filters: vec![] };
    wire.frame(&[reply.text().as_bytes()]);
    wire.close(ending).await;
}

async fn sign_in(app: &App, visit: &Visit, user: &str, password: &str) -> Result<User, Ending> {
    let login = app.access.login(visit.address.ip(), user, password.as_bytes()).await;
    login.map_err(|error| Ending::NotSignedIn(error.to_string().into()))
}

/// Reads the first line, lets its sender in, and takes the line as the `config/set` that it is.
async fn greet(
    app: &App,
    wire: &mut Lines<TcpStream>,
    visit: &Visit,
) -> Result<(crate::hub::Session, Option<OwnedSemaphorePermit>), Ending> {
    let refuse = |why: &'static str| Ending::NotSignedIn(why.into());
    let message_bytes = app.hub.settings().message_bytes;
    let (line, hello, user) = match connection::first_line(wire, message_bytes).await? {
        FirstLine::Whole(line) => {
            let hello = Hello::parse(&line)?;
            let user = sign_in(app, visit, &hello.user, &hello.password).await?;
            (line, hello, user)
        }
        FirstLine::Begun(begun) => {
            let user = sign_in(app, visit, &begun.user, &begun.password).await?;
            let line = connection::rest_of_first_line(wire, message_bytes).await?;
            let hello = Hello::parse(&line)?;
            if (&hello.user, &hello.password) != (&begun.user, &begun.password) {
                return Err(refuse("the first line names two users"));
            }
            (line, hello, user)
        }
    };
    wire.set_limit(message_bytes);
    let base = Base::parse(&hello.base, &app.hub.settings().topic)
        .map_err(|error| Ending::NotSignedIn(format!("no such base: {error}").into()))?;
    let side = hello.side();
    if !user.rights.may_use(&base) {
        return Err(refuse("this user may not use this base"));
    }
    if side == crate::hub::Side::Node && !user.rights.may_be_node(&base) {
        return Err(refuse("this user may not be the node of this base: it may not publish its presence"));
    }
    let guest = gate::Guest { user, signed_out: None };
    let mut session = app.session(&guest, visit, base, side);
    session.receive(&line, SystemTime::now()).map_err(Ending::TooMuch)?;
    if !session.is_open() {
        session.drain(usize::MAX, SystemTime::now(), &mut |pieces| wire.frame(pieces));
        return Err(refuse("the first line is no good config/set"));
    }
    Ok((session, visit.seat()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_gives_up_a_machine_that_has_vanished_in_the_time_that_was_set() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let seconds = Duration::from_secs;
        let patience =
            Patience { ping: seconds(50), pong: seconds(5), write: seconds(10), vanished: seconds(40) };
        let mut first = std::collections::BTreeSet::new();
        for _ in 0..40 {
            prepare(&stream, patience);
            let socket = SockRef::from(&stream);
            assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
            let probes = socket.tcp_keepalive_interval().unwrap() * socket.tcp_keepalive_retries().unwrap();
            assert_eq!(socket.tcp_keepalive_time().unwrap() + probes, seconds(40));
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(seconds(40)));
            first.insert(socket.tcp_keepalive_time().unwrap().as_secs());
        }
        assert!(first.len() >= 10 && first.iter().all(|first| (10..30).contains(first)), "{first:?}");
    }
}
