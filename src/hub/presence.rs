//! Who is at home: how many node-side connections stand at each base (`docs/protocol.md`, clause 7.1).

use std::collections::HashMap;
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::talk::timestamp;
use crate::topic::{Base, Topic};

/// Under which name it is told, at each base.
pub(super) const NAME: &str = "presence";

/// What is told.
pub(super) fn payload(state: &str, since: SystemTime) -> String {
    let since = timestamp::milliseconds(since);
    format!("{{\"state\": \"{state}\", \"since\": \"{since}\"}}")
}

/// What is true of a presence from before the hub ended, if that said that somebody was there: nobody is since then.
pub(super) fn went_offline(topic: &Topic, told: &str, ended: SystemTime) -> Option<String> {
    let was_online = topic.last_level() == NAME && is_online(told);
    was_online.then(|| payload("offline", ended))
}

/// Whether that is what is told.
pub(super) fn is_online(told: &str) -> bool {
    told.starts_with("{\"state\": \"online\"")
}

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
