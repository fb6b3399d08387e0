//! Files that an operator names: small, and files indeed. A pipe would be waited for, and a device never ends.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The most that a password or a certificate may have.
pub const MOST_BYTES: u64 = 1024 * 1024;

/// Why a file could not be read, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Nothing is there.
    #[error("cannot be read: there is no such file")]
    Missing,
    /// It is not ours to read.
    #[error("cannot be read: permission denied; let the user that runs clown-hub read it")]
    Forbidden,
    /// A folder.
    #[error("cannot be read: it is no file but a folder; name the file in it")]
    Folder,
    /// A pipe, a socket, a device.
    #[error("cannot be read: it is no file but a pipe or a device; name a file")]
    NoFile,
    /// More than anybody would write.
    #[error("has more than {0} bytes; is it the right file?")]
    TooLarge(u64),
    /// No text.
    #[error("is not UTF-8 at byte {0}; save it as UTF-8")]
    NotUtf8(usize),
    /// Anything else.
    #[error("cannot be read: {0}")]
    Other(io::Error),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::NotFound {
            Self::Missing
        } else if error.kind() == ErrorKind::PermissionDenied {
            Self::Forbidden
        } else {
            Self::Other(error)
        }
    }
}

/// All of it, at most `most` bytes.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unreadable> {
    // Before it is opened, as opening a pipe waits; and after, as another may lie there by then.
    must_be_file(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    must_be_file(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(Unreadable::TooLarge(most)) } else { Ok(bytes) }
}

/// As [`read`], for text.
pub fn text(path: &Path, most: u64) -> Result<String, Unreadable> {
    String::from_utf8(read(path, most)?)
        .map_err(|error| Unreadable::NotUtf8(error.utf8_error().valid_up_to()))
}

fn must_be_file(about: &Metadata) -> Result<(), Unreadable> {
    if about.is_dir() {
        Err(Unreadable::Folder)
    } else if about.is_file() {
        Ok(())
    } else {
        Err(Unreadable::NoFile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_small_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
        std::fs::write(path("large"), [b'x'; 101]).unwrap();
        std::fs::write(path("latin"), b"caf\xe9").unwrap();
        for (name, why) in [
            ("pipe", "it is no file but a pipe"),
            ("zero", "it is no file but a pipe or a device"),
            (".", "it is no file but a folder"),
            ("dangling", "there is no such file"),
            ("large", "more than 100 bytes"),
            ("latin", "is not UTF-8 at byte 3"),
        ] {
            let told = text(&path(name), 100).unwrap_err().to_string();
            assert!(told.contains(why), "{name}: {told}");
        }
        std::os::unix::fs::symlink(path("latin"), path("link")).unwrap();
        assert_eq!(read(&path("link"), 100).unwrap(), b"caf\xe9");
    }
}
