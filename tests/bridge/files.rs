//! The folder of the links, and what the command line says of them.

use std::fs;

use crate::broker::Broker;
use crate::link;
use crate::mqtt::Mqtt;
use crate::support::{Client, Hub, run_to_the_end, until};

#[tokio::test]
async fn a_file_that_comes_changes_or_goes_starts_restarts_or_stops_its_link_alone() {
    let broker = Broker::mosquitto().await;
    let hub = Hub::with_links(&[("one", &link(broker.port, "", &[("in", "one/#")]))], &[]);
    hub.logs("link is connected link=one").await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": ["+/set"]}"#).await;
    let mut there = Mqtt::connect(broker.port, "there").await;
    let write = |name: &str, text: &str| fs::write(hub.dir().join("bridges").join(name), text).unwrap();

    write("two.toml", &link(broker.port, "", &[("in", "two/#")]));
    hub.logs("link is connected link=two").await;
    there.publish("two/set", b"1", false).await;
    assert_eq!(here.hear().await, "[\"two/set\", 1]");

    write("two.toml", &link(broker.port, "", &[("in", "three/#")]));
    until("the restart", || hub.log().matches("link is connected link=two").count() == 2).await;
    there.publish("two/set", b"2", false).await;
    there.publish("three/set", b"3", false).await;
    assert_eq!(here.hear().await, "[\"three/set\", 3]");

    write("two.toml", "url = 'mqtt://127.0.0.1'\nqueue = 3\n");
    hub.logs("bridges/two.toml:2:1: queue: unknown key").await;
    hub.logs("(the link goes on as it was)").await;
    there.publish("three/set", b"4", false).await;
    assert_eq!(here.hear().await, "[\"three/set\", 4]");

    fs::remove_file(hub.dir().join("bridges/two.toml")).unwrap();
    until("its end", || hub.log().matches("link is off link=two").count() == 2).await;
    there.publish("three/set", b"5", false).await;
    there.publish("one/set", b"6", false).await;
    assert_eq!(here.hear().await, "[\"one/set\", 6]");
    assert_eq!(hub.log().matches("link is connected link=one").count(), 1, "it was never touched");
}

#[tokio::test]
async fn the_sixty_fifth_link_is_started_when_another_one_goes() {
    let broker = Broker::absent();
    let file = link(broker.port, "", &[("in", "x/#")]);
    let names: Vec<_> = (10..75).map(|n| format!("link{n}")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), file.as_str())).collect();
    let hub = Hub::with_links(&files, &[]);
    hub.logs(
        "there are 64 links already: this one starts only when another one ends file=bridges/link74.toml",
    )
    .await;
    assert!(!hub.log().contains("link is on link=link74"));
    fs::remove_file(hub.dir().join("bridges/link10.toml")).unwrap();
    hub.logs("link is on link=link74").await;
}

#[tokio::test]
async fn what_waits_outlives_a_file_that_is_put_right() {
    let broker = Broker::mosquitto_with("allow_anonymous false").await;
    let right = Broker::mosquitto().await;
    let hub = Hub::with_links(&[("house", &link(broker.port, "", &[("out", "#")]))], &[]);
    hub.logs("set user and password_file").await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    for n in 0..50 {
        here.publish("x/set", &n.to_string()).await;
        here.publish("y/set", &n.to_string()).await;
    }
    here.publish("x/t", "1").await;
    let mut there = Mqtt::connect(right.port, "there").await;
    there.subscribe("#").await;
    let path = hub.dir().join("bridges/house.toml");
    fs::write(&path, link(right.port, "", &[("out", "x/#")])).unwrap();
    for n in 0..50 {
        assert_eq!(there.hears().await, format!("x/set {n}"));
    }
    assert_eq!(there.hears().await, "x/t 1");
    hub.logs(
        "link keeps the messages that waited; those that no rule carries any more are lost link=house waiting=51 lost=50",
    )
    .await;
    assert_eq!(crate::figure(&hub, "house", "messages_lost_total").await, 50);
}

#[tokio::test]
async fn what_waits_when_a_file_goes_or_the_hub_stops_is_lost_with_a_line_that_says_so() {
    let broker = Broker::absent();
    let file = link(broker.port, "", &[("out", "x/#")]);
    let mut hub = Hub::with_links(&[("one", &file), ("two", &file)], &[]);
    hub.logs("is the broker running").await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    for n in 0..7 {
        here.publish("x/set", &n.to_string()).await;
    }
    fs::remove_file(hub.dir().join("bridges/one.toml")).unwrap();
    hub.logs("link has ended, and what waited for the broker is lost link=one lost=7").await;
    hub.signal("TERM");
    hub.ended().await;
    hub.logs("link has ended, and what waited for the broker is lost link=two lost=7").await;
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn bridge_check_prints_every_rule_with_an_example_each_way() {
    let text = "url = 'mqtt://broker.local'\n\n[[rule]]\ndirection = 'both'\nfilter = 'thermometer/+'\n\
                local_prefix = 'house/'\nremote_prefix = 'site/1/'\n\n[[rule]]\ndirection = 'in'\nfilter = 'weather/#'\n\n\
                [[rule]]\ndirection = 'out'\nfilter = ''\nlocal_prefix = 'a/b'\nremote_prefix = 'c'\n";
    let dir = folder(&[("house.toml", text)]);
    let path = dir.path().join("house.toml");
    let done = run_to_the_end(&["bridge", "check", path.to_str().unwrap()], "");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let expected = format!(
        "{}: broker.local:1883\n\
         \x20 line 3: house/thermometer/+ ↔ site/1/thermometer/+\n\
         \x20   in  site/1/thermometer/any becomes house/thermometer/any\n\
         \x20   out house/thermometer/any becomes site/1/thermometer/any\n\
         \x20 line 9: weather/# ← weather/#\n\
         \x20   in  weather/any/depth becomes weather/any/depth\n\
         \x20 line 13: a/b → c\n\
         \x20   out a/b becomes c\n",
        path.display()
    );
    assert_eq!(String::from_utf8_lossy(&done.stdout), expected);
}

const TWICE: &str = "url = 'mqtt://x'
[[rule]]
direction = 'both'
filter = 'a/#'

[[rule]]
direction = 'in'
filter = '+/b'
";

#[test]
fn bridge_check_tells_every_mistake_with_file_line_and_key_and_fails() {
    let dir = folder(&[
        ("house.toml", "url = 'http://x'\nqos = 1\n"),
        ("bad name.toml", ""),
        ("twice.toml", TWICE),
        ("wild.toml", "url = 'mqtt://x'\n[[rule]]\ndirection = 'in'\nfilter = '#'\nremote_prefix = 'a/+/'\n"),
        ("x.toml.example", "?"),
    ]);
    let setting = dir.path().join("hub.toml");
    fs::write(&setting, format!("bridges.directory = {:?}\n", dir.path())).unwrap();
    fs::rename(&setting, dir.path().join("hub.conf")).unwrap();
    let done =
        run_to_the_end(&["bridge", "check", "--config", dir.path().join("hub.conf").to_str().unwrap()], "");
    assert_eq!(done.status.code(), Some(2));
    let told = String::from_utf8_lossy(&done.stderr);
    for expected in [
        "bad name.toml: the name of the file",
        "house.toml:1:7: url: \"http\" is no scheme",
        "house.toml:2:1: qos: unknown key",
        "house.toml:1:1: rule: there is none",
        "twice.toml:6:1: rule.filter: the rules of line 2 and line 6 would both carry \"a/b\" in",
        "wild.toml:5:17: rule.remote_prefix: \"a/+/\" holds a wildcard",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
}

#[tokio::test]
async fn the_commands_of_the_documents_make_a_link_and_switch_a_relay() {
    let mut all = tokio::task::JoinSet::new();
    for (document, end) in [
        ("README.md", "## Bridge to any MQTT"),
        ("bridges/README.md", "# Bridges"),
        ("docs/bridge.md", "```toml"),
    ] {
        all.spawn(the_commands_work(document, end));
    }
    all.join_all().await;
}

async fn the_commands_work(document: &'static str, end: &'static str) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let broker = Broker::mosquitto().await;
    let hub = Hub::with(&["simulator.run=on"]);
    let example = fs::read_to_string(root.join("bridges/mosquitto.toml.example")).unwrap();
    let example = example.replace("1883", &broker.port.to_string());
    fs::create_dir_all(hub.dir().join("bridges")).unwrap();
    fs::write(hub.dir().join("bridges/mosquitto.toml.example"), &example).unwrap();

    let page = fs::read_to_string(root.join(document)).unwrap();
    let block = page.split(end).nth(1).and_then(|rest| rest.split("```sh\n").nth(1)).unwrap();
    let block = block.split("```").next().unwrap();
    let (before, switch): (Vec<_>, Vec<_>) =
        block.lines().partition(|line| !line.starts_with("mosquitto_pub"));
    shell(&hub, &before.join("\n"));
    if before.is_empty() {
        fs::write(hub.dir().join("bridges/house.toml"), &example).unwrap();
    }
    hub.logs("link is connected link=house").await;
    if switch.is_empty() {
        return;
    }
    let mut here = Client::open(&hub, "/talk", r#"{"filters": ["nodes/bridge/0/relay/+"]}"#).await;
    let port = format!("mosquitto_pub -p {}", broker.port);
    shell(&hub, &switch.join("\n").replace("mosquitto_pub", &port));
    while here.hear().await != "[\"nodes/bridge/0/relay/i2c0-3b\", {\"state\": true}]" {}
}

/// Runs a script where the hub runs, and where `clown-hub` is ours.
fn shell(hub: &Hub, script: &str) {
    let ours = std::path::Path::new(env!("CARGO_BIN_EXE_clown-hub")).parent().unwrap();
    let path = format!("{}:{}", ours.display(), std::env::var("PATH").unwrap());
    let mut bash = std::process::Command::new("bash");
    let ran = bash.args(["-euo", "pipefail", "-c", script]).current_dir(hub.dir()).env("PATH", path).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{script}\n{ran:?}");
}
