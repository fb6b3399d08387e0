//! Accounts that are changed or removed while a request of theirs is under way.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::operator::keeps_much;
use crate::support::{Answer, Client, Hub, PASSWORD, basic, in_time, user};

/// A request whose account the hub has looked at, and whose body it waits for.
struct Halfway(BufReader<TcpStream>, String);

impl Halfway {
    async fn begins(hub: &Hub, who: &str, line: &str, more: &str, body: &str) -> Self {
        let mut stream = BufReader::new(TcpStream::connect(hub.address).await.unwrap());
        let (host, length, who) = (hub.address, body.len(), basic(who, PASSWORD));
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: {who}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut told = String::new();
        while !told.ends_with("\r\n\r\n") {
            let read = in_time("the word that the body is waited for", stream.read_line(&mut told)).await;
            assert!(read.unwrap() > 0, "{told}");
        }
        assert!(told.starts_with("HTTP/1.1 100 "), "{told}");
        Self(stream, body.to_owned())
    }

    async fn ends(mut self) -> Answer {
        self.0.write_all(self.1.as_bytes()).await.unwrap();
        let mut text = String::new();
        in_time("the answer", self.0.read_to_string(&mut text)).await.unwrap();
        Answer { text }
    }
}

fn admin(name: &str) -> String {
    user(name, &["#"], &["#"], true) + "admin = true\n"
}

/// Changes the accounts as `root`.
async fn root(hub: &Hub, line: &str, body: &str) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let who = basic("root", PASSWORD);
    let headers = [("Authorization", &*who), ("Content-Type", "application/json"), ("If-Match", "*")];
    let answer = hub.request(method, path, &headers, body).await;
    assert!(answer.status() < 300, "{}", answer.text);
    answer
}

async fn remove(hub: &Hub, name: &str) {
    root(hub, &format!("DELETE /api/accounts/{name}"), "").await;
}

/// Which status, and which kind of refusal.
fn told(answer: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_str(answer.body()).unwrap_or_else(|_| panic!("{}", answer.text));
    let kind = body["error"].as_str().or(body["type"].as_str()).unwrap_or_default();
    (answer.status(), kind.rsplit(['/', '#']).next().unwrap().to_owned())
}

#[tokio::test]
async fn an_admin_who_is_removed_while_the_hub_waits_for_a_body_makes_no_account_any_more() {
    let users = ["root", "mallory", "eve"].map(admin);
    let hub = Hub::with_users(&users, &["log.format=json"]);
    let body = format!(r#"{{"password": "{PASSWORD}", "admin": true}}"#);
    let anything = "If-Match: *\r\n";
    let mallory = Halfway::begins(&hub, "mallory", "PUT /api/accounts/backdoor", anything, &body).await;
    let token =
        Halfway::begins(&hub, "mallory", "POST /api/tokens/door", anything, r#"{"role": "node"}"#).await;
    let eve = Halfway::begins(&hub, "eve", "PUT /api/accounts/backdoor", anything, &body).await;
    remove(&hub, "mallory").await;
    root(&hub, "PUT /api/accounts/eve", r##"{"publish": ["#"]}"##).await;
    assert_eq!(told(&mallory.ends().await), (503, "ends".to_owned()));
    assert_eq!(told(&token.ends().await), (503, "ends".to_owned()));
    assert_eq!(told(&eve.ends().await), (403, "rights".to_owned()), "who is no admin any more");
    let text = std::fs::read_to_string(hub.dir().join("users.toml")).unwrap();
    assert!(!text.contains("door"), "{text}");
}

#[tokio::test]
async fn what_an_account_may_do_is_asked_again_when_the_body_has_come() {
    let users = [
        admin("root"),
        admin("mallory"),
        user("jana", &["#"], &["#"], false),
        user("emil", &["#"], &["#"], false),
    ];
    let hub = Hub::with_users(&users, &["server.webhooks=true"]);
    let layout = r#"{"nodes": {"a": {"name": "Attic"}}}"#;
    let requests = [
        ("jana", "PUT /api/topics/a", "1"),
        ("jana", "POST /api/publish", "[\"a\", 1]\n"),
        ("mallory", "PATCH /api/layout", layout),
    ];
    let mut begun = Vec::new();
    for (who, line, body) in requests {
        begun.push((
            line,
            Halfway::begins(
                &hub,
                who,
                line,
                "If-Match: \"0\"\r\n".repeat(usize::from(who == "mallory")).as_str(),
                body,
            )
            .await,
        ));
    }
    let less = Halfway::begins(&hub, "emil", "PUT /api/topics/a", "", "1").await;
    let enough = Halfway::begins(&hub, "emil", "PUT /api/topics/b", "", "2").await;
    remove(&hub, "jana").await;
    remove(&hub, "mallory").await;
    root(&hub, "PUT /api/accounts/emil", r#"{"publish": ["b"]}"#).await;
    for (line, request) in begun {
        assert_eq!(told(&request.ends().await), (503, "ends".to_owned()), "{line}");
    }
    assert_eq!(less.ends().await.status(), 403, "what it may not publish any more");
    assert_eq!(enough.ends().await.status(), 200, "what it may");
    let who = basic("root", PASSWORD);
    assert_eq!(hub.request("GET", "/api/topics/a", &[("Authorization", &who)], "").await.status(), 404);
}

#[tokio::test]
async fn who_is_removed_while_a_batch_waits_for_nodes_is_answered_then_and_not_a_minute_later() {
    let users = [admin("root"), user("mallory", &["#"], &["#"], false)];
    let hub = Hub::with_users(&users, &["limits.messages_per_second=0"]);
    let mut node = Client::open_as(&hub, "root", "/talk/r?side=node", r#"{"filters": ["+/set"]}"#).await;
    let line = |n| format!("[\"r/{n}/set\", true, {{\"confirm\": 60, \"id\": \"{n}\"}}]\n");
    let lines: String = (0..64).map(line).collect();
    let batch = Halfway::begins(&hub, "mallory", "POST /api/publish", "", &lines).await;
    let asked = async {
        for n in 0..64 {
            assert_eq!(node.frame().await[0], format!("{n}/set"));
        }
        remove(&hub, "mallory").await;
    };
    let (answer, ()) = tokio::join!(batch.ends(), asked);
    assert_eq!(told(&answer), (422, "lines".to_owned()), "{}", answer.text);
    assert!(answer.body().contains("it is not known what became of it"), "{}", answer.text);
}

#[tokio::test]
async fn a_download_of_a_copy_ends_with_the_account() {
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    let hub = Hub::with_users(&[admin("root"), admin("mallory")], &["store.durability=commit", &directory]);
    keeps_much(&hub).await;
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let request = format!(
        "GET /api/backup HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: {}\r\n\r\n",
        hub.address,
        basic("mallory", PASSWORD)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = vec![0; 1000];
    stream.read_exact(&mut bytes).await.unwrap();
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let length: usize = length.unwrap_or_else(|| panic!("{head}"));
    remove(&hub, "mallory").await;
    hub.logs("was not fetched to its end").await;
    let mut rest = Vec::new();
    let _ = in_time("the end of the download", stream.read_to_end(&mut rest)).await;
    assert!(rest.len() + 1000 < length, "{} of {length} bytes", rest.len() + 1000);
}
