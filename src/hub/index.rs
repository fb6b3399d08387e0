//! The index of last values: where they are, by the levels of their topics, and what that costs.

use std::sync::Arc;

use super::Hub;
use super::channel::{Channel, State};
use super::figures::Figures;
use super::last_value::LastValue;
use super::publication::Publication;
use super::trie::{Near, Trie};
use crate::seldom::Seldom;
use crate::topic::Topic;

/// What a last value costs beside its frame, in bytes: its channel, and the place in the map of channels. Measured on a
/// process with 50,000 of them, with the allocator's overhead; it counts against the bound of the store.
const VALUE_COST: u64 = 200;

/// What a level of a topic costs that no other topic shares, in the index of last values: 45 bytes if its word stands in
/// other topics, 115 if that is new, too. Measured and counted as above.
const LEVEL_COST: u64 = 120;

static FULL: Seldom = Seldom::new();

/// A full store is one fault, not one a message.
#[cold]
pub(super) fn tell_full(channel: &Channel, message: &Publication, figures: &Figures) {
    if let Some(times) = FULL.again("") {
        tracing::warn!(topic = ?channel.topic, from = %message.from, refused = figures.retained_refused.value(), %times,
            "the store of last values is full: raise retained.topics or retained.bytes");
    }
}

impl Hub {
    /// Whether there is room for the first value of a topic, which counts for so many bytes.
    pub(super) fn has_room_for_first(&self, topic: &Topic, len: usize) -> bool {
        let bytes = self.figures.retained_bytes.value() + len as u64 + index_cost(topic);
        self.figures.retained.value() < self.settings.retained_topics as u64
            && bytes <= self.settings.retained_bytes
    }

    /// Keeps the first value of a topic, which counts for so many bytes.
    pub(super) fn add(&self, channel: &Arc<Channel>, state: &mut State, value: LastValue, len: usize) {
        self.add_near(None, channel, state, value, len);
    }

    /// As [`add`](Self::add), near to what was added before.
    pub(super) fn add_near(
        &self,
        near: Option<&mut Near>,
        channel: &Arc<Channel>,
        state: &mut State,
        value: LastValue,
        len: usize,
    ) {
        state.last = Some(value);
        self.figures.retained.add(1);
        // Before the generation is read: a newcomer who misses this entry is in the route.
        self.index(near, &channel.topic, Some(channel));
        self.figures.retained_bytes.add(len as u64);
    }

    pub(super) fn forget(&self, channel: &Arc<Channel>, state: &mut State) {
        if let Some(older) = state.last.take() {
            self.figures.retained.sub(1);
            self.figures.retained_bytes.sub(older.len(&channel.topic) as u64);
            self.index(None, &channel.topic, None);
        }
    }

    /// Puts a topic into the index of last values or takes it out, and counts what that costs.
    fn index(&self, near: Option<&mut Near>, topic: &Topic, channel: Option<&Arc<Channel>>) {
        let mut index = self.last_values.lock();
        let before = index.nodes();
        match near {
            Some(near) => index.change_near(near, topic.as_str(), |_| channel.cloned()),
            None => index.change(topic.as_str(), |_| channel.cloned()),
        };
        let changed = index.nodes().abs_diff(before) as u64 * LEVEL_COST + VALUE_COST;
        match channel {
            Some(_) => self.figures.retained_bytes.add(changed),
            None => self.figures.retained_bytes.sub(changed),
        }
    }

    /// Goes through the index of last values with `walk`, which must be short. A walk that rested there may let go of
    /// nodes, which are then no longer paid for.
    pub(super) fn with_index<T>(&self, walk: impl FnOnce(&mut Trie<Arc<Channel>>) -> T) -> T {
        let mut index = self.last_values.lock();
        let before = index.nodes();
        let result = walk(&mut index);
        self.figures.retained_bytes.sub((before - index.nodes()) as u64 * LEVEL_COST);
        result
    }
}

/// What a topic that is new may cost in the index: it may need a place for each of its levels.
pub(super) fn index_cost(topic: &Topic) -> u64 {
    VALUE_COST + topic.levels().count() as u64 * LEVEL_COST
}
