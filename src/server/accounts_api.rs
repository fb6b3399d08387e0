//! `/api/accounts` and `/api/tokens`: admins see the accounts and change them. JSON both ways; what is answered with success is in
//! force.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, RETRY_AFTER};
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::App;
use super::accounts::PATH;
use super::accounts_desk::{Change, Done, Order, Refusal, Wanted};
use super::answer::{allowing, retry_after, status_of};
use super::gate::is_of_this_machine;
use super::peer::Peer;
use super::sent::{self, Seen};
use crate::access::{Account, Right, SignedIn, Version, check_new_password, new_token};
use crate::accounts_file::{TOKEN, USER};
use crate::audit;
use crate::talk::timestamp;
use crate::topic::Filter;

/// The largest body: more filters and networks than anybody writes.
const BODY: usize = 64 * 1024;
/// How long a change may take, with those that wait before it.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so many accounts of a list others have their turn.
const A_TURN: usize = 256;

type Answer = Result<Response<Body>, Response<Body>>;

/// What is sent for an account or a token. What is left out is off; an account that is there keeps its password.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Sent {
    password: Option<String>,
    role: Option<String>,
    base: Option<String>,
    subscribe: Vec<String>,
    publish: Vec<String>,
    retain: bool,
    admin: bool,
    certificate: bool,
    from: Vec<String>,
    valid_until: Option<String>,
    note: Option<String>,
}

/// All accounts, for admins; for this machine, and without a sign-in, which version of the file is in force alone.
pub(super) async fn accounts(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    headers: HeaderMap,
) -> Response<Body> {
    let list = match admin(&app, &peer, &headers, PATH).await {
        Ok(_) => Some(list(&app).await),
        Err(_) if is_of_this_machine(&headers, &peer) => None,
        Err(refused) => return refused,
    };
    let refused = app.refused_file();
    let version = app.access.accounts().version().clone();
    let mut body = Map::new();
    body.insert("in_force".to_owned(), version.as_str().into());
    body.insert("refused".to_owned(), refused.as_ref().map(Version::as_str).into());
    body.extend(list.map(|list| ("accounts".to_owned(), list.into())));
    told(StatusCode::OK, &body.into(), &version)
}

/// All accounts as admins see them.
async fn list(app: &App) -> Vec<Value> {
    let (accounts, mut list) = (app.access.accounts(), Vec::new());
    for (number, account) in accounts.iter().enumerate() {
        list.push(described(app, account));
        if number % A_TURN == A_TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
    list
}

/// One account: told, made or changed, or removed.
pub(super) async fn account(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response<Body> {
    one(&app, &peer, name, request).await.unwrap_or_else(|refused| refused)
}

async fn one(app: &App, peer: &Peer, name: Result<Path<String>, PathRejection>, request: Request) -> Answer {
    let mut admin = admin(app, peer, request.headers(), PATH).await?;
    let Path(name) = name.map_err(|_| not_utf8())?;
    match *request.method() {
        Method::GET => {
            let accounts = app.access.accounts();
            let account = accounts.get(&name).ok_or_else(|| nobody(&name))?;
            Ok(told(StatusCode::OK, &described(app, account), accounts.version()))
        }
        Method::PUT => {
            let seen = seen(app, request.headers()).map_err(complaint)?;
            let (password, wanted) = sent(app, (peer, &mut admin), request, name).await?;
            let hash = hash(app, &wanted, password).await?;
            let done = change(app, peer, &admin, seen, Change::Account(wanted, hash)).await?;
            let status = if done.is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok(told(status, &json!({ "in_force": done.version.as_str() }), &done.version))
        }
        Method::DELETE => {
            let seen = seen(app, request.headers()).map_err(complaint)?;
            let done = change(app, peer, &admin, seen, Change::Remove(USER, name)).await?;
            Ok(told(StatusCode::OK, &json!({ "in_force": done.version.as_str() }), &done.version))
        }
        _ => Err(method_refused("GET, PUT, DELETE")),
    }
}

/// One token: made, and told this one time; or revoked.
pub(super) async fn token(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response<Body> {
    one_token(&app, &peer, name, request).await.unwrap_or_else(|refused| refused)
}

async fn one_token(
    app: &App,
    peer: &Peer,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    let mut admin = admin(app, peer, request.headers(), PATH).await?;
    let Path(name) = name.map_err(|_| not_utf8())?;
    match *request.method() {
        Method::POST => {
            let seen = seen(app, request.headers()).map_err(complaint)?;
            let (password, wanted) = sent(app, (peer, &mut admin), request, name).await?;
            if password.is_some() || wanted.admin || wanted.certificate {
                return Err(bad("account", "a token has no password and no certificate, and is no admin"));
            }
            let new = new_token().map_err(|error| busy(&error.to_string()))?;
            let done = change(app, peer, &admin, seen, Change::Token(wanted, new.hash)).await?;
            let body = json!({ "token": new.token, "in_force": done.version.as_str() });
            Ok(told(StatusCode::CREATED, &body, &done.version))
        }
        Method::DELETE => {
            let seen = seen(app, request.headers()).map_err(complaint)?;
            let done = change(app, peer, &admin, seen, Change::Remove(TOKEN, name)).await?;
            Ok(told(StatusCode::OK, &json!({ "in_force": done.version.as_str() }), &done.version))
        }
        _ => Err(method_refused("POST, DELETE")),
    }
}

/// What an account may do with a topic or a filter, and why.
pub(super) async fn explain(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    name: Result<Path<String>, PathRejection>,
    query: Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response<Body> {
    let explained = async {
        admin(&app, &peer, &headers, PATH).await?;
        let Path(name) = name.map_err(|_| not_utf8())?;
        let accounts = app.access.accounts();
        let account = accounts.get(&name).ok_or_else(|| nobody(&name))?;
        let [(key, topic)] = &query.0[..] else { return Err(bad("request", "use ?topic=, once")) };
        if key != "topic" {
            return Err(bad("request", "use ?topic=, once"));
        }
        let limits = &app.hub.settings().topic;
        let explained = Right::ALL.map(|(word, right)| match account.explain(right, topic, limits) {
            Ok(explained) => (word, json!({ "allowed": explained.is_allowed, "why": explained.sentence })),
            Err(error) => (word, json!({ "allowed": false, "why": format!("no: {topic:?}: {error}") })),
        });
        let about = [("name", name.into()), ("topic", topic.as_str().into())];
        let body: Map<_, _> =
            about.into_iter().chain(explained).map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(told(StatusCode::OK, &body.into(), accounts.version()))
    };
    explained.await.unwrap_or_else(|refused| refused)
}

/// The admin who asks, from a page that may.
pub(super) async fn admin(
    app: &App,
    peer: &Peer,
    headers: &HeaderMap,
    path: &str,
) -> Result<SignedIn, Response<Body>> {
    let who = sent::user(app, peer, headers).await.map_err(|refused| *refused)?;
    if !who.user.rights.admin {
        audit::refused(&who.user.name, Some(peer.address()), "admin", path);
        return Err(complaint(Refusal::new(StatusCode::FORBIDDEN, "rights", "this is for admins")));
    }
    Ok(who)
}

/// The versions that an admin has seen, as the header `If-Match` says; none where any will do. A change has to say so: two admins
/// at once would undo each other's changes without knowing.
fn seen(app: &App, headers: &HeaderMap) -> Result<Option<Vec<String>>, Refusal> {
    if app.access.accounts().is_demo() {
        let sentence = "there are no accounts yet, and anybody on this machine is the demo's user: make the first one with \
                        `clown-hub user add NAME --admin`";
        return Err(Refusal::new(StatusCode::CONFLICT, "demo", sentence));
    }
    match sent::seen(headers) {
        Seen::Any => Ok(None),
        Seen::These(seen) => Ok(Some(seen)),
        Seen::Nothing => {
            let sentence = "send If-Match with the ETag of the accounts that you have read, or * to change them whatever they are";
            Err(Refusal::new(StatusCode::PRECONDITION_REQUIRED, "changed", sentence))
        }
    }
}

/// What was sent, and the password apart from it.
async fn sent(
    app: &App,
    admin: (&Peer, &mut SignedIn),
    request: Request,
    name: String,
) -> Result<(Option<String>, Wanted), Response<Body>> {
    let sent: Sent = sent::json(app, admin, request, BODY).await.map_err(complaint)?;
    let Sent {
        password,
        role,
        base,
        subscribe,
        publish,
        retain,
        admin,
        certificate,
        from,
        valid_until,
        note,
    } = sent;
    let wanted =
        Wanted { name, role, base, subscribe, publish, retain, admin, certificate, from, valid_until, note };
    Ok((password, wanted))
}

/// The hash of the password that was sent. An account that is new needs one, or a certificate.
async fn hash(
    app: &App,
    wanted: &Wanted,
    password: Option<String>,
) -> Result<Option<String>, Response<Body>> {
    let Some(password) = password else {
        let is_there = app.access.accounts().get(&wanted.name).is_some();
        if !is_there && !wanted.certificate {
            let sentence = "a new account needs a password, or certificate = true";
            return Err(bad("password", sentence));
        }
        return Ok(None);
    };
    check_new_password(&password, app.settings.shortest_password)
        .map_err(|sentence| bad("password", &sentence))?;
    match app.access.hash_of_new(password).await {
        Ok(hashed) => hashed.map(Some).map_err(|sentence| bad("password", &sentence)),
        Err(error) => {
            let mut refused = complaint(Refusal::new(status_of(error), "busy", error.to_string()));
            if let Some(wait) = retry_after(error) {
                refused.headers_mut().insert(RETRY_AFTER, wait.into());
            }
            Err(refused)
        }
    }
}

/// Has a change made, and waits until it is in force.
async fn change(
    app: &App,
    peer: &Peer,
    admin: &SignedIn,
    seen: Option<Vec<String>>,
    change: Change,
) -> Result<Done, Response<Body>> {
    let (done, answer) = oneshot::channel();
    let (admin, address, is_untold) = (admin.clone(), peer.address(), peer.is_untold());
    app.desk.ask(Order { admin, address, is_untold, seen, change, done }).map_err(complaint)?;
    match timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => answer.map_err(complaint),
        Ok(Err(_)) => Err(busy("the hub is being stopped")),
        Err(_) => {
            Err(busy("the disk takes long: the change may still come into force; read the accounts again"))
        }
    }
}

/// An account as admins see it: what stands in the file, what it may do in all, and how many connections it has. Nothing that lets
/// anybody in.
fn described(app: &App, account: &Account) -> Value {
    let (rights, role) = (account.rights(), account.role());
    let of_role = role.map(|role| role.rights().clone()).unwrap_or_default();
    let admin = rights.admin && !of_role.admin;
    let texts =
        |filters: &[Filter]| filters.iter().map(|filter| filter.as_str().to_owned()).collect::<Vec<_>>();
    let own = |filters: &[Filter], of_role: &[Filter]| {
        // What comes with the key `admin` is not written down.
        let comes_with_it = |filter: &Filter| admin && filter.as_str() == "$SYS/#";
        let is_own = |filter: &&Filter| !of_role.contains(filter) && !comes_with_it(filter);
        filters.iter().filter(is_own).map(|filter| filter.as_str().to_owned()).collect::<Vec<_>>()
    };
    let base = role.map(|role| role.base().as_str()).filter(|base| !base.is_empty());
    json!({
        "name": account.name(),
        "token": account.is_token(),
        "has_password": account.has_password(),
        "role": role.map(|role| role.name().word()),
        "base": base,
        "subscribe": own(&rights.subscribe, &of_role.subscribe),
        "publish": own(&rights.publish, &of_role.publish),
        "retain": rights.retain && !of_role.retain,
        "admin": admin,
        "certificate": account.asks_for_certificate(),
        "from": account.from().collect::<Vec<_>>(),
        "valid_until": account.valid_until().map(timestamp::seconds),
        "note": account.note(),
        "rights": {
            "subscribe": texts(&rights.subscribe),
            "publish": texts(&rights.publish),
            "retain": rights.retain,
            "admin": rights.admin,
        },
        "connections": app.access.connected(account.name()),
    })
}

fn bad(error: &'static str, message: &str) -> Response<Body> {
    complaint(Refusal::new(StatusCode::BAD_REQUEST, error, message))
}

fn busy(message: &str) -> Response<Body> {
    complaint(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message))
}

/// The refusal of a method, where the path takes these.
pub(super) fn method_refused(methods: &'static str) -> Response<Body> {
    let (but_the_last, last) = methods.rsplit_once(", ").unwrap_or(("", methods));
    let or = if but_the_last.is_empty() { "" } else { " or " };
    let message = format!("use {but_the_last}{or}{last}");
    allowing(methods, complaint(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)))
}

fn nobody(name: &str) -> Response<Body> {
    complaint(Refusal::new(StatusCode::NOT_FOUND, "account", format!("there is no account {name:?}")))
}

fn not_utf8() -> Response<Body> {
    bad("request", "the name is not UTF-8 where it is percent-encoded")
}

pub(super) fn complaint(refusal: Refusal) -> Response<Body> {
    let Refusal { status, error, message, mistakes } = refusal;
    let told = mistakes.map(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>());
    let parts = [
        ("error", Some(error.into())),
        ("message", Some(message.into())),
        ("mistakes", told.map(Value::from)),
    ];
    let parts = parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let body = Value::Object(parts.collect());
    let mut response = answer(status, &body);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// An answer with the version that it is of.
fn told(status: StatusCode, body: &Value, version: &Version) -> Response<Body> {
    let mut response = answer(status, body);
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", version.as_str())) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

pub(super) fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (status, headers, format!("{body}\n")).into_response()
}
