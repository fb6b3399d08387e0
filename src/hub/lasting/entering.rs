//! A message on its way to sessions that last: it enters the book for all of them in one piece, and then their queues.

use std::sync::Arc;

use smallvec::SmallVec;

use super::rows::{Pledge, bytes};
use super::{FOR_ACKNOWLEDGEMENTS, Inside, LastingSessions, Ticket, UNHURRIED};
use crate::hub::groups::Target;
use crate::hub::outbox::Outbox;
use crate::hub::publication::Publication;
use crate::hub::tape::Ask;
use crate::hub::{Figures, Hub};
use crate::moment::Moment;
use crate::talk::control::PublishRefused;

/// Receivers that were given up to make room.
type GivenUp = SmallVec<[Arc<Outbox>; 1]>;

/// What the publisher of a message wants to hear of it, where sessions that last receive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asks {
    /// What the answer has as its `id`.
    pub number: u64,
    /// How the publisher calls the message, where the book is to remember that it has come: it will be sent again otherwise.
    pub received: Option<u16>,
}

impl Hub {
    /// Sessions that are to survive a restart.
    pub fn lasting(&self) -> &Arc<LastingSessions> {
        &self.lasting
    }
}

/// Whether it was published with QoS 0: nobody has a claim to it.
pub(in crate::hub) fn is_worth_nothing_later(message: &Publication) -> bool {
    message.extras().is_some_and(|extras| extras.passed_on.ends_with("\"qos\": 0"))
}

impl LastingSessions {
    /// Enters a message for all of these that are remembered, in one piece, and with what its publisher asks.
    pub(in crate::hub) fn enter(
        self: &Arc<Self>,
        message: &Arc<Publication>,
        targets: &[Target<'_>],
        origin: Option<&Outbox>,
        figures: &Arc<Figures>,
    ) -> (SmallVec<[Option<Arc<Ticket>>; 8]>, GivenUp) {
        let noted = || targets.iter().filter(|target| target.outbox.is_noted());
        if noted().next().is_none() {
            return (targets.iter().map(|_| None).collect(), GivenUp::new());
        }
        let now = Moment::now();
        let asks = origin.and_then(|origin| Some((origin.takes_what_it_asks()?, origin.myself().upgrade()?)));
        let pledge = asks.as_ref().map(|(asks, outbox)| {
            let refusal = PublishRefused { id: Some(asks.number.to_string()), ..PublishRefused::default() };
            Arc::new(Pledge::new(Ask::new(outbox, figures, Box::new(refusal))))
        });
        let within = if pledge.is_some() { FOR_ACKNOWLEDGEMENTS } else { UNHURRIED };
        let mut inside = self.inside.lock();
        let more = noted().map(|target| bytes(message, target.share)).sum::<u64>();
        let mut gone = inside.make_room(more, now);
        if inside.bytes.saturating_add(more) > inside.most_bytes {
            let sessions = noted().map(|target| target.outbox.noted.session());
            gone.extend(sessions.filter_map(|session| inside.remove(session, now)));
        }
        let enter = |target: &Target<'_>| {
            let is_noted = target.outbox.is_noted();
            is_noted.then(|| self.enter_one(&mut inside, message, *target, pledge.as_ref(), now))?
        };
        let tickets = targets.iter().map(enter).collect();
        if let Some((Asks { received: Some(received), .. }, outbox)) = &asks {
            let session = outbox.noted.session();
            if let Some(entry) = inside.entries.get_mut(&session) {
                entry.received.insert(*received);
                entry.is_dirty = true;
                entry.pledges.extend(pledge.clone());
                inside.touch(session, now, within);
            }
        }
        self.release(inside);
        let given_up = gone.iter().filter_map(|entry| entry.outbox.upgrade()).collect();
        drop(gone);
        // Where nobody was there after all, the publisher is answered here.
        drop(pledge);
        (tickets, given_up)
    }

    /// Enters a message for one of those that are remembered.
    fn enter_one(
        self: &Arc<Self>,
        inside: &mut Inside,
        message: &Arc<Publication>,
        target: Target<'_>,
        pledge: Option<&Arc<Pledge>>,
        now: Moment,
    ) -> Option<Arc<Ticket>> {
        let session = target.outbox.noted.session();
        let shared = Arc::clone(&inside.entries.get(&session)?.shared);
        let id = inside.put(session, (message, target.share), false, now);
        if let Some(entry) = inside.entries.get_mut(&session)
            && let Some(row) = entry.rows.get_mut(&id)
        {
            row.pledge = pledge.cloned();
        }
        let within = if pledge.is_some() { FOR_ACKNOWLEDGEMENTS } else { UNHURRIED };
        inside.touch(session, now, within);
        Some(Arc::new(Ticket::new(self, shared, id)))
    }

    /// Enters a message for another member of a group than the one that had it. Its publisher waits for this one from now on.
    pub(in crate::hub) fn enter_again(
        self: &Arc<Self>,
        message: &Arc<Publication>,
        target: Target<'_>,
        before: Option<&Ticket>,
    ) -> (Option<Arc<Ticket>>, GivenUp) {
        if !target.outbox.is_noted() {
            return (None, GivenUp::new());
        }
        let now = Moment::now();
        let mut inside = self.inside.lock();
        let pledge = before.and_then(|before| {
            let entry = inside.entries.get(&before.shared.session)?;
            entry.rows.get(&before.row)?.pledge.clone()
        });
        let gone = inside.make_room(bytes(message, target.share), now);
        let ticket = self.enter_one(&mut inside, message, target, pledge.as_ref(), now);
        self.release(inside);
        let given_up = gone.iter().filter_map(|entry| entry.outbox.upgrade()).collect();
        drop((gone, pledge));
        (ticket, given_up)
    }
}
