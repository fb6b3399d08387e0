//! What a request brings for a door of the operator or of the page: its user, its body as JSON, and the versions that it was made for.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, IF_MATCH};
use axum::http::{Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::accounts_api::complaint;
use super::accounts_desk::Refusal;
use super::answer::not_recognised;
use super::gate::Stranger;
use super::peer::Peer;
use super::{App, Door};
use crate::access::SignedIn;

/// What is told where a sign-in ends while its request is under way.
pub(super) const ENDED: &str =
    "the sign-in has ended since the request began, or the hub is being stopped: sign in, and ask again";

/// Who asks, from a page that may.
pub(super) async fn user(
    app: &App,
    peer: &Peer,
    headers: &HeaderMap,
) -> Result<SignedIn, Box<Response<Body>>> {
    if let Err(refused) = app.welcomes(headers, peer) {
        return Err(Box::new(complaint(Refusal::new(StatusCode::FORBIDDEN, "origin", refused))));
    }
    match app.recognise(headers, peer, Door::Http).await {
        Ok(who) => Ok(who),
        // A page asks for the sign-in itself: a challenge would have the browser cover it with a dialog.
        Err(Stranger::Unnamed(_)) if !headers.contains_key(AUTHORIZATION) => {
            let sentence = "nobody is signed in: send name and password, or the cookie of a page's sign-in";
            Err(Box::new(complaint(Refusal::new(StatusCode::UNAUTHORIZED, "session", sentence))))
        }
        Err(stranger) => Err(Box::new(not_recognised(&stranger))),
    }
}

/// Who asks, as the account stands now.
pub(super) fn again(peer: &Peer, who: &SignedIn) -> Result<SignedIn, Refusal> {
    let ends = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "ends", ENDED);
    who.again(peer.address(), peer.is_untold()).ok_or_else(ends)
}

/// The text of the body, which has to be JSON. Afterwards `who` is as the account stands then: a body may take its time.
pub(super) async fn json_text(
    app: &App,
    (peer, who): (&Peer, &mut SignedIn),
    request: Request,
    most: usize,
) -> Result<String, Refusal> {
    let is_json =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        });
    if !is_json {
        let sentence = "the body must be JSON: send Content-Type: application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body", sentence));
    }
    let bad = |sentence: String| Refusal::new(StatusCode::BAD_REQUEST, "body", sentence);
    let body = timeout(app.settings.handshake, to_bytes(request.into_body(), most)).await;
    let Ok(Ok(body)) = body else {
        return Err(bad(format!("the body did not arrive, or is over {most} bytes")));
    };
    *who = again(peer, who)?;
    String::from_utf8(body.into()).map_err(|_| bad("the body is not UTF-8".to_owned()))
}

/// The body as what it has to be.
pub(super) async fn json<T: DeserializeOwned>(
    app: &App,
    who: (&Peer, &mut SignedIn),
    request: Request,
    most: usize,
) -> Result<T, Refusal> {
    let text = json_text(app, who, request, most).await?;
    serde_json::from_str(&text)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "body", format!("the body: {error}")))
}

/// The versions that a change was made for, as the header `If-Match` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// None is named.
    Nothing,
    /// Any.
    Any,
    /// These.
    These(Vec<String>),
}

pub(super) fn seen(headers: &HeaderMap) -> Seen {
    let matches = headers.get_all(IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    let matches: Vec<_> = matches.flat_map(|value| value.split(',')).map(str::trim).collect();
    if matches.is_empty() {
        Seen::Nothing
    } else if matches.contains(&"*") {
        Seen::Any
    } else {
        Seen::These(matches.iter().map(|tag| tag.trim_matches('"').to_owned()).collect())
    }
}
