//! What is still sent where a connection ends.

use std::future::poll_fn;
use std::time::Duration;

use super::wire::Wire;
use crate::hub::{Drained, Session};
use crate::moment::Moment;

/// How many bytes are taken from the outbox for one write.
pub(super) const WRITE: usize = 64 * 1024;

/// Sends what is queued. The caller that waits for the end has the deadline.
pub(super) async fn flush_everything<W: Wire>(wire: &mut W, session: &mut Session, patience: Duration) {
    loop {
        let drained = wire.give(session, WRITE, Moment::now());
        let flush = tokio::time::timeout(patience, poll_fn(|cx| wire.poll_flush(cx))).await;
        if drained == Drained::Everything || !matches!(flush, Ok(Ok(()))) {
            return;
        }
        match drained {
            Drained::Later(wait) if !wait.is_zero() => tokio::time::sleep(wait).await,
            Drained::Later(_) | Drained::More | Drained::Everything => tokio::task::yield_now().await,
        }
    }
}

/// Puts in what a client was answered before it broke a rule; the close writes it. About one write's worth, as what
/// such a client left unread is no longer waited for.
pub(super) fn put_in_what_waits<W: Wire>(wire: &mut W, session: &mut Session) {
    while wire.waiting() < WRITE && wire.give(session, WRITE, Moment::now()) == Drained::More {}
}
