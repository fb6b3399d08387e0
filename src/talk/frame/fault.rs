//! Why a text is no frame.

use std::fmt;

use super::habit::Habit;

/// How many arrays and objects a payload may hold inside each other.
pub const MAX_DEPTH: u32 = 128;

/// Why a text is no frame, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameError {
    /// Bytes from the start of the frame to the place where it stopped making sense.
    pub at: usize,
    /// What was wrong there.
    pub fault: Fault,
}

/// What can be wrong with a frame; all of it is the sender's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The text does not start with `[`.
    NotAnArray,
    /// The text ended where something was still to come.
    Ended,
    /// A character that has no place here; the text says what was expected.
    Expected(&'static str),
    /// An escape in a string that JSON does not know.
    Escape,
    /// A control character inside a string, which must be written as an escape.
    ControlCharacter,
    /// The first element is not a string.
    TopicNotAString,
    /// Only a topic.
    NoPayload,
    /// The third element is not an object.
    OptionsNotAnObject,
    /// More than three elements.
    TooManyElements,
    /// More than [`MAX_DEPTH`] arrays and objects inside each other.
    TooDeep,
    /// Text goes on after the closing bracket of the frame.
    TextAfterFrame,
    /// A NUL byte in a frame, or between two.
    Nul,
    /// Not JSON, but what other languages and people write in its place.
    Habit(Habit),
}

impl Fault {
    pub(super) const NO_VALUE: Self = Self::Expected("a value");
    pub(super) const NO_DIGIT: Self = Self::Expected("a digit");
    pub(super) const NO_KEY: Self = Self::Expected("a key in quotes");
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnArray => f.write_str("a frame is a JSON array: [\"topic\", payload]"),
            Self::Ended => {
                f.write_str("not JSON: the frame ends too early, a bracket or quote is not closed")
            }
            Self::Expected(what) => write!(f, "not JSON: expected {what}"),
            Self::Escape => f.write_str("not JSON: unknown escape in a string"),
            Self::ControlCharacter => {
                f.write_str("not JSON: control character in a string, write it as \\u00XX")
            }
            Self::TopicNotAString => {
                f.write_str("the first element, the topic, must be a string in double quotes")
            }
            Self::NoPayload => f.write_str("the frame has no payload: [\"topic\", payload]"),
            Self::OptionsNotAnObject => f.write_str("the third element, the options, must be an object"),
            Self::TooManyElements => f.write_str("a frame has two or three elements, not more"),
            Self::TooDeep => write!(f, "nesting deeper than {MAX_DEPTH}"),
            Self::TextAfterFrame => {
                f.write_str("text after the end of the frame, a line feed must come between two")
            }
            Self::Nul => f.write_str(
                "NUL byte: it may stand at the end of a line or message only; send the text alone",
            ),
            Self::Habit(habit) => fmt::Display::fmt(habit, f),
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.fault, self.at)
    }
}

impl std::error::Error for FrameError {}
