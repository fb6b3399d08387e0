//! Commands whose publishers wait for the node: each gets exactly one answer. Pure; time is an argument.
//!
//! A command is about what stands before its last level, its *stem*: `relay/0/set` is about `relay/0`. The state there, and
//! the answers behind the stem and behind the command, tell what came of it.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;
use serde_json::Value;

use super::outbox::SessionId;
use super::wish::{COMPARED, Wish};
use crate::moment::Steady;
use crate::topic::Topic;

/// Commands that wait, of one connection, of all together, and for one state.
pub(super) const OF_A_CONNECTION: usize = 64;
pub(super) const OF_ALL: usize = 10_000;
pub(super) const OF_A_STATE: usize = 16;

/// A command that waits; `asker` is whoever is to be answered.
#[derive(Debug)]
pub(super) struct Waiting<A> {
    pub(super) command: Topic,
    pub(super) wish: Wish,
    pub(super) session: SessionId,
    pub(super) until: Steady,
    pub(super) asker: A,
}

/// How a wait ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The node has said that it is so, or has answered.
    Confirmed,
    /// The node has answered with an error.
    Refused,
    /// A later command for the same topic was confirmed, and this one was not.
    Superseded,
}

/// Why a command does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooMany {
    #[error("{OF_A_CONNECTION} commands of this connection wait for their confirmation")]
    Connection,
    #[error("{OF_ALL} commands wait for their confirmation")]
    Hub,
    #[error("{OF_A_STATE} commands wait for this state")]
    State,
}

/// Which command, for taking it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Number(u64);

/// Commands that wait for one state, in the order in which they came.
type Line<A> = Vec<(Number, Waiting<A>)>;

/// All commands that wait.
#[derive(Debug)]
pub(super) struct Confirmations<A> {
    /// By what they are about, in the order in which they came.
    by_stem: HashMap<Box<str>, Line<A>, RandomState>,
    /// When each is over, and what it is about.
    due: BTreeSet<(Steady, Number, Box<str>)>,
    by_session: HashMap<SessionId, usize, RandomState>,
    last: u64,
}

impl<A> Default for Confirmations<A> {
    fn default() -> Self {
        Self { by_stem: HashMap::default(), due: BTreeSet::new(), by_session: HashMap::default(), last: 0 }
    }
}

/// What a command is about.
pub(super) fn stem(command: &str) -> &str {
    command.rsplit_once('/').map_or("", |(stem, _)| stem)
}

impl<A> Confirmations<A> {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// When the next one is over.
    pub(super) fn next(&self) -> Option<Steady> {
        self.due.first().map(|(until, ..)| *until)
    }

    /// Whether one more may not wait for this.
    pub(super) fn is_full(&self, session: SessionId, stem: &str) -> Option<TooMany> {
        if self.len() >= OF_ALL {
            Some(TooMany::Hub)
        } else if self.by_stem.get(stem).is_some_and(|there| there.len() >= OF_A_STATE) {
            Some(TooMany::State)
        } else {
            let of_it = self.by_session.get(&session);
            of_it.is_some_and(|of_it| *of_it >= OF_A_CONNECTION).then_some(TooMany::Connection)
        }
    }

    /// A command begins to wait, if it may.
    pub(super) fn begin(&mut self, waiting: Waiting<A>) -> Result<Number, TooMany> {
        let too_many = self.is_full(waiting.session, stem(waiting.command.as_str()));
        if let Some(too_many) = too_many {
            return Err(too_many);
        }
        self.last += 1;
        let (number, stem) = (Number(self.last), Box::from(stem(waiting.command.as_str())));
        self.due.insert((waiting.until, number, Box::clone(&stem)));
        *self.by_session.entry(waiting.session).or_default() += 1;
        self.by_stem.entry(stem).or_default().push((number, waiting));
        Ok(number)
    }

    /// Takes a command back that is not to be answered by this.
    pub(super) fn withdraw(&mut self, number: Number, command: &Topic) -> Option<Waiting<A>> {
        let stem = stem(command.as_str());
        let at = self.by_stem.get(stem)?.iter().position(|(other, _)| *other == number)?;
        self.take(stem, at)
    }

    /// Its client has gone: nobody is to be answered.
    pub(super) fn forget(&mut self, session: SessionId) {
        let Self { by_stem, due, by_session, .. } = self;
        if by_session.remove(&session).is_none() {
            return;
        }
        by_stem.retain(|stem, waiting| {
            waiting.retain(|(number, waiting)| {
                let stays = waiting.session != session;
                if !stays {
                    due.remove(&(waiting.until, *number, Box::clone(stem)));
                }
                stays
            });
            !waiting.is_empty()
        });
    }

    /// A client may not hear any more what some of its commands are about: these wait no longer.
    pub(super) fn end(&mut self, session: SessionId, may_hear: impl Fn(&str) -> bool) -> Vec<Waiting<A>> {
        let Self { by_stem, due, by_session, .. } = self;
        let mut ended = Vec::new();
        let Some(left) = by_session.get_mut(&session) else { return ended };
        by_stem.retain(|stem, waiting| {
            if !may_hear(stem) {
                for (number, waiting) in waiting.extract_if(.., |(_, waiting)| waiting.session == session) {
                    due.remove(&(waiting.until, number, Box::clone(stem)));
                    ended.push(waiting);
                }
            }
            !waiting.is_empty()
        });
        *left -= ended.len();
        if *left == 0 {
            by_session.remove(&session);
        }
        ended
    }

    /// A node has said something: those whose wait it ends.
    pub(super) fn hear(&mut self, topic: &str, payload: &str) -> Vec<(Waiting<A>, Outcome)> {
        let mut ended = Vec::new();
        if self.by_stem.contains_key(topic) {
            self.hear_state(topic, payload, &mut ended);
        }
        let outcome = match topic.rsplit_once('/') {
            Some((of, "ok")) => Some((of, Outcome::Confirmed)),
            Some((of, "error")) => Some((of, Outcome::Refused)),
            _ => None,
        };
        if ended.is_empty()
            && let Some((of, outcome)) = outcome
            && let Some(waiting) = self.oldest(of).or_else(|| self.oldest_command(of))
        {
            ended.push((waiting, outcome));
        }
        ended
    }

    fn hear_state(&mut self, stem: &str, payload: &str, ended: &mut Vec<(Waiting<A>, Outcome)>) {
        let Some(waiting) = self.by_stem.get(stem) else { return };
        let state: Option<Value> =
            if payload.len() <= COMPARED { serde_json::from_str(payload).ok() } else { None };
        let is_met = |wish: &Wish| match &state {
            Some(state) => wish.is_met_by(state),
            None => *wish == Wish::Answer,
        };
        let met: Vec<bool> = waiting.iter().map(|(_, waiting)| is_met(&waiting.wish)).collect();
        // Of each command the last one that is confirmed; those before it have been overtaken.
        let overtaken = |at: usize, command: &Topic| {
            let later = waiting.iter().zip(&met).skip(at + 1);
            later.into_iter().any(|((_, other), met)| *met && other.command == *command)
        };
        let outcomes: Vec<Option<Outcome>> = (met.iter().zip(waiting).enumerate())
            .map(|(at, (met, (_, waiting)))| match met {
                true => Some(Outcome::Confirmed),
                false => overtaken(at, &waiting.command).then_some(Outcome::Superseded),
            })
            .collect();
        for (at, outcome) in outcomes.into_iter().enumerate().rev() {
            if let Some(outcome) = outcome {
                ended.extend(self.take(stem, at).map(|waiting| (waiting, outcome)));
            }
        }
        ended.reverse();
    }

    fn oldest(&mut self, stem: &str) -> Option<Waiting<A>> {
        self.take(stem, 0)
    }

    fn oldest_command(&mut self, command: &str) -> Option<Waiting<A>> {
        let stem = stem(command);
        let of_it = |(_, waiting): &(Number, Waiting<A>)| waiting.command.as_str() == command;
        let at = self.by_stem.get(stem)?.iter().position(of_it)?;
        self.take(stem, at)
    }

    /// Those whose time is over.
    pub(super) fn expire(&mut self, now: Steady) -> Vec<Waiting<A>> {
        let mut over = Vec::new();
        while let Some((until, number, stem)) = self.due.first().cloned()
            && until <= now
        {
            let at = self.by_stem.get(&stem).and_then(|all| all.iter().position(|(n, _)| *n == number));
            match at.and_then(|at| self.take(&stem, at)) {
                Some(waiting) => over.push(waiting),
                None => drop(self.due.pop_first()),
            }
        }
        over
    }

    fn take(&mut self, stem: &str, at: usize) -> Option<Waiting<A>> {
        let waiting = self.by_stem.get_mut(stem).filter(|waiting| at < waiting.len())?;
        let (number, taken) = waiting.remove(at);
        if waiting.is_empty() {
            self.by_stem.remove(stem);
        }
        self.due.remove(&(taken.until, number, Box::from(stem)));
        if let Some(count) = self.by_session.get_mut(&taken.session) {
            *count -= 1;
            if *count == 0 {
                self.by_session.remove(&taken.session);
            }
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests;
