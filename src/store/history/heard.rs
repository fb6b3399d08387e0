//! A message as history hears it. Pure.

use crate::topic::Topic;

/// A message as history hears it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard<'m> {
    pub(crate) topic: &'m Topic,
    /// In milliseconds since 1970.
    pub(crate) time: u64,
    pub(crate) payload: &'m str,
    /// The number that this hub has given it; 0 if it came back from the file.
    pub(crate) number: u64,
    /// Whether it was found when all last values were gone through, rather than on the tape.
    pub(crate) is_walked: bool,
}

/// Which message it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Which<'m> {
    pub(crate) topic: &'m Topic,
    pub(crate) number: u64,
    pub(crate) is_walked: bool,
}
