//! One account: a user, and what proves that it is them.

use std::sync::Arc;

use super::keyed::{Digest, Purpose, lasting_digest};
use super::password::Hash;
use crate::hub::Rights;

/// Somebody who proved who they are. Cloning counts two references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// As it stands in `users.toml`: 1 to 64 bytes, no `:`, `/`, `+`, `#`, no control characters, no `$` in front.
    pub name: Arc<str>,
    /// What they may do.
    pub rights: Arc<Rights>,
}

/// An account: a user and what proves it is them.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) user: User,
    pub(super) hash: Hash,
    /// Whether it takes no password alone.
    pub(super) asks_for_certificate: bool,
}

impl Account {
    /// What is another one when the password is. It tells nothing of the password, as the hash has a random salt.
    pub(super) fn fingerprint(&self) -> Digest {
        lasting_digest(Purpose::Account, &[self.user.name.as_bytes(), self.hash.as_bytes()])
    }

    /// Whether who has signed in with one of them is as good as signed in with the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.user == other.user
            && self.hash == other.hash
            && self.asks_for_certificate == other.asks_for_certificate
    }
}
