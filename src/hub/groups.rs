//! Groups that share what a filter names: each message goes to one member, in turns. A member is a session, and all members of a
//! group are of one user.
//!
//! A route knows the groups of its topic and not their members, so whose turn it is is decided for each message. The lock of a group is
//! held until the message is with the member: who has left gets nothing more, and what it had goes to another one.

mod giving;
mod leaving;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use foldhash::fast::RandomState;
use parking_lot::{Mutex, MutexGuard};

pub(super) use self::giving::Target;
use self::leaving::LeftBehind;
use super::branches::Ways;
use super::outbox::{Outbox, SessionId};
use super::publication::Publication;
use super::queue::{Item, Via};
use super::session::Session;
use super::subscriptions::Subscriptions;
use crate::seldom::Seldom;
use crate::talk::control::shown;
use crate::topic::Share;

/// Groups in which one session may be.
const MOST_GROUPS: usize = 100;

/// Members that one group may have.
const MOST_MEMBERS: usize = 1000;

/// Members that are looked at for one message, of those who are there and of those who are away each.
const MOST_LOOKED_AT: usize = 8;

/// Groups that a line of the log repeats.
const SHOWN_GROUPS: usize = 4;

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    by_name: HashMap<(Arc<str>, Share), Arc<Group>, RandomState>,
    begun: u64,
}

/// A group.
#[derive(Debug)]
pub(super) struct Group {
    number: u64,
    user: Arc<str>,
    share: Share,
    members: Mutex<Members>,
}

/// Its members. Those who wait for their clients are apart, so that nobody looks at them as long as others are there.
#[derive(Debug, Default)]
struct Members {
    here: Round,
    away: Round,
}

/// Members by their ids, which grow as they come, and from where on it is their turn.
#[derive(Debug, Default)]
struct Round {
    all: BTreeMap<SessionId, Arc<Outbox>>,
    next: SessionId,
}

/// How a member stands: the least is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It is connected, and not much waits for it.
    Ready,
    /// Much waits for it.
    Behind,
    /// Its session waits for its client.
    Away,
    /// Both.
    AwayAndBehind,
    /// Its queue was given up.
    GivenUp,
}

/// What a session has of groups.
#[derive(Debug, Default)]
pub(super) struct Membership {
    /// Those in which it is.
    groups: Vec<Arc<Group>>,
    /// What it has left behind in others, and was not passed on.
    left_behind: Option<LeftBehind>,
}

/// The member whose turn it is. As long as this is held nobody comes into the group, or leaves it.
pub(super) struct Turn<'g> {
    pub(super) outbox: Arc<Outbox>,
    pub(super) share: &'g Share,
    _members: MutexGuard<'g, Members>,
}

impl Group {
    /// Several are locked in the order of their numbers.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Its name, and what it reads.
    pub(super) fn share(&self) -> &Share {
        &self.share
    }

    /// Whose turn it is, unless there is nobody but this one.
    pub(super) fn turn(&self, but: Option<SessionId>) -> Option<Turn<'_>> {
        let mut members = self.members.lock();
        let here = members.here.best(but, false);
        let away = match here {
            Some((Standing::Ready | Standing::Behind, _)) => None,
            _ => members.away.best(but, true),
        };
        let (round, chosen) = match (here, away) {
            (Some((here, chosen)), away) if away.as_ref().is_none_or(|(away, _)| here <= *away) => {
                (&mut members.here, chosen)
            }
            (_, away) => (&mut members.away, away?.1),
        };
        round.next = SessionId(chosen.id.0 + 1);
        Some(Turn { outbox: chosen, share: &self.share, _members: members })
    }

    /// A member goes away, or is back.
    fn is_away(&self, member: &Arc<Outbox>, is_away: bool) {
        let mut members = self.members.lock();
        let Members { here, away } = &mut *members;
        let (from, to) = if is_away { (here, away) } else { (away, here) };
        if from.all.remove(&member.id).is_some() {
            to.all.insert(member.id, Arc::clone(member));
        }
    }

    /// The newest member that does what commands say.
    pub(super) fn newest_that_carries_out(&self) -> Option<SessionId> {
        let members = self.members.lock();
        members.here.newest_that_carries_out().max(members.away.newest_that_carries_out())
    }
}

impl Members {
    fn len(&self) -> usize {
        self.here.all.len() + self.away.all.len()
    }

    fn add(&mut self, member: &Arc<Outbox>) {
        let round = if member.noted.is_away() { &mut self.away } else { &mut self.here };
        round.all.insert(member.id, Arc::clone(member));
    }

    fn remove(&mut self, id: SessionId) {
        self.here.all.remove(&id);
        self.away.all.remove(&id);
    }
}

impl Round {
    /// The first of the best of those whose turn is next, and how it stands.
    fn best(&self, but: Option<SessionId>, is_away: bool) -> Option<(Standing, Arc<Outbox>)> {
        let best_of_all = if is_away { Standing::Away } else { Standing::Ready };
        let round = self.all.range(self.next..).chain(self.all.range(..self.next));
        let others = round.map(|(_, member)| member).filter(|member| Some(member.id) != but);
        let mut best: Option<(Standing, &Arc<Outbox>)> = None;
        for member in others.take(MOST_LOOKED_AT) {
            let standing = Standing::of(member, is_away);
            if best.is_none_or(|(best, _)| standing < best) {
                best = Some((standing, member));
            }
            if standing == best_of_all {
                break;
            }
        }
        best.map(|(standing, member)| (standing, Arc::clone(member)))
    }

    fn newest_that_carries_out(&self) -> Option<SessionId> {
        let carries_out = |member: &&Arc<Outbox>| member.part.carries_out.load(Ordering::Relaxed);
        self.all.values().rev().find(carries_out).map(|member| member.id)
    }
}

impl Standing {
    fn of(member: &Outbox, is_away: bool) -> Self {
        let inside = member.lock();
        let queue = &inside.queue;
        match (is_away, queue.is_behind() || queue.is_pressing()) {
            _ if queue.has_overflowed() => Self::GivenUp,
            (false, false) => Self::Ready,
            (false, true) => Self::Behind,
            (true, false) => Self::Away,
            (true, true) => Self::AwayAndBehind,
        }
    }
}

impl Groups {
    fn find(&self, user: &Arc<str>, share: &Share) -> Option<Arc<Group>> {
        self.0.lock().by_name.get(&(Arc::clone(user), share.clone())).cloned()
    }

    /// One more member of a group, which begins with the first one. `None` where it has too many.
    fn join(&self, outbox: &Arc<Outbox>, share: &Share, subscriptions: &Subscriptions) -> Option<Arc<Group>> {
        let mut list = self.0.lock();
        let key = (Arc::clone(&outbox.user), share.clone());
        if let Some(group) = list.by_name.get(&key) {
            let mut members = group.members.lock();
            if members.len() >= MOST_MEMBERS {
                return None;
            }
            members.add(outbox);
            drop(members);
            // Who waits for readers of a topic looks again.
            subscriptions.renew();
            return Some(Arc::clone(group));
        }
        list.begun += 1;
        let mut members = Members::default();
        members.add(outbox);
        let (number, user, share) = (list.begun, Arc::clone(&outbox.user), share.clone());
        let group = Arc::new(Group { number, user, share, members: Mutex::new(members) });
        list.by_name.insert(key, Arc::clone(&group));
        subscriptions.add_group(&group);
        Some(group)
    }

    /// One member less of a group, which ends with the last one.
    fn leave(&self, id: SessionId, group: &Arc<Group>, subscriptions: &Subscriptions) {
        let mut list = self.0.lock();
        let mut members = group.members.lock();
        members.remove(id);
        let is_empty = members.len() == 0;
        drop(members);
        if is_empty {
            list.by_name.remove(&(Arc::clone(&group.user), group.share.clone()));
            subscriptions.remove_group(group);
        }
    }

    /// Whether there are none.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.0.lock().by_name.is_empty()
    }
}

impl Session {
    /// The groups in which it is.
    pub(super) fn groups(&self) -> &[Arc<Group>] {
        self.groups.as_ref().map_or(&[], |of| &of.groups)
    }

    /// Becomes a member of a group. The error is a sentence: there is no room for it.
    pub fn joins(&mut self, share: &Share) -> Result<(), String> {
        if self.groups().iter().any(|group| group.share == *share) {
            return Ok(());
        }
        let held = self.groups().len();
        if held >= MOST_GROUPS {
            return Err(format!("a connection may be in {MOST_GROUPS} groups of shared subscriptions"));
        }
        self.count_filters(self.filters.len() + held + 1).map_err(|refused| refused.to_string())?;
        let filter = share.filter();
        let mut ways = Ways::default();
        self.groups().iter().for_each(|group| ways.add(group.share.filter()));
        ways.add(filter);
        ways.check().map_err(|refused| refused.to_string())?;
        let hub = Arc::clone(&self.hub);
        hub.subscriptions
            .reserve(std::slice::from_ref(filter), true)
            .map_err(|refused| refused.to_string())?;
        if let Some(demand) = hub.demand.get() {
            demand.want(std::iter::once(filter));
        }
        let Some(group) = hub.groups.join(&self.outbox, share, &hub.subscriptions) else {
            self.gives_back(share);
            return Err(format!("a group of a shared subscription may have {MOST_MEMBERS} members"));
        };
        hub.figures.filters.add(1);
        hub.care.has_new_readers();
        self.groups.get_or_insert_default().groups.push(group);
        Ok(())
    }

    /// Its client is away, or is back: its groups give it what nobody takes who is there.
    pub(super) fn is_away(&self, is_away: bool) {
        self.outbox.noted.set_away(is_away);
        for group in self.groups() {
            group.is_away(&self.outbox, is_away);
        }
    }

    /// Leaves the groups that read what the user may not read any more. Nothing of it goes on: the others are of the same user.
    pub(super) fn leave_what_is_forbidden(&mut self) {
        static ENDED: Seldom = Seldom::new();
        let Some(of) = &mut self.groups else { return };
        let rights = &self.client.rights;
        let forbidden = |group: &mut Arc<Group>| !rights.may_subscribe(group.share.filter());
        let gone: Vec<_> = of.groups.extract_if(.., forbidden).collect();
        if gone.is_empty() {
            return;
        }
        for group in &gone {
            self.go_from(group);
        }
        let names: Vec<_> = gone.iter().take(SHOWN_GROUPS).map(|group| shown(group.share.as_str())).collect();
        self.hub.note_refused_filters(&self.outbox, &names);
        if let Some(times) = ENDED.again(&self.client.user) {
            let (client, user, filters) = (self.name(), &self.client.user, gone.len());
            tracing::info!(%client, %user, filters, ended = ?names, %times, "the account was changed: shared subscriptions have ended");
        }
        self.withhold_what_is_forbidden();
    }

    pub(super) fn go_from_all(&mut self) {
        let groups = self.groups.as_mut().map(|of| std::mem::take(&mut of.groups));
        for group in groups.into_iter().flatten() {
            self.go_from(&group);
        }
    }

    fn go_from(&self, group: &Arc<Group>) {
        let hub = &self.hub;
        hub.groups.leave(self.outbox.id, group, &hub.subscriptions);
        hub.figures.filters.sub(1);
        self.gives_back(&group.share);
    }

    fn gives_back(&self, share: &Share) {
        self.hub.subscriptions.give_back(std::iter::once(share.filter()));
        self.release(std::iter::once(share.filter()));
    }
}

impl Outbox {
    /// Offers a message of a group. Never waits.
    pub(super) fn offer_shared(&self, message: &Arc<Publication>, via: Via) {
        self.offer_item(Item::Shared(Arc::clone(message), Box::new(via)), message);
    }
}
