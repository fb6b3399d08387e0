//! `GET /api/stream`: topics are followed as Server-Sent Events. It begins as a request, and becomes a connection like that of a
//! socket: the stream is taken back from `hyper`, and everything that holds for sockets holds for it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse;
use parking_lot::Mutex;
use serde_json::json;

use super::again;
use super::problem::Problem;
use super::query::{self, Query};
use super::value::http_date;
use crate::access::{Connected, SignedIn};
use crate::connection::{self, EventStream, Patience, event_id};
use crate::hub::{Session, Side};
use crate::moment::Moment;
use crate::server::peer::Held;
use crate::server::seat::{Seat, Visit};
use crate::server::{App, Door, gate};
use crate::topic::Base;

/// After so long a silence, and the five seconds in which nobody answers, a comment says that the stream is alive.
const SILENCE: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(5);
/// After how many milliseconds a browser comes again.
const RETRY: u64 = 2000;

/// A stream that begins with this answer. It is in the extensions of the answer, whose headers are still to be completed.
#[derive(Clone)]
struct Begins(Arc<Mutex<Option<Beginning>>>);

struct Beginning {
    session: Session,
    who: (SignedIn, Connected),
    held: Option<Held>,
    /// The first events.
    first: String,
    /// The id of the last of them.
    id: u64,
}

pub(super) async fn answer(visit: &Visit, parts: &Parts) -> Result<Response<Body>, Problem> {
    let query = Query::read(parts.uri.query(), &["filter*", "retained", "options", "token"])?;
    let last_values = query.truth("retained")?.unwrap_or(true);
    let options = query.truth("options")?.unwrap_or(false);
    let named = query::filters(&query, &visit.app.hub.settings().topic)?;
    let base = Base::ROOT;
    if let Err(why) = gate::may_stand(&visit.who.user, &base, Side::Dashboard) {
        visit.app.log_forbidden(&visit.peer, Door::Http, &visit.who, (&base, Side::Dashboard), why);
        return Err(Problem::forbidden(why, "subscribe"));
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // What nginx would collect otherwise.
        ("x-accel-buffering".parse().unwrap_or(CONNECTION), HeaderValue::from_static("no")),
    ];
    let mut response = (StatusCode::OK, headers).into_response();
    // Before the filters are there: what is said from here on waits in the outbox, or is in it by then.
    let id = event_id(Moment::now());
    let mut session = visit.session_of_its_own();
    let filters = if named.is_empty() { session.readable() } else { named };
    session.open(filters.clone(), last_values, options)?;
    if parts.method == Method::HEAD {
        return Ok(response);
    }
    let connected = visit.app.place_of_user(&visit.peer, &visit.who).map_err(Problem::no_place)?;
    visit.app.tell_connected(&session, &visit.peer, Door::Http, &visit.who, Side::Dashboard);
    let mut first = format!("retry: {RETRY}\nevent: open\ndata: {}\n", json!({ "name": &*session.name() }));
    // A client that was here before keeps its id until it has been told the time in between.
    if let Some(last) = parts.headers.get("last-event-id") {
        let (last, user) = (last.to_str().unwrap_or_default(), &visit.who.user.name);
        first.push('\n');
        first.push_str(&again::events(&visit.app, user, last, &filters, last_values).await);
    }
    // A text takes everything.
    let _ = write!(first, "id: {id}\n\n");
    let who = (visit.who.clone(), connected);
    let beginning = Beginning { session, who, held: visit.take_held(), first, id };
    response.extensions_mut().insert(Begins(Arc::new(Mutex::new(Some(beginning)))));
    Ok(response)
}

/// Where an answer is the beginning of a stream: takes the stream back, and runs it. Any other answer passes.
pub(in crate::server) fn take_over(app: &App, seat: &Seat, mut response: Response<Body>) -> Response<Body> {
    let Some(Begins(slot)) = response.extensions_mut().remove() else { return response };
    let Some(Beginning { session, who: (who, connected), held, first, id }) = slot.lock().take() else {
        return response;
    };
    let Some(stream) = seat.loan.take_back() else {
        return Problem::busy_connection().answer(&app.settings.path_prefix);
    };
    let headers = response.headers_mut();
    // Of the empty body that it has had so far.
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.extend(http_date(Moment::now().wall()).map(|date| (DATE, date)));
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (name, value) in &*headers {
        head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(first.as_bytes());
    let wire = EventStream::new(stream, &head, id);
    let patience = Patience { ping: SILENCE, pong: ANSWER, ..app.settings.patience };
    app.shutdown
        .spawn_with(held, connection::run(wire, session, patience, app.signs(Some((&who, connected)))));
    // For `hyper`, and it goes nowhere.
    response
}
