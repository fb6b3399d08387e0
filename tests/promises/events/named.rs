//! Who named what, gave it a room or moved its limits.

use super::*;

#[tokio::test]
async fn who_renamed_a_room_is_known_by_those_who_may_read_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let users = [
        user("root", &["#", "$SYS/#"], &["#"], true) + "admin = true\n",
        user("jana", &["n/#"], &["n/#", "$SYS/layout"], false),
        user("emil", &["n/#"], &[], false),
        user("ota", &["m/#"], &[], false),
    ];
    let hub = Hub::with_users(&users, &[&store_at(dir.path())]);
    let arrange = async |who: &str, method: &str, body: &Value| {
        let authorization = basic(who, PASSWORD);
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
            ("If-Match", "*"),
        ];
        hub.request(method, "/api/layout", &headers, &body.to_string()).await.status()
    };
    assert_eq!(arrange("jana", "PATCH", &json!({"nodes": {"n/a": {"room": "Kitchen"}}})).await, 200);
    assert_eq!(
        arrange("jana", "PATCH", &json!({"values": {"n/a/t": {"limits": {"": {"high": 28.5}}}}})).await,
        200
    );
    assert_eq!(arrange("jana", "PATCH", &json!({"nodes": {"n/a": null}})).await, 200);
    let several = json!({"nodes": {"n/a": {"order": 1}, "n/b": {"order": 0}}});
    assert_eq!(arrange("jana", "PATCH", &several).await, 200);
    assert_eq!(arrange("root", "PUT", &json!({"rooms": [], "nodes": {}, "values": {}})).await, 200);
    assert_eq!(
        arrange("jana", "PATCH", &json!({"nodes": {"m/a": {"name": "x"}}})).await,
        403,
        "not hers to name"
    );

    let mut root = Client::open_as(&hub, "root", "/talk", r#"{"filters": []}"#).await;
    let of = |event: &Value| ["user", "result", "topic", "payload"].map(|key| event[key].clone());
    let told: Vec<_> = of_kind(&mut root, "layout").await.iter().map(of).collect();
    let (jana, changed, null) = (json!("jana"), json!("changed"), Value::Null);
    let single = [
        [jana.clone(), changed.clone(), json!("n/a"), null.clone()],
        [jana.clone(), changed.clone(), json!("n/a/t"), json!({"limits": {"": {"high": 28.5}}})],
        [jana.clone(), changed.clone(), json!("n/a"), json!({"room": "Kitchen"})],
    ];
    assert_eq!(told[0], [json!("root"), json!("replaced"), null.clone(), null.clone()]);
    assert_eq!(told[1], [jana, changed, null, several]);
    assert_eq!(told[2..], single);
    let by_name = events(&mut root, &json!({"filters": ["$SYS/events/layout"]})).await;
    assert_eq!(by_name.iter().map(of).collect::<Vec<_>>(), told[..2]);
    let of_topic = events(&mut root, &json!({"filters": ["n/a/#"], "by": "jana"})).await;
    assert_eq!(of_topic.len(), 3);

    // Who may read the value sees what became of it, but not from where; who may not sees nothing.
    let mut emil = Client::open_as(&hub, "emil", "/talk", r#"{"filters": []}"#).await;
    let seen = of_kind(&mut emil, "layout").await;
    assert_eq!(seen.iter().map(of).collect::<Vec<_>>(), single);
    assert!(seen.iter().all(|event| event["address"].is_null()));
    let mut ota = Client::open_as(&hub, "ota", "/talk", r#"{"filters": []}"#).await;
    assert!(of_kind(&mut ota, "layout").await.is_empty());
}

#[tokio::test]
async fn of_a_long_change_the_beginning_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let nodes: serde_json::Map<_, _> = (0..100).map(|n| (format!("n/{n}"), json!({"order": n}))).collect();
    let demo = [("Authorization", basic("clown", "bigclown")), ("If-Match", "*".to_owned())];
    let headers: Vec<_> = demo.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let headers = [headers.as_slice(), &[("Content-Type", "application/json")]].concat();
    let answer = hub.request("PATCH", "/api/layout", &headers, &json!({ "nodes": nodes }).to_string()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text);
    let mut asker = asker(&hub).await;
    let told = of_kind(&mut asker, "layout").await;
    assert!(told[0]["payload"].as_str().unwrap().starts_with(r#"{"nodes":{"n/0":{"order":0}"#), "{told:?}");
    assert_eq!(told[0]["payload"].as_str().unwrap().len(), 1024);
    assert!(told[0]["cut"].as_u64().unwrap() > 1024);
}
