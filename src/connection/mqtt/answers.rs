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
    /// Whether its message is one of those that came and are not released.
    is_received: bool,
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
    due: Rare<InLine>,
    asked: u64,
}

#[derive(Debug, Default)]
struct InLine {
    all: VecDeque<Due>,
    /// How many of them are about messages that came and are not released.
    received: usize,
}

impl Answers {
    /// How many wait, beside those about messages that came and are not released: who asks counts these there.
    pub(super) fn beside_received(&self) -> usize {
        self.due.get().map_or(0, |due| due.all.len() - due.received)
    }

    /// The message that was answered last is one of those that came and are not released.
    pub(super) fn receives(&mut self, id: u16) {
        if let Some(InLine { all, received }) = self.due.get_mut()
            && let Some(due) = all.back_mut().filter(|due| due.id == id && !due.is_received)
        {
            due.is_received = true;
            *received += 1;
        }
    }

    /// It is none of them any more.
    pub(super) fn releases(&mut self, id: u16) {
        if let Some(InLine { all, received }) = self.due.get_mut()
            && *received > 0
            && let Some(due) = all.iter_mut().find(|due| due.id == id && due.is_received)
        {
            due.is_received = false;
            *received -= 1;
        }
    }

    /// Whether the answer to this message waits.
    pub(super) fn waits(&self, id: u16) -> bool {
        self.due.get().is_some_and(|due| due.all.iter().any(|due| due.id == id))
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
            Some(InLine { all, .. }) if !all.is_empty() => {
                all.push_back(Due { answer, id, state: State::Known(code, why), is_received: false });
            }
            _ => writer.answer(answer, id, code, why),
        }
    }

    /// So many answers come later, under this number. The first that is not good is the answer, and else the last.
    pub(super) fn wait(&mut self, answer: Answer, id: u16, (number, answers): (u64, u8)) {
        let state = State::Waits(number, answers);
        self.due.make().all.push_back(Due { answer, id, state, is_received: false });
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
        let InLine { all, received } = self.due.get_mut()?;
        let due = all.iter_mut().find(is_it)?;
        due.state = match due.state {
            State::Waits(_, answers @ 2..) if code == code::SUCCESS => State::Waits(number, answers - 1),
            State::Waits(..) | State::Known(..) => State::Known(code, why),
        };
        let id = due.id;
        while let Some(Due { answer, id, state: State::Known(code, why), is_received }) = all.front() {
            writer.answer(*answer, *id, *code, why);
            *received -= usize::from(*is_received);
            all.pop_front();
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::Version;

    #[test]
    fn what_waits_for_its_answer_and_for_its_release_is_counted_once() {
        let (mut answers, mut out) = (Answers::default(), Vec::new());
        let mut writer = Writer::new(Version::V5, &mut out);
        answers.wait(Answer::Receive, 1, (1, 1));
        answers.receives(1);
        answers.wait(Answer::Acknowledge, 2, (2, 1));
        answers.put(&mut writer, Answer::Receive, 3, code::SUCCESS, "");
        answers.receives(3);
        assert_eq!(answers.beside_received(), 1);
        // A client may release before it is answered, and use the id again: the answer is counted as long as it waits.
        answers.releases(1);
        answers.wait(Answer::Receive, 1, (3, 1));
        answers.receives(1);
        assert_eq!(answers.beside_received(), 2);
        assert_eq!(answers.come(&mut writer, 1, code::SUCCESS, ""), Some(1));
        assert_eq!(answers.beside_received(), 1);
        assert_eq!(answers.come(&mut writer, 2, code::SUCCESS, ""), Some(2));
        assert_eq!(answers.come(&mut writer, 3, code::SUCCESS, ""), Some(1));
        assert_eq!(answers.beside_received(), 0);
        // One that was written at once is not among them.
        answers.put(&mut writer, Answer::Receive, 4, code::SUCCESS, "");
        answers.receives(4);
        assert_eq!(answers.beside_received(), 0);
    }
}
