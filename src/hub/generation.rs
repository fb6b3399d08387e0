//! The number that decides whether a last value was delivered live.

/// How often the subscriptions have changed. With it a last value comes exactly once, however publishers and newcomers
/// meet. The proof has four sentences:
///
/// 1. The publisher holds the topic's channel. It puts the value into the index of last values first, then reads the
///    generation and the route of that generation, and notes in the channel at which generation the value went out.
/// 2. The newcomer changes the subscriptions first, which makes generation *g*, and walks the index after that. The walk
///    may take its time: it comes to every value that was in the index when it began and is still there.
/// 3. So both cannot miss each other: if the publisher's route is from *g* or later the newcomer is in it and is offered
///    the value live; if it is older, the value was in the index before the walk began.
/// 4. And both cannot happen: a value that the walk comes to and that went out at *g* or later is left out
///    (`Channel::last_value_for`), as the newcomer was offered that one, or one that it replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Generation(u64);

impl Generation {
    /// Before all subscriptions: a route that was never read. No change makes this one.
    pub(super) const NEVER: Self = Self(0);
    /// That of a hub that nobody has subscribed to.
    pub(super) const FIRST: Self = Self(1);
    /// Of no subscriptions: the route of a channel that was dropped from the map. Whoever still holds the channel must
    /// look its topic up again.
    pub(super) const DROPPED: Self = Self(u64::MAX);

    pub(super) fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u64 {
        self.0
    }
}
