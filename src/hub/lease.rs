//! Commands that hold for a time only. When the time is over the hub sends the safe one instead, and goes on until a node
//! has heard of it. Pure; time is an argument.
//!
//! While the hub lives, a lease runs by the steady clock; over a restart by the clock on the wall, and never longer than
//! was asked for. A command waits until its lease is on the disk: otherwise nobody would end it if the hub were killed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::outbox::SessionId;
use super::wish::Wish;
use crate::moment::{Moment, Steady};
use crate::topic::Topic;

mod elsewhere;
mod rows;
mod terms;
use elsewhere::Elsewhere;
pub use elsewhere::{FarLease, Leased};
pub(super) use elsewhere::{OnItsWay, Superseded};
pub use rows::{LeaseChanges, LeaseRow};
use rows::{OnDisk, Rows};
pub(super) use terms::{End, Full, Granted, Ready, Stored, Terms, Told};

/// Leases of all, and of one user.
pub(super) const OF_ALL: usize = 10_000;
pub(super) const OF_A_USER: usize = 1_000;
/// How long a command waits for its lease to be on the disk. Then it goes out without.
pub(super) const DISK_PATIENCE: Duration = Duration::from_secs(2);
/// How long a node may take to say that it has heard the safe command, before it is taken as heard.
pub(super) const LINGER: Duration = Duration::from_mins(10);
/// How often the clock on the wall is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// By how much it may differ from what was expected.
const SET: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum Phase {
    /// The command holds.
    Held,
    /// It does not hold any more. `told` is the newest node here that was sent the safe command, and when.
    Owed { told: Option<(SessionId, Steady)>, elsewhere: Elsewhere },
}

#[derive(Debug)]
struct Lease<O> {
    user: Arc<str>,
    holder: Option<SessionId>,
    time: Duration,
    safe: Box<str>,
    keep: bool,
    /// Whether a node here has got the command, also under an older lease. It is told until it has the safe one, however long that takes.
    is_near: bool,
    until: Steady,
    phase: Phase,
    /// A command that waits for the disk.
    waits: Option<Waits<O>>,
    /// Grows with each change.
    version: u64,
    on_disk: Option<OnDisk>,
    /// Its place in the order of time.
    due: Option<(Steady, u64)>,
}

#[derive(Debug)]
struct Waits<O> {
    command: O,
    /// Until when, and for which version of the lease.
    key: (Steady, u64),
}

/// All leases, by the topics of their commands.
#[derive(Debug)]
pub(super) struct Leases<O> {
    all: HashMap<Topic, Lease<O>, RandomState>,
    of_user: HashMap<Arc<str>, usize, RandomState>,
    due: BTreeMap<(Steady, u64), Topic>,
    /// Topics whose safe command a node has still to hear of.
    owed: HashSet<Topic, RandomState>,
    /// Commands that wait for the disk, in the order in which their patience ends.
    waiting: BTreeMap<(Steady, u64), Topic>,
    ready: Vec<Ready<O>>,
    version: u64,
    rows: Rows,
    looked: Option<Moment>,
    /// Whether there are more that are owed than when that was last asked.
    newly_owed: bool,
    /// Those that have ended since that was last asked, and who had asked for them.
    ended: Vec<(Topic, Arc<str>)>,
    /// Topics whose safe command is to be sent to other hubs once more.
    again: Vec<Topic>,
}

impl<O> Default for Leases<O> {
    fn default() -> Self {
        Self {
            all: HashMap::default(),
            of_user: HashMap::default(),
            due: BTreeMap::new(),
            owed: HashSet::default(),
            waiting: BTreeMap::new(),
            ready: Vec::new(),
            version: 0,
            rows: Rows::default(),
            looked: None,
            newly_owed: false,
            ended: Vec::new(),
            again: Vec::new(),
        }
    }
}

impl<O> Leases<O> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Who has any.
    pub(super) fn users(&self) -> impl Iterator<Item = &Arc<str>> {
        self.of_user.keys()
    }

    /// How many safe commands a node has still to hear of.
    pub(super) fn owed(&self) -> usize {
        self.owed.len()
    }

    /// When something is to be done next.
    pub(super) fn next(&self) -> Option<Steady> {
        let due = self.due.first_key_value().map(|((at, _), _)| *at);
        let waiting = self.waiting.first_key_value().map(|((at, _), _)| *at);
        let look = self.looked.filter(|_| !self.all.is_empty()).map(|at| at.steady().after(LOOK));
        due.into_iter().chain(waiting).chain(look).min()
    }

    /// A command with a lease. Returns with it a command that waited for the disk and was overtaken.
    pub(super) fn ask(
        &mut self,
        topic: &Topic,
        terms: Terms,
        command: O,
        now: Moment,
    ) -> Result<(Granted<O>, Option<O>), (Full, O)> {
        let older = self.all.get(topic);
        let of_it = self.of_user.get(&terms.user).copied().unwrap_or(0);
        if older.is_none() && self.all.len() >= OF_ALL {
            return Err((Full::OfAll, command));
        }
        if older.is_none_or(|older| older.user != terms.user) && of_it >= OF_A_USER {
            return Err((Full::OfAUser, command));
        }
        let until = now.steady().after(terms.time);
        let on_disk = older.and_then(|older| older.on_disk.clone());
        let is_near = terms.is_near || older.is_some_and(|older| older.is_near);
        let is_safe = on_disk.as_ref().is_some_and(|on_disk| on_disk.serves(&terms.safe, is_near, until));
        let overtaken = self.remove(topic).and_then(|older| older.waits).map(|waits| waits.command);
        let Terms { user, holder, time, safe, keep, .. } = terms;
        let version = self.next_version();
        let (waits, granted) = if is_safe || !self.rows.are_kept() {
            (None, Granted::Now(command, Stored(is_safe)))
        } else {
            // A command that holds for a moment only is not to be over before it is routed.
            let key = (now.steady().after(DISK_PATIENCE.min(time / 2)), version);
            self.waiting.insert(key, topic.clone());
            (Some(Waits { command, key }), Granted::Later)
        };
        let phase = Phase::Held;
        let lease = Lease {
            user,
            holder: Some(holder),
            time,
            safe,
            keep,
            is_near,
            until,
            phase,
            waits,
            version,
            on_disk,
            due: None,
        };
        self.insert(topic.clone(), lease, until);
        self.rows.change(topic);
        self.looked.get_or_insert(now);
        Ok((granted, overtaken))
    }

    /// A command without a lease: it ends the one that there is. Returns a command that waited for the disk and was
    /// overtaken.
    pub(super) fn commanded(&mut self, topic: &Topic) -> Option<O> {
        let lease = self.remove(topic)?;
        self.rows.change(topic);
        if matches!(lease.phase, Phase::Held) {
            self.ended.push((topic.clone(), lease.user));
        }
        lease.waits.map(|waits| waits.command)
    }

    /// The connection of a holder has ended. Returns how many leases end with it.
    pub(super) fn gone(&mut self, session: SessionId, end: End, now: Moment) -> usize {
        let held = self.all.iter_mut().filter(|(_, lease)| lease.holder == Some(session));
        let mut ended = Vec::new();
        for (topic, lease) in held {
            lease.holder = None;
            let runs_on = end == End::OfTheHub || (end == End::Farewell && lease.keep);
            if !runs_on && matches!(lease.phase, Phase::Held) {
                ended.push(topic.clone());
            }
        }
        for topic in &ended {
            self.owe(topic, now.steady());
        }
        ended.len()
    }

    /// Ends the leases of commands that their users may not give any more. Returns how many, and the commands that were not
    /// routed yet.
    pub(super) fn withdraw(&mut self, may: impl Fn(&str, &Topic) -> bool, now: Moment) -> (usize, Vec<O>) {
        let is_over = |(topic, lease): &(&Topic, &Lease<O>)| {
            matches!(lease.phase, Phase::Held) && !may(&lease.user, topic)
        };
        let topics: Vec<Topic> = self.all.iter().filter(is_over).map(|(topic, _)| topic.clone()).collect();
        let mut refused = Vec::new();
        for topic in &topics {
            // What waits for the disk is not routed, and what it was to take the place of may hold at the node.
            refused.extend(self.owe(topic, now.steady()));
        }
        (topics.len(), refused)
    }

    /// Ends all of them but those of other hubs: the hub ends, and nobody would after it.
    pub(super) fn end_all(&mut self, now: Moment) {
        let is_held = |lease: &Lease<O>| matches!(lease.phase, Phase::Held) && !lease.is_of_another_hub();
        let held = self.all.iter().filter(|(_, lease)| is_held(lease));
        let topics: Vec<Topic> = held.map(|(topic, _)| topic.clone()).collect();
        for topic in &topics {
            self.owe(topic, now.steady());
        }
    }

    /// Ends those whose time is over. Returns how many.
    pub(super) fn expire(&mut self, now: Moment) -> usize {
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now.steady()
        {
            let ((_, version), topic) = first.remove_entry();
            self.release(&topic, version, Stored(false));
        }
        let mut ended = 0;
        while let Some(first) = self.due.first_entry()
            && first.key().0 <= now.steady()
        {
            let topic = first.remove();
            match self.all.get(&topic).map(|lease| &lease.phase) {
                Some(Phase::Held) => {
                    self.owe(&topic, now.steady());
                    ended += 1;
                }
                Some(Phase::Owed { .. }) => self.look_at_owed(&topic, now.steady()),
                None => {}
            }
        }
        self.look_at_the_wall(now);
        ended
    }

    /// Where somebody has set the clock on the wall, the disk says the wrong time.
    fn look_at_the_wall(&mut self, now: Moment) {
        let Some(before) = self.looked else { return };
        let passed = now.steady().since(before.steady());
        if passed < LOOK {
            return;
        }
        self.looked = (!self.all.is_empty()).then_some(now);
        let expected = before.wall() + passed;
        let ahead = now.wall().duration_since(expected).unwrap_or_else(|error| error.duration());
        if ahead > SET {
            self.all.keys().for_each(|topic| self.rows.change(topic));
        }
    }

    /// The safe command is to be sent. Returns a command that waited for the disk.
    fn owe(&mut self, topic: &Topic, now: Steady) -> Option<O> {
        let lease = self.all.get_mut(topic)?;
        lease.phase = Phase::Owed { told: None, elsewhere: Elsewhere::to_be_told() };
        lease.until = now;
        self.ended.push((topic.clone(), Arc::clone(&lease.user)));
        let waits = lease.waits.take();
        self.version += 1;
        lease.version = self.version;
        if let Some(due) = lease.due.take() {
            self.due.remove(&due);
        }
        self.owed.insert(topic.clone());
        self.newly_owed = true;
        self.rows.change(topic);
        let Waits { command, key } = waits?;
        self.waiting.remove(&key);
        Some(command)
    }

    /// Those that have ended, and who had asked for them. To be called wherever some may end.
    pub(super) fn take_ended(&mut self) -> Vec<(Topic, Arc<str>)> {
        std::mem::take(&mut self.ended)
    }

    /// Whether there are some that were not owed when their topics were last asked for.
    pub(super) fn has_newly_owed(&self) -> bool {
        self.newly_owed
    }

    /// The topics whose safe command a node has still to hear of.
    pub(super) fn owed_topics(&mut self) -> Vec<Topic> {
        self.newly_owed = false;
        self.owed.iter().cloned().collect()
    }

    /// The newest node here that reads a topic is this one, and other hubs may have one. The safe command that it is to be sent,
    /// if it was not, and who had asked for it.
    pub(super) fn tell(
        &mut self,
        topic: &Topic,
        reader: Option<SessionId>,
        has_other_hubs: bool,
        now: Steady,
    ) -> Option<(Box<str>, Arc<str>)> {
        let lease = self.all.get_mut(topic)?;
        let Phase::Owed { told, elsewhere } = &mut lease.phase else { return None };
        let newer = reader.filter(|reader| told.is_none_or(|(before, _)| before < *reader));
        if newer.is_none() && !(has_other_hubs && told.is_none() && elsewhere.is_to_be_told_now()) {
            return None;
        }
        if let Some(reader) = newer {
            *told = Some((reader, now));
        }
        if has_other_hubs {
            elsewhere.was_told(now);
        }
        let said = (lease.safe.clone(), Arc::clone(&lease.user));
        self.plan(topic);
        Some(said)
    }

    /// A node has said something. Whether that ends a lease: it says what it was sent as the safe command.
    pub(super) fn hear(&mut self, state: &Topic, payload: &str) -> bool {
        if self.owed.is_empty() {
            return false;
        }
        let name = state.as_str();
        let answered = ["/set/ok", "/ok"].iter().find_map(|end| name.strip_suffix(end));
        let command = format!("{}/set", answered.unwrap_or(name));
        let Some((topic, lease)) = self.all.get_key_value(command.as_str()) else { return false };
        let Phase::Owed { told, elsewhere } = &lease.phase else { return false };
        if told.is_none() && !elsewhere.has_been_told() {
            return false;
        }
        let said = || serde_json::from_str(payload).ok();
        let is_safe = answered.is_some()
            || Wish::of(&command, &lease.safe).zip(said()).is_some_and(|(wish, said)| wish.is_met_by(&said));
        if is_safe {
            let topic = topic.clone();
            self.commanded(&topic);
        }
        is_safe
    }

    /// Those that end first stand first.
    pub(super) fn told(&self, now: Steady) -> Vec<Told<'_>> {
        let mut told: Vec<_> = (self.all.iter())
            .map(|(topic, lease)| Told {
                topic,
                user: &lease.user,
                safe: &lease.safe,
                left: lease.left(now),
                is_owed: matches!(lease.phase, Phase::Owed { .. }),
            })
            .collect();
        told.sort_unstable_by(|one, other| {
            (one.left, one.topic.as_str()).cmp(&(other.left, other.topic.as_str()))
        });
        told
    }

    /// Whether commands wait for the disk.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Commands that need not wait for the disk any longer.
    pub(super) fn take_ready(&mut self) -> Vec<Ready<O>> {
        std::mem::take(&mut self.ready)
    }

    /// Whether there are any.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether nothing has happened to a lease since a command of it became ready.
    pub(super) fn is_current(&self, topic: &Topic, version: u64) -> bool {
        self.all.get(topic).is_some_and(|lease| lease.version == version)
    }

    fn release(&mut self, topic: &Topic, version: u64, stored: Stored) {
        let Some(lease) = self.all.get_mut(topic) else { return };
        if let Some(Waits { command, key }) = lease.waits.take_if(|waits| waits.key.1 <= version) {
            self.waiting.remove(&key);
            let (topic, version) = (topic.clone(), lease.version);
            self.ready.push(Ready { topic, version, command, stored });
        }
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn insert(&mut self, topic: Topic, mut lease: Lease<O>, due: Steady) {
        let key = (due, lease.version);
        lease.due = Some(key);
        self.due.insert(key, topic.clone());
        *self.of_user.entry(Arc::clone(&lease.user)).or_default() += 1;
        self.all.insert(topic, lease);
    }

    fn remove(&mut self, topic: &Topic) -> Option<Lease<O>> {
        let lease = self.all.remove(topic)?;
        if let Some(due) = lease.due {
            self.due.remove(&due);
        }
        if let Some(waits) = &lease.waits {
            self.waiting.remove(&waits.key);
        }
        self.owed.remove(topic);
        if let Some(count) = self.of_user.get_mut(&lease.user) {
            *count -= 1;
            if *count == 0 {
                self.of_user.remove(&lease.user);
            }
        }
        Some(lease)
    }
}

#[cfg(test)]
mod tests;
