//! Clients that mean harm, and what the others notice of them: nothing.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Bystander, Client, Hub, Line, Opcode, Raw, until};

#[tokio::test]
async fn a_message_in_fragments_of_one_byte_is_a_message() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["a/b"]}"#).await;
    let mut raw = Raw::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let text = format!("[\"a/b\", \"{}\"]", "℃".repeat(20_000));
    let mut bytes = Vec::new();
    for (n, byte) in text.bytes().enumerate() {
        let opcode = if n == 0 { Opcode::Text } else { Opcode::Continuation };
        bytes.extend(Raw::encoded(n + 1 == text.len(), opcode, &[byte]));
        if n % 1000 == 999 {
            bytes.extend(Raw::encoded(true, Opcode::Ping, b"between"));
        }
    }
    raw.write(&bytes).await;
    assert_eq!(reader.hear().await, text);
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn unfinished_messages_of_many_clients_stay_within_the_limit() {
    let hub = Hub::with(&["limits.message_bytes=65536"]);
    let mut bystander = Bystander::at(&hub).await;
    let before = hub.resident_kib();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut raw = Raw::open(&hub, "/talk", r#"{"filters": []}"#).await;
        raw.write(&Raw::encoded(false, Opcode::Text, &b" ".repeat(60_000))).await;
        for _ in 0..500 {
            raw.write(&Raw::encoded(false, Opcode::Continuation, b"")).await;
        }
        clients.push(raw);
    }
    bystander.is_undisturbed().await;
    let grown = hub.resident_kib().saturating_sub(before);
    assert!(grown < 24 * 1024, "{grown} KiB for 50 half messages of 60 kB");
}

#[tokio::test]
async fn clients_that_vanish_in_the_middle_of_everything_leave_nothing_behind() {
    let hub = Hub::with(&["server.line_listen=127.0.0.1:0"]);
    let mut bystander = Bystander::at(&hub).await;
    let node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    for round in 0..40_usize {
        let mut raw = Raw::connect(&hub, "/talk?side=dashboard").await;
        let message = Raw::encoded(
            true,
            Opcode::Text,
            b"[\"clown.talk/-/config/set\", {\"filters\": [\"n/#\", \"a/#\"]}]",
        );
        let _ = raw.try_write(&message[..round.min(message.len())]).await;
        drop(raw);
        let mut raw = Raw::open(&hub, "/talk", r#"{"filters": ["n/#", "a/#"]}"#).await;
        let message =
            Raw::encoded(true, Opcode::Text, b"[\"a/b\", {\"c\": [1, 2, 3]}, {\"id\": 1}]\n[\"a/c\", 1]");
        let _ = raw.try_write(&message[..round.min(message.len())]).await;
        drop(raw);
        let mut line = Line::connect(&hub).await;
        line.write(&b"[\"clown.talk/-/config/set\", {\"user\": \"clown\", \"password\": \"big"[..round])
            .await;
        let mut half = TcpStream::connect(hub.address).await.unwrap();
        half.write_all(&b"GET /talk HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"[..round])
            .await
            .unwrap();
    }
    bystander.is_undisturbed().await;
    node.leave().await;
    let mut left = u64::MAX;
    while left != 2 {
        left = hub.figure("clients_connected").await;
        assert!(left >= 2);
        bystander.is_undisturbed().await;
    }
    // What the bystanders hold.
    assert_eq!(hub.figure("subscriptions_count").await, 1);
    assert!(!hub.log().contains("panicked"), "{}", hub.log());
}

#[tokio::test]
async fn a_storm_of_connections_is_let_in_to_the_last_one() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let storm = (0..300).map(|_| Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#));
    let clients = futures_util::future::join_all(storm).await;
    assert_eq!(hub.figure("clients_connected").await, 302);
    bystander.is_undisturbed().await;
    drop(clients);
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/presence"]}"#).await;
    loop {
        let [_, payload] = reader.two().await;
        if payload["state"] == "offline" {
            break;
        }
    }
}

#[tokio::test]
async fn a_message_of_a_megabyte_of_empty_lines_or_of_blanks_is_nothing() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let mut client = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    client.say(&"\n".repeat(1 << 20)).await;
    client.say(&" \t\r\n".repeat(1 << 18)).await;
    client.say("").await;
    client.hears_nothing().await;
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn one_message_of_thousands_of_frames_does_not_keep_the_others_waiting() {
    let hub = Hub::with(&["limits.messages_per_second=0"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut client = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let frames = "[\"a/b\",1]\n".repeat(90_000);
    client.feed(&frames).await;
    client.feed(r#"["end/x", 1, {"id": 1}]"#).await;
    let flush = client.flush();
    tokio::join!(flush, async {
        for _ in 0..20 {
            bystander.is_undisturbed().await;
        }
    });
    let [topic, _] = client.two().await;
    assert_eq!(topic, "clown.talk/-/publish/ok");
    assert!(hub.figure("messages_published").await > 90_000);
}

#[tokio::test]
async fn five_hundred_bad_clients_cost_no_memory_and_no_descriptor() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", hub.pid())).unwrap().count();
    let (memory, open) = (hub.resident_kib(), descriptors());
    for n in 0..100 {
        for bad in [
            Raw::encoded(true, Opcode::Binary, b"x"),
            Raw::encoded(true, Opcode::Text, b"\xff\xff"),
            Raw::encoded(true, Opcode::Text, &[b'['; 5000]),
            vec![0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
            vec![n; 64],
        ] {
            let mut raw = Raw::connect(&hub, "/talk").await;
            let _ = raw.try_write(&bad).await;
        }
    }
    bystander.is_undisturbed().await;
    until("all descriptors to be given back", || descriptors() <= open + 2).await;
    let grown = hub.resident_kib().saturating_sub(memory);
    assert!(grown < 20 * 1024, "{grown} KiB more");
    assert!(!hub.log().contains("panicked"));
}

#[tokio::test]
async fn when_descriptors_run_out_the_hub_waits_and_goes_on() {
    let hub = Hub::demo();
    let mut bystander = Bystander::at(&hub).await;
    let open = std::fs::read_dir(format!("/proc/{}/fd", hub.pid())).unwrap().count();
    let most = format!("--nofile={0}:{0}", open + 10);
    let pid = hub.pid().to_string();
    let limited = std::process::Command::new("prlimit").args(["--pid", &pid, &most]).status();
    if limited.is_err() {
        println!("prlimit is not installed: it is not tried");
        return;
    }
    let mut strangers = Vec::new();
    for _ in 0..50 {
        strangers.push(TcpStream::connect(hub.address).await.unwrap());
    }
    hub.logs("no connection can be accepted").await;
    bystander.is_undisturbed().await;
    drop(strangers);
    Client::connect(&hub, "/talk").await.leave().await;
    bystander.is_undisturbed().await;
}
