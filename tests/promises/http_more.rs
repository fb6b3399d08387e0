//! Streams of events, batches, nodes and webhooks over plain HTTP (`docs/http.md`).

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::http::{asks, asks_as, get, problem, read, refused};
use super::tokens::token;
use crate::support::{Client, Hub, PASSWORD, basic, in_time, user};

/// One event of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    name: String,
    id: Option<u64>,
    data: String,
}

impl Event {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A reader of a stream of events.
struct Events {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Events {
    async fn open(hub: &Hub, query: &str) -> Self {
        Self::open_as(hub, &basic("clown", "bigclown"), query, "").await
    }

    /// Opens a stream, and takes its first event. Who comes again keeps its old id for now.
    async fn open_as(hub: &Hub, authorization: &str, query: &str, headers: &str) -> Self {
        let stream = TcpStream::connect(hub.address).await.unwrap();
        let mut events = Self::over(stream, hub, authorization, query, headers).await;
        assert!(events.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", events.head);
        let open = events.next().await.unwrap();
        assert_eq!((&*open.name, open.id.is_none()), ("open", headers.contains("Last-Event-ID")));
        events
    }

    async fn over(stream: TcpStream, hub: &Hub, authorization: &str, query: &str, headers: &str) -> Self {
        let mut stream = BufReader::new(stream);
        let head = format!(
            "GET /api/stream{query} HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\n{headers}\r\n",
            hub.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(in_time("the head", stream.read_line(&mut head)).await.unwrap() > 0, "{head}");
        }
        Self { stream, head }
    }

    /// The next event, as a browser reads it; nothing at the end.
    async fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            if in_time("an event", self.stream.read_line(&mut line)).await.unwrap() == 0 {
                return None;
            }
            match line.trim_end_matches('\n').split_once(": ") {
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("data", data)) => event.data = data.to_owned(),
                Some(("id", id)) => event.id = Some(id.parse().unwrap()),
                Some(_) => {}
                None if event.data.is_empty() => event = Event::default(),
                None => return Some(event),
            }
        }
    }

    /// The next message.
    async fn message(&mut self) -> Value {
        let event = self.next().await.unwrap();
        assert_eq!(event.name, "message", "{event:?}");
        assert!(event.id.is_some());
        event.json()
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_last_values_and_goes_on_with_what_is_said() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
    node.publish("a/1", "20.10").await;
    node.publish("b/1", "1").await;
    let mut events = Events::open(&hub, "?filter=a/%23&filter=c/%2B").await;
    let head = events.head.to_lowercase();
    assert!(
        head.contains("content-type: text/event-stream\r\n") && head.contains("cache-control: no-store\r\n")
    );
    assert!(head.contains("x-content-type-options: nosniff\r\n") && head.contains("date: "), "{head}");
    assert!(!head.contains("content-length"), "it has no end: {head}");
    assert_eq!(events.next().await.unwrap().data, r#"["a/1", 20.10]"#);
    node.publish("a/2", "{\"x\":\n1}").await;
    node.publish("b/2", "1").await;
    node.publish("c/set", "1").await;
    assert_eq!(events.next().await.unwrap().data, r#"["a/2", {"x": 1}]"#);
    assert_eq!(events.message().await, json!(["c/set", 1]));
    let mut news = Events::open(&hub, "?filter=a/%23&retained=false&options=true").await;
    node.publish("a/1", "21").await;
    let message = news.message().await;
    assert_eq!(
        (&message[1], &message[2]["from"], &message[2]["kept"]),
        (&json!(21), &json!("clown"), &json!(true))
    );
}

#[tokio::test]
async fn who_comes_again_is_told_that_something_may_be_missing_and_gets_the_last_values() {
    let hub = Hub::demo();
    asks(&hub, "PUT", "/api/topics/a?retain=true", &[], "1").await;
    let mut events = Events::open(&hub, "?filter=a").await;
    let id = events.next().await.unwrap().id.unwrap();
    drop(events);
    asks(&hub, "PUT", "/api/topics/a?retain=true", &[], "2").await;
    let authorization = basic("clown", "bigclown");
    let again = format!("Last-Event-ID: {id}\r\n");
    let mut events = Events::open_as(&hub, &authorization, "?filter=a", &again).await;
    let gap = events.next().await.unwrap();
    assert_eq!((&*gap.name, gap.id.is_some()), ("gap", true), "nothing of the past follows");
    assert!(gap.json()["from"].is_string() && gap.json()["to"].is_string(), "{gap:?}");
    assert_eq!(events.message().await, json!(["a", 2]));
}

#[tokio::test]
async fn who_comes_again_gets_the_numbers_and_states_of_the_time_in_between_from_history() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &["store.write_milliseconds=10"]);
    asks(&hub, "PUT", "/api/topics/a?retain=true", &[], "1").await;
    let mut events = Events::open(&hub, "?filter=a&filter=b").await;
    let id = events.next().await.unwrap().id.unwrap();
    drop(events);
    for value in ["2", "3"] {
        asks(&hub, "PUT", "/api/topics/a?retain=true", &[], value).await;
    }
    asks(&hub, "PUT", "/api/topics/b?retain=true", &[], r#"{"door": "open", "t": [20.5, "℃"]}"#).await;
    asks(&hub, "PUT", "/api/topics/c?retain=true", &[], "4").await;
    in_time("the history", async {
        let path = "/api/history?topic=a&topic=b&step=0";
        while !get(&hub, path).await.body().contains("20.5") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    let again = format!("Last-Event-ID: {id}\r\n");
    let mut events = Events::open_as(&hub, &basic("clown", "bigclown"), "?filter=a&filter=b", &again).await;
    let gap = events.next().await.unwrap();
    assert_eq!(gap.id, None);
    let gap = gap.json();
    assert_eq!((&gap["whole"], &gap["why"]), (&json!(true), &json!(null)), "{gap}");
    let (mut past, mut times) = (Vec::new(), Vec::new());
    let told = gap["past"].as_u64().unwrap();
    for number in 1..=told {
        let event = events.next().await.unwrap();
        // If the connection breaks before the last of them, they all come again.
        assert_eq!((&*event.name, event.id.is_some()), ("past", number == told));
        let told = event.json();
        times.push(told[2]["time"].as_str().unwrap().to_owned());
        past.push(json!([told[0], told[1], told[2]["path"], told[2]["unit"]]));
    }
    assert!(times.is_sorted(), "{times:?}");
    for reading in [
        json!(["a", 2, "", ""]),
        json!(["a", 3, "", ""]),
        json!(["b", "open", "/door", ""]),
        json!(["b", 20.5, "/t/0", "℃"]),
    ] {
        assert!(past.contains(&reading), "{reading} {past:?}");
    }
    assert!(!past.iter().any(|told| told[0] == "c"), "{past:?}");
    // And then the last values, as ever.
    let mut last = vec![events.message().await, events.message().await];
    last.sort_by_key(|message| message[0].to_string());
    assert_eq!(last, [json!(["a", 3]), json!(["b", {"door": "open", "t": [20.5, "℃"]}])]);
    // What is no id of this hub has no past, and says so.
    let mut events =
        Events::open_as(&hub, &basic("clown", "bigclown"), "?filter=a", "Last-Event-ID: x\r\n").await;
    let gap = events.next().await.unwrap().json();
    assert_eq!((&gap["past"], &gap["whole"]), (&json!(0), &json!(false)));
    assert!(gap["why"].is_string(), "{gap}");
}

#[tokio::test]
async fn a_stream_ends_with_the_reason_when_the_hub_or_the_account_ends() {
    let users = |rest: &[String]| [&[user("a", &["x/#", "y/#"], &[], false)], rest].concat().join("\n");
    let other = user("b", &["#"], &["#"], true);
    let mut hub = Hub::with_users(&[users(std::slice::from_ref(&other))], &[]);
    let mut ends = Events::open_as(&hub, &basic("a", PASSWORD), "?filter=x/%23&filter=y/%23", "").await;
    let mut stays = Events::open_as(&hub, &basic("b", PASSWORD), "?filter=x", "").await;
    let narrower = user("a", &["x/#"], &[], false);
    std::fs::write(hub.dir().join("users.toml"), [narrower, other.clone()].join("\n")).unwrap();
    let notice = ends.next().await.unwrap();
    assert_eq!((&*notice.name, &notice.json()[1]["filters"]), ("notice", &json!(["y/#"])), "{notice:?}");
    assert_eq!(asks_as(&hub, "b", "PUT", "/api/topics/y/1", "1").await.status(), 200);
    assert_eq!(asks_as(&hub, "b", "PUT", "/api/topics/x/1", "2").await.status(), 200);
    assert_eq!(ends.message().await, json!(["x/1", 2]), "and nothing of y");
    std::fs::write(hub.dir().join("users.toml"), other).unwrap();
    let end = ends.next().await.unwrap();
    assert_eq!((&*end.name, end.json()), ("end", json!({"code": 1008, "reason": "account changed"})));
    assert_eq!(ends.next().await, None);
    hub.signal("TERM");
    let end = stays.next().await.unwrap();
    assert_eq!((&*end.name, end.json()), ("end", json!({"code": 1012, "reason": "hub is restarting"})));
    assert_eq!(stays.next().await, None);
    assert!(hub.ended().await.success());
}

#[tokio::test]
async fn a_slow_reader_of_a_stream_misses_readings_is_told_how_many_and_ends_past_the_hard_bound() {
    let hub = Hub::with(&["outbox.messages=10", "outbox.hard_messages=100"]);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let stream = socket.connect(hub.address).await.unwrap();
    let mut slow =
        Events::over(stream, &hub, &basic("clown", "bigclown"), "?filter=t/%23&filter=r/%23", "").await;
    assert_eq!(slow.next().await.unwrap().name, "open");
    let mut writer = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
    let long = format!("\"{}\"", "x".repeat(64 * 1024));
    while hub.figure("messages_skipped").await == 0 {
        writer.publish("t/1", &long).await;
    }
    let mut skipped = None;
    while skipped.is_none() {
        let event = slow.next().await.unwrap();
        skipped = (event.name == "notice").then(|| event.json());
    }
    let skipped = skipped.unwrap();
    assert_eq!(skipped[0], "clown.talk/-/skipped");
    assert!(skipped[1]["count"].as_u64().unwrap() > 0);
    while hub.figure("clients_slow").await == 0 {
        writer.publish("r/1/set", &long).await;
    }
    let mut last = None;
    while let Some(event) = slow.next().await {
        last = Some(event);
    }
    if let Some(end) = last.filter(|event| event.name == "end") {
        assert_eq!(end.json()["code"], 1013);
    }
}

#[tokio::test]
async fn a_stream_that_is_refused_is_a_problem_and_one_whose_client_leaves_is_gone() {
    let users = [user("a", &["x/#"], &[], false)];
    let hub = Hub::with_users(&users, &[]);
    refused(&asks_as(&hub, "a", "GET", "/api/stream?filter=%23", "").await, 403, "subscribe");
    refused(
        &asks_as(&hub, "a", "GET", "/api/stream?filter=x/%23/y", "").await,
        400,
        "must be the last level",
    );
    refused(&asks_as(&hub, "a", "GET", "/api/stream?retained=no", "").await, 400, "true or false");
    refused(&asks_as(&hub, "a", "POST", "/api/stream", "").await, 405, "GET");
    refused(&hub.request("GET", "/api/stream", &[], "").await, 401, "name and password");
    let head = asks_as(&hub, "a", "HEAD", "/api/stream", "").await;
    assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")));
    let events = Events::open_as(&hub, &basic("a", PASSWORD), "", "").await;
    hub.figure_is("subscriptions_count", 1).await;
    drop(events);
    hub.figure_is("subscriptions_count", 0).await;
}

#[tokio::test]
async fn a_thousand_streams_hear_the_same_message() {
    let hub = Hub::demo();
    let mut all = Vec::new();
    for _ in 0..1000 {
        all.push(Events::open(&hub, "?filter=a").await);
    }
    let put = asks(&hub, "PUT", "/api/topics/a", &[], "1").await;
    assert_eq!(read(&put)["delivered"], 1000);
    for events in &mut all {
        assert_eq!(events.message().await, json!(["a", 1]));
    }
}

#[tokio::test]
async fn a_token_in_the_url_of_a_stream_is_looked_at_only_where_a_key_allows_it() {
    let hub = Hub::demo();
    refused(&hub.request("GET", "/api/stream?token=cht_x", &[], "").await, 401, "name and password");
    let hub = Hub::with(&["users.token_in_url=true"]);
    refused(&hub.request("GET", "/api/stream?token=cht_x", &[], "").await, 401, "this token lets nobody in");
}

const LINES: (&str, &str) = ("Content-Type", "application/x-ndjson");

#[tokio::test]
async fn a_batch_publishes_its_lines_in_their_order_with_their_options() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["b/#"], "options": true}"#).await;
    let lines =
        "[\"b/1\", 1, {\"retain\": true, \"unit\": \"C\"}]\n\n[\"b/2\", {\"x\": [1]}]\r\n[\"b/3\", null]";
    let answer = asks(&hub, "POST", "/api/publish", &[LINES], lines).await;
    assert_eq!(
        read(&answer),
        json!({"lines": 3, "published": 3, "kept": 1, "delivered": 3}),
        "{}",
        answer.text
    );
    let frame = reader.frame().await;
    assert_eq!((&frame[0], &frame[2]["unit"]), (&json!("b/1"), &json!("C")));
    assert_eq!(reader.frame().await[1], json!({"x": [1]}));
    assert_eq!(reader.frame().await[0], "b/3");
    assert_eq!(get(&hub, "/api/topics/b/1").await.body(), "1");
    let many = (0..10_000).fold(String::new(), |text, n| text + &format!("[\"c/{}\", {n}]\n", n % 7));
    let hub = Hub::with(&["limits.messages_per_second=0"]);
    assert_eq!(read(&asks(&hub, "POST", "/api/publish", &[LINES], &many).await)["published"], 10_000);
    let answer = asks(&hub, "POST", "/api/publish", &[LINES], &format!("{many}[\"c\", 1]")).await;
    refused(&answer, 413, "at most 10000 lines");
}

#[tokio::test]
async fn who_takes_no_answer_is_cut_off_and_everybody_else_is_served() {
    let hub = Hub::with(&["limits.write_seconds=1"]);
    let large = format!("\"{}\"", "x".repeat(60_000));
    for n in 0..16 {
        asks(&hub, "PUT", &format!("/api/topics/a/{n}?retain=true"), &[super::http::JSON], &large).await;
    }
    let mut deaf = TcpStream::connect(hub.address).await.unwrap();
    let authorization = basic("clown", "bigclown");
    let request = format!(
        "GET /api/topics?filter=a/%23&limit=1000 HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\n\r\n",
        hub.address
    );
    // One answer has almost a megabyte: more of them than the system takes for somebody who does not read.
    deaf.write_all(request.repeat(40).as_bytes()).await.unwrap();
    hub.logs("did not take its answer").await;
    hub.figure_is("clients_slow", 1).await;
    assert_eq!(get(&hub, "/api/topics/a/1").await.body().len(), large.len());
    // Who reads as slowly as one may gets all of it.
    let whole = get(&hub, "/api/topics?filter=a/%23&limit=1000").await;
    assert_eq!(read(&whole).as_array().unwrap().len(), 16);
}

#[tokio::test]
async fn what_was_confirmed_is_told_also_where_another_line_is_wrong() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/r?side=node", r#"{"filters": ["+/set"]}"#).await;
    let lines = "[\"r/0/set\", {\"state\": true}, {\"id\": 7, \"confirm\": 20}]\n[\"a\", nan]";
    let batch = asks(&hub, "POST", "/api/publish", &[LINES], lines);
    let carry_out = async {
        assert_eq!(node.two().await, [json!("0/set"), json!({"state": true})]);
        node.publish("0", "{\"state\": true}").await;
    };
    let (answer, ()) = tokio::join!(batch, carry_out);
    let problem = problem(&answer);
    assert_eq!((answer.status(), &problem["mistakes"]), (422, &json!(1)), "{}", answer.text);
    assert_eq!(
        (&problem["confirmed"][0]["line"], &problem["confirmed"][0]["confirmed"]),
        (&json!(1), &json!({"state": true}))
    );
}

#[tokio::test]
async fn a_line_that_is_wrong_is_named_and_harms_no_other() {
    let hub = Hub::demo();
    let lines = [
        r#"["a", 1]"#,
        r#"["a", nan]"#,
        r#"{"topic": "a"}"#,
        r#"["a/+", 1]"#,
        r#"["a", 1] ["b", 2]"#,
        r#"["a", 1, {"retain": 1}]"#,
        r#"["clown.talk/-/config/set", {}]"#,
        r#"["a/set", 1, {"lease": 10, "safe": 0}]"#,
        r#"["a", 2]"#,
    ]
    .join("\n");
    let answer = asks(&hub, "POST", "/api/publish", &[LINES], &lines).await;
    let problem = problem(&answer);
    assert_eq!((answer.status(), &problem["published"], &problem["mistakes"]), (422, &json!(2), &json!(7)));
    let told: Vec<_> = problem["errors"].as_array().unwrap().iter().collect();
    let words = [
        "send null",
        "JSON array",
        "wildcard",
        "",
        "option retain must be",
        "the hub's own",
        "\"keep\": true",
    ];
    for ((error, word), line) in told.iter().zip(words).zip(2..) {
        assert_eq!(error["line"], line, "{error}");
        assert!(error["detail"].as_str().unwrap().contains(word), "{error}");
    }
    assert_eq!(told.len(), 7);
    refused(
        &asks(&hub, "POST", "/api/publish", &[("Content-Type", "image/png")], "x").await,
        415,
        "x-ndjson",
    );
    refused(&asks(&hub, "POST", "/api/publish?a=1", &[LINES], "x").await, 400, "takes no query");
    refused(&asks(&hub, "POST", "/api/publish", &[LINES], "").await, 400, "a frame a line is expected");
    assert_eq!(read(&asks(&hub, "POST", "/api/publish", &[LINES], "\n").await)["lines"], 0);
}

#[tokio::test]
async fn a_batch_that_is_more_than_the_connection_may_send_says_where_it_stopped() {
    let hub = Hub::with(&["limits.messages_per_second=5"]);
    let answer = asks(&hub, "POST", "/api/publish", &[LINES], &"[\"a\", 1]\n".repeat(100)).await;
    refused(&answer, 429, "more than 5 messages a second");
    let problem = problem(&answer);
    let published = problem["published"].as_u64().unwrap();
    assert!(published >= 10 && problem["line"] == published + 1, "{problem}");
}

#[tokio::test]
async fn a_batch_under_commit_is_answered_when_all_of_it_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &["store.durability=commit"]);
    let line = |n| format!("[\"a/{n}\", {n}, {{\"retain\": true}}]\n");
    let lines = (0..2500).fold(String::new(), |text, n| text + &line(n));
    let answer = asks(&hub, "POST", "/api/publish", &[LINES], &lines).await;
    assert_eq!(read(&answer)["kept"], 2500, "{}", answer.text);
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(get(&hub, "/api/topics/a/2499").await.body(), "2499");
}

#[tokio::test]
async fn a_lease_of_a_batch_holds_after_its_request() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/r?side=node", r#"{"filters": ["+/set"]}"#).await;
    let line = r#"["r/0/set", true, {"lease": 1, "safe": false, "keep": true}]"#;
    let answer = asks(&hub, "POST", "/api/publish", &[LINES], line).await;
    assert_eq!(read(&answer)["published"], 1, "{}", answer.text);
    assert_eq!(node.two().await, [json!("0/set"), json!(true)]);
    assert_eq!(node.two().await, [json!("0/set"), json!(false)], "when the time is over");
}

#[tokio::test]
async fn nodes_are_listed_with_their_presence_and_how_many_values_they_have() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/n/1?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    node.publish("u/v", "1").await;
    Client::connect(&hub, "/talk/n/2?side=node").await.leave().await;
    hub.figure_is("clients_connected", 1).await;
    let nodes = read(&get(&hub, "/api/nodes").await);
    let told: Vec<_> = nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (&node["node"], &node["state"], &node["topics"]))
        .collect();
    assert_eq!(
        told,
        [(&json!("n/1"), &json!("online"), &json!(2)), (&json!("n/2"), &json!("offline"), &json!(0))]
    );
    assert!(nodes[0]["since"].is_string() && nodes[0]["stale"] == 0, "{nodes}");
    let behind = read(&get(&hub, "/api/nodes?after=n/1&limit=1").await);
    assert_eq!((&behind[0]["node"], &behind[1]), (&json!("n/2"), &Value::Null));
    let version = read(&get(&hub, "/api/version").await);
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn a_webhook_publishes_where_its_token_may_and_the_token_is_in_no_log() {
    let users = [user("boss", &["#"], &["#"], true)];
    let hub = Hub::with_users(&users, &["server.webhooks=true", "log.filter=trace"]);
    let of_base = token(&hub, &["git", "--node", "git"]);
    let of_all = token(&hub, &["all", "--publish", "a/#", "--publish", "b"]);
    let hook = async |token: &str, rest: &str, body: &str| {
        let headers = [("Content-Type", "application/json")];
        hub.request("POST", &format!("/hook/{token}{rest}"), &headers, body).await
    };
    let said = hook(&of_base, "/push/main?retain=true", "{\"ref\": 1}").await;
    assert_eq!(read(&said)["topic"], "git/push/main", "{}", said.text);
    assert_eq!(read(&hook(&of_base, "", "1").await)["topic"], "git");
    assert_eq!(asks_as(&hub, "boss", "GET", "/api/topics/git/push/main", "").await.body(), "{\"ref\": 1}");
    refused(&hook(&of_all, "", "1").await, 403, "one scope to publish");
    refused(&hook("cht_nobody", "", "1").await, 401, "this token lets nobody in");
    refused(&hook(&of_base, "/a%2Fb", "1").await, 400, "%2F");
    refused(&hub.request("GET", &format!("/hook/{of_base}"), &[], "").await, 405, "POST");
    let log = hub.log();
    assert!(!log.contains(&of_base) && !log.contains(&of_all) && !log.contains("cht_nobody"), "{log}");
    let hub = Hub::with(&[]);
    refused(&hub.request("POST", "/hook/cht_x", &[], "1").await, 404, "server.webhooks");
}

#[tokio::test]
async fn the_calls_are_described_for_programs_and_listed_for_people() {
    let hub = Hub::demo();
    let document = hub.request("GET", "/api/openapi.json", &[], "").await;
    assert_eq!((document.status(), document.header("content-type")), (200, Some("application/json")));
    let page = hub.request("GET", "/api", &[], "").await;
    assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for (path, _) in read(&document)["paths"].as_object().unwrap() {
        assert!(page.body().contains(&format!(" {path}</code>")), "the page lacks {path}");
    }
    assert!(!page.body().contains("<script"));
    let answers = [get(&hub, "/api/topics/none").await, get(&hub, "/api/topics/a?x=1").await];
    for answer in answers {
        let kind = problem(&answer)["type"].as_str().unwrap().to_owned();
        let id = kind.strip_prefix("/api#").unwrap();
        assert!(page.body().contains(&format!("id=\"{id}\"")), "the page lacks {id}");
    }
}
