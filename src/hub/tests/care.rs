//! Commands that are confirmed, and commands that hold for a time only.

use std::collections::VecDeque;

use super::*;
use crate::hub::lease::DISK_PATIENCE;
use crate::hub::{Entry, Recorder};
use crate::talk::control::EventKind;

fn at(seconds: f64) -> SystemTime {
    NOW + Duration::from_secs_f64(seconds)
}

/// A hub with a node that reads its commands, and a dashboard that reads nothing.
fn scene() -> (Arc<Hub>, Session, Session) {
    let hub = hub();
    let node = reader(&hub);
    let phone = phone(&hub);
    (hub, node, phone)
}

fn reader(hub: &Arc<Hub>) -> Session {
    let mut node = node(hub);
    say(&mut node, r#"["clown.talk/-/config/set", {"filters": ["+/+/set", "+/+/get"]}]"#);
    heard(&mut node);
    node
}

fn phone(hub: &Arc<Hub>) -> Session {
    let mut phone = client(hub, "", Side::Dashboard);
    say(&mut phone, r#"["clown.talk/-/config/set", {"filters": []}]"#);
    heard(&mut phone);
    phone
}

/// The one answer, less how long it took.
fn answer(phone: &mut Session) -> String {
    let heard = heard(phone);
    assert_eq!(heard.len(), 1, "{heard:?}");
    let answer = heard.into_iter().next().unwrap();
    match answer.split_once(r#", "after": "#) {
        Some((before, after)) => {
            format!("{before}{}", after.trim_start_matches(|c: char| c.is_numeric() || c == '.'))
        }
        None => answer,
    }
}

const ON: &str = r#"["n/relay/0/set", {"state": true}, {"id": 7, "confirm": 2}]"#;

#[test]
fn who_switches_a_relay_hears_that_it_has_switched() {
    let (_hub, mut node, mut phone) = scene();
    say(&mut phone, ON);
    assert_eq!(heard(&mut node), [r#"["relay/0/set", {"state": true}]"#]);
    assert_eq!(heard(&mut phone), Vec::<String>::new(), "not before the node has said so");
    say(&mut node, r#"["relay/0", {"state": false}]"#);
    say(&mut node, r#"["relay/1", {"state": true}]"#);
    assert_eq!(heard(&mut phone), Vec::<String>::new());
    say(&mut node, r#"["relay/0", {"state": true, "since": 5}]"#);
    assert_eq!(
        answer(&mut phone),
        r#"["clown.talk/-/publish/ok", {"id": 7, "confirmed": {"state": true, "since": 5}, "topic": "n/relay/0"}]"#
    );
    say(&mut node, r#"["relay/0", {"state": true}]"#);
    assert_eq!(heard(&mut phone), Vec::<String>::new(), "one answer");
}

#[test]
fn who_switches_a_relay_hears_why_the_node_did_not() {
    let (_hub, mut node, mut phone) = scene();
    say(&mut phone, ON);
    say(&mut node, r#"["relay/0/error", {"reason": "stuck"}]"#);
    assert_eq!(
        answer(&mut phone),
        r#"["clown.talk/-/publish/error", {"id": 7, "reason": "refused: the node has answered with an error", "at": 1, "topic": "n/relay/0/set", "answer": {"reason": "stuck"}}]"#
    );
}

#[test]
fn who_switches_a_relay_hears_that_the_node_says_nothing_and_what_it_said_last() {
    let (hub, mut node, mut phone) = scene();
    say(&mut node, r#"["relay/0", {"state": false}]"#);
    say(&mut phone, ON);
    let next = hub.tend(at(1.9)).unwrap();
    assert_eq!((heard(&mut phone), next), (vec![], Duration::from_millis(100)));
    hub.tend(at(2.0));
    assert_eq!(
        answer(&mut phone),
        r#"["clown.talk/-/publish/error", {"id": 7, "reason": "timeout: the node has not reported this within 2 s", "at": 1, "topic": "n/relay/0/set", "state": {"state": false}}]"#
    );
    assert_eq!(hub.tend(at(2.0)), None);
}

#[test]
fn who_switches_a_relay_hears_at_once_that_no_node_is_there() {
    let (hub, node, mut phone) = scene();
    drop(node);
    let mut screen = dashboard(&hub);
    heard(&mut screen);
    say(&mut phone, ON);
    assert_eq!(
        answer(&mut phone),
        r#"["clown.talk/-/publish/error", {"id": 7, "reason": "offline: no node reads this command", "at": 1, "topic": "n/relay/0/set"}]"#
    );
    assert_eq!(heard(&mut screen), [r#"["n/relay/0/set", {"state": true}]"#], "who looks on is no node");
}

#[test]
fn a_state_that_an_operator_claims_confirms_nothing() {
    let (hub, _node, mut phone) = scene();
    say(&mut phone, ON);
    let mut other = dashboard(&hub);
    say(&mut other, r#"["n/relay/0", {"state": true}]"#);
    assert_eq!(heard(&mut phone), Vec::<String>::new());
}

#[test]
fn of_two_commands_the_one_that_was_overtaken_hears_it() {
    let (hub, mut node, mut phone) = scene();
    let mut other = self::phone(&hub);
    say(&mut phone, ON);
    say(&mut other, r#"["n/relay/0/set", {"state": false}, {"id": 8, "confirm": 2}]"#);
    say(&mut node, r#"["relay/0", {"state": false}]"#);
    assert!(answer(&mut phone).contains("superseded"));
    assert!(answer(&mut other).contains(r#""confirmed": {"state": false}"#));
}

#[test]
fn a_command_comes_over_a_link_and_so_does_its_confirmation() {
    let hub = hub();
    let mut phone = phone(&hub);
    let mut link = client(&hub, "", Side::Link);
    link.follow(&[Filter::parse("n/#", &Limits::default()).unwrap()]);
    say(&mut phone, ON);
    assert_eq!(heard(&mut phone), Vec::<String>::new(), "a link may know a node");
    let topic = Topic::parse("n/relay/0", &Limits::default()).unwrap();
    let said = |was_kept| Forward {
        topic: topic.clone(),
        payload: r#"{"state": true}"#,
        kind: Kind::Reading,
        retention: None,
        trail: None,
        was_kept,
    };
    // What the broker had kept was said before the command, maybe by a relay that is gone.
    link.forward(said(true), NOW).unwrap();
    assert_eq!(heard(&mut phone), Vec::<String>::new());
    link.forward(said(false), NOW).unwrap();
    assert!(answer(&mut phone).contains(r#""confirmed": {"state": true}"#));
}

#[test]
fn who_may_not_read_the_state_may_not_have_it_confirmed() {
    let hub = hub();
    let mut node = reader(&hub);
    let publish = vec![Filter::parse("#", &Limits::default()).unwrap()];
    let rights = Arc::new(Rights { publish, ..Rights::default() });
    let client =
        Client { user: "w".into(), rights, base: Base::ROOT, side: Side::Dashboard, rates: Rates::UNLIMITED };
    let mut writer = hub.connect(client, NOW);
    say(&mut writer, r#"["clown.talk/-/config/set", {"filters": []}]"#);
    heard(&mut writer);
    say(&mut writer, ON);
    assert!(answer(&mut writer).contains("forbidden: option confirm takes the right subscribe"));
    assert_eq!(heard(&mut node), Vec::<String>::new());
    assert_eq!(hub.figures().forbidden.value(), 1);
}

#[test]
fn who_may_not_read_the_state_any_more_is_not_answered_with_it() {
    let (hub, mut node, mut phone) = scene();
    say(&mut phone, ON);
    say(&mut phone, r#"["n/relay/1/set", {"state": true}, {"id": 8, "confirm": 2}]"#);
    heard(&mut node);
    let filter = |text| Filter::parse(text, &Limits::default()).unwrap();
    let rights = Rights { subscribe: vec![filter("n/relay/1")], ..Rights::everything() };
    phone.take_rights(Arc::new(rights)).unwrap();
    let answer = answer(&mut phone);
    assert!(answer.starts_with(r#"["clown.talk/-/publish/error", {"#), "{answer}");
    assert!(
        answer.contains(r#""id": 7"#) && answer.contains("takes the right subscribe for the state"),
        "{answer}"
    );
    say(&mut node, r#"["relay/0", {"state": true, "secret": 5}]"#);
    hub.tend(at(1.9));
    assert_eq!(heard(&mut phone), Vec::<String>::new(), "one answer, and nothing of the state");
    hub.tend(at(3.0));
    let timeout = heard(&mut phone);
    assert_eq!(timeout.len(), 1, "the other command still waits: {timeout:?}");
    assert!(timeout[0].contains(r#""id": 8"#) && timeout[0].contains("timeout"), "{timeout:?}");
}

#[test]
fn what_cannot_be_confirmed_is_refused_and_not_sent() {
    let (_hub, mut node, mut phone) = scene();
    for frame in [
        r#"["n/relay/0", {"state": true}, {"id": 7, "confirm": 2}]"#.to_owned(),
        r#"["n/relay/0/set", {"state": true}, {"confirm": 2}]"#.to_owned(),
        r#"["n/relay/0/set", {"state": true}, {"id": 7, "confirm": 61}]"#.to_owned(),
        r#"["n/relay/0/set", {"state": true}, {"lease": 5}]"#.to_owned(),
        r#"["n/relay/0/set", 1, {"lease": 5, "safe": 0, "retain": true}]"#.to_owned(),
        format!(r#"["n/relay/0/set", "{}", {{"id": 7, "confirm": 2}}]"#, "x".repeat(4096)),
    ] {
        say(&mut phone, &frame);
        assert!(answer(&mut phone).contains("publish/error"), "{frame}");
    }
    assert_eq!(heard(&mut node), Vec::<String>::new());
}

#[test]
fn commands_that_wait_have_a_bound_and_go_with_their_connection() {
    let (hub, mut node, mut phone) = scene();
    for n in 0..65 {
        say(&mut phone, &format!(r#"["n/r/{n}/set", 1, {{"id": {n}, "confirm": 60}}]"#));
    }
    let error = answer(&mut phone);
    assert!(error.contains("not published: 64 commands of this connection wait"), "{error}");
    assert_eq!(heard(&mut node).len(), 64);
    drop(phone);
    assert_eq!(hub.tend(NOW), None, "nobody waits");
}

const FOR_A_MINUTE: &str =
    r#"["n/relay/0/set", {"state": true}, {"id": 1, "lease": 60, "safe": {"state": false}}]"#;
const SAFE: &str = r#"["relay/0/set", {"state": false}]"#;

/// The node does what it was told.
fn obey(node: &mut Session) -> Vec<String> {
    let heard = heard(node);
    for command in &heard {
        say(node, &command.replace("/set", ""));
    }
    heard
}

#[test]
fn a_relay_that_was_switched_on_for_a_minute_goes_off_after_it() {
    let (hub, mut node, mut phone) = scene();
    say(&mut phone, FOR_A_MINUTE);
    let told = r#"["clown.talk/-/publish/ok", {"id": 1, "lease": 60.0, "stored": false}]"#;
    assert_eq!(answer(&mut phone), told, "there is no store here");
    obey(&mut node);
    hub.tend(at(59.0));
    assert_eq!(obey(&mut node), Vec::<String>::new());
    assert_eq!(hub.tend(at(59.5)), Some(Duration::from_millis(500)));
    hub.tend(at(60.0));
    assert_eq!(obey(&mut node), [SAFE]);
    hub.tend(at(3600.0));
    assert_eq!(obey(&mut node), Vec::<String>::new(), "once");
    let figures = hub.figures();
    assert_eq!(
        (figures.leases_ended.value(), figures.leases.value(), figures.leases_owed.value()),
        (1, 0, 0)
    );
}

#[test]
fn a_relay_that_is_held_stays_on_as_long_as_it_is_asked_for() {
    let (hub, mut node, mut phone) = scene();
    for minute in 0..10 {
        phone.receive(FOR_A_MINUTE, at(f64::from(minute) * 50.0)).unwrap();
        hub.tend(at(f64::from(minute) * 50.0 + 49.0));
    }
    assert!(!heard(&mut node).contains(&SAFE.to_owned()));
    hub.tend(at(450.0 + 60.0));
    assert_eq!(heard(&mut node), [SAFE]);
}

#[test]
fn a_relay_goes_off_when_the_phone_that_holds_it_vanishes() {
    let (hub, mut node, mut phone) = scene();
    say(&mut phone, FOR_A_MINUTE);
    obey(&mut node);
    drop(phone);
    hub.tend(at(1.0));
    assert_eq!(obey(&mut node), [SAFE]);
}

#[test]
fn a_relay_goes_off_when_the_phone_says_good_bye_unless_it_asked_to_keep_it() {
    let (hub, mut node, mut first) = scene();
    let mut second = phone(&hub);
    say(&mut first, FOR_A_MINUTE);
    say(&mut second, &FOR_A_MINUTE.replace("relay/0", "relay/1").replace("60,", "60, \"keep\": true,"));
    obey(&mut node);
    for mut phone in [first, second] {
        phone.farewell();
    }
    hub.tend(at(1.0));
    assert_eq!(obey(&mut node), [SAFE]);
    hub.tend(at(60.0));
    assert_eq!(obey(&mut node), [SAFE.replace("relay/0", "relay/1")]);
}

#[test]
fn a_command_without_a_lease_ends_the_lease() {
    let (hub, mut node, mut phone) = scene();
    say(&mut phone, FOR_A_MINUTE);
    let mut other = dashboard(&hub);
    say(&mut other, r#"["n/relay/0/set", {"state": true}]"#);
    heard(&mut node);
    drop(phone);
    hub.tend(at(60.0));
    assert_eq!(heard(&mut node), Vec::<String>::new());
    assert_eq!(hub.tend(at(61.0)), None);
}

#[test]
fn who_takes_a_lease_over_holds_it_and_nobody_else() {
    let (hub, mut node, mut first) = scene();
    let mut second = phone(&hub);
    say(&mut first, FOR_A_MINUTE);
    say(&mut second, FOR_A_MINUTE);
    heard(&mut node);
    drop(first);
    hub.tend(at(1.0));
    assert_eq!(heard(&mut node), Vec::<String>::new());
    drop(second);
    hub.tend(at(2.0));
    assert_eq!(heard(&mut node), [SAFE]);
}

#[test]
fn a_node_that_was_away_when_the_lease_ended_hears_it_first_when_it_is_back() {
    let (hub, node, mut phone) = scene();
    say(&mut phone, FOR_A_MINUTE);
    drop(node);
    hub.tend(at(60.0));
    hub.tend(at(86_400.0));
    let mut node = reader(&hub);
    assert_eq!(heard(&mut node), Vec::<String>::new());
    hub.tend(at(86_401.0));
    assert_eq!(heard(&mut node), [SAFE]);
    // It falls over before it has switched, and comes again.
    drop(node);
    let mut node = reader(&hub);
    hub.tend(at(86_402.0));
    assert_eq!(obey(&mut node), [SAFE]);
    drop(node);
    let mut node = reader(&hub);
    hub.tend(at(86_403.0));
    assert_eq!(heard(&mut node), Vec::<String>::new(), "it has said that it is off");
}

#[test]
fn a_command_that_comes_before_the_node_is_back_takes_the_place_of_the_safe_one() {
    let (hub, node, mut phone) = scene();
    say(&mut phone, FOR_A_MINUTE);
    drop(node);
    hub.tend(at(60.0));
    say(&mut phone, r#"["n/relay/0/set", {"state": true}]"#);
    let mut node = reader(&hub);
    hub.tend(at(61.0));
    assert_eq!(heard(&mut node), Vec::<String>::new());
}

#[test]
fn leases_are_told_to_those_who_may_read_their_topics() {
    let (hub, _node, mut phone) = scene();
    say(&mut phone, FOR_A_MINUTE);
    heard(&mut phone);
    let mut at_node = client(&hub, "n", Side::Dashboard);
    say(&mut at_node, r#"["clown.talk/-/config/set", {"filters": []}]"#);
    heard(&mut at_node);
    say(&mut at_node, r#"["clown.talk/-/lease/get", {"filters": ["relay/#"]}]"#);
    assert_eq!(
        heard(&mut at_node),
        [
            r#"["clown.talk/-/lease/ok", {"leases": [{"topic": "relay/0/set", "holder": "u", "left": 60.0, "safe": {"state": false}}]}]"#
        ]
    );
    say(&mut at_node, r#"["clown.talk/-/lease/get", {"filters": ["x"]}]"#);
    assert_eq!(heard(&mut at_node), [r#"["clown.talk/-/lease/ok", {"leases": []}]"#]);
    say(&mut at_node, r#"["clown.talk/-/lease/get", {"filters": ["a/#/b"]}]"#);
    assert!(heard(&mut at_node)[0].contains("lease/error"));
    say(&mut at_node, r#"["clown.talk/-/lease/get", {}]"#);
    assert!(heard(&mut at_node)[0].contains("key filters is missing"));
}

/// A hub with a disk.
fn scene_with_store() -> (Arc<Hub>, Session, Session) {
    let (hub, node, phone) = scene();
    hub.record_on(Tape::new(TapeBounds { messages: 1024, bytes: 1 << 20 }, false, hub.figures()));
    let changes = hub.lease_changes();
    assert!(changes.are_all && changes.rows.is_empty());
    hub.leases_written(changes);
    (hub, node, phone)
}

#[test]
fn a_relay_is_switched_on_for_a_minute_only_when_the_disk_knows_that_it_has_to_go_off() {
    let (hub, mut node, mut phone) = scene_with_store();
    say(&mut phone, FOR_A_MINUTE);
    hub.tend(at(0.1));
    assert_eq!((heard(&mut node), heard(&mut phone)), (vec![], vec![]));
    assert!(hub.is_waited_for_leases());
    let changes = hub.lease_changes();
    hub.tend(at(0.2));
    assert_eq!(heard(&mut node), Vec::<String>::new());
    let row = changes.rows[0].1.clone().unwrap();
    assert_eq!((row.topic.as_str(), &*row.safe), ("n/relay/0/set", r#"{"state": false}"#));
    hub.leases_written(changes);
    hub.tend(at(0.3));
    assert_eq!(heard(&mut node).len(), 1);
    assert_eq!(answer(&mut phone), r#"["clown.talk/-/publish/ok", {"id": 1, "lease": 60.0}]"#);
    // Longer is safe as it is; shorter is not.
    phone.receive(FOR_A_MINUTE, at(1.0)).unwrap();
    assert_eq!((heard(&mut node).len(), heard(&mut phone).len()), (1, 1));
    phone.receive(&FOR_A_MINUTE.replace("60", "5"), at(2.0)).unwrap();
    assert_eq!((heard(&mut node).len(), heard(&mut phone).len()), (0, 0));
    hub.leases_written(hub.lease_changes());
    hub.tend(at(2.1));
    assert_eq!((heard(&mut node).len(), heard(&mut phone).len()), (1, 1));
}

#[test]
fn a_command_waits_no_longer_than_two_seconds_for_the_disk_and_says_that_it_is_not_there() {
    let (hub, mut node, mut phone) = scene_with_store();
    say(&mut phone, FOR_A_MINUTE);
    hub.tend(NOW + DISK_PATIENCE);
    assert_eq!(heard(&mut node).len(), 1);
    assert_eq!(
        answer(&mut phone),
        r#"["clown.talk/-/publish/ok", {"id": 1, "lease": 60.0, "stored": false}]"#
    );
    hub.tend(at(60.0));
    assert_eq!(heard(&mut node), [SAFE], "the hub remembers it all the same");
    assert_eq!(hub.figures().leases_unstored.value(), 1);
}

#[test]
fn a_disk_that_takes_nothing_keeps_nobody_waiting() {
    let (hub, mut node, mut phone) = scene_with_store();
    let recorder = Recorder::new(Vec::new(), Vec::new(), hub.figures());
    hub.record_events_on(Arc::clone(&recorder), Arc::default());
    say(&mut phone, FOR_A_MINUTE);
    drop(hub.lease_changes());
    hub.leases_not_written();
    hub.tend(at(0.1));
    assert_eq!(heard(&mut node).len(), 1);
    assert!(answer(&mut phone).contains(r#""stored": false"#));
    let mut entries = VecDeque::new();
    recorder.take(&mut entries, at(0.1));
    let told: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Event(event) => (event.kind, event.topic.as_deref(), event.result.as_deref()),
            Entry::Outcome(..) => panic!("{entry:?}"),
        })
        .collect();
    let topic = Some("n/relay/0/set");
    let expected = [(EventKind::Command, topic, None), (EventKind::Lease, topic, Some("unstored"))];
    assert_eq!(told, expected, "who asks later knows that it was not on the disk");
    let changes = hub.lease_changes();
    assert!(changes.are_all && changes.rows.len() == 1, "everything is written when that is possible again");
}

#[test]
fn off_before_on_has_come_to_the_disk_is_off() {
    let (hub, mut node, mut phone) = scene_with_store();
    say(&mut phone, FOR_A_MINUTE);
    say(&mut phone, r#"["n/relay/0/set", {"state": false}, {"id": 2}]"#);
    hub.leases_written(hub.lease_changes());
    hub.tend(at(1.0));
    assert_eq!(heard(&mut node), [SAFE]);
    let heard = heard(&mut phone);
    assert!(heard[0].contains("superseded") && heard[0].contains("not routed"), "{heard:?}");
    assert_eq!(heard[1], r#"["clown.talk/-/publish/ok", {"id": 2}]"#);
}

#[test]
fn a_hub_without_a_store_ends_its_leases_before_it_ends() {
    let (hub, mut node, mut phone) = scene();
    say(&mut phone, FOR_A_MINUTE);
    heard(&mut node);
    hub.end_leases_that_are_not_stored(at(1.0));
    assert_eq!(heard(&mut node), [SAFE]);
    phone.dismiss();
}

#[test]
fn thousands_of_relays_are_made_safe_in_pieces_and_all_of_them() {
    let (hub, node, mut phone) = scene();
    for n in 0..1000 {
        say(&mut phone, &FOR_A_MINUTE.replace("relay/0", &format!("relay/{n}")));
    }
    say(&mut phone, &FOR_A_MINUTE.replace("relay/0", "relay/1000"));
    assert!(heard(&mut phone).last().unwrap().contains("1000 leases of this user run already"));
    drop(node);
    hub.tend(at(60.0));
    while hub.tend(at(61.0)) == Some(Duration::ZERO) {}
    let mut node = reader(&hub);
    let mut pieces = 1;
    while hub.tend(at(62.0)) == Some(Duration::ZERO) {
        pieces += 1;
    }
    assert_eq!(obey(&mut node).len(), 1000);
    assert_eq!((pieces, hub.tend(at(63.0))), (4, None));
}
