//! `/mqtt`: MQTT in the binary messages of a WebSocket, with the subprotocol `mqtt` (MQTT 5, 6). Who it is is said in CONNECT.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::http::{HeaderMap, Method, Response, StatusCode};

use super::super::App;
use super::super::answer::{not_by_get, refusal, turned_down};
use super::super::door::{accept_key, switching};
use super::super::missing::unsupported;
use super::super::peer::Peer;
use super::super::seat::Seat;
use super::serve;
use crate::connection::{BEFORE_SIGN_IN, OverWebSocket, WebSocket};

/// What the client has to offer, and what is confirmed ([MQTT-6.0.0-3], [MQTT-6.0.0-4]).
const SUBPROTOCOL: &str = "mqtt";

/// The door.
pub(crate) async fn door(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(seat): Extension<Arc<Seat>>,
    request: Request,
) -> Response<Body> {
    if !app.settings.mqtt.websocket {
        return unsupported(&app, request.uri().path());
    }
    if request.method() != Method::GET {
        return not_by_get(&app);
    }
    if let Err(why) = app.welcomes(request.headers(), &peer) {
        return refusal(StatusCode::FORBIDDEN, &why);
    }
    let accept = match accept_key(&app, request.headers()) {
        Ok(accept) => accept,
        Err(response) => return response,
    };
    if !offers_mqtt(request.headers()) {
        let why = "this is MQTT over WebSocket: offer the subprotocol mqtt (Sec-WebSocket-Protocol: mqtt)";
        return turned_down(&app, StatusCode::BAD_REQUEST, why);
    }
    seat.becomes(move |stream, already_read| {
        // Until the client is in.
        let limit = app.hub.settings().message_bytes.min(BEFORE_SIGN_IN);
        let stream = OverWebSocket::new(WebSocket::new(stream, already_read, limit));
        app.shutdown.clone().spawn(serve(app, stream, peer));
    });
    switching(&accept, Some(SUBPROTOCOL))
}

fn offers_mqtt(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|offer| offer.trim() == SUBPROTOCOL)
}
