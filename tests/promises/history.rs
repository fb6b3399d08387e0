//! What can be looked back on (`docs/protocol.md`, clause 4.9).

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Hub, PASSWORD, basic, in_time, run, user};

/// So that tests need not wait for the usual second.
const AT_ONCE: &str = "store.write_milliseconds=10";
/// What was said is sealed after a second.
const SEALED: &str = "history.span_seconds=1";

/// What the hub answers to this question.
async fn asked(client: &mut Client, question: &Value) -> Value {
    client.say(&json!(["clown.talk/-/history/get", question]).to_string()).await;
    client.frame().await
}

/// The series of the answer to this question.
async fn series(client: &mut Client, question: &Value) -> Vec<Value> {
    let answer = asked(client, question).await;
    assert_eq!(answer[0], "clown.talk/-/history/ok", "{answer}");
    answer[1]["series"].as_array().unwrap().clone()
}

/// Asks until there are so many readings of one series.
async fn readings(client: &mut Client, topic: &str, count: usize) -> Value {
    in_time("the readings", async {
        loop {
            let found = series(client, &json!({"filters": [topic]})).await;
            if found.first().is_some_and(|series| series["t"].as_array().unwrap().len() >= count) {
                return found.into_iter().next().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

async fn is_sealed(hub: &Hub) {
    in_time("something is sealed", async {
        while hub.figure("history_spans").await < 2 || hub.figure("history_open_bytes").await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

fn store(dir: &Path, settings: &[&str]) -> Hub {
    Hub::with_store(dir, &[&[AT_ONCE], settings].concat())
}

async fn at(hub: &Hub) -> Client {
    Client::open(hub, "/talk?side=node", r#"{"filters": [], "retained": false}"#).await
}

#[tokio::test]
async fn every_number_and_every_state_that_was_said_can_be_looked_back_on() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for payload in
        [r#"{"temperature": [20.10, "℃"], "on": true}"#, r#"{"temperature": [20.25, "℃"], "on": true}"#]
    {
        client.publish("n/t", payload).await;
    }
    client
        .publish("n/t", r#"{"temperature": [19, "\u2103"], "on": false, "mode": "2-dot", "bad": "NaN"}"#)
        .await;
    let found = in_time("all of it", async {
        loop {
            let found = series(&mut client, &json!({"filters": ["n/+"], "id": 7})).await;
            if found.len() == 3 {
                return found;
            }
            drop(found);
        }
    })
    .await;
    let told: Vec<_> =
        found.iter().map(|one| (one["path"].clone(), one["value"].clone(), one["unit"].clone())).collect();
    assert_eq!(
        told,
        [
            (json!("/mode"), json!(["2-dot"]), Value::Null),
            (json!("/on"), json!([true, false]), Value::Null),
            (json!("/temperature/0"), json!([20.1, 20.25, 19]), json!("℃")),
        ]
    );
    assert_eq!((&found[0]["topic"], &found[0]["step"]), (&json!("n/t"), &json!(0)));
    let only = series(&mut client, &json!({"filters": ["#"], "path": "/temperature/0", "step": 86400})).await;
    let [one] = &*only else { panic!("{only:?}") };
    assert_eq!(
        (&one["count"], &one["min"], &one["max"], &one["last"]),
        (&json!([3]), &json!([19]), &json!([20.25]), &json!([19]))
    );
    assert_eq!(one["step"], 86400);
}

#[tokio::test]
async fn what_was_said_before_a_restart_is_in_the_history_after_it_sealed_or_not_and_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for n in 0..300 {
        client.publish("n/t", &format!("{n}.5")).await;
    }
    let before = readings(&mut client, "n/t", 300).await;
    let expected: Vec<_> = (0..300).map(|n| json!(f64::from(n) + 0.5)).collect();
    assert_eq!(before["value"], json!(expected));
    hub.stopped().await;
    // From the log.
    let hub = store(dir.path(), &[SEALED]);
    assert_eq!(readings(&mut at(&hub).await, "n/t", 300).await, before);
    is_sealed(&hub).await;
    assert_eq!(readings(&mut at(&hub).await, "n/t", 300).await, before, "sealed");
    hub.killed().await;
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    assert_eq!(
        readings(&mut client, "n/t", 300).await,
        before,
        "from what is sealed, and not from the log again"
    );
    client.publish("n/t", "7").await;
    let after = readings(&mut client, "n/t", 301).await;
    assert_eq!(after["value"].as_array().unwrap().last(), Some(&json!(7)));
}

#[tokio::test]
async fn a_number_that_becomes_a_text_and_a_number_again_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for payload in ["1", r#""on""#, "1e400", r#""22.25""#, "null", "1e300"] {
        client.publish("n/t", payload).await;
    }
    let numbers = readings(&mut client, "n/t", 3).await;
    assert_eq!(numbers["value"], json!([1, 22.25, 1e300]));
    let all = series(&mut client, &json!({"filters": ["n/t"]})).await;
    assert_eq!(
        all.iter().map(|one| one["value"].clone()).collect::<Vec<_>>(),
        [json!([1, 22.25, 1e300]), json!(["on"])]
    );
}

#[tokio::test]
async fn nobody_looks_back_on_what_he_may_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let users = [user("boss", &["#"], &["#"], true), user("guest", &["open/#"], &[], false)];
    let place = format!("store.directory={}", dir.path().display());
    let hub = Hub::with_users(&users, &[AT_ONCE, &place]);
    let mut boss = Client::open_as(&hub, "boss", "/talk?side=node", r#"{"filters": []}"#).await;
    boss.publish("open/a", "1").await;
    boss.publish("shut/a", "2").await;
    readings(&mut boss, "shut/a", 1).await;
    let mut guest = Client::open_as(&hub, "guest", "/talk", r#"{"filters": []}"#).await;
    readings(&mut guest, "open/#", 1).await;
    for filter in ["#", "shut/a"] {
        let answer = asked(&mut guest, &json!({"filters": [filter], "id": "q"})).await;
        assert_eq!(answer[0], "clown.talk/-/history/error", "{answer}");
        assert_eq!(answer[1]["id"], "q");
        assert!(answer[1]["reason"].as_str().unwrap().contains("subscribe"), "{answer}");
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_answered_with_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for (question, reason) in [
        (json!({"filters": ["#"], "since": "2100-01-01T00:00:00Z"}), "in the future"),
        (json!({"filters": ["#"], "points": 1_000_000}), "1 to 5000"),
        (json!({"filters": vec!["a"; 10_000]}), "100 are the most"),
        (json!({"filters": ["a/#/b"]}), "a/#/b"),
        (json!({}), "filters is missing"),
        (json!([]), "must be an object"),
    ] {
        let answer = asked(&mut client, &question).await;
        assert_eq!(answer[0], "clown.talk/-/history/error", "{answer}");
        assert!(answer[1]["reason"].as_str().unwrap().contains(reason), "{answer}");
    }
    let hub = Hub::with(&["store.directory="]);
    let answer = asked(&mut at(&hub).await, &json!({"filters": ["#"]})).await;
    assert_eq!(answer[1]["reason"], "history is off: the hub has no store, or history.rules turn it off");
}

#[tokio::test]
async fn too_many_series_are_counted_and_the_operator_is_told_of_which_topic() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &["history.series=40", "history.series_per_topic=10"]);
    let mut client = at(&hub).await;
    let many = (0..10_000).map(|n| format!(r#""k{n}": {n}"#)).collect::<Vec<_>>().join(", ");
    client.publish("n/many", &format!("{{{many}}}")).await;
    readings(&mut client, "n/many", 1).await;
    for n in 0..50 {
        client.publish(&format!("n/t{n}"), "1").await;
    }
    in_time("the last one was written", async {
        while hub.figure("history_refused").await < 21 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(hub.figure("history_series").await, 40);
    assert!(hub.log().contains("readings have no history") && hub.log().contains("n/many"), "{}", hub.log());
    let found = series(&mut client, &json!({"filters": ["n/many"]})).await;
    assert_eq!(found.len(), 10);
    assert!(hub.figure("retained_count").await >= 51, "all have a last value");
}

#[tokio::test]
async fn a_long_answer_comes_in_pieces_and_each_says_how_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for n in 0..250 {
        client.publish(&format!("n/t{n:03}"), "1").await;
    }
    readings(&mut client, "n/t249", 1).await;
    let (mut question, mut topics) = (json!({"filters": ["n/#"], "id": 1}), Vec::new());
    let mut answers = 0;
    while !question.is_null() {
        let answer = asked(&mut client, &question).await;
        assert_eq!(answer[1]["id"], 1, "{answer}");
        topics.extend(
            answer[1]["series"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["topic"].as_str().unwrap().to_owned()),
        );
        question = answer[1]["more"].clone();
        answers += 1;
    }
    assert_eq!(topics, (0..250).map(|n| format!("n/t{n:03}")).collect::<Vec<_>>());
    assert_eq!(answers, 3);
}

#[tokio::test]
async fn history_that_is_not_wanted_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[r#"history.rules=[{filter="n/secret/#", off=true}]"#]);
    let mut client = at(&hub).await;
    client.publish("n/secret/a", "1").await;
    client.publish("n/open", "1").await;
    readings(&mut client, "n/open", 1).await;
    assert_eq!(series(&mut client, &json!({"filters": ["n/#"]})).await.len(), 1);
    hub.stopped().await;
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    readings(&mut client, "n/open", 1).await;
    // All of it may be turned off.
    hub.stopped().await;
    let hub = store(dir.path(), &[r##"history.rules=[{filter="#", off=true}]"##]);
    let answer = asked(&mut at(&hub).await, &json!({"filters": ["#"]})).await;
    assert_eq!(answer[1]["reason"], "history is off: the hub has no store, or history.rules turn it off");
}

#[tokio::test]
async fn a_text_that_names_no_number_is_neither_a_reading_nor_a_state() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for text in ["NaN", "nan", "inf", "-Infinity", "", "null", "None"] {
        client.publish("n/t", &json!({"v": text}).to_string()).await;
        client.publish("n/bare", &json!(text).to_string()).await;
    }
    client.publish("n/t", r#"{"v": "20.5"}"#).await;
    let found = readings(&mut client, "n/#", 1).await;
    assert_eq!((&found["topic"], &found["value"]), (&json!("n/t"), &json!([20.5])));
    assert_eq!(series(&mut client, &json!({"filters": ["n/#"]})).await.len(), 1);
    assert_eq!(hub.figure("history_refused").await, 0);
}

/// Publishes numbers that only grow, each to one of ten topics, and knows which of them were acknowledged.
struct Speaker {
    number: u64,
    safe: Vec<u64>,
}

impl Speaker {
    const TOPICS: u64 = 10;

    async fn batch(&mut self, node: &mut Client) {
        let frame =
            |number: u64| format!("[\"t/{}\", {number}, {{\"id\": {number}}}]\n", number % Self::TOPICS);
        let frames: String = (self.number + 1..=self.number + 20).map(frame).collect();
        self.number += 20;
        node.say(&frames).await;
    }

    /// Speaks until pieces were sealed, and then a little more, whose answers nobody waits for.
    async fn speak(&mut self, hub: &Hub) -> Client {
        let mut node = Client::open(hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
        let before = hub.figure("history_spans").await;
        let mut more = 1 + self.number % 5;
        while more > 0 {
            self.batch(&mut node).await;
            for _ in 0..20 {
                let [topic, payload] = node.two().await;
                assert_eq!(topic, "clown.talk/-/publish/ok", "{payload}");
                self.safe.push(payload["id"].as_u64().unwrap());
            }
            more -= u64::from(hub.figure("history_spans").await > before);
        }
        for _ in 0..self.number % 7 {
            self.batch(&mut node).await;
        }
        node
    }

    /// Each topic tells each number that was acknowledged once and in its order, and none that was never said.
    async fn check(&self, hub: &Hub) {
        let mut client = at(hub).await;
        for topic in 0..Self::TOPICS {
            let question = json!({"filters": [format!("n/t/{topic}")], "step": 0, "points": 5000});
            let found = series(&mut client, &question).await;
            let told: Vec<u64> = found
                .iter()
                .flat_map(|one| one["value"].as_array().unwrap())
                .map(|value| value.as_u64().unwrap())
                .collect();
            assert!(told.is_sorted_by(|one, next| one < next), "t/{topic}: {told:?}");
            let oldest = told.first().copied().filter(|_| told.len() == 5000).unwrap_or(0);
            let safe =
                self.safe.iter().filter(|number| **number % Self::TOPICS == topic && **number >= oldest);
            let missing: Vec<_> = safe.filter(|number| told.binary_search(number).is_err()).collect();
            assert!(missing.is_empty(), "t/{topic} lacks {missing:?} of {told:?}");
            assert!(told.iter().all(|number| number % Self::TOPICS == topic && *number <= self.number));
        }
    }
}

#[tokio::test]
async fn kill_9_in_the_middle_of_sealing_loses_nothing_that_was_acknowledged_and_tells_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut speaker = Speaker { number: 0, safe: Vec::new() };
    let kills = if std::env::var_os("CLOWN_LONG_TESTS").is_some() { 20 } else { 3 };
    for _ in 0..kills {
        let hub = Hub::with_store(dir.path(), &["store.durability=commit", SEALED]);
        speaker.check(&hub).await;
        let _under_way = speaker.speak(&hub).await;
        hub.killed().await;
    }
    let hub = Hub::with_store(dir.path(), &[]);
    speaker.check(&hub).await;
    let answer = asked(&mut at(&hub).await, &json!({"filters": ["n/t/1"]})).await;
    let gaps = answer[1]["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), kills, "{gaps:?}");
    assert!(gaps.iter().all(|gap| gap["why"] == "hub stopped" && gap["from"].as_u64() < gap["to"].as_u64()));
}

#[tokio::test]
async fn history_comes_over_http_as_json_and_as_csv_with_the_rights_of_the_user() {
    let dir = tempfile::tempdir().unwrap();
    let users = [user("boss", &["#"], &["#"], true), user("guest", &["open/#"], &[], false)];
    let place = format!("store.directory={}", dir.path().display());
    let hub = Hub::with_users(&users, &[AT_ONCE, &place]);
    let mut boss = Client::open_as(&hub, "boss", "/talk?side=node", r#"{"filters": []}"#).await;
    for (topic, payload) in [
        ("open/a", r#"{"t": [20.5, "℃"]}"#),
        ("open/a", r#"{"t": [21, "℃"]}"#),
        ("open/b", r#""x, \"y\"""#),
        ("shut/a", "2"),
    ] {
        boss.publish(topic, payload).await;
    }
    readings(&mut boss, "shut/a", 1).await;
    let asks = async |user: &str, query: &str| {
        let credentials = basic(user, PASSWORD);
        hub.request("GET", &format!("/api/history?{query}"), &[("Authorization", &credentials)], "").await
    };
    let answer = asks("guest", "topic=open/a&topic=open%2F%2B&since=-1h").await;
    assert_eq!(
        (answer.status(), answer.header("content-type")),
        (200, Some("application/json")),
        "{}",
        answer.body()
    );
    let told: Value = serde_json::from_str(answer.body()).unwrap();
    assert_eq!(told["series"][0]["value"], json!([20.5, 21]));
    assert_eq!(told["more"], Value::Null);
    let answer = asks("guest", "topic=open/%23&format=csv").await;
    let lines: Vec<_> = answer.body().lines().map(|line| line.split_once(',').unwrap().1).collect();
    assert_eq!(
        lines,
        [
            "topic,path,unit,value,count,min,mean,max,last",
            "open/a,/t/0,℃,20.5,,,,,",
            "open/a,/t/0,℃,21,,,,,",
            "open/b,,,\"x, \"\"y\"\"\",,,,,"
        ]
    );
    let answer = asks("boss", "topic=open/a&step=86400&format=csv&path=/t/0").await;
    assert!(
        answer.body().lines().nth(1).unwrap().ends_with("Z,open/a,/t/0,℃,,2,20.5,20.75,21,21"),
        "{}",
        answer.body()
    );
    for (user, query, status, sentence) in [
        ("guest", "topic=%23", 403, "subscribe"),
        ("guest", "topic=shut/a", 403, "subscribe"),
        ("boss", "", 400, "topic is missing"),
        ("boss", "topic=a/%23/b", 400, "a/#/b"),
        ("boss", "topic=a&since=2100-01-01T00:00:00Z", 400, "in the future"),
        ("boss", "topic=a&points=1000000", 400, "1 to 5000"),
        ("boss", "topic=a&points=many", 400, "points must be a whole number"),
        ("boss", "topic=a&format=xml", 400, "json or csv"),
        ("boss", "topic=a&topics=b", 400, "is not known here"),
        ("boss", "topic=a&since=-1h&since=-2h", 400, "only once"),
        ("nobody", "topic=a", 401, ""),
    ] {
        let answer = asks(user, query).await;
        assert_eq!(answer.status(), status, "{query}: {}", answer.body());
        assert!(answer.body().contains(sentence), "{query}: {}", answer.body());
    }
    let stranger = hub.request("GET", "/api/history?topic=a", &[], "").await;
    assert_eq!((stranger.status(), stranger.header("www-authenticate")), (401, None));
    let credentials = basic("boss", PASSWORD);
    let posted = hub.request("POST", "/api/history?topic=a", &[("Authorization", &credentials)], "").await;
    assert_eq!(posted.status(), 405);
    let elsewhere = [("Authorization", &*credentials), ("Origin", "http://evil.example")];
    assert_eq!(hub.request("GET", "/api/history?topic=a", &elsewhere, "").await.status(), 403);
}

#[tokio::test]
async fn the_rest_of_a_long_answer_is_behind_its_link_also_behind_a_proxy_with_a_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &["server.path_prefix=/hub"]);
    let filters = r#"{"filters": [], "retained": false}"#;
    let mut client = Client::open(&hub, "/hub/talk?side=node", filters).await;
    for n in 0..150 {
        client.publish(&format!("n/t{n:03}&x=1"), "1").await;
    }
    readings(&mut client, "n/t149&x=1", 1).await;
    let credentials = basic("clown", "bigclown");
    let (mut path, mut topics) =
        ("/hub/api/history?topic=n/%23&since=-1h&format=json".to_owned(), Vec::new());
    let mut answers = 0;
    loop {
        let answer = hub.request("GET", &path, &[("Authorization", &credentials)], "").await;
        let told: Value = serde_json::from_str(answer.body()).unwrap_or_else(|_| panic!("{}", answer.body()));
        let series = told["series"].as_array().unwrap();
        topics.extend(series.iter().map(|one| one["topic"].as_str().unwrap().to_owned()));
        answers += 1;
        let Some(more) = told["more"].as_str() else { break };
        assert_eq!(answer.header("link").unwrap(), format!("<{more}>; rel=\"next\""));
        path = more.to_owned();
    }
    assert_eq!(topics, (0..150).map(|n| format!("n/t{n:03}&x=1")).collect::<Vec<_>>());
    assert_eq!(answers, 2);
}

/// The rows of an export, without its head.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect()).collect()
}

#[tokio::test]
async fn an_export_has_every_reading_once_sealed_or_not_as_csv_and_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[SEALED]);
    let mut client = at(&hub).await;
    client.publish("n/t", r#"{"temperature": [-1, "℃"], "on": true}"#).await;
    for n in 0..12_000 {
        client.publish("n/t", &format!(r#"{{"temperature": [{n}.25, "℃"], "on": {}}}"#, n % 2 == 0)).await;
    }
    client.publish("n/name", r#""a, \"b\"""#).await;
    in_time("all of it", async {
        while readings(&mut client, "n/name", 1).await["value"] != json!([r#"a, "b""#]) {}
    })
    .await;
    let url = format!("ws://clown:bigclown@{}/n", hub.address);
    let file = dir.path().join("all.csv");
    let path = file.to_str().unwrap();
    let ran = run(&["export", "#", "--url", &url, "-o", path], "");
    assert_eq!((ran.code, &*ran.stdout), (Some(0), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("readings: 24002, series: 3"), "{}", ran.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("time,topic,path,unit,value\n"), "{text:.200}");
    assert!(text.contains("Z,name,,,\"a, \"\"b\"\"\"\n"), "{text:.200}");
    let numbers: Vec<_> = rows(&text).into_iter().filter(|row| row[2] == "/temperature/0").collect();
    let expected: Vec<_> = (0..12_000).map(|n| format!("{n}.25")).collect();
    assert!(numbers[0][4] == "-1" && numbers[1..].iter().map(|row| row[4]).eq(expected.iter()));
    assert!(numbers.iter().all(|row| row[1] == "t" && row[3] == "℃"));
    assert!(numbers.is_sorted_by_key(|row| row[0]));
    let states: Vec<_> = rows(&text).into_iter().filter(|row| row[2] == "/on").map(|row| row[4]).collect();
    assert!(states.len() == 12_000 && states.windows(2).all(|two| two[0] != two[1]), "{}", states.len());

    let ran = run(&["export", "t", "--path", "/on", "--url", &url, "--format", "ndjson"], "");
    let first: Value = serde_json::from_str(ran.succeeds().lines().next().unwrap()).unwrap();
    let time = &first["time"];
    assert_eq!(first, json!({"time": time, "topic": "t", "path": "/on", "unit": "", "value": true}));
}

#[tokio::test]
async fn the_file_of_an_export_is_there_when_it_is_whole_and_no_file_is_lost_by_it() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let users = [user("jana", &["n/#"], &["n/#"], false)];
    let hub = Hub::with_users(&users, &[&format!("store.directory={}", dir.path().display()), AT_ONCE]);
    let mut jana = Client::open_as(&hub, "jana", "/talk/n?side=node", r#"{"filters": []}"#).await;
    jana.publish("t", "5").await;
    readings(&mut jana, "t", 1).await;
    let url = format!("ws://jana:{}@{}", PASSWORD.replace(' ', "%20"), hub.address);
    let file = out.path().join("t.csv");
    let export = |topic: &str, more: &[&str]| {
        run(&[&["export", topic, "--url", &url, "-o", file.to_str().unwrap()], more].concat(), "")
    };
    let ran = export("m/#", &[]);
    assert!(ran.code == Some(3) && ran.stderr.contains("forbidden"), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0, "nothing is left of it");
    std::fs::write(&file, "mine").unwrap();
    let ran = export("n/#", &[]);
    assert!(ran.code == Some(2) && ran.stderr.contains("there is a file already"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(export("n/#", &["--force"]).code, Some(0));
    assert!(std::fs::read_to_string(&file).unwrap().ends_with("Z,n/t,,,5\n"));
    let ran =
        export("n/#", &["--force", "--since", "2000-01-01T00:00:00Z", "--until", "2000-01-02T00:00:00Z"]);
    assert!(ran.code == Some(0) && ran.stderr.contains("nothing was said there"), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn an_admin_has_history_forgotten_over_the_wire_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", dir.path().display());
    let root = format!("{}role = \"admin\"\n", user("root", &[], &[], false));
    let users = [user("jana", &["#", "$SYS/#"], &["#"], true), root];
    let hub = Hub::with_users(&users, &[AT_ONCE, SEALED, &directory]);
    let node = r#"{"filters": [], "retained": false}"#;
    let mut jana = Client::open_as(&hub, "jana", "/talk?side=node", node).await;
    let mut root = Client::open_as(&hub, "root", "/talk/attic", node).await;
    for celsius in 0..5 {
        jana.publish("attic/celsius", &celsius.to_string()).await;
        jana.publish("cellar/celsius", &celsius.to_string()).await;
    }
    readings(&mut jana, "attic/celsius", 5).await;
    readings(&mut jana, "cellar/celsius", 5).await;
    let refused = jana
        .asks(r#"["clown.talk/-/history/forget", {"id": 1, "filters": ["attic/#"]}]"#, "history/error")
        .await;
    assert_eq!(refused, json!({"id": 1, "reason": "forbidden: this takes the right admin"}));
    let nothing = root.asks(r#"["clown.talk/-/history/forget", {"id": 2}]"#, "history/error").await;
    assert_eq!(nothing["reason"], "key filters has to be an array of 1 to 100 strings");
    readings(&mut jana, "attic/celsius", 5).await;
    let done = root
        .asks(r##"["clown.talk/-/history/forget", {"id": 3, "filters": ["#"]}]"##, "history/forgotten")
        .await;
    assert_eq!(
        done,
        json!({"id": 3, "result": "series of history forgotten: 1; last values and events stay"}),
        "relative to the base"
    );
    assert_eq!(series(&mut jana, &json!({"filters": ["attic/#"]})).await, Vec::<Value>::new());
    readings(&mut jana, "cellar/celsius", 5).await;
    hub.logs("was forgotten, as an admin has asked for it").await;
    let memory = Hub::demo();
    let mut clown = Client::open(&memory, "/talk", node).await;
    let refused = clown.asks(r#"["clown.talk/-/history/forget", {"filters": ["a"]}]"#, "history/error").await;
    assert!(refused["reason"].as_str().unwrap().starts_with("history is off"), "{refused}");
}
