//! How the store stands, as the figures tell it.

use super::Writer;

const ON: u64 = 1;
const BEHIND: u64 = 2;
pub(in crate::store) const AWAY: u64 = 3;
const REPLACED: u64 = 4;

impl Writer {
    pub(super) fn tell_state(&self) {
        let figures = self.hub.figures();
        let is_behind = self.walk.is_wanted() || self.outage.is_on();
        let state = match (&self.tables, self.was_replaced, is_behind) {
            (None, ..) => AWAY,
            (Some(_), true, _) => REPLACED,
            (Some(_), false, true) => BEHIND,
            (Some(_), false, false) => ON,
        };
        figures.store_state.set(state);
        figures.store_log_bytes.set(self.head.gathered());
        figures.store_values.set(self.names.values() as u64);
    }
}
