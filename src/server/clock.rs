//! What the server does at regular times.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{interval, sleep, sleep_until};

use super::App;
use crate::hub::Hub;
use crate::moment::{self, Jump, Moment};
use crate::seldom::Seldom;

/// How often it is looked whether somebody has set the clock of the system.
const LOOK_AT_THE_WALL: Duration = Duration::from_secs(1);

/// Publishes the hub's figures now and then, until the stop sign. Sees when somebody sets the clock of the system.
pub(super) async fn tell_by_the_clock(app: Arc<App>) {
    let (mut clock, mut wall) = (interval(app.settings.figures_every), interval(LOOK_AT_THE_WALL));
    loop {
        tokio::select! {
            () = app.shutdown.drain().cancelled() => return,
            _ = clock.tick() => tell_figures(&app.hub),
            _ = wall.tick() => look_at_the_wall(&app.hub),
        }
    }
}

fn look_at_the_wall(hub: &Hub) {
    static SET: Seldom = Seldom::new();
    let (direction, by) = match moment::look_at_the_wall() {
        None => return,
        Some(Jump::Forward(by)) => ("forward", by),
        Some(Jump::Back(by)) => ("back", by),
    };
    hub.figures().clock_jumps.add(1);
    if let Some(times) = SET.again("clock") {
        let seconds = by.as_secs();
        tracing::warn!(direction, seconds, %times,
            "the clock of the system was set: messages have the new time, last values stay in the order in which they came, \
             and nothing expires sooner or later by it");
    }
}

fn tell_figures(hub: &Hub) {
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
