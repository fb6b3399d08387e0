//! Every key with what counts, who said it, and what is known of it: for people who look.

use config::{Value, ValueKind};

use super::{HUB_TOML, Sources, examine};
use crate::operator::Mistakes;

/// A key as `clown-hub config` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// As `section.key`.
    pub name: String,
    /// The value that counts, as in a file; secrets are masked.
    pub value: String,
    /// Where it comes from: `default`, a file, an environment variable or `flag`.
    pub origin: String,
    /// What is allowed.
    pub range: String,
    /// Empty where the value is no quantity.
    pub unit: String,
    /// What it is for.
    pub meaning: String,
}

/// All keys in the order of `config/hub.toml`, and what is wrong, if anything is.
pub fn keys(sources: &Sources) -> (Vec<Key>, Option<Mistakes>) {
    let (_, asked, mistakes) = examine(sources);
    let keys = asked.into_iter().map(|asked| Key {
        value: asked.found.as_ref().map_or_else(String::new, |found| masked(asked.key, found)),
        origin: asked.found.as_ref().and_then(Value::origin).unwrap_or("default").to_owned(),
        meaning: meaning(asked.key),
        name: asked.key.to_owned(),
        range: asked.range,
        unit: asked.unit.to_owned(),
    });
    (keys.collect(), Mistakes::of(mistakes))
}

fn masked(key: &str, value: &Value) -> String {
    const SECRETS: [&str; 3] = ["password", "secret", "token"];
    if SECRETS.iter().any(|secret| key.ends_with(secret)) { "\"…\"".to_owned() } else { shown(value) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "numbers of every kind and truths are shown as they are")]
fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("{:?}", without_password(text)),
        ValueKind::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        ValueKind::Table(keys) => {
            let mut keys: Vec<_> =
                keys.iter().map(|(key, value)| format!("{key} = {}", shown(value))).collect();
            keys.sort();
            format!("{{ {} }}", keys.join(", "))
        }
        ValueKind::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}

/// A URL without the password in it.
fn without_password(text: &str) -> String {
    match text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (login, rest))) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{rest}")
        }
        None => text.to_owned(),
    }
}

/// The comment over the key, less its last line, which says the range.
fn meaning(key: &str) -> String {
    let Some((section, name)) = key.split_once('.') else { return String::new() };
    let mut comment: Vec<&str> = Vec::new();
    let mut lines = HUB_TOML.lines().skip_while(|line| *line != format!("[{section}]")).skip(1);
    while let Some(line) = lines.next().filter(|line| !line.starts_with('[')) {
        if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
        } else if line.split(" = ").next() == Some(name) {
            comment.pop();
            return comment.join(" ");
        } else {
            comment.clear();
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_value_and_a_meaning() {
        let flags = vec![("limits.filters".to_owned(), "50".to_owned())];
        let directory = std::env::temp_dir().join("nothing-is-here");
        let (keys, mistakes) = keys(&Sources { directory, flags, ..Sources::default() });
        assert_eq!(mistakes, None);
        for key in &keys {
            assert!(!key.value.is_empty(), "{key:?}");
        }
        let filters = keys.iter().find(|key| key.name == "limits.filters").unwrap();
        assert_eq!((&*filters.value, &*filters.origin), ("50", "flag"));
        assert_eq!(filters.meaning, "Filters that one connection may hold.");
        let listen = keys.iter().find(|key| key.name == "server.listen").unwrap();
        assert_eq!((&*listen.value, &*listen.origin), ("\"127.0.0.1:8080\"", "default"));
    }

    #[test]
    fn secrets_are_masked() {
        let value = Value::new(None, "ws://me:s3cret@hub/a");
        assert_eq!(masked("bridge.url", &value), "\"ws://me:…@hub/a\"");
        assert_eq!(masked("bridge.password", &Value::new(None, "s3cret")), "\"…\"");
    }
}
