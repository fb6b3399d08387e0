//! Messages that the store has for links that are not there: their files were removed or renamed while the hub was not running,
//! or have a mistake, or their drive is not mounted yet. They are kept for a day, and both is said. Time is an argument.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::settings::Plan;
use crate::hub::Hub;
use crate::moment::Moment;
use crate::operator::Change;

/// When it is said which ones there are. By then the folder was looked at.
const SAID: Duration = Duration::from_secs(10);
/// When they are dropped, from the start of the hub on.
const DROPPED: Duration = Duration::from_hours(24);

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begun,
    Said,
    Dropped,
}

/// Who looks after them.
pub(super) struct Orphans {
    since: Instant,
    stage: Stage,
    /// Links whose files have a mistake, or cannot be read.
    bad: BTreeSet<Arc<str>>,
}

impl Orphans {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, stage: Stage::Begun, bad: BTreeSet::new() }
    }

    /// A file has changed.
    pub(super) fn note(&mut self, change: &Change<Plan>) {
        match change {
            Change::Bad(name, _) => _ = self.bad.insert(Arc::from(&**name)),
            Change::There(plan) => _ = self.bad.remove(&plan.link.name),
            Change::Gone(name) => _ = self.bad.remove(&**name),
        }
    }

    /// Says which ones there are, and drops them later, each once. `has_link` says whether there is a link of a name.
    pub(super) fn look(&mut self, hub: &Hub, now: Instant, has_link: impl Fn(&str) -> bool) {
        let age = now.duration_since(self.since);
        let stage = match self.stage {
            Stage::Begun if age >= SAID => Stage::Said,
            Stage::Said if age >= DROPPED => Stage::Dropped,
            Stage::Begun | Stage::Said | Stage::Dropped => return,
        };
        self.stage = stage;
        for (link, waiting) in hub.stored_queues().unclaimed() {
            if has_link(&link) {
                continue;
            }
            if stage == Stage::Said {
                let hours = DROPPED.as_secs() / 3600;
                tracing::warn!(%link, waiting, "the store has messages for a link that has no file, or one with a mistake: they wait for \
                    a file of this name, for {hours} h at most");
            } else if !self.bad.contains(&link) {
                Self::drop_now(hub, &link);
            }
        }
    }

    /// Drops what the store has for a link whose file is gone.
    pub(super) fn drop_now(hub: &Hub, link: &str) {
        let lost = hub.stored_queues().drop_unclaimed(link, Moment::now());
        if lost > 0 {
            tracing::warn!(%link, lost, "link has no file any more, and what the store had for its broker is lost");
        }
    }
}
