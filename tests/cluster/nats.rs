//! Real servers of NATS, each in a process of its own, with the configuration that is brought for users.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::proxy::Proxy;
use crate::support::{in_time, until};

/// The password of the user `hub`.
pub const PASSWORD: &str = "s3cret-of-the-hubs";

/// One node. It is killed where it is dropped.
pub struct Node {
    child: Option<Child>,
    dir: TempDir,
    conf: PathBuf,
    variables: Vec<(&'static str, String)>,
    /// Where clients connect.
    pub port: u16,
    http: u16,
}

impl Node {
    /// A single server: with the configuration that is brought, less its cluster, in which one alone keeps nothing.
    pub async fn single() -> Self {
        let mut node = Self::planned(0, &[free_port()]);
        node.is_alone();
        node.start().await;
        node
    }

    fn is_alone(&mut self) {
        let brought = std::fs::read_to_string(&self.conf).unwrap();
        let (before, rest) = brought.split_once("\ncluster {").unwrap();
        self.write(&format!("{before}{}", rest.split_once("\n}").unwrap().1));
    }

    /// A single server with a configuration of its own; `PORT` and `HTTP` stand for its ports, `DIR` for its folder.
    pub async fn with(text: &str) -> Self {
        let mut node = Self::planned(0, &[free_port()]);
        node.configure(text);
        node.start().await;
        node
    }

    /// A single server that is not there yet.
    pub fn absent() -> Self {
        let mut node = Self::planned(0, &[free_port()]);
        node.is_alone();
        node
    }

    /// So many that are one.
    pub async fn nodes(count: usize) -> Vec<Self> {
        let routes: Vec<_> = (0..count).map(|_| free_port()).collect();
        let mut nodes: Vec<_> = (0..count).map(|number| Self::planned(number, &routes)).collect();
        for node in &mut nodes {
            node.start().await;
        }
        Self::know_each_other(&nodes).await;
        nodes
    }

    /// So many that are one, with stretches of network between some of them that can be cut: between those two of which
    /// `is_parted` says so.
    pub async fn parted(count: usize, is_parted: impl Fn(usize, usize) -> bool) -> (Vec<Self>, Vec<Proxy>) {
        let routes: Vec<_> = (0..count).map(|_| free_port()).collect();
        let mut proxies = Vec::new();
        for route in &routes {
            proxies.push(Proxy::to(*route).await);
        }
        let brought = std::fs::read_to_string(brought()).unwrap();
        let mut nodes = Vec::new();
        for number in 0..count {
            let way =
                |other: usize| if is_parted(number, other) { proxies[other].port } else { routes[other] };
            let ways: Vec<_> =
                (0..count).map(|other| if other == number { routes[number] } else { way(other) }).collect();
            let mut node = Self::planned(number, &ways);
            // What they tell each other of the way to this one leads over that stretch, too.
            if (0..count).any(|other| other != number && is_parted(number, other)) {
                let told =
                    format!("listen: $NATS_CLUSTER\n  advertise: \"127.0.0.1:{}\"", proxies[number].port);
                assert!(brought.contains("listen: $NATS_CLUSTER"));
                node.write(&brought.replace("listen: $NATS_CLUSTER", &told));
            }
            nodes.push(node);
        }
        for node in &mut nodes {
            node.start().await;
        }
        Self::know_each_other(&nodes).await;
        (nodes, proxies)
    }

    /// Waits until each of them has a route to each other one.
    pub async fn know_each_other(nodes: &[Self]) {
        for node in nodes {
            in_time("the routes between the nodes", async {
                while node.routes().await.len() < nodes.len() - 1 {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            })
            .await;
        }
    }

    /// The ids of the nodes that it has routes to.
    pub async fn routes(&self) -> BTreeSet<String> {
        let told = self.ask("/routez").await;
        let routes = told["routes"].as_array().cloned().unwrap_or_default();
        routes.iter().map(|route| route["remote_id"].as_str().unwrap().to_owned()).collect()
    }

    fn planned(number: usize, routes: &[u16]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (port, http) = (free_port(), free_port());
        let all: Vec<_> = routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let variables = vec![
            ("NATS_NAME", format!("node-{number}")),
            ("NATS_HOST", "127.0.0.1".to_owned()),
            ("NATS_PORT", port.to_string()),
            ("NATS_HTTP", format!("127.0.0.1:{http}")),
            ("NATS_CLUSTER", format!("127.0.0.1:{}", routes[number])),
            ("NATS_ROUTES", format!("[{}]", all.join(", "))),
            ("NATS_PASSWORD", PASSWORD.to_owned()),
            ("NATS_STORE", dir.path().join("store").display().to_string()),
        ];
        Self { child: None, dir, conf: brought(), variables, port, http }
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(&mut self) {
        self.signal("TERM");
        let mut child = self.child.take().unwrap();
        until("the end of the server", || child.try_wait().unwrap().is_some()).await;
    }

    /// With this in place of the configuration that is brought.
    pub fn configure(&mut self, text: &str) {
        let text = text.replace("PORT", &self.port.to_string()).replace("HTTP", &self.http.to_string());
        let text = text.replace("DIR", &self.dir.path().display().to_string());
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        self.conf = self.dir.path().join("conf");
        std::fs::write(&self.conf, text).unwrap();
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it, and waits until it takes connections.
    pub async fn start(&mut self) {
        let log =
            std::fs::File::options().append(true).create(true).open(self.dir.path().join("log")).unwrap();
        let mut command = Command::new(program());
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.arg("-c").arg(&self.conf).stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let child = command.spawn().expect("nats-server is not installed: run tests/brokers/install");
        self.child = Some(child);
        let port = self.port;
        let node = &mut self.child;
        until("the server of NATS", || {
            let ended = node.as_mut().and_then(|child| child.try_wait().unwrap());
            assert_eq!(ended, None, "the server has ended");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
        .await;
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Kills it as the kernel does.
    pub async fn kill(&mut self) {
        self.signal("KILL");
        let mut child = self.child.take().unwrap();
        until("the end of the server", || child.try_wait().unwrap().is_some()).await;
    }

    /// What its monitor says.
    pub async fn ask(&self, path: &str) -> Value {
        let mut stream =
            in_time("the monitor", tokio::net::TcpStream::connect(("127.0.0.1", self.http))).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: nats\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        in_time("the monitor", stream.read_to_string(&mut text)).await.unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        // The body may come in chunks.
        let json: String = body
            .lines()
            .filter(|line| !line.trim().chars().all(|c| c.is_ascii_hexdigit()) || line.is_empty())
            .collect();
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Whether the stream of last values has its leader here.
    pub async fn leads(&self) -> bool {
        let told = self.ask("/jsz?accounts=true&streams=true").await;
        let name = &self.variables[0].1;
        let accounts = told["account_details"].as_array().cloned().unwrap_or_default();
        let mut streams = accounts
            .iter()
            .flat_map(|account| account["stream_detail"].as_array().cloned().unwrap_or_default());
        streams.any(|stream| stream["name"] == "clown-last" && stream["cluster"]["leader"] == **name)
    }

    /// Its version.
    pub async fn version(&self) -> String {
        self.ask("/varz").await["version"].as_str().unwrap().to_owned()
    }

    /// How many messages the stream of last values has.
    pub async fn kept(&self) -> u64 {
        let told = self.ask("/jsz?accounts=true&streams=true").await;
        let streams = told["account_details"].as_array().into_iter().flatten();
        let mut streams =
            streams.flat_map(|account| account["stream_detail"].as_array().into_iter().flatten());
        let found = streams.find(|stream| stream["name"] == "clown-last");
        found.and_then(|stream| stream["state"]["messages"].as_u64()).unwrap_or_default()
    }

    /// What the connection for messages of a hub has subscribed to.
    pub async fn subscriptions(&self, hub: &str) -> Vec<String> {
        let told = self.ask("/connz?subs=1").await;
        let name = format!("clown-hub {hub} messages");
        let connections = told["connections"].as_array().unwrap();
        let found = connections.iter().find(|connection| connection["name"] == *name);
        let list =
            found.and_then(|found| found["subscriptions_list"].as_array().cloned()).unwrap_or_default();
        let mut all: Vec<_> = list.iter().map(|subject| subject.as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    }

    /// How many connections it has.
    pub async fn connections(&self) -> u64 {
        self.ask("/connz").await["num_connections"].as_u64().unwrap()
    }

    /// Speaks with it as another program does.
    pub async fn stranger(&self) -> Stranger {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let hello = format!(
            "CONNECT {{\"verbose\":false,\"headers\":true,\"user\":\"hub\",\"pass\":\"{PASSWORD}\"}}\r\nPING\r\n"
        );
        stream.write_all(hello.as_bytes()).await.unwrap();
        let mut stranger = Stranger(stream);
        stranger.hears("PONG").await;
        stranger
    }
}

/// Another program.
pub struct Stranger(tokio::net::TcpStream);

impl Stranger {
    /// Publishes something, with a header of hubs if there is one.
    pub async fn say(&mut self, subject: &str, stamp: Option<&str>, payload: &str) {
        let text = match stamp {
            None => format!("PUB {subject} {}\r\n{payload}\r\n", payload.len()),
            Some(stamp) => return self.say_with(subject, &[("Clown-Hub", stamp)], payload).await,
        };
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Publishes something with these headers.
    pub async fn say_with(&mut self, subject: &str, headers: &[(&str, &str)], payload: &str) {
        let headers: Vec<_> = headers.iter().map(|(name, text)| format!("{name}: {text}\r\n")).collect();
        let head = format!("NATS/1.0\r\n{}\r\n", headers.concat());
        let all = head.len() + payload.len();
        let text = format!("HPUB {subject} {} {all}\r\n{head}{payload}\r\n", head.len());
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hears(&mut self, word: &str) {
        let mut all = Vec::new();
        in_time(word, async {
            while !String::from_utf8_lossy(&all).contains(word) {
                let mut chunk = [0; 4096];
                let read = self.0.read(&mut chunk).await.unwrap();
                assert!(read > 0, "the server has closed: {}", String::from_utf8_lossy(&all));
                all.extend_from_slice(&chunk[..read]);
            }
        })
        .await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(8).collect();
            println!(
                "the end of the server's log:\n{}",
                end.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        }
    }
}

/// A port that nobody listens on and no other test of this process takes, below those that the system gives to clients.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id() * 67 + TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + u16::try_from(number % 20_000).unwrap();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// The configuration that is brought for users.
fn brought() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/nats/node.conf")
}

/// That of `NATS_SERVER`, or the one that is installed. Debian puts servers where the PATH of a plain user does not look.
fn program() -> String {
    if let Ok(program) = std::env::var("NATS_SERVER") {
        return program;
    }
    let usual = "/usr/sbin/nats-server";
    if Path::new(usual).exists() { usual.to_owned() } else { "nats-server".to_owned() }
}
