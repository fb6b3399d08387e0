//! Changing `users.toml`, for the command line and for admins over HTTP, without touching what stands around the change: comments, order and blank lines stay.

use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use crate::access::{ACCOUNTS_BYTES, Accounts, Version};
use crate::operator::in_place::{self, Alone};
use crate::operator::small_file::{self, Unreadable};
use crate::operator::{Mistake, Mistakes};

/// Where accounts are looked for if nothing else is said, and the demo begins if they are not there. A file that was
/// named has to be there: a misspelt name must not open the demo.
pub const DEMO_WITHOUT: &str = "config/users.toml";

/// The tables of accounts with passwords.
pub const USER: &str = "user";
/// The tables of tokens.
pub const TOKEN: &str = "token";

/// Bytes of the note about the cluster.
const NOTE_BYTES: u64 = 200;

/// Why the file was not read or not written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be changed as it is.
    #[error("{0}")]
    Unfit(String),
    /// What it says, or would say, makes no sense.
    #[error("the accounts have mistakes")]
    Mistakes(Mistakes),
    /// Somebody else was faster.
    #[error("{0} was changed by somebody else meanwhile: nothing was written")]
    Changed(String),
    /// The system says no.
    #[error("{sentence}: {error}")]
    Broken {
        /// To what.
        sentence: String,
        /// How.
        error: io::Error,
    },
}

/// What is written of an account.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    /// [`USER`] or [`TOKEN`].
    pub sort: &'static str,
    /// Its name.
    pub name: &'a str,
    /// That of its password, or of the token. An account that is there keeps the one that it has where there is none.
    pub hash: Option<&'a str>,
    /// The word for a rule set,
    pub role: Option<&'a str>,
    /// and where it begins.
    pub base: Option<&'a str>,
    /// Filters that it may read,
    pub subscribe: &'a [String],
    /// and publish to.
    pub publish: &'a [String],
    /// Whether it may say what is kept.
    pub retain: bool,
    /// Whether it is an admin.
    pub admin: bool,
    /// Whether it takes no password alone.
    pub certificate: bool,
    /// Networks that it may come from.
    pub from: &'a [String],
    /// Up to when it is good.
    pub valid_until: Option<&'a str>,
    /// What is to be remembered about it.
    pub note: Option<&'a str>,
}

/// The text of the accounts, to be changed and written back as a whole.
#[derive(Debug)]
pub struct AccountsFile {
    path: PathBuf,
    /// As it was read.
    text: String,
    document: DocumentMut,
}

impl AccountsFile {
    /// Reads the file; one that is not there is empty. A file with mistakes is not changed.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let shown = path.display();
        let text = read(path)?;
        if !text.trim().is_empty() {
            check(&text, path)?;
        }
        let document: DocumentMut =
            text.parse().map_err(|error| FileError::Unfit(format!("{shown}: {error}")))?;
        for sort in [USER, TOKEN] {
            if document.get(sort).is_some_and(|item| !item.is_array_of_tables()) {
                let sentence = format!(
                    "{shown}: {sort} is written as a list in one piece, which only people change; write each of them under a \
                     line [[{sort}]]"
                );
                return Err(FileError::Unfit(sentence));
            }
        }
        Ok(Self { path: path.to_path_buf(), text, document })
    }

    /// Which version was read.
    pub fn version(&self) -> Version {
        Version::of(&self.text)
    }

    /// Whether the name is taken, by an account or a token.
    pub fn has(&self, name: &str) -> bool {
        [USER, TOKEN].iter().any(|sort| self.has_in(sort, name))
    }

    /// Whether there is a table of this sort with the name.
    pub fn has_in(&self, sort: &str, name: &str) -> bool {
        self.tables(sort).is_some_and(|users| users.iter().any(|user| is(user, name)))
    }

    /// How many accounts there are, without tokens.
    pub fn users(&self) -> usize {
        self.tables(USER).map_or(0, ArrayOfTables::len)
    }

    /// Adds an account with the keys that it is given.
    pub fn add(&mut self, entry: &Entry<'_>) {
        let mut user = Table::new();
        user.insert("name", value(entry.name));
        write_keys(&mut user, entry);
        if self.users() > 0 {
            user.decor_mut().set_prefix("\n");
        }
        let users = self.document.entry(entry.sort).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        if let Some(users) = users.as_array_of_tables_mut() {
            users.push(user);
        }
    }

    /// Gives an account that is there these keys in place of those that it has. Its place and the comments at keys that stay
    /// are kept.
    pub fn change(&mut self, entry: &Entry<'_>) {
        let users = self.document.get_mut(entry.sort).and_then(Item::as_array_of_tables_mut);
        for user in users.into_iter().flat_map(ArrayOfTables::iter_mut).filter(|user| is(user, entry.name)) {
            write_keys(user, entry);
        }
    }

    /// Gives an account another password.
    pub fn set_password(&mut self, name: &str, hash: &str) {
        let users = self.document.get_mut(USER).and_then(Item::as_array_of_tables_mut);
        for user in users.into_iter().flat_map(ArrayOfTables::iter_mut).filter(|user| is(user, name)) {
            // It may be one that signed in with a certificate alone.
            put(user, "password", Some(hash.into()));
        }
    }

    /// Takes an account of this sort out.
    pub fn remove(&mut self, sort: &str, name: &str) {
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

    /// The accounts as they would be. The mistakes are those that the hub would find.
    pub fn accounts(&self) -> Result<Accounts, FileError> {
        check(&self.document.to_string(), &self.path)
    }

    /// Puts the new text in the place of the old one, in one step. The file keeps its owner, and its group may read it as before;
    /// nobody else may. A new one is for its owner alone. Returns which version that is.
    pub fn save(&self) -> Result<Version, FileError> {
        let text = self.document.to_string();
        check(&text, &self.path)?;
        let alone = alone(&self.path)?;
        if read(&self.path)? != self.text {
            return Err(FileError::Changed(self.path.display().to_string()));
        }
        put_in_place(&alone, &self.path, &text)?;
        Ok(Version::of(&text))
    }

    fn tables(&self, sort: &str) -> Option<&ArrayOfTables> {
        self.document.get(sort)?.as_array_of_tables()
    }
}

/// The text of the file, if it is there.
pub fn text(path: &Path) -> Result<Option<String>, FileError> {
    read(path).map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// Puts a text of another hub in the place of the file, as [`AccountsFile::save`] does. Where something else stood there than what is
/// known, it stays in a file beside it, which is returned.
pub fn replace(path: &Path, text: &str, known: Option<&Version>) -> Result<Option<PathBuf>, FileError> {
    check(text, path)?;
    let alone = alone(path)?;
    let before = self::text(path)?;
    let copy = before.is_some_and(|before| known != Some(&Version::of(&before)));
    let beside = copy.then(|| path.with_added_extension("before"));
    if let Some(beside) = &beside {
        let sentence = format!("{} could not be written", beside.display());
        std::fs::copy(path, beside).map_err(|error| FileError::Broken { sentence, error })?;
    }
    put_in_place(&alone, path, text)?;
    Ok(beside)
}

/// When this text was written, in milliseconds since 1970, where the cluster was [not told](note_untold) of it.
pub fn untold(path: &Path, text: &str) -> Option<u64> {
    let note = small_file::text(&note_of(path), NOTE_BYTES).ok()?;
    let (at, version) = note.trim_end().split_once(' ')?;
    at.parse().ok().filter(|_| version == Version::of(text).as_str())
}

/// Notes in a file beside it that the cluster was not told of this text yet, and when it was written; or that it was.
pub fn note_untold(path: &Path, text: Option<(&str, u64)>) -> Result<(), FileError> {
    let note = note_of(path);
    if let Some((text, at)) = text {
        return put_in_place(&alone(&note)?, &note, &format!("{at} {}\n", Version::of(text).as_str()));
    }
    match std::fs::remove_file(&note) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::Broken { sentence: format!("{} could not be removed", note.display()), error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn note_of(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()).with_added_extension("untold")
}

fn put_in_place(alone: &Alone, path: &Path, text: &str) -> Result<(), FileError> {
    in_place::put(alone, path, text, 0o600, 0o770).map_err(|error| unwritten(path, error))
}

/// Nobody else changes the file until this is dropped: the command line and a hub may do so at the same time.
fn alone(path: &Path) -> Result<Alone, FileError> {
    make_the_usual_folder(path)?;
    in_place::alone(path).map_err(|error| unwritten(path, error))
}

fn unwritten(path: &Path, error: io::Error) -> FileError {
    FileError::Broken { sentence: format!("{} could not be written", path.display()), error }
}

/// The first account of a hub that was started in an empty folder. A folder that was named has to be there.
fn make_the_usual_folder(path: &Path) -> Result<(), FileError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    if folder.exists() {
        return Ok(());
    }
    let shown = folder.display();
    if path != Path::new(DEMO_WITHOUT) {
        return Err(FileError::Unfit(format!("there is no folder {shown}; make it first")));
    }
    let failed =
        |error| FileError::Broken { sentence: format!("the folder {shown} could not be made"), error };
    std::fs::create_dir(folder).map_err(failed)
}

/// Writes all keys of an account but its name, and takes out those that it does not have.
fn write_keys(user: &mut Table, entry: &Entry<'_>) {
    if let Some(hash) = entry.hash {
        put(user, if entry.sort == USER { "password" } else { "hash" }, Some(hash.into()));
    }
    for (key, text) in [("role", entry.role), ("base", entry.base), ("note", entry.note)] {
        put(user, key, text.filter(|text| !text.is_empty()).map(Into::into));
    }
    let until = entry.valid_until.map(|until| {
        // A moment of TOML, and else a text, about which the check has something to say.
        until.parse::<toml_edit::Datetime>().map_or_else(|_| until.into(), Into::into)
    });
    put(user, "valid_until", until);
    for (key, list) in [("subscribe", entry.subscribe), ("publish", entry.publish), ("from", entry.from)] {
        let is_written = !list.is_empty() || (entry.role.is_none() && !entry.admin && key != "from");
        put(user, key, is_written.then(|| list.iter().collect::<Array>().into()));
    }
    for (key, is_so) in [("retain", entry.retain), ("admin", entry.admin), ("certificate", entry.certificate)]
    {
        put(user, key, is_so.then(|| true.into()));
    }
}

/// Writes a key, with the comment that stands behind it, or takes it out.
fn put(table: &mut Table, key: &str, new: Option<toml_edit::Value>) {
    match (new, table.get_mut(key).and_then(Item::as_value_mut)) {
        (Some(mut new), Some(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        (Some(new), None) => {
            table.insert(key, value(new));
        }
        (None, _) => {
            table.remove(key);
        }
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
fn read(path: &Path) -> Result<String, FileError> {
    match small_file::text(path, ACCOUNTS_BYTES) {
        Ok(text) => Ok(text),
        Err(Unreadable::Missing) => Ok(String::new()),
        Err(why) => Err(FileError::Unfit(format!("{}: {why}", path.display()))),
    }
}

/// Never writes a file that the hub would refuse.
fn check(text: &str, path: &Path) -> Result<Accounts, FileError> {
    let shown = path.display().to_string();
    if text.len() as u64 > ACCOUNTS_BYTES {
        let sentence = format!("would have more than {ACCOUNTS_BYTES} bytes");
        return Err(FileError::Mistakes(Mistake::at(shown, sentence).into()));
    }
    Accounts::parse(text, &shown).map_err(FileError::Mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_has_changed_meanwhile_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let example = include_str!("../config/users.toml.example");
        std::fs::write(&path, example).unwrap();
        let file = AccountsFile::open(&path).unwrap();
        let other = format!("# by somebody else\n{example}");
        std::fs::write(&path, &other).unwrap();
        let error = file.save().unwrap_err().to_string();
        assert!(error.ends_with("changed by somebody else meanwhile: nothing was written"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
        assert!(AccountsFile::open(&path).unwrap().save().is_ok());
    }

    #[test]
    fn an_account_that_is_changed_keeps_its_place_its_password_and_the_comments_around_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let hash = crate::access::hash_password("correct horse").unwrap();
        let before = format!(
            "# the house\n\n# by the door\n[[user]]\nname = \"jana\" # she\npassword = \"{hash}\" # long\nrole = \"dashboard\" # \
             reads\nbase = \"nodes\"\nnote = \"old\"\n\n# the other\n[[user]]\nname = \"emil\"\npassword = \"{hash}\"\n"
        );
        std::fs::write(&path, &before).unwrap();
        let mut file = AccountsFile::open(&path).unwrap();
        let (from, until) = (["10.0.0.0/8".to_owned()], Some("2099-12-31"));
        let entry = Entry {
            sort: USER,
            name: "jana",
            role: Some("operator"),
            from: &from,
            valid_until: until,
            ..Entry::default()
        };
        file.change(&entry);
        file.save().unwrap();
        let expected = before.replace(
            "\"dashboard\" # reads\nbase = \"nodes\"\nnote = \"old\"\n",
            "\"operator\" # reads\nvalid_until = 2099-12-31\nfrom = [\"10.0.0.0/8\"]\n",
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn what_stands_at_the_top_of_the_file_stays_when_the_first_account_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let example = include_str!("../config/users.toml.example");
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
