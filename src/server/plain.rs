//! What the listeners without TLS still do once there is TLS, and what it takes that a browser never comes without.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, Response, StatusCode, Uri};
use axum::response::IntoResponse;

use super::answer::refusal;
use super::peer::Peer;
use super::request::without_prefix;
use super::{App, Plain, gate};

/// Where the certificate of the authority is, for devices that are to trust it. It is no secret, and they need it before they
/// can use TLS.
pub(super) const AUTHORITY: &str = "/authority.crt";

/// Half a year.
pub(super) const NEVER_PLAIN: HeaderValue = HeaderValue::from_static("max-age=15552000");

/// What other programs of this machine may ask for without TLS, whatever is set: nothing of it is a secret.
const OF_THE_MACHINE: [&str; 2] = ["/healthz", "/metrics"];

/// The answer to a request that has to come over TLS; `None` where it may come as it does.
pub(super) fn turned_to_tls(app: &App, peer: &Peer, uri: &Uri) -> Option<Response<Body>> {
    let path = without_prefix(uri.path(), &app.settings.path_prefix).unwrap_or(uri.path());
    let may = match app.settings.plain {
        Plain::Serve => true,
        Plain::Redirect => peer.is_near() && OF_THE_MACHINE.contains(&path),
        Plain::Loopback => peer.is_near(),
    };
    if may || peer.is_encrypted() || path == AUTHORITY {
        return None;
    }
    let there = address(app, peer, uri);
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
fn address(app: &App, peer: &Peer, uri: &Uri) -> Option<String> {
    const USUAL: u16 = 443;
    let (name, _) = gate::name_and_port(peer.host()?);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // Where a proxy is in front, TLS is the proxy's.
    let port = if peer.is_forwarded() { Some(USUAL) } else { app.settings.tls_port };
    match port? {
        USUAL => Some(format!("https://{name}{path}")),
        port => Some(format!("https://{name}:{port}{path}")),
    }
}

/// Whether a browser may be told to come with TLS only, from now on. It then does so for every port of that name, so this is
/// told only where the hub has the usual port, and sends all others there. An address is not told: the next network may
/// give it to another machine.
pub(super) fn is_never_plain(app: &App, peer: &Peer) -> bool {
    let is_a_name = |host: &str| {
        let (name, port) = gate::name_and_port(host);
        port.is_empty() && !name.starts_with('[') && name.parse::<IpAddr>().is_err()
    };
    app.settings.plain == Plain::Redirect
        && peer.is_encrypted()
        && !gate::calls_this_machine(peer.host())
        && peer.host().is_some_and(is_a_name)
}

/// The certificate of the authority, where it stands in the file of the hub's certificate.
pub(super) async fn authority(State(app): State<Arc<App>>) -> Response<Body> {
    match app.offer.as_ref().and_then(|offer| offer.facts().authority.clone()) {
        Some(der) => ([(CONTENT_TYPE, "application/x-x509-ca-cert")], der.to_vec()).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "this hub has no authority of its own"),
    }
}
