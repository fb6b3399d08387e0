//! Files that programs write and people own: another text takes the place of the old one in one step, and one writer comes after
//! the other.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long another writer is waited for: so many times so long.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// Puts a text in the place of what stands in a file of the folder that [`alone`] was asked for, in one step. The file keeps its owner,
/// its group, and of its rights those that `kept` has; a new one has the rights `new`. If the path is a symbolic link, its target is
/// replaced, not the link.
pub fn put(alone: &Alone, path: &Path, text: &str, new: u32, kept: u32) -> io::Result<()> {
    let path = real(path);
    let beside = path.with_added_extension("new");
    if alone.0.is_some() {
        // A program has left it that was ended while it wrote.
        let _ = std::fs::remove_file(&beside);
    }
    let written = write(&beside, text, &path, (new, kept)).and_then(|()| std::fs::rename(&beside, &path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written?;
    // The new name is on the disk, too, before anybody hears that it is. Where a file system cannot do that, it is not less.
    let _ = folder(&path).map(|folder| folder.sync_all());
    Ok(())
}

/// Who holds this is the only one who reads and replaces files of this folder by [`put`], in any program.
#[derive(Debug)]
#[must_use = "others write as soon as it is dropped"]
pub struct Alone(Option<File>);

/// Waits until nobody else writes beside this file. Blocks the thread, some seconds at most.
pub fn alone(path: &Path) -> io::Result<Alone> {
    // A new file takes the place of the old one, so the folder is what all have in common.
    let Ok(folder) = folder(&real(path)) else { return Ok(Alone(None)) };
    for _ in 0..TRIES {
        match folder.try_lock() {
            Ok(()) => return Ok(Alone(Some(folder))),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            // A file system without locks: what is read is compared with what is there, as before.
            Err(TryLockError::Error(_)) => return Ok(Alone(None)),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "another program has been writing there for seconds; try again",
    ))
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

fn folder(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
}

/// Writes a file that is to take the place of another one, which may be there: a hub that runs as another user must be able to
/// read it as before.
fn write(path: &Path, text: &str, before: &Path, (new, kept): (u32, u32)) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut mode = new;
    if let Ok(before) = before.metadata() {
        let (owner, now) = ((before.uid(), before.gid()), file.metadata()?);
        if owner != (now.uid(), now.gid()) {
            fchown(&file, Some(owner.0), Some(owner.1)).map_err(|error| {
                let sentence = "it belongs to another user, and would not any more; run the command as that user or as root";
                io::Error::new(error.kind(), format!("{sentence}: {error}"))
            })?;
        }
        mode = before.mode() & kept;
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_text_takes_the_place_of_the_old_one_and_who_may_read_it_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mode = |name: &str| std::fs::metadata(path(name)).unwrap().mode() & 0o777;
        let alone = alone(&path("key")).unwrap();
        put(&alone, &path("key"), "one", 0o600, 0o770).unwrap();
        assert_eq!(mode("key"), 0o600);
        std::fs::set_permissions(path("key"), Permissions::from_mode(0o646)).unwrap();
        std::os::unix::fs::symlink(path("key"), path("link")).unwrap();
        // What a program that was ended has left is in nobody's way.
        std::fs::write(path("key.new"), "ha").unwrap();
        put(&alone, &path("link"), "two", 0o600, 0o770).unwrap();
        assert_eq!(mode("key"), 0o640, "the group may read it as before, and nobody else");
        assert_eq!(std::fs::read_to_string(path("key")).unwrap(), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    }

    #[test]
    fn as_root_a_new_text_leaves_the_file_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.key");
        std::fs::write(&path, "one").unwrap();
        // Only root may give a file away.
        if std::os::unix::fs::chown(&path, Some(1234), Some(2345)).is_ok() {
            put(&alone(&path).unwrap(), &path, "two", 0o600, 0o770).unwrap();
            let about = std::fs::metadata(&path).unwrap();
            assert_eq!((about.uid(), about.gid()), (1234, 2345));
        }
    }

    #[test]
    fn two_who_change_a_file_do_so_one_after_the_other_and_no_change_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("count");
        std::fs::write(&path, "0").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let _alone = alone(&path).unwrap();
                        let count: u32 = std::fs::read_to_string(&path).unwrap().parse().unwrap();
                        std::thread::yield_now();
                        std::fs::write(&path, (count + 1).to_string()).unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "40");
    }
}
