//! From the file to the hub's memory: what is there is checked, value by value. A damaged file is set aside once all that
//! can be read of it has been.

mod reading;
mod topics;

use super::fault::unwritable;
use super::folder::{FileId, Folder};
use super::head::Head;
use super::lasting;
use super::log::{milliseconds, moment};
use super::names;
use super::queues;
pub(super) use super::restoring::Use;
use super::restoring::{self, Given};
use super::tables::{Fault, Tables};
use super::web_sessions::Stored;
use crate::backoff;
use crate::hub::Hub;
use crate::moment::Moment;
use crate::topic::Topic;
use reading::{Account, Read, read};

/// An open file, and what is known of it.
pub(super) struct Opened {
    pub(super) tables: Tables,
    pub(super) id: FileId,
    /// The names in it.
    pub(super) found: names::Found,
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
    let life_before = life.as_ref().ok().copied().flatten();
    let was_stopped = life.as_ref().is_ok_and(|life| life.is_some_and(|life| life.clean));
    let expected = if using == Use::GiveBack { tables.about_last_values() } else { 0 };
    let account = Account { broken: life.err().map(|fault| fault.to_string()), ..Account::default() };
    let (reading, given) =
        restoring::give_back(hub, expected, |back| read((&tables, account), hub, using, now, back))?;
    let Read { mut found, head, seq, mut account } = reading?;
    let Given { values, no_room, changed } = given;
    found.values = values;
    let mut sessions = if using == Use::GiveBack { Stored::read(&tables) } else { Stored::default() };
    let queues = match using {
        Use::GiveBack => queues::give_back(&tables, hub, now),
        Use::LookOnly => queues::Account::default(),
    };
    let lived = life_before.map(|life| moment(life.at));
    let lasting = match using {
        Use::GiveBack => lasting::give_back(&tables, hub, now, lasting::Before { lived, was_stopped }),
        Use::LookOnly => lasting::Account::default(),
    };
    account.damaged += sessions.damaged + queues.damaged + lasting.damaged;
    account.broken = account.broken.or(queues.broken).or(lasting.broken);
    account.broken = account.broken.or(sessions.broken.take().map(|fault| fault.to_string()));
    hub.figures().store_damaged.add(account.damaged);
    if let Some(why) = account.broken {
        drop(tables);
        set_aside(folder, hub, &why, values, now)?;
        let (tables, id) = open_empty(folder, most_bytes)?;
        let (found, mut head) = (names::Found { values, ..names::Found::default() }, Head::default());
        head.go_on_with(tables.mark(), 1);
        // The new file has no revocations.
        sessions.revoked = 0;
        let changed = Vec::new();
        return Ok(Opened { tables, id, found, head, seq: 0, changed, sessions, was_replaced: true });
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
    Ok(Opened { tables, id, found, head, seq, changed, sessions, was_replaced: false })
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
