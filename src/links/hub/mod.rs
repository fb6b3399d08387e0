//! Another hub on the far side of a link: this one is a client of it, over WebSocket. `client` is the [`Far`](super::far::Far).

pub(super) mod client;
mod connection;
pub mod settings;
