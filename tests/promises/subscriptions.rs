//! Subscriptions (`docs/protocol.md`, clause 4), and what a topic is called from several bases (clause 2).

use serde_json::{Value, json};

use crate::support::{Bystander, Client, Hub};

async fn change(client: &mut Client, verb: &str, filters: &Value) -> Value {
    let request = format!(r#"["clown.talk/-/subscription/{verb}", {{"filters": {filters}}}]"#);
    client.asks(&request, "subscription/ok").await["filters"].clone()
}

#[tokio::test]
async fn filters_are_set_added_removed_and_shown() {
    let hub = Hub::demo();
    let mut client = Client::open(&hub, "/talk/n", r#"{"filters": ["a/#", "a/#", "b"]}"#).await;
    let shown = client.asks(r#"["clown.talk/-/subscription/get", {}]"#, "subscription/ok").await;
    assert_eq!(shown["filters"], json!(["a/#", "b"]));
    assert_eq!(change(&mut client, "add", &json!(["c/+", "b"])).await, json!(["a/#", "b", "c/+"]));
    assert_eq!(change(&mut client, "remove", &json!(["b", "never/held"])).await, json!(["a/#", "c/+"]));
    assert_eq!(change(&mut client, "set", &json!(["d", "d"])).await, json!(["d"]));
    assert_eq!(change(&mut client, "set", &json!([])).await, json!([]));
    let mut writer = Client::open(&hub, "/talk/n", r#"{"filters": []}"#).await;
    writer.publish("d", "1").await;
    client.hears_nothing().await;
}

#[tokio::test]
async fn one_bad_filter_and_none_is_taken() {
    let hub = Hub::demo();
    let mut client = Client::open(&hub, "/talk", r#"{"filters": ["a"]}"#).await;
    let long = "f".repeat(1025);
    for (filters, bad) in [
        (json!(["b", "a/#/b", "x+"]), json!(["a/#/b", "x+"])),
        (json!(["b", ""]), json!([""])),
        (json!(["b", "nul\u{0}"]), json!(["nul\u{0}"])),
        (json!(["b", long]), json!(["f".repeat(64)])),
    ] {
        for verb in ["set", "add", "remove"] {
            let request = format!(r#"["clown.talk/-/subscription/{verb}", {{"filters": {filters}}}]"#);
            let answer = client.asks(&request, "subscription/error").await;
            assert_eq!(answer["filters"], bad, "{answer}");
            assert!(answer["reason"].as_str().unwrap().starts_with("filter \""), "{answer}");
        }
    }
    for payload in ["{}", "7", r#"{"filters": "b"}"#, r#"{"filters": ["b", 7]}"#] {
        client.asks(&format!(r#"["clown.talk/-/subscription/set", {payload}]"#), "subscription/error").await;
    }
    let shown = client.asks(r#"["clown.talk/-/subscription/get", {}]"#, "subscription/ok").await;
    assert_eq!(shown["filters"], json!(["a"]));
}

#[tokio::test]
async fn overlapping_filters_deliver_a_message_once_live_and_kept() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("a/b", "1").await;
    let filters = r##"{"filters": ["#", "n/#", "n/+/b", "+/a/#", "n/a/b", "n/a/b"]}"##;
    let mut client = Client::open(&hub, "/talk", filters).await;
    let mut kept = [client.two().await[0].clone(), client.two().await[0].clone()];
    kept.sort_by_key(Value::to_string);
    assert_eq!(kept, ["n/a/b", "n/presence"]);
    node.publish("a/b", "2").await;
    assert_eq!(client.hear().await, "[\"n/a/b\", 2]");
    assert_eq!(change(&mut client, "add", &json!(["n/a/+", "+/+/+"])).await.as_array().unwrap().len(), 7);
    client.hears_nothing().await;
}

#[tokio::test]
async fn a_connection_holds_a_thousand_filters_and_not_one_more() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut client = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let thousand: Vec<_> = (0..1000).map(|n| format!("a/{n}")).collect();
    assert_eq!(change(&mut client, "set", &json!(thousand)).await, json!(thousand));
    let answer = client
        .asks(r#"["clown.talk/-/subscription/add", {"filters": ["a/1000"]}]"#, "subscription/error")
        .await;
    assert_eq!(answer["reason"], "1001 filters, a connection may hold 1000");
    assert_eq!(change(&mut client, "add", &json!(["a/999"])).await, json!(thousand));
    let more = json!({ "filters": (0..1001).map(|n| format!("b/{n}")).collect::<Vec<_>>() });
    client.asks(&format!("[\"clown.talk/-/config/set\", {more}]"), "config/error").await;
    let mut writer = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    writer.publish("a/1000", "1").await;
    writer.publish("a/999", "1").await;
    assert_eq!(client.hear().await, "[\"a/999\", 1]");
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn the_hubs_own_figures_go_to_the_root_and_to_whoever_names_them() {
    let hub = Hub::with(&["figures.every_seconds=1"]);
    let mut named = Client::open(&hub, "/talk", r#"{"filters": ["$SYS/hub/version"]}"#).await;
    assert_eq!(named.hear().await, format!("[\"$SYS/hub/version\", \"{}\"]", env!("CARGO_PKG_VERSION")));
    let mut all = Client::open(&hub, "/talk", r##"{"filters": ["#", "+/+/+"]}"##).await;
    let mut below = Client::open(&hub, "/talk/n", r#"{"filters": ["$SYS/#"]}"#).await;
    // The next figures have gone out.
    assert_eq!(named.two().await[0], "$SYS/hub/version");
    all.hears_nothing().await;
    below.hears_nothing().await;
    let answer = named.asks(r#"["$SYS/hub/version", 1]"#, "publish/error").await;
    assert_eq!(answer["reason"], "forbidden: this takes the right publish");
    let answer = named.asks(r#"["$SYS", 1, {"id": 3}]"#, "publish/error").await;
    assert_eq!(
        (&answer["reason"], &answer["id"]),
        (&"forbidden: this takes the right publish".into(), &3.into())
    );
}

#[tokio::test]
async fn wildcards_name_what_mqtt_says_they_name() {
    let hub = Hub::demo();
    let mut writer = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    for (filter, heard) in [
        ("a/+", vec!["a/", "a/b", "a/$x"]),
        ("a/#", vec!["a", "a/", "a/b", "a/$x", "a/b/c", "a//c"]),
        ("+", vec!["a"]),
        ("+/+", vec!["a/", "a/b", "a/$x", "/a"]),
        ("/+", vec!["/a"]),
        ("a/+/c", vec!["a/b/c", "a//c"]),
    ] {
        let filters = json!({ "filters": [filter] });
        let mut reader = Client::open(&hub, "/talk", &filters.to_string()).await;
        for topic in ["a", "a/", "a/b", "a/$x", "a/b/c", "a//c", "/a", "b"] {
            writer.say(&format!("[\"{topic}\", 1]")).await;
        }
        writer.publish("fence", "1").await;
        for topic in heard {
            assert_eq!(reader.hear().await, format!("[\"{topic}\", 1]"), "{filter}");
        }
        if filter != "+" {
            reader.hears_nothing().await;
        }
    }
}

#[tokio::test]
async fn one_message_is_called_from_every_base_what_it_is_called_there() {
    let hub = Hub::demo();
    let mut readers = Vec::new();
    for (path, name) in [
        ("/talk", "nodes/bridge/0/relay/i2c0-3b/set"),
        ("/auth/clown-talk-server", "nodes/bridge/0/relay/i2c0-3b/set"),
        ("/talk/nodes", "bridge/0/relay/i2c0-3b/set"),
        ("/auth/clown-talk-server_nodes_bridge", "0/relay/i2c0-3b/set"),
        ("/talk/nodes/bridge/0", "relay/i2c0-3b/set"),
        ("/talk/nodes/bridge/0/relay/i2c0-3b", "set"),
    ] {
        readers.push((Client::open(&hub, path, r##"{"filters": ["#"]}"##).await, name));
    }
    let mut beside = Client::open(&hub, "/talk/nodes/bridge/01", r##"{"filters": ["#"]}"##).await;
    let mut on_it =
        Client::open(&hub, "/talk/nodes/bridge/0/relay/i2c0-3b/set", r##"{"filters": ["#"]}"##).await;
    let mut writer = Client::open(&hub, "/auth/clown-talk-server_nodes_bridge_0", r#"{"filters": []}"#).await;
    writer.publish("relay/i2c0-3b/set", r#"{"state": false}"#).await;
    for (reader, name) in &mut readers {
        assert_eq!(reader.hear().await, format!(r#"["{name}", {{"state": false}}]"#));
    }
    beside.hears_nothing().await;
    on_it.hears_nothing().await;
}

#[tokio::test]
async fn coming_and_going_leaves_nothing_behind() {
    let hub = Hub::with(&["limits.messages_per_second=0"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    for n in 0..200 {
        node.say(&format!("[\"v/{n}\", {n}]")).await;
    }
    let before = hub.figure("subscriptions_count").await;
    let mut restless = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    for round in 0..300 {
        let filters = json!([format!("n/v/{}", round % 200), "n/#", "n/+/+", format!("x/{round}")]);
        for (verb, expected) in [("add", 4), ("add", 4), ("remove", 0)] {
            restless.say(&format!(r#"["clown.talk/-/subscription/{verb}", {{"filters": {filters}}}]"#)).await;
            loop {
                let [topic, payload] = restless.two().await;
                if topic == "clown.talk/-/subscription/ok" {
                    assert_eq!(payload["filters"].as_array().unwrap().len(), expected);
                    break;
                }
            }
        }
    }
    assert_eq!(hub.figure("subscriptions_count").await, before);
    restless.leave().await;
    bystander.is_undisturbed().await;
}
