//! Tokens: sign-ins of devices and of those who are shown something.

use std::path::PathBuf;

use crate::support::{Client, Hub, Line, Ran, basic, run, user};

fn file(hub: &Hub) -> PathBuf {
    hub.dir().join("users.toml")
}

/// Runs `clown-hub token …` for this hub.
fn command(hub: &Hub, args: &[&str]) -> Ran {
    let (users, listen) = (file(hub), format!("server.listen={}", hub.address));
    let with = ["--users", users.to_str().unwrap(), "--set", &listen];
    run(&[&["token"], args, &with].concat(), "")
}

/// Makes a token that is in effect.
pub(crate) fn token(hub: &Hub, args: &[&str]) -> String {
    let made = command(hub, &[&["add"], args].concat());
    assert!(made.code == Some(0) && made.stderr.contains("in effect"), "{}", made.stderr);
    assert!(made.stdout.starts_with("cht_") && made.stdout.len() == 48, "{}", made.stdout);
    assert!(
        !std::fs::read_to_string(file(hub)).unwrap().contains(made.stdout.trim()),
        "only its digest is kept"
    );
    made.stdout.trim().to_owned()
}

fn root() -> String {
    user("root", &["#"], &["#"], true)
}

#[tokio::test]
async fn a_token_comes_in_by_every_door_and_goes_no_further_than_its_scope() {
    let hub = Hub::with_users(&[root()], &["server.line_listen=127.0.0.1:0"]);
    let token = token(&hub, &["porch", "--node", "nodes/porch", "--note", "by the door"]);
    let mut reader =
        Client::open_as(&hub, "root", "/talk", r#"{"filters": ["nodes/porch/t"], "options": true}"#).await;
    let bearer = format!("Bearer {token}");
    let offered = format!("clown.talk, auth.{token}");
    let ways = [
        ("authorization", basic("porch", &token)),
        ("authorization", bearer.clone()),
        ("sec-websocket-protocol", offered.clone()),
    ];
    let mut clients = Vec::new();
    for (name, value) in &ways {
        let mut client =
            Client::connect_with(&hub, "/talk/nodes/porch?side=node", &[(*name, value)]).await.unwrap();
        client.configure(r#"{"filters": []}"#).await;
        client.publish("t", "1").await;
        let frame = reader.frame().await;
        assert_eq!((&frame[0], &frame[2]["from"]), (&"nodes/porch/t".into(), &"porch".into()), "{frame}");
        clients.push(client);
    }
    let mut line = Line::connect(&hub).await;
    line.say(&format!(
        r#"["clown.talk/-/config/set", {{"user": "porch", "password": "{token}", "base": "nodes/porch", "filters": []}}]"#
    ))
    .await;
    assert!(line.hear().await.unwrap().contains("config/ok"));
    let answer = hub.knocks("/talk/nodes/porch", &[("Sec-WebSocket-Protocol", &offered)]).await;
    assert_eq!((answer.status(), answer.header("sec-websocket-protocol")), (101, Some("clown.talk")));
    let past = |bearer: &str| {
        let headers = [("Authorization", bearer.to_owned())];
        let hub = &hub;
        async move {
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            hub.request("GET", "/api/history?topic=nodes/porch/t", &headers, "").await.status()
        }
    };
    assert_eq!(past(&bearer).await, 404, "there is no history here, but it was let in");
    assert_eq!(past("Bearer cht_no").await, 401);

    for (path, status) in [("/talk/nodes/attic", 403), ("/talk/nodes/porch", 101)] {
        assert_eq!(hub.knocks(path, &[("Authorization", &bearer)]).await.status(), status, "{path}");
    }
    let in_url = format!("/talk/nodes/porch?token={token}");
    assert_eq!(hub.knocks(&in_url, &[]).await.status(), 401, "no key allows it");
    let wrong = format!("{}x", &token[..token.len() - 1]);
    for (name, value) in
        [("Authorization", format!("Bearer {wrong}")), ("Authorization", basic("root", &token))]
    {
        assert_eq!(hub.knocks("/talk", &[(name, &value)]).await.status(), 401, "{value}");
    }

    let listed = command(&hub, &["list"]).succeeds();
    assert!(listed.contains("node of nodes/porch") && listed.contains("by the door"), "{listed}");
    let said = command(&hub, &["revoke", "porch"]).succeeds();
    assert!(said.contains("in effect"), "{said}");
    for mut client in clients {
        assert_eq!(client.closed().await, (1008, "account changed".to_owned()));
    }
    assert!(line.hear().await.unwrap().contains("account changed"));
    assert_eq!(past(&bearer).await, 401);
    assert_eq!(command(&hub, &["list"]).succeeds(), "there are no tokens\n");
    hub.logs("an unknown token").await;
    assert!(!hub.log().contains(&token[4..20]), "{}", hub.log());
}

#[tokio::test]
async fn a_token_in_a_url_is_looked_at_only_where_a_key_allows_it() {
    let hub = Hub::with_users(&[root()], &["users.token_in_url=true"]);
    let token = token(&hub, &["visitors", "--dashboard", "nodes", "--valid-until", "2099-12-31"]);
    let mut client = Client::connect_with(&hub, &format!("/talk/nodes?token={token}"), &[]).await.unwrap();
    client.configure("{}").await;
    let refused = client.asks(r#"["a", 1]"#, "publish/error").await;
    assert_eq!(refused["reason"], "forbidden: this takes the right publish");
    assert!(!hub.log().contains(&token[4..20]), "{}", hub.log());
}

#[test]
fn a_token_that_makes_no_sense_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users.toml");
    let run = |args: &[&str]| {
        let with = ["--users", users.to_str().unwrap(), "--set", "server.listen=127.0.0.1:1"];
        let ran = run(&[&["token"], args, &with].concat(), "");
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""));
        ran.stderr
    };
    assert!(run(&["add", "porch", "--node", "a"]).contains("the first one is an admin"));
    std::fs::write(&users, root()).unwrap();
    assert!(run(&["add", "porch"]).contains("the token has no rights"));
    assert!(run(&["add", "root", "--node", "a"]).contains("choose another name"));
    assert!(run(&["add", "porch", "--node", "a/+"]).contains("key base"));
    assert!(run(&["add", "porch", "--node", "a", "--valid-until", "soon"]).contains("must be a day"));
    assert!(
        run(&["add", "porch", "--node", "a", "--from", "192.168.1.7/24"]).contains("write 192.168.1.0/24")
    );
    assert!(run(&["revoke", "root"]).contains("has no token"));
    assert_eq!(std::fs::read_to_string(&users).unwrap(), root());
}
