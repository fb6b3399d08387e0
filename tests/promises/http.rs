//! Topics over plain HTTP (`docs/http.md`).

use serde_json::{Value, json};

use crate::support::{Answer, Bystander, Client, Hub, Line, PASSWORD, basic, in_time, user};

pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A request of the demo user.
pub(crate) async fn asks(
    hub: &Hub,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let authorization = basic("clown", "bigclown");
    let headers = [&[("Authorization", &*authorization)], headers].concat();
    hub.request(method, path, &headers, body).await
}

pub(crate) async fn get(hub: &Hub, path: &str) -> Answer {
    asks(hub, "GET", path, &[], "").await
}

/// A request of one of the accounts.
pub(crate) async fn asks_as(hub: &Hub, name: &str, method: &str, path: &str, body: &str) -> Answer {
    let authorization = basic(name, PASSWORD);
    hub.request(method, path, &[("Authorization", &authorization), JSON], body).await
}

pub(crate) fn read(answer: &Answer) -> Value {
    serde_json::from_str(answer.body()).unwrap_or_else(|error| panic!("{error}: {}", answer.text))
}

/// The problem that an answer tells, after a look at its form.
pub(crate) fn problem(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text);
    let problem = read(answer);
    assert_eq!(problem["status"], answer.status(), "{problem}");
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
    }
    problem
}

/// Asserts that a request is refused with a status and a sentence in which these words stand.
pub(crate) fn refused(answer: &Answer, status: u16, words: &str) {
    let problem = problem(answer);
    assert_eq!(answer.status(), status, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(words), "{words}: {problem}");
}

#[tokio::test]
async fn a_value_that_was_put_is_read_as_it_was_and_deleted() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["a/#"], "options": true}"#).await;
    let put = asks(&hub, "PUT", "/api/topics/a/b?retain=true", &[JSON], "{\"t\": [20.10,\n\"℃\"]}").await;
    assert_eq!(read(&put), json!({"topic": "a/b", "kept": true, "delivered": 1}), "{}", put.text);
    let frame = reader.frame().await;
    assert_eq!(frame[1], json!({"t": [20.10, "℃"]}));
    assert_eq!((&frame[2]["from"], &frame[2]["retain"]), (&json!("clown"), &json!(true)));
    let got = get(&hub, "/api/topics/a/b").await;
    assert_eq!((got.status(), got.body()), (200, "{\"t\": [20.10, \"℃\"]}"), "no digit is lost");
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("etag"), put.header("etag"));
    assert!(got.header("last-modified").unwrap().ends_with(" GMT"));
    let full = read(&get(&hub, "/api/topics/a/b?format=full").await);
    assert_eq!((&full["topic"], &full["from"]), (&json!("a/b"), &json!("clown")), "{full}");
    assert!(full["age"].as_f64().unwrap() >= 0.0 && full["time"].is_string(), "{full}");
    let deleted = asks(&hub, "DELETE", "/api/topics/a/b", &[], "").await;
    assert_eq!((deleted.status(), deleted.body()), (204, ""));
    assert_eq!(reader.frame().await[1], Value::Null);
    let gone = get(&hub, "/api/topics/a/b").await;
    refused(&gone, 404, "no last value");
    assert_eq!(problem(&gone)["topic"], "a/b");
}

#[tokio::test]
async fn what_is_put_without_retain_passes_like_the_word_of_a_dashboard() {
    let hub = Hub::demo();
    let posted = asks(&hub, "POST", "/api/topics/relay/0/set", &[JSON], "{\"state\": true}").await;
    assert_eq!(read(&posted), json!({"topic": "relay/0/set", "kept": false, "delivered": 0}));
    assert_eq!(posted.header("etag"), None);
    refused(&get(&hub, "/api/topics/relay/0/set").await, 404, "no last value");
    asks(&hub, "PUT", "/api/topics/a?retain=true", &[JSON], "1").await;
    asks(&hub, "PUT", "/api/topics/a?retain=false", &[JSON], "2").await;
    assert_eq!(get(&hub, "/api/topics/a").await.body(), "1", "a message that passes leaves it");
    asks(&hub, "PUT", "/api/topics/a?retain=true&expires=1ms", &[JSON], "3").await;
    in_time("the end of its time", async { while get(&hub, "/api/topics/a").await.status() == 200 {} }).await;
    refused(&get(&hub, "/api/topics/a").await, 404, "no last value");
}

#[tokio::test]
async fn a_text_is_a_string_and_bytes_are_base64() {
    let hub = Hub::demo();
    for (kind, body, payload) in [
        (Some("text/plain"), "on", "\"on\""),
        (Some("text/plain; charset=utf-8"), "20 \"℃\"", "\"20 \\\"℃\\\"\""),
        (Some("application/octet-stream"), "on", "{\"$base64\":\"b24=\"}"),
        (Some("application/senml+json"), "[1]", "[1]"),
        (None, "21.50", "21.50"),
        (None, "on", "\"on\""),
    ] {
        let headers: Vec<_> = kind.map(|kind| ("Content-Type", kind)).into_iter().collect();
        let put = asks(&hub, "PUT", "/api/topics/a?retain=true", &headers, body).await;
        assert_eq!(put.status(), 200, "{kind:?}: {}", put.text);
        assert_eq!(get(&hub, "/api/topics/a").await.body(), payload, "{kind:?}");
    }
}

#[tokio::test]
async fn a_value_that_has_not_changed_is_not_sent_again() {
    let hub = Hub::demo();
    asks(&hub, "PUT", "/api/topics/a?retain=true", &[JSON], "1").await;
    let got = get(&hub, "/api/topics/a").await;
    let tag = got.header("etag").unwrap();
    for tags in [tag, "*", &format!("\"1-1\", {tag}"), &format!("W/{tag}")] {
        let same = asks(&hub, "GET", "/api/topics/a", &[("If-None-Match", tags)], "").await;
        assert_eq!((same.status(), same.body(), same.header("etag")), (304, "", Some(tag)), "{tags}");
    }
    let head = asks(&hub, "HEAD", "/api/topics/a", &[], "").await;
    assert_eq!((head.status(), head.body(), head.header("etag")), (200, "", Some(tag)));
    asks(&hub, "PUT", "/api/topics/a?retain=true", &[JSON], "1").await;
    let newer = asks(&hub, "GET", "/api/topics/a", &[("If-None-Match", tag)], "").await;
    assert_eq!((newer.status(), newer.body()), (200, "1"), "the same was said again: a newer value");
    assert_ne!(newer.header("etag"), Some(tag));
}

#[tokio::test]
async fn a_lock_that_holds_for_a_time_can_be_taken_again_after_it() {
    let hub = Hub::demo();
    let path = "/api/topics/lock?retain=true&expires=1";
    let take = async || asks(&hub, "PUT", path, &[JSON, ("If-None-Match", "*")], "1").await;
    let first = take().await;
    assert_eq!((first.status(), take().await.status()), (200, 412));
    in_time("the lock to be over", async { while get(&hub, "/api/topics/lock").await.status() != 404 {} })
        .await;
    let tag = first.header("etag").unwrap();
    let of_nobody = asks(&hub, "PUT", path, &[JSON, ("If-Match", tag)], "1").await;
    assert_eq!((of_nobody.status(), take().await.status()), (412, 200));
}

#[tokio::test]
async fn a_browser_keeps_a_value_and_neither_its_age_nor_what_it_has_waited_for() {
    let hub = Hub::demo();
    asks(&hub, "PUT", "/api/topics/a?retain=true", &[JSON], "1").await;
    for (query, kept) in [("", "private, no-cache"), ("?format=full", "no-store"), ("?wait=10ms", "no-store")]
    {
        let answer = get(&hub, &format!("/api/topics/a{query}")).await;
        assert_eq!(answer.header("cache-control"), Some(kept), "{query}");
    }
}

#[tokio::test]
async fn of_all_who_change_what_they_have_read_one_succeeds() {
    let hub = Hub::demo();
    let path = "/api/topics/counter?retain=true";
    let first = asks(&hub, "PUT", path, &[JSON, ("If-None-Match", "*")], "0").await;
    assert_eq!(first.status(), 200, "{}", first.text);
    refused(&asks(&hub, "PUT", path, &[JSON, ("If-None-Match", "*")], "0").await, 412, "read it again");
    let tag = first.header("etag").unwrap();
    let tried = (1..=8).map(|n| {
        let (hub, body) = (&hub, n.to_string());
        async move { asks(hub, "PUT", path, &[JSON, ("If-Match", tag)], &body).await.status() }
    });
    let mut statuses = futures_util::future::join_all(tried).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    refused(
        &asks(&hub, "DELETE", "/api/topics/counter", &[("If-Match", tag)], "").await,
        412,
        "read it again",
    );
    refused(
        &asks(&hub, "PUT", "/api/topics/none?retain=true", &[JSON, ("If-Match", "*")], "1").await,
        412,
        "",
    );
    let weak = asks(&hub, "PUT", path, &[JSON, ("If-Match", "W/\"1-1\"")], "1").await;
    refused(&weak, 400, "format=full");
    refused(&asks(&hub, "PUT", path, &[JSON, ("If-Match", "abc")], "1").await, 400, "with their quotes");
}

#[tokio::test]
async fn a_long_poll_returns_with_the_next_message_or_with_nothing_at_the_end() {
    let hub = Hub::demo();
    let nothing = get(&hub, "/api/topics/a?wait=10ms").await;
    assert_eq!((nothing.status(), nothing.body()), (204, ""));
    asks(&hub, "PUT", "/api/topics/a?retain=true", &[JSON], "1").await;
    let got = get(&hub, "/api/topics/a").await;
    let tag = got.header("etag").unwrap().to_owned();
    let same = asks(&hub, "GET", "/api/topics/a?wait=10ms", &[("If-None-Match", &tag)], "").await;
    assert_eq!((same.status(), same.header("etag")), (304, Some(&*tag)));
    let mut waits = tokio::spawn({
        let (address, tag) = (hub.address, tag.clone());
        async move { poll(address, "/api/topics/a?wait=30s", &tag).await }
    });
    hub.figure_is("subscriptions_count", 1).await;
    assert!(futures_util::poll!(&mut waits).is_pending());
    asks(&hub, "PUT", "/api/topics/a?retain=true", &[JSON], "2").await;
    let newer = waits.await.unwrap();
    assert!(newer.starts_with("HTTP/1.1 200") && newer.ends_with("\r\n\r\n2"), "{newer}");
    hub.figure_is("subscriptions_count", 0).await;
    // What was missed meanwhile comes at once.
    let newer = asks(&hub, "GET", "/api/topics/a?wait=30s", &[("If-None-Match", &tag)], "").await;
    assert_eq!((newer.status(), newer.body()), (200, "2"));
    refused(&get(&hub, "/api/topics/a?wait=1d").await, 400, "wait must be a time");
}

async fn poll(address: std::net::SocketAddr, path: &str, tag: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let authorization = basic("clown", "bigclown");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: {authorization}\r\nIf-None-Match: {tag}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_long_poll_ends_when_the_right_to_read_goes() {
    let users = |may: &str| [user("a", &[may], &["#"], true), user("b", &["#"], &["#"], true)].join("\n");
    let hub = Hub::with_users(&[users("#")], &[]);
    let authorization = basic("a", PASSWORD);
    let waits = async {
        hub.request("GET", "/api/topics/x?wait=30s", &[("Authorization", &authorization)], "").await
    };
    let withdraw = async {
        hub.figure_is("subscriptions_count", 1).await;
        std::fs::write(hub.dir().join("users.toml"), users("other/#")).unwrap();
        hub.figure_is("accounts_taken", 1).await;
        asks_as(&hub, "b", "PUT", "/api/topics/x", "1").await
    };
    let (answer, put) = tokio::join!(waits, withdraw);
    assert_eq!(put.status(), 200, "{}", put.text);
    refused(&answer, 403, "subscribe");
}

#[tokio::test]
async fn a_command_is_answered_when_its_node_has_reported() {
    let hub = Hub::demo();
    let offline = asks(&hub, "PUT", "/api/topics/r/0/set?confirm=1", &[JSON], "{\"state\": true}").await;
    refused(&offline, 503, "offline: no node reads this command");
    let mut node = Client::open(&hub, "/talk/r?side=node", r#"{"filters": ["+/set"]}"#).await;
    let command = asks(&hub, "PUT", "/api/topics/r/0/set?confirm=20s", &[JSON], "{\"state\": true}");
    let carry_out = async {
        assert_eq!(node.two().await, [json!("0/set"), json!({"state": true})]);
        node.publish("0", "{\"state\": true}").await;
    };
    let (answer, ()) = tokio::join!(command, carry_out);
    let answer = read(&answer);
    assert_eq!(
        (&answer["confirmed"], &answer["reported"]),
        (&json!({"state": true}), &json!("r/0")),
        "{answer}"
    );
    let refuse = async {
        node.two().await;
        node.publish("0/set/error", "\"jammed\"").await;
    };
    let command = asks(&hub, "PUT", "/api/topics/r/0/set?confirm=20s", &[JSON], "{\"state\": false}");
    let (answer, ()) = tokio::join!(command, refuse);
    refused(&answer, 409, "the node has answered with an error");
    assert_eq!(problem(&answer)["answer"], "jammed");
    let late = asks(&hub, "PUT", "/api/topics/r/0/set?confirm=10ms", &[JSON], "{\"state\": false}").await;
    refused(&late, 504, "timeout");
    assert_eq!(problem(&late)["state"], json!({"state": true}));
    let reading = asks(&hub, "PUT", "/api/topics/r/0?confirm=1", &[JSON], "1").await;
    refused(&reading, 400, "are for commands");
}

#[tokio::test]
async fn with_commit_a_value_is_answered_when_it_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &["store.durability=commit"]);
    for n in 0..3 {
        let put = asks(&hub, "PUT", "/api/topics/a?retain=true", &[JSON], &n.to_string()).await;
        assert_eq!((put.status(), &read(&put)["kept"]), (200, &json!(true)), "{}", put.text);
    }
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(get(&hub, "/api/topics/a").await.body(), "2");
    let restored = get(&hub, "/api/topics/a").await;
    let tag = restored.header("etag").unwrap();
    let put = asks(&hub, "PUT", "/api/topics/a?retain=true", &[JSON, ("If-Match", tag)], "3").await;
    assert_eq!(put.status(), 200, "{}", put.text);
}

#[tokio::test]
async fn all_values_are_listed_page_by_page_in_the_order_of_their_topics() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
    for n in 0..25 {
        node.publish(&format!("list/{n:02}/t"), &n.to_string()).await;
    }
    let (mut path, mut topics, mut pages) = ("/api/topics?filter=list/+/t&limit=10".to_owned(), vec![], 0);
    loop {
        let page = get(&hub, &path).await;
        assert_eq!(page.status(), 200, "{}", page.text);
        topics.extend(read(&page).as_array().unwrap().iter().map(|value| value["topic"].clone()));
        pages += 1;
        let Some(link) = page.header("link") else { break };
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    let expected: Vec<_> = (0..25).map(|n| json!(format!("list/{n:02}/t"))).collect();
    assert_eq!((topics, pages), (expected, 3));
    let all = read(&get(&hub, "/api/topics").await);
    let all: Vec<_> = all.as_array().unwrap().iter().map(|value| value["topic"].as_str().unwrap()).collect();
    assert!(all.contains(&"presence") && all.len() == 26, "{all:?}");
    let two =
        read(&get(&hub, "/api/topics?filter=list/01/%23&filter=list/%2B/t&limit=2&after=list/00/t").await);
    assert_eq!((&two[0]["payload"], &two[1]["payload"], &two[2]), (&json!(1), &json!(2), &Value::Null));
    // The hub says them a moment after its start.
    in_time("the hub's own figures", async {
        let is_there =
            |all: Value| all.as_array().unwrap().iter().any(|one| one["topic"] == "$SYS/hub/version");
        while !is_there(read(&get(&hub, "/api/topics?filter=$SYS/hub/%2B").await)) {}
    })
    .await;
}

#[tokio::test]
async fn a_regular_topic_says_how_often_it_speaks_and_whether_it_is_stale() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
    let value = crate::support::in_time("a regular topic", async {
        loop {
            node.publish("fast", "1").await;
            tokio::time::sleep(std::time::Duration::from_millis(60)).await;
            let value = read(&get(&hub, "/api/topics/fast?format=full").await);
            if value.get("every").is_some() {
                return value;
            }
        }
    })
    .await;
    assert!(value["every"].as_f64().unwrap() < 5.0 && value["stale"] == false, "{value}");
}

#[tokio::test]
async fn nobody_reads_or_writes_what_he_may_not() {
    let users = [user("boss", &["#"], &["#"], true), user("guest", &["open/#"], &["open/#"], false)];
    let hub = Hub::with_users(&users, &[]);
    for topic in ["open/a", "shut/a"] {
        let put = asks_as(&hub, "boss", "PUT", &format!("/api/topics/{topic}?retain=true"), "1").await;
        assert_eq!(put.status(), 200, "{}", put.text);
    }
    assert_eq!(asks_as(&hub, "guest", "GET", "/api/topics/open/a", "").await.body(), "1");
    let mine = read(&asks_as(&hub, "guest", "GET", "/api/topics", "").await);
    assert_eq!(mine.as_array().unwrap().len(), 1, "what he may read: {mine}");
    for (method, path, right) in [
        ("GET", "/api/topics/shut/a", "subscribe"),
        ("GET", "/api/topics/shut/a?wait=1ms", "subscribe"),
        ("GET", "/api/topics?filter=%23", "subscribe"),
        ("PUT", "/api/topics/shut/a", "publish"),
        ("PUT", "/api/topics/open/a?retain=true", "retain"),
        ("DELETE", "/api/topics/open/a", "retain"),
        ("PUT", "/api/topics/$SYS/hub/version", "publish"),
        ("PUT", "/api/topics/clown.talk/-/config/set", "publish"),
    ] {
        let answer = asks_as(&hub, "guest", method, path, if method == "PUT" { "1" } else { "" }).await;
        assert_eq!(answer.status(), 403, "{method} {path}: {}", answer.text);
        assert_eq!(problem(&answer)["right"], right, "{method} {path}");
    }
    assert_eq!(
        asks_as(&hub, "boss", "GET", "/api/topics/open/a", "").await.body(),
        "1",
        "nothing was cleared"
    );
}

#[tokio::test]
async fn who_does_not_sign_in_is_told_so_and_a_script_of_a_page_without_a_dialog() {
    let hub = Hub::demo();
    for path in ["/api/topics", "/api/topics/a", "/api/version"] {
        let stranger = hub.request("GET", path, &[], "").await;
        refused(&stranger, 401, "name and password are needed");
        assert!(stranger.header("www-authenticate").is_some());
        let script = hub.request("GET", path, &[("Sec-Fetch-Mode", "cors")], "").await;
        assert_eq!((script.status(), script.header("www-authenticate")), (401, None));
        let wrong = hub.request("GET", path, &[("Authorization", &basic("clown", "wrong"))], "").await;
        refused(&wrong, 401, "");
        let page = [("Origin", "http://evil.example"), ("Authorization", &*basic("clown", "bigclown"))];
        refused(&hub.request("GET", path, &page, "").await, 403, "server.origins");
        let elsewhere = [("Host", "hub.example"), ("Authorization", &*basic("clown", "bigclown"))];
        refused(
            &hub.request("GET", path, &elsewhere, "").await,
            403,
            "the demo user is for this machine alone",
        );
    }
    let twice = [("Authorization", "Basic eDp5"), ("Authorization", "Basic eDp5")];
    refused(&hub.request("GET", "/api/topics", &twice, "").await, 400, "only once");
}

#[tokio::test]
async fn a_page_that_server_origins_names_may_read_and_publish() {
    let hub = Hub::with(&["server.origins=http://house.example"]);
    let page = ("Origin", "http://house.example");
    let preflight =
        [page, ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "if-match")];
    let asked = hub.request("OPTIONS", "/api/topics/a", &preflight, "").await;
    assert_eq!(
        (asked.status(), asked.header("access-control-allow-origin")),
        (204, Some(page.1)),
        "{}",
        asked.text
    );
    assert_eq!(asked.header("access-control-allow-headers"), Some("if-match"));
    assert!(asked.header("access-control-allow-methods").unwrap().contains("PUT"));
    let put = asks(&hub, "PUT", "/api/topics/a", &[JSON, page], "1").await;
    assert_eq!((put.status(), put.header("access-control-allow-origin")), (200, Some(page.1)));
    assert_eq!(put.header("access-control-allow-credentials"), Some("true"));
    for origin in ["http://evil.example", "null"] {
        let asked = hub.request("OPTIONS", "/api/topics/a", &[("Origin", origin)], "").await;
        assert_eq!((asked.status(), asked.header("access-control-allow-origin")), (403, None));
    }
    let own = format!("http://{}", hub.address);
    let own = asks(&hub, "GET", "/api/topics", &[("Origin", &own)], "").await;
    assert_eq!((own.status(), own.header("access-control-allow-origin")), (200, None));
}

#[tokio::test]
async fn bad_input_is_answered_with_what_is_wrong_and_harms_nobody() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    for (path, status, words) in [
        ("/api/topics/a%2Fb", 400, "%2F"),
        ("/api/topics/a%00", 400, "NUL"),
        ("/api/topics/a/+/b", 400, "wildcard"),
        ("/api/topics/a/%23", 400, "wildcard"),
        ("/api/topics/a%ff", 400, "UTF-8"),
        ("/api/topics/a%f", 400, "hexadecimal"),
        ("/api/topics/", 400, "empty"),
        ("/api/topics?filter=a/%23/b", 400, "must be the last level"),
        ("/api/topics?filter=a%2B", 404, ""),
        ("/api/topics?filter=a%23", 400, "must be a whole level"),
        ("/api/topics?limit=0", 400, "from 1 to 1000"),
        ("/api/topics?limit=1&limit=1", 400, "only once"),
        ("/api/topics?filters=a", 400, "there are: filter, limit, after"),
        ("/api/topics/a?retain=true", 400, "there are: format, wait"),
        ("/api/topics/a?format=xml", 400, "payload or full"),
        ("/api/topics/a?wait=-1", 400, "wait must be a time"),
        ("/api/version?a=1", 400, "takes no query"),
    ] {
        if status == 404 {
            continue;
        }
        refused(&get(&hub, path).await, status, words);
    }
    let long = format!("/api/topics/{}", "a/".repeat(40));
    refused(&get(&hub, &long).await, 400, "levels");
    let long = format!("/api/topics/{}", "a".repeat(2000));
    refused(&get(&hub, &long).await, 400, "bytes");
    let put = async |query: &str, headers: &[(&str, &str)], body: &str| {
        asks(&hub, "PUT", &format!("/api/topics/a{query}"), headers, body).await
    };
    refused(&put("?retain=yes", &[JSON], "1").await, 400, "true or false");
    refused(&put("?confirm=61", &[JSON], "1").await, 400, "at most 60s");
    refused(&put("?expires=0", &[JSON], "1").await, 400, "above 0");
    refused(&put("", &[JSON], "nan").await, 400, "send null");
    refused(&put("", &[JSON], "1, {\"retain\": true}").await, 400, "one JSON value");
    refused(&put("", &[JSON], "").await, 400, "empty");
    refused(&put("", &[JSON, JSON], "1").await, 400, "only once");
    refused(&put("", &[("Content-Type", "application/x-www-form-urlencoded")], "1").await, 415, "--json");
    refused(&put("", &[JSON, ("Content-Encoding", "gzip")], "1").await, 415, "does not unpack");
    refused(&put("", &[JSON], &"[".repeat(1000)).await, 400, "128");
    let whole = problem(&put("", &[JSON], "{\"a\": 1,}").await);
    assert_eq!(whole["at"], 7, "{whole}");
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_or_too_slow_is_refused() {
    let hub =
        Hub::with(&["limits.message_bytes=2048", "limits.topic_bytes=1024", "limits.handshake_seconds=1"]);
    let large = format!("\"{}\"", "x".repeat(4000));
    let refusal = asks(&hub, "PUT", "/api/topics/a", &[JSON], &large).await;
    refused(&refusal, 413, "at most 2048 bytes");
    let authorization = basic("clown", "bigclown");
    let head = format!(
        "PUT /api/topics/a HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\n",
        hub.address
    );
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\nfa0\r\n{}\r\n0\r\n\r\n", "1".repeat(4000));
    refused(&hub.answers(&chunked).await, 413, "at most 2048 bytes");
    refused(&hub.answers(&format!("{head}Content-Length: 100\r\n\r\n\"begun")).await, 408, "within 1 s");
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_refused_with_those_that_it_has() {
    let hub = Hub::demo();
    for (method, path, allow) in [
        ("PATCH", "/api/topics/a", "GET, HEAD, PUT, POST, DELETE, OPTIONS"),
        ("PUT", "/api/topics", "GET, HEAD, OPTIONS"),
        ("BREW", "/api/version", "GET, HEAD, OPTIONS"),
    ] {
        let answer = asks(&hub, method, path, &[], "").await;
        refused(&answer, 405, allow);
        assert_eq!(answer.header("allow"), Some(allow));
        let options = asks(&hub, "OPTIONS", path, &[], "").await;
        assert_eq!((options.status(), options.header("allow")), (204, Some(allow)));
    }
}

#[tokio::test]
async fn what_one_connection_may_send_holds_for_all_of_its_requests() {
    let hub = Hub::with(&["limits.messages_per_second=1"]);
    let authorization = basic("clown", "bigclown");
    let one = format!(
        "PUT /api/topics/a HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\nContent-Type: application/json\r\n\
         Content-Length: 1\r\n\r\n1",
        hub.address
    );
    let last = one.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let answers = hub.answers(&format!("{}{last}", one.repeat(9))).await;
    let statuses = |status: &str| answers.text.matches(&format!("HTTP/1.1 {status}")).count();
    assert_eq!(statuses("200") + statuses("429"), 10, "{}", answers.text);
    assert!(statuses("429") >= 5, "{}", answers.text);
    assert!(answers.text.contains("more than 1 messages a second: send less, or wait"), "{}", answers.text);
    assert!(answers.text.to_lowercase().contains("\r\nretry-after: 1\r\n"));
}

#[tokio::test]
async fn a_connection_that_is_in_use_is_not_cut() {
    let hub = Hub::with(&["limits.handshake_seconds=1"]);
    let authorization = basic("clown", "bigclown");
    // Longer than a connection may live on which nobody has signed in.
    let answer = hub.request("GET", "/api/topics/a?wait=5s", &[("Authorization", &authorization)], "").await;
    assert_eq!(answer.status(), 204, "{}", answer.text);
}

#[tokio::test]
async fn a_command_over_http_is_recorded_with_its_user() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &["store.write_milliseconds=10"]);
    asks(&hub, "PUT", "/api/topics/relay/0/set", &[JSON], "true").await;
    let events = read(&get(&hub, "/api/events?filter=relay/%23").await);
    let event = &events["events"][0];
    assert_eq!(
        (&event["kind"], &event["user"], &event["payload"]),
        (&json!("command"), &json!("clown"), &json!(true))
    );
    assert_eq!(event["address"], "127.0.0.1");
}

#[tokio::test]
async fn the_paths_move_with_the_prefix_of_a_proxy() {
    let hub = Hub::with(&["server.path_prefix=/hub"]);
    for n in 0..3 {
        asks(&hub, "PUT", &format!("/hub/api/topics/a/{n}?retain=true"), &[JSON], "1").await;
    }
    let page = get(&hub, "/hub/api/topics?limit=1").await;
    assert!(
        page.header("link").unwrap().starts_with("</hub/api/topics?limit=1&after=a%2F0>"),
        "{}",
        page.text
    );
    assert_eq!(problem(&get(&hub, "/hub/api/topics/b").await)["type"], "/hub/api#no-value");
}

/// Runs every line of `curl` that stands in the blocks of shell of a document, one after the other, as its reader does: at the
/// demo, with nothing else. Returns what each of them printed.
fn run_all_of(document: &str, hub: &Hub) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(format!("{}/{document}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let blocks = text.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let lines = blocks.flat_map(str::lines).filter(|line| line.contains("curl "));
    let run = |line: &str| {
        let here = line.replace("localhost:8080", &format!("localhost:{}", hub.address.port()));
        let command = here.replacen("curl ", "curl -sS --fail-with-body ", 1);
        let ran = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
        let said = String::from_utf8(ran.stdout).unwrap();
        // A stream has no end of its own: the example ends it.
        let ended = if line.contains("--max-time") { Some(28) } else { Some(0) };
        assert_eq!(ran.status.code(), ended, "{command}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        (line.to_owned(), said)
    };
    lines.map(run).collect()
}

/// The demo, with nodes that have begun to speak.
async fn demo_with_nodes() -> Hub {
    let hub = Hub::with(&["simulator.run=demo"]);
    crate::support::in_time("the nodes", async {
        while get(&hub, "/api/topics/nodes/bridge/0/thermometer/i2c0-48").await.status() != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    hub
}

#[tokio::test]
async fn what_the_readme_says_of_curl_works_in_the_demo() {
    let hub = demo_with_nodes().await;
    let ran = run_all_of("README.md", &hub);
    let [(_, switched), (line, said)] = &*ran else { panic!("{ran:?}") };
    assert_eq!(serde_json::from_str::<Value>(switched).unwrap()["confirmed"], json!({"state": true}));
    assert_eq!(line, "curl -u clown:bigclown localhost:8080/api/topics/nodes/bridge/0/relay/i2c0-3b");
    assert_eq!(said, "{\"state\": true}");
}

#[tokio::test]
async fn every_example_of_the_manual_works_in_the_demo() {
    let hub = demo_with_nodes().await;
    let ran = run_all_of("docs/http.md", &hub);
    assert!(ran.len() >= 6, "{ran:?}");
    let full = ran.iter().find(|(line, _)| line.contains("format=full")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&full.1).unwrap()["payload"], 21.5);
}

#[tokio::test]
async fn a_value_of_a_device_on_a_line_is_read_by_http() {
    let hub = Hub::with(&["server.line_listen=127.0.0.1:0"]);
    let mut line = Line::open(&hub, r#", "side": "node", "filters": []"#).await;
    line.say(r#"["attic/t", 21.50, {"id": 1}]"#).await;
    line.hear().await.unwrap();
    assert_eq!(get(&hub, "/api/topics/attic/t").await.body(), "21.50");
}
