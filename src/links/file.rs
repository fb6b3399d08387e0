//! From the text of `bridges/*.toml` to settings: every mistake at once, with file, line and key.

mod reader;
mod rules;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use self::reader::Reader;
use super::settings::LinkSettings;
use crate::operator::{Form, Mistake, Mistakes, Tells, Watch, small_file};
use crate::topic::Limits;

/// The longest file of a link.
pub const FILE_BYTES: u64 = 256 * 1024;
/// Rules that a link may have.
pub const MOST_RULES: usize = 200;

/// A whole number that a key takes.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// The key.
    pub key: &'static str,
    /// Its default.
    pub default: u32,
    /// The least.
    pub least: u32,
    /// The most.
    pub most: u32,
    /// Of what.
    pub unit: &'static str,
}

/// Every bound of a link that its file may change.
pub const NUMBERS: [Number; 7] = [
    Number { key: "keep_alive_seconds", default: 30, least: 5, most: 3600, unit: "seconds" },
    Number { key: "connect_seconds", default: 10, least: 1, most: 300, unit: "seconds" },
    Number { key: "session_seconds", default: 3600, least: 0, most: 604_800, unit: "seconds" },
    Number { key: "inflight", default: 100, least: 1, most: 10_000, unit: "messages" },
    Number { key: "packet_bytes", default: 1_048_576, least: 1024, most: 16_777_216, unit: "bytes" },
    Number { key: "queue_messages", default: 10_000, least: 1, most: 1_000_000, unit: "messages" },
    Number { key: "queue_bytes", default: 8_388_608, least: 1024, most: 1_073_741_824, unit: "bytes" },
];

/// The other keys of a link.
pub const KEYS: [&str; 11] = [
    "url",
    "version",
    "client_id",
    "user",
    "password_env",
    "password_file",
    "ca_file",
    "cert_file",
    "key_file",
    "status_topic",
    "rule",
];

/// The keys of a rule.
pub const RULE_KEYS: [&str; 8] =
    ["direction", "filter", "local_prefix", "remote_prefix", "qos", "retain", "text", "empty"];

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
    let mut text = String::new();
    for char in path.display().to_string().chars() {
        if char.is_control() { text.extend(char.escape_debug()) } else { text.push(char) }
    }
    text
}

/// Watches the files of links in a folder.
pub fn watch(directory: PathBuf, limits: Limits) -> Watch<LinkSettings> {
    Watch::new(directory, |path| name(path).is_some(), move |path| load(path, &limits))
}

/// Reads the file of a link.
pub fn load(path: &Path, limits: &Limits) -> Result<LinkSettings, Mistakes> {
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
pub fn parse(name: &str, file: &str, text: &str, limits: &Limits) -> Result<LinkSettings, Mistakes> {
    let mut reader = Reader { form: Form::new(file, text, Tells::Kinds), limits };
    let is_key = |name: &str| {
        KEYS.contains(&name) || RULE_KEYS.contains(&name) || NUMBERS.iter().any(|number| number.key == name)
    };
    let link = reader.form.table(is_key).and_then(|table| reader.link(name, &table));
    let missing = || Mistake::at(file, "could not be read").into();
    reader.form.finish(link).and_then(|link| link.ok_or_else(missing))
}
