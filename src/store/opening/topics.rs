//! The topics of a file, read as far as they are needed: last values stand in the same order.

use super::super::names::{self, Found, Known, NO_LIMITS};
use super::super::tables::{Checked, Fault, NameRows, Order, Tables};
use crate::topic::{Limits, Topic};

/// What was read of them so far.
pub(super) struct Topics<'t> {
    tables: &'t Tables,
    limits: &'t Limits,
    /// What is not read yet; none at the end.
    rest: Option<NameRows<'t>>,
    read: Read,
    /// Where the next one is looked for first.
    next: usize,
    /// Why reading came to an end before the end.
    broken: Option<String>,
}

#[derive(Default)]
struct Read {
    /// By their numbers, unless they are mixed; without a name where that is damaged.
    known: Vec<Known>,
    is_mixed: bool,
    /// Topics that are over the limits of today.
    over: Vec<(u64, Topic)>,
    damaged: u64,
}

impl Read {
    fn take(&mut self, id: u64, name: &Checked<&str>, limits: &Limits) {
        let topic = match name {
            Checked::Good(name) => {
                let topic = Topic::parse(name, limits).ok();
                if topic.is_none() {
                    self.over.extend(Topic::parse(name, &NO_LIMITS).map(|topic| (id, topic)));
                }
                topic
            }
            Checked::Damaged => None,
        };
        self.damaged += u64::from(topic.is_none());
        self.is_mixed |= self.known.last().is_some_and(|last| last.id >= id);
        self.known.push(Known { id, topic, has_value: false });
    }
}

impl<'t> Topics<'t> {
    /// None is read yet.
    pub(super) fn new(tables: &'t Tables, limits: &'t Limits, rows: Result<NameRows<'t>, Fault>) -> Self {
        let (read, broken) = (Read::default(), None);
        let mut topics = Self { tables, limits, rest: None, read, next: 0, broken };
        match rows {
            Ok(rows) => topics.rest = Some(rows),
            Err(fault) => topics.is_broken(&fault),
        }
        topics
    }

    /// The topic of a number.
    pub(super) fn get(&mut self, id: u64) -> Option<&mut Known> {
        while self.read.known.last().is_none_or(|last| last.id < id) && self.read_one() {}
        if self.read.is_mixed {
            self.read_all();
        }
        let found = names::place(&self.read.known, |known| known.id, id, &mut self.next);
        found.and_then(|place| self.read.known.get_mut(place))
    }

    /// Reads the next one, if there is one.
    fn read_one(&mut self) -> bool {
        let Some(rows) = &mut self.rest else { return false };
        let (read, limits) = (&mut self.read, self.limits);
        match rows.next(|id, name| read.take(id, &name, limits)) {
            Ok(true) => true,
            Ok(false) => {
                self.rest = None;
                false
            }
            Err(fault) => {
                self.is_broken(&fault);
                false
            }
        }
    }

    /// A page of them is damaged: what stands behind it is read from the end, down to where that was met.
    fn is_broken(&mut self, fault: &Fault) {
        self.rest = None;
        self.broken = Some(fault.to_string());
        let (read, limits) = (&mut self.read, self.limits);
        let reached = read.known.last().map(|known| known.id);
        let _ = self.tables.topics(Order::Down, |id, name| {
            let is_new = Some(id) > reached;
            if is_new {
                read.take(id, &name, limits);
            }
            is_new
        });
    }

    fn read_all(&mut self) {
        while self.read_one() {}
        if std::mem::take(&mut self.read.is_mixed) {
            self.read.known.sort_unstable_by_key(|known| known.id);
        }
    }

    /// All of them, how many are damaged or over the limits, and why reading came to an end before the end.
    pub(super) fn end(mut self) -> (Found, u64, Option<String>) {
        self.read_all();
        let Read { known, over, damaged, .. } = self.read;
        (Found { topics: known, over, ..Found::default() }, damaged, self.broken)
    }
}
