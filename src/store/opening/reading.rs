//! What is in a file, and what of it goes back to the hub, value by value.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::head::{Head, Kept, Unsettled, said};
use super::super::leases;
use super::super::log::{self, Bases, Rest, milliseconds, moment};
use super::super::names::{Found, Known};
use super::super::restoring::{Back, Use};
use super::super::rows::Lease;
use super::super::tables::{self, Checked, Fault, Names, Numbers, Order, Tables};
use super::topics::Topics;
use crate::hub::{Extras, Hub, Restored, SaidBefore};
use crate::moment::Moment;
use crate::talk::Kind;

/// What the reading came to.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Rows that were not what had been written.
    pub(super) damaged: u64,
    pub(super) expired: u64,
    /// Why reading came to an end before the end.
    pub(super) broken: Option<String>,
}

/// A start before the hub's last sign of life: somebody has set the clock, or it is not set yet.
fn tell_clock(hub: &Hub, lived: SystemTime, now: SystemTime) {
    let behind = lived.duration_since(now).unwrap_or_default();
    if behind >= Duration::from_secs(2) {
        hub.figures().clock_jumps.add(1);
        let seconds = behind.as_secs();
        tracing::warn!(
            seconds,
            "the clock of the system is before the time at which the hub wrote last: it was set back, or is not set yet; last \
             values are as they were, and none expires by it"
        );
    }
}

/// Reads a table from its start, and, where a page of it is damaged, from its end as well, down to where that was met.
macro_rules! from_both_ends {
    ($account:expr, $tables:ident.$table:ident, $take:expr) => {{
        let mut reached = None;
        let up = $tables.$table(Order::Up, |id, row| {
            reached = Some(id);
            ($take)(id, row);
            true
        });
        if let Err(fault) = up {
            $account.broken.get_or_insert_with(|| fault.to_string());
            let _ = $tables.$table(Order::Down, |id, row| {
                let is_new = Some(id) > reached;
                if is_new {
                    ($take)(id, row);
                }
                is_new
            });
        }
    }};
}

/// What was read.
pub(super) struct Read {
    pub(super) found: Found,
    pub(super) head: Head,
    pub(super) seq: u64,
    pub(super) account: Account,
}

/// Reads all of a file but its history, and gives back what the hub lacks.
pub(super) fn read(
    (tables, account): (&Tables, Account),
    hub: &Hub,
    using: Use,
    now: Moment,
    back: &mut Back,
) -> Result<Read, Fault> {
    let mut names = tables.names_of_topics(Order::Up);
    let rows = names.as_mut().map_err(|fault| fault.clone()).and_then(Names::rows);
    let topics = Topics::new(tables, &hub.settings().topic, rows);
    let users = HashMap::new();
    Reading { hub, now, using, account, topics, users, back }.read(tables)
}

struct Reading<'h> {
    hub: &'h Hub,
    now: Moment,
    using: Use,
    account: Account,
    topics: Topics<'h>,
    users: HashMap<u64, Arc<str>>,
    back: &'h mut Back,
}

impl Reading<'_> {
    fn read(mut self, tables: &Tables) -> Result<Read, Fault> {
        self.read_users(tables);
        let (mut head, newest_row, newest_time) = self.read_log(tables)?;
        let life = tables.life().ok().flatten().unwrap_or_default();
        let lived = moment(life.at.max(newest_time));
        let ended = lived.min(self.now.wall());
        if self.using == Use::GiveBack {
            tell_clock(self.hub, lived, self.now.wall());
        }
        self.read_leases(tables, lived);
        let (mut forgotten, mut rhythms) = (Vec::new(), Vec::new());
        let (mut account, mut older) = (std::mem::take(&mut self.account), Vec::new());
        let mut newest_settled = 0;
        from_both_ends!(account, tables.last, |topic, row: Checked<Unsettled>| match row {
            Checked::Good(settled) => {
                newest_settled = settled.seq.max(newest_settled);
                match head.get(topic) {
                    // Where both are of one row, what was settled is the last that it says.
                    Some(said) if said.seq > settled.seq => {
                        rhythms.extend(settled.value.map(|kept| (topic, kept.rhythm)));
                    }
                    said => {
                        older.extend(said.map(|_| topic));
                        let kept = settled.value;
                        if !kept.is_some_and(|kept| self.give_back(topic, kept, ended)) {
                            forgotten.push(topic);
                        }
                    }
                }
            }
            Checked::Damaged => {
                self.account.damaged += 1;
                forgotten.push(topic);
            }
        });
        if newest_settled > newest_row {
            account.broken.get_or_insert_with(|| "its log is older than its last values".to_owned());
        }
        for topic in older {
            head.drop_older(topic);
        }
        for (topic, rhythm) in rhythms {
            head.spoke_before(topic, rhythm);
        }
        for (topic, said) in head.open() {
            if said.value.clone().is_some_and(|kept| !self.give_back(topic, kept, ended)) {
                forgotten.push(topic);
            }
        }
        for topic in forgotten {
            head.forget(topic);
        }
        let (mut found, damaged, broken) = self.topics.end();
        account.damaged += self.account.damaged + damaged;
        account.expired += self.account.expired;
        account.broken = account.broken.or(broken);
        if account.broken.is_none() {
            found.highest = (tables.highest(Numbers::Topics)?, tables.highest(Numbers::Users)?);
        }
        found.users = self.users.into_iter().collect();
        let seq = tables.highest(Numbers::Rows).unwrap_or_default();
        head.go_on_with(tables.mark(), seq + 1);
        Ok(Read { found, head, seq, account })
    }

    /// Gives the leases back to the hub, which lived until then or longer.
    fn read_leases(&mut self, tables: &Tables, lived: SystemTime) {
        if self.using == Use::LookOnly {
            return;
        }
        let (hub, now, mut lost) = (self.hub, self.now, 0);
        from_both_ends!(self.account, tables.leases, |_, lease: Checked<Lease<'_>>| {
            let row = match lease {
                Checked::Good(lease) => leases::row(lease, &hub.settings().topic),
                Checked::Damaged => None,
            };
            match row {
                Some(row) => hub.restore_lease(row, lived, now),
                None => lost += 1,
            }
        });
        self.account.damaged += lost;
        if lost > 0 {
            tracing::error!(
                lost,
                "the store has leases that are not what was written: what they switched is not switched back; \
                 look at the devices"
            );
        }
    }

    fn read_users(&mut self, tables: &Tables) {
        let (account, users, mut damaged) = (&mut self.account, &mut self.users, 0);
        from_both_ends!(account, tables.users, |id, name: Checked<&str>| match name {
            Checked::Good(name) => {
                users.insert(id, Arc::from(name));
            }
            Checked::Damaged => damaged += 1,
        });
        account.damaged += damaged;
    }

    /// What the log says, its newest row, and its newest time.
    fn read_log(&mut self, tables: &Tables) -> Result<(Head, u64, u64), Fault> {
        let (mut head, mut newest, mut newer, mut damaged) = (Head::default(), 0, false, 0);
        let (mut bases, mut first) = (Bases::starting_at(tables.mark(), 0), None);
        let mut last = None;
        let mut read = |seq, bytes: &[u8]| match log::read(seq, bytes, &mut bases) {
            // A page that is in the tree twice.
            _ if last.replace(seq) >= Some(seq) => damaged += 1,
            Ok(row) => {
                newest = newest.max(row.time);
                // A span without its first row is settled, and is about to go.
                if row.span >= *first.get_or_insert(seq) {
                    damaged += row.lost;
                }
                head.apply(seq, row.span, bytes.len(), row.records.into_iter().map(said));
            }
            Err(log::Fault::Damaged) => {
                first.get_or_insert(seq);
                damaged += 1;
            }
            Err(log::Fault::Newer) => newer = true,
        };
        // What is read from the end comes the wrong way round.
        let (mut reached, mut from_the_end) = (None, Vec::new());
        let up = tables.log(Order::Up, |seq, bytes| {
            reached = Some(seq);
            read(seq, bytes);
            true
        });
        if let Err(fault) = up {
            self.account.broken.get_or_insert_with(|| fault.to_string());
            let _ = tables.log(Order::Down, |seq, bytes| {
                let is_new = Some(seq) > reached;
                if is_new {
                    from_the_end.push((seq, bytes.to_vec()));
                }
                is_new
            });
        }
        from_the_end.iter().rev().for_each(|(seq, bytes)| read(*seq, bytes));
        let newest_row = last.unwrap_or_default();
        self.account.damaged += damaged;
        if newer {
            return Err(tables::newer());
        }
        Ok((head, newest_row, newest))
    }

    /// Gives one value back to the hub. Says whether the file is to keep it.
    fn give_back(&mut self, id: u64, kept: Kept, ended: SystemTime) -> bool {
        let known = self.topics.get(id);
        let (Some(Known { topic: Some(topic), has_value, .. }), Some(user)) =
            (known, self.users.get(&kept.user))
        else {
            self.account.damaged += 1;
            return false;
        };
        if self.using == Use::LookOnly {
            *has_value = true;
            return true;
        }
        let wall = milliseconds(self.now.wall());
        let expires = kept.rest.as_ref().and_then(|rest| rest.expires);
        if let Some(expires) = expires.filter(|expires| *expires <= wall) {
            self.account.expired += 1;
            // By the clock of now, which may be wrong, it is not delivered. It goes when the hub has outlived it.
            *has_value = expires > milliseconds(ended);
            return *has_value;
        }
        *has_value = true;
        let topic = topic.clone();
        let expires = expires.map(|expires| self.now.steady().after(Duration::from_millis(expires - wall)));
        let (kind, extras) = match kept.rest.map(|rest| *rest) {
            None => (Kind::Reading, Extras::default()),
            Some(Rest { kind, passed_on, trail, .. }) => (kind, Extras { expires, passed_on, trail }),
        };
        let (time, from) = (moment(kept.time), Arc::clone(user));
        let said = SaidBefore { payload: kept.payload, kind, time, from, extras, rhythm: kept.rhythm };
        self.back.give((Restored::new(topic, said), ended));
        true
    }
}
