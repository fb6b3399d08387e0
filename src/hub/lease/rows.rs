//! What the disk knows of leases, and what it has to be told. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Lease, Leases, OF_ALL, Phase, Stored};
use crate::moment::{Moment, Steady};
use crate::topic::Topic;

/// What is told to the disk in one piece.
const AT_ONCE: usize = 500;
/// Changes that are remembered one by one. Where there are more, everything is written anew.
const REMEMBERED: usize = 20_000;

/// A lease on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// The topic of the command.
    pub topic: Topic,
    /// Who has sent it.
    pub user: Arc<str>,
    /// The payload of the safe command.
    pub safe: Box<str>,
    /// Whether a node here has got the command.
    pub is_near: bool,
    /// For how long it was asked for.
    pub time: Duration,
    /// When this was written.
    pub written: SystemTime,
    /// When it ends.
    pub until: SystemTime,
}

/// What has changed. Whoever takes it says whether it was written.
#[derive(Debug, Default)]
pub struct LeaseChanges {
    /// Whether there are no others than these.
    pub are_all: bool,
    /// Each topic, with the lease that it has now.
    pub rows: Vec<(Topic, Option<LeaseRow>)>,
    /// The version of each lease, and when it ends.
    versions: Vec<(u64, Steady)>,
}

impl LeaseChanges {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        !self.are_all && self.rows.is_empty()
    }
}

/// What is known to be on the disk of one lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OnDisk {
    safe: Box<str>,
    is_near: bool,
    until: Steady,
}

impl OnDisk {
    /// Whether a lease with these terms would be ended in time after a restart, and, where a node here has the command, until that node hears it.
    pub(super) fn serves(&self, safe: &str, is_near: bool, until: Steady) -> bool {
        *self.safe == *safe && self.until <= until && (self.is_near || !is_near)
    }
}

/// Which leases the disk has to be told of.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Whether there is a disk.
    are_kept: bool,
    all: bool,
    changed: BTreeSet<Name>,
}

/// A topic, in the order of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name(Topic);

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_str().cmp(other.0.as_str())
    }
}

impl Rows {
    pub(super) fn are_kept(&self) -> bool {
        self.are_kept
    }

    pub(super) fn change(&mut self, topic: &Topic) {
        if !self.are_kept || self.all {
            return;
        }
        self.changed.insert(Name(topic.clone()));
        if self.changed.len() > REMEMBERED {
            self.all();
        }
    }

    fn all(&mut self) {
        self.all = true;
        self.changed.clear();
    }
}

impl<O> Leases<O> {
    /// From now on there is a disk that is told.
    pub(in super::super) fn keep(&mut self) {
        self.rows.are_kept = true;
        self.rows.all();
    }

    /// Takes what the disk is to be told next.
    pub(in super::super) fn changes(&mut self, now: Moment) -> LeaseChanges {
        let are_all = std::mem::take(&mut self.rows.all);
        let topics: Vec<Topic> = if are_all {
            self.all.keys().cloned().collect()
        } else {
            let first: Vec<Name> = self.rows.changed.iter().take(AT_ONCE).cloned().collect();
            for name in &first {
                self.rows.changed.remove(name);
            }
            first.into_iter().map(|Name(topic)| topic).collect()
        };
        let mut changes = LeaseChanges { are_all, ..LeaseChanges::default() };
        for topic in topics {
            let lease = self.all.get(&topic);
            changes.versions.push(lease.map_or((0, now.steady()), |lease| (lease.version, lease.until)));
            let row = lease.map(|lease| lease.row(&topic, now));
            changes.rows.push((topic, row));
        }
        changes
    }

    /// These are on the disk.
    pub(in super::super) fn written(&mut self, changes: LeaseChanges) {
        for ((topic, row), (version, until)) in changes.rows.into_iter().zip(changes.versions) {
            let Some(LeaseRow { safe, is_near, .. }) = row else { continue };
            if let Some(lease) = self.all.get_mut(&topic) {
                lease.on_disk = Some(OnDisk { safe, is_near, until });
                self.release(&topic, version, Stored(true));
            }
        }
    }

    /// Nothing can be written, and what the disk has is not known. Nobody waits for it.
    pub(in super::super) fn not_written(&mut self) {
        if !self.rows.are_kept {
            return;
        }
        self.rows.all();
        self.all.values_mut().for_each(|lease| lease.on_disk = None);
        for ((_, version), topic) in std::mem::take(&mut self.waiting) {
            self.release(&topic, version, Stored(false));
        }
    }

    /// A lease of the time before the hub ended, which lived at least until `ended`. What ran out meanwhile is owed, and
    /// so is what nobody can tell the time of, because somebody has set the clock back.
    pub(in super::super) fn restore(&mut self, row: LeaseRow, ended: SystemTime, now: Moment) {
        let LeaseRow { topic, user, safe, is_near, time, written, until } = row;
        if self.all.contains_key(&topic) || self.all.len() >= OF_ALL {
            return;
        }
        let was_set_back = now.wall() < written || now.wall() < ended;
        let left = until.duration_since(now.wall()).unwrap_or_default().min(time);
        let ends = if was_set_back { now.steady() } else { now.steady().after(left) };
        let on_disk = Some(OnDisk { safe: safe.clone(), is_near, until: ends });
        let (version, phase) = (self.next_version(), Phase::Held);
        let lease = Lease {
            user,
            holder: None,
            time,
            safe,
            keep: true,
            is_near,
            until: ends,
            phase,
            waits: None,
            version,
            on_disk,
            due: None,
        };
        self.insert(topic, lease, ends);
        self.looked.get_or_insert(now);
    }
}

impl<O> Lease<O> {
    fn row(&self, topic: &Topic, now: Moment) -> LeaseRow {
        LeaseRow {
            topic: topic.clone(),
            user: Arc::clone(&self.user),
            safe: self.safe.clone(),
            is_near: self.is_near,
            time: self.time,
            written: now.wall(),
            until: now.wall() + self.until.since(now.steady()),
        }
    }
}
