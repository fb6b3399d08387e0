//! What a device says, and what becomes of it: messages, subscriptions, acknowledgements and its good-bye.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::answers::{Answers, Later, Unsubscribed};
use super::flight::Sent;
use super::rare::Rare;
use super::rest::Rest;
use super::subscriptions::Echo;
use crate::connection::ending::Ending;
use crate::hub::{Asks, Extras, Lasting, Message, NotSaid, Refusal, Retention, Said, Saying, Session};
use crate::moment::Moment;
use crate::mqtt::{
    Ack, Answer, Carried, Disconnect, Fault, Packet, Publish, Qos, Version, Writer, code, inward,
};
use crate::seldom::Seldom;
use crate::talk::Kind;
use crate::topic::{Limits, Topic};

/// Messages of QoS 2 that a client of 3.1.1 may have begun and not released; one of MQTT 5 is told how many.
const UNRELEASED: usize = 1024;

/// What the hub allows every client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Messages that may be on their way in each direction.
    pub(crate) window: u16,
    /// Bytes of messages that may be on their way to the client, beyond one message.
    pub(crate) window_bytes: usize,
    /// Topic aliases in each direction.
    pub(crate) aliases: u16,
    /// Whether a reading without the retain flag is a last value all the same.
    pub(crate) keeps_readings: bool,
    /// How long and deep topics may be.
    pub(crate) topic: Limits,
    /// For how many seconds a session may outlive its connection.
    pub(crate) session_seconds: u32,
}

/// What a client has said of itself in its CONNECT.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    /// Which MQTT it speaks.
    pub(crate) version: Version,
    /// How many messages may be on their way to it.
    pub(crate) receive_maximum: u16,
    /// The largest packet that it takes.
    pub(crate) packet_maximum: usize,
    /// How many topic aliases it keeps.
    pub(crate) alias_maximum: u16,
    /// For how many seconds its session outlives the connection.
    pub(crate) session_seconds: u32,
    /// For how many seconds after that its will waits.
    pub(crate) will_delay: u32,
}

/// When a message is as safe as its publisher may want to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Now,
    /// When the hub has said so many times that it is on the disk.
    Later(u8),
    /// It was routed, and nobody is told when it is on the disk.
    Never,
}

/// One conversation.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(super) bounds: Arc<Bounds>,
    pub(super) client: Client,
    pub(super) rest: Rest,
    pub(super) answers: Answers,
    /// Topics by their aliases, as the client has told them.
    aliases: Rare<Vec<Option<Topic>>>,
    /// Aliases of topics, as the hub has told them.
    pub(super) told: Rare<HashMap<Topic, u16>>,
    /// For the ids of the subscriptions that name a message.
    pub(super) ids: Vec<u32>,
    pub(super) held_back: usize,
    /// What is said when the store has the change before it, in this order.
    pub(super) later: Rare<VecDeque<(u64, Later)>>,
    /// How many of these are answers to SUBSCRIBE.
    pub(super) unanswered: usize,
    /// The answer to an UNSUBSCRIBE that takes several turns.
    pub(super) leaving: Option<Box<Unsubscribed>>,
    /// Why the conversation is to end, found where nobody could be told.
    pub(super) ends: Option<Box<Ending>>,
}

impl Talk {
    /// Begins, or goes on with what is left of a session.
    pub(crate) fn new(bounds: Arc<Bounds>, client: Client, rest: Rest) -> Self {
        let held_back = rest.waiting_bytes();
        Self {
            bounds,
            client,
            rest,
            answers: Answers::default(),
            aliases: Rare::default(),
            told: Rare::default(),
            ids: Vec::new(),
            held_back,
            later: Rare::default(),
            unanswered: 0,
            leaving: None,
            ends: None,
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.client.version
    }

    /// What the session was told of the client, and what is left of the conversation.
    pub(crate) fn apart(self) -> (Client, Rest) {
        (self.client, self.rest)
    }

    /// Bytes of memory that it takes.
    pub(super) fn held(&self) -> usize {
        self.rest.flight.bytes() + self.held_back
    }

    /// Says which of its own messages come back to the client.
    pub(crate) fn tells_the_hub(&self, session: &Session) {
        session.wants_echo(self.rest.subscriptions.echo() == Echo::All);
    }

    /// The good-bye of a client, and how it ends the connection.
    pub(super) fn bye(&mut self, bye: Disconnect) -> Result<Ending, Ending> {
        if let Some(seconds) = bye.session_expiry {
            if self.client.session_seconds == 0 && seconds > 0 {
                return Err(Fault::protocol(
                    "a session that was to end with its connection is to outlive it",
                )
                .into());
            }
            self.client.session_seconds = seconds.min(self.bounds.session_seconds);
            self.remember();
        }
        Ok(if bye.code == code::SUCCESS { Ending::Farewell } else { Ending::WithWill })
    }

    /// Takes a packet of so many bytes. What is to be answered at once goes to `out`.
    pub(super) fn receive(
        &mut self,
        packet: Packet<'_>,
        bytes: usize,
        session: &mut Session,
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), Ending> {
        if let Some(ending) = self.ends() {
            return Err(ending);
        }
        let received = self.take_packet(packet, bytes, session, now, out);
        self.answers_others();
        received
    }

    fn take_packet(
        &mut self,
        packet: Packet<'_>,
        bytes: usize,
        session: &mut Session,
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), Ending> {
        let version = self.client.version;
        match packet {
            Packet::Publish(message) => self.publish(&message, session, now, out),
            Packet::Subscribe(subscribe) => {
                session
                    .count_filters_of_request(bytes, subscribe.filters.len(), now)
                    .map_err(Ending::TooMuch)?;
                self.subscribe(&subscribe, session, out);
                Ok(())
            }
            Packet::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.filters.len();
                session.count_filters_of_request(bytes, filters, now).map_err(Ending::TooMuch)?;
                self.unsubscribe(&unsubscribe, session, out);
                Ok(())
            }
            Packet::Ping => {
                session.count_sign(now).map_err(Ending::TooMuch)?;
                Writer::new(version, out).pong();
                Ok(())
            }
            Packet::Acknowledged(ack) => {
                let is_known = self.rest.flight.done(ack.id, |sent| sent.qos == Qos::AtLeastOnce);
                count_unknown(is_known, session, now)?;
                self.send_what_waits(session, now, out);
                Ok(())
            }
            Packet::Received(ack) => {
                let is_known = self.received(ack, session, now, out);
                count_unknown(is_known, session, now)
            }
            Packet::Complete(ack) => {
                let is_it = |sent: &Sent| sent.qos == Qos::ExactlyOnce && sent.message.is_none();
                let is_known = self.rest.flight.done(ack.id, is_it);
                count_unknown(is_known, session, now)?;
                self.send_what_waits(session, now, out);
                Ok(())
            }
            Packet::Release(ack) => {
                session.count_sign(now).map_err(Ending::TooMuch)?;
                let is_known = self.releases(ack.id);
                let code = if is_known { code::SUCCESS } else { code::NO_SUCH_ID };
                let stamp = self.forget_received(ack.id);
                self.after(stamp, Later::Answer(Answer::Complete, ack.id, code), out);
                Ok(())
            }
            // It was taken where it was read.
            Packet::Disconnect(_) => Ok(()),
        }
    }

    /// The client has received a message of QoS 2. Whether that is news of one that is under way.
    fn received(&mut self, ack: Ack, session: &Session, now: Moment, out: &mut Vec<u8>) -> bool {
        if ack.code >= code::UNSPECIFIED {
            let is_known = self.rest.flight.done(ack.id, |sent| sent.qos == Qos::ExactlyOnce);
            self.send_what_waits(session, now, out);
            return is_known;
        }
        let Rest { flight, lasting, .. } = &mut self.rest;
        let is_news = flight.awaits_receipt(ack.id);
        let stamp = flight.received(ack.id, lasting.as_ref());
        let code = if stamp.is_some() { code::SUCCESS } else { code::NO_SUCH_ID };
        self.after(stamp.unwrap_or_default(), Later::Answer(Answer::Release, ack.id, code), out);
        is_news
    }

    /// The topic of a message; `None` if the hub takes no such topic.
    fn topic(&mut self, message: &Publish<'_>) -> Result<Option<Topic>, Ending> {
        let place = match message.properties.alias {
            None => None,
            Some(alias) if alias <= self.bounds.aliases => {
                let aliases = self.aliases.make();
                aliases.resize(self.bounds.aliases.into(), None);
                aliases.get_mut(usize::from(alias) - 1)
            }
            Some(_) => return Err(Ending::Mqtt(code::BAD_ALIAS, "a topic alias above the maximum".into())),
        };
        if message.topic.is_empty() {
            return match place.and_then(|place| place.clone()) {
                Some(topic) => Ok(Some(topic)),
                None => Err(Fault::protocol("a topic alias that was not set").into()),
            };
        }
        let topic = Topic::parse(message.topic, &self.bounds.topic).ok();
        if let Some(place) = place {
            place.clone_from(&topic);
        }
        Ok(topic)
    }

    fn publish(
        &mut self,
        message: &Publish<'_>,
        session: &mut Session,
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), Ending> {
        let topic = self.topic(message)?;
        let (id, is_twice) = (message.id, message.qos == Qos::ExactlyOnce);
        if is_twice && self.rest.has_received(id) {
            session.count_sign(now).map_err(Ending::TooMuch)?;
            if !self.answers.waits(id) {
                let stamp = self.rest.lasting.as_ref().map_or(0, Lasting::stamp);
                self.after(stamp, Later::Answer(Answer::Receive, id, code::SUCCESS), out);
            }
            return Ok(());
        }
        let most = match self.client.version {
            Version::V5 => self.bounds.window.into(),
            Version::V3 => UNRELEASED,
        };
        if message.qos != Qos::AtMostOnce && self.on_their_way() >= most {
            let why = "more messages are on their way than the receive maximum allows";
            return Err(Ending::Mqtt(code::RECEIVE_MAXIMUM, why.into()));
        }
        let Some(topic) = topic else {
            session.count_sign(now).map_err(Ending::TooMuch)?;
            note_refused(
                session,
                message.topic,
                "the topic is longer or deeper than limits.topic_bytes and limits.topic_levels allow",
            );
            self.answer(message, code::BAD_TOPIC, "the topic is too long or too deep", out);
            return Ok(());
        };
        let number = self.answers.ask();
        let (code, why) = match self.say(message, topic, number, session, now) {
            Ok(Done::Later(answers)) => {
                self.answers.wait(answer_to(message.qos), id, (number, answers));
                if is_twice {
                    self.receives(id);
                }
                return Ok(());
            }
            Ok(Done::Now) => (code::SUCCESS, ""),
            Ok(Done::Never) => (code::UNSPECIFIED, "routed, but not on the disk"),
            Err(NotSaid::TooMuch(excess)) => return Err(Ending::TooMuch(excess)),
            Err(NotSaid::Refused(refusal)) => match refusal {
                Refusal::Reserved => {
                    note_refused(session, message.topic, "topics under clown.talk are the hub's own");
                    (code::NOT_AUTHORIZED, "the topic is the hub's own")
                }
                Refusal::MayNotPublish => (code::NOT_AUTHORIZED, "forbidden: this takes the right publish"),
                Refusal::MayNotRetain => (code::NOT_AUTHORIZED, "forbidden: this takes the right retain"),
                Refusal::Unconfirmed => (code::QUOTA, "too many messages wait until they are on the disk"),
                Refusal::StoreFull(_) | Refusal::Changed => {
                    (code::QUOTA, "routed, but the store of last values is full")
                }
            },
        };
        // A client of 3.1.1 cannot be told what went wrong. What is forbidden is acknowledged ([MQTT-3.3.5-2] of 3.1.1); what is not
        // on the disk must not be.
        if self.client.version == Version::V3
            && message.qos != Qos::AtMostOnce
            && (code == code::UNSPECIFIED || why.starts_with("too many"))
        {
            return Err(Ending::Mqtt(code, why.into()));
        }
        self.answer(message, code, why, out);
        if is_twice && (code < code::UNSPECIFIED || self.client.version == Version::V3) {
            self.receives(id);
        } else if is_twice {
            self.forget_received(id);
        }
        Ok(())
    }

    /// How many messages of the client are on their way: those that were not answered, and those of QoS 2 that are not released.
    fn on_their_way(&self) -> usize {
        self.rest.received.get().map_or(0, HashSet::len) + self.answers.beside_received()
    }

    /// A message of QoS 2 has come, and has its answer or waits for it.
    fn receives(&mut self, id: u16) {
        self.rest.received.make().insert(id);
        self.answers.receives(id);
    }

    /// It is released, or none after all. Whether it was there.
    pub(super) fn releases(&mut self, id: u16) -> bool {
        self.answers.releases(id);
        self.rest.releases(id)
    }

    fn answer(&mut self, message: &Publish<'_>, code: u8, why: &'static str, out: &mut Vec<u8>) {
        if message.qos != Qos::AtMostOnce {
            let mut writer = Writer::new(self.client.version, out);
            self.answers.put(&mut writer, answer_to(message.qos), message.id, code, why);
        }
    }

    fn say(
        &self,
        message: &Publish<'_>,
        topic: Topic,
        number: u64,
        session: &mut Session,
        now: Moment,
    ) -> Result<Done, NotSaid> {
        let inward = inward(message.payload);
        let retention = retention(session, message.retain, message.payload, self.bounds.keeps_readings);
        let payload = if retention == Some(Retention::Clear) { "null" } else { &inward.json };
        let lasts = message.properties.message_expiry.map(|seconds| Duration::from_secs(seconds.into()));
        let expires = lasts.map(|lasts| now.steady().after(lasts));
        let passed_on = Carried::options(message, inward.raw);
        let extras = Extras { expires, passed_on, trail: None };
        if self.rest.subscriptions.echo() == Echo::Some {
            session.wants_echo(self.rest.subscriptions.echoes(&topic));
        }
        let kind = Kind::of(topic.as_str());
        let (qos, published_as) = (message.qos, message.id);
        let message = Message { topic, payload, kind, retention, extras, was_kept: false };
        if qos == Qos::AtMostOnce {
            return session.tell(message, now).map(|()| Done::Now);
        }
        let is_twice = qos == Qos::ExactlyOnce && self.rest.lasting.is_some();
        let asks = Some(Asks { number, received: is_twice.then_some(published_as) });
        let id = number.to_string();
        let saying = Saying { message, id, confirm: None, lease: None, only_if: None, asks };
        session.say(saying, now).map(|said| match said {
            Said::Routed(_) | Said::WithCare => Done::Now,
            Said::OnDiskSoon(routed) => Done::Later(routed.answers),
            Said::NotOnDisk(_) => Done::Never,
        })
    }
}

/// An acknowledgement of nothing is a sign of life like any other: those of messages are as many as there were messages.
fn count_unknown(is_known: bool, session: &mut Session, now: Moment) -> Result<(), Ending> {
    if is_known { Ok(()) } else { session.count_sign(now).map_err(Ending::TooMuch) }
}

fn answer_to(qos: Qos) -> Answer {
    if qos == Qos::ExactlyOnce { Answer::Receive } else { Answer::Acknowledge }
}

/// What is to become of a message, where its publisher may say so: as its flag says. An empty payload takes the last value away.
/// `None` where who says it decides (`docs/protocol.md`, clause 5.3).
pub(crate) fn retention(
    session: &Session,
    flag: bool,
    payload: &[u8],
    keeps_readings: bool,
) -> Option<Retention> {
    if !session.may_retain() {
        return None;
    }
    match flag {
        true if payload.is_empty() => Some(Retention::Clear),
        true => Some(Retention::Keep),
        false if keeps_readings => None,
        false => Some(Retention::Pass),
    }
}

/// Counts and logs a message that the hub does not take.
fn note_refused(session: &Session, topic: &str, why: &str) {
    static REFUSED: Seldom = Seldom::new();
    session.figures().mqtt_refused.add(1);
    if let Some(times) = REFUSED.again(&session.name()) {
        let topic = crate::talk::control::shown(topic);
        tracing::warn!(client = %session.name(), ?topic, %times, "message is not published: {why}");
    }
}
