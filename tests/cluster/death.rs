//! A hub dies without a word: the others say that its nodes are gone and publish the wills of its clients, once.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::last_values::{newcomer, shares};
use crate::nats::Node;
use crate::support::{Client, Hub, in_time};
use crate::{figure_is, hub};

const WILL: &str = r#"{"filters": [], "will": ["wills/b", {"gone": true}]}"#;

/// Three hubs that keep last values, and know each other.
async fn three(nodes: &[Node]) -> [Hub; 3] {
    let hubs = [
        hub("a", &[&nodes[0]], &[]).await,
        hub("b", &[&nodes[1]], &[]).await,
        hub("c", &[&nodes[2]], &[]).await,
    ];
    for hub in &hubs {
        shares(hub).await;
        figure_is(hub, "cluster_others", |others| others == 2).await;
    }
    hubs
}

/// All that a client hears of a topic until it is this.
async fn until_it_is(client: &mut Client, topic: &str, is_it: impl Fn(&Value) -> bool) -> u64 {
    let mut heard = 0;
    in_time(topic, async {
        loop {
            let [found, payload] = client.two().await;
            if found == topic {
                heard += 1;
                if is_it(&payload) {
                    return;
                }
            }
        }
    })
    .await;
    heard
}

fn is(state: &str) -> impl Fn(&Value) -> bool {
    move |payload| payload["state"] == state
}

#[tokio::test]
async fn the_nodes_of_a_hub_that_is_killed_are_told_offline_and_its_wills_published_once() {
    let nodes = Node::nodes(3).await;
    let [a, b, c] = three(&nodes).await;
    let filters = r#"{"filters": ["+/presence", "wills/#"]}"#;
    let mut at_a = Client::open(&a, "/talk", filters).await;
    let mut at_c = Client::open(&c, "/talk", filters).await;
    let _node = Client::open(&b, "/talk/one?side=node", "{}").await;
    let _another = Client::open(&b, "/talk/two?side=node", "{}").await;
    let moving = Client::open(&b, "/talk/moves?side=node", "{}").await;
    let _will = Client::open(&b, "/talk", WILL).await;
    let mut said_good_bye = Client::open(&b, "/talk", r#"{"filters": [], "will": ["wills/not", 1]}"#).await;
    for topic in ["one/presence", "two/presence", "moves/presence"] {
        let mut at_a = Client::open(&a, "/talk", &json!({"filters": [topic]}).to_string()).await;
        until_it_is(&mut at_a, topic, is("online")).await;
    }
    said_good_bye.hears_nothing().await;
    said_good_bye.leave().await;
    // It is known who lives a while after a hub has come.
    sleep(Duration::from_secs(13)).await;
    b.killed().await;
    drop(moving);
    // This one is elsewhere by then.
    let _moved = Client::open(&c, "/talk/moves?side=node", "{}").await;
    let mut heard = Vec::new();
    for client in [&mut at_a, &mut at_c] {
        let mut all = std::collections::BTreeMap::<String, Vec<Value>>::new();
        in_time("what the dead hub had left to be said", async {
            loop {
                let [topic, payload] = client.two().await;
                all.entry(topic.as_str().unwrap().to_owned()).or_default().push(payload);
                let is_offline = |topic: &str| {
                    all.get(topic).is_some_and(|all| all.iter().any(|payload| payload["state"] == "offline"))
                };
                if is_offline("one/presence") && is_offline("two/presence") && all.contains_key("wills/b") {
                    return;
                }
            }
        })
        .await;
        heard.push(all);
    }
    let mut said = 0;
    for hub in [&a, &c] {
        figure_is(hub, "cluster_last_values_waiting", |waiting| waiting == 0).await;
        said += hub.figure("cluster_inherited").await;
    }
    assert_eq!(said, 3, "two nodes and one will");
    // Nothing comes twice, and nothing else.
    for (client, mut all) in [&mut at_a, &mut at_c].into_iter().zip(heard) {
        client.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
        loop {
            let [topic, payload] = client.two().await;
            if topic == "clown.talk/-/subscription/ok" {
                break;
            }
            all.entry(topic.as_str().unwrap().to_owned()).or_default().push(payload);
        }
        let times =
            |topic: &str, state: &str| all[topic].iter().filter(|payload| payload["state"] == state).count();
        assert_eq!((times("one/presence", "offline"), times("two/presence", "offline")), (1, 1), "{all:?}");
        assert_eq!(all["wills/b"], [json!({"gone": true})]);
        assert!(!all.contains_key("wills/not"), "{all:?}");
        assert_eq!(all["moves/presence"].last().unwrap()["state"], "online", "{all:?}");
    }
    for hub in [&a, &c] {
        let found = newcomer(hub, "+/presence").await;
        assert_eq!(found["one/presence"]["state"], "offline");
        assert_eq!(found["moves/presence"]["state"], "online");
    }
}

#[tokio::test]
async fn a_hub_that_only_stood_still_takes_back_what_is_wrong() {
    let nodes = Node::nodes(3).await;
    let [a, b, _c] = three(&nodes).await;
    let mut at_a = Client::open(&a, "/talk", r#"{"filters": ["one/presence"]}"#).await;
    let mut node = Client::open(&b, "/talk/one?side=node", "{}").await;
    until_it_is(&mut at_a, "one/presence", is("online")).await;
    sleep(Duration::from_secs(13)).await;
    b.signal("STOP");
    until_it_is(&mut at_a, "one/presence", is("offline")).await;
    b.signal("CONT");
    // Whether its node has waited or has not, in the end it is told what is so.
    node.hears_nothing().await;
    until_it_is(&mut at_a, "one/presence", is("online")).await;
}
