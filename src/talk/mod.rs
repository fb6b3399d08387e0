//! Clown.Talk: the language on the wire, without a socket in sight. Floor 0: knows topics and `serde_json`.
//!
//! [`frame`] turns text into frames and back, [`control`] is what a client and the hub say to each other about
//! their connection, [`options`] the third element of a frame, [`every`] how often a topic speaks, [`foreign`] what others say that
//! is no JSON, [`model`] what a topic's name says about its
//! message, [`nodes`] which node said a value, and [`timestamp`] the one way in which moments are written.

pub mod control;
pub mod every;
pub mod foreign;
pub mod frame;
pub mod model;
pub mod nodes;
pub mod options;
pub mod timestamp;

pub use control::{Reply, Request};
pub use every::Every;
pub use frame::{Frame, FrameError, Frames};
pub use model::Kind;
pub use options::PublishOptions;
