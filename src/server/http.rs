//! What the hub answers over HTTP: the doors for sockets, the page and its sign-in, health and figures.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::header::{
    CONNECTION, CONTENT_TYPE, HeaderName, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use axum::middleware::map_response;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::diagnostics::{self, Endpoint};
use super::gate::{self, Guest, Stranger};
use super::{App, Visit, metrics, page, session_api};
use crate::access::LoginError;
use crate::connection::{self, Signs, WebSocket};
use crate::hub::{Client, Rights, Session, Side};
use crate::topic::{Base, Filter, Limits};

/// The protocol that a page may name in its handshake, and that is then confirmed.
const SUBPROTOCOL: &str = "clown.talk";

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/auth/{endpoint}", any(auth_door))
        .route("/talk", any(talk_door_root))
        .route("/talk/", any(talk_door_root))
        .route("/talk/{*base}", any(talk_door))
        .route("/api/session", any(session_api::session))
        .route("/healthz", get(health))
        .route("/metrics", get(figures))
        .route("/echo", any(diagnostics::door))
        .route("/ws", any(diagnostics::door))
        .route("/socket", any(diagnostics::door))
        .route("/streaming", any(diagnostics::door))
        .route("/poke", any(diagnostics::door))
        .fallback(page_or_nothing)
        .layer(map_response(guarded))
        .with_state(app)
}

/// What every answer says to a browser about what it may do with it, where it does not say something else itself.
async fn guarded(mut response: Response<Body>) -> Response<Body> {
    const HEADERS: [(&str, &str); 4] = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in HEADERS {
        let header = response.headers_mut().entry(HeaderName::from_static(name));
        header.or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Whoever hears this hears it from a hub that serves: one that is being stopped takes no connection.
async fn health() -> Response<Body> {
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], "{\"status\": \"ok\"}\n").into_response()
}

/// Open to this machine; elsewhere to users who may read the figures.
async fn figures(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Arc<Visit>>,
    headers: HeaderMap,
) -> Response<Body> {
    if !visit.address.ip().is_loopback() {
        match gate::recognise(&app.access, &headers, visit.address.ip()).await {
            Ok(guest) if may_read_figures(&guest.user.rights) => {}
            Ok(_) => return refusal(StatusCode::FORBIDDEN, "this user may not read $SYS/hub/#"),
            Err(stranger) => return turned_away(&stranger),
        }
    }
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::text(&app.hub)).into_response()
}

fn may_read_figures(rights: &Rights) -> bool {
    Filter::parse("$SYS/hub/#", &Limits::default()).is_ok_and(|filter| rights.may_subscribe(&filter))
}

async fn page_or_nothing(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    if uri.path() == page::DIAGNOSTICS && app.diagnostics.is_none() {
        return unsupported(&app);
    }
    match page::file(uri.path(), &headers) {
        Some(file) if method == Method::GET || method == Method::HEAD => file,
        Some(_) => refusal(StatusCode::METHOD_NOT_ALLOWED, "this path answers to GET"),
        None => unsupported(&app),
    }
}

/// What whoever asks for an unknown path is told: the paths that there are.
pub(super) fn unsupported(app: &App) -> Response<Body> {
    let devices = if app.diagnostics.is_some() {
        let paths = Endpoint::PATHS.join(", ");
        format!("; to bring up a device at {} (a page) and {paths} (WebSocket)", page::DIAGNOSTICS)
    } else {
        String::new()
    };
    let sentence = format!(
        "Unsupported Request-URI; the hub answers at / (the page), /auth/clown-talk-server_BASE, \
         /auth/clown-talk-client_BASE and /talk/BASE (WebSocket), /api/session, /healthz and /metrics{devices}"
    );
    refusal(StatusCode::NOT_FOUND, &sentence)
}

async fn auth_door(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(endpoint): Path<String>,
    request: Request,
) -> Response<Body> {
    let (name, base) = endpoint.split_once('_').unwrap_or((&endpoint, ""));
    let side = match name {
        "clown-talk-server" => Side::Dashboard,
        "clown-talk-client" => Side::Node,
        _ => {
            return refusal(
                StatusCode::NOT_FOUND,
                "Unsupported Request-URI; there are /auth/clown-talk-server_BASE and /auth/clown-talk-client_BASE, with \
                 the slashes of the base topic written as _",
            );
        }
    };
    enter(app, visit, &base.replace('_', "/"), side, request).await
}

#[derive(Deserialize)]
struct TalkQuery {
    #[serde(default)]
    side: TalkSide,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum TalkSide {
    #[default]
    Dashboard,
    Node,
}

async fn talk_door_root(
    state: State<Arc<App>>,
    visit: Extension<Arc<Visit>>,
    query: Result<Query<TalkQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response<Body> {
    talk_door(state, visit, Path(String::new()), query, request).await
}

async fn talk_door(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(base): Path<String>,
    query: Result<Query<TalkQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response<Body> {
    let side = match query {
        Ok(Query(TalkQuery { side: TalkSide::Dashboard })) => Side::Dashboard,
        Ok(Query(TalkQuery { side: TalkSide::Node })) => Side::Node,
        Err(_) => return refusal(StatusCode::BAD_REQUEST, "side is either node or dashboard"),
    };
    enter(app, visit, &base, side, request).await
}

/// The one way in for every socket: from which page, who, what it is, where to, and then through.
async fn enter(app: Arc<App>, visit: Arc<Visit>, base: &str, side: Side, request: Request) -> Response<Body> {
    let base = match Base::parse(base, &app.hub.settings().topic) {
        Ok(base) => base,
        Err(error) => return refusal(StatusCode::NOT_FOUND, &format!("no such base: {error}")),
    };
    if request.method() != Method::GET {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is opened with GET");
    }
    if let Err(refused) = app.welcomes(request.headers()) {
        return refusal(StatusCode::FORBIDDEN, refused);
    }
    let guest = match gate::recognise(&app.access, request.headers(), visit.address.ip()).await {
        Ok(guest) => guest,
        Err(stranger) => return turned_away(&stranger),
    };
    let forbidden = |reason: &'static str| {
        let (user, address) = (&guest.user.name, visit.address);
        tracing::warn!(%user, %address, ?base, ?side, reason, "connection refused");
        refusal(StatusCode::FORBIDDEN, reason)
    };
    if !guest.user.rights.may_use(&base) {
        return forbidden("this user may not use this base: no filter of the account reaches it");
    }
    if side == Side::Node && !guest.user.rights.may_be_node(&base) {
        return forbidden("this user may not be the node of this base: it may not publish its presence");
    }
    let accept = match accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(response) => return response,
    };
    let confirmed = offers_subprotocol(request.headers());
    upgrade(app, visit, guest, base, side, request);
    switching(&accept, confirmed)
}

/// Checks that this is a WebSocket handshake (RFC 6455, 4.2.1) and answers its key.
#[expect(clippy::result_large_err, reason = "once a connection, and it is the answer")]
pub(super) fn accept_key(headers: &HeaderMap) -> Result<String, Response<Body>> {
    let lists = |name: HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    if !lists(CONNECTION, "upgrade") || !lists(UPGRADE, "websocket") {
        let mut response = refusal(
            StatusCode::UPGRADE_REQUIRED,
            "this is a WebSocket: open it with new WebSocket(…) or websocat",
        );
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Err(response);
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = refusal(StatusCode::UPGRADE_REQUIRED, "the hub speaks version 13 of WebSocket");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    match headers.get(SEC_WEBSOCKET_KEY) {
        Some(key) if key.len() == 24 => Ok(derive_accept_key(key.as_bytes())),
        _ => Err(refusal(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64")),
    }
}

/// Chromium gives up where it offers protocols and none is confirmed.
fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|offer| offer.trim() == SUBPROTOCOL)
}

pub(super) fn switching(accept: &str, confirm_subprotocol: bool) -> Response<Body> {
    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept);
    if confirm_subprotocol {
        response = response.header(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    }
    response.body(Body::empty()).unwrap_or_default()
}

/// Waits for the socket in a task of its own, which is then the connection.
fn upgrade(app: Arc<App>, visit: Arc<Visit>, guest: Guest, base: Base, side: Side, mut request: Request) {
    let upgrade = hyper::upgrade::on(&mut request);
    let shutdown = app.shutdown.clone();
    shutdown.spawn(async move {
        let Some((stream, already_read)) = socket(&app, &visit, upgrade).await else { return };
        let _slot = visit.seat();
        let wire = WebSocket::new(stream, already_read, app.hub.settings().message_bytes);
        let session = app.session(&guest, &visit, base, side);
        let signs = Signs::with(app.shutdown.drain(), guest.signed_out);
        connection::run(wire, session, app.settings.patience, signs).await;
    });
}

/// The socket behind a handshake, and what came with it. What hyper read is copied, so that hyper's buffer goes.
pub(super) async fn socket(app: &App, visit: &Visit, upgrade: OnUpgrade) -> Option<(TcpStream, Vec<u8>)> {
    let Ok(Ok(upgraded)) = timeout(app.settings.handshake, upgrade).await else {
        tracing::debug!(address = %visit.address, "client left during the handshake");
        return None;
    };
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

impl App {
    /// Lets a recognised guest in.
    pub(crate) fn session(&self, guest: &Guest, visit: &Visit, base: Base, side: Side) -> Session {
        let client = Client {
            user: Arc::clone(&guest.user.name),
            rights: Arc::clone(&guest.user.rights),
            base,
            side,
            rates: self.settings.rates,
        };
        let session = self.hub.connect(client, SystemTime::now());
        session.outbox().comes_from(connection::network_of(visit.address.ip()));
        let (name, base) = (session.name(), session.base());
        tracing::info!(client = %name, user = %guest.user.name, address = %visit.address, ?base, ?side, "connected");
        session
    }

    /// Whether a browser's page may use the hub; the sentence says why not.
    pub(crate) fn welcomes(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        if !gate::origin_is_welcome(headers, &self.settings.origins) {
            return Err("pages of this origin may not use the hub; name it in server.origins if they should");
        }
        if self.access.accounts().is_demo() && !gate::calls_this_machine(headers) {
            return Err("the demo user is for this machine alone: call it localhost, or set up accounts");
        }
        Ok(())
    }
}

/// An answer to whoever was not recognised. The challenge makes browsers send what stands in the URL.
pub(super) fn turned_away(stranger: &Stranger) -> Response<Body> {
    const CHALLENGE: &str = "Basic realm=\"clown-hub\", charset=\"UTF-8\"";
    match stranger {
        Stranger::Unnamed => {
            let mut response = refusal(StatusCode::UNAUTHORIZED, "name and password are needed");
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
            response
        }
        Stranger::Refused(error) => {
            let mut response = refusal(status_of(*error), &error.to_string());
            if let Some(wait) = retry_after(*error) {
                response.headers_mut().insert(RETRY_AFTER, wait.into());
            } else {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
            }
            response
        }
    }
}

/// The one table from a refused login to its status.
pub(crate) fn status_of(error: LoginError) -> StatusCode {
    match error {
        LoginError::Wrong { .. } => StatusCode::UNAUTHORIZED,
        LoginError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        LoginError::Busy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Seconds to wait before the next try.
pub(crate) fn retry_after(error: LoginError) -> Option<u64> {
    match error {
        LoginError::Wrong { .. } => None,
        LoginError::TooMany { retry_after } => Some(retry_after.as_secs() + 1),
        LoginError::Busy => Some(2),
    }
}

pub(super) fn refusal(status: StatusCode, sentence: &str) -> Response<Body> {
    (status, format!("{sentence}\n")).into_response()
}
