//! Presence (`docs/protocol.md`, clause 7).

use serde_json::Value;

use crate::support::{Client, Hub, PASSWORD, basic, user};

async fn presence(reader: &mut Client, state: &str) -> String {
    let [topic, payload]: [Value; 2] = reader.two().await;
    assert_eq!((topic, &payload["state"]), ("n/presence".into(), &state.into()));
    let since = payload["since"].as_str().unwrap();
    assert!(since.len() == 24 && since.ends_with('Z'), "{since}");
    since.to_owned()
}

#[tokio::test]
async fn a_base_is_online_from_its_first_node_side_connection_to_its_last() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["+/presence"]}"#).await;
    let mut dashboard = Client::open(&hub, "/talk/n", r#"{"filters": ["presence"]}"#).await;
    let first = Client::connect(&hub, "/talk/n?side=node").await;
    let since = presence(&mut reader, "online").await;
    let second = Client::connect(&hub, "/auth/clown-talk-client_n").await;
    first.leave().await;
    let mut late = Client::open(&hub, "/talk", r#"{"filters": ["n/#"]}"#).await;
    assert_eq!(presence(&mut late, "online").await, since);
    reader.hears_nothing().await;
    drop(second);
    let offline = presence(&mut reader, "offline").await;
    assert!(offline >= since);
    let mut late = Client::open(&hub, "/talk", r#"{"filters": ["n/#"]}"#).await;
    assert_eq!(presence(&mut late, "offline").await, offline);
    assert_eq!(dashboard.two().await[1]["state"], "online");
    assert_eq!(dashboard.two().await[1]["state"], "offline");
}

#[tokio::test]
async fn who_may_not_say_presence_there_may_not_be_the_node() {
    let users = [user("anna", &["n/#"], &["n/+/+"], false), user("node", &["n/#"], &["n/#"], false)];
    let hub = Hub::with_users(&users, &[]);
    let mut reader = Client::open_as(&hub, "anna", "/talk/n", r#"{"filters": ["presence"]}"#).await;
    let authorization = basic("anna", PASSWORD);
    assert_eq!(hub.knocks("/talk/n?side=node", &[("Authorization", &authorization)]).await.status(), 403);
    assert_eq!(
        hub.knocks("/auth/clown-talk-client_n", &[("Authorization", &authorization)]).await.status(),
        403
    );
    reader.hears_nothing().await;
    let _node = Client::connect_as(&hub, "node", "/talk/n?side=node").await;
    assert_eq!(reader.two().await[1]["state"], "online");
}
