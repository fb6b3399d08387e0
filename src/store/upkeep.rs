//! The care of the store, for commands: look through it, copy it, put a copy in its place, write it anew, forget topics.
//!
//! Who may read and write the folder of the store is its operator: no command asks for a password. Admins can
//! have a copy made over the network; nothing else of this can be reached over it.

mod backup;
pub(super) mod ground;
mod looking;
mod restore;
mod unfinished;

use std::path::Path;

pub use backup::{Backup, back_up, copy_to_send};
pub use ground::Trouble;
pub use looking::{Report, TableReport, check};
pub use restore::{Restored, restore};
pub use unfinished::NewFile;

use super::errand;
pub use super::errand::Forget;
use super::tables::{Fault, Tables};
use ground::{existing, room, take, trouble};

/// What a file was written anew to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of the file and its journal before.
    pub before: u64,
    /// And after.
    pub after: u64,
}

/// Writes the file anew, without gaps and without what was deleted. No hub may use it.
pub fn compact(directory: &Path) -> Result<Compacted, Trouble> {
    let file = existing(directory)?;
    let folder = take(directory, "stop it; what was deleted makes room for what comes, also without this")?;
    let no = |fault: &Fault| trouble(&file, fault);
    let both = |(file, journal): (u64, u64)| file + journal;
    let before = both(folder.bytes());
    let mut tables = Tables::open_to_rebuild(&file).map_err(|fault| no(&fault))?;
    let pages = tables.pages().map_err(|fault| no(&fault))?;
    // The new content is put together in a file of its own, and goes through the journal from there.
    room(directory, 2 * (pages.all - pages.unused))?;
    tables.rebuild(&folder.scratch()).map_err(|fault| no(&fault))?;
    drop(tables);
    Ok(Compacted { before, after: both(folder.bytes()) })
}

/// Has the hub that runs on this folder forget all topics that the filters name. Returns what it says.
pub fn forget(directory: &Path, filters: &[String], what: Forget) -> Result<String, Trouble> {
    errand::ask(directory, filters, what)
}

/// Bytes that are free for programs which are not the system's own, on the disk of a file or a folder; `None` if that cannot be
/// told.
pub fn free_bytes(path: &std::path::Path) -> Option<u64> {
    super::folder::free(path)
}
