//! Commands that hold for a time only, between the hubs of a cluster: what goes out with them, and what becomes of those that come.

use std::time::Duration;

use super::OVERTAKEN;
use crate::hub::Hub;
use crate::hub::channel::{Channel, State};
use crate::hub::confirm;
use crate::hub::lease::{FarLease, LINGER, Leased, OnItsWay, Superseded};
use crate::hub::outbox::SessionId;
use crate::hub::publication::{Publication, SAFE};
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::Kind;
use crate::topic::{Filter, Limits, Topic};

/// What a node reports is heard from other hubs for so long after nobody waits for it any more.
pub(super) const HEARD_AFTER: Duration = Duration::from_secs(10);
/// The same, and further commands, while other hubs may still be told of a safe one.
pub(super) const HEARD_WHILE_OWED: Duration = LINGER;

/// What becomes of a command of another hub beside its way to the readers.
#[derive(Debug)]
pub(in crate::hub) enum Beside {
    Nothing,
    /// This hub is to end it, too.
    Lease(FarLease),
    /// It is the safe command of a lease that this hub runs as well.
    Safe(OnItsWay<Box<super::Order>>),
}

impl Hub {
    /// What goes to other hubs with a message: nothing with most of them.
    pub fn leased(&self, message: &Publication) -> Leased {
        match message.lease {
            0 => return Leased::Plain,
            SAFE => return Leased::Safe,
            _ => {}
        }
        self.care.with(|book| book.leases.leased(&message.topic, Moment::now().steady()))
    }

    /// What nodes report of a command, and further commands, is heard from other hubs for so long.
    pub(super) fn hear_of(&self, command: &Topic, time: Duration) {
        let Some(demand) = self.demand.get() else { return };
        let stem = format!("{}/#", confirm::stem(command.as_str()));
        if let Ok(filter) = Filter::parse(&stem, &Limits { max_levels: usize::MAX, max_bytes: usize::MAX }) {
            demand.want_for(filter, time);
        }
    }

    /// The same for all leases that there are: this hub begins to hear others.
    pub fn hear_of_leases(&self) {
        let now = Moment::now().steady();
        let all: Vec<_> = self
            .care
            .with(|book| book.leases.told(now).iter().map(|told| (told.topic.clone(), told.left)).collect());
        for (topic, left) in all {
            self.hear_of(&topic, left + HEARD_WHILE_OWED);
        }
    }

    /// A message of another hub is about to be routed, under the lock of its channel.
    #[inline]
    pub(in crate::hub) fn beside(
        &self,
        message: &mut Publication,
        lease: Option<FarLease>,
    ) -> Result<Beside, Superseded> {
        let Some(lease) = lease.filter(|_| message.kind == Kind::Command) else { return Ok(Beside::Nothing) };
        if lease.left.is_zero() {
            message.lease = SAFE;
            let safe = self
                .care
                .with(|book| book.leases.take_safe(&message.topic, &lease.hub, message.payload()))?;
            return Ok(safe.map_or(Beside::Nothing, Beside::Safe));
        }
        message.lease = u32::try_from(lease.left.as_millis()).unwrap_or(SAFE - 1);
        Ok(Beside::Lease(lease))
    }

    /// It was routed, under the same lock.
    pub(in crate::hub) fn beside_was_routed(
        &self,
        channel: &Channel,
        state: &mut State,
        message: &Publication,
        beside: Beside,
    ) {
        let (reader, topic) = match beside {
            Beside::Nothing => return,
            Beside::Lease(_) | Beside::Safe(_) => (self.readers(channel, state).0, &message.topic),
        };
        match beside {
            Beside::Nothing => {}
            Beside::Lease(lease) => self.run_as_well(topic, message, lease, reader),
            Beside::Safe(safe) => {
                let now = Moment::now().steady();
                let ended = self.care.with(|book| {
                    book.leases.was_given(topic, safe, reader, now);
                    book.leases.take_ended()
                });
                self.hear_of(topic, HEARD_WHILE_OWED);
                self.figures.leases_ended.add(ended.len() as u64);
                self.note_leases(ended, "the hub that had taken it has ended it");
            }
        }
        self.care.bell.ring();
    }

    fn run_as_well(&self, topic: &Topic, message: &Publication, lease: FarLease, reader: Option<SessionId>) {
        static TOO_MANY: Seldom = Seldom::new();
        let (now, time) = (Moment::now(), lease.left);
        let (overtaken, is_run, full, ended) = self.care.with(|book| {
            // A node that is away and has the command from before comes back to this hub, as far as anybody knows.
            let is_run = reader.is_some() || book.leases.has_near(topic);
            let (overtaken, run) = if is_run {
                book.leases.run_as_well(topic, &message.from, lease, now)
            } else {
                // The hub that has the node sees to it.
                (book.leases.commanded(topic), Ok(()))
            };
            (overtaken, is_run, run.err(), book.leases.take_ended())
        });
        self.note_leases(ended, "a command with a lease of another hub has followed");
        if let Some(order) = overtaken {
            self.refuse(*order, OVERTAKEN);
        }
        if let Some(full) = full {
            self.figures.leases_not_run.add(1);
            if let Some(times) = TOO_MANY.again(&message.from) {
                tracing::warn!(?topic, user = %message.from, %times, "a lease of another hub is not run here as well, so the node stays as it is if that \
                    hub is not heard: {full}");
            }
        } else if is_run {
            self.hear_of(topic, time + HEARD_AFTER);
        }
    }
}
