//! Files and folders that are somebody else's, damaged, missing, or there late.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::support::{COMMIT, figure, filled, folder, starts_not, times, under};
use crate::support::{Client, Hub};

#[tokio::test]
async fn a_second_hub_does_not_start_and_names_the_first() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[]);
    let second = starts_not(dir.path());
    assert!(second.contains(&format!("another hub uses it: process {}", hub.pid())), "{second}");
    hub.stopped().await;
    Hub::with_store(dir.path(), &[]).stopped().await;
}

#[tokio::test]
async fn who_reads_the_file_beside_the_hub_finds_it_whole_and_keeps_nobody_waiting() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/0", "0").await;
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let other = rusqlite::Connection::open_with_flags(dir.path().join("hub.db"), flags).unwrap();
    let one = |sql: &str| other.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    let rows = "SELECT CAST(count(*) AS TEXT) FROM log";
    for round in 0..10 {
        other.execute_batch("BEGIN").unwrap();
        let before = one(rows);
        for n in 0..10 {
            // Each is answered when it is on the disk, although the other one reads.
            node.publish(&format!("t/{n}"), &round.to_string()).await;
        }
        assert_eq!((one(rows), one("PRAGMA integrity_check")), (before, "ok".to_owned()));
        other.execute_batch("COMMIT").unwrap();
    }
    assert!(one(rows).parse::<u32>().unwrap() > 10);
    assert_eq!(figure(&hub, "failed_total").await, 0);
}

#[tokio::test]
async fn a_file_of_a_newer_version_or_of_another_program_ends_the_start_and_is_not_touched() {
    let dir = folder();
    filled(dir.path(), 3).await;
    let file = dir.path().join("hub.db");
    for (place, bytes, sentence) in [
        (60, 99_u32.to_be_bytes(), "the file has version 99, and this hub knows versions up to "),
        (68, *b"Gimp", "the file is a database of another program"),
    ] {
        let good = fs::read(&file).unwrap();
        let mut changed = good.clone();
        changed[place..place + 4].copy_from_slice(&bytes);
        fs::write(&file, &changed).unwrap();
        let said = starts_not(dir.path());
        assert!(said.contains(sentence) && said.contains("the file was not changed"), "{said}");
        assert_eq!(fs::read(&file).unwrap(), changed);
        fs::write(&file, good).unwrap();
    }
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        2,
        "the file and the lock, and nothing beside them"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside_and_the_hub_serves() {
    let dir = folder();
    fs::write(dir.path().join("hub.db"), "these are my notes, do not lose them").unwrap();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    hub.logs("the store was damaged: the file was set aside as it is").await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    let lost = fs::read_dir(dir.path().join("lost")).unwrap().next().unwrap().unwrap();
    assert!(lost.file_name().to_str().unwrap().ends_with("-damaged.db"));
    assert_eq!(fs::read_to_string(lost.path()).unwrap(), "these are my notes, do not lose them");
    assert_eq!((figure(&hub, "state").await, figure(&hub, "replaced_total").await), (4, 1));
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await["n/t"].0, 1);
}

#[tokio::test]
async fn folder_and_files_are_for_the_user_of_the_hub_alone() {
    let dir = folder();
    let store = dir.path().join("state");
    let hub = Hub::with_store(&store, &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store), 0o700);
    let files: Vec<_> = fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_damaged_copy_gives_back_what_is_whole_and_never_a_wrong_value() {
    const VALUES: usize = 60;
    let dir = folder();
    filled(dir.path(), VALUES).await;
    let good = fs::read(dir.path().join("hub.db")).unwrap();
    let copies = times(8, 100);
    let mut random = 12_345_u64;
    let mut whole = 0;
    for copy in 0..copies {
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % below
        };
        let mut bytes = good.clone();
        match copy % 4 {
            // Bits, but for the marks that make it a file of another program.
            0 => {
                for _ in 0..8 {
                    bytes[100 + next(good.len() - 100)] ^= 1 << next(8);
                }
            }
            1 => bytes.truncate(next(good.len())),
            2 => {
                let page = 1024 * (1 + next(good.len() / 1024 - 1));
                bytes[page..page + 1024].fill(0);
            }
            _ => {
                let (from, to) =
                    (1024 * (1 + next(good.len() / 1024 - 1)), 1024 * (1 + next(good.len() / 1024 - 1)));
                bytes.copy_within(from..from + 1024, to);
            }
        }
        let damaged = folder();
        fs::write(damaged.path().join("hub.db"), bytes).unwrap();
        let hub = Hub::with_store(damaged.path(), &[]);
        let found = under(&hub, "n/t").await;
        for (topic, (value, _)) in &found {
            let number: u64 = topic.strip_prefix("n/t/").unwrap().parse().unwrap();
            assert_eq!(value["number"], number, "{topic}");
        }
        assert!(!hub.log().contains("panicked"), "{}", hub.log());
        whole += found.len();
        let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
        node.publish("t/0", r#"{"number": 0}"#).await;
        hub.stopped().await;
        let hub = Hub::with_store(damaged.path(), &[]);
        let again = under(&hub, "n/t").await;
        assert!(
            again.len() >= found.len(),
            "what came back once is there to stay: {} of {}",
            again.len(),
            found.len()
        );
    }
    assert!(whole > 0, "nothing ever came back");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_ends_the_start_if_it_was_named() {
    let dir = folder();
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    let said = starts_not(&file.join("store"));
    assert!(
        said.contains("cannot be used (store.directory)") && said.contains("name another folder"),
        "{said}"
    );
}

#[tokio::test]
async fn the_usual_folder_that_cannot_be_made_does_not_end_the_start_and_is_used_once_it_can() {
    let dir = folder();
    let state = dir.path().join("state");
    fs::write(&state, "").unwrap();
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &[]);
    hub.logs("the store cannot be written").await;
    assert_eq!(figure(&hub, "state").await, 3);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    fs::remove_file(&state).unwrap();
    hub.logs("the store can be written again").await;
    drop(node);
    hub.stopped().await;
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &[]);
    assert_eq!(under(&hub, "n/t").await["n/t"].0, 1);
    assert!(state.join("clown-hub/hub.db").exists());
}

#[tokio::test]
async fn a_folder_that_is_there_late_gives_its_values_back_and_what_was_said_meanwhile_stays() {
    let dir = folder();
    let state = dir.path().join("state");
    filled(&state.join("clown-hub"), 3).await;
    let away = dir.path().join("away");
    fs::rename(&state, &away).unwrap();
    fs::write(&state, "").unwrap();
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &[]);
    hub.logs("the store cannot be written").await;
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/t/#"], "retained": false}"#).await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/1", r#""new""#).await;
    assert_eq!(reader.two().await[1], "new");
    fs::remove_file(&state).unwrap();
    fs::rename(&away, &state).unwrap();
    // Who reads already hears of what comes back.
    let mut back = [reader.two().await, reader.two().await].map(|[topic, value]| format!("{topic} {value}"));
    back.sort();
    assert_eq!(back, [r#""n/t/0" {"number":0}"#, r#""n/t/2" {"number":2}"#]);
    hub.logs("the store can be written again").await;
    let now = under(&hub, "n/t").await;
    assert_eq!((now.len(), &now["n/t/1"].0), (3, &"new".into()));
    assert_eq!(under(&hub, "n").await["n/presence"].0["state"], "online");
    hub.killed().await;
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &[]);
    assert_eq!(under(&hub, "n/t").await, now);
}
