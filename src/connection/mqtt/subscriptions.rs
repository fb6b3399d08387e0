//! What a client has subscribed to, and how it wants it. The hub knows the filters; what it does not know is here. Pure.

use std::collections::HashMap;

use crate::hub::trie::Trie;
use crate::mqtt::{Qos, Remembered, Wish};
use crate::topic::{Filter, Topic};

/// So many are looked at one by one; more stand in a trie.
const FEW: usize = 32;

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

/// How the subscriptions of a topic are found.
#[derive(Debug, Default)]
enum Search {
    /// Not yet known: something has changed.
    #[default]
    Stale,
    /// All want the same, and none has an id.
    Alike(Wanted),
    OneByOne,
    /// By their places.
    Trie(Box<Trie<usize>>),
}

/// All subscriptions. Most clients have one or two, so a list is enough for these.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    all: Vec<Held>,
    /// Where each of them stands, as soon as they are more than a few.
    #[expect(clippy::box_collection, reason = "most clients have none, and it has six words")]
    places: Option<Box<HashMap<Filter, usize>>>,
    search: Search,
}

impl Subscriptions {
    pub(super) fn has(&self, filter: &Filter) -> bool {
        self.place(filter).is_some()
    }

    fn place(&self, filter: &Filter) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(filter).copied(),
            None => self.all.iter().position(|held| held.filter == *filter),
        }
    }

    /// Adds one, or takes the place of the one with the same filter.
    pub(super) fn put(&mut self, filter: Filter, wish: Wish, id: Option<u32>) {
        self.search = Search::Stale;
        if let Some(held) = self.place(&filter).and_then(|place| self.all.get_mut(place)) {
            (held.wish, held.id) = (wish, id);
            return;
        }
        if let Some(places) = &mut self.places {
            places.insert(filter.clone(), self.all.len());
        }
        if self.all.is_empty() {
            self.all.reserve_exact(1);
        }
        self.all.push(Held { filter, wish, id });
        if self.places.is_none() && self.all.len() > FEW {
            let all = self.all.iter().zip(0..);
            self.places = Some(Box::new(all.map(|(held, place)| (held.filter.clone(), place)).collect()));
        }
    }

    /// Takes one away. Whether it was there.
    pub(super) fn remove(&mut self, filter: &Filter) -> bool {
        let Some(place) = self.place(filter) else { return false };
        self.search = Search::Stale;
        self.all.swap_remove(place);
        if let Some(places) = &mut self.places {
            places.remove(filter);
            if let Some(moved) = self.all.get(place) {
                places.insert(moved.filter.clone(), place);
            }
        }
        true
    }

    /// Puts down all of them.
    pub(super) fn tell(&self, session: &mut Remembered) {
        self.all.iter().for_each(|held| session.add(held.filter.as_str(), held.wish, held.id));
    }

    /// Whether one of them has a claim to what comes while the client is away.
    pub(super) fn have_claims(&self) -> bool {
        self.all.iter().any(|held| held.wish.qos > Qos::AtMostOnce)
    }

    /// The filters of QoS 0, which nobody needs while the client is away, or the others.
    pub(super) fn filters(&self, of_qos_0: bool) -> Vec<Filter> {
        let is_it = |held: &&Held| (held.wish.qos == Qos::AtMostOnce) == of_qos_0;
        self.all.iter().filter(is_it).map(|held| held.filter.clone()).collect()
    }

    fn prepare(&mut self) {
        let wanted = |held: &Held| Wanted { qos: held.wish.qos, as_published: held.wish.as_published };
        let first = self.all.first().map(wanted);
        let is_alike = |held: &Held| Some(wanted(held)) == first && held.id.is_none();
        self.search = match first {
            Some(wanted) if self.all.iter().all(is_alike) => Search::Alike(wanted),
            _ if self.all.len() <= FEW => Search::OneByOne,
            _ => {
                let mut trie = Trie::default();
                for (place, held) in self.all.iter().enumerate() {
                    trie.change(held.filter.as_str(), |_| Some(place));
                }
                Search::Trie(Box::new(trie))
            }
        };
    }

    /// How a message of this topic is wanted, and by the subscriptions with which ids; `None` if no subscription names it any more.
    pub(super) fn wanted(&mut self, topic: &Topic, ids: &mut Vec<u32>) -> Option<Wanted> {
        ids.clear();
        if matches!(self.search, Search::Stale) {
            self.prepare();
        }
        let mut wanted: Option<Wanted> = None;
        let mut add = |held: &Held| {
            ids.extend(held.id);
            let so_far = wanted.get_or_insert(Wanted { qos: Qos::AtMostOnce, as_published: false });
            so_far.qos = so_far.qos.max(held.wish.qos);
            so_far.as_published |= held.wish.as_published;
        };
        match &self.search {
            Search::Alike(wanted) => return Some(*wanted),
            Search::OneByOne | Search::Stale => {
                self.all.iter().filter(|held| held.filter.matches(topic)).for_each(add);
            }
            Search::Trie(trie) => {
                trie.matching(topic.as_str(), &mut |place| {
                    self.all.get(*place).into_iter().for_each(&mut add);
                });
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Limits;
    use proptest::prelude::*;

    proptest! {
        /// However they are found, it is the same as one by one.
        #[test]
        fn many_are_found_as_few(
            filters in prop::collection::vec(("[ab+]/[ab+]/([ab+]|#)", 0..3_u8, any::<bool>(), prop::option::of(1..9_u32)), 1..60),
            gone in prop::collection::vec(0..60_usize, 0..10),
            topic in "[ab]/[ab]/[ab]",
        ) {
            let limits = Limits::default();
            let mut subscriptions = Subscriptions::default();
            for (text, qos, as_published, id) in &filters {
                let wish = Wish { qos: Qos::of(*qos).unwrap(), no_local: false, as_published: *as_published, handling: 0 };
                subscriptions.put(Filter::parse(text, &limits).unwrap(), wish, *id);
            }
            for place in gone {
                if let Some((text, ..)) = filters.get(place) {
                    let filter = Filter::parse(text, &limits).unwrap();
                    subscriptions.remove(&filter);
                    prop_assert!(!subscriptions.has(&filter));
                }
            }
            for (place, held) in subscriptions.all.iter().enumerate() {
                prop_assert_eq!(subscriptions.place(&held.filter), Some(place));
            }
            let topic = Topic::parse(&topic, &limits).unwrap();
            let (mut ids, mut one_by_one) = (Vec::new(), Vec::new());
            let found = subscriptions.wanted(&topic, &mut ids);
            let is_alike = matches!(subscriptions.search, Search::Alike(_));
            subscriptions.search = Search::OneByOne;
            let expected = subscriptions.wanted(&topic, &mut one_by_one);
            ids.sort_unstable();
            one_by_one.sort_unstable();
            prop_assert_eq!(ids, one_by_one);
            prop_assert!(found == expected || (is_alike && expected.is_none()));
        }
    }
}
