//! History: what was said, as series of readings that can be looked back on.

mod bits;
pub mod buckets;
pub mod payload;
pub mod readings;
mod run;
