//! Links to other systems, one for each file of a folder. Floor 2: an edge, like the server, of which it knows nothing.
//!
//! What every link is stands here: `link` is its loop, `near` the hub's side, `carry` what a message becomes on its way,
//! `report` what it says of itself. Its far side is a kind of system behind one trait, `far`: [`mqtt`] is brokers, [`serial`]
//! gateways of radio nodes, [`process`] programs, [`hub`] other hubs, and tests have a
//! kind in memory. Pure are [`rules`], [`payload`], [`queue`], [`stamp`] and [`guard`]. [`file`] reads what
//! a link is to do, and this file watches the folder: a file that comes, changes or goes starts, restarts or stops its own
//! link and no other (`roster`).
//!
//! The folder is looked at every second or two rather than watched by the kernel: that is a few `stat`, and works on
//! network drives, in containers and with every editor.

mod carry;
mod estate;
mod far;
pub mod file;
pub mod guard;
mod house;
pub mod hub;
mod lines;
mod link;
mod marks;
#[cfg(test)]
mod memory;
pub mod mqtt;
mod near;
mod orphans;
pub mod payload;
pub mod process;
pub mod queue;
mod report;
mod roster;
pub mod rules;
pub mod serial;
pub mod settings;
mod shelf;
pub mod stamp;
#[cfg(test)]
mod tests;
mod way;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::estate::Estate;
use self::far::Far;
use self::guard::{Guard, Member};
use self::link::Link;
use self::marks::Known;
use self::mqtt::client::Client;
use self::near::Near;
use self::orphans::Orphans;
use self::roster::{News, Roster, Start};
use self::serial::claims::Claims;
use self::settings::{FarSettings, Plan};
use crate::hub::Hub;
use crate::moment::Moment;
use crate::operator::Change;
use crate::seldom::Seldom;
use crate::shutdown::{Shutdown, Stage};

pub use self::link::GRACE;
pub use self::mqtt::MOST_MESSAGE;
pub use self::roster::MOST_LINKS;

/// How often the folder is looked at, where there are links, or a file that is to be looked at twice.
pub const LOOK: Duration = Duration::from_secs(1);
/// And where there are none: a hub without links should sleep well.
const IDLE_LOOK: Duration = Duration::from_secs(2);

/// Starts, restarts and stops links as the files of a folder say, until the sign to stop.
pub async fn run(hub: Arc<Hub>, directory: PathBuf, figures_every: Duration, shutdown: Shutdown) {
    let guard = Arc::new(Guard::new(&hub_id(), Instant::now()));
    hub.marks().begin(Arc::new(Known(Arc::clone(&guard))));
    let stop = shutdown.sign(Stage::Links).clone();
    let mut roster = Roster::new(stop.clone());
    let orphans = Orphans::new(Instant::now());
    let claims = Arc::default();
    let mut starter = Starter { hub: Arc::clone(&hub), guard, claims, shutdown, orphans };
    let mut watch = file::watch(directory, hub.settings().topic);
    let mut told = Instant::now();
    loop {
        let changes = tokio::select! {
            // A drive that hangs holds nothing up.
            () = stop.cancelled() => return,
            changes = watch.look() => changes,
        };
        let now = Instant::now();
        for change in changes {
            follow(change, &mut roster, &mut starter, now);
        }
        for news in roster.look_after(now, &mut starter) {
            starter.tell(news);
        }
        starter.orphans.look(&hub, now, |name| roster.has(name));
        if told.elapsed() >= figures_every {
            told = now;
            tell_figures(&hub);
        }
        let is_idle = roster.is_empty() && !watch.is_unsettled();
        let wait = if is_idle { IDLE_LOOK } else { LOOK };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// What this life of the hub is called in stamps and client ids.
fn hub_id() -> String {
    let mut bytes = [0; 9];
    if getrandom::fill(&mut bytes).is_err() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        bytes.copy_from_slice(&[&now.as_nanos().to_be_bytes()[8..], &[0]].concat());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

fn follow(change: Change<Plan>, roster: &mut Roster<Plan, Estate>, starter: &mut Starter, now: Instant) {
    starter.orphans.note(&change);
    let news = match change {
        Change::There(plan) => {
            let name = Arc::clone(&plan.link.name);
            roster.there(&name, plan, now, starter)
        }
        Change::Bad(name, mistakes) => {
            let goes_on = roster.runs(&name);
            let what = if goes_on { "the link goes on as it was" } else { "the link is not started" };
            for mistake in mistakes {
                tracing::error!("{mistake} ({what})");
            }
            None
        }
        Change::Gone(name) => roster.gone(&name),
    };
    if let Some(news) = news {
        starter.tell(news);
    }
}

/// What it takes to start a link.
struct Starter {
    hub: Arc<Hub>,
    guard: Arc<Guard>,
    claims: Arc<Claims>,
    shutdown: Shutdown,
    orphans: Orphans,
}

impl Start<Plan, Estate> for Starter {
    /// The link begins when the link that it replaces has ended, with the messages that waited for that one.
    fn start(
        &mut self,
        plan: &Plan,
        stop: CancellationToken,
        before: Option<oneshot::Receiver<Estate>>,
    ) -> oneshot::Receiver<Estate> {
        let (ending, ended) = oneshot::channel();
        let (plan, this, guard) = (plan.clone(), Arc::clone(&self.hub), Arc::clone(&self.guard));
        let claims = Arc::clone(&self.claims);
        self.shutdown.spawn_in(Stage::Links, async move {
            let estate = match before {
                Some(before) => before.await.ok(),
                None => None,
            };
            let estate = match &plan.far {
                FarSettings::Mqtt(mqtt) => {
                    let member = Member::of(&guard, mqtt.repeats());
                    let client = Client::new(&plan.link, mqtt, &member);
                    let mut near = Near::new(&this, &plan.link, member);
                    if let Some(prefix) = &mqtt.home_assistant {
                        near.tell_home_assistant(prefix);
                    }
                    live(near, client, estate, stop).await
                }
                FarSettings::Hub(other) => {
                    let client = hub::client::Client::new(&plan.link, other);
                    let member = Member::of(&guard, false);
                    live(Near::new(&this, &plan.link, member), client, estate, stop).await
                }
                FarSettings::Process(process) => {
                    let mut near = Near::new(&this, &plan.link, Member::of(&guard, false));
                    let client = process::client::Client::new(&plan.link, process, &mut near);
                    live(near, client, estate, stop).await
                }
                FarSettings::Serial(serial) => {
                    let mut near = Near::new(&this, &plan.link, Member::at_the_end(&guard));
                    let client = serial::client::Client::new(&plan.link, serial, &claims, &mut near);
                    live(near, client, estate, stop).await
                }
            };
            // If no link takes it over, dropping it logs the loss.
            let _ = ending.send(estate);
        });
        ended
    }
}

/// The life of a link, with what waited for the one before. Returns what waits when it has ended.
async fn live<F: Far>(near: Near, far: F, before: Option<Estate>, stop: CancellationToken) -> Estate {
    let mut link = Link::new(near, far);
    link.begin(before);
    link.run(stop).await
}

impl Starter {
    fn tell(&self, news: News<Plan>) {
        static BROKE: Seldom = Seldom::new();
        match news {
            News::Waits(plan) => {
                let file = &plan.link.file;
                tracing::error!(%file, "there are {MOST_LINKS} links already: this one starts only when another one ends");
            }
            News::Broke(plan, wait) => {
                let (link, file) = (&plan.link.name, &plan.link.file);
                if let Some(times) = BROKE.again(link) {
                    let wait = wait.as_secs_f64();
                    tracing::error!(%link, %file, %times, "the link broke, which is a fault of the hub; it is started \
                        anew in {wait:.1} s");
                }
            }
            News::Gone(name) => {
                Orphans::drop_now(&self.hub, &name);
                forget(&self.hub, &name);
            }
        }
    }
}

fn tell_figures(hub: &Hub) {
    let now = Moment::now();
    for (name, figures) in hub.links().all() {
        for (figure, _, _, value) in figures.all() {
            hub.tell(&format!("bridge/{name}/{figure}"), &value.to_string(), now);
        }
    }
}

/// A link that is gone is not reported any more.
fn forget(hub: &Hub, name: &str) {
    let now = Moment::now();
    let known = hub.links().all().into_iter().find(|(other, _)| **other == *name);
    for (figure, ..) in known.iter().flat_map(|(_, figures)| figures.all()) {
        hub.untell(&format!("bridge/{name}/{figure}"), now);
    }
    hub.untell(&format!("bridge/{name}/state"), now);
    hub.links().leave(name);
}
