//! How history stands, for the figures.

use super::{Keeper, Live};

impl Keeper {
    pub(super) fn tell(&self, live: &Live) {
        let oldest = live.spans().values().map(|span| span.first / 1000).min();
        self.figures.history_oldest.set(oldest.or(live.open_since().map(|at| at / 1000)).unwrap_or_default());
        self.figures.history_series.set(live.series().len() as u64);
        self.figures.history_spans.set(live.spans().len() as u64);
        self.figures.history_open_bytes.set(live.open_bytes() as u64);
    }
}
