//! Who came in and went out, by which door, and who did not.

use super::*;

#[tokio::test]
async fn everybody_who_comes_in_by_any_door_is_recorded_and_everybody_who_does_not_and_no_password_is() {
    const WRONG: &str = "a wrong password";
    const TYPED_AS_NAME: &str = "the password typed as the name";
    let dir = tempfile::tempdir().unwrap();
    let users = [user("jana", &["n/#"], &["n/#"], false), user("boss", &["#", "$SYS/#"], &["#"], false)];
    let hub = Hub::with_users(&users, &[&store_at(dir.path()), "server.line_listen=127.0.0.1:0"]);
    let mut boss = Client::open_as(&hub, "boss", "/talk", r#"{"filters": []}"#).await;
    let page = async |name: &str, password: &str| {
        let body = json!({"name": name, "password": password}).to_string();
        hub.request("POST", "/api/session", &[("Content-Type", "application/json")], &body).await
    };
    assert_eq!(page("jana", PASSWORD).await.status(), 204);
    assert_eq!(page(TYPED_AS_NAME, WRONG).await.status(), 401);
    Client::open_as(&hub, "jana", "/talk/n", "{}").await.leave().await;
    assert_eq!(hub.knocks("/talk/n", &[("Authorization", &basic("jana", WRONG))]).await.status(), 401);
    assert_eq!(hub.knocks("/talk/m", &[("Authorization", &basic("jana", PASSWORD))]).await.status(), 403);
    for password in [PASSWORD, WRONG] {
        let mut line = Line::connect(&hub).await;
        line.write(
            format!(
                "[\"clown.talk/-/config/set\", {{\"user\": \"jana\", \"password\": \"{password}\", \"base\": \"n\"}}]\n"
            )
            .as_bytes(),
        )
        .await;
        line.hear().await.unwrap();
    }
    let told: Vec<_> = of_kind(&mut boss, "sign-in").await;
    let shown: Vec<_> = told
        .iter()
        .map(|event| {
            (event["door"].as_str().unwrap(), event["result"].as_str().unwrap(), event["user"].clone())
        })
        .collect();
    let jana = json!("jana");
    let expected = [
        ("lines", "wrong", jana.clone()),
        ("lines", "ok", jana.clone()),
        ("websocket", "forbidden", jana.clone()),
        ("websocket", "wrong", jana.clone()),
        ("websocket", "ok", jana.clone()),
        ("page", "wrong", Value::Null),
        ("page", "ok", jana),
        ("websocket", "ok", json!("boss")),
    ];
    assert_eq!(shown, expected);
    assert!(told.iter().all(|event| event["address"] == "127.0.0.1"));
    assert_eq!((&told[4]["base"], &told[4]["side"]), (&json!("n"), &json!("dashboard")));
    hub.stopped().await;
    for file in fs::read_dir(dir.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap_or_default();
        for secret in [PASSWORD, WRONG, TYPED_AS_NAME] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "{secret} is in the store");
        }
    }
}

#[tokio::test]
async fn who_signs_out_and_whose_sign_ins_the_operator_ends_is_recorded_whether_the_hub_runs_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let users = [user("jana", &["n/#"], &["n/#"], false), user("boss", &["#", "$SYS/#"], &["#"], false)];
    let settings = [&*store_at(dir.path()), "store.write_milliseconds=50"];
    let hub = Hub::with_users(&users, &settings);
    let sign_in = async |hub: &Hub| {
        let body = json!({"name": "jana", "password": PASSWORD}).to_string();
        let answer =
            hub.request("POST", "/api/session", &[("Content-Type", "application/json")], &body).await;
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    };
    let sign_out = async |cookie: &str| {
        assert_eq!(hub.request("DELETE", "/api/session", &[("Cookie", cookie)], "").await.status(), 204);
    };
    let first = sign_in(&hub).await;
    sign_out(&first).await;
    sign_out(&first).await;
    let revoke = || {
        let store = store_at(dir.path());
        run(&["sessions", "revoke", "--user", "jana", "--set", &store], "").succeeds()
    };
    let mut boss = Client::open_as(&hub, "boss", "/talk", r#"{"filters": []}"#).await;
    for _ in 0..2 {
        sign_in(&hub).await;
    }
    // The command counts what is in the file.
    let listed = || run(&["sessions", "--set", &store_at(dir.path())], "").succeeds().matches("jana").count();
    in_time("both sign-ins to be on the disk", async { while listed() < 2 {} }).await;
    assert_eq!(revoke(), "sign-ins ended: all of jana, of which the store had 2; their sockets are closed\n");
    in_time("the hub to obey", async { while of_kind(&mut boss, "sign-out").await.len() < 2 {} }).await;
    let told = of_kind(&mut boss, "sign-out").await;
    let of = |event: &Value| ["user", "result", "door", "address", "count"].map(|key| event[key].clone());
    let null = Value::Null;
    assert_eq!(
        told.iter().map(of).collect::<Vec<_>>(),
        [
            [json!("jana"), json!("revoked"), null.clone(), null.clone(), json!(2)],
            [json!("jana"), null.clone(), json!("page"), json!("127.0.0.1"), null.clone()],
        ],
        "who had signed out before did not do it again"
    );
    let by_name = events(&mut boss, &json!({"filters": ["$SYS/events/sign-out"]})).await;
    assert_eq!(by_name, told);
    let mut jana = Client::open_as(&hub, "jana", "/talk", r#"{"filters": []}"#).await;
    assert_eq!(of_kind(&mut jana, "sign-out").await, told, "it is hers");
    sign_in(&hub).await;
    hub.stopped().await;
    revoke();
    let hub = Hub::with_users(&users, &settings);
    let mut boss = Client::open_as(&hub, "boss", "/talk", r#"{"filters": []}"#).await;
    let told = of_kind(&mut boss, "sign-out").await;
    assert_eq!(
        (told.len(), of(&told[0])[1].clone(), of(&told[0])[4].clone()),
        (3, json!("revoked"), json!(1))
    );
}

#[tokio::test]
async fn a_stranger_who_guesses_does_not_fill_the_record_and_all_of_it_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &["users.failures_per_minute=100000"]);
    for n in 0..50 {
        let header = basic("clown", &format!("guess {n}"));
        assert_eq!(hub.knocks("/talk", &[("Authorization", &header)]).await.status(), 401);
    }
    let mut asker = asker(&hub).await;
    let all = of_kind(&mut asker, "sign-in").await;
    let refused = all.iter().filter(|event| event["result"] == "wrong").count() as u64;
    assert!((5..=7).contains(&refused), "{refused}");
    let more: u64 = all.iter().filter_map(|event| event["left_out"].as_u64()).sum();
    let left_out = hub.figure("events_left_out").await;
    assert!(refused + left_out == 50 && more <= left_out, "{refused} and {left_out}");
}
