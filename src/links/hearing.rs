//! From the hub to the queue: what the link hears, whether the broker is there or not.

use std::sync::Arc;
use std::time::SystemTime;

use super::connection::CHUNK;
use super::estate::Estate;
use super::link::Link;
use super::queue::Entry;
use super::rules::{Retain, Rule};
use super::settings::LinkSettings;
use crate::hub::{Client, Drained, Found, Hub, Rates, Relayed, Rights, Session, Side};
use crate::topic::{Base, Filter};

/// How things stand with the last values that the broker is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recall {
    /// It has them, or wants none.
    Done,
    /// The hub is yet to be asked for them: there is no broker, or too much waits for it.
    Due,
    /// The hub was asked, and they come.
    Coming,
}

/// Last values that are taken from the hub ahead of what the broker takes.
const LAST_VALUES: usize = 1000;
/// Room for so many messages is kept between two looks.
const KEPT: usize = 64;

impl Link {
    pub(super) fn hear(&mut self, found: Found) {
        if found == Found::Overflow {
            self.begin_anew();
            return;
        }
        self.gather(CHUNK);
        self.measure();
    }

    /// The hub has given up what waited for us.
    fn begin_anew(&mut self) {
        let lost = self.session.outbox().thrown();
        self.session = session(&self.hub, &self.settings);
        self.figures.lost.add(lost);
        let (link, file) = (&self.settings.name, &self.settings.file);
        tracing::error!(%link, %file, lost, "the link was sent more than it could take at once, and that is lost: \
            raise outbox.hard_messages and outbox.hard_bytes");
        self.recall();
    }

    /// Asks the hub for last values, if there is a broker that is to have them.
    pub(super) fn recall(&mut self) {
        let tells = |rule: &Rule| rule.direction.is_out() && rule.retain != Retain::Never;
        self.recall = if self.settings.rules.iter().any(tells) { Recall::Due } else { Recall::Done };
        self.recall_if_due();
    }

    /// Asks for last values when there is room for them. Until then the link listens to the hub, as a long queue would
    /// otherwise have the messages of this moment wait in the hub, which has less room for them.
    pub(super) fn recall_if_due(&mut self) {
        if self.recall == Recall::Due && self.is_connected && self.room() > 0 {
            self.recall = Recall::Coming;
            self.session.recall();
        }
    }

    /// Takes over what waited for a link that had this name.
    pub(super) fn inherit(&mut self, mut estate: Estate) {
        let (waiting, session) = estate.take();
        if let Some(mut session) = session {
            session.follow(&filters(&self.settings));
            self.session = session;
        }
        let mut unnamed = 0;
        for relayed in waiting {
            let is_last_value = relayed.is_last_value;
            match self.for_broker(relayed) {
                Some(entry) => {
                    let gave_way = self.queue.offer(entry);
                    self.account(&gave_way);
                }
                // Last values are asked for on connecting.
                None => unnamed += u64::from(!is_last_value),
            }
        }
        self.figures.lost.add(unnamed);
        let (link, waiting) = (&self.settings.name, self.queue.len());
        if waiting > 0 || unnamed > 0 {
            tracing::info!(%link, waiting, lost = unnamed, "link goes on with what waited; what no rule carries any more is lost");
        }
    }

    /// What waits, for whoever comes after.
    pub(super) fn estate(&mut self) -> Estate {
        let flying = self.flight.len();
        let mut waiting: Vec<_> = self.flight.abandon().map(|entry| entry.relayed).collect();
        self.figures.told.add((flying - waiting.len()) as u64);
        waiting.extend(std::iter::from_fn(|| self.queue.pop()).map(|entry| entry.relayed));
        let deaf = connect(&self.hub, &self.settings);
        let session = std::mem::replace(&mut self.session, deaf);
        Estate::new(&self.settings.name, &self.figures, waiting, session)
    }

    /// Whether more may come from the hub. Last values wait there at no cost, so they come no faster than they go.
    pub(super) fn has_room(&self) -> bool {
        self.recall != Recall::Coming || self.room() > 0
    }

    fn room(&self) -> usize {
        self.settings.queue_messages.min(LAST_VALUES).saturating_sub(self.queue.len())
    }

    /// Takes what the hub has for the broker, about so many bytes of it.
    pub(super) fn gather(&mut self, bytes: usize) {
        let (now, mut heard, mut sum) = (SystemTime::now(), std::mem::take(&mut self.heard), 0);
        loop {
            let remains = self.session.take(bytes.saturating_sub(sum), now, &mut |relayed: Relayed| {
                sum += relayed.message.len();
                heard.push(relayed);
            });
            self.figures.skipped.add(remains.skipped);
            if remains.drained == Drained::Everything {
                if self.recall == Recall::Coming && self.is_connected {
                    self.recall = Recall::Done;
                }
                break;
            }
            if sum >= bytes
                || matches!(remains.drained, Drained::Later(_))
                || (self.is_connected && self.recall == Recall::Coming && heard.len() >= self.room())
            {
                break;
            }
        }
        for relayed in heard.drain(..) {
            if let Some(entry) = self.for_broker(relayed) {
                let gave_way = self.queue.offer(entry);
                self.account(&gave_way);
            }
        }
        if heard.capacity() <= KEPT {
            self.heard = heard;
        }
    }

    /// Whether a message is to go out, and by which rule. What was heard from this broker never goes back to it, by
    /// whichever link.
    fn for_broker(&self, relayed: Relayed) -> Option<Entry> {
        let message = &relayed.message;
        if message.trail().is_some_and(|trail| trail.heard_from == self.broker) {
            return None;
        }
        let (number, rule) = self.settings.rules.for_local(&message.topic)?;
        // While the broker is away nothing is to be recalled: that is done when it is back.
        let is_needless =
            || !self.is_connected || rule.retain == Retain::Never || self.flight.holds(&relayed.message);
        if relayed.is_last_value && is_needless() {
            return None;
        }
        Some(Entry { relayed, rule: number })
    }
}

/// The link's stay at the hub.
pub(super) fn session(hub: &Arc<Hub>, settings: &LinkSettings) -> Session {
    let mut session = connect(hub, settings);
    session.follow(&filters(settings));
    session
}

/// A stay that hears nothing yet.
fn connect(hub: &Arc<Hub>, settings: &LinkSettings) -> Session {
    let client = Client {
        user: format!("bridge:{}", settings.name).into(),
        rights: Arc::new(Rights::everything()),
        base: Base::ROOT,
        side: Side::Link,
        rates: Rates::UNLIMITED,
    };
    hub.connect(client, SystemTime::now())
}

/// What is to be heard.
fn filters(settings: &LinkSettings) -> Vec<Filter> {
    let out = settings.rules.iter().filter(|rule| rule.direction.is_out());
    out.map(|rule| rule.local.filter.clone()).collect()
}
