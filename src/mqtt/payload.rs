//! From the bytes of MQTT to the JSON of the hub, and back, so that an MQTT client gets byte for byte what an MQTT client sent. Pure.

use std::borrow::Cow;

use memchr::memchr2;

use crate::talk::{foreign, frame};

/// A payload as JSON.
#[derive(Debug, PartialEq, Eq)]
pub struct Inward<'p> {
    /// JSON text.
    pub json: Cow<'p, str>,
    /// The payload itself, where [`outward`] would not give it back.
    pub raw: Option<&'p str>,
}

/// A payload as JSON: as it came where it is JSON, other text as a string, bytes as `{"$base64": "…"}`.
pub fn inward(payload: &[u8]) -> Inward<'_> {
    let json = foreign::from_bytes(payload);
    let is_the_same = match &json {
        // What was made of it is undone.
        Cow::Owned(_) => true,
        Cow::Borrowed(text) => comes_back(text, payload),
    };
    let raw = if is_the_same { None } else { std::str::from_utf8(payload).ok() };
    Inward { json, raw }
}

/// Whether the JSON that came is what leaves. White space around it is lost in the hub, and a line break in it becomes a blank; a
/// string may leave bare, and what has the form of bytes as these.
fn comes_back(json: &str, payload: &[u8]) -> bool {
    let is_kept = json.len() == payload.len() && memchr2(b'\n', b'\r', payload).is_none();
    is_kept
        && match payload.first() {
            Some(b'"') => bare(json).is_none(),
            Some(b'{') => foreign::to_binary(payload).is_none(),
            _ => true,
        }
}

/// A payload of the hub as an MQTT client gets it: bytes as such, a string bare where that is no JSON itself (`"ON"` as `ON`, but
/// `"1"` as `"1"`), and all else as it is.
pub fn outward(json: &str) -> Cow<'_, [u8]> {
    match json.as_bytes().first() {
        Some(b'"') => bare(json).map_or(Cow::Borrowed(json.as_bytes()), |bare| Cow::Owned(bare.into_bytes())),
        Some(b'{') => foreign::to_binary(json.as_bytes()).map_or(Cow::Borrowed(json.as_bytes()), Cow::Owned),
        _ => Cow::Borrowed(json.as_bytes()),
    }
}

fn bare(json: &str) -> Option<String> {
    let bare: String = serde_json::from_str(json).ok()?;
    frame::payload(&bare).is_none().then_some(bare)
}
