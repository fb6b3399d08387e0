//! Answers over HTTP that say no.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Extension;
use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;

use super::App;
use super::gate::Stranger;
use crate::access::LoginError;

/// The sentence of a refusal, beside its body: for doors that write it in another form.
#[derive(Debug, Clone)]
pub(super) struct Sentence(pub(super) Arc<str>);

/// A status and a sentence.
pub(super) fn refusal(status: StatusCode, sentence: &str) -> Response<Body> {
    (status, Extension(Sentence(sentence.into())), format!("{sentence}\n")).into_response()
}

/// The refusal of a method, with those that the path takes (RFC 9110, section 15.5.6).
pub(super) fn allowing(methods: &'static str, mut refused: Response<Body>) -> Response<Body> {
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    refused
}

/// As [`refusal`], for a client that there is no place for now.
pub(super) fn no_place(sentence: &str) -> Response<Body> {
    let mut refused = refusal(StatusCode::SERVICE_UNAVAILABLE, sentence);
    refused.headers_mut().insert(RETRY_AFTER, 5.into());
    refused
}

/// As [`refusal`], for a handshake that is refused for its form. It is counted.
pub(super) fn turned_down(app: &App, status: StatusCode, sentence: &str) -> Response<Body> {
    app.hub.figures().connections_refused.add(1);
    refusal(status, sentence)
}

/// As [`turned_down`], for a handshake by another method than GET.
pub(super) fn not_by_get(app: &App) -> Response<Body> {
    allowing("GET", turned_down(app, StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is opened with GET"))
}

/// The answer to a client that has not signed in. The challenge makes browsers send the name and password of the URL.
pub(super) fn not_recognised(stranger: &Stranger) -> Response<Body> {
    const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"clown-hub\", charset=\"UTF-8\"");
    let (mut response, wait) = match stranger {
        Stranger::Unnamed(sentence) => (refusal(StatusCode::UNAUTHORIZED, sentence), None),
        Stranger::Refused(error) => (refusal(status_of(*error), &error.to_string()), retry_after(*error)),
    };
    match wait {
        Some(wait) => response.headers_mut().insert(RETRY_AFTER, wait.into()),
        // Another password would not help.
        None if response.status() == StatusCode::FORBIDDEN => None,
        None => response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE),
    };
    response
}

/// The one table from a refused login to its status.
pub(super) fn status_of(error: LoginError) -> StatusCode {
    match error {
        LoginError::Wrong { .. } => StatusCode::UNAUTHORIZED,
        LoginError::NoCertificate | LoginError::NotFromHere | LoginError::Over | LoginError::Changed => {
            StatusCode::FORBIDDEN
        }
        LoginError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        LoginError::Busy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Seconds to wait before the next try.
pub(super) fn retry_after(error: LoginError) -> Option<u64> {
    match error {
        LoginError::Wrong { .. }
        | LoginError::NoCertificate
        | LoginError::NotFromHere
        | LoginError::Over
        | LoginError::Changed => None,
        LoginError::TooMany { retry_after } => Some(retry_after.as_secs() + 1),
        LoginError::Busy => Some(2),
    }
}
