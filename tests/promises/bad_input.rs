//! What bad input gets (`docs/protocol.md`, clause 8): an answer, and never another connection's trouble.

use serde_json::Value;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{Bystander, Client, Hub, Opcode, PASSWORD, Raw, basic, user};

async fn refused(client: &mut Client, frame: &str) -> Value {
    client.asks(frame, "publish/error").await
}

#[tokio::test]
async fn a_frame_that_is_none_is_answered_with_the_place_and_the_connection_stays() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut client = Client::open(&hub, "/talk", "{}").await;
    for (frame, at, reason) in [
        ("hello", 0, "a frame is a JSON array"),
        ("{}", 0, "a frame is a JSON array"),
        ("\"a\"", 0, "a frame is a JSON array"),
        ("[]", 1, "topic"),
        ("[1, 2]", 1, "topic, must be a string"),
        ("[\"a\"]", 4, "no payload"),
        ("[\"a\", nan]", 6, "nan is not JSON: send null"),
        ("[\"a\", 1, []]", 9, "options, must be an object"),
        ("[\"a\", 1, null]", 9, "options, must be an object"),
        ("[\"a\", 1, {}, 4]", 11, "two or three elements"),
        ("[\"a\", 1", 7, "ends too early"),
        ("[\"a\", {\"b\": 1]", 13, "not JSON"),
        ("[\"a\", .5]", 6, "must not begin with a point: send 0.5, not .5"),
        ("[\"a\", 01]", 6, "must not begin with a zero"),
        ("[\"a\", 'b']", 6, "single quotes"),
        ("[\"a\", \"b\u{0}\"]", 8, "NUL byte"),
        ("{\"topic\": \"a\", \"payload\": 1}", 0, "array and not an object: [\"topic\", payload]"),
        ("[\"a\", 1] x", 9, "text after the end"),
        ("[\"a\", 1][\"b\", 2]", 8, "text after the end"),
        ("[\"a\", \"\\x\"]", 7, "unknown escape"),
        ("[\"a\", \"tab\there\"]", 10, "control character"),
        ("[\"\\ud800\", 1]", 1, "unknown escape"),
    ] {
        let answer = refused(&mut client, frame).await;
        assert_eq!(answer["at"], at, "{frame}: {answer}");
        assert!(answer["reason"].as_str().unwrap().contains(reason), "{frame}: {answer}");
    }
    client.hears_nothing().await;
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn a_frame_is_taken_with_the_marks_that_devices_and_editors_put_around_it() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/t/a"]}"#).await;
    let mut device = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    for (frame, payload) in [
        ("[\"t/a\",1]\u{0}", 1),
        ("[\"t/a\",2]\u{0}\u{0}\n", 2),
        ("\u{feff}[\"t/a\",3]", 3),
        ("\u{feff}[\"t/a\",4]\r\n\u{0}[\"t/a\",5]\n\u{0}", 4),
    ] {
        device.say(frame).await;
        assert_eq!(reader.hear().await, format!("[\"n/t/a\", {payload}]"));
    }
    assert_eq!(reader.hear().await, "[\"n/t/a\", 5]");
    device.hears_nothing().await;
}

#[tokio::test]
async fn a_topic_that_is_none_is_answered_and_told_back_cut_at_64_characters() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut client = Client::open(&hub, "/talk", "{}").await;
    let (long, deep) = ("ž".repeat(513), vec!["l"; 33].join("/"));
    for (topic, reason) in [
        ("", "topic is empty"),
        ("a/+/b", "wildcard at byte 2"),
        ("#", "wildcard at byte 0"),
        ("a\u{0}b", "NUL at byte 1"),
        (&long, "1026 bytes, the limit is 1024"),
        (&deep, "33 levels, the limit is 32"),
        ("clown.talk/-/nonsense", "unknown topic under clown.talk/"),
        ("clown.talk/-/config/ok", "unknown topic under clown.talk/"),
        ("clown.talk/", "unknown topic under clown.talk/"),
    ] {
        let answer = refused(&mut client, &format!("[{}, 1]", Value::from(topic))).await;
        assert!(answer["reason"].as_str().unwrap().contains(reason), "{topic}: {answer}");
        assert_eq!(answer["topic"], topic.chars().take(64).collect::<String>());
        assert_eq!(answer["at"], 1);
    }
    client.hears_nothing().await;
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn the_longest_and_deepest_topics_are_taken() {
    let hub = Hub::demo();
    let mut client = Client::open(&hub, "/talk", "{}").await;
    client.publish(&"ž".repeat(512), "1").await;
    client.publish(&vec!["l"; 32].join("/"), "1").await;
    client.publish(&"/".repeat(31), "1").await;
}

#[tokio::test]
async fn what_the_rules_do_not_allow_is_forbidden_and_the_connection_stays() {
    let users = [
        user("anna", &["a/#"], &["a/+/set"], false),
        user("bystander", &["bystander/#"], &["bystander/#"], false),
    ];
    let hub = Hub::with_users(&users, &[]);
    let mut bystander = Bystander::as_user(&hub, "bystander").await;
    let mut client = Client::open_as(&hub, "anna", "/talk", "{}").await;
    for topic in ["a/b", "bystander/thing", "$SYS/hub/version"] {
        let answer = refused(&mut client, &format!(r#"["{topic}", 1, {{"id": "x"}}]"#)).await;
        assert_eq!(
            (&answer["reason"], &answer["id"], &answer["topic"]),
            (&"forbidden: this takes the right publish".into(), &"x".into(), &topic.into())
        );
    }
    let answer = refused(&mut client, r#"["a/b/set", 1, {"retain": true, "id": 7}]"#).await;
    assert_eq!(
        (&answer["reason"], &answer["id"]),
        (&"forbidden: this takes the right retain".into(), &7.into())
    );
    for filter in ["#", "bystander/#", "+/b", "$SYS/#"] {
        let request = format!(r#"["clown.talk/-/subscription/add", {{"filters": ["a/b", "{filter}"]}}]"#);
        let answer = client.asks(&request, "subscription/error").await;
        assert_eq!(
            answer,
            serde_json::json!({"reason": "forbidden: this takes the right subscribe", "filters": [filter]})
        );
    }
    let answer =
        client.asks(r#"["clown.talk/-/config/set", {"will": ["bystander/thing", 1]}]"#, "config/error").await;
    assert_eq!(answer["reason"], "key will: forbidden: this takes the right publish");
    let answer = client.asks(r#"["clown.talk/-/subscription/get", {}]"#, "subscription/ok").await;
    assert_eq!(answer["filters"], serde_json::json!(["a/#"]));
    client.publish("a/b/set", "1").await;
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn nesting_is_taken_to_a_depth_of_128_and_refused_at_129() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["a/b"]}"#).await;
    let mut client = Client::open(&hub, "/talk", "{}").await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    client.publish("a/b", &nested(128)).await;
    assert_eq!(reader.hear().await, format!("[\"a/b\", {}]", nested(128)));
    for bad in [nested(129), "[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        let answer = refused(&mut client, &format!("[\"a/b\", {bad}]")).await;
        assert_eq!(answer["reason"], "nesting deeper than 128");
    }
    reader.hears_nothing().await;
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn a_binary_message_is_closed_with_1003() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut client = Client::open(&hub, "/talk", "{}").await;
    client.send(Message::Binary(Bytes::from_static(b"[\"a\", 1]"))).await;
    assert_eq!(client.closed().await, (1003, "binary message: Clown.Talk is text".to_owned()));
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_closed_with_1007_in_one_piece_or_in_many() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut raw = Raw::open(&hub, "/talk", "{}").await;
    raw.write(&Raw::encoded(true, Opcode::Text, b"[\"a\", \"\xe9\"]")).await;
    assert_eq!(raw.closed().await.0, 1007);
    let mut raw = Raw::open(&hub, "/talk", "{}").await;
    raw.write(&Raw::encoded(false, Opcode::Text, b"[\"a\", \"\xc5")).await;
    raw.write(&Raw::encoded(true, Opcode::Continuation, b"x\"]")).await;
    assert_eq!(raw.closed().await.0, 1007);
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_closed_with_1009_before_it_is_read() {
    let hub = Hub::with(&["limits.message_bytes=2048"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut fits = Client::open(&hub, "/talk", "{}").await;
    let payload = format!("\"{}\"", "x".repeat(2048 - 10 - r#"["a/b", , {"id": 0}]"#.len()));
    fits.publish("a/b", &payload).await;
    let mut raw = Raw::open(&hub, "/talk", "{}").await;
    // Only announced: 2^62 bytes.
    raw.write(&[0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]).await;
    assert_eq!(raw.closed().await, (1009, "message over 2048 bytes".to_owned()));
    let mut raw = Raw::open(&hub, "/talk", "{}").await;
    raw.write(&Raw::encoded(false, Opcode::Text, &[b' '; 1500])).await;
    raw.write(&Raw::encoded(true, Opcode::Continuation, &[b' '; 1500])).await;
    assert_eq!(raw.closed().await.0, 1009);
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn what_breaks_the_rules_of_websocket_is_closed_with_1002() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    for bytes in [
        &b"\x81\x01x"[..],                                    // not masked
        &[0xc1, 0x80, 0, 0, 0, 0],                            // a reserved bit
        &[0x83, 0x80, 0, 0, 0, 0],                            // a reserved kind
        &[0x80, 0x80, 0, 0, 0, 0],                            // goes on where nothing began
        &[0x09, 0x80, 0, 0, 0, 0],                            // half a ping
        &Raw::encoded(true, Opcode::Ping, &[b'x'; 126]),      // a ping of 126 bytes
        &[0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // 2^63 bytes and more
    ] {
        let mut raw = Raw::open(&hub, "/talk", "{}").await;
        raw.write(bytes).await;
        let (code, reason) = raw.closed().await;
        assert!(matches!(code, 1002 | 1009), "{bytes:?}: {code} {reason}");
    }
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn more_than_100_bad_frames_in_a_minute_are_closed_with_1008_and_the_first_100_are_answered() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut client = Client::open(&hub, "/talk", "{}").await;
    for _ in 0..100 {
        refused(&mut client, "bad").await;
    }
    client.publish("a/b", "1").await;
    client.say("bad").await;
    assert_eq!(client.closed().await, (1008, "more than 100 bad frames in a minute".to_owned()));
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn answers_that_were_given_before_the_end_are_sent_before_the_close() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut client = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    client.say(&"bad\n".repeat(101)).await;
    let (texts, code, _) = client.texts_until_close().await;
    assert_eq!((texts.len(), code), (101, 1008));
    let mut raw = Raw::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let mut bytes = Raw::encoded(true, Opcode::Text, br#"["a/b", 1, {"id": 7}]"#);
    bytes.extend(Raw::encoded(true, Opcode::Binary, b"x"));
    raw.write(&bytes).await;
    let (texts, code, _) = raw.texts_until_close().await;
    assert_eq!((texts, code), (vec![r#"["clown.talk/-/publish/ok", {"id": 7}]"#.to_owned()], 1003));
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn more_messages_than_the_rate_allows_are_closed_with_1008() {
    let hub = Hub::with(&["limits.messages_per_second=20"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut client = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    client.say(&"[\"a/b\", 1]\n".repeat(200)).await;
    assert_eq!(client.closed().await, (1008, "more than 20 messages a second".to_owned()));
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn wrong_or_missing_credentials_get_401_with_a_challenge() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    for authorization in [
        "",
        &basic("clown", "wrong"),
        &basic("nobody", "bigclown"),
        "Bearer x",
        "Basic !!!",
        "Basic Y2xvd24=",
    ] {
        for path in ["/talk", "/auth/clown-talk-server_nodes_bridge_0", "/talk/a?side=node"] {
            let answer = hub.knocks(path, &[("Authorization", authorization)]).await;
            assert_eq!(answer.status(), 401, "{authorization} {path}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm=\"clown-hub\""));
        }
    }
    assert_eq!(hub.knocks("/talk", &[]).await.status(), 401);
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn repeated_wrong_passwords_get_429_while_others_and_remembered_logins_are_unhindered() {
    let users: Vec<_> =
        ["anna", "bystander"].map(|name| user(name, &["bystander/#"], &["bystander/#"], false)).into();
    let hub = Hub::with_users(&users, &["users.failures_per_minute=5"]);
    let mut bystander = Bystander::as_user(&hub, "bystander").await;
    drop(Client::connect_as(&hub, "anna", "/talk").await);
    let wrong = [("Authorization", basic("anna", "wrong"))];
    let wrong = wrong.each_ref().map(|(name, value)| (*name, value.as_str()));
    for _ in 0..5 {
        assert_eq!(hub.knocks("/talk", &wrong).await.status(), 401);
    }
    let answer = hub.knocks("/talk", &wrong).await;
    assert_eq!(answer.status(), 429);
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() <= 61);
    assert_eq!(hub.knocks("/talk", &[("Authorization", &basic("anna", PASSWORD))]).await.status(), 101);
    assert_eq!(hub.knocks("/talk", &[("Authorization", &basic("bystander", PASSWORD))]).await.status(), 101);
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn a_base_the_user_may_not_use_gets_403_and_an_unknown_path_404() {
    let hub = Hub::with_users(&[user("anna", &["a/#"], &["a/b/#"], false)], &[]);
    let signed_in = basic("anna", PASSWORD);
    for (path, status) in [
        ("/talk/a", 101),
        ("/talk/a/b?side=node", 101),
        ("/auth/clown-talk-server_a", 101),
        ("/auth/clown-talk-client_a_b", 101),
        ("/talk/b", 403),
        ("/auth/clown-talk-server_b_0", 403),
        ("/talk/a?side=node", 403),
        ("/auth/clown-talk-client_a", 403),
        ("/talk/a//b", 404),
        ("/talk/$SYS", 404),
        ("/talk/a/%2B", 404),
        ("/talk/a/%23", 404),
        ("/talk/a/%00", 404),
        ("/auth/clown-talk-peer_a", 404),
        ("/auth/", 404),
        ("/auth", 404),
        ("/nothing/here", 404),
        ("/talk/a?side=both", 400),
    ] {
        assert_eq!(hub.knocks(path, &[("Authorization", &signed_in)]).await.status(), status, "{path}");
    }
}
