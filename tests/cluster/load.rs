//! A steady load between two hubs, both ways, of which every message is looked for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::is_long;
use crate::support::{Client, Hub, in_time};

/// Topics of each direction.
const TOPICS: u64 = 8;

/// How long all servers may be away.
const LONGEST: Duration = Duration::from_secs(90);

/// After so long the last message of a topic counts as lost, and one more is sent.
const RESENT: Duration = Duration::from_secs(5);

/// Messages a second in each direction: as many as there should be with `CLOWN_LONG_TESTS=1`, else as many as any machine takes.
pub fn a_second() -> u64 {
    if is_long() { 2000 } else { 400 }
}

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

/// The last message of each topic: the number that was sent, and the one that came. Whatever is lost, the reader comes to an end.
#[derive(Default)]
struct Ends {
    sent: [u64; TOPICS as usize],
    came: [u64; TOPICS as usize],
    are_all_there: bool,
}

impl Ends {
    /// The topics of which the last message has not come. Now it is this one.
    fn send_again(&mut self, number: u64) -> Vec<usize> {
        let open: Vec<_> = (0..self.sent.len()).filter(|&topic| !self.has(topic)).collect();
        for &topic in &open {
            self.sent[topic] = number;
        }
        open
    }

    fn has(&self, topic: usize) -> bool {
        self.sent[topic] > 0 && self.came[topic] == self.sent[topic]
    }

    /// Whether this was the last that was missing.
    fn has_come(&mut self, topic: usize, number: u64) -> bool {
        self.came[topic] = number;
        self.are_all_there = (0..self.sent.len()).all(|topic| self.has(topic));
        self.are_all_there
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
        let ends = Arc::new(Mutex::new(Ends::default()));
        let sending = tokio::spawn(send(writer, name, a_second, Arc::clone(&stop), Arc::clone(&ends)));
        let hearing = tokio::spawn(hear(reader, name, Arc::clone(&arrived), ends));
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
        // What a slow machine has not read yet comes before the last messages.
        let both = async { (self.sending.await.unwrap(), self.hearing.await.unwrap()) };
        let (sent, mut count) = timeout(LONGEST, both).await.expect("the last messages come");
        count.sent = sent;
        count
    }
}

async fn send(
    mut writer: Client,
    name: &str,
    a_second: u64,
    stop: Arc<AtomicBool>,
    ends: Arc<Mutex<Ends>>,
) -> u64 {
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
    let mut number = sent / TOPICS + 10;
    while !ends.lock().unwrap().are_all_there {
        let open = ends.lock().unwrap().send_again(number);
        for topic in open {
            writer.publish(&format!("load/{name}/{topic}/set"), &format!("{{\"last\": {number}}}")).await;
            sent += 1;
        }
        number += 1;
        let tried = Instant::now();
        while !ends.lock().unwrap().are_all_there && tried.elapsed() < RESENT {
            sleep(Duration::from_millis(5)).await;
        }
    }
    sent
}

async fn hear(mut reader: Client, name: &str, arrived: Arc<AtomicU64>, ends: Arc<Mutex<Ends>>) -> Count {
    let (mut next, mut count) = (HashMap::<String, u64>::new(), Count::default());
    loop {
        let [topic, payload] = reader.two_within(LONGEST).await;
        let topic = topic.as_str().unwrap().to_owned();
        assert!(topic.starts_with(&format!("load/{name}/")), "{topic} {payload}");
        let number = payload.as_u64().or_else(|| payload["last"].as_u64()).unwrap();
        let next = next.entry(topic.clone()).or_default();
        if number < *next {
            count.again += 1;
            continue;
        }
        *next = number + 1;
        count.arrived += 1;
        arrived.store(count.arrived, Ordering::SeqCst);
        let of = topic.split('/').nth(2).and_then(|topic| topic.parse().ok()).unwrap();
        if payload.is_object() && ends.lock().unwrap().has_come(of, number) {
            return count;
        }
    }
}
