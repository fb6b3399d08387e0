//! The writer with a file that was damaged. Everything is in this process, so that there can be many of them.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::hub::{self, Publication, Retention, TapeBounds};
use crate::talk::Kind;
use crate::topic::{Limits, Topic};

const TOPICS: usize = 60;
const TURNS: usize = 30;

fn topic(number: usize) -> Topic {
    Topic::parse(&format!("n/t/{number}"), &Limits::default()).unwrap()
}

/// What is said there in this turn. Some of it is told by differences, some is not.
fn payload(world: &str, number: usize, turn: usize) -> String {
    match number % 3 {
        0 => format!(r#"{{"number": {number}, "turn": {turn}, "world": "{world}"}}"#),
        1 => format!(r#"["{world}", [{number}, {turn}.{}]]"#, turn % 10),
        _ => format!(r#""{world}, number {number}, turn {turn}""#),
    }
}

fn hub_and_writer(path: &Path) -> (Arc<Hub>, Writer) {
    let hub = Hub::new(hub::Settings::default(), Moment::now());
    let settings = Settings {
        directory: path.to_owned(),
        is_named: true,
        durability: Durability::Relaxed,
        write: Duration::ZERO,
        sync: Duration::from_hours(1),
        bytes: 1 << 30,
        keep_free: 0,
        queue: TapeBounds { messages: 65_536, bytes: 16 << 20 },
        events: events::Settings {
            age: Duration::from_hours(24),
            records: 1000,
            bytes: 1 << 20,
            never: Vec::new(),
            ignore: Vec::new(),
        },
    };
    let tape = Tape::new(settings.queue, false, hub.figures());
    hub.record_on(Arc::clone(&tape));
    let events = events::record(&hub, &settings.events, path.join("hub.db")).unwrap();
    let mut writer = Writer::new(Arc::clone(&hub), tape, settings, events);
    writer.begin(Folder::take(path).unwrap()).unwrap();
    (hub, writer)
}

fn say(hub: &Hub, topic: Topic, payload: &str) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_856_400_123);
    let mut message = Publication::new(topic, payload, Kind::Reading, "jana".into(), time);
    message.retention = Retention::Keep;
    hub.publish(message, None).unwrap();
}

/// A turn: each topic says something, and it is written.
fn take_turns(world: &str, hub: &Hub, writer: &mut Writer, turns: std::ops::Range<usize>) {
    for turn in turns {
        for number in 0..TOPICS {
            // Some speak now and then.
            if number % 7 == 0 || turn % (1 + number % 7) == 0 {
                say(hub, topic(number), &payload(world, number, turn));
            }
        }
        writer.come_by(Instant::now());
    }
}

/// The bytes of the database and of its journal, in the middle of work: some is settled, some is in the log and in the
/// file, some in the journal.
fn made(world: &str) -> [Vec<u8>; 2] {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    take_turns(world, &hub, &mut writer, 0..10);
    writer.head.begin_settling(writer.seq);
    take_turns(world, &hub, &mut writer, 10..20);
    writer.finish();
    drop(writer);
    let (hub, mut writer) = hub_and_writer(dir.path());
    take_turns(world, &hub, &mut writer, 20..TURNS);
    assert!((0..TOPICS).all(|number| hub.is_kept(&topic(number))));
    let file = |ending: &str| fs::read(dir.path().join(format!("hub.db{ending}"))).unwrap();
    [file(""), file("-wal")]
}

/// What the hub has: each topic with its turn, if it is anything that was ever said there.
fn kept(hub: &Hub) -> Vec<(usize, usize)> {
    let all = (0..TOPICS).filter_map(|number| Some((number, hub.last_value(&topic(number))?)));
    all.map(|(number, last)| {
        let turn = (0..TURNS).find(|turn| payload("here", number, *turn) == last.payload());
        assert_eq!(&*last.from, "jana");
        (number, turn.unwrap_or_else(|| panic!("{number} says {}", last.payload())))
    })
    .collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    /// The place of a page, and of its end. Frames of the journal are a little longer.
    fn page(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let from = 1024 * self.below(bytes.len() / 1024);
        from..(from + 1024).min(bytes.len())
    }
}

/// Damages a file; the first bytes of it, which say whose it is, only by cutting all off.
fn damage(bytes: &mut Vec<u8>, foreign: &[u8], random: &mut Random) -> &'static str {
    const OWNER: usize = 100;
    let head: Vec<u8> = bytes.iter().take(OWNER).copied().collect();
    let done = match random.below(6) {
        0 => {
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            "bits"
        }
        1 => {
            bytes.truncate(random.below(bytes.len()));
            return "cut";
        }
        2 => {
            let page = random.page(bytes);
            bytes[page].fill(0);
            "zeros"
        }
        3 => {
            let page = random.page(bytes);
            bytes[page].fill_with(|| 0xA5);
            "garbage"
        }
        4 => {
            let (from, to) = (random.page(bytes), random.page(bytes));
            let len = from.len().min(to.len());
            bytes.copy_within(from.start..from.start + len, to.start);
            "a page of another place"
        }
        _ => {
            let page = random.page(&bytes[..bytes.len().min(foreign.len())]);
            bytes[page.clone()].copy_from_slice(&foreign[page]);
            "a page of another file"
        }
    };
    bytes[..head.len()].copy_from_slice(&head);
    done
}

#[test]
fn whatever_is_damaged_what_comes_back_was_said_there_and_the_hub_goes_on() {
    let copies = if std::env::var_os("CLOWN_LONG_TESTS").is_some() { 500 } else { 40 };
    let (here, elsewhere) = (made("here"), made("elsewhere"));
    let mut random = Random(7);
    let (mut whole, mut replaced, mut some) = (0, 0, 0);
    for copy in 0..copies {
        let mut files = here.clone();
        let which = random.below(2);
        let how = damage(&mut files[which], &elsewhere[which], &mut random);
        // Often the journal is gone as well.
        let has_journal = random.below(3) > 0;
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("hub.db"), &files[0]).unwrap();
        if has_journal {
            fs::write(dir.path().join("hub.db-wal"), &files[1]).unwrap();
        }
        let (hub, mut writer) = hub_and_writer(dir.path());
        let found = kept(&hub);
        whole += usize::from(found.len() == TOPICS);
        some += usize::from(!found.is_empty());
        replaced += usize::from(writer.was_replaced);
        // It goes on, and what came back once is there to stay.
        say(&hub, topic(0), &payload("here", 0, TURNS - 1));
        for _ in 0..20 {
            // Later than any wait before it is tried again.
            writer.come_by(Instant::now() + Duration::from_mins(1));
        }
        assert!(writer.tables.is_some(), "copy {copy}, {how}: nothing can be written");
        let before = kept(&hub);
        writer.finish();
        drop(writer);
        let (hub, _writer) = hub_and_writer(dir.path());
        assert_eq!(kept(&hub), before, "copy {copy}, {how}");
    }
    println!("{copies} copies: {whole} whole, {replaced} replaced, {some} with something");
    assert!(whole > copies / 4 && some > copies / 2 && replaced > copies / 10 && replaced < copies * 9 / 10);
}
