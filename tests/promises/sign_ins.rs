//! Sign-ins of pages: how long they last, what they survive, and how an operator ends them.

use std::path::Path;

use crate::support::{Client, Hub, PASSWORD, in_time, run, run_to_the_end, user};

const COMMIT: &str = "store.durability=commit";
const OFTEN: &str = "store.write_milliseconds=50";

fn jana() -> String {
    user("jana", &["#"], &["#"], false)
}

fn emil() -> String {
    user("emil", &["#"], &["#"], false)
}

/// A hub of these users with a store.
fn hub(users: &[String], store: &Path, settings: &[&str]) -> Hub {
    let directory = format!("store.directory={}", store.display());
    Hub::with_users(users, &[&[&*directory], settings].concat())
}

/// Signs in as the page does; what the hub sets as its cookie.
async fn sign_in(hub: &Hub, name: &str, stay: bool) -> String {
    let body = format!(r#"{{"name": "{name}", "password": "{PASSWORD}", "stay": {stay}}}"#);
    let agent = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    let answer = hub.request("POST", "/api/session", &[agent], &body).await;
    assert_eq!(answer.status(), 204, "{}", answer.text);
    answer.header("set-cookie").unwrap().to_owned()
}

fn cookie(set: &str) -> &str {
    set.split(';').next().unwrap()
}

/// The status of the question who is signed in.
async fn status(hub: &Hub, set: &str) -> u16 {
    hub.request("GET", "/api/session", &[("Cookie", cookie(set))], "").await.status()
}

async fn socket(hub: &Hub, set: &str) -> Client {
    let mut socket = Client::connect_with(hub, "/talk", &[("cookie", cookie(set))]).await.unwrap();
    socket.configure(r#"{"filters": []}"#).await;
    socket
}

/// The lines of `clown-hub sessions`, less the first one.
fn listed(store: &Path) -> Vec<String> {
    let directory = format!("store.directory={}", store.display());
    let text = run(&["sessions", "--set", &directory], "").succeeds();
    text.lines().skip(1).map(str::to_owned).collect()
}

async fn are_listed(store: &Path, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    in_time("the sign-ins in the store", async {
        while lines.len() != count {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            lines = listed(store);
        }
    })
    .await;
    lines
}

fn revoke(store: &Path, args: &[&str]) -> String {
    let directory = format!("store.directory={}", store.display());
    run(&[&["sessions", "revoke", "--set", &directory], args].concat(), "").succeeds()
}

#[tokio::test]
async fn a_page_that_asks_quietly_hears_that_nobody_is_signed_in_without_an_error() {
    let hub = Hub::demo();
    let asked = |path: &'static str| hub.request("GET", path, &[], "");
    let quiet = asked("/api/session?quiet").await;
    assert_eq!((quiet.status(), quiet.body().trim()), (200, r#"{"demo":true,"name":null}"#));
    for loud in ["/api/session", "/api/session?quieter", "/api/session?a=quiet"] {
        assert_eq!(asked(loud).await.status(), 401, "{loud}");
    }
    let body = r#"{"name": "clown", "password": "bigclown"}"#;
    let set = hub.request("POST", "/api/session", &[], body).await.header("set-cookie").unwrap().to_owned();
    let answer = hub.request("GET", "/api/session?a&quiet", &[("Cookie", cookie(&set))], "").await;
    assert!(answer.status() == 200 && answer.body().contains(r#""name":"clown""#), "{}", answer.text);
}

#[tokio::test]
async fn a_page_that_is_signed_in_goes_on_after_a_restart() {
    let store = tempfile::tempdir().unwrap();
    let users = [jana(), emil()];
    let first = hub(&users, store.path(), &[]);
    let (stays, short) = (sign_in(&first, "jana", true).await, sign_in(&first, "emil", false).await);
    let signed_out = sign_in(&first, "jana", true).await;
    assert!(stays.ends_with("Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"), "{stays}");
    assert!(short.ends_with("Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{short}");
    let left = first.request("DELETE", "/api/session", &[("Cookie", cookie(&signed_out))], "").await;
    assert_eq!(left.status(), 204);
    let mut page = socket(&first, &stays).await;
    let stopped = first.stopped();
    let (closed, ()) = tokio::join!(page.closed(), stopped);
    assert_eq!(closed.0, 1012, "the hub restarts, and the page is to come back: {closed:?}");

    for file in ["hub.db", "hub.db-wal"] {
        let bytes = std::fs::read(store.path().join(file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        for secret in [&stays, &short].map(|set| cookie(set).trim_start_matches("hub_session=")) {
            assert!(!text.contains(secret), "a token is in {file}");
        }
        assert!(!text.contains(PASSWORD) && !text.contains("argon2"), "a password is in {file}");
    }
    let second = hub(&users, store.path(), &[]);
    for (set, name) in [(&stays, "jana"), (&short, "emil")] {
        let who = second.request("GET", "/api/session", &[("Cookie", cookie(set))], "").await;
        assert!(who.status() == 200 && who.body().contains(name), "{}", who.text);
        let renewed = (name == "jana").then_some(&**set);
        assert_eq!(who.header("set-cookie"), renewed, "only who stays gets the cookie again");
        socket(&second, set).await.publish("t", "1").await;
    }
    assert_eq!(status(&second, &signed_out).await, 401);
    for set in [&stays, &short] {
        assert!(!second.log().contains(cookie(set).trim_start_matches("hub_session=")));
    }
}

#[tokio::test]
async fn a_sign_in_that_was_written_survives_kill_9_and_so_does_its_end() {
    let store = tempfile::tempdir().unwrap();
    let users = [jana()];
    let first = hub(&users, store.path(), &[OFTEN]);
    let (stays, ended) = (sign_in(&first, "jana", true).await, sign_in(&first, "jana", true).await);
    are_listed(store.path(), 2).await;
    first.killed().await;
    let second = hub(&users, store.path(), &[OFTEN]);
    assert_eq!((status(&second, &stays).await, status(&second, &ended).await), (200, 200));
    second.request("DELETE", "/api/session", &[("Cookie", cookie(&ended))], "").await;
    are_listed(store.path(), 1).await;
    second.killed().await;
    let third = hub(&users, store.path(), &[OFTEN]);
    assert_eq!((status(&third, &stays).await, status(&third, &ended).await), (200, 401));
}

#[tokio::test]
async fn under_commit_a_sign_in_that_was_answered_survives_kill_9() {
    let store = tempfile::tempdir().unwrap();
    let users = [jana()];
    let settings = [COMMIT, "store.write_milliseconds=60000"];
    for _ in 0..3 {
        let first = hub(&users, store.path(), &settings);
        let (stays, ended) = (sign_in(&first, "jana", true).await, sign_in(&first, "jana", false).await);
        let left = first.request("DELETE", "/api/session", &[("Cookie", cookie(&ended))], "").await;
        assert_eq!(left.status(), 204);
        first.killed().await;
        let second = hub(&users, store.path(), &settings);
        assert_eq!((status(&second, &stays).await, status(&second, &ended).await), (200, 401));
    }
}

#[tokio::test]
async fn a_sign_in_of_an_account_that_is_gone_or_has_another_password_does_not_come_back() {
    let store = tempfile::tempdir().unwrap();
    let first = hub(&[jana(), emil(), user("zoe", &["#"], &[], false)], store.path(), &[]);
    let sets = [
        sign_in(&first, "jana", true).await,
        sign_in(&first, "emil", true).await,
        sign_in(&first, "zoe", true).await,
    ];
    first.stopped().await;
    let made = run_to_the_end(&["user", "hash"], "another horse\n");
    let other = String::from_utf8(made.stdout).unwrap();
    let line = |text: &str| text.lines().find(|line| line.starts_with("password")).unwrap().to_owned();
    let changed = emil().replace(&line(&emil()), &format!("password = {:?}", other.trim()));
    let second = hub(&[jana(), changed], store.path(), &[]);
    let mut found = Vec::new();
    for set in &sets {
        found.push(status(&second, set).await);
    }
    assert_eq!(found, [200, 401, 401]);
    second.stopped().await;
    assert_eq!(listed(store.path()).len(), 1, "the others are not in the file any more");
    // The old password again: what has ended has ended.
    let third = hub(&[jana(), emil()], store.path(), &[]);
    assert_eq!(status(&third, &sets[1]).await, 401);
}

#[tokio::test]
async fn an_operator_sees_who_is_signed_in_and_ends_it_while_the_hub_runs() {
    let store = tempfile::tempdir().unwrap();
    let users = [jana(), emil()];
    let first = hub(&users, store.path(), &[OFTEN]);
    assert_eq!(listed(store.path()), [""; 0]);
    let one = sign_in(&first, "emil", false).await;
    let [line] = &are_listed(store.path(), 1).await[..] else { panic!() };
    let words: Vec<_> = line.split_whitespace().collect();
    assert!(words[1] == "emil" && line.contains("127.0.0.1") && line.ends_with("Firefox on Linux"), "{line}");
    let others = [
        sign_in(&first, "emil", false).await,
        sign_in(&first, "jana", true).await,
        sign_in(&first, "jana", false).await,
    ];
    are_listed(store.path(), 4).await;
    let mut ended = socket(&first, &one).await;
    let mut stays = socket(&first, &others[0]).await;
    let said = revoke(store.path(), &[words[0]]);
    assert!(said.contains("ended: 1; their sockets are closed"), "{said}");
    assert_eq!(ended.closed().await, (1008, "session ended".to_owned()));
    assert_eq!((status(&first, &one).await, status(&first, &others[0]).await), (401, 200));

    // Before the store has it: the hub knows, and all of a user is all.
    let new = sign_in(&first, "jana", true).await;
    let said = revoke(store.path(), &["--user", "jana"]);
    assert!(said.contains("ended: all of jana, of which the store had "), "{said}");
    for set in [&others[1], &others[2], &new] {
        assert_eq!(status(&first, set).await, 401);
    }
    stays.hears_nothing().await;
    are_listed(store.path(), 1).await;
    first.killed().await;

    // Without a hub, it is done when one starts.
    let said = revoke(store.path(), &["--user", "emil"]);
    assert!(said.contains("no hub has answered"), "{said}");
    assert_eq!(listed(store.path()), [""; 0]);
    let second = hub(&users, store.path(), &[OFTEN]);
    for set in others.iter().chain([&one, &new]) {
        assert_eq!(status(&second, set).await, 401);
    }
    let anew = sign_in(&second, "emil", false).await;
    assert_eq!(status(&second, &anew).await, 200, "and a new one begins");
    are_listed(store.path(), 1).await;
    second.killed().await;
    let third = hub(&users, store.path(), &[OFTEN]);
    for set in others.iter().chain([&one, &new]) {
        assert_eq!(status(&third, set).await, 401, "and that is for good");
    }
    assert_eq!(status(&third, &anew).await, 200);
}

#[tokio::test]
async fn who_has_signed_out_or_was_revoked_stays_so_if_the_hub_is_killed_at_once() {
    let store = tempfile::tempdir().unwrap();
    let users = [jana(), emil()];
    let first = hub(&users, store.path(), &[OFTEN]);
    let (left, stays) = (sign_in(&first, "jana", true).await, sign_in(&first, "jana", true).await);
    let revoked = sign_in(&first, "emil", true).await;
    are_listed(store.path(), 3).await;
    first.killed().await;
    let second = hub(&users, store.path(), &["store.write_milliseconds=60000", "store.sync_seconds=60"]);
    assert_eq!(status(&second, &left).await, 200);
    let answer = second.request("DELETE", "/api/session", &[("Cookie", cookie(&left))], "").await;
    assert_eq!(answer.status(), 204);
    let said = revoke(store.path(), &["--user", "emil"]);
    assert!(
        said.contains("ended: all of emil, of which the store had 1; their sockets are closed"),
        "{said}"
    );
    second.killed().await;
    let third = hub(&users, store.path(), &[]);
    let mut found = Vec::new();
    for set in [&left, &revoked, &stays] {
        found.push(status(&third, set).await);
    }
    assert_eq!(found, [401, 401, 200]);
}

#[tokio::test]
async fn what_cannot_be_revoked_is_told() {
    let store = tempfile::tempdir().unwrap();
    let directory = format!("store.directory={}", store.path().display());
    for (args, words) in [
        (&["sessions", "--set", &directory][..], "hub.db cannot be used"),
        (&["sessions", "--set", "store.directory="], "there is no store"),
        (&["sessions", "revoke", "--set", &directory], "required"),
    ] {
        let ran = run(args, "");
        assert!(ran.code == Some(2) && ran.stderr.contains(words), "{args:?}: {:?} {}", ran.code, ran.stderr);
    }
    assert_eq!(std::fs::read_dir(store.path()).unwrap().count(), 0, "a command makes no file");
    hub(&[jana()], store.path(), &[]).stopped().await;
    let ran = run(&["sessions", "revoke", "5f0c1d2e3a4b", "--set", &directory], "");
    assert!(ran.code == Some(2) && ran.stderr.contains("no page is signed in as"), "{}", ran.stderr);
    let ran = run(&["sessions", "revoke", "--user", &"x".repeat(65), "--set", &directory], "");
    assert!(
        ran.code == Some(2) && ran.stderr.contains("no account has a name of 65 bytes"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn without_a_store_a_restart_ends_all_sign_ins() {
    let users = [jana()];
    let first = Hub::with_users(&users, &["store.directory="]);
    let stays = sign_in(&first, "jana", true).await;
    assert_eq!(status(&first, &stays).await, 200);
    first.stopped().await;
    let second = Hub::with_users(&users, &["store.directory="]);
    assert_eq!(status(&second, &stays).await, 401);
}
