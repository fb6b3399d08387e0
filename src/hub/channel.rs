//! One topic as the hub knows it: its last value, and who gets its messages.
//!
//! Both live behind one lock, and that lock is what puts the messages of a topic in order: whoever publishes holds
//! it from keeping the value to the last offer. Nothing is waited for meanwhile. Publishers of other topics never
//! meet there.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::{DashMap, Entry};
use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::last_value::LastValue;
use super::publication::Publication;
use super::subscriptions::Receivers;
use crate::topic::Topic;

/// A topic that has been published to. There may be a million of them, so words are counted here.
#[derive(Debug)]
pub struct Channel {
    /// Which.
    pub topic: Topic,
    state: Mutex<State>,
}

/// What is known of a topic.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last value.
    pub last: Option<LastValue>,
    /// The generation of the route by which the last value went out: whoever subscribed at this generation or
    /// earlier has been offered it.
    pub last_generation: u64,
    /// Who gets the messages, as of some generation of the subscriptions.
    pub route: Route,
}

/// Who gets the messages of one topic: each session once, by ascending id.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// The generation of the subscriptions that this was read from; none of theirs is 0.
    pub generation: u64,
    /// The receivers.
    pub targets: Receivers,
}

/// The generation of the route of a channel that was dropped from the map; whoever still holds it must look the topic
/// up again.
const DROPPED: u64 = u64::MAX;

impl State {
    fn is_dropped(&self) -> bool {
        self.route.generation == DROPPED
    }
}

impl Channel {
    fn new(topic: Topic) -> Self {
        Self { topic, state: Mutex::default() }
    }

    /// The last value for a session whose subscription made `generation`, unless it was offered that value, or a
    /// newer one, as it happened.
    pub fn last_value_for(&self, generation: u64) -> Option<Publication> {
        let state = self.state.lock();
        let last = state.last.as_ref().filter(|_| state.last_generation < generation);
        last.map(|last| last.message(&self.topic))
    }
}

/// A channel as the map knows it: by its topic.
#[derive(Debug)]
struct ByTopic(Arc<Channel>);

impl Borrow<str> for ByTopic {
    fn borrow(&self) -> &str {
        self.0.topic.as_str()
    }
}

impl Hash for ByTopic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.topic.as_str().hash(state);
    }
}

impl PartialEq for ByTopic {
    fn eq(&self, other: &Self) -> bool {
        self.0.topic == other.0.topic
    }
}

impl Eq for ByTopic {}

/// All channels. Those without a last value are a cache of routes and are bounded as such; the others are bounded by
/// what the hub may retain.
#[derive(Debug)]
pub(super) struct Channels {
    map: DashMap<ByTopic, (), RandomState>,
    /// How many there are without a last value, roughly: corrected by each sweep.
    idle: AtomicUsize,
    most_idle: usize,
}

impl Channels {
    /// None yet. `most_idle` bounds those that hold no last value.
    pub(super) fn new(most_idle: usize) -> Self {
        Self { map: DashMap::default(), idle: AtomicUsize::new(0), most_idle }
    }

    /// Runs `act` with the channel of a topic locked. `act` must not wait.
    pub(super) fn with<T>(&self, topic: &Topic, act: impl FnOnce(&Arc<Channel>, &mut State) -> T) -> T {
        loop {
            let channel = self.find(topic);
            let mut state = channel.state.lock();
            if !state.is_dropped() {
                let had = state.last.is_some();
                let result = act(&channel, &mut state);
                match (had, state.last.is_some()) {
                    (false, true) => self.idle.fetch_sub(1, Ordering::Relaxed),
                    (true, false) => self.idle.fetch_add(1, Ordering::Relaxed),
                    _ => 0,
                };
                return result;
            }
        }
    }

    /// How many channels there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.map.len()
    }

    fn find(&self, topic: &Topic) -> Arc<Channel> {
        if let Some(channel) = self.map.get(topic.as_str()) {
            return Arc::clone(&channel.key().0);
        }
        if self.idle.load(Ordering::Relaxed) >= self.most_idle {
            self.sweep();
        }
        let channel = Arc::new(Channel::new(topic.clone()));
        match self.map.entry(ByTopic(Arc::clone(&channel))) {
            // Somebody else was first.
            Entry::Occupied(there) => Arc::clone(&there.key().0),
            Entry::Vacant(free) => {
                self.idle.fetch_add(1, Ordering::Relaxed);
                free.insert(());
                channel
            }
        }
    }

    /// Forgets who gets the messages, but for the channels that are in use at this moment. Returns how many receivers
    /// are still remembered.
    pub(super) fn forget_routes(&self) -> usize {
        let mut kept = 0;
        for channel in &self.map {
            if let Some(mut state) = channel.key().0.state.try_lock() {
                state.route = Route::default();
            } else {
                kept += 1;
            }
        }
        kept
    }

    /// Drops every channel that is only a cached route and that nobody is publishing to at this moment.
    fn sweep(&self) {
        let mut kept = 0;
        self.map.retain(|ByTopic(channel), ()| {
            let Some(mut state) = channel.state.try_lock() else {
                kept += 1;
                return true;
            };
            if state.last.is_none() {
                state.route = Route { generation: DROPPED, ..Route::default() };
            }
            !state.is_dropped()
        });
        self.idle.store(kept, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::Kind;
    use crate::topic::Limits;
    use std::time::SystemTime;

    fn topic(text: &str) -> Topic {
        Topic::parse(text, &Limits::default()).unwrap()
    }

    #[test]
    fn channels_without_a_last_value_are_bounded_and_the_others_stay() {
        let channels = Channels::new(10);
        let kept = topic("kept/1");
        channels.with(&kept, |channel, state| {
            let message = Publication::new(
                channel.topic.clone(),
                "1",
                Kind::Reading,
                "u".into(),
                SystemTime::UNIX_EPOCH,
            );
            state.last = Some(LastValue::of(&message));
        });
        for n in 0..1_000 {
            channels.with(&topic(&format!("passing/{n}")), |_, _| ());
            assert!(channels.len() <= 12);
        }
        assert!(channels.with(&kept, |_, state| state.last.is_some()));
    }

    #[test]
    fn a_channel_that_was_dropped_while_it_was_held_is_looked_up_again() {
        let channels = Channels::new(1);
        let held = channels.with(&topic("a"), |channel, _| Arc::clone(channel));
        channels.sweep();
        assert!(held.state.lock().is_dropped());
        let again = channels.with(&topic("a"), |channel, _| Arc::clone(channel));
        assert!(!Arc::ptr_eq(&held, &again));
    }
}
