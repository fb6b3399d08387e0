//! Real brokers, each in a process of its own, on a port that was free a moment ago.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::support::until;

/// A broker. It is killed where it is dropped.
pub struct Broker {
    child: Option<Child>,
    kind: Kind,
    dir: TempDir,
    /// Where it listens.
    pub port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mosquitto,
    Nats,
}

impl Broker {
    /// Mosquitto that lets everybody in, and keeps sessions and last values when it is stopped.
    pub async fn mosquitto() -> Self {
        Self::mosquitto_with("allow_anonymous true").await
    }

    /// Mosquitto with more lines of its configuration; `{dir}` stands for its folder.
    pub async fn mosquitto_with(lines: &str) -> Self {
        let mut broker = Self::planned(Kind::Mosquitto);
        broker.configure(lines);
        broker.start().await;
        broker
    }

    /// Mosquitto whose listener speaks MQTT over WebSocket. It wants a plain one beside it.
    pub async fn websocket() -> Self {
        Self::websocket_with("allow_anonymous true").await
    }

    /// The same with more lines of its configuration.
    pub async fn websocket_with(lines: &str) -> Self {
        let mut broker = Self::planned(Kind::Mosquitto);
        let plain = format!("listener {} 127.0.0.1\n", free_port());
        let text = format!("{plain}listener {}\nprotocol websockets\n{lines}\n", broker.port);
        std::fs::write(broker.dir.path().join("conf"), text).unwrap();
        broker.start().await;
        broker
    }

    /// A Mosquitto that is not there yet.
    pub fn absent() -> Self {
        let broker = Self::planned(Kind::Mosquitto);
        broker.configure("allow_anonymous true");
        broker
    }

    /// nats-server with its MQTT port, which speaks 3.1.1.
    pub async fn nats() -> Self {
        let mut broker = Self::planned(Kind::Nats);
        let (port, dir) = (broker.port, broker.dir.path().display());
        let text = format!(
            "host: \"127.0.0.1\"\nport: -1\nserver_name: \"test\"\njetstream {{ store_dir: \"{dir}/js\" }}\n\
             mqtt {{ host: \"127.0.0.1\", port: {port} }}\n"
        );
        std::fs::write(broker.dir.path().join("conf"), text).unwrap();
        broker.start().await;
        broker
    }

    fn planned(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Mosquitto, started by root, becomes another user, who is to write there.
        let _ = Command::new("chmod").arg("0777").arg(dir.path()).status();
        let port = free_port();
        Self { child: None, kind, dir, port }
    }

    fn configure(&self, lines: &str) {
        let dir = self.dir.path().display().to_string();
        let text = format!(
            "listener {} 127.0.0.1\npersistence true\npersistence_location {dir}/\nmax_queued_messages 0\n\
             max_inflight_messages 1000\nset_tcp_nodelay true\n{}\n",
            self.port,
            lines.replace("{dir}", &dir)
        );
        std::fs::write(self.dir.path().join("conf"), text).unwrap();
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it, and waits until it takes connections.
    pub async fn start(&mut self) {
        let conf = self.dir.path().join("conf");
        let log = std::fs::File::create(self.dir.path().join("log")).unwrap();
        let mut command = match self.kind {
            Kind::Mosquitto => Command::new(program("mosquitto")),
            Kind::Nats => Command::new(program("nats-server")),
        };
        command.arg("-c").arg(conf).stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let child = command.spawn().expect("the broker is not installed: run tests/brokers/install");
        self.child = Some(child);
        let port = self.port;
        until("the broker", || TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
        assert_eq!(ended, None, "the broker has ended, and somebody else listens on its port");
    }

    /// Stops it as an operator does: it writes down what it knows.
    pub async fn stop(&mut self) {
        self.end("TERM").await;
    }

    /// Kills it: what it knew is lost.
    pub async fn kill(&mut self) {
        self.end("KILL").await;
        for file in std::fs::read_dir(self.dir.path()).unwrap().flatten() {
            if file.file_name().to_string_lossy().ends_with(".db") {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
    }

    async fn end(&mut self, signal: &str) {
        let mut child = self.child.take().unwrap();
        Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().unwrap();
        until("the end of the broker", || child.try_wait().unwrap().is_some()).await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(15).collect();
            println!(
                "the end of the broker's log:\n{}",
                end.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        }
    }
}

/// A port that nobody listens on and no other test of this process takes, below those that the system gives to clients:
/// whoever tries to reach one of those again and again while nobody is there ends up connected to itself.
fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id() * 61 + TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + u16::try_from(number % 20_000).unwrap();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// Debian puts servers where the PATH of a plain user does not look.
fn program(name: &str) -> String {
    let usual = format!("/usr/sbin/{name}");
    if Path::new(&usual).exists() { usual } else { name.to_owned() }
}
