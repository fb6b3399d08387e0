//! Sign-ins of pages, between the access, which has them in memory, and the file.

use std::sync::Arc;

use super::tables::{Checked, Fault, Order, Revocation, Tables, Writing};
use crate::access::{KeptWebSession, WebSessionChanges, WebSessions};

/// What the file has of them.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) sessions: Vec<KeptWebSession>,
    /// The number of the newest row that asks to revoke some. Those are not among the sessions.
    pub(super) revoked: u64,
    /// Rows that were not what had been written.
    pub(super) damaged: u64,
    /// Why reading came to an end before the end.
    pub(super) broken: Option<Fault>,
}

impl Stored {
    /// Reads all that can be read. Without the list of what was revoked nobody comes back.
    pub(super) fn read(tables: &Tables) -> Self {
        let mut stored = Self::default();
        let revocations = match tables.revocations() {
            Ok(revocations) => revocations,
            Err(fault) => return Self { broken: Some(fault), ..stored },
        };
        let (mut reached, mut sessions) = (None, Vec::new());
        let mut take = |found: Checked<KeptWebSession>| match found {
            Checked::Good(kept) => sessions.push(kept),
            Checked::Damaged => stored.damaged += 1,
        };
        let up = tables.web_sessions(Order::Up, |id, found| {
            reached = Some(id);
            take(found);
            true
        });
        if let Err(fault) = up {
            stored.broken = Some(fault);
            let _ = tables.web_sessions(Order::Down, |id, found| {
                let is_new = Some(id) > reached;
                if is_new {
                    take(found);
                }
                is_new
            });
        }
        for (id, revocation) in revocations {
            stored.revoked = id;
            match revocation {
                Checked::Good(Revocation::Session(digest)) => sessions.retain(|kept| kept.digest != digest),
                Checked::Good(Revocation::User(user)) => sessions.retain(|kept| *kept.user != *user),
                // Nobody knows whose it was.
                Checked::Damaged => {
                    stored.damaged += 1;
                    sessions.clear();
                }
            }
        }
        stored.sessions = sessions;
        stored
    }
}

/// What the writer does for them.
pub(super) struct Sessions {
    held: Arc<WebSessions>,
    /// Whether each change is waited for until the medium has it.
    confirms: bool,
    /// What the file said when it was last looked at for revocations.
    seen: Option<i64>,
    /// The newest revocation that was obeyed and still stands in the file; 0 if there is none.
    revoked: u64,
}

impl Sessions {
    pub(super) fn new(held: Arc<WebSessions>, confirms: bool) -> Self {
        held.keep(confirms);
        Self { held, confirms, seen: None, revoked: 0 }
    }

    /// Gives those of a file back that was opened, or that was set aside and is empty now.
    pub(super) fn take_over(&mut self, stored: Stored, was_replaced: bool) {
        let all = stored.sessions.len();
        let back = self.held.restore(stored.sessions);
        if all > 0 {
            tracing::info!(back, ended = all - back, "the sign-ins of pages are back");
        }
        (self.seen, self.revoked) = (None, stored.revoked);
        if was_replaced {
            self.all_again();
        }
    }

    /// What is in the file is not known.
    pub(super) fn all_again(&self) {
        self.held.all_again();
    }

    /// Whether there is something to write.
    pub(super) fn is_due(&self) -> bool {
        self.revoked > 0 || self.held.has_changes()
    }

    /// Whether that is to be on the medium at once.
    pub(super) fn is_asked_for(&self) -> bool {
        self.confirms && self.is_due()
    }

    /// What is to be written; nothing if it is not its time.
    pub(super) fn changes(&self, is_due: bool) -> WebSessionChanges {
        if is_due { self.held.changes() } else { WebSessionChanges::default() }
    }

    pub(super) fn write(&self, changes: &WebSessionChanges, writing: &Writing<'_>) -> Result<(), Fault> {
        if !changes.is_empty() {
            writing.change_web_sessions(changes)?;
        }
        if self.revoked > 0 { writing.forget_revocations(self.revoked) } else { Ok(()) }
    }

    /// The transaction has come to its end.
    pub(super) fn written(&mut self, changes: &WebSessionChanges) {
        self.revoked = 0;
        self.held.written(changes);
    }

    /// Nothing can be written now.
    pub(super) fn give_up(&self) {
        self.held.cannot_be_written();
    }

    /// Ends what a command has asked to end since the last look.
    pub(super) fn obey(&mut self, tables: &Tables) -> Result<(), Fault> {
        let now = tables.written_by_others()?;
        if self.seen.replace(now) == Some(now) {
            return Ok(());
        }
        for (id, revocation) in tables.revocations()? {
            if id <= self.revoked {
                continue;
            }
            self.revoked = id;
            let ended = match revocation {
                Checked::Good(Revocation::Session(digest)) => self.held.revoke(digest),
                Checked::Good(Revocation::User(user)) => self.held.revoke_user(&user),
                Checked::Damaged => {
                    tracing::error!("a revocation in the store is not what was written: revoke again");
                    0
                }
            };
            tracing::info!(ended, "sign-ins of pages were revoked by a command");
        }
        Ok(())
    }
}
