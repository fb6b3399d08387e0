//! Where something is kept: a folder that was named, or the usual one.

use std::path::PathBuf;

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// Where the system keeps the state of programs.
    #[default]
    Auto,
    /// Here, relative to the current directory.
    Named(PathBuf),
    /// Nowhere.
    Off,
}
