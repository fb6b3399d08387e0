//! `clown-hub sub`: prints every message, and ends when nobody wants to read any more.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use insta::assert_snapshot;

use crate::support::{Client, Hub, Ran, binary, run, until};

fn url(hub: &Hub) -> String {
    format!("ws://clown:bigclown@{}", hub.address)
}

fn subscribe(hub: &Hub, args: &[&str]) -> Ran {
    run(&[&["sub", "--url", &url(hub)], args].concat(), "")
}

async fn with_values() -> Hub {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/home?side=node", "{}").await;
    node.publish("thermometer/0", r#"{"t": [20.10, "℃"]}"#).await;
    node.publish("lamp/0", "false").await;
    node.leave().await;
    hub
}

/// Starts it, and waits until the hub knows its subscription.
async fn started(hub: &Hub, args: &[&str]) -> Child {
    let before = hub.figure("subscriptions_count").await;
    let mut command = binary();
    command.args(["sub", "--url", &url(hub)]).args(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while hub.figure("subscriptions_count").await == before {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    child
}

#[tokio::test]
async fn each_format_shows_the_payload_as_it_was() {
    let hub = with_values().await;
    let shown = |format| {
        let text =
            subscribe(&hub, &["home/thermometer/#", "--retained", "only", "--format", format]).succeeds();
        text.trim_end().to_owned()
    };
    assert_snapshot!(shown("plain"), @r#"home/thermometer/0 {"t": [20.10, "℃"]}"#);
    assert_snapshot!(shown("json"), @r#"["home/thermometer/0", {"t": [20.10, "℃"]}]"#);
    assert_snapshot!(shown("pretty"), @r#"
    home/thermometer/0
      {
        "t": [20.10, "℃"]
      }
    "#);
    assert_snapshot!(shown("csv"), @r#"
    topic,payload
    home/thermometer/0,"{""t"": [20.10, ""℃""]}"
    "#);
    let stamped = subscribe(&hub, &["home/lamp/0", "--count", "1", "--timestamps"]).succeeds();
    assert!(stamped.starts_with("20") && stamped.ends_with("Z home/lamp/0 false\n"), "{stamped}");
    let stamped =
        subscribe(&hub, &["home/lamp/0", "--count", "1", "--timestamps", "--format", "json"]).succeeds();
    assert!(stamped.starts_with(r#"["home/lamp/0", false, {"retained": true, "time": "20"#), "{stamped}");
}

#[tokio::test]
async fn count_time_and_retained_say_when_it_is_enough() {
    let hub = with_values().await;
    assert_eq!(subscribe(&hub, &["--count", "2"]).succeeds().lines().count(), 2);
    assert_eq!(subscribe(&hub, &["--retained", "only"]).succeeds().lines().count(), 3);
    assert_eq!(subscribe(&hub, &["--retained", "no", "--for", "300ms"]).succeeds(), "");
    let fewer = subscribe(&hub, &["--count", "9", "--for", "300ms"]);
    assert_eq!((fewer.code, fewer.stdout.lines().count()), (Some(4), 3));
    assert_snapshot!(fewer.stderr, @"clown-hub: 3 of 9 messages came");
}

#[tokio::test]
async fn a_line_is_printed_when_it_comes_and_not_when_a_buffer_is_full() {
    let hub = Hub::demo();
    let mut writer = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let mut sub = started(&hub, &["a"]).await;
    let mut lines = BufReader::new(sub.stdout.take().unwrap());
    for number in 0..3 {
        writer.publish("a", &number.to_string()).await;
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, format!("a {number}\n"));
    }
    sub.kill().unwrap();
    sub.wait().unwrap();
}

#[tokio::test]
async fn head_has_enough_after_five_lines_and_nobody_panics() {
    let hub = Hub::demo();
    for number in 0..5 {
        run(&["pub", "--retain", &format!("a/{number}"), "1", "--url", &url(&hub)], "").succeeds();
    }
    let pipe = format!("{} sub '#' --url {} | head -5", binary().get_program().display(), url(&hub));
    let ran = std::process::Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {pipe}")])
        .output()
        .unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
    assert_eq!(String::from_utf8(ran.stdout).unwrap().lines().count(), 5);
}

#[tokio::test]
async fn it_ends_when_its_reader_goes_although_nothing_comes_any_more() {
    let hub = Hub::demo();
    let mut sub = started(&hub, &["a"]).await;
    drop(sub.stdout.take());
    until("the end of sub", || sub.try_wait().unwrap().is_some()).await;
    assert!(sub.wait().unwrap().success());
    let mut said = String::new();
    sub.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[tokio::test]
async fn it_ends_with_the_hub_and_says_so() {
    let mut hub = Hub::demo();
    let mut sub = started(&hub, &["a"]).await;
    hub.signal("TERM");
    hub.ended().await;
    until("the end of sub", || sub.try_wait().unwrap().is_some()).await;
    assert_eq!(sub.wait().unwrap().code(), Some(1));
    let mut said = String::new();
    sub.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("hub is restarting (1012)"), "{said}");
}

#[tokio::test]
async fn with_reconnect_it_goes_on_when_the_hub_is_back() {
    let mut hub = Hub::demo();
    let mut sub = started(&hub, &["a", "--reconnect"]).await;
    let listen = hub.address.to_string();
    hub.signal("TERM");
    hub.ended().await;
    let hub = Hub::at(&listen);
    let mut writer = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    while hub.figure("subscriptions_count").await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    writer.publish("a", "7").await;
    let mut line = String::new();
    BufReader::new(sub.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "a 7\n");
    sub.kill().unwrap();
    sub.wait().unwrap();
}

#[tokio::test]
async fn a_filter_that_is_none_is_told() {
    let hub = Hub::demo();
    let refused = subscribe(&hub, &["a/#/b"]);
    assert_eq!(refused.code, Some(3));
    assert_snapshot!(refused.stderr, @r##"clown-hub: the hub refuses a/#/b: filter "a/#/b": '#' at byte 2 must be the last level"##);
}

#[tokio::test]
async fn what_is_printed_as_json_can_be_published_again() {
    let (here, there) = (with_values().await, Hub::demo());
    let printed = subscribe(&here, &["--retained", "only", "--format", "json", "--timestamps"]).succeeds();
    run(&["pub", "--retain", "--url", &url(&there)], &printed).succeeds();
    let sorted = |hub: &Hub| {
        let text = subscribe(hub, &["--retained", "only", "--format", "json"]).succeeds();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&here), sorted(&there));
}

#[tokio::test]
async fn a_filter_that_begins_with_a_slash_hears_of_such_topics_only_and_sub_says_so() {
    let hub = with_values().await;
    let ran = subscribe(&hub, &["/home/#", "--retained", "only"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(0), ""));
    assert_snapshot!(ran.stderr, @r#"clown-hub: filter "/home/#" begins with a slash, which is a level of its own: it names no topic that "home/#" names"#);
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let answer = reader
        .asks(r#"["clown.talk/-/subscription/add", {"filters": ["/home/#"]}]"#, "subscription/ok")
        .await;
    assert_eq!(answer["filters"], serde_json::json!(["/home/#"]), "the hub answers it as any other filter");
    let mut speaker = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    speaker.publish("home/a", "1").await;
    speaker.publish("/home/a", "2").await;
    assert_eq!(reader.hear().await, r#"["/home/a", 2]"#);
}

#[tokio::test]
async fn while_it_only_listens_the_kernel_asks_whether_the_hub_is_still_there() {
    let hub = Hub::demo();
    let mut sub = started(&hub, &["a", "--reconnect"]).await;
    // What proc(5) says of the sockets that go to the hub: the remote port, the state (1: established), and which timer runs (2: keep-alive).
    let port = format!("{:04X}", hub.address.port());
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let timers: Vec<_> = sockets
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words[2].ends_with(&port) && words[3] == "01")
        .map(|words| words[5][..2].to_owned())
        .collect();
    assert!(timers.contains(&"02".to_owned()), "{timers:?}: {sockets}");
    sub.kill().unwrap();
    sub.wait().unwrap();
}
