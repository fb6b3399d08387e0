//! `clown-hub sim`: simulated nodes as clients of a hub.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Client, Hub, binary, run};

fn url(hub: &Hub) -> String {
    format!("ws://clown:bigclown@{}", hub.address)
}

fn simulated(hub: &Hub, args: &[&str]) -> Child {
    binary().arg("sim").arg(url(hub)).args(args).stderr(Stdio::piped()).spawn().unwrap()
}

/// Ends it as a person would, and returns what it wrote.
fn ended(mut sim: Child) -> String {
    let pid = sim.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let mut log = String::new();
    sim.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(sim.wait().unwrap().success(), "{log}");
    log
}

async fn clients(hub: &Hub, count: u64) {
    while hub.figure("clients_connected").await != count {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn simulated_nodes_say_readings_and_take_commands_through_the_hub() {
    let hub = Hub::demo();
    let sim = simulated(&hub, &["--base", "nodes/bridge/7", "--nodes", "2"]);
    let mut dashboard =
        Client::open(&hub, "/talk/nodes/bridge/8", r#"{"filters": ["led/-", "thermometer/+"]}"#).await;
    let [topic, payload]: [Value; 2] = dashboard.two().await;
    assert!(topic.as_str().unwrap().starts_with("thermometer/i2c"), "{topic}");
    assert!(payload["temperature"][0].is_number(), "{payload}");
    dashboard.say(r#"["led/-/set", {"state": "2-dot"}]"#).await;
    while dashboard.two().await != [Value::from("led/-"), serde_json::json!({"state": "2-dot"})] {}
    ended(sim);
    let mut late = Client::open(&hub, "/talk", r#"{"filters": ["nodes/bridge/8/presence"]}"#).await;
    while late.two().await[1]["state"] != "offline" {}
}

#[tokio::test]
async fn sixty_simulated_nodes_that_lose_their_hub_together_write_a_few_lines() {
    let mut hub = Hub::demo();
    let sim = simulated(&hub, &["--nodes", "60"]);
    clients(&hub, 60).await;
    let listen = hub.address.to_string();
    hub.signal("TERM");
    hub.ended().await;
    let hub = Hub::at(&listen);
    clients(&hub, 60).await;
    let log = ended(sim);
    assert_eq!(log.matches("all simulated nodes are connected").count(), 2, "{log}");
    assert!(log.contains("lost their connection"), "{log}");
    let lines = log.lines().count();
    assert!(lines <= 14, "{lines} lines: {log}");
}

#[tokio::test]
async fn a_hub_that_says_no_ends_the_simulation_with_its_reason() {
    let hub = Hub::demo();
    let refused = run(&["sim", &format!("ws://clown:wrong@{}", hub.address)], "");
    assert_eq!(refused.code, Some(3));
    assert!(
        refused.stderr.contains("the hub answered 401: check the user and the password"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("wrong"), "{}", refused.stderr);
}
