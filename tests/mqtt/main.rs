//! What the hub promises to devices that speak MQTT, asked of the binary itself: by a client that writes every byte by hand, by
//! Mosquitto's tools, and by `rumqttc`. Statements of the standards are named as MQTT 5.0 numbers them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::type_complexity,
    clippy::needless_for_each,
    clippy::format_collect,
    clippy::semicolon_if_nothing_returned,
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    clippy::unused_async,
    reason = "a test that fails says so by a panic"
)]
#![allow(clippy::disallowed_methods, reason = "tasks of a test end with the test")]
#![expect(unreachable_pub, reason = "support is written as a crate of its own would be")]

#[allow(dead_code, unused_imports, reason = "what only the tests of others need")]
#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod client_libraries;
mod connecting;
mod device;
mod home_assistant;
mod kills;
mod malformed;
mod mosquitto;
mod publishing;
mod quality;
mod restart;
mod samples;
mod sessions;
mod sharing;
mod store;
mod subscribing;
mod websocket;

use support::Hub;

/// The hub of most of these tests: the demo, with MQTT.
fn hub() -> Hub {
    Hub::with(&["mqtt.listen=127.0.0.1:0"])
}
