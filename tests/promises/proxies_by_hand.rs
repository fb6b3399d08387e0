//! What the hub believes of a proxy, asked by somebody who writes the headers by hand: as a trusted proxy, and as a stranger who
//! would like to be one.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Authority, Bystander, Client, House, Hub, Line, PASSWORD, basic, in_time, shake, user};

const TRUSTED: &str = "server.trusted_proxies=127.0.0.1";

fn users() -> [String; 2] {
    ["anna", "bystander"].map(|name| user(name, &["#"], &["#"], false))
}

/// Sends these bytes, and reads until the hub ends the connection.
async fn answer(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = in_time("the end of the answer", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn headers_of_who_is_no_trusted_proxy_are_not_looked_at() {
    let hub =
        Hub::with_users(&users(), &["server.trusted_proxies=10.0.0.0/8", "users.failures_per_minute=5"]);
    for number in 0..5 {
        let address = format!("203.0.113.{number}");
        let wrong = basic(&format!("made-up {number}"), "wrong");
        let headers =
            [("Authorization", &*wrong), ("X-Forwarded-For", &address), ("Forwarded", "for=1.1.1.1")];
        assert_eq!(hub.knocks("/talk", &headers).await.status(), 401);
    }
    let wrong = basic("somebody", "wrong");
    let headers = [("Authorization", &*wrong), ("X-Forwarded-For", "203.0.113.99")];
    assert_eq!(hub.knocks("/talk", &headers).await.status(), 429, "all of them came from one address");
    let page = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("Origin", "https://evil.example"),
    ];
    let body = format!(r#"{{"name": "anna", "password": "{PASSWORD}"}}"#);
    assert_eq!(hub.request("POST", "/api/session", &page, &body).await.status(), 403);
    let set = hub.request("POST", "/api/session", &page[..1], &body).await;
    assert!(!set.header("set-cookie").unwrap().contains("Secure"), "{}", set.text);
}

#[tokio::test]
async fn a_trusted_proxy_says_who_is_there_under_which_name_and_whether_over_tls() {
    let hub = Hub::with_users(&users(), &[TRUSTED, "server.plain=redirect"]);
    let from = ("X-Forwarded-For", "1.1.1.1, 203.0.113.9");
    let (proto, host) = (("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "hub.example"));
    let body = format!(r#"{{"name": "anna", "password": "{PASSWORD}"}}"#);
    let origin = ("Origin", "https://hub.example");
    let answer = hub.request("POST", "/api/session", &[from, proto, host, origin], &body).await;
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("{}", answer.text));
    assert!(set.starts_with("__Host-hub_session=") && set.contains("; Secure"), "{set}");
    assert!(answer.header("strict-transport-security").is_some(), "{}", answer.text);
    let standard = ("Forwarded", "for=203.0.113.9;proto=https;host=hub.example");
    let answer = hub.request("POST", "/api/session", &[standard, origin], &body).await;
    assert!(answer.header("set-cookie").is_some_and(|set| set.contains("; Secure")), "{}", answer.text);
    let foreign = ("Origin", "https://evil.example");
    assert_eq!(hub.request("POST", "/api/session", &[standard, foreign], &body).await.status(), 403);
    let plain = hub.request("GET", "/x?y", &[from, host], "").await;
    assert_eq!(
        (plain.status(), plain.header("location")),
        (308, Some("https://hub.example/x?y")),
        "{}",
        plain.text
    );
    let figures = hub.request("GET", "/metrics", &[from, proto, host], "").await;
    assert_eq!(figures.status(), 401, "the client is not on this machine: {}", figures.text);
    assert_eq!(hub.request("GET", "/metrics", &[], "").await.status(), 200, "the machine itself");
    let two = hub.request("GET", "/", &[from, ("Forwarded", "for=127.0.0.1")], "").await;
    assert!(two.status() == 400 && two.body().contains("name two clients"), "{}", two.text);
    hub.logs("the proxy must remove the one that it does not write").await;
}

#[tokio::test]
async fn the_demo_stays_on_this_machine_behind_a_proxy_too() {
    let hub = Hub::with(&[TRUSTED, "server.line_listen=127.0.0.1:0", "server.proxy_protocol=lines"]);
    let demo = basic("clown", "bigclown");
    let headers = |from| [("Authorization", &*demo), ("X-Forwarded-For", from)];
    assert_eq!(hub.knocks("/talk", &headers("203.0.113.9")).await.status(), 403);
    assert_eq!(hub.knocks("/talk", &headers("127.0.0.1")).await.status(), 101);
    let line = r#"["clown.talk/-/config/set", {"user": "clown", "password": "bigclown"}]"#;
    let text = format!("PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n{line}\n");
    let refused = answer(hub.lines.unwrap(), text.as_bytes()).await;
    assert!(refused.contains("the demo user is for this machine alone"), "{refused}");
}

#[tokio::test]
async fn other_machines_get_nothing_without_tls_where_the_hub_is_told_so() {
    let settings =
        [TRUSTED, "server.plain=loopback", "server.line_listen=127.0.0.1:0", "server.proxy_protocol=lines"];
    let hub = Hub::with_users(&users(), &settings);
    let anna = basic("anna", PASSWORD);
    let from = |address| [("Authorization", &*anna), ("X-Forwarded-For", address)];
    for path in ["/", "/api/session", "/healthz", "/metrics"] {
        let refused = hub.request("GET", path, &from("203.0.113.9"), "").await;
        assert_eq!(refused.status(), 403, "{path}: {}", refused.text);
    }
    assert_eq!(hub.knocks("/talk", &from("203.0.113.9")).await.status(), 403);
    let over_tls = [from("203.0.113.9"), [("X-Forwarded-Proto", "https"); 2]].concat();
    assert_eq!(hub.knocks("/talk", &over_tls[..3]).await.status(), 101);
    assert_eq!(hub.knocks("/talk", &from("127.0.0.1")).await.status(), 101);
    let line = format!(r#"["clown.talk/-/config/set", {{"user": "anna", "password": "{PASSWORD}"}}]"#);
    for (client, begins) in [
        (
            "203.0.113.9",
            r#"["clown.talk/-/config/error", {"reason": "from other machines lines are taken over TLS only"#,
        ),
        ("127.0.0.1", r#"["clown.talk/-/config/ok""#),
    ] {
        let mut stream = TcpStream::connect(hub.lines.unwrap()).await.unwrap();
        let text = format!("PROXY TCP4 {client} 127.0.0.1 4711 80\r\n{line}\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = vec![0; begins.len()];
        in_time("the answer", stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), begins);
    }
}

#[tokio::test]
async fn who_comes_through_a_proxy_that_nobody_told_of_is_not_this_machine() {
    let hub = Hub::demo();
    let demo = basic("clown", "bigclown");
    for header in ["X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"] {
        // Also where the proxy writes a host that only this machine can mean.
        let headers = [("Authorization", &*demo), ("Host", "localhost"), (header, "127.0.0.1")];
        assert_eq!(hub.knocks("/talk", &headers).await.status(), 403, "{header}");
        assert_eq!(hub.request("GET", "/metrics", &headers[1..], "").await.status(), 401, "{header}");
    }
    hub.logs("a proxy on this machine is not in server.trusted_proxies").await;
    assert_eq!(hub.knocks("/talk", &[("Authorization", &demo), ("Host", "localhost")]).await.status(), 101);
    assert_eq!(hub.request("GET", "/metrics", &[("Host", "localhost")], "").await.status(), 200);
}

#[tokio::test]
async fn one_account_takes_no_more_than_its_share_at_all_doors_together() {
    let settings = ["limits.connections_per_user=3", "server.line_listen=127.0.0.1:0"];
    let hub = Hub::with_users(&users(), &settings);
    let mut bystander = Bystander::as_user(&hub, "bystander").await;
    // Two that never send config/set, and one with lines.
    let silent = Client::connect_as(&hub, "anna", "/talk").await;
    let _other = Client::connect_as(&hub, "anna", "/talk").await;
    let first = format!(r#"["clown.talk/-/config/set", {{"user": "anna", "password": "{PASSWORD}"}}]"#);
    let mut line = Line::connect(&hub).await;
    line.say(&first).await;
    assert!(line.hear().await.unwrap().starts_with(r#"["clown.talk/-/config/ok""#));

    let credentials = basic("anna", PASSWORD);
    let anna = [("Authorization", &*credentials)];
    let refused = hub.knocks("/talk", &anna).await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("5")), "{}", refused.text);
    let mut fourth = Line::connect(&hub).await;
    fourth.say(&first).await;
    let refused = fourth.hear().await.unwrap();
    assert!(refused.contains("too many connections of this account"), "{refused}");
    assert_eq!(hub.figure("connections_over_share").await, 2);
    hub.logs("limits.connections_per_user").await;
    bystander.is_undisturbed().await;

    silent.leave().await;
    in_time("the place of who has left", async { while hub.knocks("/talk", &anna).await.status() != 101 {} })
        .await;
}

#[tokio::test]
async fn one_network_takes_no_more_than_its_share_and_others_come_in() {
    let settings = [TRUSTED, "limits.connections_per_network=3", "limits.handshakes_per_network=2"];
    let hub = Hub::with_users(&users(), &settings);
    let anna = basic("anna", PASSWORD);
    let from = |address| [("authorization", &*anna), ("x-forwarded-for", address)];
    let mut of_one = Vec::new();
    for address in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
        of_one.push(Client::connect_with(&hub, "/talk", &from(address)).await.unwrap());
    }
    let refused = hub.knocks("/talk", &from("2001:db8::4")).await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("5")), "{}", refused.text);
    assert_eq!(hub.figure("connections_over_share").await, 1);
    hub.logs("limits.connections_per_network").await;
    for (address, status) in [("2001:db8:0:1::1", 101), ("203.0.113.9", 101), ("127.0.0.1", 101)] {
        assert_eq!(hub.knocks("/talk", &from(address)).await.status(), status, "{address}");
    }
    of_one.pop().unwrap().leave().await;
    in_time("the place of who has left", async {
        while hub.knocks("/talk", &from("2001:db8::4")).await.status() != 101 {}
    })
    .await;
}

#[tokio::test]
async fn a_proxy_header_says_who_is_there_and_one_that_lies_ends_its_connection_alone() {
    let settings = [TRUSTED, "server.proxy_protocol=all", "limits.connections_per_network=2"];
    let hub = Hub::with_users(&users(), &settings);
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let from = |header: &str| format!("{header}\r\n{request}");
    let far = answer(hub.address, from("PROXY TCP4 203.0.113.9 10.0.0.1 4711 80").as_bytes()).await;
    assert!(far.starts_with("HTTP/1.1 401"), "{far}");
    let near = answer(hub.address, from("PROXY TCP4 127.0.0.1 127.0.0.1 4711 80").as_bytes()).await;
    assert!(near.starts_with("HTTP/1.1 200"), "{near}");
    let forged = request.replace("Connection", "X-Forwarded-For: 127.0.0.1\r\nConnection");
    let forged = answer(hub.address, format!("PROXY UNKNOWN\r\n{forged}").as_bytes()).await;
    assert!(forged.starts_with("HTTP/1.1 401"), "who is not known is not believed: {forged}");
    let nobody = answer(hub.address, from("PROXY UNKNOWN").as_bytes()).await;
    assert!(nobody.starts_with("HTTP/1.1 401"), "who is not known is not this machine: {nobody}");

    let mut long = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec();
    long.extend_from_slice(request.as_bytes());
    let mut swallows = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x20\xcb\0\x71\x09\x0a\0\0\x01\x12\x67\0\x50".to_vec();
    swallows.extend_from_slice(request.as_bytes());
    let no_end = format!("PROXY TCP4 {}", "1".repeat(200));
    for (bytes, word) in [
        (request.as_bytes(), "without a PROXY header"),
        (&long, "65535 bytes follow"),
        (&swallows, "its length does not fit"),
        (no_end.as_bytes(), "at most 107 bytes"),
        (b"PROXY TCP4 203.0.113.9 10.0.0.1 80\r\n", "two ports"),
    ] {
        let refused = answer(hub.address, bytes).await;
        assert!(refused.starts_with("HTTP/1.1 400") && refused.contains(word), "{refused}");
    }
    // One that never comes whole.
    let refused = answer(hub.address, b"PROXY TCP4 203.0").await;
    assert!(refused.contains("it took more than 5 s"), "{refused}");
    hub.logs("the PROXY header says that 65535 bytes follow").await;
}

#[tokio::test]
async fn a_proxy_that_lies_disturbs_nobody() {
    let hub = Hub::with_users(&users(), &[TRUSTED]);
    let mut bystander = Bystander::as_user(&hub, "bystander").await;
    for (name, value) in [
        ("X-Forwarded-For", "x".repeat(8000)),
        ("X-Forwarded-For", ",".repeat(8000)),
        ("Forwarded", "for=".repeat(2000)),
        ("Forwarded", format!("for=\"{}", "\\".repeat(4000))),
        ("X-Forwarded-Host", "a b".to_owned()),
        ("X-Forwarded-Proto", "\u{1}".repeat(3)),
    ] {
        let status = hub.request("GET", "/healthz", &[(name, &value)], "").await.status();
        assert!(matches!(status, 200 | 400), "{name}: {status}");
    }
    bystander.is_undisturbed().await;
}

#[tokio::test]
async fn who_comes_through_a_proxy_that_does_not_tell_whom_it_speaks_for_does_not_pass_by_the_address_of_the_proxy()
 {
    let from =
        |name: &str, networks: &str| user(name, &["#"], &[], false) + &format!("from = [{networks}]\n");
    let users = [
        from("network", "\"127.0.0.0/8\""),
        from("proxy", "\"10.0.0.0/8\", \"127.0.0.1\""),
        from("far", "\"203.0.113.0/24\""),
        user("late", &["#"], &[], false),
    ];
    let settings = [TRUSTED, "server.line_listen=127.0.0.1:0", "server.proxy_protocol=lines"];
    let hub = Hub::with_users(&users, &settings);
    let knocks = async |name: &str, more: &[(&str, &str)]| {
        let authorization = basic(name, PASSWORD);
        let headers = [&[("Authorization", &*authorization)], more].concat();
        hub.knocks("/talk", &headers).await.status()
    };
    let told = |address| [("X-Forwarded-For", address)];
    for untold in
        [&[][..], &told("unknown"), &told("203.0.113.9, _hidden"), &[("X-Forwarded-Proto", "https")]]
    {
        assert_eq!(knocks("network", untold).await, 403, "{untold:?}");
        assert_eq!(knocks("proxy", untold).await, 101, "the proxy itself is meant: {untold:?}");
        assert_eq!(knocks("far", untold).await, 403, "{untold:?}");
        assert_eq!(knocks("late", untold).await, 101, "it may come from everywhere: {untold:?}");
    }
    hub.logs("does not tell whom it speaks for; have it tell, or add this very address to `from`").await;
    assert_eq!(knocks("network", &told("127.0.0.5")).await, 101, "who is told is in the network");
    assert_eq!(
        (knocks("far", &told("203.0.113.9")).await, knocks("proxy", &told("203.0.113.9")).await),
        (101, 403)
    );
    for (name, comes) in [("network", false), ("proxy", true)] {
        let line = format!(r#"["clown.talk/-/config/set", {{"user": "{name}", "password": "{PASSWORD}"}}]"#);
        let text = format!("PROXY UNKNOWN\r\n{line}\n");
        let mut stream = TcpStream::connect(hub.lines.unwrap()).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut begin = [0; 32];
        in_time("the answer", stream.read_exact(&mut begin)).await.unwrap();
        let begin = String::from_utf8_lossy(&begin).into_owned();
        assert_eq!(begin.contains("config/ok"), comes, "{name}: {begin}");
    }
    // Also one that is there already, and whose account is now for that network.
    let late = basic("late", PASSWORD);
    let mut late = Client::connect_with(&hub, "/talk", &[("authorization", &late)]).await.unwrap();
    late.configure("{}").await;
    let file = hub.dir().join("users.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "from = [\"127.0.0.0/8\"]\n").unwrap();
    assert_eq!(late.closed().await, (1008, "account changed".to_owned()));
}

#[tokio::test]
async fn the_certificate_of_a_proxy_signs_nobody_in() {
    let house = House::new();
    let authority = Authority::new("Clients");
    authority.write(&house.path("clients.pem"));
    let mut settings = house.settings();
    settings.extend(["server.tls_client=optional", "server.line_tls_listen=127.0.0.1:0"].map(str::to_owned));
    settings.push(format!("server.tls_client_ca={}", house.path("clients.pem").display()));
    let start = |more: &[&str]| {
        let settings: Vec<_> = settings.iter().map(String::as_str).chain(more.iter().copied()).collect();
        Hub::with_users(&users(), &settings)
    };
    let client = house.client_as(&authority.identity("anna", &[], 2090));
    let who = async |hub: &Hub, more: &str| {
        hub.https(&client, &format!("GET /api/session{more}"), "").await.status()
    };
    let hub = start(&[]);
    assert_eq!(who(&hub, "").await, 200, "it is the client's own");
    let hub = start(&[TRUSTED]);
    for more in
        ["", "\nX-Forwarded-For: 203.0.113.9", "\nX-Forwarded-For: unknown", "\nX-Forwarded-Proto: https"]
    {
        assert_eq!(who(&hub, more).await, 401, "{more}");
    }
    let mut lines = hub.encrypted_lines(&client).await.unwrap();
    lines.write_all(b"[\"clown.talk/-/config/set\", {}]\n").await.unwrap();
    let mut said = String::new();
    let _ = in_time("the refusal", lines.read_to_string(&mut said)).await;
    assert!(said.contains("clown.talk/-/close") && said.contains("1008"), "{said}");
    // A proxy that passes the client's own TLS on says so by its header.
    let hub = start(&[TRUSTED, "server.proxy_protocol=all"]);
    for (header, status) in [("PROXY TCP4 203.0.113.9 10.0.0.1 4711 443", 200), ("PROXY UNKNOWN", 401)] {
        let mut stream = TcpStream::connect(hub.tls.unwrap()).await.unwrap();
        stream.write_all(format!("{header}\r\n").as_bytes()).await.unwrap();
        let mut stream = shake(stream, &client).await.unwrap();
        stream
            .write_all(b"GET /api/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut said = String::new();
        let _ = in_time("the answer", stream.read_to_string(&mut said)).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{header}: {said}");
    }
}

#[tokio::test]
async fn all_connections_of_a_network_together_send_no_more_than_its_limit_and_others_are_not_disturbed() {
    const TIMES: usize = 2000;
    let all = ["#"];
    let users = ["anna", "bystander"].map(|name| user(name, &all, &all, false));
    let hub = Hub::with_users(&users, &[TRUSTED, "limits.messages_per_second_per_network=50"]);
    let anna = basic("anna", PASSWORD);
    let open = async |address: &str| {
        let headers = [("authorization", &*anna), ("x-forwarded-for", address)];
        Client::connect_with(&hub, "/talk", &headers).await.unwrap()
    };
    // The machine itself has no limit.
    let mut bystander = Bystander::as_user(&hub, "bystander").await;
    let (mut one, mut two) = (open("2001:db8::1").await, open("2001:db8::2").await);
    let welcome = one.configure(r#"{"filters": []}"#).await;
    assert_eq!(welcome["limits"]["messages-per-second"], 50, "{welcome}");
    two.configure(r#"{"filters": []}"#).await;
    // Each of them alone is far below the limit of a connection.
    let frames = vec![r#"["x", 1]"#; TIMES].join("\n");
    one.say(&frames).await;
    two.try_say(&frames).await.unwrap();
    let over = (1008, "more than 50 messages a second from this network".to_owned());
    assert_eq!((one.closed().await, two.closed().await), (over.clone(), over.clone()));
    assert_eq!(hub.figure("clients_over_network_rate").await, 2);
    hub.logs("limits.messages_per_second_per_network").await;
    // Who comes back has no new burst.
    let mut again = open("2001:db8::3").await;
    again.try_say(&frames).await.unwrap();
    assert_eq!(again.closed().await, over);
    let mut other = open("2001:db8:0:1::1").await;
    other.configure(r#"{"filters": []}"#).await;
    other.publish("a", "1").await;
    bystander.is_undisturbed().await;
    let off = Hub::with_users(&users, &[TRUSTED]);
    let headers = [("authorization", &*anna), ("x-forwarded-for", "203.0.113.9")];
    let mut client = Client::connect_with(&off, "/talk", &headers).await.unwrap();
    assert_eq!(client.configure(r#"{"filters": []}"#).await["limits"]["messages-per-second"], 20_000);
    client.say(&frames).await;
    client.publish("a", "1").await;
}

#[tokio::test]
async fn a_page_whose_name_leads_to_this_machine_is_no_program_of_it() {
    let hub = Hub::with_users(&users(), &[]);
    for (host, status) in
        [("evil.example:8080", 401), ("localhost:8080", 200), ("127.0.0.1", 200), ("raspberrypi", 200)]
    {
        assert_eq!(hub.request("GET", "/metrics", &[("Host", host)], "").await.status(), status, "{host}");
        assert_eq!(
            hub.request("GET", "/api/accounts", &[("Host", host)], "").await.status(),
            status,
            "{host}"
        );
    }
}
