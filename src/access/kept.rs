//! Sign-ins of pages as they are stored, so that they survive a restart; and which of them the store does not have yet.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::keyed::Digest;

/// Where a page was when it signed in: only for people who look at the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visitor {
    /// The address, without its port.
    pub address: Box<str>,
    /// The browser in a few words.
    pub browser: Box<str>,
}

/// A sign-in of a page as it is stored. There is no token in it, and `Debug` does not show its digests.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptWebSession {
    /// The digest of the token.
    pub digest: [u8; 32],
    /// The name of the account.
    pub user: Arc<str>,
    /// A digest of the account's name and password hash. With another password it is another one.
    pub account: [u8; 32],
    /// When the page signed in.
    pub created: SystemTime,
    /// When it was last used, give or take an hour.
    pub used: SystemTime,
    /// When it ends.
    pub until: SystemTime,
    /// Whether the user asked to stay signed in.
    pub stays: bool,
    /// From where.
    pub visitor: Visitor,
}

impl KeptWebSession {
    /// What people call it by: enough of the digest that no two are the same, and no help to whoever wants to come in.
    pub fn id(&self) -> String {
        let number = self.digest.iter().take(6).fold(0, |number, byte| (number << 8) | u64::from(*byte));
        format!("{number:012x}")
    }
}

impl fmt::Debug for KeptWebSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptWebSession")
            .field("user", &self.user)
            .field("used", &self.used)
            .field("stays", &self.stays)
            .finish_non_exhaustive()
    }
}

/// What the store has to write so that it has all sign-ins again.
#[derive(Debug, Default)]
pub struct WebSessionChanges {
    /// Whether `kept` is all that there is. What else stands in the file is to go.
    pub is_all: bool,
    /// Those that are new, or that have changed.
    pub kept: Vec<KeptWebSession>,
    /// The digests of those that have ended.
    pub gone: Vec<[u8; 32]>,
    /// The number of the newest of these changes.
    pub newest: u64,
}

impl WebSessionChanges {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        !self.is_all && self.kept.is_empty() && self.gone.is_empty()
    }
}

/// Which sign-ins have changed since the store asked. Bounded: instead of too many single ones it is all of them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Whether there is a store that asks.
    is_kept: bool,
    /// Whether people wait until the store has what they have changed.
    is_waited_for: bool,
    /// How many there were.
    count: u64,
    is_all: bool,
    of: HashSet<Digest>,
    /// How often somebody has ended one of them.
    ends: u64,
    most: usize,
}

impl Changes {
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// From now on somebody asks.
    pub(super) fn begin(&mut self, is_waited_for: bool) {
        (self.is_kept, self.is_waited_for) = (true, is_waited_for);
    }

    /// Whether there is a store that asks.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The number of the newest change.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn is_waited_for(&self) -> bool {
        self.is_waited_for
    }

    pub(super) fn note(&mut self, digest: Digest) {
        self.count += 1;
        if !self.is_kept || self.is_all {
            return;
        }
        if self.of.len() >= self.most && !self.of.contains(&digest) {
            self.note_all();
        } else {
            self.of.insert(digest);
        }
    }

    /// Somebody has ended this one. That is not to be undone if the hub is killed, so it is written soon.
    pub(super) fn note_end(&mut self, digest: Digest) {
        self.ends += u64::from(self.is_kept);
        self.note(digest);
    }

    /// Whether there is an end among them.
    pub(super) fn has_ends(&self) -> bool {
        self.ends > 0
    }

    /// The file may have anything, or nothing.
    pub(super) fn note_all(&mut self) {
        self.is_all = true;
        self.of = HashSet::new();
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.is_all && self.of.is_empty()
    }

    /// The digests, or nothing where it is all of them.
    pub(super) fn take(&mut self) -> Option<HashSet<Digest>> {
        self.ends = 0;
        let of = std::mem::take(&mut self.of);
        if std::mem::take(&mut self.is_all) { None } else { Some(of) }
    }
}
