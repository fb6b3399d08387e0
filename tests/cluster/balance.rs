//! `HAProxy` in front of several hubs, with the file of `config/proxies`: it spreads clients, asks which hubs are ready, and takes
//! the clients of a hub that ends to the others.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use crate::last_values::{is_put, sharing};
use crate::nats::{Node, free_port};
use crate::support::{Client, House, Hub, basic, in_time, shake};
use crate::{figure_is, unconnected};

const CLIENTS: usize = 30;
const BEHIND: &[&str] =
    &["server.trusted_proxies=127.0.0.1", "server.proxy_protocol=lines", "server.line_listen=127.0.0.1:0"];

/// It runs until the test ends.
struct Balancer {
    child: Child,
    address: SocketAddr,
    lines: SocketAddr,
    figures: u16,
    house: House,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

impl Balancer {
    /// In front of these hubs.
    async fn start(hubs: &[&Hub]) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/proxies/haproxy-cluster.cfg");
        let mut text = std::fs::read_to_string(path).unwrap();
        let (house, address, lines, figures) = (House::new(), free(), free(), free_port());
        let both = house.path("hub-and-key.pem");
        let files = ["hub.pem", "hub.key"].map(|name| std::fs::read_to_string(house.path(name)).unwrap());
        std::fs::write(&both, files.concat()).unwrap();
        let mut replaced = vec![
            ("/etc/ssl/hub-and-key.pem".to_owned(), both.display().to_string()),
            (" :443 ".to_owned(), format!(" {address} ")),
            (" :8884 ".to_owned(), format!(" {lines} ")),
        ];
        for (number, hub) in hubs.iter().enumerate() {
            let (host, of_lines) = (format!("10.0.0.{}", 11 + number), hub.lines.unwrap().to_string());
            replaced.push((format!("{host}:8080"), hub.address.to_string()));
            replaced
                .push((format!("{host}:8081 port 8080"), format!("{of_lines} port {}", hub.address.port())));
        }
        for (old, new) in replaced {
            assert!(text.contains(&old), "{old}");
            text = text.replace(&old, &new);
        }
        text +=
            "\nlisten figures\n    mode http\n    stats enable\n    stats uri /figures\n    bind 127.0.0.1:";
        text += &figures.to_string();
        text.push('\n');
        let config = house.path("haproxy.cfg");
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(house.path("haproxy.log")).unwrap();
        let program = if Path::new("/usr/sbin/haproxy").exists() { "/usr/sbin/haproxy" } else { "haproxy" };
        let started = Command::new(program)
            .args(["-db", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let mut child = started.expect("haproxy is not installed: run tests/proxies/install");
        in_time("HAProxy", async {
            while TcpStream::connect(address).await.is_err() {
                let log = || std::fs::read_to_string(house.path("haproxy.log")).unwrap();
                assert!(child.try_wait().unwrap().is_none(), "HAProxy has ended: {}", log());
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        Self { child, address, lines, figures, house }
    }

    /// Waits until it takes so many hubs for ready.
    async fn takes_for_ready(&self, count: usize) {
        in_time("the checks of HAProxy", async {
            loop {
                let mut stream = TcpStream::connect(("127.0.0.1", self.figures)).await.unwrap();
                let request = "GET /figures;csv HTTP/1.0\r\nHost: localhost\r\n\r\n";
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).await.unwrap();
                // A check that has failed once makes it `UP 1/2`.
                let is_up = |line: &&str| {
                    let fields: Vec<_> = line.split(',').collect();
                    let is_hub = fields[0] == "hubs" && !["FRONTEND", "BACKEND"].contains(&fields[1]);
                    is_hub && fields[17].starts_with("UP")
                };
                if text.lines().filter(is_up).count() == count {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
    }

    /// A client of whichever hub it chooses.
    async fn client(&self, settings: &str) -> Client {
        let stream = in_time("HAProxy", TcpStream::connect(self.address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = Box::new(shake(stream, &self.house.client()).await.unwrap());
        let host = format!("localhost:{}", self.address.port());
        let headers = [("authorization", &*basic("clown", "bigclown"))];
        let mut client = Client::over(stream, &host, "/talk", &headers).await.unwrap();
        client.configure(settings).await;
        client
    }
}

fn own(number: usize) -> String {
    json!({"filters": [format!("to/{number}"), "state"]}).to_string()
}

#[tokio::test]
async fn clients_are_spread_over_the_hubs_and_go_to_others_when_theirs_ends() {
    let node = Node::single().await;
    let (a, b) = (sharing("a", &[&node], BEHIND).await, sharing("b", &[&node], BEHIND).await);
    // This one is never ready, as its servers are not there.
    let c = unconnected("c", &[&Node::absent()], BEHIND);
    let balancer = Balancer::start(&[&a, &b, &c]).await;
    balancer.takes_for_ready(2).await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(balancer.client(&own(number)).await);
    }
    // Each hub counts its cluster as a client, too.
    let at = [
        a.figure("clients_connected").await,
        b.figure("clients_connected").await,
        c.figure("clients_connected").await,
    ];
    println!("{at:?}");
    assert_eq!(at.iter().sum::<u64>(), CLIENTS as u64 + 3);
    assert!(at[0] > CLIENTS as u64 / 3 && at[1] > CLIENTS as u64 / 3 && at[2] == 1, "{at:?}");
    let mut node_side = Client::open(&b, "/talk?side=node", r#"{"filters": []}"#).await;
    node_side.publish("state", "1").await;
    is_put(&b, 1).await;
    for client in &mut clients {
        assert_eq!(client.two().await, [json!("state"), json!(1)]);
    }

    let at_a = at[0] - 1;
    a.stopped().await;
    // Its clients were told, and each has another hub at once.
    let mut moved = 0;
    for (number, client) in clients.iter_mut().enumerate() {
        let _ = client.try_say(r#"["clown.talk/-/subscription/get", {}]"#).await;
        match client.message().await {
            Some(Ok(Message::Text(_))) => continue,
            Some(Ok(Message::Close(Some(close)))) => assert_eq!(u16::from(close.code), 1012),
            other => panic!("{other:?}"),
        }
        *client = balancer.client(&own(number)).await;
        assert_eq!(client.two().await, [json!("state"), json!(1)]);
        moved += 1;
    }
    assert_eq!(moved, at_a);
    let mut writer = balancer.client(r#"{"filters": []}"#).await;
    for (number, client) in clients.iter_mut().enumerate() {
        writer.publish(&format!("to/{number}"), "2").await;
        assert_eq!(client.two().await, [json!(format!("to/{number}")), json!(2)]);
    }
    assert_eq!(
        b.figure("clients_connected").await,
        CLIENTS as u64 + 3,
        "with the cluster, the node and the writer"
    );
    balancer.takes_for_ready(1).await;

    // Lines go the same way.
    let stream = in_time("HAProxy", TcpStream::connect(balancer.lines)).await.unwrap();
    let mut line = shake(stream, &balancer.house.client()).await.unwrap();
    let first = r#"["clown.talk/-/config/set", {"user": "clown", "password": "bigclown", "filters": []}]"#;
    line.write_all(format!("{first}\n").as_bytes()).await.unwrap();
    let mut answer = vec![0; 25];
    in_time("the answer", line.read_exact(&mut answer)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), r#"["clown.talk/-/config/ok""#);
}

#[tokio::test]
async fn a_hub_that_loses_its_cluster_keeps_its_clients_and_gets_no_new_ones() {
    let (mut lost, node) = (Node::single().await, Node::single().await);
    let (a, b) = (sharing("a", &[&lost], BEHIND).await, sharing("b", &[&node], BEHIND).await);
    let c = unconnected("c", &[&Node::absent()], BEHIND);
    let balancer = Balancer::start(&[&a, &b, &c]).await;
    balancer.takes_for_ready(2).await;
    let mut clients = Vec::new();
    for number in 0..4 {
        clients.push(balancer.client(&own(number)).await);
    }
    assert_eq!((a.figure("clients_connected").await, b.figure("clients_connected").await), (3, 3));
    lost.kill().await;
    balancer.takes_for_ready(1).await;
    for number in 4..8 {
        clients.push(balancer.client(&own(number)).await);
    }
    assert_eq!((a.figure("clients_connected").await, b.figure("clients_connected").await), (3, 7));
    for client in &mut clients {
        client.hears_nothing().await;
    }
    lost.start().await;
    balancer.takes_for_ready(2).await;
    let _: Value = balancer
        .client(&own(9))
        .await
        .asks(r#"["clown.talk/-/subscription/get", {}]"#, "subscription/ok")
        .await;
    figure_is(&a, "clients_connected", |clients| clients >= 3).await;
}
