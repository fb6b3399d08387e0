//! The door for devices that speak MQTT: over TCP, over TLS and over WebSocket. Who they are, what they are told, and then through
//! to the loop of a connection.

mod hello;
mod parked;
mod roster;
#[cfg(test)]
mod tests;
mod websocket;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use self::hello::Greeted;
pub(super) use self::hello::bounds;
pub(super) use self::roster::Roster;
pub(super) use self::websocket::door;
use super::introduction::{Language, introduced};
use super::peer::Peer;
use super::place::Place;
use super::{App, NOTHING, Server, listen, secure};
use crate::access::Connected;
use crate::connection::{BEFORE_SIGN_IN, Carrier, Ending, Mqtt, Patience, Signs, Stay, run_and_keep};
use crate::mqtt::{Connect, Head, Version, Welcome, code};
use crate::seldom::Seldom;
use crate::shutdown::Stage;
use crate::tls::Stream;

impl Carrier for TcpStream {}

impl Carrier for Stream {}

/// What the door allows.
#[derive(Debug, Clone)]
pub struct MqttSettings {
    /// Whether it is open over WebSocket.
    pub websocket: bool,
    /// Whether a reading without the retain flag is a last value all the same.
    pub keeps_readings: bool,
    /// At which base a client is announced, with `%u` for the user and `%c` for the client id; empty is nowhere.
    pub presence: String,
    /// For how many seconds a session may outlive its connection.
    pub session_seconds: u32,
    /// Sessions that wait for their clients.
    pub sessions: usize,
    /// Messages that may be on their way in each direction.
    pub window: u16,
    /// Topic aliases in each direction.
    pub topic_aliases: u16,
    /// The longest keep-alive in seconds; 0 for any.
    pub keep_alive: u16,
}

impl Server {
    /// Serves MQTT until the stop sign.
    pub fn serve_mqtt(&self, listener: TcpListener) {
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn_in(Stage::Doors, async move {
            listen::accept(&app, listener, NOTHING, |stream, place| {
                app.shutdown.spawn(serve_plain(Arc::clone(&app), stream, place));
            })
            .await;
        });
    }

    /// Has sessions of MQTT clients go on that the store has given back. To be called before anybody can come in.
    pub fn restore_sessions(&self) {
        parked::restore(&self.app);
    }

    /// Serves MQTT over TLS until the stop sign.
    pub fn serve_tls_mqtt(&self, listener: TcpListener) {
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn_in(Stage::Doors, async move {
            let Some(offer) = &app.offer else { return };
            listen::accept(&app, listener, NOTHING, |stream, place| {
                app.shutdown.spawn(serve_tls(Arc::clone(&app), offer.lines(), stream, place));
            })
            .await;
        });
    }
}

impl App {
    /// The sign that ends a connection from outside, which is a child of the sign of the sign-in.
    fn signs_until(&self, ended: CancellationToken, connected: Connected) -> Signs {
        Signs::with(self.shutdown.drain(), Some((ended, connected)))
    }
}

/// Serves a connection that comes without TLS.
pub(super) async fn serve_plain(app: Arc<App>, mut stream: TcpStream, mut place: Place) {
    let is_introduced = tokio::select! {
        is_introduced = introduced(&app, &mut stream, &mut place, Language::Mqtt) => is_introduced,
        () = app.shutdown.drain().cancelled() => return,
    };
    if is_introduced {
        let peer = Peer::of_connection(&app.settings.trusted_proxies, Arc::new(place));
        serve(app, stream, Arc::new(peer)).await;
    }
}

/// Serves a connection that comes with TLS.
pub(super) async fn serve_tls(
    app: Arc<App>,
    config: Arc<ServerConfig>,
    mut stream: TcpStream,
    mut place: Place,
) {
    let is_introduced = tokio::select! {
        is_introduced = introduced(&app, &mut stream, &mut place, Language::Tls { of_streams: true }) => is_introduced,
        () = app.shutdown.drain().cancelled() => return,
    };
    if !is_introduced {
        return;
    }
    // In a box, so that no connection holds room for its handshake.
    let encrypted = Box::pin(secure::encrypt(&app, config, stream, &mut place, NOTHING)).await;
    if let Some(stream) = encrypted {
        let peer = Peer::of_connection(&app.settings.trusted_proxies, Arc::new(place));
        serve(app, stream, Arc::new(peer)).await;
    }
}

/// Serves a stream of packets, from CONNECT to its end.
async fn serve<S: Carrier + Send + 'static>(app: Arc<App>, stream: S, peer: Arc<Peer>) {
    // In a box, and what follows in a task of its own: no connection holds room for its beginning.
    let Some(begun) = Box::pin(begin(&app, stream, &peer)).await else { return };
    app.shutdown.spawn_with(peer.sign_in(), stay(&app, begun));
}

/// What there is of a client from now on.
fn stay<S: Carrier + Send + 'static>(
    app: &Arc<App>,
    begun: Begun<S>,
) -> impl Future<Output = ()> + Send + use<S> {
    let Begun { wire, greeted } = begun;
    let Greeted { session, seat, who, connected, keep_alive, home, .. } = greeted;
    let patience = match keep_alive {
        0 => Patience { ping: NEVER, ..app.settings.patience },
        // The third silence of half the keep-alive is the end ([MQTT-3.1.2-22]).
        seconds => {
            let half = Duration::from_secs(seconds.into()) / 2;
            Patience { ping: half, pong: half, ..app.settings.patience }
        }
    };
    let signs = app.signs_until(seat.ended().clone(), connected);
    let app = Arc::clone(app);
    let keep = move |wire: &mut Mqtt<S>, stay: Stay, ending: &Ending| {
        drop(home);
        parked::keep(&app, wire, stay, ending, seat, who);
    };
    run_and_keep(wire, session, patience, signs, keep)
}

/// The kernel's keep-alive does the asking where the client has none.
const NEVER: Duration = Duration::from_hours(87_600);

/// A client that was let in.
struct Begun<S> {
    wire: Mqtt<S>,
    greeted: Greeted,
}

/// Why a client is not let in, as it is told.
#[derive(Debug)]
struct Refused {
    version: Version,
    code: u8,
    why: String,
}

/// Reads the CONNECT of a client, and lets it in or tells it why not. All in the time for signing in.
async fn begin<S: Carrier + Send>(app: &Arc<App>, stream: S, peer: &Peer) -> Option<Begun<S>> {
    let message_bytes = app.hub.settings().message_bytes;
    let mut wire = Mqtt::new(stream, message_bytes.min(BEFORE_SIGN_IN));
    let greet = async {
        let (head, body) = match wire.connect().await {
            Ok(connect) => connect,
            Err(Ending::Vanished) => return None,
            Err(ending) => {
                note_refused(app, peer, &ending.cause());
                return None;
            }
        };
        Some(greet(app, peer, head, &body).await)
    };
    let greeted = tokio::select! {
        greeted = timeout(app.settings.handshake, greet) => greeted,
        () = app.shutdown.drain().cancelled() => return None,
    };
    match greeted {
        Ok(Some(Ok(mut greeted))) => {
            let talk = greeted.talk.take()?;
            let welcome = Welcome { assigned_id: greeted.assigned_id.as_deref(), ..greeted.welcome.clone() };
            wire.begin(&greeted.session, talk, greeted.seat.taken().clone(), message_bytes, &welcome);
            Some(Begun { wire, greeted })
        }
        Ok(Some(Err(Some(Refused { version, code, why })))) => {
            wire.refuse(version, code, &why).await;
            None
        }
        Ok(Some(Err(None)) | None) => None,
        Err(_) => {
            note_refused(app, peer, "no CONNECT in time");
            None
        }
    }
}

/// Lets a client in; nothing is said to one that speaks no MQTT.
async fn greet(app: &Arc<App>, peer: &Peer, head: Head, body: &[u8]) -> Result<Greeted, Option<Refused>> {
    let connect = match (Connect::version(body), Connect::read(head, body)) {
        (_, Ok(connect)) => connect,
        // In the words of 3.1.1 for who speaks something older, in those of 5.0 for something newer.
        (Err(fault), _) if fault.code == code::VERSION => {
            note_refused(app, peer, fault.why);
            let level = body.get(6).copied().unwrap_or(0);
            let version =
                if body.starts_with(b"\0\x04MQTT") && level > 5 { Version::V5 } else { Version::V3 };
            return Err(Some(Refused { version, code: fault.code, why: fault.why.to_owned() }));
        }
        (Ok(Version::V5), Err(fault)) => {
            note_refused(app, peer, fault.why);
            return Err(Some(Refused { version: Version::V5, code: fault.code, why: fault.why.to_owned() }));
        }
        (_, Err(fault)) => {
            note_refused(app, peer, fault.why);
            return Err(None);
        }
    };
    let version = connect.version;
    hello::greet(app, peer, &connect)
        .await
        .map_err(|(code, why)| Some(Refused { version, code, why: why.into_owned() }))
}

/// Counts and logs a connection that has begun with no good CONNECT.
fn note_refused(app: &App, peer: &Peer, why: &str) {
    static REFUSED: Seldom = Seldom::new();
    app.hub.figures().connections_refused.add(1);
    if let Some(times) = REFUSED.again(&peer.address().to_string()) {
        tracing::info!(address = %peer, %times, "MQTT: connection refused: {why}");
    }
}
