//! The keys of a request.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The keys of a request's payload. Unknown ones are left alone, `null` is the same as absent.
pub(super) struct Keys<'t>(BTreeMap<String, &'t RawValue>);

impl<'t> Keys<'t> {
    pub(super) fn parse(payload: &'t str) -> Result<Self, String> {
        serde_json::from_str(payload).map(Self).map_err(|_| "the payload must be an object".to_owned())
    }

    /// The text of a key that is there.
    pub(super) fn raw(&self, key: &str) -> Option<&'t RawValue> {
        self.0.get(key).copied()
    }

    pub(super) fn typed<T: serde::Deserialize<'t>>(
        &self,
        key: &str,
        expected: &str,
    ) -> Result<Option<T>, String> {
        match self.0.get(key) {
            None => Ok(None),
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| format!("key {key} must be {expected}")),
        }
    }
}
