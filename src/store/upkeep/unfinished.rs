//! A file that appears under its name when it is whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file that is being written.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    unfinished: Unfinished,
    to: PathBuf,
    force: bool,
}

impl NewFile {
    /// Begins to write what is to be in the file at `to`. Only with `force` it replaces another one.
    pub fn create(to: &Path, force: bool) -> io::Result<Self> {
        if to.file_name().is_none() || to.is_dir() {
            return Err(io::Error::other("this is a folder; name a file"));
        }
        if !force && fs::symlink_metadata(to).is_ok() {
            return Err(io::Error::other(
                "there is a file already, and it was not touched; name another one, or add --force",
            ));
        }
        let unfinished = Unfinished(beside(to, &format!(".{}.unfinished", std::process::id())));
        let file = File::create_new(&unfinished.0)?;
        Ok(Self { file, unfinished, to: to.to_owned(), force })
    }

    /// Where to write.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// It is whole: gives it its name, once it is on the medium.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        put_in_place(&self.unfinished.0, &self.to, self.force)?;
        match self.to.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => sync_folder(folder),
            _ => sync_folder(Path::new(".")),
        }
    }
}

/// A file that is not finished; it goes with this.
#[derive(Debug)]
pub(super) struct Unfinished(pub(super) PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The path with something behind its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Gives a file the name that it is to have.
pub(super) fn put_in_place(from: &Path, to: &Path, force: bool) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if force {
        return fs::rename(from, to);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot do it in one step, as those of memory sticks.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if fs::symlink_metadata(to).is_err() => {
            fs::rename(from, to)
        }
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => Err(io::ErrorKind::AlreadyExists.into()),
        done => Ok(done?),
    }
}

/// The names in a folder are on the medium when this returns.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
