//! An IoT publish/subscribe hub that speaks Clown.Talk.

pub mod access;
pub mod cli;
pub mod config;
pub mod hub;
pub mod server;
pub mod shutdown;
pub mod simulator;
pub mod talk;
pub mod topic;
