//! `clown-hub sim`: simulated nodes as clients of a hub.

use std::path::PathBuf;
use std::process::{Child, Command};

use serde_json::Value;

use crate::support::{Client, Hub, binary, run, until};

fn url(hub: &Hub) -> String {
    format!("ws://clown:bigclown@{}", hub.address)
}

/// Simulated nodes at a hub, and what they have written.
struct Sim {
    program: Child,
    log: PathBuf,
}

impl Sim {
    fn at(hub: &Hub, args: &[&str]) -> Self {
        let log = hub.dir().join("sim.log");
        let written = std::fs::File::create(&log).unwrap();
        let program = binary().arg("sim").arg(url(hub)).args(args).stderr(written).spawn().unwrap();
        Self { program, log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Ends it as a person would, and returns what it wrote.
    fn ended(mut self) -> String {
        let pid = self.program.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.program.wait().unwrap().success(), "{}", self.log());
        self.log()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // It has ended, or its test has failed.
        let _ = self.program.kill();
    }
}

#[tokio::test]
async fn simulated_nodes_say_readings_and_take_commands_through_the_hub() {
    let hub = Hub::demo();
    let sim = Sim::at(&hub, &["--base", "nodes/bridge/7", "--nodes", "2"]);
    let mut dashboard =
        Client::open(&hub, "/talk/nodes/bridge/8", r#"{"filters": ["led/-", "thermometer/+"]}"#).await;
    let [topic, payload]: [Value; 2] = dashboard.two().await;
    assert!(topic.as_str().unwrap().starts_with("thermometer/i2c"), "{topic}");
    assert!(payload["temperature"][0].is_number(), "{payload}");
    dashboard.say(r#"["led/-/set", {"state": "2-dot"}]"#).await;
    while dashboard.two().await != [Value::from("led/-"), serde_json::json!({"state": "2-dot"})] {}
    sim.ended();
    let mut late = Client::open(&hub, "/talk", r#"{"filters": ["nodes/bridge/8/presence"]}"#).await;
    while late.two().await[1]["state"] != "offline" {}
}

#[tokio::test]
async fn sixty_simulated_nodes_that_lose_their_hub_together_write_a_few_lines() {
    let mut hub = Hub::demo();
    let sim = Sim::at(&hub, &["--nodes", "60"]);
    let are_connected = || sim.log().matches("all simulated nodes are connected").count();
    until("sixty nodes are connected", || are_connected() == 1).await;
    let listen = hub.address.to_string();
    hub.signal("TERM");
    hub.ended().await;
    let hub = Hub::at(&listen);
    until("sixty nodes are connected again", || are_connected() == 2).await;
    let log = sim.ended();
    drop(hub);
    assert!(log.contains("lost their connection"), "{log}");
    let lines = log.lines().count();
    assert!(lines < 30, "{lines} lines: {log}");
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
