//! A hub in a process of its own, as its users start it, and clients that talk to it over its sockets.
//!
//! Nothing here reaches into the crate: what holds here holds for the binary that is shipped. Every wait has a
//! deadline that only a broken hub meets.

mod client;
mod http;
mod hub;
mod raw;
mod tls;

pub use client::{Bystander, Client};
pub use http::{Answer, basic};
pub use hub::{Hub, PASSWORD, Ran, binary, run, run_to_the_end, user};
pub use raw::{Line, Opcode, Raw};
pub use tls::{Authority, House, shake};

use std::time::Duration;

/// How long anything may take before the test gives up. Never measured, only met by a hub that hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something with the patience of all tests.
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, future).await;
    done.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Looks again and again until the condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    in_time(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
