//! The writer with a file that was damaged. Everything is in this process, so that there can be many of them.

mod power;
mod waiting;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::access::{self, Access, Accounts, Visitor};
use crate::hub::{self, Publication, Retention, TapeBounds};
use crate::store::beside::Beside;
use crate::talk::Kind;
use crate::topic::{Limits, Topic};

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]
mod past;
mod rhythms;

const TOPICS: usize = 60;
const TURNS: usize = 40;

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

/// What happens to a topic in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Silent,
    Speaks,
    Forgotten,
}

/// Some speak in each turn, others now and then, and some are forgotten.
fn happens(number: usize, turn: usize) -> Turn {
    if number % 13 == 5 && turn % 9 == 4 {
        Turn::Forgotten
    } else if number.is_multiple_of(7) || turn.is_multiple_of(1 + number % 7) {
        Turn::Speaks
    } else {
        Turn::Silent
    }
}

/// What there is after a turn: each topic that has a value, with the turn in which that was said.
fn after(turn: usize) -> Vec<(usize, usize)> {
    let last = |number| (0..=turn).rev().find(|turn| happens(number, *turn) != Turn::Silent);
    let spoke = |number| last(number).filter(|turn| happens(number, *turn) == Turn::Speaks);
    (0..TOPICS).filter_map(|number| Some((number, spoke(number)?))).collect()
}

fn hub_and_writer(path: &Path) -> (Arc<Hub>, Writer) {
    let (hub, _, writer) = with_access(path);
    (hub, writer)
}

fn hub_and_writer_with(path: &Path, queue: TapeBounds) -> (Arc<Hub>, Writer) {
    let (hub, _, writer) = with(path, queue);
    (hub, writer)
}

fn with_access(path: &Path) -> (Arc<Hub>, Access, Writer) {
    with(path, TapeBounds { messages: 65_536, bytes: 16 << 20 })
}

fn with(path: &Path, queue: TapeBounds) -> (Arc<Hub>, Access, Writer) {
    let hub = Hub::new(hub::Settings::default(), Moment::now());
    let settings = Settings {
        directory: path.to_owned(),
        is_named: true,
        durability: Durability::Relaxed,
        write: Duration::ZERO,
        sync: Duration::from_hours(1),
        bytes: 1 << 30,
        keep_free: 0,
        queue,
        history: crate::store::history::Settings {
            span: Duration::from_hours(1 << 20),
            ..crate::store::history::Settings::some()
        },
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
    let keeper = Keeper::new(settings.history.clone(), settings.bytes, hub.figures(), wall());
    let access =
        Access::new(Accounts::demo(), &access::Settings::default(), CancellationToken::new()).unwrap();
    let sessions = Sessions::new(Arc::clone(&hub), Arc::clone(access.web_sessions()), false);
    let events = events::record(&hub, &settings.events, path.join("hub.db")).unwrap();
    let mut writer = Writer::new(Arc::clone(&hub), tape, settings, (sessions, keeper, events));
    writer.begin(Folder::take(path).unwrap()).unwrap();
    writer.get_ready();
    (hub, access, writer)
}

fn say(hub: &Hub, topic: Topic, payload: &str, retention: Retention) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_856_400_123);
    let mut message = Publication::new(topic, payload, Kind::Reading, "jana".into(), time);
    message.retention = retention;
    hub.publish(message, None).unwrap();
}

/// Each turn is written by itself.
fn take_turns(world: &str, hub: &Hub, writer: &mut Writer, turns: std::ops::Range<usize>) {
    for turn in turns {
        for number in 0..TOPICS {
            match happens(number, turn) {
                Turn::Silent => {}
                Turn::Speaks => say(hub, topic(number), &payload(world, number, turn), Retention::Keep),
                Turn::Forgotten => say(hub, topic(number), "null", Retention::Clear),
            }
        }
        writer.come_by(Instant::now());
    }
}

/// The bytes of the database and of its journal.
type Files = [Vec<u8>; 2];

/// What a hub leaves that dies.
struct Left {
    /// An older state of the same file.
    older: Files,
    /// In the middle of work: some is settled, some is in the log and in the file, some in the journal.
    at_work: Files,
    /// When all of the journal was moved into the file, and is still there.
    moved: Files,
}

fn left(world: &str) -> Left {
    let dir = tempfile::tempdir().unwrap();
    let files = || files(dir.path());
    let (hub, mut writer) = hub_and_writer(dir.path());
    take_turns(world, &hub, &mut writer, 0..10);
    writer.head.begin_settling(writer.seq);
    take_turns(world, &hub, &mut writer, 10..20);
    writer.finish();
    drop(writer);
    let older = files();
    let (hub, mut writer) = hub_and_writer(dir.path());
    take_turns(world, &hub, &mut writer, 20..25);
    writer.head.begin_settling(writer.seq);
    take_turns(world, &hub, &mut writer, 25..30);
    let tables = writer.tables.as_ref().unwrap();
    tables.wait_for_the_check();
    tables.checkpoint();
    take_turns(world, &hub, &mut writer, 30..TURNS);
    assert!(!writer.was_replaced);
    let at_work = files();
    writer.tables.as_ref().unwrap().checkpoint();
    Left { older, at_work, moved: files() }
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
fn damage(bytes: &mut Vec<u8>, older: &[u8], foreign: &[u8], random: &mut Random) -> &'static str {
    const OWNER: usize = 100;
    let head: Vec<u8> = bytes.iter().take(OWNER).copied().collect();
    let take_from = |other: &[u8], bytes: &mut [u8], random: &mut Random| {
        let page = random.page(&bytes[..bytes.len().min(other.len())]);
        bytes[page.clone()].copy_from_slice(&other[page]);
    };
    let done = match random.below(7) {
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
        5 => {
            take_from(older, bytes, random);
            "a page as it was before"
        }
        _ => {
            take_from(foreign, bytes, random);
            "a page of another file"
        }
    };
    bytes[..head.len()].copy_from_slice(&head);
    done
}

#[test]
fn whatever_is_damaged_what_comes_back_is_a_state_that_was_or_the_hub_says_that_it_is_not() {
    let is_long = std::env::var_os("CLOWN_LONG_TESTS").is_some();
    let (seeds, copies) = if is_long { (1..=12, 500) } else { (7..=7, 60) };
    let (here, elsewhere) = (left("here"), left("elsewhere"));
    for seed in seeds {
        survives_damage(&here, &elsewhere, seed, copies);
    }
}

fn survives_damage(here: &Left, elsewhere: &Left, seed: u64, copies: usize) {
    let mut random = Random(seed);
    let (mut whole, mut replaced, mut some) = (0, 0, 0);
    for copy in 0..copies {
        let (mut files, foreign) = match random.below(2) {
            0 => (here.at_work.clone(), &elsewhere.at_work),
            _ => (here.moved.clone(), &elsewhere.moved),
        };
        let which = random.below(2);
        let how = damage(&mut files[which], &here.older[which], &foreign[which], &mut random);
        // Often the journal is gone as well.
        let has_journal = random.below(3) > 0;
        let name = ["the file", "the journal"][which];
        let copy = format!("seed {seed}, copy {copy}: {how} in {name}, with the journal: {has_journal}");
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("hub.db"), &files[0]).unwrap();
        if has_journal {
            fs::write(dir.path().join("hub.db-wal"), &files[1]).unwrap();
        }
        let (hub, mut writer) = hub_and_writer(dir.path());
        let found = kept(&hub);
        let is_told = writer.was_replaced || hub.figures().store_damaged.value() > 0;
        let was = |turn| found == after(turn);
        assert!(is_told || found.is_empty() || (0..TURNS).any(was), "{copy}: never was {found:?}");
        whole += usize::from(found == after(TURNS - 1));
        some += usize::from(!found.is_empty());
        // It goes on, and what came back once is there to stay.
        say(&hub, topic(0), &payload("here", 0, TURNS - 1), Retention::Keep);
        writer.come_by(Instant::now());
        if let Some(tables) = &writer.tables {
            tables.wait_for_the_check();
        }
        say(&hub, topic(0), &payload("here", 0, TURNS - 1), Retention::Keep);
        for _ in 0..20 {
            // Later than any wait before it is tried again.
            writer.come_by(Instant::now() + Duration::from_mins(1));
        }
        assert!(writer.tables.is_some(), "{copy}: nothing can be written");
        replaced += usize::from(writer.was_replaced);
        let before = kept(&hub);
        writer.finish();
        drop(writer);
        let (hub, writer) = hub_and_writer(dir.path());
        assert_eq!(kept(&hub), before, "{copy}");
        assert!(!writer.was_replaced, "{copy}: it is damaged once more");
    }
    println!("seed {seed}, {copies} copies: {whole} whole, {replaced} replaced, {some} with something");
    assert!(whole > copies / 4 && some > copies / 2 && replaced > copies / 10 && replaced < copies * 9 / 10);
}

const SIGN_INS: usize = 40;

fn files(folder: &Path) -> Files {
    ["hub.db", "hub.db-wal"].map(|name| fs::read(folder.join(name)).unwrap_or_default())
}

/// Signs in many times, from browsers that are called by their numbers.
fn sign_in(world: &str, access: &Access) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let address = std::net::Ipv4Addr::LOCALHOST.into();
    let clown = runtime.block_on(access.login(address, "clown", b"bigclown")).unwrap();
    for number in 0..SIGN_INS {
        let visitor = Visitor { address: "10.0.0.1".into(), browser: format!("{world} {number}").into() };
        access.start_web_session(&clown, visitor, true).unwrap();
    }
}

/// The browsers that are signed in, sorted.
fn browsers(access: &Access) -> Vec<String> {
    access.web_sessions().all_again();
    let all = access.web_sessions().changes().kept;
    // What was taken is not written.
    access.web_sessions().all_again();
    let mut names: Vec<_> = all.into_iter().map(|kept| kept.visitor.browser.into_string()).collect();
    names.sort();
    names
}

#[test]
fn what_was_revoked_does_not_come_back_whatever_is_written_before_the_hub_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (_, access, mut writer) = with_access(dir.path());
    sign_in("here", &access);
    writer.come_by(Instant::now());
    let mut beside = Beside::open(dir.path()).unwrap();
    let all = beside.web_sessions().unwrap();
    let asked = beside.revoke(&all[..1]).unwrap();
    writer.look_at_the_disk(Instant::now());
    // Something else is written first.
    writer.write(Instant::now(), false, false, false, Duties::default());
    assert!(!beside.is_done(&asked).unwrap());
    drop(writer);
    let (_, access, mut writer) = with_access(dir.path());
    assert_eq!(browsers(&access).len(), SIGN_INS - 1);
    // Once that is in the file, it needs no revocation any more.
    writer.come_by(Instant::now());
    assert!(beside.is_done(&asked).unwrap());
    drop(writer);
    let (_, access, _writer) = with_access(dir.path());
    assert_eq!(browsers(&access).len(), SIGN_INS - 1);
}

#[test]
fn what_was_revoked_in_a_file_that_is_set_aside_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (_, access, mut writer) = with_access(dir.path());
    sign_in("here", &access);
    writer.come_by(Instant::now());
    let mut beside = Beside::open(dir.path()).unwrap();
    let all = beside.web_sessions().unwrap();
    beside.revoke(&all[..1]).unwrap();
    writer.fail(&Fault::Damaged("a page".to_owned()));
    for _ in 0..20 {
        writer.come_by(Instant::now() + Duration::from_mins(1));
    }
    // In the new file the numbers of revocations begin anew.
    let mut beside = Beside::open(dir.path()).unwrap();
    let asked = beside.revoke(&all[1..2]).unwrap();
    writer.come_by(Instant::now() + Duration::from_mins(2));
    assert!(beside.is_done(&asked).unwrap());
    drop(writer);
    let (_, access, _writer) = with_access(dir.path());
    assert_eq!(browsers(&access).len(), SIGN_INS - 2);
}

#[test]
fn a_damaged_sign_in_is_told_once_and_leaves_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (_, access, mut writer) = with_access(dir.path());
    sign_in("here", &access);
    writer.come_by(Instant::now());
    writer.finish();
    drop(writer);
    let mut file = files(dir.path())[0].clone();
    let places: Vec<_> = (0..file.len() - 6).filter(|at| file[*at..].starts_with(b"here 7")).collect();
    assert!(!places.is_empty());
    for at in places {
        file[at] = b'H';
    }
    fs::write(dir.path().join("hub.db"), &file).unwrap();
    for damaged in [1, 0] {
        let (hub, access, mut writer) = with_access(dir.path());
        assert_eq!(hub.figures().store_damaged.value(), damaged);
        assert!(access.web_sessions().has_changes() == (damaged > 0));
        writer.come_by(Instant::now());
        assert_eq!(browsers(&access).len(), SIGN_INS - 1);
    }
}

#[test]
fn when_the_clock_is_set_the_ends_of_all_sign_ins_are_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let (_, access, mut writer) = with_access(dir.path());
    sign_in("here", &access);
    writer.come_by(Instant::now());
    assert!(!access.web_sessions().has_changes());
    let now = Moment::now();
    writer.sessions.look_at_the_wall(now.with_wall(now.wall() + Duration::from_secs(50)));
    assert!(!access.web_sessions().has_changes());
    writer.sessions.look_at_the_wall(now.with_wall(now.wall() - Duration::from_mins(5)));
    let changes = access.web_sessions().changes();
    assert!(changes.is_all && changes.kept.len() == SIGN_INS);
}

/// The bytes of the database and of its journal with sign-ins in both.
fn with_sign_ins(world: &str) -> [Vec<u8>; 2] {
    let dir = tempfile::tempdir().unwrap();
    let (hub, access, mut writer) = with_access(dir.path());
    sign_in(world, &access);
    take_turns(world, &hub, &mut writer, 0..3);
    writer.finish();
    drop(writer);
    let (hub, access, mut writer) = with_access(dir.path());
    assert_eq!(browsers(&access).len(), SIGN_INS);
    take_turns(world, &hub, &mut writer, 3..6);
    files(dir.path())
}

#[test]
fn whatever_is_damaged_who_comes_back_has_signed_in_here_and_stays_so() {
    let copies = if std::env::var_os("CLOWN_LONG_TESTS").is_some() { 500 } else { 40 };
    let (here, elsewhere) = (with_sign_ins("here"), with_sign_ins("elsewhere"));
    let known: BTreeSet<_> = (0..SIGN_INS).map(|number| format!("here {number}")).collect();
    let (mut random, mut signed_in) = (Random(7), 0);
    for copy in 0..copies {
        let mut files = here.clone();
        let which = random.below(2);
        let how = damage(&mut files[which], &elsewhere[which], &elsewhere[which], &mut random);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("hub.db"), &files[0]).unwrap();
        if random.below(3) > 0 {
            fs::write(dir.path().join("hub.db-wal"), &files[1]).unwrap();
        }
        let (_, access, mut writer) = with_access(dir.path());
        let back = browsers(&access);
        assert!(back.iter().all(|name| known.contains(name)), "copy {copy}, {how}: {back:?}");
        signed_in += back.len();
        for _ in 0..20 {
            writer.come_by(Instant::now() + Duration::from_mins(1));
        }
        assert!(writer.tables.is_some(), "copy {copy}, {how}: nothing can be written");
        writer.finish();
        drop(writer);
        let (_, access, _writer) = with_access(dir.path());
        assert_eq!(browsers(&access), back, "copy {copy}, {how}");
    }
    println!("{copies} copies: {signed_in} sign-ins came back");
    assert!(signed_in > copies * SIGN_INS / 2 && signed_in < copies * SIGN_INS);
}
