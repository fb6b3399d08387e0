//! A walk through a trie of topics by a trie of filters, in pieces: it can rest at any node while both change.
//!
//! What is promised: a leaf that was there when the walk began, and stays, is visited once. What comes meanwhile may be
//! visited or not. For that the walk keeps the nodes above the one where it rests, which therefore stay where they are
//! (`Trie::rest`), and goes on from them: those that stand beside each other never change their order, and a newcomer
//! stands before all others.
//!
//! What it costs is counted in steps: one for each node of the topics that it comes to, one for each place among the
//! filters that leads there, and one for each filter that names a leaf.

use smallvec::SmallVec;

use super::levels::{HASH, PLUS};
use super::{Id, Trie};

/// Where a walk is.
#[derive(Debug, Default)]
pub struct Walk {
    /// From above all topics down to the node that the walk has come to. Empty before the walk begins.
    way: Vec<Place>,
    /// The places among the filters whose paths match the topic so far, for each place of the way; none is the
    /// beginning of all filters.
    states: Vec<Option<Id>>,
    /// The leaves behind `#` that match all from here on down, for each place of the way.
    hashes: Vec<Id>,
    is_resting: bool,
}

/// One node on the way.
#[derive(Debug)]
struct Place {
    /// Which; none is above all topics.
    at: Option<Id>,
    /// Where its own states and hashes begin. Those of the places above stand before them.
    states: usize,
    hashes: usize,
    /// The words below this node that the filters ask for, where these are fewer than there are; else all are walked.
    words: Option<Box<Words>>,
}

/// Levels, as the filters call them.
#[derive(Debug)]
struct Words {
    levels: std::vec::IntoIter<Id>,
}

/// A leaf among the topics, and what names it.
#[derive(Debug)]
pub struct Found<'f, F> {
    /// The leaves of the filters that match.
    pub filters: SmallVec<[&'f F; 4]>,
}

/// How far a walk went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walked {
    /// The steps that it took.
    pub steps: usize,
    /// Whether there is nothing left to walk.
    pub is_done: bool,
}

/// So few nodes beside each other are walked without asking which of them the filters name.
const FEW: usize = 8;

impl Walk {
    /// Goes on until about so many steps are taken, or `visit` says that it is enough. At least one node is visited, so
    /// every walk ends. It is over `most` by one node at the most.
    pub fn go_on<L, F>(
        &mut self,
        topics: &mut Trie<L>,
        filters: &Trie<F>,
        most: usize,
        visit: &mut impl FnMut(&L, Found<'_, F>) -> bool,
    ) -> Walked {
        let rested = self.way.last().and_then(|place| place.at).filter(|_| self.is_resting);
        let mut steps = 0;
        if self.way.is_empty() {
            self.begin(filters, &mut steps);
        }
        let mut is_done = false;
        loop {
            let Some(next) = self.next(topics, filters, &mut steps) else {
                is_done = true;
                break;
            };
            self.enter(next, topics, filters, &mut steps);
            let has_enough = topics.nodes[next].leaf.as_ref().is_some_and(|leaf| {
                let named_by = self.named_by(filters);
                steps += named_by.filters.len();
                !named_by.filters.is_empty() && !visit(leaf, named_by)
            });
            if has_enough || steps >= most {
                break;
            }
        }
        // The new place is held before the old one is left.
        self.is_resting = !is_done;
        if let Some(at) = self.way.last().and_then(|place| place.at) {
            topics.rest(at);
        }
        if let Some(rested) = rested {
            topics.leave(rested);
        }
        Walked { steps, is_done }
    }

    /// Ends the walk here. Who lets go of a walk that rests without this holds a node for ever.
    pub fn abandon<L>(&mut self, topics: &mut Trie<L>) {
        let rested = self.way.last().and_then(|place| place.at).filter(|_| self.is_resting);
        *self = Self::default();
        if let Some(rested) = rested {
            topics.leave(rested);
        }
    }

    /// Filters were added: those that match the way so far are looked for again. Returns the steps that this took.
    pub fn filters_were_added<L, F>(&mut self, topics: &Trie<L>, filters: &Trie<F>) -> usize {
        let mut steps = 0;
        let way = std::mem::take(&mut self.way);
        self.states.clear();
        self.hashes.clear();
        for Place { at, words, .. } in way {
            match at {
                None => self.begin(filters, &mut steps),
                Some(at) => self.enter(at, topics, filters, &mut steps),
            }
            if let Some(place) = self.way.last_mut() {
                place.words = words;
            }
        }
        steps
    }

    fn begin<F>(&mut self, filters: &Trie<F>, steps: &mut usize) {
        *steps += 1;
        if !filters.is_empty() {
            self.states.push(None);
        }
        self.way.push(Place { at: None, states: 0, hashes: 0, words: None });
    }

    /// The node that comes next, below the one that the walk has come to or behind it.
    fn next<L, F>(&mut self, topics: &Trie<L>, filters: &Trie<F>, steps: &mut usize) -> Option<Id> {
        let mut next = self.first_below(topics, filters, steps);
        while next.is_none() {
            let done = self.way.pop()?;
            self.states.truncate(done.states);
            self.hashes.truncate(done.hashes);
            let above = self.way.last_mut()?;
            next = match &mut above.words {
                None => done.at.and_then(|at| topics.nodes[at].after),
                Some(words) => words.next(above.at, topics, filters, steps),
            };
        }
        next
    }

    fn first_below<L, F>(&mut self, topics: &Trie<L>, filters: &Trie<F>, steps: &mut usize) -> Option<Id> {
        let place = self.way.last_mut()?;
        let states = self.states.get(place.states..).unwrap_or_default();
        if states.is_empty() && self.hashes.is_empty() {
            return None;
        }
        let first = topics.children_of(place.at).first?;
        let walks_all = !self.hashes.is_empty()
            || states.iter().any(|state| filters.plus(*state).or(filters.hash(*state)).is_some())
            || topics.children(place.at).nth(FEW).is_none();
        if walks_all {
            return Some(first);
        }
        let mut levels: Vec<_> = states
            .iter()
            .flat_map(|state| filters.children(*state))
            .map(|child| filters.nodes[child].level)
            .collect();
        *steps += levels.len();
        levels.sort_unstable();
        levels.dedup();
        if topics.children(place.at).nth(levels.len()).is_none() {
            return Some(first);
        }
        let mut words = Words { levels: levels.into_iter() };
        let found = words.next(place.at, topics, filters, steps);
        place.words = Some(Box::new(words));
        found
    }

    /// Comes to a node, of which the parent is the last place of the way.
    fn enter<L, F>(&mut self, at: Id, topics: &Trie<L>, filters: &Trie<F>, steps: &mut usize) {
        let (from, is_top) = self.way.last().map_or((0, true), |above| (above.states, above.at.is_none()));
        let place = Place { at: Some(at), states: self.states.len(), hashes: self.hashes.len(), words: None };
        let word = topics.levels.text(topics.nodes[at].level);
        let level = filters.levels.find(word).filter(|level| ![PLUS, HASH].contains(level));
        // A wildcard in first place does not name what begins with `$`.
        let wildcards = !is_top || !word.starts_with('$');
        if is_top && wildcards {
            self.hashes.extend(with_leaf(filters, filters.hash(None).filter(|_| from < place.states)));
        }
        for number in from..place.states {
            let Some(state) = self.states.get(number).copied() else { break };
            let plus = filters.plus(state).filter(|_| wildcards);
            let named = level.and_then(|level| filters.child(state, level));
            self.states.extend(plus.into_iter().chain(named).map(Some));
        }
        for number in place.states..self.states.len() {
            let hash = self.states.get(number).and_then(|state| filters.hash(*state));
            self.hashes.extend(with_leaf(filters, hash));
        }
        *steps += 1 + place.states - from;
        self.way.push(place);
    }

    /// The filters that name the topic of the node that the walk has come to.
    fn named_by<'f, F>(&self, filters: &'f Trie<F>) -> Found<'f, F> {
        let from = self.way.last().map_or(0, |place| place.states);
        let ends = self.states.iter().skip(from).flatten();
        let leaves = self.hashes.iter().chain(ends).filter_map(|id| filters.nodes[*id].leaf.as_ref());
        Found { filters: leaves.collect() }
    }
}

impl Words {
    /// The next node below this one that has one of the words.
    fn next<L, F>(
        &mut self,
        below: Option<Id>,
        topics: &Trie<L>,
        filters: &Trie<F>,
        steps: &mut usize,
    ) -> Option<Id> {
        self.levels.by_ref().find_map(|level| {
            *steps += 1;
            topics.child(below, topics.levels.find(filters.levels.text(level))?)
        })
    }
}

fn with_leaf<F>(filters: &Trie<F>, id: Option<Id>) -> Option<Id> {
    id.filter(|id| filters.nodes[*id].leaf.is_some())
}
