//! From texts to layers: a file, the environment and the flags become maps from `section.key` to values that know
//! where they come from. What names no key is a mistake here, so whatever is merged later is known. Merging is the
//! work of the crate `config`.

use config::{ConfigError, Map, Source, Value, ValueKind};

use crate::operator::{
    self, Form, Found, Kind, Mistake, Mistakes, Table, Tells, key_name, nearest, plain, quoted,
};

/// The origin of what flags say.
const FLAG: &str = "flag";
/// What each variable of the hub starts with.
const PREFIX: &str = "CLOWN_HUB_";
/// Variables that belong to the command line and not to a key.
const OTHER_VARIABLES: [&str; 4] = ["CLOWN_HUB_CA", "CLOWN_HUB_CONFIG", "CLOWN_HUB_CONTEXT", "CLOWN_HUB_URL"];

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
    pub(super) fn parse(text: &str) -> Result<Self, Mistakes> {
        let mut form = Form::new("the defaults", text, Tells::Values);
        let mut layer = Layer::default();
        let table = form.table(|_| false).unwrap_or_default();
        for section in table.iter() {
            let Kind::Table(keys) = &section.value.kind else { continue };
            for entry in keys.iter() {
                let name = format!("{}.{}", section.key, entry.key);
                match kind(&entry.value, &|_| None) {
                    Ok(kind) => drop(layer.0.insert(name, Value::new(None, kind))),
                    Err((at, sentence)) => form.say(at, &name, sentence),
                }
            }
        }
        form.finish(Self { layer })
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
        nearest(key, self.keys()).or_else(|| {
            // Who leaves the section out mostly means the server.
            let alike = self.keys().filter(|known| last(known) == last(key));
            alike.min_by_key(|known| (!known.starts_with("server."), *known))
        })
    }

    /// What a file says; `None` where it is no TOML.
    pub(super) fn file(&self, origin: &str, text: &str, mistakes: &mut Vec<Mistake>) -> Option<Layer> {
        let mut form = Form::new(origin, text, Tells::Values);
        let mut layer = Layer::default();
        let table = form.table(|name| self.keys().any(|key| key.rsplit('.').next() == Some(name)));
        if let Some(table) = &table {
            self.section("", table, &mut form, &mut layer);
        }
        mistakes.extend(form.finish(()).err().into_iter().flatten());
        table.map(|_| layer)
    }

    fn section(&self, section: &str, table: &Table, form: &mut Form<'_>, layer: &mut Layer) {
        for entry in table.iter() {
            let name = key_name(&entry.key);
            let key = if section.is_empty() { name } else { format!("{section}.{name}") };
            if self.find(&key).is_some() {
                match kind(&entry.value, &|at| Some(form.place(at))) {
                    Ok(kind) => {
                        layer.0.insert(key, Value::new(Some(&form.place(entry.value.at)), kind));
                    }
                    Err((at, sentence)) => form.say(at, &key, sentence),
                }
            } else if let Kind::Table(inner) = &entry.value.kind
                && (!inner.is_empty() || self.is_section(&key))
            {
                self.section(&key, inner, form, layer);
            } else {
                form.say_alone(entry.at, self.unknown(&key));
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
                Err(sentence) => mistakes.push(Mistake::at(plain(variable), sentence)),
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
                mistakes.push(Mistake::at(FLAG, self.unknown(key)));
            }
        }
        layer
    }

    /// Reads a text as the kind of value that the key has; one that cannot be read stays a text, and the reader of
    /// the key says what was expected.
    fn put(&self, key: String, origin: &str, text: &str, layer: &mut Layer) {
        let origin = Some(origin.to_owned());
        let text = text.trim();
        let parsed = match self.find(&key) {
            Some(ValueKind::I64(_)) => text.parse().ok().map(ValueKind::I64),
            Some(ValueKind::Float(_)) => text.parse().ok().map(ValueKind::Float),
            Some(ValueKind::Boolean(_)) => text.parse().ok().map(ValueKind::Boolean),
            Some(ValueKind::Array(_)) => items(text, origin.as_ref()),
            _ => None,
        };
        layer.0.insert(key, Value::new(origin.as_ref(), parsed.unwrap_or_else(|| text.into())));
    }
}

/// A list: items between commas, or written as in a file. `None` if it is neither.
fn items(text: &str, origin: Option<&String>) -> Option<ValueKind> {
    if !text.starts_with('[') {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Some(ValueKind::Array(items.map(|item| Value::new(origin, item)).collect()));
    }
    let as_in_file = format!("list = {text}");
    let table = Form::new(FLAG, &as_in_file, Tells::Values).table(|_| false)?;
    let list = table.get("list").filter(|list| matches!(list.kind, Kind::List(_)))?;
    kind(list, &|_| origin.cloned()).ok()
}

/// Whether a variable belongs to the hub. Small letters are a mistake, but not another program's.
pub(super) fn is_ours(variable: &str) -> bool {
    variable.to_ascii_uppercase().starts_with(PREFIX)
}

fn spelled(key: &str) -> String {
    format!("{PREFIX}_{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// A value as the crate `config` has it, or where and why it can be the value of no key.
fn kind(
    value: &operator::Value,
    origin: &impl Fn(usize) -> Option<String>,
) -> Result<ValueKind, (usize, String)> {
    Ok(match &value.kind {
        Kind::Text(text) | Kind::Moment(text) => ValueKind::String(text.clone()),
        Kind::Whole(number) => ValueKind::I64(*number),
        Kind::Fraction(number) => ValueKind::Float(*number),
        Kind::Truth(truth) => ValueKind::Boolean(*truth),
        Kind::List(items) => {
            ValueKind::Array(items.iter().map(|one| item(one, origin)).collect::<Result<_, _>>()?)
        }
        Kind::Vast(number) => {
            return Err((value.at, format!("expected a number of 64 bits, found {}", quoted(number))));
        }
        Kind::Table(_) => return Err((value.at, Found::Table.mismatch("a value", Tells::Values))),
    })
}

/// An item of a list, which may be a table.
fn item(
    value: &operator::Value,
    origin: &impl Fn(usize) -> Option<String>,
) -> Result<Value, (usize, String)> {
    let kind = if let Kind::Table(table) = &value.kind {
        let entry = |entry: &operator::Entry| Ok((entry.key.clone(), item(&entry.value, origin)?));
        ValueKind::Table(table.iter().map(entry).collect::<Result<_, _>>()?)
    } else {
        kind(value, origin)?
    };
    Ok(Value::new(origin(value.at).as_ref(), kind))
}
