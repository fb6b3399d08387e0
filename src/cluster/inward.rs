//! What other hubs say, on its way to the readers of this one: read, checked, counted, and published here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::heard::{Came, Heard};
use super::report::Report;
use super::settings::Settings;
use super::stamp::{Lease, Stamp};
use super::subject::Subjects;
use super::wire::Arrived;
use crate::hub::{
    Brought, Came as CameHere, Clock, Extras, FarLease, Hub, MOST_AHEAD, Publication, Refusal, Retention,
    Session, Trail,
};
use crate::moment::Moment;
use crate::talk::frame;
use crate::topic::Topic;

/// Bytes of a safe payload, and for how long a command may hold: what options allow, and a little more.
const MOST_OF_SAFE: usize = 4096;
const LONGEST_LEASE: Duration = Duration::from_hours(24 * 8);
/// Names that are shared by those who have them.
const SHARED: usize = 1000;

/// What was heard from the cluster, in the words of links.
pub(super) const HEARD_FROM: &str = "cluster";

/// Whether a message was said at another hub.
pub(super) fn is_brought(message: &Publication) -> bool {
    message.trail().is_some_and(|trail| &*trail.heard_from == HEARD_FROM)
}

/// What became of something that the servers keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stored {
    /// It was compared with what stands here.
    Came(Topic, CameHere),
    /// The topic was cleared, so long ago.
    Cleared(Duration),
    /// It was refused.
    Refused,
}

/// Takes messages in.
pub(super) struct Inward {
    hub: Arc<Hub>,
    life: String,
    heard: Heard,
    heard_from: Arc<str>,
    /// Users and lives of hubs, each once.
    names: HashMap<String, Arc<str>>,
    subjects: Subjects,
    has_missed: bool,
}

impl Inward {
    /// For this life of a hub.
    pub(super) fn new(hub: &Arc<Hub>, settings: &Settings, subjects: &Subjects, life: &str) -> Self {
        Self {
            hub: Arc::clone(hub),
            life: life.to_owned(),
            heard: Heard::new(settings.topics),
            heard_from: HEARD_FROM.into(),
            names: HashMap::new(),
            subjects: subjects.clone(),
            has_missed: false,
        }
    }

    /// There is a subscription with this number.
    pub(super) fn begins(&mut self, number: u64) {
        self.heard.begins(number);
    }

    /// It is no more.
    pub(super) fn ended(&mut self, number: u64) {
        self.heard.ended(number);
    }

    /// Takes a message. When this returns it was published here, or it never will be.
    pub(super) fn take(&mut self, arrived: &Arrived, session: &Session, report: &Report) {
        let subject = arrived.subject.as_str();
        let stamp = match Stamp::parse(arrived.stamp.as_deref().unwrap_or_default()) {
            Ok(stamp) => stamp,
            Err(why) => return report.refuse_unread(subject, &why),
        };
        if stamp.session == self.life {
            return report.figures().cluster_again.add(1);
        }
        if stamp.says_more || arrived.says_more {
            Report::says_more(stamp.hub);
        }
        let settings = self.hub.settings();
        let topic = match self.subjects.topic(subject, &settings.topic) {
            Ok(topic) => topic,
            Err(why) => {
                return report.refuse(
                    subject,
                    Some(stamp.hub),
                    &format!("its subject is no topic here: {why}"),
                );
            }
        };
        let most = settings.message_bytes;
        let life = self.shared(stamp.session);
        match self.heard.came(&life, &topic, stamp.number, arrived.by) {
            Came::Before => return report.figures().cluster_again.add(1),
            Came::New { missing: 0 } => {}
            Came::New { missing } => {
                self.has_missed = true;
                report.missing(stamp.hub, &topic, missing);
            }
        }
        let known = topic.clone();
        let mut message = match self.message(&stamp, topic, &arrived.payload, most, false) {
            Ok(message) => message,
            Err(why) => return report.refuse(subject, Some(stamp.hub), why.as_deref().unwrap_or_default()),
        };
        if let Some(text) = &arrived.lease {
            message.lease = lease(text, stamp.hub);
            if message.lease.is_none() {
                Report::unread_lease(stamp.hub, &known);
            }
        }
        match session.bring(message) {
            // What finds no room is counted and logged by the store.
            Ok(CameHere::New) | Err(Refusal::StoreFull(_)) => {
                report.figures().cluster_in.add(1);
                self.correct_presence(&known);
            }
            Ok(CameHere::Same) => report.figures().cluster_again.add(1),
            Ok(CameHere::Overtaken) => report.figures().cluster_overtaken.add(1),
            Err(refusal) => report.refuse(subject, Some(stamp.hub), &refusal.to_string()),
        }
    }

    /// Takes a last value that the servers keep.
    pub(super) fn take_stored(
        &mut self,
        subject: &str,
        stamp: &str,
        payload: &[u8],
        session: &Session,
        report: &Report,
    ) -> Stored {
        let stamp = match Stamp::parse(stamp) {
            Ok(stamp) => stamp,
            Err(why) => {
                report.refuse_unread(subject, &why);
                return Stored::Refused;
            }
        };
        if stamp.says_more {
            Report::says_more(stamp.hub);
        }
        let settings = self.hub.settings();
        let most = settings.message_bytes;
        let taken = match self.subjects.topic_of_last_value(subject, &settings.topic) {
            Err(why) => Err(Some(format!("its subject is no topic here: {why}"))),
            Ok(topic) => match self.message(&stamp, topic.clone(), payload, most, true) {
                Err(why) => Err(why),
                Ok(message) => {
                    let is_cleared = message.retention == Retention::Clear;
                    match session.bring(message) {
                        Ok(CameHere::New | CameHere::Same) if is_cleared => {
                            Ok(Stored::Cleared(since(&stamp, Moment::now())))
                        }
                        Ok(came) => {
                            report.figures().cluster_last_read.add(u64::from(came == CameHere::New));
                            self.correct_presence(&topic);
                            Ok(Stored::Came(topic, came))
                        }
                        Err(Refusal::StoreFull(_)) => Ok(Stored::Came(topic, CameHere::New)),
                        Err(refusal) => Err(Some(refusal.to_string())),
                    }
                }
            },
        };
        taken.unwrap_or_else(|why| {
            if let Some(why) = why {
                report.refuse(subject, Some(stamp.hub), &why);
            }
            Stored::Refused
        })
    }

    /// Who is here is not taken for gone, whatever others say.
    fn correct_presence(&self, topic: &Topic) {
        if topic.last_level() == "presence" {
            self.hub.correct_presence(topic, Moment::now());
        }
    }

    /// Whether messages were missing since this was asked last.
    pub(super) fn has_missed(&mut self) -> bool {
        std::mem::take(&mut self.has_missed)
    }

    /// What a stamp and a payload say; the sentence says what is wrong with it, and there is none where it has expired.
    fn message<'m>(
        &mut self,
        stamp: &Stamp<'_>,
        topic: Topic,
        bytes: &'m [u8],
        most: usize,
        is_stored: bool,
    ) -> Result<Brought<'m>, Option<String>> {
        let payload = payload(bytes, most).map_err(Some)?;
        if !are_options(&stamp.passed_on) {
            return Err(Some("its options are no JSON".to_owned()));
        }
        if is_stored && stamp.retention == Retention::Pass {
            return Err(Some("it is no last value".to_owned()));
        }
        let now = Moment::now();
        let mut extras = self.extras(stamp, now);
        if let Some(expires) = stamp.expires_in.filter(|_| is_stored) {
            // That of a last value counts from when it was said.
            let left = Duration::from_millis(expires).checked_sub(since(stamp, now)).ok_or(None)?;
            extras.expires = Some(now.steady().after(left));
        }
        Ok(Brought {
            topic,
            payload,
            kind: stamp.kind,
            retention: stamp.retention,
            source: stamp.source,
            from: self.shared(&stamp.user),
            time: time(stamp, now),
            clock: stamp.clock.unwrap_or(Clock::at(stamp.milliseconds)),
            extras,
            is_stored,
            lease: None,
        })
    }

    fn extras(&self, stamp: &Stamp<'_>, now: Moment) -> Extras {
        let trail = match &stamp.trail {
            Some(trail) => trail.as_ref().into(),
            // What links know it by, should two of them carry it to one broker.
            None => {
                format!("{life}.{number} {life}", life = stamp.session, number = stamp.number.of_hub).into()
            }
        };
        Extras {
            expires: stamp.expires_in.map(|time| now.steady().after(Duration::from_millis(time))),
            passed_on: stamp.passed_on.as_ref().into(),
            trail: Some(Trail { stamp: trail, heard_from: Arc::clone(&self.heard_from) }),
        }
    }

    /// A name that many messages have, once. There are few users and few hubs at one time; who sends ever new ones has them
    /// forgotten.
    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(shared) = self.names.get(name) {
            return Arc::clone(shared);
        }
        if self.names.len() >= SHARED {
            self.names.clear();
        }
        let shared: Arc<str> = name.into();
        self.names.insert(name.to_owned(), Arc::clone(&shared));
        shared
    }
}

/// What stands beside a command that holds for a time only.
fn lease(text: &str, hub: &str) -> Option<FarLease> {
    let Lease { left, safe } = Lease::parse(text)?;
    let safe = payload(safe.as_bytes(), MOST_OF_SAFE).ok()?.into();
    Some(FarLease { hub: hub.into(), left: Duration::from_millis(left).min(LONGEST_LEASE), safe })
}

/// How long ago it was said.
fn since(stamp: &Stamp<'_>, now: Moment) -> Duration {
    Duration::from_millis(Clock::of(now.wall()).milliseconds().saturating_sub(stamp.milliseconds))
}

pub(super) fn payload(bytes: &[u8], most: usize) -> Result<&str, String> {
    if bytes.len() > most {
        return Err(format!("it has {} bytes, limits.message_bytes allows {most}", bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "its payload is not UTF-8".to_owned())?;
    match frame::payload(text) {
        Some(json) if json == text => Ok(text),
        Some(_) | None => Err("its payload is no JSON".to_owned()),
    }
}

/// Whether this may stand in the options of a frame.
pub(super) fn are_options(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let whole: Cow<'_, str> = format!("{{{text}}}").into();
    frame::payload(&whole).is_some_and(|json| json == whole) && !text.contains(['\r', '\n'])
}

fn time(stamp: &Stamp<'_>, now: Moment) -> SystemTime {
    let told = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(stamp.milliseconds));
    let told = told.unwrap_or(now.wall());
    match told.duration_since(now.wall()) {
        Ok(ahead) if ahead > MOST_AHEAD => {
            Report::ahead(stamp.hub, ahead.as_secs());
            now.wall()
        }
        Ok(_) | Err(_) => told,
    }
}
