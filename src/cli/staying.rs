//! One connection to a hub after another.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::exit::broken;
use super::output::notice;
use crate::backoff::Backoff;
use crate::client::{Address, Connection, Failure};

/// Opens a connection to a hub, on the side of nodes or of dashboards and with these settings, and has a conversation on it; with
/// `reconnects` again and again, until one of them ends well or the time has come. The outer error of a conversation ends it,
/// too.
pub(super) async fn stay_connected(
    (address, as_node, settings): (&Address, bool, &str),
    reconnects: bool,
    until: Option<Instant>,
    mut converse: impl AsyncFnMut(Connection) -> anyhow::Result<Result<(), Failure>>,
) -> anyhow::Result<()> {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);
    let mut backoff = Backoff::new(FIRST, LONGEST);
    loop {
        let opened = tokio::select! {
            biased;
            opened = Connection::open(address, as_node, settings) => opened,
            () = passed(until) => return Ok(()),
        };
        let ended = match opened {
            Ok(connection) => {
                backoff.reset();
                converse(connection).await?
            }
            Err(failure) => Err(failure),
        };
        match ended {
            Ok(()) => return Ok(()),
            Err(Failure::Lost(sentence)) if reconnects => {
                let wait = backoff.draw();
                notice(&format!("{sentence}; trying again in {:.1} s", wait.as_secs_f64()));
                tokio::select! {
                    () = sleep(wait) => {}
                    () = passed(until) => return Ok(()),
                }
            }
            Err(failure) => return Err(broken(failure)),
        }
    }
}

/// Waits for that time, or for ever.
pub(super) async fn passed(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
