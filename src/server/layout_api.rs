//! `/api/layout`: names, rooms, icons, order and limits, for all pages of this hub (`docs/protocol.md`, clause 7.11). Everybody sees
//! what stands there of what they may read; who may arrange changes it, one after the other.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{ETAG, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::App;
use super::accounts_api::{answer, complaint, method_refused};
use super::accounts_desk::Refusal;
use super::peer::Peer;
use super::sent::{self, Seen};
use crate::access::SignedIn;
use crate::audit;
use crate::hub::{Hub, Rights};
use crate::layout::{BYTES, Change, Layout};
use crate::moment::Moment;
use crate::topic::{Limits, Topic};

/// Where it is.
pub(super) const LAYOUT: &str = "/api/layout";
/// The largest body.
const BODY: usize = BYTES + 64 * 1024;

/// The layout as it stands.
#[derive(Debug, Default)]
pub(super) struct Arranged {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    version: u64,
    layout: Arc<Layout>,
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Kept<T> {
    version: u64,
    layout: T,
}

impl Arranged {
    /// What was kept before this start. What cannot be read any more is left alone until somebody changes it.
    pub(super) fn restored(hub: &Hub) -> Self {
        let limits = &hub.settings().topic;
        let inside = hub.layout().map_or_else(Inside::default, |text| match read(&text, limits) {
            Ok(inside) => inside,
            Err(wrong) => {
                tracing::error!(
                    "names, rooms and limits of the page cannot be read as they were kept: {wrong}"
                );
                Inside::default()
            }
        });
        Self { inside: Mutex::new(inside) }
    }

    /// Tells everybody which version there is.
    pub(super) fn tell(&self, hub: &Hub) {
        let version = self.inside.lock().version;
        // Where there is no room, pages ask when they are opened.
        let _ = hub.tell_layout_version(version, Moment::now());
    }

    fn now(&self) -> (u64, Arc<Layout>) {
        let inside = self.inside.lock();
        (inside.version, Arc::clone(&inside.layout))
    }

    /// Puts another layout in the place of this one, if it is still the one that was seen. Returns the new version.
    fn change(
        &self,
        hub: &Hub,
        seen: &Seen,
        next: impl FnOnce(&Layout) -> Result<Layout, Refusal>,
    ) -> Result<u64, Refusal> {
        let mut inside = self.inside.lock();
        let version = inside.version.to_string();
        match seen {
            Seen::Any => {}
            Seen::These(seen) if seen.contains(&version) => {}
            Seen::These(_) => {
                let sentence = "somebody has changed this since you read it: read it again, and look whether the change still fits";
                return Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "changed", sentence));
            }
            Seen::Nothing => {
                let sentence =
                    "send If-Match with the ETag that you have read, or * to change it whatever it is";
                return Err(Refusal::new(StatusCode::PRECONDITION_REQUIRED, "changed", sentence));
            }
        }
        let layout = next(&inside.layout)?;
        let version = inside.version + 1;
        let kept = to_raw_value(&Kept { version, layout: &layout });
        let kept: Box<RawValue> = kept.map_err(|error| broken(&error.to_string()))?;
        // Under the lock: what is kept last is what is in force.
        hub.keep_layout(kept.get(), version, Moment::now()).map_err(|_| {
            let sentence = "there is no room for another last value (retained.bytes, retained.topics): nothing has changed";
            Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "room", sentence)
        })?;
        *inside = Inside { version, layout: Arc::new(layout) };
        Ok(version)
    }
}

fn read(text: &str, limits: &Limits) -> Result<Inside, String> {
    let kept: Kept<&RawValue> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let layout = Arc::new(Layout::parse(kept.layout.get(), limits)?);
    Ok(Inside { version: kept.version, layout })
}

fn broken(message: &str) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "layout", message)
}

pub(super) async fn layout(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    request: Request,
) -> Response<Body> {
    let mut who = match sent::user(&app, &peer, request.headers()).await {
        Ok(who) => who,
        Err(refused) => return *refused,
    };
    match *request.method() {
        Method::GET | Method::HEAD => told(&app, &who),
        Method::PUT | Method::PATCH => match changed(&app, &peer, &mut who, request).await {
            Ok(response) => response,
            Err(refused) => complaint(refused),
        },
        _ => method_refused("GET, HEAD, PATCH, PUT"),
    }
}

/// What somebody sees of it.
fn told(app: &App, who: &SignedIn) -> Response<Body> {
    let rights = &who.user.rights;
    let (version, layout) = app.arranged.now();
    let layout = readable(&layout, rights, &app.hub.settings().topic);
    let body = json!({
        "version": version,
        "stored": app.hub.has_store(),
        "may_change": rights.may_arrange(),
        "layout": layout,
    });
    with_version(answer(StatusCode::OK, &body), version)
}

fn must_arrange(peer: &Peer, who: &SignedIn) -> Result<(), Refusal> {
    if who.user.rights.may_arrange() {
        return Ok(());
    }
    audit::refused(&who.user.name, Some(peer.address()), "publish", Rights::LAYOUT);
    let sentence = "this takes the right to publish to $SYS/layout, or admin = true";
    Err(Refusal::new(StatusCode::FORBIDDEN, "rights", sentence))
}

async fn changed(
    app: &App,
    peer: &Peer,
    who: &mut SignedIn,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let limits = &app.hub.settings().topic;
    must_arrange(peer, who)?;
    let seen = sent::seen(request.headers());
    let is_whole = request.method() == Method::PUT;
    let text = sent::json_text(app, (peer, who), request, BODY).await?;
    must_arrange(peer, who)?;
    let rights = &who.user.rights;
    let bad = |wrong: String| Refusal::new(StatusCode::BAD_REQUEST, "layout", wrong);
    let unseen = |what: &str| {
        let sentence = format!("{what}: this takes the right subscribe to what is named");
        Refusal::new(StatusCode::FORBIDDEN, "rights", sentence)
    };
    let mut about = None;
    let mut payload = None;
    let version = if is_whole {
        let whole = Layout::parse(&text, limits).map_err(bad)?;
        app.arranged.change(&app.hub, &seen, |now| {
            // What somebody does not see would be lost.
            if [now, &whole].iter().any(|layout| readable(layout, rights, limits) != **layout) {
                return Err(unseen("there are entries that you may not read, or would be"));
            }
            Ok(whole)
        })?
    } else {
        let mut change = Change::parse(&text).map_err(bad)?;
        let (mut nodes, mut values) = change.about();
        let hidden = nodes.find(|base| !rights.may_read_below(base));
        if let Some(hidden) = hidden.or_else(|| values.find(|topic| !may_read(rights, topic, limits))) {
            return Err(unseen(&format!("{hidden:?} is forbidden")));
        }
        drop((nodes, values));
        let (one, told) = change.told();
        about = one.and_then(|one| Topic::parse(one, limits).ok());
        payload = Some(told);
        app.arranged.change(&app.hub, &seen, |now| {
            // Rooms that somebody does not see keep a place in the order.
            if let Some(rooms) = &mut change.rooms {
                let seen = readable(now, rights, limits).rooms;
                let unseen = now.rooms.iter().filter(|room| !seen.contains(room) && !rooms.contains(room));
                let unseen: Vec<_> = unseen.cloned().collect();
                rooms.extend(unseen);
            }
            now.with(change, limits).map_err(bad)
        })?
    };
    let (user, address) = (&who.user.name, peer.address());
    let result = if is_whole { "replaced" } else { "changed" };
    app.hub.note_layout(about.as_ref(), result, payload.as_deref(), (user, address));
    tracing::info!(?user, %address, version, "names, rooms or limits of the page were changed");
    Ok(with_version(answer(StatusCode::OK, &json!({ "version": version })), version))
}

/// The part that somebody may read.
fn readable(layout: &Layout, rights: &Rights, limits: &Limits) -> Layout {
    layout.of(|base| rights.may_read_below(base), |topic| may_read(rights, topic, limits))
}

/// What is no topic makes no sense, and is said to be that by others.
fn may_read(rights: &Rights, topic: &str, limits: &Limits) -> bool {
    Topic::parse(topic, limits).map_or(true, |topic| rights.may_read(&topic))
}

fn with_version(mut response: Response<Body>, version: u64) -> Response<Body> {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}
