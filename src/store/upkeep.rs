//! The care of the store, for commands: look through it, copy it, put a copy in its place, write it anew, forget topics.
//!
//! Who may read and write the folder of the store is its operator: no command asks for a password, and none of this can be
//! reached over the network.

mod backup;
mod looking;
mod restore;
mod trouble;

use std::path::{Path, PathBuf};

pub use backup::{Backup, back_up};
pub use looking::{Report, TableReport, check};
pub use restore::{Restored, restore};
pub use trouble::Trouble;

use super::errand;
use super::folder::{self, Closed, Folder};
use super::tables::{Fault, Tables};
use trouble::trouble;

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
pub fn forget(directory: &Path, filters: &[String]) -> Result<String, Trouble> {
    errand::ask(directory, filters)
}

/// The file of a folder, if there is one.
fn existing(directory: &Path) -> Result<PathBuf, Trouble> {
    let file = directory.join(folder::NAME);
    let no = |why: &str| {
        Trouble::Input(format!(
            "{}: {why}; is this the folder of the hub (store.directory), and is this the user of the hub?",
            file.display()
        ))
    };
    match std::fs::metadata(&file) {
        Ok(found) if found.len() == 0 => Err(no("the file is empty: no hub has written anything there yet")),
        Ok(_) => Ok(file),
        Err(error) => Err(no(&error.to_string())),
    }
}

/// Takes the folder, as a hub does, so that none begins to use it.
fn take(directory: &Path, if_used: &str) -> Result<Folder, Trouble> {
    Folder::take(directory).map_err(|closed| {
        let shown = directory.display();
        match closed {
            Closed::Locked(_) => Trouble::Input(format!("{shown}: {closed}; {if_used}")),
            Closed::Unwritable(_) => {
                Trouble::Input(format!("{shown}: {closed}; run this as the user of the hub"))
            }
        }
    })
}

/// Whether there is room for so many bytes.
fn room(place: &Path, bytes: u64) -> Result<(), Trouble> {
    match folder::free(place) {
        Some(free) if free < bytes => Err(Trouble::Input(format!(
            "{}: this needs {bytes} bytes for a time, and {free} are free: make room",
            place.display()
        ))),
        _ => Ok(()),
    }
}
