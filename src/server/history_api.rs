//! `GET /api/history`: what was said, as JSON or as CSV, with the rights of the user (`docs/protocol.md`, clause 7.6).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LINK, RETRY_AFTER};
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::answer::{allowing, not_recognised};
use super::gate::Stranger;
use super::paced::paced;
use super::peer::Peer;
use super::seat::Seat;
use super::{App, Door};
use crate::access::User;
use crate::audit;
use crate::hub::{NO_HISTORY, Question, Questions};
use crate::moment::Moment;
use crate::talk::control::{COLUMNS, HistoryAnswer, HistoryGet, PastSeries, shown};
use crate::topic::{Base, Filter};

/// The most bytes of one answer.
const BYTES: usize = 1 << 20;

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

/// Why there is no answer.
struct No(StatusCode, &'static str, String);

fn bad(sentence: impl Into<String>) -> No {
    No(StatusCode::BAD_REQUEST, "request", sentence.into())
}

pub(super) async fn history(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(seat): Extension<Arc<Seat>>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    request: Request,
) -> Response<Body> {
    let headers = request.headers();
    if let Err(refused) = app.welcomes(headers, &peer) {
        return complaint(No(StatusCode::FORBIDDEN, "origin", refused));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refused = complaint(No(StatusCode::METHOD_NOT_ALLOWED, "method", "use GET".to_owned()));
        return allowing("GET, HEAD", refused);
    }
    let visit = match app.recognise(headers, &peer, Door::Http).await {
        Ok(who) => seat.sits(&app, &peer, who),
        // A page asks for the sign-in itself: a challenge would have the browser cover it with a dialog.
        Err(Stranger::Unnamed(_)) if !headers.contains_key(AUTHORIZATION) => {
            let sentence = "nobody is signed in: send name and password, or the cookie of a page's sign-in";
            return complaint(No(StatusCode::UNAUTHORIZED, "session", sentence.to_owned()));
        }
        Err(stranger) => return not_recognised(&stranger),
    };
    let asked = query.map_err(|_| bad("the query is not name=value&name=value in UTF-8"));
    match asked.and_then(|Query(pairs)| Asked::read(&pairs)) {
        Ok(asked) => match ask(&app, &peer, &visit.who.user, &asked).await {
            Ok(answer) => paced(visit, told(answer, asked.format, &app.settings.path_prefix)),
            Err(no) => complaint(no),
        },
        Err(no) => complaint(no),
    }
}

/// What the query asks.
struct Asked {
    /// As `clown.talk/-/history/get` has it.
    payload: Value,
    format: Format,
}

impl Asked {
    fn read(pairs: &[(String, String)]) -> Result<Self, No> {
        let (mut filters, mut keys, mut after) = (Vec::new(), Map::new(), [None, None]);
        let mut format = Format::Json;
        for (name, value) in pairs {
            let number = |what: &str| {
                value.parse::<f64>().map(Value::from).map_err(|_| bad(format!("{name} must be {what}")))
            };
            let key = match &**name {
                "topic" | "filter" => {
                    filters.push(Value::from(&**value));
                    continue;
                }
                "format" => {
                    format = match &**value {
                        "json" => Format::Json,
                        "csv" => Format::Csv,
                        _ => return Err(bad("format must be json or csv")),
                    };
                    continue;
                }
                "after_topic" | "after_path" => {
                    let [topic, path] = &mut after;
                    *(if name == "after_topic" { topic } else { path }) = Some(value);
                    continue;
                }
                "since" | "until" => match value.parse::<u64>() {
                    Ok(milliseconds) => Value::from(milliseconds),
                    Err(_) => Value::from(&**value),
                },
                "points" => {
                    Value::from(value.parse::<u64>().map_err(|_| bad("points must be a whole number"))?)
                }
                "step" => number("a number of seconds, or 0 for each reading")?,
                "path" => Value::from(&**value),
                _ => {
                    return Err(bad(format!(
                        "{name:?} is not known here; there are topic, since, until, points, step, path, format, after_topic \
                         and after_path"
                    )));
                }
            };
            if keys.insert(name.clone(), key).is_some() {
                return Err(bad(format!("{name} may be there only once")));
            }
        }
        if filters.is_empty() {
            return Err(bad(
                "topic is missing: a topic or a filter, as topic=thermometer/%2B; it may be there several times",
            ));
        }
        keys.insert("filters".to_owned(), filters.into());
        if let [Some(topic), path] = after {
            keys.insert("after".to_owned(), json!([topic, path.map_or("", |path| path)]));
        }
        Ok(Self { payload: keys.into(), format })
    }
}

async fn ask(app: &App, peer: &Peer, user: &User, asked: &Asked) -> Result<HistoryAnswer, No> {
    let now = Moment::now().wall().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let get = HistoryGet::parse(&asked.payload.to_string(), now).map_err(|no| bad(no.reason))?;
    let limits = &app.hub.settings().topic;
    let mut filters = Vec::with_capacity(get.filters.len());
    for text in &get.filters {
        let filter = Filter::parse(text, limits).map_err(|error| bad(format!("topic {text:?}: {error}")))?;
        if !user.rights.may_subscribe(&filter) {
            audit::refused(&user.name, Some(peer.address()), "subscribe", shown(text));
            let sentence = format!("{text:?} is forbidden: this takes the right subscribe");
            return Err(No(StatusCode::FORBIDDEN, "rights", sentence));
        }
        filters.push(filter);
    }
    let off = || No(StatusCode::NOT_FOUND, "history", NO_HISTORY.to_owned());
    let questions: &Arc<Questions> = app.hub.questions().ok_or_else(off)?;
    let (tell, told) = oneshot::channel();
    let mut question = Question::new(get, filters, Base::ROOT, BYTES, move |answer| {
        // Who asked may be gone.
        let _ = tell.send(answer);
    });
    question.is_of(&user.name);
    questions.ask(question);
    let busy = |reason| No(StatusCode::SERVICE_UNAVAILABLE, "history", reason);
    told.await.map_err(|_| busy("the hub is being stopped".to_owned()))?.map_err(busy)
}

fn told(mut answer: HistoryAnswer, format: Format, prefix: &str) -> Response<Body> {
    let next = answer.more.take().map(|more| next(&more, format, prefix));
    let (kind, body) = match format {
        Format::Json => {
            answer.more = next.as_deref().map(Value::from);
            ("application/json", serde_json::to_string(&answer).unwrap_or_default() + "\n")
        }
        Format::Csv => ("text/csv; charset=utf-8; header=present", csv(&answer)),
    };
    let mut response = (StatusCode::OK, [(CONTENT_TYPE, kind)], body).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let link = next.and_then(|next| HeaderValue::try_from(format!("<{next}>; rel=\"next\"")).ok());
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    response
}

/// The path that asks for the rest.
fn next(more: &Value, format: Format, prefix: &str) -> String {
    let mut path =
        format!("{prefix}/api/history?format={}", if format == Format::Csv { "csv" } else { "json" });
    let mut add = |name: &str, value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        path.push('&');
        path.push_str(name);
        path.push('=');
        path.extend(utf8_percent_encode(&text, NON_ALPHANUMERIC));
    };
    for filter in more["filters"].as_array().into_iter().flatten() {
        add("topic", filter);
    }
    for name in ["since", "until", "points", "step", "path"] {
        more.get(name).into_iter().for_each(|value| add(name, value));
    }
    for (at, name) in ["after_topic", "after_path"].into_iter().enumerate() {
        more["after"].get(at).into_iter().for_each(|value| add(name, value));
    }
    path
}

/// Lines of RFC 4180, with line feeds.
fn csv(answer: &HistoryAnswer) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for point in answer.series.iter().flat_map(PastSeries::points) {
        for (at, field) in point.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            if field.contains(['"', ',', '\n', '\r']) {
                text.push('"');
                text.push_str(&field.replace('"', "\"\""));
                text.push('"');
            } else {
                text.push_str(field);
            }
        }
        text.push('\n');
    }
    text
}

fn complaint(No(status, error, message): No) -> Response<Body> {
    let body = json!({ "error": error, "message": message }).to_string() + "\n";
    let mut response = (status, [(CONTENT_TYPE, "application/json")], body).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
