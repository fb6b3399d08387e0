//! What the server does at regular times.

use std::sync::Arc;

use tokio::time::{interval, sleep_until};

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
