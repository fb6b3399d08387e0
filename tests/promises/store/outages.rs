//! Disks that are full, read-only or gone: messages go on, and what was missed is written later.

use std::fs;

use serde_json::Value;

use super::support::{COMMIT, Small, Worn, figure, figure_is, filled, folder, under};
use crate::support::{Client, Hub};

#[tokio::test]
async fn a_full_disk_stops_no_message_and_when_there_is_room_everything_is_written() {
    let Some(disk) = Small::of("2m") else { return };
    let store = disk.0.path().join("store");
    let hub = Hub::with_store(&store, &[COMMIT, "store.keep_free_bytes=0"]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/before", "1").await;
    let filler = disk.is_filled();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/t/#"], "retained": false}"#).await;
    let large = "x".repeat(60_000);
    let mut refused = None;
    for n in 0..60 {
        node.say(&format!(r#"["t/{n}", "{large}", {{"id": {n}}}]"#)).await;
        let [topic, payload] = node.two().await;
        assert_eq!(reader.two().await[0], format!("n/t/{n}"));
        if topic == "clown.talk/-/publish/error" {
            refused = Some(payload["reason"].as_str().unwrap().to_owned());
            break;
        }
    }
    let refused = refused.expect("the disk was never full");
    assert!(refused.starts_with("routed, but not on the disk: "), "{refused}");
    hub.logs("the store cannot be written").await;
    figure_is(&hub, "state", |state| state == 3).await;
    node.say(r#"["t/meanwhile", 2]"#).await;
    assert_eq!(reader.two().await[1], 2);
    node.say(r#"["t/before", null, {"retain": true}]"#).await;
    assert_eq!(reader.two().await[1], Value::Null);
    fs::remove_file(filler).unwrap();
    assert!(disk.remount("size=64m"));
    hub.logs("the store can be written again").await;
    figure_is(&hub, "state", |state| state == 1).await;
    let before = under(&hub, "n/t").await;
    assert_eq!(before["n/t/meanwhile"].0, 2);
    drop((node, reader));
    hub.stopped().await;
    let hub = Hub::with_store(&store, &[]);
    assert_eq!(under(&hub, "n/t").await, before);
}

#[tokio::test]
async fn a_hub_that_starts_on_a_full_disk_serves_and_has_its_values_again_when_there_is_room() {
    let Some(disk) = Small::of("2m") else { return };
    let store = disk.0.path().join("store");
    filled(&store, 3).await;
    let filler = disk.is_filled();
    let hub = Hub::with_store(&store, &["store.keep_free_bytes=0"]);
    hub.logs("the store cannot be written").await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/1", r#""new""#).await;
    assert_eq!((figure(&hub, "state").await, under(&hub, "n/t").await.len()), (3, 1));
    fs::remove_file(filler).unwrap();
    hub.logs("the store can be written again").await;
    figure_is(&hub, "state", |state| state == 1).await;
    let now = under(&hub, "n/t").await;
    assert_eq!((now.len(), &now["n/t/1"].0), (3, &"new".into()));
    drop(node);
    hub.killed().await;
    let hub = Hub::with_store(&store, &["store.keep_free_bytes=0"]);
    assert_eq!(under(&hub, "n/t").await, now);
}

#[tokio::test]
async fn a_file_system_that_is_read_only_at_the_start_gives_its_values_back_when_it_can_be_written() {
    let Some(disk) = Small::of("8m") else { return };
    let state = disk.0.path().join("state");
    filled(&state.join("clown-hub"), 3).await;
    assert!(disk.remount("ro"));
    let settings = ["store.keep_free_bytes=0"];
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &settings);
    hub.logs("the store cannot be written").await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/meanwhile", "1").await;
    assert_eq!((figure(&hub, "state").await, under(&hub, "n/t").await.len()), (3, 1));
    assert!(disk.remount("rw"));
    hub.logs("the store can be written again").await;
    figure_is(&hub, "state", |state| state == 1).await;
    let now = under(&hub, "n/t").await;
    assert_eq!(now.len(), 4);
    drop(node);
    hub.stopped().await;
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &settings);
    assert_eq!(under(&hub, "n/t").await, now);
}

#[tokio::test]
async fn room_is_left_on_the_disk_for_others_and_it_is_said_how_much_was_not_written() {
    let Some(disk) = Small::of("8m") else { return };
    let store = disk.0.path().join("store");
    let settings = [COMMIT, "store.keep_free_bytes=4000000"];
    let hub = Hub::with_store(&store, &settings);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/before", "1").await;
    // Of others there are 5 MiB from now on.
    let others = disk.0.path().join("others");
    fs::write(&others, vec![0; 5 << 20]).unwrap();
    hub.logs("store.keep_free_bytes leaves 4000000 to others").await;
    for n in 0..5 {
        node.say(&format!(r#"["t/meanwhile", {n}, {{"id": {n}}}]"#)).await;
        let [topic, payload] = node.two().await;
        assert_eq!(topic, "clown.talk/-/publish/error");
        assert!(payload["reason"].as_str().unwrap().starts_with("routed, but not on the disk"), "{payload}");
    }
    assert_eq!(under(&hub, "n/t").await["n/t/meanwhile"].0, 4, "it is served from memory");
    // As much as is to be left, and not more, does not begin it again.
    assert_eq!(figure(&hub, "state").await, 3);
    fs::remove_file(others).unwrap();
    hub.logs("the store can be written again").await;
    hub.logs("unwritten=5").await;
    assert_eq!(figure(&hub, "unwritten_total").await, 5);
    node.publish("t/after", "1").await;
    hub.killed().await;
    let hub = Hub::with_store(&store, &settings);
    assert_eq!(under(&hub, "n/t").await.len(), 3);
}

#[tokio::test]
async fn a_file_that_another_program_holds_stops_no_message_and_is_written_when_that_lets_go() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &["store.write_milliseconds=50"]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/before", "1").await;
    figure_is(&hub, "writes_total", |writes| writes > 0).await;
    let other = rusqlite::Connection::open(dir.path().join("hub.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    node.publish("t/meanwhile", "2").await;
    hub.logs("another program holds the file").await;
    node.publish("t/later", "3").await;
    assert_eq!(under(&hub, "n/t").await["n/t/later"].0, 3);
    other.execute_batch("ROLLBACK").unwrap();
    hub.logs("the store can be written again").await;
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 3);
}

#[tokio::test]
async fn a_file_system_that_becomes_read_only_stops_no_message_and_loses_nothing_once_it_is_mended() {
    let Some(disk) = Worn::new() else { return };
    let store = disk.place().join("store");
    let hub = Hub::with_store(&store, &["store.write_milliseconds=50", "store.keep_free_bytes=0"]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/1", "1").await;
    node.publish("t/cleared", "1").await;
    figure_is(&hub, "writes_total", |writes| writes > 0).await;
    disk.fails();
    node.publish("t/2", "2").await;
    hub.logs("the store cannot be written").await;
    node.publish("t/3", "3").await;
    node.publish_with("t/cleared", "null", r#", "retain": true"#).await;
    assert!(disk.is_mended());
    hub.logs("the store can be written again").await;
    figure_is(&hub, "state", |state| state == 1).await;
    drop(node);
    hub.stopped().await;
    let hub = Hub::with_store(&store, &[]);
    let mut found: Vec<_> = under(&hub, "n/t").await.into_keys().collect();
    found.sort();
    assert_eq!(found, ["n/t/1", "n/t/2", "n/t/3"]);
}

#[tokio::test]
async fn a_file_that_vanishes_while_the_hub_runs_is_made_again_from_memory() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    for n in 0..10 {
        node.publish(&format!("t/{n}"), "1").await;
    }
    for ending in ["", "-wal", "-shm"] {
        fs::remove_file(dir.path().join(format!("hub.db{ending}"))).unwrap();
    }
    hub.logs("the file of the store has vanished").await;
    node.publish("t/10", "1").await;
    figure_is(&hub, "values", |values| values >= 12).await;
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 11);
}

#[tokio::test]
async fn more_than_the_queue_of_the_store_holds_is_counted_and_written_later() {
    let dir = folder();
    let settings = ["store.queue_messages=1024", "retained.topics=200000", "limits.messages_per_second=0"];
    let hub = Hub::with_store(dir.path(), &settings);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    // One message, which is taken without a pause long enough for the writer.
    let mut topics = 0_u64;
    while figure(&hub, "skipped_total").await == 0 {
        let frames: Vec<_> = (0..20_000).map(|n| format!("[\"t/{}\", 1]", topics + n)).collect();
        topics += 20_000;
        assert!(topics <= 200_000, "never too much");
        node.say(&frames.join("\n")).await;
        node.publish("done", "1").await;
    }
    hub.logs("the store cannot keep up").await;
    figure_is(&hub, "state", |state| state == 1).await;
    figure_is(&hub, "values", |values| values == topics + 2).await;
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &settings);
    hub.logs("the last values are back").await;
    // The values, `done` and the presence.
    let kept = hub.request("GET", "/metrics", &[], "").await.text;
    let kept = kept.lines().find(|line| line.starts_with("clown_hub_store_values ")).unwrap().to_owned();
    assert_eq!(kept, format!("clown_hub_store_values {}", topics + 2));
}
