//! What is said by those who speak no JSON, as JSON: over MQTT and over HTTP it comes as bytes. Pure.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::frame;

/// Bytes that are no text, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Binary<'t> {
    #[serde(rename = "$base64", borrow)]
    base64: Cow<'t, str>,
}

/// How [`Binary`] begins, with or without a blank.
const BINARY_KEY: &str = "\"$base64\"";

/// Bytes as JSON: as they came where they are JSON, otherwise as a string, or, where they are no text, as
/// `{"$base64": "…"}`.
pub fn from_bytes(payload: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(payload) {
        Ok(text) => frame::payload(text).map_or_else(|| Cow::Owned(from_text(text)), Cow::Borrowed),
        Err(_) => Cow::Owned(from_binary(payload)),
    }
}

/// A text as a JSON string.
pub fn from_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Any bytes as `{"$base64": "…"}`.
pub fn from_binary(bytes: &[u8]) -> String {
    let binary = Binary { base64: STANDARD.encode(bytes).into() };
    serde_json::to_string(&binary).unwrap_or_default()
}

/// The bytes that came as `{"$base64": "…"}`; `None` for any other payload.
pub fn to_binary(payload: &[u8]) -> Option<Vec<u8>> {
    let inside = payload.strip_prefix(b"{")?.trim_ascii_start();
    if !inside.starts_with(BINARY_KEY.as_bytes()) {
        return None;
    }
    let binary: Binary<'_> = serde_json::from_slice(payload).ok()?;
    STANDARD.decode(&*binary.base64).ok()
}
