//! Property tests: beside each trie grows its twin, a plain list of paths.

use super::*;
use crate::topic::{Filter, Limits, Topic};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

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
    take_steps(steps, &mut trie, &mut twin);
    (trie, twin)
}

fn take_steps(steps: &[Step], trie: &mut Trie<u32>, twin: &mut BTreeMap<String, u32>) {
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
        check(&trie, &twin);
        for (path, leaf) in &twin {
            prop_assert_eq!(trie.get(path), Some(leaf));
        }
        let mut left = twin.clone();
        for path in twin.keys() {
            trie.change(path, |_| None);
            left.remove(path);
            check(&trie, &left);
        }
        prop_assert!(trie.is_empty());
    }

    #[test]
    fn a_leaf_is_found_by_its_place_until_it_goes(steps in steps(true)) {
        let (mut trie, mut twin) = grow(&steps);
        let places: Vec<_> =
            twin.iter().map(|(path, leaf)| (path.clone(), trie.change(path, |_| Some(*leaf)).unwrap())).collect();
        for (path, place) in places {
            prop_assert_eq!(trie.path(place), path.clone());
            prop_assert!(!trie.change_at(place, |_| None));
            twin.remove(&path);
            check(&trie, &twin);
        }
        prop_assert_eq!(trie.change("a/b", |_| None), None);
        prop_assert_eq!(trie.nodes(), 0);
    }

    #[test]
    fn places_and_words_that_were_given_up_serve_the_next_comers(
        first in steps(true), second in steps(true), name in path(false),
    ) {
        let (mut trie, mut twin) = grow(&first);
        for path in twin.keys().step_by(2) {
            trie.change(path, |_| None);
        }
        twin = twin.into_iter().skip(1).step_by(2).collect();
        take_steps(&second, &mut trie, &mut twin);
        check(&trie, &twin);
        let mut found = Vec::new();
        trie.matching(&name, &mut |leaf| found.push(*leaf));
        let name = topic(&name);
        let expected = twin.iter().filter(|(path, _)| filter(path).matches(&name)).map(|(_, leaf)| *leaf);
        prop_assert_eq!(sorted(found), sorted(expected.collect()));
    }
}

/// One node for each beginning of a path, one word for each level that stands in one, and all of them found by every
/// way that leads to them.
fn check(trie: &Trie<u32>, twin: &BTreeMap<String, u32>) {
    let beginnings = |path: &String| {
        let levels: Vec<_> = path.split('/').map(str::to_owned).collect();
        (1..=levels.len()).map(|n| levels[..n].join("/")).collect::<Vec<_>>()
    };
    let nodes: BTreeSet<_> = twin.keys().flat_map(beginnings).collect();
    let words: BTreeSet<_> = twin.keys().flat_map(|path| path.split('/')).collect();
    let plain = |level: &str| !matches!(level, "+" | "#");
    assert_eq!(trie.nodes(), nodes.len());
    assert_eq!(trie.levels.len(), words.iter().filter(|word| plain(word)).count());
    assert_eq!(
        trie.by_level.len(),
        nodes.iter().filter(|path| plain(path.rsplit('/').next().unwrap())).count()
    );
    let mut seen = 0;
    for child in trie.children(None) {
        seen += trie.each_under(child, &mut |_| ());
    }
    assert_eq!(seen, nodes.len());
    let mut leaves = Vec::new();
    trie.each(&mut |leaf| leaves.push(*leaf));
    assert_eq!(sorted(leaves), sorted(twin.values().copied().collect()));
}

#[test]
fn an_empty_trie_holds_no_memory_not_even_after_a_hundred_thousand_paths() {
    let mut trie = Trie::default();
    let path = |n: u32| format!("house/{}/+/{n}/#", n % 100);
    for n in 0..100_000 {
        trie.change(&path(n), |_| Some(n));
    }
    let (nodes, table) = (trie.nodes.capacity(), trie.by_level.capacity());
    for n in 100..100_000 {
        trie.change(&path(n), |_| None);
    }
    assert!(trie.nodes.capacity() < nodes / 10 && trie.by_level.capacity() < table / 10);
    for n in 0..100 {
        assert_eq!(trie.get(&path(n)), Some(&n));
        trie.change(&path(n), |_| None);
    }
    assert_eq!((trie.nodes(), trie.levels.len()), (0, 0));
    assert_eq!((trie.nodes.capacity(), trie.by_level.capacity()), (0, 0));
}

#[test]
fn a_path_of_very_many_levels_needs_no_deep_stack() {
    let deep = "a/".repeat(100_000);
    let mut trie = Trie::default();
    trie.change(&deep, |_| Some(1));
    assert!(trie.has_match(&deep));
    let mut found = 0;
    assert_eq!(trie.covered("#", &mut |_| found += 1), 100_002);
    assert_eq!(found, 1);
    trie.change(&deep, |_| None);
    assert_eq!(trie.nodes(), 0);
}
