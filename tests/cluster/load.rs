//! A steady load between two hubs, both ways, of which every message is looked for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::support::{Client, Hub, in_time};

/// Topics of each direction.
const TOPICS: u64 = 8;

/// How long all servers may be away.
const LONGEST: Duration = Duration::from_secs(90);

/// What was sent, and what came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Messages that were published.
    pub sent: u64,
    /// Those that arrived.
    pub arrived: u64,
    /// Those that arrived once more, or after a newer one of their topic.
    pub again: u64,
}

impl Count {
    /// What did not arrive.
    pub fn lost(&self) -> u64 {
        self.sent - self.arrived
    }
}

/// Messages a second in one direction, commands, which never give way to each other.
pub struct Load {
    stop: Arc<AtomicBool>,
    sending: tokio::task::JoinHandle<u64>,
    hearing: tokio::task::JoinHandle<Count>,
    /// How many have arrived so far.
    pub arrived: Arc<AtomicU64>,
}

impl Load {
    /// From one hub to another, under a topic of its own.
    pub async fn start(from: &Hub, to: &Hub, name: &'static str, a_second: u64) -> Self {
        let (stop, arrived) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let filters = format!(r#"{{"filters": ["load/{name}/#"]}}"#);
        let reader = Client::open(to, "/talk", &filters).await;
        let writer = Client::open(from, "/talk", r#"{"filters": []}"#).await;
        let sending = tokio::spawn(send(writer, name, a_second, Arc::clone(&stop)));
        let hearing = tokio::spawn(hear(reader, name, Arc::clone(&arrived)));
        Self { stop, sending, hearing, arrived }
    }

    /// How many have arrived so far.
    pub fn count(&self) -> u64 {
        self.arrived.load(Ordering::SeqCst)
    }

    /// Waits until so many more have arrived.
    pub async fn goes_on(&self, more: u64) {
        let until = self.arrived.load(Ordering::SeqCst) + more;
        in_time("more messages", async {
            while self.arrived.load(Ordering::SeqCst) < until {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Ends it, with a last message of each topic that arrives.
    pub async fn finish(self) -> Count {
        self.stop.store(true, Ordering::SeqCst);
        let sent = in_time("the sender", self.sending).await.unwrap();
        let mut count = in_time("the last messages", self.hearing).await.unwrap();
        count.sent = sent;
        count
    }
}

async fn send(mut writer: Client, name: &str, a_second: u64, stop: Arc<AtomicBool>) -> u64 {
    let (begun, mut sent, mut left_out) = (Instant::now(), 0_u64, 0);
    while !stop.load(Ordering::SeqCst) {
        let mut due = u64::try_from(begun.elapsed().as_micros()).unwrap() * a_second / 1_000_000 - left_out;
        // A machine that is too slow for that does not owe the rest.
        let most = sent + a_second / 10;
        left_out += due.saturating_sub(most);
        due = due.min(most);
        while sent < due {
            writer.feed(&format!("[\"load/{name}/{}/set\", {}]", sent % TOPICS, sent / TOPICS)).await;
            sent += 1;
        }
        writer.flush().await;
        sleep(Duration::from_millis(1)).await;
    }
    // So that nobody waits for what was lost at the end: the last of each topic, until the reader has it.
    for topic in 0..TOPICS {
        let number = sent / TOPICS + 10;
        writer.publish(&format!("load/{name}/{topic}/set"), &format!("{{\"last\": {number}}}")).await;
    }
    sent + TOPICS
}

async fn hear(mut reader: Client, name: &str, arrived: Arc<AtomicU64>) -> Count {
    let (mut next, mut count, mut last) = (HashMap::<String, u64>::new(), Count::default(), 0);
    while last < TOPICS {
        let [topic, payload] = reader.two_within(LONGEST).await;
        let topic = topic.as_str().unwrap().to_owned();
        assert!(topic.starts_with(&format!("load/{name}/")), "{topic} {payload}");
        let number = payload.as_u64().or_else(|| payload["last"].as_u64()).unwrap();
        last += u64::from(payload.is_object());
        let next = next.entry(topic).or_default();
        if number < *next {
            count.again += 1;
            continue;
        }
        *next = number + 1;
        count.arrived += 1;
        arrived.store(count.arrived, Ordering::SeqCst);
    }
    count
}
