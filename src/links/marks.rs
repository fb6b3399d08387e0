//! What the links know of messages, for clients of this hub that are hubs themselves: the same stamps, in the third element.

use std::sync::Arc;

use tokio::time::Instant;

use super::guard::{Guard, Verdict};
use super::stamp::{self, Stamp};
use crate::hub::{KnowsAgain, Marked, Publication};

/// The guard of the links, as the hub asks it.
#[derive(Debug)]
pub(super) struct Known(pub(super) Arc<Guard>);

impl KnowsAgain for Known {
    fn onward(&self, message: &Publication) -> String {
        match message.trail() {
            Some(trail) => stamp::passing(&trail.stamp, self.0.hub()),
            None => stamp::fresh(self.0.hub(), message.number, message.topic.as_str()),
        }
    }

    fn came(&self, mark: &str, message: (&str, &[u8])) -> Marked {
        let Some(stamp) = Stamp::parse(mark) else { return Marked::Nonsense };
        match self.0.came_by_a_client(&stamp, message, Instant::now()) {
            Verdict::New => Marked::New,
            Verdict::Returned | Verdict::Worn => Marked::Again,
        }
    }
}
