//! One series, in few bytes: there may be very many. Pure.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::super::payload::Found;
use super::super::run::Run;
use super::super::spans::Gone;
use super::super::tables::SeriesRow;
use crate::topic::Topic;

/// So many labels are shared.
const MOST_LABELS: usize = 10_000;

/// Whether a series has numbers or states. Both may be at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Numbers,
    States,
}

impl Kind {
    pub(in super::super) fn code(self) -> u64 {
        match self {
            Self::Numbers => 0,
            Self::States => 1,
        }
    }

    pub(super) fn of_found(found: Found<'_>) -> Self {
        if matches!(found, Found::State(_)) { Self::States } else { Self::Numbers }
    }

    pub(super) fn of(code: u64) -> Option<Self> {
        [Self::Numbers, Self::States].into_iter().find(|kind| kind.code() == code)
    }
}

/// Where in the payloads of its topic a series stands, and in which unit it is told. Those of devices of one kind are the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Label {
    pub(in super::super) path: Box<str>,
    pub(in super::super) unit: Box<str>,
}

/// Labels that are in memory once.
#[derive(Debug, Default)]
pub(super) struct Labels(HashSet<Arc<Label>, RandomState>);

impl Labels {
    pub(super) fn share(&mut self, path: Box<str>, unit: Box<str>) -> Arc<Label> {
        let label = Label { path, unit };
        if let Some(known) = self.0.get(&label) {
            return Arc::clone(known);
        }
        if self.0.len() >= MOST_LABELS {
            // Those that are needed are shared again.
            self.0 = HashSet::default();
        }
        let label = Arc::new(label);
        self.0.insert(Arc::clone(&label));
        label
    }
}

/// One series.
#[derive(Debug)]
pub(in super::super) struct Series {
    pub(in super::super) topic: Topic,
    /// The number of its topic, once that has spoken. They begin with 1.
    of: Option<NonZeroU64>,
    pub(in super::super) label: Arc<Label>,
    /// The newest piece in which it has readings.
    pub(in super::super) newest: u64,
    /// Up to which span nothing of it is left. Mostly that is so for many.
    pub(in super::super) gone: Arc<Gone>,
    /// How its age is counted.
    class: u32,
    pub(in super::super) kind: Kind,
    /// What is being sealed, in front of what was said since.
    pub(in super::super) sealing: Option<Arc<Run>>,
    pub(in super::super) open: Run,
}

impl Series {
    /// One without readings.
    pub(super) fn new(topic: Topic, label: Arc<Label>, kind: Kind, class: usize, gone: Arc<Gone>) -> Self {
        let class = u32::try_from(class).unwrap_or_default();
        Self { topic, of: None, label, newest: 0, gone, class, kind, sealing: None, open: Run::default() }
    }

    /// The number of its topic, once that has spoken.
    pub(super) fn of(&self) -> Option<u64> {
        self.of.map(NonZeroU64::get)
    }

    pub(super) fn is_of(&mut self, topic: Option<u64>) {
        self.of = topic.and_then(NonZeroU64::new);
    }

    /// How its age is counted.
    pub(super) fn class(&self) -> usize {
        self.class as usize
    }

    /// As the file has it.
    pub(in super::super) fn row(&self, newest: u64) -> SeriesRow {
        SeriesRow {
            topic: self.topic.as_str().into(),
            path: self.label.path.clone(),
            kind: self.kind.code(),
            unit: self.label.unit.clone(),
            newest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spoken::Spoken;
    use super::*;

    /// There may be 20,000 of both, and more where somebody asks for it. The next larger block of the allocator has 160 bytes.
    #[test]
    fn a_series_and_what_is_known_of_its_topic_are_small() {
        assert_eq!(size_of::<Series>(), 128);
        assert_eq!(size_of::<Option<Spoken>>(), 88);
    }

    #[test]
    fn what_many_series_are_called_is_in_memory_once_and_has_a_bound() {
        let mut labels = Labels::default();
        let mut label = |path: &str, unit: &str| labels.share(path.into(), unit.into());
        let first = label("/temperature/0", "C");
        assert!(Arc::ptr_eq(&first, &label("/temperature/0", "C")));
        assert!(!Arc::ptr_eq(&first, &label("/temperature/0", "K")));
        for n in 0..2 * MOST_LABELS {
            label(&n.to_string(), "");
        }
        assert!(labels.0.len() <= MOST_LABELS);
    }
}
