//! Lines, each a step: a sign and a path. Paths go into and out of two tries, and beside them two plain sets; the
//! tries are asked, and must answer what [`Filter::matches`] says one by one.
//!
//! `+` and `-` put a filter in and take it out, `*` and `/` a topic; `?` asks for the filters that match a topic, `!`
//! for the topics that a filter matches.

use std::collections::BTreeSet;

use clown_hub::hub::trie::{Found, Trie, Walk};
use clown_hub::topic::{Filter, Limits, Topic};

const MOST_STEPS: usize = 100;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let limits = Limits::default();
    let (mut filters, mut topics) = (Forest::default(), Forest::default());
    for line in text.split('\n').take(MOST_STEPS) {
        let mut rest = line.chars();
        let sign = rest.next();
        let path = rest.as_str();
        let (filter, topic) = (Filter::parse(path, &limits), Topic::parse(path, &limits));
        match (sign, filter, topic) {
            (Some('+'), Ok(filter), _) => filters.put(path, filter),
            (Some('-'), Ok(filter), _) => filters.take(path, &filter),
            (Some('*'), _, Ok(topic)) => topics.put(path, topic),
            (Some('/'), _, Ok(topic)) => topics.take(path, &topic),
            (Some('?'), _, Ok(topic)) => {
                let mut found = Vec::new();
                filters.trie.matching(path, &mut |filter: &Filter| found.push(filter.clone()));
                same(found, filters.twin.iter().filter(|filter| filter.matches(&topic)), path);
            }
            (Some('!'), Ok(filter), _) => {
                let mut found = Vec::new();
                let (mut by, mut walk) = (Trie::default(), Walk::default());
                by.change(path, |_| Some(()));
                // In pieces, as small as can be.
                let mut visit = |topic: &Topic, _: Found<'_, ()>| {
                    found.push(topic.clone());
                    true
                };
                while !walk.go_on(&mut topics.trie, &by, 1, &mut visit).is_done {}
                same(found, topics.twin.iter().filter(|topic| filter.matches(topic)), path);
            }
            _ => {}
        }
        filters.check(path);
        topics.check(path);
    }
    filters.fell(Filter::as_str);
    topics.fell(Topic::as_str);
}

/// The same things twice: as the hub finds them, and one by one.
struct Forest<L> {
    trie: Trie<L>,
    twin: BTreeSet<L>,
}

impl<L> Default for Forest<L> {
    fn default() -> Self {
        Self { trie: Trie::default(), twin: BTreeSet::new() }
    }
}

impl<L: Ord + Clone + std::fmt::Debug> Forest<L> {
    fn put(&mut self, path: &str, leaf: L) {
        self.trie.change(path, |_| Some(leaf.clone()));
        self.twin.insert(leaf);
    }

    fn take(&mut self, path: &str, leaf: &L) {
        self.trie.change(path, |there| {
            assert_eq!(there.as_ref(), self.twin.get(leaf));
            None
        });
        self.twin.remove(leaf);
    }

    fn check(&self, path: &str) {
        assert_eq!(self.trie.len(), self.twin.len());
        assert_eq!(self.trie.is_empty(), self.twin.is_empty());
        if let Some(leaf) = self.trie.get(path) {
            assert!(self.twin.contains(leaf));
        }
    }

    fn fell(mut self, path: fn(&L) -> &str) {
        for leaf in self.twin.clone() {
            assert_eq!(self.trie.get(path(&leaf)), Some(&leaf));
            self.take(path(&leaf), &leaf);
        }
        assert!(self.trie.is_empty());
    }
}

/// Each leaf once, in whatever order.
fn same<'l, L: Ord + std::fmt::Debug + 'l>(
    mut found: Vec<L>,
    expected: impl Iterator<Item = &'l L>,
    path: &str,
) {
    found.sort();
    assert!(found.iter().eq(expected), "{path}: {found:?}");
}
