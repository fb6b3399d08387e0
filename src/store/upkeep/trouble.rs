//! Why a command did not do what it was asked for.

use std::path::Path;

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
        Fault::Damaged(_) | Fault::Scarce { .. } | Fault::Other(_) => {
            Trouble::Broken(format!("{shown}: {fault}"))
        }
    }
}
