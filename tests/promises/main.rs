//! What the hub promises on its sockets and its command line, asked of the binary itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that fails says so by a panic"
)]
#![allow(clippy::disallowed_methods, reason = "tasks of a test end with the test")]
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "support is shared, and not all of it is used everywhere"
)]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod handshakes;
mod hostile;
mod lines;
mod opening;
mod order;
mod presence;
mod retained;
mod samples;
mod slow_readers;
mod starting;
mod stopping;
mod subscriptions;
