//! The stay of who joins this hub to others, so that they are one: it hears everything that is said here, and what it brings is
//! said here as it was said there, by the same user, at the same moment.

use std::cmp::Ordering;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use super::agreement::Came;
use super::clock::Clock;
use super::demand::Demand;
use super::doors::{Refusal, is_of_the_hub};
use super::lease::FarLease;
use super::publication::{Extras, Publication, Source};
use super::session::Session;
use super::{Hub, Retention};
use crate::moment::Moment;
use crate::talk::{Kind, Request};
use crate::topic::Topic;

/// A message that was said at another hub.
#[derive(Debug)]
pub struct Brought<'m> {
    /// The whole topic.
    pub topic: Topic,
    /// JSON text.
    pub payload: &'m str,
    /// Its shape, as that hub saw it.
    pub kind: Kind,
    /// What became of it there.
    pub retention: Retention,
    /// On which side it was said.
    pub source: Source,
    /// The user who said it.
    pub from: Arc<str>,
    /// When.
    pub time: SystemTime,
    /// The same as the hubs of the cluster count it.
    pub clock: Clock,
    /// What few messages have.
    pub extras: Extras,
    /// Whether it was read where last values are kept, and did not happen just now.
    pub is_stored: bool,
    /// For how long it holds, if it is a command that holds for a time only.
    pub lease: Option<FarLease>,
}

impl Hub {
    /// From now on what the clients ask for is written down, for whoever brings it from other hubs.
    pub fn demand(&self) -> &Arc<Demand> {
        self.agreement.get_or_init(Default::default);
        self.demand.get_or_init(Arc::default)
    }
}

impl Hub {
    /// Whether other hubs should be there, and are not.
    pub fn is_cut_off(&self) -> bool {
        self.demand.get().is_some() && self.figures.cluster_connected.value() == 0
    }
}

impl Session {
    /// Hears everything that is said here but what is the hub's own and what it brings itself, in the place of whoever did.
    pub fn hear_everything(&mut self) {
        self.opened = true;
        self.hub.subscriptions.goes_beyond(Some(Arc::clone(&self.outbox)));
    }

    /// Hears nothing any more.
    pub fn hear_nothing(&mut self) {
        self.hub.subscriptions.goes_beyond(None);
    }

    /// Publishes what was said at another hub, to the readers of this one, unless something newer stands here. It does not come
    /// back to this session.
    pub fn bring(&self, message: Brought<'_>) -> Result<Came, Refusal> {
        self.hub.figures.received.add(1);
        let Brought { topic, payload, kind, retention, source, from, time, clock, extras, is_stored, lease } =
            message;
        if is_of_the_hub(&topic) || Request::claims(topic.as_str()) {
            return Err(Refusal::Reserved);
        }
        let mut message = Publication::new(topic, payload, kind, from, time);
        message.set_extras(extras);
        (message.source, message.retention) = (source, retention);
        message.set_clock(clock);
        let topic = message.topic.clone();
        let (hub, outbox) = (&self.hub, &*self.outbox);
        hub.channels.with(&topic, |channel, state| {
            let mut came = Came::New;
            if let Some(agreement) = hub.agreement.get().filter(|_| retention != Retention::Pass) {
                came = match agreement.compare(state, &message) {
                    Ordering::Greater => Came::New,
                    Ordering::Equal => Came::Same,
                    Ordering::Less => Came::Overtaken,
                };
                let is_command = kind != Kind::Reading && retention == Retention::Keep;
                match came {
                    Came::New => agreement.note(state, &message),
                    Came::Overtaken if is_command && !is_stored => message.retention = Retention::Pass,
                    Came::Same | Came::Overtaken => return Ok(came),
                }
                if is_stored && retention == Retention::Clear && state.last.is_none() {
                    return Ok(came);
                }
            }
            let Ok(beside) = hub.beside(&mut message, lease) else { return Ok(Came::Overtaken) };
            message.number = hub.figures.published.count();
            let message = Arc::new(message);
            let delivered = hub.deliver_counted(channel, state, &message, Some(outbox), None);
            hub.beside_was_routed(channel, state, &message, beside);
            delivered?;
            Ok(came)
        })
    }

    /// Forgets a last value that was brought and is not heard any more, if it is still this one: nobody is to take it for what is
    /// said there now. The store hears of it.
    pub fn forget_brought(&self, value: &Publication, now: Moment) {
        let (edition, hub) = (value.edition(), &self.hub);
        hub.channels.with(&value.topic, |channel, state| {
            if state.last.as_ref().is_none_or(|last| last.edition() != edition) {
                return;
            }
            let topic = value.topic.clone();
            let mut message =
                Publication::new(topic, "null", value.kind, Arc::clone(&value.from), now.wall());
            message.retention = Retention::Clear;
            message.number = hub.figures.published.count();
            // To clear needs no room.
            let _ = hub.deliver_counted(channel, state, &Arc::new(message), Some(&self.outbox), None);
        });
    }

    /// Whether the client's last request waits for other hubs no longer; if it does, the task is woken when it does not.
    pub(crate) fn poll_awaited(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.outbox.wakes(cx.waker());
        if self.awaits() { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Publication {
    /// For how many milliseconds it is still worth delivering; `None` where that has no end.
    pub fn expires_in(&self, now: Moment) -> Option<u64> {
        let expires = self.extras()?.expires?;
        Some(u64::try_from(expires.since(now.steady()).as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Client, Drained, Rates, Relayed, Rights, Settings, Side};
    use crate::topic::{Base, Filter, Limits};

    fn join(hub: &Arc<Hub>) -> Session {
        let client = Client {
            user: "cluster".into(),
            rights: Arc::new(Rights::everything()),
            base: Base::ROOT,
            side: Side::Link,
            rates: Rates::UNLIMITED,
        };
        let mut session = hub.connect(client, SystemTime::UNIX_EPOCH);
        session.hear_everything();
        session
    }

    fn brought(topic: &str, payload: &'static str) -> Brought<'static> {
        let topic = Topic::parse(topic, &Limits::default()).unwrap();
        Brought {
            kind: Kind::of(topic.as_str()),
            topic,
            payload,
            retention: Retention::Keep,
            source: Source::Node,
            from: "jana".into(),
            time: SystemTime::UNIX_EPOCH,
            clock: Clock::at(u64::from(payload.as_bytes().first().copied().unwrap_or_default())),
            extras: Extras::default(),
            is_stored: false,
            lease: None,
        }
    }

    fn heard(session: &mut Session) -> Vec<String> {
        let mut heard = Vec::new();
        let mut note = |relayed: Relayed| heard.push(relayed.message.topic.to_string());
        while session.take(1, SystemTime::UNIX_EPOCH, &mut note).drained == Drained::More {}
        heard
    }

    #[test]
    fn everything_goes_out_but_what_is_the_hubs_own_and_nothing_comes_back() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let (mut cluster, here) = (join(&hub), {
            let mut session = join(&hub);
            session.hear_nothing();
            session
        });
        cluster.hear_everything();
        for topic in ["a/b", "$config/x", "a//", "/"] {
            here.bring(brought(topic, "1")).unwrap();
        }
        hub.tell("uptime", "1", SystemTime::UNIX_EPOCH);
        cluster.bring(brought("a/b", "2")).unwrap();
        assert_eq!(heard(&mut cluster), ["a/b", "$config/x", "a//", "/"]);
        assert_eq!(cluster.bring(brought("$SYS/hub/uptime", "2")), Err(Refusal::Reserved));
        let last = hub.last_value(&Topic::parse("a/b", &Limits::default()).unwrap()).unwrap();
        assert_eq!((last.payload(), &*last.from), ("2", "jana"));
    }

    #[test]
    fn an_answer_waits_until_what_was_asked_for_is_in_effect() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let demand = Arc::clone(hub.demand());
        demand.is_there(true);
        let client = Client {
            user: "u".into(),
            rights: Arc::new(Rights::everything()),
            base: Base::ROOT,
            side: Side::Dashboard,
            rates: Rates::UNLIMITED,
        };
        let mut session = hub.connect(client, SystemTime::UNIX_EPOCH);
        let now = Moment::now();
        let text = r#"["clown.talk/-/config/set", {"filters": ["a/#"]}]"#;
        let mut frames = crate::talk::Frames::of(text);
        while session.receive_some(&mut frames, 1, now).unwrap() && !session.awaits() {}
        assert!(session.awaits() && !session.is_open());
        let changes = demand.take();
        assert_eq!(changes.filters, [(Filter::parse("a/#", &Limits::default()).unwrap(), true)]);
        demand.in_effect(changes.asked);
        assert!(!session.awaits());
        while session.receive_some(&mut frames, 1, now).unwrap() {}
        assert!(session.is_open());
        drop(session);
        assert_eq!(demand.held(), 0);
    }

    #[test]
    fn nobody_waits_where_nobody_brings() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let demand = Arc::clone(hub.demand());
        let client = Client {
            user: "u".into(),
            rights: Arc::new(Rights::everything()),
            base: Base::ROOT,
            side: Side::Dashboard,
            rates: Rates::UNLIMITED,
        };
        let mut session = hub.connect(client, SystemTime::UNIX_EPOCH);
        session.receive(r#"["clown.talk/-/config/set", {"filters": ["a/#", "b"]}]"#, Moment::now()).unwrap();
        assert!(session.is_open());
        assert_eq!(demand.held(), 2);
        session
            .receive(r#"["clown.talk/-/subscription/remove", {"filters": ["b"]}]"#, Moment::now())
            .unwrap();
        assert_eq!(demand.held(), 1);
        session
            .receive(r#"["clown.talk/-/subscription/set", {"filters": ["b", 1]}]"#, Moment::now())
            .unwrap();
        assert_eq!(demand.held(), 1);
    }
}
