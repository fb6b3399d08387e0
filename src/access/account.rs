//! One account: a user, and what proves that it is them.

use std::sync::Arc;

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
}

impl Account {
    /// Whether who has signed in with one of them is as good as signed in with the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.user == other.user && self.hash == other.hash
    }
}
