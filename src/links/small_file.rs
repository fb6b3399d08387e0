//! Files that an operator names: small, and files indeed. A pipe would be waited for, and a device never ends.

use std::io::Read;
use std::path::Path;

/// The most that a password or a certificate may have.
pub const MOST_BYTES: u64 = 1024 * 1024;

/// All of it, or why not.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let unreadable =
        |error: std::io::Error| format!("cannot be read: {error}; let the user of the hub read it");
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("cannot be read: it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        Err(format!("has more than {most} bytes; is it the right file?"))
    } else {
        Ok(bytes)
    }
}

/// As [`read`], for text.
pub fn text(path: &Path, most: u64) -> Result<String, String> {
    String::from_utf8(read(path, most)?).map_err(|error| {
        format!("is not UTF-8 at byte {}; save it as UTF-8", error.utf8_error().valid_up_to())
    })
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
            ("pipe", "it is no file"),
            ("zero", "it is no file"),
            (".", "it is no file"),
            ("dangling", "No such file"),
            ("large", "more than 100 bytes"),
            ("latin", "is not UTF-8 at byte 3"),
        ] {
            let told = text(&path(name), 100).unwrap_err();
            assert!(told.contains(why), "{name}: {told}");
        }
        std::os::unix::fs::symlink(path("latin"), path("link")).unwrap();
        assert_eq!(read(&path("link"), 100).unwrap(), b"caf\xe9");
    }
}
