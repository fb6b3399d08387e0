//! How often a topic speaks: what the hub tells of it, and what it does not count.

use super::*;

fn at(milliseconds: u64) -> SystemTime {
    NOW + Duration::from_mins(50) + Duration::from_millis(milliseconds)
}

/// Says these, one after the other with so many milliseconds between. Returns when the next one would be due.
fn says(node: &mut Session, frames: &[&str], from: u64, gap: u64) -> u64 {
    let mut time = from;
    for frame in frames {
        node.receive(frame, at(time)).unwrap();
        time += gap;
    }
    time
}

const READING: &str = r#"["t", 20.1]"#;

fn curious(hub: &Arc<Hub>) -> Session {
    let mut session = client(hub, "", Side::Dashboard);
    say(&mut session, r#"["clown.talk/-/config/set", {"options": true}]"#);
    session
}

/// The third elements of what came on a topic.
fn options(session: &mut Session, topic: &str) -> Vec<serde_json::Value> {
    let frames: Vec<serde_json::Value> =
        heard(session).iter().map(|frame| serde_json::from_str(frame).unwrap()).collect();
    frames.into_iter().filter(|frame| frame[0] == topic).map(|mut frame| frame[2].take()).collect()
}

#[test]
fn an_interval_is_told_with_news_and_with_last_values_once_it_was_heard_five_times() {
    let hub = hub();
    let (mut node, mut early) = (node(&hub), curious(&hub));
    says(&mut node, &[READING; 7], 0, 16_000);
    let told: Vec<_> = options(&mut early, "n/t").iter().map(|options| options["every"].clone()).collect();
    let told: Vec<_> = told.iter().map(serde_json::Value::as_u64).collect();
    assert_eq!(told, [None; 7].map(|_: Option<u64>| Some(16)), "as it is known when they are sent");
    let [kept] = options(&mut curious(&hub), "n/t").try_into().unwrap();
    assert_eq!((&kept["retained"], &kept["every"]), (&true.into(), &16.into()));
    assert_eq!(kept["time"], "1970-01-01T00:51:36.000Z");
    let last = hub.last_value(&Topic::parse("n/t", &Limits::default()).unwrap()).unwrap();
    assert_eq!(
        last.rhythm.every().map(|every| every.to_string()),
        Some("16".to_owned()),
        "for those who read pages"
    );
}

#[test]
fn news_say_whether_they_are_kept() {
    let hub = hub();
    let (mut node, mut reader) = (node(&hub), curious(&hub));
    says(&mut node, &[READING, r#"["boot", 1]"#, r#"["t/set", 1]"#, r#"["t", 1, {"retain": false}]"#], 0, 0);
    let kept = |topic, options: Vec<serde_json::Value>| {
        (topic, options.iter().map(|o| o["kept"].as_bool()).collect())
    };
    let found: (&str, Vec<_>) = kept("n/boot", options(&mut reader, "n/boot"));
    assert_eq!(found, ("n/boot", vec![None]));
    let mut reader = curious(&hub);
    options(&mut reader, "n/t");
    says(&mut node, &[READING, r#"["t", 1, {"retain": false}]"#], 0, 0);
    // The second one passes by; there is a last value, but it is another one.
    let found: (&str, Vec<_>) = kept("n/t", options(&mut reader, "n/t"));
    assert_eq!(found, ("n/t", vec![Some(true), None]));
}

#[test]
fn a_publisher_cannot_say_how_often_its_topic_speaks() {
    let hub = hub();
    let (mut node, mut reader) = (node(&hub), curious(&hub));
    says(&mut node, &[r#"["t", 1, {"every": 5, "kept": false, "qos": 1}]"#], 0, 0);
    let [told] = options(&mut reader, "n/t").try_into().unwrap();
    assert_eq!(
        (&told["every"], &told["kept"], &told["qos"]),
        (&serde_json::Value::Null, &true.into(), &1.into())
    );
}

#[test]
fn presence_and_a_door_promise_nothing() {
    let hub = hub();
    for round in 0..20 {
        let mut node = client(&hub, "n", Side::Node);
        let gaps = [5_000, 3_600_000, 7_000, 9_000_000][round % 4];
        says(
            &mut node,
            &[r#"["door", {"open": true}]"#, r#"["door", {"open": false}]"#],
            round as u64 * 20_000_000,
            gaps,
        );
    }
    let mut reader = curious(&hub);
    let told = heard(&mut reader);
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|frame| !frame.contains("every")), "{told:?}");
}

#[test]
fn what_came_back_from_the_store_is_known_and_the_time_without_a_hub_is_no_gap() {
    let hub = hub();
    let topic = Topic::parse("n/t", &Limits::default()).unwrap();
    let rhythm = (0..20).fold(Rhythm::default(), |rhythm, _| rhythm.and(10_000));
    let (kind, extras) = (Kind::Reading, Extras::default());
    let said = SaidBefore { payload: "1".into(), kind, time: at(0), from: "u".into(), extras, rhythm };
    let restored = Restored::new(topic, said);
    assert_eq!(hub.restorer().restore(restored, at(0)), Restoring::Kept);
    let mut node = node(&hub);
    for (after, readings) in [(9 * 3_600_000, 1), (9 * 3_600_000 + 10_000, 3)] {
        let [kept] = options(&mut curious(&hub), "n/t").try_into().unwrap();
        assert_eq!(kept["every"], 10);
        says(&mut node, &[READING; 3][..readings], after, 10_000);
    }
    let [kept] = options(&mut curious(&hub), "n/t").try_into().unwrap();
    assert_eq!(kept["every"], 10);
}

#[test]
fn a_last_value_of_another_system_is_no_reading_of_now() {
    let hub = hub();
    let link = client(&hub, "", Side::Link);
    let says = |time, was_kept| {
        let topic = Topic::parse("n/t", &Limits::default()).unwrap();
        let forward =
            Forward { topic, payload: "1", kind: Kind::Reading, retention: None, trail: None, was_kept };
        link.forward(forward, at(time)).unwrap();
    };
    (0..20).for_each(|reading| says(reading * 10_000, false));
    let mut time = 190_000;
    for _ in 0..5 {
        // The link was away for an hour, and finds the last value again.
        time += 3_600_000;
        says(time, true);
        (0..3).for_each(|reading| says(time + 6_000 + reading * 10_000, false));
        time += 26_000;
    }
    let [kept] = options(&mut curious(&hub), "n/t").try_into().unwrap();
    assert_eq!(kept["every"], 10);
}

#[test]
fn a_clock_that_is_set_back_harms_nothing() {
    let hub = hub();
    let mut node = node(&hub);
    let time = says(&mut node, &[READING; 20], 10_000_000, 10_000);
    let time = says(&mut node, &[READING; 4], time - 7_200_000, 10_000);
    let [kept] = options(&mut curious(&hub), "n/t").try_into().unwrap();
    assert_eq!((&kept["every"], time > 0), (&10.into(), true));
}

#[test]
fn a_last_value_and_a_message_are_not_larger_for_it() {
    // A channel is 112 bytes, and with its two counts 128, which is a whole piece of memory; a message is 112 with these.
    assert_eq!(size_of::<LastValue>(), 56);
    assert_eq!(size_of::<Channel>(), 112);
    assert_eq!(size_of::<Publication>(), 96);
}
