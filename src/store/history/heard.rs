//! A message as history hears it. Pure.

use super::super::bases::Apart;
use crate::topic::Topic;

/// A message as history hears it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard<'m> {
    pub(crate) topic: &'m Topic,
    /// The number of the topic in the file, if it has one.
    pub(crate) id: Option<u64>,
    /// In milliseconds since 1970.
    pub(crate) time: u64,
    pub(crate) payload: &'m str,
    /// The payload once more, where the log has taken it apart.
    pub(crate) apart: Option<Apart<'m>>,
    /// The number that this hub has given it; 0 if it came back from the file.
    pub(crate) number: u64,
    /// Whether it was found when all last values were gone through, rather than on the tape.
    pub(crate) is_walked: bool,
}
