//! The edge towards the network: listeners, doors and limits. Floor 2: knows the hub, Clown.Talk, topics,
//! access and shutdown, the type of a web origin from the configuration, and no other edge.

mod answer;
mod browser;
mod clock;
mod diagnostics;
mod door;
mod gate;
mod hello;
mod history_api;
mod http;
mod lines;
mod listen;
mod metrics;
mod page;
mod place;
mod request;
mod session_api;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use diagnostics::Diagnostics;
use place::{Place, Places};

use crate::access::{Access, LoginError, SignedIn, User};
use crate::config::WebOrigin;
use crate::connection::{Patience, Signs, network_of};
use crate::hub::{Client, Hub, Rates, Session, Side};
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::shutdown::{Shutdown, Stage};
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

/// What the doors need to know.
pub(crate) struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) access: Access,
    pub(crate) settings: Settings,
    pub(crate) shutdown: Shutdown,
    /// The endpoints for bringing up a device, where they are on.
    pub(crate) diagnostics: Option<Diagnostics>,
    places: Places,
}

/// The server: all listeners and their connections.
pub struct Server {
    app: Arc<App>,
}

impl Server {
    /// A server without a listener.
    pub fn new(hub: Arc<Hub>, access: Access, settings: Settings, shutdown: Shutdown) -> Self {
        let places = Places::new(settings.connections, settings.handshakes);
        let diagnostics = settings.diagnostics.map(Diagnostics::new);
        Self { app: Arc::new(App { hub, access, settings, shutdown, diagnostics, places }) }
    }

    /// Serves HTTP and WebSocket until the stop sign.
    pub fn serve_http(&self, listener: TcpListener) {
        let router = http::router(Arc::clone(&self.app));
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn_in(Stage::Doors, async move {
            listen::accept(&app, listener, http::FULL, |stream, place| {
                app.shutdown.spawn(http::serve(Arc::clone(&app), router.clone(), stream, place));
            })
            .await;
        });
    }

    /// Serves lines over TCP until the stop sign.
    pub fn serve_lines(&self, listener: TcpListener) {
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn_in(Stage::Doors, async move {
            listen::accept(&app, listener, lines::FULL, |stream, place| {
                app.shutdown.spawn(lines::serve(Arc::clone(&app), stream, place));
            })
            .await;
        });
    }

    /// Publishes the hub's figures now and then, until the stop sign.
    pub fn tell_figures(&self) {
        self.app.shutdown.spawn(clock::tell_by_the_clock(Arc::clone(&self.app)));
    }

    /// Does what the hub has to do at its time, until the stop sign.
    pub fn tend_the_hub(&self) {
        self.app.shutdown.spawn(clock::tend_the_hub(Arc::clone(&self.app)));
    }

    /// Ends sign-ins of pages when they expire, until the stop sign.
    pub fn end_what_expires(&self) {
        self.app.shutdown.spawn(clock::end_what_expires(Arc::clone(&self.app)));
    }
}

/// The side of a connection, as clients write it.
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
enum SideWord {
    #[default]
    Dashboard,
    Node,
}

impl From<SideWord> for Side {
    fn from(word: SideWord) -> Self {
        match word {
            SideWord::Dashboard => Self::Dashboard,
            SideWord::Node => Self::Node,
        }
    }
}

/// What all doors do in the same way, for every protocol.
impl App {
    /// Asks the access, and counts who does not come in.
    async fn login(&self, place: &Place, name: &str, password: &[u8]) -> Result<SignedIn, LoginError> {
        let result = self.access.login(place.address.ip(), name, password).await;
        if result.is_err() {
            self.hub.figures().logins_failed.add(1);
        }
        result
    }

    /// Begins the session of somebody who was let in.
    fn session(&self, user: &User, place: &Place, base: Base, side: Side) -> Session {
        static CONNECTED: Seldom = Seldom::new();
        let client = Client {
            user: Arc::clone(&user.name),
            rights: Arc::clone(&user.rights),
            base,
            side,
            rates: self.settings.rates,
        };
        let session = self.hub.connect(client, Moment::now());
        session.outbox().comes_from(network_of(place.address.ip()));
        if let Some(times) = CONNECTED.each() {
            let (client, base, left_out) = (session.name(), session.base(), times.left_out);
            let (user, address) = (&user.name, place.address);
            tracing::info!(?client, ?user, %address, ?base, ?side, left_out, "connected");
        }
        session
    }

    /// Counts and logs that somebody may not stand at a base.
    fn log_forbidden(&self, place: &Place, user: &User, base: &Base, side: Side, reason: &'static str) {
        static FORBIDDEN: Seldom = Seldom::new();
        self.hub.figures().connections_refused.add(1);
        if let Some(times) = FORBIDDEN.again(&user.name) {
            let (user, address) = (&user.name, place.address);
            tracing::warn!(?user, %address, ?base, ?side, reason, %times, "connection refused");
        }
    }

    /// The sign that ends a connection from outside. Without a sign-in it is the stop sign.
    fn signs(&self, ended: Option<CancellationToken>) -> Signs {
        Signs::with(self.shutdown.drain(), ended)
    }
}

#[cfg(test)]
mod tests;
