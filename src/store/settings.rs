//! What is set for the store.

use std::path::PathBuf;
use std::time::Duration;

use crate::hub::TapeBounds;

/// What is set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the file is.
    pub directory: PathBuf,
    /// Whether the operator named it. If so, a hub that may not write there does not start.
    pub is_named: bool,
    /// When a publisher who asks is answered.
    pub durability: Durability,
    /// How often something is written.
    pub write: Duration,
    /// How often it is waited for until the medium has it.
    pub sync: Duration,
    /// The largest that the file may get.
    pub bytes: u64,
    /// What is left free on the disk.
    pub keep_free: u64,
    /// What may wait to be written.
    pub queue: TapeBounds,
    /// What is kept of the past.
    pub history: super::history::Settings,
    /// What is recorded of who did what.
    pub events: super::events::Settings,
}

/// What an answer to a publisher means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The message is routed. It is written soon.
    #[default]
    Relaxed,
    /// The message is on the disk.
    Commit,
}
