//! Many hubs that are one, over real servers of NATS, asked of the binary itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test that fails says so by a panic"
)]
#![allow(clippy::disallowed_methods, reason = "tasks of a test end with the test")]
#![allow(
    unreachable_pub,
    dead_code,
    unused_imports,
    missing_docs,
    reason = "support is written as a crate of its own would be, and for others, too"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../bridge/proxy.rs"]
mod proxy;

mod accounts;
mod agreement;
mod bad_input;
mod balance;
mod cut;
mod death;
mod faults;
mod last_values;
mod leases;
mod load;
mod nats;
mod rolling;
mod together;
mod versions;

use std::time::Duration;

use nats::{Node, PASSWORD};
use support::{Client, Hub, in_time};

/// A hub of a cluster, which is connected.
pub async fn hub(name: &str, nodes: &[&Node], settings: &[&str]) -> Hub {
    let hub = unconnected(name, nodes, settings);
    connected(&hub).await;
    hub
}

/// A hub of a cluster that may not be there.
pub fn unconnected(name: &str, nodes: &[&Node], settings: &[&str]) -> Hub {
    let servers: Vec<_> = nodes.iter().map(|node| format!("nats://127.0.0.1:{}", node.port)).collect();
    let (servers, name) = (format!("cluster.servers={}", servers.join(",")), format!("cluster.name={name}"));
    let usual = [
        &*servers,
        &*name,
        "cluster.user=hub",
        "cluster.password_env=HUB_PASSWORD",
        "figures.every_seconds=1",
    ];
    Hub::with_env(&[("HUB_PASSWORD", PASSWORD)], &[&usual[..], settings].concat())
}

/// Waits until the hub is connected to its cluster.
pub async fn connected(hub: &Hub) {
    figure_is(hub, "cluster_connected", |value| value == 1).await;
}

/// Waits until a figure is as it should be.
pub async fn figure_is(hub: &Hub, name: &str, mut holds: impl FnMut(u64) -> bool) -> u64 {
    let mut last = 0;
    let found = tokio::time::timeout(support::PATIENCE, async {
        loop {
            last = hub.figure(name).await;
            if holds(last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    found.unwrap_or_else(|_| panic!("{name} is {last}"))
}

/// How long a test goes on, in seconds: as long as it should with `CLOWN_LONG_TESTS=1`, else as every run has time for.
pub fn so_long(short: u64, long: u64) -> Duration {
    Duration::from_secs(if is_long() { long } else { short })
}

/// Whether tests are to take as long as they should.
pub fn is_long() -> bool {
    std::env::var_os("CLOWN_LONG_TESTS").is_some()
}
