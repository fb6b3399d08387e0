//! A client of any hub, for the subcommands and the simulated nodes that are one: where a hub is, and a connection to it.
//! What the hub says about that connection is read by the types that write it, [`Reply`](crate::talk::Reply). Payloads are
//! never touched.

mod address;
mod connection;

pub use address::{Address, AddressError};
pub use connection::{Connection, Failure, Heard, Listener, Sign, Speaker};
