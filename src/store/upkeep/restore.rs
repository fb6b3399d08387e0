//! A copy takes the place of the store.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use super::ground::{Trouble, room, take, trouble};
use super::looking::{Report, look_through};
use super::unfinished::{beside, sync_folder};
use crate::moment::Moment;
use crate::store::folder::{self, BESIDE, Folder};
use crate::store::log::milliseconds;
use crate::store::tables::{FILE_MODE, Fault, Tables};

/// What has become of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the store has now.
    pub report: Report,
    /// Messages for brokers that were left out.
    pub dropped: u64,
    /// Messages for MQTT sessions that were left out.
    pub of_sessions: u64,
    /// Where the store is that was there before, if there was one.
    pub set_aside: Option<PathBuf>,
}

/// Puts a copy in the place of the store. No hub may use the folder. The copy stays as it is, and what was there before is
/// kept in `lost/`. What waited for brokers in stored queues and for MQTT sessions comes back, too, unless `drops_queued`.
pub fn restore(directory: &Path, from: &Path, drops_queued: bool) -> Result<Restored, Trouble> {
    let (file, journal) = usable(from)?;
    let folder = take(directory, "stop it first: it would go on with what it has in memory")?;
    room(directory, file + journal)?;
    let scratch = Scratch(folder.scratch());
    scratch.remove();
    let broken = |error: io::Error| Trouble::Broken(format!("{}: {error}", directory.display()));
    // A copy that somebody has made of the files of a hub has a part of it in the journal.
    for ending in BESIDE.iter().take(2) {
        let source = beside(from, ending);
        if ending.is_empty() || source.exists() {
            copy(&source, &beside(&scratch.0, ending)).map_err(broken)?;
        }
    }
    let mut report = whole(&scratch.0, from)?;
    let one_file = |mut tables: Tables| {
        let dropped = if drops_queued { tables.forget_all_queued()? } else { 0 };
        let of_sessions = if drops_queued { tables.forget_all_lasting_messages()? } else { 0 };
        tables.into_one_file()?;
        Ok((dropped as u64, of_sessions as u64))
    };
    let (dropped, of_sessions) = Tables::open_to_rebuild(&scratch.0)
        .and_then(one_file)
        .map_err(|fault| trouble(&scratch.0, &fault))?;
    report.queued -= dropped.min(report.queued);
    report.lasting_messages -= of_sessions.min(report.lasting_messages);
    like_the_folder(&folder, &scratch.0).map_err(broken)?;
    File::open(&scratch.0).and_then(|file| file.sync_all()).map_err(broken)?;
    // A journal without its store would be taken for that of the copy.
    let set_aside = if BESIDE.iter().any(|ending| beside(&folder.file(), ending).exists()) {
        let seconds = milliseconds(Moment::now().wall()) / 1000;
        Some(folder.put_aside(&format!("hub-{seconds}-before-restore.db")).map_err(broken)?)
    } else {
        None
    };
    if set_aside.is_some() {
        own_like_the_folder(&folder, &folder.path().join("lost")).map_err(broken)?;
    }
    fs::rename(&scratch.0, folder.file()).map_err(broken)?;
    sync_folder(directory).map_err(broken)?;
    Ok(Restored { report: Report { file: folder.file(), ..report }, dropped, of_sessions, set_aside })
}

/// The bytes of a file that may be a copy of a store, and of its journal.
fn usable(from: &Path) -> Result<(u64, u64), Trouble> {
    let no = |why: String| Trouble::Input(format!("{}: {why}", from.display()));
    let found = fs::metadata(from).map_err(|error| no(error.to_string()))?;
    if !found.is_file() {
        return Err(no("this is no file".to_owned()));
    }
    if found.len() == 0 {
        return Err(no("the file is empty: it is no copy of a store".to_owned()));
    }
    folder::look(from).map_err(|fault| {
        let Fault::Damaged(why) = fault else { return trouble(from, &fault) };
        no(format!("this is no copy of a store: {why}"))
    })?;
    Ok(folder::bytes(from))
}

/// What is in a copy, if all of it is what was written.
fn whole(file: &Path, from: &Path) -> Result<Report, Trouble> {
    let report = look_through(file).map_err(|fault| trouble(from, &fault))?;
    if report.is_whole() {
        return Ok(report);
    }
    Err(Trouble::Broken(format!(
        "{}: it is damaged: {}; the store was not changed: use an older copy",
        from.display(),
        report.complaint()
    )))
}

/// Copies a file into a new one, for its user alone.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut to = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(to)?;
    io::copy(&mut File::open(from)?, &mut to).map(drop)
}

/// Whoever runs this as root does not lock the hub's user out.
fn like_the_folder(folder: &Folder, file: &Path) -> io::Result<()> {
    own_like_the_folder(folder, file)?;
    own_like_the_folder(folder, &folder.path().join("hub.lock"))
}

/// What root has made in the folder of a hub belongs to the hub.
fn own_like_the_folder(folder: &Folder, path: &Path) -> io::Result<()> {
    let owner = fs::metadata(folder.path())?;
    let ours = fs::metadata(path)?;
    if (owner.uid(), owner.gid()) == (ours.uid(), ours.gid()) || ours.uid() != 0 {
        return Ok(());
    }
    chown(path, Some(owner.uid()), Some(owner.gid()))
}

/// What is being put together; it goes with this where it is still there.
struct Scratch(PathBuf);

impl Scratch {
    fn remove(&self) {
        for ending in BESIDE {
            let _ = fs::remove_file(beside(&self.0, ending));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}
