//! Order and fidelity: nothing lost, nothing twice, nothing out of order, and every payload byte for byte.

use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Hub, in_time};

#[tokio::test]
async fn fifty_publishers_of_2000_messages_lose_and_repeat_and_reorder_nothing() {
    const PUBLISHERS: usize = 50;
    const MESSAGES: usize = 2000;
    let hub = Hub::with(&[
        "server.io_threads=2",
        "outbox.messages=1000000",
        "outbox.bytes=1000000000",
        "outbox.hard_messages=1000000",
        "outbox.hard_bytes=1000000000",
    ]);
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["+/a/b"], "batch": 20}"#).await;
        readers.spawn(async move {
            let mut next = vec![0; PUBLISHERS];
            let mut seen = 0;
            while seen < PUBLISHERS * MESSAGES {
                let Some(Ok(Message::Text(text))) = reader.message().await else { panic!("closed") };
                for line in text.split('\n') {
                    let (topic, n): (String, usize) = serde_json::from_str(line).unwrap();
                    let publisher: usize = topic["p".len()..].split('/').next().unwrap().parse().unwrap();
                    assert_eq!(n, next[publisher], "{topic}");
                    next[publisher] += 1;
                    seen += 1;
                }
            }
            assert!(next.iter().all(|next| *next == MESSAGES));
            reader.hears_nothing().await;
        });
    }
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let path = format!("/talk/p{publisher}?side=node");
        let mut client = Client::open(&hub, &path, r#"{"filters": []}"#).await;
        publishers.spawn(async move {
            for n in 0..MESSAGES {
                client.feed(&format!("[\"a/b\", {n}]")).await;
                if n % 100 == 99 {
                    client.flush().await;
                }
            }
            client.publish("fence/x", "1").await;
        });
    }
    while let Some(done) = in_time("a publisher", publishers.join_next()).await {
        done.unwrap();
    }
    while let Some(done) = in_time("a reader", readers.join_next()).await {
        done.unwrap();
    }
    assert_eq!(hub.figure("messages_skipped").await, 0);
}

#[tokio::test]
async fn a_payload_comes_out_as_the_bytes_that_went_in() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["a/b"]}"#).await;
    let mut writer = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    for payload in [
        "20.10",
        "-0.0",
        "1e400",
        "1E+2",
        "96934.00",
        "28.250000",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827021181583404541015625",
        r#"{"b":1,"a":2,"b":3}"#,
        r#"{ "a" :[ 1 ,2 ] }"#,
        r#""\u2103 ℃ \/ \ud83d\ude00 😀""#,
        r#""\ud800""#,
        "[]",
        "{}",
        "null",
        "true",
        "\"\"",
        "[\t1,  2 ]",
    ] {
        writer.say(&format!("  [  \"a\\u002fb\"  ,  {payload}  ]  ")).await;
        assert_eq!(reader.hear().await, format!("[\"a/b\", {payload}]"));
    }
    writer.say("[\"a/b\",\n[1,\r\n2]\n]").await;
    assert_eq!(reader.hear().await, "[\"a/b\", [1,  2]]");
    let long = format!("\"{}\"", "℃".repeat(349_000));
    writer.publish("a/b", &long).await;
    assert_eq!(reader.hear().await, format!("[\"a/b\", {long}]"));
}
