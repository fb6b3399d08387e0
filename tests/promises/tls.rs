//! TLS: the same doors over it, certificates that are renewed, clients that show one, and those who mix up the ports.

use std::process::Command;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, version};

use crate::support::{Authority, Bystander, Client, House, Hub, PASSWORD, basic, binary, in_time, run, user};

/// The demo with TLS.
fn hub(house: &House, more: &[&str]) -> Hub {
    let settings = house.settings();
    let settings: Vec<_> = settings.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Hub::with(&settings)
}

/// A hub of these users with TLS.
fn hub_of(house: &House, users: &[String], more: &[&str]) -> Hub {
    let settings = house.settings();
    let settings: Vec<_> = settings.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Hub::with_users(users, &settings)
}

/// A socket over TLS as the demo user, with an open transmission.
async fn open(hub: &Hub, client: &Arc<ClientConfig>, settings: &str) -> Client {
    let stream = Box::new(hub.encrypted(client).await.unwrap());
    let clown = basic("clown", "bigclown");
    let mut client = Client::over(stream, "localhost", "/talk", &[("authorization", &clown)]).await.unwrap();
    client.configure(settings).await;
    client
}

fn served(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn the_doors_are_the_same_over_both_versions_of_tls() {
    let house = House::new();
    let hub = hub(&house, &[]);
    for (versions, expected) in
        [(&[&version::TLS12], ProtocolVersion::TLSv1_2), (&[&version::TLS13], ProtocolVersion::TLSv1_3)]
    {
        let client = house.client_with(versions, None);
        let stream = hub.encrypted(&client).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        assert_eq!(hub.https(&client, "GET /", "").await.status(), 200);
        let mut reader = open(&hub, &client, r##"{"filters": ["#"]}"##).await;
        let mut writer = Client::open(&hub, "/talk", "{}").await;
        // More than a record of TLS, and more than one write.
        let long = format!("\"{}\"", "x".repeat(500_000));
        for payload in ["1", &long, "2"] {
            writer.publish("a", payload).await;
            assert_eq!(reader.hear().await, format!("[\"a\", {payload}]"));
        }
        let mut writer = open(&hub, &client, "{}").await;
        for payload in ["3", &long, "4"] {
            writer.publish("b", payload).await;
            assert_eq!(reader.hear().await, format!("[\"b\", {payload}]"));
        }
        writer.leave().await;
    }
}

#[tokio::test]
async fn the_page_has_a_cookie_that_never_leaves_tls() {
    let house = House::new();
    let (hub, client) = (hub(&house, &[]), house.client());
    let body = r#"{"name": "clown", "password": "bigclown"}"#;
    let answer = hub.https(&client, "POST /api/session\nOrigin: https://localhost", body).await;
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("{}", answer.text)).to_owned();
    assert!(set.starts_with("__Host-hub_session=") && set.contains("; Secure"), "{set}");
    assert_eq!(answer.header("strict-transport-security"), None, "the plain port is served");
    let cookie = set.split(';').next().unwrap();
    let who = |cookie: &str| format!("GET /api/session\nCookie: {cookie}");
    assert_eq!(hub.https(&client, &who(cookie), "").await.status(), 200);
    let over_plain = hub.request("GET", "/api/session", &[("Cookie", cookie)], "").await;
    assert_eq!(over_plain.status(), 401);
    let plain = hub.request("POST", "/api/session", &[], body).await;
    let set = plain.header("set-cookie").unwrap().to_owned();
    assert!(set.starts_with("hub_session=") && !set.contains("Secure"), "{set}");
    let cookie = set.split(';').next().unwrap();
    assert_eq!(hub.https(&client, &who(cookie), "").await.status(), 401, "anybody could have set it");
    // A page without TLS may be anybody's on the network.
    let foreign = hub.https(&client, "POST /api/session\nOrigin: http://localhost", body).await;
    assert_eq!(foreign.status(), 403);
    let policy = hub.https(&client, "GET /", "").await.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("connect-src 'self' wss://localhost "), "{policy}");
}

#[tokio::test]
async fn who_takes_one_port_for_the_other_is_told_so() {
    let house = House::new();
    let hub = hub(&house, &["server.line_tls_listen=127.0.0.1:0"]);
    let says = async |address, text: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        in_time("the answer", stream.read_to_end(&mut answer)).await.unwrap();
        answer
    };
    let answer = says(hub.tls.unwrap(), "GET / HTTP/1.1\r\nHost: hub\r\n\r\n").await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("https://"), "{answer}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
    let line = says(hub.tls_lines.unwrap(), "[\"clown.talk/-/config/set\", {}]\n").await;
    assert!(String::from_utf8(line).unwrap().contains("takes lines over TLS"));
    assert_eq!(hub.figure("tls_failed").await, 2);

    let stream = TcpStream::connect(hub.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let shaken = tokio_rustls::TlsConnector::from(house.client()).connect(name, stream).await;
    assert!(shaken.unwrap_err().to_string().contains("HandshakeFailure"));
    hub.logs("a client speaks TLS to a port without TLS").await;
}

#[tokio::test]
async fn who_comes_back_resumes_a_session_also_after_a_renewal() {
    let house = House::new();
    let (hub, client) = (hub(&house, &[]), house.client());
    for _ in 0..3 {
        // The ticket comes with what the hub says.
        open(&hub, &client, "{}").await.leave().await;
    }
    assert_eq!((hub.figure("tls_handshakes").await, hub.figure("tls_resumed").await), (3, 2));
    house.renew();
    hub.logs("the certificate was renewed").await;
    open(&hub, &client, "{}").await.leave().await;
    assert_eq!(hub.figure("tls_resumed").await, 3);
}

#[tokio::test]
async fn files_that_cannot_be_used_keep_the_certificate_from_before() {
    let house = House::new();
    let (hub, client) = (hub(&house, &[]), house.client());
    let mut socket = open(&hub, &client, r#"{"filters": ["a"]}"#).await;
    let first = house.certificate();
    assert_eq!(served(&hub.encrypted(&house.client()).await.unwrap()), first.to_vec());
    assert!((360..=365).contains(&hub.figure("tls_days_left").await));
    house.renew();
    hub.logs("the certificate was renewed").await;
    assert_ne!(first, house.certificate());
    assert_eq!(served(&hub.encrypted(&house.client()).await.unwrap()), house.certificate().to_vec());

    let good = std::fs::read(house.path("hub.pem")).unwrap();
    std::fs::write(house.path("hub.pem"), &good[..good.len() / 3]).unwrap();
    hub.logs("the certificate from before is still served").await;
    assert_eq!(hub.figure("tls_refused").await, 1);
    assert!(hub.encrypted(&house.client()).await.is_ok());
    std::fs::write(house.path("hub.pem"), &good).unwrap();
    in_time("the good file", async { while hub.figure("tls_refused").await != 0 {} }).await;

    let mut writer = Client::open(&hub, "/talk", "{}").await;
    writer.publish("a", "1").await;
    assert_eq!(socket.hear().await, "[\"a\", 1]");
}

#[tokio::test]
async fn handshakes_that_never_finish_keep_nobody_out() {
    const PLACES: usize = 50;
    const STRANGERS: usize = 500;
    let house = House::new();
    let hub = hub(&house, &[&format!("limits.handshakes={PLACES}")]);
    let mut bystander = Bystander::at(&hub).await;
    let mut strangers = Vec::new();
    for number in 0..STRANGERS {
        let mut stream = TcpStream::connect(hub.tls.unwrap()).await.unwrap();
        // A hello that goes on.
        stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).await.unwrap();
        strangers.push(stream);
        if number % 100 == 99 {
            open(&hub, &house.client(), "{}").await.leave().await;
            bystander.is_undisturbed().await;
        }
    }
    open(&hub, &house.client(), "{}").await.leave().await;
    assert_eq!(hub.figure("connections_turned_away").await, 0);
    assert!(hub.figure("tls_failed").await >= (STRANGERS - PLACES) as u64);
    let ends = async { while strangers[0].read_u8().await.is_ok() {} };
    in_time("the end of the oldest one", ends).await;
}

#[tokio::test]
async fn a_certificate_of_a_client_is_a_sign_in_if_it_is_good_and_names_an_account() {
    let house = House::new();
    let (ours, other) = (Authority::new("Clients"), Authority::new("Others"));
    ours.write(&house.path("clients.pem"));
    let certain = "[[user]]\nname = \"attic.local\"\ncertificate = true\nsubscribe = [\"#\"]\n".to_owned();
    let strict = user("strict", &["#"], &[], false) + "certificate = true\n";
    let users = [user("jana", &["#"], &["#"], false), certain, strict];
    let ca = format!("server.tls_client_ca={}", house.path("clients.pem").display());
    let line_listen = "server.line_tls_listen=127.0.0.1:0";
    let jana = ours.identity("jana", &[], 2090);
    for all in [false, true] {
        let kind = if all { "required" } else { "optional" };
        let hub = hub_of(&house, &users, &[&ca, &format!("server.tls_client={kind}"), line_listen]);
        // TLS 1.3 tells a client that it is refused with the first bytes that it reads.
        let who = async |client: &Arc<ClientConfig>, more: &str| {
            let mut stream = hub.encrypted(client).await.ok()?;
            let head =
                format!("GET /api/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            let mut answer = Vec::new();
            in_time("the answer", stream.read_to_end(&mut answer)).await.ok()?;
            let text = String::from_utf8(answer).unwrap();
            let name = text.split("\"name\":\"").nth(1).and_then(|rest| rest.split('"').next());
            Some(name.unwrap_or("nobody").to_owned())
        };
        let none = if all { None } else { Some("nobody".to_owned()) };
        assert_eq!(who(&house.client(), "").await, none, "none, {kind}");
        let wrong = other.identity("jana", &[], 2090);
        assert_eq!(who(&house.client_as(&wrong), "").await, None, "of another authority");
        hub.logs("an authority that is not in server.tls_client_ca").await;
        let expired = ours.identity("jana", &[], 2001);
        assert_eq!(who(&house.client_as(&expired), "").await, None, "expired");
        let unknown = ours.identity("emil", &["no.account"], 2090);
        assert_eq!(who(&house.client_as(&unknown), "").await.as_deref(), Some("nobody"));
        hub.logs("names no account").await;
        let two = ours.identity("emil", &["attic.local", "strict"], 2090);
        assert_eq!(who(&house.client_as(&two), "").await.as_deref(), Some("nobody"));
        assert_eq!(who(&house.client_as(&jana), "").await.as_deref(), Some("jana"), "its common name");
        let attic = ours.identity("jana", &["attic.local"], 2090);
        assert_eq!(who(&house.client_as(&attic), "").await.as_deref(), Some("attic.local"), "names go first");

        let knocks = async |identity, user: Option<&str>| {
            let stream = Box::new(hub.encrypted(&house.client_as(identity)).await.unwrap());
            let authorization = user.map(|user| basic(user, PASSWORD)).unwrap_or_default();
            let headers = [("authorization", authorization.as_str())];
            let headers = if user.is_some() { &headers[..] } else { &[] };
            match Client::over(stream, "localhost", "/talk", headers).await {
                Ok(_) => 101,
                Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => answer.status().as_u16(),
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(knocks(&jana, None).await, 101);
        assert_eq!(knocks(&unknown, None).await, 401);
        assert_eq!(knocks(&unknown, Some("jana")).await, 101, "a password is a sign-in, too");
        let strict = ours.identity("strict", &[], 2090);
        assert_eq!(knocks(&jana, Some("strict")).await, 403, "it takes its certificate besides");
        assert_eq!(knocks(&strict, Some("strict")).await, 101);
        assert_eq!(knocks(&attic, Some("attic.local")).await, 401, "it has no password");
        let plain = hub.knocks("/talk", &[("Authorization", &basic("strict", PASSWORD))]).await;
        assert_eq!(plain.status(), 403, "{}", plain.text);

        let mut lines = BufReader::new(hub.encrypted_lines(&house.client_as(&jana)).await.unwrap());
        lines.write_all(b"[\"clown.talk/-/config/set\", {\"base\": \"a\"}]\n").await.unwrap();
        let mut line = String::new();
        in_time("the answer", lines.read_line(&mut line)).await.unwrap();
        assert!(line.starts_with("[\"clown.talk/-/config/ok\""), "{line}");
    }
}

#[tokio::test]
async fn lines_come_over_tls_with_a_name_and_a_password() {
    let house = House::new();
    let hub = hub(&house, &["server.line_tls_listen=127.0.0.1:0"]);
    for (first, begins) in [
        (r#"{"user": "clown", "password": "bigclown"}"#, "[\"clown.talk/-/config/ok\""),
        ("{}", "[\"clown.talk/-/config/error\""),
        (r#"{"user": "clown"}"#, "[\"clown.talk/-/config/error\""),
    ] {
        let mut lines = BufReader::new(hub.encrypted_lines(&house.client()).await.unwrap());
        lines.write_all(format!("[\"clown.talk/-/config/set\", {first}]\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        in_time("the answer", lines.read_line(&mut line)).await.unwrap();
        assert!(line.starts_with(begins), "{first}: {line}");
    }
}

#[tokio::test]
async fn the_plain_port_sends_pages_to_tls_where_it_is_told_to() {
    let house = House::new();
    let hub = hub(&house, &["server.plain=redirect"]);
    let port = hub.tls.unwrap().port();
    let answer = hub.request("GET", "/a?b=c", &[("Host", "hub.example:8080")], "").await;
    assert_eq!(answer.status(), 308);
    assert_eq!(answer.header("location"), Some(&*format!("https://hub.example:{port}/a?b=c")));
    let socket = hub.knocks("/talk", &[("Authorization", &basic("clown", "bigclown"))]).await;
    assert_eq!(socket.status(), 308, "also sockets");
    assert_eq!(hub.request("GET", "/healthz", &[], "").await.status(), 200, "a program of this machine");
    let authority = hub.request("GET", "/authority.crt", &[], "").await;
    assert_eq!(authority.status(), 200, "a phone needs it before it can use TLS");
    assert_eq!(authority.header("content-type"), Some("application/x-x509-ca-cert"));
    for (host, is_told) in [("hub.example", true), ("hub.example:8443", false), ("192.168.1.2", false)] {
        let answer = hub.https(&house.client(), &format!("GET /\nHost: {host}"), "").await;
        assert_eq!(answer.header("strict-transport-security").is_some(), is_told, "{host}");
    }
}

#[test]
fn files_that_are_wrong_end_the_start_with_one_sentence() {
    let house = House::new();
    let starts = |certificate: &str, key: &str| {
        let [certificate, key] = [certificate, key].map(|name| match name {
            "" => String::new(),
            name => house.path(name).display().to_string(),
        });
        let certificate = format!("server.tls_certificate={certificate}");
        let key = format!("server.tls_key={key}");
        let listen = "server.tls_listen=127.0.0.1:0";
        let args = ["--listen", "127.0.0.1:0", "--set", listen, "--set", &certificate, "--set", &key];
        let ran = run(&args, "");
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.stderr
    };
    std::fs::write(house.path("text"), "hello").unwrap();
    for (told, words) in [
        (starts("", ""), "server.tls_certificate: is empty"),
        (starts("hub.pem", ""), "server.tls_key: is empty"),
        (starts("hub.pem", "nowhere"), "there is no such file"),
        (starts("text", "hub.key"), "-----BEGIN CERTIFICATE-----"),
        (starts("hub.pem", "authority.key"), "made together"),
        (starts("hub.key", "hub.pem"), "mixed up"),
    ] {
        assert!(told.contains(words), "{told}");
    }
}

#[tokio::test]
async fn a_key_that_everybody_can_read_and_a_certificate_that_has_expired_are_told_and_served() {
    use std::os::unix::fs::PermissionsExt;

    let house = House::new();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let old = clown_hub::tls::house::authority("Old", now - 800 * 86_400).unwrap();
    let leaf = clown_hub::tls::house::leaf(&old, &["localhost".to_owned()], now - 799 * 86_400).unwrap();
    std::fs::write(house.path("hub.pem"), leaf.certificate).unwrap();
    std::fs::write(house.path("hub.key"), leaf.key).unwrap();
    std::fs::set_permissions(house.path("hub.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let hub = hub(&house, &[]);
    hub.logs("everybody on this machine can read the private key").await;
    hub.logs("the certificate has expired").await;
    assert_eq!(hub.figure("tls_days_left").await, 0);
    let error = hub.encrypted(&house.client()).await.unwrap_err().to_string();
    assert!(error.contains("invalid peer certificate"), "{error}");
}

#[tokio::test]
async fn the_commands_speak_wss_to_a_hub_that_they_trust() {
    let house = House::new();
    let hub = hub(&house, &[]);
    let port = hub.tls.unwrap().port();
    let url = format!("wss://clown:bigclown@localhost:{port}");
    let authority = house.path("authority.pem").display().to_string();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["greeting"]}"#).await;
    run(&["pub", "greeting", "\"hello\"", "--url", &url, "--ca", &authority], "").succeeds();
    assert_eq!(reader.hear().await, "[\"greeting\", \"hello\"]");
    let nodes = binary().args(["nodes", "--url", &url]).env("CLOWN_HUB_CA", &authority).output().unwrap();
    assert!(nodes.status.success(), "{nodes:?}");

    let told = |args: &[&str]| {
        let ran = run(&[&["pub", "a", "1"], args].concat(), "");
        assert!(ran.code != Some(0) && !ran.stderr.contains("bigclown"), "{}", ran.stderr);
        ran.stderr
    };
    let strange = told(&["--url", &url]);
    assert!(strange.contains("--ca FILE"), "{strange}");
    let other_name = format!("wss://clown:bigclown@[::ffff:127.0.0.1]:{port}");
    let other_name = told(&["--url", &other_name, "--ca", &authority]);
    assert!(other_name.contains("for another name"), "{other_name}");
    let plain = told(&["--url", &format!("wss://clown:bigclown@{}", hub.address), "--ca", &authority]);
    assert!(plain.contains("encryption"), "{plain}");
    let nowhere = told(&["--url", &url, "--ca", "/nowhere"]);
    assert!(nowhere.contains("/nowhere cannot be read: there is no such file"), "{nowhere}");
}

#[tokio::test]
async fn curl_and_openssl_are_served_and_old_versions_of_tls_are_not() {
    let house = House::new();
    let hub = hub(&house, &[]);
    let (port, authority) = (hub.tls.unwrap().port(), house.path("authority.pem"));
    let authority = authority.to_str().unwrap();
    let runs = async |program: &'static str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).stdin(std::process::Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        match ran {
            Ok(ran) => Some(String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                println!("{program} is not installed: it is not tried");
                None
            }
            Err(error) => panic!("{error}"),
        }
    };
    let url = format!("https://localhost:{port}/healthz");
    if let Some(said) = runs("curl", &["--silent", "--show-error", "--cacert", authority, &url]).await {
        assert_eq!(said, "{\"status\": \"ok\"}\n");
    }
    let place = format!("localhost:{port}");
    for (version, is_served) in [("-tls1_3", true), ("-tls1_2", true), ("-tls1_1", false)] {
        let args = ["s_client", "-connect", &place, "-CAfile", authority, "-verify_return_error", version];
        let Some(said) = runs("openssl", &args).await else { return };
        assert_eq!(
            said.contains("Verify return code: 0 (ok)") && !said.contains("Cipher is (NONE)"),
            is_served,
            "{said}"
        );
    }
}

#[test]
fn an_authority_is_made_once_and_its_secrets_are_for_one_user() {
    use std::os::unix::fs::PermissionsExt;

    let house = House::new();
    let mode = |name: &str| std::fs::metadata(house.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("authority.key"), mode("hub.key"), mode("hub.pem")), (0o600, 0o600, 0o644));
    let folder = house.path("");
    let folder = folder.to_str().unwrap();
    let again = run(&["cert", "make", "--directory", folder], "");
    assert!(again.code == Some(2) && again.stderr.contains("cert renew"), "{}", again.stderr);
    let authority = std::fs::read(house.path("authority.pem")).unwrap();
    let before = house.certificate();
    let not_yet = run(&["cert", "renew", "--within", "30", "--directory", folder], "").succeeds();
    assert!(not_yet.contains("nothing was done") && before == house.certificate(), "{not_yet}");
    let renewed = run(&["cert", "renew", "--name", "hub.example", "--directory", folder], "").succeeds();
    assert!(renewed.contains("hub.example") && renewed.contains("localhost"), "{renewed}");
    assert!(before != house.certificate());
    assert_eq!(authority, std::fs::read(house.path("authority.pem")).unwrap());
    let shown = run(&["cert", "show", "--directory", folder, "--set", "server.listen=192.0.2.1:8080"], "");
    let shown = shown.succeeds();
    assert!(shown.contains("SHA-256") && shown.contains("http://192.0.2.1:8080/authority.crt"), "{shown}");
    std::fs::remove_file(house.path("authority.key")).unwrap();
    let half = run(&["cert", "renew", "--directory", folder], "");
    assert!(half.code == Some(2) && half.stderr.contains("an authority is both"), "{}", half.stderr);
}
