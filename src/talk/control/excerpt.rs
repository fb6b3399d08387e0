//! How much of what a stranger wrote is repeated.

/// How many characters of a topic or filter an error repeats.
const SHOWN: usize = 64;

/// A stranger's text, cut to what an answer or a log line may repeat of it.
pub fn shown(text: &str) -> &str {
    text.char_indices().nth(SHOWN).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
