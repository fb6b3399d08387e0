//! The doors for sockets: who, from which page, to which base, and then through (`docs/protocol.md`, clauses 2 and 8.6).

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, Request};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::answer::{no_place, not_by_get, not_recognised, refusal, turned_down};
use super::hixie::{self, OldHandshake};
use super::missing::unsupported;
use super::peer::Peer;
use super::request::{lists, tidy_path};
use super::seat::Seat;
use super::{App, Door, SideWord, gate, token};
use crate::access::{Connected, SignedIn};
use crate::connection::{self, WebSocket};
use crate::hub::Side;
use crate::topic::{Base, TopicError};

/// The protocol that a page may name in its handshake, and that is then confirmed.
const SUBPROTOCOL: &str = "clown.talk";

/// Who opens a socket, as the path says it.
enum Named<'p> {
    /// `/auth/…`: what follows.
    Auth(&'p str),
    /// `/talk` and what follows.
    Talk(&'p str),
}

impl<'p> Named<'p> {
    fn of(path: &'p str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/auth/") {
            return (!rest.is_empty() && !rest.contains('/')).then_some(Self::Auth(rest));
        }
        let rest = path.strip_prefix("/talk")?;
        match rest.strip_prefix('/') {
            Some(base) => (!base.is_empty()).then_some(Self::Talk(base)),
            None => rest.is_empty().then_some(Self::Talk("")),
        }
    }
}

/// Whether one of these doors is at this path. So many sockets are opened that they do not go by the map of all paths.
pub(super) fn is_at(path: &str) -> bool {
    Named::of(path).is_some()
}

/// Opens the door that [is at](is_at) the path of a request.
pub(super) async fn open(app: Arc<App>, peer: Arc<Peer>, seat: &Seat, request: Request) -> Response<Body> {
    let named = Named::of(request.uri().path());
    let Some(Named::Auth(encoded) | Named::Talk(encoded)) = named else {
        return unsupported(&app, request.uri().path());
    };
    let Ok(decoded) = percent_decode_str(encoded).decode_utf8() else { return not_utf8(&app) };
    let (base, side) = if let Some(Named::Auth(_)) = named {
        let (name, base) = decoded.split_once('_').unwrap_or((&decoded, ""));
        let side = match name {
            "clown-talk-server" => Side::Dashboard,
            "clown-talk-client" => Side::Node,
            _ => {
                return turned_down(
                    &app,
                    StatusCode::NOT_FOUND,
                    "Unsupported Request-URI; there are /auth/clown-talk-server_BASE and /auth/clown-talk-client_BASE, with \
                     the slashes of the base topic written as _",
                );
            }
        };
        (Cow::Owned(base.replace('_', "/")), side)
    } else {
        let Ok(Query(TalkQuery { side })) = Query::try_from_uri(request.uri()) else {
            return turned_down(&app, StatusCode::BAD_REQUEST, "side is either node or dashboard");
        };
        (decoded, side.into())
    };
    let base = match Base::parse(&base, &app.hub.settings().topic) {
        Ok(base) => base,
        Err(error) => return no_such_base(&app, &error, request.uri().path()),
    };
    enter(app, peer, seat, base, side, request).await
}

#[derive(Deserialize)]
struct TalkQuery {
    #[serde(default)]
    side: SideWord,
}

/// The one way in for every socket.
async fn enter(
    app: Arc<App>,
    peer: Arc<Peer>,
    seat: &Seat,
    base: Base,
    side: Side,
    request: Request,
) -> Response<Body> {
    if request.method() != Method::GET {
        return not_by_get(&app);
    }
    if let Err(why) = app.welcomes(&hixie::at_the_door(request.headers()), &peer) {
        return refusal(StatusCode::FORBIDDEN, &why);
    }
    let token = token::of_socket(request.headers(), request.uri(), app.settings.token_in_url);
    let recognised = match token {
        Some(token) => app.sign_in_with_token(&peer, Door::WebSocket, &token),
        None => app.recognise(request.headers(), &peer, Door::WebSocket).await,
    };
    let signed_in = match recognised {
        Ok(signed_in) => signed_in,
        Err(stranger) => return not_recognised(&stranger),
    };
    if let Err(why) = gate::may_stand(&signed_in.user, &base, side) {
        app.log_forbidden(&peer, Door::WebSocket, &signed_in, (&base, side), why);
        return refusal(StatusCode::FORBIDDEN, why);
    }
    let handshake = match Handshake::of(&app, &peer, &request) {
        Ok(handshake) => handshake,
        Err(response) => return response,
    };
    let connected = match app.place_of_user(&peer, &signed_in) {
        Ok(connected) => connected,
        Err(why) => return no_place(why),
    };
    let confirmed = offers_subprotocol(request.headers()).then_some(SUBPROTOCOL);
    let (answer, old) = match handshake.answer(&app, seat, confirmed) {
        Ok(answered) => answered,
        Err(response) => return response,
    };
    upgrade(app, peer, (signed_in, connected), (base, side), old, seat);
    answer
}

/// A handshake that is in order.
pub(super) enum Handshake {
    /// Of today, with the answer to its key.
    Today(String),
    /// Of 2010.
    Old(OldHandshake),
}

impl Handshake {
    #[expect(clippy::result_large_err, reason = "once a connection, and it is the answer")]
    pub(super) fn of(app: &App, peer: &Peer, request: &Request) -> Result<Self, Response<Body>> {
        let headers = request.headers();
        if !hixie::is_old(headers) {
            return accept_key(app, headers).map(Self::Today);
        }
        if !app.settings.hixie {
            let mut response = turned_down(app, StatusCode::UPGRADE_REQUIRED, hixie::OFF);
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            return Err(response);
        }
        let confirmed = offers_subprotocol(headers).then_some(SUBPROTOCOL);
        let place = (&*app.settings.path_prefix, request.uri());
        let old = OldHandshake::read(headers, peer, place, confirmed);
        old.map(Self::Old).map_err(|why| turned_down(app, StatusCode::BAD_REQUEST, &why))
    }

    /// What hyper answers, and what is left to be answered here. The answer to an old one is not hyper's to write: it has bytes
    /// behind the header, and its client may compare it byte by byte.
    #[expect(clippy::result_large_err, reason = "once a connection, and it is the answer")]
    pub(super) fn answer(
        self,
        app: &App,
        seat: &Seat,
        subprotocol: Option<&str>,
    ) -> Result<(Response<Body>, Option<OldHandshake>), Response<Body>> {
        match self {
            Self::Today(accept) => Ok((switching(&accept, subprotocol), None)),
            Self::Old(old) if seat.loan.mute() => Ok((switching("", None), Some(old))),
            Self::Old(_) => {
                Err(turned_down(app, StatusCode::BAD_REQUEST, "an earlier request is still being answered"))
            }
        }
    }
}

fn no_such_base(app: &App, error: &TopicError, path: &str) -> Response<Body> {
    let meant = tidy_path(path).map(|path| format!("; without the slash too many it is {path}"));
    turned_down(app, StatusCode::NOT_FOUND, &format!("no such base: {error}{}", meant.unwrap_or_default()))
}

fn not_utf8(app: &App) -> Response<Body> {
    turned_down(app, StatusCode::NOT_FOUND, "no such base: the path is not UTF-8 where it is percent-encoded")
}

/// Checks that this is a WebSocket handshake (RFC 6455, 4.2.1) and answers its key.
#[expect(clippy::result_large_err, reason = "once a connection, and it is the answer")]
pub(super) fn accept_key(app: &App, headers: &HeaderMap) -> Result<String, Response<Body>> {
    if !lists(headers, CONNECTION, "upgrade") || !lists(headers, UPGRADE, "websocket") {
        let mut response = turned_down(
            app,
            StatusCode::UPGRADE_REQUIRED,
            "this is a WebSocket: open it with new WebSocket(…) or websocat",
        );
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Err(response);
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response =
            turned_down(app, StatusCode::UPGRADE_REQUIRED, "the hub speaks version 13 of WebSocket");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    match headers.get(SEC_WEBSOCKET_KEY) {
        Some(key) if key.len() == 24 => Ok(derive_accept_key(key.as_bytes())),
        _ => Err(turned_down(app, StatusCode::BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64")),
    }
}

/// Chromium gives up where it offers protocols and none is confirmed. No other protocol is ever confirmed: libraries for
/// microcontrollers offer one of their own (`arduino`) and do not look at the answer.
fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|offer| offer.trim() == SUBPROTOCOL)
}

pub(super) fn switching(accept: &str, subprotocol: Option<&str>) -> Response<Body> {
    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(subprotocol) = subprotocol {
        response = response.header(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response.body(Body::empty()).unwrap_or_default()
}

/// What the connection becomes: a session, in a task of its own. There are very many of them, each lasts long, and a task holds
/// room for all that it was ever given.
fn upgrade(
    app: Arc<App>,
    peer: Arc<Peer>,
    (who, connected): (SignedIn, Connected),
    (base, side): (Base, Side),
    old: Option<OldHandshake>,
    seat: &Seat,
) {
    seat.becomes(move |stream, already_read| {
        let limit = app.hub.settings().message_bytes;
        let Some(old) = old else {
            let held = peer.sign_in();
            let wire = WebSocket::new(stream, already_read, limit);
            let session = app.session(&who, &peer, Door::WebSocket, base, side);
            let signs = app.signs(Some((&who, connected)));
            app.shutdown.spawn_with(held, connection::run(wire, session, app.settings.patience, signs));
            return;
        };
        // Eight bytes of its handshake may still be on their way.
        let shutdown = app.shutdown.clone();
        shutdown.spawn(async move {
            let Some(wire) = old.open(&app, stream, already_read, limit).await else { return };
            let held = peer.sign_in();
            let session = app.session(&who, &peer, Door::WebSocket, base, side);
            let signs = app.signs(Some((&who, connected)));
            app.shutdown.spawn_with(held, connection::run(wire, session, app.settings.patience, signs));
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_found_by_its_path_and_no_other_path_is_one() {
        for path in
            ["/talk", "/talk/a", "/talk/nodes/bridge/0", "/talk//a", "/auth/clown-talk-server_a", "/auth/x"]
        {
            assert!(is_at(path), "{path}");
        }
        for path in
            ["/", "/talk/", "/talks", "/talkative/a", "/auth", "/auth/", "/auth/a/b", "/api/talk", "/mqtt"]
        {
            assert!(!is_at(path), "{path}");
        }
    }
}
