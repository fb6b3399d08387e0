//! The bridge between the hub and real brokers, asked of the binary itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
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

mod away;
mod bad_input;
mod broker;
mod carrying;
mod dongle;
mod files;
mod home_assistant;
mod hubs;
mod load;
mod loops;
mod moody;
mod mqtt;
mod over_mosquitto;
mod process;
mod proxy;
mod serial;
mod soak;
mod stopping;
mod stored;
mod suite;

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use support::Hub;

/// The file of a link to a port of this machine: more keys, and rules of direction and filter.
pub fn link(port: u16, keys: &str, rules: &[(&str, &str)]) -> String {
    let mut text = format!("url = \"mqtt://127.0.0.1:{port}\"\n{keys}\n");
    for (direction, filter) in rules {
        write!(text, "[[rule]]\ndirection = \"{direction}\"\nfilter = \"{filter}\"\n").unwrap();
    }
    text
}

/// How long a test goes on, in seconds: as long as it should with `CLOWN_LONG_TESTS=1`, else as every run has time for.
pub fn so_long(short: u64, long: u64) -> Duration {
    let is_long = std::env::var_os("CLOWN_LONG_TESTS").is_some();
    Duration::from_secs(if is_long { long } else { short })
}

/// A figure of a link in `/metrics`.
pub async fn figure(hub: &Hub, link: &str, name: &str) -> u64 {
    let head = format!("clown_hub_bridge_{name}{{link=\"{link}\"}} ");
    let text = metrics(hub).await;
    let found = text
        .lines()
        .find_map(|told| told.strip_prefix(&head))
        .unwrap_or_else(|| panic!("no {head} in {text}"));
    found.parse().unwrap()
}

async fn metrics(hub: &Hub) -> String {
    let mut stream = tokio::net::TcpStream::connect(hub.address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", hub.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    support::in_time("/metrics", stream.read_to_string(&mut text)).await.unwrap();
    text
}
