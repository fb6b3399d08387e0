//! Whether a file was changed, and when one is tried again that was bad.

use std::path::Path;
use std::time::SystemTime;

/// What tells whether a file was changed: what is in it, or who may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    modified: Option<SystemTime>,
    /// When anything of it was changed, its owner and rights included: seconds and nanoseconds.
    changed: (i64, i64),
    bytes: u64,
    inode: u64,
}

impl Mark {
    /// That of the file at a path. Symbolic links are followed.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let data = std::fs::metadata(path)?;
        let changed = (data.ctime(), data.ctime_nsec());
        Ok(Self { modified: data.modified().ok(), changed, bytes: data.len(), inode: data.ino() })
    }

    /// That of a file which is there, and of which nothing can be known.
    pub(super) fn unknown() -> Self {
        Self { modified: None, changed: (0, 0), bytes: 0, inode: 0 }
    }
}

/// When a file is tried again that was bad and has not changed: it may be that it could not be read, and can be by now. Counted in
/// looks, ever more of them.
#[derive(Debug, Clone)]
pub(super) struct Again {
    left: u32,
    wait: u32,
}

impl Again {
    const FIRST: u32 = 10;
    const LONGEST: u32 = 640;

    /// One more look. Whether the file is to be tried now.
    pub(super) fn is_due(&mut self) -> bool {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return false;
        }
        self.wait = self.wait.saturating_mul(2).min(Self::LONGEST);
        self.left = self.wait;
        true
    }
}

impl Default for Again {
    fn default() -> Self {
        Self { left: Self::FIRST, wait: Self::FIRST }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_is_tried_again_ever_more_rarely_and_never_given_up() {
        let mut again = Again::default();
        let due: Vec<_> = (0..3000).filter(|_| again.is_due()).collect();
        assert_eq!(due, [10, 31, 72, 153, 314, 635, 1276, 1917, 2558]);
    }

    #[test]
    fn rights_that_are_put_right_are_a_change() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        let before = Mark::of(file.path()).unwrap();
        assert_eq!(Mark::of(file.path()).unwrap(), before);
        // The clock of a file system moves in steps of some milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(30));
        std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o640)).unwrap();
        assert_ne!(Mark::of(file.path()).unwrap(), before);
    }
}
