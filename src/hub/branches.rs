//! In how many ways filters branch: the bound of what it costs to find who gets a message.
//!
//! A message is routed by a walk through the tree of all filters. At each level the walk goes from a node to its child
//! with the topic's word and to its child `+`, so a set of filters could make it come to twice as many nodes at every
//! level. What it comes to is bounded so:
//!
//! * A node stands for the beginning of a filter. The walk comes to it only if each of its levels is `+` or the topic's
//!   own word at that level. So two nodes that one walk comes to, at one depth, differ in *where* they have `+`: a node
//!   is known by its depth and the places of its `+`, which is its *branch*.
//! * Nodes without `+` are one for each level of the topic. All others begin with the topic's first word or with `+`.
//! * So a walk comes to no more nodes than the topic has levels, and the filters have branches under its first word and
//!   under `+`. Beside each node it looks at one more, its child `#`.
//!
//! Filters of real devices have a handful of branches, however many they are: `nodes/+/+/thermometer/#` has three, and so
//! have ten thousand that differ from it in their words.

use std::collections::HashMap;

use super::trie::Trie;
use crate::topic::Filter;

/// Branches that the filters of one connection may have.
pub const BRANCHES_A_CONNECTION: usize = 256;

/// Branches that the filters of all connections may have together, under one first level.
pub const BRANCHES_A_FIRST_LEVEL: usize = 1024;

/// Filters that would branch in too many ways.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// Those of one connection alone.
    #[error(
        "filters would branch in {0} ways at their wildcards +, and a connection may have {BRANCHES_A_CONNECTION}: \
         use fewer patterns, or # for the rest of a topic"
    )]
    InConnection(usize),
    /// Those of everybody together.
    #[error(
        "filters of all clients would branch in {ways} ways at their wildcards + under {first:?}, and \
         {BRANCHES_A_FIRST_LEVEL} are the most: use fewer patterns, or # for the rest of a topic"
    )]
    InAll {
        /// Their first level.
        first: String,
        /// How many there would be.
        ways: usize,
    },
    /// Changes of one subscription, before their last values were read.
    #[error(
        "the last values of earlier changes are still on their way, and {0} filters are remembered for them: read \
         them first"
    )]
    Changes(usize),
}

/// The branches of a set of filters.
#[derive(Debug, Default)]
pub(super) struct Branches {
    /// By the first level, where each filter has its `+`: a tree of `+` and `-`, of which each node is a branch. The
    /// leaves count the filters.
    by_first: HashMap<Box<str>, Trie<u32>>,
}

impl Branches {
    /// Whether a filter has any.
    pub(super) fn concern(filter: &str) -> bool {
        filter.split('/').any(|level| level == "+")
    }

    /// Adds filters, all of them or none; where the bound does not hold, all of them.
    pub(super) fn add(&mut self, filters: &[Filter], is_bounded: bool) -> Result<(), TooMany> {
        for (number, filter) in filters.iter().enumerate() {
            let Some((first, branch)) = branch(filter.as_str()) else { continue };
            let branches = self.by_first.entry(first.into()).or_default();
            branches.change(&branch, |count| Some(count.unwrap_or(0) + 1));
            let ways = branches.nodes();
            if is_bounded && ways > BRANCHES_A_FIRST_LEVEL {
                let first = first.to_owned();
                self.remove(filters.iter().take(number + 1).map(Filter::as_str));
                return Err(TooMany::InAll { first, ways });
            }
        }
        Ok(())
    }

    /// Takes filters out that were added.
    pub(super) fn remove<'f>(&mut self, filters: impl Iterator<Item = &'f str>) {
        for (first, branch) in filters.filter_map(branch) {
            let Some(branches) = self.by_first.get_mut(first) else { continue };
            branches.change(&branch, |count| count.filter(|count| *count > 1).map(|count| count - 1));
            if branches.is_empty() {
                self.by_first.remove(first);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }
}

/// The branches of one connection, counted one filter after the other.
#[derive(Debug, Default)]
pub(super) struct Ways(Trie<()>);

impl Ways {
    /// Counts a filter in.
    pub(super) fn add(&mut self, filter: &Filter) {
        if let Some((_, branch)) = branch(filter.as_str()) {
            self.0.change(&branch, |_| Some(()));
        }
    }

    /// Whether they are within the bound.
    pub(super) fn check(&self) -> Result<(), TooMany> {
        match self.0.nodes() {
            ways if ways > BRANCHES_A_CONNECTION => Err(TooMany::InConnection(ways)),
            _ => Ok(()),
        }
    }
}

/// The first level of a filter, and where it has its `+`: `house/+/light/#` is `-/+/-`. None where it has no `+`.
fn branch(filter: &str) -> Option<(&str, String)> {
    if !Branches::concern(filter) {
        return None;
    }
    let levels = filter.split('/').filter(|level| *level != "#");
    let places: Vec<_> = levels.map(|level| if level == "+" { "+" } else { "-" }).collect();
    Some((filter.split('/').next().unwrap_or_default(), places.join("/")))
}
