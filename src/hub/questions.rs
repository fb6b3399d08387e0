//! What waits to be answered from the past: a bounded queue, as the tape is for what is said. The hub puts in without waiting,
//! and who answers takes his time in a thread of his own. The hub knows no file.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Condvar, Mutex};

use super::Hub;
use super::forgetting::{Forgetting, ToForget};
use super::outbox::{Outbox, SessionId};
use super::session::Session;
use crate::moment::Moment;
use crate::talk::Reply;
use crate::talk::control::{HistoryAnswer, HistoryGet, NoQuestion};
use crate::topic::{Base, Filter};

/// Questions that may wait, and how many of those that no session asks.
const MOST: usize = 16;
const MOST_OF_OTHERS: usize = 8;
/// Questions of one user that may wait and be answered beside those of sessions.
const MOST_OF_USER: usize = 4;

/// What is answered where there is no store, or nothing in it is for history.
pub const NO_HISTORY: &str = "history is off: the hub has no store, or history.rules turn it off";

/// The queue.
#[derive(Debug, Default)]
pub struct Questions {
    inside: Mutex<Inside>,
    bell: Condvar,
    /// What is to be forgotten.
    pub(super) forgetting: Forgetting,
}

#[derive(Debug, Default)]
struct Inside {
    waiting: VecDeque<Question>,
    /// Who is being answered.
    answering: Option<Asker>,
    is_closed: bool,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asker {
    /// A session has one question at a time.
    Session(SessionId),
    /// A user without a session.
    User(Arc<str>),
}

/// A question.
#[derive(Debug)]
pub struct Question {
    /// What was asked.
    pub get: HistoryGet,
    /// Its filters, from the root; the asker may read all that they name.
    pub filters: Vec<Filter>,
    /// From where the answer's topics are told.
    pub base: Base,
    /// The most bytes of the answer.
    pub bytes: usize,
    asker: Option<Asker>,
    answer: Option<Answering>,
}

/// What is done with an answer, or with the reason why there is none.
struct Answering(Box<dyn FnOnce(Result<HistoryAnswer, String>) + Send>);

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering")
    }
}

impl Question {
    /// A question whose answer goes to a function.
    pub fn new(
        get: HistoryGet,
        filters: Vec<Filter>,
        base: Base,
        bytes: usize,
        answer: impl FnOnce(Result<HistoryAnswer, String>) + Send + 'static,
    ) -> Self {
        Self { get, filters, base, bytes, asker: None, answer: Some(Answering(Box::new(answer))) }
    }

    /// A session's.
    pub(super) fn of_session(
        get: HistoryGet,
        filters: Vec<Filter>,
        base: Base,
        bytes: usize,
        outbox: &Arc<Outbox>,
    ) -> Self {
        let (id, asker, to) = (get.id.clone(), outbox.id, Arc::clone(outbox));
        let answer = move |answer: Result<HistoryAnswer, String>| {
            to.reply(match answer {
                Ok(answer) => Reply::HistoryOk(HistoryAnswer { id, ..answer }).text(),
                Err(reason) => Reply::HistoryError { id, reason }.text(),
            });
        };
        let mut question = Self::new(get, filters, base, bytes, answer);
        question.asker = Some(Asker::Session(asker));
        question
    }

    /// It is a user's, who has no session.
    pub fn is_of(&mut self, user: &str) {
        self.asker = Some(Asker::User(user.into()));
    }

    /// Answers.
    pub fn answer(mut self, answer: Result<HistoryAnswer, String>) {
        self.say(answer);
    }

    fn say(&mut self, answer: Result<HistoryAnswer, String>) {
        if let Some(Answering(say)) = self.answer.take() {
            say(answer);
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.say(Err("history cannot be read: the store has ended".to_owned()));
    }
}

impl Questions {
    /// Puts one in, or answers it with a no.
    pub fn ask(&self, question: Question) {
        let mut inside = self.inside.lock();
        let askers = || inside.waiting.iter().filter_map(|waiting| waiting.asker.as_ref());
        let is_same = |asker: &&Asker| Some(*asker) == question.asker.as_ref();
        let of_asker = askers().chain(&inside.answering).filter(is_same).count();
        let is_others = matches!(question.asker, Some(Asker::User(_)));
        let others = askers().filter(|asker| matches!(asker, Asker::User(_))).count();
        let refused = if inside.is_closed {
            "history cannot be read: the store has ended"
        } else if is_others && of_asker >= MOST_OF_USER {
            "too many questions of this user wait; ask again"
        } else if !is_others && of_asker > 0 {
            "one question at a time: the one before is not answered yet"
        } else if inside.waiting.len() >= MOST || (is_others && others >= MOST_OF_OTHERS) {
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
    pub fn next(&self) -> Option<Question> {
        let mut inside = self.inside.lock();
        loop {
            if inside.is_closed {
                return None;
            }
            if let Some(question) = inside.waiting.pop_front() {
                inside.answering.clone_from(&question.asker);
                return Some(question);
            }
            self.bell.wait(&mut inside);
        }
    }

    /// The one that was taken is about to be answered: its asker may ask again.
    pub fn done(&self) {
        self.inside.lock().answering = None;
    }

    /// What an admin wants forgotten next, if anything.
    pub fn next_to_forget(&self) -> Option<ToForget> {
        self.forgetting.next()
    }

    /// Takes no more, and wakes who waits.
    pub fn close(&self) {
        let left = {
            let mut inside = self.inside.lock();
            inside.is_closed = true;
            std::mem::take(&mut inside.waiting)
        };
        self.bell.notify_all();
        self.forgetting.close();
        // Outside of the lock: each one that is dropped is answered.
        drop(left);
    }
}

impl Session {
    /// Asks for the client. The answer comes when it is there; other frames go on meanwhile.
    pub(super) fn ask_history(&mut self, payload: &str, now: Moment) {
        match self.history_question(payload, now) {
            Ok((questions, question)) => questions.ask(question),
            Err(NoQuestion { id, reason }) => self.answer(&Reply::HistoryError { id, reason }),
        }
    }

    fn history_question(&self, payload: &str, now: Moment) -> Result<(Arc<Questions>, Question), NoQuestion> {
        let since_1970 = now.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let get = HistoryGet::parse(payload, u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))?;
        let no = |reason: String| NoQuestion { id: get.id.clone(), reason };
        let questions = self.hub.questions().ok_or_else(|| no(NO_HISTORY.to_owned()))?;
        let filters = self.filters(&get.filters).map_err(|(reason, _)| no(reason))?;
        let bytes = self.hub.settings().outbox.hard_bytes / 4;
        let base = self.client.base.clone();
        Ok((Arc::clone(questions), Question::of_session(get, filters, base, bytes, &self.outbox)))
    }
}

impl Hub {
    /// From now on these are answered. There is one for the life of the hub.
    pub fn ask_history_of(&self, questions: Arc<Questions>) {
        let _ = self.questions.set(questions);
    }

    /// Who answers questions about the past, if anybody.
    pub fn questions(&self) -> Option<&Arc<Questions>> {
        self.questions.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn question(asker: Option<u64>, said: &mpsc::SyncSender<String>) -> Question {
        let get = HistoryGet::parse(r#"{"filters": []}"#, 1).unwrap();
        let said = said.clone();
        let answer = move |answer: Result<HistoryAnswer, String>| {
            let _ = said.send(answer.map_or_else(|reason| reason, |_| "ok".to_owned()));
        };
        let mut question = Question::new(get, Vec::new(), Base::ROOT, 1, answer);
        question.asker = asker.map(|id| Asker::Session(SessionId(id)));
        question
    }

    #[test]
    fn each_question_is_answered_once_whatever_becomes_of_it() {
        let (say, said) = mpsc::sync_channel(64);
        let questions = Questions::default();
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
        first.answer(Ok(HistoryAnswer::default()));
        assert_eq!(said.recv().unwrap(), "ok");
        questions.ask(question(Some(1), &say));
        questions.next().unwrap().answer(Ok(HistoryAnswer::default()));
        assert_eq!(said.recv().unwrap(), "ok", "who has the answer may ask at once");
        questions.done();
        for user in ["a", "b", "c"] {
            for asked in 0..=MOST_OF_USER {
                let mut question = question(None, &say);
                question.is_of(user);
                questions.ask(question);
                if asked == MOST_OF_USER && user != "c" {
                    assert_eq!(said.recv().unwrap(), "too many questions of this user wait; ask again");
                } else if user == "c" {
                    assert_eq!(said.recv().unwrap(), "too many questions wait; ask again");
                }
            }
        }
        for _ in MOST_OF_OTHERS..MOST {
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
