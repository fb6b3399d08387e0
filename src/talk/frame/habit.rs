//! What devices, languages and people write in place of JSON, and what each is to send.

use std::fmt;

/// What stands in place of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Habit {
    /// A word for something that JSON writes in another way, or not at all.
    Word {
        /// As it stands there.
        word: &'static str,
        /// What JSON has for it.
        send: &'static str,
    },
    /// `.5`
    LeadingPoint,
    /// `1.`
    TrailingPoint,
    /// `+1`
    PlusSign,
    /// `01`
    LeadingZero,
    /// `0x1A`
    Hexadecimal,
    /// `21,5`, which is two elements.
    DecimalComma,
    /// A text without quotes.
    UnquotedText,
    /// A key without quotes.
    UnquotedKey,
    /// `'text'`
    SingleQuotes,
    /// Other characters that enclose a text elsewhere.
    OtherQuotes(char),
    /// A comma in front of a closing bracket.
    TrailingComma,
    /// `// …`, `/* … */` or `# …`
    Comment,
    /// `{"topic": "a", "payload": 1}`
    ObjectFrame,
    /// The whole frame in quotes.
    QuotedFrame,
}

impl fmt::Display for Habit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word { word, send } => write!(f, "{word} is not JSON: send {send}"),
            Self::LeadingPoint => f.write_str("not JSON: a number must not begin with a point: send 0.5, not .5"),
            Self::TrailingPoint => f.write_str("not JSON: a number must not end with a point: send 1.0, not 1."),
            Self::PlusSign => f.write_str("not JSON: a number must not begin with a plus sign: send 1, not +1"),
            Self::LeadingZero => f.write_str("not JSON: a number must not begin with a zero: send 1, not 01"),
            Self::Hexadecimal => f.write_str("not JSON: a hexadecimal number: send 26, not 0x1A"),
            Self::DecimalComma => f.write_str(
                "the third element, the options, must be an object; a decimal number has a point: send 1.5, not 1,5",
            ),
            Self::UnquotedText => f.write_str("not JSON: a text must stand in double quotes: send \"text\""),
            Self::UnquotedKey => f.write_str("not JSON: a key must stand in double quotes: send {\"key\": 1}"),
            Self::SingleQuotes => f.write_str("not JSON: single quotes: a text must stand in double quotes"),
            Self::OtherQuotes(quote) => {
                write!(f, "not JSON: {quote} is not a quotation mark there: a text must stand in double quotes")
            }
            Self::TrailingComma => f.write_str("not JSON: a comma in front of the closing bracket: leave it out"),
            Self::Comment => f.write_str("not JSON: a comment: leave it out"),
            Self::ObjectFrame => f.write_str("a frame is a JSON array and not an object: [\"topic\", payload]"),
            Self::QuotedFrame => {
                f.write_str("a frame is a JSON array and not a text in quotes: [\"topic\", payload]")
            }
        }
    }
}
