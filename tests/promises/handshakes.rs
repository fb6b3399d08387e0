//! The doors: how many may stand at them, for how long, from which page, and with which key.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{Bystander, Client, Hub, Opcode, PASSWORD, Raw, basic, in_time, until, user};

#[tokio::test]
async fn one_connection_too_many_gets_503_and_those_inside_stay() {
    let hub = Hub::with(&["limits.connections=3"]);
    let mut bystander = Bystander::at(&hub).await;
    let third = Client::connect(&hub, "/talk").await;
    for _ in 0..5 {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        let mut text = String::new();
        in_time("the refusal", stream.read_to_string(&mut text)).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 "), "{text}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text:?}");
    }
    bystander.is_undisturbed().await;
    third.leave().await;
    in_time("a free place", async {
        while hub.knocks("/talk", &[("Authorization", &basic("clown", "bigclown"))]).await.status() != 101 {}
    })
    .await;
}

#[tokio::test]
async fn whoever_stands_at_the_door_takes_a_place_there_and_gives_it_back_when_inside() {
    let hub = Hub::with(&["limits.handshakes=3"]);
    let mut bystander = Bystander::at(&hub).await;
    let waiting =
        [TcpStream::connect(hub.address).await.unwrap(), TcpStream::connect(hub.address).await.unwrap()];
    let _inside = [Client::connect(&hub, "/talk").await, Client::connect(&hub, "/talk").await];
    let _third = TcpStream::connect(hub.address).await.unwrap();
    assert_eq!(hub.request("GET", "/healthz", &[], "").await.status(), 503);
    drop(waiting);
    in_time("a free place", async { while hub.request("GET", "/healthz", &[], "").await.status() != 200 {} })
        .await;
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn who_is_slow_at_the_door_is_sent_away() {
    let hub = Hub::with(&["limits.handshake_seconds=1"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut silent = TcpStream::connect(hub.address).await.unwrap();
    let mut half = TcpStream::connect(hub.address).await.unwrap();
    half.write_all(b"GET /talk HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ").await.unwrap();
    let mut body = TcpStream::connect(hub.address).await.unwrap();
    body.write_all(b"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{")
        .await
        .unwrap();
    let mut dripping = TcpStream::connect(hub.address).await.unwrap();
    for stream in [&mut silent, &mut half, &mut body] {
        let mut rest = Vec::new();
        let _ = in_time("the end", stream.read_to_end(&mut rest)).await;
    }
    // A byte now and then does not help.
    in_time("the end of the one that drips", async {
        loop {
            let byte = dripping.write_all(b"x").await;
            let mut answer = [0; 64];
            let end =
                tokio::time::timeout(std::time::Duration::from_millis(100), dripping.read(&mut answer)).await;
            if byte.is_err() || matches!(end, Ok(Ok(0) | Err(_))) {
                return;
            }
        }
    })
    .await;
    bystander.is_undisturbed().await;
}

/// Asks for the health of the hub again and again on one connection, for as long as it is let.
async fn keeps_asking(hub: &Hub) {
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let mut answer = [0; 4096];
    while stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_ok()
        && stream.read(&mut answer).await.is_ok_and(|n| n > 0)
    {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Asks for a file without end and reads nothing of it, for as long as it is let.
async fn never_reads(hub: &Hub) {
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    while stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_ok() {}
}

#[tokio::test]
async fn a_stranger_cannot_keep_a_place_at_the_door_by_asking_for_more() {
    let hub = Hub::with(&["limits.handshakes=2", "limits.handshake_seconds=1"]);
    in_time("the end of both", async { tokio::join!(keeps_asking(&hub), never_reads(&hub)) }).await;
    Client::connect(&hub, "/talk").await.leave().await;
}

#[tokio::test]
async fn heads_that_are_too_big_or_too_many_are_refused() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let many = "X: y\r\n".repeat(100);
    let big = format!("X: {}\r\n", "y".repeat(100_000));
    for headers in [many, big] {
        let answer = hub.answers(&format!("GET /talk HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")).await;
        assert!(matches!(answer.status(), 431 | 0), "{}", answer.text);
    }
    for nonsense in ["\r\n\r\n\r\n", "GET\r\n\r\n", "\0\0\0\0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let answer = hub.answers(nonsense).await;
        assert!(matches!(answer.status(), 400 | 505 | 0), "{}", answer.text);
    }
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn a_page_of_another_site_gets_403_with_good_credentials_too() {
    let hub = Hub::with(&["server.origins=https://house.example"]);
    let mut bystander = Bystander::at(&hub).await;
    let authorization = basic("clown", "bigclown");
    for (origin, status) in [
        (format!("http://{}", hub.address), 101),
        ("https://house.example".to_owned(), 101),
        ("https://house.example.evil".to_owned(), 403),
        ("http://evil.example".to_owned(), 403),
        ("null".to_owned(), 403),
        (String::new(), 403),
    ] {
        let headers = [("Authorization", authorization.as_str()), ("Origin", &origin)];
        assert_eq!(hub.knocks("/talk", &headers).await.status(), status, "{origin}");
        let session = hub.request("POST", "/api/session", &[("Origin", &origin)], "{}").await.status();
        assert_eq!(session == 403, status == 403, "{origin}: {session}");
    }
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn the_demo_answers_to_names_of_this_machine_alone() {
    let hub = Hub::demo();
    let authorization = basic("clown", "bigclown");
    let port = hub.address.port();
    for (host, status) in [
        (format!("localhost:{port}"), 101),
        (format!("127.0.0.1:{port}"), 101),
        (format!("evil.example:{port}"), 403),
        (format!("127.0.0.1.evil.example:{port}"), 403),
        ("192.168.1.5".to_owned(), 403),
    ] {
        let headers = [("Authorization", authorization.as_str()), ("Host", &host)];
        assert_eq!(hub.knocks("/talk", &headers).await.status(), status, "{host}");
    }
}

#[tokio::test]
async fn the_subprotocol_is_confirmed_where_it_is_offered() {
    let hub = Hub::demo();
    let authorization = basic("clown", "bigclown");
    for (offer, confirmed) in
        [("clown.talk", Some("clown.talk")), ("mqtt, clown.talk", Some("clown.talk")), ("mqtt", None)]
    {
        let headers = [("Authorization", authorization.as_str()), ("Sec-WebSocket-Protocol", offer)];
        let answer = hub.knocks("/talk", &headers).await;
        assert_eq!((answer.status(), answer.header("sec-websocket-protocol")), (101, confirmed), "{offer}");
    }
    let offer = "permessage-deflate; client_max_window_bits";
    let headers = [("Authorization", authorization.as_str()), ("Sec-WebSocket-Extensions", offer)];
    let answer = hub.knocks("/talk", &headers).await;
    assert_eq!(answer.header("sec-websocket-extensions"), None, "what is small there may be large here");
    let answer = hub.knocks("/talk", &[("Authorization", &authorization)]).await;
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.header("sec-websocket-protocol"), None);
    assert_eq!(answer.header("sec-websocket-extensions"), None);
}

#[tokio::test]
async fn a_handshake_that_is_none_is_told_what_is_missing() {
    let hub = Hub::demo();
    let authorization = basic("clown", "bigclown");
    for (name, value, status) in [
        ("Sec-WebSocket-Version", "8", 426),
        ("Sec-WebSocket-Version", "", 426),
        ("Upgrade", "h2c", 426),
        ("Connection", "close", 426),
        ("Sec-WebSocket-Key", "short", 400),
    ] {
        let answer = hub.knocks("/talk", &[("Authorization", &authorization), (name, value)]).await;
        assert_eq!(answer.status(), status, "{name}: {value}");
        if name == "Sec-WebSocket-Version" {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        }
    }
    let head = format!(
        "POST /talk HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\nContent-Length: 0\r\n\
         Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    assert_eq!(hub.answers(&head).await.status(), 405, "a handshake is a GET");
    let plain = hub.request("GET", "/talk", &[("Authorization", &authorization)], "").await;
    assert_eq!(plain.status(), 426);
}

#[tokio::test]
async fn a_ping_is_answered_with_its_own_words_before_the_opening_too() {
    let hub = Hub::demo();
    let mut client = Client::connect(&hub, "/talk").await;
    client.send(Message::Ping(Bytes::from_static(b"are you there"))).await;
    let answer = client.message().await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong(Bytes::from_static(b"are you there")));
}

#[tokio::test]
async fn a_silent_client_is_pinged_twice_and_then_let_go_and_one_that_answers_stays() {
    let hub = Hub::with(&["limits.ping_seconds=1", "limits.pong_seconds=1"]);
    let mut answering = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let mut silent = Raw::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let heard = async {
        let mut opcodes = Vec::new();
        while let Some((opcode, payload)) = silent.frame().await {
            opcodes.push(opcode);
            if opcode == Opcode::Close as u8 {
                assert_eq!(payload[..2], 1008_u16.to_be_bytes());
                break;
            }
        }
        opcodes
    };
    // Reading is what makes the library answer.
    let reading = async {
        loop {
            assert!(matches!(answering.message().await, Some(Ok(Message::Ping(_)))));
        }
    };
    let opcodes = tokio::select! { opcodes = heard => opcodes, () = reading => unreachable!() };
    assert_eq!(opcodes, [Opcode::Ping as u8, Opcode::Ping as u8, Opcode::Close as u8]);
    hub.logs("cause=no answer to two pings").await;
    answering.hears_nothing().await;
}

/// Signs in as the page does; returns the cookie.
async fn signed_in(hub: &Hub, name: &str) -> String {
    let body = format!(r#"{{"name": "{name}", "password": "{PASSWORD}"}}"#);
    let answer = hub.request("POST", "/api/session", &[("Content-Type", "application/json")], &body).await;
    assert_eq!(answer.status(), 204, "{}", answer.text);
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_signed_in_page_has_sockets_until_it_signs_out() {
    let users = ["anna", "bystander"].map(|name| user(name, &["bystander/#"], &["bystander/#"], false));
    let hub = Hub::with_users(&users, &["log.filter=trace"]);
    let mut bystander = Bystander::as_user(&hub, "bystander").await;
    let (cookie, other) = (signed_in(&hub, "anna").await, signed_in(&hub, "anna").await);
    assert_ne!(cookie, other);
    let who = hub.request("GET", "/api/session", &[("Cookie", &cookie)], "").await;
    let who: Value = serde_json::from_str(who.body().trim()).unwrap();
    assert_eq!(who["name"], "anna");
    let mut socket = Client::connect_with(&hub, "/talk", &[("cookie", &cookie)]).await.unwrap();
    let mut stays = Client::connect_with(&hub, "/talk", &[("cookie", &other)]).await.unwrap();
    socket.configure("{}").await;
    stays.configure(r#"{"filters": []}"#).await;
    assert_eq!(hub.request("DELETE", "/api/session", &[("Cookie", &cookie)], "").await.status(), 204);
    assert_eq!(socket.closed().await, (1008, "session ended".to_owned()));
    assert_eq!(hub.knocks("/talk", &[("Cookie", &cookie)]).await.status(), 401);
    assert_eq!(hub.request("GET", "/api/session", &[("Cookie", &cookie)], "").await.status(), 401);
    stays.hears_nothing().await;
    for bad in
        ["", "{}", "[]", r#"{"name": "anna"}"#, r#"{"name": "anna", "password": 7}"#, &"x".repeat(5000)]
    {
        assert_eq!(hub.request("POST", "/api/session", &[], bad).await.status(), 400, "{bad:.20}");
    }
    let wrong = r#"{"name": "anna", "password": "not the word"}"#;
    let wrong = hub.request("POST", "/api/session", &[], wrong).await;
    assert_eq!(wrong.status(), 401);
    bystander.is_undisturbed().await;
    until("the log to speak of the sign-ins", || hub.log().contains("disconnected")).await;
    let log = hub.log();
    let secrets = [
        PASSWORD,
        "not the word",
        &basic("anna", PASSWORD)["Basic ".len()..],
        &cookie["hub_session=".len()..],
        &other["hub_session=".len()..],
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
