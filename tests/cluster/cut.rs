//! The network is cut by a proxy that swallows: connections stay open, and nothing comes through. Every message is counted, and in
//! the end all hubs have the same last values.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::agreement::{Saying, agree};
use crate::last_values::shares;
use crate::load::{Load, a_second};
use crate::nats::Node;
use crate::proxy::Proxy;
use crate::support::{Client, Hub, in_time};
use crate::{connected, figure_is, hub, so_long};

/// What waits for servers that are away is not to give way.
const WIDE: [&str; 2] = ["cluster.queue_messages=1000000", "cluster.queue_bytes=500000000"];

/// Three hubs at three servers.
async fn three(nodes: &[Node]) -> Vec<Hub> {
    let mut hubs = Vec::new();
    for (node, name) in nodes.iter().zip(["a", "b", "c"]) {
        hubs.push(hub(name, &[node], &WIDE).await);
    }
    for hub in &hubs {
        shares(hub).await;
    }
    hubs
}

/// Cuts these stretches under load between the first two hubs, mends them, and counts.
async fn is_cut_and_mended(hubs: &[Hub], proxies: &[Proxy], is_noticed: impl AsyncFnOnce()) {
    let there = Load::start(&hubs[0], &hubs[1], "there", a_second()).await;
    let back = Load::start(&hubs[1], &hubs[0], "back", a_second()).await;
    let (mut saying, mut once) = (Vec::new(), Vec::new());
    for (hub, name) in hubs.iter().zip(["a", "b", "c"]) {
        saying.push(Saying::at(hub, name).await);
        once.push((name, Client::open(hub, "/talk?side=node", r#"{"filters": []}"#).await));
    }
    there.goes_on(a_second()).await;
    back.goes_on(a_second()).await;
    for proxy in proxies {
        proxy.cut();
    }
    let before = [there.count(), back.count()];
    sleep(so_long(3, 30)).await;
    is_noticed().await;
    // What is said now, and never again, is not to be lost as a last value.
    let mut expected = BTreeMap::new();
    for (name, client) in &mut once {
        let topic = format!("states/{name}/once");
        client.publish(&topic, "\"while it was cut\"").await;
        expected.insert(topic, json!("while it was cut"));
    }
    let after = [there.count(), back.count()];
    for proxy in proxies {
        proxy.mend();
    }
    let mended = Instant::now();
    there.goes_on(a_second()).await;
    back.goes_on(a_second()).await;
    let flows = mended.elapsed();
    for saying in saying {
        expected.extend(saying.end().await);
    }
    let (there, back) = (there.finish().await, back.finish().await);
    let mut missing = 0;
    for hub in hubs {
        missing += hub.figure("cluster_messages_missing").await;
        for none in ["cluster_messages_lost", "cluster_messages_refused", "cluster_messages_skipped"] {
            assert_eq!(hub.figure(none).await, 0, "{none}");
        }
    }
    let ended = Instant::now();
    agree(hubs, &expected).await;
    println!(
        "{there:?} {back:?} missing {missing}; while it was cut {before:?} to {after:?}; it flows after {flows:?}, and last values agree {:?} after \
         the load",
        ended.elapsed()
    );
    assert_eq!((there.again, back.again), (0, 0), "nothing comes twice");
    assert!(there.lost() > 0 || back.lost() > 0, "the cut has cost nothing, so it was none");
    assert_eq!(there.lost() + back.lost(), missing, "what is lost is counted");
}

#[tokio::test]
async fn a_server_is_cut_off_from_the_others_and_what_is_lost_is_counted() {
    let (nodes, proxies) = Node::parted(3, |one, other| one == 0 || other == 0).await;
    let hubs = three(&nodes).await;
    let is_noticed = async || {
        figure_is(&hubs[0], "cluster_last_values_shared", |shared| shared == 0).await;
        // Servers before 2.10 do not notice that a server is silent as long as they have something for it.
        if !nodes[0].version().await.starts_with("2.9.") {
            in_time("the servers", async {
                for (node, left) in nodes.iter().zip([0, 1, 1]) {
                    while node.routes().await.len() > left {
                        sleep(Duration::from_millis(50)).await;
                    }
                }
            })
            .await;
        }
    };
    is_cut_and_mended(&hubs, &proxies, is_noticed).await;
}

#[tokio::test]
async fn the_way_between_two_servers_is_cut_that_both_reach_a_third_and_what_is_lost_is_counted() {
    let (nodes, proxies) = Node::parted(3, |one, other| one < 2 && other < 2).await;
    let hubs = three(&nodes).await;
    is_cut_and_mended(&hubs, &proxies[..2], async || {}).await;
}

#[tokio::test]
async fn a_hub_is_cut_off_from_its_server_and_what_is_lost_is_counted() {
    let node = Node::single().await;
    let proxy = Proxy::to(node.port).await;
    let a = through(&proxy, "a").await;
    let (b, c) = (hub("b", &[&node], &WIDE).await, hub("c", &[&node], &WIDE).await);
    let hubs = [a, b, c];
    for hub in &hubs {
        shares(hub).await;
    }
    // The silence is noticed, and from then on what is said waits.
    is_cut_and_mended(&hubs, std::slice::from_ref(&proxy), async || {
        figure_is(&hubs[0], "cluster_connected", |connected| connected == 0).await;
    })
    .await;
}

/// A hub that has its server behind a stretch of network.
async fn through(proxy: &Proxy, name: &str) -> Hub {
    let (servers, name) =
        (format!("cluster.servers=nats://127.0.0.1:{}", proxy.port), format!("cluster.name={name}"));
    let settings = [
        &*servers,
        &*name,
        "cluster.user=hub",
        "cluster.password_env=HUB_PASSWORD",
        "figures.every_seconds=1",
    ];
    let hub = Hub::with_env(&[("HUB_PASSWORD", crate::nats::PASSWORD)], &[&settings[..], &WIDE[..]].concat());
    connected(&hub).await;
    hub
}
