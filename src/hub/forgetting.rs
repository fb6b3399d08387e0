//! What admins want forgotten of the past, over the wire: a bounded queue, which the writer of the store takes from. The hub
//! knows no file.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::outbox::Outbox;
use super::questions::NO_HISTORY;
use super::session::Session;
use crate::seldom::Seldom;
use crate::talk::Reply;
use crate::talk::control::{HistoryForget, NoQuestion};
use crate::topic::Filter;

/// How many may wait: each has the file written anew.
const MOST: usize = 4;

/// Who may not.
const NOT_AN_ADMIN: &str = "forbidden: this takes the right admin";

/// Why nothing was forgotten.
const ENDED: &str = "the history is not forgotten: the store has ended";

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Forgetting(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    asked: VecDeque<ToForget>,
    is_closed: bool,
}

/// History that is to be forgotten. Whoever has asked waits for the answer, which is no if this is dropped.
#[derive(Debug)]
pub struct ToForget {
    /// Of these topics, from the root.
    pub filters: Vec<Filter>,
    /// Who has asked.
    pub user: Arc<str>,
    id: Option<String>,
    to: Option<Arc<Outbox>>,
}

impl ToForget {
    /// Tells whoever has asked what became of it.
    pub fn answer(mut self, answer: Result<String, String>) {
        self.say(answer);
    }

    fn say(&mut self, answer: Result<String, String>) {
        let Some(to) = self.to.take() else { return };
        let id = self.id.take();
        to.reply(match answer {
            Ok(result) => Reply::HistoryForgotten { id, result }.text(),
            Err(reason) => Reply::HistoryError { id, reason }.text(),
        });
    }
}

impl Drop for ToForget {
    fn drop(&mut self) {
        self.say(Err(ENDED.to_owned()));
    }
}

impl Forgetting {
    /// Puts one in, or answers it with a no.
    fn ask(&self, asked: ToForget) {
        let refused = {
            let mut waiting = self.0.lock();
            if waiting.is_closed {
                ENDED
            } else if waiting.asked.len() >= MOST {
                "too much is being forgotten already; ask again"
            } else {
                return waiting.asked.push_back(asked);
            }
        };
        asked.answer(Err(refused.to_owned()));
    }

    pub(super) fn next(&self) -> Option<ToForget> {
        self.0.lock().asked.pop_front()
    }

    /// Takes out what somebody has asked for who has gone, or may not any more.
    fn withdraw(&self, by: &Arc<Outbox>) {
        let is_theirs = |asked: &ToForget| asked.to.as_ref().is_some_and(|to| Arc::ptr_eq(to, by));
        let withdrawn: VecDeque<_> = {
            let mut waiting = self.0.lock();
            let (withdrawn, left) = waiting.asked.drain(..).partition(is_theirs);
            waiting.asked = left;
            withdrawn
        };
        for asked in withdrawn {
            asked.answer(Err(NOT_AN_ADMIN.to_owned()));
        }
    }

    /// Takes no more, and says no to all that waits.
    pub(super) fn close(&self) {
        let left = {
            let mut waiting = self.0.lock();
            waiting.is_closed = true;
            std::mem::take(&mut waiting.asked)
        };
        // Outside of the lock: each one that is dropped is answered.
        drop(left);
    }
}

impl Session {
    /// Asks for an admin. The answer comes when nothing of it is in the file any more.
    pub(super) fn ask_to_forget(&mut self, payload: &str) {
        static REFUSED: Seldom = Seldom::new();
        let asked = HistoryForget::parse(payload).and_then(|asked| {
            let no = |reason: String| NoQuestion { id: asked.id.clone(), reason };
            if !self.client.rights.admin {
                self.hub.figures.forbidden.add(1);
                if let Some(times) = REFUSED.again(&self.client.user) {
                    let user = &self.client.user;
                    tracing::warn!(%user, reason = NOT_AN_ADMIN, %times, "history is not forgotten");
                }
                return Err(no(NOT_AN_ADMIN.to_owned()));
            }
            let filters = self.filters(&asked.filters).map_err(|(reason, _)| no(reason))?;
            Ok((filters, asked.id))
        });
        let (filters, id) = match asked {
            Ok(asked) => asked,
            Err(NoQuestion { id, reason }) => return self.answer(&Reply::HistoryError { id, reason }),
        };
        let (user, to) = (Arc::clone(&self.client.user), Some(Arc::clone(&self.outbox)));
        let asked = ToForget { filters, user, id, to };
        match self.hub.questions() {
            None => asked.answer(Err(NO_HISTORY.to_owned())),
            Some(questions) => questions.forgetting.ask(asked),
        }
    }

    /// The client goes, or may not any more: what it has asked for and nobody has begun with is not forgotten.
    pub(super) fn withdraw_what_is_to_be_forgotten(&self) {
        if let Some(questions) = self.hub.questions() {
            questions.forgetting.withdraw(&self.outbox);
        }
    }
}
