//! How a connection of a link ended, and what that says about the message that was first in line.

use std::time::Duration;

use super::connection::Connection;
use super::link::Link;
use super::packets::TAKEN_OVER;

/// So many connections that broke while the same message was first in line, and the message is given up.
const STRIKES: u32 = 3;
/// A connection that broke sooner than this after it was made may have broken over a message.
const SHORT: Duration = Duration::from_secs(5);

/// A connection that held for so long was a good one: the waits between attempts begin anew.
const HELD: Duration = Duration::from_secs(3);

/// Why a connection ended.
pub(super) enum Ended {
    /// We were told to stop.
    Stopped,
    /// Something broke; in words.
    Broke(String),
    /// The broker closed; in words.
    Closed(String),
}

impl Link {
    /// What is told of the end of a connection; `None` where it was to end.
    pub(super) fn ended(&mut self, connection: &Connection, ended: Ended) -> Option<String> {
        self.figures.connected.set(0);
        self.is_connected = false;
        let held = connection.since.elapsed();
        // Two clients of one id throw each other out without end; they are not to do it at full speed.
        let is_contest = matches!(&ended, Ended::Closed(why) if why.starts_with(TAKEN_OVER));
        if !is_contest && (held >= HELD || self.carried() > self.carried_before) {
            self.backoff.reset();
        }
        let broker = &self.settings.broker;
        match ended {
            Ended::Stopped => {
                self.tell("away", None);
                None
            }
            Ended::Broke(why) => Some(format!("the connection to {broker} is lost: {why}")),
            Ended::Closed(why) => {
                let sentence = format!("the connection to {broker} is lost: {why}");
                if held < SHORT && !self.flight.is_empty() {
                    self.strikes += 1;
                } else {
                    self.strikes = 0;
                }
                if self.strikes >= STRIKES {
                    self.strikes = 0;
                    self.give_up_first();
                }
                Some(sentence)
            }
        }
    }

    /// Something arrived, so the broker does not break over the first in line.
    pub(super) fn no_strike(&mut self) {
        self.strikes = 0;
    }

    pub(super) fn carried(&self) -> u64 {
        self.figures.heard.value() + self.figures.told.value()
    }

    fn give_up_first(&mut self) {
        let first = self.flight.iter().next().map(|flying| flying.id);
        if let Some(id) = first {
            self.give_up(id, "the broker closes the connection each time it is sent");
        }
    }

    pub(super) fn give_up_largest(&mut self) {
        let largest = self.flight.iter().max_by_key(|flying| flying.entry.relayed.message.len());
        let largest = largest.map(|flying| flying.id);
        if let Some(id) = largest {
            self.give_up(id, "the broker finds it too large");
        }
    }

    fn give_up(&mut self, id: u16, why: &str) {
        if let Some(entry) = self.flight.land(id) {
            self.lose(&entry, why);
        }
    }
}
