//! What the server does at regular times.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{interval, sleep, sleep_until};

use super::App;
use crate::hub::Hub;
use crate::moment::{self, Moment};

/// Publishes the hub's figures now and then, until the stop sign.
pub(super) async fn tell_by_the_clock(app: Arc<App>) {
    let mut clock = interval(app.settings.figures_every);
    loop {
        tokio::select! {
            () = app.shutdown.drain().cancelled() => return,
            _ = clock.tick() => tell_figures(&app.hub),
        }
    }
}

fn tell_figures(hub: &Hub) {
    moment::look_at_the_wall();
    let now = Moment::now();
    let uptime = hub.uptime(now).as_secs();
    hub.tell("version", &format!("\"{}\"", env!("CARGO_PKG_VERSION")), now);
    hub.tell("uptime", &uptime.to_string(), now);
    for (topic, _, _, value) in hub.figures().all() {
        hub.tell(topic, &told(topic, value), now);
    }
}

/// A figure as it is told under `$SYS/hub`: a number, but for the one that is a choice of words.
fn told(topic: &str, value: u64) -> String {
    const STATES: [&str; 5] = ["off", "on", "behind", "away", "replaced"];
    match (topic, usize::try_from(value).ok().and_then(|state| STATES.get(state))) {
        ("store/state", Some(state)) => format!("\"{state}\""),
        _ => value.to_string(),
    }
}

/// Does what the hub has to do at its time: answers that are due, leases that end. Until the stop sign.
pub(super) async fn tend_the_hub(app: Arc<App>) {
    loop {
        let next = app.hub.tend(Moment::now());
        let wait = async {
            match next {
                // No sooner than the clock of the runtime can tell.
                Some(wait) => sleep(wait.max(Duration::from_millis(1))).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = app.shutdown.drain().cancelled() => return,
            () = poll_fn(|cx| app.hub.poll_bell(cx)) => {}
            () = wait => {}
        }
    }
}

/// Ends sign-ins when they expire, until the stop sign.
pub(super) async fn end_what_expires(app: Arc<App>) {
    loop {
        let next = app.access.sweep();
        tokio::select! {
            () = app.shutdown.drain().cancelled() => return,
            () = sleep_until(next) => {}
        }
    }
}
