//! An IoT publish/subscribe hub that speaks Clown.Talk.

pub mod config;
pub mod hub;
pub mod topic;
