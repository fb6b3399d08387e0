//! The word that was probably meant.

/// How many letters a word may be off for another one to be suggested, at the most.
const MOST_LETTERS: usize = 3;
/// How much of a word is compared; every known word is shorter.
const COMPARED_CHARS: usize = 80;

/// The nearest of the known words, if at most a third of it is different, and three letters. A swap of neighbours
/// counts as one letter.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.chars().take(COMPARED_CHARS).collect::<String>().to_lowercase();
    let off = |known: &'k str| (strsim::osa_distance(&word, known), word.len().abs_diff(known.len()), known);
    let is_near = |(letters, _, known): &(usize, usize, &str)| {
        *letters <= (known.chars().count() / 3).clamp(1, MOST_LETTERS)
    };
    known.into_iter().map(off).filter(is_near).min().map(|(.., known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_a_few_letters_off_is_known_and_no_other() {
        let nearest = |word| nearest(word, ["name", "password", "publish", "retain", "subscribe"]);
        assert_eq!(nearest("Publish"), Some("publish"));
        assert_eq!(nearest("subscibe"), Some("subscribe"));
        assert_eq!(nearest("nmae"), Some("name"), "a swap is one letter");
        assert_eq!(nearest("nmea"), None, "two of four letters are too many");
        assert_eq!(nearest("rules"), None);
        assert_eq!(nearest(""), None);
        assert_eq!(nearest(&"x".repeat(1_000_000)), None);
    }
}
