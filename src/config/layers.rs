//! From texts to layers: a file, the environment and the flags become maps from `section.key` to values that know
//! where they come from. What names no key is a mistake here, so whatever is merged later is known.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use config::{ConfigError, Map, Source, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, plain, quoted};

/// The origin of what flags say.
const FLAG: &str = "flag";
/// What each variable of the hub starts with.
const PREFIX: &str = "CLOWN_HUB_";
/// Variables that belong to the command line and not to a key.
const OTHER_VARIABLES: [&str; 2] = ["CLOWN_HUB_CONFIG", "CLOWN_HUB_URL"];
/// The most that is read of a configuration file; beyond it something else was named by mistake.
const FILE_BYTES: u64 = 1024 * 1024;
/// How many mistakes of syntax are told of one file; more than that is no configuration.
const SYNTAX_MISTAKES: usize = 20;
/// How many letters a key may be off for another one to be suggested.
const SUGGESTED_DISTANCE: usize = 3;

/// The values of one source, by `section.key`.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// The defaults: every key there is, and of which kind its value is.
pub(super) struct Defaults {
    pub(super) layer: Layer,
}

impl Defaults {
    /// Reads the text that is compiled in. Its values have no origin, which is how a default is known.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let table = DeTable::parse(text).map_err(|error| syntax("the defaults", text, &error))?;
        let mut layer = Layer::default();
        for (section, keys) in table.get_ref() {
            for (key, value) in keys.get_ref().as_table().into_iter().flatten() {
                let name = format!("{}.{}", section.get_ref(), key.get_ref());
                let value = kind(value.get_ref(), None).map_err(|text| broken("the defaults", &text))?;
                layer.0.insert(name, Value::new(None, value));
            }
        }
        Ok(Self { layer })
    }

    fn find(&self, key: &str) -> Option<&ValueKind> {
        self.layer.0.get(key).map(|value| &value.kind)
    }

    fn is_section(&self, name: &str) -> bool {
        self.keys().any(|key| key.split_once('.').is_some_and(|(section, _)| section == name))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.layer.0.keys().map(String::as_str)
    }

    /// What to say of a key that does not exist.
    fn unknown(&self, key: &str) -> String {
        if self.is_section(key) {
            return format!("{key} is a section and takes no value; give its keys values");
        }
        match self.nearest(key) {
            Some(near) => format!("unknown key {}; did you mean {near}?", plain(key)),
            None => format!("unknown key {}; docs/configuration.md lists them all", plain(key)),
        }
    }

    /// The key that was probably meant: a few letters off, or of the same name in another section.
    pub(super) fn nearest(&self, key: &str) -> Option<&str> {
        let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
        let near = self
            .keys()
            .map(|known| (distance(key, known), key.len().abs_diff(known.len()), known))
            .min()
            .filter(|(distance, ..)| *distance <= SUGGESTED_DISTANCE);
        near.map(|(.., known)| known).or_else(|| self.keys().filter(|known| last(known) == last(key)).min())
    }

    /// What a file says; `None` where it is no TOML.
    pub(super) fn file(&self, origin: &str, text: &str, mistakes: &mut Vec<Mistake>) -> Option<Layer> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let is_key = |name: &str| self.keys().any(|key| key.rsplit('.').next() == Some(name));
            mistakes.extend(all_syntax(origin, text, errors, is_key));
            return None;
        }
        let mut layer = Layer::default();
        self.table("", table.get_ref(), origin, &mut layer, mistakes);
        Some(layer)
    }

    fn table(
        &self,
        section: &str,
        table: &DeTable<'_>,
        origin: &str,
        layer: &mut Layer,
        mistakes: &mut Vec<Mistake>,
    ) {
        for (name, value) in table {
            let key = joined(section, name.get_ref());
            let known = self.find(&key).is_some();
            if let (false, DeValue::Table(inner)) = (known, value.get_ref())
                && (!inner.is_empty() || self.is_section(&key))
            {
                self.table(&key, inner, origin, layer, mistakes);
            } else if known {
                match kind(value.get_ref(), Some(origin)) {
                    Ok(kind) => {
                        layer.0.insert(key, Value::new(Some(&origin.to_owned()), kind));
                    }
                    Err(sentence) => {
                        let mistake = broken(origin, &sentence);
                        mistakes.push(Mistake { key: Some(key), ..mistake });
                    }
                }
            } else {
                mistakes.push(broken(origin, &self.unknown(&key)));
            }
        }
    }

    /// What the environment says. Variables of other programs are left alone.
    pub(super) fn environment(&self, variables: &[(String, String)], mistakes: &mut Vec<Mistake>) -> Layer {
        let mut layer = Layer::default();
        for (variable, text) in variables {
            let capitals = variable.to_ascii_uppercase();
            let Some(name) = capitals.strip_prefix(PREFIX) else {
                continue;
            };
            if OTHER_VARIABLES.contains(&variable.as_str()) {
                continue;
            }
            match self.variable(variable, &capitals, name) {
                Ok(key) => self.put(key, variable, text, &mut layer),
                Err(sentence) => mistakes.push(broken(&plain(variable), &sentence)),
            }
        }
        layer
    }

    /// The key that a variable names; `name` is what stands behind the prefix.
    fn variable(&self, variable: &str, capitals: &str, name: &str) -> Result<String, String> {
        let Some(path) = name.strip_prefix('_') else {
            let meant =
                self.keys().find(|key| key.replace('.', "_").to_uppercase() == name.replace("__", "_"));
            return Err(match meant {
                Some(key) => {
                    format!("unknown variable; did you mean {}, with two underscores?", spelled(key))
                }
                None => format!(
                    "unknown variable; a key is set with two underscores, as {}",
                    spelled("server.listen")
                ),
            });
        };
        let key = path.to_ascii_lowercase().replace("__", ".");
        if self.find(&key).is_none() {
            return Err(self.unknown(&key));
        }
        if variable == capitals { Ok(key) } else { Err(format!("write it in capitals, as {capitals}")) }
    }

    /// What flags say; of two with the same key the later counts.
    pub(super) fn flags(&self, flags: &[(String, String)], mistakes: &mut Vec<Mistake>) -> Layer {
        let mut layer = Layer::default();
        for (key, text) in flags {
            if self.find(key).is_some() {
                self.put(key.clone(), FLAG, text, &mut layer);
            } else {
                mistakes.push(broken(FLAG, &self.unknown(key)));
            }
        }
        layer
    }

    /// Reads a text as the kind of value that the key has; one that cannot be read stays a text, and whoever asks
    /// for the key says what was expected.
    fn put(&self, key: String, origin: &str, text: &str, layer: &mut Layer) {
        let origin = Some(origin.to_owned());
        let text = text.trim();
        let parsed = match self.find(&key) {
            Some(ValueKind::I64(_)) => text.parse().ok().map(ValueKind::I64),
            Some(ValueKind::Float(_)) => text.parse().ok().map(ValueKind::Float),
            Some(ValueKind::Boolean(_)) => text.parse().ok().map(ValueKind::Boolean),
            Some(ValueKind::Array(_)) => items(text).map(|items| {
                ValueKind::Array(items.into_iter().map(|item| Value::new(origin.as_ref(), item)).collect())
            }),
            _ => None,
        };
        layer.0.insert(key, Value::new(origin.as_ref(), parsed.unwrap_or_else(|| text.into())));
    }
}

/// The items of a list: between commas, or written as in a file. `None` if it is neither.
fn items(text: &str) -> Option<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct AsInFile {
        list: Vec<String>,
    }
    if text.starts_with('[') {
        return toml::from_str(&format!("list = {text}")).ok().map(|AsInFile { list }| list);
    }
    Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

/// Whether a variable belongs to the hub. Small letters are a mistake, but not another program's.
pub(super) fn is_ours(variable: &str) -> bool {
    variable.to_ascii_uppercase().starts_with(PREFIX)
}

/// The text of a configuration file; the error says what to do.
pub(super) fn read(path: &Path) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| ReadError { kind: error.kind(), sentence: unreadable(&error) })?;
    let other = |sentence: String| ReadError { kind: io::ErrorKind::InvalidData, sentence };
    if bytes.len() as u64 > FILE_BYTES {
        return Err(other(format!("is larger than {FILE_BYTES} bytes; is it a configuration file?")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        other(format!("is not UTF-8 at byte {at}; save it as UTF-8"))
    })
}

/// Why a file could not be read.
pub(super) struct ReadError {
    pub(super) kind: io::ErrorKind,
    pub(super) sentence: String,
}

fn unreadable(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "there is no such file; name one that exists, or none to run with the defaults".to_owned()
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "may not be read; let the user that runs the hub read it".to_owned()
    } else if error.kind() == io::ErrorKind::IsADirectory {
        "is a directory; name the file in it".to_owned()
    } else {
        format!("could not be read: {error}")
    }
}

pub(super) fn broken(origin: &str, sentence: &str) -> Mistake {
    Mistake { origin: origin.to_owned(), key: None, sentence: sentence.to_owned() }
}

/// The first mistakes of syntax, in their order and one a line: what follows on a line follows from that.
fn all_syntax(
    origin: &str,
    text: &str,
    mut errors: Vec<toml::de::Error>,
    is_key: impl Fn(&str) -> bool,
) -> Vec<Mistake> {
    errors.sort_by_key(|error| error.span().unwrap_or_default().start);
    let mut mistakes = Vec::new();
    let mut before = None;
    for error in &errors {
        let start = error.span().unwrap_or_default().start;
        let between = before.replace(start).and_then(|before| text.get(before..start));
        if between.is_none_or(|between| between.contains('\n')) {
            let mistake = syntax(origin, text, error);
            let line = text.get(..start).unwrap_or(text).matches('\n').count();
            mistakes.push(match text.lines().nth(line).and_then(|line| in_quotes(line, &is_key)) {
                Some(right) => {
                    broken(origin, &format!("line {}: a text is in quotes; write {right}", line + 1))
                }
                None => mistake,
            });
        }
        if mistakes.len() == SYNTAX_MISTAKES {
            break;
        }
    }
    mistakes
}

/// The line as it was meant, where a text has no quotes. Values of keys that there are not may be secrets.
fn in_quotes(line: &str, is_key: impl Fn(&str) -> bool) -> Option<String> {
    let (key, value) = line.split_once('=')?;
    let value = value.split(" #").next().unwrap_or(value).trim();
    let key = key.trim();
    let is_bare = !value.is_empty() && !value.contains(['"', '\'', '\\', '[', '{']);
    (is_bare && is_key(key) && value.len() <= 80 && DeTable::parse(&format!("x = {value}")).is_err())
        .then(|| format!("{key} = {}", quoted(value)))
}

/// Line and column count from 1, the column in characters.
fn syntax(origin: &str, text: &str, error: &toml::de::Error) -> Mistake {
    let before = text.get(..error.span().unwrap_or_default().start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|char| *char != '\n').count() + 1;
    let message = error.message().trim_end_matches(", expected nothing");
    broken(origin, &format!("line {line}, column {column}: {}", plain(message)))
}

/// A quoted key stays quoted where it could be taken for a path.
fn joined(section: &str, name: &str) -> String {
    let bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let name = if bare && !name.is_empty() { name.to_owned() } else { quoted(name) };
    if section.is_empty() { name } else { format!("{section}.{name}") }
}

fn spelled(key: &str) -> String {
    format!("{PREFIX}_{}", key.to_ascii_uppercase().replace('.', "__"))
}

fn kind(value: &DeValue<'_>, origin: Option<&str>) -> Result<ValueKind, String> {
    let origin_text = origin.map(str::to_owned);
    Ok(match value {
        DeValue::String(text) => ValueKind::String(text.to_string()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            ValueKind::I64(
                parsed.map_err(|_| {
                    format!("expected a number of 64 bits, found {}", quoted(number.as_str()))
                })?,
            )
        }
        DeValue::Float(number) => {
            let parsed = number.as_str().parse();
            ValueKind::Float(parsed.map_err(|_| format!("{} is no number", plain(number.as_str())))?)
        }
        DeValue::Boolean(truth) => ValueKind::Boolean(*truth),
        DeValue::Datetime(time) => ValueKind::String(time.to_string()),
        DeValue::Array(items) => {
            let items: Result<Vec<_>, String> = items
                .iter()
                .map(|item| Ok(Value::new(origin_text.as_ref(), kind(item.get_ref(), origin)?)))
                .collect();
            ValueKind::Array(items?)
        }
        // The crate `config` forgets the origin of a table when it merges, so it must not come as far as that.
        DeValue::Table(_) => return Err("expected a value, found a table of keys".to_owned()),
    })
}

/// Edits between two keys, a swap of neighbours counted as one (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().take(80).collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (cell(&last, column) + usize::from(from != to))
                .min(cell(&last, column + 1) + 1)
                .min(cell(&line, column) + 1);
            let swapped =
                row > 0 && column > 0 && left.get(row - 1) == Some(to) && right.get(column - 1) == Some(from);
            if swapped {
                best = best.min(cell(&before, column - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut last, line);
    }
    last.last().copied().unwrap_or_default()
}
