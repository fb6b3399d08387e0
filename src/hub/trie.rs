//! A tree of levels with something at its nodes. Pure: no lock, no clock, and any leaf.
//!
//! The hub keeps two of them: subscriptions under their filters, walked by the topic of a message, and last values
//! under their topics, walked by the filter of a newcomer. What is removed leaves no node behind.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Paths are topics or filters: levels joined by `/`, with `+` and `#` as MQTT means them.
#[derive(Debug)]
pub struct Trie<L> {
    root: Node<L>,
    leaves: usize,
    nodes: usize,
}

#[derive(Debug)]
struct Node<L> {
    children: HashMap<Box<str>, Node<L>, RandomState>,
    leaf: Option<L>,
}

impl<L> Default for Node<L> {
    fn default() -> Self {
        Self { children: HashMap::default(), leaf: None }
    }
}

impl<L> Default for Trie<L> {
    fn default() -> Self {
        Self { root: Node::default(), leaves: 0, nodes: 0 }
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

    /// The leaf at exactly this path.
    pub fn get(&self, path: &str) -> Option<&L> {
        let mut node = &self.root;
        for level in path.split('/') {
            node = node.children.get(level)?;
        }
        node.leaf.as_ref()
    }

    /// Changes the leaf at exactly this path: gets what is there, leaves what `change` returns.
    pub fn change(&mut self, path: &str, change: impl FnOnce(Option<L>) -> Option<L>) {
        let (before, after) = self.root.change(path, change, &mut self.nodes);
        self.leaves = self.leaves + usize::from(after) - usize::from(before);
    }

    /// Visits the leaf of every path that, read as a filter, matches this topic. Each leaf once.
    pub fn matching<'a>(&'a self, topic: &str, visit: &mut impl FnMut(&'a L)) {
        let system = topic.starts_with('$');
        self.root.matching(Some(topic), !system, visit);
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
        self.root.covered(Some(filter), true, visit)
    }

    /// Visits every leaf once.
    pub fn each<'a>(&'a self, visit: &mut impl FnMut(&'a L)) {
        self.root.each(visit);
    }

    /// How many nodes there are, which is what it takes in memory.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    #[cfg(test)]
    fn counted_nodes(&self) -> usize {
        self.root.count() - 1
    }
}

impl<L> Node<L> {
    /// Returns whether there was a leaf before, and whether there is one now.
    fn change(
        &mut self,
        path: &str,
        change: impl FnOnce(Option<L>) -> Option<L>,
        nodes: &mut usize,
    ) -> (bool, bool) {
        let (level, rest) = split(path);
        if !self.children.contains_key(level) {
            *nodes += 1;
            self.children.insert(level.into(), Self::default());
        }
        let Some(child) = self.children.get_mut(level) else { return (false, false) };
        let changed = if let Some(rest) = rest {
            child.change(rest, change, nodes)
        } else {
            let before = child.leaf.is_some();
            child.leaf = change(child.leaf.take());
            (before, child.leaf.is_some())
        };
        if child.leaf.is_none() && child.children.is_empty() {
            *nodes -= 1;
            self.children.remove(level);
            self.children.shrink_to(self.children.len() * 2);
        }
        changed
    }

    /// `rest` is what is still to be matched; wildcards are tried unless this is the first level of a `$` topic.
    fn matching<'a>(&'a self, rest: Option<&str>, wildcards: bool, visit: &mut impl FnMut(&'a L)) {
        if wildcards && let Some(hash) = self.children.get("#") {
            hash.leaf.iter().for_each(&mut *visit);
        }
        let Some(rest) = rest else {
            return self.leaf.iter().for_each(visit);
        };
        let (level, rest) = split(rest);
        if wildcards && let Some(plus) = self.children.get("+") {
            plus.matching(rest, true, visit);
        }
        // A topic holds no wildcard, so a level that looks like one matches nothing a second time.
        if !matches!(level, "+" | "#")
            && let Some(child) = self.children.get(level)
        {
            child.matching(rest, true, visit);
        }
    }

    /// `rest` is what is left of the filter; on the first level wildcards pass over names that start with `$`.
    fn covered<'a>(&'a self, rest: Option<&str>, first: bool, visit: &mut impl FnMut(&'a L)) -> usize {
        let Some(rest) = rest else {
            self.leaf.iter().for_each(visit);
            return 1;
        };
        let named = |name: &str| !(first && name.starts_with('$'));
        let mut nodes = 1;
        match split(rest) {
            ("#", _) => {
                self.leaf.iter().for_each(&mut *visit);
                for (_, child) in self.children.iter().filter(|(name, _)| named(name)) {
                    nodes += child.covered(Some("#"), false, visit);
                }
            }
            ("+", rest) => {
                for (_, child) in self.children.iter().filter(|(name, _)| named(name)) {
                    nodes += child.covered(rest, false, visit);
                }
            }
            (level, rest) => {
                if let Some(child) = self.children.get(level) {
                    nodes += child.covered(rest, false, visit);
                }
            }
        }
        nodes
    }

    fn each<'a>(&'a self, visit: &mut impl FnMut(&'a L)) {
        self.leaf.iter().for_each(&mut *visit);
        self.children.values().for_each(|child| child.each(visit));
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        1 + self.children.values().map(Self::count).sum::<usize>()
    }
}

/// The first level, and the rest if there is one. `a/` has an empty level after `a`.
fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(level, rest)| (level, Some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::{Filter, Limits, Topic};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Two letters, the empty level and a `$` level: the smallest alphabet in which everything can go wrong.
    fn path(wildcards: bool) -> impl Strategy<Value = String> {
        let levels: &[&str] = if wildcards { &["a", "b", "", "$s", "+"] } else { &["a", "b", "", "$s"] };
        (prop::collection::vec(prop::sample::select(levels), 1..5), any::<bool>()).prop_map(
            move |(levels, hash)| {
                let path = levels.join("/");
                match (path.is_empty(), hash && wildcards) {
                    (true, true) => "#".to_owned(),
                    (true, false) => "/".to_owned(),
                    (false, true) => format!("{path}/#"),
                    (false, false) => path,
                }
            },
        )
    }

    #[derive(Debug, Clone)]
    enum Step {
        Set(String, u32),
        Remove(String),
    }

    fn steps(wildcards: bool) -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (path(wildcards), any::<u32>()).prop_map(|(path, leaf)| Step::Set(path, leaf)),
            1 => path(wildcards).prop_map(Step::Remove),
        ];
        prop::collection::vec(step, 0..40)
    }

    /// The trie, and beside it the twin: a plain list of paths, compared one by one.
    fn grow(steps: &[Step]) -> (Trie<u32>, BTreeMap<String, u32>) {
        let (mut trie, mut twin) = (Trie::default(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Set(path, leaf) => {
                    trie.change(path, |_| Some(*leaf));
                    twin.insert(path.clone(), *leaf);
                }
                Step::Remove(path) => {
                    trie.change(path, |_| None);
                    twin.remove(path);
                }
            }
        }
        (trie, twin)
    }

    fn topic(text: &str) -> Topic {
        Topic::parse(text, &Limits::default()).unwrap()
    }

    fn filter(text: &str) -> Filter {
        Filter::parse(text, &Limits::default()).unwrap()
    }

    fn sorted(mut leaves: Vec<u32>) -> Vec<u32> {
        leaves.sort_unstable();
        leaves
    }

    proptest! {
        #[test]
        fn filters_in_the_trie_match_as_one_by_one(steps in steps(true), name in path(false)) {
            let (trie, twin) = grow(&steps);
            let mut found = Vec::new();
            trie.matching(&name, &mut |leaf| found.push(*leaf));
            let name = topic(&name);
            let expected = twin.iter().filter(|(path, _)| filter(path).matches(&name)).map(|(_, leaf)| *leaf);
            prop_assert_eq!(sorted(found), sorted(expected.collect()));
        }

        #[test]
        fn topics_in_the_trie_are_found_by_filters_as_one_by_one(steps in steps(false), by in path(true)) {
            let (trie, twin) = grow(&steps);
            let mut found = Vec::new();
            trie.covered(&by, &mut |leaf| found.push(*leaf));
            let by = filter(&by);
            let expected = twin.iter().filter(|(path, _)| by.matches(&topic(path))).map(|(_, leaf)| *leaf);
            prop_assert_eq!(sorted(found), sorted(expected.collect()));
        }

        #[test]
        fn what_is_removed_leaves_no_node_behind(steps in steps(true)) {
            let (mut trie, twin) = grow(&steps);
            prop_assert_eq!(trie.len(), twin.len());
            let mut prefixes: Vec<String> = Vec::new();
            for path in twin.keys() {
                let levels: Vec<_> = path.split('/').collect();
                prefixes.extend((1..=levels.len()).map(|n| levels[..n].join("/")));
            }
            prefixes.sort();
            prefixes.dedup();
            prop_assert_eq!(trie.nodes(), prefixes.len());
            prop_assert_eq!(trie.counted_nodes(), prefixes.len());
            for (path, leaf) in &twin {
                prop_assert_eq!(trie.get(path), Some(leaf));
                trie.change(path, |_| None);
            }
            prop_assert!(trie.is_empty());
            prop_assert_eq!(trie.nodes(), 0);
        }
    }
}
