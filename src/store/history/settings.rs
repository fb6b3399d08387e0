//! What is set for history.

use std::time::Duration;

use crate::topic::{Filter, Topic};

/// What is set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Topics that have history.
    pub filters: Vec<Filter>,
    /// Topics that have none, even if they are named there.
    pub never: Vec<Filter>,
    /// How long each reading is kept.
    pub raw: Duration,
    /// How long steps of a minute are kept.
    pub minutes: Duration,
    /// How long steps of a quarter of an hour are kept.
    pub quarters: Duration,
    /// What is said is sealed after so long.
    pub span: Duration,
    /// It is sealed sooner when it takes so many bytes.
    pub open_bytes: usize,
    /// How many series there may be.
    pub series: usize,
    /// How many one topic may have.
    pub series_per_topic: usize,
}

impl Settings {
    /// Whether a topic has history.
    pub(super) fn names(&self, topic: &Topic) -> bool {
        let is_in = |filters: &[Filter]| filters.iter().any(|filter| filter.matches(topic));
        is_in(&self.filters) && !is_in(&self.never)
    }

    /// Whether any topic has.
    pub(crate) fn is_on(&self) -> bool {
        !self.filters.is_empty()
    }
}

#[cfg(test)]
impl Settings {
    /// Some, for tests.
    pub(crate) fn some() -> Self {
        let days = |days: u64| Duration::from_hours(24 * days);
        Self {
            filters: Filter::parse("#", &crate::topic::Limits::default()).into_iter().collect(),
            never: Vec::new(),
            raw: days(7),
            minutes: days(90),
            quarters: days(1095),
            span: Duration::from_hours(2),
            open_bytes: 1 << 24,
            series: 20_000,
            series_per_topic: 32,
        }
    }
}
