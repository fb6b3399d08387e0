//! What a client asks for: a command with care, and which leases there are.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Book, Granted, HEARD_AFTER, Order, Stored, Terms, TooMany};
use crate::audit;
use crate::hub::allowance::Excess;
use crate::hub::doors::Message;
use crate::hub::publication::Publication;
use crate::hub::session::Session;
use crate::hub::wish::{COMPARED, Wish};
use crate::hub::{Retention, Rights, confirm};
use crate::moment::Moment;
use crate::talk::control::{PublishRefused, ToldLease};
use crate::talk::options::LeaseOption;
use crate::talk::{Kind, Reply};
use crate::topic::{Filter, Topic};

/// Leases that one answer tells.
const TOLD: usize = 1000;
/// Filters that a question may have.
const FILTERS: usize = 16;
/// Looking at a lease is as much work as so many steps.
const STEPS_A_LEASE: usize = 2;

/// What a client wants to come of a command.
pub(in crate::hub) struct Wants {
    pub(in crate::hub) confirm: Option<Duration>,
    pub(in crate::hub) lease: Option<Box<LeaseOption>>,
}

impl Wants {
    pub(in crate::hub) fn anything(&self) -> bool {
        self.confirm.is_some() || self.lease.is_some()
    }
}

/// Whether somebody with these rights may hear what becomes of commands about this.
pub(super) fn may_hear_of(rights: &Rights, stem: &str, limits: &crate::topic::Limits) -> bool {
    Filter::parse(stem, limits).is_ok_and(|stem| rights.may_subscribe(&stem))
}

impl Session {
    /// Publishes a command that is to be confirmed, or that holds for a time only. It counts as two messages. `refusal` is
    /// what the client is to hear where that leads to nothing, less the reason; its `id` stands in all answers.
    pub(in crate::hub) fn publish_with_care(
        &mut self,
        message: Message<'_>,
        wants: Wants,
        mut refusal: PublishRefused,
        now: Moment,
    ) -> Result<(), Excess> {
        self.allowance.frame(now.steady())?;
        match self.order(message, wants, &refusal, now) {
            Ok((order, terms)) => {
                self.ask_others_for_the_state(&order);
                self.place(order, terms, now);
            }
            Err(reason) => {
                refusal.reason = reason;
                self.outbox.reply(Reply::PublishError(refusal).text());
            }
        }
        Ok(())
    }

    /// The node may be at another hub. What it reports is heard as long as somebody here waits for it.
    fn ask_others_for_the_state(&self, order: &Order) {
        let within = order.confirm.as_ref().map_or(Duration::ZERO, |(_, within)| *within);
        let time = within.max(order.lease.unwrap_or_default()) + HEARD_AFTER;
        self.hub.hear_of(&order.message.topic, time);
    }

    /// The command, if it may be given.
    fn order(
        &self,
        message: Message<'_>,
        wants: Wants,
        refusal: &PublishRefused,
        now: Moment,
    ) -> Result<(Order, Option<Terms>), String> {
        let Message { topic, payload, kind, retention, extras, was_kept: _ } = message;
        if kind != Kind::Command {
            let reason =
                "options confirm and lease are for commands, as relay/0/set: the message was not published";
            return Err(reason.to_owned());
        }
        self.check_rights(&topic, retention.is_some()).map_err(|refusal| refusal.to_string())?;
        if payload.len() > COMPARED {
            return Err(format!("options confirm and lease take a payload of at most {COMPARED} bytes"));
        }
        let confirm = match wants.confirm {
            Some(within) => {
                let wish = self.wish(&topic, payload)?;
                Some((wish, within))
            }
            None => None,
        };
        let (user, holder) = (Arc::clone(&self.client.user), self.outbox.id);
        let lease = wants.lease.as_ref().map(|lease| lease.time);
        let terms = wants.lease.map(|lease| {
            let LeaseOption { time, safe, keep } = *lease;
            Terms { user: Arc::clone(&user), holder, time, safe: safe.into(), keep, is_near: false }
        });
        let retention = retention.unwrap_or_else(|| self.usual_retention(&topic, kind));
        let mut message = Publication::new(topic, payload, kind, user, now.wall());
        message.set_extras(extras);
        message.retention = retention;
        message.lease = lease.map_or(0, |time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
        if lease.is_some() && retention == Retention::Keep {
            return Err("a command with a lease cannot be kept as a last value".to_owned());
        }
        let (outbox, refusal) = (Arc::clone(&self.outbox), refusal.clone());
        Ok((Order { message, outbox, refusal, confirm, lease }, terms))
    }

    /// What is to be confirmed, if the client may hear of it.
    fn wish(&self, command: &Topic, payload: &str) -> Result<Wish, String> {
        let stem = confirm::stem(command.as_str());
        if !may_hear_of(&self.client.rights, stem, &self.hub.settings().topic) {
            let reason = "forbidden: option confirm takes the right subscribe for the state";
            self.hub.figures().forbidden.add(1);
            self.hub.note_refusal(&self.outbox, command, reason);
            audit::refused(&self.client.user, self.address(), "subscribe", stem);
            return Err(reason.to_owned());
        }
        Wish::of(command.as_str(), payload).ok_or_else(|| "the payload cannot be compared".to_owned())
    }

    /// Routes the command, or lets it wait for its lease to be on the disk.
    fn place(&self, order: Order, terms: Option<Terms>, now: Moment) {
        self.outbox.part.takes_care.store(true, Ordering::Relaxed);
        let (hub, topic) = (&self.hub, order.message.topic.clone());
        hub.channels.with(&topic, |channel, state| {
            if order.confirm.is_some()
                && let Some(too_many) = hub.care.with(|book| room(book, &order))
            {
                return hub.refuse(order, &format!("not published: {too_many}"));
            }
            let Some(mut terms) = terms else {
                return hub.carry(channel, state, order, Stored(true), now);
            };
            terms.is_near = hub.readers(channel, state).0.is_some();
            match hub.care.with(|book| book.leases.ask(&topic, terms, Box::new(order), now)) {
                Err((full, order)) => hub.refuse(*order, &format!("not published: {full}")),
                Ok((granted, overtaken)) => {
                    if let Some(overtaken) = overtaken {
                        hub.refuse(*overtaken, super::OVERTAKEN);
                    }
                    match granted {
                        Granted::Now(order, stored) => hub.carry(channel, state, *order, stored, now),
                        Granted::Later => hub.care.bell.ring(),
                    }
                }
            }
        });
    }

    /// Tells the leases on all topics that the filters name.
    pub(in crate::hub) fn tell_leases(&mut self, filters: &[Filter], now: Moment) -> Reply {
        if filters.len() > FILTERS {
            let reason = format!("{} filters, this request takes {FILTERS}", filters.len());
            return Reply::LeaseError { reason, filters: vec![] };
        }
        let view = self.outbox.view;
        let (mut leases, mut more, mut looked_at) = (Vec::new(), 0, 0);
        self.hub.care.with(|book| {
            for told in book.leases.told(now.steady()) {
                looked_at += 1;
                let is_asked =
                    view.names(told.topic) && filters.iter().any(|filter| filter.matches(told.topic));
                match is_asked {
                    true if leases.len() < TOLD => leases.push(ToldLease {
                        topic: view.name(told.topic).to_owned(),
                        holder: told.user.to_owned(),
                        left: (told.left.as_secs_f64() * 1000.0).round() / 1000.0,
                        safe: told.safe.to_owned(),
                        owed: told.is_owed,
                    }),
                    true => more += 1,
                    false => {}
                }
            }
        });
        self.allowance.took(looked_at * (STEPS_A_LEASE + filters.len()));
        Reply::LeaseOk { leases, more }
    }
}

fn room(book: &Book, order: &Order) -> Option<TooMany> {
    book.confirmations.is_full(order.outbox.id, confirm::stem(order.message.topic.as_str()))
}
