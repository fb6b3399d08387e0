//! Accounts while the hub runs: the file is watched, and only those notice whom it concerns.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::support::{Client, Hub, Line, PASSWORD, basic, in_time, run, until, user};

/// Frames with numbers that all readers together have heard.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// The file that a hub of [`Hub::with_users`] watches.
fn file(hub: &Hub) -> PathBuf {
    hub.dir().join("users.toml")
}

/// Puts another text in the place of the file, in one step, as careful programs do.
fn put(hub: &Hub, users: &[String]) {
    let beside = hub.dir().join("beside");
    std::fs::write(&beside, users.join("\n")).unwrap();
    std::fs::rename(beside, file(hub)).unwrap();
}

/// Runs `clown-hub user …` for this hub; what it prints.
fn command(hub: &Hub, args: &[&str], input: &str) -> String {
    let (users, listen) = (file(hub), format!("server.listen={}", hub.address));
    let with = ["--users", users.to_str().unwrap(), "--set", &listen];
    run(&[&["user"], args, &with].concat(), input).succeeds()
}

/// Waits until the hub has taken the file so many times.
async fn taken(hub: &Hub, times: u64) {
    in_time("the file to be taken", async {
        while hub.figure("accounts_taken").await < times {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// What one of a thousand hears.
#[derive(Default)]
struct Heard {
    /// The numbers that were published to all.
    all: Vec<u64>,
    /// The numbers that were published to this account.
    own: Vec<u64>,
    /// Anything else.
    others: Vec<String>,
    close: Option<(u16, String)>,
}

/// Reads until the close, or until `end` has come under `all`.
async fn read(mut client: Client, end: u64) -> (Heard, Client) {
    use tokio_tungstenite::tungstenite::Message;
    let mut heard = Heard::default();
    loop {
        match client.message().await {
            Some(Ok(Message::Text(text))) => {
                let [topic, payload] = serde_json::from_str(&text).unwrap_or([Value::Null, Value::Null]);
                HEARD.fetch_add(u64::from(payload.is_u64()), Ordering::Relaxed);
                match (topic.as_str(), payload.as_u64()) {
                    (Some("all"), Some(number)) => {
                        heard.all.push(number);
                        if number == end {
                            return (heard, client);
                        }
                    }
                    (Some(topic), Some(number)) if topic.starts_with("own/") => {
                        heard.own.push(number);
                        if number == end {
                            return (heard, client);
                        }
                    }
                    _ => heard.others.push(text.to_string()),
                }
            }
            Some(Ok(Message::Close(Some(close)))) => {
                heard.close = Some((close.code.into(), close.reason.to_string()));
                return (heard, client);
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("expected a text or a close, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn of_a_thousand_clients_only_those_notice_whose_accounts_were_changed() {
    const CLIENTS: usize = 100;
    const EACH: u64 = 20;
    const END: u64 = u64::MAX;
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let accounts = |rights: &[&str]| -> Vec<String> {
        let named = |n: usize| {
            let own = format!("own/u{n}");
            let filters: Vec<_> = std::iter::once(&*own)
                .chain(if n == 1 { rights } else { &["all"] }.iter().copied())
                .collect();
            user(&format!("u{n}"), &filters, &[], false)
        };
        let root = user("root", &["#", "$SYS/#"], &["#"], false);
        (0..10).map(named).chain([root]).collect()
    };
    let hub = Hub::with_users(&accounts(&["all"]), &[]);
    let mut admin =
        Client::open_as(&hub, "root", "/talk", r#"{"filters": ["$SYS/hub/accounts/refused"]}"#).await;
    let mut publisher = Client::open_as(&hub, "root", "/talk", r#"{"filters": []}"#).await;
    let mut readers = Vec::new();
    for n in 0..10 {
        for _ in 0..CLIENTS {
            let settings = format!(r#"{{"filters": ["all", "own/u{n}"]}}"#);
            let client = Client::open_as(&hub, &format!("u{n}"), "/talk", &settings).await;
            readers.push((n, tokio::spawn(read(client, END))));
        }
    }
    assert_eq!(hub.figure("clients_connected").await, 10 * CLIENTS as u64 + 2);
    let (mut said, mut expected) = (0, 0);
    // So many accounts read what is said to all, and one what is said to it.
    let mut say = async |publisher: &mut Client, accounts: u64| {
        for _ in 0..EACH {
            said += 1;
            publisher.publish("all", &said.to_string()).await;
            publisher.publish("own/u1", &said.to_string()).await;
        }
        expected += (accounts + 1) * EACH * CLIENTS as u64;
        until("everybody to hear it", || HEARD.load(Ordering::Relaxed) == expected).await;
        said
    };
    say(&mut publisher, 10).await;
    let said_to = |what: &str| assert!(what.contains("; in effect: the hub at "), "{what}");

    // One is removed.
    said_to(&command(&hub, &["remove", "u0"], ""));
    let before_removal = EACH;
    say(&mut publisher, 9).await;
    // One loses a right.
    let mut users = accounts(&[]);
    users.remove(0);
    put(&hub, &users);
    taken(&hub, 2).await;
    let before_withdrawal = 2 * EACH;
    say(&mut publisher, 8).await;
    // One gets a new password.
    said_to(&command(&hub, &["passwd", "u2"], "another horse battery\n"));
    let before_password = 3 * EACH;
    say(&mut publisher, 7).await;
    // The file is broken,
    let text = std::fs::read_to_string(file(&hub)).unwrap();
    std::fs::write(file(&hub), text.split_at(text.len() - 30).0.replacen("name = \"u3\"", "nam = \"u3\"", 1))
        .unwrap();
    hub.logs("the file of the accounts is not taken").await;
    assert!(hub.figure("accounts_mistakes").await > 0);
    let [topic, told] = admin.two().await;
    assert_eq!(topic, "$SYS/hub/accounts/refused");
    assert!(told[0].as_str().unwrap().contains("users.toml:"), "{told}");
    say(&mut publisher, 7).await;
    // and then mended.
    std::fs::write(file(&hub), &text).unwrap();
    hub.logs("the file of the accounts is good again").await;
    assert_eq!(hub.figure("accounts_mistakes").await, 0);
    let last = say(&mut publisher, 7).await;
    publisher.publish("all", &END.to_string()).await;
    publisher.publish("own/u1", &END.to_string()).await;

    let (mut whole, mut concerned) = (0, 0);
    for (n, reader) in readers {
        let (heard, _client) = in_time("the end", reader).await.unwrap();
        let up_to = |last: u64| (1..=last).collect::<Vec<_>>();
        let changed = Some((1008, "account changed".to_owned()));
        match n {
            0 => assert_eq!((heard.all, heard.close), (up_to(before_removal), changed)),
            2 => assert_eq!((heard.all, heard.close), (up_to(before_password), changed)),
            1 => {
                assert_eq!((heard.all, heard.close), (up_to(before_withdrawal), None));
                assert_eq!(heard.own, [up_to(last), vec![END]].concat(), "what it may still read");
                let [told] = &heard.others[..] else { panic!("{:?}", heard.others) };
                assert!(told.starts_with(r#"["clown.talk/-/subscription/error""#), "{told}");
                assert!(told.contains("takes the right subscribe") && told.contains(r#"["all"]"#), "{told}");
            }
            _ => {
                assert_eq!((heard.all, heard.close), ([up_to(last), vec![END]].concat(), None));
                assert_eq!(heard.others, Vec::<String>::new());
                whole += 1;
            }
        }
        concerned += usize::from(n < 3);
    }
    assert_eq!((whole, concerned), (7 * CLIENTS, 3 * CLIENTS));
    assert!(!hub.log().contains(PASSWORD) && !hub.log().contains("argon2"));
}

#[tokio::test]
async fn with_its_account_a_page_a_line_a_will_and_a_lease_end() {
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    let all = ["#"];
    let users = [user("jana", &all, &all, true), user("root", &all, &all, true)];
    let hub = Hub::with_users(
        &users,
        &["server.line_listen=127.0.0.1:0", &directory, "store.write_milliseconds=50"],
    );
    let mut looks_on =
        Client::open_as(&hub, "root", "/talk/lamp?side=node", r#"{"filters": ["+/set"]}"#).await;
    let mut heir = Client::open_as(&hub, "root", "/talk", r#"{"filters": ["died"]}"#).await;
    let body = format!(r#"{{"name": "jana", "password": "{PASSWORD}", "stay": true}}"#);
    let answer = hub.request("POST", "/api/session", &[], &body).await;
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let mut page = Client::connect_with(&hub, "/talk", &[("cookie", &cookie)]).await.unwrap();
    page.configure(r#"{"filters": [], "will": ["died", true]}"#).await;
    page.asks(
        r#"["lamp/0/set", {"on": true}, {"id": 0, "lease": 600, "safe": {"on": false}}]"#,
        "publish/ok",
    )
    .await;
    assert_eq!(looks_on.hear().await, r#"["0/set", {"on": true}]"#);
    let mut line = Line::connect(&hub).await;
    line.say(&format!(
        r#"["clown.talk/-/config/set", {{"user": "jana", "password": "{PASSWORD}", "filters": []}}]"#
    ))
    .await;
    assert!(line.hear().await.unwrap().contains("config/ok"));

    put(&hub, &users[1..]);
    assert_eq!(page.closed().await, (1008, "account changed".to_owned()));
    let close = line.hear().await.unwrap();
    assert_eq!(close, r#"["clown.talk/-/close", {"code": 1008, "reason": "account changed"}]"#);
    let who = hub.request("GET", "/api/session", &[("Cookie", &cookie)], "").await;
    assert_eq!(who.status(), 401);
    // The node gets the safe command; the will is not published any more.
    assert_eq!(looks_on.hear().await, r#"["0/set", {"on": false}]"#);
    heir.hears_nothing().await;
    let refused = Client::connect_with(&hub, "/talk", &[("authorization", &basic("jana", PASSWORD))]).await;
    assert!(refused.is_err());
    in_time("the session to leave the store", async {
        while run(&["sessions", "--set", &directory], "").succeeds() != "no page is signed in\n" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    // The account is back, and the page of before is not.
    put(&hub, &users);
    taken(&hub, 2).await;
    let who = hub.request("GET", "/api/session", &[("Cookie", &cookie)], "").await;
    assert_eq!(who.status(), 401);
    Client::open_as(&hub, "jana", "/talk", "{}").await.leave().await;
}

#[tokio::test]
async fn what_was_removed_while_the_hub_was_stopped_has_no_leases_after_it() {
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    let may = |name: &str, publish: &[&str]| user(name, &["#"], publish, true);
    let users = ["gone", "less", "stays", "root"].map(|name| may(name, &["#"]));
    let hub = Hub::with_users(&users, &[&directory]);
    let commands = ["gone", "less", "stays"];
    let mut looks_on =
        Client::open_as(&hub, "root", "/talk/lamp?side=node", r#"{"filters": ["+/set"]}"#).await;
    let mut holders = Vec::new();
    for name in commands {
        let mut client = Client::open_as(&hub, name, "/talk", r#"{"filters": ["x"]}"#).await;
        let command = format!(r#"["lamp/{name}/set", 1, {{"id": 0, "lease": 600, "safe": 0}}]"#);
        client.asks(&command, "publish/ok").await;
        assert_eq!(looks_on.hear().await, format!(r#"["{name}/set", 1]"#));
        holders.push(client);
    }
    hub.stopped().await;
    let hub = Hub::with_users(&[may("less", &["other"]), users[2].clone(), users[3].clone()], &[&directory]);
    let mut node = Client::open_as(&hub, "root", "/talk/lamp?side=node", r#"{"filters": ["+/set"]}"#).await;
    let mut safe = [node.hear().await, node.hear().await];
    safe.sort();
    assert_eq!(safe, [r#"["gone/set", 0]"#, r#"["less/set", 0]"#]);
    node.hears_nothing().await;
}

#[tokio::test]
async fn who_loses_the_right_to_publish_is_asked_by_the_new_rights_also_for_its_will_and_leases() {
    let jana = |publish: &[&str]| user("jana", &["#"], publish, false);
    let root = user("root", &["#"], &["#"], false);
    let hub = Hub::with_users(&[jana(&["lamp/+/set", "died", "said"]), root.clone()], &[]);
    let mut looks_on =
        Client::open_as(&hub, "root", "/talk/lamp?side=node", r#"{"filters": ["+/set"]}"#).await;
    let mut heir = Client::open_as(&hub, "root", "/talk", r#"{"filters": ["died", "said"]}"#).await;
    let mut client =
        Client::open_as(&hub, "jana", "/talk", r#"{"filters": ["x"], "will": ["died", true]}"#).await;
    for lamp in [0, 1] {
        let command = format!(r#"["lamp/{lamp}/set", 1, {{"id": 0, "lease": 600, "safe": 0}}]"#);
        client.asks(&command, "publish/ok").await;
        assert_eq!(looks_on.hear().await, format!(r#"["{lamp}/set", 1]"#));
    }
    put(&hub, &[jana(&["lamp/1/set", "said"]), root]);
    assert_eq!(looks_on.hear().await, r#"["0/set", 0]"#, "this lease ends now");
    let refused = client.asks(r#"["lamp/0/set", 1, {"id": 1}]"#, "publish/error").await;
    assert_eq!(refused["reason"], "forbidden: this takes the right publish");
    client.publish("said", "1").await;
    assert_eq!(heir.hear().await, r#"["said", 1]"#);
    drop(client);
    assert_eq!(looks_on.hear().await, r#"["1/set", 0]"#, "this one ends with its holder");
    heir.hears_nothing().await;
    hub.logs("message is not allowed").await;
}

#[tokio::test]
async fn an_account_is_good_from_its_networks_and_up_to_its_date() {
    let with = |more: &str| format!("{}\n{more}", user("jana", &["#"], &[], false));
    let root = user("root", &["#"], &["#"], false);
    let hub = Hub::with_users(&[with("from = ['127.0.0.0/8', '::1']"), root.clone()], &[]);
    let mut client = Client::open_as(&hub, "jana", "/talk", "{}").await;
    put(&hub, &[with("from = ['192.0.2.0/24']"), root.clone()]);
    assert_eq!(client.closed().await, (1008, "account changed".to_owned()));
    let answer = hub.request("GET", "/talk", &[("Authorization", &basic("jana", PASSWORD))], "").await;
    assert_eq!(answer.status(), 403, "{}", answer.text);
    assert!(answer.body().contains("does not sign in from this address"), "{}", answer.text);
    hub.logs("the account is for other addresses").await;
    let answer = hub.knocks("/talk", &[("Authorization", &basic("jana", "wrong"))]).await;
    assert_eq!(answer.status(), 401, "who does not know the password learns nothing");

    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(8);
    let soon = clown_hub::talk::timestamp::seconds(soon);
    put(&hub, &[with(&format!("valid_until = {soon}")), root.clone()]);
    taken(&hub, 2).await;
    let mut client = Client::open_as(&hub, "jana", "/talk", "{}").await;
    assert_eq!(client.closed().await, (1008, "account changed".to_owned()));
    let answer = hub.request("GET", "/talk", &[("Authorization", &basic("jana", PASSWORD))], "").await;
    assert_eq!((answer.status(), answer.body().contains("is over")), (403, true), "{}", answer.text);
    hub.logs("the time of accounts is over").await;
    put(&hub, &[with("valid_until = 2099-12-31"), root]);
    taken(&hub, 3).await;
    Client::open_as(&hub, "jana", "/talk", "{}").await.leave().await;
}

#[tokio::test]
async fn the_demo_becomes_a_hub_with_accounts_when_the_first_one_is_made() {
    let hub = Hub::with(&["simulator.run=demo"]);
    let mut demo = Client::open(&hub, "/talk", r#"{"filters": ["nodes/#"]}"#).await;
    demo.hear().await;
    assert_eq!(hub.request("GET", "/diagnostics", &[], "").await.status(), 200);
    let listen = format!("server.listen={}", hub.address);
    let config = hub.dir().join("config");
    std::fs::create_dir(&config).unwrap();
    let users = config.join("users.toml");
    let with = ["--users", users.to_str().unwrap(), "--set", &listen];
    let password = format!("{PASSWORD}\n");
    let first = run(&[&["user", "add", "box", "--node", "nodes/box"], &with[..]].concat(), &password);
    assert_eq!(first.code, Some(2));
    assert!(first.stderr.contains("the first account is an admin"), "{}", first.stderr);
    let said = run(&[&["user", "add", "jana", "--admin"], &with[..]].concat(), &password).succeeds();
    assert!(said.contains("in effect"), "{said}");
    let (_, code, reason) = demo.texts_until_close().await;
    assert_eq!((code, &*reason), (1008, "account changed"));
    let answer = hub.knocks("/talk", &[("Authorization", &basic("clown", "bigclown"))]).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(hub.request("GET", "/diagnostics", &[], "").await.status(), 404);
    run(&[&["user", "add", "box", "--node", "nodes/box"], &with[..]].concat(), &password).succeeds();
    run(&[&["user", "add", "wall", "--dashboard", "nodes"], &with[..]].concat(), &password).succeeds();
    run(&[&["user", "add", "emil", "--operator", "nodes"], &with[..]].concat(), &password).succeeds();
    let mut node = Client::open_as(&hub, "box", "/talk/nodes/box?side=node", "{}").await;
    let mut wall = Client::open_as(&hub, "wall", "/talk", r#"{"filters": ["nodes/box/lamp/#"]}"#).await;
    let mut emil = Client::open_as(&hub, "emil", "/talk/nodes/box", r#"{"filters": []}"#).await;
    node.publish("lamp/0/state", "1").await;
    assert_eq!(wall.hear().await, r#"["nodes/box/lamp/0/state", 1]"#);
    emil.publish("lamp/0/set", "1").await;
    assert_eq!(wall.hear().await, r#"["nodes/box/lamp/0/set", 1]"#);
    let refused = emil.asks(r#"["lamp/0/state", 1]"#, "publish/error").await;
    assert_eq!(refused["reason"], "forbidden: this takes the right publish");
    let refused = wall.asks(r#"["nodes/box/lamp/0/set", 1]"#, "publish/error").await;
    assert_eq!(refused["reason"], "forbidden: this takes the right publish");
    let mut admin =
        Client::open_as(&hub, "jana", "/talk", r#"{"filters": ["$SYS/hub/accounts/count"]}"#).await;
    in_time("the figure", async { while admin.two().await[1] != 4 {} }).await;
    let mut presence =
        Client::open_as(&hub, "jana", "/talk", r#"{"filters": ["nodes/bridge/0/presence"]}"#).await;
    let text = presence.hear().await;
    assert!(text.contains("offline"), "the simulated node has left with the demo: {text}");
}
