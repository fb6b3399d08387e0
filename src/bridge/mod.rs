//! Links.
pub mod backoff;
pub mod flight;
pub mod guard;
pub mod packets;
pub mod payload;
pub mod queue;
pub mod rules;
pub mod stamp;
