//! What an account that is changed means to its devices, connected or not.

use crate::device::{Device, Hello, PUBACK, V3, V5};
use crate::support::{Client, Hub, PASSWORD, run, user};

fn jana() -> String {
    user("jana", &["#"], &["#"], true)
}

fn lamp(subscribe: &[&str]) -> String {
    user("lamp", subscribe, &["#"], true)
}

fn hub(users: &[String]) -> Hub {
    Hub::with_users(users, &["mqtt.listen=127.0.0.1:0"])
}

async fn replace(hub: &Hub, users: &[String], line: &str) {
    std::fs::write(hub.dir().join("users.toml"), users.join("\n")).unwrap();
    hub.logs(line).await;
}

#[tokio::test]
async fn an_account_that_is_removed_loses_its_connection_and_the_session_that_waits() {
    let hub = hub(&[jana(), lamp(&["#"])]);
    let hello = |id: &str| Hello::lasting(V5, id).user("lamp", PASSWORD);
    let mut waits = Device::connect_as(&hub, &hello("waits")).await;
    waits.subscribe("door/#", 1).await;
    waits.vanish().await;
    let mut here = Device::connect_as(&hub, &hello("here")).await;
    here.subscribe("door/#", 1).await;
    replace(&hub, &[jana()], "account=\"lamp\" change=\"removed\"").await;
    assert_eq!(here.ended().await, Some(0x98));
    assert_eq!(Device::try_as(&hub, &hello("waits")).await.welcome[1], 0x86);
    replace(&hub, &[jana(), lamp(&["#"])], "account=\"lamp\" change=\"added\"").await;
    for id in ["waits", "here"] {
        assert!(
            !Device::connect_as(&hub, &hello(id)).await.session_present(),
            "{id}: another account of this name"
        );
    }
}

#[tokio::test]
async fn what_waits_in_a_session_is_asked_by_the_rights_of_the_day_it_is_fetched() {
    let hub = hub(&[jana(), lamp(&["#"])]);
    let hello = Hello::lasting(V5, "lamp").user("lamp", PASSWORD);
    let mut hello = hello;
    // One message is on its way, the next ones are held back.
    hello.properties.extend([0x21, 0, 1]);
    let mut reader = Device::connect_as(&hub, &hello).await;
    for filter in ["door/#", "lamp/#"] {
        reader.subscribe(filter, 1).await;
    }
    reader.subscribe("zero/#", 0).await;
    let mut writer = Device::connect_as(&hub, &Hello::new(V3, "w").user("jana", PASSWORD)).await;
    for topic in ["door/first", "door/second", "door/third"] {
        writer.publish(topic, topic, 2, 1, &[]).await;
        writer.heard(PUBACK).await;
    }
    assert_eq!(reader.message().await.text(), "door/first");
    reader.hears_nothing().await;
    reader.vanish().await;
    for topic in ["door/open", "lamp/set"] {
        writer.publish(topic, topic, 2, 1, &[]).await;
        writer.heard(PUBACK).await;
    }
    replace(&hub, &[jana(), lamp(&["lamp/#"])], "account=\"lamp\" change=\"rights\"").await;
    let mut reader = Device::connect_as(&hub, &hello).await;
    assert!(reader.session_present());
    let heard = reader.message().await;
    assert_eq!(heard.text(), "lamp/set");
    reader.answer(PUBACK, heard.id).await;
    for topic in ["door/open", "zero/a", "lamp/set"] {
        writer.say(topic, "news").await;
    }
    assert_eq!(reader.message().await.topic, "lamp/set");
    reader.hears_nothing().await;
}

#[tokio::test]
async fn a_will_that_waits_is_asked_by_the_rights_of_the_day_it_is_due() {
    let hub = hub(&[jana(), lamp(&["#"])]);
    let mut page = Client::open_as(&hub, "jana", "/talk", r#"{"filters": ["will/#"]}"#).await;
    let mut hello = Hello::lasting(V5, "lamp").user("lamp", PASSWORD);
    hello.will = Some(("will/lamp".to_owned(), b"gone".to_vec(), 0, false, vec![0x18, 0, 0, 0, 4]));
    Device::connect_as(&hub, &hello).await.vanish().await;
    let silent = user("lamp", &["#"], &["lamp/#"], true);
    replace(&hub, &[jana(), silent], "account=\"lamp\" change=\"rights\"").await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    page.hears_nothing().await;
}

#[tokio::test]
async fn a_token_is_a_password_with_its_name_or_without() {
    let hub = hub(&[jana()]);
    let file = hub.dir().join("users.toml");
    let listen = format!("server.listen={}", hub.address);
    let with = ["--users", file.to_str().unwrap(), "--set", &listen];
    let made = run(&[&["token", "add", "gate", "--node", "nodes/gate"], &with[..]].concat(), "");
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let token = made.stdout.trim().to_owned();
    let mut hello = Hello::new(V5, "gate").user("gate", &token);
    Device::connect_as(&hub, &hello).await.hears_nothing().await;
    hello.login = Some((String::new(), token.clone()));
    let mut device = Device::connect_as(&hub, &hello).await;
    device.hears_nothing().await;
    hello.login = Some((String::new(), format!("{token}x")));
    assert_eq!(Device::try_as(&hub, &hello).await.welcome[1], 0x86);
    assert!(!hub.log().contains(&token));
    device.publish("nodes/gate/t", "1", 2, 1, &[]).await;
    assert_eq!(device.heard(PUBACK).await, [0, 1]);
    device.publish("nodes/other/t", "1", 2, 1, &[]).await;
    assert_eq!(device.heard(PUBACK).await[..3], [0, 1, 0x87]);
    run(&[&["token", "revoke", "gate"], &with[..]].concat(), "");
    assert_eq!(device.ended().await, Some(0x98));
}

#[tokio::test]
async fn other_machines_may_be_kept_to_tls() {
    // From here only this machine can be tried: it is served.
    let hub =
        Hub::with(&["mqtt.listen=127.0.0.1:0", "server.plain=loopback", "server.trusted_proxies=10.9.9.9"]);
    Device::connect(&hub, V5, "near").await.hears_nothing().await;
}

#[tokio::test]
async fn a_proxy_header_says_who_is_there() {
    let settings = [
        "mqtt.listen=127.0.0.1:0",
        "server.trusted_proxies=127.0.0.1",
        "server.proxy_protocol=lines",
        "server.plain=loopback",
    ];
    let hub = Hub::with_users(&[jana()], &settings);
    let hello = Hello::new(V5, "far").user("jana", PASSWORD);
    let mut device = Device::dial(&hub).await;
    device.send(b"PROXY TCP4 203.0.113.7 127.0.0.1 5000 1883\r\n").await;
    device.send(&hello.bytes()).await;
    assert_eq!(device.ended().await, Some(0x87), "another machine, without TLS");
    let mut device = Device::dial(&hub).await;
    device.send(&hello.bytes()).await;
    assert_eq!(device.next().await, None, "a header is due");
}
