//! The care of the store: copies, looking through it, making it smaller, and forgetting.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::support::{COMMIT, figure, figure_is, filled, folder, last_values, times, under};
use crate::support::{Client, Hub, Ran, in_time, run, until};

/// Runs a command for the store in this folder.
fn care(dir: &Path, command: &[&str]) -> Ran {
    let directory = format!("store.directory={}", dir.display());
    run(&[command, &["--set", &directory]].concat(), "")
}

/// What a command says that does not do what it was asked for.
fn refuses(ran: &Ran, code: i32) -> &str {
    assert_eq!(ran.code, Some(code), "{} {}", ran.stdout, ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    &ran.stderr
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn node(hub: &Hub) -> Client {
    Client::open(hub, "/talk/n?side=node", r#"{"filters": []}"#).await
}

/// Changes a bit in each place that has this text: one of them is the row, others are left from before.
fn damaged(mut bytes: Vec<u8>, text: &str) -> Vec<u8> {
    let places = 0..=bytes.len() - text.len();
    let found: Vec<_> = places.filter(|at| bytes[*at..].starts_with(text.as_bytes())).collect();
    assert!(!found.is_empty());
    for at in found {
        bytes[at] ^= 1;
    }
    bytes
}

#[tokio::test]
async fn a_back_up_made_while_the_hub_runs_has_everything_that_was_written_and_stands_in_for_the_store() {
    let (dir, elsewhere) = (folder(), folder());
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut speaker = node(&hub).await;
    for n in 0..50 {
        speaker.publish(&format!("t/{n}"), &n.to_string()).await;
    }
    let before = under(&hub, "n/t").await;
    let copy = elsewhere.path().join("copy.db");
    let said = care(dir.path(), &["backup", text(&copy)]).succeeds();
    assert!(
        said.starts_with(text(&copy)) && said.contains("last values: 51, ") && said.contains("as of 20"),
        "{said}"
    );
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(elsewhere.path()), ["copy.db"], "nothing is left beside it");
    // What comes later is not in it, and the hub has gone on.
    speaker.publish("t/later", "1").await;
    assert_eq!(under(&hub, "n/t").await.len(), 51);
    drop(speaker);
    hub.stopped().await;

    let new = folder();
    let place = new.path().join("state");
    let said = care(&place, &["restore", text(&copy)]).succeeds();
    assert!(
        said.contains("last values: 51, ") && said.contains("as of 20") && !said.contains("lost"),
        "{said}"
    );
    assert_eq!(names(&place), ["hub.db", "hub.lock"]);
    for (name, mode) in [("", 0o700), ("hub.db", 0o600)] {
        assert_eq!(fs::metadata(place.join(name)).unwrap().permissions().mode() & 0o777, mode);
    }
    let hub = Hub::with_store(&place, &[]);
    assert_eq!(under(&hub, "n/t").await, before);
    assert!(copy.exists());
}

#[tokio::test]
async fn a_back_up_is_whole_while_thousands_of_messages_are_written() {
    let (dir, elsewhere) = (folder(), folder());
    let settings = ["store.write_milliseconds=10", "limits.messages_per_second=0"];
    let hub = Hub::with_store(dir.path(), &settings);
    let mut speaker = node(&hub).await;
    for copy in 0..4 {
        let batch: Vec<_> = (0..5000).map(|n| format!("[\"t/{}\", \"{copy} and {n}\"]", n % 700)).collect();
        speaker.say(&batch.join("\n")).await;
        let file = elsewhere.path().join(format!("{copy}.db"));
        care(dir.path(), &["backup", text(&file)]).succeeds();
        let said = care(&elsewhere.path().join(copy.to_string()), &["restore", text(&file)]).succeeds();
        assert!(said.contains("last values: "), "{said}");
        assert_eq!(figure(&hub, "failed_total").await, 0, "the hub was held up");
    }
}

#[tokio::test]
async fn a_back_up_is_never_put_over_another_file_unless_that_was_asked_for() {
    let (dir, elsewhere) = (folder(), folder());
    filled(dir.path(), 3).await;
    let copy = elsewhere.path().join("copy.db");
    fs::write(&copy, "my thesis").unwrap();
    let said = care(dir.path(), &["backup", text(&copy)]);
    assert!(refuses(&said, 2).contains("there is a file already, and it was not touched"), "{}", said.stderr);
    assert_eq!(fs::read_to_string(&copy).unwrap(), "my thesis");
    care(dir.path(), &["backup", "--force", text(&copy)]).succeeds();
    assert!(fs::metadata(&copy).unwrap().len() > 4096);
    assert_eq!(names(elsewhere.path()), ["copy.db"]);
}

#[tokio::test]
async fn a_back_up_goes_to_a_file_elsewhere_and_the_operator_hears_what_is_wrong_with_the_place() {
    let (dir, elsewhere) = (folder(), folder());
    filled(dir.path(), 3).await;
    for (place, sentence) in [
        (elsewhere.path().to_owned(), "this is a folder; name the file"),
        (elsewhere.path().join("no/copy.db"), "its folder cannot be used: No such file"),
        (dir.path().join("copy.db"), "this is in the folder of the store itself"),
        (dir.path().join("hub.db"), "this is in the folder of the store itself"),
    ] {
        let said = care(dir.path(), &["backup", "--force", text(&place)]);
        assert!(refuses(&said, 2).contains(sentence), "{}", said.stderr);
    }
    assert_eq!(
        (names(dir.path()), names(elsewhere.path()).len()),
        (vec!["hub.db".to_owned(), "hub.lock".to_owned()], 0)
    );
    let said = care(elsewhere.path(), &["backup", text(&dir.path().join("x"))]);
    assert!(refuses(&said, 2).contains("is this the folder of the hub (store.directory)"), "{}", said.stderr);
    let said = run(&["backup", "x", "--set", "store.directory="], "");
    assert!(refuses(&said, 2).contains("there is no store"), "{}", said.stderr);
}

#[tokio::test]
async fn what_is_damaged_is_not_backed_up_as_if_it_were_whole() {
    let (dir, elsewhere) = (folder(), folder());
    filled(dir.path(), 30).await;
    // A clean stop leaves the newest row of the log, and nothing else of it.
    let file = dir.path().join("hub.db");
    fs::write(&file, damaged(fs::read(&file).unwrap(), "n/t/7")).unwrap();
    let copy = elsewhere.path().join("copy.db");
    let said = care(dir.path(), &["backup", text(&copy)]);
    assert!(
        refuses(&said, 1).contains("the copy is not whole: rows that are not what was written: 1;"),
        "{}",
        said.stderr
    );
    assert_eq!(names(elsewhere.path()).len(), 0);
}

#[tokio::test]
async fn nothing_is_put_under_a_hub_that_runs() {
    let (dir, elsewhere) = (folder(), folder());
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut speaker = node(&hub).await;
    speaker.publish("t", "1").await;
    let copy = elsewhere.path().join("copy.db");
    care(dir.path(), &["backup", text(&copy)]).succeeds();
    let owner = format!("another hub uses it: process {}", hub.pid());
    for command in [&["restore", text(&copy)][..], &["store", "compact"]] {
        let said = care(dir.path(), command);
        assert!(refuses(&said, 2).contains(&owner), "{}", said.stderr);
    }
    speaker.publish("t", "2").await;
    assert_eq!(figure(&hub, "state").await, 1);
}

#[tokio::test]
async fn what_a_copy_replaces_is_kept_and_so_is_what_the_one_before_has_replaced() {
    let (dir, elsewhere) = (folder(), folder());
    filled(dir.path(), 3).await;
    let copy = elsewhere.path().join("copy.db");
    care(dir.path(), &["backup", text(&copy)]).succeeds();
    filled(dir.path(), 5).await;
    let said = care(dir.path(), &["restore", text(&copy)]).succeeds();
    let aside = said.split("what was there before is ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    assert!(aside.contains("/lost/hub-") && aside.ends_with("-before-restore.db"), "{said}");
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 3);
    hub.stopped().await;
    // Somebody did not mean that: the way back is the same command, and it loses nothing either.
    let said = care(dir.path(), &["restore", &aside]).succeeds();
    assert!(said.contains("last values: 6, "), "{said}");
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 5);
    assert!(Path::new(&aside).exists());
}

#[tokio::test]
async fn a_journal_that_was_left_alone_does_not_lie_over_the_copy() {
    let (dir, elsewhere) = (folder(), folder());
    filled(dir.path(), 3).await;
    let copy = elsewhere.path().join("copy.db");
    care(dir.path(), &["backup", text(&copy)]).succeeds();
    let hub = Hub::with_store(dir.path(), &["store.durability=commit"]);
    let mut speaker = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
    for n in 0..200 {
        speaker.publish(&format!("n/t/{n}"), "7").await;
    }
    assert_eq!(under(&hub, "n/t").await.len(), 200);
    hub.killed().await;
    assert!(dir.path().join("hub.db-wal").exists());
    // Somebody has taken the store away, and not what lies beside it.
    std::fs::rename(dir.path().join("hub.db"), elsewhere.path().join("hub.db.bad")).unwrap();
    care(dir.path(), &["restore", text(&copy)]).succeeds();
    assert!(!dir.path().join("hub.db-wal").exists());
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 3);
    assert_eq!(figure(&hub, "replaced_total").await, 0);
}

#[tokio::test]
async fn only_a_whole_copy_of_a_store_takes_the_place_of_one() {
    let (dir, elsewhere) = (folder(), folder());
    filled(dir.path(), 30).await;
    let copy = elsewhere.path().join("copy.db");
    care(dir.path(), &["backup", text(&copy)]).succeeds();
    let (good, store) = (fs::read(&copy).unwrap(), fs::read(dir.path().join("hub.db")).unwrap());
    let changed = |place: usize, with: &[u8]| {
        let mut bytes = good.clone();
        bytes[place..place + with.len()].copy_from_slice(with);
        bytes
    };
    for (bytes, code, sentence) in [
        (b"dear diary".to_vec(), 2, "this is no copy of a store"),
        (Vec::new(), 2, "the file is empty: it is no copy of a store"),
        (changed(68, b"Gimp"), 2, "a database of another program"),
        (changed(60, &99_u32.to_be_bytes()), 2, "the file has version 99"),
        (damaged(good.clone(), "n/t/7"), 1, "it is damaged: "),
        (good[..good.len() / 2].to_vec(), 1, "it is damaged: "),
    ] {
        fs::write(&copy, bytes).unwrap();
        let said = care(dir.path(), &["restore", text(&copy)]);
        assert!(refuses(&said, code).contains(sentence), "{}", said.stderr);
        assert_eq!(fs::read(dir.path().join("hub.db")).unwrap(), store, "{sentence}");
        assert_eq!(names(dir.path()), ["hub.db", "hub.lock"], "{sentence}");
    }
    let said = care(dir.path(), &["restore", text(&elsewhere.path().join("none"))]);
    assert!(refuses(&said, 2).contains("No such file"), "{}", said.stderr);
}

#[tokio::test]
async fn the_files_of_a_hub_that_was_killed_are_a_copy_too_if_both_of_them_were_copied() {
    let (dir, elsewhere, new) = (folder(), folder(), folder());
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut speaker = node(&hub).await;
    for n in 0..20 {
        speaker.publish(&format!("t/{n}"), "1").await;
    }
    hub.killed().await;
    for name in ["hub.db", "hub.db-wal"] {
        fs::copy(dir.path().join(name), elsewhere.path().join(name)).unwrap();
    }
    let copied = fs::read(elsewhere.path().join("hub.db")).unwrap();
    let said = care(new.path(), &["restore", text(&elsewhere.path().join("hub.db"))]).succeeds();
    assert!(said.contains("last values: 21, "), "{said}");
    assert_eq!(names(elsewhere.path()), ["hub.db", "hub.db-wal"], "the copy stays as it is");
    assert_eq!(fs::read(elsewhere.path().join("hub.db")).unwrap(), copied);
    let hub = Hub::with_store(new.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 20);
}

#[tokio::test]
async fn a_look_through_the_store_says_what_is_in_it_beside_a_hub_and_without_one() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut speaker = node(&hub).await;
    for n in 0..10 {
        speaker.publish(&format!("t/{n}"), "1").await;
    }
    speaker.publish_with("t/9", "null", r#", "retain": true"#).await;
    let told = || -> serde_json::Value {
        serde_json::from_str(&care(dir.path(), &["store", "check", "--json"]).succeeds()).unwrap()
    };
    let report = told();
    assert_eq!(
        (&report["whole"], &report["values"], &report["closed"]),
        (&true.into(), &10.into(), &false.into())
    );
    assert_eq!((&report["leases"], &report["tables"]["topic"]["rows"]), (&0.into(), &11.into()));
    assert!(
        report["written"].as_str() >= report["oldest"].as_str() && report["oldest"].is_string(),
        "{report}"
    );
    speaker.publish("t/10", "1").await;
    assert_eq!(figure(&hub, "failed_total").await, 0);
    drop(speaker);
    hub.stopped().await;
    let report = told();
    assert_eq!((&report["values"], &report["closed"]), (&11.into(), &true.into()));
    let text = care(dir.path(), &["store", "check"]).succeeds();
    assert!(text.contains("last values  11\n") && text.ends_with("\nwhole\n"), "{text}");
}

#[tokio::test]
async fn a_look_through_the_store_finds_each_kind_of_damage_and_changes_nothing() {
    let dir = folder();
    filled(dir.path(), 60).await;
    let file = dir.path().join("hub.db");
    let good = fs::read(&file).unwrap();
    let row = good.windows(5).position(|found| found == b"n/t/7").unwrap();
    let name = |bytes: &mut Vec<u8>| *bytes = damaged(bytes.clone(), "n/t/7");
    let page = |bytes: &mut Vec<u8>| bytes[row / 1024 * 1024..][..1024].fill(0xff);
    let head = |bytes: &mut Vec<u8>| bytes[..16].fill(0);
    let end = |bytes: &mut Vec<u8>| bytes.truncate(row);
    for harm in [&name as &dyn Fn(&mut Vec<u8>), &page, &head, &end] {
        let mut bytes = good.clone();
        harm(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        let ran = care(dir.path(), &["store", "check", "--json"]);
        assert_eq!(ran.code, Some(1), "{}", ran.stdout);
        assert!(ran.stderr.contains(": damaged: "), "{}", ran.stderr);
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["whole"], false);
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    fs::write(&file, &good).unwrap();
    care(dir.path(), &["store", "check"]).succeeds();
    assert_eq!(names(dir.path()), ["hub.db", "hub.lock"], "nothing is left beside it");
}

#[tokio::test]
async fn a_store_that_is_made_smaller_has_all_its_values_and_less_bytes() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut speaker = node(&hub).await;
    let long = format!("\"{}\"", "x".repeat(100_000));
    for n in 0..100 {
        speaker.publish(&format!("t/{n}"), &long).await;
    }
    // More than the log holds: it is settled, and its rows are deleted.
    figure_is(&hub, "log_bytes", |bytes| bytes < 5_000_000).await;
    speaker.publish("t/5", "1").await;
    drop(speaker);
    hub.stopped().await;
    let before = fs::metadata(dir.path().join("hub.db")).unwrap().len();
    let said = care(dir.path(), &["store", "compact"]).succeeds();
    let after = fs::metadata(dir.path().join("hub.db")).unwrap().len();
    assert_eq!(said, format!("{after} bytes; before, there were {before}\n"));
    assert!(after < before * 3 / 4, "{said}");
    assert_eq!(names(dir.path()), ["hub.db", "hub.lock"]);
    let hub = Hub::with_store(dir.path(), &[]);
    let values = under(&hub, "n/t").await;
    assert_eq!((values.len(), &values["n/t/5"].0), (100, &1.into()));
    assert_eq!(values["n/t/50"].0.as_str().unwrap().len(), 100_000);
}

/// Whether any file of a folder has these bytes.
fn holds(dir: &Path, text: &str) -> Option<String> {
    let has = |name: &String| {
        let bytes = fs::read(dir.join(name)).unwrap_or_default();
        bytes.windows(text.len()).any(|found| found == text.as_bytes())
    };
    names(dir).into_iter().find(has)
}

#[tokio::test]
async fn of_what_is_forgotten_no_byte_is_left_in_the_files_while_the_hub_runs_on() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut speaker = node(&hub).await;
    // Said often and in many forms: in the log, settled, replaced by others, cleared.
    for turn in 0..5 {
        for n in 0..40 {
            speaker.publish(&format!("bedroom/{n}"), &format!("\"whispered {turn}\"")).await;
            speaker.publish(&format!("kitchen/{n}"), &format!("\"spoken {turn}\"")).await;
        }
    }
    speaker.publish("bedroom/long", &format!("\"{}\"", "whispered ".repeat(1000))).await;
    speaker.publish_with("bedroom/7", "null", r#", "retain": true"#).await;
    // A command is an event.
    let mut operator = Client::open(&hub, "/talk/n", r#"{"filters": []}"#).await;
    operator.publish("bedroom/lamp/set", "\"whispered\"").await;
    operator.publish("kitchen/lamp/set", "\"spoken of\"").await;
    until("the events to be written", || holds(dir.path(), "spoken of").is_some()).await;
    assert!(holds(dir.path(), "bedroom").is_some() && holds(dir.path(), "whispered").is_some());
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/#"], "retained": false}"#).await;
    let said = care(dir.path(), &["store", "forget", "n/bedroom/#"]).succeeds();
    assert_eq!(said, "topics forgotten: 40\n");
    for text in ["bedroom", "whispered"] {
        assert_eq!(holds(dir.path(), text), None, "{text}");
    }
    assert!(holds(dir.path(), "spoken of").is_some(), "the events of others stay");
    // But for the audit trail, which names the topics of commands on purpose.
    let log = hub.log();
    assert!(!log.lines().any(|line| line.contains("bedroom") && !line.contains(" audit ")), "{log}");
    let kept = under(&hub, "n").await;
    assert_eq!(kept.len(), 41, "the kitchen, and that the node is connected: {kept:?}");
    // Nobody was told, and everything goes on.
    speaker.publish("kitchen/0", "1").await;
    assert_eq!(reader.two().await[0], "n/kitchen/0");
    speaker.publish("bedroom/0", "\"said again\"").await;
    assert_eq!(reader.two().await[0], "n/bedroom/0");
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    let again = under(&hub, "n").await;
    assert_eq!((again.len(), &again["n/bedroom/0"].0), (42, &"said again".into()));
    assert_eq!(again["n/kitchen/5"], kept["n/kitchen/5"]);
    assert!(care(dir.path(), &["store", "check"]).succeeds().ends_with("whole\n"));
}

#[tokio::test]
async fn what_is_forgotten_has_no_history_any_more_and_all_others_have_theirs() {
    let dir = folder();
    let settings = [COMMIT, "history.span_seconds=1"];
    let hub = Hub::with_store(dir.path(), &settings);
    let mut speaker = node(&hub).await;
    let mut number = 0;
    let mut say = async |speaker: &mut Client| {
        number += 1;
        speaker.publish("bedroom/t", &format!(r#"{{"a": {number}, "b": "b{number}"}}"#)).await;
        speaker.publish("kitchen/t", &number.to_string()).await;
    };
    // Some of it is sealed, some is not.
    in_time("spans", async {
        while hub.figure("history_spans").await < 4 {
            say(&mut speaker).await;
        }
    })
    .await;
    say(&mut speaker).await;
    let told = async |hub: &Hub| {
        let mut reader = Client::open(hub, "/talk", r#"{"filters": []}"#).await;
        reader
            .say(r#"["clown.talk/-/history/get", {"filters": ["n/+/t"], "step": 0, "points": 5000}]"#)
            .await;
        let answer = reader.frame().await;
        let series = answer[1]["series"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        let one = |series: &serde_json::Value| {
            (series["topic"].as_str().unwrap().to_owned(), series["value"].as_array().unwrap().clone())
        };
        series.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(told(&hub).await.len(), 3);
    let said = care(dir.path(), &["store", "forget", "n/bedroom/#"]).succeeds();
    assert_eq!(said, "topics forgotten: 1\n");
    assert_eq!(holds(dir.path(), "bedroom"), None);
    let left = told(&hub).await;
    assert_eq!((left.len(), &*left[0].0), (1, "n/kitchen/t"), "{left:?}");
    assert_eq!(left[0].1.last(), Some(&number.into()));
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &settings);
    assert_eq!(told(&hub).await, left);
    assert!(care(dir.path(), &["store", "check"]).succeeds().ends_with("whole\n"));
    assert!(hub.figure("history_oldest").await > 1_700_000_000);
}

#[tokio::test]
async fn history_alone_is_forgotten_while_last_values_and_events_stay_and_no_byte_of_it_is_left() {
    let dir = folder();
    let settings = [COMMIT, "history.span_seconds=1"];
    let hub = Hub::with_store(dir.path(), &settings);
    let mut speaker = node(&hub).await;
    for text in ["whispered", "said aloud"] {
        speaker.publish("bedroom/t", &format!("{{\"a\": \"{text}\"}}")).await;
        speaker.publish("kitchen/t", &format!("{{\"a\": \"in the kitchen {text}\"}}")).await;
    }
    let mut operator = Client::open(&hub, "/talk/n", r#"{"filters": []}"#).await;
    operator.publish("bedroom/lamp/set", "\"a command\"").await;
    let series = async |hub: &Hub| {
        let mut reader = Client::open(hub, "/talk", r#"{"filters": []}"#).await;
        reader.say(r#"["clown.talk/-/history/get", {"filters": ["n/+/t"], "step": 0}]"#).await;
        reader.frame().await[1]["series"].clone()
    };
    assert_eq!(series(&hub).await.as_array().unwrap().len(), 2);
    assert!(holds(dir.path(), "whispered").is_some());
    let said = care(dir.path(), &["store", "forget", "--history", "n/bedroom/#"]).succeeds();
    assert_eq!(said, "series of history forgotten: 1; last values and events stay\n");
    let kept = under(&hub, "n/bedroom").await;
    assert_eq!(kept["n/bedroom/t"].0, r#"{"a": "said aloud"}"#.parse::<serde_json::Value>().unwrap());
    assert!(holds(dir.path(), "a command").is_some(), "the event");
    let left = series(&hub).await;
    assert_eq!((left.as_array().unwrap().len(), &left[0]["topic"]), (1, &"n/kitchen/t".into()));
    assert_eq!(left[0]["value"].as_array().unwrap().len(), 2);
    // Only what the kitchen has said has this word still.
    for name in names(dir.path()) {
        let bytes = fs::read(dir.path().join(name)).unwrap_or_default();
        let alone = |at: usize| !bytes[..at].ends_with(b"in the kitchen ");
        let found = (0..bytes.len().saturating_sub(9)).filter(|at| bytes[*at..].starts_with(b"whispered"));
        assert_eq!(found.filter(|at| alone(*at)).count(), 0);
    }
    // A start does not bring it back, and what is said from now on is kept.
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &settings);
    assert_eq!(series(&hub).await, left);
    node(&hub).await.publish("bedroom/t", "{\"a\": \"again\"}").await;
    assert_eq!(series(&hub).await[0]["value"], serde_json::json!(["again"]));
    assert!(care(dir.path(), &["store", "check"]).succeeds().ends_with("whole\n"));
}

#[tokio::test]
async fn who_forgets_hears_what_is_not_gone_and_why() {
    let dir = folder();
    fs::write(dir.path().join("hub-v1.db"), "an old copy").unwrap();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut speaker = node(&hub).await;
    speaker.publish("t", "\"a secret\"").await;
    let said = care(dir.path(), &["store", "forget", "n/#"]).succeeds();
    assert!(
        said.starts_with("topics forgotten: 1; topics that are still there, as their nodes are connected"),
        "{said}"
    );
    assert!(said.contains("older files may still have them: ") && said.contains("hub-v1.db"), "{said}");
    // Somebody reads the file, and with it what was in the journal.
    speaker.publish("t", "\"a secret\"").await;
    let other = rusqlite::Connection::open(dir.path().join("hub.db")).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM last").unwrap();
    let ran = care(dir.path(), &["store", "forget", "n/t"]);
    assert!(
        refuses(&ran, 3).contains("topics forgotten: 1, but their bytes may still be in the file"),
        "{}",
        ran.stderr
    );
    drop(other);
    let said = care(dir.path(), &["store", "forget", "n/t"]).succeeds();
    assert!(said.starts_with("topics forgotten: 0;"), "{said}");
    assert_eq!(holds(dir.path(), "a secret"), None);
    for (filter, sentence) in [("n/*", "here it is 'n/#'"), ("n/#/t", "invalid value"), ("", "invalid value")]
    {
        let ran = care(dir.path(), &["store", "forget", filter]);
        assert!(ran.code == Some(2) && ran.stderr.contains(sentence), "{}", ran.stderr);
    }
    hub.killed().await;
    let ran = care(dir.path(), &["store", "forget", "n/t"]);
    assert!(refuses(&ran, 1).contains("it forgets while it runs, so start it"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_hub_that_is_killed_while_it_forgets_has_a_whole_store_and_forgets_when_it_is_asked_again() {
    let dir = folder();
    let mut random = 7_u64;
    for _ in 0..times(4, 20) {
        let hub = Hub::with_store(dir.path(), &[COMMIT]);
        let mut speaker = node(&hub).await;
        for n in 0..10 {
            speaker.publish(&format!("secret/{n}"), &format!("\"{}\"", "whispered ".repeat(50_000))).await;
            speaker.publish(&format!("t/{n}"), &n.to_string()).await;
        }
        let place = dir.path().to_owned();
        let asked = std::thread::spawn(move || care(&place, &["store", "forget", "n/secret/#"]));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(std::time::Duration::from_millis((random >> 33) % 1500)).await;
        hub.killed().await;
        let ran = asked.join().unwrap();
        assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.stderr);
        assert!(care(dir.path(), &["store", "check"]).succeeds().ends_with("whole\n"));
        let hub = Hub::with_store(dir.path(), &[]);
        assert_eq!(under(&hub, "n/t").await.len(), 10);
        let said = care(dir.path(), &["store", "forget", "n/secret/#"]).succeeds();
        assert!(said.starts_with("topics forgotten: ") && !said.contains("still there"), "{said}");
        for text in ["secret", "whispered"] {
            assert_eq!(holds(dir.path(), text), None, "{text}");
        }
        hub.stopped().await;
    }
}

#[tokio::test]
async fn a_store_of_an_older_hub_is_looked_through_copied_and_put_in_place_as_it_is() {
    let (dir, elsewhere, new) = (folder(), folder(), folder());
    filled(dir.path(), 3).await;
    let older = rusqlite::Connection::open(dir.path().join("hub.db")).unwrap();
    // As the first version of the file was.
    let sql = "SELECT 'DROP ' || type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' \
               AND name NOT IN ('mark', 'topic', 'user', 'log', 'last', 'life') AND type IN ('trigger', 'table') \
               ORDER BY type DESC";
    let drops: Vec<String> =
        older.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    older.execute_batch(&(drops.join(";") + "; PRAGMA user_version=1")).unwrap();
    older.close().unwrap();
    let copy = elsewhere.path().join("copy.db");
    assert!(care(dir.path(), &["store", "check"]).succeeds().contains("version      1\n"));
    care(dir.path(), &["backup", text(&copy)]).succeeds();
    care(new.path(), &["restore", text(&copy)]).succeeds();
    let hub = Hub::with_store(new.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 3);
}

#[tokio::test]
async fn the_figures_say_what_the_store_costs_and_what_waits_for_it() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut speaker = node(&hub).await;
    for n in 0..20 {
        speaker.publish(&format!("t/{n}"), &format!("\"{}\"", "x".repeat(2000))).await;
    }
    figure_is(&hub, "written_bytes_total", |bytes| bytes > 40_000).await;
    figure_is(&hub, "journal_bytes", |bytes| bytes > 40_000).await;
    assert!(figure(&hub, "bytes").await > figure(&hub, "journal_bytes").await);
    let (longest, all) =
        (figure(&hub, "longest_write_microseconds").await, figure(&hub, "writing_microseconds_total").await);
    assert!(longest > 0 && longest <= all && longest >= figure(&hub, "write_microseconds").await);
    figure_is(&hub, "oldest", |oldest| oldest > 1_700_000_000).await;
    let told = last_values(&hub, r#"["$SYS/hub/store/+"]"#).await;
    for name in
        ["queue_bytes", "journal_bytes", "longest_write_microseconds", "written_bytes", "oldest", "state"]
    {
        assert!(told.contains_key(&format!("$SYS/hub/store/{name}")), "{name}");
    }
}

#[tokio::test]
async fn a_folder_that_vanishes_while_the_hub_runs_is_made_again_from_memory() {
    let dir = folder();
    let store = dir.path().join("state");
    let hub = Hub::with_store(&store, &[COMMIT]);
    let mut speaker = node(&hub).await;
    for n in 0..10 {
        speaker.publish(&format!("t/{n}"), "1").await;
    }
    // In one step: the hub may make it again at any moment.
    let gone = dir.path().join("gone");
    fs::rename(&store, &gone).unwrap();
    fs::remove_dir_all(gone).unwrap();
    hub.logs("the file of the store has vanished while the hub ran").await;
    hub.logs("the store can be written again").await;
    figure_is(&hub, "state", |state| state == 1).await;
    speaker.publish("t/10", "1").await;
    assert_eq!(hub.log().matches("ERROR").count(), 1, "{}", hub.log());
    // Commands find it, too.
    care(&store, &["store", "check"]).succeeds();
    figure_is(&hub, "values", |values| values == 12).await;
    let said = care(&store, &["store", "forget", "n/t/0"]).succeeds();
    assert_eq!(said, "topics forgotten: 1\n");
    hub.killed().await;
    let hub = Hub::with_store(&store, &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 10);
}

#[tokio::test]
async fn where_the_folder_is_gone_for_a_time_messages_are_routed_and_the_old_file_goes_on_when_it_is_back() {
    let dir = folder();
    let (disk, away) = (dir.path().join("disk"), dir.path().join("away"));
    let store = disk.join("state");
    let hub = Hub::with_store(&store, &[COMMIT]);
    let mut speaker = node(&hub).await;
    for n in 0..5 {
        speaker.publish(&format!("t/{n}"), "1").await;
    }
    // As a disk that is taken off, and nothing can be made in its place.
    fs::rename(&disk, &away).unwrap();
    fs::write(&disk, "").unwrap();
    hub.logs("the store cannot be written: messages are routed and last values are kept in memory").await;
    figure_is(&hub, "state", |state| state == 3).await;
    speaker.say(r#"["t/meanwhile", 2, {"id": 1}]"#).await;
    let [topic, payload] = speaker.two().await;
    assert_eq!(topic, "clown.talk/-/publish/error", "{payload}");
    assert_eq!(under(&hub, "n/t").await["n/t/meanwhile"].0, 2);
    fs::remove_file(&disk).unwrap();
    fs::rename(&away, &disk).unwrap();
    hub.logs("the store can be written again").await;
    hub.logs("unwritten=1").await;
    figure_is(&hub, "state", |state| state == 1).await;
    assert_eq!(names(&store).iter().filter(|name| *name == "lost").count(), 0, "the old file goes on");
    hub.killed().await;
    let hub = Hub::with_store(&store, &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 6);
}

#[tokio::test]
async fn who_reads_the_file_for_a_long_time_holds_nobody_up() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut speaker = node(&hub).await;
    speaker.publish("t/before", "1").await;
    let other = rusqlite::Connection::open(dir.path().join("hub.db")).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM last").unwrap();
    for n in 0..50 {
        speaker.publish(&format!("t/{n}"), "1").await;
    }
    // Its journal cannot be cut off meanwhile, and the operator hears of that once.
    let long = format!("\"{}\"", "x".repeat(500_000));
    for n in 0..140 {
        speaker.publish(&format!("t/{}", n % 50), &long).await;
    }
    hub.logs("another program reads the file and does not end").await;
    assert_eq!((figure(&hub, "failed_total").await, figure(&hub, "state").await), (0, 1));
    drop(other);
    for n in 0..3 {
        speaker.publish(&format!("t/{n}"), "1").await;
    }
    figure_is(&hub, "journal_bytes", |bytes| bytes < 64 << 20).await;
    assert_eq!(hub.log().matches(" WARN ").count(), 1, "{}", hub.log());
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 51);
}
