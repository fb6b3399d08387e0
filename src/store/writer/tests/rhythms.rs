//! How often a topic speaks is known again after a start.

use super::*;

const START: u64 = 1_795_824_000_000;

fn says(hub: &Hub, topic: &str, milliseconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(START + milliseconds);
    let topic = Topic::parse(topic, &Limits::default()).unwrap();
    let mut message = Publication::new(topic, "20.1", Kind::Reading, "jana".into(), time);
    message.retention = Retention::Keep;
    hub.publish(message, None).unwrap();
}

fn every(hub: &Hub, topic: &str) -> Option<String> {
    let topic = Topic::parse(topic, &Limits::default()).unwrap();
    Some(hub.last_value(&topic)?.rhythm.every()?.to_string())
}

/// A sensor speaks every minute, and a door is used. Each message is written by itself. Returns what time it is then.
fn minutes_pass(hub: &Hub, writer: &mut Writer, from: u64, minutes: u64) -> u64 {
    for minute in 0..minutes {
        let time = from + minute * 60_000;
        says(hub, "sensor", time);
        if minute % 40 < 7 {
            says(hub, "door", time + minute % 40 * 1_000);
        }
        writer.come_by(Instant::now());
    }
    from + minutes * 60_000
}

fn settled(writer: &mut Writer) {
    writer.head.begin_settling(writer.seq);
    while writer.head.is_settling() {
        writer.come_by(Instant::now());
    }
}

#[test]
fn how_often_a_topic_speaks_is_known_again_from_the_log_from_what_is_settled_and_from_both() {
    let night = 8 * 3_600_000;
    for (before, after) in [(0, 100), (100, 0), (100, 2), (100, 30), (3, 97)] {
        let dir = tempfile::tempdir().unwrap();
        let (hub, mut writer) = hub_and_writer(dir.path());
        let time = minutes_pass(&hub, &mut writer, 0, before);
        settled(&mut writer);
        let mut time = minutes_pass(&hub, &mut writer, time, after);
        let (mut hub, mut writer) = (hub, writer);
        for _ in 0..3 {
            assert_eq!(
                (every(&hub, "sensor"), every(&hub, "door")),
                (Some("60".to_owned()), None),
                "{before}, {after}"
            );
            writer.finish();
            drop((hub, writer));
            // The night without a hub is no gap of the sensor.
            time += night;
            (hub, writer) = hub_and_writer(dir.path());
            assert_eq!(
                (every(&hub, "sensor"), every(&hub, "door")),
                (Some("60".to_owned()), None),
                "{before}, {after}"
            );
            time = minutes_pass(&hub, &mut writer, time, 10);
        }
    }
}

#[test]
fn a_hub_that_was_killed_knows_it_too_and_a_door_that_is_slammed_then_promises_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    let time = minutes_pass(&hub, &mut writer, 0, 100);
    drop((hub, writer));
    let (hub, mut writer) = hub_and_writer(dir.path());
    assert_eq!(every(&hub, "sensor"), Some("60".to_owned()));
    for second in 0..60 {
        says(&hub, "door", time + second * 1_000);
        writer.come_by(Instant::now());
    }
    assert_eq!(every(&hub, "door"), None);
}
