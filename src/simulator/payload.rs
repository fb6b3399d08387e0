//! Payloads as nodes read them: objects in the order they were written, numbers by the rules of the firmware.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::Refusal;

/// A JSON object with its order and its repetitions, because the bridge reads `state` in first place only and
/// answers a `publish-interval` that is there twice two times.
#[derive(Debug)]
pub(super) struct Object(Vec<(String, Value)>);

impl Object {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        serde_json::from_str(text).map_err(|_| match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) if !text.trim_start().starts_with('{') => Refusal::ObjectExpected,
            _ => Refusal::NotJson,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The last value under a key, which is the one that remains when keys are read in order.
    pub(super) fn last(&self, key: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value under `key` if that is the first key; the bridge does not look further.
    pub(super) fn leading(&self, key: &'static str) -> Result<&Value, Refusal> {
        match self.0.first() {
            Some((name, value)) if name == key => Ok(value),
            _ => Err(Refusal::MissingKey { key }),
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// A whole number as the firmware reads it: `1e3` is 1000, fractions are cut off, negatives are none. The firmware
/// took up to ten characters; here it is 32 bits.
pub(super) fn whole(value: &Value) -> Option<u32> {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).ok();
    }
    let number = value.as_f64().filter(|number| number.is_sign_positive())?.trunc();
    if number > f64::from(u32::MAX) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Some(number as u32)
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<u32> {
        whole(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn numbers_follow_the_rules_of_the_firmware() {
        for (text, expected) in [
            ("30", Some(30)),
            ("0", Some(0)),
            ("1e3", Some(1000)),
            ("2.9", Some(2)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("1e10", None),
            ("-1", None),
            ("-0.5", None),
            ("\"30\"", None),
            ("true", None),
            ("null", None),
            ("[3]", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn an_object_keeps_its_order_and_its_repetitions() {
        let object = Object::parse(r#"{"b": 1, "a": 2, "b": 3}"#).unwrap();
        assert_eq!(object.entries().map(|(key, _)| key).collect::<Vec<_>>(), ["b", "a", "b"]);
        assert_eq!(object.last("b"), Some(&Value::from(3)));
        assert!(object.leading("b").is_ok());
        assert_eq!(object.leading("a").unwrap_err(), Refusal::MissingKey { key: "a" });
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is_no_json() {
        for text in ["true", "null", "3", "[]", "\"{}\""] {
            assert_eq!(Object::parse(text).unwrap_err(), Refusal::ObjectExpected, "{text}");
        }
        for text in ["", "nan", "{", "{\"state\": on}", "{} {}", &"[".repeat(10_000)] {
            assert_eq!(Object::parse(text).unwrap_err(), Refusal::NotJson, "{text}");
        }
    }
}
