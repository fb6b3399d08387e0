//! Why a node did not do what a frame asked.

use thiserror::Error;

/// Why a frame was refused. All of it is the sender's doing; the wire carries nothing of it, as the 2017 bridge
/// firmware kept it to its own log. Holds no text of the sender, so it is safe to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The node has not been booted.
    #[error("node is off")]
    PoweredOff,
    /// The payload is not JSON.
    #[error("payload is not JSON")]
    NotJson,
    /// A bridge takes objects alone.
    #[error("payload is not an object")]
    ObjectExpected,
    /// A level of the topic has more than 32 bytes.
    #[error("topic level has {bytes} bytes, the limit is 32")]
    LevelTooLong {
        /// Bytes found.
        bytes: usize,
    },
    /// More than 4 levels.
    #[error("topic has {levels} levels, the limit is 4")]
    TooDeep {
        /// Levels found, empty ones not counted.
        levels: usize,
    },
    /// Fewer than 3 levels.
    #[error("topic has {levels} levels, a request has 3 or 4")]
    TooShallow {
        /// Levels found, empty ones not counted.
        levels: usize,
    },
    /// The second level is no address, as `i2c0-48`, `-` or `0`.
    #[error("address is not understood")]
    BadAddress,
    /// Something else answers at this address.
    #[error("type does not go with this address, which belongs to a {expected}")]
    TypeMismatch {
        /// The type registered there.
        expected: &'static str,
    },
    /// Type and address are right, but the device is not there.
    #[error("tag or module is not plugged in")]
    NotPluggedIn,
    /// The device knows no such request.
    #[error("request is not known here")]
    UnknownRequest,
    /// A key is missing, or not in the place where it is read.
    #[error("{key} is missing")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A value of wrong type or out of range.
    #[error("{key} must be {expected}")]
    BadValue {
        /// What the value is for.
        key: &'static str,
        /// What would have been good.
        expected: &'static str,
    },
    /// Too many requests wait already.
    #[error("queue of {capacity} is full")]
    QueueFull {
        /// How many may wait.
        capacity: usize,
    },
    /// No radio node of that id.
    #[error("no radio node has this id")]
    UnknownNode,
    /// The radio node runs on a battery and does not listen.
    #[error("radio node is asleep")]
    Asleep,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_would_have_been_good() {
        let refusal = Refusal::BadValue { key: "state", expected: "true or false" };
        assert_eq!(refusal.to_string(), "state must be true or false");
        assert_eq!(Refusal::TooDeep { levels: 5 }.to_string(), "topic has 5 levels, the limit is 4");
    }
}
