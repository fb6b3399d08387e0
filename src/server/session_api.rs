//! `/api/session`: how the page signs in, asks who it is, and signs out. JSON both ways; a wrong password is answered
//! without a challenge, as browsers would cover the page with a dialog of their own.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::answer::{allowing, retry_after, status_of};
use super::browser;
use super::gate::{Stranger, cookie_name, cookies};
use super::peer::Peer;
use super::{App, Door};
use crate::access::{Account, LoginError, SignedIn, Visitor};
use crate::audit::Named;
use crate::seldom::Seldom;
use crate::topic::Filter;

/// Name and password fit into this.
const BODY: usize = 4096;

/// What the form sends; or the page, with the token of a link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum SignIn {
    Password {
        name: String,
        password: String,
        #[serde(default)]
        stay: bool,
    },
    Token {
        token: String,
        #[serde(default)]
        stay: bool,
    },
}

pub(crate) async fn session(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    request: Request,
) -> Response<Body> {
    if let Err(refused) = app.welcomes(request.headers(), &peer) {
        return complaint(StatusCode::FORBIDDEN, "origin", &refused);
    }
    let mut response = match *request.method() {
        Method::POST => sign_in(&app, &peer, request).await,
        Method::GET => who(&app, &request, &peer),
        Method::DELETE => sign_out(&app, request.headers(), &peer).await,
        _ => {
            let refused = complaint(StatusCode::METHOD_NOT_ALLOWED, "method", "use POST, GET or DELETE");
            allowing("GET, POST, DELETE", refused)
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn sign_in(app: &App, peer: &Peer, request: Request) -> Response<Body> {
    let visitor =
        Visitor { address: peer.address().to_string().into(), browser: browser::of(request.headers()) };
    let body = timeout(app.settings.handshake, to_bytes(request.into_body(), BODY)).await;
    let Ok(Ok(body)) = body else {
        return complaint(StatusCode::BAD_REQUEST, "body", "the body did not arrive, or is over 4096 bytes");
    };
    let (proved, stay) = match serde_json::from_slice(&body) {
        Ok(SignIn::Password { name, password, stay }) => {
            (app.login(peer, Door::Page, &name, password.as_bytes()).await, stay)
        }
        Ok(SignIn::Token { token, stay }) => match app.sign_in_with_token(peer, Door::Page, &token) {
            Ok(signed_in) => (Ok(signed_in), stay),
            Err(Stranger::Refused(error)) => (Err(error), stay),
            Err(Stranger::Unnamed(sentence)) => {
                return complaint(StatusCode::UNAUTHORIZED, "token", sentence);
            }
        },
        Err(_) => {
            let sentence = "the body must be {\"name\": \"…\", \"password\": \"…\"} or {\"token\": \"…\"}, and \"stay\": true to \
                            stay signed in";
            return complaint(StatusCode::BAD_REQUEST, "body", sentence);
        }
    };
    let signed_in = match proved {
        Ok(signed_in) => signed_in,
        Err(error) => return refused(error),
    };
    match app.access.start_web_session(&signed_in, visitor, stay) {
        // The account was changed while the password was looked at: what has just begun is over, also in the store.
        Ok(session) if signed_in.ended.is_cancelled() => {
            app.access.end_web_session(&session.token);
            app.access.web_sessions_settled().await;
            refused(LoginError::Changed)
        }
        Ok(session) => {
            let named = Named::Account(&signed_in.user.name);
            app.note_sign_in(peer, (Door::Page, signed_in.way), named, None, Ok(()));
            app.access.web_sessions_settled().await;
            let cookie = cookie(app, &session.token, session.lasts, peer);
            (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
        }
        Err(error) => {
            static NO_SESSION: Seldom = Seldom::new();
            if let Some(times) = NO_SESSION.again("") {
                tracing::error!(%error, %times, "the sign-in of a page could not be stored: pages cannot sign in");
            }
            complaint(StatusCode::SERVICE_UNAVAILABLE, "busy", "no session could be made, try again")
        }
    }
}

fn refused(error: LoginError) -> Response<Body> {
    let mut body = json!({ "error": "login", "message": error.to_string() });
    if let (LoginError::Wrong { tries_left }, Some(body)) = (error, body.as_object_mut()) {
        body.insert("tries_left".to_owned(), tries_left.into());
    }
    let mut response = answer(status_of(error), &body);
    if let Some(wait) = retry_after(error) {
        response.headers_mut().insert(RETRY_AFTER, wait.into());
    }
    response
}

fn who(app: &App, request: &Request, peer: &Peer) -> Response<Body> {
    let headers = request.headers();
    let page = cookies(app, headers, peer).find_map(|token| Some((token, app.access.web_session(token)?)));
    let page = page.filter(|(_, page)| app.admits(&page.signed_in, peer).is_ok());
    if let Some((token, page)) = page {
        let mut response = is(app, &page.signed_in);
        // The cookie is to last as long as the session behind it.
        let cookie = page.lasts.and_then(|lasts| HeaderValue::try_from(cookie(app, token, lasts, peer)).ok());
        if let Some(cookie) = cookie {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        response
    } else if let Some(signed_in) =
        app.signed_in_by_certificate(peer).filter(|named| app.admits(named, peer).is_ok())
    {
        is(app, &signed_in)
    } else {
        let (status, mut body) = if is_quiet(request) {
            (StatusCode::OK, json!({ "name": null }))
        } else {
            (StatusCode::UNAUTHORIZED, json!({ "error": "session", "message": "nobody is signed in" }))
        };
        if let (true, Some(body)) = (app.access.accounts().is_demo(), body.as_object_mut()) {
            body.insert("demo".to_owned(), true.into());
        }
        answer(status, &body)
    }
}

/// Whether "nobody" is no error: browsers write each 401 to their console, and for a page it is an answer like others.
fn is_quiet(request: &Request) -> bool {
    request.uri().query().is_some_and(|query| query.split('&').any(|part| part == "quiet"))
}

/// Who is at the page.
fn is(app: &App, signed_in: &SignedIn) -> Response<Body> {
    let body = json!({
        "name": &*signed_in.user.name,
        "version": env!("CARGO_PKG_VERSION"),
        "demo": app.access.accounts().is_demo(),
        "admin": signed_in.user.rights.admin,
        "token": app.access.accounts().get(&signed_in.user.name).is_some_and(Account::is_token),
        "publish": signed_in.user.rights.publish.iter().map(Filter::as_str).collect::<Vec<_>>(),
    });
    answer(StatusCode::OK, &body)
}

async fn sign_out(app: &App, headers: &HeaderMap, peer: &Peer) -> Response<Body> {
    let mut has_ended = false;
    for user in cookies(app, headers, peer).filter_map(|token| app.access.end_web_session(token)) {
        app.hub.note_sign_out(&user, peer.address(), Door::Page.name());
        has_ended = true;
    }
    if has_ended {
        app.access.web_session_ends_settled().await;
    }
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie(app, "", Duration::ZERO, peer))]).into_response()
}

/// With `Max-Age` it outlives the browser's window.
fn cookie(app: &App, token: &str, lasts: Duration, peer: &Peer) -> String {
    let (name, seconds) = (cookie_name(app, peer), lasts.as_secs());
    let secure = if peer.is_encrypted() { "; Secure" } else { "" };
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}; Max-Age={seconds}")
}

fn complaint(status: StatusCode, error: &str, message: &str) -> Response<Body> {
    answer(status, &json!({ "error": error, "message": message }))
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    (status, [(CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}
