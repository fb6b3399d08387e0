//! What a client has subscribed to, and how it wants it. The hub knows the filters; what it does not know is here. Pure.

use crate::mqtt::{Qos, Wish};
use crate::topic::{Filter, Topic};

/// One subscription.
#[derive(Debug)]
struct Held {
    filter: Filter,
    wish: Wish,
    id: Option<u32>,
}

/// How all that name a topic together want its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) qos: Qos,
    pub(super) as_published: bool,
}

/// Whether the client's own messages come back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    All,
    None,
    /// It depends on the topic.
    Some,
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    all: Vec<Held>,
    /// How each of them wants messages, where they agree and have no id.
    alike: Option<Wanted>,
}

impl Subscriptions {
    pub(super) fn has(&self, filter: &Filter) -> bool {
        self.all.iter().any(|held| held.filter == *filter)
    }

    /// Adds one, or takes the place of the one with the same filter.
    pub(super) fn put(&mut self, filter: Filter, wish: Wish, id: Option<u32>) {
        match self.all.iter_mut().find(|held| held.filter == filter) {
            Some(held) => (held.wish, held.id) = (wish, id),
            None => self.all.push(Held { filter, wish, id }),
        }
        self.compare();
    }

    /// Takes one away. Whether it was there.
    pub(super) fn remove(&mut self, filter: &Filter) -> bool {
        let before = self.all.len();
        self.all.retain(|held| held.filter != *filter);
        self.compare();
        self.all.len() < before
    }

    /// The filters of QoS 0, which nobody needs while the client is away, or the others.
    pub(super) fn filters(&self, of_qos_0: bool) -> Vec<Filter> {
        let is_it = |held: &&Held| (held.wish.qos == Qos::AtMostOnce) == of_qos_0;
        self.all.iter().filter(is_it).map(|held| held.filter.clone()).collect()
    }

    fn compare(&mut self) {
        let wanted = |held: &Held| Wanted { qos: held.wish.qos, as_published: held.wish.as_published };
        let first = self.all.first().map(wanted);
        let are_alike = self.all.iter().all(|held| Some(wanted(held)) == first && held.id.is_none());
        self.alike = first.filter(|_| are_alike);
    }

    /// How a message of this topic is wanted, and by the subscriptions with which ids; `None` if no subscription names it any more.
    pub(super) fn wanted(&self, topic: &Topic, ids: &mut Vec<u32>) -> Option<Wanted> {
        ids.clear();
        if self.alike.is_some() {
            return self.alike;
        }
        let mut wanted: Option<Wanted> = None;
        for held in self.all.iter().filter(|held| held.filter.matches(topic)) {
            ids.extend(held.id);
            let so_far = wanted.get_or_insert(Wanted { qos: Qos::AtMostOnce, as_published: false });
            so_far.qos = so_far.qos.max(held.wish.qos);
            so_far.as_published |= held.wish.as_published;
        }
        wanted
    }

    /// Whether the client's own messages come back to it.
    pub(super) fn echo(&self) -> Echo {
        let mut local = self.all.iter().map(|held| !held.wish.no_local);
        let Some(first) = local.next() else { return Echo::None };
        match (first, local.all(|one| one == first)) {
            (true, true) => Echo::All,
            (false, true) => Echo::None,
            (_, false) => Echo::Some,
        }
    }

    /// Whether a message of its own on this topic comes back.
    pub(super) fn echoes(&self, topic: &Topic) -> bool {
        self.all.iter().any(|held| !held.wish.no_local && held.filter.matches(topic))
    }
}
