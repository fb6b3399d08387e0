//! One line of a node.

use std::fmt;

use super::payload;

/// What a node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The topic, relative to the base of the node.
    pub topic: String,
    /// The payload, JSON text exactly as it goes on the wire.
    pub payload: String,
}

impl Line {
    pub(super) fn new(topic: impl Into<String>, payload: impl Into<String>) -> Self {
        Self { topic: topic.into(), payload: payload.into() }
    }
}

impl fmt::Display for Line {
    /// The frame, without the line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", payload::quoted(&self.topic), self.payload)
    }
}
