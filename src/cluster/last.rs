//! The last values of the whole cluster, which the servers keep in one stream: what stands here is put there, and what this hub
//! begins to ask for is read from there. Where there is no such stream, last values are each hub's own.

mod answers;

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::inward::Inward;
use super::keeper::{Answer, Keeper, Step};
use super::reader::{Reader, Request};
use super::report::Report;
use super::settings::Settings;
use super::standing;
use super::stream::{Got, Message, Stream};
use super::subject::Subjects;
use super::wire::{Question, Which, Wire, Word};
use crate::hub::{Asked, Hub, Publication, Session};
use crate::topic::{Filter, Topic};

/// How long an answer of the servers may take.
const ANSWER: Duration = Duration::from_secs(2);
/// How long after that they are asked again whether they keep last values.
const AGAIN: Duration = Duration::from_secs(1);
/// The same where they have said that they do not.
const LATER: Duration = Duration::from_secs(30);
/// Last values that are put at a time.
const WINDOW: usize = 128;
/// Last values that are looked through in one piece.
const PIECE: usize = 256;
/// What was cleared is known at the servers for so long.
const CLEARED: Duration = Duration::from_hours(24);
/// Between two readings of all that is asked for.
const BETWEEN: Duration = Duration::from_secs(5);
/// It is read so often where something was missed: any of the servers is read from, and one that was cut off may lack something for
/// some seconds.
const READINGS: u8 = 2;

const NO_LEADER: &str = "JetStream does not answer: its servers have no leader, or are not there";

/// How the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is to be looked for then.
    Look(Instant),
    /// The servers were asked then.
    Asked(Instant),
    /// It is there.
    There,
    /// There is none; it is to be looked for again then.
    Absent(Instant),
}

/// See the head of the file.
pub(super) struct LastValues {
    hub: Arc<Hub>,
    stream: Stream,
    subjects: Subjects,
    name: String,
    life: String,
    state: State,
    is_connected: bool,
    keeper: Keeper,
    reader: Reader,
    /// When the stream was made that was there last.
    created: Option<String>,
    /// Where all last values are being looked through, and whether those of other hubs are put, too.
    sweep: Option<(usize, bool)>,
    /// How often all that is asked for is to be read again.
    readings: u8,
    read_again: Option<Instant>,
    /// Whether something had to be put again, or late, of which other hubs may not have heard.
    has_caught_up: bool,
    /// Since when something is to be put.
    busy: Option<Instant>,
}

impl LastValues {
    /// For this life of a hub.
    pub(super) fn new(hub: &Arc<Hub>, settings: &Settings, subjects: &Subjects, life: &str) -> Self {
        let now = Instant::now();
        let Settings { prefix, replicas, last_values_bytes, .. } = settings;
        let kept = [subjects.of_last_values(), subjects.of_bequests(None)];
        Self {
            hub: Arc::clone(hub),
            stream: Stream::new(prefix, kept, *replicas, *last_values_bytes, hub.settings().message_bytes),
            subjects: subjects.clone(),
            name: settings.name.clone(),
            life: life.to_owned(),
            state: State::Look(now),
            is_connected: false,
            keeper: Keeper::new(settings.topics, WINDOW),
            reader: Reader::new(now),
            created: None,
            sweep: None,
            readings: 0,
            read_again: None,
            has_caught_up: false,
            busy: None,
        }
    }

    /// The connection for questions is there, or is not any more.
    pub(super) fn connection(&mut self, is_there: bool, report: &mut Report, now: Instant) {
        if self.is_connected != is_there {
            self.is_connected = is_there;
            self.state = State::Look(now);
            self.keeper.away();
            self.reader.away();
            report.shares_no_more();
        }
    }

    /// The stream, if it is there.
    pub(super) fn stream(&self) -> Option<&Stream> {
        (self.is_connected && self.state == State::There).then_some(&self.stream)
    }

    /// All that is asked for is to be read again: something was missed, or may have been.
    pub(super) fn read_again(&mut self) {
        self.readings = READINGS;
    }

    /// Whether it is, now.
    pub(super) fn is_to_be_read_again(&mut self, now: Instant) -> bool {
        let may =
            self.state == State::There && self.reader.is_idle() && self.read_again.is_none_or(|at| now >= at);
        if !may || self.readings == 0 {
            return false;
        }
        self.readings -= 1;
        self.read_again = Some(now + BETWEEN);
        true
    }

    /// What a filter names is to be read, once its subscription is in effect.
    pub(super) fn want(&mut self, filter: Filter, asked: Asked) {
        if !matches!(self.state, State::Absent(_)) {
            self.reader.want(filter, asked);
        }
    }

    /// All subscriptions are in effect that were asked for up to there. Returns up to where all is read.
    pub(super) fn proved(&mut self, asked: Asked, now: Instant) -> Asked {
        self.reader.proved(asked, now);
        self.is_read_up_to(asked)
    }

    /// Up to where all is read, if all subscriptions up to there are in effect.
    pub(super) fn is_read_up_to(&self, proved: Asked) -> Asked {
        let before = |asked: Asked| Asked::from_number(asked.number().saturating_sub(1));
        self.reader.unfinished().map_or(proved, |unfinished| proved.min(before(unfinished)))
    }

    /// Whether nothing has been read for so long although it is waited for.
    pub(super) fn stands_still(&self, now: Instant, time: Duration) -> bool {
        self.reader.stands_still(now, time)
    }

    /// Something else stands at a topic.
    pub(super) fn changed(&mut self, topic: &Topic) {
        if !self.keeper.changed(topic) {
            self.sweep.get_or_insert((0, false));
        }
    }

    /// It is not known what has changed.
    pub(super) fn look_through(&mut self) {
        self.sweep.get_or_insert((0, false));
    }

    /// Whether all is put.
    pub(super) fn is_settled(&self) -> bool {
        self.state != State::There || (self.keeper.is_empty() && self.sweep.is_none())
    }

    /// Whether others may have missed something that is put by now. Says so once.
    pub(super) fn has_caught_up(&mut self) -> bool {
        let has_caught_up = self.has_caught_up && self.state == State::There && self.is_settled();
        self.has_caught_up &= !has_caught_up;
        has_caught_up
    }

    /// The connection was made anew: what went out before may not have arrived.
    pub(super) fn reconnected(&mut self) {
        self.has_caught_up = true;
        self.read_again();
    }

    /// When something is to be done although nothing comes.
    pub(super) fn next_date(&self) -> Option<Instant> {
        let state = match self.state {
            State::Look(at) | State::Absent(at) => Some(at),
            State::Asked(at) => Some(at + ANSWER),
            State::There => self.keeper.oldest().map(|oldest| oldest + ANSWER),
        };
        let again = self.read_again.filter(|_| self.readings > 0);
        let sweep = (self.sweep.is_some() && self.keeper.len() < PIECE).then(Instant::now);
        let sweep = sweep.filter(|_| self.state == State::There);
        let dates = [state, again, sweep, self.reader.next_date().filter(|_| self.state == State::There)];
        dates.into_iter().flatten().min().filter(|_| self.is_connected)
    }

    /// What is to be done.
    pub(super) fn step(&mut self, wire: &mut Wire, report: &mut Report, now: Instant) {
        report.figures().cluster_last_waiting.set(self.keeper.len() as u64);
        self.busy = (!self.keeper.is_empty()).then(|| self.busy.unwrap_or(now));
        // Others look again after three seconds.
        self.has_caught_up |= self.busy.is_some_and(|since| now >= since + ANSWER);
        if !self.is_connected || !wire.is_connected(Which::Between) {
            return;
        }
        match self.state {
            State::Look(at) | State::Absent(at) if now >= at => {
                let look = self.stream.look();
                self.ask(wire, "s.0", look);
                self.state = State::Asked(now);
            }
            State::Asked(at) if now >= at + ANSWER => {
                report.not_shared(NO_LEADER);
                self.state = State::Look(now + AGAIN);
            }
            State::Look(_) | State::Absent(_) | State::Asked(_) => {}
            State::There => {
                if self.keeper.expire(now, ANSWER) > 0 {
                    report.shares_no_more();
                    (self.state, self.has_caught_up) = (State::Look(now), true);
                    return;
                }
                self.look_through_some();
                self.put(wire, report, now);
                self.read(wire, now);
            }
        }
    }

    fn reply(&self, about: &str) -> String {
        self.subjects.between(&format!("{}.{about}", self.life))
    }

    fn ask(&self, wire: &mut Wire, about: &str, (subject, text): (String, String)) {
        let reply = self.reply(about);
        // What the library does not take is not answered, and asked again.
        let _ = wire.ask(Question { subject, reply, payload: text.into(), beside: None });
    }

    fn look_through_some(&mut self) {
        let Some((place, all)) = self.sweep.filter(|_| self.keeper.len() < PIECE) else { return };
        let (mut topics, is_brought) = (Vec::new(), super::inward::is_brought);
        let mut note = |value: Publication| {
            if all || !is_brought(&value) {
                topics.push(value.topic.clone());
            }
        };
        let next = self.hub.last_values_from(place, PIECE, 0, &mut note);
        self.sweep = next.map(|next| (next, all));
        for topic in topics {
            self.changed(&topic);
        }
    }

    fn put(&mut self, wire: &mut Wire, report: &Report, now: Instant) {
        while let Some((number, topic, step)) = self.keeper.next(now) {
            let Some(subject) = self.subjects.of_last_value(&topic) else {
                report.unkept(&topic, "its topic is too long for the servers: use a shorter one");
                self.keeper.answered(number, Answer::Refused);
                continue;
            };
            match step {
                Step::Get => {
                    let question = self.stream.get(&subject);
                    self.ask(wire, &format!("g.{number}"), question);
                }
                Step::Put { expected } => match standing::put(&self.hub, &topic, (&self.name, &self.life)) {
                    None => self.keeper.answered(number, Answer::Refused),
                    // What stands around the stamp takes less than this.
                    Some((stamp, payload)) if stamp.len() + payload.len() + 128 > wire.max_payload() => {
                        report.unkept(
                            &topic,
                            "it is larger than max_payload of the servers: raise that, or send less at once",
                        );
                        self.keeper.answered(number, Answer::Refused);
                    }
                    Some((stamp, payload)) => {
                        let reply = self.reply(&format!("p.{number}"));
                        let beside = Some((stamp, Some(expected)));
                        let _ = wire.ask(Question { subject, reply, payload, beside });
                    }
                },
            }
        }
    }

    fn read(&mut self, wire: &mut Wire, now: Instant) {
        while let Some(request) = self.reader.next(now) {
            match request {
                Request::Begin(filters) => {
                    let subjects: Vec<_> =
                        filters.iter().map(|filter| self.subjects.of_last_values_of(filter)).collect();
                    self.ask(wire, "r.0", self.stream.begin(&subjects));
                }
                Request::Next(name, piece) => {
                    self.ask(wire, &format!("m.{piece}"), self.stream.next(&name));
                }
                Request::End(name) => self.ask(wire, "e.0", self.stream.end(&name)),
                Request::Tail(filter, from, question) => {
                    let subjects = self.subjects.of_last_values_of(&filter);
                    self.ask(wire, &format!("t.{question}"), self.stream.get_from(&subjects, from));
                }
            }
        }
    }

    /// Whether this is an answer for last values; if it is, it is taken.
    pub(super) fn hear(
        &mut self,
        word: &Word,
        wire: &mut Wire,
        (inward, session): (&mut Inward, &Session),
        report: &mut Report,
    ) -> bool {
        let now = Instant::now();
        if let Some((name, number)) = word.reply.as_deref().and_then(Stream::read_by) {
            let stamp = word.stamp.as_deref().unwrap_or_default();
            let taken = inward.take_stored(&word.subject, stamp, &word.payload, session, report);
            self.took(wire, &word.subject, number, taken);
            self.reader.came(name, number, now);
            return true;
        }
        let about = word.subject.strip_prefix(&self.reply(""));
        let Some((kind, number)) = about.and_then(|about| about.split_once('.')) else { return false };
        let Ok(number) = number.parse::<u64>() else { return false };
        let is_nobody = word.status == Some(503);
        match kind {
            "s" => self.looked(&word.payload, is_nobody, wire, report, now),
            "p" | "g" if is_nobody => {
                self.keeper.away();
                self.state = State::Look(now);
            }
            "p" => self.stored(number, &word.payload, report),
            "g" => self.got(number, &word.payload, (inward, session), report),
            "r" => match Stream::begun(&word.payload) {
                Ok((name, count)) => self.reader.begun(&name, count, now),
                Err(why) => {
                    Report::not_read(&why);
                    self.reader.refused(now);
                }
            },
            "t" => match Stream::got(&word.payload) {
                Got::Nothing => self.reader.tail(number, None, now),
                Got::NoLeader | Got::Refused(_) => self.reader.refused(now),
                Got::Message(Message { subject, number: found, stamp, payload }) => {
                    let taken = inward.take_stored(&subject, &stamp, &payload, session, report);
                    self.took(wire, &subject, found, taken);
                    self.reader.tail(number, Some(found), now);
                }
            },
            "m" => self.reader.ended(number, word.status == Some(404), now),
            // The answers to what nobody waits for.
            "e" => {}
            _ => return false,
        }
        true
    }
}
