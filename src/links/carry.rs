//! Messages over a link, one at a time: in from the broker, out to it.

use std::borrow::Cow;

use tokio::time::Instant;

use super::connection::{CHUNK, Connection};
use super::guard::Verdict;
use super::link::Link;
use super::packets::{Outgoing, Publish, Version, shown};
use super::payload;
use super::queue::Entry;
use super::rules::{Empty, Qos, REMOTE_LIMITS, Retain, Rule};
use super::stamp::{self, Stamp};
use crate::hub::{Forward, Refusal, Retention, Trail};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

/// Bytes of a packet beside topic, payload and stamp, at the most.
const HEADERS: usize = 32;

impl<'m> Outgoing<'m> {
    /// Whether the link is up, for the topic of its status.
    pub(super) fn status(topic: &'m str, state: &'static str, retain: bool) -> Self {
        let (id, qos) = (0, Qos::AtMostOnce);
        Self { topic, payload: state.as_bytes(), id, qos, retain, again: false, stamp: None }
    }
}

impl Link {
    /// A message of the broker. It is acknowledged when the hub has routed it, or will never.
    pub(super) fn take_in(&mut self, connection: &mut Connection, publish: &Publish) {
        let (id, qos) = (publish.id, publish.qos);
        let is_new = qos != Qos::ExactlyOnce || self.taken.insert(id);
        if is_new {
            match self.route(publish) {
                Ok(Verdict::New) => self.figures.heard.add(1),
                Ok(Verdict::Returned) => self.figures.returned.add(1),
                Ok(Verdict::Worn) => {
                    self.figures.returned.add(1);
                    self.refuse(
                        &shown(&publish.topic),
                        "it goes round: hubs or brokers are joined in a circle, by other means than these links",
                    );
                }
                Err(why) => self.refuse(&shown(&publish.topic), &why),
            }
        }
        self.acknowledge(connection, id, qos);
    }

    pub(super) fn acknowledge(&mut self, connection: &mut Connection, id: u16, qos: Qos) {
        match qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => connection.writer.acknowledge(id),
            Qos::ExactlyOnce => {
                self.taken.insert(id);
                connection.writer.receive(id);
            }
        }
    }

    fn route(&self, publish: &Publish) -> Result<Verdict, String> {
        let topic = std::str::from_utf8(&publish.topic).map_err(|_| "its topic is not UTF-8".to_owned())?;
        let remote = Topic::parse(topic, &REMOTE_LIMITS).map_err(|error| error.to_string())?;
        let settings = self.hub.settings();
        let rule = self.settings.rules.for_remote(&remote);
        let found = rule.and_then(|rule| Some((rule, rule.inward(&remote, &settings.topic)?)));
        let (rule, local) = found.ok_or("no rule asks for it")?;
        let local = local.map_err(|error| format!("the hub does not allow it: {error}"))?;
        if publish.payload.len() > settings.message_bytes {
            let (found, most) = (publish.payload.len(), settings.message_bytes);
            return Err(format!("it has {found} bytes, limits.message_bytes allows {most}"));
        }
        let (json, clears) = json(publish, rule)?;
        if self.is_known(publish, &local, &json) {
            return Ok(Verdict::Returned);
        }
        let stamp = publish.stamp.as_deref().and_then(Stamp::parse);
        let verdict =
            self.guard.came(self.id, stamp.as_ref(), (local.as_str(), json.as_bytes()), Instant::now());
        if verdict != Verdict::New {
            return Ok(verdict);
        }
        let trail = Trail {
            stamp: if stamp.is_some() {
                publish.stamp.clone().unwrap_or_default().into()
            } else {
                self.guard.foreign_stamp()
            },
            heard_from: self.broker.clone(),
        };
        let kind = Kind::of(rule.relative(&local));
        let retention = retention(publish, rule, clears);
        let forward = Forward { topic: local, payload: &json, kind, retention, trail: Some(trail) };
        match self.session.forward(forward, Moment::now()) {
            // What finds no room is counted and logged by the store.
            Ok(()) | Err(Refusal::StoreFull(_)) => Ok(Verdict::New),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    /// Whether a last value of the broker is the one that the hub has: it comes again with every new session.
    fn is_known(&self, publish: &Publish, local: &Topic, json: &str) -> bool {
        if !publish.retain {
            return false;
        }
        let Some(last) = self.hub.last_value(local) else { return false };
        match publish.stamp.as_deref().and_then(Stamp::parse) {
            Some(stamp) => {
                let same =
                    |trail: &Trail| Stamp::parse(&trail.stamp).is_some_and(|last| last.id() == stamp.id());
                last.trail().is_some_and(same)
            }
            // With MQTT 5 it may be one of today that happens to be the same.
            None => self.settings.version == Version::V3 && last.payload() == json,
        }
    }

    /// Sends what waits, as far as the broker allows and there is room.
    pub(super) fn pump(&mut self, connection: &mut Connection) {
        let inflight = usize::from(self.settings.inflight.min(connection.welcome.receive_max));
        let now = Moment::now();
        let most_bytes = self.settings.queue_bytes;
        while connection.writer.bytes.len() < CHUNK
            && self.flight.len() < inflight
            && self.flight.bytes() < most_bytes
        {
            let Some(entry) = self.queue.pop() else { return };
            if entry.relayed.message.has_expired(now) {
                self.hub.figures().expired.add(1);
            } else {
                self.send(connection, &entry);
            }
        }
    }

    fn send(&mut self, connection: &mut Connection, entry: &Entry) {
        match self.compose(connection, entry) {
            Err(why) => self.lose(entry, &why),
            Ok(composed) => {
                let message = &entry.relayed.message;
                self.guard.went((message.topic.as_str(), message.payload().as_bytes()), Instant::now());
                let id = if composed.qos == Qos::AtMostOnce {
                    self.figures.told.add(1);
                    0
                } else {
                    self.flight.send(entry.clone())
                };
                connection.writer.publish(&composed.with_id(id, false));
            }
        }
    }

    /// Sends what the broker has not acknowledged. It fitted before, and may not any more.
    pub(super) fn send_again(&mut self, connection: &mut Connection, entry: &Entry, id: u16) {
        let composed = self.compose(connection, entry);
        let is_acknowledged = composed.as_ref().is_ok_and(|composed| composed.qos != Qos::AtMostOnce);
        if !is_acknowledged {
            self.flight.land(id);
        }
        match composed {
            Ok(composed) if is_acknowledged => connection.writer.publish(&composed.with_id(id, true)),
            Ok(composed) => {
                self.figures.told.add(1);
                connection.writer.publish(&composed.with_id(0, false));
            }
            Err(why) => self.lose(entry, &why),
        }
    }

    /// A message as the broker is to have it; an error where it cannot.
    fn compose<'e>(&self, connection: &Connection, entry: &'e Entry) -> Result<Composed<'e>, String> {
        let (message, welcome) = (&entry.relayed.message, &connection.welcome);
        let named =
            self.settings.rules.get(entry.rule).and_then(|rule| Some((rule, rule.outward(&message.topic)?)));
        let (rule, topic) = named.ok_or("it has no name at the broker")?;
        let keeps = rule.retain != Retain::Never;
        let payload = match message.retention {
            Retention::Clear if keeps => Cow::Borrowed(&[][..]),
            Retention::Clear | Retention::Keep | Retention::Pass => {
                payload::outward(message.payload().as_bytes(), rule.text)
            }
        };
        let is_kept = entry.relayed.is_last_value || message.retention != Retention::Pass;
        let hub = self.guard.hub();
        let stamp = (self.settings.version == Version::V5).then(|| match message.trail() {
            Some(trail) => stamp::passing(&trail.stamp, hub),
            None => stamp::fresh(hub, message.number),
        });
        let bytes = HEADERS + topic.as_str().len() + payload.len() + stamp.as_ref().map_or(0, String::len);
        let most = welcome.packet_bytes.unwrap_or(usize::MAX);
        if bytes > most {
            return Err(format!(
                "it has {bytes} bytes and the broker takes {most}; raise the broker's largest packet"
            ));
        }
        let qos = rule.qos.min(welcome.qos);
        Ok(Composed { topic, payload, qos, retain: keeps && is_kept && welcome.retains, stamp })
    }

    /// The broker is done with a message of ours.
    pub(super) fn landed(&mut self, id: u16, reason: u8) {
        self.no_strike();
        let Some(entry) = self.flight.land(id) else { return };
        match reason {
            0..0x80 => self.figures.told.add(1),
            0x87 => self.lose(&entry, "the broker does not allow it; give the user the right to write there"),
            0x95 => self.lose(&entry, "the broker finds it too large; raise the broker's largest message"),
            0x97 => self.lose(&entry, "the broker says that a quota is used up"),
            code => self.lose(
                &entry,
                &format!("the broker refuses it with code {code:#x}; look into the broker's log"),
            ),
        }
    }
}

/// A message as the broker is to have it.
struct Composed<'m> {
    topic: Topic,
    payload: Cow<'m, [u8]>,
    qos: Qos,
    retain: bool,
    stamp: Option<String>,
}

impl Composed<'_> {
    fn with_id(&self, id: u16, again: bool) -> Outgoing<'_> {
        let Self { topic, payload, qos, retain, stamp } = self;
        let again = again && *qos != Qos::AtMostOnce;
        Outgoing {
            topic: topic.as_str(),
            payload,
            id,
            qos: *qos,
            retain: *retain,
            again,
            stamp: stamp.as_deref(),
        }
    }
}

/// The payload as JSON, and whether it clears the last value.
fn json<'p>(publish: &'p Publish, rule: &Rule) -> Result<(Cow<'p, str>, bool), String> {
    const DROPPED: &str = "the rule drops what is no JSON (text)";
    if !publish.payload.is_empty() {
        let json = payload::inward(&publish.payload, rule.text).ok_or(DROPPED)?;
        return Ok((json, false));
    }
    match rule.empty {
        Empty::Null => Ok((Cow::Borrowed("null"), publish.retain)),
        Empty::Clear => Ok((Cow::Borrowed("null"), true)),
        Empty::Drop => Err("the rule drops what has no payload (empty)".to_owned()),
    }
}

fn retention(publish: &Publish, rule: &Rule, clears: bool) -> Option<Retention> {
    match rule.retain {
        Retain::Never => Some(Retention::Pass),
        _ if clears => Some(Retention::Clear),
        Retain::Readings => None,
        Retain::AsSent if publish.retain => Some(Retention::Keep),
        Retain::AsSent => Some(Retention::Pass),
    }
}
