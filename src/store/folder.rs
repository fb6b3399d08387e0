//! The files of the store: the folder, its lock, the database, and what was set aside. Knows nothing of what is in them.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::tables::{APPLICATION, FILE_MODE, Fault, check_owner};

/// As the mode of files.
const FOLDER_MODE: u32 = 0o700;

/// What the database is called, and what SQLite puts beside it.
pub(super) const NAME: &str = "hub.db";
pub(super) const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// The head of a database of SQLite, and where the two marks stand in it.
const MAGIC: &[u8] = b"SQLite format 3\0";
const VERSION_AT: usize = 60;
const APPLICATION_AT: usize = 68;
const HEADER: usize = 100;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    /// Another hub works in it.
    #[error("another hub uses it: process {0}")]
    Locked(String),
    /// It cannot be made or written.
    #[error("{0}")]
    Unwritable(#[from] io::Error),
}

/// The folder of the store, which belongs to this process alone as long as this is there.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    /// Takes the folder, and makes it if need be.
    pub(super) fn take(path: &Path) -> Result<Self, Closed> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path.join("hub.lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = lock.take(20).read_to_string(&mut owner);
                let is_number = !owner.is_empty() && owner.trim().bytes().all(|byte| byte.is_ascii_digit());
                let owner = if is_number { owner.trim().to_owned() } else { "unknown".to_owned() };
                return Err(Closed::Locked(owner));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // On a full disk there is no room for it, and that is no reason not to run.
        let written = lock.set_len(0).and_then(|()| lock.rewind());
        let _ = written.and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Where the database is.
    pub(super) fn file(&self) -> PathBuf {
        self.path.join(NAME)
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a new database may be made before it takes the place of the old one, or gives it its content.
    pub(super) fn scratch(&self) -> PathBuf {
        self.path.join(format!("{NAME}.new"))
    }

    /// Whether somebody has taken the folder away, or put another one in its place.
    pub(super) fn is_gone(&self) -> bool {
        let id = |found: io::Result<fs::Metadata>| found.map(|found| FileId(found.dev(), found.ino())).ok();
        let ours = id(self.lock.metadata());
        ours.is_none() || id(fs::metadata(self.path.join("hub.lock"))) != ours
    }

    /// Makes an empty file where there is none. What is there is from now on for the user of the hub alone. Says which
    /// file it is, and whether it was there.
    pub(super) fn prepare(&self) -> io::Result<(FileId, bool)> {
        let path = self.file();
        let is_old = fs::metadata(&path).is_ok_and(|found| found.len() > 0);
        let file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&path)?;
        let found = file.metadata()?;
        if found.permissions().mode() & 0o777 != FILE_MODE {
            fs::set_permissions(&path, Permissions::from_mode(FILE_MODE))?;
        }
        Ok((FileId(found.dev(), found.ino()), is_old))
    }

    /// Which file is there now.
    pub(super) fn id(&self) -> Option<FileId> {
        fs::metadata(self.file()).ok().map(|found| FileId(found.dev(), found.ino()))
    }

    /// Whether the file may be opened at all.
    pub(super) fn look(&self) -> Result<(), Fault> {
        look(&self.file())
    }

    /// Moves the database into `lost/`, as it is, and says where it is now. The one that was there before is deleted: only
    /// the newest one is kept.
    pub(super) fn set_aside(&self, seconds: u64) -> io::Result<PathBuf> {
        let lost = self.path.join("lost");
        match fs::remove_dir_all(&lost) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.put_aside(&format!("hub-{seconds}-damaged.db"))
    }

    /// Moves the database into `lost/` under this name, beside what is there.
    pub(super) fn put_aside(&self, name: &str) -> io::Result<PathBuf> {
        let lost = self.path.join("lost");
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&lost)?;
        for ending in BESIDE {
            match fs::rename(self.path.join(format!("{NAME}{ending}")), lost.join(format!("{name}{ending}")))
            {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(lost.join(name))
    }

    /// Whether so many bytes are free on its disk, for programs that are not the system's own. What cannot be told is no
    /// fault.
    pub(super) fn has_free(&self, least: u64) -> Result<(), Fault> {
        let Ok(disk) = rustix::fs::fstatvfs(&self.lock) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < least { Err(Fault::Scarce { free, least }) } else { Ok(()) }
    }

    /// Older files that the hub has kept: from before a new version, and those that were set aside.
    pub(super) fn others(&self) -> Vec<String> {
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "db"))
        };
        let lost = self.path.join("lost");
        // What cannot be looked into may have some.
        let closed = fs::read_dir(&lost).err().filter(|error| error.kind() != io::ErrorKind::NotFound);
        let closed = closed.map(|_| lost.clone());
        let others = names(&self.path).filter(|path| *path != self.file());
        others.chain(names(&lost)).chain(closed).map(|path| path.display().to_string()).collect()
    }

    /// Bytes of the file, and of the journal beside it.
    pub(super) fn bytes(&self) -> (u64, u64) {
        bytes(&self.file())
    }
}

/// Whether the file may be opened at all, told from its first bytes. A file of a newer version or of another program
/// is not even opened by SQLite, so that it stays as it is.
pub(super) fn look(path: &Path) -> Result<(), Fault> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEADER as u64).read_to_end(&mut head));
    match read {
        Ok(0) => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Fault::Other(error.to_string())),
    }
    let mark = |at: usize| {
        let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes)
    };
    match (head.starts_with(MAGIC), mark(APPLICATION_AT), mark(VERSION_AT)) {
        // Not yet written back from the journal.
        (true, Some(0), Some(0)) => Ok(()),
        (true, Some(application), Some(version)) => check_owner(application, version, true),
        _ => Err(Fault::Damaged(format!("it does not begin as a database does (mark {APPLICATION:#x})"))),
    }
}

/// Bytes of a file, and of the journal beside it.
pub(super) fn bytes(file: &Path) -> (u64, u64) {
    let [len, journal] = ["", "-wal"].map(|ending| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        fs::metadata(name).map_or(0, |found| found.len())
    });
    (len, journal)
}

/// Bytes that are free for programs which are not the system's own, on the disk of a file or a folder.
pub(super) fn free(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_and_names_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/hub");
        let first = Folder::take(&path).unwrap();
        assert_eq!(
            Folder::take(&path).unwrap_err().to_string(),
            format!("another hub uses it: process {}", std::process::id())
        );
        drop(first);
        Folder::take(&path).unwrap();
    }

    #[test]
    fn everything_is_for_the_user_of_the_hub_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub");
        let folder = Folder::take(&path).unwrap();
        fs::write(folder.file(), "x").unwrap();
        fs::set_permissions(folder.file(), Permissions::from_mode(0o644)).unwrap();
        folder.prepare().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder.file()), mode(&path.join("hub.lock"))), (0o700, 0o600, 0o600));
    }

    #[test]
    fn what_is_set_aside_says_so_and_only_the_newest_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        for seconds in [5, 6] {
            fs::write(folder.file(), seconds.to_string()).unwrap();
            let kept = folder.set_aside(seconds).unwrap();
            assert_eq!(fs::read_to_string(kept).unwrap(), seconds.to_string());
            assert!(!folder.file().exists());
        }
        assert_eq!(fs::read_dir(dir.path().join("lost")).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_database_of_ours_is_known_by_its_head() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        let look = |application: u32, version: u32| {
            let mut head = vec![0; HEADER];
            head[..16].copy_from_slice(MAGIC);
            head[VERSION_AT..][..4].copy_from_slice(&version.to_be_bytes());
            head[APPLICATION_AT..][..4].copy_from_slice(&application.to_be_bytes());
            fs::write(folder.file(), head).unwrap();
            folder.look()
        };
        assert_eq!(look(APPLICATION, 1), Ok(()));
        assert!(matches!(look(APPLICATION, 99), Err(Fault::Newer { found: 99, .. })));
        assert_eq!(look(5, 1), Err(Fault::Foreign));
        fs::write(folder.file(), "garbage").unwrap();
        assert!(matches!(folder.look(), Err(Fault::Damaged(_))));
        fs::write(folder.file(), "").unwrap();
        assert_eq!(folder.look(), Ok(()));
    }
}
