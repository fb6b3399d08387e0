//! HTTP: one connection and its requests, the map of the paths, the page, health and figures.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, STRICT_TRANSPORT_SECURITY,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Duration, sleep, timeout};
use tokio_rustls::rustls::ServerConfig;
use tower::ServiceExt;

use super::answer::{allowing, no_place, not_recognised, refusal};
use super::introduction::{Language, introduced};
use super::loan::Loan;
use super::missing::unsupported;
use super::paced::{Cut, nobody_takes};
use super::peer::Peer;
use super::place::Place;
use super::seat::Seat;
use super::{
    App, Door, accounts, accounts_api, api, code_api, diagnostics, door, events_api, gate, history_api,
    layout_api, listen, metrics, mqtt, operator_api, page, plain, request, secure, session_api,
};
use crate::hub::Rights;
use crate::seldom::Seldom;
use crate::tls::Stream;
use crate::topic::{Filter, Limits};

/// The answer to a client for whom there is no place.
pub(super) const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
    Content-Length: 43\r\n\r\ntoo many connections, try again in a while\n";

/// The answer to a connection that is refused before it has sent a request.
pub(super) fn bad_request(sentence: &str) -> Vec<u8> {
    let length = sentence.len() + 1;
    format!(
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\n\r\n{sentence}\n"
    )
    .into_bytes()
}

/// How long an HTTP connection may live, in times of what a handshake may take: enough for a page and its sign-in.
const HANDSHAKES_A_CONNECTION: u32 = 3;

/// How long a request that has begun may still take once the hub is being stopped.
const LAST_ANSWER: Duration = Duration::from_secs(1);

/// Serves a connection that comes without TLS.
pub(super) async fn serve_plain(app: Arc<App>, router: Router, mut stream: TcpStream, mut place: Place) {
    let is_introduced = tokio::select! {
        is_introduced = introduced(&app, &mut stream, &mut place, Language::Http) => is_introduced,
        () = app.shutdown.drain().cancelled() => return,
    };
    if !is_introduced {
        return;
    }
    serve(app, router, stream.into(), place).await;
}

/// Serves a connection that comes with TLS.
pub(super) async fn serve_tls(
    app: Arc<App>,
    router: Router,
    config: Arc<ServerConfig>,
    mut stream: TcpStream,
    mut place: Place,
) {
    let answer = secure::HTTP_WITHOUT_TLS;
    let is_introduced = tokio::select! {
        is_introduced = introduced(&app, &mut stream, &mut place, Language::Tls { of_streams: false }) => is_introduced,
        () = app.shutdown.drain().cancelled() => return,
    };
    if !is_introduced {
        return;
    }
    // In a box, so that no connection holds room for its handshake.
    let encrypted = Box::pin(secure::encrypt(&app, config, stream, &mut place, answer)).await;
    if let Some(stream) = encrypted {
        serve(app, router, stream, place).await;
    }
}

/// Answers the requests of one connection, until it is a socket or has ended.
async fn serve(app: Arc<App>, router: Router, stream: Stream, place: Place) {
    let place = Arc::new(place);
    let loan = Loan::new(stream);
    let seat = Seat::new(loan);
    let service = {
        let (app, place, seat) = (Arc::clone(&app), Arc::clone(&place), Arc::clone(&seat));
        hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let (app, place, seat) = (Arc::clone(&app), Arc::clone(&place), Arc::clone(&seat));
            answer(app, place, seat, router.clone(), request.map(Body::new))
        })
    };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.handshake)
        .max_headers(64)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(seat.loan.clone()), service);
    // A WebSocket leaves this connection. A client that stays may load a page, but must not keep its place.
    let too_long = nobody_signed_in_uses(&seat, app.settings.handshake * HANDSHAKES_A_CONNECTION);
    let ended = tokio::select! {
        () = too_long => {
            tracing::debug!(address = %place.client(), "HTTP connection did not become a WebSocket in time");
            return;
        }
        why = nobody_takes(&seat, app.settings.patience.write) => {
            static SLOW: Seldom = Seldom::new();
            let why = match why {
                Cut::Slow => {
                    app.hub.figures().slow_consumers.add(1);
                    "it did not take its answer"
                }
                Cut::Memory => "it held too much of the memory for what waits",
            };
            if let Some(times) = SLOW.again(&place.address.ip().to_string()) {
                tracing::warn!(address = %place.client(), %times, "HTTP client cut off: {why}");
            }
            return;
        }
        ended = &mut connection => ended,
        () = app.shutdown.drain().cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            let Ok(ended) = timeout(LAST_ANSWER, &mut connection).await else { return };
            ended
        }
    };
    if let Some(stream) = seat.loan.of_tls() {
        secure::refuse_tls(&app, stream, &place).await;
    } else if ended.is_ok()
        && let Some(next) = seat.next()
    {
        // What hyper read is copied, so that its buffer goes.
        let already_read = connection.into_parts().read_buf.to_vec();
        if let Some(stream) = seat.loan.take_back() {
            next(stream, already_read);
        }
    }
}

/// Waits until no request of somebody who has signed in was under way, or has begun, for so long.
async fn nobody_signed_in_uses(seat: &Seat, patience: Duration) {
    let mut before = Some(0);
    loop {
        sleep(patience).await;
        let used = seat.used();
        if used.is_some() && used == before {
            return;
        }
        before = used;
    }
}

async fn answer(
    app: Arc<App>,
    place: Arc<Place>,
    seat: Arc<Seat>,
    router: Router,
    mut request: Request,
) -> Result<Response<Body>, Infallible> {
    // Requests may come without a pause, and from strangers: between two of them all other sockets have their turn. Before the
    // first one they had it when the connection was taken.
    if !seat.is_first() {
        tokio::task::yield_now().await;
    }
    let is_of_the_api = api::is_of(request::own_path(request.uri(), &app.settings.path_prefix));
    let refused = |refused| if is_of_the_api { api::of_refusal(refused) } else { refused };
    if let Some(ambiguous) = request::ambiguous(request.version(), request.uri(), request.headers()) {
        app.hub.figures().connections_refused.add(1);
        return Ok(refused(ambiguous));
    }
    let peer = match peer(&app, &place, request.headers()) {
        Ok(peer) => peer,
        Err(no) => return Ok(refused(*no)),
    };
    if let Some(elsewhere) = plain::turned_to_tls(&app, &peer, request.uri()) {
        return Ok(elsewhere);
    }
    let prefix = &app.settings.path_prefix;
    if !prefix.is_empty() && request.uri().path() == prefix {
        return Ok(with_a_slash(request.uri()));
    }
    request::strip_prefix(request.uri_mut(), prefix);
    request::tidy(request.uri_mut());
    let peer = Arc::new(peer.counted(seat.counter()));
    if door::is_at(request.uri().path()) {
        // In a box, so that no other request holds room for it.
        let response = Box::pin(door::open(Arc::clone(&app), Arc::clone(&peer), &seat, request)).await;
        return Ok(guarded(&app, &peer, response));
    }
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(Arc::clone(&seat));
    let response = router.oneshot(request).await?;
    Ok(api::take_over(&app, &seat, response))
}

/// Who has sent a request, if there is a place for one more client of that network.
fn peer(app: &App, place: &Arc<Place>, headers: &HeaderMap) -> Result<Peer, Box<Response<Body>>> {
    static MIXED_UP: Seldom = Seldom::new();
    static UNTOLD: Seldom = Seldom::new();
    let proxies = &app.settings.trusted_proxies;
    let peer = Peer::of_request(proxies, place, headers).map_err(|wrong| {
        app.hub.figures().connections_refused.add(1);
        if let Some(times) = MIXED_UP.again(&place.address.ip().to_string()) {
            tracing::warn!(proxy = %place.address, %times, "request refused: {wrong}");
        }
        Box::new(refusal(StatusCode::BAD_REQUEST, wrong))
    })?;
    if let Err(full) = peer.take_a_share(&app.places) {
        listen::log_turned_away(app, &peer, peer.address(), full);
        return Err(Box::new(no_place("too many connections, try again in a while")));
    }
    if peer.is_of_an_untrusted_proxy()
        && let Some(times) = UNTOLD.again("")
    {
        tracing::warn!(
            proxy = %place.address, %times,
            "a proxy on this machine is not in server.trusted_proxies: all its clients have its address, and none of them \
             counts as this machine"
        );
    }
    Ok(peer)
}

/// The page's own addresses are relative, so its path has to end with a slash.
fn with_a_slash(uri: &Uri) -> Response<Body> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let there = format!("{}/{query}", uri.path());
    let mut response = refusal(StatusCode::PERMANENT_REDIRECT, &there);
    if let Ok(there) = HeaderValue::try_from(there) {
        response.headers_mut().insert(LOCATION, there);
    }
    response
}

pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/api/topics", any(api::serve))
        .route("/api/topics/", any(api::serve))
        .route("/api/topics/{*topic}", any(api::serve))
        .route("/api/publish", any(api::serve))
        .route("/api/stream", any(api::serve))
        .route("/api/nodes", any(api::serve))
        .route("/api/version", any(api::serve))
        .route("/api/openapi.json", any(api::serve))
        .route("/hook/{*token}", any(api::serve))
        .route("/api/session", any(session_api::session))
        .route("/api/history", any(history_api::history))
        .route("/api/events", any(events_api::events))
        .route(accounts::PATH, get(accounts_api::accounts))
        .route("/api/accounts/{name}", any(accounts_api::account))
        .route("/api/accounts/{name}/explain", get(accounts_api::explain))
        .route("/api/tokens/{name}", any(accounts_api::token))
        .route(operator_api::CONFIG, any(operator_api::config))
        .route(operator_api::BACKUP, any(operator_api::backup))
        .route(layout_api::LAYOUT, any(layout_api::layout))
        .route(code_api::CODE, any(code_api::code))
        .route(plain::AUTHORITY, get(plain::authority))
        .route("/mqtt", any(mqtt::door))
        .route("/healthz", get(health))
        .route("/metrics", get(figures))
        .route("/echo", any(diagnostics::door))
        .route("/ws", any(diagnostics::door))
        .route("/socket", any(diagnostics::door))
        .route("/streaming", any(diagnostics::door))
        .route("/poke", any(diagnostics::door))
        .fallback(page_or_nothing)
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

async fn guard(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let response = next.run(request).await;
    guarded(&app, &peer, response)
}

/// What every answer says to a browser about what it may do with it, where it does not say something else itself.
fn guarded(app: &App, peer: &Peer, mut response: Response<Body>) -> Response<Body> {
    const HEADERS: [(&str, &str); 3] = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    // What becomes a socket has nothing that a browser shows.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    if plain::is_never_plain(app, peer) {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, plain::NEVER_PLAIN);
    }
    for (name, value) in HEADERS {
        let header = response.headers_mut().entry(HeaderName::from_static(name));
        header.or_insert(HeaderValue::from_static(value));
    }
    if let Some(policy) = policy(peer) {
        response.headers_mut().entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    response
}

/// What a page may do. On this machine it may also connect to the hub by another of the machine's names. `[::1]` is none
/// of them: this header has no form for it.
fn policy(peer: &Peer) -> Option<HeaderValue> {
    let local = gate::port_on_this_machine(peer.host());
    let scheme = if peer.is_encrypted() { "wss" } else { "ws" };
    let local = local.map(|port| format!(" {scheme}://localhost{port} {scheme}://127.0.0.1{port}"));
    let local = local.unwrap_or_default();
    HeaderValue::try_from(format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'{local}; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ))
    .ok()
}

/// Only a hub that serves can answer this: a hub that is stopping accepts no connection.
/// `?ready` asks whether the hub can do all that it is for: whoever sends clients to one of many hubs asks so. One whose cluster
/// is away lives, and is not ready.
async fn health(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response<Body> {
    let json = [(CONTENT_TYPE, "application/json")];
    let asks_for_all =
        query.is_some_and(|query| query.split('&').any(|word| matches!(word, "ready" | "ready=1")));
    if asks_for_all && app.hub.is_cut_off() {
        return (StatusCode::SERVICE_UNAVAILABLE, json, "{\"status\": \"away\", \"cluster\": \"away\"}\n")
            .into_response();
    }
    (StatusCode::OK, json, "{\"status\": \"ok\"}\n").into_response()
}

/// Open to programs of this machine; elsewhere to users who may read the figures.
async fn figures(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    headers: HeaderMap,
) -> Response<Body> {
    if !gate::is_of_this_machine(&headers, &peer) {
        match app.recognise(&headers, &peer, Door::Http).await {
            Ok(signed_in) if may_read_figures(&signed_in.user.rights) => {}
            Ok(_) => {
                return refusal(
                    StatusCode::FORBIDDEN,
                    "forbidden: this takes the right subscribe for $SYS/hub/#, or admin = true",
                );
            }
            Err(stranger) => return not_recognised(&stranger),
        }
    }
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::text(&app.hub)).into_response()
}

fn may_read_figures(rights: &Rights) -> bool {
    Filter::parse("$SYS/hub/#", &Limits::default()).is_ok_and(|filter| rights.may_subscribe(&filter))
}

async fn page_or_nothing(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    if uri.path() == page::DIAGNOSTICS
        && let Err(refused) = diagnostics::page_opens(&app, &peer, &headers).await
    {
        return *refused;
    }
    match page::file(uri.path(), &headers) {
        Some(file) if method == Method::GET || method == Method::HEAD => file,
        Some(_) => allowing("GET, HEAD", refusal(StatusCode::METHOD_NOT_ALLOWED, "this path answers to GET")),
        None => unsupported(&app, uri.path()),
    }
}
