//! A broker of MQTT on the far side of a link. `client` is the [`Far`](super::far::Far); pure are [`packets`] and [`flight`].

pub(super) mod client;
mod connection;
pub mod flight;
pub mod packets;
pub mod settings;
mod socket;

pub use self::socket::MOST_MESSAGE;

#[cfg(test)]
mod tests;
