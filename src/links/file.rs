//! From the text of `bridges/*.toml` to settings: every mistake at once, with file, line and key.

mod hub;
mod keys;
mod mqtt;
mod process;
mod reader;
mod rules;
mod serial;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use self::keys::{KEYS, KINDS, MOST_RULES, NUMBERS, Number, RULE_KEYS, Which};
use self::reader::Reader;
use super::settings::Plan;
use crate::operator::{Form, Mistake, Mistakes, Tells, Watch, escaped, small_file};
use crate::topic::Limits;

/// The longest file of a link.
pub const FILE_BYTES: u64 = 256 * 1024;
/// What a link of this file is called: its name without `.toml`. `None` if it is no file of a link.
pub fn name(path: &Path) -> Option<Result<&str, String>> {
    let file = path.file_name()?.to_string_lossy();
    file.strip_suffix(".toml")?;
    // What is not UTF-8 is not sound either.
    let name = path.file_name()?.to_str().and_then(|file| file.strip_suffix(".toml")).unwrap_or_default();
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(sound) {
        let sentence =
            "the name of the file names the link: take 1 to 64 letters, digits, - and _ before .toml";
        return Some(Err(sentence.to_owned()));
    }
    Some(Ok(name))
}

/// The path of a file, fit for one line of a log.
pub fn shown(path: &Path) -> String {
    escaped(path.display().to_string().chars())
}

/// Watches the files of links in a folder.
pub fn watch(directory: PathBuf, limits: Limits) -> Watch<Plan> {
    Watch::new(directory, |path| name(path).is_some(), move |path| load(path, &limits))
}

/// Reads the file of a link.
pub fn load(path: &Path, limits: &Limits) -> Result<Plan, Mistakes> {
    let file = shown(path);
    let broken = |sentence: String| Mistakes::from(Mistake::at(&file, sentence));
    let name = match name(path) {
        Some(Ok(name)) => name,
        Some(Err(sentence)) => return Err(broken(sentence)),
        None => return Err(broken("a link is a file whose name ends in .toml".to_owned())),
    };
    let text = small_file::text(path, FILE_BYTES).map_err(|why| broken(why.to_string()))?;
    parse(name, &file, &text, limits)
}

/// As [`load`], from a text.
pub fn parse(name: &str, file: &str, text: &str, limits: &Limits) -> Result<Plan, Mistakes> {
    let mut reader = Reader { form: Form::new(file, text, Tells::Kinds), limits };
    let is_key = |name: &str| {
        let is_it = |(key, _): &(&str, &[Which])| *key == name;
        KEYS.iter().any(is_it)
            || RULE_KEYS.iter().any(is_it)
            || NUMBERS.iter().any(|number| number.key == name)
    };
    let link = reader.form.table(is_key).and_then(|table| reader.link(name, &table));
    let missing = || Mistake::at(file, "could not be read").into();
    reader.form.finish(link).and_then(|link| link.ok_or_else(missing))
}
