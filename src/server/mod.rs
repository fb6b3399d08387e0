//! The edge towards the network: listeners, doors and limits. Floor 2: knows the hub, Clown.Talk, topics,
//! access and shutdown, the type of a web origin from the configuration, and no other edge.

mod accounts;
mod accounts_api;
mod accounts_desk;
mod accounts_elsewhere;
mod answer;
mod api;
mod browser;
mod clock;
mod code_api;
mod diagnostics;
mod door;
mod entrance;
mod events_api;
mod forwarded;
mod gate;
mod hello;
mod history_api;
mod hixie;
mod http;
mod introduction;
mod layout_api;
mod lines;
mod listen;
mod loan;
mod metrics;
mod missing;
mod mqtt;
mod networks;
mod operator_api;
mod paced;
mod page;
mod peer;
mod per_user;
mod place;
mod plain;
mod proxy_protocol;
mod request;
mod seat;
mod secure;
mod sent;
mod session_api;
mod token;

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use diagnostics::Diagnostics;
use entrance::{Door, SideWord, word_of};
use peer::Peer;
use place::Places;

use crate::access::{Access, AccountsWatch, Connected, LoginError, SignedIn, User, Way};
use crate::audit::{self, AtDoor, Named};
use crate::config::WebOrigin;
use crate::connection::{MqttBounds, Patience, Signs, network_of};
use crate::crew::Crew;
use crate::hub::{Client, Hub, NetworkRates, Rates, Session, ShareOfNetwork, Side, SignIn};
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::shutdown::{Shutdown, Stage};
use crate::tls::Offer;
use crate::topic::Base;

pub use introduction::ProxyProtocol;
pub use mqtt::MqttSettings;
pub use networks::PerNetwork;
pub use operator_api::{CopyStore, Operator, StoreCopy};

/// What the edge allows.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Settings {
    /// Origins of pages that may connect besides the hub's own.
    pub origins: Vec<WebOrigin>,
    /// Connections at one time.
    pub connections: usize,
    /// Connections at one time that are not signed in.
    pub handshakes: usize,
    /// Connections at one time of one network.
    pub per_network: PerNetwork,
    /// Connections that one account has signed in; `None` is no limit.
    pub per_user: Option<usize>,
    /// Proxies that are believed when they say whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// Where these begin their connections with a PROXY header.
    pub proxy_protocol: ProxyProtocol,
    /// What a proxy leaves in front of every path.
    pub path_prefix: String,
    /// How long signing in may take.
    pub handshake: Duration,
    /// What one connection may send.
    pub rates: Rates,
    /// Messages a second that all connections of one network may send together; `None` for no limit.
    pub network_rate: Option<NonZeroU32>,
    /// How long a connection waits for what.
    pub patience: Patience,
    /// How often the hub's figures are published.
    pub figures_every: Duration,
    /// The port of HTTP with TLS, where there is one.
    pub tls_port: Option<u16>,
    /// What the listeners without TLS do for other machines.
    pub plain: Plain,
    /// Connections at one time to the diagnostic endpoints; `None` where there are no such endpoints.
    pub diagnostics: Option<usize>,
    /// Whether these are there for the demo only.
    pub diagnostics_of_demo: bool,
    /// Whether a token may stand in the URL of a socket.
    pub token_in_url: bool,
    /// Characters of a new password at least.
    pub shortest_password: usize,
    /// Whether webhooks may publish with a token in their path.
    pub webhooks: bool,
    /// Whether handshakes of 2010 are taken.
    pub hixie: bool,
    /// The door for devices that speak MQTT.
    pub mqtt: MqttSettings,
}

/// What the listeners without TLS do for other machines, once there is TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    /// They serve them.
    Serve,
    /// They send pages to the listener with TLS.
    Redirect,
    /// They refuse them.
    Loopback,
}

/// What the doors need to know.
pub(crate) struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) access: Access,
    pub(crate) settings: Settings,
    pub(crate) shutdown: Shutdown,
    /// The threads that connections are served on.
    crew: Crew,
    /// The endpoints for bringing up a device, where they are on.
    diagnostics: Option<Diagnostics>,
    /// What is served over TLS, where there is TLS.
    offer: Option<Arc<Offer>>,
    places: Places,
    /// The file of accounts that was refused last, if it still is.
    refused: accounts::RefusedFile,
    /// What each network may send, where that has a limit.
    network_rates: Option<Arc<NetworkRates>>,
    /// Where admins ask for changes of accounts.
    desk: accounts_desk::Desk,
    /// Who is here over MQTT, under which client id.
    mqtt: Arc<mqtt::Roster>,
    mqtt_bounds: Arc<MqttBounds>,
    /// What admins may ask for besides.
    office: operator_api::Office,
    /// Names, rooms and limits of the page.
    arranged: layout_api::Arranged,
}

/// The answer to a client of TLS for whom there is no place: whatever is sent before the handshake means nothing to it.
const NOTHING: &[u8] = b"";

/// The server: all listeners and their connections.
pub struct Server {
    app: Arc<App>,
}

impl Server {
    /// A server without a listener.
    pub fn new(
        hub: Arc<Hub>,
        access: Access,
        settings: Settings,
        offer: Option<Arc<Offer>>,
        shutdown: Shutdown,
        crew: Crew,
        operator: Operator,
    ) -> Self {
        hixie::warn_if_on(settings.hixie);
        let places = Places::new(settings.connections, settings.handshakes, settings.per_network);
        let diagnostics = settings.diagnostics.map(Diagnostics::new);
        let refused = accounts::RefusedFile::default();
        let desk = accounts_desk::Desk::new();
        let network_rates = NetworkRates::new(settings.network_rate, hub.figures());
        let mqtt_bounds = Arc::new(mqtt::bounds(&settings.mqtt, hub.settings()));
        let mqtt = Arc::default();
        let arranged = layout_api::Arranged::restored(&hub);
        arranged.tell(&hub);
        let app = App {
            hub,
            access,
            settings,
            shutdown,
            crew,
            diagnostics,
            offer,
            places,
            refused,
            network_rates,
            desk,
            mqtt,
            mqtt_bounds,
            office: operator_api::Office::new(operator),
            arranged,
        };
        Self { app: Arc::new(app) }
    }

    /// Serves HTTP and WebSocket until the stop sign.
    pub fn serve_http(&self, listener: TcpListener) {
        let router = http::router(Arc::clone(&self.app));
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn_in(Stage::Doors, async move {
            listen::accept(&app, listener, http::FULL, |stream, place| {
                app.shutdown.spawn(http::serve_plain(Arc::clone(&app), router.clone(), stream, place));
            })
            .await;
        });
    }

    /// Serves HTTP and WebSocket over TLS until the stop sign.
    pub fn serve_https(&self, listener: TcpListener) {
        let router = http::router(Arc::clone(&self.app));
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn_in(Stage::Doors, async move {
            let Some(offer) = &app.offer else { return };
            listen::accept(&app, listener, NOTHING, |stream, place| {
                let served = http::serve_tls(Arc::clone(&app), router.clone(), offer.http(), stream, place);
                app.shutdown.spawn(served);
            })
            .await;
        });
    }

    /// Serves lines over TCP until the stop sign.
    pub fn serve_lines(&self, listener: TcpListener) {
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn_in(Stage::Doors, async move {
            listen::accept(&app, listener, lines::FULL, |stream, place| {
                app.shutdown.spawn(lines::serve_plain(Arc::clone(&app), stream, place));
            })
            .await;
        });
    }

    /// Serves lines over TLS until the stop sign.
    pub fn serve_tls_lines(&self, listener: TcpListener) {
        let app = Arc::clone(&self.app);
        self.app.shutdown.spawn_in(Stage::Doors, async move {
            let Some(offer) = &app.offer else { return };
            listen::accept(&app, listener, NOTHING, |stream, place| {
                app.shutdown.spawn(lines::serve_tls(Arc::clone(&app), offer.lines(), stream, place));
            })
            .await;
        });
    }

    /// Watches the files of the certificate, until the stop sign.
    pub fn watch_the_certificate(&self) {
        if let Some(offer) = &self.app.offer {
            self.app.shutdown.spawn(secure::watch(Arc::clone(&self.app), Arc::clone(offer)));
        }
    }

    /// Ends leases that came back from the store and that accounts may not have any more. To be called before anybody can come in.
    pub fn look_at_restored_leases(&self) {
        accounts::look_at_restored_leases(&self.app);
    }

    /// Watches the file of the accounts and their dates, until the stop sign. What the demo is for ends with `demo`, once there
    /// are accounts.
    pub fn watch_the_accounts(&self, watch: AccountsWatch, demo: CancellationToken) {
        self.app.shutdown.spawn(accounts::watch(Arc::clone(&self.app), watch, demo));
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

/// What all doors do in the same way, for every protocol.
impl App {
    /// The endpoints for bringing up a device, where they are on. Those of the demo end with it.
    fn diagnostics(&self) -> Option<&Diagnostics> {
        let are_on = !self.settings.diagnostics_of_demo || self.access.accounts().is_demo();
        self.diagnostics.as_ref().filter(|_| are_on)
    }

    /// Asks the access, and counts and records who does not come in.
    async fn login(
        &self,
        peer: &Peer,
        door: Door,
        name: &str,
        password: &[u8],
    ) -> Result<SignedIn, LoginError> {
        match self.access.login(peer.address(), name, password).await {
            Ok(who) => self.let_in(who, peer, door),
            Err(error) => {
                let accounts = self.access.accounts();
                let named = match accounts.get(name) {
                    Some(account) => Named::Account(account.name()),
                    None => Named::Unknown(name.chars().count()),
                };
                self.refuse(peer, (door, Way::Password), named, error);
                Err(error)
            }
        }
    }

    /// Lets somebody in who has proved who they are, if they may come.
    fn let_in(&self, who: SignedIn, peer: &Peer, door: Door) -> Result<SignedIn, LoginError> {
        let admitted = self.admits(&who, peer);
        admitted.inspect_err(|error| {
            self.refuse(peer, (door, who.way), Named::Account(&who.user.name), *error);
        })?;
        Ok(who)
    }

    /// Counts and records who does not come in.
    fn refuse(&self, peer: &Peer, by: (Door, Way), named: Named<'_>, error: LoginError) {
        self.hub.figures().logins_failed.add(1);
        self.note_sign_in(peer, by, named, None, Err((word_of(error), error.to_string().into())));
    }

    /// Records that somebody has come in, or has not; in the audit trail, too.
    fn note_sign_in(
        &self,
        peer: &Peer,
        (door, way): (Door, Way),
        named: Named<'_>,
        base: Option<(&Base, Side)>,
        result: Result<(), (&'static str, Cow<'static, str>)>,
    ) {
        let (address, door) = (peer.address(), door.name());
        let stands = base.map(|(base, side)| (base.as_str(), side.name()));
        let at_door = AtDoor { named, address, door, way: way.word(), base: stands };
        match &result {
            Ok(()) => audit::signed_in(&at_door),
            Err((word, _)) => audit::not_signed_in(&at_door, word),
        }
        let user = if let Named::Account(name) = named { Some(name) } else { None };
        self.hub.note_sign_in(SignIn { user, address, door, base, result });
    }

    /// Begins the session of somebody who was let in.
    fn session(&self, who: &SignedIn, peer: &Peer, door: Door, base: Base, side: Side) -> Session {
        let session = self.connect(&who.user, peer, base, side);
        self.tell_connected(&session, peer, door, who, side);
        session
    }

    /// Records and logs that a session has begun that lasts.
    fn tell_connected(&self, session: &Session, peer: &Peer, door: Door, who: &SignedIn, side: Side) {
        static CONNECTED: Seldom = Seldom::new();
        let user = &who.user;
        let named = Named::Account(&user.name);
        self.note_sign_in(peer, (door, who.way), named, Some((session.base(), side)), Ok(()));
        if let Some(times) = CONNECTED.each() {
            let (client, base, left_out) = (session.name(), session.base(), times.left_out);
            let (user, side) = (&user.name, side.name());
            tracing::info!(?client, ?user, address = %peer, ?base, side, left_out, "connected");
        }
    }

    fn connect(&self, user: &User, peer: &Peer, base: Base, side: Side) -> Session {
        let client = Client {
            user: Arc::clone(&user.name),
            rights: Arc::clone(&user.rights),
            base,
            side,
            rates: self.settings.rates,
        };
        let mut session = self.hub.connect_from(client, Some(peer.address()), Moment::now());
        if let Some(share) = self.share_of_network(peer) {
            session.within(share);
        }
        if peer.is_untold() {
            session.is_behind_a_proxy();
        }
        session.outbox().comes_from(network_of(peer.address()));
        session
    }

    /// Begins the session of somebody who sends requests. Each may be a session, so nobody is told that one begins. What it
    /// holds with a lease is not held by its connection.
    fn session_of_requests(&self, user: &User, peer: &Peer) -> Session {
        let mut session = self.connect(user, peer, Base::ROOT, Side::Dashboard);
        session.farewell();
        // Without a filter there is nothing to be refused.
        let _ = session.open(Vec::new(), false, false);
        session
    }

    /// What a client has of what all of its network may send, where that has a limit. Loopback has none.
    fn share_of_network(&self, peer: &Peer) -> Option<ShareOfNetwork> {
        let rates = self.network_rates.as_ref().filter(|_| !peer.address().is_loopback())?;
        Some(rates.share(network_of(peer.address()), peer.address(), Moment::now().steady()))
    }

    /// Counts, logs and records that somebody may not stand at a base.
    fn log_forbidden(
        &self,
        peer: &Peer,
        door: Door,
        who: &SignedIn,
        (base, side): (&Base, Side),
        reason: &'static str,
    ) {
        static FORBIDDEN: Seldom = Seldom::new();
        let (user, result) = (&who.user, Err(("forbidden", reason.into())));
        self.note_sign_in(peer, (door, who.way), Named::Account(&user.name), Some((base, side)), result);
        self.hub.figures().connections_refused.add(1);
        if let Some(times) = FORBIDDEN.again(&user.name) {
            let (user, side) = (&user.name, side.name());
            tracing::warn!(?user, address = %peer, ?base, side, reason, %times, "connection refused");
        }
    }

    /// The sign that ends a connection from outside. Without a sign-in it is the stop sign.
    fn signs(&self, signed_in: Option<(&SignedIn, Connected)>) -> Signs {
        let rests_on = signed_in.map(|(who, connected)| (who.ended.clone(), connected));
        Signs::with(self.shutdown.drain(), rests_on)
    }
}

#[cfg(test)]
mod tests;
