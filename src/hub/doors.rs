//! What a session may do at the hub, as functions with types: publish and subscribe, within the client's rights and the
//! hub's bounds; to read is in `pages`. Clown.Talk's text around them is in `conversation`; links use them as they are.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use foldhash::fast::RandomState;

use super::branches::TooMany;
use super::publication::{Extras, Publication, Source};
use super::session::{Session, Side};
use super::step::{Change, Edit, LastValues, Occasion};
use super::tape::{Ask, Promise, UNCONFIRMED};
use super::{Retention, StoreFull};
use crate::audit;
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::Kind;
use crate::talk::control::{PublishRefused, shown};
use crate::topic::{Filter, Topic};

/// How many filters a line of the log repeats of those that are forbidden.
const SHOWN_FILTERS: usize = 4;

static NOT_SUBSCRIBED: Seldom = Seldom::new();
static NOT_PUBLISHED: Seldom = Seldom::new();

/// Something to be published.
#[derive(Debug)]
pub struct Message<'m> {
    /// The whole topic.
    pub topic: Topic,
    /// JSON text, on however many lines.
    pub payload: &'m str,
    /// Its shape.
    pub kind: Kind,
    /// What is to become of it; `None` for what usually becomes of what this side says. To say it takes a right.
    pub retention: Option<Retention>,
    /// What few messages have.
    pub extras: Extras,
    /// Whether it was a last value of another system, said there at some time before.
    pub was_kept: bool,
}

/// Why a message was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Topics under `$SYS` and `clown.talk` are the hub's own.
    #[error("the topic is the hub's own")]
    Reserved,
    /// The user may not publish to this topic.
    #[error("forbidden: this takes the right publish")]
    MayNotPublish,
    /// The user may not say what becomes of a message.
    #[error("forbidden: this takes the right retain")]
    MayNotRetain,
    /// So many messages of this session wait until they are on the disk. This one was not routed.
    #[error(
        "not published: {UNCONFIRMED} messages of this connection wait until they are on the disk; wait for their answers"
    )]
    Unconfirmed,
    /// It was to be published only if the last value is a certain one, and that is not so.
    #[error("the last value is not the one that was named: read it again")]
    Changed,
    /// See [`StoreFull`]. The message was routed.
    #[error(transparent)]
    StoreFull(#[from] StoreFull),
}

/// Why a subscription was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSubscribed {
    /// The user may not read all that these name; their numbers.
    #[error("forbidden: this takes the right subscribe")]
    Forbidden(Vec<usize>),
    /// More filters than a connection may hold.
    #[error("{asked} filters, a connection may hold {most}")]
    TooManyFilters {
        /// So many would be held.
        asked: usize,
        /// So many may be.
        most: usize,
    },
    /// They would make every message dear.
    #[error(transparent)]
    TooDear(#[from] TooMany),
}

impl Session {
    /// Publishes a message, which does not come back to this session unless it asked for echo. Returns what became of
    /// it.
    #[inline]
    pub fn publish(&self, message: Message<'_>, now: impl Into<Moment>) -> Result<Retention, Refusal> {
        self.publish_and_ask(message, now, None).map(|(retention, _)| retention)
    }

    /// As [`publish`](Self::publish). Where `asked`, the answer may have to wait until the message is on the disk; the
    /// argument is what the publisher is to hear if that fails.
    pub(super) fn publish_and_ask(
        &self,
        message: Message<'_>,
        now: impl Into<Moment>,
        asked: Option<Box<PublishRefused>>,
    ) -> Result<(Retention, Promise), Refusal> {
        let (message, retention, ask) = self.prepare(message, now, asked)?;
        let promise = self.route(message, retention, ask)?;
        Ok((retention, promise))
    }

    /// Makes a publication of a message that this session may publish, and says what is to become of it, and who is answered.
    #[inline]
    pub(super) fn prepare(
        &self,
        message: Message<'_>,
        now: impl Into<Moment>,
        asked: Option<Box<PublishRefused>>,
    ) -> Result<(Publication, Retention, Option<Ask>), Refusal> {
        let Message { topic, payload, kind, retention, extras, was_kept } = message;
        self.check_rights(&topic, retention.is_some())?;
        let retention = retention.unwrap_or_else(|| self.usual_retention(&topic, kind));
        let asked = asked.filter(|_| retention != Retention::Pass && self.hub.confirms());
        if asked.is_some() && self.outbox.unconfirmed.load(Ordering::Relaxed) >= UNCONFIRMED {
            return Err(Refusal::Unconfirmed);
        }
        let ask = asked.map(|refusal| Ask::new(&self.outbox, self.hub.figures(), refusal));
        let from = Arc::clone(&self.client.user);
        let mut message = Publication::new(topic, payload, kind, from, Into::<Moment>::into(now));
        message.set_extras(extras);
        message.source = match (self.client.side, was_kept) {
            (Side::Dashboard, _) => Source::Dashboard,
            (Side::Node | Side::Link | Side::Device, false) => Source::Node,
            (Side::Node | Side::Link | Side::Device, true) => Source::FarLastValue,
        };
        Ok((message, retention, ask))
    }

    #[inline]
    pub(super) fn route(
        &self,
        mut message: Publication,
        retention: Retention,
        ask: Option<Ask>,
    ) -> Result<Promise, StoreFull> {
        message.retention = retention;
        self.hub.publish_and_ask(message, Some(&self.outbox), ask)
    }

    pub(super) fn check_rights(&self, topic: &Topic, retains: bool) -> Result<(), Refusal> {
        match (self.may_publish(topic), retains && !self.client.rights.retain) {
            (true, false) => Ok(()),
            (false, _) => Err(self.refuse(topic, Refusal::MayNotPublish)),
            (true, true) => Err(self.refuse(topic, Refusal::MayNotRetain)),
        }
    }

    #[cold]
    fn refuse(&self, topic: &Topic, refusal: Refusal) -> Refusal {
        self.hub.figures.forbidden.add(1);
        self.hub.note_refusal(&self.outbox, topic, refusal.to_string());
        let right = if refusal == Refusal::MayNotRetain { "retain" } else { "publish" };
        audit::refused(&self.client.user, self.address(), right, topic.as_str());
        if let Some(times) = NOT_PUBLISHED.again(&self.client.user) {
            let (client, user) = (self.name(), &self.client.user);
            tracing::info!(%client, %user, ?topic, reason = %refusal, %times, "message is not allowed");
        }
        refusal
    }

    /// The user's rights, less the hub's own topics, which are nobody's to write.
    #[inline]
    pub(super) fn may_publish(&self, topic: &Topic) -> bool {
        !is_of_the_hub(topic) && self.client.rights.may_publish(topic)
    }

    /// Takes these filters in place of the ones held, and brings the last values of all that they name, if they are
    /// wanted. Nobody is answered.
    pub fn subscribe(&mut self, filters: Vec<Filter>, last_values: bool) -> Result<(), String> {
        self.check_filters(&filters).map_err(|refused| refused.to_string())?;
        let last_values = if last_values { LastValues::All } else { LastValues::None };
        let mut change = Change::new(Edit::Replace, Vec::new(), Occasion::Inside, last_values);
        let mut seen = HashSet::with_hasher(RandomState::default());
        change.wanted = filters.into_iter().filter(|filter| seen.insert(filter.clone())).collect();
        while !self.go_on_with(&mut change).map_err(|(reason, _)| reason)? {}
        Ok(())
    }

    /// The filters of links are the operator's, who has written down how many there are.
    pub(super) fn count_filters(&self, asked: usize) -> Result<(), NotSubscribed> {
        let most = self.hub.settings.filters;
        if asked > most && self.client.side != Side::Link {
            return Err(NotSubscribed::TooManyFilters { asked, most });
        }
        Ok(())
    }

    pub(super) fn check_filters(&self, filters: &[Filter]) -> Result<(), NotSubscribed> {
        let may_not = |(_, filter): &(usize, &Filter)| !self.client.rights.may_subscribe(filter);
        let forbidden: Vec<_> = filters.iter().enumerate().filter(may_not).collect();
        if forbidden.is_empty() {
            return Ok(());
        }
        let filters = forbidden.iter().map(|(_, filter)| (*filter).clone());
        Err(self.refuse_filters(filters, forbidden.iter().map(|(number, _)| *number).collect()))
    }

    /// Records that these filters, which have these numbers, are forbidden.
    pub(super) fn refuse_filters(
        &self,
        forbidden: impl Iterator<Item = Filter>,
        numbers: Vec<usize>,
    ) -> NotSubscribed {
        self.hub.figures.forbidden.add(1);
        let first: Vec<_> = forbidden.take(SHOWN_FILTERS).collect();
        let first: Vec<_> = first.iter().map(|filter| shown(filter.as_str())).collect();
        self.hub.note_refused_filters(&self.outbox, &first);
        let filter = first.first().copied().unwrap_or_default();
        audit::refused(&self.client.user, self.address(), "subscribe", filter);
        if let Some(times) = NOT_SUBSCRIBED.again(&self.client.user) {
            let (client, user, filters) = (self.name(), &self.client.user, numbers.len());
            tracing::info!(%client, %user, filters, forbidden = ?first, %times, "subscription is not allowed");
        }
        NotSubscribed::Forbidden(numbers)
    }
}

/// Whether nobody but the hub writes this topic: `$SYS` and what is below it.
pub(super) fn is_of_the_hub(topic: &Topic) -> bool {
    topic.as_str().strip_prefix("$SYS").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
