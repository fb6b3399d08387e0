//! What hubs say to each other, and to themselves by way of the servers.

use tokio::time::Instant;

use super::{Join, PROBES};
use crate::cluster::accounts::Shared;
use crate::cluster::others::Found as FoundOther;
use crate::cluster::report::Report;
use crate::cluster::wire::{Which, Word};
use crate::hub::Asked;
use crate::moment::Moment;

impl Join {
    /// Asks the servers whether all subscriptions up to there are in effect: what is said by the connection that has asked for
    /// them comes to the other one after them.
    pub(super) fn probe(&mut self, asked: Asked) {
        let said =
            self.wire.say(Which::Messages, self.subjects.between(&self.session), asked.number().to_string());
        if said.is_err() {
            return;
        }
        let is_full = self.probes.len() >= PROBES;
        match self.probes.back_mut().filter(|_| is_full) {
            Some((last, _)) => *last = asked,
            None => self.probes.push_back((asked, Instant::now())),
        }
    }

    pub(super) fn hear_word(&mut self, word: &Word) {
        let subject = &*word.subject;
        if subject == self.subjects.between(&self.session) {
            let number = std::str::from_utf8(&word.payload).ok().and_then(|text| text.parse().ok());
            if let Some(asked) = number.map(Asked::from_number).filter(|asked| *asked <= self.demand.asked())
            {
                self.proved = self.proved.max(asked);
                self.demand.in_effect(self.last.proved(asked, Instant::now()));
                self.probes.retain(|(waiting, _)| *waiting > asked);
            }
            return;
        }
        if let Some(accounts) = &mut self.accounts
            && accounts.hear(word, &mut self.wire, &self.report)
        {
            return;
        }
        let with = (&mut self.inward, self.outward.session());
        if self.last.hear(word, &mut self.wire, with, &mut self.report) {
            return;
        }
        if let Some(stream) = self.last.stream() {
            let (asked, with) = ((stream, &mut self.wire), (&mut self.inward, self.outward.session()));
            if self.estate.hear(word, asked, with, &self.others, &self.report) {
                return;
            }
        }
        if subject.starts_with(&self.subjects.between(&format!("{}.", self.session))) {
            // An answer that nobody waits for any more.
            return;
        }
        let (found, clock) = self.others.hear(&word.payload, Instant::now());
        if let Some(clock) = clock {
            self.hub.heard_clock(clock, Moment::now().wall());
        }
        match found {
            FoundOther::Again => self.last.read_again(),
            FoundOther::New { is_again } => {
                // It was silent while it said so, or this hub was not here.
                if is_again {
                    self.last.read_again();
                }
                let _ = self.accounts.as_mut().map(Shared::say_again);
                if let Some((hub, version)) = self.others.of_another_version(&word.payload) {
                    Report::another_version(&hub, &version);
                }
                self.look_who_is_here();
                self.tell_others();
            }
            FoundOther::Namesake(life) => {
                self.report.conflict(&life);
                self.tell_others();
            }
            FoundOther::Known => {}
            FoundOther::Nonsense => self.report.refuse(subject, None, "it is no word of a hub"),
        }
    }

    /// What this hub says of itself.
    pub(super) fn say_how_it_is(&mut self) {
        let (clock, figures) = (self.hub.clock(Moment::now().wall()).number(), self.report.figures());
        let waiting = figures.cluster_queue.value() + figures.cluster_last_waiting.value();
        let here = self.others.own_mut();
        (here.clock, here.clients, here.waiting) = (clock, figures.clients.value(), waiting);
        (here.filters, here.missing) = (figures.cluster_filters.value(), figures.cluster_gaps.value());
    }

    pub(super) fn tell_others(&self) {
        self.report.figures().cluster_hubs.set(self.others.len() as u64);
        self.hub.tell("cluster/hubs", &self.others.told(), Moment::now());
    }

    /// Others may have taken this hub for dead, and its nodes with it.
    pub(super) fn look_who_is_here(&mut self) {
        for heading in self.estate.put_all() {
            if heading.client == 0 {
                self.last.changed(&heading.topic);
            }
        }
    }
}
