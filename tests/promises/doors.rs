//! The doors, as the devices and the attackers that there are knock at them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, Client, Hub, Line, PASSWORD, basic, in_time, user};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A handshake of the demo user with these lines more, which end with `\r\n` each.
fn handshake(request: &str, more: &str) -> String {
    format!(
        "{request}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: {}\r\n{more}\r\n",
        basic("clown", "bigclown")
    )
}

/// The head that the WebSocket library of Links2004 sends, in its order.
async fn arduino(hub: &Hub, path: &str) -> Answer {
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: arduino\r\nOrigin: file://\r\n\
         Authorization: {}\r\nUser-Agent: arduino-WebSocket-Client\r\n\r\n",
        hub.address,
        basic("clown", "bigclown")
    );
    hub.knocks_with(&head).await
}

#[tokio::test]
async fn the_websocket_library_of_arduino_comes_in_with_its_default_headers() {
    let hub = Hub::demo();
    for path in ["/auth/clown-talk-client_nodes_bridge_0", "/talk/n?side=node", "/echo"] {
        let answer = arduino(&hub, path).await;
        assert_eq!(answer.status(), 101, "{path}: {}", answer.text);
        assert_eq!(answer.header("sec-websocket-protocol"), None, "{path}");
        // The library compares these two words as a whole.
        assert_eq!(
            (answer.header("connection"), answer.header("upgrade")),
            (Some("upgrade"), Some("websocket"))
        );
    }
}

#[tokio::test]
async fn a_page_on_disk_comes_in_only_where_the_configuration_names_it() {
    let authorization = basic("clown", "bigclown");
    for (origins, origin, status) in [
        ("", "file://", 403),
        ("", "null", 403),
        ("file://", "file://", 101),
        ("file://", "null", 403),
        ("null", "null", 101),
    ] {
        let hub = Hub::with(&[&format!("server.origins={origins}")]);
        let headers =
            [("Authorization", authorization.as_str()), ("Origin", origin), ("User-Agent", FIREFOX)];
        assert_eq!(hub.knocks("/talk", &headers).await.status(), status, "{origins}: {origin}");
    }
}

#[tokio::test]
async fn a_refused_page_is_told_and_logged_with_the_key_that_would_let_it_in() {
    let hub = Hub::demo();
    let headers = [("Origin", "http://house.example"), ("Connection", "close")];
    let refused = hub.request("GET", "/talk", &headers[..1], "").await;
    assert_eq!(refused.status(), 403);
    assert_eq!(
        refused.body().trim(),
        "pages of the origin \"http://house.example\" may not use the hub; if they may, add it to server.origins"
    );
    let refused = hub.request("POST", "/api/session", &headers[..1], "{}").await;
    assert!(refused.body().contains("server.origins"), "{}", refused.text);
    hub.logs("add it to server.origins origin=\"http://house.example\" address=127.0.0.1:").await;
    assert_eq!(hub.figure("connections_refused").await, 2);
    let nasty = hub.request("GET", "/talk", &[("Origin", "http://\u{202e}x\u{85}y.example")], "").await;
    assert_eq!(nasty.status(), 403);
    hub.logs(r"\u{202e}x\u{85}y.example").await;
    assert!(!hub.log().contains('\u{202e}'));
}

#[tokio::test]
async fn the_names_of_this_machine_are_one_host_for_a_page() {
    let hub = Hub::demo();
    let (authorization, port) = (basic("clown", "bigclown"), hub.address.port());
    let names = ["localhost", "127.0.0.1", "[::1]"];
    for (name, other) in names.iter().flat_map(|name| names.map(|other| (*name, other))) {
        for (port_of_page, status) in [(port, 101), (port ^ 1, 403)] {
            let (host, origin) = (format!("{name}:{port}"), format!("http://{other}:{port_of_page}"));
            let headers = [("Authorization", authorization.as_str()), ("Host", &host), ("Origin", &origin)];
            assert_eq!(hub.knocks("/talk", &headers).await.status(), status, "{host} {origin}");
        }
    }
    for (host, allows) in [
        (
            format!("localhost:{port}"),
            format!("connect-src 'self' ws://localhost:{port} ws://127.0.0.1:{port};"),
        ),
        (format!("[::1]:{port}"), format!("connect-src 'self' ws://localhost:{port} ws://127.0.0.1:{port};")),
        ("hub.local".to_owned(), "connect-src 'self';".to_owned()),
        ("localhost:1;script-src:*".to_owned(), "connect-src 'self';".to_owned()),
    ] {
        let page = hub.request("GET", "/", &[("Host", &host)], "").await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains(&allows), "{host}: {policy}");
    }
}

#[tokio::test]
async fn credentials_without_padding_come_in_and_others_are_told_what_is_wrong() {
    const NO_FORM: &str =
        "the header Authorization must be Basic and name:password in base64, or Bearer and a token";
    let hub = Hub::demo();
    for (authorization, status, says) in [
        ("Basic Y2xvd246YmlnY2xvd24=", 101, ""),
        ("Basic Y2xvd246YmlnY2xvd24", 101, ""),
        ("Basic Y2xvd24=", 401, "there is no colon in the credentials: they are name:password in base64"),
        ("Basic clown:bigclown", 401, "what follows Basic is not base64"),
        ("Digest abc", 401, NO_FORM),
        ("Bearer abc", 401, "this token lets nobody in: it was revoked, or it is not whole"),
        ("Basic Y2xvd246YmlnY2xvdw==", 401, "wrong name or password, 19 tries left"),
    ] {
        assert_eq!(hub.knocks("/talk", &[("Authorization", authorization)]).await.status(), status);
        if status == 401 && !says.contains("tries left") {
            let answer = hub.request("GET", "/talk", &[("Authorization", authorization)], "").await;
            assert_eq!(answer.body().trim(), says, "{authorization}");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    assert_eq!(hub.figure("logins_failed").await, 3, "a token twice, and one password");
}

#[tokio::test]
async fn a_password_that_was_typed_as_the_name_is_not_in_the_log() {
    let hub = Hub::with_users(&[user("anna", &["#"], &["#"], true)], &["server.line_listen=127.0.0.1:0"]);
    assert_eq!(hub.knocks("/talk", &[("Authorization", &basic("hunter2-long", ""))]).await.status(), 401);
    hub.logs("login failed user=an unknown name of 12 characters").await;
    let mut line = Line::connect(&hub).await;
    line.say(r#"["clown.talk/-/config/set", {"user": "hunter2-longer", "password": ""}]"#).await;
    assert!(line.hear().await.unwrap().contains("wrong name or password"));
    let body = r#"{"name": "hunter2-page", "password": ""}"#;
    assert_eq!(hub.request("POST", "/api/session", &[], body).await.status(), 401);
    assert_eq!(hub.knocks("/talk", &[("Authorization", &basic("anna", "hunter2"))]).await.status(), 401);
    hub.logs("login failed user=anna").await;
    assert!(!hub.log().contains("hunter2"), "{}", hub.log());
    assert_eq!(hub.figure("logins_failed").await, 4);
}

#[tokio::test]
async fn a_path_with_a_slash_too_many_finds_its_door_or_is_told_the_right_one() {
    let hub = Hub::demo();
    let authorization = basic("clown", "bigclown");
    for path in [
        "//auth/clown-talk-server_nodes_bridge_0",
        "/auth/clown-talk-server_nodes_bridge_0/",
        "/auth//clown-talk-client_nodes_bridge_0",
        "/talk/",
        "//talk",
        "/talk//nodes/bridge/0/",
        "//talk/n/?side=node",
    ] {
        let answer = hub.knocks(path, &[("Authorization", &authorization)]).await;
        assert_eq!(answer.status(), 101, "{path}: {}", answer.text);
    }
    for (path, right) in [
        ("//metrics", "/metrics"),
        ("/healthz/", "/healthz"),
        ("/api//session", "/api/session"),
        ("//metrics/", "/metrics"),
        ("/echo/", "/echo"),
    ] {
        let answer = hub.request("GET", path, &[], "").await;
        assert_eq!(answer.status(), 404, "{path}");
        let meant = format!("Unsupported Request-URI; leave out the slash too many: {right};");
        assert!(answer.body().starts_with(&meant), "{path}: {}", answer.text);
    }
    let lacks = hub.request("GET", "/talk/nodes//0", &[], "").await;
    assert_eq!(lacks.status(), 404);
    assert!(
        lacks.body().trim().ends_with("; without the slash too many it is /talk/nodes/0"),
        "{}",
        lacks.text
    );
    let unknown = hub.request("GET", "/nothing//here", &[], "").await;
    assert!(unknown.body().starts_with("Unsupported Request-URI; the hub answers at"), "{}", unknown.text);
}

#[tokio::test]
async fn a_request_that_two_programs_would_read_in_two_ways_is_refused() {
    let hub = Hub::demo();
    let host = format!("Host: {}\r\n", hub.address);
    for (what, more, status, says) in [
        ("two hosts", format!("{host}Host: evil.example\r\n"), 400, "the header host may be there only once"),
        ("the same host twice", host.repeat(2), 400, "the header host may be there only once"),
        ("no host", String::new(), 400, "HTTP/1.1 needs the header Host"),
        (
            "two origins",
            format!("{host}Origin: http://{}\r\nOrigin: http://evil.example\r\n", hub.address),
            400,
            "the header origin may be there only once",
        ),
        (
            "two transfer encodings",
            format!("{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            400,
            "the header transfer-encoding may be there only once",
        ),
        (
            "two credentials",
            format!("{host}Authorization: Basic eDp5\r\n"),
            400,
            "the header authorization may be there only once",
        ),
        (
            "two keys",
            format!("{host}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            400,
            "the header sec-websocket-key may be there only once",
        ),
        ("two versions", format!("{host}Sec-WebSocket-Version: 8\r\n"), 400, "only once"),
        ("a list of hosts", format!("Host: {}, evil.example\r\n", hub.address), 400, "one name or address"),
        ("a user before the host", format!("Host: evil@{}\r\n", hub.address), 400, "one name or address"),
        ("a body in pieces", format!("{host}Transfer-Encoding: chunked\r\n"), 400, "handshake has no body"),
        ("a body", format!("{host}Content-Length: 5\r\n"), 400, "handshake has no body"),
    ] {
        for path in ["/talk", "/echo", "/metrics", "/nothing"] {
            let answer = hub.answers(&handshake(&format!("GET {path} HTTP/1.1"), &more)).await;
            assert_eq!(answer.status(), status, "{what}: {}", answer.text);
            assert!(answer.body().contains(says), "{what}: {}", answer.text);
            assert_eq!(answer.header("connection"), Some("close"), "{what}");
        }
    }
    let other_host = handshake("GET http://evil.example/talk HTTP/1.1", &host);
    let answer = hub.answers(&other_host).await;
    assert_eq!(answer.status(), 400, "{}", answer.text);
    assert!(answer.body().contains("another host than the header Host"), "{}", answer.text);
    assert_eq!(hub.figure("connections_refused").await, 49);
    for good in ["Content-Length: 0\r\n", "Upgrade: websocket\r\n"] {
        let answer = hub.knocks_with(&handshake("GET /talk HTTP/1.1", &format!("{host}{good}"))).await;
        assert_eq!(answer.status(), 101, "{good}: {}", answer.text);
    }
    let same_host = format!("GET http://{}/talk HTTP/1.1", hub.address);
    assert_eq!(hub.knocks_with(&handshake(&same_host, &host)).await.status(), 101);
}

#[tokio::test]
async fn a_websocket_is_not_opened_with_http_1_0() {
    let hub = Hub::demo();
    for more in [String::new(), format!("Host: {}\r\n", hub.address)] {
        for path in ["/talk", "/echo"] {
            let answer = hub.answers(&handshake(&format!("GET {path} HTTP/1.0"), &more)).await;
            assert_eq!(answer.status(), 426, "{}", answer.text);
            assert!(answer.body().contains("HTTP/1.1"), "{}", answer.text);
        }
    }
    assert_eq!(hub.answers("GET /healthz HTTP/1.0\r\n\r\n").await.status(), 200, "a probe may be that old");
}

#[tokio::test]
async fn a_length_beside_a_transfer_encoding_hides_no_second_request() {
    let hub = Hub::demo();
    let second = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for head in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nContent-Length: 500",
    ] {
        let request =
            format!("POST /api/session HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n0\r\n\r\n{second}");
        let answer = hub.answers(&request).await;
        assert_eq!(answer.status(), 400, "{head}: {}", answer.text);
        assert_eq!(answer.text.matches("HTTP/1.1 ").count(), 1, "{head}: {}", answer.text);
    }
}

/// Signs in as the page does; returns the token.
async fn token(hub: &Hub, name: &str) -> String {
    let body = format!(r#"{{"name": "{name}", "password": "{PASSWORD}"}}"#);
    let answer = hub.request("POST", "/api/session", &[], &body).await;
    assert_eq!(answer.status(), 204, "{}", answer.text);
    let cookie = answer.header("set-cookie").unwrap();
    cookie.strip_prefix("hub_session=").unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_cookie_of_our_name_that_a_neighbour_has_set_does_not_lock_a_page_out() {
    let hub = Hub::with_users(&[user("anna", &["#"], &["#"], true)], &[]);
    let token = token(&hub, "anna").await;
    let stranger = "x".repeat(43);
    for cookie in [
        format!("hub_session={stranger}; hub_session={token}"),
        format!("hub_session=; hub_session={stranger}; a=b; hub_session={token}; hub_session={stranger}"),
        format!("hub_session={token}"),
    ] {
        assert_eq!(hub.knocks("/talk", &[("Cookie", &cookie)]).await.status(), 101, "{cookie}");
        assert_eq!(hub.request("GET", "/api/session", &[("Cookie", &cookie)], "").await.status(), 200);
    }
    let both = format!("hub_session={stranger}; hub_session={token}");
    let mut socket = Client::connect_with(&hub, "/talk", &[("cookie", &both)]).await.unwrap();
    socket.configure(r#"{"filters": []}"#).await;
    assert_eq!(hub.request("DELETE", "/api/session", &[("Cookie", &both)], "").await.status(), 204);
    assert_eq!(socket.closed().await, (1008, "session ended".to_owned()));
    assert_eq!(hub.knocks("/talk", &[("Cookie", &both)]).await.status(), 401);
}

#[tokio::test]
async fn a_handshake_that_is_refused_for_its_form_is_counted() {
    let hub = Hub::demo();
    let authorization = basic("clown", "bigclown");
    for (path, header, value, status) in [
        ("/talk/a%ff", "X", "1", 404),
        ("/auth/clown-talk-server_%ff", "X", "1", 404),
        ("/auth/clown", "X", "1", 404),
        ("/talk/$SYS", "X", "1", 404),
        ("/talk?side=both", "X", "1", 400),
        ("/talk", "Sec-WebSocket-Version", "8", 426),
        ("/talk", "Sec-WebSocket-Key", "short", 400),
        ("/talk", "Upgrade", "h2c", 426),
        ("/echo", "Sec-WebSocket-Key", "short", 400),
    ] {
        let answer = hub.knocks(path, &[("Authorization", &authorization), (header, value)]).await;
        assert_eq!(answer.status(), status, "{path} {header}: {}", answer.text);
    }
    assert_eq!(hub.figure("connections_refused").await, 9);
}

#[tokio::test]
async fn who_finds_no_place_is_counted() {
    let hub = Hub::with(&["limits.connections=2"]);
    let inside = Client::connect(&hub, "/talk").await;
    let _also = Client::connect(&hub, "/talk").await;
    for _ in 0..3 {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let mut text = Vec::new();
        let _ = in_time("the refusal", stream.read_to_end(&mut text)).await;
        assert!(text.starts_with(b"HTTP/1.1 503 "));
    }
    inside.leave().await;
    in_time("a free place", async { while hub.request("GET", "/healthz", &[], "").await.status() != 200 {} })
        .await;
    assert!(hub.figure("connections_turned_away").await >= 3);
}
