//! An IoT publish/subscribe hub that speaks Clown.Talk.

pub mod hub;
pub mod simulator;
pub mod topic;
