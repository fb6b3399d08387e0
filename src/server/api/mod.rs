//! The door for programs that speak plain HTTP: topics are read, published and followed by it, under the same names, rights and
//! bounds as over a socket (`docs/http.md`).

mod again;
mod batch;
mod body;
mod hook;
mod nodes;
mod openapi;
mod problem;
mod query;
mod shapes;
mod speaking;
mod stream;
mod topic;
mod topics;
mod value;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, AUTHORIZATION,
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, ORIGIN, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse;

use super::answer::not_recognised;
use super::gate::Stranger;
use super::paced::paced;
use super::peer::Peer;
use super::seat::{Seat, Visit};
use super::{App, Door, token};
use problem::Problem;
pub(super) use problem::of_refusal;
pub(super) use stream::take_over;

/// Where topics are.
const TOPICS: &str = "/api/topics";

/// What is asked for, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call<'p> {
    Topics,
    /// What stands behind the slash is the topic.
    Topic(&'p str),
    Publish,
    Stream,
    Nodes,
    Version,
    OpenApi,
    /// A token, and perhaps the rest of a topic.
    Hook(&'p str, Option<&'p str>),
}

impl<'p> Call<'p> {
    fn of(path: &'p str) -> Option<Self> {
        if let Some(topic) = path.strip_prefix(TOPICS).and_then(|rest| rest.strip_prefix('/')) {
            return Some(Self::Topic(topic));
        }
        if let Some(hook) = path.strip_prefix("/hook/") {
            return Some(match hook.split_once('/') {
                Some((token, below)) => Self::Hook(token, Some(below)),
                None => Self::Hook(hook, None),
            });
        }
        match path {
            TOPICS => Some(Self::Topics),
            "/api/publish" => Some(Self::Publish),
            "/api/stream" => Some(Self::Stream),
            "/api/nodes" => Some(Self::Nodes),
            "/api/openapi.json" => Some(Self::OpenApi),
            "/api/version" => Some(Self::Version),
            _ => None,
        }
    }

    /// The methods that it answers to, as the header `Allow` has them.
    fn methods(self) -> &'static str {
        match self {
            Self::Publish | Self::Hook(..) => "POST, OPTIONS",
            Self::Topics | Self::Stream | Self::Nodes | Self::Version | Self::OpenApi => "GET, HEAD, OPTIONS",
            Self::Topic(_) => "GET, HEAD, PUT, POST, DELETE, OPTIONS",
        }
    }

    fn answers_to(self, method: &Method) -> bool {
        self.methods().split(", ").any(|allowed| method.as_str() == allowed)
    }
}

/// Whether a path is one of this door: then every refusal is a problem document.
pub(super) fn is_of(path: &str) -> bool {
    Call::of(path).is_some()
}

/// Answers a request.
pub(super) async fn serve(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(seat): Extension<Arc<Seat>>,
    request: Request,
) -> Response<Body> {
    let prefix = &app.settings.path_prefix;
    let cors = foreign_page(&app, &peer, request.headers());
    let answered = Box::pin(answered(&app, &peer, &seat, request)).await;
    let mut response = answered.unwrap_or_else(|problem| problem.answer(prefix));
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(origin) = cors {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        let exposed = HeaderValue::from_static("etag, last-modified, link, location, retry-after, allow");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

async fn answered(
    app: &Arc<App>,
    peer: &Arc<Peer>,
    seat: &Arc<Seat>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    app.welcomes(request.headers(), peer).map_err(Problem::origin)?;
    let (parts, body) = request.into_parts();
    let nothing = || Problem::nothing("the calls that there are stand in docs/http.md");
    let call = Call::of(parts.uri.path()).ok_or_else(nothing)?;
    if parts.method == Method::OPTIONS {
        return Ok(options(call, &parts.headers));
    }
    if !call.answers_to(&parts.method) {
        return Err(Problem::method(call.methods()));
    }
    if call == Call::OpenApi {
        query::Query::read(parts.uri.query(), &[])?;
        return Ok(json(openapi::document(&app.settings.path_prefix)));
    }
    if matches!(call, Call::Hook(..)) && !app.settings.webhooks {
        return Err(Problem::nothing("webhooks are off: the key server.webhooks turns them on"));
    }
    let token = match call {
        Call::Hook(token, _) => Some(token.to_owned()),
        Call::Stream => token::of_socket(&parts.headers, &parts.uri, app.settings.token_in_url),
        Call::Topics | Call::Topic(_) | Call::Publish | Call::Nodes | Call::Version | Call::OpenApi => None,
    };
    let visit = match enter(app, peer, seat, &parts.headers, token).await {
        Ok(visit) => visit,
        Err(refused) => return Ok(*refused),
    };
    let answer = match call {
        Call::Topics => topics::list(&visit, parts.uri.query()).await,
        Call::Topic(topic) => topic::answer(&visit, &parts, topic, body).await,
        Call::Publish => batch::publish(&visit, &parts, body).await,
        Call::Stream => stream::answer(&visit, &parts).await,
        Call::Nodes => nodes::list(&visit, parts.uri.query()).await,
        Call::Hook(_, below) => hook::publish(&visit, &parts, below, body).await,
        Call::Version | Call::OpenApi => version(parts.uri.query()),
    };
    answer.map(|answer| paced(visit, answer))
}

/// Lets somebody in.
async fn enter(
    app: &Arc<App>,
    peer: &Arc<Peer>,
    seat: &Arc<Seat>,
    headers: &HeaderMap,
    token: Option<String>,
) -> Result<Visit, Box<Response<Body>>> {
    let recognised = match token {
        Some(token) => app.sign_in_with_token(peer, Door::Http, &token),
        None => app.recognise(headers, peer, Door::Http).await,
    };
    match recognised {
        Ok(who) => Ok(seat.sits(app, peer, who)),
        Err(stranger) => {
            let mut refused = of_refusal(not_recognised(&stranger));
            // A script of a page asks for the sign-in itself: a challenge would have the browser cover the page with a dialog.
            let is_script = headers.get("sec-fetch-mode").is_some_and(|mode| mode != "navigate");
            if is_script && matches!(stranger, Stranger::Unnamed(_)) && !headers.contains_key(AUTHORIZATION) {
                refused.headers_mut().remove(WWW_AUTHENTICATE);
            }
            Err(Box::new(refused))
        }
    }
}

/// The page of another site that may read the answer: one that `server.origins` names.
fn foreign_page(app: &App, peer: &Peer, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    let named = app.settings.origins.iter().any(|named| origin == named.as_str());
    // Whoever comes from this machine is not turned away, and who is turned away reads nothing.
    (named && app.welcomes(headers, peer).is_ok()).then(|| origin.clone())
}

/// What a browser asks before it lets a page of another site send a request; and anybody who wants to know the methods.
fn options(call: Call<'_>, headers: &HeaderMap) -> Response<Body> {
    let methods = HeaderValue::from_static(call.methods());
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(ALLOW, methods.clone());
    if headers.contains_key(ORIGIN) {
        const ASKED: HeaderName = HeaderName::from_static("access-control-request-headers");
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        let allowed = headers.get(ASKED).cloned();
        let usual = || HeaderValue::from_static("authorization, content-type, if-match, if-none-match");
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed.unwrap_or_else(usual));
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}

fn version(query: Option<&str>) -> Result<Response<Body>, Problem> {
    query::Query::read(query, &[])?;
    Ok(json(shapes::text(&shapes::VersionShape { version: env!("CARGO_PKG_VERSION") }) + "\n"))
}

/// An answer in JSON.
fn json(text: String) -> Response<Body> {
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], text).into_response()
}
