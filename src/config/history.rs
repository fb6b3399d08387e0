//! Section `[history]`.

use std::time::Duration;

use super::reader::Reader;
use crate::topic::{self, Filter};

/// Section `[history]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Topics that have history.
    pub filters: Vec<Filter>,
    /// Topics that have none, even if they are named there.
    pub never: Vec<Filter>,
    /// How long each reading is kept.
    pub raw: Duration,
    /// How long steps of a minute are kept; not below [`History::raw`].
    pub minutes: Duration,
    /// How long steps of a quarter of an hour are kept; not below [`History::minutes`].
    pub quarters: Duration,
    /// After how long what was said is sealed.
    pub span: Duration,
    /// How many bytes of it are held in memory at the most.
    pub open_bytes: usize,
    /// How many series there may be.
    pub series: usize,
    /// How many series a topic may have.
    pub series_per_topic: usize,
}

impl History {
    pub(super) fn read(reader: &mut Reader, topic: &topic::Limits) -> Self {
        Self {
            filters: reader.filters("history.filters", topic),
            never: reader.filters("history.never", topic),
            raw: reader.days("history.raw_days", 1..=36_500),
            minutes: reader.days("history.minute_days", 1..=36_500),
            quarters: reader.days("history.quarter_days", 1..=36_500),
            span: reader.seconds("history.span_seconds", 1..=86_400),
            open_bytes: reader.count("history.open_bytes", 65_536..=1024 * 1024 * 1024, "bytes"),
            series: reader.count("history.series", 1..=10_000_000, "series"),
            series_per_topic: reader.count("history.series_per_topic", 1..=1000, "series"),
        }
    }
}
