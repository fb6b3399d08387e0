//! What waits for a device, as packets: within the window of what may be on its way, and what is not acknowledged again.

use std::collections::{HashMap, VecDeque};

use super::flight::Again;
use super::subscriptions::Wanted;
use super::talk::Talk;
use crate::connection::ending::Ending;
use crate::hub::{Drained, Handed, Relayed, Retention, Session};
use crate::moment::Moment;
use crate::mqtt::{Answer, Carried, CarriedRest, Outgoing, Qos, Version, Writer, outward};
use crate::seldom::Seldom;
use crate::talk::{Frames, Reply};
use crate::topic::Topic;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    /// It was written, or nobody wants it any more.
    Done,
    /// It is larger than the client takes.
    TooLarge,
}

impl Talk {
    /// Whether messages may be taken from the outbox.
    pub(super) fn has_room(&self) -> bool {
        self.rest.has_none_waiting() && !self.rest.flight.has_some_to_repeat() && self.unanswered == 0
    }

    fn window_is_open(&self) -> bool {
        let flight = &self.rest.flight;
        flight.out() < usize::from(self.client.receive_maximum.min(self.bounds.window))
            && flight.out_bytes() < self.bounds.window_bytes
    }

    /// Puts in about so many bytes of what waits.
    pub(super) fn give(
        &mut self,
        session: &mut Session,
        bytes: usize,
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Drained {
        self.send_what_waits(session, now, out);
        let before = out.len();
        loop {
            if !self.has_room() {
                return Drained::Everything;
            }
            let written = out.len() - before;
            if written >= bytes {
                return Drained::More;
            }
            let mut too_large = Vec::new();
            let remains = session.take_everything(bytes - written, now, &mut |handed| match handed {
                Handed::Message(relayed) => {
                    if let Some(topic) = self.take(relayed, now, out) {
                        too_large.push(topic);
                    }
                }
                Handed::Answer(answer) => self.take_answer(&answer, out),
            });
            for topic in &too_large {
                note_too_large(session, topic);
            }
            self.answers_others();
            if remains.drained != Drained::More {
                return remains.drained;
            }
        }
    }

    /// Sends what was held until the store had it, what was sent before over another connection, and then what there was no room for,
    /// as far as there is some now.
    pub(super) fn send_what_waits(&mut self, session: &Session, now: Moment, out: &mut Vec<u8>) {
        while let Some((id, relayed)) = self.rest.release() {
            self.send_as((id, Qos::ExactlyOnce), &relayed, session, now, out);
        }
        while self.window_is_open() && self.rest.flight.has_some_to_repeat() {
            let version = self.client.version;
            let (id, qos, relayed) = match self.rest.repeat() {
                None => break,
                Some(Again::Release(id)) => {
                    Writer::new(version, out).answer(Answer::Release, id, 0, "");
                    continue;
                }
                Some(Again::Message(id, qos, relayed)) => (id, qos, relayed.clone()),
            };
            self.send_as((id, qos), &relayed, session, now, out);
        }
        while !self.rest.flight.has_some_to_repeat()
            && self.window_is_open()
            && let Some(relayed) = self.rest.waiting.get_mut().and_then(VecDeque::pop_front)
        {
            self.held_back -= relayed.message.len();
            if session.may_read(&relayed.message.topic)
                && !is_too_old(&relayed, session, now)
                && let Some(topic) = self.send(&relayed, now, out)
            {
                note_too_large(session, &topic);
            }
        }
    }

    /// Sends a message that has its packet id. The account may have lost the right to it since. One that was never sent may have
    /// expired; one that was has to come again all the same.
    fn send_as(
        &mut self,
        (id, qos): (u16, Qos),
        relayed: &Relayed,
        session: &Session,
        now: Moment,
        out: &mut Vec<u8>,
    ) {
        let is_late = || !self.rest.flight.is_again(id) && is_too_old(relayed, session, now);
        if !session.may_read(&relayed.message.topic) || is_late() {
            self.rest.flight.done(id, |_| true);
            return;
        }
        let wanted = self.wanted(relayed);
        let carried = carried(relayed);
        if self.write(relayed, (id, qos), (wanted, carried), now, out) == Given::TooLarge {
            self.rest.flight.done(id, |_| true);
            note_too_large(session, &relayed.message.topic);
        }
    }

    /// Sends a message, or holds it back. Returns its topic where it is too large for the client.
    fn take(&mut self, relayed: Relayed, now: Moment, out: &mut Vec<u8>) -> Option<Topic> {
        if self.has_room() && self.window_is_open() {
            return self.send(&relayed, now, out);
        }
        self.held_back += relayed.message.len();
        self.rest.waiting.make().push_back(relayed);
        None
    }

    /// How the client wants a message; the ids of its subscriptions that name it stand in `ids` then.
    fn wanted(&mut self, relayed: &Relayed) -> Option<Wanted> {
        let mut ids = std::mem::take(&mut self.ids);
        let wanted = match &relayed.share {
            None => self.rest.subscriptions.wanted(&relayed.message.topic, &mut ids),
            Some(share) => self.rest.shares.wanted(share, &mut ids),
        };
        self.ids = ids;
        wanted
    }

    /// Sends a message, for which there is room. Returns its topic where it is too large for the client.
    fn send(&mut self, relayed: &Relayed, now: Moment, out: &mut Vec<u8>) -> Option<Topic> {
        let wanted = self.wanted(relayed)?;
        let carried = carried(relayed);
        let qos = carried.qos.map_or(wanted.qos, |qos| qos.min(wanted.qos));
        let (id, is_held) = match qos {
            Qos::AtMostOnce => (0, false),
            Qos::AtLeastOnce | Qos::ExactlyOnce => self.rest.send(qos, relayed.clone()),
        };
        if is_held {
            return None;
        }
        if self.write(relayed, (id, qos), (Some(wanted), carried), now, out) == Given::Done {
            return None;
        }
        self.rest.flight.done(id, |_| true);
        Some(relayed.message.topic.clone())
    }

    fn write(
        &mut self,
        relayed: &Relayed,
        (id, qos): (u16, Qos),
        (wanted, carried): (Option<Wanted>, Carried),
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Given {
        let Relayed { message, is_last_value, .. } = relayed;
        let version = self.client.version;
        let ids = std::mem::take(&mut self.ids);
        let extras = message.extras();
        let rest = carried.rest.as_deref();
        let payload = match rest.and_then(|rest| rest.raw.as_deref()) {
            _ if message.retention == Retention::Clear => std::borrow::Cow::default(),
            Some(raw) => raw.as_bytes().into(),
            None => outward(message.payload()),
        };
        let as_published = wanted.is_some_and(|wanted| wanted.as_published);
        let retain = *is_last_value || (as_published && message.retention != Retention::Pass);
        let seconds = extras.and_then(|extras| extras.expires).map(|expires| {
            let left = expires.since(now.steady());
            u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1)
        });
        let correlation = rest.and_then(CarriedRest::correlation);
        let again = id > 0 && self.rest.flight.is_again(id);
        let mut outgoing = Outgoing {
            topic: message.topic.as_str(),
            id,
            qos: qos.number(),
            retain,
            again,
            payload: &payload,
            message_expiry: seconds,
            alias: None,
            subscriptions: &ids,
            is_text: rest.and_then(|rest| rest.text),
            content_type: rest.and_then(|rest| rest.content_type.as_deref()),
            response_topic: rest.and_then(|rest| rest.response_topic.as_deref()),
            correlation: correlation.as_deref(),
            user: rest.map_or(&[], |rest| &rest.user),
        };
        let told = self.told.get();
        let known = told.and_then(|told| told.get(&message.topic)).copied();
        let told = told.map_or(0, HashMap::len);
        let room = usize::from(self.client.alias_maximum.min(self.bounds.aliases));
        let new = (known.is_none() && version == Version::V5 && told < room)
            .then(|| u16::try_from(told + 1).unwrap_or(u16::MAX));
        outgoing.alias = known.or(new);
        if known.is_some() {
            outgoing.topic = "";
        }
        let is_small = Writer::publish_len(version, &outgoing) <= self.client.packet_maximum;
        let is_written = is_small && Writer::new(version, out).publish(&outgoing);
        if is_written && let Some(alias) = new {
            self.told.make().insert(message.topic.clone(), alias);
        }
        self.ids = ids;
        if is_written { Given::Done } else { Given::TooLarge }
    }

    /// An answer of the hub: that a message is on the disk. All others have no words in MQTT.
    fn take_answer(&mut self, answer: &str, out: &mut Vec<u8>) {
        let frame = Frames::of(answer).next().and_then(Result::ok);
        let (id, is_on_disk) = match frame.and_then(|frame| Reply::read(&frame)) {
            Some(Ok(Reply::PublishOk(published))) => (Some(published.id), true),
            Some(Ok(Reply::PublishError(refused))) => (refused.id, false),
            _ => (None, false),
        };
        let number = id.and_then(|id| id.parse().ok());
        if let Some(number) = number
            && let Err(ending) = self.hear(number, is_on_disk, out)
        {
            self.ends = Some(Box::new(ending));
        }
    }

    /// Why the conversation is to end, if it is.
    pub(super) fn ends(&mut self) -> Option<Ending> {
        self.ends.take().map(|ending| *ending)
    }
}

/// Whether a message has waited for longer than it lasts ([MQTT-3.3.2-5]). Counts it.
fn is_too_old(relayed: &Relayed, session: &Session, now: Moment) -> bool {
    let is_too_old = relayed.message.has_expired(now);
    if is_too_old {
        session.figures().expired.add(1);
        tracing::debug!(client = %session.name(), topic = ?relayed.message.topic, "message expired before it was delivered");
    }
    is_too_old
}

/// What a message carries of MQTT.
fn carried(relayed: &Relayed) -> Carried {
    Carried::read(relayed.message.extras().map_or("", |extras| &*extras.passed_on))
}

/// Counts and logs a message that the client does not take.
fn note_too_large(session: &Session, topic: &Topic) {
    static TOO_LARGE: Seldom = Seldom::new();
    session.figures().mqtt_too_large.add(1);
    if let Some(times) = TOO_LARGE.again(&session.name()) {
        tracing::warn!(client = %session.name(), ?topic, %times,
            "message is not sent: it is larger than the client takes (maximum packet size in its CONNECT)");
    }
}
