//! Who reads a command, and the safe command on its way to whoever does.

use std::sync::Arc;

use crate::hub::Hub;
use crate::hub::channel::{Channel, State};
use crate::hub::outbox::SessionId;
use crate::hub::publication::{Publication, SAFE};
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::Kind;
use crate::topic::Topic;

impl Hub {
    /// Sends the safe command, if there is a node that has not had it.
    pub(super) fn make_safe(&self, topic: &Topic, now: Moment) {
        static MADE_SAFE: Seldom = Seldom::new();
        self.channels.with(topic, |channel, state| {
            let (reader, has_other_hubs) = self.readers(channel, state);
            let told = self.care.with(|book| book.leases.tell(topic, reader, has_other_hubs, now.steady()));
            let Some((safe, user)) = told else { return };
            if has_other_hubs {
                self.hear_of(topic, super::HEARD_WHILE_OWED);
            }
            let mut message = Publication::new(topic.clone(), &safe, Kind::Command, "hub".into(), now.wall());
            message.number = self.figures.published.count();
            message.lease = SAFE;
            // It passes, so there is no store that could be full.
            let _ = self.deliver(channel, state, &Arc::new(message), None, None);
            if let Some(times) = MADE_SAFE.again(&user) {
                tracing::info!(?topic, %user, %times, "a lease has ended: the safe command is sent");
            }
        });
    }

    /// The newest node or link that gets the messages of a topic.
    pub(super) fn reader(
        &self,
        channel: &Channel,
        state: &mut State,
        origin: Option<SessionId>,
    ) -> Option<SessionId> {
        self.refresh_route(channel, state);
        state.route.targets.newest_that_carries_out(origin)
    }

    /// The newest node or link here that gets the messages of a topic, and whether other hubs get them, too.
    pub(super) fn readers(&self, channel: &Channel, state: &mut State) -> (Option<SessionId>, bool) {
        self.refresh_route(channel, state);
        let beyond = self.subscriptions.beyond();
        let targets = &state.route.targets;
        let has_other_hubs = beyond.is_some() && targets.all().iter().any(|target| Some(target.id) == beyond);
        (targets.newest_that_carries_out(beyond), has_other_hubs)
    }

    /// A command with a lease is about to be routed: whether a node here gets it is remembered.
    pub(super) fn note_reader(&self, channel: &Channel, state: &mut State, has_lease: bool) {
        if has_lease && self.readers(channel, state).0.is_some() {
            self.care.with(|book| book.leases.is_near(&channel.topic));
        }
    }
}
