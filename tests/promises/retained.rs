//! The last value of a topic: who says it decides (`docs/protocol.md`, clause 5), and whoever comes later sees it
//! without a gap and without going back.

use std::collections::HashMap;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Hub, in_time, user};

/// The last values of the root, sorted, less the presence of nodes.
async fn kept(hub: &Hub) -> Vec<String> {
    let mut client = Client::connect(hub, "/talk").await;
    client.say(r##"["clown.talk/-/config/set", {"filters": ["#"]}]"##).await;
    client.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
    let mut texts = Vec::new();
    let mut replies = 0;
    // The answer to `get` stands behind the snapshot, if the snapshot was begun before; ask until nothing new comes.
    while replies < 2 {
        let text = client.hear().await;
        if text.contains("clown.talk/-/") {
            replies += 1;
        } else {
            texts.push(text);
        }
    }
    texts.retain(|text| !text.contains("presence"));
    texts.sort();
    texts
}

#[tokio::test]
async fn readings_of_a_node_are_kept_and_nothing_that_happens() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let mut dashboard = Client::open(&hub, "/talk/n", r#"{"filters": []}"#).await;
    for topic in [
        "thermometer/i2c0-48",
        "relay/i2c0-3b/set",
        "relay/i2c0-3b/get",
        "-/-/config/list",
        "t/config/update",
        "i2c/0/config/scan",
        "t/config/ok",
        "t/config/error",
        "boot",
    ] {
        node.publish(topic, "1").await;
    }
    node.publish("thermometer/null", "null").await;
    for topic in ["dashboard/reading", "relay/i2c0-3b/set", "boot"] {
        dashboard.publish(topic, "2").await;
    }
    assert_eq!(kept(&hub).await, ["[\"n/thermometer/i2c0-48\", 1]", "[\"n/thermometer/null\", null]"]);
    // A dashboard's message is delivered and leaves the kept value as it is.
    dashboard.publish("thermometer/i2c0-48", "9").await;
    assert_eq!(kept(&hub).await[0], "[\"n/thermometer/i2c0-48\", 1]");
}

#[tokio::test]
async fn the_first_reading_of_a_makers_node_is_there_for_who_comes_later() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/home/attic?side=node", r#"{"filters": []}"#).await;
    for (topic, payload) in [
        ("temperature", "21.5"),
        ("press/error", "\"E12 paper\""),
        ("836d1983718a/soil-sensor/-/error", "3"),
        ("set", "5"),
        ("shopping/list", "[]"),
    ] {
        node.publish(topic, payload).await;
    }
    // Its presence is the hub's word, whatever the node says.
    node.publish("presence", "\"here\"").await;
    assert_eq!(
        kept(&hub).await,
        [
            "[\"home/attic/836d1983718a/soil-sensor/-/error\", 3]",
            "[\"home/attic/press/error\", \"E12 paper\"]",
            "[\"home/attic/set\", 5]",
            "[\"home/attic/shopping/list\", []]",
            "[\"home/attic/temperature\", 21.5]",
        ]
    );
    let mut late = Client::open(&hub, "/talk", r#"{"filters": ["home/attic/presence"]}"#).await;
    assert!(late.hear().await.contains("online"));
}

#[tokio::test]
async fn one_message_may_say_otherwise_and_null_clears() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let mut dashboard = Client::open(&hub, "/talk/n", r#"{"filters": []}"#).await;
    node.publish_with("a/not", "1", r#", "retain": false"#).await;
    node.publish_with("a/b/set", "1", r#", "retain": true"#).await;
    dashboard.publish_with("a/dash", "1", r#", "retain": true"#).await;
    assert_eq!(kept(&hub).await, ["[\"n/a/b/set\", 1]", "[\"n/a/dash\", 1]"]);
    dashboard.publish_with("a/b/set", "null", r#", "retain": true"#).await;
    node.publish("a/dash", "null").await;
    assert_eq!(kept(&hub).await, ["[\"n/a/dash\", null]"]);
    node.publish_with("a/dash", "null", r#", "retain": true"#).await;
    assert_eq!(kept(&hub).await, Vec::<String>::new());
    // The presence of the node, and the version of the layout.
    assert_eq!(hub.figure("retained_count").await, 2 + figures_kept(&hub).await);
}

/// How many of the last values are the hub's own figures.
async fn figures_kept(hub: &Hub) -> u64 {
    let answer = hub.request("GET", "/metrics", &[], "").await;
    // Each figure, the version and the uptime.
    answer.body().lines().filter(|line| line.starts_with("# TYPE ")).count() as u64 + 2
}

#[tokio::test]
async fn a_user_without_the_right_may_not_say_what_is_kept() {
    let hub = Hub::with_users(&[user("anna", &["a/#"], &["a/#"], false)], &[]);
    let mut node = Client::open_as(&hub, "anna", "/talk/a?side=node", r#"{"filters": []}"#).await;
    for retain in ["true", "false"] {
        let frame = format!(r#"["b/c", 1, {{"id": 1, "retain": {retain}}}]"#);
        assert_eq!(
            node.asks(&frame, "publish/error").await["reason"],
            "forbidden: this takes the right retain"
        );
    }
    node.publish("b/c", "2").await;
    let mut late = Client::open_as(&hub, "anna", "/talk/a", r#"{"filters": ["b/c"]}"#).await;
    assert_eq!(late.hear().await, "[\"b/c\", 2]");
}

#[tokio::test]
async fn a_value_past_its_time_is_not_delivered() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish_with("a/short", "1", r#", "expires": 0.001"#).await;
    node.publish_with("a/long", "1", r#", "expires": 3600"#).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(kept(&hub).await, ["[\"n/a/long\", 1]"]);
    for expires in ["0", "-1", "null", "\"1\""] {
        let frame = format!(r#"["a/x", 1, {{"expires": {expires}}}]"#);
        node.asks(&frame, "publish/error").await;
    }
}

#[tokio::test]
async fn the_configuration_says_what_is_always_and_what_is_never_kept() {
    let hub = Hub::with(&["retained.always=x/always/#", "retained.never=x/+/never"]);
    let mut node = Client::open(&hub, "/talk/x?side=node", r#"{"filters": []}"#).await;
    let mut dashboard = Client::open(&hub, "/talk/x", r#"{"filters": []}"#).await;
    dashboard.publish("always/here", "1").await;
    dashboard.publish("always/never", "1").await;
    node.publish("reading/never", "1").await;
    node.publish("reading/here", "1").await;
    assert_eq!(kept(&hub).await, ["[\"x/always/here\", 1]", "[\"x/reading/here\", 1]"]);
    node.publish_with("reading/never", "2", r#", "retain": true"#).await;
    assert_eq!(kept(&hub).await.len(), 3);
}

#[tokio::test]
async fn a_full_store_says_so_and_still_routes() {
    let hub = Hub::with(&["retained.topics=200"]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let mut reader = Client::open(&hub, "/talk/n", r#"{"filters": ["a/+"], "retained": false}"#).await;
    let mut refused = 0;
    for n in 0..200 {
        node.say(&format!(r#"["a/{n}", {n}, {{"id": {n}}}]"#)).await;
        assert_eq!(reader.hear().await, format!("[\"a/{n}\", {n}]"));
        let [topic, payload] = node.two().await;
        if topic == "clown.talk/-/publish/error" {
            assert!(payload["reason"].as_str().unwrap().contains("store of last values is full"));
            refused += 1;
        }
    }
    assert!((20..200).contains(&refused), "{refused}");
    assert!(hub.figure("retained_count").await <= 200);
}

/// Four publishers count up on the same topics, each on its own while all hammer at once, and subscribers come
/// meanwhile. Each must see, per topic, the value kept or a newer one first, then every one after it, and end where
/// the hub ends.
async fn newcomers_see_no_gap_and_nothing_twice(io_threads: u32) {
    const TOPICS: u64 = 4;
    const VALUES: u64 = 5000;
    const ROUNDS: usize = 60;
    let hub = Hub::with(&[
        &format!("server.io_threads={io_threads}"),
        "limits.messages_per_second=0",
        "outbox.messages=1000000",
        "outbox.hard_messages=1000000",
        "outbox.bytes=100000000",
        "outbox.hard_bytes=100000000",
    ]);
    let mut tasks = tokio::task::JoinSet::new();
    for publisher in 0..4 {
        let mut client =
            Client::open(&hub, &format!("/talk/p{publisher}?side=node"), r#"{"filters": []}"#).await;
        tasks.spawn(async move {
            for value in 1..=VALUES {
                for topic in 0..TOPICS {
                    client.feed(&format!("[\"t/{topic}\", {value}]")).await;
                }
                if value % 16 == 0 {
                    client.flush().await;
                }
            }
            client.publish("end/all", "1").await;
            client
        });
    }
    let mut readers = tokio::task::JoinSet::new();
    for round in 0..ROUNDS {
        // Opened one after the other while the publishers are at it.
        let settings = match round % 3 {
            0 => r#"{"filters": ["+/t/+", "+/end/+"]}"#,
            1 => r#"{"filters": ["+/t/#", "+/t/+", "+/end/+"]}"#,
            _ => r#"{"filters": []}"#,
        };
        let mut client = Client::open(&hub, "/talk", settings).await;
        if round % 3 == 2 {
            client.say(r#"["clown.talk/-/subscription/set", {"filters": ["+/t/#", "+/end/+"]}]"#).await;
        }
        readers.spawn(async move {
            let (mut last, mut ended) = (HashMap::<String, u64>::new(), 0);
            while ended < 4 || last.len() < 16 || last.values().any(|last| *last < VALUES) {
                let Some(Ok(Message::Text(text))) = client.message().await else { panic!("closed") };
                let (topic, value): (String, serde_json::Value) = serde_json::from_str(&text).unwrap();
                if topic.ends_with("/end/all") {
                    ended += 1;
                } else if topic.contains("/t/") {
                    let value = value.as_u64().unwrap();
                    if let Some(before) = last.insert(topic.clone(), value) {
                        assert_eq!(value, before + 1, "{topic} in round {round}");
                    }
                }
            }
            client.hears_nothing().await;
        });
    }
    in_time("the publishers", async {
        while let Some(done) = tasks.join_next().await {
            drop(done.unwrap());
        }
    })
    .await;
    in_time("the subscribers", async {
        while let Some(done) = readers.join_next().await {
            done.unwrap();
        }
    })
    .await;
    let mut late = Client::open(&hub, "/talk", r#"{"filters": ["+/t/+"]}"#).await;
    for _ in 0..16 {
        assert_eq!(late.two().await[1], VALUES);
    }
}

#[tokio::test]
async fn a_newcomer_sees_no_gap_and_nothing_twice_on_one_thread() {
    newcomers_see_no_gap_and_nothing_twice(1).await;
}

#[tokio::test]
async fn a_newcomer_sees_no_gap_and_nothing_twice_on_two_threads() {
    newcomers_see_no_gap_and_nothing_twice(2).await;
}

/// The same topic by four publishers: what everybody sees is one order, and all end at the same value.
#[tokio::test]
async fn all_readers_of_a_topic_with_four_publishers_see_one_order() {
    const VALUES: u64 = 2000;
    let hub = Hub::with(&[
        "server.io_threads=2",
        "outbox.messages=1000000",
        "outbox.hard_messages=1000000",
        "outbox.bytes=100000000",
        "outbox.hard_bytes=100000000",
    ]);
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(Client::open(&hub, "/talk/n", r#"{"filters": ["a/+"]}"#).await);
    }
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..4_u64 {
        let mut client = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
        publishers.spawn(async move {
            for value in 0..VALUES {
                client.feed(&format!("[\"a/b\", {}]", publisher * 1_000_000 + value)).await;
            }
            client.publish("x/y", "1").await;
            client
        });
    }
    let mut late = Vec::new();
    for _ in 0..10 {
        late.push(Client::open(&hub, "/talk/n", r#"{"filters": ["a/+"]}"#).await);
    }
    let mut all = Vec::new();
    for reader in &mut readers {
        let mut seen = Vec::new();
        while seen.len() < 4 * usize::try_from(VALUES).unwrap() {
            seen.push(reader.hear().await);
        }
        all.push(seen);
    }
    assert!(all.iter().all(|seen| *seen == all[0]), "readers saw different orders");
    let last = all[0].last().unwrap();
    for reader in &mut late {
        let mut seen = Vec::new();
        while seen.last() != Some(last) {
            seen.push(reader.hear().await);
        }
        assert!(all[0].ends_with(&seen), "a newcomer saw another order");
        reader.hears_nothing().await;
    }
    while let Some(done) = publishers.join_next().await {
        drop(done.unwrap());
    }
    let mut at_the_end = Client::open(&hub, "/talk/n", r#"{"filters": ["a/+"]}"#).await;
    assert_eq!(at_the_end.hear().await, *last);
}
