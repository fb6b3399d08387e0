//! Servers end, stand still and come back while states are said at all hubs: in the end all hubs have the same last values, and
//! every command is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::last_values::{newcomer, shares};
use crate::load::{Load, a_second};
use crate::nats::Node;
use crate::support::{Client, Hub, in_time};
use crate::{connected, figure_is, hub, so_long};

/// States that each hub says under topics of its own, and under topics that all hubs say.
const STATES: u64 = 20;

/// Says states at a hub until the end, and says which ones of its own were the last.
pub struct Saying {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<BTreeMap<String, Value>>,
}

impl Saying {
    /// Begins.
    pub async fn at(hub: &Hub, name: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut client = Client::open(hub, "/talk?side=node", r#"{"filters": []}"#).await;
        let ends = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let (mut said, mut n) = (BTreeMap::new(), 0_u64);
            while !ends.load(Ordering::SeqCst) {
                let (own, shared) =
                    (format!("states/{name}/{}", n % STATES), format!("states/all/{}", n % STATES));
                client.publish(&own, &n.to_string()).await;
                client.publish(&shared, &json!([name, n]).to_string()).await;
                said.insert(own, json!(n));
                n += 1;
                sleep(Duration::from_millis(5)).await;
            }
            said
        });
        Self { stop, task }
    }

    /// Ends. Says what it has said of its own.
    pub async fn end(self) -> BTreeMap<String, Value> {
        self.stop.store(true, Ordering::SeqCst);
        in_time("the states", self.task).await.unwrap()
    }
}

/// Waits until newcomers get the same last values at all hubs, and those that each hub said of its own are these.
pub async fn agree(hubs: &[Hub], expected: &BTreeMap<String, Value>) {
    let mut differs = String::new();
    let agreed = tokio::time::timeout(crate::support::PATIENCE, async {
        loop {
            for hub in hubs {
                figure_is(hub, "cluster_last_values_waiting", |waiting| waiting == 0).await;
            }
            let mut found = Vec::new();
            for hub in hubs {
                found.push(newcomer(hub, "states/#").await);
            }
            let is_own = |(topic, _): &(&String, &Value)| !topic.starts_with("states/all/");
            let own: BTreeMap<_, _> =
                found[0].iter().filter(is_own).map(|(t, v)| (t.clone(), v.clone())).collect();
            if own == *expected && found.iter().all(|one| *one == found[0]) {
                return;
            }
            let differing = expected.iter().filter(|(topic, value)| own.get(*topic) != Some(*value));
            differs = format!("{:?}, or {found:?}", differing.collect::<Vec<_>>());
            sleep(Duration::from_millis(200)).await;
        }
    });
    assert!(agreed.await.is_ok(), "they do not agree: expected {differs}");
}

/// Three hubs at three nodes, with load both ways between the first two.
struct World {
    nodes: Vec<Node>,
    hubs: Vec<Hub>,
}

impl World {
    async fn new() -> Self {
        let nodes = Node::nodes(3).await;
        let mut hubs = Vec::new();
        for (node, name) in nodes.iter().zip(["a", "b", "c"]) {
            // What waits for servers that are away is not to give way.
            hubs.push(
                hub(name, &[node], &["cluster.queue_messages=1000000", "cluster.queue_bytes=500000000"])
                    .await,
            );
        }
        for hub in &hubs {
            shares(hub).await;
        }
        Self { nodes, hubs }
    }

    async fn leader(&self) -> usize {
        in_time("a leader", async {
            loop {
                for (number, node) in self.nodes.iter().enumerate() {
                    if node.leads().await {
                        return number;
                    }
                }
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await
    }

    /// Does something while messages go both ways and states are said everywhere. Afterwards every command is counted, and all
    /// have the same last values.
    async fn outlives(mut self, fault: impl AsyncFnOnce(&mut Self)) {
        let there = Load::start(&self.hubs[0], &self.hubs[1], "there", a_second()).await;
        let back = Load::start(&self.hubs[1], &self.hubs[0], "back", a_second()).await;
        // The third hears all states, the others only what newcomers ask for.
        let mut watcher = Client::open(&self.hubs[2], "/talk", r#"{"filters": ["states/#"]}"#).await;
        let mut saying = Vec::new();
        for (hub, name) in self.hubs.iter().zip(["a", "b", "c"]) {
            saying.push(Saying::at(hub, name).await);
        }
        there.goes_on(a_second()).await;
        back.goes_on(a_second()).await;
        fault(&mut self).await;
        there.goes_on(a_second()).await;
        back.goes_on(a_second()).await;
        let mut expected = BTreeMap::new();
        for saying in saying {
            expected.extend(saying.end().await);
        }
        let (there, back) = (there.finish().await, back.finish().await);
        // These two hear of others nothing but commands so far, so what they miss are commands.
        let mut missing = Vec::new();
        for hub in &self.hubs[..2] {
            missing.push(hub.figure("cluster_messages_missing").await);
            for none in ["cluster_messages_lost", "cluster_messages_refused", "cluster_messages_skipped"] {
                assert_eq!(hub.figure(none).await, 0, "{none}");
            }
        }
        println!("{there:?} {back:?} missing {missing:?}");
        assert_eq!((there.again, back.again), (0, 0), "nothing comes twice");
        assert_eq!([back.lost(), there.lost()], missing[..], "what is lost is counted, where it is lost");
        agree(&self.hubs, &expected).await;
        // What the one saw who was there all the time is the same in the end.
        let mut seen = BTreeMap::new();
        watcher.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
        loop {
            let [topic, payload] = watcher.two().await;
            let topic = topic.as_str().unwrap().to_owned();
            if topic.starts_with("clown.talk/-/subscription") {
                break;
            }
            seen.insert(topic, payload);
        }
        seen.retain(|topic, _| topic.starts_with("states/"));
        assert_eq!(seen, newcomer(&self.hubs[2], "states/#").await);
    }
}

#[tokio::test]
async fn the_leader_of_the_stream_is_killed_and_last_values_agree() {
    let world = World::new().await;
    world
        .outlives(async |world: &mut World| {
            let leader = world.leader().await;
            world.nodes[leader].kill().await;
            for hub in &world.hubs {
                connected(hub).await;
                shares(hub).await;
            }
            world.leader_among_the_others(leader).await;
            world.nodes[leader].start().await;
        })
        .await;
}

#[tokio::test]
async fn a_node_stands_still_for_ten_seconds_and_last_values_agree() {
    let world = World::new().await;
    world
        .outlives(async |world: &mut World| {
            let leader = world.leader().await;
            world.nodes[leader].signal("STOP");
            sleep(so_long(3, 10)).await;
            world.nodes[leader].signal("CONT");
            for hub in &world.hubs {
                connected(hub).await;
                shares(hub).await;
            }
        })
        .await;
}

#[tokio::test]
async fn all_servers_are_away_and_last_values_agree_afterwards() {
    let world = World::new().await;
    world
        .outlives(async |world: &mut World| {
            for node in &mut world.nodes {
                node.kill().await;
            }
            for hub in &world.hubs {
                figure_is(hub, "cluster_connected", |connected| connected == 0).await;
            }
            sleep(so_long(2, 30)).await;
            for node in &mut world.nodes {
                node.start().await;
            }
            for hub in &world.hubs {
                connected(hub).await;
                shares(hub).await;
            }
        })
        .await;
}

impl World {
    async fn leader_among_the_others(&self, gone: usize) {
        in_time("another leader", async {
            loop {
                for (number, node) in self.nodes.iter().enumerate() {
                    if number != gone && node.leads().await {
                        return;
                    }
                }
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}
