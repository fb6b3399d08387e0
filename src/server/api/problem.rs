//! Why a request is not answered: a problem document (RFC 9457).

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::shapes::{self, ProblemShape};
use crate::hub::{Excess, NotOpened, NotRead, NotSaid, NotSubscribed, Refusal};
use crate::server::answer::Sentence;

/// The media type of these documents.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// What is wrong. In a box, as it is rare, and an answer of many functions.
#[derive(Debug)]
pub(super) struct Problem(Box<Inside>);

#[derive(Debug)]
struct Inside {
    status: StatusCode,
    /// What of it is a kind of its own; nothing where the status says it all.
    kind: Option<&'static str>,
    title: &'static str,
    detail: String,
    members: Map<String, Value>,
    /// Members that are JSON text already.
    texts: Vec<(&'static str, String)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        let (members, texts, headers) = (Map::new(), Vec::new(), Vec::new());
        let inside =
            Inside { status, kind: Some(kind), title, detail: detail.into(), members, texts, headers };
        Self(Box::new(inside))
    }

    pub(super) fn query(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "query", "The query makes no sense", detail)
    }

    pub(super) fn header(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "header", "A header makes no sense", detail)
    }

    pub(super) fn topic(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "topic", "This is no topic", detail)
    }

    pub(super) fn body(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "body", "The body makes no sense", detail)
    }

    pub(super) fn media_type(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "The body is of no type that is taken",
            detail,
        )
    }

    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
    }

    pub(super) fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The body did not come in time", detail)
    }

    pub(super) fn forbidden(detail: impl Into<String>, right: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "rights", "The rights of the user do not allow this", detail)
            .with("right", right)
    }

    pub(super) fn origin(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "origin", "This page may not use the hub", detail)
    }

    pub(super) fn no_value(topic: &str) -> Self {
        let detail = "this topic has no last value: nothing was kept that was said there, or it was cleared";
        Self::new(StatusCode::NOT_FOUND, "no-value", "There is no last value", detail).with("topic", topic)
    }

    pub(super) fn nothing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "nothing", "There is nothing at this path", detail)
    }

    pub(super) fn changed() -> Self {
        let (status, detail) = (StatusCode::PRECONDITION_FAILED, Refusal::Changed.to_string());
        Self::new(status, "changed", "The last value is another one", detail)
    }

    /// A command was routed, or was not, and nothing came of it.
    pub(super) fn command(reason: &str) -> Self {
        let word = reason.split(':').next().unwrap_or_default();
        match word {
            "timeout" => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "The node has not confirmed", reason)
            }
            "offline" => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "offline", "No node reads the command", reason)
            }
            "refused" => {
                Self::new(StatusCode::CONFLICT, "refused", "The node has refused the command", reason)
            }
            "superseded" => {
                Self::new(StatusCode::CONFLICT, "superseded", "A later command came first", reason)
            }
            "forbidden" if reason.contains("subscribe") => Self::forbidden(reason, "subscribe"),
            "forbidden" if reason.contains("retain") => Self::forbidden(reason, "retain"),
            "forbidden" => Self::forbidden(reason, "publish"),
            "not published" => Self::new(StatusCode::TOO_MANY_REQUESTS, "waiting", "Too much waits", reason),
            _ if reason.starts_with("routed, but") => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-on-disk", "It is not on the disk", reason)
            }
            _ => Self::query(reason),
        }
    }

    pub(super) fn not_on_disk() -> Self {
        Self::command("routed, but not on the disk yet: too much waits to be written")
    }

    pub(super) fn busy_connection() -> Self {
        let detail = "an earlier answer on this connection is not read yet: open a new one for the stream";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "The connection is busy", detail)
    }

    /// The account has all its connections.
    pub(super) fn no_place(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "There is no place", detail).again_in(5)
    }

    /// Of the lines of a batch so many are wrong.
    pub(super) fn lines(mistakes: usize) -> Self {
        let detail = match mistakes {
            1 => "one line was not published: errors says which; all others were".to_owned(),
            _ => format!(
                "{mistakes} lines were not published: errors says which (the first 100); all others were"
            ),
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "lines", "Some lines were not published", detail)
            .with("mistakes", mistakes)
    }

    pub(super) fn memory() -> Self {
        let detail = "the hub is out of memory, and much of it was held for this client: send less, or later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "memory", "The hub is out of memory", detail).again_in(5)
    }

    pub(super) fn takes_too_long() -> Self {
        let detail =
            "looking for all that the filter names takes too long: ask with a filter that names less";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "It takes too long", detail).again_in(5)
    }

    pub(super) fn ends(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ends", "The sign-in or the hub ends", detail)
    }

    pub(super) fn method(allowed: &str) -> Self {
        let detail = format!("this path answers to {allowed}");
        let mut problem =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This method is none of this path", detail);
        problem.0.headers.extend(HeaderValue::try_from(allowed).map(|allowed| (ALLOW, allowed)));
        problem
    }

    fn too_much(excess: Excess) -> Self {
        let detail = format!("{excess}: send less, or wait");
        let problem =
            Self::new(StatusCode::TOO_MANY_REQUESTS, "too-much", "The client sends too much", detail);
        problem.again_in(1)
    }

    fn again_in(mut self, seconds: u64) -> Self {
        self.0.headers.push((RETRY_AFTER, seconds.into()));
        self
    }

    /// With a member more.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// With a member more that is JSON text.
    pub(super) fn with_text(mut self, name: &'static str, text: Option<String>) -> Self {
        self.0.texts.extend(text.map(|text| (name, text)));
        self
    }

    /// The sentence alone.
    pub(super) fn into_detail(self) -> String {
        self.0.detail
    }

    /// The sentence.
    #[cfg(test)]
    pub(super) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Its status.
    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The document, for a hub whose paths have this prefix.
    pub(super) fn answer(self, prefix: &str) -> Response<Body> {
        let Inside { status, kind, title, detail, members, texts, headers } = *self.0;
        let kind = kind.map_or_else(|| "about:blank".to_owned(), |kind| format!("{prefix}/api#{kind}"));
        let mut text =
            shapes::text(&ProblemShape { kind, title, status: status.as_u16(), detail: &detail, members });
        for (name, value) in texts {
            // What is none is left out.
            if serde_json::from_str::<&RawValue>(&value).is_ok() {
                text.pop();
                text.extend([",\"", name, "\":", &value, "}"]);
            }
        }
        let mut response = (status, [(CONTENT_TYPE, MEDIA_TYPE)], text + "\n").into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().extend(headers);
        response
    }
}

/// What was refused by a sentence, as a problem document. Its headers stay.
pub(in crate::server) fn of_refusal(mut response: Response<Body>) -> Response<Body> {
    let Some(Sentence(detail)) = response.extensions_mut().remove() else { return response };
    let (status, kind) = (response.status(), None);
    let title = status.canonical_reason().unwrap_or("Refused");
    let (members, texts, headers) = (Map::new(), Vec::new(), Vec::new());
    let detail = detail.to_string();
    let inside = Inside { status, kind, title, detail, members, texts, headers };
    let document = Problem(Box::new(inside)).answer("");
    let (parts, body) = document.into_parts();
    response.headers_mut().extend(parts.headers);
    *response.body_mut() = body;
    response
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let sentence = refusal.to_string();
        match refusal {
            Refusal::Reserved => {
                Self::forbidden("topics under clown.talk/ and $SYS/ are the hub's own", "publish")
            }
            Refusal::MayNotPublish => Self::forbidden(sentence, "publish"),
            Refusal::MayNotRetain => Self::forbidden(sentence, "retain"),
            Refusal::Changed => Self::changed(),
            Refusal::Unconfirmed => Self::command(&sentence),
            Refusal::StoreFull(_) => {
                let status = StatusCode::INSUFFICIENT_STORAGE;
                Self::new(status, "full", "It was routed and is not kept", sentence)
            }
        }
    }
}

impl From<NotSaid> for Problem {
    fn from(not: NotSaid) -> Self {
        match not {
            NotSaid::Refused(refusal) => refusal.into(),
            NotSaid::TooMuch(excess) => Self::too_much(excess),
        }
    }
}

impl From<NotRead> for Problem {
    fn from(not: NotRead) -> Self {
        match not {
            NotRead::Forbidden | NotRead::NotBelowBase => Self::forbidden(not.to_string(), "subscribe"),
            NotRead::TooManyOpen => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "busy", "Too many read at this time", not.to_string()).again_in(1)
            }
            NotRead::TooMuch(excess) => Self::too_much(excess),
        }
    }
}

impl From<NotOpened> for Problem {
    fn from(not: NotOpened) -> Self {
        match &not {
            NotOpened::NotSubscribed(NotSubscribed::Forbidden(_)) => {
                Self::forbidden(not.to_string(), "subscribe")
            }
            NotOpened::NotSubscribed(_) | NotOpened::TooDear(_) => Self::query(not.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_kind_of_problem_stands_on_the_page_and_in_the_manual() {
        let source = include_str!("problem.rs").split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let words = source.split('"').skip(1).step_by(2);
        let is_kind = |word: &&str| {
            let named = format!("\"{word}\", \"");
            source.contains(&named)
                && word.len() > 3
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        let kinds: std::collections::BTreeSet<_> = words.filter(is_kind).collect();
        assert!(kinds.len() > 18, "{kinds:?}");
        let (page, manual) =
            (include_str!("../../../web/src/api.html"), include_str!("../../../docs/http.md"));
        for kind in kinds.into_iter().filter(|kind| !matches!(*kind, "publish" | "subscribe" | "retain")) {
            assert!(page.contains(&format!("id=\"{kind}\"")), "the page lacks {kind}");
            assert!(manual.contains(&format!("`{kind}`")), "docs/http.md lacks {kind}");
        }
    }
}
