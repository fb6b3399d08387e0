//! A request about the subscription, in the pieces in which it is done. Where there is much to do, others have their turn
//! between two pieces.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::Retention;
use super::branches::Ways;
use super::demand::Asked;
use super::generation::Generation;
use super::trie::Id;
use crate::talk::Kind;
use crate::talk::control::Configure;
use crate::topic::{Filter, Topic, TopicError};

/// Filters that are handled in one piece: a turn's worth of them.
pub(super) const PIECE: usize = 256;

/// What comes next. Each is done in pieces, but for `Write` and `Switch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The filters that were asked for are read and checked.
    Read,
    /// Those that are held are read.
    Held,
    /// Which of them stay or go, and which are new?
    Compare,
    /// What is held in the end is put together.
    Sum,
    /// In how many ways does that branch?
    Ways,
    /// Room is made for the new ones.
    Reserve,
    /// What the answer names is put together.
    Name,
    /// The answer is written.
    Write,
    /// The new ones get their places among all filters, with nothing at them yet.
    Place,
    /// The places of those that go are held, so that they are still there when nothing is at them.
    Keep,
    /// Other hubs are asked for what comes,
    Ask,
    /// and it is waited for until that is in effect. Only where there are others.
    Await,
    /// All changes at once, for whoever publishes. No place comes or goes here, so it is short.
    Switch,
    /// The look-up of last values learns what was held before,
    NoteHeld,
    /// what went,
    NoteGone,
    /// and what came.
    NoteNew,
    /// The places of those that went are given up.
    LetGo,
}

/// How the filters that are asked for change those that are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// They take their place.
    Replace,
    /// They come to them.
    Add,
    /// They go.
    Remove,
}

/// What a change belongs to, and so how it is answered.
#[derive(Debug)]
pub(super) enum Occasion {
    /// A request about the subscription alone.
    Subscription,
    /// The settings of a transmission, and the will once it was checked.
    Settings(Box<Configure>, Option<Will>),
    /// The user may no longer read what goes: the client is told, though nobody asked.
    Withdrawn,
    /// A function of the hub: nobody is answered.
    Inside,
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
    /// Those of the topics that the filters name which are asked for, whatever named them before.
    Asked,
    /// None, and those that are on their way go on.
    Silent,
}

/// A change of the subscription, as far as it has come.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) step: Step,
    /// Up to here the step is done.
    at: usize,
    pub(super) edit: Edit,
    pub(super) occasion: Occasion,
    pub(super) last_values: LastValues,
    pub(super) asked: Vec<String>,
    /// Which of them are no filters, and why the first of them is none.
    pub(super) bad: Vec<usize>,
    pub(super) error: Option<TopicError>,
    pub(super) forbidden: Vec<usize>,
    /// What was asked for, each once.
    pub(super) wanted: Vec<Filter>,
    pub(super) seen: HashSet<Filter, RandomState>,
    /// What is held, by its place in the session.
    pub(super) held: Vec<Filter>,
    pub(super) places: HashMap<Filter, usize, RandomState>,
    /// Which of the held ones go.
    pub(super) goes: Vec<bool>,
    pub(super) gone: Vec<(Filter, Id)>,
    /// What comes, and whether it may need [`ways`](Self::ways).
    pub(super) new: Vec<Filter>,
    pub(super) is_branching: bool,
    pub(super) ways: Ways,
    /// What is held in the end, and what that is called which is held already.
    pub(super) filters: Vec<Filter>,
    pub(super) stays: Vec<Option<Id>>,
    /// For how many of the new ones there is room.
    pub(super) reserved: usize,
    pub(super) names: Vec<String>,
    pub(super) answer: String,
    /// The places of the new ones, as far as they have any.
    pub(super) placed: Vec<Id>,
    /// How many of those that go are kept in place.
    pub(super) kept: usize,
    /// How many of the new ones other hubs were asked for, and how far that has to come.
    pub(super) demanded: usize,
    pub(super) awaited: Asked,
    /// What the switch made.
    pub(super) generation: Option<Generation>,
}

impl Change {
    pub(super) fn new(edit: Edit, asked: Vec<String>, occasion: Occasion, last_values: LastValues) -> Self {
        Self {
            step: Step::Read,
            at: 0,
            edit,
            occasion,
            last_values,
            asked,
            bad: Vec::new(),
            error: None,
            forbidden: Vec::new(),
            wanted: Vec::new(),
            seen: HashSet::default(),
            held: Vec::new(),
            places: HashMap::default(),
            goes: Vec::new(),
            gone: Vec::new(),
            new: Vec::new(),
            is_branching: false,
            ways: Ways::default(),
            filters: Vec::new(),
            stays: Vec::new(),
            reserved: 0,
            names: Vec::new(),
            answer: String::new(),
            placed: Vec::new(),
            kept: 0,
            demanded: 0,
            awaited: Asked::default(),
            generation: None,
        }
    }

    /// The next piece of a step that goes over so many. After the last one comes the step `next`.
    pub(super) fn piece(&mut self, len: usize, next: Step) -> Range<usize> {
        let piece = self.at.min(len)..len.min(self.at + PIECE);
        self.at = piece.end;
        if piece.end == len {
            (self.step, self.at) = (next, 0);
        }
        piece
    }

    /// Whether the subscription has changed, and its last values are not to be looked up before the look-up knows that.
    pub(super) fn is_being_noted(&self) -> bool {
        matches!(self.step, Step::NoteHeld | Step::NoteGone | Step::NoteNew)
    }

    /// Whether the subscription has changed.
    pub(super) fn is_switched(&self) -> bool {
        self.generation.is_some()
    }
}

/// A message to be published if the client vanishes.
#[derive(Debug, Clone)]
pub(super) struct Will {
    pub(super) topic: Topic,
    pub(super) kind: Kind,
    pub(super) payload: String,
    /// What is to become of it; `None` for what usually becomes of it.
    pub(super) retention: Option<Retention>,
    /// What readers of options see.
    pub(super) passed_on: Box<str>,
    /// For how long it is worth delivering.
    pub(super) lasts: Option<Duration>,
}
