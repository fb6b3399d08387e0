//! Files for the user of the hub alone.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{FILE_MODE, Fault};

/// Makes an empty file for the user of the hub alone.
pub(super) fn make_private(path: &Path) -> Result<(), Fault> {
    let made = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path);
    made.map(drop).map_err(|error| Fault::Other(format!("{}: {error}", path.display())))
}
