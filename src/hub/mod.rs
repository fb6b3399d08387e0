//! The hub.

pub mod rights;

pub use rights::Rights;
