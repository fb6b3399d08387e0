//! Last values read in pages: what the rights and the base allow, each once, and never more work than a turn.

use super::*;
use crate::hub::drain::TURN;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const LARGE: PageBounds = PageBounds { values: usize::MAX, bytes: usize::MAX };

fn filter(text: &str) -> Filter {
    Filter::parse(text, &Limits::default()).unwrap()
}

fn reader(hub: &Arc<Hub>, base: &str, may_read: &[&str], per_second: Option<u32>) -> Session {
    let rights = Rights { subscribe: may_read.iter().map(|may| filter(may)).collect(), ..Rights::default() };
    let rates = Rates { frames_per_second: per_second, bad_frames_per_minute: None };
    let base = Base::parse(base, &Limits::default()).unwrap();
    let client = Client { user: "r".into(), rights: Arc::new(rights), base, side: Side::Dashboard, rates };
    hub.connect(client, NOW)
}

fn shown(message: &Publication) -> String {
    format!("{} {}", message.topic, message.payload())
}

/// All pages, one after the other, where nothing but turns has to be waited for.
fn all(session: &mut Session, pages: &mut Pages, most: PageBounds) -> Vec<Vec<String>> {
    let mut read = Vec::new();
    loop {
        let page = session.next_page(pages, most, NOW).unwrap();
        read.push(page.values.iter().map(shown).collect());
        match page.left {
            Drained::Everything => return read,
            Drained::More => {}
            Drained::Later(wait) => assert!(wait.is_zero()),
        }
    }
}

fn values_of(hub: &Arc<Hub>, base: &str, by: &str) -> Vec<String> {
    let mut session = reader(hub, base, &["#", "$SYS/#"], None);
    let mut pages = session.read(filter(by), NOW).unwrap();
    let mut values = all(&mut session, &mut pages, LARGE).concat();
    values.sort();
    values
}

#[test]
fn who_may_not_read_all_that_a_filter_names_reads_nothing_of_it() {
    let hub = hub_with_last_values(3);
    let mut session = reader(&hub, "", &["n/t/#"], None);
    for forbidden in ["#", "n/#", "n/+/1", "$SYS/#"] {
        assert_eq!(session.read(filter(forbidden), NOW).map(|_| ()), Err(NotRead::Forbidden), "{forbidden}");
    }
    assert_eq!(hub.figures().forbidden.value(), 4);
    let mut pages = session.read(filter("n/t/+"), NOW).unwrap();
    assert_eq!(all(&mut session, &mut pages, LARGE).concat().len(), 3);
}

#[test]
fn who_goes_on_with_the_pages_of_another_may_read_no_more_than_by_themselves() {
    let hub = hub_with_last_values(3);
    let mut first = reader(&hub, "", &["#"], None);
    let mut pages = first.read(filter("n/t/#"), NOW).unwrap();
    let most = PageBounds { values: 1, ..LARGE };
    assert_eq!(first.next_page(&mut pages, most, NOW).unwrap().values.len(), 1);
    let mut other = reader(&hub, "", &["n/t/1"], None);
    assert_eq!(other.next_page(&mut pages, LARGE, NOW).map(|_| ()), Err(NotRead::Forbidden));
    let mut elsewhere = reader(&hub, "m", &["#"], None);
    assert_eq!(elsewhere.next_page(&mut pages, LARGE, NOW).map(|_| ()), Err(NotRead::NotBelowBase));
    drop(first);
    let mut second = reader(&hub, "n", &["n/#"], None);
    assert_eq!(all(&mut second, &mut pages, LARGE).concat().len(), 2, "the rest, once");
}

#[test]
fn a_session_reads_what_has_a_name_below_its_base_and_nothing_else() {
    let hub = hub();
    let mut operator = dashboard(&hub);
    for topic in ["n", "n/a", "n/a/b", "n/clown.talk/-/config/ok", "no", "m/a"] {
        say(&mut operator, &format!("[\"{topic}\", 1, {{\"retain\": true}}]"));
    }
    assert_eq!(values_of(&hub, "n", "n/#"), ["n/a 1", "n/a/b 1"]);
    assert_eq!(values_of(&hub, "", "n/#").len(), 4);
    assert_eq!(values_of(&hub, "", "n"), ["n 1"]);
    let mut session = reader(&hub, "n", &["#"], None);
    for outside in ["#", "n", "+/a", "m/#", "no"] {
        assert_eq!(session.read(filter(outside), NOW).map(|_| ()), Err(NotRead::NotBelowBase), "{outside}");
    }
}

#[test]
fn a_page_has_no_more_values_and_no_more_bytes_than_asked_for_unless_one_is_larger() {
    let hub = hub();
    let mut node = node(&hub);
    for n in 0..10 {
        say(&mut node, &format!("[\"t/{n}\", \"{}\"]", "x".repeat(if n < 5 { 10 } else { 1_000 })));
    }
    let mut session = reader(&hub, "", &["#"], None);
    let mut pages = session.read(filter("n/t/#"), NOW).unwrap();
    let read = all(&mut session, &mut pages, PageBounds { values: 3, bytes: 100 });
    assert_eq!(read.concat().len(), 10);
    for page in read {
        let bytes: usize = page.iter().map(String::len).sum();
        assert!(page.len() == 1 || (page.len() <= 3 && bytes <= 100), "{page:?}");
    }
}

#[test]
fn a_value_that_is_too_old_is_left_out_and_counted() {
    let hub = hub();
    let mut node = node(&hub);
    say(&mut node, "[\"t/1\", 1, {\"expires\": 1}]\n[\"t/2\", 2]");
    let mut session = reader(&hub, "", &["#"], None);
    let mut pages = session.read(filter("n/t/#"), NOW).unwrap();
    let page = session.next_page(&mut pages, LARGE, NOW + Duration::from_secs(10)).unwrap();
    assert_eq!(page.values.iter().map(shown).collect::<Vec<_>>(), ["n/t/2 2"]);
    assert_eq!(hub.figures().expired.value(), 1);
}

#[test]
fn a_page_never_does_more_than_a_turn_of_work() {
    let hub = hub_with_last_values(20_000);
    let mut session = reader(&hub, "", &["#"], Some(20_000));
    for (by, expected) in [("n/t/#", 20_000), ("n/t/+/x", 0)] {
        let mut pages = session.read(filter(by), NOW).unwrap();
        let (mut read, mut turns) = (0, 0);
        loop {
            let before = session.allowance.steps_taken();
            let page = session.next_page(&mut pages, LARGE, NOW).unwrap();
            let work = session.allowance.steps_taken() - before;
            assert!(work <= TURN as usize + 1_024, "{work} steps in one page");
            read += page.values.len();
            if page.left == Drained::Everything {
                break;
            }
            assert_eq!(page.left, Drained::Later(Duration::ZERO));
            turns += 1;
        }
        assert_eq!(read, expected);
        assert!(turns >= 2, "{turns} turns");
    }
}

#[test]
fn who_reads_what_finds_nothing_waits_for_its_allowance_and_may_not_begin_anew() {
    let hub = hub_with_last_values(20_000);
    let mut session = reader(&hub, "", &["#"], Some(100));
    let mut pages = session.read(filter("n/t/+/x"), NOW).unwrap();
    let wait = loop {
        match session.next_page(&mut pages, LARGE, NOW).unwrap().left {
            Drained::Later(wait) if wait.is_zero() => {}
            Drained::Later(wait) => break wait,
            left @ (Drained::Everything | Drained::More) => {
                panic!("{left:?} after {} steps", session.allowance.steps_taken())
            }
        }
    };
    // Two seconds' worth are there at once.
    let (most, before) = (2 * 64 * 100, session.allowance.steps_taken());
    assert!((most..most + TURN as usize + 1_024).contains(&before), "{before}");
    let again = session.next_page(&mut pages, LARGE, NOW).unwrap();
    assert_eq!((again.values.len(), again.left), (0, Drained::Later(wait)));
    assert_eq!(session.allowance.steps_taken(), before, "nothing is done until then");
    assert!(matches!(session.read(filter("n/t/1"), NOW), Err(NotRead::TooMuch(Excess::Steps { .. }))));
    session.next_page(&mut pages, LARGE, NOW + wait).unwrap();
    assert!(session.allowance.steps_taken() > before);
}

#[test]
fn too_many_readings_at_one_time_are_refused_until_one_ends() {
    let hub = hub_with_last_values(1);
    let mut session = reader(&hub, "", &["#"], None);
    let mut open: Vec<_> = (0..OPEN_PAGES).map(|_| session.read(filter("#"), NOW).unwrap()).collect();
    assert_eq!(session.read(filter("#"), NOW).map(|_| ()), Err(NotRead::TooManyOpen));
    open.pop();
    assert!(session.read(filter("#"), NOW).is_ok());
}

/// Few topics, so that the same come and go.
fn topic() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec!["a", "b", "c", ""]);
    prop::collection::vec(level, 1..4).prop_map(|levels| match levels.join("/") {
        none if none.is_empty() => "a".to_owned(),
        topic => topic,
    })
}

proptest! {
    /// The twin is a map of what is there.
    #[test]
    fn pages_give_each_value_once_whatever_comes_and_goes_in_between(
        first in prop::collection::vec(topic(), 0..30),
        meanwhile in prop::collection::vec(prop::collection::vec((topic(), any::<bool>()), 0..6), 0..12),
        (base, by) in prop::sample::select(vec![
            ("", "#"), ("", "+/b"), ("", "a/#"), ("", "a/+/c"), ("", "b/c"), ("a", "a/#"), ("a", "a/+"), ("a/b", "a/b/+"),
        ]),
        (values, bytes) in (1..4_usize, 1..60_usize), ends_early in any::<bool>(),
    ) {
        let hub = hub();
        let mut operator = client(&hub, "", Side::Dashboard);
        let mut twin = BTreeMap::new();
        let mut change = |twin: &mut BTreeMap<String, usize>, topic: &str, payload: Option<usize>| {
            let text = payload.map_or("null".to_owned(), |payload| payload.to_string());
            say(&mut operator, &format!("[\"{topic}\", {text}, {{\"retain\": true}}]"));
            match payload {
                Some(payload) => twin.insert(topic.to_owned(), payload),
                None => twin.remove(topic),
            };
        };
        for (number, topic) in first.iter().enumerate() {
            change(&mut twin, topic, Some(number));
        }
        let mut stayed: BTreeSet<_> = twin.keys().cloned().collect();
        let mut session = reader(&hub, base, &["#"], None);
        let mut pages = session.read(filter(by), NOW).unwrap();
        let (mut seen, mut number, mut meanwhile) = (BTreeSet::new(), 1_000, meanwhile.into_iter());
        let is_named = |topic: &str| {
            let topic = Topic::parse(topic, &Limits::default()).unwrap();
            session_base(base).relative(topic.as_str()).is_some() && filter(by).matches(&topic)
        };
        let is_whole = loop {
            let page = session.next_page(&mut pages, PageBounds { values, bytes }, NOW).unwrap();
            let sum: usize = page.values.iter().map(Publication::len).sum();
            prop_assert!(page.values.len() <= 1 || (page.values.len() <= values && sum <= bytes));
            for value in &page.values {
                let topic = value.topic.to_string();
                prop_assert!(is_named(&topic), "{topic}");
                let expected = twin.get(&topic).map(usize::to_string);
                prop_assert_eq!(expected, Some(value.payload().to_string()));
                prop_assert!(seen.insert(topic.clone()), "{} came twice", topic);
            }
            if page.left == Drained::Everything {
                break true;
            }
            prop_assert!(!page.values.is_empty() || page.left != Drained::More, "a page for nothing");
            match meanwhile.next() {
                Some(changes) => for (topic, is_set) in changes {
                    number += 1;
                    change(&mut twin, &topic, is_set.then_some(number));
                    if !is_set {
                        stayed.remove(&topic);
                    }
                },
                None if ends_early => break false,
                None => {}
            }
        };
        if is_whole {
            for topic in stayed.iter().filter(|topic| is_named(topic)) {
                prop_assert!(seen.contains(topic), "{topic} was there all the time");
            }
        }
        drop(pages);
        for topic in twin.clone().into_keys() {
            change(&mut twin, &topic, None);
        }
        prop_assert_eq!((hub.last_values.lock().nodes(), hub.figures().retained_bytes.value()), (0, 0));
    }
}

fn session_base(text: &str) -> Base {
    Base::parse(text, &Limits::default()).unwrap()
}
