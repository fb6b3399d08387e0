//! `/api/events`: what has happened, over HTTP. The same questions, rights and answers as on the wire.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{Extension, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::answer::{allowing, not_recognised, refusal};
use super::paced::paced;
use super::peer::Peer;
use super::seat::Seat;
use super::{App, Door};
use crate::access::User;
use crate::audit;
use crate::hub::{EVENTS_ARE_OFF, EventQuestion, EventReader};
use crate::moment::Moment;
use crate::talk::control::{EventsAnswer, EventsGet, Refused, shown};
use crate::topic::{Base, Filter};

/// The largest answer.
const BYTES: usize = 1 << 20;
/// How long an answer may take, with those that wait before it.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many parts of a query are looked at.
const PARTS: usize = 200;

pub(super) async fn events(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    method: Method,
    Extension(seat): Extension<Arc<Seat>>,
    headers: HeaderMap,
    query: Query<Vec<(String, String)>>,
) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        return allowing("GET, HEAD", refusal(StatusCode::METHOD_NOT_ALLOWED, "this path answers to GET"));
    }
    if let Err(why) = app.welcomes(&headers, &peer) {
        return refusal(StatusCode::FORBIDDEN, &why);
    }
    let visit = match app.recognise(&headers, &peer, Door::Http).await {
        Ok(who) => seat.sits(&app, &peer, who),
        Err(stranger) => return not_recognised(&stranger),
    };
    let Query(query) = query;
    let user = visit.who.user.clone();
    let name = Arc::clone(&user.name);
    match ask(&app, user, &query).await {
        Ok(answer) => paced(visit, told(StatusCode::OK, &json!(answer))),
        Err((status, refused)) => {
            if let (StatusCode::FORBIDDEN, Some(filter)) = (status, refused.filters.first()) {
                audit::refused(&name, Some(peer.address()), "subscribe", shown(filter));
            }
            told(status, &json!(refused))
        }
    }
}

async fn ask(
    app: &App,
    user: User,
    query: &[(String, String)],
) -> Result<EventsAnswer, (StatusCode, Refused)> {
    let refused = |reason: String| Refused { reason, ..Refused::default() };
    let no = |status, reason: &str| (status, refused(reason.to_owned()));
    let payload = payload(query).map_err(|reason| (StatusCode::BAD_REQUEST, refused(reason)))?;
    let since_1970 = Moment::now().wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    let get = EventsGet::parse(&payload.to_string(), now);
    let get = get.map_err(|refused| (StatusCode::BAD_REQUEST, refused))?;
    let filters = get.filters.as_ref().map(|asked| filters(app, &user, asked)).transpose()?;
    let questions = app.hub.event_questions();
    let questions = questions.ok_or_else(|| no(StatusCode::NOT_FOUND, EVENTS_ARE_OFF))?;
    let (tell, answer) = oneshot::channel();
    let reader = EventReader::new(user.name, user.rights, Base::ROOT);
    questions.ask(EventQuestion::new(get, filters, reader, BYTES, move |answer| {
        // Who asked may have left.
        let _ = tell.send(answer);
    }));
    match timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => answer.map_err(|reason| no(StatusCode::SERVICE_UNAVAILABLE, &reason)),
        Ok(Err(_)) | Err(_) => {
            Err(no(StatusCode::SERVICE_UNAVAILABLE, "the answer takes too long; ask again"))
        }
    }
}

/// What the query asks for, in the words of the wire. `filter` may come several times.
fn payload(query: &[(String, String)]) -> Result<Value, String> {
    let (mut filters, mut asked) = (Vec::new(), Map::new());
    if query.len() > PARTS {
        return Err(format!("the query has {} parts, and {PARTS} are the most", query.len()));
    }
    for (key, value) in query {
        match key.as_str() {
            "filter" => filters.push(Value::from(value.as_str())),
            "since" | "until" => {
                let number = value.parse().map(|number: u64| number.into());
                asked.insert(key.clone(), number.unwrap_or_else(|_| value.as_str().into()));
            }
            "by" => drop(asked.insert(key.clone(), value.as_str().into())),
            "limit" | "before" | "after" => {
                let number = value.parse::<u64>();
                let number = number.map_err(|_| format!("{key} must be a whole number"))?;
                asked.insert(key.clone(), number.into());
            }
            _ => {
                return Err("the query may have filter, since, until, by, limit, before and after".to_owned());
            }
        }
    }
    if !filters.is_empty() {
        asked.insert("filters".to_owned(), filters.into());
    }
    Ok(asked.into())
}

fn filters(app: &App, user: &User, asked: &[String]) -> Result<Vec<Filter>, (StatusCode, Refused)> {
    let limits = &app.hub.settings().topic;
    let no = |status, reason: String, filter: &String| {
        (status, Refused { reason, filters: vec![filter.clone()], ..Refused::default() })
    };
    asked
        .iter()
        .map(|text| match Filter::parse(text, limits) {
            Ok(filter) if user.rights.may_subscribe(&filter) => Ok(filter),
            Ok(_) => {
                let reason = "forbidden: this takes the right subscribe".to_owned();
                Err(no(StatusCode::FORBIDDEN, reason, text))
            }
            Err(error) => Err(no(StatusCode::BAD_REQUEST, error.to_string(), text)),
        })
        .collect()
}

fn told(status: StatusCode, body: &Value) -> Response<Body> {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (status, headers, format!("{body}\n")).into_response()
}
