//! The way through all last values once more, in slices, after something was left out: values that are newer than what was
//! written, and topics that the file has and the hub has not.

use std::vec::IntoIter;

use super::batch::{Batch, Desk};
use crate::hub::Hub;
use crate::topic::Topic;

/// Places that are looked at in one slice, with one lock for a short time.
const SLICE: usize = 1000;

/// Where the way has come to.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// What is to be gone through next: all values from this number on.
    wanted: Option<u64>,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
enum UnderWay {
    Values { number: u64, place: usize },
    Topics(IntoIter<Topic>),
}

impl Walk {
    /// What was said from this number on may be missing.
    pub(super) fn want(&mut self, number: u64) {
        self.wanted = Some(self.wanted.unwrap_or(u64::MAX).min(number));
    }

    /// Whether the file may lack something.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.is_some() || self.under_way.is_some()
    }

    /// Goes on by one slice.
    pub(super) fn go_on(&mut self, hub: &Hub, batch: &mut Batch, desk: &mut Desk<'_>) {
        let under_way = self.under_way.take();
        let under_way =
            under_way.or_else(|| self.wanted.take().map(|number| UnderWay::Values { number, place: 0 }));
        self.under_way = match under_way {
            None => None,
            Some(UnderWay::Values { number, place }) => {
                let mut keep = |message| batch.keep(&message, desk);
                match hub.last_values_from(place, SLICE, number, &mut keep) {
                    Some(place) => Some(UnderWay::Values { number, place }),
                    None => Some(UnderWay::Topics(desk.names.topics().into_iter())),
                }
            }
            Some(UnderWay::Topics(mut topics)) => {
                let gone = topics.by_ref().take(SLICE).filter(|topic| !hub.is_kept(topic));
                gone.for_each(|topic| batch.forget(&topic, desk));
                (topics.len() > 0).then_some(UnderWay::Topics(topics))
            }
        };
    }
}
