//! Commands that are confirmed by their nodes, and commands that hold for a time only (`docs/protocol.md`, clauses 5.5
//! and 5.6).

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Client, Hub, binary, in_time, run};

const RELAY: &str = "relay/i2c0-3b";

/// A simulated node in a process of its own: it remembers how its relays stand, whatever becomes of the hub.
struct Node(Child);

impl Node {
    fn at(hub: &Hub) -> Self {
        let url = format!("ws://clown:bigclown@{}", hub.address);
        Self(binary().args(["sim", &url, "--base", "n"]).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Somebody who only looks.
async fn watcher(hub: &Hub) -> Client {
    Client::open(hub, "/talk/n", &format!(r#"{{"filters": ["{RELAY}", "presence"]}}"#)).await
}

async fn phone(hub: &Hub) -> Client {
    Client::open(hub, "/talk/n", r#"{"filters": []}"#).await
}

/// How many commands no node has confirmed, as `/metrics` tells it.
async fn unanswered(hub: &Hub) -> u64 {
    let text = hub.request("GET", "/metrics", &[], "").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix("clown_hub_commands_unanswered_total "));
    line.unwrap().parse().unwrap()
}

/// What the relay itself says, once its node is there.
async fn asks_the_relay(hub: &Hub) -> Value {
    let mut phone = phone(hub).await;
    in_time("the node", async {
        loop {
            phone.say(&format!(r#"["{RELAY}/get", {{}}, {{"id": 1, "confirm": 5}}]"#)).await;
            let [topic, payload] = phone.two().await;
            if topic == "clown.talk/-/publish/ok" {
                return payload["confirmed"]["state"].clone();
            }
            assert!(payload["reason"].as_str().unwrap().starts_with("offline"), "{payload}");
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

/// Waits until the relay says that it is off.
async fn is_off(hub: &Hub) {
    in_time("the relay to go off", async {
        while asks_the_relay(hub).await != json!(false) {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}

/// Switches the relay on for some seconds, and returns when it has said that it is on.
async fn switches_on(phone: &mut Client, seconds: u32, more: &str) -> Value {
    let frame = format!(
        r#"["{RELAY}/set", {{"state": true}}, {{"id": 7, "confirm": 5, "lease": {seconds}, "safe": {{"state": false}}{more}}}]"#
    );
    let answer = phone.asks(&frame, "publish/ok").await;
    assert_eq!(answer["confirmed"], json!({"state": true}), "{answer}");
    answer
}

async fn with_a_node(store: &Path, settings: &[&str]) -> (Hub, Node) {
    let hub = Hub::with_store(store, settings);
    let node = Node::at(&hub);
    asks_the_relay(&hub).await;
    (hub, node)
}

/// The same hub once more, where it was.
fn again(store: &Path, address: &str) -> Hub {
    Hub::with_store(store, &[&format!("server.listen={address}")])
}

#[tokio::test]
async fn who_switches_a_relay_of_a_real_node_hears_that_it_has_switched() {
    let store = tempfile::tempdir().unwrap();
    let (hub, node) = with_a_node(store.path(), &[]).await;
    let mut phone = phone(&hub).await;
    let before = unanswered(&hub).await;
    let frame = format!(r#"["{RELAY}/set", {{"state": true}}, {{"id": "a", "confirm": 5}}]"#);
    let answer = phone.asks(&frame, "publish/ok").await;
    assert_eq!((&answer["id"], &answer["confirmed"]), (&json!("a"), &json!({"state": true})));
    assert_eq!(answer["topic"], RELAY);
    // The node of the first generation takes no such value, and says nothing.
    let frame = format!(r#"["{RELAY}/set", {{"state": 7}}, {{"id": 2, "confirm": 0.2}}]"#);
    let answer = phone.asks(&frame, "publish/error").await;
    assert!(answer["reason"].as_str().unwrap().starts_with("timeout: "), "{answer}");
    assert_eq!(answer["state"], json!({"state": true}));
    let mut watcher = watcher(&hub).await;
    drop(node);
    while watcher.frame().await[1]["state"] != "offline" {}
    let frame = format!(r#"["{RELAY}/set", {{"state": false}}, {{"id": 3, "confirm": 60}}]"#);
    let answer = phone.asks(&frame, "publish/error").await;
    assert!(answer["reason"].as_str().unwrap().starts_with("offline: "), "{answer}");
    assert_eq!(unanswered(&hub).await, before + 2);
}

#[tokio::test]
async fn a_relay_that_was_switched_on_for_a_second_goes_off_after_it() {
    let store = tempfile::tempdir().unwrap();
    let (hub, _node) = with_a_node(store.path(), &[]).await;
    let mut phone = phone(&hub).await;
    let answer = switches_on(&mut phone, 1, "").await;
    assert_eq!((&answer["lease"], answer.get("stored")), (&json!(1.0), None), "on the disk");
    is_off(&hub).await;
}

#[tokio::test]
async fn a_relay_goes_off_when_the_phone_that_switched_it_on_vanishes() {
    let store = tempfile::tempdir().unwrap();
    let (hub, _node) = with_a_node(store.path(), &[]).await;
    let mut phone = phone(&hub).await;
    switches_on(&mut phone, 3600, r#", "keep": true"#).await;
    drop(phone);
    is_off(&hub).await;
}

#[tokio::test]
async fn a_relay_stays_on_for_its_time_when_the_phone_asked_for_that_and_says_good_bye() {
    let store = tempfile::tempdir().unwrap();
    let (hub, _node) = with_a_node(store.path(), &[]).await;
    let mut first = phone(&hub).await;
    switches_on(&mut first, 3600, r#", "keep": true"#).await;
    first.leave().await;
    let mut second = phone(&hub).await;
    let leases = second.asks(r##"["clown.talk/-/lease/get", {"filters": ["#"]}]"##, "lease/ok").await;
    let lease = &leases["leases"][0];
    assert_eq!((&lease["topic"], &lease["holder"]), (&json!(format!("{RELAY}/set")), &json!("clown")));
    assert_eq!(asks_the_relay(&hub).await, json!(true));
    // Who takes it over without keeping it ends it by leaving.
    switches_on(&mut second, 3600, "").await;
    second.leave().await;
    is_off(&hub).await;
}

#[tokio::test]
async fn a_relay_goes_off_in_its_time_when_the_hub_was_killed_and_started_again() {
    let store = tempfile::tempdir().unwrap();
    let (hub, _node) = with_a_node(store.path(), &[]).await;
    let address = hub.address.to_string();
    let mut phone = phone(&hub).await;
    switches_on(&mut phone, 4, "").await;
    hub.killed().await;
    let hub = again(store.path(), &address);
    is_off(&hub).await;
}

#[tokio::test]
async fn a_relay_goes_off_when_the_hub_was_killed_and_starts_again_too_late() {
    let store = tempfile::tempdir().unwrap();
    let (hub, _node) = with_a_node(store.path(), &[]).await;
    let address = hub.address.to_string();
    let mut phone = phone(&hub).await;
    switches_on(&mut phone, 1, "").await;
    hub.killed().await;
    sleep(Duration::from_millis(1500)).await;
    let hub = again(store.path(), &address);
    // The node comes back by itself, and what it hears first is the safe command.
    is_off(&hub).await;
}

#[tokio::test]
async fn a_lease_outlives_a_hub_that_is_stopped_and_started_as_it_should_be() {
    let store = tempfile::tempdir().unwrap();
    let (hub, _node) = with_a_node(store.path(), &[]).await;
    let address = hub.address.to_string();
    let mut first = phone(&hub).await;
    switches_on(&mut first, 3600, "").await;
    hub.stopped().await;
    let hub = again(store.path(), &address);
    assert_eq!(asks_the_relay(&hub).await, json!(true), "a restart of the hub switches nothing");
    let mut phone = phone(&hub).await;
    let leases = phone.asks(r##"["clown.talk/-/lease/get", {"filters": ["#"]}]"##, "lease/ok").await;
    assert_eq!(leases["leases"].as_array().map(Vec::len), Some(1), "{leases}");
    // A command without a lease ends it, on the disk too.
    let frame = format!(r#"["{RELAY}/set", {{"state": true}}, {{"id": 8, "confirm": 5}}]"#);
    phone.asks(&frame, "publish/ok").await;
    hub.stopped().await;
    let hub = again(store.path(), &address);
    let mut phone = self::phone(&hub).await;
    let leases = phone.asks(r##"["clown.talk/-/lease/get", {"filters": ["#"]}]"##, "lease/ok").await;
    assert_eq!(leases["leases"], json!([]));
}

#[tokio::test]
async fn the_command_line_switches_a_relay_on_for_a_second() {
    let store = tempfile::tempdir().unwrap();
    let (hub, _node) = with_a_node(store.path(), &[]).await;
    let url = format!("ws://clown:bigclown@{}/n", hub.address);
    let mut watcher = watcher(&hub).await;
    let topic = format!("{RELAY}/set");
    let on = ["pub", &topic, r#"{"state": true}"#, "--lease", "1s", "--safe", r#"{"state": false}"#];
    run(&[&on[..], &["--url", &url]].concat(), "").succeeds();
    while watcher.frame().await[1] != json!({"state": true}) {}
    is_off(&hub).await;
    let ran = run(&[&on[..5], &["--safe", "{state: false}", "--url", &url]].concat(), "");
    assert_eq!((ran.code, ran.stderr.contains("--safe is not JSON")), (Some(2), true), "{}", ran.stderr);
}

#[tokio::test]
async fn a_hub_without_a_store_says_so_with_its_answer() {
    let hub = Hub::demo();
    let _node = Node::at(&hub);
    asks_the_relay(&hub).await;
    let mut phone = phone(&hub).await;
    let answer = switches_on(&mut phone, 3600, "").await;
    assert_eq!(answer["stored"], json!(false));
    drop(phone);
    is_off(&hub).await;
}
