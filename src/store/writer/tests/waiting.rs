//! Messages that wait for brokers, in the file and back.

use super::*;
use crate::hub::{LinkFigures, Ticket};
use crate::topic::Filter;

const WAITING: usize = 300;

fn book(hub: &Hub) {
    hub.stored_queues().turn_on(1 << 30);
}

fn wait(hub: &Hub, world: &str, numbers: std::ops::Range<usize>) -> Vec<Ticket> {
    let (link, figures) = (Arc::from("house"), Arc::<LinkFigures>::default());
    let put = |number| {
        let topic = Topic::parse(&format!("{world}/{number}/set"), &Limits::default()).unwrap();
        let payload = format!("{{\"to\": \"{world}\", \"number\": {number}}}");
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_856_400_123);
        let mut message = Publication::new(topic, &payload, Kind::Command, "jana".into(), time);
        message.retention = Retention::Pass;
        let way = format!("way {number}").into_bytes().into();
        hub.stored_queues().put((&link, &figures), &Arc::new(message), way, Moment::now()).unwrap()
    };
    numbers.map(put).collect()
}

/// The numbers of what waits, each as it was.
fn waiting(hub: &Hub, world: &str) -> Vec<usize> {
    let tickets = hub.stored_queues().claim("house", &Arc::default());
    let number = |ticket: &Ticket| {
        ticket.stay();
        let queued = ticket.queued();
        let topic = queued.message.topic.as_str();
        let number: usize = topic.split('/').nth(1).unwrap().parse().unwrap();
        assert_eq!(topic, format!("{world}/{number}/set"));
        assert_eq!(queued.message.payload(), format!("{{\"to\": \"{world}\", \"number\": {number}}}"));
        assert_eq!((&*queued.message.from, queued.message.kind), ("jana", Kind::Command));
        assert_eq!(*queued.way, *format!("way {number}").as_bytes());
        number
    };
    tickets.iter().map(number).collect()
}

/// As it is written where nothing is lost by the end of the process.
fn killed(hub: &Hub, writer: &mut Writer) {
    writer.come_by(Instant::now());
    let _ = hub;
}

#[test]
fn what_waits_is_there_after_a_kill_in_its_order_and_what_has_gone_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    book(&hub);
    let mut tickets = wait(&hub, "here", 0..WAITING);
    killed(&hub, &mut writer);
    tickets.drain(..100);
    killed(&hub, &mut writer);
    let left = files(dir.path());
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("hub.db"), &left[0]).unwrap();
    fs::write(dir.path().join("hub.db-wal"), &left[1]).unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    assert_eq!(waiting(&hub, "here"), (100..WAITING).collect::<Vec<_>>());
    // What comes later stands behind it, also after another end.
    book(&hub);
    wait(&hub, "here", WAITING..WAITING + 9).iter().for_each(Ticket::stay);
    writer.finish();
    drop(writer);
    let (hub, _writer) = hub_and_writer(dir.path());
    assert_eq!(waiting(&hub, "here"), (100..WAITING + 9).collect::<Vec<_>>());
}

#[test]
fn a_damaged_message_that_waits_is_told_once_and_leaves_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    book(&hub);
    wait(&hub, "here", 0..5).iter().for_each(Ticket::stay);
    writer.finish();
    drop(writer);
    let mut file = files(dir.path())[0].clone();
    let text = b"\"here\", \"number\": 3";
    let at = (0..file.len() - text.len()).find(|at| file[*at..].starts_with(text)).unwrap();
    file[at] = b'X';
    fs::write(dir.path().join("hub.db"), &file).unwrap();
    for damaged in [1, 0] {
        let (hub, mut writer) = hub_and_writer(dir.path());
        assert_eq!(hub.figures().store_damaged.value(), damaged);
        assert_eq!(waiting(&hub, "here"), [0, 1, 2, 4]);
        writer.finish();
        assert!(!writer.was_replaced);
    }
}

#[test]
fn whatever_is_damaged_what_comes_back_was_queued_here_in_this_order_and_stays_so() {
    let copies = if std::env::var_os("CLOWN_LONG_TESTS").is_some() { 500 } else { 40 };
    let left = |world: &str| {
        let dir = tempfile::tempdir().unwrap();
        let (hub, mut writer) = hub_and_writer(dir.path());
        book(&hub);
        let mut tickets = wait(&hub, world, 0..WAITING);
        take_turns(world, &hub, &mut writer, 0..3);
        writer.tables.as_ref().unwrap().checkpoint();
        tickets.drain(..10);
        let more = wait(&hub, world, WAITING..WAITING + 50);
        take_turns(world, &hub, &mut writer, 3..6);
        let left = files(dir.path());
        tickets.iter().chain(&more).for_each(Ticket::stay);
        left
    };
    let (here, elsewhere) = (left("here"), left("elsewhere"));
    let (mut random, mut back) = (Random(7), 0);
    for copy in 0..copies {
        let mut files = here.clone();
        let which = random.below(2);
        let how = damage(&mut files[which], &elsewhere[which], &elsewhere[which], &mut random);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("hub.db"), &files[0]).unwrap();
        if random.below(3) > 0 {
            fs::write(dir.path().join("hub.db-wal"), &files[1]).unwrap();
        }
        let (hub, mut writer) = hub_and_writer(dir.path());
        let found = waiting(&hub, "here");
        assert!(found.is_sorted_by(|one, two| one < two), "copy {copy}, {how}: {found:?}");
        back += found.len();
        for _ in 0..20 {
            writer.come_by(Instant::now() + Duration::from_mins(1));
        }
        assert!(writer.tables.is_some(), "copy {copy}, {how}: nothing can be written");
        writer.finish();
        drop(writer);
        let (hub, _writer) = hub_and_writer(dir.path());
        assert_eq!(waiting(&hub, "here"), found, "copy {copy}, {how}");
    }
    println!("{copies} copies: {back} messages came back");
    assert!(back > copies * WAITING / 2);
}

#[test]
fn of_a_topic_that_is_forgotten_no_byte_is_left_of_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    book(&hub);
    let (_here, there) = (wait(&hub, "here", 0..20), wait(&hub, "secret", 0..20));
    killed(&hub, &mut writer);
    let has = |text: &str| {
        files(dir.path()).iter().any(|file| file.windows(text.len()).any(|at| at == text.as_bytes()))
    };
    assert!(has("secret") && has("here/3/set"));
    let filter = Filter::parse("secret/#", &Limits::default()).unwrap();
    let told = writer.forget(&[filter]).unwrap();
    assert_eq!(told, "topics forgotten: 0");
    assert!(!has("secret") && has("here/3/set"));
    assert!(there.iter().all(Ticket::is_forgotten));
}

#[test]
fn a_file_that_vanishes_is_written_again_with_all_that_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    book(&hub);
    let tickets = wait(&hub, "here", 0..20);
    killed(&hub, &mut writer);
    for file in fs::read_dir(dir.path()).unwrap().flatten() {
        if file.file_name().to_string_lossy().starts_with("hub.db") {
            fs::remove_file(file.path()).unwrap();
        }
    }
    for minutes in 1..20 {
        writer.come_by(Instant::now() + Duration::from_mins(minutes));
    }
    tickets.iter().for_each(Ticket::stay);
    writer.finish();
    drop(writer);
    let (hub, _writer) = hub_and_writer(dir.path());
    assert_eq!(waiting(&hub, "here").len(), 20);
}
