//! A queue that the store has a copy of: the broker is away, and the hub dies meanwhile.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::broker::Broker;
use crate::mqtt::Mqtt;
use crate::support::{Client, Hub, in_time};
use crate::{figure, link};

/// A broker that keeps for `there` all that is published, and is away.
async fn away() -> Broker {
    let mut broker = Broker::mosquitto().await;
    let mut there = there(&broker).await;
    there.subscribe("x/#").await;
    // Its answer to that is behind this one.
    there.publish("x/begin", b"0", false).await;
    assert_eq!(there.hears().await, "x/begin 0");
    drop(there);
    broker.stop().await;
    broker
}

async fn there(broker: &Broker) -> Mqtt {
    in_time("the broker", Mqtt::try_connect(broker.port, "there", false)).await.unwrap()
}

/// A folder with the file of a link in it and a store.
fn house(broker: &Broker) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("bridges")).unwrap();
    let text = link(broker.port, "stored_queue_bytes = 10000000", &[("out", "x/#")]);
    std::fs::write(dir.path().join("bridges/house.toml"), text).unwrap();
    dir
}

async fn hub(house: &Path) -> Hub {
    let bridges = format!("bridges.directory={}", house.join("bridges").display());
    let hub = Hub::with_store(&house.join("store"), &[&bridges]);
    hub.logs("link is on").await;
    hub
}

async fn say(hub: &Hub, numbers: std::ops::Range<usize>) {
    let mut node = Client::open(hub, "/talk", r#"{"filters": []}"#).await;
    for n in numbers {
        node.publish("x/a/set", &n.to_string()).await;
    }
}

/// How many messages wait in the file.
fn in_file(house: &Path) -> u64 {
    let directory = format!("store.directory={}", house.join("store").display());
    let ran = Command::new(env!("CARGO_BIN_EXE_clown-hub"))
        .args(["store", "check", "--json", "--set", &directory])
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    let report: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(report["whole"], true, "{text}");
    report["queued"].as_u64().unwrap()
}

async fn file_has(house: &Path, wanted: u64) {
    in_time(&format!("{wanted} messages in the file"), async {
        while in_file(house) != wanted {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// The numbers that the broker was told, up to this one.
async fn numbers(there: &mut Mqtt, last: usize) -> Vec<usize> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        let heard = there.hears().await;
        numbers.push(heard.strip_prefix("x/a/set ").unwrap_or_else(|| panic!("{heard}")).parse().unwrap());
    }
    numbers
}

#[tokio::test]
async fn a_thousand_messages_outlive_two_kills_of_the_hub_and_come_in_order_and_once() {
    let mut broker = away().await;
    let house = house(&broker);
    for numbers in [0..400, 400..700] {
        let end = numbers.end;
        let hub = hub(house.path()).await;
        say(&hub, numbers).await;
        file_has(house.path(), end as u64).await;
        hub.killed().await;
    }
    let hub = hub(house.path()).await;
    hub.logs("the queue of the link is back from the store link=house waiting=700").await;
    say(&hub, 700..1000).await;
    broker.start().await;
    let heard = numbers(&mut there(&broker).await, 999).await;
    assert!(heard.iter().copied().eq(0..1000), "{heard:?}");
    file_has(house.path(), 0).await;
    assert_eq!(figure(&hub, "house", "messages_lost_total").await, 0);
    hub.stopped().await;
}

#[tokio::test]
async fn a_hub_that_is_killed_while_its_queue_goes_out_repeats_what_went_last_and_loses_nothing() {
    const ALL: usize = 20_000;
    let mut broker = away().await;
    let house = house(&broker);
    let text = link(broker.port, "stored_queue_bytes = 10000000\nqueue_messages = 100000", &[("out", "x/#")]);
    std::fs::write(house.path().join("bridges/house.toml"), text).unwrap();
    let first = hub(house.path()).await;
    say(&first, 0..ALL).await;
    file_has(house.path(), ALL as u64).await;
    broker.start().await;
    let mut there = there(&broker).await;
    let before = numbers(&mut there, 300).await;
    first.killed().await;
    let _second = hub(house.path()).await;
    let mut after = numbers(&mut there, ALL - 1).await;
    let mut heard = [before, std::mem::take(&mut after)].concat();
    // Once it begins anew, with what was not known to be acknowledged, and goes on to the end without a gap.
    let again = (1..heard.len()).filter(|at| heard[*at] != heard[at - 1] + 1).collect::<Vec<_>>();
    assert!(again.len() <= 1 && again.iter().all(|at| heard[*at] <= heard[at - 1]), "{again:?}");
    println!("{} of {ALL} came twice", heard.len() - ALL);
    heard.sort_unstable();
    heard.dedup();
    assert!(heard.into_iter().eq(0..ALL));
    file_has(house.path(), 0).await;
}

#[tokio::test]
async fn what_waits_when_the_hub_is_stopped_is_in_the_store_and_goes_out_after_the_next_start() {
    let mut broker = away().await;
    let house = house(&broker);
    let mut first = hub(house.path()).await;
    say(&first, 0..50).await;
    in_time("the queue", async {
        while figure(&first, "house", "queue_messages").await != 50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    first.signal("TERM");
    first.logs("what waited for the broker is in the store link=house stored=50").await;
    assert!(first.ended().await.success());
    first.logs("stopped").await;
    assert_eq!(in_file(house.path()), 50);
    let _second = hub(house.path()).await;
    broker.start().await;
    let heard = numbers(&mut there(&broker).await, 49).await;
    assert!(heard.iter().copied().eq(0..50), "{heard:?}");
}

#[tokio::test]
async fn a_broker_that_is_restarted_gets_what_was_said_meanwhile_and_the_file_is_empty_then() {
    let mut broker = away().await;
    let house = house(&broker);
    broker.start().await;
    let hub = hub(house.path()).await;
    hub.logs("link is connected").await;
    say(&hub, 0..100).await;
    let mut listener = there(&broker).await;
    let mut all = numbers(&mut listener, 99).await;
    // When this comes back, the broker has read what was acknowledged before it, and does not send that again.
    listener.publish("x/end", b"0", false).await;
    assert_eq!(listener.hears().await, "x/end 0");
    drop(listener);
    broker.stop().await;
    say(&hub, 100..200).await;
    file_has(house.path(), 100).await;
    broker.start().await;
    all.extend(numbers(&mut there(&broker).await, 199).await);
    assert!(all.iter().copied().eq(0..200), "{all:?}");
    file_has(house.path(), 0).await;
}

#[tokio::test]
async fn a_link_whose_file_is_removed_takes_its_queue_out_of_the_store_and_says_so() {
    let broker = away().await;
    let house = house(&broker);
    let hub = hub(house.path()).await;
    say(&hub, 0..20).await;
    file_has(house.path(), 20).await;
    std::fs::remove_file(house.path().join("bridges/house.toml")).unwrap();
    hub.logs("what the store had for its broker is lost link=house lost=20").await;
    file_has(house.path(), 0).await;
}

#[tokio::test]
async fn without_a_store_one_warning_says_what_to_do() {
    let broker = Broker::absent();
    let text = link(broker.port, "stored_queue_bytes = 10000000", &[("out", "x/#")]);
    let hub = Hub::with_links(&[("house", &text)], &["store.directory="]);
    hub.logs("stored_queue_bytes has no effect, as the hub has no store").await;
    hub.stopped().await;
}

#[tokio::test]
async fn all_last_values_that_came_back_from_the_store_are_told_to_a_broker_that_knows_nothing() {
    let broker = Broker::mosquitto().await;
    let house = house(&broker);
    let first = Hub::with_store(&house.path().join("store"), &[]);
    let mut node = Client::open(&first, "/talk/x?side=node", r#"{"filters": []}"#).await;
    for n in 0..300 {
        node.publish(&format!("{n}/t"), &n.to_string()).await;
    }
    first.stopped().await;
    let mut there = there(&broker).await;
    there.subscribe("x/#").await;
    let _second = hub(house.path()).await;
    let mut heard = std::collections::BTreeSet::new();
    while heard.len() < 300 {
        heard.extend(Some(there.hears().await).filter(|heard| heard.contains("/t ")));
    }
}
