//! Which of two last values of a topic stands, where they were said at different hubs that are one.
//!
//! Each message that is kept, or that clears what is kept, has a *clock*: its time, but later than that of whatever stood at
//! its topic when it was said. The later clock wins; of two with one clock the greater text wins, and what clears loses. All
//! hubs find the same, in whatever order they hear it, and what somebody said who had seen another value stands above that.
//! Where there is no cluster nothing is counted.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::atomic::{self, AtomicU64};
use std::time::{Duration, SystemTime};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::channel::State;
use super::clock::{Clock, Standing};
use super::last_value::milliseconds;
use super::publication::Publication;
use super::{Hub, Retention};
use crate::topic::Topic;

/// A clock of another hub that is ahead is followed so far.
pub const MOST_AHEAD: Duration = Duration::from_mins(1);
/// Topics of which is known when they were cleared: twice as many at the most.
const CLEARED: usize = 50_000;

/// The same, to be passed on.
#[derive(Debug)]
pub enum Stands {
    /// A last value.
    Value(Publication),
    /// It was cleared.
    Cleared(Clock),
}

/// What became of something that was said elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It was published.
    New,
    /// It is what stands here already.
    Same,
    /// Something newer stands here. Readings, and what clears, are left out; others were published and not kept.
    Overtaken,
}

/// What a hub of a cluster knows beside its last values.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// By how many milliseconds the clocks of other hubs are ahead, at the most.
    ahead: AtomicU64,
    cleared: Mutex<Cleared>,
}

/// When topics were cleared. What was cleared the longest ago is forgotten, a half at a time.
#[derive(Debug, Default)]
struct Cleared {
    new: HashMap<Topic, Clock, RandomState>,
    old: HashMap<Topic, Clock, RandomState>,
}

impl Cleared {
    fn get(&self, topic: &Topic) -> Option<Clock> {
        self.new.get(topic).or_else(|| self.old.get(topic)).copied()
    }

    fn put(&mut self, topic: &Topic, clock: Clock) {
        if self.new.len() >= CLEARED {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(topic.clone(), clock);
    }

    fn remove(&mut self, topic: &Topic) {
        self.new.remove(topic);
        self.old.remove(topic);
    }
}

impl Agreement {
    /// Another hub is at this clock now.
    fn heard(&self, clock: Clock, now: SystemTime) {
        let ahead = clock.milliseconds().saturating_sub(milliseconds(now));
        if Duration::from_millis(ahead) <= MOST_AHEAD {
            self.ahead.fetch_max(ahead, atomic::Ordering::Relaxed);
        }
    }

    fn clock(&self, time: SystemTime) -> Clock {
        Clock::at(milliseconds(time).saturating_add(self.ahead.load(atomic::Ordering::Relaxed)))
    }

    fn cleared(&self, topic: &Topic) -> Option<Clock> {
        self.cleared.lock().get(topic)
    }

    /// Gives a message that is said here its clock, under the lock of its channel.
    pub(super) fn count(&self, state: &State, message: &Publication) {
        let before = match &state.last {
            Some(last) => Some(last.standing().0),
            None => self.cleared(&message.topic),
        };
        let clock = self.clock(message.time());
        message.set_clock(before.map_or(clock, |before| clock.max(before.next())));
        self.note(state, message);
    }

    /// This message is about to stand at its topic.
    pub(super) fn note(&self, state: &State, message: &Publication) {
        match message.retention {
            Retention::Clear => self.cleared.lock().put(&message.topic, message.clock()),
            Retention::Keep if state.last.is_none() => self.cleared.lock().remove(&message.topic),
            Retention::Keep | Retention::Pass => {}
        }
    }

    /// How something said elsewhere compares with what stands here.
    pub(super) fn compare(&self, state: &State, message: &Publication) -> Ordering {
        let text = (message.retention == Retention::Keep).then(|| message.payload());
        let came = Standing(message.clock(), text);
        match &state.last {
            Some(last) => {
                let (clock, text) = last.standing();
                came.cmp(&Standing(clock, Some(text)))
            }
            None => self
                .cleared(&message.topic)
                .map_or(Ordering::Greater, |clock| came.cmp(&Standing(clock, None))),
        }
    }
}

impl Hub {
    /// Another hub has said that its clock stands there. Those that are behind follow, so that nothing that is said later loses
    /// against what was said before.
    pub fn heard_clock(&self, clock: Clock, now: SystemTime) {
        if let Some(agreement) = self.agreement.get() {
            agreement.heard(clock, now);
        }
    }

    /// What this hub says of its clock.
    pub fn clock(&self, now: SystemTime) -> Clock {
        self.agreement.get().map_or(Clock::of(now), |agreement| agreement.clock(now))
    }

    /// What stands at a topic, for hubs that do not know it.
    pub fn stands(&self, topic: &Topic) -> Option<Stands> {
        let agreement = self.agreement.get()?;
        let last =
            self.channels.with_known(topic, |state| state.last.as_ref().map(|last| last.message(topic)));
        match last.flatten() {
            Some(last) => Some(Stands::Value(last)),
            None => agreement.cleared(topic).map(Stands::Cleared),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Limits;

    fn topic(text: &str) -> Topic {
        Topic::parse(text, &Limits::default()).unwrap()
    }

    #[test]
    fn the_later_clock_wins_and_then_the_greater_text_and_what_clears_loses() {
        let (one, two) = (Clock::at(1), Clock::at(2));
        assert!(Standing(two, Some("1")) > Standing(one, Some("9")));
        assert!(Standing(one, Some("9")) > Standing(one, Some("1")));
        assert!(Standing(one, Some("")) > Standing(one, None));
        assert!(Standing(two, None) > Standing(one, Some("9")));
        assert!(one.next() > one && one.next() < two);
    }

    #[test]
    fn clocks_that_are_a_little_ahead_are_followed_and_others_are_not() {
        let (agreement, now) = (Agreement::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(1000));
        agreement.heard(Clock::of(now + Duration::from_secs(10)), now);
        assert_eq!(agreement.clock(now), Clock::of(now + Duration::from_secs(10)));
        agreement.heard(Clock::of(now + Duration::from_secs(3)), now);
        agreement.heard(Clock::of(now + Duration::from_hours(3)), now);
        assert_eq!(agreement.clock(now), Clock::of(now + Duration::from_secs(10)));
    }

    #[test]
    fn what_was_cleared_is_known_for_so_many_topics() {
        let mut cleared = Cleared::default();
        for n in 0..3 * CLEARED {
            cleared.put(&topic(&n.to_string()), Clock::at(1));
        }
        assert!(cleared.new.len() + cleared.old.len() <= 2 * CLEARED);
        let last = topic(&(3 * CLEARED - 1).to_string());
        assert!(cleared.get(&last).is_some());
        cleared.remove(&last);
        assert_eq!((cleared.get(&last), cleared.get(&topic("0"))), (None, None));
    }
}
