//! Who wants what: every filter that somebody holds, once, and with it those who hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::branches::{Branches, TooMany};
use super::channel::Route;
use super::doors::is_of_the_hub;
use super::generation::Generation;
use super::groups::Group;
use super::outbox::{Outbox, SessionId};
use super::publication::Publication;
use super::step::PIECE;
use super::trie::{Id, Trie};
use crate::topic::{Filter, Limits, Topic};

/// All subscriptions.
#[derive(Debug)]
pub(super) struct Subscriptions {
    filters: RwLock<Trie<Receivers>>,
    /// Groups under the filters that they share. Behind the lock of the filters.
    groups: RwLock<Trie<Vec<Arc<Group>>>>,
    /// Grows with every change, inside the lock.
    generation: AtomicU64,
    /// Who gets everything that is not the hub's own, whatever the filters say.
    beyond: RwLock<Option<Arc<Outbox>>>,
    /// In how many ways the filters branch: what one message may cost to route. A leaf among the locks.
    branches: Mutex<Branches>,
}

/// Outboxes by ascending id, each once. Two words, and nothing beside them as long as there is one only.
#[derive(Debug, Default)]
pub(super) enum Receivers {
    /// Nobody.
    #[default]
    None,
    /// The usual case for a filter, as well as for a topic.
    One(Arc<Outbox>),
    /// Two or more.
    #[expect(clippy::box_collection, reason = "these words are in every node and in every channel")]
    Many(Box<Vec<Arc<Outbox>>>),
    /// Of a topic: some of them last, so that what they get is noted, or there are groups.
    Apart(Box<Apart>),
}

/// Who gets the messages of a topic, where that takes more than to offer them to each.
#[derive(Debug, Default)]
// As it lies in `Many`: who wants all asks for no difference.
#[repr(C)]
pub(super) struct Apart {
    /// Those who get each message.
    pub(super) all: Vec<Arc<Outbox>>,
    /// Of each of these one member gets it. By ascending numbers.
    pub(super) groups: Vec<Arc<Group>>,
}

impl Default for Subscriptions {
    fn default() -> Self {
        let generation = AtomicU64::new(Generation::FIRST.number());
        Self {
            filters: RwLock::default(),
            groups: RwLock::default(),
            generation,
            beyond: RwLock::default(),
            branches: Mutex::default(),
        }
    }
}

impl Subscriptions {
    /// How often they have changed.
    pub(super) fn generation(&self) -> Generation {
        Generation::from_number(self.generation.load(Ordering::Acquire))
    }

    /// Makes room for filters that a session is going to hold, all of them or none. Where it is not bounded there
    /// always is.
    pub(super) fn reserve(&self, new: &[Filter], is_bounded: bool) -> Result<(), TooMany> {
        if new.iter().any(|filter| Branches::concern(filter.as_str())) {
            self.branches.lock().add(new, is_bounded)?;
        }
        Ok(())
    }

    /// Gives back the room for filters that are not going to be held.
    pub(super) fn give_back<'f>(&self, new: impl Iterator<Item = &'f Filter>) {
        let branching: Vec<_> = new.map(Filter::as_str).filter(|filter| Branches::concern(filter)).collect();
        if !branching.is_empty() {
            self.branches.lock().remove(branching.into_iter());
        }
    }

    /// Holds places for filters, with nothing at them that was not there before. Each is to be [let go](Self::let_go) of once.
    pub(super) fn place(&self, new: &[Filter], placed: &mut Vec<Id>) {
        let mut filters = self.filters.write();
        placed.extend(new.iter().map(|filter| filters.hold(filter.as_str())));
    }

    /// Holds places at which there is something, as [`place`](Self::place) does.
    pub(super) fn keep(&self, ids: impl Iterator<Item = Id>) {
        let mut filters = self.filters.write();
        ids.for_each(|id| filters.rest(id));
    }

    /// Lets go of places that were held, which stay if there is something at them.
    pub(super) fn let_go(&self, ids: impl Iterator<Item = Id>) {
        let mut filters = self.filters.write();
        ids.for_each(|id| filters.leave(id));
    }

    /// Takes filters away from a reader and gives it others, in one step. There is [room](Self::reserve) for the new ones,
    /// and the places of all of them are held. Returns the generation that this made. Where nothing changes there is none:
    /// everybody's routes would be looked for again.
    pub(super) fn change(
        &self,
        outbox: &Arc<Outbox>,
        gone: impl Iterator<Item = Id>,
        new: &[Id],
    ) -> Generation {
        let mut gone = gone.peekable();
        if gone.peek().is_none() && new.is_empty() {
            return self.generation();
        }
        let mut filters = self.filters.write();
        for id in gone {
            filters.change_at(id, |receivers| receivers.unwrap_or_default().without(outbox.id));
        }
        for id in new {
            filters.change_at(*id, |receivers| Some(receivers.unwrap_or_default().with(outbox)));
        }
        self.next_generation()
    }

    /// Takes filters away from a reader, a few at a time, and gives back the room for them.
    pub(super) fn leave(&self, outbox: &Outbox, gone: &[Id]) {
        for piece in gone.chunks(PIECE) {
            let mut filters = self.filters.write();
            let branching = piece.iter().filter(|id| filters.has_plus(**id)).map(|id| filters.path(*id));
            let branching: Vec<_> = branching.collect();
            for id in piece {
                filters.change_at(*id, |receivers| receivers.unwrap_or_default().without(outbox.id));
            }
            self.next_generation();
            drop(filters);
            if !branching.is_empty() {
                self.branches.lock().remove(branching.iter().map(String::as_str));
            }
        }
    }

    /// A generation for somebody who wants the last values again of what it holds already.
    pub(super) fn renew(&self) -> Generation {
        let _filters = self.filters.write();
        self.next_generation()
    }

    /// From now on this one gets everything that is not the hub's own, in the place of whoever did.
    pub(super) fn goes_beyond(&self, outbox: Option<Arc<Outbox>>) {
        let _filters = self.filters.write();
        *self.beyond.write() = outbox;
        self.next_generation();
    }

    /// From now on this group gets a part of what its filter names.
    pub(super) fn add_group(&self, group: &Arc<Group>) {
        let _filters = self.filters.write();
        self.groups.write().change(group.share().filter().as_str(), |there| {
            let mut groups = there.unwrap_or_default();
            groups.push(Arc::clone(group));
            Some(groups)
        });
        self.next_generation();
    }

    /// Nobody is in this group any more.
    pub(super) fn remove_group(&self, group: &Arc<Group>) {
        let _filters = self.filters.write();
        self.groups.write().change(group.share().filter().as_str(), |there| {
            let mut groups = there.unwrap_or_default();
            groups.retain(|one| !Arc::ptr_eq(one, group));
            (!groups.is_empty()).then_some(groups)
        });
        self.next_generation();
    }

    /// Who gets everything, if anybody does.
    pub(super) fn beyond(&self) -> Option<SessionId> {
        self.beyond.read().as_ref().map(|outbox| outbox.id)
    }

    fn next_generation(&self) -> Generation {
        Generation::from_number(self.generation.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// The filters that are held by these ids.
    pub(super) fn held(&self, ids: &[Id], limits: &Limits) -> Vec<Filter> {
        // What went in as a filter comes out as one.
        self.texts(ids).iter().filter_map(|text| Filter::parse(text, limits).ok()).collect()
    }

    /// The same as text.
    pub(super) fn texts(&self, ids: &[Id]) -> Vec<String> {
        let filters = self.filters.read();
        ids.iter().map(|id| filters.path(*id)).collect()
    }

    /// Who gets the messages of a topic now.
    pub(super) fn route(&self, topic: &Topic) -> Route {
        let filters = self.filters.read();
        let generation = self.generation();
        let mut found: Vec<Arc<Outbox>> = Vec::new();
        filters.matching(topic.as_str(), &mut |receivers| {
            found.extend(receivers.all().iter().filter(|outbox| outbox.view.names(topic)).cloned());
        });
        if !is_of_the_hub(topic)
            && let Some(outbox) = &*self.beyond.read()
        {
            found.push(Arc::clone(outbox));
        }
        let mut sharing: Vec<Arc<Group>> = Vec::new();
        let groups = self.groups.read();
        if !groups.is_empty() {
            groups.matching(topic.as_str(), &mut |groups| sharing.extend(groups.iter().cloned()));
        }
        drop((groups, filters));
        Route { generation, targets: Receivers::of_a_topic(found, sharing) }
    }

    /// Whether nobody holds anything, not even a place.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.filters.read().nodes() == 0 && self.groups.read().nodes() == 0 && self.branches.lock().is_empty()
    }

    /// How many nodes the walk goes through that finds who gets a message.
    #[cfg(test)]
    pub(super) fn steps_of_route(&self, topic: &str) -> usize {
        self.filters.read().steps_of_match(topic)
    }
}

impl Receivers {
    /// All of them who get each message.
    pub(super) fn all(&self) -> &[Arc<Outbox>] {
        match self {
            Self::None => &[],
            Self::One(only) => std::slice::from_ref(only),
            Self::Many(many) => many,
            Self::Apart(apart) => &apart.all,
        }
    }

    /// The groups of which one member gets it.
    pub(super) fn groups(&self) -> &[Arc<Group>] {
        if let Self::Apart(apart) = self { &apart.groups } else { &[] }
    }

    /// The newest of all that do what commands say, or carry them to a node. The publisher is one only if it wants to be.
    pub(super) fn newest_that_carries_out(&self, origin: Option<SessionId>) -> Option<SessionId> {
        let readers = self.all().iter().filter(|target| {
            target.part.carries_out.load(Ordering::Relaxed)
                && (Some(target.id) != origin || target.wants_echo())
        });
        let members = self.groups().iter().filter_map(|group| group.newest_that_carries_out());
        readers.map(|target| target.id).chain(members).max()
    }

    /// How much is remembered of them.
    pub(super) fn len(&self) -> usize {
        self.all().len() + self.groups().len()
    }

    fn with(self, outbox: &Arc<Outbox>) -> Self {
        let mut all = self.into_all();
        // As ids grow the newcomer is mostly last.
        if let Err(place) = all.binary_search_by_key(&outbox.id, |other| other.id) {
            all.insert(place, Arc::clone(outbox));
        }
        Self::from_sorted(all)
    }

    fn without(self, id: SessionId) -> Option<Self> {
        let mut all = self.into_all();
        if let Ok(place) = all.binary_search_by_key(&id, |other| other.id) {
            all.remove(place);
            all.shrink_to(all.len() * 2);
        }
        (!all.is_empty()).then(|| Self::from_sorted(all))
    }

    fn into_all(self) -> Vec<Arc<Outbox>> {
        match self {
            Self::None => Vec::new(),
            Self::One(only) => vec![only],
            Self::Many(many) => *many,
            Self::Apart(apart) => apart.all,
        }
    }

    /// Those that a topic has, who may have been found more than once.
    fn of_a_topic(found: Vec<Arc<Outbox>>, mut groups: Vec<Arc<Group>>) -> Self {
        let is_apart = !groups.is_empty() || found.iter().any(|outbox| outbox.is_noted());
        let receivers = Self::from(found);
        if !is_apart {
            return receivers;
        }
        groups.sort_unstable_by_key(|group| group.number());
        Self::Apart(Box::new(Apart { all: receivers.into_all(), groups }))
    }

    fn from_sorted(mut all: Vec<Arc<Outbox>>) -> Self {
        match all.len() {
            0 => Self::None,
            1 => all.pop().map_or(Self::None, Self::One),
            _ => Self::Many(Box::new(all)),
        }
    }
}

impl From<Vec<Arc<Outbox>>> for Receivers {
    fn from(mut all: Vec<Arc<Outbox>>) -> Self {
        all.sort_unstable_by_key(|outbox| outbox.id);
        all.dedup_by_key(|outbox| outbox.id);
        all.shrink_to_fit();
        Self::from_sorted(all)
    }
}

/// Offers a message to all of these but its publisher. Returns to how many.
#[inline]
pub(super) fn deliver(message: &Arc<Publication>, targets: &[Arc<Outbox>], origin: Option<SessionId>) -> u64 {
    let mut routed = 0;
    for target in targets {
        if Some(target.id) != origin || target.wants_echo() {
            target.offer(message);
            routed += 1;
        }
    }
    routed
}
