//! How a request publishes: what it asks for one message, and what it is answered.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderValue, Response};
use tokio::time::timeout;

use super::json;
use super::problem::Problem;
use super::query::Query;
use super::shapes::{self, ConfirmedShape, PublishedShape};
use super::value::{Tags, tag};
use crate::hub::{Extras, Found, Message, OnlyIf, Retention, Routed, Said, Saying, Session};
use crate::moment::Moment;
use crate::server::seat::Seated;
use crate::talk::control::{PublishRefused, Published};
use crate::talk::{Frames, Kind, Reply};
use crate::topic::Topic;

/// What a query may ask for a message.
pub(super) const OPTIONS: [&str; 3] = ["retain", "confirm", "expires"];
/// The longest wait for a node.
const MOST_CONFIRM: Duration = Duration::from_mins(1);
/// The longest time that a message is worth delivering: ten years.
const MOST_EXPIRES: Duration = Duration::from_hours(87600);
/// How long an answer may take that is not the node's: that of the disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked for one message.
#[derive(Debug, Default)]
pub(super) struct Wish {
    pub(super) retain: Option<bool>,
    pub(super) confirm: Option<Duration>,
    pub(super) expires: Option<Duration>,
    pub(super) only_if: Option<OnlyIf>,
}

impl Wish {
    /// Reads it from the query and the headers.
    pub(super) fn read(query: &Query, headers: &HeaderMap) -> Result<Self, Problem> {
        let confirm = query.time("confirm", MOST_CONFIRM)?;
        let only_if = only_if(headers)?;
        if confirm.is_some() && only_if.is_some() {
            let sentence = "confirm goes with no condition: a command that is confirmed is routed whatever the last value is";
            return Err(Problem::query(sentence));
        }
        let (retain, expires) = (query.truth("retain")?, query.time("expires", MOST_EXPIRES)?);
        Ok(Self { retain, confirm, expires, only_if })
    }

    /// What readers find of it in the third element, as if it had come over a socket.
    fn passed_on(&self) -> Box<str> {
        let seconds =
            |name: &str, time: Option<Duration>| Some(format!("\"{name}\": {}", time?.as_secs_f64()));
        let retain = self.retain.map(|retain| format!("\"retain\": {retain}"));
        let all = [seconds("confirm", self.confirm), seconds("expires", self.expires), retain];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ").into()
    }
}

fn only_if(headers: &HeaderMap) -> Result<Option<OnlyIf>, Problem> {
    let (matches, none) = (Tags::read(headers, &IF_MATCH)?, Tags::read(headers, &IF_NONE_MATCH)?);
    match (matches, none) {
        (None, None) => Ok(None),
        (Some(Tags::Any), None) => Ok(Some(OnlyIf::Some)),
        (None, Some(Tags::Any)) => Ok(Some(OnlyIf::None)),
        (Some(Tags::These(tags)), None) => {
            if tags.iter().any(|(_, weak)| *weak) {
                let sentence = "If-Match takes the tag of the value itself, and this one is of ?format=full: leave out the W/ to \
                                mean that value";
                return Err(Problem::header(sentence));
            }
            Ok(Some(OnlyIf::Is(tags.into_iter().map(|(edition, _)| edition).collect())))
        }
        (Some(_), Some(_)) => Err(Problem::header("If-Match and If-None-Match do not go together here")),
        (None, Some(Tags::These(_))) => {
            Err(Problem::header("here If-None-Match may only be *: publish if there is no last value"))
        }
    }
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Outcome {
    Routed(Routed),
    /// The node has reported it.
    Confirmed(Published),
}

/// Publishes a message, and waits for what is to be known of it.
pub(super) async fn say(
    session: &mut Seated<'_>,
    topic: Topic,
    payload: &str,
    wish: Wish,
) -> Result<Outcome, Problem> {
    let now = Moment::now();
    let passed_on = wish.passed_on();
    let retention = wish.retain.map(|retain| match retain {
        true if payload == "null" => Retention::Clear,
        true => Retention::Keep,
        false => Retention::Pass,
    });
    let expires = wish.expires.map(|expires| now.steady().after(expires));
    let extras = Extras { expires, passed_on, trail: None };
    let kind = Kind::of(topic.as_str());
    let message = Message { topic, payload, kind, retention, extras, was_kept: false };
    let Wish { confirm, only_if, .. } = wish;
    let id = "0".to_owned();
    let said = session.say(Saying { message, id, confirm, lease: None, only_if, asks: None }, now)?;
    match said {
        Said::Routed(routed) => Ok(Outcome::Routed(routed)),
        Said::NotOnDisk(_) => Err(Problem::not_on_disk()),
        Said::OnDiskSoon(routed) => {
            answer(session, PATIENCE).await?;
            Ok(Outcome::Routed(routed))
        }
        Said::WithCare => {
            let patience = confirm.unwrap_or_default() + PATIENCE;
            answer(session, patience).await.map(Outcome::Confirmed)
        }
    }
}

/// Waits for the answer to what was said last. Where it does not come, nobody else may get it.
async fn answer(session: &mut Seated<'_>, patience: Duration) -> Result<Published, Problem> {
    session.is_the_last();
    let answered = timeout(patience, next_answer(session)).await;
    let answered = answered.map_err(|_| Problem::not_on_disk())?;
    session.is_not_the_last();
    match answered {
        Some(Ok(published)) => Ok(published),
        Some(Err(refused)) => Err(refusal(refused)),
        None => Err(Problem::memory()),
    }
}

/// The next answer to something that was published; nothing where the outbox was given up.
pub(super) async fn next_answer(session: &mut Session) -> Option<Result<Published, PublishRefused>> {
    loop {
        if session.outbox().ready().await == Found::Overflow {
            return None;
        }
        let mut found = None;
        // One at a time: the rest waits in the outbox.
        let _ = session.drain(1, Moment::now(), &mut |pieces| {
            let frame = pieces.concat();
            let text = std::str::from_utf8(&frame).unwrap_or_default();
            found = Frames::of(text).next().and_then(Result::ok).and_then(|frame| Reply::read(&frame));
        });
        match found {
            Some(Ok(Reply::PublishOk(published))) => return Some(Ok(published)),
            Some(Ok(Reply::PublishError(refused))) => return Some(Err(refused)),
            _ => {}
        }
    }
}

fn refusal(refused: PublishRefused) -> Problem {
    let PublishRefused { reason, topic, state, answer, .. } = refused;
    let problem = Problem::command(&reason);
    let problem = match topic {
        Some(topic) => problem.with("topic", topic),
        None => problem,
    };
    problem.with_text("state", state).with_text("answer", answer)
}

/// The answer to a request that has published something.
pub(super) fn told(topic: &Topic, outcome: Outcome) -> Response<Body> {
    let topic = topic.as_str();
    match outcome {
        Outcome::Routed(Routed { retention, readers, edition, .. }) => {
            let kept = retention == Retention::Keep;
            let mut response = json(shapes::text(&PublishedShape { topic, kept, delivered: readers }) + "\n");
            if let Some(tag) = HeaderValue::try_from(tag(edition, false)).ok().filter(|_| kept) {
                response.headers_mut().insert(ETAG, tag);
            }
            response
        }
        Outcome::Confirmed(Published { confirmed, topic: reported, after, .. }) => {
            let confirmed = shapes::raw(confirmed.unwrap_or_default());
            json(shapes::text(&ConfirmedShape { topic, confirmed, reported, after }) + "\n")
        }
    }
}
