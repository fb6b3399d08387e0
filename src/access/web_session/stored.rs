//! Sessions of pages, to the store and back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout};

use super::super::kept::{KeptWebSession, WebSessionChanges};
use super::super::keyed::Digest;
use super::{Book, Chosen, Held, WebSessions};
use crate::moment::Moment;

/// How long a sign-in or its end waits for the disk. After that it is good all the same, as long as the hub runs.
pub(super) const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

impl WebSessions {
    /// From now on there is somebody who asks for changes. With `is_waited_for`, who signs in is answered when that is
    /// written. Who signs out always is.
    pub fn keep(&self, is_waited_for: bool) {
        self.book.lock().changes.begin(is_waited_for);
    }

    /// Waits until all changes are written, if they are to be waited for and can be written.
    pub(in crate::access) async fn settled(&self) {
        let count = {
            let book = self.book.lock();
            book.changes.is_waited_for().then(|| book.changes.count())
        };
        self.written_until(count).await;
    }

    /// Waits until all changes are written, if there is a store and it can write.
    pub(in crate::access) async fn ends_settled(&self) {
        let count = {
            let book = self.book.lock();
            book.changes.is_kept().then(|| book.changes.count())
        };
        self.written_until(count).await;
    }

    async fn written_until(&self, count: Option<u64>) {
        let Some(count) = count else { return };
        let mut settled = self.settled.subscribe();
        let _ = timeout(WRITTEN_WITHIN, settled.wait_for(|until| *until >= count)).await;
    }

    /// These changes are written.
    pub fn written(&self, changes: &WebSessionChanges) {
        self.settled.send_if_modified(|until| {
            let is_newer = changes.newest > *until;
            *until = changes.newest.max(*until);
            is_newer
        });
    }

    /// Nothing can be written now, so nobody is to wait for it.
    pub fn cannot_be_written(&self) {
        let count = self.book.lock().changes.count();
        self.settled.send_replace(count);
    }

    /// Takes back what was stored, in the order of the last uses. What belongs to an account that is gone or that has
    /// another password does not come back, and neither does what has expired. That stays in the file, and may come back
    /// later, if it had not expired yet when the hub `ended`: the clock may be wrong. Returns how many are back.
    pub fn restore(&self, stored: Vec<KeptWebSession>, ended: SystemTime, now: Moment) -> usize {
        let (steady, entries) = (Instant::now(), self.roll.now());
        let (mut count, mut last_use) = (0, i64::try_from(stored.len()).map_or(i64::MIN, |length| -length));
        for kept in stored {
            last_use += 1;
            let digest = Digest::of_bytes(kept.digest);
            let account = entries.find(&kept.user);
            let account =
                account.filter(|(account, _)| account.fingerprint().is(&Digest::of_bytes(kept.account)));
            let mut book = self.book.lock();
            if book.sessions.has(&digest) {
                continue;
            }
            let Some((account, signed_in)) = account else {
                book.changes.note(digest);
                continue;
            };
            let left = kept.until.duration_since(now.wall()).unwrap_or_default().min(self.lasts(kept.stays));
            if left.is_zero() {
                if kept.until > ended && book.asleep.len() < self.terms.most {
                    book.asleep.push(kept);
                } else {
                    book.changes.note(digest);
                }
                continue;
            }
            count += 1;
            let KeptWebSession { created, used, stays, visitor, .. } = kept;
            let (account, until, noted) = (account.fingerprint(), steady + left, steady);
            let (user, ended) = (signed_in.user.name, signed_in.ended.child_token());
            let standing = signed_in.standing;
            let held = Held {
                digest,
                user,
                standing,
                account,
                created,
                used,
                last_use,
                until,
                stays,
                visitor,
                noted,
                ended,
            };
            let gave_way = self.put(&mut book, held, steady);
            // Their sockets wake up after the lock.
            drop(book);
            drop(gave_way);
        }
        count
    }

    /// Somebody has set the clock on the wall. What seemed to be over may not be, and the file says of all when they end by
    /// the clock as it was before.
    pub fn wall_was_set(&self, now: Moment) {
        let asleep = std::mem::take(&mut self.book.lock().asleep);
        let back = self.restore(asleep, SystemTime::UNIX_EPOCH, now);
        if back > 0 {
            tracing::info!(back, "the clock was set: sign-ins of pages are not over by it, and are back");
        }
        self.all_again();
    }

    /// Whether there is something to write.
    pub fn has_changes(&self) -> bool {
        !self.book.lock().changes.is_empty()
    }

    /// Whether that is to be written soon, as somebody has ended a session.
    pub fn has_ends(&self) -> bool {
        self.book.lock().changes.has_ends()
    }

    /// What is to be written, in the order of the last uses. If that fails, [`all_again`](Self::all_again) has to be told.
    pub fn changes(&self) -> WebSessionChanges {
        let (now, wall) = (Instant::now(), Moment::now().wall());
        let mut book = self.book.lock();
        let Book { sessions, changes, asleep, .. } = &mut *book;
        let mut found = WebSessionChanges { newest: changes.count(), ..WebSessionChanges::default() };
        let mut held: Vec<&Held> = Vec::new();
        match changes.take() {
            None => {
                found.is_all = true;
                found.kept.extend_from_slice(asleep);
                held.extend(sessions.values());
            }
            Some(digests) => {
                for digest in digests {
                    match sessions.peek(&digest) {
                        Some(one) => held.push(one),
                        None => found.gone.push(digest.bytes()),
                    }
                }
            }
        }
        held.sort_unstable_by_key(|one| one.last_use);
        found.kept.extend(held.into_iter().map(|one| one.kept(now, wall)));
        found
    }

    /// Nobody knows what is in the file: everything is to be written.
    pub fn all_again(&self) {
        self.book.lock().changes.note_all();
    }

    /// Ends the session of this digest. Says whose it was, if it was not over.
    pub fn revoke(&self, digest: [u8; 32]) -> Option<Arc<str>> {
        self.take_out(Chosen::One(Digest::of_bytes(digest)), Instant::now()).pop()
    }

    /// Ends all sessions of a user. Says how many were not over.
    pub fn revoke_user(&self, name: &str) -> usize {
        self.take_out(Chosen::OfUser(name), Instant::now()).len()
    }
}
