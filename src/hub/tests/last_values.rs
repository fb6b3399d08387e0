//! Last values come once, in pieces, whatever happens between two pieces.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn messages_that_come_while_last_values_are_looked_up_wait_for_them() {
    let hub = hub_with_last_values(5_000);
    let mut reader = dashboard(&hub);
    let mut seen = Vec::new();
    reader.drain(1, NOW, &mut |_| ());
    reader.drain(1_000, NOW, &mut |pieces| seen.push(String::from_utf8(pieces.concat()).unwrap()));
    assert!((1..200).contains(&seen.len()), "{}", seen.len());
    let mut node = node(&hub);
    say(&mut node, "[\"t/0\", \"new\"]\n[\"t/4999\", \"new\"]\n[\"t/x/set\", 1]");
    seen.extend(values(&mut reader));
    let news: Vec<_> = seen.iter().rev().take(3).rev().cloned().collect();
    assert_eq!(news, ["[\"n/t/0\", \"new\"]", "[\"n/t/4999\", \"new\"]", "[\"n/t/x/set\", 1]"]);
    assert!((5_001..=5_003).contains(&seen.len()), "{}", seen.len());
}

#[test]
fn last_values_that_are_no_longer_wanted_are_not_sent() {
    let hub = hub_with_last_values(5_000);
    let mut reader = dashboard(&hub);
    reader.drain(1, NOW, &mut |_| ());
    reader.drain(1_000, NOW, &mut |_| ());
    say(&mut reader, "[\"clown.talk/-/subscription/set\", {\"filters\": [\"n/t/7\"]}]");
    assert!(values(&mut reader).len() <= 1);
    assert!(reader.look_ups.is_none());
}

#[test]
fn who_leaves_in_the_middle_of_its_last_values_holds_nothing() {
    let hub = hub_with_last_values(1_000);
    let mut reader = dashboard(&hub);
    reader.drain(1, NOW, &mut |_| ());
    reader.drain(1_000, NOW, &mut |_| ());
    drop(reader);
    let mut node = node(&hub);
    for n in 0..1_000 {
        say(&mut node, &format!("[\"t/{n}\", null, {{\"retain\": true}}]"));
    }
    say(&mut node, "[\"presence\", null, {\"retain\": true}]");
    assert_eq!((hub.last_values.lock().nodes(), hub.figures().retained_bytes.value()), (0, 0));
}

#[test]
fn too_many_changes_before_their_last_values_are_read_are_refused() {
    let hub = hub_with(|settings| settings.filters = 10);
    let mut node = node(&hub);
    say(&mut node, "[\"t/1\", 1]");
    let mut reader = dashboard(&hub);
    let filters = |n: usize| (0..10).map(|at| format!("\"x/{n}/{at}\"")).collect::<Vec<_>>().join(", ");
    for n in 0..5 {
        let filters = filters(n);
        say(&mut reader, &format!("[\"clown.talk/-/subscription/set\", {{\"filters\": [{filters}]}}]"));
    }
    let told = heard(&mut reader);
    assert_eq!(told.iter().filter(|frame| frame.contains("subscription/error")).count(), 3, "{told:?}");
    assert!(told[2].contains("still on their way"), "{told:?}");
    say(&mut reader, &format!("[\"clown.talk/-/subscription/set\", {{\"filters\": [{}]}}]", filters(9)));
    assert!(heard(&mut reader)[0].contains("subscription/ok"));
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u8),
    Clear(u8),
    Set(Vec<u8>),
    Add(u8),
    Remove(u8),
    Configure(Vec<u8>),
    Drain(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let some = || prop::collection::vec(0..9_u8, 0..3);
    prop_oneof![
        6 => (0..12_u8).prop_map(Step::Publish),
        2 => (0..12_u8).prop_map(Step::Clear),
        2 => some().prop_map(Step::Set),
        3 => (0..9_u8).prop_map(Step::Add),
        2 => (0..9_u8).prop_map(Step::Remove),
        1 => some().prop_map(Step::Configure),
        6 => (1..200_u8).prop_map(Step::Drain),
    ]
}

const FILTERS: [&str; 9] = ["#", "a/#", "+/1", "b/+", "a/1", "+/+", "b/2/#", "c/+/+", "+/2"];

fn topic_of(number: u8) -> String {
    format!("{}/{}", ["a", "b", "c"][usize::from(number % 3)], number / 3)
}

proptest! {
    /// The twin keeps what a client must end up with: for each topic that it has named without a gap the newest message,
    /// and nothing twice.
    #[test]
    fn a_client_that_changes_its_mind_knows_the_newest_of_all_it_names_and_nothing_twice(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let hub = hub();
        let mut node = client(&hub, "", Side::Node);
        let mut reader = client(&hub, "", Side::Dashboard);
        say(&mut reader, "[\"clown.talk/-/config/set\", {\"filters\": []}]");
        let (mut held, mut store) = (Vec::<u8>::new(), BTreeMap::<String, usize>::new());
        // What came, and the topics that may come a second time, as they were not named for a while or asked for anew.
        let (mut seen, mut again) = (BTreeMap::<String, usize>::new(), BTreeSet::<String>::new());
        let mut was_named = BTreeSet::<String>::new();
        let list = |which: &[u8]| {
            let names: Vec<_> = which.iter().map(|at| FILTERS[usize::from(*at)]).collect();
            serde_json::json!({ "filters": names }).to_string()
        };
        let named = |held: &[u8], topic: &str| {
            let topic = Topic::parse(topic, &Limits::default()).unwrap();
            held.iter().any(|at| Filter::parse(FILTERS[usize::from(*at)], &Limits::default()).unwrap().matches(&topic))
        };
        let drain = |reader: &mut Session, bytes: usize, seen: &mut BTreeMap<String, usize>, again: &BTreeSet<String>| {
            reader.drain(bytes, NOW, &mut |pieces| {
                let text = String::from_utf8(pieces.concat()).unwrap();
                if text.starts_with("[\"clown.talk") || text.contains("presence") {
                    return;
                }
                let (topic, n): (String, Option<usize>) = serde_json::from_str(&text).unwrap();
                let Some(n) = n else {
                    seen.remove(&topic);
                    return;
                };
                let before = seen.insert(topic.clone(), n);
                let is_fine = before.is_none_or(|before| before < n || before == n && again.contains(&topic));
                assert!(is_fine, "{topic}: {n} after {before:?}");
            })
        };
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Publish(which) => {
                    say(&mut node, &format!("[\"{}\", {n}]", topic_of(which)));
                    store.insert(topic_of(which), n);
                }
                Step::Clear(which) => {
                    store.remove(&topic_of(which));
                    say(&mut node, &format!("[\"{}\", null, {{\"retain\": true}}]", topic_of(which)));
                }
                Step::Set(which) => {
                    say(&mut reader, &format!("[\"clown.talk/-/subscription/set\", {}]", list(&which)));
                    held = which;
                }
                Step::Add(which) => {
                    say(&mut reader, &format!("[\"clown.talk/-/subscription/add\", {}]", list(&[which])));
                    held.push(which);
                }
                Step::Remove(which) => {
                    say(&mut reader, &format!("[\"clown.talk/-/subscription/remove\", {}]", list(&[which])));
                    held.retain(|other| *other != which);
                }
                Step::Configure(which) => {
                    again.extend((0..12).map(topic_of));
                    say(&mut reader, &format!("[\"clown.talk/-/config/set\", {}]", list(&which)));
                    held = which;
                }
                Step::Drain(bytes) => drop(drain(&mut reader, usize::from(bytes), &mut seen, &again)),
            }
            again.extend((0..12).map(topic_of).filter(|topic| !named(&held, topic)).filter(|topic| was_named.contains(topic)));
            was_named.extend((0..12).map(topic_of).filter(|topic| named(&held, topic)));
        }
        while drain(&mut reader, 64, &mut seen, &again) != Drained::Everything {}
        for (topic, n) in &store {
            if named(&held, topic) {
                prop_assert!(seen.get(topic).is_some_and(|seen| seen >= n), "{topic}: {n}, seen {:?}", seen.get(topic));
            }
        }
        prop_assert!(reader.look_ups.is_none());
        drop((reader, node));
    }
}
