//! The end of a hub with links: clients go first, and links carry what that leads to.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::broker::Broker;
use crate::link;
use crate::mqtt::Mqtt;
use crate::support::{Client, Hub};

#[tokio::test]
async fn when_the_hub_is_stopped_the_broker_hears_every_node_go_offline_after_its_last_reading() {
    const NODES: usize = 5;
    let broker = Broker::mosquitto().await;
    let mut hub = Hub::with_links(&[("house", &link(broker.port, "", &[("out", "#")]))], &[]);
    hub.logs("link is connected").await;
    let mut there = Mqtt::connect(broker.port, "there").await;
    there.subscribe("#").await;
    let mut nodes = Vec::new();
    for n in 0..NODES {
        nodes.push(Client::open(&hub, &format!("/talk/n/{n}?side=node"), r#"{"filters": []}"#).await);
    }
    for node in &mut nodes {
        node.publish("r/t", "1").await;
    }
    hub.signal("TERM");
    let mut last: Vec<Vec<String>> = vec![Vec::new(); NODES];
    while last.iter().any(|heard| !heard.iter().any(|what| what.contains("offline"))) {
        let heard = there.hears().await;
        let Some(rest) = heard.strip_prefix("n/") else { continue };
        let (n, what) = rest.split_once('/').unwrap();
        last[n.parse::<usize>().unwrap()].push(what.to_owned());
    }
    assert!(hub.ended().await.success());
    for heard in last {
        let at = |part: &str| heard.iter().position(|what| what.contains(part));
        assert!(at("r/t 1").is_some() && at("r/t 1") < at("offline"), "{heard:?}");
    }
    hub.logs("stopped").await;
    let mut late = Mqtt::connect(broker.port, "late").await;
    late.subscribe("n/0/#").await;
    while !late.hears().await.contains("offline") {}
}

#[tokio::test]
async fn a_client_that_does_not_read_its_end_does_not_keep_the_others_presence_from_the_broker() {
    let broker = Broker::mosquitto().await;
    let settings = [
        "server.drain_seconds=2",
        "limits.write_seconds=300",
        "outbox.bytes=40000000",
        "outbox.hard_bytes=40000000",
    ];
    let mut hub = Hub::with_links(&[("house", &link(broker.port, "", &[("out", "n/#")]))], &settings);
    hub.logs("link is connected").await;
    let mut there = Mqtt::connect(broker.port, "there").await;
    there.subscribe("n/#").await;
    let _stalled =
        crate::support::Raw::open(&hub, "/talk/n/stalled?side=node", r##"{"filters": ["#"]}"##).await;
    let mut node = Client::open(&hub, "/talk/n/stalled", r#"{"filters": []}"#).await;
    let long = format!("\"{}\"", "x".repeat(100_000));
    for n in 0..120 {
        node.publish(&format!("r/{n}/set"), &long).await;
    }
    hub.signal("TERM");
    while !there.hears().await.contains("offline") {}
    hub.ended().await;
    hub.logs("stopped before everything was sent left=1").await;
}

/// Keeps whoever opens a file waiting, as a network drive does whose server is gone: the kernel lets nobody in before
/// the lease is given back, or 45 s have passed.
struct Lease {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Lease {
    fn on(path: &Path) -> Self {
        const HOLD: &str = "import fcntl, os, signal, sys\n\
            signal.signal(signal.SIGIO, lambda *_: print('somebody waits', flush=True))\n\
            file = os.open(sys.argv[1], os.O_RDWR)\n\
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
            print('held', flush=True)\n\
            sys.stdin.read()\n";
        let mut command = Command::new("python3");
        command.args(["-c", HOLD]).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        let mut lease = Self { child, says };
        lease.says("held");
        lease
    }

    fn says(&mut self, expected: &str) {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expected);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_file_on_a_drive_that_hangs_does_not_hold_the_end() {
    let broker = Broker::mosquitto().await;
    let mut hub = Hub::with_links(&[("house", &link(broker.port, "", &[("in", "x/#")]))], &[]);
    hub.logs("link is connected").await;
    let dir = hub.dir().join("bridges");
    // The folder hangs, and so does a password.
    std::fs::write(dir.join("secret"), "hunter2").unwrap();
    let mut secret = Lease::on(&dir.join("secret"));
    let keys = format!("user = 'jana'\npassword_file = '{}'", dir.join("secret").display());
    std::fs::write(dir.join("two.toml"), link(broker.port, &keys, &[("in", "y/#")])).unwrap();
    hub.logs("link is on link=two").await;
    std::fs::write(dir.join("three"), link(broker.port, "", &[("in", "z/#")])).unwrap();
    let mut three = Lease::on(&dir.join("three"));
    std::fs::rename(dir.join("three"), dir.join("three.toml")).unwrap();
    let both = tokio::task::spawn_blocking(move || {
        for lease in [&mut secret, &mut three] {
            lease.says("somebody waits");
        }
        (secret, three)
    });
    let _held = crate::support::in_time("the hub to wait for both", both).await.unwrap();
    hub.signal("TERM");
    hub.ended().await;
    hub.logs("stopped").await;
    assert!(!hub.log().contains("link is on link=three"), "it could read the file");
}
