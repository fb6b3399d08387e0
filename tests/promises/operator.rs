//! What admins may ask for over HTTP besides accounts: the configuration in effect, and a copy of the store (`docs/protocol.md`,
//! clause 7.10).

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, Hub, PASSWORD, basic, run, user};

fn admin() -> String {
    user("root", &["#"], &["#"], true) + "admin = true\n"
}

fn users() -> [String; 2] {
    [admin(), user("jana", &["#", "$SYS/#"], &["#"], true)]
}

async fn get(hub: &Hub, path: &str, headers: &[(&str, &str)]) -> Answer {
    hub.request("GET", path, headers, "").await
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(answer.body()).unwrap_or_else(|_| panic!("{}", answer.text))
}

/// The line of the log that holds this, once it is there.
async fn logged(hub: &Hub, text: &str) -> String {
    hub.logs(text).await;
    hub.log().lines().find(|line| line.contains(text)).unwrap().to_owned()
}

/// Begins to ask for a copy, and reads the head of the answer only.
async fn begun(hub: &Hub) -> (u16, TcpStream) {
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let (host, who) = (hub.address, basic("root", PASSWORD));
    let request = format!(
        "GET /api/backup HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: {who}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), stream)
}

#[tokio::test]
async fn nobody_but_an_admin_gets_the_configuration_or_a_copy_and_no_page_of_another_site() {
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    let hub = Hub::with_users(&users(), &["log.format=json", &directory]);
    let (root, jana, guess) = (basic("root", PASSWORD), basic("jana", PASSWORD), basic("root", "a guess"));
    for path in ["/api/config", "/api/backup"] {
        for (what, headers, expected) in [
            ("a user", &[("Authorization", &*jana)][..], 403),
            ("nobody", &[], 401),
            ("who guesses", &[("Authorization", &*guess)], 401),
            ("a page of another site", &[("Authorization", &*root), ("Origin", "http://evil.example")], 403),
        ] {
            let answer = get(&hub, path, headers).await;
            assert_eq!(answer.status(), expected, "{path}, {what}: {}", answer.text);
            assert!(
                !answer.body().contains("server.listen") && !answer.text.contains("SQLite"),
                "{path}, {what}"
            );
        }
        let answer = hub.request("POST", path, &[("Authorization", &root)], "").await;
        assert_eq!((answer.status(), &json(&answer)["error"]), (405, &"method".into()), "{path}");
        let refused = logged(&hub, &format!("\"topic\":\"{path}\"")).await;
        assert!(
            refused.contains("\"right\":\"admin\"") && refused.contains("\"user\":\"jana\""),
            "{refused}"
        );
    }
    // A page knows whom it may show these.
    for (name, is_admin) in [("root", true), ("jana", false)] {
        let sign_in = json!({"name": name, "password": PASSWORD}).to_string();
        let signed_in = hub.request("POST", "/api/session", &[], &sign_in).await;
        let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let told = json(&get(&hub, "/api/session", &[("Cookie", &cookie)]).await);
        assert_eq!(told["admin"], json!(is_admin), "{told}");
        let status = get(&hub, "/api/config", &[("Cookie", &cookie)]).await.status();
        assert_eq!(status, if is_admin { 200 } else { 403 }, "{name}");
    }
}

#[tokio::test]
async fn admins_see_what_is_in_effect_and_who_said_it() {
    let hub = Hub::with_users(&users(), &["limits.filters=50"]);
    let told = json(&get(&hub, "/api/config", &[("Authorization", &basic("root", PASSWORD))]).await);
    let key =
        |name: &str| told["keys"].as_array().unwrap().iter().find(|key| key["name"] == name).unwrap().clone();
    assert_eq!(
        key("limits.filters"),
        json!({"name": "limits.filters", "value": "50", "origin": "flag", "range": key("limits.filters")["range"],
            "unit": "filters", "meaning": "Filters that one connection may hold."})
    );
    assert_eq!(
        (&key("limits.message_bytes")["origin"], key("limits.message_bytes")["value"].is_string()),
        (&"default".into(), true)
    );
    // The same as the command says.
    let shown = run(&["config", "show", "--set", "limits.filters=50"], "").succeeds();
    for name in ["limits.filters", "retained.bytes", "events.days"] {
        let line = shown.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        assert_eq!(line.split_whitespace().nth(1), key(name)["value"].as_str(), "{line}");
    }
}

#[tokio::test]
async fn a_copy_of_the_store_comes_over_http_whole_and_nothing_of_it_stays() {
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    let hub = Hub::with_users(&[admin()], &["log.format=json", "store.durability=commit", &directory]);
    let root = basic("root", PASSWORD);
    let put = "/api/topics/attic/temperature?retain=true";
    let headers = [("Authorization", root.as_str()), ("Content-Type", "application/json")];
    assert_eq!(hub.request("PUT", put, &headers, "21.5").await.status(), 200);

    let (status, mut stream) = begun(&hub).await;
    let mut copy = Vec::new();
    stream.read_to_end(&mut copy).await.unwrap();
    assert_eq!((status, copy.get(..15)), (200, Some(&b"SQLite format 3"[..])));
    let line = logged(&hub, "\"event\":\"backup\"").await;
    assert!(
        line.contains("\"user\":\"root\"") && line.contains(&format!("\"bytes\":{}", copy.len())),
        "{line}: {}",
        copy.len()
    );
    let left: Vec<_> =
        std::fs::read_dir(store.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("download")), "{left:?}");

    // It is one that `restore` takes.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("copy.db");
    std::fs::write(&file, &copy).unwrap();
    let place = format!("store.directory={}", elsewhere.path().join("store").display());
    run(&["restore", file.to_str().unwrap(), "--set", &place], "").succeeds();
    let again = Hub::with_users(&[admin()], &[&place]);
    let value = get(&again, "/api/topics/attic/temperature", &[("Authorization", &root)]).await;
    assert_eq!((value.status(), value.body().trim()), (200, "21.5"), "{}", value.text);

    let without = Hub::with_users(&[admin()], &[]);
    let answer = get(&without, "/api/backup", &[("Authorization", &root)]).await;
    assert_eq!((answer.status(), &json(&answer)["error"]), (404, &"store".into()));
}

/// Has the hub keep more than a network keeps between two machines.
pub(super) async fn keeps_much(hub: &Hub) {
    let root = basic("root", PASSWORD);
    let headers = [("Authorization", root.as_str()), ("Content-Type", "application/json")];
    for number in 0..20 {
        let path = format!("/api/topics/large/{number}?retain=true");
        let word =
            |at: u64| format!("{:016x}", (at + 1 + number * 60_000).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let text = (0..60_000).map(word).collect::<Vec<_>>().concat();
        assert_eq!(hub.request("PUT", &path, &headers, &format!("\"{text}\"")).await.status(), 200);
    }
}

#[tokio::test]
async fn one_copy_is_fetched_at_a_time_and_who_leaves_makes_room() {
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    let hub = Hub::with_users(&[admin()], &["store.durability=commit", &directory]);
    let root = basic("root", PASSWORD);
    keeps_much(&hub).await;
    let (first, stalled) = begun(&hub).await;
    let second = get(&hub, "/api/backup", &[("Authorization", &root)]).await;
    assert_eq!(
        (first, second.status(), &json(&second)["error"]),
        (200, 503, &"busy".into()),
        "{}",
        second.body()
    );
    assert!(second.header("retry-after").is_some());
    drop(stalled);
    for _ in 0..300 {
        if begun(&hub).await.0 == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the place of the one who has left is not free");
}

#[tokio::test]
async fn a_path_that_refuses_a_method_says_which_it_takes() {
    let hub = Hub::with_users(&[admin()], &["mqtt.websocket=true", "diagnostics.enabled=true"]);
    let authorization = basic("root", PASSWORD);
    let paths = "/ /auth/clown-talk-server_nodes_bridge_0 /api/topics /api/topics/a /api/publish /api/stream /api/nodes /api/version \
        /api/openapi.json /api/session /api/history /api/events /api/accounts /api/accounts/root /api/accounts/root/explain \
        /api/tokens/a /api/config /api/backup /api/layout /api/code /mqtt /healthz /metrics /echo";
    for path in paths.split_whitespace() {
        let answer = hub.request("PROPFIND", path, &[("Authorization", &authorization)], "").await;
        assert_eq!(answer.status(), 405, "{path}: {}", answer.text);
        let allowed = answer.header("allow").unwrap_or_else(|| panic!("{path}: {}", answer.text));
        for method in allowed.split(',').map(str::trim) {
            assert!("GET HEAD POST PUT PATCH DELETE OPTIONS".contains(method), "{path}: {allowed}");
        }
    }
}
