//! The task that announces to Home Assistant what the hub has, at the hub's own doors: a reader like any other, beside the way of the
//! messages.

use std::future::ready;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::book::{Announcement, Discovery, MOST_TOPICS, MOST_VALUES};
use crate::hub::{
    Client, Drained, Extras, Found, Hub, Message, Rates, Relayed, Retention, Rights, Session, Side,
};
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::Kind;
use crate::topic::{Base, Filter, Topic};

/// Who announces, as readers see it.
const NAME: &str = "home-assistant";
/// What is taken from the hub at one time, about so many bytes.
const CHUNK: usize = 64 * 1024;
/// So much is announced before others have their turn.
pub(crate) const PIECE: usize = 64;

/// Announces until the sign to stop.
pub async fn run(hub: Arc<Hub>, prefix: String, stop: CancellationToken) {
    let mut house = House::new(hub, &prefix);
    loop {
        let outbox = Arc::clone(house.session.outbox());
        tokio::select! {
            () = stop.cancelled() => return,
            found = outbox.ready() => house.hear(found),
            () = ready(()), if house.discovery.has_news() => {}
        }
        house.announce(Moment::now());
        // All others have their turn.
        tokio::task::yield_now().await;
    }
}

/// The reader, and what it has announced.
struct House {
    hub: Arc<Hub>,
    session: Session,
    discovery: Discovery,
    /// Whether all last values have been seen.
    is_settled: bool,
}

impl House {
    fn new(hub: Arc<Hub>, prefix: &str) -> Self {
        let session = session(&hub);
        Self { session, discovery: Discovery::new(prefix), is_settled: false, hub }
    }

    fn hear(&mut self, found: Found) {
        if found == Found::Overflow {
            // It was too slow: it reads all last values again.
            let lost = self.session.outbox().thrown();
            tracing::warn!(
                lost,
                "what is announced to Home Assistant is read anew: more was said than was taken"
            );
            *self = Self::new(Arc::clone(&self.hub), self.discovery.prefix());
            return;
        }
        let (now, mut heard) = (Moment::now(), Vec::new());
        let remains = self.session.take(CHUNK, now, &mut |relayed: Relayed| heard.push(relayed.message));
        for message in heard {
            let (topic, payload) = (message.topic.as_str(), message.payload());
            let cleared = message.retention == Retention::Clear;
            if self.discovery.is_announcement(topic) {
                if !cleared && !self.is_settled {
                    self.discovery.found(topic, payload);
                }
                continue;
            }
            let left_out = self.discovery.left_out();
            self.discovery.note(topic, payload, cleared);
            if self.discovery.left_out() > left_out {
                tell_left_out(topic);
            }
        }
        if remains.drained == Drained::Everything && !self.is_settled {
            self.is_settled = true;
            self.discovery.settle();
        }
    }

    /// Announces a piece of what is to be announced.
    fn announce(&mut self, now: Moment) {
        static REFUSED: Seldom = Seldom::new();
        for Announcement { topic, payload } in self.discovery.news(PIECE, &|_| true) {
            let refused = match Topic::parse(&topic, &self.hub.settings().topic) {
                Err(error) => error.to_string(),
                Ok(topic) => {
                    let retention = if payload.is_some() { Retention::Keep } else { Retention::Clear };
                    let message = Message {
                        topic,
                        payload: payload.as_deref().unwrap_or("null"),
                        // No reading: it has no history.
                        kind: Kind::Notification,
                        retention: Some(retention),
                        extras: Extras::default(),
                        was_kept: false,
                    };
                    match self.session.publish(message, now) {
                        Ok(_) => continue,
                        Err(refused) => refused.to_string(),
                    }
                }
            };
            if let Some(times) = REFUSED.again(&topic) {
                tracing::warn!(topic, reason = refused, %times, "what Home Assistant is to be told is not kept");
            }
        }
    }
}

/// Says that there is no room for a topic, or for what it has more than others.
pub(crate) fn tell_left_out(topic: &str) {
    static LEFT_OUT: Seldom = Seldom::new();
    if let Some(times) = LEFT_OUT.again("") {
        tracing::warn!(topic, %times,
            "{MOST_TOPICS} topics with {MOST_VALUES} values are announced to Home Assistant at most: not all of this one is");
    }
}

/// A stay that hears all, and the last values first.
fn session(hub: &Arc<Hub>) -> Session {
    let client = Client {
        user: NAME.into(),
        rights: Arc::new(Rights::everything()),
        base: Base::ROOT,
        side: Side::Link,
        rates: Rates::UNLIMITED,
    };
    let mut session = hub.connect(client, Moment::now());
    match Filter::parse("#", &hub.settings().topic) {
        Ok(all) => {
            session.follow(&[all]);
            session.recall();
        }
        Err(error) => tracing::error!(%error, "nothing is announced to Home Assistant"),
    }
    session
}
