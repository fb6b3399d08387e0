//! The log: whatever others do, it stays small; and nobody waits for whoever does not read it.

use std::io::Write;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, Hub, Line, PASSWORD, Raw, basic, in_time, user};

/// As docs/configuration.md has them: lines of one kind at once and in a minute, and the longest line.
const BURST: usize = 100;
const A_MINUTE: usize = 60;
const LONGEST_LINE: usize = 16 * 1024;

/// How often a hostile client does each thing that fits into a stream, and each that takes a connection.
const TIMES: usize = 20_000;
const CONNECTIONS: usize = 500;

/// Sends the same request so often, many on each connection.
async fn requests(hub: &Hub, request: impl Fn(usize) -> String) {
    const AT_ONCE: usize = 500;
    for part in 0..TIMES / AT_ONCE {
        on_one_connection(hub, (0..AT_ONCE).map(|n| request(part * AT_ONCE + n)).collect()).await;
    }
}

/// Sends these requests, and reads what is answered.
async fn on_one_connection(hub: &Hub, all: String) {
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let (mut read, mut write) = stream.split();
    let ((), answers) = tokio::join!(
        async {
            let _ = write.write_all(all.as_bytes()).await;
            let _ = write.shutdown().await;
        },
        async {
            let mut answers = Vec::new();
            let _ = in_time("the answers", read.read_to_end(&mut answers)).await;
            answers
        }
    );
    assert!(answers.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answers));
}

/// Sends so many frames on one connection, and takes whatever is answered.
async fn frames(client: &mut Client, frame: impl Fn(usize) -> String) {
    const AT_ONCE: usize = 200;
    for part in 0..TIMES / AT_ONCE {
        let all: Vec<_> = (0..AT_ONCE).map(|n| frame(part * AT_ONCE + n)).collect();
        client.say(&all.join("\n")).await;
        takes_what_comes(client).await;
    }
}

async fn takes_what_comes(client: &mut Client) {
    client.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
    while !client.hear().await.starts_with(r#"["clown.talk/-/subscription/ok""#) {}
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    RefusedOrigins,
    RefusedBases,
    FailedLogins,
    FailedLines,
    Reconnects,
    TurnedAway,
    RefusedFilters,
    RefusedMessages,
    Renames,
    LeftOut,
    NotKept,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::RefusedOrigins,
        Self::RefusedBases,
        Self::FailedLogins,
        Self::FailedLines,
        Self::Reconnects,
        Self::TurnedAway,
        Self::RefusedFilters,
        Self::RefusedMessages,
        Self::Renames,
        Self::LeftOut,
        Self::NotKept,
    ];

    /// What makes it easy for the hostile client.
    fn settings(self) -> Vec<&'static str> {
        let all = ["server.line_listen=127.0.0.1:0", "limits.messages_per_second=0"];
        let more: &[_] = match self {
            Self::TurnedAway => &["limits.handshakes=8"],
            Self::LeftOut => &["outbox.messages=10", "outbox.hard_messages=100"],
            Self::NotKept => &["retained.topics=100"],
            Self::RefusedOrigins
            | Self::RefusedBases
            | Self::FailedLogins
            | Self::FailedLines
            | Self::Reconnects
            | Self::RefusedFilters
            | Self::RefusedMessages
            | Self::Renames => &[],
        };
        all.iter().chain(more).copied().collect()
    }

    /// The hostile client.
    async fn floods(self, hub: &Hub) {
        let mallory = basic("mallory", PASSWORD);
        let get = |path: &str, more: String| {
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{more}\r\n\r\n", hub.address)
        };
        match self {
            Self::RefusedOrigins => {
                requests(hub, |n| get("/talk", format!("Origin: http://evil-{n}.example"))).await;
            }
            Self::RefusedBases => {
                requests(hub, |n| get(&format!("/talk/b{n}"), format!("Authorization: {mallory}"))).await;
            }
            Self::FailedLogins => {
                // Each is answered after a second, so there are many connections.
                let request =
                    |n| get("/talk", format!("Authorization: {}", basic(&format!("name-{n}"), "x")));
                let connection =
                    |part| on_one_connection(hub, (0..5).map(|n| request(part * 5 + n)).collect());
                futures_util::future::join_all((0..TIMES / 20).map(connection)).await;
            }
            Self::FailedLines => {
                let connection = async |n| {
                    let mut line = Line::connect(hub).await;
                    line.say(&format!(
                        r#"["clown.talk/-/config/set", {{"user": "u", "password": "x", "base": "b{n}"}}]"#
                    ))
                    .await;
                    while line.hear().await.is_some() {}
                };
                futures_util::future::join_all((0..CONNECTIONS).map(connection)).await;
            }
            Self::Reconnects => {
                for _ in 0..CONNECTIONS {
                    drop(Client::open_as(hub, "mallory", "/talk", "{}").await);
                }
            }
            Self::TurnedAway => {
                let held: Vec<_> =
                    futures_util::future::join_all((0..8).map(|_| TcpStream::connect(hub.address))).await;
                for _ in 0..CONNECTIONS {
                    let mut stream = TcpStream::connect(hub.address).await.unwrap();
                    let mut end = Vec::new();
                    let _ = in_time("the refusal", stream.read_to_end(&mut end)).await;
                }
                drop(held);
            }
            Self::RefusedFilters => {
                let many: Vec<_> = (0..50).map(|n| format!("secret/{n}/{}", "x".repeat(200))).collect();
                let mut client = Client::open_as(hub, "mallory", "/talk", "{}").await;
                frames(&mut client, |n| match n % 200 {
                    0 => format!(r#"["clown.talk/-/subscription/add", {{"filters": {many:?}}}]"#),
                    _ => format!(r#"["clown.talk/-/subscription/add", {{"filters": ["secret/{n}"]}}]"#),
                })
                .await;
            }
            Self::RefusedMessages => {
                let mut client = Client::open_as(hub, "mallory", "/talk", "{}").await;
                frames(&mut client, |n| format!(r#"["secret/{n}/{}", 1]"#, "x".repeat(500))).await;
            }
            Self::Renames => {
                let mut client = Client::open_as(hub, "mallory", "/talk", "{}").await;
                frames(&mut client, |n| format!(r#"["clown.talk/-/config/set", {{"name": "n{n}"}}]"#)).await;
            }
            Self::LeftOut => {
                // Readers who let readings give way, and who then leave what waits for them.
                for _ in 0..50 {
                    let mut reader = Raw::connect_as(hub, "mallory", "/talk").await;
                    reader.text(r#"["clown.talk/-/config/set", {"filters": ["x/#"]}]"#).await;
                    let mut writer =
                        Client::open_as(hub, "mallory", "/talk?side=node", r#"{"filters": []}"#).await;
                    let frames: Vec<_> = (0..400).map(|n| format!(r#"["x/a/{}/{n}", 1]"#, n % 7)).collect();
                    writer.say(&frames.join("\n")).await;
                    takes_what_comes(&mut writer).await;
                }
            }
            Self::NotKept => {
                let mut client =
                    Client::open_as(hub, "mallory", "/talk?side=node", r#"{"filters": []}"#).await;
                frames(&mut client, |n| format!(r#"["x/kept/{n}", 1]"#)).await;
            }
        }
    }
}

#[tokio::test]
async fn whatever_a_hostile_client_does_the_log_stays_small() {
    let mut offences = Vec::new();
    for kind in Kind::ALL {
        let hub = Hub::with_users(&[user("mallory", &["x/#"], &["x/#", "presence"], true)], &kind.settings());
        let begun = Instant::now();
        kind.floods(&hub).await;
        // Whatever was logged before this line has come when this has come.
        hub.signal("TERM");
        hub.logs("draining").await;
        let log = hub.log();
        let minutes = usize::try_from(begun.elapsed().as_secs() / 60).unwrap() + 1;
        // What is flooded, and that clients came, left and were turned away meanwhile.
        let most = 3 * (BURST + A_MINUTE * minutes);
        let (lines, longest) = (log.lines().count(), log.lines().map(str::len).max().unwrap_or(0));
        println!("{kind:?}: {lines} lines, {} bytes", log.len());
        if lines > most || longest > LONGEST_LINE || log.len() > most * 1024 {
            offences.push(format!("{kind:?}: {lines} lines, {} bytes, the longest {longest}", log.len()));
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[tokio::test]
async fn a_log_that_nobody_reads_does_not_stop_the_hub() {
    let mut hub = Hub::with_unread_log(&["log.filter=trace"]);
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["a/#"]}"#).await;
    let mut writer = Client::open(&hub, "/talk", "{}").await;
    // The pipe is full, the hub's own room for lines is full, and lines are lost.
    let _late = Client::open(&hub, "/talk", r#"{"filters": ["late/#"], "batch": 20}"#).await;
    in_time("lines that are lost", async {
        // Each of these is a line, at this level: it has expired before its batch is due.
        while hub.figure("log_lost").await == 0 {
            for n in 0..500 {
                writer.feed(&format!("[\"late/{n}/{}\", 1, {{\"expires\": 0.001}}]", "x".repeat(200))).await;
            }
            writer.publish("b", "1").await;
        }
    })
    .await;
    writer.publish("a/b", "1").await;
    assert_eq!(reader.hear().await, r#"["a/b", 1]"#);
    hub.signal("TERM");
    assert_eq!(reader.closed().await.0, 1012);
    assert_eq!(hub.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_output_that_nobody_reads_does_not_stop_the_hub() {
    const ROOM: usize = 64 * 1024;
    let (_unread, mut output) = std::io::pipe().unwrap();
    output.write_all(&vec![b'\n'; ROOM]).unwrap();
    let mut hub = Hub::with_output(output).await;
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["a/#"]}"#).await;
    let mut writer = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    writer.publish("a/b", "1").await;
    assert_eq!(reader.hear().await, r#"["a/b", 1]"#);
    hub.signal("TERM");
    assert_eq!(reader.closed().await.0, 1012);
    assert_eq!(hub.ended().await.code(), Some(0));
}
