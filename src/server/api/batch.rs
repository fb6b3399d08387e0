//! `POST /api/publish`: many messages in one body, a frame a line. A line that is wrong harms no other.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::problem::Problem;
use super::query::Query;
use super::shapes::{self, BatchShape, ConfirmedLineShape};
use super::speaking::next_answer;
use super::{body, json};
use crate::hub::{Extras, Message, NotSaid, Retention, Said, Saying};
use crate::moment::Moment;
use crate::server::seat::{Seated, Visit};
use crate::server::sent::ENDED;
use crate::talk::control::{PublishRefused, Published};
use crate::talk::{Frame, Frames, Kind, PublishOptions};
use crate::topic::{Limits, Topic};

/// Lines of one request.
const LINES: usize = 10_000;
/// Lines after which others have their turn.
const TURN: usize = 32;
/// Answers that are waited for at one time: fewer than a session may wait for.
const WAITING: usize = 500;
/// Mistakes that are told.
const TOLD: usize = 100;
/// How long answers may take: the longest `confirm`, and some.
const PATIENCE: Duration = Duration::from_secs(70);

/// What came of the lines.
#[derive(Debug, Default)]
struct Report {
    lines: usize,
    published: usize,
    kept: usize,
    delivered: u64,
    confirmed: Vec<ConfirmedLineShape>,
    errors: Vec<Value>,
    mistakes: usize,
}

impl Report {
    fn wrong(&mut self, line: usize, reason: impl Into<Value>, topic: Option<&str>, at: Option<usize>) {
        self.mistakes += 1;
        if self.errors.len() < TOLD {
            let mut error = Map::new();
            error.insert("line".to_owned(), line.into());
            error.insert("detail".to_owned(), reason.into());
            error.extend(
                topic.map(|topic| ("topic".to_owned(), topic.chars().take(64).collect::<String>().into())),
            );
            error.extend(at.map(|at| ("at".to_owned(), at.into())));
            self.errors.push(error.into());
        }
    }

    fn said(&mut self, routed: &crate::hub::Routed) {
        self.published += 1;
        self.kept += usize::from(routed.retention == Retention::Keep);
        self.delivered += routed.readers;
    }

    /// The sign-in has ended before this line.
    fn ended(self, line: usize) -> Problem {
        let problem = Problem::ends(ENDED).with("line", line).with("published", self.published);
        problem.with("errors", self.errors)
    }

    fn told(mut self) -> Result<Response<Body>, Problem> {
        let counts = [("lines", self.lines), ("published", self.published), ("kept", self.kept)];
        if self.mistakes > 0 {
            self.errors.sort_by_key(|error| error["line"].as_u64());
            let problem = Problem::lines(self.mistakes)
                .with("errors", self.errors)
                .with("delivered", self.delivered)
                .with_text("confirmed", (!self.confirmed.is_empty()).then(|| shapes::text(&self.confirmed)));
            return Err(counts.into_iter().fold(problem, |problem, (name, count)| problem.with(name, count)));
        }
        let Self { lines, published, kept, delivered, confirmed, .. } = self;
        Ok(json(shapes::text(&BatchShape { lines, published, kept, delivered, confirmed }) + "\n"))
    }
}

pub(super) async fn publish(visit: &Visit, parts: &Parts, content: Body) -> Result<Response<Body>, Problem> {
    Query::read(parts.uri.query(), &[])?;
    body::check_lines(&parts.headers)?;
    let settings = visit.app.hub.settings();
    let (most, patience) = (settings.message_bytes, visit.app.settings.handshake);
    let mut session = visit.session();
    let content = body::read(&mut session, &parts.headers, content, most, patience).await?;
    if content.is_empty() {
        return Err(Problem::body("the body is empty: a frame a line is expected, as [\"a\", 1]"));
    }
    let text = std::str::from_utf8(&content);
    let text =
        text.map_err(|error| Problem::body("the body is not UTF-8").with("at", error.valid_up_to()))?;
    if text.lines().filter(|line| !line.trim().is_empty()).count() > LINES {
        return Err(
            Problem::too_large(format!("one request may have at most {LINES} lines")).with("limit", LINES)
        );
    }
    let (mut report, mut waiting) = (Report::default(), BTreeMap::new());
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if number % TURN == 0 || session.end_turn() {
            tokio::task::yield_now().await;
            if !session.looks_at_the_account() {
                return Err(report.ended(number));
            }
        }
        let mut frames = Frames::of(line);
        let Some(frame) = frames.next() else { continue };
        report.lines += 1;
        let saying = match frame {
            Err(error) => Err((error.fault.to_string(), None, Some(error.at))),
            Ok(_) if !frames.is_done() => Err(("a line holds one frame".to_owned(), None, None)),
            Ok(frame) => saying(&frame, number, &settings.topic)
                .map_err(|reason| (reason, Some(frame.topic.to_string()), Some(frame.topic_at))),
        };
        let saying = match saying {
            Ok(saying) => saying,
            Err((reason, topic, at)) => {
                report.wrong(number, reason, topic.as_deref(), at);
                continue;
            }
        };
        let topic = saying.message.topic.clone();
        match session.say(saying, Moment::now()) {
            Ok(Said::Routed(routed)) => report.said(&routed),
            Ok(Said::OnDiskSoon(routed)) => drop(waiting.insert(number, Some(routed))),
            Ok(Said::WithCare) => drop(waiting.insert(number, None)),
            Ok(Said::NotOnDisk(_)) => {
                report.wrong(number, Problem::not_on_disk().into_detail(), Some(topic.as_str()), None);
            }
            Err(NotSaid::Refused(refusal)) => {
                report.wrong(number, refusal.to_string(), Some(topic.as_str()), None);
            }
            Err(too_much @ NotSaid::TooMuch(_)) => {
                answers(&mut session, &mut waiting, &mut report).await;
                let problem =
                    Problem::from(too_much).with("line", number).with("published", report.published);
                return Err(problem.with("errors", report.errors));
            }
        }
        if waiting.len() >= WAITING {
            answers(&mut session, &mut waiting, &mut report).await;
            if !session.looks_at_the_account() {
                return Err(report.ended(number));
            }
        }
    }
    answers(&mut session, &mut waiting, &mut report).await;
    report.told()
}

/// What a line says, if it is in order.
fn saying<'f>(frame: &Frame<'f>, line: usize, limits: &Limits) -> Result<Saying<'f>, String> {
    let options = frame.options.map(PublishOptions::parse).transpose().map_err(|error| error.reason)?;
    let PublishOptions { retain, expires, confirm, lease, passed_on, .. } = options.unwrap_or_default();
    if lease.as_ref().is_some_and(|lease| !lease.keep) {
        return Err(
            "over HTTP the option lease takes \"keep\": true: no connection stays that would hold it"
                .to_owned(),
        );
    }
    let topic = Topic::parse(&frame.topic, limits).map_err(|error| error.to_string())?;
    let retention = retain.map(|retain| match retain {
        true if frame.payload == "null" => Retention::Clear,
        true => Retention::Keep,
        false => Retention::Pass,
    });
    let expires = expires.map(|expires| Moment::now().steady().after(expires));
    let extras = Extras { expires, passed_on: passed_on.into(), trail: None };
    let kind = Kind::of(topic.as_str());
    let message = Message { topic, payload: frame.payload, kind, retention, extras, was_kept: false };
    Ok(Saying { message, id: line.to_string(), confirm, lease, only_if: None, asks: None })
}

/// Waits for the answers to all lines that have none yet.
async fn answers(
    session: &mut Seated<'_>,
    waiting: &mut BTreeMap<usize, Option<crate::hub::Routed>>,
    report: &mut Report,
) {
    if waiting.is_empty() {
        return;
    }
    session.is_the_last();
    let ended = session.ended();
    let all = async {
        while !waiting.is_empty() {
            let (id, answer) = match next_answer(session).await {
                None => return,
                Some(Ok(published)) => (Some(published.id.clone()), Ok(published)),
                Some(Err(refused)) => (refused.id.clone(), Err(refused)),
            };
            let Some(line) = id.and_then(|id| id.parse().ok()) else { continue };
            let Some(routed) = waiting.remove(&line) else { continue };
            match (answer, routed) {
                (Ok(_), Some(routed)) => report.said(&routed),
                (Ok(published), None) => {
                    report.published += 1;
                    report.confirmed.extend(confirmed(line, published));
                }
                (Err(PublishRefused { reason, topic, .. }), _) => {
                    report.wrong(line, reason, topic.as_deref(), None);
                }
            }
        }
    };
    let are_all_there = tokio::select! {
        all = timeout(PATIENCE, all) => all.is_ok(),
        () = ended.cancelled() => false,
    };
    let are_all_there = are_all_there && waiting.is_empty();
    for (line, _) in std::mem::take(waiting) {
        report.wrong(line, "no answer came: it is not known what became of it", None, None);
    }
    if are_all_there {
        session.is_not_the_last();
    }
}

/// What a node has confirmed; nothing for a command that was only to hold for a time.
fn confirmed(line: usize, published: Published) -> Option<ConfirmedLineShape> {
    let Published { confirmed, topic: reported, after, .. } = published;
    Some(ConfirmedLineShape { line, confirmed: shapes::raw(confirmed?), reported, after })
}
