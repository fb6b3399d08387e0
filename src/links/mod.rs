//! Links to MQTT brokers, one for each file of a folder. Floor 2: an edge, like the server, of which it knows nothing.
//!
//! Without a socket and without a file are [`rules`], [`payload`], [`queue`], [`flight`], [`stamp`], [`guard`],
//! and [`packets`]. [`file`] reads what a link is to do, `link` does it over a `connection`, and this file
//! watches the folder: a file that comes, changes or goes starts, restarts or stops its own link and no other.
//!
//! The folder is looked at every second or two rather than watched by the kernel: that is a few `stat`, and works on
//! network drives, in containers and with every editor.

mod carry;
mod connection;
mod ending;
mod estate;
pub mod file;
pub mod flight;
pub mod guard;
mod hearing;
mod link;
pub mod packets;
pub mod payload;
pub mod queue;
mod report;
pub mod rules;
pub mod settings;
mod socket;
pub mod stamp;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::estate::Estate;
use self::guard::Guard;
use self::link::Link;
use self::settings::LinkSettings;
use crate::hub::Hub;
use crate::operator::Change;
use crate::shutdown::Shutdown;

pub use self::link::GRACE;
pub use self::socket::MOST_MESSAGE;

/// Links that a hub may have.
pub const MOST_LINKS: usize = 64;
/// How often the folder is looked at, where there are links, or a file that is to be looked at twice.
pub const LOOK: Duration = Duration::from_secs(1);
/// And where there are none: a hub without links should sleep well.
const IDLE_LOOK: Duration = Duration::from_secs(2);

/// Starts, restarts and stops links as the files of a folder say, until the sign to stop.
pub async fn run(hub: Arc<Hub>, directory: PathBuf, figures_every: Duration, shutdown: Shutdown) {
    let guard = Arc::new(Guard::new(&hub_id(), Instant::now()));
    let mut bridges = Bridges {
        hub,
        guard,
        shutdown: shutdown.clone(),
        running: Vec::new(),
        ending: Vec::new(),
        beyond: VecDeque::new(),
    };
    let mut watch = file::watch(directory, bridges.hub.settings().topic);
    let mut told = Instant::now();
    loop {
        for change in watch.look().await {
            bridges.follow(change);
        }
        bridges.restart_broken();
        bridges.forget_ended();
        bridges.start_waiting();
        if told.elapsed() >= figures_every {
            told = Instant::now();
            bridges.tell_figures();
        }
        let is_idle = bridges.running.is_empty() && bridges.ending.is_empty() && !watch.is_unsettled();
        let wait = if is_idle { IDLE_LOOK } else { LOOK };
        tokio::select! {
            () = shutdown.drain().cancelled() => return,
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

struct Bridges {
    hub: Arc<Hub>,
    guard: Arc<Guard>,
    shutdown: Shutdown,
    running: Vec<Running>,
    /// Links that were told to stop, and whose file is gone.
    ending: Vec<(Arc<str>, oneshot::Receiver<Estate>)>,
    /// Files beyond the bound, in the order in which they came.
    beyond: VecDeque<Arc<LinkSettings>>,
}

/// A link and the way to stop it.
struct Running {
    settings: Arc<LinkSettings>,
    stop: CancellationToken,
    /// Answers when the link has ended, with what waited.
    ended: oneshot::Receiver<Estate>,
}

impl Bridges {
    fn follow(&mut self, change: Change<LinkSettings>) {
        match change {
            Change::There(settings) => {
                let name = Arc::clone(&settings.name);
                let before = self.stop(&name).or_else(|| {
                    let at = self.ending.iter().position(|(ending, _)| *ending == name)?;
                    Some(self.ending.swap_remove(at).1)
                });
                if before.is_none() && self.running.len() >= MOST_LINKS {
                    let file = &settings.file;
                    tracing::error!(%file, "there are {MOST_LINKS} links already: this one is not started before one of them goes");
                    self.beyond.retain(|waiting| waiting.name != name);
                    self.beyond.push_back(settings);
                    return;
                }
                self.start(settings, before);
            }
            Change::Bad(name, mistakes) => {
                let goes_on = self.running.iter().any(|running| *running.settings.name == *name);
                let what = if goes_on { "the link goes on as it was" } else { "the link is not started" };
                for mistake in mistakes {
                    tracing::error!("{mistake} ({what})");
                }
            }
            Change::Gone(name) => {
                self.beyond.retain(|waiting| *waiting.name != *name);
                if let Some(ended) = self.stop(&name) {
                    self.ending.push((name.into(), ended));
                }
            }
        }
    }

    /// Starts a link, when the one that it takes the place of has ended, with what waited for that one.
    fn start(&mut self, settings: Arc<LinkSettings>, before: Option<oneshot::Receiver<Estate>>) {
        let stop = self.shutdown.drain().child_token();
        let (ending, ended) = oneshot::channel();
        let (hub, guard) = (Arc::clone(&self.hub), Arc::clone(&self.guard));
        self.running.push(Running { settings: Arc::clone(&settings), stop: stop.clone(), ended });
        self.shutdown.spawn(async move {
            let estate = match before {
                Some(before) => before.await.ok(),
                None => None,
            };
            let mut link = Link::new(settings, hub, guard);
            if let Some(estate) = estate {
                link.inherit(estate);
            }
            let estate = link.run(stop).await;
            // Where nobody is left to take it, it says itself that it is lost.
            let _ = ending.send(estate);
        });
    }

    /// Where links have gone, others have their turn.
    fn start_waiting(&mut self) {
        while self.running.len() < MOST_LINKS
            && let Some(settings) = self.beyond.pop_front()
        {
            self.start(settings, None);
        }
    }

    fn stop(&mut self, name: &str) -> Option<oneshot::Receiver<Estate>> {
        let at = self.running.iter().position(|running| *running.settings.name == *name)?;
        let running = self.running.swap_remove(at);
        running.stop.cancel();
        Some(running.ended)
    }

    /// A link ends only when it is told to; one that ended otherwise broke, and is started anew.
    fn restart_broken(&mut self) {
        let is_broken = |running: &mut Running| {
            let ended = matches!(running.ended.try_recv(), Err(oneshot::error::TryRecvError::Closed));
            ended && !running.stop.is_cancelled()
        };
        let broken: Vec<_> = self.running.extract_if(.., is_broken).collect();
        for running in broken {
            let (link, file) = (&running.settings.name, &running.settings.file);
            tracing::error!(%link, %file, "the link broke, which is a fault of the hub; it is started anew");
            self.start(Arc::clone(&running.settings), None);
        }
    }

    fn tell_figures(&self) {
        let now = SystemTime::now();
        for (name, figures) in self.hub.links().all() {
            for (figure, _, _, value) in figures.all() {
                self.hub.tell(&format!("bridge/{name}/{figure}"), &value.to_string(), now);
            }
        }
    }

    fn forget_ended(&mut self) {
        let is_over = |(_, ended): &mut (Arc<str>, oneshot::Receiver<Estate>)| {
            !matches!(ended.try_recv(), Err(oneshot::error::TryRecvError::Empty))
        };
        let over: Vec<_> = self.ending.extract_if(.., is_over).collect();
        for (name, _) in over {
            self.forget(&name);
        }
    }

    /// Nothing is told of a link that is no more.
    fn forget(&self, name: &str) {
        let now = SystemTime::now();
        let known = self.hub.links().all().into_iter().find(|(other, _)| **other == *name);
        for (figure, ..) in known.iter().flat_map(|(_, figures)| figures.all()) {
            self.hub.untell(&format!("bridge/{name}/{figure}"), now);
        }
        self.hub.untell(&format!("bridge/{name}/state"), now);
        self.hub.links().leave(name);
    }
}
