//! How it stands with what is to be written. Pure; time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// What a connection knows of its writing half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Everything was written.
    Idle,
    /// Something was put in, and is to be written before anything else is.
    Wanted,
    /// The socket takes nothing at present.
    Blocked {
        /// Bytes that it had taken when it last made progress.
        progress: u64,
        /// When that was.
        since: Instant,
    },
}

impl Writing {
    /// Something was put in that the socket may take.
    pub(crate) fn want(&mut self) {
        if *self == Self::Idle {
            *self = Self::Wanted;
        }
    }

    /// The socket takes nothing at present, and has taken `progress` bytes so far.
    pub(crate) fn block(&mut self, progress: u64, now: Instant) {
        match *self {
            Self::Blocked { progress: before, .. } if before == progress => {}
            Self::Idle | Self::Wanted | Self::Blocked { .. } => {
                *self = Self::Blocked { progress, since: now }
            }
        }
    }

    /// Whether the next frames may be put in.
    pub(crate) fn is_idle(&self) -> bool {
        *self == Self::Idle
    }

    /// When a socket that takes nothing counts as stuck.
    pub(crate) fn stuck_at(&self, patience: Duration) -> Option<Instant> {
        match self {
            Self::Idle | Self::Wanted => None,
            Self::Blocked { since, .. } => Some(*since + patience),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_that_takes_nothing_at_all_counts_as_stuck() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut writing = Writing::Idle;
        writing.want();
        assert_eq!(writing.stuck_at(second), None, "it was not tried yet");
        writing.block(10, start);
        writing.block(10, start + second);
        assert_eq!(writing.stuck_at(second), Some(start + second));
        writing.block(11, start + second);
        assert_eq!(writing.stuck_at(second), Some(start + second * 2));
        writing.want();
        assert!(!writing.is_idle() && writing.stuck_at(second).is_some(), "it is still blocked");
    }
}
