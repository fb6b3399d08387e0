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
    // Half of the changes are made near to one that was made before.
    let mut near = Near::default();
    for (at, step) in steps.iter().enumerate() {
        let mut change = |path: &str, leaf: Option<u32>| match at % 2 {
            0 => trie.change(path, |_| leaf),
            _ => trie.change_near(&mut near, path, |_| leaf),
        };
        match step {
            Step::Set(path, leaf) => {
                change(path, Some(*leaf));
                twin.insert(path.clone(), *leaf);
            }
            Step::Remove(path) => {
                change(path, None);
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
        let (mut trie, mut filters) = (trie, Trie::default());
        filters.change(&by, |_| Some(()));
        let found = walk(&mut trie, &filters, usize::MAX, |_, _| ());
        let by = filter(&by);
        let expected = twin.iter().filter(|(path, _)| by.matches(&topic(path))).map(|(_, leaf)| *leaf);
        prop_assert_eq!(sorted(found), sorted(expected.collect()));
    }

    #[test]
    fn a_walk_by_many_filters_finds_each_topic_once_and_says_which_filters_name_it(
        topics in steps(false), by in steps(true), most in 1..20_usize,
    ) {
        let ((mut topics, twin), (filters, many)) = (grow(&topics), grow(&by));
        let mut found = BTreeMap::new();
        let mut walk = Walk::default();
        while !walk.go_on(&mut topics, &filters, most, &mut |leaf, by: Found<'_, u32>| {
            let by = sorted(by.filters.iter().map(|leaf| **leaf).collect());
            assert_eq!(found.insert(*leaf, by), None);
            true
        }).is_done {}
        let expected: BTreeMap<_, _> = twin.iter().filter_map(|(path, leaf)| {
            let named = |(by, number): (&String, &u32)| filter(by).matches(&topic(path)).then_some(*number);
            let by = sorted(many.iter().filter_map(named).collect());
            (!by.is_empty()).then_some((*leaf, by))
        }).collect();
        prop_assert_eq!(found, expected);
    }

    /// While a walk rests topics come and go, and filters come. What was there at the beginning and stayed is found,
    /// once, and nothing is left of the walk.
    #[test]
    fn a_walk_that_rests_misses_nothing_that_stays(
        first in steps(false), by in steps(true), meanwhile in prop::collection::vec((steps(false), path(true)), 0..40),
        most in 1..6_usize, abandoned in any::<bool>(),
    ) {
        let ((mut topics, mut twin), (mut filters, many)) = (grow(&first), grow(&by));
        // A leaf that comes anew is another one.
        let mut number = 0;
        for (path, leaf) in &mut twin {
            number += 1;
            *leaf = number;
            topics.change(path, |_| Some(number));
        }
        let mut stayed = twin.clone();
        let mut found = Vec::new();
        let mut walk = Walk::default();
        let mut meanwhile = meanwhile.into_iter();
        let is_done = loop {
            let walked = walk.go_on(&mut topics, &filters, most, &mut |leaf, _| {
                found.push(*leaf);
                true
            });
            if walked.is_done {
                break true;
            }
            let Some((steps, more)) = meanwhile.next() else {
                if abandoned {
                    break false;
                }
                continue;
            };
            for step in steps {
                number += 1;
                match step {
                    Step::Set(path, _) => {
                        topics.change(&path, |_| Some(number));
                        stayed.remove(&path);
                        twin.insert(path, number);
                    }
                    Step::Remove(path) => {
                        topics.change(&path, |_| None);
                        stayed.remove(&path);
                        twin.remove(&path);
                    }
                }
            }
            filters.change(&more, |leaf| leaf.or(Some(0)));
            walk.filters_were_added(&topics, &filters);
        };
        if is_done {
            let named = |path: &String| many.keys().any(|by| filter(by).matches(&topic(path)));
            for (path, leaf) in &stayed {
                let count = found.iter().filter(|other| *other == leaf).count();
                prop_assert!(count == 1 || (count == 0 && !named(path)), "{path} came {count} times");
            }
        } else {
            walk.abandon(&mut topics);
        }
        prop_assert!(topics.rests.is_empty());
        check(&topics, &twin);
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

/// What a walk finds, in pieces of `most` steps; `between` comes between two pieces.
fn walk<F>(
    topics: &mut Trie<u32>,
    filters: &Trie<F>,
    most: usize,
    mut between: impl FnMut(&mut Trie<u32>, &mut Walk),
) -> Vec<u32> {
    let (mut walk, mut found) = (Walk::default(), Vec::new());
    while !walk
        .go_on(topics, filters, most, &mut |leaf, _| {
            found.push(*leaf);
            true
        })
        .is_done
    {
        between(topics, &mut walk);
    }
    found
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
    let leaves: Vec<_> = trie.nodes.iter().filter_map(|node| node.leaf).collect();
    assert_eq!(sorted(leaves), sorted(twin.values().copied().collect()));
    let (mut below, mut entries, mut here) = (0, 0, vec![None]);
    while let Some(parent) = here.pop() {
        let children: Vec<_> = trie.children(parent).collect();
        let several = children.iter().filter(|child| plain(trie.levels.text(trie.nodes[**child].level)));
        let several = several.count();
        if trie.children_of(parent).many {
            entries += several;
        } else {
            assert!(several <= 1, "one alone needs no place in the table");
        }
        for child in &children {
            assert_eq!(trie.child(parent, trie.nodes[*child].level), Some(*child));
        }
        below += children.len();
        here.extend(children.into_iter().map(Some));
    }
    assert_eq!((below, entries), (nodes.len(), trie.by_level.len()));
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
    let mut found = 0;
    trie.matching(&deep, &mut |_| found += 1);
    assert_eq!(found, 1);
    let mut filters = Trie::default();
    filters.change("#", |_| Some(()));
    assert_eq!(walk(&mut trie, &filters, 1_000, |_, _| ()), [1]);
    trie.change(&deep, |_| None);
    assert_eq!(trie.nodes(), 0);
}

#[test]
fn tables_that_were_made_at_once_do_not_grow_while_the_paths_come() {
    let paths: Vec<_> = (0..5000).flat_map(|n| [format!("house/{n}/lux"), format!("house/{n}/on")]).collect();
    let mut trie = Trie::default();
    trie.reserve(Needs::of(paths.len(), paths.iter().take(1000).map(String::as_str)));
    let (made, mut near) = (trie.by_level.capacity(), Near::default());
    for path in &paths {
        trie.change_near(&mut near, path, |_| Some(1));
    }
    assert_eq!((trie.nodes(), trie.by_level.capacity()), (15_001, made));
    assert!((15_001..40_000).contains(&made), "{made}: not more than they need");
    trie.reserve(Needs { paths: 1_000_000, entries: 1_000_000 });
    assert_eq!(trie.by_level.capacity(), made, "what is there already is not moved at once");
}
