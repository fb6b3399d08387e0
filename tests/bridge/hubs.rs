//! Hubs that are linked with hubs, without a broker in between.

use std::fmt::Write as _;
use std::fs;

use serde_json::json;

use crate::figure;
use crate::support::{Client, Hub, PASSWORD, until, user};

/// An account for other hubs.
fn accounts() -> Vec<String> {
    vec![user("house", &["#"], &["#"], true), user("weak", &["x/#"], &["x/#"], false)]
}

/// The file of a link to a hub: more keys, and rules of direction and filter.
fn link(to: &Hub, account: &str, keys: &str, rules: &[(&str, &str)]) -> String {
    let mut text = format!(
        "kind = \"hub\"\nurl = \"ws://{account}@{}\"\npassword_file = \"password\"\n{keys}\n",
        to.address
    );
    for (direction, filter) in rules {
        write!(text, "[[rule]]\ndirection = \"{direction}\"\nfilter = \"{filter}\"\n").unwrap();
    }
    text
}

/// A hub with accounts; its links come later.
fn hub() -> Hub {
    let hub = Hub::with_users(&accounts(), &[]);
    fs::create_dir(hub.dir().join("bridges")).unwrap();
    fs::write(hub.dir().join("password"), PASSWORD).unwrap();
    hub
}

async fn join(hub: &Hub, name: &str, text: &str) {
    fs::write(hub.dir().join(format!("bridges/{name}.toml")), text).unwrap();
    hub.logs(&format!("link is connected link={name}")).await;
}

async fn open(hub: &Hub, filters: &str) -> Client {
    Client::open_as(hub, "house", "/talk", &format!("{{\"filters\": [{filters}]}}")).await
}

#[tokio::test]
async fn what_is_said_at_one_hub_is_heard_at_the_other_and_last_values_go_along() {
    let (here, there) = (hub(), hub());
    let mut outer = Client::open_as(&there, "house", "/talk/x?side=node", r#"{"filters": ["+/set"]}"#).await;
    outer.publish("t", "20.10").await;
    let mut inner = Client::open_as(&here, "house", "/talk/x/here?side=node", r#"{"filters": []}"#).await;
    inner.publish("u", "1").await;
    join(&here, "there", &link(&there, "house", "", &[("both", "x/#")])).await;
    let mut page = open(&here, "\"x/t\", \"x/r/+\"").await;
    assert_eq!(page.two().await, [json!("x/t"), json!(20.10)]);
    let mut far = open(&there, "\"x/here/u\"").await;
    assert_eq!(far.two().await, [json!("x/here/u"), json!(1)]);
    let mut say = open(&here, "").await;
    say.publish("x/r/set", "true").await;
    assert_eq!(outer.hear().await, "[\"r/set\", true]");
    // What is cleared there is cleared here.
    let mut admin = open(&there, "").await;
    admin.publish_with("x/t", "null", ", \"retain\": true").await;
    assert_eq!(page.two().await, [json!("x/r/set"), json!(true)]);
    assert_eq!(page.two().await, [json!("x/t"), json!(null)]);
    open(&here, "\"x/t\"").await.hears_nothing().await;
}

#[tokio::test]
async fn a_hub_that_was_away_gets_what_waited_for_it() {
    let (here, there) = (hub(), hub());
    join(&here, "there", &link(&there, "house", "", &[("out", "x/#")])).await;
    let address = there.address.to_string();
    there.killed().await;
    here.logs("trying again in").await;
    let mut node = Client::open_as(&here, "house", "/talk/x?side=node", r#"{"filters": []}"#).await;
    for n in 0..50 {
        node.publish(&format!("n{n}"), &n.to_string()).await;
    }
    let back = Hub::with_users_at(&address, &accounts(), &[]);
    let mut far = open(&back, "\"x/+\"").await;
    let mut found = std::collections::BTreeSet::new();
    while found.len() < 50 {
        let [topic, payload] = far.two().await;
        if let Some(n) = payload.as_u64().filter(|n| topic == format!("x/n{n}")) {
            found.insert(n);
        }
    }
    until("their acknowledgements", || here.log().matches("link is connected").count() == 2).await;
}

#[tokio::test]
async fn hubs_in_a_ring_and_hubs_that_are_joined_twice_hear_everything_once() {
    let hubs = [hub(), hub(), hub()];
    for (at, name) in [(0, "a"), (1, "b"), (2, "c")] {
        join(&hubs[at], name, &link(&hubs[(at + 1) % 3], "house", "", &[("both", "x/#")])).await;
    }
    // And two ways between two of them.
    join(&hubs[1], "back", &link(&hubs[0], "house", "", &[("both", "x/#")])).await;
    let mut readers = Vec::new();
    for hub in &hubs {
        readers.push(open(hub, "\"x/+\"").await);
    }
    for (at, hub) in hubs.iter().enumerate() {
        let mut say = open(hub, "").await;
        for n in 0..10 {
            say.publish("x/set", &format!("[{at}, {n}]")).await;
        }
        for reader in &mut readers {
            for n in 0..10 {
                assert_eq!(reader.two().await, [json!("x/set"), json!([at, n])]);
            }
        }
    }
    for reader in &mut readers {
        reader.hears_nothing().await;
    }
}

#[tokio::test]
async fn what_the_other_hub_does_not_allow_is_told_with_what_to_do() {
    let (here, there) = (hub(), hub());
    join(&here, "weak", &link(&there, "weak", "", &[("out", "x/#"), ("out", "y/#")])).await;
    let mut say = open(&here, "").await;
    say.publish("y/set", "1").await;
    here.logs("the hub does not take it: forbidden: this takes the right publish").await;
    say.publish_with("x/t", "1", ", \"retain\": true").await;
    here.logs("the hub does not take it: forbidden: this takes the right retain").await;
    assert_eq!(figure(&here, "weak", "messages_lost_total").await, 2);
    fs::write(here.dir().join("bridges/reads.toml"), link(&there, "weak", "", &[("in", "y/#")])).unwrap();
    here.logs("this user may not subscribe to y/#").await;
    fs::write(here.dir().join("bridges/nobody.toml"), link(&there, "nobody", "", &[("in", "x/#")])).unwrap();
    here.logs("check the user and the password").await;
    fs::write(here.dir().join("bridges/bad.toml"), "kind = 'hub'\nurl = 'ws://a:hunter2@b'\nqos = 1\n")
        .unwrap();
    here.logs("bridges/bad.toml:2:7: url: leave the password out of it").await;
    assert!(!here.log().contains("hunter2"));
}

#[tokio::test]
async fn a_mark_of_somebody_who_may_not_say_what_is_retained_counts_for_nothing() {
    let hub = hub();
    let mut reader = open(&hub, "\"x/+\"").await;
    let mut weak = Client::open_as(&hub, "weak", "/talk", r#"{"filters": []}"#).await;
    for _ in 0..2 {
        weak.publish_with("x/set", "1", ", \"clown-hub\": \"other.1 other\"").await;
        assert_eq!(reader.hear().await, "[\"x/set\", 1]");
    }
    let mut strong = open(&hub, "").await;
    for _ in 0..2 {
        strong.publish_with("x/set", "2", ", \"clown-hub\": \"other.2 other\"").await;
    }
    assert_eq!(reader.hear().await, "[\"x/set\", 2]");
    reader.hears_nothing().await;
    // Who asks for marks gets one, of a message that began here and of one that did not.
    let mut other =
        Client::open_as(&hub, "house", "/talk", r#"{"filters": ["x/+"], "options": true, "marks": true}"#)
            .await;
    strong.publish("x/set", "3").await;
    let mark = other.frame().await[2]["clown-hub"].as_str().unwrap().to_owned();
    assert_eq!(mark.split(' ').count(), 2, "{mark}");
    strong.publish_with("x/set", "4", ", \"clown-hub\": \"other.3 other\"").await;
    let passed = other.frame().await[2]["clown-hub"].as_str().unwrap().to_owned();
    assert!(passed.starts_with("other.3 other ") && passed.split(' ').count() == 3, "{passed}");
}

#[tokio::test]
async fn a_right_that_was_taken_away_and_given_back_brings_the_link_back() {
    let (here, there) = (hub(), hub());
    join(&here, "there", &link(&there, "weak", "", &[("in", "x/#")])).await;
    let mut page = open(&here, "\"x/#\"").await;
    let mut node = Client::open_as(&there, "house", "/talk?side=node", r#"{"filters": []}"#).await;
    node.publish("x/t", "1").await;
    assert_eq!(page.two().await, [json!("x/t"), json!(1)]);
    let users = there.dir().join("users.toml");
    let narrow = [accounts()[0].clone(), user("weak", &["y/#"], &["x/#"], false)];
    fs::write(&users, narrow.join("\n")).unwrap();
    here.logs("the hub has ended").await;
    here.logs("may not subscribe").await;
    fs::write(&users, accounts().join("\n")).unwrap();
    until("the link", || here.log().matches("link is connected").count() == 2).await;
    node.publish("x/t", "2").await;
    while page.two().await[1] != json!(2) {}
}
