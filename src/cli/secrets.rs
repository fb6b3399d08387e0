//! Words of a command line that may hold a password.

/// A word that may hold a password. It is not taken apart, as a URL that was typed wrong may have its password anywhere.
pub(super) fn looks_secret(word: &str) -> bool {
    word.contains('@') || word.contains("://")
}

/// A URL where a topic or a filter belongs is a hub that was meant to be called.
pub(super) fn no_url(text: &str) -> Result<(), String> {
    let is_url = ["ws://", "wss://", "http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    if is_url { Err("a URL goes behind --url".to_owned()) } else { Ok(()) }
}
