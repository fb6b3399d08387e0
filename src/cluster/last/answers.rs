//! What the servers answer about last values, and what becomes of it.

use tokio::time::Instant;

use super::{AGAIN, CLEARED, LATER, LastValues, NO_LEADER, State};
use crate::cluster::inward::{Inward, Stored as Taken};
use crate::cluster::keeper::Answer;
use crate::cluster::report::Report;
use crate::cluster::stream::{Got, Looked, Message, Stored, Stream, There};
use crate::cluster::wire::Wire;
use crate::hub::{Came, Session};

impl LastValues {
    pub(super) fn looked(
        &mut self,
        answer: &[u8],
        is_nobody: bool,
        wire: &mut Wire,
        report: &mut Report,
        now: Instant,
    ) {
        if !matches!(self.state, State::Asked(_)) {
            return;
        }
        let looked = if is_nobody { Looked::NoJetStream } else { self.stream.looked(answer) };
        match looked {
            Looked::There(there) => self.is_there(&there, report),
            Looked::Missing => {
                let make = self.stream.make(self.stream.replicas);
                self.ask(wire, "s.1", make);
                self.state = State::Asked(now);
            }
            Looked::OneServer if self.stream.replicas > 1 => {
                Report::one_server(self.stream.replicas);
                self.stream.replicas = 1;
                let make = self.stream.make(1);
                self.ask(wire, "s.1", make);
                self.state = State::Asked(now);
            }
            Looked::NoJetStream => {
                report.not_shared("the servers have no JetStream, or not for the account of this hub: switch it on (config/nats/)");
                self.is_absent(now + LATER);
            }
            Looked::NoLeader => {
                report.not_shared(NO_LEADER);
                self.state = State::Look(now + AGAIN);
            }
            // Others may be about to start, and a stream that is made stays on as many as it was made for.
            Looked::FewServers | Looked::OneServer => {
                report.not_shared(
                    "there are fewer servers with JetStream than cluster.replicas: start them, or lower it",
                );
                self.state = State::Look(now + AGAIN);
            }
            Looked::Wrong(why) => {
                report.not_shared(&why);
                self.is_absent(now + LATER);
            }
        }
    }

    fn is_there(&mut self, there: &There, report: &mut Report) {
        self.state = State::There;
        report.shares(self.stream.name(), there);
        match &self.created {
            Some(created) if *created == there.created => {}
            before => {
                // Of another stream nothing is known, and what it had is in the memories of the hubs.
                let is_another = before.is_some();
                self.keeper.forget();
                self.sweep = Some((0, is_another));
                self.readings = self.readings.max(u8::from(is_another));
                self.created = Some(there.created.clone());
            }
        }
    }

    /// The servers do not let this hub ask.
    pub(in crate::cluster) fn is_not_allowed(&mut self, report: &mut Report, now: Instant) {
        report.not_shared(
            "the user of this hub may not use JetStream: give it what config/nats/node.conf lists",
        );
        self.is_absent(now + LATER);
    }

    fn is_absent(&mut self, until: Instant) {
        self.state = State::Absent(until);
        self.reader.away();
        // When there is one it is to be read.
        self.readings = self.readings.max(1);
    }

    /// What is not answered yet is asked again when they can.
    fn has_no_leader(&mut self, report: &mut Report) {
        report.not_shared(NO_LEADER);
        self.keeper.away();
        self.state = State::Look(Instant::now() + AGAIN);
    }

    pub(super) fn stored(&mut self, number: u64, answer: &[u8], report: &mut Report) {
        let Some(topic) = self.keeper.topic(number) else { return };
        let answer = match Stream::stored(answer) {
            Stored::At(at) => {
                report.figures().cluster_last_stored.add(1);
                Answer::Put(at)
            }
            Stored::Other => Answer::Wrong,
            Stored::NoLeader => return self.has_no_leader(report),
            Stored::Full => {
                report.unkept(topic, "the stream of last values is full: raise cluster.last_values_bytes and the stream's max_bytes");
                Answer::Refused
            }
            Stored::Refused(why) => {
                report.unkept(topic, &why);
                Answer::Refused
            }
        };
        self.keeper.answered(number, answer);
    }

    pub(super) fn got(
        &mut self,
        question: u64,
        answer: &[u8],
        (inward, session): (&mut Inward, &Session),
        report: &mut Report,
    ) {
        let Some(topic) = self.keeper.topic(question).cloned() else { return };
        let answer = match Stream::got(answer) {
            Got::Nothing => Answer::Nothing,
            Got::NoLeader => return self.has_no_leader(report),
            Got::Refused(why) => {
                report.unkept(&topic, &why);
                Answer::Refused
            }
            Got::Message(Message { number, stamp, payload, .. }) => {
                let subject = self.subjects.of_last_value(&topic).unwrap_or_default();
                let taken = inward.take_stored(&subject, &stamp, &payload, session, report);
                // What nobody can read gives way, too.
                let is_ours_newer =
                    !matches!(taken, Taken::Came(_, Came::New | Came::Same) | Taken::Cleared(_));
                Answer::Found { number, is_ours_newer }
            }
        };
        self.keeper.answered(question, answer);
    }

    pub(super) fn took(&mut self, wire: &mut Wire, subject: &str, number: u64, taken: Taken) {
        match taken {
            Taken::Came(topic, Came::Overtaken) => self.changed(&topic),
            Taken::Cleared(since) if since >= CLEARED => {
                let purge = self.stream.purge(subject, number);
                self.ask(wire, "e.0", purge);
            }
            Taken::Came(..) | Taken::Cleared(_) | Taken::Refused => {}
        }
    }
}
