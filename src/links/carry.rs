//! What a message becomes on its way over a link, in and out: its rule, its name, its payload, and whether it was here
//! before. Of the protocol of the far side only so much is known as it does not hide: see [`Arrived`] and [`Departing`].

use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::Instant;

use super::guard::{Member, Verdict};
use super::payload;
use super::queue::Entry;
use super::rules::{Empty, Qos, REMOTE_LIMITS, Retain, Rule, Text};
use super::settings::LinkSettings;
use super::stamp::{self, Stamp};
use super::way::Way;
use crate::hub::{Forward, Hub, Publication, Refusal, Retention, Session, Trail};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

/// The number of no rule: the message goes out under its own name.
pub(super) const ANNOUNCED: usize = usize::MAX;

/// A message of the far side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived<'m> {
    /// The topic; not yet checked to be one.
    pub(super) topic: &'m [u8],
    /// The payload.
    pub(super) payload: &'m [u8],
    /// Whether it is a last value there.
    pub(super) retain: bool,
    /// The stamp of a hub.
    pub(super) stamp: Option<&'m str>,
    /// What the kind of far side says is to become of it; `None` where the rule says it.
    pub(super) keep: Option<Retention>,
    /// Whether it was said there at some time before; `None` where the far side does not tell that apart.
    pub(super) is_old: Option<bool>,
}

/// A message as the far side is to have it.
#[derive(Debug)]
pub(super) struct Departing<'m> {
    /// The topic there.
    pub(super) topic: Topic,
    /// The payload there.
    pub(super) payload: Cow<'m, [u8]>,
    /// The QoS of the rule.
    pub(super) qos: Qos,
    /// Whether it is to be a last value there.
    pub(super) retain: bool,
    /// Where it has been, for far sides that have room for that.
    pub(super) stamp: Option<String>,
}

/// Carries messages between the hub and one far side.
pub(super) struct Carry {
    settings: Arc<LinkSettings>,
    hub: Arc<Hub>,
    member: Member,
}

impl Carry {
    pub(super) fn new(hub: &Arc<Hub>, settings: &Arc<LinkSettings>, member: Member) -> Self {
        Self { settings: Arc::clone(settings), hub: Arc::clone(hub), member }
    }

    /// The rule by which a message of the hub goes out. What was heard from this far side never goes back to it, by
    /// whichever link.
    pub(super) fn rule_for(&self, message: &Publication) -> Option<(usize, &Rule)> {
        if message.trail().is_some_and(|trail| trail.heard_from == self.settings.far) {
            return None;
        }
        self.settings.rules.for_local(&message.topic)
    }

    /// Publishes a message of the far side at the hub; an error where that is not to be.
    /// `was_kept` says whether it was said there at some time before.
    pub(super) fn inward(
        &self,
        session: &Session,
        arrived: &Arrived<'_>,
        was_kept: bool,
    ) -> Result<Verdict, String> {
        let topic = std::str::from_utf8(arrived.topic).map_err(|_| "its topic is not UTF-8".to_owned())?;
        let remote = Topic::parse(topic, &REMOTE_LIMITS).map_err(|error| error.to_string())?;
        let settings = self.hub.settings();
        let rule = self.settings.rules.for_remote(&remote);
        let found = rule.and_then(|rule| Some((rule, rule.inward(&remote, &settings.topic)?)));
        let (rule, local) = found.ok_or("no rule asks for it")?;
        let local = local.map_err(|error| format!("the hub does not allow it: {error}"))?;
        if arrived.payload.len() > settings.message_bytes {
            let (found, most) = (arrived.payload.len(), settings.message_bytes);
            return Err(format!("it has {found} bytes, limits.message_bytes allows {most}"));
        }
        let (json, clears) = json(arrived, rule)?;
        let stamp = arrived.stamp.and_then(Stamp::parse);
        if self.is_known(arrived, stamp.as_ref(), (&remote, &local, &json), was_kept) {
            return Ok(Verdict::Returned);
        }
        let verdict = self.member.came(stamp.as_ref(), (local.as_str(), json.as_bytes()), Instant::now());
        if verdict != Verdict::New {
            return Ok(verdict);
        }
        let trail = (!self.member.is_end()).then(|| {
            let stamp = match (stamp, arrived.stamp) {
                (Some(_), Some(text)) => text.into(),
                _ => self.member.foreign_stamp(),
            };
            Trail { stamp, heard_from: Arc::clone(&self.settings.far) }
        });
        let kind = Kind::of(rule.relative(&local));
        let retention = arrived.keep.or_else(|| retention(arrived, rule, clears));
        let forward = Forward { topic: local, payload: &json, kind, retention, trail, was_kept };
        match session.forward(forward, Moment::now()) {
            // What finds no room is counted and logged by the store.
            Ok(()) | Err(Refusal::StoreFull(_)) => Ok(Verdict::New),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    /// Whether the far side calls nothing retained but what was said before. Otherwise it calls all that so that was published
    /// retained.
    pub(super) fn retained_is_old(&self) -> bool {
        self.member.repeats()
    }

    /// Whether a last value of the far side is the one that the hub has, as it comes again with every new session; or one that
    /// gives way to that of the hub, which was said on this side and is on its way there.
    fn is_known(
        &self,
        arrived: &Arrived<'_>,
        stamp: Option<&Stamp<'_>>,
        (remote, local, json): (&Topic, &Topic, &str),
        was_kept: bool,
    ) -> bool {
        if !arrived.retain {
            return false;
        }
        let Some(last) = self.hub.last_value(local) else { return false };
        // Where there are stamps, what is published retained just now looks the same.
        let may_be_older = was_kept && arrived.is_old.is_none() && self.member.repeats();
        let goes_there =
            |rule: &Rule| rule.retain != Retain::Never && rule.outward(&last.topic).as_ref() == Some(remote);
        if may_be_older && self.rule_for(&last).is_some_and(|(_, rule)| goes_there(rule)) {
            return true;
        }
        match stamp {
            Some(stamp) => {
                let same =
                    |trail: &Trail| Stamp::parse(&trail.stamp).is_some_and(|last| last.id() == stamp.id());
                last.trail().is_some_and(same)
            }
            // Where there are stamps it may be one of today that happens to be the same.
            None => self.member.repeats() && last.payload() == json,
        }
    }

    /// A message as the far side is to have it; an error where it has no name there.
    pub(super) fn outward<'e>(&self, entry: &'e Entry) -> Result<Departing<'e>, String> {
        let message = &entry.relayed.message;
        let way = match &entry.stored {
            Some(stored) => Cow::Borrowed(&stored.way),
            None => Cow::Owned(self.way(message, entry.rule)?),
        };
        let Way { qos, text, keeps, .. } = *way;
        let payload = match message.retention {
            Retention::Clear if keeps => Cow::Borrowed(&[][..]),
            Retention::Clear | Retention::Keep | Retention::Pass => {
                payload::outward(message.payload().as_bytes(), text)
            }
        };
        let is_kept = entry.relayed.is_last_value || message.retention != Retention::Pass;
        let (topic, stamp) = match way {
            Cow::Borrowed(way) => (way.topic.clone(), way.stamp.clone()),
            Cow::Owned(way) => (way.topic, way.stamp),
        };
        let stamp = stamp.filter(|_| !self.member.repeats());
        Ok(Departing { topic, payload, qos, retain: keeps && is_kept, stamp })
    }

    /// How a message goes out by a rule; an error where it has no name at the far side.
    pub(super) fn way(&self, message: &Publication, rule: usize) -> Result<Way, String> {
        if rule == ANNOUNCED {
            let topic = message.topic.clone();
            return Ok(Way { topic, qos: Qos::AtLeastOnce, text: Text::String, keeps: true, stamp: None });
        }
        let rule = self.settings.rules.get(rule);
        let named = rule.and_then(|rule| Some((rule, rule.outward(&message.topic)?)));
        let (rule, topic) = named.ok_or("it has no name at the far side")?;
        let hub = self.member.hub();
        let stamp = (!self.member.repeats()).then(|| match message.trail() {
            Some(trail) => stamp::passing(&trail.stamp, hub),
            None => stamp::fresh(hub, message.number, message.topic.as_str()),
        });
        Ok(Way { topic, qos: rule.qos, text: rule.text, keeps: rule.retain != Retain::Never, stamp })
    }

    /// A message goes out.
    pub(super) fn went(&self, entry: &Entry) {
        let message = &entry.relayed.message;
        self.member.went((message.topic.as_str(), message.payload().as_bytes()), Instant::now());
    }
}

/// The payload as JSON, and whether it clears the last value.
fn json<'p>(arrived: &Arrived<'p>, rule: &Rule) -> Result<(Cow<'p, str>, bool), String> {
    const DROPPED: &str = "the rule drops what is no JSON (text)";
    if !arrived.payload.is_empty() {
        let json = payload::inward(arrived.payload, rule.text).ok_or(DROPPED)?;
        return Ok((json, false));
    }
    match rule.empty {
        Empty::Null => Ok((Cow::Borrowed("null"), arrived.retain)),
        Empty::Clear => Ok((Cow::Borrowed("null"), true)),
        Empty::Drop => Err("the rule drops what has no payload (empty)".to_owned()),
    }
}

fn retention(arrived: &Arrived<'_>, rule: &Rule, clears: bool) -> Option<Retention> {
    match rule.retain {
        Retain::Never => Some(Retention::Pass),
        _ if clears => Some(Retention::Clear),
        Retain::Readings => None,
        Retain::AsSent if arrived.retain => Some(Retention::Keep),
        Retain::AsSent => Some(Retention::Pass),
    }
}
