//! Readers that cannot keep up (`docs/protocol.md`, clause 8), and how little they cost.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Bystander, Client, Hub, Opcode, Raw, in_time};

fn padded(n: u64) -> String {
    format!("[{n}, \"{}\"]", "x".repeat(10_000))
}

#[tokio::test]
async fn a_slow_reader_keeps_the_newest_reading_and_every_command_and_is_told_what_it_missed() {
    let hub = Hub::with(&["outbox.messages=50", "outbox.hard_messages=20000", "outbox.hard_bytes=100000000"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut slow = Raw::open(&hub, "/talk/n", r#"{"filters": ["r/+", "r/+/set", "fence"]}"#).await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let (mut readings, mut commands) = (0, 0);
    while hub.figure("messages_skipped").await < 200 {
        for _ in 0..100 {
            readings += 1;
            node.publish(&format!("r/{}", readings % 7), &padded(readings)).await;
        }
        commands += 1;
        node.publish("r/x/set", &padded(commands)).await;
        bystander.is_undisturbed().await;
    }
    node.publish("fence", "0").await;
    let (mut newest, mut heard, mut skipped, mut next_command) = (HashMap::new(), 0, 0, 1);
    loop {
        let (opcode, payload) = slow.frame().await.unwrap();
        if opcode != Opcode::Text as u8 {
            continue;
        }
        let (topic, payload): (String, Value) = serde_json::from_slice(&payload).unwrap();
        match topic.as_str() {
            "fence" => break,
            "clown.talk/-/skipped" => skipped += payload["count"].as_u64().unwrap(),
            "r/x/set" => {
                assert_eq!(payload[0], next_command, "a command was left out");
                next_command += 1;
            }
            _ => {
                heard += 1;
                let value = payload[0].as_u64().unwrap();
                assert!(newest.insert(topic, value).is_none_or(|before| before < value), "went backwards");
            }
        }
    }
    assert_eq!(next_command, commands + 1);
    assert_eq!(heard + skipped, readings, "what was left out is told to the last one");
    for (topic, value) in newest {
        let remainder: u64 = topic["r/".len()..].parse().unwrap();
        let expected = (0..7).map(|back| readings - back).find(|n| n % 7 == remainder).unwrap();
        assert_eq!(value, expected, "{topic} does not end at its newest reading");
    }
    node.publish("r/1", "8").await;
    assert_eq!(slow.frame().await.unwrap().1, b"[\"r/1\", 8]");
}

#[tokio::test]
async fn past_the_hard_bound_the_reader_is_closed_with_1013_and_nobody_else_notices() {
    let hub = Hub::with(&["outbox.messages=50", "outbox.hard_messages=100", "server.io_threads=2"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut slow = Raw::open(&hub, "/talk/n", r#"{"filters": ["r/+/set"]}"#).await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let mut sent = 0;
    while hub.figure("clients_slow").await == 0 {
        for _ in 0..20 {
            sent += 1;
            node.publish("r/x/set", &padded(sent)).await;
        }
    }
    bystander.is_undisturbed().await;
    let (texts, code, reason) = slow.texts_until_close().await;
    assert_eq!(code, 1013, "{reason}");
    assert!(reason.starts_with("slow consumer"), "{reason}");
    for (n, text) in texts.iter().enumerate() {
        assert!(
            text.starts_with(&format!("[\"r/x/set\", [{}, ", n + 1)),
            "commands end in one cut, without a hole"
        );
    }
    hub.logs("slow consumer: its queue is past the hard bound").await;
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn two_hundred_megabytes_past_a_reader_that_never_reads_cost_little_and_the_others_lose_nothing() {
    let hub = Hub::with(&["limits.write_seconds=3600"]);
    let _stalled = Raw::open(&hub, "/talk/n", r#"{"filters": ["r/+"]}"#).await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let mut reader = Client::open(&hub, "/talk/n", r#"{"filters": ["r/+"]}"#).await;
    let before = hub.resident_kib();
    let reading = async {
        for n in 0..2000 {
            let text = reader.hear().await;
            assert!(text.starts_with(&format!("[\"r/{}\", [{n}, ", n % 40)), "{}", &text[..40]);
        }
    };
    let long = "x".repeat(100_000);
    let writing = async {
        for n in 0..2000 {
            node.publish(&format!("r/{}", n % 40), &format!("[{n}, \"{long}\"]")).await;
        }
    };
    tokio::join!(reading, writing);
    let grown = hub.resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
}

#[tokio::test]
async fn a_client_that_publishes_and_never_reads_its_answers_is_bounded_and_ended() {
    let hub =
        Hub::with(&["limits.messages_per_second=0", "outbox.messages=100", "outbox.hard_messages=1000"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut raw = Raw::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let id = "i".repeat(100);
    let frames = format!("[\"a/b\", 1, {{\"id\": \"{id}\"}}]\n").repeat(5000);
    let message = Raw::encoded(true, Opcode::Text, frames.as_bytes());
    let before = hub.resident_kib();
    in_time("the end of the connection", async { while raw.try_write(&message).await.is_ok() {} }).await;
    hub.logs("slow consumer: its queue is past the hard bound").await;
    let grown = hub.resident_kib().saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more");
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn a_flood_of_pings_without_reading_takes_no_memory() {
    let hub = Hub::with(&["limits.write_seconds=1"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut raw = Raw::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let pings = Raw::encoded(true, Opcode::Ping, &[b'p'; 125]).repeat(10_000);
    let before = hub.resident_kib();
    for _ in 0..20 {
        if !matches!(tokio::time::timeout(Duration::from_secs(3), raw.try_write(&pings)).await, Ok(Ok(()))) {
            break;
        }
        bystander.is_undisturbed().await;
    }
    let grown = hub.resident_kib().saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more");
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn a_client_that_subscribes_again_and_again_without_reading_takes_no_memory() {
    let hub = Hub::with(&["limits.messages_per_second=0"]);
    let mut bystander = Bystander::at(&hub).await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let long = format!("\"{}\"", "x".repeat(10_000));
    for n in 0..1000 {
        node.publish(&format!("r/{n}"), &long).await;
    }
    let mut raw = Raw::open(&hub, "/talk/n", r#"{"filters": []}"#).await;
    let round = "[\"clown.talk/-/subscription/set\", {\"filters\": [\"r/+\"]}]\n\
                 [\"clown.talk/-/subscription/set\", {\"filters\": []}]\n";
    let before = hub.resident_kib();
    for _ in 0..15 {
        raw.text(&round.repeat(100)).await;
        bystander.is_undisturbed().await;
    }
    raw.text(r#"["end/x", 1]"#).await;
    while hub.figure("messages_received").await < 4000 {
        bystander.is_undisturbed().await;
    }
    let grown = hub.resident_kib().saturating_sub(before);
    assert!(grown < 24 * 1024, "{grown} KiB more");
}
