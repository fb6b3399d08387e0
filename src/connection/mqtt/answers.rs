//! Answers to messages of the client, in the order of the messages ([MQTT-4.6.0-2], [MQTT-4.6.0-3]): one that waits until its message
//! is on the disk holds up those behind it. Pure.

use std::collections::VecDeque;

use super::rare::Rare;
use crate::mqtt::{Answer, Writer, code};

/// An answer that is due.
#[derive(Debug)]
struct Due {
    answer: Answer,
    id: u16,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It says this.
    Known(u8, &'static str),
    /// The hub says later, under this number, so many times.
    Waits(u64, u8),
}

/// What is said when the store is so far.
#[derive(Debug)]
pub(super) enum Later {
    /// This, with this reason code.
    Answer(Answer, u16, u8),
    /// The answer to a SUBSCRIBE.
    Subscribed(u16, Vec<u8>),
}

/// The answer to an UNSUBSCRIBE that is not done with.
#[derive(Debug)]
pub(super) struct Unsubscribed {
    pub(super) id: u16,
    pub(super) codes: Vec<u8>,
}

/// Answers that are due.
#[derive(Debug, Default)]
pub(super) struct Answers {
    due: Rare<VecDeque<Due>>,
    asked: u64,
}

impl Answers {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.due.get().map_or(0, VecDeque::len)
    }

    /// Whether the answer to this message waits.
    pub(super) fn waits(&self, id: u16) -> bool {
        self.due.get().into_iter().flatten().any(|due| due.id == id)
    }

    /// The number for the next question.
    pub(super) fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// The answer is known.
    pub(super) fn put(
        &mut self,
        writer: &mut Writer<'_>,
        answer: Answer,
        id: u16,
        code: u8,
        why: &'static str,
    ) {
        match self.due.get_mut() {
            Some(due) if !due.is_empty() => {
                due.push_back(Due { answer, id, state: State::Known(code, why) });
            }
            _ => writer.answer(answer, id, code, why),
        }
    }

    /// So many answers come later, under this number. The first that is not good is the answer, and else the last.
    pub(super) fn wait(&mut self, answer: Answer, id: u16, (number, answers): (u64, u8)) {
        self.due.make().push_back(Due { answer, id, state: State::Waits(number, answers) });
    }

    /// An answer has come. Returns which message it is about, and writes all that may be told now.
    pub(super) fn come(
        &mut self,
        writer: &mut Writer<'_>,
        number: u64,
        code: u8,
        why: &'static str,
    ) -> Option<u16> {
        let is_it = |due: &&mut Due| matches!(due.state, State::Waits(waits, _) if waits == number);
        let all = self.due.get_mut()?;
        let due = all.iter_mut().find(is_it)?;
        due.state = match due.state {
            State::Waits(_, answers @ 2..) if code == code::SUCCESS => State::Waits(number, answers - 1),
            State::Waits(..) | State::Known(..) => State::Known(code, why),
        };
        let id = due.id;
        while let Some(Due { answer, id, state: State::Known(code, why) }) = all.front() {
            writer.answer(*answer, *id, *code, why);
            all.pop_front();
        }
        Some(id)
    }
}
