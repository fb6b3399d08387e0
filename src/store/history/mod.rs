//! History: what was said, as series of readings that can be looked back on.
//!
//! What was said stands in the log of the store first. It is sealed now and then: each series gets a chunk of its readings, and
//! one of them by minutes; once a day those become quarters of an hour. What is old goes by deleting chunks.

mod answer;
mod bits;
pub mod buckets;
pub mod chunk;
mod clock;
mod gap;
mod grain;
mod heard;
mod keeper;
mod library;
mod live;
mod load;
pub(super) mod looking;
mod over;
mod payload;
pub mod readings;
mod rules;
mod run;
mod settings;
mod spans;
mod steps;
mod tables;

pub(super) use heard::Heard;
pub(super) use keeper::{Hearing, Keeper};
#[cfg(test)]
pub(super) use library::Library;
pub use rules::{Ages, Rule, Rules};
pub use settings::Settings;
pub(super) use steps::Step;

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
mod tests;
