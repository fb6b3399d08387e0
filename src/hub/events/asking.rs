//! Questions about events, which wait to be answered: a bounded queue. Who answers takes the time that it needs in a
//! thread of its own. The hub knows no file.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Condvar, Mutex};

use super::EventReader;
use crate::hub::Hub;
use crate::hub::outbox::{Outbox, SessionId};
use crate::hub::session::Session;
use crate::moment::Moment;
use crate::talk::Reply;
use crate::talk::control::{EventsAnswer, EventsGet, Refused};
use crate::topic::Filter;

/// Questions that may wait.
const MOST: usize = 16;

/// What is answered where nothing is recorded.
pub const EVENTS_ARE_OFF: &str =
    "events are off: the hub has no store; set store.directory, and see that events.records is not 0";
const ENDED: &str = "events cannot be read: the store has ended";

/// The queue.
#[derive(Debug, Default)]
pub struct EventQuestions {
    inside: Mutex<Inside>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    waiting: VecDeque<EventQuestion>,
    /// Who is being answered.
    answering: Option<SessionId>,
    is_closed: bool,
}

/// A question.
#[derive(Debug)]
pub struct EventQuestion {
    /// What was asked.
    pub get: EventsGet,
    /// Its filters, from the root; the asker may read all that they name.
    pub filters: Option<Vec<Filter>>,
    /// Who asks.
    pub reader: EventReader,
    /// The most bytes of the answer.
    pub bytes: usize,
    /// Whose it is, if it is a session's.
    asker: Option<SessionId>,
    answer: Option<Answering>,
}

/// What is done with an answer, or with the reason why there is none.
struct Answering(Box<dyn FnOnce(Result<EventsAnswer, String>) + Send>);

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering")
    }
}

impl EventQuestion {
    /// A question whose answer goes to a function.
    pub fn new(
        get: EventsGet,
        filters: Option<Vec<Filter>>,
        reader: EventReader,
        bytes: usize,
        answer: impl FnOnce(Result<EventsAnswer, String>) + Send + 'static,
    ) -> Self {
        Self { get, filters, reader, bytes, asker: None, answer: Some(Answering(Box::new(answer))) }
    }

    /// A session's.
    fn of_session(
        get: EventsGet,
        filters: Option<Vec<Filter>>,
        reader: EventReader,
        bytes: usize,
        outbox: &Arc<Outbox>,
    ) -> Self {
        let (id, asker, to) = (get.id.clone(), outbox.id, Arc::clone(outbox));
        let answer = move |answer: Result<EventsAnswer, String>| {
            to.reply(match answer {
                Ok(answer) => Reply::EventsOk(EventsAnswer { id, ..answer }).text(),
                Err(reason) => Reply::EventsError(Refused { id, reason, filters: Vec::new() }).text(),
            });
        };
        let mut question = Self::new(get, filters, reader, bytes, answer);
        question.asker = Some(asker);
        question
    }

    /// Answers.
    pub fn answer(mut self, answer: Result<EventsAnswer, String>) {
        self.say(answer);
    }

    fn say(&mut self, answer: Result<EventsAnswer, String>) {
        if let Some(Answering(say)) = self.answer.take() {
            say(answer);
        }
    }
}

impl Drop for EventQuestion {
    fn drop(&mut self) {
        self.say(Err(ENDED.to_owned()));
    }
}

impl EventQuestions {
    /// Puts one in, or answers it with a no.
    pub fn ask(&self, question: EventQuestion) {
        let mut inside = self.inside.lock();
        let is_of_asker = |asker: Option<SessionId>| asker.is_some() && asker == question.asker;
        let refused = if inside.is_closed {
            ENDED
        } else if is_of_asker(inside.answering) || inside.waiting.iter().any(|other| is_of_asker(other.asker))
        {
            "one question at a time: the one before is not answered yet"
        } else if inside.waiting.len() >= MOST {
            "too many questions wait; ask again"
        } else {
            inside.waiting.push_back(question);
            drop(inside);
            self.bell.notify_one();
            return;
        };
        drop(inside);
        question.answer(Err(refused.to_owned()));
    }

    /// The next one. Waits for it; none at the end.
    pub fn next(&self) -> Option<EventQuestion> {
        let mut inside = self.inside.lock();
        loop {
            if inside.is_closed {
                return None;
            }
            if let Some(question) = inside.waiting.pop_front() {
                inside.answering = question.asker;
                return Some(question);
            }
            self.bell.wait(&mut inside);
        }
    }

    /// The one that was taken is about to be answered: its asker may ask again.
    pub fn done(&self) {
        self.inside.lock().answering = None;
    }

    /// Takes no more, and wakes who waits.
    pub fn close(&self) {
        let left = {
            let mut inside = self.inside.lock();
            inside.is_closed = true;
            std::mem::take(&mut inside.waiting)
        };
        self.bell.notify_all();
        // Outside of the lock: each one that is dropped is answered.
        drop(left);
    }
}

impl Session {
    /// Asks for the client. The answer comes when it is there; other frames go on meanwhile.
    pub(in crate::hub) fn ask_events(&mut self, payload: &str, now: Moment) {
        match self.event_question(payload, now) {
            Ok((questions, question)) => questions.ask(question),
            Err(refused) => self.answer(&Reply::EventsError(refused)),
        }
    }

    fn event_question(
        &self,
        payload: &str,
        now: Moment,
    ) -> Result<(Arc<EventQuestions>, EventQuestion), Refused> {
        let since_1970 = now.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let get = EventsGet::parse(payload, u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))?;
        let id = get.id.clone();
        let Some(questions) = self.hub.event_questions() else {
            return Err(Refused { id, reason: EVENTS_ARE_OFF.to_owned(), filters: Vec::new() });
        };
        let filters = get.filters.as_ref().map(|asked| self.filters(asked)).transpose();
        let filters = filters.map_err(|(reason, filters)| Refused { id, reason, filters })?;
        let bytes = self.hub.settings().outbox.hard_bytes / 4;
        let (user, rights) = (Arc::clone(&self.client.user), Arc::clone(&self.client.rights));
        let reader = EventReader::new(user, rights, self.client.base.clone());
        let question = EventQuestion::of_session(get, filters, reader, bytes, &self.outbox);
        Ok((Arc::clone(questions), question))
    }
}

impl Hub {
    /// Who answers questions about events, if anybody does.
    pub fn event_questions(&self) -> Option<&Arc<EventQuestions>> {
        self.recorder.get().map(|(_, questions)| questions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Rights;
    use crate::topic::Base;
    use std::sync::mpsc;

    fn question(asker: Option<u64>, said: &mpsc::SyncSender<String>) -> EventQuestion {
        let said = said.clone();
        let answer = move |answer: Result<EventsAnswer, String>| {
            let _ = said.send(answer.map_or_else(|reason| reason, |_| "ok".to_owned()));
        };
        let reader = EventReader::new("u".into(), Arc::new(Rights::everything()), Base::ROOT);
        let mut question = EventQuestion::new(EventsGet::default(), None, reader, 1, answer);
        question.asker = asker.map(SessionId);
        question
    }

    #[test]
    fn each_question_is_answered_once_whatever_becomes_of_it() {
        let (say, said) = mpsc::sync_channel(64);
        let questions = EventQuestions::default();
        questions.ask(question(Some(1), &say));
        questions.ask(question(Some(1), &say));
        assert_eq!(said.recv().unwrap(), "one question at a time: the one before is not answered yet");
        let first = questions.next().unwrap();
        questions.ask(question(Some(1), &say));
        assert_eq!(
            said.recv().unwrap(),
            "one question at a time: the one before is not answered yet",
            "it is still being answered"
        );
        questions.done();
        first.answer(Ok(EventsAnswer::default()));
        assert_eq!(said.recv().unwrap(), "ok");
        for _ in 0..MOST {
            questions.ask(question(None, &say));
        }
        questions.ask(question(None, &say));
        assert_eq!(said.recv().unwrap(), "too many questions wait; ask again");
        drop(questions.next());
        questions.close();
        questions.ask(question(None, &say));
        assert_eq!(said.try_iter().filter(|said| said.contains("the store has ended")).count(), MOST + 1);
        assert!(questions.next().is_none());
    }
}
