//! The accounts that all hubs have alike, at the servers: one message, in a stream of its own, which every hub hears as it is put there
//! and reads when it comes. Who has a newer edition than what it hears puts that. Where nothing is kept, hubs tell each other.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::UNIX_EPOCH;

use tokio::time::{Duration, Instant};

use super::report::Report;
use super::settings::Settings;
use super::stamp::{NoStamp, VERSION, is_name};
use super::stream::{Got, Looked, Stored, Stream};
use super::subject::Subjects;
use super::wire::{Question, Wire, Word};
use crate::editions::{Edition, Editions, Heard};
use crate::hub::MOST_AHEAD;
use crate::moment::Moment;
use crate::seldom::Seldom;

/// How long an answer of the servers may take, and how long after that they are asked again.
const ANSWER: Duration = Duration::from_secs(2);
/// How long after they said that they keep nothing.
const LATER: Duration = Duration::from_secs(30);
/// Bytes of the stream: the largest file, and one that takes its place.
const BYTES: u64 = 16 * 1024 * 1024;
/// What stands around them takes less.
const BESIDE: usize = 512;

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing, as the servers are not there.
    Away,
    /// A question, since then.
    Asked(Instant),
    /// To be looked for again then.
    Look(Instant),
    /// They are there, or are kept nowhere.
    Rests,
}

/// See the head of the file.
pub(super) struct Shared {
    editions: Arc<Editions>,
    stream: Stream,
    subject: String,
    /// Where answers come to.
    answers: String,
    name: String,
    life: String,
    state: State,
    is_kept: bool,
    /// When it is looked again whether they are kept.
    look_again: Option<Instant>,
    /// What the others have heard of this hub.
    said: Option<Edition>,
    /// What this hub has heard of them and did not have.
    heard: Option<Edition>,
}

impl Shared {
    /// For this life of a hub.
    pub(super) fn new(editions: Arc<Editions>, settings: &Settings, subjects: &Subjects, life: &str) -> Self {
        let subject = subjects.of_accounts().to_owned();
        Self {
            editions,
            stream: Stream::of_accounts(&settings.prefix, subject.clone(), settings.replicas, BYTES),
            subject,
            answers: subjects.between(&format!("{life}.accounts.")),
            name: settings.name.clone(),
            life: life.to_owned(),
            state: State::Away,
            is_kept: false,
            look_again: None,
            said: None,
            heard: None,
        }
    }

    /// The servers are there, or are not any more.
    pub(super) fn connection(&mut self, is_there: bool) {
        match self.state {
            State::Away if is_there => self.state = State::Look(Instant::now()),
            _ if !is_there => (self.state, self.said, self.heard) = (State::Away, None, None),
            State::Away | State::Asked(_) | State::Look(_) | State::Rests => {}
        }
    }

    /// A hub has come that may have heard nothing.
    pub(super) fn say_again(&mut self) {
        if !self.is_kept {
            // Whoever has said it before may be gone.
            (self.said, self.heard) = (None, None);
        }
    }

    /// Whether they were changed here.
    pub(super) fn poll_changes(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.editions.poll_here(cx)
    }

    /// When something is to be done although nothing comes.
    pub(super) fn next_date(&self) -> Option<Instant> {
        match self.state {
            State::Asked(at) => Some(at + ANSWER),
            State::Look(at) => Some(at),
            State::Rests => self.look_again,
            State::Away => None,
        }
    }

    /// Does what is to be done.
    pub(super) fn step(&mut self, wire: &mut Wire, now: Instant) {
        match self.state {
            State::Look(at) if now >= at => self.ask(wire, "look", self.stream.look(), now),
            State::Asked(at) if now >= at + ANSWER => self.state = State::Look(now),
            State::Rests if self.look_again.take_if(|at| now >= *at).is_some() => {
                self.ask(wire, "look", self.stream.look(), now);
            }
            State::Rests => self.put(wire, now),
            State::Away | State::Asked(_) | State::Look(_) => {}
        }
    }

    fn ask(&mut self, wire: &mut Wire, about: &str, (subject, text): (String, String), now: Instant) {
        let reply = format!("{}{about}", self.answers);
        // What the library does not take is not answered, and asked again.
        let _ = wire.ask(Question { subject, reply, payload: text.into(), beside: None });
        self.state = State::Asked(now);
    }

    /// Puts what stands here where others have not heard it. What a hub started with is put only where there is nothing else.
    fn put(&mut self, wire: &mut Wire, now: Instant) {
        static TOO_LARGE: Seldom = Seldom::new();
        if self.heard.take_if(|heard| self.editions.has_refused(heard)).is_some() {
            // Who comes next is to find what makes sense.
            self.said = None;
        }
        let is_known = |here: &Edition| self.said.as_ref() == Some(here) || self.heard.as_ref() == Some(here);
        let is_new = |here: &Edition| here.at > 0 && !is_known(here);
        let Some(here) = self.editions.here().filter(is_new) else { return };
        // The servers answer in base64.
        if here.text.len() / 3 * 4 + BESIDE > wire.max_payload() {
            if TOO_LARGE.again("").is_some() {
                let bytes = here.text.len();
                tracing::error!(
                    bytes,
                    "the accounts are larger than max_payload of the servers: other hubs do not get them"
                );
            }
            self.said = Some(here);
            return;
        }
        let stamp = format!("{VERSION} {} {} {}", self.name, self.life, here.at);
        let (subject, reply) = (self.subject.clone(), format!("{}put", self.answers));
        let payload = here.text.as_bytes().to_vec().into();
        if wire.ask(Question { subject, reply, payload, beside: Some((stamp, None)) }).is_ok() {
            self.said = Some(here);
            if self.is_kept {
                self.state = State::Asked(now);
            } else {
                self.is_told();
            }
        }
    }

    /// Whether the cluster has what was changed here, or cannot be told.
    pub(super) fn is_settled(&self) -> bool {
        self.state == State::Away || self.editions.untold().is_none()
    }

    /// What was said last has arrived.
    fn is_told(&self) {
        if let Some(said) = &self.said {
            self.editions.is_told(said);
        }
    }

    /// Whether this is about them; if it is, it is taken.
    pub(super) fn hear(&mut self, word: &Word, wire: &mut Wire, report: &Report) -> bool {
        static IS_KEPT: Seldom = Seldom::new();
        let now = Instant::now();
        if word.subject == self.subject {
            self.found(word.stamp.as_deref().unwrap_or_default(), &word.payload, report);
            return true;
        }
        let Some(about) = word.subject.strip_prefix(&*self.answers) else { return false };
        let answer = &word.payload;
        match about {
            // An answer that is not waited for any more.
            _ if !matches!(self.state, State::Asked(_)) => {}
            _ if word.status == Some(503) => self.is_not_kept("the servers have no JetStream"),
            "look" => match self.stream.looked(answer) {
                Looked::There(_) => {
                    self.is_kept = true;
                    self.ask(wire, "get", self.stream.get(&self.subject), now);
                }
                Looked::Missing => self.ask(wire, "look", self.stream.make(self.stream.replicas), now),
                Looked::OneServer if self.stream.replicas > 1 => {
                    self.ask(wire, "look", self.stream.make(1), now);
                }
                Looked::NoLeader => self.state = State::Look(now + ANSWER),
                Looked::NoJetStream => self.is_not_kept("the servers have no JetStream"),
                Looked::OneServer | Looked::FewServers => {
                    self.is_not_kept("there are fewer servers than cluster.replicas");
                }
                Looked::Wrong(why) => self.is_not_kept(&why),
            },
            "get" => match Stream::got(answer) {
                Got::Message(message) => {
                    self.state = State::Rests;
                    self.found(&message.stamp, &message.payload, report);
                }
                Got::Nothing => {
                    self.state = State::Rests;
                    let _ = self.editions.found(milliseconds());
                }
                Got::NoLeader => self.state = State::Look(now + ANSWER),
                Got::Refused(why) => self.is_not_kept(&why),
            },
            "put" => match Stream::stored(answer) {
                Stored::At(_) => {
                    self.state = State::Rests;
                    self.is_told();
                    if IS_KEPT.again("").is_some() {
                        tracing::info!("the servers keep the accounts of the cluster");
                    }
                }
                Stored::NoLeader | Stored::Other => {
                    (self.state, self.said) = (State::Look(now + ANSWER), None);
                }
                Stored::Full => self.is_not_kept("their stream is full"),
                Stored::Refused(why) => self.is_not_kept(&why),
            },
            _ => {}
        }
        true
    }

    /// The user of this hub may not ask for them.
    pub(super) fn is_not_allowed(&mut self) {
        self.is_not_kept("the user of this hub may not ask for the stream (config/nats/node.conf)");
    }

    /// They are kept nowhere: who hears of them now has them, and who comes later is told.
    fn is_not_kept(&mut self, why: &str) {
        static NOT_KEPT: Seldom = Seldom::new();
        (self.state, self.is_kept) = (State::Rests, false);
        self.look_again = Some(Instant::now() + LATER);
        if NOT_KEPT.again("").is_some() {
            let why: String = why.chars().take(200).collect();
            tracing::warn!(
                "the servers do not keep the accounts of the cluster, so hubs that are away do not hear of a change: {why}"
            );
        }
    }

    /// Whether the servers say this about the accounts.
    pub(super) fn is_meant(&self, text: &str) -> bool {
        text.contains(self.stream.name()) || text.contains(&format!("\"{}\"", self.subject))
    }

    /// Another hub has put this.
    fn found(&mut self, stamp: &str, payload: &[u8], report: &Report) {
        let edition = match read(stamp) {
            Ok((hub, at)) => match std::str::from_utf8(payload) {
                Ok(text) => Edition { at, text: text.into() },
                Err(_) => return report.refuse(&self.subject, Some(hub), "the accounts are no text"),
            },
            Err(why) => return report.refuse_unread(&self.subject, &why),
        };
        if edition.at
            > milliseconds().saturating_add(u64::try_from(MOST_AHEAD.as_millis()).unwrap_or(u64::MAX))
        {
            let why = "the accounts are of a later time than it is: have all hubs follow a time server";
            // It may be the clock here that is not set yet. Until then nothing old takes its place.
            self.look_again = Some(Instant::now() + LATER);
            if self.editions.untold().is_none() {
                self.said = self.editions.here();
            }
            return report.refuse(&self.subject, None, why);
        }
        match self.editions.offer(edition.clone()) {
            Heard::Newer => (self.said, self.heard) = (self.editions.here(), Some(edition)),
            Heard::Known => self.heard = Some(edition),
            // Whoever has said it hears what is newer.
            Heard::Older => (self.said, self.heard) = (None, None),
            // What stands here was put after it once. Whoever has it, too, is to decide.
            Heard::Refused => self.said = self.editions.here(),
        }
    }
}

/// Which hub has put it, and when it was written.
fn read(stamp: &str) -> Result<(&str, u64), NoStamp> {
    let mut words = stamp.split(' ');
    let version = words.next().unwrap_or_default();
    if version != VERSION {
        let newer = version.parse().ok().filter(|number| *number > 1);
        return Err(newer.map_or(NoStamp::Foreign, NoStamp::Newer));
    }
    let mut name = || words.next().filter(|word| is_name(word)).ok_or(NoStamp::Foreign);
    let (hub, _) = (name()?, name()?);
    let at = words.next().and_then(|word| word.parse().ok()).ok_or(NoStamp::Foreign)?;
    Ok((hub, at))
}

fn milliseconds() -> u64 {
    let since = Moment::now().wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_them_is_read_and_what_is_none_of_ours_is_told_from_what_is_newer() {
        assert_eq!(read("1 hall life 17"), Ok(("hall", 17)));
        assert_eq!(read("1 hall life 17 more of a newer hub"), Ok(("hall", 17)));
        assert_eq!(read("2 hall life 17"), Err(NoStamp::Newer(2)));
        for foreign in ["", "x", "1", "1 hall life", "1 hall life x", "1 ha\u{7f}l life 1"] {
            assert_eq!(read(foreign), Err(NoStamp::Foreign), "{foreign}");
        }
    }
}
