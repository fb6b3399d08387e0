//! `clown-hub req` and `clown-hub nodes`, against a simulated node.

use insta::assert_snapshot;

use crate::support::{Client, Hub, Ran, run};

fn at_bridge(hub: &Hub, args: &[&str]) -> Ran {
    let url = format!("ws://clown:bigclown@{}/nodes/bridge/0", hub.address);
    run(&[args, &["--url", &url]].concat(), "")
}

async fn with_bridge() -> Hub {
    let hub = Hub::with(&["simulator.run=on"]);
    let mut reader = Client::open(&hub, "/talk/nodes/bridge/0", r#"{"filters": ["presence"]}"#).await;
    reader.hear().await;
    hub
}

#[tokio::test]
async fn a_command_is_answered_by_the_state_that_follows_or_by_ok() {
    let hub = with_bridge().await;
    let state = at_bridge(&hub, &["req", "relay/i2c0-3b/set", r#"{"state": true}"#]).succeeds();
    assert_eq!(state, "relay/i2c0-3b {\"state\": true}\n");
    let state = at_bridge(&hub, &["req", "relay/i2c0-3b/get"]).succeeds();
    assert_eq!(state, "relay/i2c0-3b {\"state\": true}\n");
    let list = at_bridge(&hub, &["req", "-/-/config/list"]).succeeds();
    assert!(list.starts_with("-/-/config/list/ok "), "{list}");
    let ok =
        at_bridge(&hub, &["req", "thermometer/i2c0-48/config/set", r#"{"publish-interval": 5}"#]).succeeds();
    assert!(ok.starts_with("thermometer/i2c0-48/config/ok {\"publish-interval\": 5"), "{ok}");
}

#[tokio::test]
async fn an_error_is_printed_and_told_by_the_exit_code() {
    let hub = with_bridge().await;
    let ran = at_bridge(&hub, &["req", "thermometer/i2c0-48/config/set", r#"{"publish-interval": "soon"}"#]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stdout.starts_with("thermometer/i2c0-48/config/error "), "{}", ran.stdout);
    assert_snapshot!(ran.stderr, @"clown-hub: thermometer/i2c0-48/config/set was answered with an error");
}

#[tokio::test]
async fn a_command_that_no_node_reads_is_not_waited_for() {
    let hub = Hub::demo();
    let ran = at_bridge(&hub, &["req", "relay/i2c0-3b/set", r#"{"state": true}"#, "--timeout", "1h"]);
    assert_eq!(ran.code, Some(4));
    assert_snapshot!(ran.stderr, @"clown-hub: no node reads relay/i2c0-3b/set; is it there? `clown-hub nodes` shows it");
}

#[tokio::test]
async fn silence_is_told_by_the_exit_code() {
    let hub = Hub::demo();
    let _node = Client::open(&hub, "/talk/nodes/bridge/0?side=node", "{}").await;
    let ran = at_bridge(&hub, &["req", "relay/i2c0-3b/set", r#"{"state": true}"#, "--timeout", "200ms"]);
    assert_eq!(ran.code, Some(4));
    assert_snapshot!(ran.stderr, @"clown-hub: no answer to relay/i2c0-3b/set in 200ms; is the node there? `clown-hub nodes` shows it");
}

#[tokio::test]
async fn a_node_is_listed_with_its_values_also_from_its_own_base() {
    let hub = with_bridge().await;
    at_bridge(&hub, &["req", "relay/i2c0-3b/set", r#"{"state": true}"#]).succeeds();
    let table = at_bridge(&hub, &["nodes"]).succeeds();
    let row = table.lines().nth(1).unwrap();
    assert!(row.starts_with(".     online") && row.contains(r#"relay/i2c0-3b {"state": true}"#), "{table}");
}

#[tokio::test]
async fn a_command_is_one_by_its_whole_topic_also_where_the_url_has_a_base() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/attic?side=node", r#"{"filters": ["alias/list"]}"#).await;
    let url = format!("ws://clown:bigclown@{}/attic", hub.address);
    let asked = std::thread::spawn(move || run(&["req", "alias/list", "--url", &url], ""));
    assert_eq!(node.frame().await[0], "alias/list");
    node.say(r#"["alias/list/ok", {"attic": 1}]"#).await;
    assert_eq!(asked.join().unwrap().succeeds(), "alias/list/ok {\"attic\": 1}\n");
    let url = format!("ws://clown:bigclown@{}", hub.address);
    assert_eq!(run(&["req", "alias/list", "--url", &url], "").code, Some(2), "at the root it is a reading");
}

#[test]
fn what_is_no_command_is_not_sent() {
    let ran = run(&["req", "relay/i2c0-3b", "1"], "");
    assert_eq!(ran.code, Some(2));
    assert_snapshot!(ran.stderr, @"clown-hub: relay/i2c0-3b is no command: a command names what it is for and ends with /set, /get, /list, /update or /scan; type: clown-hub req relay/i2c0-3b/set 1 (or, to send it all the same: clown-hub pub relay/i2c0-3b 1)");
}

#[tokio::test]
async fn nodes_are_listed_with_their_presence_and_values() {
    let hub = Hub::demo();
    let mut here = Client::open(&hub, "/talk/home/attic?side=node", "{}").await;
    here.publish("thermometer/0", "20.10").await;
    let mut gone = Client::open(&hub, "/talk/home/cellar?side=node", "{}").await;
    gone.publish("lamp/0", r#"{"on": false}"#).await;
    gone.leave().await;
    let url = format!("ws://clown:bigclown@{}", hub.address);
    let table = run(&["nodes", "--url", &url], "").succeeds();
    let words: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(words[0], ["NODE", "STATE", "FOR", "TOPICS", "STALE", "LAST", "VALUES"]);
    assert_eq!(
        (&words[1][..2], &words[1][4..]),
        (&["home/attic", "online"][..], &["1", "0", "thermometer/0", "20.10"][..])
    );
    assert_eq!(&words[2][..2], ["home/cellar", "offline"]);
    let lines = run(&["nodes", "--format", "json", "--url", &url], "").succeeds();
    let node: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&node["node"], &node["values"]["thermometer/0"]), (&"home/attic".into(), &20.1.into()));
    assert_eq!(node["stale"], serde_json::json!({}));
}
