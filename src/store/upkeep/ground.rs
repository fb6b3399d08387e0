//! What all commands begin with: the file, the folder, the room on the disk; and why one does not do what it was asked for.

use std::path::{Path, PathBuf};

use crate::store::folder::{self, Closed, Folder};
use crate::store::tables::Fault;

/// Each is a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// What was asked for cannot be done as it was asked for: no such file, a file of another program, no room.
    #[error("{0}")]
    Input(String),
    /// Something broke on the way, or is damaged.
    #[error("{0}")]
    Broken(String),
    /// The hub has said no.
    #[error("{0}")]
    Refused(String),
}

/// What a fault of a file means to who cares for it.
pub(super) fn trouble(file: &Path, fault: &Fault) -> Trouble {
    let shown = file.display();
    match fault {
        Fault::Foreign => Trouble::Input(format!("{shown}: {fault}")),
        Fault::Newer { .. } => {
            Trouble::Input(format!("{shown}: {fault}; use the command of the hub that has written it"))
        }
        Fault::ReadOnly(_) => Trouble::Input(format!("{shown}: {fault}; run this as the user of the hub")),
        Fault::Full => Trouble::Broken(format!("{shown}: the disk is full: make room")),
        Fault::Busy(_) => Trouble::Broken(format!("{shown}: {fault}; end that program, and try again")),
        Fault::Damaged(_) | Fault::Older { .. } | Fault::Scarce { .. } | Fault::Other(_) => {
            Trouble::Broken(format!("{shown}: {fault}"))
        }
    }
}

/// The file of a folder, if there is one.
pub(super) fn existing(directory: &Path) -> Result<PathBuf, Trouble> {
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
pub(super) fn take(directory: &Path, if_used: &str) -> Result<Folder, Trouble> {
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
pub(super) fn room(place: &Path, bytes: u64) -> Result<(), Trouble> {
    match folder::free(place) {
        Some(free) if free < bytes => Err(Trouble::Input(format!(
            "{}: this needs {bytes} bytes for a time, and {free} are free: make room",
            place.display()
        ))),
        _ => Ok(()),
    }
}
