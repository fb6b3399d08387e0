//! A steady load over a link, both ways, of which every message is looked for on the other side.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::mqtt::Mqtt;
use crate::support::{Client, Hub, in_time};

/// Topics of each direction; commands, which never give way to each other.
const TOPICS: u64 = 5;

/// What was sent, and what came of it.
#[derive(Debug, Default)]
pub struct Count {
    /// Messages that the sender had acknowledged.
    pub sent: u64,
    /// Different ones that arrived.
    pub arrived: u64,
    /// Those that arrived once more.
    pub again: u64,
    /// Places in the order of a topic where one was missing when its successor came.
    pub gaps: u64,
}

/// The order of each topic.
#[derive(Default)]
struct Orders {
    next: HashMap<String, u64>,
    arrived: u64,
    again: u64,
    gaps: u64,
}

impl Orders {
    fn note(&mut self, topic: &str, payload: &str) {
        let number: u64 = payload.parse().unwrap();
        let next = self.next.entry(topic.to_owned()).or_default();
        if number < *next {
            self.again += 1;
            return;
        }
        self.gaps += u64::from(number > *next);
        self.arrived += 1;
        *next = number + 1;
    }
}

/// Messages a second in each direction, until told to stop; then waits until all has arrived, or `patience` has passed
/// without anything arriving.
pub struct Load {
    stop: Arc<AtomicBool>,
    out: tokio::task::JoinHandle<Count>,
    inward: tokio::task::JoinHandle<Count>,
    pub arrived: Arc<AtomicU64>,
}

impl Load {
    /// The link has the rule `both` for `load/#`.
    pub async fn start(hub: &Hub, broker_port: u16, a_second: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let arrived = Arc::new(AtomicU64::new(0));
        let here = Client::open(hub, "/talk", r#"{"filters": []}"#).await;
        let there = Subscriber::connect(broker_port, "load-sub", "load/out/#").await;
        let out = tokio::spawn(outwards(here, there, a_second, Arc::clone(&stop), Arc::clone(&arrived)));
        let listener = Client::open(hub, "/talk", r#"{"filters": ["load/in/#"]}"#).await;
        let inward =
            tokio::spawn(inwards(broker_port, listener, a_second, Arc::clone(&stop), Arc::clone(&arrived)));
        Self { stop, out, inward, arrived }
    }

    /// What went out and what came in.
    pub async fn finish(self) -> (Count, Count) {
        self.stop.store(true, Ordering::SeqCst);
        (self.out.await.unwrap(), self.inward.await.unwrap())
    }
}

fn topic(way: &str, number: u64) -> (String, String) {
    (format!("load/{way}/{}/set", number % TOPICS), (number / TOPICS).to_string())
}

/// Counts ticks of ten milliseconds, so that a slow one is made up for.
struct Pace {
    began: Instant,
    a_second: u64,
}

impl Pace {
    async fn due(&self, sent: u64) -> u64 {
        sleep(Duration::from_millis(10)).await;
        let due = u64::try_from(self.began.elapsed().as_millis()).unwrap() * self.a_second / 1000;
        due.saturating_sub(sent)
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

async fn outwards(
    mut here: Client,
    mut there: Subscriber,
    a_second: u64,
    stop: Arc<AtomicBool>,
    arrived: Arc<AtomicU64>,
) -> Count {
    let sent = Arc::new(AtomicU64::new(0));
    let (counter, stopped) = (Arc::clone(&sent), Arc::clone(&stop));
    let sender = tokio::spawn(async move {
        let pace = Pace { began: Instant::now(), a_second };
        let mut number = 0;
        while !stopped.load(Ordering::SeqCst) {
            for _ in 0..pace.due(number).await {
                let (topic, payload) = topic("out", number);
                here.feed(&format!("[\"{topic}\", {payload}]")).await;
                number += 1;
            }
            here.flush().await;
            counter.store(number, Ordering::SeqCst);
        }
        // All of it is routed when this is.
        here.publish("load/done", "1").await;
        here
    });
    let mut orders = Orders::default();
    loop {
        let done = stop.load(Ordering::SeqCst) && sender.is_finished();
        if done && orders.arrived >= sent.load(Ordering::SeqCst) {
            break;
        }
        match tokio::time::timeout(PATIENCE, there.next()).await {
            Ok(message) => {
                orders.note(&message.0, &message.1);
                arrived.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) if done => break,
            Err(_) => {}
        }
    }
    let sent = sent.load(Ordering::SeqCst);
    drop(sender.await.unwrap());
    Count { sent, arrived: orders.arrived, again: orders.again, gaps: orders.gaps }
}

async fn inwards(
    port: u16,
    mut here: Client,
    a_second: u64,
    stop: Arc<AtomicBool>,
    arrived: Arc<AtomicU64>,
) -> Count {
    let sent = Arc::new(AtomicU64::new(0));
    let (counter, stopped) = (Arc::clone(&sent), Arc::clone(&stop));
    let sender = tokio::spawn(publish(port, a_second, stopped, counter));
    let mut orders = Orders::default();
    loop {
        let done = stop.load(Ordering::SeqCst) && sender.is_finished();
        if done && orders.arrived >= sent.load(Ordering::SeqCst) {
            break;
        }
        match tokio::time::timeout(PATIENCE, here.message()).await {
            Ok(Some(Ok(message))) if message.is_text() => {
                let (topic, payload): (String, u64) =
                    serde_json::from_str(message.to_text().unwrap()).unwrap();
                orders.note(&topic, &payload.to_string());
                arrived.fetch_add(1, Ordering::Relaxed);
            }
            // A ping comes after a silence of fifteen seconds.
            Ok(Some(Ok(_))) | Err(_) if done => break,
            Ok(Some(Ok(_))) | Err(_) => {}
            Ok(other) => panic!("the hub closed: {other:?}"),
        }
    }
    sender.await.unwrap();
    Count {
        sent: sent.load(Ordering::SeqCst),
        arrived: orders.arrived,
        again: orders.again,
        gaps: orders.gaps,
    }
}

/// Publishes at QoS 1 until told to stop, and again what was not acknowledged when the broker went.
async fn publish(port: u16, a_second: u64, stop: Arc<AtomicBool>, sent: Arc<AtomicU64>) {
    let pace = Pace { began: Instant::now(), a_second };
    let (mut number, mut unacknowledged) = (0, VecDeque::<(u16, u64)>::new());
    'connections: loop {
        let Ok(mut mqtt) = Mqtt::try_connect(port, "load-pub", true).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        for (id, number) in &mut unacknowledged {
            let (topic, payload) = topic("in", *number);
            let Ok(new) = mqtt.send(&topic, payload.as_bytes()).await else { continue 'connections };
            *id = new;
        }
        loop {
            let stopping = stop.load(Ordering::SeqCst);
            if stopping && unacknowledged.is_empty() {
                return;
            }
            let due = if stopping || unacknowledged.len() > 200 { 0 } else { pace.due(number).await };
            for _ in 0..due.min(100) {
                let (topic, payload) = topic("in", number);
                // It is on the list before it is sent: what broke on its way is sent again.
                unacknowledged.push_back((0, number));
                number += 1;
                sent.store(number, Ordering::SeqCst);
                let Ok(id) = mqtt.send(&topic, payload.as_bytes()).await else { continue 'connections };
                unacknowledged.back_mut().unwrap().0 = id;
            }
            if let Ok(Err(_)) = tokio::time::timeout(Duration::from_millis(5), mqtt.read()).await {
                continue 'connections;
            }
            while let Some(id) = mqtt.acknowledged.pop_front() {
                if let Some(at) = unacknowledged.iter().position(|(held, _)| *held == id) {
                    unacknowledged.remove(at);
                }
            }
        }
    }
}

/// A subscriber whom the broker remembers.
struct Subscriber {
    port: u16,
    id: String,
    filter: String,
    mqtt: Option<Mqtt>,
}

impl Subscriber {
    async fn connect(port: u16, id: &str, filter: &str) -> Self {
        let mut subscriber = Self { port, id: id.to_owned(), filter: filter.to_owned(), mqtt: None };
        in_time("the broker", subscriber.ensure()).await;
        subscriber
    }

    async fn ensure(&mut self) -> &mut Mqtt {
        while self.mqtt.is_none() {
            match Mqtt::try_connect(self.port, &self.id, false).await {
                Ok(mut mqtt) => {
                    if !mqtt.session_present {
                        mqtt.subscribe(&self.filter).await;
                    }
                    self.mqtt = Some(mqtt);
                }
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
        self.mqtt.as_mut().unwrap()
    }

    async fn next(&mut self) -> (String, String) {
        loop {
            if let Ok(message) = self.ensure().await.message().await {
                return (message.topic.clone(), String::from_utf8(message.payload).unwrap());
            }
            self.mqtt = None;
        }
    }
}
