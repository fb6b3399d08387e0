//! What this hub leaves to be said if it dies is kept at the servers, and what others have left who have died is said here.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Duration, Instant};

use super::heirs::{Answer as Heard, Heirs, Left, Step};
use super::inward::Inward;
use super::keeper::{Answer, Keeper};
use super::others::Others;
use super::report::Report;
use super::stamp::{Number, Stamp};
use super::stream::{Got, Message, Stored, Stream};
use super::subject::Subjects;
use super::wire::{Question, Wire, Word};
use crate::hub::{Bequest, Bequests, Clock, Heading, Hub, Session, Source};
use crate::moment::Moment;

/// How long an answer of the servers may take.
const ANSWER: Duration = Duration::from_secs(2);
/// Pieces that are put at a time.
const WINDOW: usize = 64;
/// Pieces that wait to be put. With more all are put again.
const MOST: usize = 100_000;
/// How long after the last word of a hub it may have lived.
const AFTER: u64 = 3000;

/// See the head of the file.
pub(super) struct Estate {
    hub: Arc<Hub>,
    bequests: Arc<Bequests>,
    subjects: Subjects,
    name: String,
    life: String,
    keeper: Keeper<Heading>,
    heirs: Heirs,
    is_all_to_be_put: bool,
}

impl Estate {
    /// For this life of a hub.
    pub(super) fn new(hub: &Arc<Hub>, name: &str, subjects: &Subjects, life: &str) -> Self {
        Self {
            hub: Arc::clone(hub),
            bequests: Arc::clone(hub.bequests()),
            subjects: subjects.clone(),
            name: name.to_owned(),
            life: life.to_owned(),
            keeper: Keeper::new(MOST, WINDOW),
            heirs: Heirs::new(life, Instant::now()),
            is_all_to_be_put: false,
        }
    }

    /// Where changes are waited for.
    pub(super) fn bequests(&self) -> &Bequests {
        &self.bequests
    }

    /// The servers keep things, or do not any more.
    pub(super) fn connection(&mut self, is_there: bool, now: Instant) {
        if !is_there {
            self.keeper.away();
        }
        self.heirs.connection(is_there, now);
    }

    /// Others may have taken this hub for dead. Returns the topics that are to be looked at.
    pub(super) fn put_all(&mut self) -> Vec<Heading> {
        let all = self.bequests.all();
        for heading in &all {
            self.changed(heading);
        }
        all
    }

    fn changed(&mut self, heading: &Heading) {
        if !self.keeper.changed(heading) {
            self.is_all_to_be_put = true;
        }
    }

    /// These have died.
    pub(super) fn died(&mut self, dead: Vec<(String, Clock)>, others: &Others, now: Instant) {
        for (life, clock) in dead {
            let clock = Clock::at(clock.milliseconds().saturating_add(AFTER));
            self.heirs.died(life, clock, others.before(), now);
        }
    }

    /// Whether this hub has stood still, so that others may take it for dead. To be called each turn.
    pub(super) fn has_stood_still(&mut self, now: Instant) -> bool {
        self.heirs.turn(now)
    }

    /// When there is something to do although nothing comes.
    pub(super) fn next_date(&self) -> Option<Instant> {
        let answer = self.keeper.oldest().map(|oldest| oldest + ANSWER);
        [answer, self.heirs.next_date()].into_iter().flatten().min()
    }

    /// Whether all is put.
    pub(super) fn is_settled(&self) -> bool {
        self.keeper.is_empty()
    }

    /// Does what is to be done, where the servers keep things.
    pub(super) fn step(&mut self, stream: &Stream, wire: &mut Wire, now: Instant) {
        for heading in self.bequests.take() {
            self.changed(&heading);
        }
        if self.is_all_to_be_put && self.keeper.is_empty() {
            self.is_all_to_be_put = false;
            self.put_all();
        }
        self.keeper.expire(now, ANSWER);
        while let Some((number, heading, _)) = self.keeper.next(now) {
            let subject = self.subjects.of_bequest(&self.life, heading.client, &heading.topic);
            let Some(subject) = subject else {
                self.keeper.answered(number, Answer::Refused);
                continue;
            };
            let reply = self.reply('b', number);
            let question = if let Some(bequest) = self.bequests.get(&heading) {
                let (stamp, payload) = self.written(&bequest);
                Question { subject, reply, payload, beside: Some((stamp, None)) }
            } else {
                let (about, text) = stream.purge(&subject, u64::MAX - 1);
                Question { subject: about, reply, payload: text.into(), beside: None }
            };
            let _ = wire.ask(question);
        }
        while let Some((number, step)) = self.heirs.next(now) {
            self.ask(number, step, stream, wire);
        }
    }

    fn reply(&self, kind: char, number: u64) -> String {
        self.subjects.between(&format!("{}.{kind}.{number}", self.life))
    }

    fn ask(&self, number: u64, step: Step, stream: &Stream, wire: &mut Wire) {
        let (kind, subject, text, beside) = match step {
            Step::Next(life, from) => {
                let (subject, text) = stream.get_from(&self.subjects.of_bequests(life.as_deref()), from);
                ('n', subject, Bytes::from(text), None)
            }
            Step::Claim(left) => {
                let Left { life, heading, bequest, number, .. } = left;
                let subject = self.subjects.of_bequest(&life, heading.client, &heading.topic);
                let (stamp, payload) = self.written(&bequest);
                ('c', subject.unwrap_or_default(), payload, Some((stamp, Some(number))))
            }
            Step::Look(left) => {
                let subject = self.subjects.of_last_value(&left.heading.topic).unwrap_or_default();
                let (subject, text) = stream.get(&subject);
                ('l', subject, text.into(), None)
            }
        };
        let _ = wire.ask(Question { subject, reply: self.reply(kind, number), payload: text, beside });
    }

    /// What stands beside a bequest that is put by this hub, and its payload.
    fn written(&self, bequest: &Bequest) -> (String, Bytes) {
        let Bequest { payload, kind, retention, from, passed_on, lasts, clock } = bequest;
        let stamp = Stamp {
            hub: &self.name,
            session: &self.life,
            number: Number { of_hub: 1, of_topic: 1 },
            milliseconds: clock.milliseconds(),
            source: Source::Node,
            kind: *kind,
            retention: *retention,
            user: (&**from).into(),
            expires_in: lasts.map(|lasts| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX)),
            trail: None,
            passed_on: (&**passed_on).into(),
            clock: (clock.number() > 0).then_some(*clock),
            says_more: false,
        };
        (stamp.text(), Bytes::copy_from_slice(payload.as_bytes()))
    }

    fn read(&self, message: &Message) -> Option<Left> {
        let (life, client, topic) = self.subjects.bequest(&message.subject, &self.hub.settings().topic)?;
        let stamp = Stamp::parse(&message.stamp).ok()?;
        let payload = super::inward::payload(&message.payload, self.hub.settings().message_bytes).ok()?;
        let bequest = Bequest {
            payload: payload.to_owned(),
            kind: stamp.kind,
            retention: stamp.retention,
            from: stamp.user.as_ref().into(),
            passed_on: Some(&*stamp.passed_on).filter(|text| super::inward::are_options(text))?.into(),
            lasts: stamp.expires_in.map(Duration::from_millis),
            clock: stamp.clock.unwrap_or(Clock::at(stamp.milliseconds)),
        };
        let (life, by, number) = (life.to_owned(), stamp.session.to_owned(), message.number);
        Some(Left { life, by, number, at: number, heading: Heading { client, topic }, bequest })
    }

    /// Whether this is an answer for us; if it is, it is taken.
    pub(super) fn hear(
        &mut self,
        word: &Word,
        (stream, wire): (&Stream, &mut Wire),
        (inward, session): (&mut Inward, &Session),
        others: &Others,
        report: &Report,
    ) -> bool {
        let about = word.subject.strip_prefix(&self.subjects.between(&format!("{}.", self.life)));
        let Some((kind, number)) = about.and_then(|about| about.split_once('.')) else { return false };
        let Ok(number) = number.parse::<u64>() else { return false };
        let is_nobody = word.status == Some(503);
        let answer = match kind {
            // What came of a purge is no number, and none is needed.
            "b" if is_nobody => return true,
            "b" => {
                let stored = Stream::stored(&word.payload);
                if stored == Stored::NoLeader {
                    // It is asked again when no other answer has come.
                    return true;
                }
                let number_there = if let Stored::At(number) = stored { number } else { 0 };
                self.keeper.answered(number, Answer::Put(number_there));
                return true;
            }
            "n" => match Stream::got(&word.payload) {
                Got::Message(message) => {
                    let left = self.read(&message).map(Box::new).ok_or(message.number);
                    if left.is_err() {
                        report.refuse(&message.subject, None, "it is nothing that a hub leaves");
                    }
                    Heard::Left(left)
                }
                Got::Nothing => Heard::Nothing,
                Got::NoLeader | Got::Refused(_) => return true,
            },
            "c" => match Stream::stored(&word.payload) {
                Stored::At(at) => Heard::Ours(at),
                Stored::Other => Heard::Theirs,
                Stored::Full | Stored::NoLeader | Stored::Refused(_) => return true,
            },
            "l" => {
                if let Got::Message(message) = Stream::got(&word.payload) {
                    inward.take_stored(&message.subject, &message.stamp, &message.payload, session, report);
                }
                Heard::Known
            }
            _ => return false,
        };
        if !is_nobody && let Some(left) = self.heirs.answered(number, answer, |life| others.lives(life)) {
            let is_said = self.hub.say_for_another(&left.heading, &left.bequest, Moment::now());
            report.said_for_another(&left.life, &left.heading.topic, is_said);
            if let Some(subject) =
                self.subjects.of_bequest(&left.life, left.heading.client, &left.heading.topic)
            {
                let (about, text) = stream.purge(&subject, left.number);
                let reply = self.subjects.between(&format!("{}.e.0", self.life));
                let _ = wire.ask(Question { subject: about, reply, payload: text.into(), beside: None });
            }
        }
        true
    }
}
