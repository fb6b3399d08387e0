//! A client of any hub, for the subcommands that are one: where a hub is, a connection to it, and what it says about
//! that connection. Payloads are never touched.

mod address;
mod connection;
mod said;

pub use address::{Address, AddressError};
pub use connection::{Connection, Failure, Heard, Listener, Speaker};
pub use said::{Limits, Said};
