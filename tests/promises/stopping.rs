//! The end of the hub: SIGTERM drains, a second one cuts off.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, Hub, Line, Raw, in_time, until};

#[tokio::test]
async fn a_hundred_clients_get_all_that_was_queued_and_then_1012() {
    let hub = &mut Hub::with(&["server.drain_seconds=60"]);
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(Client::open(hub, "/talk/n", r#"{"filters": ["r/+"], "batch": 5000}"#).await);
    }
    let mut unopened = Client::connect(hub, "/talk/n").await;
    let mut node = Client::open(hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    for n in 0..30 {
        node.publish("r/x", &n.to_string()).await;
    }
    hub.signal("TERM");
    for client in &mut clients {
        let (texts, code, reason) = client.texts_until_close().await;
        let lines: Vec<_> = texts.iter().flat_map(|text| text.split('\n')).collect();
        let expected: Vec<_> = (0..30).map(|n| format!("[\"r/x\", {n}]")).collect();
        assert_eq!(lines, expected);
        assert_eq!((code, reason.as_str()), (1012, "hub is restarting"));
    }
    assert_eq!(unopened.closed().await.0, 1012);
    assert_eq!(node.closed().await.0, 1012);
    drop((clients, unopened, node));
    assert_eq!(hub.ended().await.code(), Some(0));
    hub.logs("stopped").await;
}

#[tokio::test]
async fn connections_of_all_threads_hear_each_other_and_get_what_was_queued_when_the_hub_stops() {
    const THREADS: usize = 3;
    let hub = &mut Hub::with(&["server.io_threads=3", "server.drain_seconds=60"]);
    let names = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", hub.pid())).unwrap();
        let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
        names.filter(|name| name.starts_with("sockets-")).count()
    };
    until("the threads", || names() == THREADS - 1).await;
    // One after the other, so that each thread has the same number of them.
    let mut clients = Vec::new();
    for number in 0..4 * THREADS {
        let path = format!("/talk/n{number}?side=node");
        clients.push(Client::open(hub, &path, r#"{"filters": []}"#).await);
    }
    let mut readers = Vec::new();
    for _ in 0..2 * THREADS {
        readers.push(Client::open(hub, "/talk", r#"{"filters": ["+/a", "+/last"]}"#).await);
    }
    for round in 0..20 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.publish("a", &round.to_string()).await;
            for reader in &mut readers {
                assert_eq!(reader.hear().await, format!("[\"n{number}/a\", {round}]"));
            }
        }
    }
    let mut last = Client::open(hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    for number in 0..100 {
        last.publish("last", &number.to_string()).await;
    }
    hub.signal("TERM");
    for reader in &mut readers {
        let (texts, code, _) = reader.texts_until_close().await;
        let lines: Vec<_> = texts.iter().flat_map(|text| text.split('\n')).collect();
        let expected: Vec<_> = (0..100).map(|number| format!("[\"n/last\", {number}]")).collect();
        assert_eq!((lines, code), (expected.iter().map(String::as_str).collect(), 1012));
    }
    drop((readers, clients, last));
    assert_eq!(hub.ended().await.code(), Some(0));
}

#[tokio::test]
async fn while_it_drains_nobody_comes_in_and_a_second_signal_ends_it_at_once() {
    let hub = &mut Hub::with(&[
        "server.drain_seconds=300",
        "limits.write_seconds=300",
        "outbox.messages=5000",
        "outbox.bytes=40000000",
        "outbox.hard_bytes=40000000",
    ]);
    let _stalled = Raw::open(hub, "/talk/n", r#"{"filters": ["r/+"]}"#).await;
    let mut node = Client::open(hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let long = format!("\"{}\"", "x".repeat(100_000));
    for n in 0..300 {
        node.publish(&format!("r/{n}"), &long).await;
    }
    hub.signal("TERM");
    assert_eq!(node.closed().await.0, 1012);
    hub.logs("draining").await;
    in_time("a refused connection", async { while TcpStream::connect(hub.address).await.is_ok() {} }).await;
    assert!(hub.is_running());
    hub.signal("TERM");
    assert_eq!(hub.ended().await.code(), Some(0));
    hub.logs("stopped before everything was sent left=").await;
}

#[tokio::test]
async fn whoever_has_not_come_in_yet_does_not_hold_up_the_end() {
    let hub = &mut Hub::with(&[
        "server.line_listen=127.0.0.1:0",
        "server.drain_seconds=300",
        "limits.handshake_seconds=300",
    ]);
    let _silent_line = Line::connect(hub).await;
    let _silent = TcpStream::connect(hub.address).await.unwrap();
    let mut half = TcpStream::connect(hub.address).await.unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127").await.unwrap();
    let mut body = TcpStream::connect(hub.address).await.unwrap();
    body.write_all(b"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{")
        .await
        .unwrap();
    let mut kept = TcpStream::connect(hub.address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.unwrap();
    assert_eq!(kept.read_u8().await.unwrap(), b'H');
    hub.signal("INT");
    assert_eq!(hub.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_drain_of_no_seconds_cuts_at_once() {
    let hub = &mut Hub::with(&["server.drain_seconds=0"]);
    let _client = Raw::open(hub, "/talk", "{}").await;
    hub.signal("TERM");
    assert_eq!(hub.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_will_is_not_published_because_the_hub_stops() {
    let hub = &mut Hub::demo();
    let mut reader = Client::open(hub, "/talk", r#"{"filters": ["n/state/me"]}"#).await;
    let mut node = Client::open(hub, "/talk/n?side=node", r#"{"will": ["state/me", "gone"]}"#).await;
    hub.signal("TERM");
    assert_eq!(node.closed().await.0, 1012);
    let (texts, code, _) = reader.texts_until_close().await;
    assert_eq!((texts, code), (vec![], 1012));
}
