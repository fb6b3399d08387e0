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

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Forgetting(Mutex<VecDeque<ToForget>>);

/// History that is to be forgotten. Whoever has asked waits for the answer.
#[derive(Debug)]
pub struct ToForget {
    /// Of these topics, from the root.
    pub filters: Vec<Filter>,
    /// Who has asked.
    pub user: Arc<str>,
    id: Option<String>,
    to: Arc<Outbox>,
}

impl ToForget {
    /// Tells whoever has asked what became of it.
    pub fn answer(self, answer: Result<String, String>) {
        let id = self.id;
        self.to.reply(match answer {
            Ok(result) => Reply::HistoryForgotten { id, result }.text(),
            Err(reason) => Reply::HistoryError { id, reason }.text(),
        });
    }
}

impl Forgetting {
    fn ask(&self, asked: ToForget) -> Result<(), ToForget> {
        let mut waiting = self.0.lock();
        if waiting.len() >= MOST {
            return Err(asked);
        }
        waiting.push_back(asked);
        Ok(())
    }

    pub(super) fn next(&self) -> Option<ToForget> {
        self.0.lock().pop_front()
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
        let asked =
            ToForget { filters, user: Arc::clone(&self.client.user), id, to: Arc::clone(&self.outbox) };
        match self.hub.questions() {
            None => asked.answer(Err(NO_HISTORY.to_owned())),
            Some(questions) => {
                if let Err(asked) = questions.forgetting.ask(asked) {
                    asked.answer(Err("too much is being forgotten already; ask again".to_owned()));
                }
            }
        }
    }
}
