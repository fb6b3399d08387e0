//! The last values of the whole cluster: a newcomer gets them once, at whichever hub they were said, and all hubs agree.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::nats::Node;
use crate::support::{Client, Hub, basic, in_time};
use crate::{connected, figure_is, hub, unconnected};

/// A hub that keeps last values at its servers.
pub async fn sharing(name: &str, nodes: &[&Node], settings: &[&str]) -> Hub {
    let hub = hub(name, nodes, settings).await;
    shares(&hub).await;
    hub
}

pub async fn shares(hub: &Hub) {
    figure_is(hub, "cluster_last_values_shared", |shared| shared == 1).await;
}

/// All that was said here is at the servers.
pub async fn is_put(hub: &Hub, stored: u64) {
    figure_is(hub, "cluster_last_values_stored", |count| count >= stored).await;
    figure_is(hub, "cluster_last_values_waiting", |waiting| waiting == 0).await;
}

/// What a newcomer gets at once: each topic with its value. No topic comes twice.
pub async fn newcomer(hub: &Hub, filter: &str) -> BTreeMap<String, Value> {
    let mut client =
        Client::open(hub, "/talk", &json!({"filters": [filter], "options": true}).to_string()).await;
    let mut found = BTreeMap::new();
    client.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
    loop {
        let frame = client.frame().await;
        let topic = frame[0].as_str().unwrap().to_owned();
        if topic.starts_with("clown.talk/-") {
            break;
        }
        assert_eq!(frame[2]["retained"], true, "{frame}");
        assert_eq!(found.insert(topic.clone(), frame[1].clone()), None, "{topic} came twice");
    }
    found
}

#[tokio::test]
async fn a_newcomer_gets_what_was_said_at_another_hub_before_anybody_here_asked_for_it() {
    let node = Node::single().await;
    let (a, b) = (sharing("a", &[&node], &[]).await, sharing("b", &[&node], &[]).await);
    a.logs("the last values of the cluster are on one server only").await;
    let mut writer = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    for n in 0..50 {
        writer.publish(&format!("house/{n}/lux"), &n.to_string()).await;
    }
    writer.say(r#"["house/x", 1, {"unit": "℃"}]"#).await;
    is_put(&a, 51).await;
    let found = newcomer(&b, "house/+/lux").await;
    assert_eq!(found.len(), 50);
    assert_eq!(found["house/7/lux"], 7);
    // The same with options and who said it.
    let mut here = Client::open(&a, "/talk", r#"{"filters": ["house/x"], "options": true}"#).await;
    let mut there = Client::open(&b, "/talk", r#"{"filters": ["house/x"], "options": true}"#).await;
    let (here, there) = (here.frame().await, there.frame().await);
    assert_eq!(here, there);
    assert_eq!((&there[2]["unit"], &there[2]["from"]), (&json!("℃"), &json!("clown")));
    // What comes from now on comes live, and the next newcomer gets that.
    writer.publish("house/7/lux", "8").await;
    is_put(&a, 52).await;
    assert_eq!(newcomer(&b, "house/7/lux").await["house/7/lux"], 8);
}

#[tokio::test]
async fn what_is_cleared_at_one_hub_is_cleared_at_all() {
    let node = Node::single().await;
    let (a, b) =
        (sharing("a", &[&node], &["cluster.linger_seconds=0"]).await, sharing("b", &[&node], &[]).await);
    let mut writer = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    let mut other = Client::open(&b, "/talk?side=node", r#"{"filters": []}"#).await;
    writer.publish("t/x", "1").await;
    is_put(&a, 1).await;
    assert_eq!(newcomer(&b, "t/#").await.len(), 1);
    // Nobody there hears it, and nobody there has said it.
    other.say(r#"["t/x", null, {"retain": true}]"#).await;
    is_put(&b, 1).await;
    assert_eq!(newcomer(&b, "t/#").await, BTreeMap::new());
    // Its own hub learns of it with the first who asks.
    assert_eq!(newcomer(&a, "t/#").await, BTreeMap::new());
    let c = sharing("c", &[&node], &[]).await;
    assert_eq!(newcomer(&c, "t/#").await, BTreeMap::new());
    other.publish("t/x", "2").await;
    is_put(&b, 2).await;
    for hub in [&a, &b, &c] {
        assert_eq!(newcomer(hub, "t/#").await["t/x"], 2);
    }
}

#[tokio::test]
async fn what_expires_is_delivered_nowhere_after_its_time() {
    let node = Node::single().await;
    let (a, b) = (sharing("a", &[&node], &[]).await, sharing("b", &[&node], &[]).await);
    let mut writer = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    writer.say(r#"["t/soon", 1, {"expires": 2}]"#).await;
    writer.say(r#"["t/late", 1, {"expires": 600}]"#).await;
    writer.say(r#"["t/never", 1, {"retain": false}]"#).await;
    is_put(&a, 2).await;
    assert_eq!(newcomer(&a, "t/late").await.len(), 1);
    sleep(Duration::from_millis(2100)).await;
    let found = newcomer(&b, "t/#").await;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["t/late"]);
}

#[tokio::test]
async fn a_command_that_is_kept_is_given_to_the_node_that_comes_later_elsewhere() {
    let node = Node::single().await;
    let (a, b) = (sharing("a", &[&node], &[]).await, sharing("b", &[&node], &[]).await);
    let mut browser = Client::open(&a, "/talk", r#"{"filters": []}"#).await;
    browser.say(r#"["n/relay/set", {"on": true}, {"retain": true}]"#).await;
    is_put(&a, 1).await;
    let mut relay = Client::open(&b, "/talk/n?side=node", r#"{"filters": ["relay/set"]}"#).await;
    assert_eq!(relay.two().await, [json!("relay/set"), json!({"on": true})]);
    relay.hears_nothing().await;
}

#[tokio::test]
async fn the_newest_wins_wherever_it_was_said_and_whoever_did_not_hear_it() {
    let node = Node::single().await;
    let (a, b, c) = (
        sharing("a", &[&node], &["cluster.linger_seconds=0"]).await,
        sharing("b", &[&node], &["cluster.linger_seconds=0"]).await,
        sharing("c", &[&node], &["cluster.linger_seconds=0"]).await,
    );
    let mut at_a = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    let mut at_b = Client::open(&b, "/talk?side=node", r#"{"filters": []}"#).await;
    for round in 0..20 {
        at_a.publish("t", &json!([round, "a"]).to_string()).await;
        at_b.publish("t", &json!([round, "b"]).to_string()).await;
        let (mut found, hubs) = (Vec::new(), [&a, &b, &c]);
        for hub in hubs {
            figure_is(hub, "cluster_last_values_waiting", |waiting| waiting == 0).await;
        }
        for hub in hubs {
            found.push(newcomer(hub, "t").await["t"].clone());
        }
        assert_eq!(found[0][0], round);
        assert!(found.iter().all(|value| *value == found[0]), "{found:?}");
    }
}

#[tokio::test]
async fn what_a_hub_says_late_after_it_was_away_does_not_win_against_what_was_said_since() {
    let (mut node, other) = (Node::single().await, Node::single().await);
    drop(other);
    let (a, b) = (sharing("a", &[&node], &[]).await, sharing("b", &[&node], &[]).await);
    let mut reader = Client::open(&b, "/talk", r#"{"filters": ["t"]}"#).await;
    let mut at_a = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    let mut at_b = Client::open(&b, "/talk?side=node", r#"{"filters": []}"#).await;
    at_a.publish("t", "1").await;
    assert_eq!(reader.two().await[1], 1);
    is_put(&a, 1).await;
    node.kill().await;
    for hub in [&a, &b] {
        figure_is(hub, "cluster_connected", |connected| connected == 0).await;
    }
    // Both sides go on, each by itself; the later one is at B.
    at_a.publish("t", "2").await;
    sleep(Duration::from_millis(20)).await;
    at_b.publish("t", "3").await;
    assert_eq!(reader.two().await[1], 3);
    node.start().await;
    for hub in [&a, &b] {
        connected(hub).await;
        shares(hub).await;
    }
    in_time("both to agree", async {
        while newcomer(&a, "t").await["t"] != 3 {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    // Whether A has put its value down before it heard of the later one is open: B heard it then, and has let go of it.
    reader.hears_nothing().await;
    let c = sharing("c", &[&node], &[]).await;
    assert_eq!(newcomer(&c, "t").await["t"], 3);
}

#[tokio::test]
async fn a_hub_that_starts_again_finds_what_was_said_meanwhile_and_brings_what_it_has_kept() {
    let node = Node::single().await;
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    let a = sharing("a", &[&node], &[&directory]).await;
    let b = sharing("b", &[&node], &[]).await;
    let mut at_a = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    at_a.publish("t/own", "1").await;
    at_a.publish("t/both", "1").await;
    is_put(&a, 2).await;
    at_a.leave().await;
    a.stopped().await;
    let mut at_b = Client::open(&b, "/talk?side=node", r#"{"filters": []}"#).await;
    at_b.publish("t/both", "2").await;
    is_put(&b, 1).await;
    let a = sharing("a", &[&node], &[&directory]).await;
    let found = newcomer(&a, "t/#").await;
    assert_eq!((&found["t/own"], &found["t/both"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn a_hub_keeps_in_memory_what_its_own_clients_say_or_read() {
    let node = Node::single().await;
    let (a, b) =
        (sharing("a", &[&node], &[]).await, sharing("b", &[&node], &["cluster.linger_seconds=0"]).await);
    let mut writer = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    for n in 0..200 {
        writer.publish(&format!("t/{n}"), "1").await;
    }
    is_put(&a, 200).await;
    let of_the_hub = newcomer(&b, "$SYS/hub/#").await.len() as u64;
    assert!(b.figure("retained_count").await <= of_the_hub + 5);
    assert_eq!(newcomer(&b, "t/+").await.len(), 200);
    figure_is(&b, "retained_count", |count| count <= of_the_hub + 5).await;
}

#[tokio::test]
async fn without_jetstream_last_values_are_each_hubs_own_and_it_says_so() {
    let node = Node::with("host: 127.0.0.1, port: PORT, http: \"127.0.0.1:HTTP\"").await;
    let a = hub("a", &[&node], &[]).await;
    a.logs("last values are each hub's own, and newcomers get what their hub has heard: the servers have no JetStream").await;
    let mut writer = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    writer.publish("t", "1").await;
    assert_eq!(newcomer(&a, "t").await["t"], 1);
    assert_eq!((a.figure("cluster_late").await, a.figure("cluster_last_values_shared").await), (0, 0));
}

#[tokio::test]
async fn a_user_that_may_not_use_jetstream_is_told() {
    let node = Node::with(
        "host: 127.0.0.1, port: PORT, http: \"127.0.0.1:HTTP\", jetstream { store_dir: \"DIR/js\" }, authorization { users = [ { user: hub, \
         password: s3cret-of-the-hubs, permissions: { publish: [\"clown.t.>\", \"clown.h.>\"], subscribe: [\"clown.t.>\", \"clown.h.>\"] } } ] }",
    )
    .await;
    let a = hub("a", &[&node], &[]).await;
    a.logs("the user of this hub may not use JetStream").await;
    let mut client = Client::open(&a, "/talk", r#"{"filters": ["t"]}"#).await;
    client.hears_nothing().await;
    assert_eq!(a.figure("cluster_not_allowed").await, 0);
}

#[tokio::test]
async fn another_stream_in_the_place_of_ours_is_told() {
    let node = Node::single().await;
    let mut stranger = node.stranger().await;
    let other = r#"{"name":"clown-last","subjects":["clown.l.other"],"num_replicas":1}"#;
    stranger.say("$JS.API.STREAM.CREATE.clown-last", None, other).await;
    let a = hub("a", &[&node], &[]).await;
    a.logs("the stream clown-last is there already, and hubs have not made it").await;
    let mut client = Client::open(&a, "/talk", r#"{"filters": ["t"]}"#).await;
    client.hears_nothing().await;
}

#[tokio::test]
async fn a_full_stream_and_values_that_are_too_large_are_told_and_counted() {
    let node = Node::single().await;
    let a = sharing("a", &[&node], &["cluster.last_values_bytes=1048576"]).await;
    let mut writer = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    let large = format!("\"{}\"", "x".repeat(400_000));
    for n in 0..3 {
        writer.publish(&format!("t/{n}"), &large).await;
    }
    figure_is(&a, "cluster_last_values_refused", |refused| refused >= 1).await;
    a.logs("the stream of last values is full").await;
    // Others go on.
    writer.publish("t/small", "1").await;
    figure_is(&a, "cluster_last_values_stored", |stored| stored >= 3).await;
    let small = Node::with(
        "host: 127.0.0.1, port: PORT, http: \"127.0.0.1:HTTP\", max_payload: 2000, jetstream { store_dir: \"DIR/js\" }",
    )
    .await;
    let b = sharing("b", &[&small], &[]).await;
    let mut writer = Client::open(&b, "/talk?side=node", r#"{"filters": []}"#).await;
    writer.publish("t/large", &large).await;
    figure_is(&b, "cluster_last_values_refused", |refused| refused == 1).await;
    b.logs("it is larger than max_payload of the servers").await;
}

#[tokio::test]
async fn nonsense_in_the_stream_is_counted_and_gives_way() {
    let node = Node::single().await;
    let a = sharing("a", &[&node], &[]).await;
    let mut stranger = node.stranger().await;
    for (subject, stamp, payload) in [
        ("clown.l.t.one.-=", None, "x"),
        ("clown.l.t.two", None, "x"),
        ("clown.l.t.three.-=", Some("1 other Life 1 1 1 nrk jana - - -"), "no JSON"),
        ("clown.l.t.four.-=", Some("1 other Life 1 1 1 nrp jana - - -"), "1"),
        ("clown.l.t.good.-=", Some("1 other Life 1 1 1 nrk jana - - -"), "1"),
        ("clown.l.=24SYS.hub.version.-=", Some("1 other Life 1 1 1 nrk jana - - -"), "1"),
    ] {
        stranger.say(subject, stamp, payload).await;
    }
    in_time("all six in the stream", async {
        while node.kept().await < 6 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(newcomer(&a, "t/#").await, BTreeMap::from([("t/good".to_owned(), json!(1))]));
    assert_eq!(a.figure("cluster_messages_refused").await, 4);
    let mut writer = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    writer.publish("t/one", "2").await;
    is_put(&a, 1).await;
    let b = sharing("b", &[&node], &[]).await;
    assert_eq!(newcomer(&b, "t/one").await["t/one"], 2);
}

#[tokio::test]
async fn last_values_of_a_hundred_thousand_topics_come_once_to_each_newcomer() {
    let nodes = Node::nodes(3).await;
    let many = if std::env::var_os("CLOWN_LONG_TESTS").is_some() { 100_000 } else { 5_000 };
    let settings = ["retained.topics=200000", "cluster.topics=200000", "limits.messages_per_second=0"];
    let a = sharing("a", &[&nodes[0]], &settings).await;
    let b = sharing("b", &[&nodes[1]], &settings).await;
    let mut writer = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    let begun = std::time::Instant::now();
    for n in 0..many {
        writer.feed(&format!("[\"t/{}/{n}\", {n}]", n % 100)).await;
        if n % 500 == 0 {
            writer.flush().await;
        }
    }
    writer.flush().await;
    tokio::time::timeout(Duration::from_mins(5), async {
        while a.figure("cluster_last_values_stored").await < many
            || a.figure("cluster_last_values_waiting").await > 0
        {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("all to be put");
    println!("{many} were put within {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    let found = newcomer(&b, "t/#").await;
    println!("the first newcomer had all within {:?}", begun.elapsed());
    assert_eq!(found.len() as u64, many);
    assert!((0..many).all(|n| found[&format!("t/{}/{n}", n % 100)] == n));
    let begun = std::time::Instant::now();
    assert_eq!(newcomer(&b, "t/#").await.len() as u64, many);
    println!("the second newcomer had all within {:?}", begun.elapsed());
}
