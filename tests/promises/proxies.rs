//! The hub behind Caddy, nginx and `HAProxy`, with the files of `config/proxies`: the page, sockets, lines, a path prefix, and
//! lockouts by the address of the client. What a client writes into the headers of a proxy changes nothing.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

use crate::support::{Answer, Client, House, Hub, PASSWORD, basic, binary, in_time, shake, until, user};

/// Two clients on one machine: all of 127.0.0.0/8 is loopback, and only 127.0.0.1 is a proxy.
const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

const SETTINGS: &[&str] = &[
    "server.trusted_proxies=127.0.0.1",
    "server.path_prefix=/hub",
    "server.proxy_protocol=lines",
    "server.line_listen=127.0.0.1:0",
    "users.failures_per_minute=5",
];

/// A proxy that runs with its file of `config/proxies`. It ends with the test.
struct Proxy {
    _program: Ended,
    /// Where it serves HTTP over TLS.
    address: SocketAddr,
    /// Where it passes lines on, if it does.
    lines: SocketAddr,
    house: House,
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A file of `config/proxies` with other addresses and files in it. Each of them has to be there.
fn file(name: &str, replaced: &[(&str, String)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/proxies").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let in_use =
        text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
    for (old, _) in replaced {
        assert!(in_use.contains(old), "{old} is not in {name}");
    }
    // From left to right, so that nothing is looked for in what was put in: one port may begin like another one.
    let first = |text: &str| {
        let found = replaced.iter().filter_map(|(old, new)| Some((text.find(old)?, old.len(), new)));
        found.min_by_key(|(at, ..)| *at)
    };
    let (mut rest, mut filled) = (in_use.as_str(), String::new());
    while let Some((at, len, new)) = first(rest) {
        filled += &rest[..at];
        filled += new;
        rest = &rest[at + len..];
    }
    filled + rest
}

impl Proxy {
    async fn start(program: &str, hub: &Hub) -> Self {
        let (house, address, lines) = (House::new(), free(), free());
        let shown = |name: &str| house.path(name).display().to_string();
        let (own, at) = (hub.dir().to_path_buf(), |address: SocketAddr| address.to_string());
        let to_hub = ("127.0.0.1:8080", at(hub.address));
        let mut command = Command::new(program);
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", &own);
        let config = own.join(program);
        let text = match program {
            "caddy" => {
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&config);
                let site = format!(
                    "https://localhost:{} {{\ntls {} {}",
                    address.port(),
                    shown("hub.pem"),
                    shown("hub.key")
                );
                let rest = file("Caddyfile", &[to_hub, ("https://hub.example {", site)]);
                format!("{{\nadmin off\nauto_https disable_redirects\n}}\n{rest}")
            }
            "nginx" => {
                command.arg("-p").arg(&own).args(["-e", "stderr", "-g", "daemon off;", "-c"]).arg(&config);
                let rest = file(
                    "nginx.conf",
                    &[
                        to_hub,
                        ("443", at(address)),
                        ("/etc/ssl/hub.pem", shown("hub.pem")),
                        ("/etc/ssl/hub.key", shown("hub.key")),
                    ],
                );
                let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .map(|kind| format!("{kind}_temp_path {}/{kind};", own.display()));
                let folders = folders.join("\n");
                format!("pid nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{folders}\n{rest}\n}}")
            }
            "haproxy" => {
                command.args(["-db", "-f"]).arg(&config);
                let both = own.join("hub-and-key.pem");
                let files =
                    ["hub.pem", "hub.key"].map(|name| std::fs::read_to_string(house.path(name)).unwrap());
                std::fs::write(&both, files.concat()).unwrap();
                file(
                    "haproxy.cfg",
                    &[
                        to_hub,
                        (":443", at(address)),
                        (":8884", at(lines)),
                        ("127.0.0.1:8081", at(hub.lines.unwrap())),
                        ("/etc/ssl/hub-and-key.pem", both.display().to_string()),
                    ],
                ) + "\n"
            }
            other => panic!("{other} is no proxy"),
        };
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(own.join("proxy.log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let started = command.spawn();
        let mut program =
            started.unwrap_or_else(|error| panic!("{program}: {error}; tests/proxies/install installs it"));
        in_time("the proxy", async {
            while TcpStream::connect(address).await.is_err() {
                let ended = program.try_wait().unwrap();
                let log = || std::fs::read_to_string(own.join("proxy.log")).unwrap();
                assert!(ended.is_none(), "the proxy has ended: {}", log());
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
        Self { _program: Ended(program), address, lines, house }
    }

    async fn encrypted(&self, from: Ipv4Addr, to: SocketAddr) -> TlsStream<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = in_time("the proxy", socket.connect(to)).await.unwrap();
        shake(stream, &self.house.client()).await.unwrap()
    }

    /// A request through it, with these lines more in its head.
    async fn request(&self, from: Ipv4Addr, line: &str, more: &[(&str, &str)], body: &str) -> Answer {
        use std::fmt::Write as _;
        let mut text = format!("{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host());
        for (name, value) in more {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut stream = self.encrypted(from, self.address).await;
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let _ = in_time("the end of the answer", stream.read_to_end(&mut bytes)).await;
        Answer { text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The status of an attempt to sign in, with what a client may have put into the headers of a proxy.
    async fn tries(&self, from: Ipv4Addr, name: &str, password: &str, forged: &[(&str, &str)]) -> u16 {
        let origin = format!("https://{}", self.host());
        let headers: Vec<_> = [("Origin", &*origin)].into_iter().chain(forged.iter().copied()).collect();
        let body = format!(r#"{{"name": "{name}", "password": "{password}"}}"#);
        self.request(from, "POST /hub/api/session", &headers, &body).await.status()
    }
}

async fn serves_page_sockets_and_prefix_and_locks_out_by_the_address_of_the_client(program: &str) {
    let users = ["anna", "emil"].map(|name| user(name, &["#"], &["#"], false));
    let hub = Hub::with_users(&users, SETTINGS);
    let proxy = Proxy::start(program, &hub).await;
    let origin = format!("https://{}", proxy.host());

    // The page below the prefix: its files, its sign-in, its cookie.
    let there = proxy.request(NEIGHBOUR, "GET /hub?x", &[], "").await;
    assert_eq!((there.status(), there.header("location")), (308, Some("/hub/?x")), "{}", there.text);
    for path in ["/hub/", "/hub/healthz"] {
        assert_eq!(proxy.request(NEIGHBOUR, &format!("GET {path}"), &[], "").await.status(), 200, "{path}");
    }
    let body = format!(r#"{{"name": "anna", "password": "{PASSWORD}"}}"#);
    let answer = proxy.request(NEIGHBOUR, "POST /hub/api/session", &[("Origin", &origin)], &body).await;
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("{}", answer.text)).to_owned();
    assert!(set.starts_with("__Host-hub_session-hub=") && set.contains("; Secure"), "{set}");
    let cookie = set.split(';').next().unwrap();
    let who = proxy.request(NEIGHBOUR, "GET /hub/api/session", &[("Cookie", cookie)], "").await;
    assert!(who.status() == 200 && who.body().contains("anna"), "{}", who.text);
    let plain_page = origin.replace("https", "http");
    for foreign in ["https://evil.example", &plain_page] {
        let refused = proxy.request(NEIGHBOUR, "POST /hub/api/session", &[("Origin", foreign)], &body).await;
        assert_eq!(refused.status(), 403, "{foreign}: {}", refused.text);
    }

    // Sockets, by cookie and by name and password.
    let stream = Box::new(proxy.encrypted(NEIGHBOUR, proxy.address).await);
    let headers = [("cookie", cookie), ("origin", &origin)];
    let mut reader = Client::over(stream, &proxy.host(), "/hub/talk/", &headers).await.unwrap();
    reader.configure(r##"{"filters": ["#"]}"##).await;
    let stream = Box::new(proxy.encrypted(GUESSER, proxy.address).await);
    let credentials = basic("emil", PASSWORD);
    let path = "/hub/auth/clown-talk-server_nodes";
    let headers = [("authorization", &*credentials)];
    let mut writer = Client::over(stream, &proxy.host(), path, &headers).await.unwrap();
    writer.configure("{}").await;
    let long = format!("\"{}\"", "x".repeat(200_000));
    for payload in ["1", &long] {
        writer.publish("a", payload).await;
        assert_eq!(reader.hear().await, format!("[\"nodes/a\", {payload}]"));
    }
    hub.logs(&format!("address={NEIGHBOUR} (through 127.0.0.1:")).await;

    // A stream of events, each as soon as it is said, to a client that knows how proxies cut a body into pieces.
    let events = follows_through(&proxy, "anna", "nodes/b");
    until("the stream", || events.heard("event: open")).await;
    for payload in ["1", "2", "3"] {
        writer.publish("b", payload).await;
        assert_eq!(reader.hear().await, format!("[\"nodes/b\", {payload}]"));
        until("the event", || events.heard(&format!("data: [\"nodes/b\", {payload}]"))).await;
    }

    // Who guesses is slowed down, and not those who come through the same proxy; whatever is written into the headers.
    let own = GUESSER.to_string();
    let forged_lists = [
        vec![],
        vec![("X-Forwarded-For", "203.0.113.9")],
        vec![
            ("X-Forwarded-For", "127.0.0.3"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Host", "evil.example"),
        ],
        vec![("Forwarded", "for=203.0.113.9;proto=http;host=evil.example")],
        vec![("Forwarded", "for=unknown"), ("X-Forwarded-For", "unknown"), ("X-Real-IP", "203.0.113.9")],
    ];
    for (number, forged) in forged_lists.iter().enumerate() {
        let name = format!("made-up {number}");
        assert_eq!(proxy.tries(GUESSER, &name, "wrong", forged).await, 401, "{forged:?}");
    }
    for forged in &forged_lists {
        assert_eq!(proxy.tries(GUESSER, "somebody", "wrong", forged).await, 429, "{forged:?}");
    }
    assert_eq!(proxy.tries(NEIGHBOUR, "somebody else", "wrong", &[]).await, 401, "another address");
    let to_be_it = [("X-Forwarded-For", &*own)];
    assert_eq!(
        proxy.tries(NEIGHBOUR, "a third", "wrong", &to_be_it).await,
        401,
        "nobody is locked out by a header"
    );
    assert_eq!(
        proxy.tries(GUESSER, "anna", PASSWORD, &[]).await,
        204,
        "the right password, from the same address"
    );

    // The hub ends, and everybody hears that it comes again.
    let stopped = hub.stopped();
    let (closed, also, ()) = tokio::join!(reader.closed(), writer.closed(), stopped);
    assert_eq!((closed.0, also.0), (1012, 1012), "{closed:?} {also:?}");
    until("the end of the stream", || events.heard("event: end")).await;
}

/// `curl`, which follows a topic through a proxy.
struct Follower {
    _program: Ended,
    text: Arc<Mutex<String>>,
}

impl Follower {
    fn heard(&self, what: &str) -> bool {
        self.text.lock().unwrap().contains(what)
    }
}

fn follows_through(proxy: &Proxy, name: &str, topic: &str) -> Follower {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--no-buffer", "--cacert"]).arg(proxy.house.path("authority.pem"));
    curl.args(["--user", &format!("{name}:{PASSWORD}")]);
    curl.arg(format!("https://{}/hub/api/stream?filter={topic}", proxy.host()));
    let mut program = curl.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut printed, text) = (program.stdout.take().unwrap(), Arc::<Mutex<String>>::default());
    let heard = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = printed.read(&mut bytes) {
            heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    });
    Follower { _program: Ended(program), text }
}

#[tokio::test]
async fn behind_caddy() {
    serves_page_sockets_and_prefix_and_locks_out_by_the_address_of_the_client("caddy").await;
}

#[tokio::test]
async fn behind_nginx() {
    serves_page_sockets_and_prefix_and_locks_out_by_the_address_of_the_client("nginx").await;
}

#[tokio::test]
async fn behind_haproxy() {
    serves_page_sockets_and_prefix_and_locks_out_by_the_address_of_the_client("haproxy").await;
}

/// A WebSocket and `clown-hub sub`, both through a proxy, hear that the hub restarts, and go on when it is back.
async fn comes_back_through_the_proxy_when_the_hub_has_restarted(program: &str) {
    let users = [user("anna", &["#"], &["#"], false)];
    let hub = Hub::with_users(&users, SETTINGS);
    let proxy = Proxy::start(program, &hub).await;
    let credentials = basic("anna", PASSWORD);
    let headers = [("authorization", &*credentials)];
    let connect = async || {
        let stream = Box::new(proxy.encrypted(NEIGHBOUR, proxy.address).await);
        Client::over(stream, &proxy.host(), "/hub/talk", &headers).await
    };
    let says_to_both =
        async |hub: &Hub, reader: &mut Client, printed: &mut BufReader<ChildStdout>, word: &str| {
            in_time("both subscriptions", async { while hub.figure("subscriptions_count").await < 2 {} })
                .await;
            let mut writer = Client::open_as(hub, "anna", "/talk", r#"{"filters": []}"#).await;
            writer.publish("a", word).await;
            assert_eq!(reader.hear().await, format!("[\"a\", {word}]"));
            let mut line = String::new();
            printed.read_line(&mut line).unwrap();
            assert_eq!(line, format!("a {word}\n"));
        };
    let url = format!("wss://anna:{}@{}", PASSWORD.replace(' ', "%20"), proxy.host());
    let authority = proxy.house.path("authority.pem");
    let mut command = binary();
    command.args(["sub", "a", "--reconnect", "--url", &url, "--ca"]).arg(&authority);
    let mut sub = Ended(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut printed = BufReader::new(sub.0.stdout.take().unwrap());
    let mut reader = connect().await.unwrap();
    reader.configure(r#"{"filters": ["a"]}"#).await;
    says_to_both(&hub, &mut reader, &mut printed, "1").await;

    let address = hub.address.to_string();
    let (closed, ()) = tokio::join!(reader.closed(), hub.stopped());
    assert_eq!(closed.0, 1012, "{closed:?}");
    assert!(connect().await.is_err(), "the proxy has nobody to go to");

    let hub = Hub::with_users_at(&address, &users, SETTINGS);
    let mut reader = in_time("the way through the proxy", async {
        loop {
            if let Ok(client) = connect().await {
                return client;
            }
        }
    })
    .await;
    reader.configure(r#"{"filters": ["a"]}"#).await;
    says_to_both(&hub, &mut reader, &mut printed, "2").await;
}

/// A program that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_client_comes_back_through_caddy_when_the_hub_has_restarted() {
    comes_back_through_the_proxy_when_the_hub_has_restarted("caddy").await;
}

#[tokio::test]
async fn a_client_comes_back_through_nginx_when_the_hub_has_restarted() {
    comes_back_through_the_proxy_when_the_hub_has_restarted("nginx").await;
}

#[tokio::test]
async fn a_client_comes_back_through_haproxy_when_the_hub_has_restarted() {
    comes_back_through_the_proxy_when_the_hub_has_restarted("haproxy").await;
}

#[tokio::test]
async fn lines_come_through_haproxy_with_the_address_of_their_client() {
    let hub = Hub::with_users(&[user("anna", &["#"], &["#"], false)], SETTINGS);
    let proxy = Proxy::start("haproxy", &hub).await;
    let mut stream = proxy.encrypted(GUESSER, proxy.lines).await;
    let first = format!(r#"["clown.talk/-/config/set", {{"user": "anna", "password": "{PASSWORD}"}}]"#);
    stream.write_all(format!("{first}\n").as_bytes()).await.unwrap();
    let mut answer = vec![0; 25];
    in_time("the answer", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), r#"["clown.talk/-/config/ok""#);
    hub.logs(&format!("address={GUESSER} (through 127.0.0.1:")).await;
    let mut line = crate::support::Line::connect(&hub).await;
    line.say(&first).await;
    let refused = line.hear().await.unwrap();
    assert!(refused.contains("without a PROXY header"), "{refused}");
    until("the count", || hub.log().contains("connection refused")).await;
}
