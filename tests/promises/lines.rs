//! Bare lines over TCP (`docs/protocol.md`, clause 1): one frame a line, credentials in the first.

use serde_json::Value;

use crate::support::{Bystander, Client, Hub, Line, PASSWORD, user};

const LINES: &str = "server.line_listen=127.0.0.1:0";

/// What the hub says before it ends the stream: the reason, from `config/error` and from the last line.
async fn turned_away(line: &mut Line) -> String {
    let error: (String, Value) = serde_json::from_str(&line.hear().await.unwrap()).unwrap();
    assert_eq!(error.0, "clown.talk/-/config/error");
    let close: (String, Value) = serde_json::from_str(&line.hear().await.unwrap()).unwrap();
    assert_eq!(close.0, "clown.talk/-/close");
    assert_eq!(close.1["reason"], error.1["reason"]);
    assert_eq!(line.hear().await, None);
    error.1["reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_first_line_signs_in_and_opens_the_transmission() {
    let hub = Hub::with(&[LINES]);
    let mut node =
        Line::open(&hub, r#", "base": "n", "side": "node", "filters": ["+/+/set"], "echo": true"#).await;
    let mut dashboard = Client::open(&hub, "/talk/n", r#"{"filters": ["a/#"]}"#).await;
    dashboard.publish("r/x/set", r#"{"state": true}"#).await;
    assert_eq!(node.hear().await.unwrap(), r#"["r/x/set", {"state": true}]"#);
    node.write(b"[\"a/b\", ").await;
    node.write(b"20.10]\r\n\n\r\n[\"a/c\",1]\n[\"a/").await;
    assert_eq!(dashboard.hear().await, r#"["a/b", 20.10]"#);
    assert_eq!(dashboard.hear().await, r#"["a/c", 1]"#);
    node.write(b"d\",2]\nbad\n").await;
    assert_eq!(dashboard.hear().await, r#"["a/d", 2]"#);
    let error = node.hear().await.unwrap();
    assert!(error.starts_with(r#"["clown.talk/-/publish/error", {"reason": "a frame is"#), "{error}");
    dashboard.publish("r/x/set", "[\n1,\r\n2]").await;
    assert_eq!(node.hear().await.unwrap(), r#"["r/x/set", [ 1,  2]]"#);
}

#[tokio::test]
async fn a_line_is_taken_byte_by_byte() {
    let hub = Hub::with(&[LINES]);
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["a/b"]}"#).await;
    let mut line = Line::open(&hub, "").await;
    for byte in "[\"a/b\", \"℃\"]\n".bytes() {
        line.write(&[byte]).await;
    }
    assert_eq!(reader.hear().await, "[\"a/b\", \"℃\"]");
}

#[tokio::test]
async fn a_first_line_that_lets_nobody_in_is_told_why_and_the_stream_ends() {
    let hub = Hub::with_users(&[user("anna", &["a/#"], &["a/b/#"], false)], &[LINES]);
    let hello = |user: &str, password: &str, keys: &str| {
        format!(r#"["clown.talk/-/config/set", {{"user": "{user}", "password": "{password}"{keys}}}]"#)
    };
    for (first, reason) in [
        (hello("anna", "wrong", ""), "wrong name or password"),
        (hello("nobody", PASSWORD, ""), "wrong name or password"),
        (hello("anna", PASSWORD, r#", "base": "b""#), "this user may not use this base"),
        (hello("anna", PASSWORD, r#", "base": "a", "side": "node""#), "may not be the node of this base"),
        (hello("anna", PASSWORD, r#", "base": "a//b""#), "no such base"),
        (hello("anna", PASSWORD, r#", "side": "both""#), "expected `dashboard` or `node`"),
        (r#"["clown.talk/-/config/set", {}]"#.to_owned(), "the first line must be"),
        (r#"["a/b", 1]"#.to_owned(), "the first line must be"),
        ("GET / HTTP/1.1\r".to_owned(), "the first line must be"),
    ] {
        let mut line = Line::connect(&hub).await;
        line.say(&first).await;
        let told = turned_away(&mut line).await;
        assert!(told.contains(reason), "{first}: {told}");
    }
    assert_eq!(hub.figure("logins_failed").await, 2);
    assert_eq!(hub.figure("connections_refused").await, 7, "all others");
    let log = hub.log();
    assert!(!log.contains(PASSWORD), "{log}");
}

#[tokio::test]
async fn who_sends_no_first_line_in_time_is_let_go() {
    let hub = Hub::with(&[LINES, "limits.handshake_seconds=1"]);
    let mut silent = Line::connect(&hub).await;
    let mut half = Line::connect(&hub).await;
    half.write(b"[\"clown.talk").await;
    for line in [&mut silent, &mut half] {
        assert_eq!(turned_away(line).await, "no first line in time");
    }
}

#[tokio::test]
async fn a_line_over_the_limit_or_not_in_utf_8_ends_the_stream_with_the_reason() {
    let hub = Hub::with(&[LINES, "limits.message_bytes=1024"]);
    let mut bystander = Bystander::at(&hub).await;
    for (bytes, code) in [(&[b'x'; 1025][..], 1009), (b"[\"a/b\", \"\xe9\"]\n", 1007)] {
        let mut line = Line::open(&hub, "").await;
        line.write(bytes).await;
        let close: (String, Value) = serde_json::from_str(&line.hear().await.unwrap()).unwrap();
        assert_eq!((close.0.as_str(), &close.1["code"]), ("clown.talk/-/close", &code.into()));
        assert_eq!(line.hear().await, None);
    }
    let mut unsigned = Line::connect(&hub).await;
    unsigned.write(&[b'x'; 1025]).await;
    assert_eq!(turned_away(&mut unsigned).await, "message over 1024 bytes");
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn lines_get_what_was_queued_and_the_reason_when_the_hub_stops() {
    let hub = &mut Hub::with(&[LINES]);
    let mut line = Line::open(hub, r#", "filters": ["a/+"]"#).await;
    let mut writer = Client::open(hub, "/talk", r#"{"filters": []}"#).await;
    for n in 0..100 {
        writer.publish("a/b", &n.to_string()).await;
    }
    hub.signal("TERM");
    for n in 0..100 {
        assert_eq!(line.hear().await.unwrap(), format!("[\"a/b\", {n}]"));
    }
    assert!(line.hear().await.unwrap().starts_with(r#"["clown.talk/-/close", {"code": 1012"#));
    assert_eq!(line.hear().await, None);
}
