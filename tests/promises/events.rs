//! Who did what, and who may know of it (`docs/protocol.md`, clause 7.6).

mod command_line;
mod named;
mod sign_ins;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Client, Hub, Line, PASSWORD, basic, binary, in_time, run, user};

const ON: &str = r#"["n/pump/0/set", {"state": true}]"#;

fn store_at(dir: &Path) -> String {
    format!("store.directory={}", dir.display())
}

/// Somebody who only asks.
async fn asker(hub: &Hub) -> Client {
    Client::open(hub, "/talk", r#"{"filters": []}"#).await
}

/// What the hub tells, the newest first.
async fn events(client: &mut Client, question: &Value) -> Vec<Value> {
    let answer = client.asks(&json!(["clown.talk/-/events/get", question]).to_string(), "events/ok").await;
    answer["events"].as_array().unwrap().clone()
}

/// Why it does not.
async fn refusal(client: &mut Client, question: &Value) -> String {
    let answer = client.asks(&json!(["clown.talk/-/events/get", question]).to_string(), "events/error").await;
    answer["reason"].as_str().unwrap().to_owned()
}

/// All of one kind.
async fn of_kind(client: &mut Client, kind: &str) -> Vec<Value> {
    let all = events(client, &json!({ "limit": 1000 })).await;
    all.into_iter().filter(|event| event["kind"] == kind).collect()
}

/// A node that reads its commands.
async fn node(hub: &Hub) -> Client {
    Client::open(hub, "/talk/n?side=node", r#"{"filters": ["+/+/set"]}"#).await
}

#[tokio::test]
async fn who_switched_the_pump_is_known_after_a_restart_and_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let _node = node(&hub).await;
    let mut phone = Client::open(&hub, "/talk", r#"{"filters": [], "name": "kitchen tablet"}"#).await;
    phone.publish("n/pump/0/set", r#"{"state": true}"#).await;
    let question = json!({"filters": ["n/pump/#"], "id": "a"});
    let answer = phone.asks(&json!(["clown.talk/-/events/get", question]).to_string(), "events/ok").await;
    assert_eq!((&answer["id"], &answer["more"]), (&json!("a"), &Value::Null));
    let told = answer["events"].clone();
    let [event] = &**told.as_array().unwrap() else { panic!("{told}") };
    let (number, time) = (&event["number"], &event["time"]);
    let expected = json!({
        "number": number, "time": time, "kind": "command", "user": "clown", "client": "kitchen tablet",
        "side": "dashboard", "address": "127.0.0.1", "topic": "n/pump/0/set", "payload": {"state": true},
        "delivered": 1,
    });
    assert_eq!(*event, expected);
    // What was told is on the disk.
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    let mut phone = asker(&hub).await;
    assert_eq!(json!(events(&mut phone, &question).await), told);
    phone.publish("n/pump/0/set", "false").await;
    hub.stopped().await;
    let hub = Hub::with_store(dir.path(), &[]);
    let found = events(&mut asker(&hub).await, &question).await;
    assert_eq!((&found[0]["payload"], &found[1]), (&json!(false), &told[0]), "the newest first");
    assert!(found[0]["number"].as_u64() > found[1]["number"].as_u64());
}

#[tokio::test]
async fn what_came_of_a_command_stands_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let mut node = node(&hub).await;
    let mut phone = asker(&hub).await;
    for (number, answer) in [("1", Some("state")), ("2", Some("error")), ("3", None)] {
        let confirm = if answer.is_some() { "60" } else { "0.05" };
        phone
            .say(&format!(r#"["n/pump/{number}/set", {{"state": true}}, {{"id": 1, "confirm": {confirm}}}]"#))
            .await;
        node.frame().await;
        match answer {
            Some("state") => node.say(r#"["pump/1", {"state": true}]"#).await,
            Some(_) => node.say(r#"["pump/2/error", {"reason": "stuck"}]"#).await,
            None => {}
        }
        phone.frame().await;
    }
    node.leave().await;
    phone.say(r#"["n/pump/4/set", {"state": true}, {"id": 1, "confirm": 60}]"#).await;
    phone.frame().await;
    let found = events(&mut phone, &json!({"filters": ["n/pump/+/set"]})).await;
    let results: Vec<_> = found.iter().map(|event| &event["result"]).collect();
    assert_eq!(results, ["offline", "timeout", "refused", "confirmed"]);
    assert_eq!(
        (&found[2]["answer"], &found[2]["answered"]),
        (&json!({"reason": "stuck"}), &json!("n/pump/2/error"))
    );
    assert!(found[3]["after"].is_number() && found[3]["answered"] == "n/pump/1", "{}", found[3]);
}

#[tokio::test]
async fn of_a_command_whose_node_had_not_answered_when_the_hub_died_it_is_said_that_nobody_knows() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let mut node = node(&hub).await;
    let mut phone = asker(&hub).await;
    phone.say(r#"["n/pump/0/set", {"state": true}, {"id": 1, "confirm": 60}]"#).await;
    node.frame().await;
    let question = json!({"filters": ["n/#"], "by": "clown", "limit": 1});
    assert_eq!(events(&mut phone, &question).await[0]["result"], "waiting");
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    let mut phone = asker(&hub).await;
    let found = events(&mut phone, &json!({"filters": ["n/pump/#"]})).await;
    assert_eq!(found[0]["result"], "unknown", "{found:?}");
    let found = events(&mut phone, &json!({"filters": ["n/presence"]})).await;
    let told: Vec<_> = found.iter().map(|event| &event["result"]).collect();
    assert_eq!(told, ["offline", "online"], "the node has gone with the hub");
}

#[tokio::test]
async fn a_lease_that_ends_and_the_safe_command_of_the_hub_are_events() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let mut node = node(&hub).await;
    let mut phone = asker(&hub).await;
    let frame = r#"["n/pump/0/set", {"state": true}, {"id": 1, "lease": 3600, "safe": {"state": false}}]"#;
    phone.asks(frame, "publish/ok").await;
    drop(phone);
    for state in [true, false] {
        assert_eq!(node.frame().await, json!(["pump/0/set", {"state": state}]));
    }
    let found = events(&mut asker(&hub).await, &json!({"filters": ["n/pump/0/set"]})).await;
    let told: Vec<_> =
        found.iter().map(|event| (&event["kind"], &event["user"], &event["payload"])).collect();
    let (on, off) = (json!({"state": true}), json!({"state": false}));
    let expected = [
        (&json!("command"), &json!("hub"), &off),
        (&json!("lease"), &json!("clown"), &Value::Null),
        (&json!("command"), &json!("clown"), &on),
    ];
    assert_eq!(told, expected);
    assert_eq!((&found[2]["lease"], &found[1]["result"]), (&json!(3600.0), &json!("over")));
    assert_eq!(found[1]["reason"], "the connection that held it has ended");

    let mut phone = asker(&hub).await;
    phone.asks(&frame.replace("pump/0", "pump/1"), "publish/ok").await;
    phone.publish("n/pump/1/set", "null").await;
    let found = events(&mut phone, &json!({"filters": ["n/pump/1/set"]})).await;
    let told: Vec<_> = found.iter().map(|event| &event["kind"]).collect();
    assert_eq!(told, ["lease", "command", "command"]);
    assert_eq!(found[0]["reason"], "a command without a lease has followed");
}

#[tokio::test]
async fn who_may_not_read_a_topic_sees_no_event_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let users = [
        user("jana", &["n/#"], &["n/#"], false),
        user("emil", &["m/#", "n/+"], &["m/#"], false),
        user("boss", &["#", "$SYS/#"], &["#"], false),
    ];
    let hub = Hub::with_users(&users, &[&store_at(dir.path())]);
    let mut jana = Client::open_as(&hub, "jana", "/talk", r#"{"filters": []}"#).await;
    let mut emil = Client::open_as(&hub, "emil", "/talk", r#"{"filters": []}"#).await;
    let mut boss = Client::open_as(&hub, "boss", "/talk", r#"{"filters": []}"#).await;
    jana.publish("n/pump/0/set", "1").await;
    emil.asks(r#"["n/pump/0/set", "no", {"id": 1}]"#, "publish/error").await;
    emil.asks(r#"["clown.talk/-/subscription/set", {"filters": ["n/#"]}]"#, "subscription/error").await;

    let forbidden = "forbidden: this takes the right subscribe";
    assert_eq!(refusal(&mut emil, &json!({"filters": ["n/pump/#"]})).await, forbidden);
    assert_eq!(refusal(&mut emil, &json!({"filters": ["$SYS/events/sign-in"]})).await, forbidden);
    for filters in [Value::Null, json!(["m/#", "n/+"])] {
        let seen = events(&mut emil, &json!({"filters": filters, "limit": 1000})).await;
        let not_his: Vec<_> = seen.iter().filter(|event| event["user"] != "emil").collect();
        assert!(not_his.is_empty(), "{not_his:?}");
        assert!(!json!(seen).to_string().contains("\"payload\":1"), "{seen:?}");
    }
    // His own refusals he may see, and the boss those of everybody; jana does not.
    let refused = of_kind(&mut emil, "refused").await;
    assert_eq!(
        refused.len(),
        3 + 1,
        "two of a filter for events, one of a message and one of a subscription"
    );
    assert!(
        refused.iter().any(|event| event["topic"] == "n/pump/0/set" && event["payload"].is_null()),
        "{refused:?}"
    );
    assert_eq!(of_kind(&mut boss, "refused").await, refused);
    assert_eq!(of_kind(&mut jana, "refused").await, Vec::<Value>::new());
    assert_eq!(of_kind(&mut boss, "sign-in").await.len(), 3);
    assert_eq!(of_kind(&mut jana, "sign-in").await.len(), 1);

    // The same rights hold over HTTP.
    let ask = async |name: &str, query: &str| {
        let authorization = basic(name, PASSWORD);
        let path = format!("/api/events{query}");
        hub.request("GET", &path, &[("Authorization", &authorization)], "").await
    };
    let jana = ask("jana", "?filter=n/pump/%23&limit=5&since=-1h").await;
    let told: Value = serde_json::from_str(jana.body()).unwrap();
    assert_eq!((jana.status(), &told["events"][0]["payload"]), (200, &json!(1)), "{}", jana.text);
    assert_eq!(jana.header("cache-control"), Some("no-store"));
    assert_eq!(ask("emil", "?filter=n/pump/%23").await.status(), 403);
    let emil = ask("emil", "").await;
    assert!(emil.status() == 200 && !emil.body().contains("\"payload\":1"), "{}", emil.text);
    assert_eq!(hub.request("GET", "/api/events", &[], "").await.status(), 401);
    assert_eq!(hub.request("POST", "/api/events", &[], "").await.status(), 405);
}

#[tokio::test]
async fn payloads_of_secret_topics_are_left_out_and_large_ones_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    let settings = ["events.never=n/+/password/set/#", "events.ignore=n/clock/#", "store.sync_seconds=1"];
    let hub = Hub::with_store(dir.path(), &settings);
    let mut node = node(&hub).await;
    let mut phone = asker(&hub).await;
    phone.publish("n/wifi/password/set", r#""hunter2-of-the-house""#).await;
    phone.publish("n/clock/get", "1").await;
    let long = format!("\"{}\"", "ž".repeat(2000));
    phone.publish("n/display/0/set", &long).await;
    node.say(r#"["wifi/password/set/error", "hunter2-of-the-house"]"#).await;
    node.hear().await;
    phone.say(r#"["n/wifi/password/set", true, {"id": 1, "confirm": 60}]"#).await;
    node.hear().await;
    while !node.hear().await.contains("true") {}
    node.say(r#"["wifi/password/set/error", "hunter2-of-the-house"]"#).await;
    phone.frame().await;
    let found = events(&mut phone, &json!({"filters": ["n/#"]})).await;
    let found: Vec<_> = found.into_iter().filter(|event| event["kind"] != "presence").collect();
    let told: Vec<_> =
        found.iter().map(|event| (event["topic"].as_str().unwrap(), &event["omitted"])).collect();
    let yes = &json!(true);
    let (secret, failed) = (("n/wifi/password/set", yes), ("n/wifi/password/set/error", yes));
    assert_eq!(told, [failed, secret, failed, ("n/display/0/set", &Value::Null), secret]);
    assert_eq!((&found[1]["result"], &found[1]["answer"]), (&json!("refused"), &Value::Null));
    let cut = found[3]["payload"].as_str().unwrap();
    assert!(found[3]["cut"] == long.len() && long.starts_with(cut) && cut.len() == 1023, "{}", cut.len());
    hub.stopped().await;
    let bytes = fs::read(dir.path().join("hub.db")).unwrap();
    assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "it is in the store");
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let mut client = asker(&hub).await;
    for (question, expected) in [
        (json!({"since": "2100-01-01T00:00:00Z"}), "key since is in the future by the clock of the hub"),
        (json!({"since": "soon"}), "key since must be milliseconds since 1970, a moment such as"),
        (json!({"since": "-1h", "until": "-2h"}), "key until is before since"),
        (json!({"filters": vec!["a"; 10_000]}), "key filters has 10000 filters, and 100 are the most"),
        (json!({"filters": ["a/#/b"]}), "filter \"a/#/b\":"),
        (json!({"limit": 0}), "key limit is 0, and has to be 1 to 1000"),
        (json!({"limit": 1_000_000_000}), "key limit is 1000000000, and has to be 1 to 1000"),
        (json!([]), "the payload must be an object"),
    ] {
        let reason = refusal(&mut client, &question).await;
        assert!(reason.starts_with(expected), "{question}: {reason}");
    }
    let authorization = basic("clown", "bigclown");
    let many: String = "filter=a&".repeat(300);
    for (query, status) in [
        ("?limit=0", 400),
        ("?limit=many", 400),
        ("?since=2100-01-01T00:00:00Z", 400),
        ("?nonsense=1", 400),
        ("?filter=a/%23/b", 400),
        (&*format!("?{many}"), 400),
        ("?limit=1000&since=-365d", 200),
    ] {
        let path = format!("/api/events{query}");
        let answer = hub.request("GET", &path, &[("Authorization", &authorization)], "").await;
        assert_eq!(answer.status(), status, "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn without_a_store_it_is_said_what_to_do() {
    let hub = Hub::with(&["store.directory="]);
    let reason = refusal(&mut asker(&hub).await, &json!({"id": 3})).await;
    assert!(reason.starts_with("events are off: the hub has no store; set store.directory"), "{reason}");
    let url = format!("ws://clown:bigclown@{}", hub.address);
    let ran = run(&["events", "--url", &url], "");
    assert!(ran.code == Some(3) && ran.stderr.contains("events are off"), "{:?}: {}", ran.code, ran.stderr);
}

#[tokio::test]
async fn events_are_bounded_and_readings_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &["events.records=100", "store.write_milliseconds=10"]);
    let mut node = node(&hub).await;
    let mut phone = asker(&hub).await;
    let before = events(&mut phone, &json!({})).await;
    for n in 0..500 {
        node.publish("t", &n.to_string()).await;
    }
    assert_eq!(events(&mut phone, &json!({})).await, before);
    for n in 0..500 {
        phone.publish("n/pump/0/get", &n.to_string()).await;
    }
    in_time("the oldest to go", async {
        while events(&mut phone, &json!({"limit": 1000})).await.len() > 100 {}
    })
    .await;
    let found = events(&mut phone, &json!({"limit": 1000})).await;
    assert_eq!((found.len(), &found[0]["payload"]), (100, &json!(499)));
}

#[tokio::test]
async fn all_events_come_in_pages_each_once_and_only_those_in_between_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let mut phone = asker(&hub).await;
    for n in 0..25 {
        phone.publish(if n % 2 == 0 { "n/pump/0/set" } else { "n/pump/1/set" }, &n.to_string()).await;
    }
    let (mut question, mut told) = (json!({"filters": ["n/pump/0/set"], "limit": 5, "id": 9}), Vec::new());
    while !question.is_null() {
        let answer = phone.asks(&json!(["clown.talk/-/events/get", question]).to_string(), "events/ok").await;
        assert!(answer["id"] == 9 && answer["events"].as_array().unwrap().len() <= 5, "{answer}");
        told.extend(answer["events"].as_array().unwrap().clone());
        question = answer["more"].clone();
    }
    let payloads: Vec<_> = told.iter().map(|event| event["payload"].as_u64().unwrap()).collect();
    assert_eq!(payloads, (0..25).rev().filter(|n| n % 2 == 0).collect::<Vec<u64>>());
    let (newest, oldest) = (&told[0]["number"], &told[12]["number"]);
    let between = json!({"filters": ["n/#"], "after": oldest, "before": newest, "limit": 1000});
    assert_eq!(events(&mut phone, &between).await.len(), 23);
    assert_eq!(events(&mut phone, &json!({"by": "nobody"})).await.len(), 0);
    let then = told[5]["time"].as_str().unwrap();
    let since = events(&mut phone, &json!({"filters": ["n/pump/0/set"], "since": then, "limit": 1000})).await;
    assert!(since.len() >= 6 && since.iter().all(|event| event["time"].as_str().unwrap() >= then));
}

#[tokio::test]
async fn a_damaged_event_is_left_out_and_counted_and_all_others_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let mut phone = asker(&hub).await;
    for text in ["first", "second", "third"] {
        phone.publish("n/pump/0/set", &format!("\"the {text} payload\"")).await;
    }
    hub.stopped().await;
    let file = dir.path().join("hub.db");
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(18).position(|window| window == b"the second payload").unwrap();
    bytes[at + 4] = b'S';
    fs::write(&file, bytes).unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let found = events(&mut asker(&hub).await, &json!({"filters": ["n/#"]})).await;
    let told: Vec<_> = found.iter().map(|event| &event["payload"]).collect();
    assert_eq!(told, ["the third payload", "the first payload"]);
    assert_eq!(hub.figure("store_damaged").await, 1);
}

#[tokio::test]
async fn where_the_file_vanishes_the_record_says_so_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &["store.write_milliseconds=10"]);
    let mut phone = asker(&hub).await;
    phone.publish("n/pump/0/set", "1").await;
    assert_eq!(events(&mut phone, &json!({"filters": ["n/#"]})).await.len(), 1);
    for name in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    hub.logs("vanished").await;
    phone.publish("n/pump/0/set", "2").await;
    let found = events(&mut phone, &json!({})).await;
    let told: Vec<_> = found.iter().filter(|event| event["kind"] == "command").collect();
    assert!(told.len() == 1 && told[0]["payload"] == 2, "{found:?}");
    let lost = found.iter().find(|event| event["kind"] == "lost").unwrap();
    assert!(lost["reason"].as_str().unwrap().contains("is a new one"), "{lost}");
}

#[tokio::test]
async fn where_nothing_can_be_written_the_answer_says_how_many_events_are_missing() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &["store.keep_free_bytes=1099511627776"]);
    let mut phone = asker(&hub).await;
    phone.publish("n/pump/0/set", "1").await;
    let answer = phone.asks(r#"["clown.talk/-/events/get", {}]"#, "events/ok").await;
    assert_eq!((&answer["events"], &answer["unwritten"]), (&json!([]), &json!(2)), "a sign-in and a command");
}

#[tokio::test]
async fn a_node_that_comes_and_goes_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    node(&hub).await.leave().await;
    let mut asker = Client::open(&hub, "/talk/n", r#"{"filters": []}"#).await;
    let found = in_time("the node to be gone", async {
        loop {
            let found = events(&mut asker, &json!({"filters": ["presence"]})).await;
            if found.len() == 2 {
                return found;
            }
        }
    })
    .await;
    let told: Vec<_> =
        found.iter().map(|event| (&event["topic"], &event["result"], &event["side"])).collect();
    let of = |result| (json!("presence"), json!(result), json!("node"));
    let expected = [of("offline"), of("online")];
    assert_eq!(told, expected.each_ref().map(|(topic, result, side)| (topic, result, side)));
}
