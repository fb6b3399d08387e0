//! The body of a request as the payload of a message: JSON as it is, a text as a string, and other bytes as `{"$base64": …}`.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use tokio::time::timeout;

use super::problem::Problem;
use crate::hub::{Found, Outbox};
use crate::server::seat::Seated;
use crate::server::sent::ENDED;
use crate::talk::{Frames, foreign, frame};

/// What the header `Content-Type` says of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Json,
    Text,
    Bytes,
    /// Nothing is said.
    None,
}

/// Reads a body of at most so many bytes, for the account of a session: it is held for it like a message that has not come whole.
/// Afterwards the account is looked at again.
pub(super) async fn read(
    session: &mut Seated<'_>,
    headers: &HeaderMap,
    body: Body,
    most: usize,
    patience: Duration,
) -> Result<Bytes, Problem> {
    let too_large =
        || Problem::too_large(format!("the body may have at most {most} bytes")).with("limit", most);
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    // Told before it is sent, where the client waits for that.
    if length.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    session.holds(length.unwrap_or(most));
    session.relieve();
    let read = tokio::select! {
        read = timeout(patience, to_bytes(body, most)) => read,
        () = given_up(session.outbox()) => return Err(Problem::memory()),
    };
    session.holds(0);
    if !session.looks_at_the_account() {
        return Err(Problem::ends(ENDED));
    }
    match read {
        Ok(Ok(body)) => Ok(body),
        // The crate does not let others name this error.
        Ok(Err(error)) if error.to_string().contains("length limit") => Err(too_large()),
        Ok(Err(_)) => Err(Problem::body("the body broke off")),
        Err(_) => {
            Err(Problem::too_slow(format!("the body did not come whole within {} s", patience.as_secs())))
        }
    }
}

/// Waits until the memory of the hub is used up, and this client is one of those that held much of it.
async fn given_up(outbox: &Outbox) {
    while outbox.ready().await != Found::Overflow {
        // Answers to what was said before; nobody reads them any more.
        std::future::pending::<()>().await;
    }
}

/// Looks at the headers before the body is read.
fn type_of(headers: &HeaderMap) -> Result<Type, Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::media_type(
            "the body must come without Content-Encoding: the hub does not unpack",
        ));
    }
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(value) = values.next() else { return Ok(Type::None) };
    if values.next().is_some() {
        return Err(Problem::header("the header Content-Type may be there only once"));
    }
    let value = value.to_str().map_err(|_| Problem::header("the header Content-Type is not readable"))?;
    let name = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_utf8 = |charset: &str| {
        matches!(charset.trim_matches('"').to_ascii_lowercase().as_str(), "utf-8" | "us-ascii")
    };
    let charset = value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim())
    });
    let found = match &*name {
        "application/json" => Type::Json,
        json if json.ends_with("+json") => Type::Json,
        text if text.starts_with("text/") => Type::Text,
        "application/x-www-form-urlencoded" => {
            return Err(Problem::media_type(
                "application/x-www-form-urlencoded is what curl says of -d by itself: say --json '…', or -H 'Content-Type: \
                 application/json'",
            ));
        }
        "" => return Err(Problem::header("the header Content-Type is empty")),
        _ => Type::Bytes,
    };
    if found != Type::Bytes && charset.is_some_and(|charset| !is_utf8(charset)) {
        return Err(Problem::media_type("the body must be UTF-8"));
    }
    Ok(found)
}

/// What the headers say, before a body is read that would be refused.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    type_of(headers).map(drop)
}

/// What the headers say of a body of lines.
pub(super) fn check_lines(headers: &HeaderMap) -> Result<(), Problem> {
    let kind =
        headers.get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase());
    let name = kind.as_deref().and_then(|kind| kind.split(';').next()).map(str::trim);
    if matches!(name, Some("application/x-ndjson" | "application/jsonl" | "application/ndjson")) {
        // As JSON, for what else is looked at.
        return type_of(headers).map(drop);
    }
    match type_of(headers)? {
        Type::Json | Type::Text | Type::None => Ok(()),
        Type::Bytes => Err(Problem::media_type("lines of JSON are application/x-ndjson")),
    }
}

/// The body as a payload.
pub(super) fn payload<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<Cow<'b, str>, Problem> {
    let text = || {
        std::str::from_utf8(body)
            .map_err(|error| Problem::body("the body is not UTF-8").with("at", error.valid_up_to()))
    };
    match type_of(headers)? {
        Type::Json => {
            let text = text()?;
            frame::payload(text).map(Cow::Borrowed).ok_or_else(|| no_json(text))
        }
        Type::Text => Ok(foreign::from_text(text()?).into()),
        Type::Bytes => Ok(foreign::from_binary(body).into()),
        Type::None if body.is_empty() => {
            Err(Problem::body("there is no body: the payload goes into it, as 21.5"))
        }
        Type::None => Ok(foreign::from_bytes(body)),
    }
}

/// What stands in front of a payload in a frame.
const BEFORE: &str = "[\"t\",";

/// What is wrong with a text that is no JSON, in the words of the wire.
fn no_json(text: &str) -> Problem {
    if text.trim().is_empty() {
        return Problem::body("the body is empty: JSON is expected, as 21.5 or {\"state\": true}");
    }
    let framed = format!("{BEFORE}{text}]");
    let error = Frames::of(&framed).find_map(Result::err);
    match error {
        Some(error) if error.at >= BEFORE.len() => {
            Problem::body(error.fault.to_string()).with("at", (error.at - BEFORE.len()).min(text.len()))
        }
        _ => Problem::body("the body must be one JSON value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn of(kind: Option<&str>, body: &[u8]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
        }
        payload(&headers, body).map(Cow::into_owned).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn a_body_becomes_a_payload_as_its_type_says() {
        let json = Some("application/json; charset=UTF-8");
        assert_eq!(of(json, b" {\"a\": 20.10}\n").unwrap(), "{\"a\": 20.10}");
        assert_eq!(of(Some("application/senml+json"), b"[1]").unwrap(), "[1]");
        assert_eq!(of(Some("text/plain"), b"20").unwrap(), "\"20\"");
        assert_eq!(of(Some("image/png"), b"20").unwrap(), "{\"$base64\":\"MjA=\"}");
        assert_eq!(of(None, b"20").unwrap(), "20");
        assert_eq!(of(None, b"on").unwrap(), "\"on\"");
        assert_eq!(of(None, b"\xff").unwrap(), "{\"$base64\":\"/w==\"}");
        for (kind, body, word) in [
            (json, &b"nan"[..], "send null"),
            (json, b"", "the body is empty"),
            (json, b"1, {\"id\": 1}", "one JSON value"),
            (json, b"1] 2", ""),
            (json, b"\xff", "not UTF-8"),
            (Some("text/plain; charset=latin1"), b"a", "must be UTF-8"),
            (Some("application/x-www-form-urlencoded"), b"a=1", "--json"),
            (Some(""), b"1", "is empty"),
            (None, b"", "no body"),
        ] {
            let why = of(kind, body).unwrap_err();
            assert!(why.contains(word), "{kind:?}: {why}");
        }
    }
}
