//! Sign-ins with a token: as `Authorization: Bearer`, as a subprotocol of a socket, and, where a key allows it, in its URL. As the
//! password of its name a token comes in like any password. No token is ever logged.

use axum::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderMap, Uri};

use super::gate::Stranger;
use super::peer::Peer;
use super::{App, Door};
use crate::access::{SignedIn, Way};
use crate::audit::Named;
use crate::seldom::Seldom;

/// What a page puts in front of its token among the subprotocols: it has no other header to send.
const SUBPROTOCOL: &str = "auth.";

/// The token of a header `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token that a socket brings elsewhere. The header `Authorization` goes first.
pub(super) fn of_socket(headers: &HeaderMap, uri: &Uri, may_be_in_url: bool) -> Option<String> {
    if headers.contains_key(AUTHORIZATION) {
        return None;
    }
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut offered = offered.flat_map(|value| value.split(','));
    let offered = offered.find_map(|offer| offer.trim().strip_prefix(SUBPROTOCOL));
    let in_url = || {
        let mut pairs = uri.query().filter(|_| may_be_in_url)?.split('&');
        pairs.find_map(|pair| pair.strip_prefix("token="))
    };
    offered.or_else(in_url).map(str::to_owned)
}

impl App {
    /// Whom a token lets in.
    pub(super) fn sign_in_with_token(
        &self,
        peer: &Peer,
        door: Door,
        token: &str,
    ) -> Result<SignedIn, Stranger> {
        static UNKNOWN: Seldom = Seldom::new();
        let address = peer.address();
        let Some(who) = self.access.token(token) else {
            self.hub.figures().logins_failed.add(1);
            let result = Err(("token", "unknown token".into()));
            self.note_sign_in(peer, (door, Way::Token), Named::Nobody, None, result);
            if let Some(times) = UNKNOWN.again(&address.to_string()) {
                tracing::warn!(%address, %times, "login failed: an unknown token");
            }
            return Err(Stranger::Unnamed("this token lets nobody in: it was revoked, or it is not whole"));
        };
        self.let_in(who, peer, door).map_err(Stranger::Refused)
    }
}
