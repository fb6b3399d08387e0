//! The answer where there is nothing: it lists what there is.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::answer::refusal;
use super::diagnostics::endpoint::Endpoint;
use super::request::tidy_path;
use super::{App, page};

/// Names the paths that there are, and the one that was perhaps meant.
pub(super) fn unsupported(app: &App, path: &str) -> Response<Body> {
    let devices = if app.diagnostics().is_some() {
        let paths = Endpoint::PATHS.join(", ");
        let page = page::is_there(page::DIAGNOSTICS);
        let page = if page { format!("{} (a page) and ", page::DIAGNOSTICS) } else { String::new() };
        format!("; to bring up a device at {page}{paths} (WebSocket)")
    } else {
        String::new()
    };
    let meant = tidy_path(path).filter(|path| is_there(app, path));
    let meant = meant.map(|path| format!("; leave out the slash too many: {path}")).unwrap_or_default();
    let sentence = format!(
        "Unsupported Request-URI{meant}; the hub answers at / (the page), /auth/clown-talk-server_BASE, \
         /auth/clown-talk-client_BASE and /talk/BASE (WebSocket), /api (the calls of HTTP), /api/topics, /api/publish, /api/stream, /api/nodes, \
         /api/version, /api/session, /api/history, /api/events, /api/accounts, /healthz and /metrics{devices}"
    );
    refusal(StatusCode::NOT_FOUND, &sentence)
}

/// Whether there is something at a path that is no door.
fn is_there(app: &App, path: &str) -> bool {
    let is_device = Endpoint::PATHS.contains(&path) || path == page::DIAGNOSTICS;
    matches!(
        path,
        "/api/session" | "/api/history" | "/api/events" | "/api/accounts" | "/healthz" | "/metrics"
    ) || (page::is_there(path) && path != page::DIAGNOSTICS)
        || (is_device && app.diagnostics().is_some())
}
