//! `clown-hub pub`: what is published arrives, and who pipes a hundred thousand lines loses none.

use insta::assert_snapshot;

use crate::support::{Client, Hub, PASSWORD, Ran, run, user};

fn url(hub: &Hub) -> String {
    format!("ws://clown:bigclown@{}", hub.address)
}

fn publish(hub: &Hub, args: &[&str], input: &str) -> Ran {
    run(&[&["pub", "--url", &url(hub)], args].concat(), input)
}

#[tokio::test]
async fn a_message_arrives_as_it_was_typed() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"options": true}"#).await;
    publish(&hub, &["a/b", r#"{"t": [20.10, "℃"]}"#], "").succeeds();
    let frame = reader.frame().await;
    assert_eq!((&frame[0], &frame[1]["t"][1]), (&"a/b".into(), &"℃".into()));
    let base = format!("{}/nodes/bridge/0", url(&hub));
    run(&["pub", "a", "-5", "--url", &base, "--confirm"], "").succeeds();
    let frame = reader.frame().await;
    assert_eq!((&frame[0], &frame[1]), (&"nodes/bridge/0/a".into(), &(-5).into()));
}

#[tokio::test]
async fn lines_are_frames_or_payloads_of_one_topic() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", "{}").await;
    publish(&hub, &[], "[\"a\", 1.0]\n\n  [\"b\", {\"c\": 2}, {\"qos\": 1}]\r\n[\"d\", null]").succeeds();
    for expected in [r#"["a", 1.0]"#, r#"["b", {"c": 2}]"#, r#"["d", null]"#] {
        assert_eq!(reader.hear().await, expected);
    }
    publish(&hub, &["t", "--confirm"], "1\n\"two\"\n").succeeds();
    assert_eq!(reader.hear().await, r#"["t", 1]"#);
    assert_eq!(reader.hear().await, r#"["t", "two"]"#);
}

#[tokio::test]
async fn a_payload_may_be_a_text_or_a_whole_file() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", "{}").await;
    publish(&hub, &["t", "say \"hi\"", "--text"], "").succeeds();
    publish(&hub, &["t", "--text"], "on\n21.5\n").succeeds();
    publish(&hub, &["t", "--file", "-"], "{\n  \"a\": 1\n}\n").succeeds();
    let file = hub.dir().join("note.txt");
    std::fs::write(&file, "two\nlines\n").unwrap();
    let file = file.to_str().unwrap();
    publish(&hub, &["t", "--text", "--file", file], "").succeeds();
    for expected in [
        r#"["t", "say \"hi\""]"#,
        r#"["t", "on"]"#,
        r#"["t", "21.5"]"#,
        r#"["t", {   "a": 1 }]"#,
        r#"["t", "two\nlines\n"]"#,
    ] {
        assert_eq!(reader.hear().await, expected);
    }
    let refused = publish(&hub, &["t", "--file", file], "");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("note.txt: is not JSON"), "{}", refused.stderr);
    assert!(publish(&hub, &["t", "--file", "/there/is/none"], "").stderr.contains("No such file"));
}

#[tokio::test]
async fn who_types_the_flags_of_mosquitto_is_understood() {
    let users = [user("j@na", &["#"], &["#"], true)];
    let hub = Hub::with_users(&users, &[]);
    let mut reader = Client::open_as(&hub, "j@na", "/talk", "{}").await;
    let (host, port) = (hub.address.ip().to_string(), hub.address.port().to_string());
    let to_hub = ["-h", &host, "-p", &port, "-u", "j@na", "-P", PASSWORD];
    let mosquitto = |command: &str, flags: &[&str], input: &str| {
        run(&[&[command], &to_hub[..], flags].concat(), input).succeeds()
    };
    mosquitto("pub", &["-t", "lamp/set", "-m", "on", "-q", "1", "-i", "me"], "");
    mosquitto("pub", &["-t", "lamp", "-m", "{\"power\": 3}", "-r"], "");
    mosquitto("pub", &["-t", "lines", "-l"], "one\n2\n");
    for expected in
        [r#"["lamp/set", "on"]"#, r#"["lamp", {"power": 3}]"#, r#"["lines", "one"]"#, r#"["lines", 2]"#]
    {
        assert_eq!(reader.hear().await, expected);
    }
    assert_eq!(mosquitto("sub", &["-t", "lamp", "-C", "1", "-v"], ""), "lamp {\"power\": 3}\n");
    mosquitto("pub", &["-t", "lamp", "-n", "-r"], "");
    assert_eq!(mosquitto("sub", &["-t", "lamp", "-W", "1"], ""), "");
}

#[tokio::test]
async fn retain_and_node_leave_last_values() {
    let hub = Hub::demo();
    publish(&hub, &["kept", "1", "--retain"], "").succeeds();
    let base = format!("{}/home/attic", url(&hub));
    run(&["pub", "thermometer/0", "2", "--node", "--url", &base], "").succeeds();
    publish(&hub, &["passing/by", "3"], "").succeeds();
    let kept = run(&["sub", "--retained", "only", "--url", &url(&hub)], "").succeeds();
    let mut kept: Vec<_> = kept.lines().filter(|line| !line.contains("presence")).collect();
    kept.sort_unstable();
    assert_eq!(kept, ["home/attic/thermometer/0 2", "kept 1"]);
}

#[tokio::test]
async fn a_hundred_thousand_lines_arrive_although_the_hub_takes_twenty_thousand_a_second() {
    let hub = Hub::with(&["retained.topics=200000"]);
    let lines =
        (0..100_000).map(|number| format!("[\"t/{number}\", {number}]\n")).collect::<Vec<_>>().concat();
    publish(&hub, &["--retain"], &lines).succeeds();
    let kept =
        run(&["sub", "t/#", "--retained", "only", "--format", "json", "--url", &url(&hub)], "").succeeds();
    let mut expected: Vec<_> = lines.lines().collect();
    let mut kept: Vec<_> = kept.lines().collect();
    expected.sort_unstable();
    kept.sort_unstable();
    assert!(kept == expected, "{} of 100000", kept.len());
}

#[tokio::test]
async fn a_slow_limit_is_waited_for_and_every_message_confirmed() {
    let hub = Hub::with(&["limits.messages_per_second=50"]);
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["t"]}"#).await;
    let lines = (0..150).map(|number| format!("{number}\n")).collect::<Vec<_>>().concat();
    publish(&hub, &["t", "--confirm"], &lines).succeeds();
    for number in 0..150 {
        assert_eq!(reader.hear().await, format!("[\"t\", {number}]"));
    }
    assert!(!hub.log().contains("messages a second"));
}

#[tokio::test]
async fn what_the_hub_refuses_is_told_with_topic_and_reason() {
    let hub =
        Hub::with_users(&[user("anna", &[], &["home/#"], false), user("emil", &["#"], &[], false)], &[]);
    let mut reader = Client::open_as(&hub, "emil", "/talk", "{}").await;
    let url = format!("ws://anna:{}@{}", PASSWORD.replace(' ', "%20"), hub.address);
    let refused = run(&["pub", "--url", &url], "[\"home/a\", 1]\n[\"cellar/a\", 2]\n[\"home/b\", 3]\n");
    assert_eq!(refused.code, Some(3));
    assert_snapshot!(refused.stderr, @r"
    clown-hub: cellar/a: forbidden: this takes the right publish
    clown-hub: no filter in `publish` of this account names the topic; `clown-hub access explain USER publish TOPIC` says what it may
    clown-hub: 1 of 3 messages were refused
    ");
    assert_eq!(reader.hear().await, r#"["home/a", 1]"#);
    assert_eq!(reader.hear().await, r#"["home/b", 3]"#);
}

#[tokio::test]
async fn lines_that_are_no_messages_are_told_and_harm_no_other() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", "{}").await;
    let ran = publish(&hub, &[], "[\"a\", 1]\nhello\n[\"a/+\", 1]\n[\"clown.talk/-/x\", 1]\n[\"b\", 1]\n");
    assert_eq!(ran.code, Some(2));
    assert_snapshot!(ran.stderr, @r#"
    clown-hub: line 2: a frame is a JSON array: ["topic", payload] (at byte 0); a line is a frame, as ["lamp/set", {"on": true}]
    clown-hub: line 3: topic "a/+": wildcard at byte 2: a topic names one thing, '+' and '#' are for filters
    clown-hub: line 4: topic "clown.talk/-/x": what begins with clown.talk/ is between this program and the hub
    clown-hub: 3 lines were not valid messages and were left out; the other 2 were published
    "#);
    assert_eq!(reader.hear().await, r#"["a", 1]"#);
    assert_eq!(reader.hear().await, r#"["b", 1]"#);
}

#[tokio::test]
async fn a_last_line_that_is_too_long_is_told_also_without_its_end() {
    let hub = Hub::demo();
    for length in [1 << 21, 3 << 20] {
        let ran = publish(&hub, &["a"], &format!("\"{}\"", "x".repeat(length)));
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("line 1: is longer than"), "{}", ran.stderr);
    }
}

#[test]
fn a_payload_that_is_no_json_is_told_how_to_be() {
    let ran = run(&["pub", "lamp", "it's on"], "");
    assert_eq!(ran.code, Some(2));
    assert_snapshot!(ran.stderr, @r#"clown-hub: the payload is JSON: a text has double quotes, and the shell needs single quotes around them; type: clown-hub pub lamp '"it'\''s on"'"#);
}

#[tokio::test]
async fn a_hub_that_does_not_let_us_in_is_told_with_what_to_do_and_no_password() {
    let hub = Hub::demo();
    let ran = |url: &str| {
        let ran = run(&["pub", "a", "1", "--url", url], "");
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
        (ran.code.unwrap(), ran.stderr.replace(&hub.address.to_string(), "HUB"))
    };
    let (code, text) = ran(&format!("ws://{}", hub.address));
    assert_eq!(code, 3);
    assert_snapshot!(text, @"clown-hub: ws://HUB/talk: the hub answered 401: it needs a user and a password: give --url or CLOWN_HUB_URL as ws://USER:PASSWORD@HOST:PORT (the demo's is ws://clown:bigclown@127.0.0.1:8080)");
    let (code, text) = ran(&format!("ws://clown:s3cret@{}", hub.address));
    assert_eq!(code, 3);
    assert_snapshot!(text, @"clown-hub: ws://HUB/talk: the hub answered 401: check the user and the password; the demo user clown exists only while a hub has no accounts, so take an account of this hub (`clown-hub user list` shows them where it runs)");
    let (code, text) = ran(&format!("ws://clown:bigclown@{}/a//b", hub.address));
    assert_eq!(code, 3);
    assert_snapshot!(text, @"clown-hub: ws://HUB/talk/a//b: the hub answered 404: check the base, which is the path of the URL");
    let (code, text) = ran("ws://clown:s3cret@127.0.0.1:1");
    assert_eq!(code, 1);
    assert_snapshot!(text, @"clown-hub: ws://127.0.0.1:1/talk: nobody listens there; is the hub running, and is that its port?");
    let (code, text) = ran("http://clown:s3cret@hub");
    assert_eq!(code, 2);
    assert_snapshot!(text, @"clown-hub: --url or CLOWN_HUB_URL: the URL of a hub begins with ws://, or with wss:// for TLS; write ws://USER:PASSWORD@HOST:PORT/BASE");
}
