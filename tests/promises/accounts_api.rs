//! Admins see and change accounts over HTTP (`docs/protocol.md`, clause 7.8).

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Answer, Client, Hub, PASSWORD, basic, run, user};

const OTHER: &str = "another horse battery";

fn file(hub: &Hub) -> PathBuf {
    hub.dir().join("users.toml")
}

fn text(hub: &Hub) -> String {
    std::fs::read_to_string(file(hub)).unwrap()
}

fn admin(name: &str) -> String {
    user(name, &["#"], &["#"], true) + "admin = true\n"
}

/// Asks as this user, with these headers besides.
async fn ask(hub: &Hub, who: &str, line: &str, more: &[(&str, &str)], body: &str) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let authorization = basic(who, PASSWORD);
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    let usual = headers.into_iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    let headers: Vec<_> = usual.chain(more.iter().copied()).collect();
    hub.request(method, path, &headers, body).await
}

/// As [`ask`], as `root` and whatever the accounts are.
async fn root(hub: &Hub, line: &str, body: &Value) -> (u16, Value) {
    let answer = ask(hub, "root", line, &[("If-Match", "*")], &body.to_string()).await;
    (answer.status(), json(&answer))
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(answer.body()).unwrap_or_else(|_| panic!("{}", answer.text))
}

/// What is refused, and with which word.
fn refused(answer: (u16, Value)) -> (u16, String) {
    let (status, body) = answer;
    assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
    (status, body["error"].as_str().unwrap().to_owned())
}

/// Whether somebody comes in with a password.
async fn comes_in(hub: &Hub, name: &str, password: &str) -> u16 {
    hub.knocks("/talk/nodes", &[("Authorization", &basic(name, password))]).await.status()
}

#[tokio::test]
async fn an_admin_makes_changes_and_removes_an_account_and_each_is_in_force_when_it_is_answered() {
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    let hub =
        Hub::with_users(&["# the house\n\n".to_owned() + &admin("root")], &["log.format=json", &directory]);
    let before = text(&hub);
    let new = json!({"password": OTHER, "role": "dashboard", "base": "nodes", "from": ["127.0.0.0/8"], "valid_until": "2099-12-31",
        "note": "on the wall"});
    let (status, body) = root(&hub, "PUT /api/accounts/jana", &new).await;
    assert_eq!((status, body["in_force"].as_str().unwrap().len()), (201, 64), "{body}");
    assert_eq!(comes_in(&hub, "jana", OTHER).await, 101);
    assert!(text(&hub).starts_with(&before) && !text(&hub).contains(OTHER), "{}", text(&hub));

    // What is told of it.
    let mut jana =
        Client::connect_with(&hub, "/talk/nodes", &[("authorization", &basic("jana", OTHER))]).await.unwrap();
    jana.configure(r#"{"filters": []}"#).await;
    let (status, told) = root(&hub, "GET /api/accounts/jana", &json!({})).await;
    let nothing: [&str; 0] = [];
    let expected = json!({
        "name": "jana", "token": false, "has_password": true, "role": "dashboard", "base": "nodes", "subscribe": nothing,
        "publish": nothing, "retain": false, "admin": false, "certificate": false, "from": ["127.0.0.0/8"],
        "valid_until": "2100-01-01T00:00:00Z", "note": "on the wall",
        "rights": {"subscribe": ["nodes/#"], "publish": nothing, "retain": false, "admin": false}, "connections": 1,
    });
    assert_eq!((status, &told), (200, &expected));
    let (_, list) = root(&hub, "GET /api/accounts", &json!({})).await;
    assert_eq!((&list["accounts"][0], &list["accounts"][1]["name"]), (&expected, &json!("root")));
    assert!(!list.to_string().contains("argon2"), "{list}");
    let why = async |topic: &str| {
        root(&hub, &format!("GET /api/accounts/jana/explain?topic={topic}"), &json!({})).await.1
    };
    let explained = why("nodes/attic/%2B").await;
    assert_eq!(
        explained["subscribe"],
        json!({"allowed": true, "why": "yes: jana may subscribe to nodes/attic/+, by subscribe = [\"nodes/#\"] of the role dashboard of nodes"})
    );
    assert_eq!(explained["publish"]["allowed"], json!(false));

    // It keeps its password, its socket and its place in the file, and gets other rights.
    let (status, _) =
        root(&hub, "PUT /api/accounts/jana", &json!({"role": "operator", "base": "nodes"})).await;
    assert_eq!(status, 200);
    jana.publish("lamp/set", "1").await;
    assert!(!text(&hub).contains("on the wall") && text(&hub).starts_with(&before), "{}", text(&hub));
    // Another password ends what rests on the old one.
    assert_eq!(
        root(&hub, "PUT /api/accounts/jana", &json!({"password": PASSWORD, "role": "node", "base": "nodes"}))
            .await
            .0,
        200
    );
    assert_eq!(jana.closed().await, (1008, "account changed".to_owned()));
    assert_eq!((comes_in(&hub, "jana", OTHER).await, comes_in(&hub, "jana", PASSWORD).await), (401, 101));
    assert_eq!(root(&hub, "DELETE /api/accounts/jana", &json!({})).await.0, 200);
    assert_eq!(comes_in(&hub, "jana", PASSWORD).await, 401);
    assert_eq!(text(&hub), before);

    // A token is told once.
    let (status, made) =
        root(&hub, "POST /api/tokens/porch", &json!({"role": "node", "base": "nodes/porch"})).await;
    let token = made["token"].as_str().unwrap();
    assert!(status == 201 && token.starts_with("cht_") && !text(&hub).contains(token), "{made}");
    let bearer = format!("Bearer {token}");
    let mut porch =
        Client::connect_with(&hub, "/talk/nodes/porch", &[("authorization", &bearer)]).await.unwrap();
    porch.configure("{}").await;
    let listed = root(&hub, "GET /api/accounts", &json!({})).await.1["accounts"].to_string();
    assert!(listed.contains(r#""token":true"#) && !listed.contains(token), "{listed}");
    assert_eq!(root(&hub, "DELETE /api/tokens/porch", &json!({})).await.0, 200);
    assert_eq!(porch.closed().await, (1008, "account changed".to_owned()));
    assert_eq!(text(&hub), before);

    hub.logs("token-revoked").await;
    let trail: Vec<Value> = hub
        .log()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["target"] == "audit" && line["event"] == "account")
        .inspect(|line| {
            assert_eq!(
                (&line["by"], &line["admin"], &line["address"]),
                (&"admin".into(), &"root".into(), &"127.0.0.1".into())
            );
        })
        .map(|line| json!([line["account"], line["change"]]))
        .collect();
    let expected = json!([
        ["jana", "added"],
        ["jana", "rights"],
        ["jana", "password"],
        ["jana", "removed"],
        ["porch", "token-added"],
        ["porch", "token-revoked"]
    ]);
    assert_eq!(json!(trail), expected);
    let events = ask(&hub, "root", "GET /api/events?filter=$SYS/events/account", &[], "").await;
    let events = json(&events)["events"].as_array().unwrap().clone();
    let told = |event: &Value| {
        assert_eq!(
            (&event["kind"], &event["user"], &event["address"]),
            (&"account".into(), &"root".into(), &"127.0.0.1".into())
        );
        json!([event["account"], event["result"]])
    };
    assert_eq!(json!(events.iter().rev().map(told).collect::<Vec<_>>()), expected);
    let log = hub.log();
    assert!(![OTHER, PASSWORD, token, "argon2"].iter().any(|secret| log.contains(secret)), "{log}");
}

#[tokio::test]
async fn nobody_but_an_admin_changes_accounts_and_no_page_of_another_site() {
    let hub = Hub::with_users(&[admin("root"), user("jana", &["#", "$SYS/#"], &["#"], true)], &[]);
    let before = text(&hub);
    let body = json!({"password": OTHER, "role": "admin"}).to_string();
    let any = ("If-Match", "*");
    let put = "PUT /api/accounts/eve";
    for (what, who, more, expected) in [
        ("a user", "jana", &[any][..], 403),
        ("nobody", "root", &[any, ("Authorization", &basic("root", "a guess"))], 401),
        ("a page of another site", "root", &[any, ("Origin", "http://evil.example")], 403),
        ("a page of a site that sends a form", "root", &[any, ("Content-Type", "text/plain")], 415),
    ] {
        let answer = ask(&hub, who, put, more, &body).await;
        assert_eq!(answer.status(), expected, "{what}: {}", answer.text);
    }
    let no_credentials =
        hub.request("PUT", "/api/accounts/eve", &[any, ("Content-Type", "application/json")], &body).await;
    assert_eq!((no_credentials.status(), &json(&no_credentials)["error"]), (401, &"session".into()));
    assert!(no_credentials.header("www-authenticate").is_none());
    // A token is no admin, whatever it says.
    let token = json!({"publish": ["#"], "subscribe": ["#", "$SYS/#"]});
    let (_, made) = root(&hub, "POST /api/tokens/robot", &token).await;
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let answer = ask(&hub, "", put, &[any, ("Authorization", &bearer)], &body).await;
    assert_eq!((answer.status(), &json(&answer)["error"]), (403, &"rights".into()));
    let (_, told) = root(&hub, "POST /api/tokens/king", &json!({"role": "admin"})).await;
    assert!(told["mistakes"][0].as_str().unwrap().contains("must not be admin"), "{told}");
    assert_eq!(root(&hub, "DELETE /api/tokens/robot", &json!({})).await.0, 200);
    assert_eq!(text(&hub), before);
    // By the cookie of a page, which is what a page has.
    let sign_in = json!({"name": "root", "password": PASSWORD}).to_string();
    let signed_in = hub.request("POST", "/api/session", &[], &sign_in).await;
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap();
    let own = format!("http://{}", hub.address);
    let headers = [any, ("Content-Type", "application/json"), ("Cookie", cookie), ("Origin", &own)];
    assert_eq!(hub.request("PUT", "/api/accounts/eve", &headers, &body).await.status(), 201);
    // This machine hears the version without a sign-in, and no more than that.
    let near = hub.request("GET", "/api/accounts", &[], "").await;
    assert_eq!(json(&near).as_object().unwrap().keys().collect::<Vec<_>>(), ["in_force", "refused"]);
    let near = ask(&hub, "jana", "GET /api/accounts", &[], "").await;
    assert!(json(&near)["accounts"].is_null());
    // The demo's user is anybody.
    let demo = Hub::demo();
    let clown = basic("clown", "bigclown");
    let headers = [any, ("Content-Type", "application/json"), ("Authorization", &clown)];
    let answer = demo.request("PUT", "/api/accounts/eve", &headers, &body).await;
    assert_eq!((answer.status(), &json(&answer)["error"]), (409, &"demo".into()));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_nothing_is_written() {
    let hub = Hub::with_users(&[admin("root"), user("jana", &["a/#"], &[], false)], &[]);
    let before = text(&hub);
    let good = |key: &str, value: Value| {
        let mut body = json!({"password": OTHER, "role": "dashboard", "base": "nodes"});
        body[key] = value;
        body
    };
    for (line, body, expected) in [
        ("PUT /api/accounts/eve", json!({"role": "dashboard"}), (400, "password")),
        ("PUT /api/accounts/eve", good("password", "1234567".into()), (400, "password")),
        ("PUT /api/accounts/eve", good("password", "x".repeat(1025).into()), (400, "password")),
        ("PUT /api/accounts/eve", json!({"password": OTHER}), (400, "account")),
        ("PUT /api/accounts/eve", good("subscribe", json!(["a/*"])), (400, "account")),
        ("PUT /api/accounts/eve", good("subscribe", json!(["a/#/b"])), (400, "account")),
        ("PUT /api/accounts/eve", good("base", "a/+".into()), (400, "account")),
        ("PUT /api/accounts/eve", good("role", "king".into()), (400, "account")),
        ("PUT /api/accounts/eve", good("from", json!(["10.0.0.1/8"])), (400, "account")),
        ("PUT /api/accounts/eve", good("valid_until", "soon".into()), (400, "account")),
        ("PUT /api/accounts/eve", good("note", "x".repeat(201).into()), (400, "account")),
        ("PUT /api/accounts/eve", good("hash", "x".into()), (400, "body")),
        ("PUT /api/accounts/eve", good("note", "x".repeat(70_000).into()), (400, "body")),
        ("PUT /api/accounts/a%2Fb", good("note", "".into()), (400, "account")),
        ("PUT /api/accounts/%ff", good("note", "".into()), (400, "request")),
        ("POST /api/tokens/jana", json!({"role": "dashboard"}), (409, "name")),
        ("POST /api/tokens/eve", json!({"role": "dashboard", "password": OTHER}), (400, "account")),
        ("POST /api/tokens/eve", json!({}), (400, "account")),
        ("DELETE /api/tokens/jana", json!({}), (404, "account")),
        ("DELETE /api/accounts/eve", json!({}), (404, "account")),
        ("POST /api/accounts/eve", json!({}), (405, "method")),
        // The last admin stays one.
        ("DELETE /api/accounts/root", json!({}), (409, "admin")),
        ("PUT /api/accounts/root", json!({"role": "dashboard"}), (409, "admin")),
        ("PUT /api/accounts/root", json!({"role": "admin", "valid_until": "2020-01-01"}), (409, "admin")),
    ] {
        let (status, error) = refused(root(&hub, line, &body).await);
        assert_eq!((status, &*error), expected, "{line} {body}");
    }
    assert_eq!(text(&hub), before);
    // With another admin the first one may go, also by its own hand.
    assert_eq!(
        root(&hub, "PUT /api/accounts/eve", &json!({"password": PASSWORD, "admin": true})).await.0,
        201
    );
    assert_eq!(root(&hub, "DELETE /api/accounts/root", &json!({})).await.0, 200);
    assert_eq!(ask(&hub, "root", "GET /api/accounts/eve", &[], "").await.status(), 401);
    assert_eq!(ask(&hub, "eve", "GET /api/accounts/eve", &[], "").await.status(), 200);
}

#[tokio::test]
async fn of_two_admins_at_once_the_second_is_told_that_the_accounts_were_changed() {
    let hub = Hub::with_users(&[admin("root"), admin("eve")], &[]);
    let body = json!({"password": OTHER, "role": "dashboard"}).to_string();
    let seen = |answer: &Answer| answer.header("etag").unwrap().to_owned();
    let first = seen(&ask(&hub, "root", "GET /api/accounts", &[], "").await);
    assert_eq!(seen(&ask(&hub, "eve", "GET /api/accounts/root", &[], "").await), first);
    let without = ask(&hub, "root", "PUT /api/accounts/jana", &[], &body).await;
    assert_eq!((without.status(), &json(&without)["error"]), (428, &"changed".into()));
    let done = ask(&hub, "root", "PUT /api/accounts/jana", &[("If-Match", &first)], &body).await;
    assert_eq!(done.status(), 201, "{}", done.text);
    let late = ask(&hub, "eve", "DELETE /api/accounts/jana", &[("If-Match", &first)], "").await;
    assert_eq!((late.status(), &json(&late)["error"]), (412, &"changed".into()));
    let again = ask(&hub, "eve", "DELETE /api/accounts/jana", &[("If-Match", &seen(&done))], "").await;
    assert_eq!(again.status(), 200, "{}", again.text);
    // Very many at once: each is done, or refused with a word, and none undoes another.
    let mut asked = tokio::task::JoinSet::new();
    let hub = std::sync::Arc::new(hub);
    for number in 0..30 {
        let hub = std::sync::Arc::clone(&hub);
        asked.spawn(async move {
            let body = json!({"certificate": true, "role": "dashboard"});
            (number, root(&hub, &format!("PUT /api/accounts/u{number}"), &body).await)
        });
    }
    let mut made = Vec::new();
    while let Some(done) = asked.join_next().await {
        match done.unwrap() {
            (number, (201, _)) => made.push(format!("u{number}")),
            (_, refusal) => assert_eq!(refused(refusal), (503, "busy".to_owned())),
        }
    }
    assert!(!made.is_empty());
    for name in &made {
        assert!(text(&hub).contains(&format!("name = \"{name}\"")), "{name}");
    }
    // The command line works beside it.
    let users = file(&hub);
    let listen = format!("server.listen={}", hub.address);
    let said = run(&["user", "remove", &made[0], "--users", users.to_str().unwrap(), "--set", &listen], "")
        .succeeds();
    assert!(said.contains("in effect"), "{said}");
    assert_eq!(
        root(&hub, "PUT /api/accounts/last", &json!({"certificate": true, "role": "node"})).await.0,
        201
    );
}

#[tokio::test]
async fn a_file_that_is_wrong_or_cannot_be_written_is_told() {
    let hub = Hub::with_users(&[admin("root")], &[]);
    let good = text(&hub);
    std::fs::write(file(&hub), good.replace("admin", "admon")).unwrap();
    let body = json!({"certificate": true, "role": "dashboard"});
    let (status, told) = root(&hub, "PUT /api/accounts/jana", &body).await;
    assert_eq!((status, &told["error"]), (409, &"file".into()));
    assert!(told["mistakes"][0].as_str().unwrap().contains("admon"), "{told}");
    std::fs::write(file(&hub), &good).unwrap();
    // A folder in the way of the new file: nobody, not even root, writes there.
    let in_the_way = hub.dir().join("users.toml.new");
    std::fs::create_dir(&in_the_way).unwrap();
    let (status, told) = root(&hub, "PUT /api/accounts/jana", &body).await;
    assert_eq!((status, &told["error"]), (500, &"file".into()), "{told}");
    let message = told["message"].as_str().unwrap();
    assert!(
        message.contains("could not be written: ") && message.contains("nothing has changed"),
        "{message}"
    );
    assert_eq!((text(&hub), comes_in(&hub, "root", PASSWORD).await), (good.clone(), 101));
    hub.logs("a change of the accounts was not written").await;
    std::fs::remove_dir(in_the_way).unwrap();
    std::fs::set_permissions(file(&hub), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(root(&hub, "PUT /api/accounts/jana", &body).await.0, 201);
    let mode = file(&hub).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640, "its group may read it as before");
    // A password that everybody knows is refused before it is written, where others can come.
    assert_eq!(
        root(&hub, "PUT /api/accounts/clown", &json!({"password": "bigclown", "role": "node"})).await.0,
        400
    );
}
