//! Who is at home: how many node-side connections stand at each base (`docs/protocol.md`, clause 7.1).

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::topic::Base;

/// Counts node-side connections by base.
#[derive(Debug, Default)]
pub(super) struct Presence(Mutex<HashMap<Base, usize>>);

impl Presence {
    /// One more; runs `first` if it is the only one, before anybody else can come or go.
    pub(super) fn enter(&self, base: &Base, first: impl FnOnce()) {
        let mut nodes = self.0.lock();
        let count = nodes.entry(base.clone()).or_default();
        *count += 1;
        if *count == 1 {
            first();
        }
    }

    /// One less; runs `last` if nobody is left, before anybody else can come or go.
    pub(super) fn leave(&self, base: &Base, last: impl FnOnce()) {
        let mut nodes = self.0.lock();
        if let Some(count) = nodes.get_mut(base) {
            *count -= 1;
            if *count == 0 {
                nodes.remove(base);
                last();
            }
        }
    }
}
