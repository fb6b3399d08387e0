//! The diagnostic endpoints (`docs/diagnostics.md`).

use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Hub, Opcode, PASSWORD, Raw, basic, user};

/// Comes without a name.
async fn stranger(hub: &Hub, path: &str) -> Client {
    Client::connect_with(hub, path, &[]).await.unwrap()
}

async fn answers(client: &mut Client, said: &str, answer: &str) {
    client.say(said).await;
    assert_eq!(client.hear().await, answer);
}

#[tokio::test]
async fn echo_gives_back_text_and_bytes_as_they_came() {
    let hub = Hub::demo();
    let mut client = stranger(&hub, "/echo").await;
    for text in ["hello", "", " 21.5 ℃ \n", "[\"a\", 1]\u{0}"] {
        answers(&mut client, text, text).await;
    }
    let large = "℃".repeat(5_000_000);
    client.say(&large).await;
    assert!(client.hear().await == large, "15 MB of text");
    for bytes in [vec![], vec![0, 255, 128], vec![7; 16 * 1024 * 1024]] {
        client.send(Message::Binary(bytes.clone().into())).await;
        let answer = client.message().await.unwrap().unwrap();
        assert!(answer == Message::Binary(bytes.into()));
    }
    client.leave().await;
}

#[tokio::test]
async fn a_text_comes_back_reversed_and_who_asks_for_it_is_greeted() {
    let hub = Hub::demo();
    let mut client = stranger(&hub, "/ws").await;
    answers(&mut client, "Hello mbed", "debm olleH").await;
    answers(&mut client, "21.5 ℃", "℃ 5.12").await;
    let mut greeted = stranger(&hub, "/ws?greet").await;
    assert_eq!(greeted.hear().await, "Hello World");
    answers(&mut greeted, "abc", "cba").await;
}

#[tokio::test]
async fn socket_and_poke_answer_as_their_tutorials_do() {
    let hub = Hub::demo();
    let mut socket = stranger(&hub, "/socket").await;
    answers(&mut socket, "hi", "server: hi").await;
    let mut poke = stranger(&hub, "/poke").await;
    answers(&mut poke, "CONNECTED", "Welcome").await;
    poke.say("what?").await;
    answers(&mut poke, "POKE", "Quit poking me!").await;
}

#[tokio::test]
async fn all_listeners_of_the_stream_hear_the_same_growing_number_and_a_dead_one_harms_nobody() {
    let hub = Hub::demo();
    let mut first = stranger(&hub, "/streaming").await;
    assert_eq!(first.hear().await, "message: 1");
    let mut second = stranger(&hub, "/streaming").await;
    let dead = stranger(&hub, "/streaming").await;
    assert_eq!((first.hear().await, second.hear().await), ("message: 2".into(), "message: 2".into()));
    drop(dead);
    assert_eq!((first.hear().await, second.hear().await), ("message: 3".into(), "message: 3".into()));
    hub.logs("cause=client vanished").await;
}

#[tokio::test]
async fn the_endpoints_keep_the_limits_of_all_connections() {
    let hub = Hub::with(&[
        "limits.message_bytes=2048",
        "limits.topic_bytes=100",
        "limits.messages_per_second=5",
        "limits.ping_seconds=1",
        "limits.pong_seconds=1",
    ]);
    let mut client = stranger(&hub, "/socket").await;
    client.say(&"x".repeat(2049)).await;
    assert_eq!(client.closed().await, (1009, "message over 2048 bytes".to_owned()));
    let mut client = stranger(&hub, "/echo").await;
    client.say(&"x".repeat(2049)).await;
    assert_eq!(client.hear().await.len(), 2049, "/echo has a limit of its own");
    let mut large = Raw::connect(&hub, "/echo").await;
    large.write(&[&[0x82, 0xff][..], &(16 * 1024 * 1024 + 1_u64).to_be_bytes(), &[0; 4]].concat()).await;
    assert_eq!(large.closed().await, (1009, "message over 16777216 bytes".to_owned()));
    let mut client = stranger(&hub, "/socket").await;
    client.send(Message::Binary(vec![1].into())).await;
    assert_eq!(client.closed().await, (1003, "binary message: this endpoint takes text".to_owned()));
    let mut client = stranger(&hub, "/poke").await;
    for _ in 0..30 {
        client.say("anything").await;
    }
    assert_eq!(client.closed().await, (1008, "more than 5 messages a second".to_owned()));
    let mut silent = Raw::connect(&hub, "/echo").await;
    assert_eq!(silent.closed().await, (1008, "no answer to two pings".to_owned()));
    let mut reserved = Raw::connect(&hub, "/echo").await;
    reserved.write(&[0x83, 0x80, 0, 0, 0, 0]).await;
    assert_eq!(reserved.closed().await.0, 1002);
    let mut latin = Raw::connect(&hub, "/ws").await;
    latin.write(&Raw::encoded(true, Opcode::Text, &[0xe9])).await;
    assert_eq!(latin.closed().await, (1007, "text is not UTF-8".to_owned()));
}

#[tokio::test]
async fn who_reads_nothing_is_not_read_from_and_then_cut_off() {
    let hub = Hub::with(&["limits.write_seconds=1"]);
    let mut client = Raw::connect(&hub, "/echo").await;
    let before = hub.resident_kib();
    let message = Raw::encoded(true, Opcode::Binary, &vec![0; 4 * 1024 * 1024]);
    for _ in 0..64 {
        if client.try_write(&message).await.is_err() {
            break;
        }
    }
    hub.logs("cause=slow consumer: a write made no progress").await;
    let grown = hub.resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "256 MiB were offered, and the hub grew by {grown} KiB");
}

#[tokio::test]
async fn a_connection_that_has_had_its_answer_holds_no_buffer() {
    let hub = Hub::demo();
    let text = "x".repeat(1024 * 1024);
    let mut first = stranger(&hub, "/echo").await;
    answers(&mut first, &text, &text).await;
    let before = hub.resident_kib();
    let mut idle = Vec::new();
    for _ in 0..60 {
        let mut client = stranger(&hub, "/echo").await;
        answers(&mut client, &text, &text).await;
        idle.push(client);
    }
    let grown = hub.resident_kib().saturating_sub(before);
    assert!(grown < 8 * 1024, "60 connections that echoed 1 MiB each left {grown} KiB");
}

#[tokio::test]
async fn every_ping_is_answered_also_between_the_pieces_of_a_message() {
    let hub = Hub::demo();
    let mut client = Raw::connect(&hub, "/echo").await;
    client.write(&Raw::encoded(false, Opcode::Text, b"in two ")).await;
    for question in [b"1", b"2", b"3"] {
        client.write(&Raw::encoded(true, Opcode::Ping, question)).await;
    }
    client.write(&Raw::encoded(true, Opcode::Continuation, b"pieces")).await;
    for question in [b"1", b"2", b"3"] {
        assert_eq!(client.frame().await, Some((10, question.to_vec())), "a pong");
    }
    assert_eq!(client.frame().await, Some((1, b"in two pieces".to_vec())));
}

#[tokio::test]
async fn a_stopping_hub_tells_the_endpoints_too() {
    let mut hub = Hub::demo();
    let mut client = stranger(&hub, "/echo").await;
    answers(&mut client, "a", "a").await;
    let mut listener = stranger(&hub, "/streaming").await;
    listener.hear().await;
    hub.signal("TERM");
    for client in [&mut client, &mut listener] {
        assert_eq!(client.closed().await, (1012, "hub is restarting".to_owned()));
    }
    drop((client, listener));
    assert!(hub.ended().await.success());
}

#[tokio::test]
async fn there_are_so_many_places_and_the_next_one_is_told_so() {
    let hub = Hub::with(&["diagnostics.connections=2"]);
    let first = stranger(&hub, "/echo").await;
    let _second = stranger(&hub, "/ws").await;
    let refused = hub.knocks("/poke", &[]).await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("5")));
    first.leave().await;
    hub.logs("cause=client said good-bye").await;
    while hub.knocks("/poke", &[]).await.status() != 101 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn with_accounts_the_endpoints_are_off_unless_they_are_wanted_and_then_ask_who_it_is() {
    let anna = user("anna", &["a/#"], &[], false);
    let hub = Hub::with_users(std::slice::from_ref(&anna), &[]);
    let signed_in = basic("anna", PASSWORD);
    for path in ["/echo", "/ws", "/socket", "/streaming", "/poke", "/diagnostics"] {
        let answer = hub.knocks(path, &[("Authorization", &signed_in)]).await;
        assert_eq!(answer.status(), 404, "{path}");
    }
    let hub = Hub::with_users(&[anna], &["diagnostics.enabled=true"]);
    for path in ["/echo", "/ws", "/socket", "/streaming", "/poke"] {
        let stranger = hub.knocks(path, &[]).await;
        assert_eq!(stranger.status(), 401, "{path}");
        assert!(stranger.header("www-authenticate").is_some());
        let wrong = hub.knocks(path, &[("Authorization", &basic("anna", "wrong"))]).await;
        assert_eq!(wrong.status(), 401, "{path}");
        assert_eq!(hub.knocks(path, &[("Authorization", &signed_in)]).await.status(), 101, "{path}");
    }
}

#[tokio::test]
async fn the_test_page_opens_for_admins_where_it_is_on_and_tells_others_what_is_missing() {
    let users = [
        user("anna", &["#", "$SYS/#"], &["#"], false),
        user("root", &["#"], &["#"], true) + "admin = true\n",
    ];
    let opens = async |hub: &Hub, headers: &[(&str, &str)]| {
        let answer = hub.request("GET", "/diagnostics", headers, "").await;
        (answer.status(), answer.body().to_owned())
    };
    let as_user = |name: &str| basic(name, PASSWORD);
    let hub = Hub::with_users(&users, &[]);
    let (status, sentence) = opens(&hub, &[("Authorization", &as_user("root"))]).await;
    assert!(status == 404 && sentence.contains("diagnostics.enabled = true"), "{sentence}");
    let hub = Hub::with_users(&users, &["diagnostics.enabled=true"]);
    let (status, sentence) = opens(&hub, &[]).await;
    assert!(status == 401 && sentence.contains("nobody is signed in"), "{sentence}");
    let (status, sentence) = opens(&hub, &[("Authorization", &as_user("anna"))]).await;
    assert!(status == 403 && sentence.contains("anna is none"), "{sentence}");
    assert_eq!(opens(&hub, &[("Authorization", &basic("root", "a guess"))]).await.0, 401);
    let (status, page) = opens(&hub, &[("Authorization", &as_user("root"))]).await;
    assert!(status == 200 && page.contains("<html"), "{page}");
    let body = format!(r#"{{"name": "root", "password": "{PASSWORD}"}}"#);
    let signed_in = hub.request("POST", "/api/session", &[], &body).await;
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap();
    assert_eq!(opens(&hub, &[("Cookie", cookie)]).await.0, 200);
    assert_eq!(opens(&Hub::demo(), &[]).await.0, 200, "the demo is everybody's on this machine");
}

#[tokio::test]
async fn foreign_pages_and_foreign_names_are_refused_in_the_demo() {
    let hub = Hub::demo();
    for header in [("Origin", "http://evil.example"), ("Host", "evil.example")] {
        assert_eq!(hub.knocks("/echo", &[header]).await.status(), 403, "{header:?}");
    }
    let own = format!("http://{}", hub.address);
    assert_eq!(hub.knocks("/echo", &[("Origin", &own)]).await.status(), 101);
    assert_eq!(hub.request("POST", "/echo", &[], "").await.status(), 405);
    assert_eq!(hub.request("GET", "/echo", &[], "").await.status(), 426);
}

#[tokio::test]
async fn an_unknown_path_is_unsupported_and_told_the_paths_that_there_are() {
    let hub = Hub::demo();
    let get = hub.request("GET", "/nothing", &[], "").await;
    assert_eq!(get.status(), 404);
    assert!(get.body().starts_with("Unsupported Request-URI;"), "{}", get.body());
    for path in ["/diagnostics", "/echo", "/ws", "/socket", "/streaming", "/poke", "/talk/BASE"] {
        assert!(get.body().contains(path), "{path}");
    }
    assert_eq!(hub.knocks("/nothing", &[]).await.status(), 404);
    let door = hub.request("GET", "/auth/other_a", &[], "").await;
    assert!(door.status() == 404 && door.body().starts_with("Unsupported Request-URI;"), "{}", door.body());
    let hub = Hub::with_users(&[user("anna", &["a/#"], &[], false)], &[]);
    assert!(!hub.request("GET", "/nothing", &[], "").await.body().contains("/echo"));
}

#[tokio::test]
async fn the_log_says_who_came_how_much_they_said_and_that_they_left_and_not_what() {
    let hub = Hub::demo();
    let mut client = stranger(&hub, "/socket").await;
    for _ in 0..150 {
        answers(&mut client, "swordfish", "server: swordfish").await;
    }
    client.leave().await;
    hub.logs("diagnostics: disconnected").await;
    let log = hub.log();
    assert!(log.contains("diagnostics: connected endpoint=\"/socket\""), "{log}");
    assert!(log.contains("kind=\"text\" bytes=9"), "{log}");
    assert!(log.contains("messages=150 bytes=1350 cause=client said good-bye"), "{log}");
    assert_eq!(log.matches("diagnostics: message").count(), 100);
    assert!(!log.contains("swordfish"), "{log}");
}

#[tokio::test]
async fn large_messages_to_an_endpoint_do_not_take_the_memory_of_the_hub() {
    let hub = Hub::demo();
    let before = hub.resident_kib();
    let begin = Raw::encoded(false, Opcode::Binary, &vec![7; 15 * 1024 * 1024]);
    let mut hoarders = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::connect(&hub, "/echo").await;
        // Whoever takes too much may be cut off before all is written.
        let _ = raw.try_write(&begin).await;
        hoarders.push(raw);
    }
    let (code, reason) = hoarders.last_mut().unwrap().closed().await;
    assert!(code == 1013 && reason.starts_with("the hub is out of memory"), "{code} {reason}");
    let grown = hub.resident_kib().saturating_sub(before);
    assert!(grown < 200 * 1024, "{grown} KiB for what is unfinished");
    let mut small = stranger(&hub, "/echo").await;
    answers(&mut small, "still here", "still here").await;
}
