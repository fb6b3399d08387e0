//! Hubs of several versions in one cluster: what a hub does not know it passes over, says so, and goes on.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::figure_is;
use crate::last_values::{is_put, newcomer, sharing};
use crate::nats::Node;
use crate::support::{Client, in_time};

/// A stamp of another hub.
fn stamp(number: u64) -> String {
    format!("1 newer Life {number} {number} 1700000000000 nrk jana - - -")
}

#[tokio::test]
async fn what_a_newer_hub_says_beside_a_message_is_passed_over_and_told() {
    let node = Node::single().await;
    let a = sharing("a", &[&node], &[]).await;
    let mut reader = Client::open(&a, "/talk", r#"{"filters": ["t/#"], "options": true}"#).await;
    let mut newer = node.stranger().await;
    // Words behind those that are known, and a header.
    newer.say("clown.t.k.t.words.-=", Some(&format!("{} - more yet", stamp(1))), "1").await;
    let frame = reader.frame().await;
    assert_eq!((&frame[0], &frame[1], &frame[2]["from"]), (&json!("t/words"), &json!(1), &json!("jana")));
    a.logs("another hub says more beside its messages than this hub understands").await;
    newer.say_with("clown.t.k.t.header.-=", &[("Clown-Hub", &stamp(2)), ("Clown-Mood", "good")], "2").await;
    assert_eq!(reader.frame().await[0], "t/header");
    // A lease in a form that is not known here: the command is carried out all the same.
    let lease = [("Clown-Hub", &*stamp(3).replace("nrk", "dcp")), ("Clown-Lease", "soon")];
    newer.say_with("clown.t.e.t.relay.set.-=", &lease, "true").await;
    assert_eq!(reader.frame().await[0], "t/relay/set");
    a.logs("the lease of a command of another hub cannot be read").await;
    // A message of another version is none for this hub, and the next one is.
    newer.say("clown.t.k.t.two.-=", Some("2 newer Life whatever"), "3").await;
    a.logs("it is of version 2, and this hub knows version 1").await;
    newer.say("clown.t.k.t.next.-=", Some(&stamp(5)), "4").await;
    assert_eq!(reader.frame().await[0], "t/next");
    assert_eq!(a.figure("cluster_messages_refused").await, 1);
}

#[tokio::test]
async fn what_a_newer_hub_says_of_itself_is_passed_over_and_its_version_told() {
    let node = Node::single().await;
    let a = sharing("a", &[&node], &[]).await;
    let mut newer = node.stranger().await;
    let word = r#"{"hub": "n", "session": "Life", "version": "9.0.0", "clients": 7, "mood": {"good": true}}"#;
    newer.say("clown.h.here", None, word).await;
    figure_is(&a, "cluster_others", |others| others == 1).await;
    a.logs("a hub of another version is in the cluster").await;
    // What it says under names that are not known here is not asked for.
    newer.say("clown.h.mood", None, "good").await;
    assert_eq!(a.figure("cluster_messages_refused").await, 0);
    let mut client = Client::open(&a, "/talk", r#"{"filters": ["$SYS/hub/cluster/hubs"]}"#).await;
    loop {
        let [_, hubs] = client.two().await;
        if hubs.as_array().is_some_and(|hubs| hubs.len() == 2) {
            assert_eq!((&hubs[1]["hub"], &hubs[1]["version"]), (&json!("n"), &json!("9.0.0")));
            return;
        }
    }
}

#[tokio::test]
async fn a_last_value_of_a_newer_hub_is_read_where_it_can_be_and_left_where_it_is_otherwise() {
    let node = Node::single().await;
    let mut newer = node.stranger().await;
    let a = sharing("a", &[&node], &[]).await;
    newer.say("clown.l.t.old.-=", Some(&stamp(1)), "1").await;
    newer.say("clown.l.t.words.-=", Some(&format!("{} - more", stamp(2))), "2").await;
    newer.say_with("clown.l.t.header.-=", &[("Clown-Hub", &stamp(3)), ("Clown-Mood", "good")], "3").await;
    newer.say("clown.l.t.two.-=", Some("2 newer Life whatever"), "4").await;
    // What a hub leaves to be said if it dies, in a form that is not known here.
    newer.say("clown.p.Life.mood.t.-=", Some("2 newer Life whatever"), "5").await;
    in_time("the records", async {
        while node.kept().await < 5 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let found = newcomer(&a, "t/#").await;
    let found: Vec<_> = found.iter().map(|(topic, value)| (topic.as_str(), value.clone())).collect();
    assert_eq!(found, [("t/header", json!(3)), ("t/old", json!(1)), ("t/words", json!(2))]);
    assert!(a.figure("cluster_messages_refused").await > 0);
    a.logs("it is of version 2, and this hub knows version 1").await;
    // They stand there still, for whoever can read them.
    let mut client = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    client.publish("t/more", "6").await;
    is_put(&a, 1).await;
    assert_eq!(newcomer(&a, "t/#").await.len(), 4);
    // With what this hub has said beside.
    assert!(node.kept().await >= 6);
}
