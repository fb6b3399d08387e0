//! Names, rooms and limits for all pages of a hub, links without an account, and QR codes (`docs/protocol.md`, clauses 7.4, 7.11
//! and 7.12).

use serde_json::{Value, json};

use crate::support::{Answer, Client, Hub, PASSWORD, basic, user};

const VERSION: &str = "$SYS/layout/version";

fn users() -> [String; 4] {
    [
        user("root", &["#"], &["#"], true) + "admin = true\n",
        user("jana", &["#"], &["#", "$SYS/layout"], true),
        user("emil", &["home/#"], &["#"], true),
        user("ota", &["home/#"], &["$SYS/layout"], false),
    ]
}

async fn ask(hub: &Hub, who: &str, method: &str, version: Option<&str>, body: &str) -> (u16, Value) {
    let authorization = basic(who, PASSWORD);
    let mut headers = vec![("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    headers.extend(version.map(|version| ("If-Match", version)));
    let answer = hub.request(method, "/api/layout", &headers, body).await;
    (answer.status(), json_of(&answer))
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(answer.body()).unwrap_or_else(|_| panic!("{}", answer.text))
}

async fn told(hub: &Hub, who: &str) -> Value {
    let (status, told) = ask(hub, who, "GET", None, "").await;
    assert_eq!(status, 200, "{told}");
    told
}

/// What is refused, and with which word.
fn refused((status, body): (u16, Value)) -> (u16, String) {
    assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
    (status, body["error"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn who_may_arrange_gives_names_and_everybody_sees_those_of_what_they_may_read() {
    let hub = Hub::with_users(&users(), &["store.directory="]);
    let nothing = told(&hub, "root").await;
    assert_eq!(
        nothing,
        json!({"version": 0, "stored": false, "may_change": true, "layout": {"rooms": [], "nodes": {}, "values": {}}})
    );
    let change = r#"{"rooms": ["Vault", "Attic"],
        "nodes": {"home/box": {"name": "Box", "room": "Attic", "icon": "lamp"}, "bank": {"name": "Gold", "room": "Vault"}},
        "values": {"home/box/t": {"limits": {"/temperature/0": {"high": 28.5}}, "silent": 600}, "bank/door": {"name": "Safe"}}}"#;
    assert_eq!(ask(&hub, "jana", "PATCH", Some("\"0\""), change).await, (200, json!({"version": 1})));
    assert_eq!(refused(ask(&hub, "emil", "PATCH", Some("*"), change).await), (403, "rights".to_owned()));

    let whole = told(&hub, "jana").await;
    assert_eq!(
        (&whole["may_change"], &whole["layout"]["nodes"]["bank"]["name"]),
        (&json!(true), &json!("Gold"))
    );
    let part = told(&hub, "emil").await;
    assert_eq!(part["may_change"], json!(false));
    assert_eq!(
        part["layout"],
        json!({"rooms": ["Attic"], "nodes": {"home/box": {"name": "Box", "room": "Attic", "icon": "lamp"}},
            "values": {"home/box/t": {"limits": {"/temperature/0": {"high": 28.5}}, "silent": 600}}})
    );
    // An order of the rooms leaves those that one does not see.
    let order = r#"{"rooms": ["Attic"]}"#;
    assert_eq!(ask(&hub, "ota", "PATCH", Some("*"), order).await.0, 200);
    assert_eq!(told(&hub, "root").await["layout"]["rooms"], json!(["Attic", "Vault"]));
    // Nobody changes what they may not read, and puts nothing in the place of what they do not see.
    let ota = |method, body| ask(&hub, "ota", method, Some("*"), body);
    assert_eq!(refused(ota("PATCH", r#"{"values": {"bank/door": null}}"#).await), (403, "rights".to_owned()));
    assert_eq!(
        refused(ota("PUT", r#"{"values": {"home/box/t": {"name": "x"}}}"#).await),
        (403, "rights".to_owned())
    );
    assert_eq!(ota("PATCH", r#"{"values": {"home/box/t": null}}"#).await.0, 200);
    assert_eq!(told(&hub, "root").await["layout"]["values"], json!({"bank/door": {"name": "Safe"}}));
    hub.logs("names, rooms or limits of the page were changed").await;
    let explained = hub
        .request(
            "GET",
            "/api/accounts/jana/explain?topic=%24SYS/layout",
            &[("Authorization", &basic("root", PASSWORD))],
            "",
        )
        .await;
    assert_eq!(json_of(&explained)["publish"]["allowed"], json!(true), "{}", explained.text);
    let path = "/api/accounts/emil/explain?topic=%24SYS/layout/version";
    let explained = hub.request("GET", path, &[("Authorization", &basic("root", PASSWORD))], "").await;
    assert_eq!(json_of(&explained)["subscribe"]["allowed"], json!(true), "{}", explained.text);
}

#[tokio::test]
async fn of_two_who_change_the_same_at_once_the_second_is_told() {
    let hub = Hub::with_users(&users(), &["store.directory="]);
    let name = |name: &str| json!({"nodes": {"home/box": {"name": name}}}).to_string();
    assert_eq!(ask(&hub, "root", "PATCH", Some("\"0\""), &name("one")).await.0, 200);
    assert_eq!(
        refused(ask(&hub, "jana", "PATCH", Some("\"0\""), &name("two")).await),
        (412, "changed".to_owned())
    );
    assert_eq!(refused(ask(&hub, "jana", "PATCH", None, &name("two")).await), (428, "changed".to_owned()));
    assert_eq!(told(&hub, "jana").await["layout"]["nodes"]["home/box"]["name"], "one");
    assert_eq!(ask(&hub, "jana", "PATCH", Some("\"1\""), &name("two")).await, (200, json!({"version": 2})));
    // As a whole it is replaced by one who sees all of it.
    let whole = json!({"rooms": ["A", "B"], "values": {"a/b": {"room": "A", "order": -3}}}).to_string();
    assert_eq!(ask(&hub, "root", "PUT", Some("\"2\""), &whole).await.0, 200);
    assert_eq!(
        told(&hub, "jana").await["layout"],
        json!({"rooms": ["A"], "nodes": {}, "values": {"a/b": {"room": "A", "order": -3}}})
    );
}

#[tokio::test]
async fn every_viewer_hears_at_once_that_there_is_another_version_and_nothing_else_of_it() {
    let hub = Hub::with_users(&users(), &["store.directory="]);
    let mut emil = Client::open_as(&hub, "emil", "/talk", r#"{"filters": []}"#).await;
    let ok = emil
        .asks(
            &json!(["clown.talk/-/subscription/add", {"filters": [VERSION]}]).to_string(),
            "subscription/ok",
        )
        .await;
    assert_eq!(ok["filters"], json!([VERSION]));
    assert_eq!(emil.frame().await, json!([VERSION, {"version": 0}]));
    let change = json!({"nodes": {"bank": {"name": "Gold"}}}).to_string();
    assert_eq!(ask(&hub, "root", "PATCH", Some("*"), &change).await.0, 200);
    assert_eq!(emil.frame().await, json!([VERSION, {"version": 1}]));
    // What stands in it is for those whose rights name it.
    for filter in ["$SYS/layout", "$SYS/layout/#", "$SYS/layout/+"] {
        let no = emil
            .asks(
                &json!(["clown.talk/-/subscription/add", {"filters": [filter]}]).to_string(),
                "subscription/error",
            )
            .await;
        assert_eq!(no["filters"], json!([filter]));
    }
    // And nobody but the hub says it.
    let mut root = Client::open_as(&hub, "root", "/talk", r#"{"filters": []}"#).await;
    root.say(r#"["$SYS/layout", {}, {"id": 1, "retain": true}]"#).await;
    let answer = root.frame().await;
    assert_eq!(answer[0], "clown.talk/-/publish/error", "{answer}");
}

#[tokio::test]
async fn names_survive_a_restart_of_the_hub_and_are_no_history() {
    let store = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(store.path(), &[]);
    let demo = [
        ("Authorization", "Basic Y2xvd246YmlnY2xvd24="),
        ("Content-Type", "application/json"),
        ("If-Match", "*"),
    ];
    let change = json!({"nodes": {"__proto__": {"name": "<img src=x>", "order": 7}}}).to_string();
    let answer = hub.request("PATCH", "/api/layout", &demo, &change).await;
    assert_eq!(answer.status(), 200, "{}", answer.text);
    hub.stopped().await;
    let hub = Hub::with_store(store.path(), &[]);
    let told = json_of(&hub.request("GET", "/api/layout", &demo, "").await);
    assert_eq!((&told["version"], &told["stored"]), (&json!(1), &json!(true)));
    assert_eq!(told["layout"]["nodes"], json!({"__proto__": {"name": "<img src=x>", "order": 7}}));
    let past = json_of(&hub.request("GET", "/api/history?topic=%24SYS%2Flayout%2F%23", &demo, "").await);
    assert_eq!(past["series"], json!([]), "{past}");
}

#[tokio::test]
async fn a_layout_that_makes_no_sense_is_refused_with_its_place_and_changes_nothing() {
    let hub = Hub::with_users(&users(), &["store.directory="]);
    for (method, body, expected) in [
        ("PATCH", r#"{"nodes": {"a": {"name": "a\u0000b"}}}"#, "nodes, \"a\": name"),
        ("PATCH", r#"{"values": {"a/#": {"name": "x"}}}"#, "wildcard"),
        ("PATCH", r#"{"values": {"a": {"limits": {"": {"low": 3, "high": 2}}}}}"#, "low (3) must be less"),
        ("PATCH", r#"{"values": 5}"#, "invalid type"),
        ("PATCH", "{", "EOF"),
        ("PUT", r#"{"nodes": {"a": {"nam": "x"}}}"#, "unknown field `nam`"),
    ] {
        let (status, answer) = ask(&hub, "root", method, Some("*"), body).await;
        let message = answer["message"].as_str().unwrap();
        assert_eq!((status, answer["error"].as_str().unwrap()), (400, "layout"), "{body}: {answer}");
        assert!(message.contains(expected), "{body}: {message}");
    }
    let long = json!({"rooms": ["x".repeat(700_000)]}).to_string();
    assert_eq!(refused(ask(&hub, "root", "PUT", Some("*"), &long).await), (400, "body".to_owned()));
    assert_eq!(refused(ask(&hub, "root", "DELETE", Some("*"), "").await), (405, "method".to_owned()));
    assert_eq!(told(&hub, "root").await["version"], 0);
}

#[tokio::test]
async fn without_a_sign_in_or_from_another_site_nobody_sees_or_changes_names() {
    let hub = Hub::with_users(&users(), &["store.directory="]);
    let root = basic("root", PASSWORD);
    for (headers, expected) in [
        (vec![], (401, "session")),
        (vec![("Authorization", root.as_str()), ("Origin", "http://evil.example")], (403, "origin")),
    ] {
        for path in ["/api/layout", "/api/code"] {
            let answer = hub.request("GET", path, &headers, "").await;
            assert_eq!((answer.status(), json_of(&answer)["error"].as_str().unwrap()), expected, "{path}");
            assert!(answer.header("www-authenticate").is_none());
        }
    }
}

#[tokio::test]
async fn a_page_signs_in_with_the_token_of_a_link_and_is_out_when_it_is_revoked() {
    let hub = Hub::with_users(&users(), &["store.directory="]);
    let root = basic("root", PASSWORD);
    let headers = [("Authorization", root.as_str()), ("Content-Type", "application/json"), ("If-Match", "*")];
    let made = hub
        .request(
            "POST",
            "/api/tokens/link-1",
            &headers,
            r#"{"subscribe": ["home/box/t"], "note": "Link: x"}"#,
        )
        .await;
    assert_eq!(made.status(), 201, "{}", made.text);
    let token = json_of(&made)["token"].as_str().unwrap().to_owned();
    let sign_in = |token: &str| json!({"token": token, "stay": true}).to_string();
    let page = hub.request("POST", "/api/session", &[], &sign_in(&token)).await;
    assert_eq!(page.status(), 204, "{}", page.text);
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let who = json_of(&hub.request("GET", "/api/session", &[("Cookie", &cookie)], "").await);
    assert_eq!(
        (&who["name"], &who["token"], &who["admin"], &who["publish"]),
        (&json!("link-1"), &json!(true), &json!(false), &json!([]))
    );
    let mut guest = Client::connect_with(&hub, "/talk", &[("cookie", &cookie)]).await.unwrap();
    guest.configure(r#"{"filters": ["home/box/t"]}"#).await;

    for body in [
        sign_in("cht_AAAA"),
        r#"{"token": 5}"#.to_owned(),
        r#"{"token": "x", "name": "root", "password": "y"}"#.to_owned(),
    ] {
        let answer = hub.request("POST", "/api/session", &[], &body).await;
        assert!(
            matches!(answer.status(), 400 | 401) && answer.header("www-authenticate").is_none(),
            "{body}: {}",
            answer.text
        );
    }
    let gone = hub.request("DELETE", "/api/tokens/link-1", &headers, "").await;
    assert_eq!(gone.status(), 200, "{}", gone.text);
    assert_eq!(guest.closed().await.0, 1008);
    let over = hub.request("POST", "/api/session", &[], &sign_in(&token)).await;
    assert_eq!((over.status(), &json_of(&over)["error"]), (401, &json!("token")), "{}", over.text);
    assert!(!hub.log().contains(&token));
}

#[tokio::test]
async fn a_text_becomes_a_code_for_who_has_signed_in() {
    let hub = Hub::with_users(&users(), &["store.directory="]);
    let emil = basic("emil", PASSWORD);
    let headers = [("Authorization", emil.as_str()), ("Content-Type", "application/json")];
    let code = |text: &str| json!({ "text": text }).to_string();
    let drawn = json_of(&hub.request("POST", "/api/code", &headers, &code("http://hub/#k=secret")).await);
    assert!(
        drawn["size"].as_u64().unwrap() >= 21 && drawn["path"].as_str().unwrap().starts_with("M0 0h7"),
        "{drawn}"
    );
    for (body, expected) in
        [(code(""), 400), (code(&"x".repeat(1025)), 400), ("{}".to_owned(), 400), ("[".to_owned(), 400)]
    {
        let answer = hub.request("POST", "/api/code", &headers, &body).await;
        assert_eq!((answer.status(), &json_of(&answer)["error"]), (expected, &json!("body")), "{body}");
    }
    assert_eq!(hub.request("GET", "/api/code", &headers, "").await.status(), 405);
    assert!(!hub.log().contains("secret"));
}
