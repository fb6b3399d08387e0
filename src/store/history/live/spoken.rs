//! What history knows of one topic. Pure.

use std::sync::Arc;

use smallvec::SmallVec;

use super::super::heard::Heard;

/// What is known of a topic.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    /// The greatest number of a message that was heard, and the one that was heard when all last values were gone through.
    pub(super) heard: u64,
    pub(super) walked: u64,
    /// The greatest one that was heard before the write `turn`.
    before: u64,
    turn: u64,
    pub(super) series: Ids,
    /// None, once one of the series is gone.
    pub(super) usual: Option<Usual>,
}

/// Numbers of series. Most topics have one.
pub(super) type Ids = SmallVec<[u32; 2]>;

/// A payload of which each number is a reading and nothing else is one, whatever the numbers are.
#[derive(Debug)]
pub(super) struct Usual {
    pub(super) skeleton: Arc<[u8]>,
    /// As many as it has numbers; none where these are the first series of the topic, in their order, as mostly.
    pub(super) series: Option<Box<Ids>>,
}

impl Spoken {
    pub(super) fn hears(&mut self, message: &Heard<'_>, turn: u64) {
        if self.turn != turn {
            (self.before, self.turn) = (self.heard, turn);
        }
        self.heard = self.heard.max(message.number);
        if message.is_walked {
            self.walked = message.number;
        }
    }

    /// The greatest number of a message that was heard and is written, during the write `turn`.
    pub(super) fn written(&self, turn: u64) -> u64 {
        if self.turn == turn { self.before } else { self.heard }
    }
}
