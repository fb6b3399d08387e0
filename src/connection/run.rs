//! The loop of a connection: a wire and a session, until one of them ends.
//!
//! The reading half never writes: its answers go through the outbox, so that they stand in line with everything
//! else. What is to be written is taken from the outbox only when the last write is done, so a slow reader's backlog
//! is in one bounded place.

use std::future::Future;

use super::ending::Ending;
use super::last::{WRITE, flush_everything, put_in_what_waits};
use super::pump::Connection;
use super::shared::Held;
use super::stay::Stay;
use super::watch::{Patience, Signs};
use super::wire::Wire;
use crate::hub::Session;
use crate::seldom::Seldom;

/// Runs a connection to its end, and says good-bye.
pub(crate) fn run<W: Wire + Send + 'static>(
    wire: W,
    session: Session,
    patience: Patience,
    signs: Signs,
) -> impl Future<Output = ()> + Send {
    run_and_keep(wire, session, patience, signs, |_, stay, _| drop(stay))
}

/// As [`run`], for a session that may outlive its connection: `keep` gets it before good-bye is said.
pub(crate) fn run_and_keep<W: Wire + Send + 'static>(
    wire: W,
    session: Session,
    patience: Patience,
    signs: Signs,
    keep: impl FnOnce(&mut W, Stay, &Ending) + Send,
) -> impl Future<Output = ()> + Send {
    // Outside of the future, which would hold twice what it is given.
    let (ended, background) = signs.apart();
    let mut held = Held::new(Connection::new(wire, Stay::new(session, background), patience), &ended);
    async move {
        let ending = held.until_the_end(&ended).await;
        // In a box, so that no living connection holds room for its end.
        Box::pin(async move {
            let Some(mut connection) = held.into_connection() else { return };
            let ending = if ending == Ending::Vanished { connection.last_word().await } else { ending };
            finish(connection, ending, keep).await;
        })
        .await;
    }
}

async fn finish<W: Wire + Send>(
    connection: Connection<W>,
    ending: Ending,
    keep: impl FnOnce(&mut W, Stay, &Ending) + Send,
) {
    static DISCONNECTED: Seldom = Seldom::new();
    let Connection { mut wire, mut session, write_patience, .. } = connection;
    let ending = wire.explains(ending);
    if ending == Ending::Farewell {
        session.farewell();
    }
    if ending == Ending::ShuttingDown {
        flush_everything(&mut wire, &mut session, write_patience.into()).await;
    } else if ending.is_a_breach() {
        put_in_what_waits(&mut wire, &mut session);
    }
    if let Some(times) = DISCONNECTED.each() {
        let (client, cause, left_out) = (session.name(), ending.cause(), times.left_out);
        tracing::info!(%client, base = ?session.base(), %cause, left_out, "disconnected");
    }
    keep(&mut wire, session, &ending);
    wire.forget();
    // A client that was cut off for its memory and does not read would keep that memory.
    if !matches!(ending, Ending::CutOff { .. }) || wire.waiting() <= WRITE {
        wire.close(&ending).await;
    }
}
