//! Where the contexts of a person are, and which one is in use.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::OperatorError;
use crate::operator::small_file::{self, Unreadable};

/// The longest name of a context, in bytes.
const NAME: usize = 64;
/// The most that is read of the file which names the context in use.
const CHOSEN_BYTES: u64 = 1024;

/// A name that is a name of a file everywhere.
pub(super) fn typed_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_good = !text.is_empty() && text.len() <= NAME && text.bytes().all(is_plain);
    if is_good && !text.starts_with(['.', '-']) {
        Ok(text.to_owned())
    } else {
        Err("a context is named with letters, digits, - _ and ., at most 64 of them".to_owned())
    }
}

/// Where contexts are kept: beside `client.toml`.
pub(super) struct Place(PathBuf);

impl Place {
    /// That of who types; `None` where there is no home directory.
    pub(super) fn of_the_user() -> Option<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
        Some(Self(config.join("clown-hub")))
    }

    /// The folder of all contexts.
    pub(super) fn folder(&self) -> PathBuf {
        self.0.join("contexts")
    }

    /// The file with the name of the one in use.
    pub(super) fn chosen_file(&self) -> PathBuf {
        self.0.join("context")
    }

    /// The file of a context, which has to be there. `origin` says who has named it.
    pub(super) fn file(&self, name: &str, origin: &str) -> Result<PathBuf, OperatorError> {
        let file = self.file_of(name);
        if file.is_file() { Ok(file) } else { Err(self.unknown(name, origin)) }
    }

    /// The name of the context in use.
    pub(super) fn chosen(&self) -> Result<Option<String>, OperatorError> {
        let file = self.chosen_file();
        match small_file::text(&file, CHOSEN_BYTES) {
            Ok(text) => typed_name(text.trim()).map(Some).map_err(|why| {
                OperatorError::new(format!(
                    "{}: {why}; `clown-hub context use NAME` writes it anew",
                    file.display()
                ))
            }),
            Err(Unreadable::Missing) => Ok(None),
            Err(why) => Err(OperatorError::new(format!("{}: {why}", file.display()))),
        }
    }

    /// Where `client.toml` would be.
    pub(super) fn client_file(&self) -> PathBuf {
        self.0.join("client.toml")
    }

    /// The file of a context, whether it is there or not.
    pub(super) fn file_of(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.toml"))
    }

    fn unknown(&self, name: &str, origin: &str) -> OperatorError {
        let names = self.names().unwrap_or_default();
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        OperatorError::new(format!(
            "{origin}: there is no context {name:?}; there are: {there}. `clown-hub context add {name} URL` makes one"
        ))
    }

    /// The names of all contexts, in order.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.folder()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".toml"));
            names.extend(name.filter(|name| typed_name(name).is_ok()).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_has_a_name_that_is_one_of_a_file_and_leads_nowhere_else() {
        for good in ["house", "Lab-2", "a.b_c", &"n".repeat(64)] {
            assert!(typed_name(good).is_ok(), "{good}");
        }
        for bad in ["", "../x", ".hidden", "-x", "a/b", "a b", "ž", "a\0", &"n".repeat(65)] {
            assert!(typed_name(bad).is_err(), "{bad}");
        }
    }
}
