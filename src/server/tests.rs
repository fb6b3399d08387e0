use super::*;
use crate::access::Accounts;
use crate::hub::Settings as HubSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SECOND: Duration = Duration::from_secs(1);

/// A server of the demo user with places for so many connections. Its tasks and the test share one thread.
pub(super) fn server(connections: usize) -> Server {
    let shutdown = Shutdown::default();
    let hub = Hub::new(HubSettings::default(), Moment::now());
    let access = Access::new(Accounts::demo(), &crate::access::Settings::default(), shutdown.drain().clone());
    let settings = Settings {
        origins: Vec::new(),
        connections,
        handshakes: 100,
        per_network: PerNetwork { connections: None, not_signed_in: None },
        per_user: None,
        trusted_proxies: Vec::new(),
        proxy_protocol: ProxyProtocol::Off,
        path_prefix: String::new(),
        handshake: 60 * SECOND,
        rates: Rates::UNLIMITED,
        network_rate: None,
        patience: Patience { ping: 60 * SECOND, pong: SECOND, write: 60 * SECOND, vanished: 60 * SECOND },
        figures_every: 60 * SECOND,
        tls_port: None,
        plain: Plain::Serve,
        diagnostics: None,
        diagnostics_of_demo: false,
        token_in_url: false,
        shortest_password: 8,
        webhooks: false,
        hixie: false,
        mqtt: MqttSettings {
            websocket: false,
            keeps_readings: false,
            presence: String::new(),
            session_seconds: 60,
            sessions: 10,
            window: 16,
            topic_aliases: 0,
            keep_alive: 0,
        },
    };
    let operator = Operator { config: std::sync::Arc::new([]), copy_store: None };
    Server::new(hub, access.unwrap(), settings, None, shutdown, crate::crew::Crew::of(1).unwrap(), operator)
}

/// Sends this to a listener, all at once, and reads until the hub ends the connection. Returns what the hub said, and how
/// often all other sockets had their turn meanwhile.
async fn turns_of_others(listener: std::net::SocketAddr, text: String) -> (String, usize) {
    let mut stream = TcpStream::connect(listener).await.unwrap();
    let mut turns = 0;
    let answers = async {
        let (mut read, mut write) = stream.split();
        let mut answers = Vec::new();
        let all = async {
            write.write_all(text.as_bytes()).await.unwrap();
        };
        let _ = tokio::join!(all, read.read_to_end(&mut answers));
        String::from_utf8(answers).unwrap()
    };
    let others = async {
        loop {
            // The runtime comes back here when it has looked at the sockets.
            tokio::task::yield_now().await;
            turns += 1;
        }
    };
    let answers = tokio::select! { answers = answers => answers, () = others => String::new() };
    (answers, turns)
}

#[tokio::test]
async fn a_stranger_who_sends_requests_without_a_pause_leaves_the_others_their_turns() {
    const REQUESTS: usize = 300;
    let server = server(100);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    server.serve_http(listener);
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nIf-None-Match: \"x\"\r\n\r\n");
    let last = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let (answers, turns) = turns_of_others(address, request.repeat(REQUESTS) + &last).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), REQUESTS + 1);
    assert!(turns >= REQUESTS, "{turns} turns of others between {REQUESTS} requests");
}

#[tokio::test]
async fn a_stranger_who_sends_empty_lines_without_end_leaves_the_others_their_turns() {
    const LINES: usize = 100_000;
    let server = server(100);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    server.serve_lines(listener);
    let (answer, turns) = turns_of_others(address, "\n".repeat(LINES) + "GET / HTTP/1.1\n").await;
    assert!(answer.contains("the first line must be"), "{answer}");
    assert!(turns >= LINES / 64, "{turns} turns of others between {LINES} lines");
}

#[tokio::test]
async fn strangers_who_connect_without_a_pause_leave_the_others_their_turns() {
    const STRANGERS: u64 = 400;
    let server = server(0);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1024).unwrap();
    let address = listener.local_addr().unwrap();
    // The kernel lets them in before anybody looks.
    let strangers: Vec<_> = (0..STRANGERS).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    server.serve_http(listener);
    let mut turns = 0;
    while server.app.hub.figures().connections_turned_away.value() < STRANGERS {
        tokio::task::yield_now().await;
        turns += 1;
    }
    drop(strangers);
    assert!(turns >= STRANGERS / 16, "{turns} turns of others between {STRANGERS} strangers");
}
