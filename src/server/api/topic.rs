//! `/api/topics/TOPIC`: one topic. Its last value is read, published and cleared, and the next message is waited for.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse;
use tokio::time::{Instant, sleep_until};

use super::problem::Problem;
use super::query::{self, Query};
use super::speaking::{self, OPTIONS, Wish};
use super::topics::each_value;
use super::value::{self, Tags};
use super::{body, json};
use crate::hub::{Found, Publication, Relayed, Retention};
use crate::moment::Moment;
use crate::server::seat::Visit;
use crate::topic::{Filter, Topic};

/// The longest wait for the next message.
const MOST_WAIT: Duration = Duration::from_mins(5);
/// How long looking for one value may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much is taken from the outbox at once.
const AT_ONCE: usize = 1;

pub(super) async fn answer(
    visit: &Visit,
    parts: &Parts,
    path: &str,
    content: Body,
) -> Result<Response<Body>, Problem> {
    let topic = query::topic(path, &visit.app.hub.settings().topic)?;
    match parts.method {
        Method::PUT | Method::POST => publish(visit, parts, topic, content).await,
        Method::DELETE => clear(visit, parts, topic).await,
        _ => read(visit, parts, topic).await,
    }
}

async fn publish(
    visit: &Visit,
    parts: &Parts,
    topic: Topic,
    content: Body,
) -> Result<Response<Body>, Problem> {
    let query = Query::read(parts.uri.query(), &OPTIONS)?;
    let wish = Wish::read(&query, &parts.headers)?;
    body::check(&parts.headers)?;
    let mut session = visit.session();
    let (most, patience) = (visit.app.hub.settings().message_bytes, visit.app.settings.handshake);
    let content = body::read(&mut session, &parts.headers, content, most, patience).await?;
    let payload = body::payload(&parts.headers, &content)?;
    let outcome = speaking::say(&mut session, topic.clone(), &payload, wish).await?;
    Ok(speaking::told(&topic, outcome))
}

async fn clear(visit: &Visit, parts: &Parts, topic: Topic) -> Result<Response<Body>, Problem> {
    let query = Query::read(parts.uri.query(), &[])?;
    let wish = Wish { retain: Some(true), ..Wish::read(&query, &parts.headers)? };
    let mut session = visit.session();
    speaking::say(&mut session, topic, "null", wish).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// How a value is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// The payload as it is.
    Payload,
    /// An object with what is known of it.
    Full,
}

async fn read(visit: &Visit, parts: &Parts, topic: Topic) -> Result<Response<Body>, Problem> {
    let query = Query::read(parts.uri.query(), &["format", "wait"])?;
    let format = match query.get("format") {
        None | Some("payload") => Format::Payload,
        Some("full") => Format::Full,
        Some(_) => return Err(Problem::query("format must be payload or full")),
    };
    let wait = query.time("wait", MOST_WAIT)?;
    let known = Tags::read(&parts.headers, &IF_NONE_MATCH)?;
    if let Some(wait) = wait {
        // A browser that kept one message would show it again where no other one came.
        let answer = next(visit, &topic, format, known, wait).await;
        return answer.map(|mut answer| {
            answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            answer
        });
    }
    match last_value(visit, &topic).await? {
        None => Err(Problem::no_value(topic.as_str())),
        Some(value) if known.is_some_and(|known| known.name(value.edition())) => {
            Ok(unchanged(&value, format))
        }
        Some(value) => Ok(told(&value, format, true)),
    }
}

async fn last_value(visit: &Visit, topic: &Topic) -> Result<Option<Publication>, Problem> {
    let (filter, mut found) = (filter(visit, topic)?, None);
    let mut session = visit.session();
    let until = Instant::now() + PATIENCE;
    each_value(&mut session, filter, until, &mut |value| found = Some(value)).await?;
    Ok(found)
}

/// A filter that names this topic alone.
fn filter(visit: &Visit, topic: &Topic) -> Result<Filter, Problem> {
    let limits = &visit.app.hub.settings().topic;
    Filter::parse(topic.as_str(), limits).map_err(|error| Problem::topic(error.to_string()))
}

/// Waits for a message that is newer than what the client knows: than the value that it names, or else than now.
async fn next(
    visit: &Visit,
    topic: &Topic,
    format: Format,
    known: Option<Tags>,
    wait: Duration,
) -> Result<Response<Body>, Problem> {
    let until = Instant::now() + wait;
    let named = filter(visit, topic)?;
    // Before the last value is looked at, so that nothing is missed in between.
    let mut session = visit.session_of_its_own();
    session.open(vec![named.clone()], false, false)?;
    let now = match &known {
        Some(known) => last_value(visit, topic).await?.map(|value| (known.name(value.edition()), value)),
        None => None,
    };
    let last = match now {
        Some((false, value)) => return Ok(told(&value, format, true)),
        Some((true, value)) => Some(value),
        None => None,
    };
    loop {
        tokio::select! {
            found = session.outbox().ready() => if found == Found::Overflow {
                return Err(Problem::memory());
            },
            () = sleep_until(until) => return Ok(last.map_or_else(
                || StatusCode::NO_CONTENT.into_response(),
                |value| unchanged(&value, format),
            )),
            () = visit.who.ended.cancelled() => return Err(Problem::ends("ask again, after a new sign-in where that has ended")),
        }
        // What the account may do can have changed meanwhile.
        if !visit.who.standing.rights().may_subscribe(&named) {
            return Err(Problem::forbidden("forbidden: this takes the right subscribe", "subscribe"));
        }
        let mut newer = None;
        session.take(AT_ONCE, Moment::now(), &mut |relayed: Relayed| {
            newer = newer.take().or(Some(relayed.message));
        });
        if let Some(message) = newer {
            let is_kept = message.retention == Retention::Keep;
            return Ok(told(&message, format, is_kept));
        }
    }
}

/// The value; with its tag if it is a last value.
fn told(value: &Publication, format: Format, is_kept: bool) -> Response<Body> {
    let mut response = match format {
        Format::Payload => {
            let kind = [(CONTENT_TYPE, "application/json")];
            (StatusCode::OK, kind, value.payload().to_owned()).into_response()
        }
        Format::Full => json(value::object(value, Moment::now().wall()) + "\n"),
    };
    describe(&mut response, value, format, is_kept);
    response
}

fn unchanged(value: &Publication, format: Format) -> Response<Body> {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    describe(&mut response, value, format, true);
    response
}

fn describe(response: &mut Response<Body>, value: &Publication, format: Format, is_kept: bool) {
    let headers = response.headers_mut();
    if is_kept {
        let tag = value::tag(value.edition(), format == Format::Full);
        headers.extend(HeaderValue::try_from(tag).map(|tag| (ETAG, tag)));
    }
    headers.extend(value::http_date(value.time()).map(|date| (LAST_MODIFIED, date)));
    // A browser may keep the value, and asks each time whether it is still that. Its age is another one each time.
    let kept = if format == Format::Full { "no-store" } else { "private, no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
}
