//! The broker that is not there, comes late or goes. What links do then in the long run is in `src/links/tests.rs`, with
//! a broker in memory, and in `soak`.

use std::time::Duration;

use tokio::time::sleep;

use crate::broker::Broker;
use crate::mqtt::Mqtt;
use crate::proxy::Proxy;
use crate::support::{Client, Hub, until};
use crate::{figure, link};

async fn figure_becomes(hub: &Hub, name: &str, value: u64) {
    crate::support::in_time(&format!("{name} to be {value}"), async {
        while figure(hub, "house", name).await != value {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_is_absent_at_the_start_harms_nobody_and_gets_what_waits_in_order() {
    let mut broker = Broker::absent();
    let hub = Hub::with_links(&[("house", &link(broker.port, "", &[("both", "x/#")]))], &[]);
    hub.logs("is the broker running, and is the port right?").await;
    assert!(hub.log().contains("file=bridges/house.toml"), "{}", hub.log());
    let mut here = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
    for n in 0..50 {
        here.publish("x/a/set", &n.to_string()).await;
    }
    here.publish("x/a/t", "1").await;
    let mut subscriber = {
        broker.start().await;
        Mqtt::connect(broker.port, "there").await
    };
    subscriber.subscribe("x/#").await;
    hub.logs("link is connected").await;
    let mut next = 0;
    // The subscriber may have come after the link: then it has missed the first ones, and never one in between.
    loop {
        let heard = subscriber.hears().await;
        if heard == "x/a/t 1" {
            break;
        }
        let number: u64 = heard.strip_prefix("x/a/set ").unwrap().parse().unwrap();
        assert!(next == 0 || number == next, "{heard} after {next}");
        next = number + 1;
    }
    figure_becomes(&hub, "messages_out_total", 51).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_qos_2_every_message_comes_once_over_a_network_that_breaks() {
    let broker = Broker::mosquitto().await;
    let proxy = Proxy::to(broker.port).await;
    let file = link(proxy.port, "", &[("both", "x/#")]) + "qos = 2\n";
    let hub = Hub::with_links(&[("house", &file)], &[]);
    hub.logs("link is connected").await;
    let mut there = Mqtt::connect(broker.port, "there").await;
    there.subscribe("x/out/#").await;
    let mut listener = Client::open(&hub, "/talk", r#"{"filters": ["x/in/#"]}"#).await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let lines = (0..MESSAGES).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
    let port = broker.port;
    let publisher = std::thread::spawn(move || crate::mqtt::mosquitto_pub_lines(port, "x/in/set", &lines));
    for n in 0..MESSAGES {
        here.feed(&format!("[\"x/out/set\", {n}]")).await;
        if n % 700 == 699 {
            here.flush().await;
            let before = connected(&hub);
            proxy.break_off();
            until("the next connection", || connected(&hub) > before).await;
        }
    }
    here.flush().await;
    for n in 0..MESSAGES {
        assert_eq!(there.hears().await, format!("x/out/set {n}"));
        assert_eq!(listener.hear().await, format!("[\"x/in/set\", {n}]"));
    }
    publisher.join().unwrap();
    figure_becomes(&hub, "messages_out_total", MESSAGES).await;
    assert_eq!(figure(&hub, "house", "messages_in_total").await, MESSAGES);
    assert!(figure(&hub, "house", "connects_total").await > 2);
}

fn connected(hub: &Hub) -> usize {
    hub.log().matches("link is connected").count()
}

/// In each direction.
const MESSAGES: u64 = 2_000;

#[tokio::test]
async fn the_log_says_when_a_queue_is_full_and_when_messages_are_lost() {
    let broker = Broker::absent();
    let hub =
        Hub::with_links(&[("house", &link(broker.port, "queue_messages = 10", &[("out", "x/#")]))], &[]);
    hub.logs("is the broker running").await;
    let mut here = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
    for n in 0..30 {
        here.publish("x/a/t", &n.to_string()).await;
    }
    hub.logs("the queue for the broker is full: from here on only the newest reading of a topic is kept")
        .await;
    for n in 0..12 {
        here.publish("x/a/set", &n.to_string()).await;
    }
    hub.logs(
        "the queue for the broker is full: the oldest messages are lost link=house topic=Some(\"x/a/t\")",
    )
    .await;
}

#[tokio::test]
async fn a_burst_that_runs_over_inside_the_hub_is_counted_and_the_link_goes_on() {
    let broker = Broker::mosquitto().await;
    let settings = ["outbox.messages=2", "outbox.hard_messages=4"];
    let hub = Hub::with_links(&[("house", &link(broker.port, "", &[("out", "x/#")]))], &settings);
    hub.logs("link is connected").await;
    let mut node = Client::open(&hub, "/talk?side=node", r#"{"filters": []}"#).await;
    node.publish("x/kept", "1").await;
    figure_becomes(&hub, "messages_out_total", 1).await;
    let mut there = Mqtt::connect(broker.port, "there").await;
    there.subscribe("x/+/set").await;
    let lines: Vec<_> = (0..BURST).map(|n| format!("[\"x/a/set\", {n}]")).collect();
    node.say(&lines.join("\n")).await;
    hub.logs("the link was sent more than it could take at once, and that is lost").await;
    node.publish("x/b/set", "\"after\"").await;
    while there.hears().await != "x/b/set \"after\"" {}
    // The last value was told once more, as it might have been among them.
    crate::support::in_time("all to be accounted for", async {
        let told = async || figure(&hub, "house", "messages_out_total").await;
        let lost = async || figure(&hub, "house", "messages_lost_total").await;
        while told().await + lost().await < BURST + 2 {}
    })
    .await;
    assert!(figure(&hub, "house", "messages_lost_total").await > 0);
}

/// Commands in one message.
const BURST: u64 = 30;

#[tokio::test]
async fn figures_and_state_of_a_link_are_last_values_under_sys() {
    let mut broker = Broker::absent();
    let settings = ["figures.every_seconds=1"];
    let hub = Hub::with_links(&[("house", &link(broker.port, "", &[("out", "x/#")]))], &settings);
    let mut here = Client::open(&hub, "/talk", r#"{"filters": ["$SYS/hub/bridge/house/state"]}"#).await;
    loop {
        let [_, state] = here.two().await;
        assert_eq!(state["state"], "away");
        if state["reason"].as_str().is_some_and(|reason| reason.contains("is the broker running")) {
            break;
        }
    }
    broker.start().await;
    loop {
        let [_, state] = here.two().await;
        if state["state"] == "connected" {
            break;
        }
    }
    let mut figures =
        Client::open(&hub, "/talk", r#"{"filters": ["$SYS/hub/bridge/house/connected"]}"#).await;
    while figures.two().await[1] != 1 {}
    std::fs::remove_file(hub.dir().join("bridges/house.toml")).unwrap();
    hub.logs("link is off").await;
    crate::support::in_time("nothing to be told any more", async {
        loop {
            let mut late = Client::open(&hub, "/talk", r#"{"filters": ["$SYS/hub/bridge/#"]}"#).await;
            late.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
            if late.hear().await.starts_with("[\"clown.talk/-/subscription/ok\"") {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}
