use super::*;
use crate::hub::{Hub, SignIn};
use crate::talk::control::EventKind;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::super::super::tables::Checked;

const DAY: Duration = Duration::from_hours(24);

fn settings(records: u64, bytes: u64) -> Settings {
    Settings { age: DAY, records, bytes, never: Vec::new(), ignore: Vec::new() }
}

/// A hub that records, and a keeper that has opened a file.
fn scene(path: &Path, settings: &Settings) -> (Arc<Hub>, Keeper, Tables) {
    let hub = Hub::new(crate::hub::Settings::default(), Moment::now());
    let mut keeper = super::super::record(&hub, settings, path.join("hub.db")).unwrap();
    let tables = Tables::open(&path.join("hub.db"), 1 << 30, 7).unwrap();
    keeper.open(&tables, false);
    (hub, keeper, tables)
}

/// Somebody comes in, from an address that nobody else has come from.
fn comes_in(hub: &Hub, user: &str) {
    let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
    hub.note_sign_in(SignIn { user: Some(user), address, door: "page", base: None, result: Ok(()) });
}

fn write(keeper: &mut Keeper, tables: &mut Tables) {
    keeper.take();
    let written = tables.write(false, |writing| keeper.write(writing)).unwrap();
    keeper.written(written);
}

/// The events of the file, newest first: number, user and data.
fn all(tables: &Tables) -> Vec<(u64, String, Event)> {
    let mut found = Vec::new();
    let take = |id, row: Checked<EventRow<'_>>| {
        let Checked::Good(row) = row else { panic!("damaged") };
        found.push((id, row.user.to_owned(), Event::read(row.data).unwrap()));
        true
    };
    tables.events(u64::MAX, 0, take).unwrap();
    found
}

fn numbers(tables: &Tables) -> Vec<u64> {
    all(tables).into_iter().map(|(id, ..)| id).collect()
}

#[test]
fn numbers_go_on_over_restarts_and_what_waits_since_another_life_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut keeper, mut tables) = scene(dir.path(), &settings(1000, 1 << 20));
    comes_in(&hub, "jana");
    comes_in(&hub, "emil");
    write(&mut keeper, &mut tables);
    assert_eq!(numbers(&tables), [2, 1]);
    tables.close().unwrap();
    let (hub, mut keeper, mut tables) = scene(dir.path(), &settings(1000, 1 << 20));
    comes_in(&hub, "jana");
    write(&mut keeper, &mut tables);
    assert_eq!(numbers(&tables), [3, 2, 1]);
    assert!(keeper.shelf.is_of_another_life(2) && !keeper.shelf.is_of_another_life(3));
}

#[test]
fn what_was_written_although_it_was_told_as_failed_is_not_written_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut keeper, mut tables) = scene(dir.path(), &settings(1000, 1 << 20));
    comes_in(&hub, "jana");
    keeper.take();
    // It is on the disk, and nobody says so.
    tables.write(false, |writing| keeper.write(writing)).unwrap();
    keeper.open(&tables, false);
    comes_in(&hub, "emil");
    write(&mut keeper, &mut tables);
    write(&mut keeper, &mut tables);
    assert_eq!(numbers(&tables), [2, 1]);
    assert_eq!(keeper.recorder.flush(Duration::ZERO), 0);
}

#[test]
fn another_file_says_that_what_was_recorded_before_is_not_in_it() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (hub, mut keeper, mut tables) = scene(dir.path(), &settings(1000, 1 << 20));
    comes_in(&hub, "jana");
    write(&mut keeper, &mut tables);
    comes_in(&hub, "emil");
    keeper.take();
    let mut tables = Tables::open(&other.path().join("hub.db"), 1 << 30, 8).unwrap();
    keeper.open(&tables, true);
    write(&mut keeper, &mut tables);
    write(&mut keeper, &mut tables);
    let found = all(&tables);
    let kinds: Vec<_> = found.iter().map(|(_, user, event)| (event.kind, &**user)).collect();
    assert_eq!(kinds, [(EventKind::Lost, ""), (EventKind::SignIn, "emil")]);
}

#[test]
fn events_that_the_file_has_lost_are_told_of_once() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut keeper, mut tables) = scene(dir.path(), &settings(1000, 1 << 20));
    for n in 0..200 {
        comes_in(&hub, &format!("user{n}"));
    }
    write(&mut keeper, &mut tables);
    // As a disk does it that loses a page: nobody counts.
    let lose = "DROP TRIGGER event_removed; DELETE FROM event WHERE id BETWEEN 50 AND 80;
                CREATE TRIGGER event_removed AFTER DELETE ON event BEGIN
                    UPDATE tally SET entries = entries - 1, total = total - OLD.sum WHERE id = 5;
                END;";
    tables.connection.execute_batch(lose).unwrap();
    tables.close().unwrap();
    let report = crate::store::upkeep::check(dir.path()).unwrap();
    assert_eq!(report.complaint(), "table event: it has 169 events, and 200 were counted");
    for (is_told, expected) in [(true, 170), (false, 170)] {
        let (hub, mut keeper, mut tables) = scene(dir.path(), &settings(1000, 1 << 20));
        assert_eq!(hub.figures().store_damaged.value(), u64::from(is_told));
        // A write that had nothing to do with events has not counted them either.
        keeper.written(Written::default());
        write(&mut keeper, &mut tables);
        let found = all(&tables);
        assert_eq!((found.len(), found[0].0, found[0].2.kind), (expected, 201, EventKind::Lost));
        tables.close().unwrap();
    }
}

#[test]
fn events_are_bounded_in_number_and_in_bytes_and_the_oldest_go() {
    for (records, bytes) in [(100, 1 << 30), (1_000_000, 20_000)] {
        let dir = tempfile::tempdir().unwrap();
        let (hub, mut keeper, mut tables) = scene(dir.path(), &settings(records, bytes));
        for n in 0..2000 {
            comes_in(&hub, &format!("user{n}"));
        }
        let mut turns = 0;
        while turns == 0 || keeper.is_busy() {
            write(&mut keeper, &mut tables);
            turns += 1;
            assert!(turns < 100, "it does not come to an end");
        }
        let kept = tables.events_kept().unwrap();
        assert!(kept.rows <= records && kept.bytes <= bytes, "{kept:?}");
        assert!(kept.rows == 100 || kept.bytes > 19_000, "and no more go than have to: {kept:?}");
        assert_eq!((kept.rows, kept.bytes), (keeper.kept.rows, keeper.kept.bytes));
        let found = all(&tables);
        assert_eq!(found[0].1, "user1999");
    }
}

#[test]
fn old_events_go_and_a_clock_that_jumps_ahead_makes_none_older() {
    let dir = tempfile::tempdir().unwrap();
    let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
    let now = milliseconds(Moment::now().wall());
    let day = 24 * 3600 * 1000;
    let old = EventRow { at: now - day - 1000, user: "old", topic: "a", data: "{}" };
    let young = EventRow { at: now - day + 60_000, user: "young", ..old };
    tables
        .write(false, |writing| {
            writing.put_event(1, &old)?;
            writing.put_event(2, &young)
        })
        .unwrap();
    tables.close().unwrap();
    let (hub, mut keeper, mut tables) = scene(dir.path(), &settings(1000, 1 << 20));
    assert!(keeper.is_busy());
    comes_in(&hub, "jana");
    write(&mut keeper, &mut tables);
    assert!(!keeper.is_busy());
    assert_eq!(tables.events_kept().unwrap().oldest, Some(young.at));
    // As if the hub had been started with a clock that is years ahead, which history does not believe yet.
    keeper.is_at_most(day);
    assert_eq!(keeper.horizon(), 0);
    keeper.is_at_most(u64::MAX);
    // As if the hub had been started in the past: since then no day has gone by.
    keeper.started = Moment::now().with_wall(std::time::SystemTime::UNIX_EPOCH);
    assert_eq!(keeper.horizon(), 0);
}

#[test]
fn without_records_nothing_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut keeper, mut tables) = scene(dir.path(), &settings(0, 1 << 20));
    comes_in(&hub, "jana");
    write(&mut keeper, &mut tables);
    assert!(all(&tables).is_empty() && hub.event_questions().is_none());
}
