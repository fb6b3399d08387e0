//! The opening of a transmission and its settings (`docs/protocol.md`, clause 3).

use serde_json::{Value, json};

use crate::support::{Client, Hub, Line, Opcode, Raw};

#[tokio::test]
async fn nothing_is_sent_before_the_client_opens_the_transmission_and_then_the_answers_that_were_held() {
    let hub = Hub::demo();
    let mut other = Client::open(&hub, "/talk", r#"{"filters": ["a/#"]}"#).await;
    other.publish_with("a/kept", "1", r#", "retain": true"#).await;
    let mut client = Client::connect(&hub, "/talk").await;
    client.say(r#"["a/b", 1, {"id": 1}]"#).await;
    client.say("bad").await;
    client.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
    client.say(r#"["a/b", 2]"#).await;
    assert_eq!(other.two().await, [json!("a/b"), json!(1)]);
    assert_eq!(other.two().await, [json!("a/b"), json!(2)]);
    let ok = client.configure("{}").await;
    assert_eq!(ok["device"], "hub");
    assert_eq!(client.two().await, [json!("clown.talk/-/publish/ok"), json!({"id": 1})]);
    assert_eq!(client.two().await[0], "clown.talk/-/publish/error");
    assert_eq!(client.two().await, [json!("clown.talk/-/subscription/ok"), json!({"filters": []})]);
    assert_eq!(client.two().await, [json!("a/kept"), json!(1)]);
    client.hears_nothing().await;
}

#[tokio::test]
async fn config_ok_tells_the_five_keys_of_the_firmware_in_their_order_and_the_limits() {
    let hub = Hub::with(&["limits.filters=7"]);
    let mut client = Client::connect(&hub, "/auth/clown-talk-server_nodes_bridge_0").await;
    client.say("[\"clown.talk/-/config/set\", {}]\n").await;
    let text = client.hear().await;
    assert!(text.starts_with(r#"["clown.talk/-/config/ok", {"ack": false, "device": "hub", "capabilities": 1, "firmware-datetime": ""#), "{text}");
    let [_, payload]: [Value; 2] = serde_json::from_str(&text).unwrap();
    let keys: Vec<_> = ["ack", "device", "capabilities", "firmware-datetime", "firmware-release"].into();
    let places: Vec<_> = keys.iter().map(|key| text.find(&format!("\"{key}\"")).unwrap()).collect();
    assert!(places.is_sorted());
    assert_eq!(payload["firmware-release"], concat!("v", env!("CARGO_PKG_VERSION")));
    let time = payload["firmware-datetime"].as_str().unwrap();
    assert_eq!((time.len(), &time[10..11], &time[19..]), (20, "T", "Z"), "{time}");
    assert_eq!(payload["base"], "nodes/bridge/0");
    assert_eq!(payload["limits"]["filters"], 7);
}

#[tokio::test]
async fn a_wrong_type_is_answered_and_changes_nothing() {
    let hub = Hub::demo();
    let mut other = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let mut client = Client::open(&hub, "/talk", r#"{"filters": ["a/#"], "name": "first"}"#).await;
    for (payload, reason) in [
        ("7", "the payload must be an object"),
        (r#"{"filters": "b"}"#, "key filters must be"),
        (r#"{"filters": ["b/#"], "retained": 1}"#, "key retained must be"),
        (r#"{"filters": ["b/#"], "echo": "yes"}"#, "key echo must be"),
        (r#"{"filters": ["b/#"], "options": []}"#, "key options must be"),
        (r#"{"filters": ["b/#"], "batch": -1}"#, "key batch must be"),
        (r#"{"filters": ["b/#"], "batch": 5001}"#, "at most 5000 milliseconds"),
        (r#"{"filters": ["b/#"], "conflate": 0}"#, "key conflate must be"),
        (r#"{"filters": ["b/#"], "will": ["x"]}"#, "key will must be"),
        (r#"{"filters": ["b/#"], "will": ["a/+", 1]}"#, "key will: wildcard"),
        (r#"{"filters": ["b/#"], "name": 7}"#, "key name must be"),
        (r#"{"filters": ["b/#", "c/#/d"]}"#, "must be the last level"),
    ] {
        let answer = client.asks(&format!("[\"clown.talk/-/config/set\", {payload}]"), "config/error").await;
        assert!(answer["reason"].as_str().unwrap().contains(reason), "{payload}: {answer}");
    }
    other.publish("b/x", "1").await;
    other.publish("a/x", "1").await;
    assert_eq!(client.hear().await, "[\"a/x\", 1]");
    client.hears_nothing().await;
}

#[tokio::test]
async fn an_unknown_key_is_ignored_and_a_second_request_replaces_the_first() {
    let hub = Hub::demo();
    let mut other = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let mut client =
        Client::open(&hub, "/talk", r#"{"filters": ["a/#"], "echo": true, "colour": "red"}"#).await;
    client.say(r#"["a/x", 1]"#).await;
    assert_eq!(client.hear().await, "[\"a/x\", 1]");
    client.configure(r#"{"filters": ["b/#"]}"#).await;
    client.say("[\"b/x\", 1]\n[\"a/x\", 1]").await;
    other.publish("b/x", "2").await;
    assert_eq!(client.hear().await, "[\"b/x\", 2]");
    client.hears_nothing().await;
}

#[tokio::test]
async fn every_opening_is_answered_also_where_two_come_at_once() {
    let hub = Hub::demo();
    let mut client = Client::connect(&hub, "/talk").await;
    let both = [
        r#"["clown.talk/-/config/set", {"name": "one"}]"#,
        r#"["clown.talk/-/config/set", {"name": "two"}]"#,
    ];
    client.say(&both.join("\n")).await;
    for name in ["one", "two"] {
        let [topic, payload] = client.two().await;
        assert_eq!((topic, &payload["name"]), ("clown.talk/-/config/ok".into(), &name.into()));
    }
    client.hears_nothing().await;
}

#[tokio::test]
async fn each_side_has_its_usual_filters() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n/0?side=node", "{}").await;
    let mut dashboard = Client::open(&hub, "/talk/n/0", "{}").await;
    assert_eq!(dashboard.two().await[0], "presence");
    for (client, filters) in [(&mut node, json!(["+/+/+", "+/+/+/+"])), (&mut dashboard, json!(["#"]))] {
        let answer = client.asks(r#"["clown.talk/-/subscription/get", {}]"#, "subscription/ok").await;
        assert_eq!(answer["filters"], filters);
    }
    dashboard.publish("relay/i2c0-3b/set", r#"{"state": true}"#).await;
    assert_eq!(node.hear().await, r#"["relay/i2c0-3b/set", {"state": true}]"#);
    node.publish("relay/i2c0-3b", r#"{"state": true}"#).await;
    assert_eq!(dashboard.hear().await, r#"["relay/i2c0-3b", {"state": true}]"#);
}

#[tokio::test]
async fn retained_false_leaves_the_last_values_out() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n?side=node", "{}").await;
    node.publish("a/b", "1").await;
    let mut client = Client::open(&hub, "/talk", r#"{"retained": false}"#).await;
    client.hears_nothing().await;
    node.publish("a/b", "2").await;
    assert_eq!(client.hear().await, "[\"n/a/b\", 2]");
}

#[tokio::test]
async fn who_asks_for_echo_hears_itself_and_nobody_else_does() {
    let hub = Hub::demo();
    let mut echo = Client::open(&hub, "/talk", r#"{"echo": true}"#).await;
    let mut quiet = Client::open(&hub, "/talk", "{}").await;
    echo.say(r#"["a/b", 1]"#).await;
    assert_eq!(echo.hear().await, "[\"a/b\", 1]");
    assert_eq!(quiet.hear().await, "[\"a/b\", 1]");
    quiet.say(r#"["a/b", 2]"#).await;
    assert_eq!(echo.hear().await, "[\"a/b\", 2]");
    quiet.hears_nothing().await;
}

#[tokio::test]
async fn the_third_element_comes_only_on_request_and_tells_who_sent_it_when_and_what_more() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n?side=node", "{}").await;
    let mut plain = Client::open(&hub, "/talk/n", r#"{"filters": ["a/#"]}"#).await;
    let mut curious = Client::open(&hub, "/talk/n", r#"{"filters": ["a/#"], "options": true}"#).await;
    node.say("[\"a/b\", 20.10, {\"qos\": 1, \"from\": \"liar\", \"retained\": 7, \"id\": 5}]").await;
    assert_eq!(plain.hear().await, "[\"a/b\", 20.10]");
    let text = curious.hear().await;
    assert!(text.starts_with("[\"a/b\", 20.10, {"), "{text}");
    let [_, _, options]: [Value; 3] = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&options["retained"], &options["from"], &options["qos"]),
        (&false.into(), &"clown".into(), &1.into())
    );
    let time = options["time"].as_str().unwrap();
    assert_eq!((time.len(), &time[19..20], &time[23..]), (24, ".", "Z"), "{time}");
    let mut late = Client::open(&hub, "/talk/n", r#"{"filters": ["a/#"], "options": true}"#).await;
    let [_, _, kept]: [Value; 3] = serde_json::from_str(&late.hear().await).unwrap();
    assert_eq!((&kept["retained"], &kept["time"], &kept["qos"]), (&true.into(), &options["time"], &1.into()));
}

#[tokio::test]
async fn a_batch_holds_several_frames_and_config_ok_stays_alone() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n?side=node", "{}").await;
    for n in 0..50 {
        node.say(&format!("[\"a/{n}\", {n}]")).await;
    }
    node.publish("last/one", "0").await;
    let mut client = Client::connect(&hub, "/talk/n").await;
    client.say(r#"["clown.talk/-/config/set", {"batch": 200, "filters": ["a/#"]}]"#).await;
    let ok = client.hear().await;
    assert!(ok.contains("config/ok") && !ok.contains('\n'), "{ok}");
    let (mut messages, mut frames) = (0, Vec::new());
    while frames.len() < 50 {
        let message = client.hear().await;
        assert!(!message.ends_with('\n'));
        messages += 1;
        frames.extend(message.split('\n').map(str::to_owned));
    }
    assert_eq!(messages, 1, "{frames:?}");
    frames.sort();
    frames.dedup();
    assert_eq!(frames.len(), 50);
    node.say("[\"a/1\", 1]\n[\"a/1\", 2]").await;
    assert_eq!(client.hear().await, "[\"a/1\", 1]\n[\"a/1\", 2]");
}

#[tokio::test]
async fn a_batch_takes_all_that_waits_however_much_it_is() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n?side=node", "{}").await;
    let mut client = Client::open(&hub, "/talk/n", r#"{"batch": 5000, "filters": ["a/#"]}"#).await;
    let long = format!("\"{}\"", "x".repeat(1000));
    for n in 0..400 {
        node.feed(&format!("[\"a/{n}\", {long}]")).await;
    }
    node.flush().await;
    let (mut messages, mut frames) = (0, 0);
    while frames < 400 {
        let message = client.hear().await;
        assert!(message.len() <= 256 * 1024);
        messages += 1;
        frames += message.split('\n').count();
    }
    assert!(messages <= 10, "{messages} messages for 400 frames of a thousand bytes");
}

#[tokio::test]
async fn who_asks_for_it_gets_the_newest_reading_of_a_batch_every_command_and_the_number_left_out() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n?side=node", "{}").await;
    let mut client =
        Client::open(&hub, "/talk/n", r#"{"batch": 300, "conflate": true, "filters": ["+/+", "+/+/set"]}"#)
            .await;
    let frames = [
        r#"["a/b", 1]"#,
        r#"["a/b/set", 1]"#,
        r#"["a/b", 2]"#,
        r#"["a/c", 1]"#,
        r#"["a/b/set", 2]"#,
        r#"["a/b", 3]"#,
    ];
    node.say(&frames.join("\n")).await;
    let message = client.hear().await;
    let mut lines: Vec<_> = message.split('\n').collect();
    assert_eq!(lines.remove(0), r#"["clown.talk/-/skipped", {"count": 2}]"#);
    lines.sort_unstable();
    assert_eq!(lines, [r#"["a/b", 3]"#, r#"["a/b/set", 1]"#, r#"["a/b/set", 2]"#, r#"["a/c", 1]"#]);
}

#[tokio::test]
async fn a_command_of_a_dashboard_that_stands_at_the_lamp_itself_never_gives_way() {
    let hub = Hub::demo();
    let mut node = Client::open(
        &hub,
        "/talk/house?side=node",
        r#"{"batch": 300, "conflate": true, "filters": ["lamp/#"]}"#,
    )
    .await;
    let mut dashboard = Client::open(&hub, "/talk/house/lamp", r#"{"filters": []}"#).await;
    dashboard.say("[\"set\", true]\n[\"set\", false]\n[\"config/ok\", 1]\n[\"config/ok\", 2]").await;
    let message = node.hear().await;
    let lines: Vec<_> = message.split('\n').collect();
    let (set, ok) = ("[\"lamp/set\", ", "[\"lamp/config/ok\", ");
    assert_eq!(lines, [format!("{set}true]"), format!("{set}false]"), format!("{ok}1]"), format!("{ok}2]")]);
}

#[tokio::test]
async fn a_will_is_published_when_the_client_vanishes_and_not_when_it_says_good_bye() {
    let hub = Hub::with(&["server.line_listen=127.0.0.1:0"]);
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/state/+"]}"#).await;
    let will = r#"{"will": ["state/me", {"gone": 20.10}]}"#;
    Client::open(&hub, "/talk/n?side=node", will).await.leave().await;
    drop(Client::open(&hub, "/talk/n?side=node", will).await);
    assert_eq!(reader.hear().await, r#"["n/state/me", {"gone": 20.10}]"#);
    let mut raw = Raw::open(&hub, "/talk/n?side=node", will).await;
    raw.write(&Raw::encoded(true, Opcode::Binary, b"x")).await;
    assert_eq!(raw.closed().await.0, 1003);
    assert_eq!(reader.hear().await, r#"["n/state/me", {"gone": 20.10}]"#);
    drop(Line::open(&hub, r#", "base": "n", "side": "node", "will": ["state/line", 1]"#).await);
    assert_eq!(reader.hear().await, r#"["n/state/line", 1]"#);
    // Replaced by an opening without one.
    let mut client = Client::open(&hub, "/talk/n?side=node", will).await;
    client.configure("{}").await;
    drop(client);
    let mut late = Client::open(&hub, "/talk", r#"{"filters": ["n/state/me", "n/presence"]}"#).await;
    let mut kept = [late.hear().await, late.hear().await];
    kept.sort();
    assert_eq!(kept[1], r#"["n/state/me", {"gone": 20.10}]"#);
    reader.hears_nothing().await;
}

#[tokio::test]
async fn a_name_stands_in_the_answer_and_in_the_log() {
    let hub = Hub::demo();
    let mut client = Client::connect(&hub, "/talk").await;
    assert_eq!(client.configure(r#"{"name": "kitchen"}"#).await["name"], "kitchen");
    client.leave().await;
    hub.logs("client=kitchen").await;
    let mut unnamed = Client::connect(&hub, "/talk").await;
    assert!(unnamed.configure("{}").await["name"].as_str().unwrap().starts_with("clown-"));
}
