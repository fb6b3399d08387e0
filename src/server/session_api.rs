//! `/api/session`: how the page signs in, asks who it is, and signs out. JSON both ways; a wrong password is answered
//! without a challenge, as browsers would cover the page with a dialog of their own.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::answer::{retry_after, status_of};
use super::gate::{COOKIE_NAME, cookies};
use super::place::Place;
use super::{App, Door};
use crate::access::LoginError;
use crate::seldom::Seldom;

/// Name and password fit into this.
const BODY: usize = 4096;

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    name: String,
    password: String,
}

pub(crate) async fn session(
    State(app): State<Arc<App>>,
    Extension(place): Extension<Arc<Place>>,
    request: Request,
) -> Response<Body> {
    if let Err(refused) = app.welcomes(request.headers(), &place) {
        return complaint(StatusCode::FORBIDDEN, "origin", &refused);
    }
    let mut response = match *request.method() {
        Method::POST => sign_in(&app, &place, request).await,
        Method::GET => who(&app, request.headers()),
        Method::DELETE => sign_out(&app, request.headers()),
        _ => complaint(StatusCode::METHOD_NOT_ALLOWED, "method", "use POST, GET or DELETE"),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn sign_in(app: &App, place: &Place, request: Request) -> Response<Body> {
    let body = timeout(app.settings.handshake, to_bytes(request.into_body(), BODY)).await;
    let Ok(Ok(body)) = body else {
        return complaint(StatusCode::BAD_REQUEST, "body", "the body did not arrive, or is over 4096 bytes");
    };
    let Ok(SignIn { name, password }) = serde_json::from_slice(&body) else {
        return complaint(
            StatusCode::BAD_REQUEST,
            "body",
            "the body must be {\"name\": \"…\", \"password\": \"…\"}",
        );
    };
    let signed_in = match app.login(place, Door::Page, &name, password.as_bytes()).await {
        Ok(signed_in) => signed_in,
        Err(error) => return refused(error),
    };
    match app.access.start_web_session(&signed_in) {
        Ok(session) => {
            app.note_sign_in(place, Door::Page, Some(&signed_in.user.name), None, Ok(()));
            let seconds = session.lasts.as_secs();
            let cookie = format!(
                "{COOKIE_NAME}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}",
                session.token
            );
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

fn who(app: &App, headers: &HeaderMap) -> Response<Body> {
    if let Some(signed_in) = app.signed_in_page(headers) {
        answer(
            StatusCode::OK,
            &json!({
                "name": &*signed_in.user.name,
                "version": env!("CARGO_PKG_VERSION"),
                "demo": app.access.accounts().is_demo(),
            }),
        )
    } else {
        let mut body = json!({ "error": "session", "message": "nobody is signed in" });
        if let (true, Some(body)) = (app.access.accounts().is_demo(), body.as_object_mut()) {
            body.insert("demo".to_owned(), true.into());
        }
        answer(StatusCode::UNAUTHORIZED, &body)
    }
}

fn sign_out(app: &App, headers: &HeaderMap) -> Response<Body> {
    for token in cookies(headers) {
        app.access.end_web_session(token);
    }
    let cookie = format!("{COOKIE_NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}

fn complaint(status: StatusCode, error: &str, message: &str) -> Response<Body> {
    answer(status, &json!({ "error": error, "message": message }))
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    (status, [(CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}
