use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::connection::{Lines, Patience, Signs, run};
use crate::crew::Crew;
use crate::hub::{Client, Hub, Rates, Rights, Settings, Side};
use crate::topic::Base;

const PATIENCE: Patience = Patience {
    ping: Duration::from_mins(10),
    pong: Duration::from_secs(5),
    write: Duration::from_mins(10),
    vanished: Duration::from_secs(40),
};

/// So much fits between a connection and its client.
const ROOM: usize = 4096;

/// Two clients of one hub, whose connections are on two threads.
struct Pair {
    crew: Crew,
    publisher: DuplexStream,
    reader: DuplexStream,
    /// Ends the reader's connection.
    ended: CancellationToken,
    /// The thread of the reader.
    there: Handle,
}

impl Pair {
    async fn new(wishes: &str) -> Self {
        let (crew, hub) = (Crew::of(2).unwrap(), Hub::new(Settings::default(), SystemTime::UNIX_EPOCH));
        let join = |user: &str, side, ended: &CancellationToken| {
            let (ours, theirs) = tokio::io::duplex(ROOM);
            let rights = Arc::new(Rights::everything());
            let client =
                Client { user: user.into(), rights, base: Base::ROOT, side, rates: Rates::UNLIMITED };
            let session = hub.connect(client, SystemTime::UNIX_EPOCH);
            let connection = run(Lines::new(ours, ROOM), session, PATIENCE, Signs::with(ended, None));
            let there = crew.aboard(|aboard| {
                Handle::current().spawn(async move {
                    let _aboard = aboard;
                    connection.await;
                });
                Handle::current()
            });
            (theirs, there.unwrap())
        };
        let ended = CancellationToken::new();
        let (publisher, _) = join("publisher", Side::Node, &CancellationToken::new());
        let (reader, there) = join("reader", Side::Dashboard, &ended);
        let mut pair = Self { crew, publisher, reader, ended, there };
        let config =
            |filters: &str| format!("[\"clown.talk/-/config/set\", {{\"filters\": [{filters}]{wishes}}}]\n");
        pair.publisher.write_all(config("").as_bytes()).await.unwrap();
        pair.reader.write_all(config("\"a\"").as_bytes()).await.unwrap();
        assert!(line(&mut pair.publisher).await.contains("config/ok"));
        assert!(line(&mut pair.reader).await.contains("config/ok"));
        pair
    }

    async fn publish(&mut self, payload: &str) {
        self.publisher.write_all(format!("[\"a\", {payload}]\n").as_bytes()).await.unwrap();
    }

    /// Keeps the thread of the reader from doing anything, until what this returns is dropped.
    async fn occupy(&self) -> mpsc::SyncSender<()> {
        // A letter of before that is still in its box would be for that thread alone.
        let settled = self.there.spawn(async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        });
        settled.await.unwrap();
        let (held, until) = mpsc::sync_channel(1);
        let (begun, begins) = mpsc::sync_channel(1);
        self.there.spawn(async move {
            begun.send(()).unwrap();
            let _ = until.recv();
        });
        begins.recv().unwrap();
        held
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.crew.dismiss();
    }
}

async fn line(client: &mut DuplexStream) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(line).unwrap()
}

#[tokio::test]
async fn a_reader_whose_thread_is_busy_has_its_messages_from_the_thread_that_says_them() {
    let mut pair = Pair::new("").await;
    for round in 0..3 {
        let busy = pair.occupy().await;
        for number in 0..3 {
            pair.publish(&format!("1{round}{number}.5")).await;
            assert_eq!(line(&mut pair.reader).await, format!("[\"a\", 1{round}{number}.5]\n"));
        }
        drop(busy);
        // In between its own task answers, and goes on as ever.
        pair.reader.write_all(b"[\"clown.talk/-/subscription/get\", {}]\n").await.unwrap();
        assert!(line(&mut pair.reader).await.contains("subscription/"));
        pair.publish("7").await;
        assert_eq!(line(&mut pair.reader).await, "[\"a\", 7]\n");
    }
}

#[tokio::test]
async fn what_the_socket_does_not_take_is_written_by_its_own_task_and_what_follows_comes_after_it() {
    let mut pair = Pair::new("").await;
    let busy = pair.occupy().await;
    let long = format!("\"{}\"", "x".repeat(ROOM - 100));
    for payload in [&long, &long, "1"] {
        pair.publish(payload).await;
    }
    assert_eq!(line(&mut pair.reader).await, format!("[\"a\", {long}]\n"));
    drop(busy);
    assert_eq!(line(&mut pair.reader).await, format!("[\"a\", {long}]\n"));
    assert_eq!(line(&mut pair.reader).await, "[\"a\", 1]\n");
    pair.publish("2").await;
    assert_eq!(line(&mut pair.reader).await, "[\"a\", 2]\n");
}

#[tokio::test]
async fn once_a_connection_is_to_end_no_other_thread_writes_for_it() {
    let mut pair = Pair::new("").await;
    let busy = pair.occupy().await;
    pair.ended.cancel();
    pair.publish("1").await;
    pair.publisher.write_all(b"[\"clown.talk/-/subscription/get\", {}]\n").await.unwrap();
    assert!(line(&mut pair.publisher).await.contains("subscription/"), "the message before it was taken");
    assert!(futures_util::poll!(std::pin::pin!(pair.reader.read_u8())).is_pending());
    drop(busy);
    // This end is that of the hub: what waits is still sent, by its own task.
    let mut rest = String::new();
    pair.reader.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("[\"a\", 1]\n"), "{rest}");
}

#[tokio::test]
async fn who_wants_batches_has_them_from_its_own_task() {
    let mut pair = Pair::new(", \"batch\": 20").await;
    for number in 0..3 {
        pair.publish(&number.to_string()).await;
    }
    for number in 0..3 {
        assert_eq!(line(&mut pair.reader).await, format!("[\"a\", {number}]\n"));
    }
}
