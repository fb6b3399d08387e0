//! What history makes of whatever happens to the writer and its file.

use super::*;
use crate::store::history::Library;
use crate::talk::control::{HistoryAnswer, PastValue};

const START: u64 = 1_795_824_000_000;
const SERIES: usize = 150;

fn number(number: usize) -> Topic {
    Topic::parse(&format!("n/{number:03}"), &Limits::default()).unwrap()
}

/// Somebody says so.
fn say_at(hub: &Hub, topic: Topic, payload: &str, milliseconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(START + milliseconds);
    let mut message = Publication::new(topic, payload, Kind::Reading, "jana".into(), time);
    message.retention = Retention::Keep;
    hub.publish(message, None).unwrap();
}

fn asked(library: &Library, question: &str) -> HistoryAnswer {
    library.told(question).unwrap()
}

/// What each topic said, as history has it.
fn all(library: &Library) -> Vec<Vec<f64>> {
    let (mut found, mut after) = (vec![Vec::new(); SERIES], String::new());
    loop {
        let question = format!(r##"{{"filters": ["#"], "since": 0, "step": 0, "points": 5000{after}}}"##);
        let answer = asked(library, &question);
        for series in &answer.series {
            let at: usize = series.topic.strip_prefix("n/").unwrap().parse().unwrap();
            assert!(found[at].is_empty(), "told once");
            assert!(series.gaps.is_empty(), "{:?}", series.gaps);
            found[at] = series
                .value
                .iter()
                .map(|value| match value {
                    PastValue::Number(number) => *number,
                    other @ (PastValue::Truth(_) | PastValue::Text(_)) => panic!("{other:?}"),
                })
                .collect();
        }
        match answer.more {
            Some(more) => after = format!(r#", "after": {}"#, more["after"]),
            None => return found,
        }
    }
}

fn library(writer: &Writer, path: &Path) -> Library {
    writer.history.library(path.join("hub.db"))
}

/// As if the hub was killed: nothing is brought to an end.
fn begins_again(hub: Arc<Hub>, writer: Writer, path: &Path) -> (Arc<Hub>, Writer) {
    drop((hub, writer));
    hub_and_writer(path)
}

/// Each topic says its next number.
fn turn(hub: &Hub, said: &mut [Vec<f64>], turn: u64) {
    for (at, said) in said.iter_mut().enumerate() {
        let value = said.len() as f64 + 0.5;
        say_at(hub, number(at), &value.to_string(), turn * 1000);
        said.push(value);
    }
}

#[test]
fn a_hub_that_dies_at_any_step_of_sealing_loses_no_reading_and_tells_none_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (mut hub, mut writer) = hub_and_writer(dir.path());
    let mut said = vec![Vec::new(); SERIES];
    for round in 0..24_u64 {
        turn(&hub, &mut said, round);
        writer.come_by(Instant::now());
        writer.head.begin_settling(writer.seq);
        writer.history.begin_sealing(writer.seq);
        // Three steps take all series; then the log is shortened.
        for step in 0..round % 8 {
            if step == 1 {
                turn(&hub, &mut said, round);
            }
            writer.come_by(Instant::now());
            assert_eq!(all(&library(&writer, dir.path())), said, "round {round}, step {step}");
        }
        writer.come_by(Instant::now());
        (hub, writer) = begins_again(hub, writer, dir.path());
        assert_eq!(all(&library(&writer, dir.path())), said, "round {round}, after the start");
    }
    assert!(writer.history.spans() > 10);
}

#[test]
fn what_did_not_fit_into_the_queue_is_a_gap_and_what_is_gone_through_again_is_no_second_reading() {
    let dir = tempfile::tempdir().unwrap();
    let queue = TapeBounds { messages: 64, bytes: 1 << 20 };
    let (hub, mut writer) = hub_and_writer_with(dir.path(), queue);
    let mut said = vec![Vec::new(); 10];
    for round in 0..40 {
        turn(&hub, &mut said, round);
        if round % 10 == 9 {
            (0..5).for_each(|_| writer.come_by(Instant::now()));
        }
    }
    let skipped = hub.figures().store_skipped.value();
    assert!(skipped > 100);
    let told = all(&library(&writer, dir.path()));
    let count: usize = told.iter().map(Vec::len).sum();
    assert!(
        (400 - skipped as usize..=400 - skipped as usize + 4 * 10).contains(&count),
        "{count}, {skipped} skipped"
    );
    for (told, said) in told.iter().zip(&said) {
        assert!(told.is_sorted_by(|one, next| one < next), "in their order, and once: {told:?}");
        assert_eq!(told.last(), said.last(), "the newest one was gone through");
    }
    let gaps = asked(&library(&writer, dir.path()), r##"{"filters": ["#"], "since": 0}"##).gaps;
    assert_eq!(gaps.iter().map(|gap| gap.lost).sum::<u64>(), skipped);
    assert!(gaps.iter().all(|gap| gap.why == "queue full" && gap.from >= START && gap.to <= START + 40_000));
    // Once more, without anything new.
    writer.walk.want(0);
    (0..5).for_each(|_| writer.come_by(Instant::now() + Duration::from_mins(1)));
    assert_eq!(all(&library(&writer, dir.path())), told);
    let (_hub, writer) = begins_again(hub, writer, dir.path());
    assert_eq!(all(&library(&writer, dir.path())), told, "the log says which of its readings are none");
}

#[test]
fn what_was_said_while_the_disk_was_away_is_a_gap_and_nothing_before_or_after_it_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    let mut said = vec![Vec::new(); 10];
    for round in 0..30 {
        if round == 10 {
            writer.fail(&Fault::Full);
        }
        turn(&hub, &mut said, round);
        // In the beginning it is too early to try again.
        writer.come_by(if round < 20 { Instant::now() } else { Instant::now() + Duration::from_mins(5) });
    }
    (0..5).for_each(|_| writer.come_by(Instant::now() + Duration::from_mins(10)));
    let check = |writer: &Writer| {
        let told = all(&library(writer, dir.path()));
        for (told, said) in told.iter().zip(&said) {
            assert!(told.starts_with(&said[..10]) && told.ends_with(&said[21..]), "{told:?}");
            assert!(told.is_sorted_by(|one, next| one < next), "{told:?}");
        }
        let gaps = asked(&library(writer, dir.path()), r##"{"filters": ["#"], "since": 0}"##).gaps;
        let [gap] = gaps.iter().filter(|gap| gap.why == "disk away").collect::<Vec<_>>()[..] else {
            panic!("{gaps:?}")
        };
        assert_eq!((gap.from, gap.to), (START + 10_000, START + 19_000));
        assert_eq!(gap.lost, 100);
    };
    check(&writer);
    let (_hub, writer) = begins_again(hub, writer, dir.path());
    check(&writer);
}

#[test]
fn what_was_put_down_and_could_not_be_written_is_a_gap_and_the_newest_of_it_is_gone_through_again() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    let mut said = vec![Vec::new(); 10];
    turn(&hub, &mut said, 0);
    writer.come_by(Instant::now());
    turn(&hub, &mut said, 1);
    turn(&hub, &mut said, 2);
    writer.take();
    writer.fail(&Fault::Full);
    (1..5).for_each(|times| writer.come_by(Instant::now() + Duration::from_mins(5 * times)));
    let check = |writer: &Writer| {
        for (told, said) in all(&library(writer, dir.path())).iter().zip(&said) {
            assert_eq!(*told, [said[0], said[2]]);
        }
        let gaps = asked(&library(writer, dir.path()), r##"{"filters": ["#"], "since": 0}"##).gaps;
        let gap = gaps.iter().find(|gap| gap.why == "disk away").unwrap();
        assert_eq!((gap.from, gap.to, gap.lost), (START + 1000, START + 2000, 20));
    };
    check(&writer);
    let (_hub, writer) = begins_again(hub, writer, dir.path());
    check(&writer);
}

#[test]
fn the_time_without_a_hub_is_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    say_at(&hub, number(1), "1", 0);
    writer.come_by(Instant::now());
    let gaps =
        |writer: &Writer| asked(&library(writer, dir.path()), r##"{"filters": ["#"], "since": 0}"##).gaps;
    assert_eq!(gaps(&writer), [], "there was none before");
    let lived = milliseconds(Moment::now().wall());
    let (hub, mut writer) = begins_again(hub, writer, dir.path());
    let [gap] = &gaps(&writer)[..] else { panic!("{:?}", gaps(&writer)) };
    assert_eq!(gap.why, "hub stopped");
    assert!(gap.from <= lived && gap.to >= lived, "{gap:?}, {lived}");
    // It is in the file with the first thing that is.
    say_at(&hub, number(1), "2", 1000);
    writer.come_by(Instant::now());
    let before = gaps(&writer);
    let (_hub, writer) = begins_again(hub, writer, dir.path());
    assert_eq!(gaps(&writer)[..1], before[..]);
    assert_eq!(gaps(&writer).len(), 2);
}

#[test]
fn whatever_is_damaged_history_tells_what_was_said_once_and_in_its_order() {
    let copies = if std::env::var_os("CLOWN_LONG_TESTS").is_some() { 500 } else { 40 };
    let dir = tempfile::tempdir().unwrap();
    let (mut hub, mut writer) = hub_and_writer(dir.path());
    let mut said = vec![Vec::new(); 20];
    for round in 0..40 {
        turn(&hub, &mut said, round);
        writer.come_by(Instant::now());
        if round % 8 == 7 && round < 30 {
            writer.head.begin_settling(writer.seq);
            writer.history.begin_sealing(writer.seq);
            (0..10).for_each(|_| writer.come_by(Instant::now()));
        }
        if round == 20 {
            writer.finish();
            (hub, writer) = begins_again(hub, writer, dir.path());
        }
    }
    let file = |ending: &str| fs::read(dir.path().join(format!("hub.db{ending}"))).unwrap();
    let files = [file(""), file("-wal")];
    let (mut random, mut whole, mut some, mut with_gap) = (Random(11), 0, 0, 0);
    for copy in 0..copies {
        let mut damaged = files.clone();
        let which = random.below(2);
        let how = damage(&mut damaged[which], &files[which], &files[which], &mut random);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("hub.db"), &damaged[0]).unwrap();
        fs::write(dir.path().join("hub.db-wal"), &damaged[1]).unwrap();
        let (_hub, mut writer) = hub_and_writer(dir.path());
        // A file that cannot be used is set aside, and another one begun.
        (0..3).for_each(|_| writer.come_by(Instant::now() + Duration::from_mins(5)));
        let library = library(&writer, dir.path());
        let answer = asked(&library, r##"{"filters": ["#"], "since": 0, "step": 0, "points": 5000}"##);
        for series in &answer.series {
            let at: usize = series.topic.strip_prefix("n/").unwrap().parse().unwrap();
            let told: Vec<_> =
                series.value.iter().map(|value| value.to_string().parse::<f64>().unwrap()).collect();
            assert!(told.is_sorted_by(|one, next| one < next), "copy {copy}, {how}: {told:?}");
            assert!(told.iter().all(|value| said[at].contains(value)), "copy {copy}, {how}: {told:?}");
        }
        let count: usize = answer.series.iter().map(|series| series.times.len()).sum();
        whole += usize::from(count == 20 * 40);
        some += usize::from(count > 0);
        let is_told = !answer.gaps.is_empty() || answer.series.iter().any(|series| !series.gaps.is_empty());
        with_gap += usize::from(is_told);
    }
    println!("{copies} copies: {whole} whole, {some} with something, {with_gap} with a gap");
    assert!(whole > 0 && some > copies / 2);
}
