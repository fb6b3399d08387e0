//! From the file to the hub's memory: what is there is checked, value by value. A damaged file is set aside once all that
//! can be read of it has been.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::fault::unwritable;
use super::folder::{FileId, Folder};
use super::head::{Head, Kept, Unsettled, said};
use super::leases;
use super::log::{self, Bases, Rest, milliseconds, moment};
use super::names::{self, NO_LIMITS, Names};
use super::queues;
use super::restoring::{self, Back, Given};
use super::rows::Lease;
use super::tables::{self, Checked, Fault, Numbers, Order, Tables};
use super::web_sessions::Stored;
use crate::backoff;
use crate::hub::{Extras, Hub, Restored, SaidBefore};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

/// An open file, and what is known of it.
pub(super) struct Opened {
    pub(super) tables: Tables,
    pub(super) id: FileId,
    pub(super) names: Names,
    /// All topics in the order of their numbers, also those that are over the limits of today.
    pub(super) topics: Vec<(u64, Topic)>,
    pub(super) head: Head,
    /// The newest row of the log.
    pub(super) seq: u64,
    /// Topics whose values are others in memory now than in the file.
    pub(super) changed: Vec<Topic>,
    /// Sign-ins of pages that come back.
    pub(super) sessions: Stored,
    /// Whether a damaged file was set aside, so that this one is empty.
    pub(super) was_replaced: bool,
}

/// What the reading came to.
#[derive(Debug, Default)]
struct Account {
    /// Rows that were not what had been written.
    damaged: u64,
    expired: u64,
    /// Why reading came to an end before the end.
    broken: Option<String>,
}

/// What the file's last values are to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// They come back. Values that the hub has already stay.
    GiveBack,
    /// The hub has had them, and knows better.
    LookOnly,
}

/// Opens the file of a folder.
pub(super) fn open(folder: &Folder, hub: &Hub, most_bytes: u64, using: Use) -> Result<Opened, Fault> {
    let now = Moment::now();
    match try_to_open(folder, hub, most_bytes, using, now) {
        Ok(opened) => return Ok(opened),
        Err(Fault::Damaged(why)) => set_aside(folder, hub, &why, 0, now)?,
        Err(fault) => return Err(fault),
    }
    let mut opened = try_to_open(folder, hub, most_bytes, using, now)?;
    opened.was_replaced = true;
    Ok(opened)
}

/// Opens an empty file in a folder from which the old one was taken away.
pub(super) fn open_empty(folder: &Folder, most_bytes: u64) -> Result<(Tables, FileId), Fault> {
    let (id, _) = folder.prepare().map_err(|error| unwritable(&error))?;
    Ok((Tables::open(&folder.file(), most_bytes, mark())?, id))
}

fn try_to_open(
    folder: &Folder,
    hub: &Hub,
    most_bytes: u64,
    using: Use,
    now: Moment,
) -> Result<Opened, Fault> {
    folder.look()?;
    let (id, is_old) = folder.prepare().map_err(|error| unwritable(&error))?;
    let mut tables = Tables::open(&folder.file(), most_bytes, mark())?;
    let life = tables.life();
    let was_stopped = life.as_ref().is_ok_and(|life| life.is_some_and(|life| life.clean));
    let account = Account { broken: life.err().map(|fault| fault.to_string()), ..Account::default() };
    let (reading, given) = restoring::give_back(hub, |back| {
        let (topics, over, users) = (Vec::new(), Vec::new(), HashMap::new());
        let reading = Reading { hub, now, using, account, topics, over, next: 0, users, back };
        reading.read(&tables)
    })?;
    let Read { names, topics, head, seq, mut account } = reading?;
    let Given { values, no_room, changed } = given;
    let mut sessions = if using == Use::GiveBack { Stored::read(&tables) } else { Stored::default() };
    let queues = match using {
        Use::GiveBack => queues::give_back(&tables, hub, now),
        Use::LookOnly => queues::Account::default(),
    };
    account.damaged += sessions.damaged + queues.damaged;
    account.broken = account.broken.or(queues.broken);
    account.broken = account.broken.or(sessions.broken.take().map(|fault| fault.to_string()));
    hub.figures().store_damaged.add(account.damaged);
    if let Some(why) = account.broken {
        drop(tables);
        set_aside(folder, hub, &why, values, now)?;
        let (tables, id) = open_empty(folder, most_bytes)?;
        let (names, mut head) = (Names::default(), Head::default());
        head.go_on_with(tables.mark(), 1);
        // The new file has no revocations.
        sessions.revoked = 0;
        let (topics, changed) = (Vec::new(), Vec::new());
        return Ok(Opened { tables, id, names, topics, head, seq: 0, changed, sessions, was_replaced: true });
    }
    let Account { damaged, expired, .. } = account;
    if damaged > 0 {
        tracing::error!(
            damaged,
            "the store has rows that are not what was written: their values are lost, all others are back"
        );
    }
    if no_room > 0 {
        tracing::warn!(
            no_room,
            "not all last values of the store have room in memory: raise retained.topics or retained.bytes"
        );
    }
    if using == Use::LookOnly {
        tracing::debug!("the store was looked through");
    } else if is_old {
        tracing::info!(values, expired, was_stopped, file = %folder.file().display(), "the last values are back");
    } else {
        tracing::info!(file = %folder.file().display(), "the store is new");
    }
    tables.look_through();
    Ok(Opened { tables, id, names, topics, head, seq, changed, sessions, was_replaced: false })
}

/// A mark for a new file.
fn mark() -> u64 {
    // Four bytes of chance are enough to tell the files of one machine apart.
    (backoff::random() * f64::from(u32::MAX)).to_bits()
}

/// Moves a damaged file away, and tells the operator all of it.
pub(super) fn set_aside(folder: &Folder, hub: &Hub, why: &str, saved: u64, now: Moment) -> Result<(), Fault> {
    let kept = folder.set_aside(milliseconds(now.wall()) / 1000).map_err(|error| unwritable(&error))?;
    hub.figures().store_replaced.add(1);
    tracing::error!(why, saved, file = %kept.display(),
        "the store was damaged: the file was set aside as it is, what could be read of it goes into a new one");
    Ok(())
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

struct Reading<'h> {
    hub: &'h Hub,
    now: Moment,
    using: Use,
    account: Account,
    /// By their numbers, with whether they have a value; without a name where that is damaged.
    topics: Vec<(u64, Option<Topic>, bool)>,
    /// Topics that are over the limits of today.
    over: Vec<(u64, Topic)>,
    /// Where the next topic is looked for first, as values come in the order of topics.
    next: usize,
    users: HashMap<u64, Arc<str>>,
    back: &'h mut Back,
}

/// What was read.
struct Read {
    names: Names,
    topics: Vec<(u64, Topic)>,
    head: Head,
    seq: u64,
    account: Account,
}

impl Reading<'_> {
    fn read(mut self, tables: &Tables) -> Result<Read, Fault> {
        self.read_names(tables);
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
        account.damaged += self.account.damaged;
        account.expired += self.account.expired;
        self.account = account;
        for topic in forgotten {
            head.forget(topic);
        }
        let (names, topics) = self.names(tables, &head)?;
        let seq = tables.highest(Numbers::Rows).unwrap_or_default();
        head.go_on_with(tables.mark(), seq + 1);
        Ok(Read { names, topics, head, seq, account: self.account })
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

    fn read_names(&mut self, tables: &Tables) {
        let (account, topics, users) = (&mut self.account, &mut self.topics, &mut self.users);
        let (mut damaged, over) = (0, &mut self.over);
        let limits = &self.hub.settings().topic;
        from_both_ends!(account, tables.topics, |id, name: Checked<&str>| {
            let topic = match name {
                Checked::Good(name) => {
                    let topic = Topic::parse(name, limits).ok();
                    if topic.is_none() {
                        over.extend(Topic::parse(name, &NO_LIMITS).map(|topic| (id, topic)));
                    }
                    topic
                }
                Checked::Damaged => None,
            };
            damaged += u64::from(topic.is_none());
            topics.push((id, topic, false));
        });
        topics.sort_unstable_by_key(|(id, ..)| *id);
        if self.using == Use::GiveBack {
            self.hub.expect(topics.iter().filter_map(|(_, topic, _)| topic.as_ref()));
        }
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
                head.apply_found(seq, row.span, bytes.len(), row.records.into_iter().map(said));
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
        let found = names::place(&self.topics, |(id, ..)| *id, id, &mut self.next);
        let topic = found.and_then(|place| self.topics.get_mut(place));
        let (Some((_, Some(topic), has_value)), Some(user)) = (topic, self.users.get(&kept.user)) else {
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

    fn names(&mut self, tables: &Tables, head: &Head) -> Result<(Names, Vec<(u64, Topic)>), Fault> {
        let highest = |numbers| if self.account.broken.is_some() { Ok(0) } else { tables.highest(numbers) };
        let mut names = Names::starting_at(highest(Numbers::Topics)?, highest(Numbers::Users)?);
        for (id, user) in self.users.drain() {
            names.put_user(user, id);
        }
        names.reserve(self.topics.len());
        let mut topics = std::mem::take(&mut self.over);
        topics.reserve(self.topics.len());
        let is_over = !topics.is_empty();
        for (id, topic, has_value) in self.topics.drain(..) {
            if let Some(topic) = &topic {
                names.put_topic(topic.clone(), id);
                topics.push((id, topic.clone()));
            }
            match (has_value, head.get(id).is_some()) {
                (true, _) => {}
                (false, true) => names.clear(id, topic),
                (false, false) => names.orphan(id, topic),
            }
        }
        if is_over {
            topics.sort_unstable_by_key(|(id, _)| *id);
        }
        Ok((names, topics))
    }
}
