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

use super::generation::Generation;
use super::last_value::LastValue;
use super::publication::Publication;
use super::subscriptions::Receivers;
use crate::topic::Topic;

/// A topic that has been published to. There may be a million of them, so words are counted here.
#[derive(Debug)]
pub(super) struct Channel {
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
    pub last_generation: Generation,
    /// Who gets the messages, as of some generation of the subscriptions.
    pub route: Route,
}

/// Who gets the messages of one topic: each session once, by ascending id.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// The generation of the subscriptions that this was read from, [`Generation::NEVER`] or [`Generation::DROPPED`].
    pub generation: Generation,
    /// The receivers.
    pub targets: Receivers,
}

impl State {
    fn is_dropped(&self) -> bool {
        self.route.generation == Generation::DROPPED
    }
}

impl Channel {
    /// One of which nothing is known.
    pub(super) fn new(topic: Topic) -> Self {
        Self { topic, state: Mutex::default() }
    }

    /// The last value, if it was said from this number on.
    pub(super) fn last_value_since(&self, number: u64) -> Option<Publication> {
        let state = self.state.lock();
        let last = state.last.as_ref().filter(|last| last.number() >= number);
        last.map(|last| last.message(&self.topic))
    }

    /// The last value, if there is one; how many bytes it has, if these are more than so many.
    pub(super) fn last_value_within(&self, bytes: usize) -> Result<Option<Publication>, usize> {
        let state = self.state.lock();
        let Some(last) = &state.last else { return Ok(None) };
        let len = last.len(&self.topic);
        if len <= bytes { Ok(Some(last.message(&self.topic))) } else { Err(len) }
    }

    /// The last value for a session whose subscription made `generation`, unless it was offered that value, or a
    /// newer one, as it happened.
    pub(super) fn last_value_for(&self, generation: Generation) -> Option<Publication> {
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
    /// Receivers in all routes that are remembered.
    receivers: AtomicUsize,
    most_receivers: usize,
}

/// Receivers that may be remembered, for each route that may be.
const RECEIVERS_A_ROUTE: usize = 16;

impl Channels {
    /// None yet. `most_idle` bounds those that hold no last value.
    pub(super) fn new(most_idle: usize) -> Self {
        Self {
            map: DashMap::default(),
            idle: AtomicUsize::new(0),
            most_idle,
            receivers: AtomicUsize::new(0),
            most_receivers: most_idle.saturating_mul(RECEIVERS_A_ROUTE),
        }
    }

    /// Runs `act` with the channel of a topic locked, if there is one. `act` must not wait.
    pub(super) fn with_known<T>(&self, topic: &Topic, act: impl FnOnce(&State) -> T) -> Option<T> {
        let channel = Arc::clone(&self.map.get(topic.as_str())?.key().0);
        let state = channel.state.lock();
        Some(act(&state))
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

    /// As [`with`](Self::with), for a topic that has no channel yet, most likely: it gets this one then.
    pub(super) fn with_new<T>(
        &self,
        channel: &Arc<Channel>,
        act: impl FnOnce(&Arc<Channel>, &mut State) -> T,
    ) -> T {
        self.make_room();
        // Locked before anybody else can have it.
        let mut state = channel.state.lock();
        if let Entry::Vacant(free) = self.map.entry(ByTopic(Arc::clone(channel))) {
            free.insert(());
            let result = act(channel, &mut state);
            self.idle.fetch_add(usize::from(state.last.is_none()), Ordering::Relaxed);
            return result;
        }
        drop(state);
        self.with(&channel.topic, act)
    }

    /// Makes memory for so many channels more, so that the map does not grow step by step while they come.
    pub(super) fn reserve(&self, channels: usize) {
        let shards = self.map.shards();
        // They are not spread quite evenly.
        let each = (channels + channels / 32) / shards.len();
        for shard in shards {
            shard.write().reserve(each, |(topic, _)| self.map.hash_usize(topic) as u64);
        }
    }

    /// How many receivers are remembered, counted one by one.
    #[cfg(test)]
    pub(super) fn receivers(&self) -> usize {
        let counted = self.map.iter().map(|channel| channel.key().0.state.lock().route.targets.len()).sum();
        assert_eq!(counted, self.receivers.load(Ordering::Relaxed));
        counted
    }

    /// How many channels there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    fn find(&self, topic: &Topic) -> Arc<Channel> {
        if let Some(channel) = self.map.get(topic.as_str()) {
            return Arc::clone(&channel.key().0);
        }
        self.make_room();
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

    fn make_room(&self) {
        if self.idle.load(Ordering::Relaxed) >= self.most_idle {
            self.sweep();
        }
    }

    /// Remembers who gets the messages of a channel. Where there are too many receivers all other routes are forgotten:
    /// they are found again when they are needed, and clients that have gone are let go of.
    pub(super) fn remember(&self, state: &mut State, route: Route) {
        let (before, now) = (state.route.targets.len(), route.targets.len());
        state.route = route;
        self.receivers.fetch_sub(before, Ordering::Relaxed);
        if self.receivers.fetch_add(now, Ordering::Relaxed) + now > self.most_receivers {
            self.forget_routes();
        }
    }

    /// Forgets who gets the messages, but for the channels that are in use at this moment.
    fn forget_routes(&self) {
        for channel in &self.map {
            if let Some(mut state) = channel.key().0.state.try_lock() {
                self.forget_route(&mut state, Route::default());
            }
        }
    }

    fn forget_route(&self, state: &mut State, instead: Route) {
        let route = std::mem::replace(&mut state.route, instead);
        self.receivers.fetch_sub(route.targets.len(), Ordering::Relaxed);
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
                self.forget_route(&mut state, Route { generation: Generation::DROPPED, ..Route::default() });
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

    #[test]
    fn a_topic_that_is_taken_for_new_and_is_known_has_the_channel_that_it_had() {
        let channels = Channels::new(10);
        channels.reserve(1000);
        for expected in [false, true] {
            let was_heard = channels.with_new(&Arc::new(Channel::new(topic("a"))), |_, state| {
                std::mem::replace(&mut state.last_generation, Generation::DROPPED) == Generation::DROPPED
            });
            assert_eq!((was_heard, channels.len()), (expected, 1));
        }
    }
}
