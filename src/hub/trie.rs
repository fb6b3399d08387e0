//! A tree of levels with something at its nodes. Pure: no lock, no clock, and any leaf.
//!
//! The hub keeps two of them: subscriptions under their filters, walked by the topic of a message, and last values
//! under their topics, walked by the filters of a newcomer (`walk`). What is removed leaves no node behind.
//!
//! All nodes lie in one piece of memory and call each other by numbers. One table knows for all of them which child
//! stands under which level; a node itself has but the first of its children, and each child its neighbours
//! (`docs/adr/0011-one-table-for-all-branches.md`). Every walk is a loop, however deep the paths are.

mod levels;
mod many;
mod slots;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::{SmallVec, smallvec};

use levels::{HASH, Levels, PLUS, is_wildcard, shrink};
pub use many::{Near, Needs};
pub use slots::Id;
use slots::Slots;
pub use walk::{Found, Walk, Walked};

/// Paths are topics or filters: levels joined by `/`, with `+` and `#` as MQTT means them.
#[derive(Debug)]
pub struct Trie<L> {
    nodes: Slots<Node<L>>,
    /// The children of no node: what paths begin with.
    roots: Children,
    /// By its parent and its level, each node but the wildcards, and but an only child.
    by_level: HashTable<Id>,
    levels: Levels,
    leaves: usize,
    /// Nodes at which walks rest, or which somebody holds, and how many do. They stay, even with nothing at or below them.
    rests: HashMap<Id, u32, RandomState>,
    hasher: RandomState,
    /// Nodes that were removed so far.
    removals: u64,
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

/// Nodes that are moved at most to make room.
const MOVED: usize = 4096;

/// Children in any order, but that `#` comes first and `+` before all others: these two are wanted for every topic.
#[derive(Debug, Default, Clone, Copy)]
struct Children {
    first: Option<Id>,
    hash: bool,
    plus: bool,
    /// Whether the others stand in the table of all branches. One alone does not: most nodes of a large tree have one child,
    /// and it is nearer than its place in the table.
    many: bool,
}

/// Children, told apart.
struct Parted {
    hash: Option<Id>,
    plus: Option<Id>,
    /// The first of the others.
    plain: Option<Id>,
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
            rests: HashMap::default(),
            hasher: RandomState::default(),
            removals: 0,
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

    /// Makes room for paths that take so much, so that the tables do not grow step by step while they come. Tables in which
    /// there is much already stay as they are: all of it would be moved at once.
    pub fn reserve(&mut self, needs: Needs) {
        if self.nodes() > MOVED {
            return;
        }
        let (all, hasher) = (&self.nodes, &self.hasher);
        self.by_level.reserve(needs.entries, |id| place(hasher, &all[*id]));
        self.levels.reserve(needs.paths);
    }

    /// The leaf at exactly this path.
    pub fn get(&self, path: &str) -> Option<&L> {
        let mut node = None;
        for level in path.split('/') {
            node = Some(self.child(node, self.levels.find(level)?)?);
        }
        self.nodes[node?].leaf.as_ref()
    }

    /// Visits the leaves of about `most` places side by side in memory, from the place `from` on. Returns where to go on. A
    /// leaf stays where it is, so what is there all the time is visited once it has returned nothing.
    pub fn leaves_from<'a>(
        &'a self,
        from: usize,
        most: usize,
        visit: &mut impl FnMut(&'a L),
    ) -> Option<usize> {
        self.nodes.some(from, most).filter_map(|node| node.leaf.as_ref()).for_each(visit);
        Some(from + most).filter(|next| *next < self.nodes.places())
    }

    /// Changes the leaf at exactly this path: gets what is there, leaves what `change` returns. Returns what the place
    /// is called for as long as there is a leaf.
    pub fn change(&mut self, path: &str, change: impl FnOnce(Option<L>) -> Option<L>) -> Option<Id> {
        // A path has a level, be it an empty one.
        self.grow(None, path, |_| ()).filter(|at| self.change_at(*at, change))
    }

    /// As [`change`](Self::change), near to where a path was changed before.
    pub fn change_near(
        &mut self,
        near: &mut Near,
        path: &str,
        change: impl FnOnce(Option<L>) -> Option<L>,
    ) -> Option<Id> {
        if near.removals != self.removals {
            *near = Near { removals: self.removals, ..Near::default() };
        }
        let (levels, bytes) = near.shared(path);
        let rest = path.get(bytes..).unwrap_or_default();
        near.nodes.truncate(levels);
        near.path.truncate(bytes);
        near.path.push_str(rest);
        let at = self.grow(near.nodes.last().copied(), rest, |node| near.nodes.push(node));
        at.filter(|at| self.change_at(*at, change))
    }

    /// Sees to it that there are nodes for these levels below a node, and visits them.
    fn grow(&mut self, below: Option<Id>, path: &str, mut visit: impl FnMut(Id)) -> Option<Id> {
        let mut parent = below;
        for text in path.split('/') {
            let level = self.levels.find(text);
            // What was just added has no children.
            let child = level
                .filter(|_| self.children_of(parent).first.is_some())
                .and_then(|level| self.child(parent, level));
            let node = child.unwrap_or_else(|| self.add(parent, level, text));
            visit(node);
            parent = Some(node);
        }
        parent
    }

    /// Holds the place of a path, also if there is no leaf, until it is [left](Self::leave).
    #[expect(clippy::expect_used, reason = "a path has a level, be it an empty one")]
    pub fn hold(&mut self, path: &str) -> Id {
        let at = self.grow(None, path, |_| ()).expect("a path has a level");
        self.rest(at);
        at
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

    /// Whether `+` stands in the path of a place where there is a leaf.
    pub fn has_plus(&self, at: Id) -> bool {
        std::iter::successors(Some(at), |at| self.nodes[*at].parent).any(|at| self.nodes[at].level == PLUS)
    }

    /// Visits the leaf of every path that, read as a filter, matches this topic. Each leaf once.
    pub fn matching<'a>(&'a self, topic: &str, visit: &mut impl FnMut(&'a L)) {
        self.matching_in_steps(topic, &mut || (), visit);
    }

    /// As [`matching`](Self::matching); `step` hears of each node that the walk goes through.
    #[inline]
    fn matching_in_steps<'a>(&'a self, topic: &str, step: &mut impl FnMut(), visit: &mut impl FnMut(&'a L)) {
        if self.is_empty() {
            return;
        }
        // A topic holds no wildcard: what looks like one matches nothing that the wildcards do not.
        let level = |level| self.levels.find(level).filter(|level| ![PLUS, HASH].contains(level));
        let mut wildcards = !topic.starts_with('$');
        let (mut here, mut below): (Front, Front) = (smallvec![None], Front::new());
        for level in topic.split('/').map(level) {
            for node in here.drain(..) {
                step();
                let children = self.children_of(node);
                let Parted { hash, plus, plain } = self.part(children);
                if wildcards {
                    hash.and_then(|hash| self.nodes[hash].leaf.as_ref()).into_iter().for_each(&mut *visit);
                    below.extend(plus.map(Some));
                }
                let found = level.and_then(|level| self.plain_child(node, (children, plain), level));
                below.extend(found.map(Some));
            }
            if below.is_empty() {
                return;
            }
            wildcards = true;
            std::mem::swap(&mut here, &mut below);
        }
        for node in here {
            step();
            let hash = self.hash(node).map(|hash| &self.nodes[hash]);
            let leaves = [node.map(|node| &self.nodes[node]), hash].into_iter().flatten();
            leaves.filter_map(|node| node.leaf.as_ref()).for_each(&mut *visit);
        }
    }

    /// How many nodes [`matching`](Self::matching) goes through.
    #[cfg(test)]
    pub(super) fn steps_of_match(&self, topic: &str) -> usize {
        let mut steps = 0;
        self.matching_in_steps(topic, &mut || steps += 1, &mut |_| ());
        steps
    }

    /// A walk rests at this place, or somebody holds it: it stays until it is [left](Self::leave).
    pub fn rest(&mut self, at: Id) {
        *self.rests.entry(at).or_default() += 1;
    }

    /// Who rested at this place, or held it, does so no longer.
    pub fn leave(&mut self, at: Id) {
        if let Some(others) = self.rests.get_mut(&at).filter(|count| **count > 1) {
            *others -= 1;
            return;
        }
        self.rests.remove(&at);
        if self.rests.is_empty() {
            self.rests.shrink_to_fit();
        }
        self.prune(at);
    }

    fn children_of(&self, parent: Option<Id>) -> Children {
        parent.map_or(self.roots, |parent| self.nodes[parent].children)
    }

    fn children_of_mut(&mut self, parent: Option<Id>) -> &mut Children {
        match parent {
            None => &mut self.roots,
            Some(parent) => &mut self.nodes[parent].children,
        }
    }

    fn children(&self, parent: Option<Id>) -> impl Iterator<Item = Id> {
        std::iter::successors(self.children_of(parent).first, |child| self.nodes[*child].after)
    }

    fn hash(&self, parent: Option<Id>) -> Option<Id> {
        let children = self.children_of(parent);
        children.first.filter(|_| children.hash)
    }

    fn plus(&self, parent: Option<Id>) -> Option<Id> {
        let children = self.children_of(parent);
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
                let children = self.children_of(parent);
                self.plain_child(parent, (children, self.part(children).plain), level)
            }
        }
    }

    /// The child at a level that is no wildcard; `plain` is the first such child.
    fn plain_child(
        &self,
        parent: Option<Id>,
        (children, plain): (Children, Option<Id>),
        level: Id,
    ) -> Option<Id> {
        if !children.many {
            return plain.filter(|only| self.nodes[*only].level == level);
        }
        let is_it = |id: &Id| {
            let node = &self.nodes[*id];
            node.parent == parent && node.level == level
        };
        self.by_level.find(branch(&self.hasher, parent, level), is_it).copied()
    }

    /// The wildcards and the first of the others, in one look.
    fn part(&self, children: Children) -> Parted {
        let mut next = children.first;
        let mut take = |is_there: bool| {
            let child = next.filter(|_| is_there)?;
            next = self.nodes[child].after;
            Some(child)
        };
        let (hash, plus) = (take(children.hash), take(children.plus));
        Parted { hash, plus, plain: next }
    }

    /// Puts a node into the table of all branches.
    fn enter(&mut self, id: Id) {
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.by_level.insert_unique(place(hasher, &nodes[id]), id, |id| place(hasher, &nodes[*id]));
    }

    /// Adds a node for a level; `known` is what the level is called, if it stands elsewhere.
    fn add(&mut self, parent: Option<Id>, known: Option<Id>, level: &str) -> Id {
        let level = self.levels.hold(known, level);
        let only = if is_wildcard(level) { None } else { self.part(self.children_of(parent)).plain };
        let before = match level {
            HASH => None,
            PLUS => self.hash(parent),
            _ => self.plus(parent).or_else(|| self.hash(parent)),
        };
        let after = before.map_or(self.children_of(parent).first, |before| self.nodes[before].after);
        let id =
            self.nodes.put(Node { parent, level, before, after, children: Children::default(), leaf: None });
        self.link(parent, before, Some(id));
        if let Some(after) = after {
            self.nodes[after].before = Some(id);
        }
        match level {
            HASH => self.children_of_mut(parent).hash = true,
            PLUS => self.children_of_mut(parent).plus = true,
            _ => {
                if let Some(only) = only {
                    if !std::mem::replace(&mut self.children_of_mut(parent).many, true) {
                        self.enter(only);
                    }
                    self.enter(id);
                }
            }
        }
        id
    }

    /// Takes nodes away that have neither leaf nor child, from here upwards.
    fn prune(&mut self, at: Id) {
        let mut next = Some(at);
        while let Some(at) = next {
            let node = &self.nodes[at];
            if node.leaf.is_some() || node.children.first.is_some() || self.rests.contains_key(&at) {
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
            HASH => self.children_of_mut(parent).hash = false,
            PLUS => self.children_of_mut(parent).plus = false,
            level => {
                if self.children_of(parent).many {
                    let hash = branch(&self.hasher, parent, level);
                    if let Ok(entry) = self.by_level.find_entry(hash, |id| *id == at) {
                        entry.remove();
                    }
                }
                if self.part(self.children_of(parent)).plain.is_none() {
                    self.children_of_mut(parent).many = false;
                }
            }
        }
        self.nodes.take(at);
        self.removals += 1;
        self.levels.let_go(level);
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        shrink(&mut self.by_level, |id| place(hasher, &nodes[*id]));
    }

    /// What comes after `before`, or first.
    fn link(&mut self, parent: Option<Id>, before: Option<Id>, child: Option<Id>) {
        match before {
            Some(before) => self.nodes[before].after = child,
            None => self.children_of_mut(parent).first = child,
        }
    }
}

fn place<L>(hasher: &RandomState, node: &Node<L>) -> u64 {
    branch(hasher, node.parent, node.level)
}

fn branch(hasher: &RandomState, parent: Option<Id>, level: Id) -> u64 {
    hasher.hash_one(u64::from(parent.map_or(0, Id::number)) << 32 | u64::from(level.number()))
}
