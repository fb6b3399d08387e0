//! Everything is restarted, hub after hub and server after server, while clients go on: what each reader misses is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::agreement::agree;
use crate::last_values::shares;
use crate::load::a_second;
use crate::nats::{Node, PASSWORD};
use crate::support::{Client, Hub, basic, in_time};
use crate::{connected, figure_is};

const HUBS: usize = 3;
const WRITERS: usize = 2;
/// Topics of each writer.
const TOPICS: u64 = 4;
/// The most messages that a writer has under way.
const AT_ONCE: u64 = 100;
/// So many messages of each writer show that a reader hears it.
const SHOWN: u64 = 2 * AT_ONCE;

/// Where the hubs are now.
type Places = Arc<Mutex<[Option<SocketAddr>; HUBS]>>;

/// A client at this hub, with these settings, if the hub is there.
async fn at(places: &Places, hub: usize, path: &str, settings: &str) -> Option<Client> {
    let address = places.lock().unwrap()[hub]?;
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).unwrap();
    let headers = [("authorization", &*basic("clown", "bigclown"))];
    let mut client = Client::over(Box::new(stream), &address.to_string(), path, &headers).await.ok()?;
    client.try_say(&format!("[\"clown.talk/-/config/set\", {settings}]")).await.ok()?;
    client.try_hear().await?;
    Some(client)
}

/// A client at this hub or the next one that is there.
async fn anywhere(places: &Places, from: &mut usize, path: &str, settings: &str) -> Client {
    in_time("a hub that is there", async {
        loop {
            if let Some(client) = at(places, *from, path, settings).await {
                return client;
            }
            *from = (*from + 1) % HUBS;
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

/// Publishes numbers under way, at any hub, and knows which of them were acknowledged.
struct Writer {
    next: Arc<AtomicU64>,
    acknowledged: Arc<Mutex<BTreeSet<u64>>>,
    task: JoinHandle<()>,
}

impl Writer {
    fn start(places: &Places, name: usize, stop: &Arc<AtomicBool>) -> Self {
        let (next, acknowledged) = (Arc::<AtomicU64>::default(), Arc::<Mutex<BTreeSet<u64>>>::default());
        let (places, stop) = (Arc::clone(places), Arc::clone(stop));
        let (number, known) = (Arc::clone(&next), Arc::clone(&acknowledged));
        let task = tokio::spawn(async move {
            let mut hub = name;
            'anew: loop {
                let mut client = anywhere(&places, &mut hub, "/talk", r#"{"filters": []}"#).await;
                let (begun, first) = (Instant::now(), number.load(Ordering::SeqCst));
                while !stop.load(Ordering::SeqCst) {
                    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap();
                    let due = first + micros * a_second() / 1_000_000;
                    let due = due.saturating_sub(number.load(Ordering::SeqCst)).min(AT_ONCE);
                    for _ in 0..due {
                        let n = number.fetch_add(1, Ordering::SeqCst);
                        let text = format!(r#"["roll/{name}/{}/set", {n}, {{"id": {n}}}]"#, n % TOPICS);
                        if client.try_say(&text).await.is_err() {
                            continue 'anew;
                        }
                    }
                    for _ in 0..due {
                        let Some(text) = client.try_hear().await else { continue 'anew };
                        let frame: Value = serde_json::from_str(&text).unwrap();
                        assert_eq!(frame[0], "clown.talk/-/publish/ok", "{text}");
                        known.lock().unwrap().insert(frame[1]["id"].as_u64().unwrap());
                    }
                    sleep(Duration::from_millis(1)).await;
                }
                return;
            }
        });
        Self { next, acknowledged, task }
    }

    fn next(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }
}

/// What a reader has heard of each writer.
#[derive(Default)]
struct Heard {
    numbers: [BTreeSet<u64>; WRITERS],
    again: u64,
}

/// Hears all of it at one hub, whenever that is there.
struct Reader {
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

impl Reader {
    fn start(places: &Places, hub: usize) -> Self {
        let heard = Arc::<Mutex<Heard>>::default();
        let (places, all) = (Arc::clone(places), Arc::clone(&heard));
        let task = tokio::spawn(async move {
            loop {
                let Some(mut client) = at(&places, hub, "/talk", r#"{"filters": ["roll/#"]}"#).await else {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                };
                while let Some(text) = client.try_hear().await {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    let writer: usize =
                        frame[0].as_str().unwrap().split('/').nth(1).unwrap().parse().unwrap();
                    let mut all = all.lock().unwrap();
                    let is_new = all.numbers[writer].insert(frame[1].as_u64().unwrap());
                    all.again += u64::from(!is_new);
                }
            }
        });
        Self { heard, task }
    }

    /// Which of these numbers of a writer it has not heard.
    fn lacks(&self, writer: usize, numbers: &BTreeSet<u64>) -> BTreeSet<u64> {
        numbers.difference(&self.heard.lock().unwrap().numbers[writer]).copied().collect()
    }
}

/// A node that switches, at any hub.
fn relay(places: &Places, switched: &Arc<Mutex<Vec<u64>>>) -> JoinHandle<()> {
    let (places, switched) = (Arc::clone(places), Arc::clone(switched));
    tokio::spawn(async move {
        let mut hub = 1;
        loop {
            let path = "/talk/nodes/bridge/0?side=node";
            let mut client = anywhere(&places, &mut hub, path, r#"{"filters": ["relay/0/set"]}"#).await;
            while let Some(text) = client.try_hear().await {
                let frame: Value = serde_json::from_str(&text).unwrap();
                switched.lock().unwrap().push(frame[1]["n"].as_u64().unwrap());
                if client.try_say(&json!(["relay/0", frame[1]]).to_string()).await.is_err() {
                    break;
                }
            }
        }
    })
}

/// Gives one command after the other and wants each confirmed; what is not, it gives again. Says how many there were, and how often
/// one was given again.
fn phone(places: &Places, stop: &Arc<AtomicBool>) -> JoinHandle<(u64, u64)> {
    let (places, stop) = (Arc::clone(places), Arc::clone(stop));
    tokio::spawn(async move {
        let (mut hub, mut n, mut again) = (0, 0, 0);
        loop {
            let mut client = anywhere(&places, &mut hub, "/talk", r#"{"filters": []}"#).await;
            loop {
                if stop.load(Ordering::SeqCst) {
                    return (n, again);
                }
                let command =
                    format!(r#"["nodes/bridge/0/relay/0/set", {{"n": {n}}}, {{"id": {n}, "confirm": 3}}]"#);
                if client.try_say(&command).await.is_err() {
                    break;
                }
                let Some(text) = client.try_hear().await else { break };
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame[0] == "clown.talk/-/publish/ok" {
                    assert_eq!(
                        (&frame[1]["id"], &frame[1]["confirmed"]["n"]),
                        (&json!(n), &json!(n)),
                        "{text}"
                    );
                    n += 1;
                } else {
                    again += 1;
                }
                sleep(Duration::from_millis(20)).await;
            }
            again += 1;
        }
    })
}

/// All of it.
struct World {
    nodes: Vec<Node>,
    hubs: Vec<Hub>,
    stores: Vec<TempDir>,
    places: Places,
    writers: Vec<Writer>,
    readers: Vec<Reader>,
}

/// The program of hubs before they are restarted, where another version is to be tried.
fn program_before() -> Option<PathBuf> {
    std::env::var_os("CLOWN_HUB_BEFORE").map(PathBuf::from)
}

impl World {
    async fn new(stop: &Arc<AtomicBool>) -> Self {
        let nodes = Node::nodes(HUBS).await;
        let stores: Vec<_> = (0..HUBS).map(|_| tempfile::tempdir().unwrap()).collect();
        let (mut hubs, places) = (Vec::new(), Places::default());
        for number in 0..HUBS {
            let hub = hub(number, &nodes, &stores, program_before());
            connected(&hub).await;
            places.lock().unwrap()[number] = Some(hub.address);
            hubs.push(hub);
        }
        for hub in &hubs {
            shares(hub).await;
            figure_is(hub, "cluster_others", |others| others == HUBS as u64 - 1).await;
        }
        let readers = (0..HUBS).map(|number| Reader::start(&places, number)).collect();
        let writers = (0..WRITERS).map(|name| Writer::start(&places, name, stop)).collect();
        let world = Self { nodes, hubs, stores, places, writers, readers };
        world.settles().await;
        world
    }

    /// Waits until each reader hears each writer.
    async fn settles(&self) {
        let since: Vec<_> = self.writers.iter().map(Writer::next).collect();
        in_time("messages of all writers at all readers", async {
            let hears = |reader: &Reader| {
                let heard = reader.heard.lock().unwrap();
                let newest = heard.numbers.iter().map(|numbers| numbers.last().copied().unwrap_or_default());
                newest.zip(&since).all(|(newest, since)| newest > since + SHOWN)
            };
            while !self.readers.iter().all(hears) {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// What each reader lacks of all that was acknowledged while something happened, and what its hub has counted as missing
    /// meanwhile.
    async fn loses(&mut self, happens: impl AsyncFnOnce(&mut Self)) -> Vec<(u64, u64)> {
        let since: Vec<_> = self.writers.iter().map(Writer::next).collect();
        // What was under way then is there by now, so that it is not lost outside of what is counted.
        self.settles().await;
        let before = self.missing().await;
        happens(self).await;
        self.settles().await;
        let until: Vec<_> = self.writers.iter().map(Writer::next).collect();
        // What was under way then is there by now.
        self.settles().await;
        let after = self.missing().await;
        let mut lost = vec![0; HUBS];
        for (writer, (since, until)) in since.into_iter().zip(until).enumerate() {
            let sent: BTreeSet<_> =
                self.writers[writer].acknowledged.lock().unwrap().range(since..until).copied().collect();
            for (reader, lost) in self.readers.iter().zip(&mut lost) {
                *lost += reader.lacks(writer, &sent).len() as u64;
            }
        }
        lost.into_iter()
            .zip(before.into_iter().zip(after).map(|(before, after)| after.saturating_sub(before)))
            .collect()
    }

    async fn missing(&self) -> Vec<u64> {
        let mut missing = Vec::new();
        for hub in &self.hubs {
            missing.push(hub.figure("cluster_messages_missing").await);
        }
        missing
    }

    async fn restarts_hub(&mut self, number: usize) {
        self.places.lock().unwrap()[number] = None;
        let before = self.hubs.remove(number);
        before.stopped().await;
        let hub = hub(number, &self.nodes, &self.stores, None);
        connected(&hub).await;
        shares(&hub).await;
        self.places.lock().unwrap()[number] = Some(hub.address);
        self.hubs.insert(number, hub);
    }

    async fn restarts_server(&mut self, number: usize) {
        self.nodes[number].stop().await;
        for hub in &self.hubs {
            connected(hub).await;
        }
        self.nodes[number].start().await;
        Node::know_each_other(&self.nodes).await;
        for hub in &self.hubs {
            connected(hub).await;
            shares(hub).await;
        }
    }
}

fn hub(number: usize, nodes: &[Node], stores: &[TempDir], program: Option<PathBuf>) -> Hub {
    let servers = format!("cluster.servers=nats://127.0.0.1:{}", nodes[number].port);
    let name = format!("cluster.name={}", ["a", "b", "c"][number]);
    let store = format!("store.directory={}", stores[number].path().display());
    let settings = [
        &*servers,
        &name,
        &store,
        "cluster.user=hub",
        "cluster.password_env=HUB_PASSWORD",
        "figures.every_seconds=1",
    ];
    Hub::of(program, &[("HUB_PASSWORD", PASSWORD)], &settings)
}

#[tokio::test]
async fn everything_is_restarted_one_after_the_other_and_nobody_misses_what_is_not_counted() {
    let begun = Instant::now();
    let (stop, switched) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<u64>>>::default());
    let mut world = World::new(&stop).await;
    let relay = relay(&world.places, &switched);
    let phone = phone(&world.places, &stop);
    let mut states = Client::open(&world.hubs[0], "/talk?side=node", r#"{"filters": []}"#).await;
    let mut expected = BTreeMap::new();
    for n in 0..20 {
        states.publish(&format!("states/a/{n}"), &n.to_string()).await;
        expected.insert(format!("states/a/{n}"), json!(n));
    }
    for number in 0..HUBS {
        let lost = world.loses(async |world: &mut World| world.restarts_hub(number).await).await;
        println!("hub {number} was restarted: lost and missing at each: {lost:?}");
        for (reader, (lost, missing)) in lost.into_iter().enumerate() {
            // The client of the hub that was restarted was away.
            assert!(reader == number || (lost, missing) == (0, 0), "reader {reader}: {lost}, {missing}");
        }
    }
    for number in 0..HUBS {
        let lost = world.loses(async |world: &mut World| world.restarts_server(number).await).await;
        println!("server {number} was restarted: lost and missing at each: {lost:?}");
        for (reader, (lost, missing)) in lost.into_iter().enumerate() {
            assert_eq!(lost, missing, "reader {reader}");
        }
    }
    stop.store(true, Ordering::SeqCst);
    let (commands, again) = in_time("the phone", phone).await.unwrap();
    let seconds = begun.elapsed().as_secs().max(1);
    let rates: Vec<_> = world.writers.iter().map(|writer| writer.next() / seconds).collect();
    println!("messages a second of each writer: {rates:?}");
    for Writer { task, .. } in world.writers {
        in_time("a writer", task).await.unwrap();
    }
    for reader in &world.readers {
        reader.task.abort();
        assert_eq!(reader.heard.lock().unwrap().again, 0, "nothing comes twice");
    }
    relay.abort();
    let switched = switched.lock().unwrap().clone();
    println!("{commands} commands were confirmed, {again} of them were given again");
    let done: BTreeSet<_> = switched.iter().copied().collect();
    assert_eq!(
        (0..commands).filter(|n| !done.contains(n)).count(),
        0,
        "each that was confirmed was carried out"
    );
    assert!(commands > 50, "{commands}");
    for hub in &world.hubs {
        for none in ["cluster_messages_lost", "cluster_messages_refused", "cluster_messages_skipped"] {
            assert_eq!(hub.figure(none).await, 0, "{none}");
        }
    }
    agree(&world.hubs, &expected).await;
}
