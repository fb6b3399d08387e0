//! The way through all last values once more, in slices, after something was left out: values that are newer than what was
//! written, and topics that the file has and the hub has not.

use std::vec::IntoIter;

use super::names::Names;
use crate::hub::{Hub, Publication};
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

/// What was met.
#[derive(Debug)]
pub(super) enum Met {
    /// A value that the file may lack.
    Value(Publication),
    /// A topic that has none.
    Gone(Topic),
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
    pub(super) fn go_on(&mut self, hub: &Hub, names: &Names) -> Vec<Met> {
        let (mut found, under_way) = (Vec::new(), self.under_way.take());
        let under_way =
            under_way.or_else(|| self.wanted.take().map(|number| UnderWay::Values { number, place: 0 }));
        self.under_way = match under_way {
            None => None,
            Some(UnderWay::Values { number, place }) => {
                let mut meet = |message| found.push(Met::Value(message));
                match hub.last_values_from(place, SLICE, number, &mut meet) {
                    Some(place) => Some(UnderWay::Values { number, place }),
                    None => Some(UnderWay::Topics(names.topics().into_iter())),
                }
            }
            Some(UnderWay::Topics(mut topics)) => {
                let gone = topics.by_ref().take(SLICE).filter(|topic| !hub.is_kept(topic));
                found.extend(gone.map(Met::Gone));
                (topics.len() > 0).then_some(UnderWay::Topics(topics))
            }
        };
        found
    }
}
