//! What can go wrong with the file.

use rusqlite::ErrorCode;

/// Why the file cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// It is not what was written, or no database at all.
    #[error("{0}")]
    Damaged(String),
    /// A newer version of the hub has written it.
    #[error("the file has version {found}, and this hub knows versions up to {known}")]
    Newer { found: u64, known: usize },
    /// An older version has written it, and it is not for us to change it.
    #[error("the file has version {found}, and this program reads version {known}")]
    Older { found: u64, known: usize },
    /// It is a database of another program.
    #[error("the file is a database of another program")]
    Foreign,
    /// The disk has no room, or the file is as large as it may be.
    #[error("the disk is full, or store.bytes is reached")]
    Full,
    /// What is free on the disk is left to others.
    #[error("{free} bytes are free on the disk, and store.keep_free_bytes leaves {least} to others")]
    Scarce { free: u64, least: u64 },
    /// It may not be written.
    #[error("the file cannot be written: {0}")]
    ReadOnly(String),
    /// Another program holds the file.
    #[error("another program holds the file: {0}")]
    Busy(String),
    /// Anything else, such as an error of the disk.
    #[error("{0}")]
    Other(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(text),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(text),
            // The last two: a number that is there although the tree does not lead to it, and what says other types than it was
            // made with.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation)
            | None => Self::Damaged(text),
            // A table that is not there.
            Some(ErrorCode::Unknown) if text.contains("no such") => Self::Damaged(text),
            Some(_) => Self::Other(text),
        }
    }
}

impl Fault {
    /// What the operator can do.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Full => "make room, or raise store.bytes",
            Self::Scarce { .. } => "make room, or lower store.keep_free_bytes",
            Self::ReadOnly(_) => "give the hub's user the right to write there",
            Self::Busy(_) => "end that program",
            Self::Damaged(_) | Self::Newer { .. } | Self::Older { .. } | Self::Foreign | Self::Other(_) => {
                "look after the disk, and what stands in the log of the system"
            }
        }
    }
}

/// What is wrong where the folder or the file cannot be written.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds of I/O errors are not ours, and there are forty"
)]
pub(super) fn unwritable(error: &std::io::Error) -> Fault {
    match error.kind() {
        std::io::ErrorKind::StorageFull => Fault::Full,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            Fault::ReadOnly(error.to_string())
        }
        _ => Fault::Other(error.to_string()),
    }
}
