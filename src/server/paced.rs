//! Answers that are large go out in pieces, and count for their account until the client has taken them: like what waits in the
//! queue of a socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::sleep;

use super::seat::{Seat, Visit};
use crate::hub::{Session, Until};

/// Up to so many bytes an answer is written as it is.
const SMALL: u64 = 64 * 1024;
const PIECE: usize = 64 * 1024;
/// See [`nobody_takes`].
const PATIENCES: u32 = 3;
/// How often it is looked whether a client takes what it is sent.
const LOOK: Duration = Duration::from_secs(1);

/// The answer to a request of somebody who has signed in, who has a request under way until all of it is taken.
pub(super) fn paced(visit: Visit, answer: Response<Body>) -> Response<Body> {
    let Some(bytes) = answer.body().size_hint().exact().filter(|bytes| *bytes > SMALL) else { return answer };
    let mut session = visit.session_of_its_own();
    session.holds(usize::try_from(bytes).unwrap_or(usize::MAX));
    session.relieve();
    visit.seat.waits_for(Some(Arc::clone(session.outbox())));
    answer.map(|inner| Body::new(Paced { inner, rest: Bytes::new(), left: bytes, visit, _session: session }))
}

struct Paced {
    inner: Body,
    /// What has come of it and is not taken.
    rest: Bytes,
    /// Bytes that are still to go out.
    left: u64,
    visit: Visit,
    /// What the bytes count for.
    _session: Session,
}

impl hyper::body::Body for Paced {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        while self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(context)) else {
                return Poll::Ready(None);
            };
            match frame.map(Frame::into_data) {
                Ok(Ok(bytes)) => self.rest = bytes,
                Ok(Err(trailers)) => return Poll::Ready(Some(Ok(trailers))),
                Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
            }
        }
        let bytes = PIECE.min(self.rest.len());
        let piece = self.rest.split_to(bytes);
        self.left = self.left.saturating_sub(bytes as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.visit.seat.waits_for(None);
    }
}

/// Why a client does not get the rest of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// It takes nothing.
    Slow,
    /// The memory of the hub is used up, and it holds much of that.
    Memory,
}

/// Waits until the client of a connection is not to get the rest of its answer. It may take nothing for a multiple of so long: the
/// system says of a socket that it takes something only when a good part of what it holds is gone.
pub(super) async fn nobody_takes(seat: &Seat, patience: Duration) -> Cut {
    loop {
        sleep(LOOK.min(patience)).await;
        let waits = seat.waiting();
        if waits.is_some_and(|outbox| outbox.look(Until::Overflow).is_some()) {
            return Cut::Memory;
        }
        if seat.loan.blocked_for().is_some_and(|time| time >= patience * PATIENCES) {
            return Cut::Slow;
        }
    }
}
