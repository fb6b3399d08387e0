//! What keeps messages from going round: known to all links of a hub. Pure but for its lock; time is an argument.
//!
//! Four mechanisms, for four ways in which a message comes back (`docs/adr/0014-a-bridge-that-cannot-loop.md`). Each message
//! that comes in meets them in this order:
//!
//! 1. **Stamps** ([`stamp`]). A message of another hub says itself which hubs it has passed, and has an id. Where it has
//!    passed this hub it has returned; where it has passed too many it is worn. Each id is taken once ([`Seen`]). That is
//!    MQTT 5; a link alone needs nothing else.
//! 2. **Debts between links** ([`Debts`]). What a client of a broker began has no stamp, or that of whichever hub heard it
//!    first, and there may be several. It is known by its topic and payload: for each message that one link took, each
//!    other link owes one that is alike, and the debt is paid by the next one that it brings.
//! 3. **Echoes** ([`Debts`], too). A broker of MQTT 3.1.1 takes no stamps and repeats to us what we said. So whatever goes
//!    out over any link is owed by each link whose broker repeats.
//! 4. **Wear** ([`Counts`]). What is left, such as two brokers that are joined behind our back, wears out: of messages that
//!    are alike and have no stamp only so many are taken in a while.
//!
//! All four forget after a while ([`Window`]): a debt that is not paid in time is forgiven.

#[cfg(test)]
mod tests;
mod window;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::window::{Counts, Debts, Seen};
use super::stamp::{self, Stamp};

/// Messages without a stamp, of one topic and one payload, that are taken while they are remembered, where there is
/// more than one link.
pub const MOST_ALIKE: u32 = 16;

/// One link, while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId(u64);

impl std::fmt::Display for LinkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What to do with a message that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has not been here.
    New,
    /// It has been here.
    Returned,
    /// It has passed too many hubs, or too many like it came.
    Worn,
}

/// What all links of a hub know together.
#[derive(Debug)]
pub struct Guard {
    /// What the hub is called in stamps; no two hubs, and no two lives of a hub, have the same.
    hub: Box<str>,
    inside: Mutex<Inside>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Inside {
    /// Foreign messages that were given a stamp.
    stamped: u64,
    /// Links that there were.
    links: u64,
    /// The ids of stamps.
    seen: Seen,
    /// Messages without a stamp, by what they say.
    alike: Counts,
    links_there: HashMap<LinkId, There, RandomState>,
}

#[derive(Debug)]
struct There {
    /// Whether its broker repeats to it what it said.
    repeats: bool,
    /// What its broker is expected to bring once more.
    owes: Debts,
}

/// What a message says, as a number: its local topic and its payload.
type Print = u64;

impl Guard {
    /// For a hub of this name.
    pub fn new(hub: &str, now: Instant) -> Self {
        let inside = Inside {
            stamped: 0,
            links: 0,
            seen: Seen::starting(now),
            alike: Counts::starting(now),
            links_there: HashMap::default(),
        };
        Self { hub: hub.into(), inside: Mutex::new(inside), hasher: RandomState::default() }
    }

    /// The name of the hub.
    pub fn hub(&self) -> &str {
        &self.hub
    }

    /// A link that is there from now on. `repeats` says whether its broker repeats to it what it said, as those of
    /// MQTT 3.1.1 do.
    pub fn enter(&self, repeats: bool, now: Instant) -> LinkId {
        let link = self.number();
        self.inside.lock().links_there.insert(link, There { repeats, owes: Debts::starting(now) });
        link
    }

    /// A number that no other link of this life of the hub has.
    fn number(&self) -> LinkId {
        let mut inside = self.inside.lock();
        inside.links += 1;
        LinkId(inside.links)
    }

    /// The link is gone.
    pub fn leave(&self, link: LinkId) {
        self.inside.lock().links_there.remove(&link);
    }

    /// The stamp of a message that came without one.
    pub fn foreign_stamp(&self) -> Box<str> {
        let mut inside = self.inside.lock();
        inside.stamped += 1;
        stamp::foreign(&self.hub, inside.stamped)
    }

    /// A message came in, by its local topic and payload.
    pub fn came(
        &self,
        link: LinkId,
        stamp: Option<&Stamp<'_>>,
        message: (&str, &[u8]),
        now: Instant,
    ) -> Verdict {
        let Some(stamp) = stamp else { return self.came_unstamped(link, message, now) };
        if stamp.has_passed(&self.hub) {
            return Verdict::Returned;
        }
        if stamp.is_worn() {
            return Verdict::Worn;
        }
        let id = self.hasher.hash_one(stamp.id());
        let mut inside = self.inside.lock();
        if !inside.seen.is_new(id, now) {
            return Verdict::Returned;
        }
        if stamp.is_foreign() && inside.links_there.len() > 1 {
            let print = self.hasher.hash_one(message);
            if inside.pays(link, print, now) {
                return Verdict::Returned;
            }
            inside.others_owe(link, print, now);
        }
        Verdict::New
    }

    /// The same, where it came by a client that is a hub itself.
    pub fn came_by_a_client(&self, stamp: &Stamp<'_>, message: (&str, &[u8]), now: Instant) -> Verdict {
        if stamp.has_passed(&self.hub) {
            return Verdict::Returned;
        }
        if stamp.is_worn() {
            return Verdict::Worn;
        }
        let id = self.hasher.hash_one(stamp.id());
        let mut inside = self.inside.lock();
        if !inside.seen.is_new(id, now) {
            return Verdict::Returned;
        }
        if stamp.is_foreign() {
            let print = self.hasher.hash_one(message);
            inside.links_there.values_mut().for_each(|there| there.owes.add(print, now));
        }
        Verdict::New
    }

    fn came_unstamped(&self, link: LinkId, message: (&str, &[u8]), now: Instant) -> Verdict {
        let mut inside = self.inside.lock();
        let is_alone = inside.links_there.len() == 1;
        let Some(there) = inside.links_there.get(&link) else { return Verdict::New };
        if is_alone && !there.repeats {
            return Verdict::New;
        }
        let print = self.hasher.hash_one(message);
        if inside.pays(link, print, now) {
            return Verdict::Returned;
        }
        if !is_alone && inside.alike.one_more(print, now) > MOST_ALIKE {
            return Verdict::Worn;
        }
        inside.others_owe(link, print, now);
        Verdict::New
    }

    /// A message goes out over a link, by its local topic and payload.
    pub fn went(&self, message: (&str, &[u8]), now: Instant) {
        let mut inside = self.inside.lock();
        if inside.links_there.values().any(|there| there.repeats) {
            let print = self.hasher.hash_one(message);
            for there in inside.links_there.values_mut().filter(|there| there.repeats) {
                there.owes.add(print, now);
            }
        }
    }
}

impl Inside {
    /// A link took a message: each other one is expected to bring it, too.
    fn others_owe(&mut self, taker: LinkId, print: Print, now: Instant) {
        for (_, there) in self.links_there.iter_mut().filter(|(link, _)| **link != taker) {
            there.owes.add(print, now);
        }
    }

    /// Whether the link was expected to bring this. Now it has.
    fn pays(&mut self, link: LinkId, print: Print, now: Instant) -> bool {
        self.links_there.get_mut(&link).is_some_and(|there| there.owes.pay(print, now))
    }
}

/// One link among those that the guard knows, for as long as it runs.
#[derive(Debug)]
pub struct Member {
    guard: Arc<Guard>,
    link: LinkId,
    repeats: bool,
    is_end: bool,
}

impl Member {
    /// See [`Guard::enter`].
    pub fn of(guard: &Arc<Guard>, repeats: bool) -> Self {
        let link = guard.enter(repeats, Instant::now());
        Self { guard: Arc::clone(guard), link, repeats, is_end: false }
    }

    /// A link to what passes nothing on, such as a gateway of radio nodes: it is at the end of every road, and what comes from
    /// there began there. So it is in no circle, and the others owe nothing for it.
    pub fn at_the_end(guard: &Arc<Guard>) -> Self {
        let link = guard.number();
        Self { guard: Arc::clone(guard), link, repeats: false, is_end: true }
    }

    /// Whether what comes from there began there, as what a client says.
    pub fn is_end(&self) -> bool {
        self.is_end
    }

    /// The number of the link.
    pub fn id(&self) -> LinkId {
        self.link
    }

    /// Whether the far side repeats to us what we said, and so has no room for stamps.
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// See [`Guard::hub`].
    pub fn hub(&self) -> &str {
        self.guard.hub()
    }

    /// See [`Guard::foreign_stamp`].
    pub fn foreign_stamp(&self) -> Box<str> {
        self.guard.foreign_stamp()
    }

    /// See [`Guard::came`].
    pub fn came(&self, stamp: Option<&Stamp<'_>>, message: (&str, &[u8]), now: Instant) -> Verdict {
        if self.is_end {
            return Verdict::New;
        }
        self.guard.came(self.link, stamp, message, now)
    }

    /// See [`Guard::went`].
    pub fn went(&self, message: (&str, &[u8]), now: Instant) {
        self.guard.went(message, now);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.guard.leave(self.link);
    }
}
