//! A request about the subscription, in the steps in which it is done. Where there is much to do, others have their turn
//! between two steps.

use super::trie::Id;
use crate::talk::Kind;
use crate::talk::control::Configure;
use crate::topic::{Filter, Topic};

/// What is still to be done of a request.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) next: Step,
    /// The work that each step is, at most.
    pub(super) work: usize,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    /// The filters that were asked for are to be read and checked.
    Read { asked: Vec<String>, edit: Edit },
    /// What is to be held is to be found out.
    Edit { asked: Vec<String>, filters: Vec<Filter>, edit: Edit },
    /// There is to be room for it.
    Plan { asked: Vec<String>, held: Vec<Filter>, filters: Vec<Filter> },
    /// There is room for the change, and its answer is to be written.
    Answer(Change),
    /// The change is to be carried out, with this answer.
    CarryOut(Change, String),
    /// The settings are to be read and checked, and there is to be room for the filters.
    Check(Box<Configure>),
    /// The settings are to be taken, and the change is to be carried out.
    Apply(Box<Configure>, Change, Option<Will>),
}

/// What becomes of the filters that are held: of these, and those that were asked for, comes what is to be held.
pub(super) type Edit = fn(&[Filter], Vec<Filter>) -> Vec<Filter>;

impl Step {
    /// The change for which room was made.
    pub(super) fn planned(&self) -> Option<&Change> {
        match self {
            Self::Answer(change) | Self::CarryOut(change, _) | Self::Apply(_, change, _) => Some(change),
            Self::Read { .. } | Self::Edit { .. } | Self::Plan { .. } | Self::Check(_) => None,
        }
    }
}

/// A change of the subscription for which there is room.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) held: Vec<Filter>,
    /// Which of the held ones go, and what they are called.
    pub(super) gone: Vec<(usize, Id)>,
    pub(super) filters: Vec<Filter>,
    /// What those are called that are held already.
    pub(super) stays: Vec<Option<Id>>,
    pub(super) last_values: LastValues,
}

impl Change {
    pub(super) fn added(&self) -> impl Iterator<Item = &Filter> {
        self.filters.iter().zip(&self.stays).filter(|(_, stays)| stays.is_none()).map(|(filter, _)| filter)
    }

    pub(super) fn gone(&self) -> impl Iterator<Item = &Filter> {
        self.gone.iter().filter_map(|(at, _)| self.held.get(*at))
    }
}

/// Where an answer to a subscription stands among what waits.
#[derive(Debug)]
pub(super) enum Answer {
    /// Before everything.
    First(String),
    /// After what waits already.
    InLine(String),
    /// Nowhere: nobody asked.
    None,
}

/// Which last values a change of the subscription brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastValues {
    /// None.
    None,
    /// Those of every topic that is named now.
    All,
    /// Those of the topics that were not named before.
    New,
}

/// A message to be published if the client vanishes.
#[derive(Debug, Clone)]
pub(super) struct Will {
    pub(super) topic: Topic,
    pub(super) kind: Kind,
    pub(super) payload: String,
}
