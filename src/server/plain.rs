//! What the listeners without TLS still do once there is TLS, and what it takes that a browser never comes without.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::response::IntoResponse;

use super::answer::refusal;
use super::place::Place;
use super::{App, Plain, gate};

/// Where the certificate of the authority is, for devices that are to trust it. It is no secret, and they need it before they
/// can use TLS.
pub(super) const AUTHORITY: &str = "/authority.crt";

/// Half a year.
pub(super) const NEVER_PLAIN: HeaderValue = HeaderValue::from_static("max-age=15552000");

/// What other programs of this machine may ask for without TLS, whatever is set: nothing of it is a secret.
const OF_THE_MACHINE: [&str; 3] = ["/healthz", "/metrics", "/api/accounts"];

/// The answer to a request that has to come over TLS; `None` where it may come as it does.
pub(super) fn turned_to_tls(
    app: &App,
    place: &Place,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<Response<Body>> {
    let is_near = place.address.ip().to_canonical().is_loopback();
    let may = match app.settings.plain {
        Plain::Serve => true,
        Plain::Redirect => is_near && OF_THE_MACHINE.contains(&uri.path()),
        Plain::Loopback => is_near,
    };
    if may || place.is_encrypted() || uri.path() == AUTHORITY {
        return None;
    }
    let there = address(app, uri, headers);
    if app.settings.plain == Plain::Loopback {
        app.hub.figures().connections_refused.add(1);
        let there = there.map(|there| format!(": {there}")).unwrap_or_default();
        let sentence = format!("from other machines the hub is reached over TLS only{there}");
        return Some(refusal(StatusCode::FORBIDDEN, &sentence));
    }
    let Some(there) = there else {
        return Some(refusal(StatusCode::BAD_REQUEST, "the hub is reached over TLS, at https://"));
    };
    let mut response =
        refusal(StatusCode::PERMANENT_REDIRECT, &format!("the hub is reached over TLS: {there}"));
    if let Ok(there) = HeaderValue::try_from(there) {
        response.headers_mut().insert(LOCATION, there);
    }
    Some(response)
}

/// The same address with TLS.
fn address(app: &App, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let (name, _) = gate::name_and_port(gate::host(headers)?);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    match app.settings.tls_port? {
        443 => Some(format!("https://{name}{path}")),
        port => Some(format!("https://{name}:{port}{path}")),
    }
}

/// Whether a browser may be told to come with TLS only, from now on. It then does so for every port of that name, so this is
/// told only where the hub has the usual port, and sends all others there. An address is not told: the next network may
/// give it to another machine.
pub(super) fn is_never_plain(app: &App, place: &Place, headers: &HeaderMap) -> bool {
    let is_a_name = |host: &str| {
        let (name, port) = gate::name_and_port(host);
        port.is_empty() && !name.starts_with('[') && name.parse::<IpAddr>().is_err()
    };
    app.settings.plain == Plain::Redirect
        && place.is_encrypted()
        && !gate::calls_this_machine(headers)
        && gate::host(headers).is_some_and(is_a_name)
}

/// The certificate of the authority, where it stands in the file of the hub's certificate.
pub(super) async fn authority(State(app): State<Arc<App>>) -> Response<Body> {
    match app.offer.as_ref().and_then(|offer| offer.facts().authority.clone()) {
        Some(der) => ([(CONTENT_TYPE, "application/x-x509-ca-cert")], der.to_vec()).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "this hub has no authority of its own"),
    }
}
