//! A copy of the store, made while the hub runs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::ground::{Trouble, existing, room, trouble};
use super::looking::{Report, look_through};
use super::unfinished::{Unfinished, beside, put_in_place, sync_folder};
use crate::store::tables::{Fault, Tables};

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub file: PathBuf,
    /// What is in it.
    pub report: Report,
}

/// Copies the store of a folder into a file: all that was written before this began, whether a hub goes on writing or not.
/// The file is there once the copy is whole, looked through and on the medium. Only with `force` it replaces another one.
pub fn back_up(directory: &Path, to: &Path, force: bool) -> Result<Backup, Trouble> {
    let from = existing(directory)?;
    let place = may_be_written(directory, to, force)?;
    let (unfinished, report) = copied(&from, (&place, 0), beside(to, ".unfinished"), to)?;
    let broken = |error: io::Error| Trouble::Broken(format!("{}: {error}", to.display()));
    File::open(&unfinished.0).and_then(|file| file.sync_all()).map_err(broken)?;
    put_in_place(&unfinished.0, to, force).map_err(broken)?;
    sync_folder(&place).map_err(broken)?;
    let file = to.to_owned();
    Ok(Backup { report: Report { file: file.clone(), ..report }, file })
}

/// Copies the store of a folder, as [`back_up`] does, for somebody who reads the copy at once. It has no name: its room on the
/// disk is free when the file is closed, and so many bytes stay free besides.
pub fn copy_to_send(directory: &Path, keep_free: u64) -> Result<(File, u64), Trouble> {
    let from = existing(directory)?;
    let (unfinished, _) = copied(&from, (directory, keep_free), beside(&from, ".download"), &from)?;
    let broken = |error: io::Error| Trouble::Broken(format!("{}: {error}", unfinished.0.display()));
    let file = File::open(&unfinished.0).map_err(broken)?;
    let bytes = file.metadata().map_err(broken)?.len();
    Ok((file, bytes))
}

/// Copies the file into one that is not finished yet, and looks through the copy. `told` is the file that errors name.
fn copied(
    from: &Path,
    (place, keep_free): (&Path, u64),
    unfinished: PathBuf,
    told: &Path,
) -> Result<(Unfinished, Report), Trouble> {
    let tables = Tables::open_to_read(from).map_err(|fault| trouble(from, &fault))?;
    let pages = tables.pages().map_err(|fault| trouble(from, &fault))?;
    room(place, (pages.all - pages.unused).saturating_add(keep_free))?;
    let unfinished = Unfinished(unfinished);
    // Of an attempt that was killed.
    let _ = fs::remove_file(&unfinished.0);
    tables.copy_into(&unfinished.0).map_err(|fault| {
        let Fault::Damaged(why) = fault else { return trouble(&unfinished.0, &fault) };
        let shown = from.display();
        Trouble::Broken(format!(
            "{shown}: {why}; nothing was copied: `clown-hub store check` says what is damaged"
        ))
    })?;
    drop(tables);
    let report = look_through(&unfinished.0).map_err(|fault| trouble(&unfinished.0, &fault))?;
    if !report.is_whole() {
        return Err(Trouble::Broken(format!(
            "{}: the copy is not whole: {}; nothing was kept of it: `clown-hub store check` says whether the store itself is damaged",
            told.display(),
            report.complaint()
        )));
    }
    Ok((unfinished, report))
}

/// The folder in which the copy is to be, if it may be there.
fn may_be_written(directory: &Path, to: &Path, force: bool) -> Result<PathBuf, Trouble> {
    let no = |why: &str| Err(Trouble::Input(format!("{}: {why}", to.display())));
    let place = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if to.file_name().is_none() || to.is_dir() {
        return no("this is a folder; name the file that the copy is to be in");
    }
    match fs::canonicalize(&place) {
        Err(error) => return no(&format!("its folder cannot be used: {error}")),
        // A copy beside the original is lost together with it, and could be taken for a part of it.
        Ok(place) if fs::canonicalize(directory).is_ok_and(|store| place.starts_with(store)) => {
            return no(
                "this is in the folder of the store itself; name a file elsewhere, best on another disk",
            );
        }
        Ok(_) => {}
    }
    if !force && fs::symlink_metadata(to).is_ok() {
        return no("there is a file already, and it was not touched; name another one, or add --force");
    }
    Ok(place)
}
