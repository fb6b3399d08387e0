//! Changing `users.toml` without touching what stands around the change: comments, order and blank lines stay.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::Context;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::OperatorError;
use super::serve::DEMO_WITHOUT;
use crate::access::{ACCOUNTS_BYTES, Accounts, Version};
use crate::operator::small_file::{self, Unreadable};

/// The tables of accounts with passwords, and of tokens.
pub(super) const USER: &str = "user";
pub(super) const TOKEN: &str = "token";

/// What is written of a new account.
pub(super) struct NewAccount<'a> {
    /// [`USER`] or [`TOKEN`].
    pub(super) sort: &'static str,
    pub(super) name: &'a str,
    pub(super) hash: &'a str,
    pub(super) role: Option<&'a str>,
    pub(super) base: Option<&'a str>,
    pub(super) subscribe: &'a [String],
    pub(super) publish: &'a [String],
    pub(super) retain: bool,
    pub(super) from: &'a [String],
    pub(super) valid_until: Option<&'a str>,
    pub(super) note: Option<&'a str>,
}

/// The text of the accounts, to be changed and written back as a whole.
pub(super) struct AccountsFile {
    path: PathBuf,
    /// As it was read.
    text: String,
    document: DocumentMut,
}

impl AccountsFile {
    /// Reads the file; one that is not there is empty. A file with mistakes is not changed.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = read(path)?;
        if !text.trim().is_empty() {
            check(&text, path)?;
        }
        let document: DocumentMut =
            text.parse().map_err(|error| OperatorError::new(format!("{shown}: {error}")))?;
        for sort in [USER, TOKEN] {
            if document.get(sort).is_some_and(|item| !item.is_array_of_tables()) {
                let sentence = format!(
                    "{shown}: {sort} is written as a list in one piece, which this command does not change; write each of them \
                     under a line [[{sort}]]"
                );
                return Err(OperatorError::new(sentence).into());
            }
        }
        Ok(Self { path: path.to_path_buf(), text, document })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        [USER, TOKEN].iter().any(|sort| self.has_in(sort, name))
    }

    /// Whether there is a table of this sort with the name.
    pub(super) fn has_in(&self, sort: &str, name: &str) -> bool {
        self.tables(sort).is_some_and(|users| users.iter().any(|user| is(user, name)))
    }

    pub(super) fn len(&self) -> usize {
        self.tables(USER).map_or(0, ArrayOfTables::len)
    }

    /// Adds an account with the keys that it is given.
    pub(super) fn add(&mut self, account: &NewAccount<'_>) {
        let mut user = Table::new();
        user.insert("name", value(account.name));
        user.insert(if account.sort == USER { "password" } else { "hash" }, value(account.hash));
        let texts = [("role", account.role), ("base", account.base), ("note", account.note)];
        for (key, text) in texts {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                user.insert(key, value(text));
            }
        }
        if let Some(until) = account.valid_until {
            // A moment of TOML, and else a text, about which the check has something to say.
            let moment = until.parse::<toml_edit::Datetime>();
            user.insert("valid_until", moment.map_or_else(|_| value(until), value));
        }
        let lists = [("subscribe", account.subscribe), ("publish", account.publish), ("from", account.from)];
        for (key, list) in lists {
            if !list.is_empty() || (account.role.is_none() && key != "from") {
                user.insert(key, value(list.iter().collect::<Array>()));
            }
        }
        if account.retain {
            user.insert("retain", value(true));
        }
        if self.len() > 0 {
            user.decor_mut().set_prefix("\n");
        }
        let users = self.document.entry(account.sort).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        if let Some(users) = users.as_array_of_tables_mut() {
            users.push(user);
        }
    }

    pub(super) fn set_password(&mut self, name: &str, hash: &str) {
        let users = self.document.get_mut("user").and_then(Item::as_array_of_tables_mut);
        for user in users.into_iter().flat_map(ArrayOfTables::iter_mut).filter(|user| is(user, name)) {
            if let Some(password) = user.get_mut("password").and_then(Item::as_value_mut) {
                // With the comment that stands behind it.
                let decor = password.decor().clone();
                *password = hash.into();
                *password.decor_mut() = decor;
            } else {
                // One that signed in with a certificate alone.
                user.insert("password", value(hash));
            }
        }
    }

    pub(super) fn remove(&mut self, sort: &str, name: &str) {
        let Some(users) = self.document.get_mut(sort).and_then(Item::as_array_of_tables_mut) else { return };
        let top = users.get(0).filter(|first| is(first, name)).map(of_the_file).unwrap_or_default();
        users.retain(|user| !is(user, name));
        match users.get_mut(0) {
            Some(next) if !top.is_empty() => {
                let own = text_before(next).trim_start_matches('\n').to_owned();
                next.decor_mut().set_prefix(top + &own);
            }
            Some(_) => {}
            None => {
                self.document.remove(sort);
            }
        }
    }

    /// Whether the hub would take it as it is.
    pub(super) fn check(&self) -> Result<(), OperatorError> {
        check(&self.document.to_string(), &self.path)
    }

    /// Puts the new text in the place of the old one, in one step. The file keeps its owner, and its group may read it as before;
    /// nobody else may. A new one is for its owner alone. Returns which version that is.
    pub(super) fn save(&self) -> anyhow::Result<Version> {
        let text = self.document.to_string();
        check(&text, &self.path)?;
        let shown = self.path.display();
        if read(&self.path)? != self.text {
            let sentence = format!(
                "{shown} was changed by somebody else meanwhile: nothing was written; run the command again"
            );
            return Err(OperatorError::new(sentence).into());
        }
        self.make_the_usual_folder()?;
        // If the path is a symbolic link, its target is replaced, not the link.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let mut beside = path.clone().into_os_string();
        beside.push(format!(".{}.new", std::process::id()));
        let beside = PathBuf::from(beside);
        let written = write(&beside, &text, &path).and_then(|()| std::fs::rename(&beside, &path));
        if written.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        written.with_context(|| format!("{shown} could not be written"))?;
        // The new name is on the disk, too, before anybody hears that it is. Where a file system cannot do that, it is not less.
        let _ =
            path.parent().and_then(|folder| std::fs::File::open(folder).ok()).map(|folder| folder.sync_all());
        Ok(Version::of(&text))
    }

    /// The first account of a hub that was started in an empty folder. A folder that was named has to be there.
    fn make_the_usual_folder(&self) -> anyhow::Result<()> {
        let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
            return Ok(());
        };
        if folder.exists() {
            return Ok(());
        }
        let shown = folder.display();
        if self.path != Path::new(DEMO_WITHOUT) {
            return Err(OperatorError::new(format!("there is no folder {shown}; make it first")).into());
        }
        std::fs::create_dir(folder).with_context(|| format!("the folder {shown} could not be made"))
    }

    fn tables(&self, sort: &str) -> Option<&ArrayOfTables> {
        self.document.get(sort)?.as_array_of_tables()
    }
}

/// What stands before a table: blank lines and comments.
fn text_before(table: &Table) -> &str {
    table.decor().prefix().and_then(|text| text.as_str()).unwrap_or_default()
}

/// Of what stands before the first table, what is about the file and not about that table: up to the last blank line.
fn of_the_file(first: &Table) -> String {
    text_before(first).rsplit_once("\n\n").map_or_else(String::new, |(top, _)| format!("{top}\n\n"))
}

fn is(user: &Table, name: &str) -> bool {
    user.get("name").and_then(Item::as_str) == Some(name)
}

/// The text of the file; one that is not there is empty.
fn read(path: &Path) -> Result<String, OperatorError> {
    match small_file::text(path, ACCOUNTS_BYTES) {
        Ok(text) => Ok(text),
        Err(Unreadable::Missing) => Ok(String::new()),
        Err(why) => Err(OperatorError::new(format!("{}: {why}", path.display()))),
    }
}

/// Writes a file that is to take the place of another one, which may be there: a hub that runs as another user must be able to
/// read it as before.
fn write(path: &Path, text: &str, before: &Path) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if let Ok(before) = before.metadata() {
        let (owner, new) = ((before.uid(), before.gid()), file.metadata()?);
        if owner != (new.uid(), new.gid()) {
            fchown(&file, Some(owner.0), Some(owner.1)).map_err(|error| {
                let sentence = "it belongs to another user, and would not any more; run the command as that user or as root";
                std::io::Error::new(error.kind(), format!("{sentence}: {error}"))
            })?;
        }
        file.set_permissions(std::fs::Permissions::from_mode(before.mode() & 0o770))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Never writes a file that the hub would refuse.
fn check(text: &str, path: &Path) -> Result<(), OperatorError> {
    let shown = path.display();
    if text.len() as u64 > ACCOUNTS_BYTES {
        return Err(OperatorError::new(format!("{shown} would have more than {ACCOUNTS_BYTES} bytes")));
    }
    let parsed = Accounts::parse(text, &shown.to_string());
    parsed.map(drop).map_err(|mistakes| OperatorError::list("accounts", mistakes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_has_changed_meanwhile_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let example = include_str!("../../config/users.toml.example");
        std::fs::write(&path, example).unwrap();
        let file = AccountsFile::open(&path).unwrap();
        let other = format!("# by somebody else\n{example}");
        std::fs::write(&path, &other).unwrap();
        let error = file.save().unwrap_err().to_string();
        assert!(error.ends_with("nothing was written; run the command again"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
        assert!(AccountsFile::open(&path).unwrap().save().is_ok());
    }

    #[test]
    fn what_stands_at_the_top_of_the_file_stays_when_the_first_account_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let example = include_str!("../../config/users.toml.example");
        std::fs::write(&path, example).unwrap();
        let mut file = AccountsFile::open(&path).unwrap();
        file.remove(USER, "jana");
        file.save().unwrap();
        let left = std::fs::read_to_string(&path).unwrap();
        let top = example.split_once("\n\n").unwrap().0;
        assert!(left.starts_with(&format!("{top}\n\n# A gateway:")), "{left}");
        assert!(!left.contains("jana") && !left.contains("# A person:"), "{left}");
    }
}
