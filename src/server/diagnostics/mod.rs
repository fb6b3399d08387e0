//! What a device is brought up against before it speaks Clown.Talk: small WebSocket servers as tutorials write them
//! (`docs/diagnostics.md`). They know nothing of the hub behind them and stand under the same limits.

mod conversation;
mod endpoint;
mod streaming;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, Method, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use self::conversation::{Caller, Limits};
pub(crate) use self::endpoint::Endpoint;
use self::streaming::Streaming;
use super::{App, Visit, gate, http};
use crate::connection::{Signs, WebSocket};

/// The largest message that `/echo` gives back. The large cases of the conformance tests need as much.
const ECHOED_BYTES: usize = 16 * 1024 * 1024;

/// What the endpoints have in common.
pub(crate) struct Diagnostics {
    seats: Arc<Semaphore>,
    streaming: Streaming,
}

impl Diagnostics {
    pub(crate) fn new(connections: usize) -> Self {
        Self { seats: Arc::new(Semaphore::new(connections)), streaming: Streaming::default() }
    }
}

/// The door of every endpoint: the questions of the other doors, in their order.
pub(crate) async fn door(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Arc<Visit>>,
    mut request: Request,
) -> Response<Body> {
    let endpoint = Endpoint::at(request.uri().path(), request.uri().query());
    let Some((endpoint, diagnostics)) = endpoint.zip(app.diagnostics.as_ref()) else {
        return http::unsupported(&app);
    };
    if request.method() != Method::GET {
        return http::refusal(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is opened with GET");
    }
    if let Err(refused) = app.welcomes(request.headers()) {
        return http::refusal(StatusCode::FORBIDDEN, refused);
    }
    let (user, signed_out) = match who(&app, &visit, request.headers()).await {
        Ok(known) => known,
        Err(refused) => return *refused,
    };
    let accept = match http::accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(refused) => return refused,
    };
    let Ok(place) = Arc::clone(&diagnostics.seats).try_acquire_owned() else {
        tracing::warn!(address = %visit.address, "connection refused: diagnostics.connections is reached");
        let sentence = "too many connections to the diagnostic endpoints, try again in a while";
        let mut refused = http::refusal(StatusCode::SERVICE_UNAVAILABLE, sentence);
        refused.headers_mut().insert(RETRY_AFTER, 5.into());
        return refused;
    };
    let caller = Caller { endpoint, user, address: visit.address };
    let upgrade = hyper::upgrade::on(&mut request);
    let shutdown = app.shutdown.clone();
    shutdown.spawn(converse(app, visit, upgrade, caller, signed_out, place));
    http::switching(&accept, false)
}

/// Whoever the accounts know; in the demo, which is on loopback, anybody: the boards and samples that these endpoints
/// are for mostly cannot sign in.
async fn who(
    app: &App,
    visit: &Visit,
    headers: &HeaderMap,
) -> Result<(Arc<str>, Option<CancellationToken>), Box<Response<Body>>> {
    if app.access.accounts().is_demo() {
        return Ok(("-".into(), None));
    }
    match gate::recognise(&app.access, headers, visit.address.ip()).await {
        Ok(guest) => Ok((guest.user.name, guest.signed_out)),
        Err(stranger) => Err(Box::new(http::turned_away(&stranger))),
    }
}

async fn converse(
    app: Arc<App>,
    visit: Arc<Visit>,
    upgrade: OnUpgrade,
    caller: Caller,
    signed_out: Option<CancellationToken>,
    _place: OwnedSemaphorePermit,
) {
    let Some((stream, already_read)) = http::socket(&app, &visit, upgrade).await else { return };
    let _seat = visit.seat();
    let Some(diagnostics) = &app.diagnostics else { return };
    let ticks = (caller.endpoint == Endpoint::Streaming).then(|| diagnostics.streaming.listen(&app.shutdown));
    let message_bytes = match caller.endpoint {
        Endpoint::Echo => ECHOED_BYTES,
        Endpoint::Reversed { .. } | Endpoint::Socket | Endpoint::Streaming | Endpoint::Poke => {
            app.hub.settings().message_bytes
        }
    };
    let socket = WebSocket::new(stream, already_read, message_bytes);
    let limits = Limits { rates: app.settings.rates, patience: app.settings.patience };
    let signs = Signs::with(app.shutdown.drain(), signed_out);
    conversation::hold(socket, caller, limits, ticks, signs).await;
}
