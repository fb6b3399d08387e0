//! One account: a user, what proves that it is them, and when and from where they may come.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;

use super::keyed::{Digest, Purpose, lasting_digest};
use super::password::Hash;
use super::role::Role;
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
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    pub(super) user: User,
    pub(super) hash: Hash,
    /// Whether it takes no password alone.
    pub(super) asks_for_certificate: bool,
    /// The rule set that it has besides its own filters, and from where on.
    pub(super) role: Option<Role>,
    /// Up to when it is good.
    pub(super) valid_until: Option<SystemTime>,
    /// The networks that it may come from; from everywhere where there are none.
    pub(super) from: Vec<IpNet>,
    /// What people have written down about it.
    pub(super) note: Option<Box<str>>,
}

impl Account {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.user.name
    }

    /// What it may do: its own filters, and those of its role.
    pub fn rights(&self) -> &Rights {
        &self.user.rights
    }

    /// Whether it is a token.
    pub fn is_token(&self) -> bool {
        self.hash.token().is_some()
    }

    /// Whether it has a password.
    pub fn has_password(&self) -> bool {
        !self.is_token() && self.hash != Hash::of_nobody()
    }

    /// Whether it takes no password alone.
    pub fn asks_for_certificate(&self) -> bool {
        self.asks_for_certificate
    }

    /// Its role, if it has one.
    pub fn role(&self) -> Option<&Role> {
        self.role.as_ref()
    }

    /// Up to when it is good.
    pub fn valid_until(&self) -> Option<SystemTime> {
        self.valid_until
    }

    /// The networks that it may come from; from everywhere where there are none.
    pub fn from(&self) -> impl Iterator<Item = String> {
        self.from.iter().map(IpNet::to_string)
    }

    /// What people have written down about it.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// What is another one when the password is. It tells nothing of the password, as the hash has a random salt.
    pub(super) fn fingerprint(&self) -> Digest {
        lasting_digest(Purpose::Account, &[self.user.name.as_bytes(), self.hash.as_bytes()])
    }

    /// Whether who has signed in with the other one would still come in with this one. What they may do, and from where, is
    /// another question.
    pub(super) fn keeps_sign_ins_of(&self, other: &Self) -> bool {
        self.hash == other.hash && (other.asks_for_certificate || !self.asks_for_certificate)
    }

    /// Whether it may come from this address. Where it is that of a proxy which did not tell whom it speaks for, the client may be
    /// anywhere: then the address itself has to be named, and not a network that it is in.
    pub(super) fn may_come_from(&self, address: IpAddr, is_untold: bool) -> bool {
        let address = address.to_canonical();
        let is_meant = |network: &IpNet| !is_untold || network.prefix_len() == network.max_prefix_len();
        self.from.is_empty()
            || self.from.iter().any(|network| network.contains(&address) && is_meant(network))
    }

    /// Whether its time is over.
    pub fn is_over(&self, wall: SystemTime) -> bool {
        self.valid_until.is_some_and(|until| until <= wall)
    }
}
