//! A tree of levels with something at its nodes. Pure: no lock, no clock, and any leaf.
//!
//! The hub keeps two of them: subscriptions under their filters, walked by the topic of a message, and last values
//! under their topics, walked by the filter of a newcomer. What is removed leaves no node behind.
//!
//! All nodes lie in one piece of memory and call each other by numbers. One table knows for all of them which child
//! stands under which level; a node itself has but the first of its children, and each child its neighbours
//! (`docs/adr/0011-one-table-for-all-branches.md`). Every walk is a loop, however deep the paths are.

mod levels;
mod slots;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::{SmallVec, smallvec};

use levels::{HASH, Levels, PLUS, shrink};
pub use slots::Id;
use slots::Slots;

/// Paths are topics or filters: levels joined by `/`, with `+` and `#` as MQTT means them.
#[derive(Debug)]
pub struct Trie<L> {
    nodes: Slots<Node<L>>,
    /// The children of no node: what paths begin with.
    roots: Children,
    /// Each node but the wildcards, by its parent and its level.
    by_level: HashTable<Id>,
    levels: Levels,
    leaves: usize,
    hasher: RandomState,
}

#[derive(Debug)]
struct Node<L> {
    parent: Option<Id>,
    level: Id,
    before: Option<Id>,
    after: Option<Id>,
    children: Children,
    leaf: Option<L>,
}

/// Children in any order, but that `#` comes first and `+` before all others: these two are wanted for every topic.
#[derive(Debug, Default, Clone, Copy)]
struct Children {
    first: Option<Id>,
    hash: bool,
    plus: bool,
}

/// The nodes that a walk has come to, side by side; none is where it begins. Mostly few, which need no memory of the
/// heap.
type Front = SmallVec<[Option<Id>; 16]>;

impl<L> Default for Trie<L> {
    fn default() -> Self {
        Self {
            nodes: Slots::default(),
            roots: Children::default(),
            by_level: HashTable::new(),
            levels: Levels::default(),
            leaves: 0,
            hasher: RandomState::default(),
        }
    }
}

impl<L> Trie<L> {
    /// How many paths hold a leaf.
    pub fn len(&self) -> usize {
        self.leaves
    }

    /// Whether no path holds a leaf.
    pub fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// How many nodes there are, which is what it takes in memory.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The leaf at exactly this path.
    pub fn get(&self, path: &str) -> Option<&L> {
        let mut node = None;
        for level in path.split('/') {
            node = Some(self.child(node, self.levels.find(level)?)?);
        }
        self.nodes[node?].leaf.as_ref()
    }

    /// Changes the leaf at exactly this path: gets what is there, leaves what `change` returns. Returns what the place
    /// is called for as long as there is a leaf.
    pub fn change(&mut self, path: &str, change: impl FnOnce(Option<L>) -> Option<L>) -> Option<Id> {
        let mut parent = None;
        for level in path.split('/') {
            let child = self.levels.find(level).and_then(|level| self.child(parent, level));
            parent = Some(child.unwrap_or_else(|| self.add(parent, level)));
        }
        // A path has a level, be it an empty one.
        parent.filter(|at| self.change_at(*at, change))
    }

    /// As [`change`](Self::change), at a place where there is a leaf. Returns whether there still is one.
    pub fn change_at(&mut self, at: Id, change: impl FnOnce(Option<L>) -> Option<L>) -> bool {
        let leaf = &mut self.nodes[at].leaf;
        let before = leaf.take();
        self.leaves -= usize::from(before.is_some());
        *leaf = change(before);
        let is_there = leaf.is_some();
        self.leaves += usize::from(is_there);
        self.prune(at);
        is_there
    }

    /// The path of a place where there is a leaf.
    pub fn path(&self, at: Id) -> String {
        let upwards = std::iter::successors(Some(at), |at| self.nodes[*at].parent);
        let mut levels: Vec<_> = upwards.map(|at| self.levels.text(self.nodes[at].level)).collect();
        levels.reverse();
        levels.join("/")
    }

    /// Visits the leaf of every path that, read as a filter, matches this topic. Each leaf once.
    pub fn matching<'a>(&'a self, topic: &str, visit: &mut impl FnMut(&'a L)) {
        if self.is_empty() {
            return;
        }
        // A topic holds no wildcard: what looks like one matches nothing that the wildcards do not.
        let level = |level| self.levels.find(level).filter(|level| ![PLUS, HASH].contains(level));
        let mut wildcards = !topic.starts_with('$');
        let (mut here, mut below): (Front, Front) = (smallvec![None], Front::new());
        for level in topic.split('/').map(level) {
            for node in here.drain(..) {
                if wildcards {
                    self.hash(node)
                        .and_then(|hash| self.nodes[hash].leaf.as_ref())
                        .into_iter()
                        .for_each(&mut *visit);
                    below.extend(self.plus(node).map(Some));
                }
                below.extend(level.and_then(|level| self.child(node, level)).map(Some));
            }
            if below.is_empty() {
                return;
            }
            wildcards = true;
            std::mem::swap(&mut here, &mut below);
        }
        for node in here {
            let hash = self.hash(node).map(|hash| &self.nodes[hash]);
            let leaves = [node.map(|node| &self.nodes[node]), hash].into_iter().flatten();
            leaves.filter_map(|node| node.leaf.as_ref()).for_each(&mut *visit);
        }
    }

    /// Whether a path, read as a filter, matches this topic.
    pub fn has_match(&self, topic: &str) -> bool {
        let mut found = false;
        self.matching(topic, &mut |_| found = true);
        found
    }

    /// Visits the leaf of every path that, read as a topic, is matched by this filter. Each leaf once.
    /// Returns how many nodes it went through.
    pub fn covered<'a>(&'a self, filter: &str, visit: &mut impl FnMut(&'a L)) -> usize {
        let (mut here, mut below): (Front, Front) = (smallvec![None], Front::new());
        let mut seen = 1;
        for (depth, level) in filter.split('/').enumerate() {
            let named = |child: &Id| depth > 0 || !self.levels.is_system(self.nodes[*child].level);
            for node in here.drain(..) {
                match level {
                    "#" => {
                        node.and_then(|node: Id| self.nodes[node].leaf.as_ref())
                            .into_iter()
                            .for_each(&mut *visit);
                        for child in self.children(node).filter(named) {
                            seen += self.each_under(child, visit);
                        }
                    }
                    "+" => below.extend(self.children(node).filter(named).map(Some)),
                    level => below
                        .extend(self.levels.find(level).and_then(|level| self.child(node, level)).map(Some)),
                }
            }
            seen += below.len();
            std::mem::swap(&mut here, &mut below);
        }
        here.into_iter().flatten().filter_map(|node| self.nodes[node].leaf.as_ref()).for_each(visit);
        seen
    }

    /// Visits every leaf once.
    pub fn each<'a>(&'a self, visit: &mut impl FnMut(&'a L)) {
        self.nodes.iter().filter_map(|node| node.leaf.as_ref()).for_each(visit);
    }

    /// Visits every leaf of a node and of all that is below; returns how many nodes these are.
    fn each_under<'a>(&'a self, top: Id, visit: &mut impl FnMut(&'a L)) -> usize {
        let (mut at, mut seen) = (top, 0);
        loop {
            let node = &self.nodes[at];
            node.leaf.iter().for_each(&mut *visit);
            seen += 1;
            match node.children.first.or_else(|| self.next_of(at, top)) {
                Some(next) => at = next,
                None => return seen,
            }
        }
    }

    /// The node behind this one and all that is below it, as long as that is under `top`.
    fn next_of(&self, mut at: Id, top: Id) -> Option<Id> {
        while at != top {
            let node = &self.nodes[at];
            if node.after.is_some() {
                return node.after;
            }
            at = node.parent?;
        }
        None
    }

    fn family(&self, parent: Option<Id>) -> Children {
        parent.map_or(self.roots, |parent| self.nodes[parent].children)
    }

    fn family_mut(&mut self, parent: Option<Id>) -> &mut Children {
        match parent {
            None => &mut self.roots,
            Some(parent) => &mut self.nodes[parent].children,
        }
    }

    fn children(&self, parent: Option<Id>) -> impl Iterator<Item = Id> {
        std::iter::successors(self.family(parent).first, |child| self.nodes[*child].after)
    }

    fn hash(&self, parent: Option<Id>) -> Option<Id> {
        let children = self.family(parent);
        children.first.filter(|_| children.hash)
    }

    fn plus(&self, parent: Option<Id>) -> Option<Id> {
        let children = self.family(parent);
        match children.first.filter(|_| children.plus)? {
            hash if children.hash => self.nodes[hash].after,
            plus => Some(plus),
        }
    }

    fn child(&self, parent: Option<Id>, level: Id) -> Option<Id> {
        match level {
            HASH => self.hash(parent),
            PLUS => self.plus(parent),
            level => {
                let is_it = |id: &Id| {
                    let node = &self.nodes[*id];
                    node.parent == parent && node.level == level
                };
                self.by_level.find(branch(&self.hasher, parent, level), is_it).copied()
            }
        }
    }

    fn add(&mut self, parent: Option<Id>, level: &str) -> Id {
        let level = self.levels.hold(level);
        let before = match level {
            HASH => None,
            PLUS => self.hash(parent),
            _ => self.plus(parent).or_else(|| self.hash(parent)),
        };
        let after = before.map_or(self.family(parent).first, |before| self.nodes[before].after);
        let id =
            self.nodes.put(Node { parent, level, before, after, children: Children::default(), leaf: None });
        self.link(parent, before, Some(id));
        if let Some(after) = after {
            self.nodes[after].before = Some(id);
        }
        match level {
            HASH => self.family_mut(parent).hash = true,
            PLUS => self.family_mut(parent).plus = true,
            level => {
                let (nodes, hasher) = (&self.nodes, &self.hasher);
                self.by_level
                    .insert_unique(branch(hasher, parent, level), id, |id| place(hasher, &nodes[*id]));
            }
        }
        id
    }

    /// Takes nodes away that have neither leaf nor child, from here upwards.
    fn prune(&mut self, at: Id) {
        let mut next = Some(at);
        while let Some(at) = next {
            let node = &self.nodes[at];
            if node.leaf.is_some() || node.children.first.is_some() {
                return;
            }
            next = node.parent;
            self.remove(at);
        }
    }

    fn remove(&mut self, at: Id) {
        let Node { parent, level, before, after, .. } = self.nodes[at];
        self.link(parent, before, after);
        if let Some(after) = after {
            self.nodes[after].before = before;
        }
        match level {
            HASH => self.family_mut(parent).hash = false,
            PLUS => self.family_mut(parent).plus = false,
            level => {
                let hash = branch(&self.hasher, parent, level);
                if let Ok(entry) = self.by_level.find_entry(hash, |id| *id == at) {
                    entry.remove();
                }
            }
        }
        self.nodes.take(at);
        self.levels.let_go(level);
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        shrink(&mut self.by_level, |id| place(hasher, &nodes[*id]));
    }

    /// What comes after `before`, or first.
    fn link(&mut self, parent: Option<Id>, before: Option<Id>, child: Option<Id>) {
        match before {
            Some(before) => self.nodes[before].after = child,
            None => self.family_mut(parent).first = child,
        }
    }
}

fn place<L>(hasher: &RandomState, node: &Node<L>) -> u64 {
    branch(hasher, node.parent, node.level)
}

fn branch(hasher: &RandomState, parent: Option<Id>, level: Id) -> u64 {
    hasher.hash_one(u64::from(parent.map_or(0, Id::number)) << 32 | u64::from(level.number()))
}
