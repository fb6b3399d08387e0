//! What a device is brought up against before it speaks Clown.Talk: small WebSocket servers as tutorials write them
//! (`docs/diagnostics.md`). They know nothing of the hub behind them and stand under the same limits.

mod conversation;
pub(super) mod endpoint;
mod memory;
mod streaming;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::conversation::{Caller, Limits};
pub(crate) use self::endpoint::Endpoint;
use self::memory::Memory;
use self::streaming::Streaming;
use super::gate::Stranger;
use super::hixie::{self, OldHandshake};
use super::missing::unsupported;
use super::page;
use super::peer::Peer;
use super::seat::Seat;
use super::{App, Door, answer, door as doors};
use crate::access::SignedIn;
use crate::audit;
use crate::connection::WebSocket;
use crate::seldom::Seldom;
use crate::tls::Stream;

/// The largest message that `/echo` gives back. The large cases of the conformance tests need as much.
const ECHOED_BYTES: usize = 16 * 1024 * 1024;

/// What the endpoints have in common.
pub(crate) struct Diagnostics {
    /// Of the places for all connections, as many may be these.
    places: Arc<Semaphore>,
    streaming: Streaming,
    memory: Memory,
}

impl Diagnostics {
    pub(crate) fn new(connections: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(connections)),
            streaming: Streaming::default(),
            memory: Memory::default(),
        }
    }
}

/// The door of every endpoint: the questions of the other doors, in their order.
pub(crate) async fn door(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(seat): Extension<Arc<Seat>>,
    request: Request,
) -> Response<Body> {
    let endpoint = Endpoint::at(request.uri().path(), request.uri().query());
    let Some((endpoint, diagnostics)) = endpoint.zip(app.diagnostics()) else {
        return unsupported(&app, request.uri().path());
    };
    if request.method() != Method::GET {
        return answer::not_by_get(&app);
    }
    if let Err(refused) = app.welcomes(&hixie::at_the_door(request.headers()), &peer) {
        return answer::refusal(StatusCode::FORBIDDEN, &refused);
    }
    let (user, signed_in) = match who(&app, &peer, request.headers()).await {
        Ok(known) => known,
        Err(refused) => return *refused,
    };
    let handshake = match doors::Handshake::of(&app, &peer, &request) {
        Ok(handshake) => handshake,
        Err(refused) => return refused,
    };
    let Ok(share) = Arc::clone(&diagnostics.places).try_acquire_owned() else {
        static FULL: Seldom = Seldom::new();
        app.hub.figures().connections_turned_away.add(1);
        if let Some(times) = FULL.again(&peer.address().to_string()) {
            tracing::warn!(
                address = %peer, %times,
                "connection turned away: diagnostics.connections is reached"
            );
        }
        let sentence = "too many connections to the diagnostic endpoints, try again in a while";
        let mut refused = answer::refusal(StatusCode::SERVICE_UNAVAILABLE, sentence);
        refused.headers_mut().insert(RETRY_AFTER, 5.into());
        return refused;
    };
    let (answer, old) = match handshake.answer(&app, &seat, None) {
        Ok(answered) => answered,
        Err(refused) => return refused,
    };
    let caller = Caller { endpoint, user, address: peer.address() };
    seat.becomes(move |stream, already_read| {
        let socket = (stream, already_read, old);
        app.shutdown.clone().spawn(converse(app, peer, socket, caller, signed_in, share));
    });
    answer
}

/// Whether somebody may open the page by which an operator tries them: in the demo everybody, with accounts the admins. The answer
/// says what is missing.
pub(super) async fn page_opens(
    app: &App,
    peer: &Peer,
    headers: &HeaderMap,
) -> Result<(), Box<Response<Body>>> {
    let is_demo = app.access.accounts().is_demo();
    let refused = |status, sentence: &str| Err(Box::new(answer::refusal(status, sentence)));
    match (app.diagnostics(), is_demo) {
        (None, _) => {
            let sentence = "this page is off, and so are the endpoints that it is for: diagnostics.enabled = true turns them on";
            return refused(StatusCode::NOT_FOUND, sentence);
        }
        (Some(_), true) => return Ok(()),
        (Some(_), false) => {}
    }
    match app.recognise(headers, peer, Door::Http).await {
        Ok(who) if who.user.rights.admin => Ok(()),
        Ok(who) => {
            audit::refused(&who.user.name, Some(peer.address()), "admin", page::DIAGNOSTICS);
            let sentence = format!(
                "this page is for admins, and {} is none: an admin has admin = true or the role admin in the file of accounts",
                who.user.name
            );
            refused(StatusCode::FORBIDDEN, &sentence)
        }
        Err(Stranger::Unnamed(_)) if !headers.contains_key(AUTHORIZATION) => {
            let sentence = "this page is for admins, and nobody is signed in: sign in as one on the page of the hub, then come back";
            refused(StatusCode::UNAUTHORIZED, sentence)
        }
        Err(stranger) => Err(Box::new(answer::not_recognised(&stranger))),
    }
}

/// Every user with an account; in the demo, which is on loopback, everybody: the boards and samples that these endpoints
/// are for mostly cannot sign in.
async fn who(
    app: &App,
    peer: &Peer,
    headers: &HeaderMap,
) -> Result<(Arc<str>, Option<SignedIn>), Box<Response<Body>>> {
    if app.access.accounts().is_demo() {
        // They end with the demo.
        return Ok(("-".into(), app.access.the_demo()));
    }
    match app.recognise(headers, peer, Door::Http).await {
        Ok(signed_in) => Ok((Arc::clone(&signed_in.user.name), Some(signed_in))),
        Err(stranger) => Err(Box::new(answer::not_recognised(&stranger))),
    }
}

async fn converse(
    app: Arc<App>,
    peer: Arc<Peer>,
    (stream, already_read, old): (Stream, Vec<u8>, Option<OldHandshake>),
    caller: Caller,
    signed_in: Option<SignedIn>,
    _share: OwnedSemaphorePermit,
) {
    let _held = peer.sign_in();
    let Some(diagnostics) = app.diagnostics() else { return };
    let ticks = (caller.endpoint == Endpoint::Streaming).then(|| diagnostics.streaming.listen(&app.shutdown));
    let message_bytes = match caller.endpoint {
        Endpoint::Echo => ECHOED_BYTES,
        Endpoint::Reversed { .. } | Endpoint::Socket | Endpoint::Streaming | Endpoint::Poke => {
            app.hub.settings().message_bytes
        }
    };
    let (rates, patience, held) = (app.settings.rates, app.settings.patience, diagnostics.memory.held());
    let limits = Limits { rates, share: app.share_of_network(&peer), patience, held };
    let connected = signed_in.as_ref().and_then(|who| Some((who, who.standing.connect(None)?)));
    let signs = app.signs(connected);
    let Some(old) = old else {
        let socket = WebSocket::new(stream, already_read, message_bytes);
        return conversation::hold(socket, caller, limits, ticks, signs).await;
    };
    if let Some(socket) = old.open(&app, stream, already_read, message_bytes).await {
        // Rare, and so not in every conversation.
        Box::pin(conversation::hold(socket, caller, limits, ticks, signs)).await;
    }
}
