//! What is asked for in a lease, and what is said of it.

use std::sync::Arc;
use std::time::Duration;

use super::{OF_A_USER, OF_ALL};
use crate::hub::outbox::SessionId;
use crate::topic::Topic;

/// What is asked for.
#[derive(Debug, Clone)]
pub(in crate::hub) struct Terms {
    pub(in crate::hub) user: Arc<str>,
    pub(in crate::hub) holder: SessionId,
    pub(in crate::hub) time: Duration,
    /// The payload of the safe command.
    pub(in crate::hub) safe: Box<str>,
    /// Whether it runs on where the connection ends with a good-bye.
    pub(in crate::hub) keep: bool,
    /// Whether a node here gets the command.
    pub(in crate::hub) is_near: bool,
}

/// What becomes of a command with a lease; `O` is the command.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::hub) enum Granted<O> {
    /// It is to be routed now.
    Now(O, Stored),
    /// It is routed when its lease is on the disk.
    Later,
}

/// Whether a lease is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hub) struct Stored(pub(in crate::hub) bool);

/// Why there is no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::hub) enum Full {
    #[error("{OF_A_USER} leases of this user run already")]
    OfAUser,
    #[error("{OF_ALL} leases run already")]
    OfAll,
}

/// How the holder's connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::hub) enum End {
    /// Nobody said anything.
    #[default]
    Vanished,
    /// The client has said good-bye.
    Farewell,
    /// The hub ends.
    OfTheHub,
}

/// A command that need not wait any longer.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::hub) struct Ready<O> {
    pub(in crate::hub) topic: Topic,
    pub(in crate::hub) version: u64,
    pub(in crate::hub) command: O,
    pub(in crate::hub) stored: Stored,
}

/// A lease, as it is told.
#[derive(Debug, PartialEq)]
pub(in crate::hub) struct Told<'l> {
    pub(in crate::hub) topic: &'l Topic,
    pub(in crate::hub) user: &'l str,
    pub(in crate::hub) safe: &'l str,
    pub(in crate::hub) left: Duration,
    pub(in crate::hub) is_owed: bool,
}
