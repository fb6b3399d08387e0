//! `/api/config` and `/api/backup`: what an operator otherwise asks for on the hub's machine, for admins over HTTP.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::{Frame, SizeHint};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::App;
use super::accounts_api::{admin, answer, complaint, method_refused};
use super::accounts_desk::Refusal;
use super::peer::Peer;
use super::seat::{Seat, Visit};
use crate::audit;
use crate::config::Key;
use crate::moment::Moment;
use crate::talk::timestamp;

/// Where these are.
pub(super) const CONFIG: &str = "/api/config";
pub(super) const BACKUP: &str = "/api/backup";

/// Bytes of a copy that are read in one piece.
const PIECE: usize = 256 * 1024;
/// Pieces that wait for the one who downloads.
const WAITING: usize = 2;
/// Who takes nothing for so long has lost the copy.
const STALLED: Duration = Duration::from_secs(30);

/// A copy of the store: so many bytes, and where to read them.
pub struct StoreCopy {
    /// Its size.
    pub bytes: u64,
    /// What is in it.
    pub content: Box<dyn Read + Send>,
}

/// Makes a copy of the store, in its own time; an error is a sentence for the operator.
pub type CopyStore = Arc<dyn Fn() -> Result<StoreCopy, String> + Send + Sync>;

/// What admins may ask for besides accounts.
#[derive(Clone)]
pub struct Operator {
    /// The keys of the configuration as they were at the start, with secrets masked.
    pub config: Arc<[Key]>,
    /// How the store is copied; none where there is no store.
    pub copy_store: Option<CopyStore>,
}

/// What the hub keeps for it.
pub(super) struct Office {
    operator: Operator,
    /// One copy at a time: each takes room on the disk.
    copying: Arc<Semaphore>,
}

impl Office {
    pub(super) fn new(operator: Operator) -> Self {
        Self { operator, copying: Arc::new(Semaphore::new(1)) }
    }
}

/// Every key of the configuration with what counts, and who said it.
pub(super) async fn config(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    method: Method,
    headers: HeaderMap,
) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        return method_refused("GET, HEAD");
    }
    if let Err(refused) = admin(&app, &peer, &headers, CONFIG).await {
        return refused;
    }
    let keys = app.office.operator.config.iter().map(|key| {
        json!({
            "name": key.name, "value": key.value, "origin": key.origin,
            "range": key.range, "unit": key.unit, "meaning": key.meaning,
        })
    });
    answer(StatusCode::OK, &json!({ "keys": keys.collect::<Vec<Value>>() }))
}

/// A copy of the store, as `clown-hub backup` makes one.
pub(super) async fn backup(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Arc<Peer>>,
    Extension(seat): Extension<Arc<Seat>>,
    method: Method,
    headers: HeaderMap,
) -> Response<Body> {
    if method != Method::GET {
        return method_refused("GET");
    }
    let who = match admin(&app, &peer, &headers, BACKUP).await {
        Ok(who) => who,
        Err(refused) => return refused,
    };
    let (user, ended) = (Arc::clone(&who.user.name), who.ended.clone());
    // The connection stays for as long as somebody downloads.
    let visit = seat.sits(&app, &peer, who);
    let no = |status, error, message: &str| complaint(Refusal::new(status, error, message));
    let Some(copy_store) = app.office.operator.copy_store.clone() else {
        return no(StatusCode::NOT_FOUND, "store", "there is no store: store.directory is empty");
    };
    let Ok(permit) = Arc::clone(&app.office.copying).try_acquire_owned() else {
        return no(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "another copy is being made or fetched: try again later",
        );
    };
    // The permit goes along: who leaves meanwhile leaves a copy that is still being made.
    let made = spawn_blocking(move || (copy_store(), permit)).await;
    let (copy, permit) = match made {
        Ok((Ok(copy), permit)) => (copy, permit),
        Ok((Err(why), _)) => {
            tracing::error!(%user, "the store was not copied: {why}");
            return no(StatusCode::INTERNAL_SERVER_ERROR, "store", &why);
        }
        Err(_) => return no(StatusCode::SERVICE_UNAVAILABLE, "busy", "the hub is being stopped"),
    };
    let StoreCopy { bytes, content } = copy;
    audit::backup(&user, Some(peer.address()), bytes);
    let (pieces, taken) = mpsc::channel(WAITING);
    app.shutdown.spawn(send(content, pieces, permit, (user, ended)));
    let day = timestamp::seconds(Moment::now().wall());
    let day: String = day.chars().take_while(|character| *character != 'T').collect();
    let headers = [
        (CONTENT_TYPE, "application/vnd.sqlite3".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"clown-hub-{day}.db\"")),
    ];
    (headers, Body::new(Download { taken, left: bytes, _visit: visit })).into_response()
}

/// Reads a copy piece by piece, as fast as somebody takes it.
async fn send(
    mut content: Box<dyn Read + Send>,
    pieces: mpsc::Sender<io::Result<Bytes>>,
    permit: OwnedSemaphorePermit,
    (user, ended): (Arc<str>, CancellationToken),
) {
    loop {
        let read = spawn_blocking(move || {
            let mut piece = Vec::with_capacity(PIECE);
            content.by_ref().take(PIECE as u64).read_to_end(&mut piece).map(|_| (content, piece))
        });
        let piece = match read.await {
            Ok(Ok((_, piece))) if piece.is_empty() => break,
            Ok(Ok((rest, piece))) => {
                content = rest;
                piece
            }
            Ok(Err(error)) => {
                tracing::error!(%user, %error, "a copy of the store could not be read to its end");
                let _ = timeout(STALLED, pieces.send(Err(error))).await;
                break;
            }
            Err(_) => break,
        };
        let sent = tokio::select! {
            sent = timeout(STALLED, pieces.send(Ok(piece.into()))) => matches!(sent, Ok(Ok(()))),
            // The account is gone, or the hub is being stopped.
            () = ended.cancelled() => false,
        };
        if !sent {
            tracing::warn!(%user, "a copy of the store was not fetched to its end");
            break;
        }
    }
    drop(permit);
}

/// The body of the answer.
struct Download {
    taken: mpsc::Receiver<io::Result<Bytes>>,
    /// Bytes that are still to come.
    left: u64,
    _visit: Visit,
}

impl hyper::body::Body for Download {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.taken.poll_recv(context).map(|piece| match piece {
            Some(piece) => Some(piece.map(|piece| {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Frame::data(piece)
            })),
            // It ended too early: a download that looks whole would be worse than one that failed.
            None if self.left > 0 => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
