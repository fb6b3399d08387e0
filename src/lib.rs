//! An IoT publish/subscribe hub that speaks Clown.Talk.

pub mod access;
pub mod hub;
pub mod talk;
pub mod topic;
