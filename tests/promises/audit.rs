//! The audit trail: exactly one line for each thing that somebody did, and few of them whatever somebody does.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::support::{Authority, Client, House, Hub, Line, PASSWORD, basic, in_time, run, until, user};

/// As docs/configuration.md has them: lines of one kind of one causer at once and in a minute.
const SHARE: usize = 20;
const SHARE_A_MINUTE: usize = 12;

/// The lines of the trail, without what differs from run to run.
fn trail(hub: &Hub) -> Vec<Value> {
    let log = hub.log();
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut lines: Vec<_> = lines.filter(|line| line["target"] == "audit").collect();
    for line in &mut lines {
        let fields = line.as_object_mut().unwrap();
        assert!(fields.remove("timestamp").is_some());
        assert_eq!(
            (fields.remove("target"), fields.remove("message")),
            (Some("audit".into()), Some("audit".into()))
        );
    }
    lines
}

/// Waits until there are so many lines, and takes what is new.
async fn adds(hub: &Hub, seen: &mut usize, expected: &[Value]) {
    let wanted = *seen + expected.len();
    until("the lines of the trail", || trail(hub).len() >= wanted).await;
    assert_eq!(trail(hub)[*seen..], *expected);
    *seen = wanted;
}

/// Runs a command on the file of the hub's accounts; its exit code is 0.
fn accounts(hub: &Hub, args: &[&str], input: &str) -> String {
    let users = hub.dir().join("users.toml");
    let listen = format!("server.listen={}", hub.address);
    let ran = run(&[args, &["--users", users.to_str().unwrap(), "--set", &listen]].concat(), input);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

fn line_of(user: &str, password: &str) -> String {
    format!(r#"["clown.talk/-/config/set", {{"user": "{user}", "password": "{password}", "filters": []}}]"#)
}

#[tokio::test]
async fn each_sign_in_each_refusal_and_each_command_is_one_line_of_the_audit_trail() {
    let house = House::new();
    let authority = Authority::new("Clients");
    authority.write(&house.path("clients.pem"));
    let over = user("gone", &[], &[], false) + "valid_until = 2020-01-01\n";
    let elsewhere = user("elsewhere", &[], &[], false) + "from = [\"10.1.2.3\"]\n";
    let users = [user("jana", &["a/#", "#"], &["a/#"], false), over, elsewhere];
    let mut settings = house.settings();
    settings.extend(
        [
            "log.format=json",
            "server.line_listen=127.0.0.1:0",
            "server.line_tls_listen=127.0.0.1:0",
            "server.tls_client=optional",
            "users.failures_per_minute=3",
        ]
        .map(str::to_owned),
    );
    settings.push(format!("server.tls_client_ca={}", house.path("clients.pem").display()));
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let hub = Hub::with_users(&users, &settings);
    let mut seen = 0;
    let here = "127.0.0.1";
    let came = |door: &str, way: &str| json!({"level": "INFO", "event": "sign-in", "user": "jana", "door": door, "way": way, "address": here, "base": "", "side": "dashboard"});

    // Who comes in, by each door and in each way.
    let mut phone = Client::open_as(&hub, "jana", "/talk", r#"{"filters": []}"#).await;
    adds(&hub, &mut seen, &[came("websocket", "password")]).await;
    let mut line = Line::connect(&hub).await;
    line.say(&line_of("jana", PASSWORD)).await;
    adds(&hub, &mut seen, &[came("lines", "password")]).await;
    let body = format!(r#"{{"name": "jana", "password": "{PASSWORD}"}}"#);
    let page = hub.request("POST", "/api/session", &[], &body).await;
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let at_page = json!({"level": "INFO", "event": "sign-in", "user": "jana", "door": "page", "way": "password", "address": here});
    adds(&hub, &mut seen, &[at_page]).await;
    let _page = Client::connect_with(&hub, "/talk", &[("cookie", &cookie)]).await.unwrap();
    adds(&hub, &mut seen, &[came("websocket", "cookie")]).await;
    let jana = authority.identity("jana", &[], 2090);
    let mut lines = BufReader::new(hub.encrypted_lines(&house.client_as(&jana)).await.unwrap());
    lines.write_all(b"[\"clown.talk/-/config/set\", {\"filters\": []}]\n").await.unwrap();
    in_time("the answer", lines.read_line(&mut String::new())).await.unwrap();
    adds(&hub, &mut seen, &[came("lines", "certificate")]).await;
    let signed_out = hub.request("DELETE", "/api/session", &[("Cookie", &cookie)], "").await;
    assert_eq!(signed_out.status(), 204);
    adds(&hub, &mut seen, &[json!({"level": "INFO", "event": "sign-out", "user": "jana", "address": here})])
        .await;

    // Who does not, and why.
    let refused = |more: Value| {
        let mut line = json!({"level": "WARN", "event": "sign-in-refused", "address": here, "door": "websocket", "way": "password"});
        line.as_object_mut().unwrap().append(more.clone().as_object_mut().unwrap());
        line
    };
    let knock = async |name: &str, password: &str| {
        hub.knocks("/talk", &[("Authorization", &basic(name, password))]).await.status()
    };
    assert_eq!(knock("gone", PASSWORD).await, 403);
    adds(&hub, &mut seen, &[refused(json!({"user": "gone", "reason": "over"}))]).await;
    assert_eq!(knock("elsewhere", PASSWORD).await, 403);
    adds(&hub, &mut seen, &[refused(json!({"user": "elsewhere", "reason": "address"}))]).await;
    let unknown = hub.knocks("/talk", &[("Authorization", "Bearer cht_nobody")]).await;
    assert_eq!(unknown.status(), 401);
    adds(&hub, &mut seen, &[refused(json!({"way": "token", "reason": "token"}))]).await;
    assert_eq!(knock("gone", "a guess").await, 401);
    adds(&hub, &mut seen, &[refused(json!({"user": "gone", "reason": "wrong"}))]).await;
    assert_eq!(knock("my secret", "gone").await, 401);
    adds(&hub, &mut seen, &[refused(json!({"unknown_name": 9, "reason": "wrong"}))]).await;
    assert_eq!(knock("gone", "a guess").await, 401);
    adds(&hub, &mut seen, &[refused(json!({"user": "gone", "reason": "wrong", "times": 2}))]).await;
    assert_eq!(knock("gone", "a guess").await, 429);
    adds(&hub, &mut seen, &[refused(json!({"user": "gone", "reason": "locked"}))]).await;

    // What rights do not allow, and what is commanded.
    let no = |right: &str, topic: &str| json!({"level": "WARN", "event": "refused", "user": "jana", "address": here, "right": right, "topic": topic});
    phone.asks(r#"["b/1", 1]"#, "publish/error").await;
    adds(&hub, &mut seen, &[no("publish", "b/1")]).await;
    phone.asks(r#"["clown.talk/-/subscription/set", {"filters": ["$SYS/#"]}]"#, "subscription/error").await;
    let mut second = no("subscribe", "$SYS/#");
    second["times"] = 2.into();
    adds(&hub, &mut seen, &[second]).await;
    phone.publish("a/lamp/set", "\"not a secret of the trail\"").await;
    phone.publish("a/lamp", "1").await;
    line.say(r#"["a/fan/set", true]"#).await;
    let gave = |topic: &str| json!({"level": "INFO", "event": "command", "user": "jana", "address": here, "topic": topic});
    adds(&hub, &mut seen, &[gave("a/lamp/set"), gave("a/fan/set")]).await;

    let log = hub.log();
    for secret in [PASSWORD, "a guess", "my secret", "cht_nobody", "not a secret", "argon2"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

/// What an admin reads of the events of accounts, the oldest first: account, result and who did it.
fn events(hub: &Hub) -> Vec<Value> {
    let url = format!("ws://root:{}@{}", PASSWORD.replace(' ', "%20"), hub.address);
    let printed = run(&["events", "$SYS/events/account", "--json", "--url", &url], "").succeeds();
    let mut all: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    all.reverse();
    for event in &mut all {
        let event = event.as_object_mut().unwrap();
        assert!(event.remove("number").is_some() && event.remove("time").is_some());
    }
    all
}

#[tokio::test]
async fn each_change_of_an_account_is_one_line_and_one_event_by_its_name() {
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    let admin = user("root", &["#"], &["#"], true) + "admin = true\n";
    let hub = Hub::with_users(&[admin], &["log.format=json", &directory, "log.filter=off,audit=info"]);
    let mut seen = 0;
    let change = |account: &str, change: &str| json!({"level": "INFO", "event": "account", "account": account, "change": change, "by": "file"});
    let password = "another horse battery\n";
    accounts(&hub, &["user", "add", "jana", "--dashboard", "nodes"], password);
    adds(&hub, &mut seen, &[change("jana", "added")]).await;
    accounts(&hub, &["user", "passwd", "jana"], password);
    adds(&hub, &mut seen, &[change("jana", "password")]).await;
    let file = hub.dir().join("users.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("base = \"nodes\"", "base = \"other\"")).unwrap();
    adds(&hub, &mut seen, &[change("jana", "rights")]).await;
    let token = accounts(&hub, &["token", "add", "porch", "--node", "nodes/porch"], "");
    adds(&hub, &mut seen, &[change("porch", "token-added")]).await;
    let bearer = format!("Bearer {}", token.trim());
    let client =
        Client::connect_with(&hub, "/talk/nodes/porch", &[("authorization", &bearer)]).await.unwrap();
    let came = json!({"level": "INFO", "event": "sign-in", "user": "porch", "door": "websocket", "way": "token",
        "address": "127.0.0.1", "base": "nodes/porch", "side": "dashboard"});
    adds(&hub, &mut seen, &[came]).await;
    accounts(&hub, &["token", "revoke", "porch"], "");
    adds(&hub, &mut seen, &[change("porch", "token-revoked")]).await;
    accounts(&hub, &["user", "remove", "jana"], "");
    adds(&hub, &mut seen, &[change("jana", "removed")]).await;
    drop(client);

    let told = |account: &str, change: &str| json!({"kind": "account", "account": account, "result": change});
    let expected = [
        ("jana", "added"),
        ("jana", "password"),
        ("jana", "rights"),
        ("porch", "token-added"),
        ("porch", "token-revoked"),
        ("jana", "removed"),
    ];
    assert_eq!(events(&hub), expected.map(|(account, change)| told(account, change)));
    // Not for everybody: as sign-ins.
    accounts(&hub, &["user", "add", "emil", "--dashboard", ""], "another horse battery\n");
    let url = format!("ws://emil:another%20horse%20battery@{}", hub.address);
    let ran = run(&["events", "--json", "--url", &url], "");
    assert!(!ran.stdout.contains("\"account\""), "{}", ran.stdout);
    assert!(
        hub.log().lines().all(|line| line.contains(r#""target":"audit""#)),
        "the filter takes the trail alone"
    );
}

#[tokio::test]
async fn the_log_filter_turns_the_trail_off_and_as_text_it_is_a_line_that_begins_with_its_name() {
    let root = || user("root", &["#"], &["#"], true);
    let hub = Hub::with_users(&[root()], &["log.filter=info,audit=off"]);
    Client::open_as(&hub, "root", "/talk", "{}").await.publish("a/set", "1").await;
    hub.logs("connected").await;
    assert!(!hub.log().contains("audit"), "{}", hub.log());
    let hub = Hub::with_users(&[root()], &["log.filter=off,audit=info"]);
    Client::open_as(&hub, "root", "/talk/a", "{}").await.publish("b/set", "1").await;
    until("two lines", || hub.log().lines().count() == 2).await;
    let log = hub.log();
    let said: Vec<_> = log.lines().map(|line| line.split_once("INFO ").unwrap().1).collect();
    assert_eq!(
        said,
        [
            r#"audit event="sign-in" user="root" door="websocket" way="password" address=127.0.0.1 base="a" side="dashboard""#,
            r#"audit event="command" user="root" address=127.0.0.1 topic="a/b/set""#,
        ]
    );
}

#[tokio::test]
async fn who_floods_the_trail_pushes_nobody_else_out_of_it() {
    const TIMES: usize = 5000;
    let users = ["mallory", "jana"].map(|name| user(name, &["x/#"], &["x/#"], false));
    let hub = Hub::with_users(&users, &["log.format=json", "limits.messages_per_second=0"]);
    let begun = Instant::now();
    let mut mallory = Client::open_as(&hub, "mallory", "/talk", r#"{"filters": []}"#).await;
    for _ in 0..TIMES / 100 {
        let commands: Vec<_> = (0..100).map(|n| format!(r#"["x/{n}/set", 1]"#)).collect();
        mallory.say(&commands.join("\n")).await;
        let forbidden: Vec<_> = (0..100).map(|n| format!(r#"["y/{n}", 1]"#)).collect();
        mallory.say(&forbidden.join("\n")).await;
        for _ in 0..100 {
            mallory.hear().await;
        }
    }
    let minutes = usize::try_from(begun.elapsed().as_secs() / 60).unwrap() + 1;
    let mut jana = Client::open_as(&hub, "jana", "/talk", r#"{"filters": []}"#).await;
    jana.publish("x/1/set", "1").await;
    until("the line of the other one", || {
        trail(&hub).iter().any(|line| line["event"] == "command" && line["user"] == "jana")
    })
    .await;
    let trail = trail(&hub);
    let of =
        |event: &str| trail.iter().filter(|line| line["event"] == event && line["user"] == "mallory").count();
    let most = SHARE + SHARE_A_MINUTE * minutes;
    assert!((SHARE..=most).contains(&of("command")), "{}", of("command"));
    // The first, second, fourth, … time.
    assert_eq!(of("refused"), 1 + TIMES.ilog2() as usize);
    let jana = trail.iter().find(|line| line["event"] == "command" && line["user"] == "jana").unwrap();
    let left_out = usize::try_from(jana["left_out"].as_u64().unwrap()).unwrap();
    let told: u64 = trail
        .iter()
        .filter(|line| line["event"] == "command")
        .filter_map(|line| line["left_out"].as_u64())
        .sum();
    assert!(
        left_out >= 1 && usize::try_from(told).unwrap() + of("command") == TIMES,
        "nothing goes uncounted: {told}"
    );
}
