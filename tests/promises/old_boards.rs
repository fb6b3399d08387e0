//! Boards that speak WebSocket as in 2010, by a client that is written by hand.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Bystander, Client, Hub, basic, in_time};

/// The example of draft 76: both keys, the bytes behind the header, and the answer.
const KEYS: [&str; 2] = ["4 @1  46546xW%0l 1 5", "12998 5 Y3 1  .P00"];
const BODY: &[u8] = b"^n:ds[4U";
const PROOF: &[u8] = b"8jKS'y:G*Co,Wxa-";

fn hub() -> Hub {
    Hub::with(&["legacy.hixie=true"])
}

/// A board: what it has read and not looked at yet.
struct Board {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// The header of a handshake, with these lines more.
fn handshake(hub: &Hub, path: &str, lines: &[String]) -> String {
    let mut text = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nAuthorization: {}\r\n",
        hub.address,
        basic("clown", "bigclown")
    );
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text + "\r\n"
}

fn keys(first: &str, second: &str) -> [String; 2] {
    [format!("Sec-WebSocket-Key1: {first}"), format!("Sec-WebSocket-Key2: {second}")]
}

impl Board {
    async fn connect(hub: &Hub) -> Self {
        let stream = TcpStream::connect(hub.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// As one of draft 76, with the keys of its example.
    async fn of_76(hub: &Hub, path: &str) -> Self {
        let mut board = Self::connect(hub).await;
        board.write(handshake(hub, path, &keys(KEYS[0], KEYS[1])).as_bytes()).await;
        board.write(BODY).await;
        let head = board.head().await;
        assert!(head.starts_with("HTTP/1.1 101 WebSocket Protocol Handshake\r\n"), "{head}");
        assert_eq!(board.take(16).await, PROOF);
        board
    }

    async fn of_75(hub: &Hub, path: &str) -> Self {
        let mut board = Self::connect(hub).await;
        board.write(handshake(hub, path, &[]).as_bytes()).await;
        let head = board.head().await;
        let expected =
            "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n";
        assert!(head.starts_with(expected), "{head}");
        assert!(head.contains(&format!("\r\nWebSocket-Location: ws://{}{path}\r\n", hub.address)), "{head}");
        board
    }

    async fn write(&mut self, bytes: &[u8]) {
        in_time("room to write", self.stream.write_all(bytes)).await.unwrap();
    }

    async fn says(&mut self, text: &str) {
        self.write(&[&[0][..], text.as_bytes(), &[0xff]].concat()).await;
    }

    /// So many bytes.
    async fn take(&mut self, bytes: usize) -> Vec<u8> {
        while self.unread.len() < bytes {
            assert!(self.read().await, "the hub ended the connection: {:?}", self.unread);
        }
        self.unread.drain(..bytes).collect()
    }

    async fn read(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let read = in_time("bytes of the hub", self.stream.read(&mut chunk)).await.unwrap_or(0);
        self.unread.extend_from_slice(&chunk[..read]);
        read > 0
    }

    /// Everything up to the empty line.
    async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.unread.windows(4).position(|end| end == b"\r\n\r\n") {
                return String::from_utf8(self.unread.drain(..at + 4).collect()).unwrap();
            }
            assert!(self.read().await, "no answer: {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    /// The next frame, which is a text.
    async fn hears(&mut self) -> String {
        assert_eq!(self.take(1).await, [0]);
        let mut text = Vec::new();
        loop {
            match self.take(1).await[0] {
                0xff => return String::from_utf8(text).unwrap(),
                byte => text.push(byte),
            }
        }
    }

    /// The status of an answer that is no handshake, with what it says.
    async fn refused(&mut self) -> String {
        let head = self.head().await;
        while self.read().await {}
        let body = String::from_utf8_lossy(&self.unread).into_owned();
        format!("{} {body}", &head[9..12])
    }
}

#[tokio::test]
async fn a_board_of_2010_talks_with_everybody_else() {
    let hub = hub();
    let mut page = Client::open(&hub, "/talk/nodes/bridge/0", r#"{"filters": ["+/+", "+/+/set"]}"#).await;
    let mut board = Board::of_76(&hub, "/auth/clown-talk-client_nodes_bridge_0").await;
    board.says(r#"["clown.talk/-/config/set", {}]"#).await;
    assert!(board.hears().await.starts_with(r#"["clown.talk/-/config/ok", "#));
    board.says("[\"thermometer/i2c0-48\", {\"temperature\": [20.01, \"℃\"]}]").await;
    assert_eq!(page.hear().await, "[\"thermometer/i2c0-48\", {\"temperature\": [20.01, \"℃\"]}]");
    page.say(r#"["relay/i2c0-3b/set", {"state": true}]"#).await;
    assert_eq!(board.hears().await, r#"["relay/i2c0-3b/set", {"state": true}]"#);
    // In pieces, as small boards write.
    for byte in [&[0][..], b"[\"relay/i2c0-3b\", {\"state\": true}]", &[0xff]].concat() {
        board.write(&[byte]).await;
    }
    assert_eq!(page.hear().await, r#"["relay/i2c0-3b", {"state": true}]"#);
    // Its good-bye is answered.
    board.write(&[0xff, 0x00]).await;
    assert_eq!(board.take(2).await, [0xff, 0x00]);
    assert!(!board.read().await);
}

#[tokio::test]
async fn one_of_draft_75_does_so_without_keys() {
    let hub = hub();
    let mut page = Client::open(&hub, "/talk", r#"{"filters": ["a/b"]}"#).await;
    let mut board = Board::of_75(&hub, "/talk/a?side=node").await;
    board.says("[\"b\", 1]").await;
    assert_eq!(page.hear().await, "[\"a/b\", 1]");
}

#[tokio::test]
async fn the_bytes_behind_the_header_may_come_with_it_or_late_and_with_the_first_message() {
    let hub = hub();
    let mut page = Client::open(&hub, "/talk", r#"{"filters": ["a/+"]}"#).await;
    let header = handshake(&hub, "/talk/a", &keys(KEYS[0], KEYS[1]));
    let message = |n: u8| [&[0][..], format!("[\"b\", {n}]").as_bytes(), &[0xff]].concat();
    let mut together = Board::connect(&hub).await;
    together.write(&[header.as_bytes(), BODY, &message(1)].concat()).await;
    together.head().await;
    assert_eq!(together.take(16).await, PROOF);
    assert_eq!(page.hear().await, "[\"a/b\", 1]");
    let mut late = Board::connect(&hub).await;
    late.write(header.as_bytes()).await;
    for byte in BODY {
        late.write(&[*byte]).await;
    }
    late.head().await;
    assert_eq!(late.take(16).await, PROOF);
    late.write(&message(2)).await;
    assert_eq!(page.hear().await, "[\"a/b\", 2]");
}

#[tokio::test]
async fn the_diagnostic_endpoints_speak_with_old_boards_too() {
    let hub = hub();
    for mut board in [Board::of_76(&hub, "/echo").await, Board::of_75(&hub, "/echo").await] {
        board.says("hello ℃").await;
        assert_eq!(board.hears().await, "hello ℃");
        let long = "x".repeat(70_000);
        board.says(&long).await;
        assert_eq!(board.hears().await, long);
        // A frame with a length means nothing in these drafts, and is passed over.
        board.write(&[0x80, 0x81, 0x00]).await;
        board.write(&[b'y'; 128]).await;
        board.says("").await;
        assert_eq!(board.hears().await, "");
    }
}

#[tokio::test]
async fn a_handshake_that_is_not_in_order_is_refused_with_its_reason() {
    let hub = hub();
    for (first, second, why) in [
        ("4@146546xW%0l15", KEYS[1], "Sec-WebSocket-Key1 has no space in it"),
        (KEYS[0], "1 2 3", "Sec-WebSocket-Key2 has a number that its spaces do not divide"),
        ("a b c", KEYS[1], "Sec-WebSocket-Key1 has no number in it"),
        ("99999999999 9", KEYS[1], "Sec-WebSocket-Key1 has a number that is too large"),
    ] {
        let mut board = Board::connect(&hub).await;
        let mut lines = keys(first, second).to_vec();
        lines.push("Connection: close".to_owned());
        board.write(handshake(&hub, "/talk", &lines).as_bytes()).await;
        let refused = board.refused().await;
        assert!(refused.starts_with("400") && refused.contains(why), "{refused}");
    }
    let mut board = Board::connect(&hub).await;
    let lines = [keys(KEYS[0], "")[0].clone(), "Connection: close".to_owned()];
    board.write(handshake(&hub, "/talk", &lines).as_bytes()).await;
    let refused = board.refused().await;
    assert!(refused.contains("one of Sec-WebSocket-Key1 and Sec-WebSocket-Key2 is missing"), "{refused}");
}

#[tokio::test]
async fn old_boards_stand_under_the_same_rules_as_everybody() {
    let hub = hub();
    let mut bystander = Bystander::at(&hub).await;
    // A wrong password, a page of another site, and the name that boards of that time write for an origin.
    let mut stranger = Board::connect(&hub).await;
    let text = handshake(&hub, "/talk", &["Connection: close".to_owned()])
        .replace(&basic("clown", "bigclown"), &basic("clown", "wrong"));
    stranger.write(text.as_bytes()).await;
    assert!(stranger.refused().await.starts_with("401"));
    let mut page = Board::connect(&hub).await;
    let lines = ["Origin: http://evil.example".to_owned(), "Connection: close".to_owned()];
    page.write(handshake(&hub, "/talk", &lines).as_bytes()).await;
    assert!(page.refused().await.starts_with("403"));
    let mut board = Board::connect(&hub).await;
    board.write(handshake(&hub, "/talk", &["Origin: ArduinoWebSocketClient".to_owned()]).as_bytes()).await;
    let head = board.head().await;
    assert!(head.contains("\r\nWebSocket-Origin: ArduinoWebSocketClient\r\n"), "{head}");
    // What is no text, and what is too long.
    board.write(&[0x00, 0xc3, 0x28, 0xff]).await;
    while board.read().await {}
    let mut long = Board::of_76(&hub, "/talk").await;
    let piece = vec![b'x'; 64 * 1024];
    long.write(&[0]).await;
    for _ in 0..64 {
        if long.stream.write_all(&piece).await.is_err() {
            break;
        }
    }
    while long.read().await {}
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn a_silent_old_board_is_not_taken_for_dead_though_it_knows_no_ping() {
    let hub = Hub::with(&["legacy.hixie=true", "limits.ping_seconds=1", "limits.pong_seconds=1"]);
    let mut board = Board::of_76(&hub, "/talk").await;
    board.says(r#"["clown.talk/-/config/set", {"filters": ["x"]}]"#).await;
    board.hears().await;
    let silent = tokio::time::timeout(std::time::Duration::from_secs(5), board.read()).await;
    assert!(silent.is_err(), "it was not left alone: {:?}", board.unread);
    let mut page = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    page.publish("x", "1").await;
    assert_eq!(board.hears().await, "[\"x\", 1]");
}

#[tokio::test]
async fn without_the_setting_an_old_board_is_told_what_to_do() {
    let hub = Hub::demo();
    let mut board = Board::connect(&hub).await;
    let lines = [&keys(KEYS[0], KEYS[1])[..], &["Connection: close".to_owned()]].concat();
    board.write(handshake(&hub, "/talk", &lines).as_bytes()).await;
    let refused = board.refused().await;
    assert!(refused.starts_with("426") && refused.contains("legacy.hixie = true"), "{refused}");
    assert!(!hub.log().contains("legacy.hixie is on"));
    hub_warns().await;
}

/// The warning that belongs to it.
async fn hub_warns() {
    hub().logs("legacy.hixie is on: handshakes of 2010 are taken").await;
}
