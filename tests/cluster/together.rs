//! Hubs are one: what clients see who are at different ones.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::nats::{Node, PASSWORD};
use crate::support::{Client, Hub, in_time, run, user};
use crate::{connected, figure_is, hub, unconnected};

/// Waits until what the hub has subscribed to at its node is this.
async fn hears(node: &Node, hub: &str, subjects: &[&str]) {
    let mut found = Vec::new();
    let done = tokio::time::timeout(crate::support::PATIENCE, async {
        loop {
            found = node.subscriptions(hub).await;
            if found == subjects {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(done.await.is_ok(), "{found:?} and not {subjects:?}");
}

#[tokio::test]
async fn a_browser_switches_a_relay_of_another_hub_and_sees_it_confirmed_while_a_third_hub_looks_on() {
    let nodes = Node::nodes(3).await;
    let (a, b, c) = (
        hub("a", &[&nodes[0]], &[]).await,
        hub("b", &[&nodes[1]], &[]).await,
        hub("c", &[&nodes[2]], &[]).await,
    );
    let mut relay = Client::open(&b, "/talk/nodes/bridge/0?side=node", "{}").await;
    let mut dashboard = Client::open(&c, "/talk", r#"{"filters": ["nodes/#"], "options": true}"#).await;
    let mut browser = Client::open(&a, "/talk/nodes/bridge/0", r#"{"filters": ["relay/#"]}"#).await;
    // The servers tell each other who wants what a moment after they have told the hubs.
    let moment = Duration::from_millis(100);
    in_time("the ways from the browser", async {
        let (mut to_relay, mut to_dashboard) = (false, false);
        while !(to_relay && to_dashboard) {
            browser.say(r#"["relay/probe/get", 1]"#).await;
            to_relay |= timeout(moment, relay.two()).await.is_ok();
            to_dashboard |= timeout(moment, dashboard.frame()).await.is_ok();
        }
    })
    .await;
    in_time("the way from the relay", async {
        loop {
            relay.say(r#"["probe", 1]"#).await;
            while let Ok(frame) = timeout(moment, dashboard.frame()).await {
                if frame[0] == "nodes/bridge/0/probe" {
                    return;
                }
            }
        }
    })
    .await;
    let is_probe = |topic: &Value| topic.as_str().unwrap().contains("probe");
    for (round, is_on) in [(1, true), (2, false), (3, true)] {
        let command =
            format!(r#"["relay/i2c0-3b/set", {{"state": {is_on}}}, {{"id": {round}, "confirm": 20}}]"#);
        browser.say(&command).await;
        let mut heard = relay.two().await;
        while is_probe(&heard[0]) {
            heard = relay.two().await;
        }
        assert_eq!(heard, [json!("relay/i2c0-3b/set"), json!({"state": is_on})]);
        relay.say(&format!(r#"["relay/i2c0-3b", {{"state": {is_on}}}]"#)).await;
        let (mut state, mut confirmed) = (false, false);
        while !(state && confirmed) {
            let [topic, payload] = browser.two().await;
            match topic.as_str().unwrap() {
                "relay/i2c0-3b" => state = payload == json!({"state": is_on}),
                "clown.talk/-/publish/ok" => confirmed = payload["id"] == round,
                other => panic!("{other} {payload}"),
            }
        }
        // They come from two hubs, so no order is promised between them.
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let frame = dashboard.frame().await;
            if !is_probe(&frame[0]) {
                assert_eq!((&frame[1], &frame[2]["from"]), (&json!({"state": is_on}), &json!("clown")));
                seen.push(frame[0].as_str().unwrap().to_owned());
            }
        }
        seen.sort();
        assert_eq!(seen, ["nodes/bridge/0/relay/i2c0-3b", "nodes/bridge/0/relay/i2c0-3b/set"]);
    }
    assert_eq!(a.figure("commands_confirmed").await, 3);
}

#[tokio::test]
async fn a_command_is_confirmed_although_nobody_here_reads_the_state() {
    let nodes = Node::nodes(2).await;
    let (a, b) = (hub("a", &[&nodes[0]], &[]).await, hub("b", &[&nodes[1]], &[]).await);
    let mut relay = Client::open(&b, "/talk/nodes/bridge/0?side=node", "{}").await;
    let mut sender = Client::open(&a, "/talk", r#"{"filters": []}"#).await;
    sender.say(r#"["nodes/bridge/0/relay/0/set", {"state": true}, {"id": 1, "confirm": 20}]"#).await;
    assert_eq!(relay.two().await[0], "relay/0/set");
    relay.say(r#"["relay/0", {"state": true}]"#).await;
    let [topic, payload] = sender.two().await;
    assert_eq!((topic, &payload["id"]), (json!("clown.talk/-/publish/ok"), &json!(1)));
    assert_eq!(a.figure("commands_confirmed").await, 1);
}

#[tokio::test]
async fn any_topic_comes_as_it_went_and_any_payload() {
    let node = Node::single().await;
    // The demo user may not read what begins with `$`.
    let all = ["#", "$config/#", "$/#"];
    let secret = node.dir().join("password");
    std::fs::write(&secret, PASSWORD).unwrap();
    let start = |name: &str| {
        let servers = format!("cluster.servers=nats://127.0.0.1:{}", node.port);
        let (name, file) =
            (format!("cluster.name={name}"), format!("cluster.password_file={}", secret.display()));
        Hub::with_users(&[user("jana", &all, &all, true)], &[&servers, &name, "cluster.user=hub", &file])
    };
    let (a, b) = (start("a"), start("b"));
    connected(&a).await;
    connected(&b).await;
    let mut reader =
        Client::open_as(&b, "jana", "/talk", r##"{"filters": ["#", "$config/#", "$/#", "/#"]}"##).await;
    let mut writer = Client::open_as(&a, "jana", "/talk", r#"{"filters": []}"#).await;
    let long = format!("t/{}", "ž".repeat(500));
    let topics = [
        "a",
        "a/b",
        "a//b",
        "/",
        "/a",
        "a/",
        "//",
        "$config/x",
        "$/y",
        "a.b/c.d",
        "a b/ c",
        "*/>",
        "-=/=/==",
        "=2F/%2F",
        "\t/x",
        "😀/ᚠ/é",
        "clown.talk",
        "a/clown.t.k",
        "\"quotes\"/\\",
        "~`!@^&()[]{}|;:'<,.?",
        &long,
    ];
    for (number, topic) in topics.iter().enumerate() {
        writer.publish(topic, &number.to_string()).await;
        let [found, payload] = reader.two().await;
        assert_eq!((found.as_str().unwrap(), payload), (*topic, json!(number)));
    }
    for payload in ["null", "{}", "[]", "\"\\u0000 ž\"", "1e400", "20.10", "{\"b\": 1,   \"a\": [2]}"] {
        writer.publish("p", payload).await;
        assert_eq!(reader.hear().await, format!("[\"p\", {payload}]"));
    }
    assert_eq!(b.figure("cluster_messages_refused").await, 0);
    assert_eq!(b.figure("cluster_messages_missing").await, 0);
}

#[tokio::test]
async fn who_said_it_when_and_what_was_passed_on_comes_along() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[]).await);
    let mut reader = Client::open(&b, "/talk", r#"{"filters": ["t/#"], "options": true}"#).await;
    let mut here = Client::open(&a, "/talk", r#"{"filters": ["t/#"], "options": true}"#).await;
    let mut node_side = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    node_side.say(r#"["t/reading", 1, {"unit": "℃", "x": {"y": [1, 2]}}]"#).await;
    let (there, local) = (reader.frame().await, here.frame().await);
    assert_eq!(there, local);
    assert_eq!(
        (&there[2]["from"], &there[2]["unit"], &there[2]["kept"]),
        (&json!("clown"), &json!("℃"), &json!(true))
    );
    // It is the last value at both, and what clears it clears it at both.
    for hub in [&a, &b] {
        let mut late = Client::open(hub, "/talk", r#"{"filters": ["t/#"]}"#).await;
        assert_eq!(late.two().await, [json!("t/reading"), json!(1)]);
    }
    node_side.say(r#"["t/reading", null, {"retain": true}]"#).await;
    assert_eq!((&reader.frame().await[1], &here.frame().await[1]), (&Value::Null, &Value::Null));
    for hub in [&a, &b] {
        Client::open(hub, "/talk", r#"{"filters": ["t/#"]}"#).await.hears_nothing().await;
    }
}

#[tokio::test]
async fn a_hub_hears_what_its_clients_want_and_nothing_else() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &["cluster.linger_seconds=1"]).await, hub("b", &[&node], &[]).await);
    hears(&node, "a", &[]).await;
    let mut one = Client::open(&a, "/talk", r#"{"filters": ["x/+/c", "x/b/c", "d"]}"#).await;
    // What is covered is left out, and a second holder changes nothing. The answer came when this was so.
    assert_eq!(node.subscriptions("a").await, ["clown.t.*.d.-=", "clown.t.*.x.*.c.-="]);
    let two = Client::open(&a, "/talk/x", r#"{"filters": ["+/c"]}"#).await;
    assert_eq!(node.subscriptions("a").await, ["clown.t.*.d.-=", "clown.t.*.x.*.c.-="]);
    let mut writer = Client::open(&b, "/talk", r#"{"filters": []}"#).await;
    for topic in ["x/b/c", "x/b/d", "e", "d", "x"] {
        writer.publish(topic, "1").await;
    }
    assert_eq!(one.two().await[0], "x/b/c");
    assert_eq!(one.two().await[0], "d");
    one.hears_nothing().await;
    assert_eq!(a.figure("cluster_messages_in").await, 2);
    one.asks(r#"["clown.talk/-/subscription/set", {"filters": ["x/#"]}]"#, "subscription/ok").await;
    writer.publish("x", "2").await;
    assert_eq!(one.two().await[0], "x");
    hears(&node, "a", &["clown.t.*.x.>"]).await;
    // What each hub says of itself never comes from others.
    one.asks(r#"["clown.talk/-/subscription/add", {"filters": ["$SYS/hub/#"]}]"#, "subscription/ok").await;
    assert_eq!(node.subscriptions("a").await, ["clown.t.*.x.>"]);
    one.leave().await;
    hears(&node, "a", &["clown.t.*.x.*.c.-="]).await;
    two.leave().await;
    hears(&node, "a", &[]).await;
    // Its own come and go, and nothing comes back.
    assert_eq!(b.figure("cluster_messages_in").await, 0);
}

#[tokio::test]
async fn too_many_filters_are_widened_and_it_says_so() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &["cluster.subscriptions=10"]).await, hub("b", &[&node], &[]).await);
    let filters: Vec<_> = (0..40).map(|n| format!("house/{}/room/{n}", n % 4)).collect();
    let mut reader = Client::open(&a, "/talk", &json!({"filters": filters}).to_string()).await;
    assert_eq!(
        node.subscriptions("a").await,
        [
            "clown.t.*.house.0.room.>",
            "clown.t.*.house.1.room.>",
            "clown.t.*.house.2.room.>",
            "clown.t.*.house.3.room.>"
        ]
    );
    a.logs("more filters are held than cluster.subscriptions allows").await;
    assert_eq!(a.figure("cluster_widened").await, 1);
    let mut writer = Client::open(&b, "/talk", r#"{"filters": []}"#).await;
    for topic in ["house/0/room/99", "house/1/room/5"] {
        writer.publish(topic, "1").await;
    }
    assert_eq!(reader.two().await[0], "house/1/room/5");
    assert_eq!(a.figure("cluster_messages_in").await, 2);
}

#[tokio::test]
async fn what_is_said_after_the_answer_to_a_subscription_is_delivered() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[]).await);
    let mut writer = Client::open(&b, "/talk", r#"{"filters": []}"#).await;
    let mut reader = Client::open(&a, "/talk", r#"{"filters": []}"#).await;
    for n in 0..200 {
        let text = format!(r#"["clown.talk/-/subscription/add", {{"filters": ["t/{n}"]}}]"#);
        reader.asks(&text, "subscription/ok").await;
        writer.publish(&format!("t/{n}"), &n.to_string()).await;
        assert_eq!(reader.two().await[1], n);
    }
    assert_eq!(a.figure("cluster_late").await, 0);
}

#[tokio::test]
async fn who_asks_for_more_is_answered_also_where_several_threads_serve() {
    let node = Node::single().await;
    let a = hub("a", &[&node], &["server.io_threads=2"]).await;
    // They are on two threads, one of which is not that of the cluster.
    let mut readers = Vec::new();
    for _ in 0..2 {
        readers.push(Client::open(&a, "/talk", r#"{"filters": []}"#).await);
    }
    for n in 0..50 {
        for (reader, client) in readers.iter_mut().enumerate() {
            let text = format!(r#"["clown.talk/-/subscription/add", {{"filters": ["t/{reader}/{n}"]}}]"#);
            client.asks(&text, "subscription/ok").await;
        }
    }
    assert_eq!(a.figure("cluster_late").await, 0);
}

#[tokio::test]
async fn who_asks_for_what_another_client_holds_is_answered_at_once_also_after_somebody_has_left() {
    let node = Node::single().await;
    let a = hub("a", &[&node], &[]).await;
    let _holder = Client::open(&a, "/talk", r#"{"filters": ["held"]}"#).await;
    let other = Client::open(&a, "/talk", r#"{"filters": ["other"]}"#).await;
    other.leave().await;
    figure_is(&a, "clients_connected", |clients| clients <= 2).await;
    Client::open(&a, "/talk", r#"{"filters": ["held"]}"#).await.hears_nothing().await;
    assert_eq!(a.figure("cluster_late").await, 0);
}

#[tokio::test]
async fn the_first_line_of_a_stream_waits_for_the_cluster_too() {
    let node = Node::single().await;
    let (a, b) =
        (hub("a", &[&node], &["server.line_listen=127.0.0.1:0"]).await, hub("b", &[&node], &[]).await);
    let mut writer = Client::open(&b, "/talk", r#"{"filters": []}"#).await;
    for n in 0..20 {
        let mut line = crate::support::Line::connect(&a).await;
        line.say(&format!(r#"["clown.talk/-/config/set", {{"user": "clown", "password": "bigclown", "filters": ["l/{n}"]}}]"#)).await;
        assert!(line.hear().await.unwrap().starts_with(r#"["clown.talk/-/config/ok""#));
        writer.publish(&format!("l/{n}"), "1").await;
        assert_eq!(line.hear().await.unwrap(), format!(r#"["l/{n}", 1]"#));
    }
}

#[tokio::test]
async fn the_first_line_of_a_stream_may_wait_for_the_cluster_for_longer_than_signing_in_may_take() {
    let node = Node::single().await;
    let settings =
        ["server.line_listen=127.0.0.1:0", "limits.handshake_seconds=2", "cluster.answer_milliseconds=60000"];
    let a = hub("a", &[&node], &settings).await;
    // From here on the password is known, and is not hashed again.
    let sign_in = ("authorization", &*crate::support::basic("clown", "bigclown"));
    assert_eq!(a.request("GET", "/api/topics/none", &[sign_in], "").await.status(), 404);
    node.signal("STOP");
    let mut line = crate::support::Line::connect(&a).await;
    line.say(
        r#"["clown.talk/-/config/set", {"user": "clown", "password": "bigclown", "filters": ["later"]}]"#,
    )
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    node.signal("CONT");
    assert!(line.hear().await.unwrap().starts_with(r#"["clown.talk/-/config/ok""#));
}

#[tokio::test]
async fn a_hub_without_a_cluster_opens_no_connection() {
    let node = Node::single().await;
    let hub = Hub::with(&["figures.every_seconds=1"]);
    let mut client = Client::open(&hub, "/talk", "{}").await;
    client.publish("a", "1").await;
    let sockets = std::fs::read_dir(format!("/proc/{}/fd", hub.pid())).unwrap();
    let to_nats = std::fs::read_to_string(format!("/proc/{}/net/tcp", hub.pid())).unwrap();
    let port = format!(":{:04X}", node.port);
    let established = to_nats.lines().filter(|line| line.contains(&port) && line.contains(" 01 ")).count();
    assert!(sockets.count() > 0);
    assert_eq!((established, node.connections().await), (0, 0));
}

#[tokio::test]
async fn presence_of_a_node_is_seen_at_other_hubs() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[]).await);
    let mut dashboard = Client::open(&a, "/talk", r#"{"filters": ["nodes/+/+/presence"]}"#).await;
    let bridge = Client::open(&b, "/talk/nodes/bridge/0?side=node", "{}").await;
    let [topic, payload] = dashboard.two().await;
    assert_eq!((topic, &payload["state"]), (json!("nodes/bridge/0/presence"), &json!("online")));
    bridge.leave().await;
    assert_eq!(dashboard.two().await[1]["state"], "offline");
}

#[tokio::test]
async fn a_hub_that_is_stopped_says_what_its_clients_said_last() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[]).await);
    let mut dashboard = Client::open(&a, "/talk", r#"{"filters": ["last/#"]}"#).await;
    let mut watcher = Client::open(&a, "/talk", r#"{"filters": ["n/presence"]}"#).await;
    let mut writer = Client::open(&b, "/talk", r#"{"filters": []}"#).await;
    let _node = Client::open(&b, "/talk/n?side=node", "{}").await;
    assert_eq!(watcher.two().await[1]["state"], "online");
    for n in 0..100 {
        writer.feed(&format!("[\"last/set\", {n}]")).await;
    }
    writer.flush().await;
    writer.publish("last/set", "100").await;
    b.stopped().await;
    for n in 0..=100 {
        assert_eq!(dashboard.two().await, [json!("last/set"), json!(n)]);
    }
    assert_eq!(watcher.two().await[1]["state"], "offline");
}

#[tokio::test]
async fn the_hubs_of_a_cluster_are_told() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[]).await);
    figure_is(&a, "cluster_others", |others| others == 1).await;
    figure_is(&b, "cluster_others", |others| others == 1).await;
    let mut client =
        Client::open(&a, "/talk", r#"{"filters": ["$SYS/hub/cluster/hubs", "$SYS/hub/cluster/state"]}"#)
            .await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let [topic, payload] = client.two().await;
        if topic == "$SYS/hub/cluster/hubs" {
            let names: Vec<_> = payload.as_array().unwrap().iter().map(|hub| hub["hub"].clone()).collect();
            assert_eq!(names, ["a", "b"]);
        } else {
            assert_eq!(payload["state"], "connected");
        }
        if !seen.contains(&topic) {
            seen.push(topic);
        }
    }
}

#[tokio::test]
async fn the_status_of_a_cluster_lists_its_hubs() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &[]).await, hub("b", &[&node], &[]).await);
    figure_is(&a, "cluster_others", |others| others == 1).await;
    figure_is(&b, "cluster_others", |others| others == 1).await;
    let _client = Client::open(&b, "/talk", r#"{"filters": ["t"]}"#).await;
    let url = format!("ws://clown:bigclown@{}/", a.address);
    in_time("the clients of the other hub", async {
        loop {
            let ran = run(&["cluster", "status", "--format", "json", "--url", &url], "");
            let hubs: Vec<Value> =
                ran.succeeds().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!((&hubs[0]["hub"], &hubs[1]["hub"]), (&json!("a"), &json!("b")));
            if hubs[1]["filters"] == 1 {
                return;
            }
        }
    })
    .await;
    let alone = Hub::demo();
    let url = format!("ws://clown:bigclown@{}/", alone.address);
    let ran = run(&["cluster", "status", "--url", &url], "");
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("this hub has no cluster"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_last_value_of_another_hub_is_kept_while_it_is_heard_and_read_again_for_who_asks_later() {
    let node = Node::single().await;
    let (a, b) = (hub("a", &[&node], &["cluster.linger_seconds=1"]).await, hub("b", &[&node], &[]).await);
    figure_is(&b, "cluster_last_values_shared", |shared| shared == 1).await;
    let mut reader = Client::open(&a, "/talk", r#"{"filters": ["far/#"]}"#).await;
    let mut writer = Client::open(&b, "/talk?side=node", r#"{"filters": []}"#).await;
    let mut local = Client::open(&a, "/talk?side=node", r#"{"filters": []}"#).await;
    writer.publish("far/t", "1").await;
    assert_eq!(reader.two().await, [json!("far/t"), json!(1)]);
    local.publish("far/here", "2").await;
    assert_eq!(reader.two().await, [json!("far/here"), json!(2)]);
    let mut late = Client::open(&a, "/talk", r#"{"filters": ["far/t"]}"#).await;
    assert_eq!(late.two().await, [json!("far/t"), json!(1)]);
    late.leave().await;
    reader.leave().await;
    // Nobody hears it now, so what is said there does not come, and what was said is no last value in the memory of this hub.
    hears(&node, "a", &[]).await;
    writer.publish("far/t", "3").await;
    figure_is(&b, "cluster_last_values_waiting", |waiting| waiting == 0).await;
    in_time("the value to be forgotten", async {
        while a
            .request(
                "GET",
                "/api/topics/far/t",
                &[("authorization", &crate::support::basic("clown", "bigclown"))],
                "",
            )
            .await
            .status()
            != 404
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let mut again = Client::open(&a, "/talk", r#"{"filters": ["far/#"]}"#).await;
    let mut found = [again.two().await, again.two().await];
    found.sort_by_key(|[topic, _]| topic.to_string());
    assert_eq!(found, [[json!("far/here"), json!(2)], [json!("far/t"), json!(3)]]);
    again.hears_nothing().await;
    writer.publish("far/t", "4").await;
    assert_eq!(again.two().await, [json!("far/t"), json!(4)]);
}

#[tokio::test]
async fn one_command_starts_three_hubs_that_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_clown-hub");
    let mut attempts = 0;
    let mut start = || {
        attempts += 1;
        // Its ports lie below those of the other tests: the lowest 3,859 below this one, the highest 143 above it.
        let offset = 5_000 + i32::try_from((std::process::id() * 7 + attempts * 450) % 4_800).unwrap() - 8081;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cluster/run");
        let mut script = tokio::process::Command::new(script);
        script.env("CLOWN_HUB", program).env("FOLDER", folder.path()).env("PORT_OFFSET", offset.to_string());
        (offset, script.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap())
    };
    let (mut offset, mut all) = start();
    let told = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap_or_default();
    let seen = timeout(crate::support::PATIENCE, async {
        loop {
            // The simulated nodes of the first hub are seen at the third one.
            let url = format!("ws://clown:bigclown@127.0.0.1:{}", 8083 + offset);
            let words = ["sub", "--url", &url, "-t", "nodes/bridge/0/presence", "-C", "1", "-W", "1"];
            let output = tokio::process::Command::new(program).args(words).output().await.unwrap();
            if String::from_utf8_lossy(&output.stdout).contains("online") {
                return;
            }
            if all.try_wait().unwrap().is_some() {
                // Somebody else has taken one of the ports.
                (offset, all) = start();
            }
        }
    });
    let is_seen = seen.await.is_ok();
    let pid = all.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
    in_time("the end of all", all.wait()).await.unwrap();
    assert!(is_seen, "{}{}{}", told("one.log"), told("three.log"), told("nats.log"));
    let gone = std::net::TcpStream::connect(format!("127.0.0.1:{}", 8081 + offset));
    assert!(gone.is_err(), "the hubs have ended with it");
}
