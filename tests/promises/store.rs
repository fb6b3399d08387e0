//! What survives the end of the hub, however it ends (`docs/protocol.md`, clauses 5.2 and 5.3).

mod clock;
mod ends;
mod files;
mod outages;
mod support;
mod upkeep;

use std::fs;

use crate::support::{Client, Hub, in_time};
use support::{COMMIT, figure, figure_is, folder, last_values, under};

#[tokio::test]
async fn last_values_are_there_again_after_a_restart_with_time_sender_and_options() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/exact", "20.10").await;
    node.publish("t/text", r#"{"temperature": [20.01, "℃"], "b": "\u2103"}"#).await;
    node.publish_with("t/passed", "1", r#", "qos": [1, 2], "expires": 3600"#).await;
    node.publish_with("relay/set", "true", r#", "retain": true"#).await;
    node.publish("t/gone", "1").await;
    node.publish_with("t/gone", "null", r#", "retain": true"#).await;
    node.publish_with("t/passes", "1", r#", "retain": false"#).await;
    node.publish_with("t/expired", "1", r#", "expires": 0.001"#).await;
    node.leave().await;
    let before = in_time("one of them expires", async {
        loop {
            let found = under(&hub, "n").await;
            if !found.contains_key("n/t/expired") {
                return found;
            }
        }
    })
    .await;
    assert_eq!(before.len(), 5, "four values and the presence: {before:?}");
    hub.stopped().await;

    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n").await, before);
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/t/exact"]}"#).await;
    assert_eq!(reader.hear().await, r#"["n/t/exact", 20.10]"#, "to the letter");
    drop(reader);
    // Nobody has said anything since; what was read is still in the file.
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n").await, before);
    let figures = last_values(&hub, r#"["$SYS/hub/store/state"]"#).await;
    assert_eq!(figures["$SYS/hub/store/state"].0, "on");
}

#[tokio::test]
async fn a_node_that_was_there_when_the_hub_died_is_offline_since_then_until_it_is_there_again() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    let online = under(&hub, "n").await;
    assert_eq!(online["n/presence"].0["state"], "online");
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let offline = under(&hub, "n").await;
    let (state, options) = &offline["n/presence"];
    assert_eq!((&state["state"], &options["from"]), (&"offline".into(), &"hub".into()));
    let since = state["since"].as_str().unwrap();
    assert!(since >= online["n/t"].1["time"].as_str().unwrap(), "{since}");
    assert_eq!(options["time"], since);
    // It is written, and does not change with another restart.
    figure_is(&hub, "writes_total", |writes| writes > 0).await;
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    assert_eq!(under(&hub, "n").await["n/presence"], offline["n/presence"]);
    let _node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    assert_eq!(under(&hub, "n").await["n/presence"].0["state"], "online");
}

#[tokio::test]
async fn who_asks_too_much_at_once_is_told_so_and_the_others_are_answered() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let frames: Vec<_> = (0..3000).map(|n| format!("[\"t\", {n}, {{\"id\": {n}}}]")).collect();
    node.say(&frames.join("\n")).await;
    let (mut confirmed, mut refused) = (0, 0);
    for _ in 0..3000 {
        let [topic, payload] = node.two().await;
        match topic.as_str().unwrap() {
            "clown.talk/-/publish/ok" => confirmed += 1,
            "clown.talk/-/publish/error" => {
                assert!(
                    payload["reason"].as_str().unwrap().starts_with("not published: 1000 messages"),
                    "{payload}"
                );
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(confirmed >= 1000 && confirmed + refused == 3000, "{confirmed} and {refused}");
    figure_is(&hub, "unconfirmed", |waiting| waiting == 0).await;
    node.publish("t", "1").await;
}

#[tokio::test]
async fn without_a_store_nothing_is_written_and_nothing_waits() {
    let hub = Hub::with(&["store.directory=", COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    assert_eq!(fs::read_dir(hub.dir()).unwrap().count(), 0);
    assert_eq!(figure(&hub, "state").await, 0);
}
