//! Sign-ins of pages, between the access, which has them in memory, and the file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::log::moment;
use super::tables::{Checked, Fault, Order, Revocation, Tables, Writing};
use crate::access::{KeptWebSession, WebSessionChanges, WebSessions};
use crate::hub::Hub;
use crate::moment::Moment;

/// By how much the clock on the wall may be set before the ends of all sign-ins are written again. They are hours away.
const SET: Duration = Duration::from_mins(1);

/// What the file has of them.
pub(super) struct Stored {
    /// In the order in which they were written, which is that of their last uses, give or take an hour.
    pub(super) sessions: Vec<KeptWebSession>,
    /// When the hub ended that has written them.
    pub(super) ended: SystemTime,
    /// The number of the newest row that asks to revoke some. Those are not among the sessions.
    pub(super) revoked: u64,
    /// Whose those were, and how many.
    pub(super) ended_of: BTreeMap<Arc<str>, u64>,
    /// Rows that were not what had been written.
    pub(super) damaged: u64,
    /// Why reading came to an end before the end.
    pub(super) broken: Option<Fault>,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            sessions: Vec::new(),
            ended: SystemTime::UNIX_EPOCH,
            revoked: 0,
            ended_of: BTreeMap::new(),
            damaged: 0,
            broken: None,
        }
    }
}

impl Stored {
    /// Reads all that can be read. Without the list of what was revoked nobody comes back.
    pub(super) fn read(tables: &Tables) -> Self {
        let life = tables.life().ok().flatten().unwrap_or_default();
        let mut stored = Self { ended: moment(life.at), ..Self::default() };
        let revocations = match tables.revocations() {
            Ok(revocations) => revocations,
            Err(fault) => return Self { broken: Some(fault), ..stored },
        };
        let (mut reached, mut sessions) = (None, Vec::new());
        let mut take = |id, found: Checked<KeptWebSession>| match found {
            Checked::Good(kept) => sessions.push((id, kept)),
            Checked::Damaged => stored.damaged += 1,
        };
        let up = tables.web_sessions(Order::Up, |id, found| {
            reached = Some(id);
            take(id, found);
            true
        });
        if let Err(fault) = up {
            stored.broken = Some(fault);
            let _ = tables.web_sessions(Order::Down, |id, found| {
                let is_new = Some(id) > reached;
                if is_new {
                    take(id, found);
                }
                is_new
            });
        }
        for (id, revocation) in revocations {
            stored.revoked = id;
            stored.damaged += u64::from(matches!(revocation, Checked::Damaged));
            let revoked = sessions.extract_if(.., |(_, kept)| match &revocation {
                Checked::Good(Revocation::Session(digest)) => kept.digest == *digest,
                Checked::Good(Revocation::User(user)) => *kept.user == **user,
                // Nobody knows whose it was.
                Checked::Damaged => true,
            });
            for (_, kept) in revoked {
                *stored.ended_of.entry(kept.user).or_default() += 1;
            }
        }
        sessions.sort_unstable_by_key(|(id, _)| *id);
        stored.sessions = sessions.into_iter().map(|(_, kept)| kept).collect();
        stored
    }
}

/// What the writer does for them.
pub(super) struct Sessions {
    hub: Arc<Hub>,
    held: Arc<WebSessions>,
    /// Whether each change is waited for until the medium has it.
    confirms: bool,
    /// What the file said when it was last looked at for revocations.
    seen: Option<i64>,
    /// The newest revocation that was obeyed and still stands in the file; 0 if there is none.
    revoked: u64,
    /// When the clock on the wall was last looked at.
    looked: Moment,
}

/// What goes into one transaction.
#[derive(Default)]
pub(super) struct Due {
    changes: WebSessionChanges,
    /// The newest revocation of which this is the outcome; 0 if there is none.
    revoked: u64,
}

impl Due {
    /// Writes it. A revocation goes only together with the sign-ins that it ends: else they would come back if the hub were
    /// killed in between.
    pub(super) fn write(&self, writing: &Writing<'_>) -> Result<(), Fault> {
        if !self.changes.is_empty() {
            writing.change_web_sessions(&self.changes)?;
        }
        if self.revoked > 0 { writing.forget_revocations(self.revoked) } else { Ok(()) }
    }
}

impl Sessions {
    pub(super) fn new(hub: Arc<Hub>, held: Arc<WebSessions>, confirms: bool) -> Self {
        held.keep(confirms);
        Self { hub, held, confirms, seen: None, revoked: 0, looked: Moment::now() }
    }

    /// Gives those of a file back that was opened, or that was set aside and is empty now.
    pub(super) fn take_over(&mut self, stored: Stored, was_replaced: bool) {
        let all = stored.sessions.len();
        let back = self.held.restore(stored.sessions, stored.ended, Moment::now());
        if all > 0 {
            tracing::info!(back, ended = all - back, "the sign-ins of pages are back");
        }
        stored.ended_of.iter().for_each(|(user, count)| self.hub.note_revoked(user, *count));
        (self.seen, self.revoked) = (None, stored.revoked);
        // What was revoked, or is damaged, is in the file and nowhere else.
        if was_replaced || stored.revoked > 0 || stored.damaged > 0 {
            self.held.all_again();
        }
    }

    /// The file is opened again, or another one is: what is in it is not known.
    pub(super) fn reopens(&mut self) {
        (self.seen, self.revoked) = (None, 0);
        self.held.all_again();
    }

    /// Looks whether somebody has set the clock on the wall.
    pub(super) fn look_at_the_wall(&mut self, now: Moment) {
        if now.wall_was_set_by(self.looked) > SET {
            self.held.wall_was_set(now);
        }
        self.looked = now;
    }

    /// Whether there is something to write.
    pub(super) fn is_due(&self) -> bool {
        self.revoked > 0 || self.held.has_changes()
    }

    /// Whether that is to be on the medium at once.
    pub(super) fn is_asked_for(&self) -> bool {
        self.confirms && self.is_due()
    }

    /// Whether that is to be written at once, as sign-ins have ended that are not to come back.
    pub(super) fn has_ends(&self) -> bool {
        self.revoked > 0 || self.held.has_ends()
    }

    /// What is to be written; nothing if it is not its time.
    pub(super) fn due(&self, is_due: bool) -> Due {
        if is_due { Due { changes: self.held.changes(), revoked: self.revoked } } else { Due::default() }
    }

    /// The transaction has come to its end.
    pub(super) fn written(&mut self, due: &Due) {
        if due.revoked > 0 {
            self.revoked = 0;
        }
        self.held.written(&due.changes);
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
        let (before, mut ended_of) = (self.revoked, BTreeMap::<Arc<str>, u64>::new());
        for (id, revocation) in tables.revocations()? {
            if id <= before {
                continue;
            }
            self.revoked = id;
            match revocation {
                Checked::Good(Revocation::Session(digest)) => {
                    if let Some(user) = self.held.revoke(digest) {
                        *ended_of.entry(user).or_default() += 1;
                    }
                }
                Checked::Good(Revocation::User(user)) => {
                    let count = self.held.revoke_user(&user) as u64;
                    if count > 0 {
                        *ended_of.entry(user.into()).or_default() += count;
                    }
                }
                Checked::Damaged => {
                    tracing::error!("a revocation in the store is not what was written: revoke again");
                }
            }
        }
        for (user, count) in &ended_of {
            self.hub.note_revoked(user, *count);
        }
        if self.revoked > before {
            let ended: u64 = ended_of.values().sum();
            tracing::info!(ended, "sign-ins of pages were revoked by a command");
        }
        Ok(())
    }
}
