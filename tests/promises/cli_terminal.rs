//! What others said never reaches a terminal raw: every byte that a command prints is looked at.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::support::{Client, Hub, Ran, run};

/// Commands to a terminal, a forged line, letters in another order, and tags that nobody sees.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\nclown-hub: forged\r\u{7f}\u{9b}31m\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{2029}\u{feff}\u{ad}\u{e0041}\u{200b}\t";

fn is_obeyed(character: char) -> bool {
    let code = u32::from(character);
    character.is_control()
        || [0xad, 0x61c, 0xfeff].contains(&code)
        || (0x200b..=0x200f).contains(&code)
        || (0x2028..=0x202e).contains(&code)
        || (0x2060..=0x206f).contains(&code)
        || (0xe0000..=0xe0fff).contains(&code)
}

/// What was printed, all of which a terminal may show. There are as many lines as were meant.
fn safe(what: &str, ran: &Ran) -> String {
    for text in [&ran.stdout, &ran.stderr] {
        let found = text.chars().find(|&c| is_obeyed(c) && c != '\n');
        assert_eq!(found, None, "{what}: {text:?}");
        let forged = text.lines().find(|line| line.starts_with("clown-hub: forged"));
        assert_eq!(forged, None, "{what}: {text:?}");
    }
    ran.stdout.clone()
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// The same text with only that escaped in JSON which has to be.
fn barely_escaped(text: &str) -> String {
    json(text).replace(r"\u001b", "\u{1b}").replace('\u{1b}', r"\u001B")
}

#[tokio::test]
async fn topics_and_payloads_of_others_are_shown_and_not_obeyed() {
    let hub = Hub::demo();
    let base = percent_encoding::utf8_percent_encode(HOSTILE, percent_encoding::NON_ALPHANUMERIC);
    let mut node = Client::open(&hub, &format!("/talk/talk/{base}?side=node"), "{}").await;
    node.say(&format!(
        "[{}, {{{}: {}}}]",
        json(&format!("x/{HOSTILE}")),
        json(HOSTILE),
        barely_escaped(HOSTILE)
    ))
    .await;
    node.say(&format!("[\"x/lamp\", \n [1,\r\n\t {}]]", barely_escaped(HOSTILE))).await;
    node.say(r#"["ordinary/celsius", {"t": [20.10, "\u2103"]}]"#).await;
    node.asks(r#"["clown.talk/-/subscription/get", null]"#, "subscription/ok").await;
    let url = format!("ws://clown:bigclown@{}", hub.address);
    for format in ["plain", "json", "pretty", "csv"] {
        let ran = run(&["sub", "--retained", "only", "--timestamps", "--format", format, "--url", &url], "");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        let text = safe(format, &ran);
        let is_for_people = matches!(format, "plain" | "pretty");
        assert_eq!(text.contains(r"\u2103"), !is_for_people, "{text}");
        assert_eq!(text.contains("℃"), is_for_people, "{text}");
        let lines = match format {
            "pretty" => continue,
            "csv" => 5,
            _ => 4,
        };
        assert_eq!(text.lines().count(), lines, "{format}: {text}");
    }
    // As JSON nothing is lost.
    let text = run(&["sub", "--retained", "only", "--format", "json", "--url", &url], "").succeeds();
    let values: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let topic = format!("talk/{HOSTILE}/x/{HOSTILE}");
    let found = values.iter().find(|frame| frame[0] == topic.as_str()).unwrap();
    assert_eq!(found[1], serde_json::json!({ HOSTILE: HOSTILE }));
    // In a pipe it can be had as it came.
    let raw = run(&["sub", "--retained", "only", "--raw", "--url", &url], "").succeeds();
    assert!(raw.contains(&topic));

    for format in ["table", "json"] {
        let ran = run(&["nodes", "--format", format, "--url", &url], "");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        let text = safe(format, &ran);
        assert_eq!(text.lines().count(), if format == "table" { 2 } else { 1 }, "{text}");
    }
}

#[tokio::test]
async fn presences_that_others_forge_are_shown_and_not_obeyed() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk", "{}").await;
    let presence = format!("{{\"state\": {0}, \"since\": {0}}}", json(HOSTILE));
    node.say(&format!("[\"house/presence\", {presence}, {{\"retain\": true}}]")).await;
    node.say(&format!("[\"house/a\", {}, {{\"retain\": true}}]", json(HOSTILE))).await;
    node.asks(r#"["clown.talk/-/subscription/get", null]"#, "subscription/ok").await;
    let url = format!("ws://clown:bigclown@{}", hub.address);
    let ran = run(&["nodes", "--url", &url], "");
    let table = safe("table", &ran);
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains(r"house  \u001b]0;owned"), "{table}");
}

#[tokio::test]
async fn an_answer_is_shown_and_not_obeyed() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/house?side=node", r#"{"filters": ["lamp/set"]}"#).await;
    let url = format!("ws://clown:bigclown@{}/house", hub.address);
    let asking = tokio::task::spawn_blocking(move || run(&["req", "lamp/set", "--url", &url], ""));
    node.hear().await;
    node.say(&format!("[\"lamp/error\", {}]", json(HOSTILE))).await;
    let ran = asking.await.unwrap();
    assert_eq!(ran.code, Some(3));
    assert!(safe("req", &ran).starts_with(r#"lamp/error "\u001b]0;owned"#), "{}", ran.stdout);
}

/// A server that lets everybody in and answers what it hears with one of `answers` after the other; then it closes with a
/// reason, where it has one.
async fn false_hub(answers: Vec<String>, reason: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let answers = answers.clone();
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(socket).await.unwrap();
                for answer in answers {
                    let _ = socket.next().await;
                    let _ = socket.send(Message::text(answer)).await;
                }
                if let Some(reason) = reason {
                    let close = CloseFrame { code: 1008.into(), reason: Utf8Bytes::from_static(reason) };
                    let _ = socket.send(Message::Close(Some(close))).await;
                }
                while let Some(Ok(_)) = socket.next().await {}
            });
        }
    });
    url
}

const CLIENTS: [&[&str]; 5] = [
    &["sub"],
    &["pub", "a", "1"],
    &["pub", "a", "1", "--retain"],
    &["req", "a/set", "--timeout", "1s"],
    &["nodes"],
];

/// Runs every client against this server beside it.
async fn every_client(url: &str, told: &str) {
    for client in CLIENTS {
        let args: Vec<_> =
            client.iter().chain(&["--url"]).map(ToString::to_string).chain([url.to_owned()]).collect();
        let ran = tokio::task::spawn_blocking(move || {
            run(&args.iter().map(String::as_str).collect::<Vec<_>>(), "")
        });
        let ran = ran.await.unwrap();
        safe(client[0], &ran);
        assert_ne!(ran.code, Some(0), "{client:?}");
        assert!(ran.stderr.contains(told), "{client:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn reasons_of_a_false_hub_are_shown_and_not_obeyed() {
    let refusal =
        format!("[\"clown.talk/-/config/error\", {{\"reason\": {0}, \"filters\": [{0}]}}]", json(HOSTILE));
    every_client(&false_hub(vec![refusal], None).await, r"\u001b]0;owned\u0007").await;
    let open = r#"["clown.talk/-/config/ok", {}]"#.to_owned();
    every_client(
        &false_hub(vec![open.clone()], Some("\u{1b}]0;owned\u{7}\n\u{202e}clown-hub: forged")).await,
        r"\u001b]0;owned\u0007\u000a\u202eclown-hub: forged",
    )
    .await;
    let forbidden = format!(
        "[\"clown.talk/-/publish/error\", {{\"reason\": {0}, \"topic\": {0}, \"id\": 0}}]",
        json(HOSTILE)
    );
    for client in [&["pub", "a", "1"][..], &["req", "a/set"]] {
        let url = false_hub(vec![open.clone(), forbidden.clone()], Some("enough")).await;
        let args: Vec<_> = client.iter().map(ToString::to_string).chain(["--url".to_owned(), url]).collect();
        let ran = tokio::task::spawn_blocking(move || {
            run(&args.iter().map(String::as_str).collect::<Vec<_>>(), "")
        });
        let ran = ran.await.unwrap();
        safe(client[0], &ran);
        assert!(ran.stderr.contains(r"\u001b]0;owned\u0007"), "{client:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_hub_that_names_the_right_retain_is_understood() {
    let answers = [
        "[\"clown.talk/-/config/ok\", {}]",
        "[\"clown.talk/-/publish/error\", {\"topic\": \"a\", \"reason\": \"forbidden: this takes the right retain\"}]",
        "[\"clown.talk/-/subscription/ok\", {}]",
    ];
    let url = false_hub(answers.map(str::to_owned).to_vec(), None).await;
    let ran = tokio::task::spawn_blocking(move || run(&["pub", "a", "1", "--retain", "--url", &url], ""));
    let ran = ran.await.unwrap();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(
        ran.stderr,
        "clown-hub: a: forbidden: this takes the right retain\n\
         clown-hub: the right `retain` is missing: set retain = true for this account in users.toml and start the hub \
         again, or leave --retain out\n\
         clown-hub: 1 of 1 messages were refused\n"
    );
}

#[test]
fn what_was_typed_is_told_back_and_not_obeyed() {
    for args in [
        vec!["pub", HOSTILE, HOSTILE],
        vec!["pub", "a", HOSTILE],
        vec!["req", HOSTILE],
        vec!["sub", "--format", HOSTILE],
        vec![HOSTILE],
        vec!["--set", HOSTILE],
        vec!["--listen", HOSTILE],
        vec!["sub", "--url", HOSTILE],
        vec!["access", "explain", HOSTILE, "publish", HOSTILE],
        vec!["user", "add", HOSTILE, "--publish", "a"],
        vec!["bridge", "check", HOSTILE],
        vec!["pub", "-t", "a", "-F", HOSTILE],
        vec!["sub", "-t", HOSTILE, "--format", HOSTILE],
    ] {
        let ran = run(&args, "correct horse battery\n");
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        safe(args[0], &ran);
    }
}

#[test]
fn raw_is_for_pipes_alone() {
    let args = ["-qec", &format!("{} sub --raw", env!("CARGO_BIN_EXE_clown-hub")), "/dev/null"];
    let Ok(ran) = std::process::Command::new("script").args(args).output() else {
        println!("script is not installed, so no terminal was tried");
        return;
    };
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.code() == Some(2) && said.contains("--raw is for pipes and files"), "{ran:?}");
}
