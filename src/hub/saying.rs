//! The door for somebody who publishes one message and waits to hear what became of it, and who has no conversation: a
//! request of HTTP. What is known at once is returned; what comes later comes to the outbox, as in a conversation.

use std::sync::Arc;
use std::time::Duration;

use super::allowance::Excess;
use super::care::Wants;
use super::channel::{Channel, State};
use super::doors::{Message, NotSubscribed, Refusal};
use super::lasting::Asks;
use super::publication::Publication;
use super::session::{Session, Wishes};
use super::tape::{Ask, Promise};
use super::{Delivered, LastValue, Retention};
use crate::moment::Moment;
use crate::talk::Request;
use crate::talk::control::PublishRefused;
use crate::talk::options::LeaseOption;
use crate::topic::Filter;

/// Which of all messages of a topic its last value is. No two have the same: a hub counts its messages, and time tells those of
/// one run from those of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition {
    /// Which message of this hub; 0 where it is from before the start.
    pub number: u64,
    /// When it was said, in milliseconds since 1970.
    pub milliseconds: u64,
}

impl Publication {
    /// Which one it is.
    pub fn edition(&self) -> Edition {
        Edition { number: self.number, milliseconds: self.milliseconds() }
    }
}

/// What the last value has to be for a message to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnlyIf {
    /// There is one, whichever.
    Some,
    /// There is none.
    None,
    /// It is one of these.
    Is(Vec<Edition>),
}

impl OnlyIf {
    fn holds(&self, last: Option<&LastValue>) -> bool {
        match self {
            Self::Some => last.is_some(),
            Self::None => last.is_none(),
            Self::Is(editions) => last.is_some_and(|last| editions.contains(&last.edition())),
        }
    }
}

/// A message whose publisher waits for what becomes of it.
#[derive(Debug)]
pub struct Saying<'m> {
    /// The message.
    pub message: Message<'m>,
    /// What an answer has as its `id` that comes later: JSON text.
    pub id: String,
    /// How long the publisher waits for the node to report what came of the command.
    pub confirm: Option<Duration>,
    /// How long the command holds.
    pub lease: Option<Box<LeaseOption>>,
    /// What has to be so. Looked at under the lock of the topic, so nothing comes in between. Not for commands with care.
    pub only_if: Option<OnlyIf>,
    /// What the publisher asks where sessions that last receive it: whether they have it.
    pub asks: Option<Asks>,
}

/// A message that was routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routed {
    /// What became of it as a last value.
    pub retention: Retention,
    /// Into how many queues it went.
    pub readers: u64,
    /// Which one it is.
    pub edition: Edition,
    /// How many answers come to the outbox: all have to be good.
    pub answers: u8,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It was routed, and there is nothing to wait for.
    Routed(Routed),
    /// It was routed. Too much waits to be written: it is on the disk later, and nobody is told when.
    NotOnDisk(Routed),
    /// It was routed. When it is on the disk, an answer comes to the outbox under the `id`.
    OnDiskSoon(Routed),
    /// Somebody takes care of it. What comes of it comes to the outbox under the `id`.
    WithCare,
}

/// Why a message was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSaid {
    /// The hub refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The client has sent too much.
    #[error("{0}")]
    TooMuch(Excess),
}

impl Session {
    /// Publishes a message, which counts as a frame.
    pub fn say(&mut self, saying: Saying<'_>, now: impl Into<Moment>) -> Result<Said, NotSaid> {
        let now = now.into();
        self.count_frame(now).map_err(NotSaid::TooMuch)?;
        let Saying { message, id, confirm, lease, only_if, asks: asks_lasting } = saying;
        if Request::claims(message.topic.as_str()) {
            return Err(Refusal::Reserved.into());
        }
        let asks = || {
            let topic = Some(message.topic.to_string());
            PublishRefused { id: Some(id.clone()), topic, ..PublishRefused::default() }
        };
        let wants = Wants { confirm, lease };
        if wants.anything() {
            let refused = asks();
            self.publish_with_care(message, wants, refused, now).map_err(NotSaid::TooMuch)?;
            return Ok(Said::WithCare);
        }
        let asked = self.hub.confirms().then(|| Box::new(asks()));
        let (mut message, retention, ask) = self.prepare(message, now, asked)?;
        message.retention = retention;
        self.outbox.asks(asks_lasting);
        let (hub, outbox, topic) = (&self.hub, &*self.outbox, message.topic.clone());
        let deliver = |channel: &Arc<Channel>, state: &mut State| {
            let last = state.last.as_ref().filter(|last| !last.has_expired(now));
            if only_if.as_ref().is_some_and(|only_if| !only_if.holds(last)) {
                ask.into_iter().for_each(Ask::withdraw);
                return Err(Refusal::Changed);
            }
            message.number = hub.figures.published.count();
            let message = Arc::new(message);
            let delivered = hub.deliver(channel, state, &message, Some(outbox), ask)?;
            Ok((delivered, message.edition()))
        };
        let said = hub.channels.with(&topic, deliver);
        let is_noted = asks_lasting.is_some() && outbox.takes_what_it_asks().is_none();
        let (Delivered { promise, routed: readers }, edition) = said?;
        let answers = u8::from(is_noted) + u8::from(matches!(promise, Promise::Waits));
        let routed = Routed { retention, readers, edition, answers };
        Ok(match promise {
            Promise::None if answers == 0 => Said::Routed(routed),
            Promise::None | Promise::Waits => Said::OnDiskSoon(routed),
            Promise::Broken => Said::NotOnDisk(routed),
        })
    }

    /// Opens the transmission for somebody who asks for nothing more: with these filters, and with their last values and with
    /// options where they are wanted. Nobody is answered.
    pub fn open(&mut self, filters: Vec<Filter>, last_values: bool, options: bool) -> Result<(), NotOpened> {
        self.count_filters(filters.len())?;
        self.check_filters(&filters)?;
        self.wishes = Wishes { options, ..Wishes::default() };
        self.opened = true;
        if filters.is_empty() && self.filters.is_empty() {
            return Ok(());
        }
        self.subscribe(filters, last_values).map_err(NotOpened::TooDear)
    }

    /// All that the user may read, as filters.
    pub fn readable(&self) -> Vec<Filter> {
        self.usual_filters()
    }
}

/// Why a transmission was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The filters are not allowed.
    #[error(transparent)]
    NotSubscribed(#[from] NotSubscribed),
    /// They would make every message dear; the sentence says how.
    #[error("{0}")]
    TooDear(String),
}
