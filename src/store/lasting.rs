//! Sessions that outlive a restart, between the hub's book of them and the file.
//!
//! ```text
//! session   version (1 byte), how many messages of the client have come and are not released, each of these, the words of the edge
//! message   version (1 byte), kind (1), what became of it here (1), flags (1): it is a last value, it was sent, its receiver has it,
//!           it came by a group;
//!           if it was sent as which number and how surely; when the hub took it, when it expires + 1 or 0, who said it, payload,
//!           options, the group if it came by one; numbers are varints, and texts and bytes stand behind their lengths
//! ```
//!
//! A message that its receiver has is there without its payload, as only its number counts.

use std::time::{Duration, SystemTime};

use super::bytes::{Fault as Misread, Reader, put, put_bytes};
use super::log::{milliseconds, moment};
use super::tables::{Checked, Fault, LastingMessageRow, LastingRow, Order, Tables, Writing};
use crate::hub::{AgainRow, AgainSession, Hub, LastingChanges, MessageRow, Retention, SentAs, SessionRow};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::{Limits, Share, Topic};

const VERSION: u8 = 1;

const IS_LAST_VALUE: u8 = 1;
const IS_SENT: u8 = 2;
const IS_RECEIVED: u8 = 4;
const IS_SHARED: u8 = 8;

impl Writing<'_> {
    /// Writes what has changed. What goes goes first: its numbers may have been given again.
    pub(super) fn change_lasting(&self, changes: &LastingChanges, now: Moment) -> Result<(), Fault> {
        changes.gone_sessions.iter().try_for_each(|id| self.forget_lasting(*id))?;
        changes.gone_rows.iter().try_for_each(|(_, id)| self.forget_lasting_message(*id))?;
        changes.sessions.iter().try_for_each(|row| {
            let left = row.left.map_or(0, |left| milliseconds(left) + 1);
            let data = data_of_session(row);
            self.put_lasting(row.id, &LastingRow { user: &row.user, name: &row.name, left, data: &data })
        })?;
        changes.rows.iter().try_for_each(|row| {
            let (data, topic) = (data_of_message(row, now), row.message.topic.as_str());
            let row_of_file = LastingMessageRow { session: row.session, topic, data: &data };
            self.put_lasting_message(row.id, &row_of_file)
        })
    }
}

/// Reads a table from its start and, where a page of it is damaged, from its end as well, down to where that was met. Says what is
/// wrong.
macro_rules! from_both_ends {
    ($tables:ident.$table:ident, $take:expr) => {{
        let (mut reached, mut take) = (None, $take);
        let up = $tables.$table(Order::Up, |id, row| {
            reached = Some(id);
            take(id, row);
            true
        });
        up.err().map(|fault| {
            let _ = $tables.$table(Order::Down, |id, row| {
                let is_new = Some(id) > reached;
                if is_new {
                    take(id, row);
                }
                is_new
            });
            fault.to_string()
        })
    }};
}

/// What is wrong with what was read.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Rows that were not what had been written.
    pub(super) damaged: u64,
    /// Why reading came to an end before the end.
    pub(super) broken: Option<String>,
}

/// When the hub that has written the file was there last, and whether it was stopped as it should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) lived: Option<SystemTime>,
    pub(super) was_stopped: bool,
}

/// Gives the sessions and what waits for them back to the hub. What is damaged is lost, counted, and leaves the file.
pub(super) fn give_back(tables: &Tables, hub: &Hub, now: Moment, before: Before) -> Account {
    let (mut damaged, book, limits) = (0, hub.lasting(), &hub.settings().topic);
    let of_sessions = from_both_ends!(tables.lasting, |id, row: Checked<LastingRow<'_>>| {
        let again = match row {
            Checked::Good(row) => read_session(id, &row, before.lived).ok(),
            Checked::Damaged => None,
        };
        if let Some(again) = again {
            book.restore_session(again, now);
        } else {
            damaged += 1;
            book.discard(Some(id), None, now);
        }
    });
    let of_messages = from_both_ends!(tables.lasting_messages, |id, row: Checked<LastingMessageRow<'_>>| {
        let again = match row {
            Checked::Good(row) => read_message(id, &row, limits, now, before).ok(),
            Checked::Damaged => None,
        };
        damaged += u64::from(again.is_none());
        if !again.is_some_and(|again| book.restore_row(again)) {
            book.discard(None, Some(id), now);
        }
    });
    if damaged > 0 {
        let lost = damaged;
        tracing::error!(
            lost,
            "the store has sessions of MQTT clients, or messages for them, that are not what was written: they are lost"
        );
    }
    Account { damaged, broken: of_sessions.or(of_messages) }
}

fn data_of_session(row: &SessionRow) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put(row.received.len() as u64, &mut bytes);
    row.received.iter().for_each(|id| put(u64::from(*id), &mut bytes));
    put_bytes(&row.words, &mut bytes);
    bytes
}

fn read_session(id: u64, row: &LastingRow<'_>, lived: Option<SystemTime>) -> Result<AgainSession, Misread> {
    let mut reader = Reader(row.data);
    if reader.byte()? != VERSION {
        return Err(Misread::Newer);
    }
    let mut received = Vec::new();
    for _ in 0..reader.count()?.min(usize::from(u16::MAX)) {
        received.push(packet_id(&mut reader)?);
    }
    let words = reader.piece()?.into();
    // Who was there when the hub ended has been away since then.
    let left = row.left.checked_sub(1).map(moment).or(lived);
    Ok(AgainSession { id, user: row.user.into(), name: row.name.into(), left, words, received })
}

fn packet_id(reader: &mut Reader<'_>) -> Result<u16, Misread> {
    u16::try_from(reader.number()?).map_err(|_| Misread::Damaged)
}

fn data_of_message(row: &MessageRow, now: Moment) -> Vec<u8> {
    let message = &row.message;
    let kind = match message.kind {
        Kind::Reading => 0,
        Kind::Command => 1,
        Kind::Answer => 2,
        Kind::Notification => 3,
    };
    let retention = match message.retention {
        Retention::Pass => 0,
        Retention::Keep => 1,
        Retention::Clear => 2,
    };
    let flag = |is_set: bool, flag| if is_set { flag } else { 0 };
    let flags = flag(row.is_last_value, IS_LAST_VALUE)
        | flag(row.sent.is_some(), IS_SENT)
        | flag(row.is_received, IS_RECEIVED)
        | flag(row.share.is_some(), IS_SHARED);
    let mut bytes = vec![VERSION, kind, retention, flags];
    if let Some(SentAs { id, qos }) = row.sent {
        put(u64::from(id), &mut bytes);
        bytes.push(qos);
    }
    put(milliseconds(message.time()), &mut bytes);
    let extras = message.extras().filter(|_| !row.is_received);
    let expires = extras.and_then(|extras| extras.expires);
    // That is measured by a clock that ends with the process.
    let expires = expires.map(|expires| milliseconds(now.wall() + expires.since(now.steady())) + 1);
    put(expires.unwrap_or_default(), &mut bytes);
    put_bytes(message.from.as_bytes(), &mut bytes);
    let payload = if row.is_received { "null" } else { message.payload() };
    put_bytes(payload.as_bytes(), &mut bytes);
    put_bytes(extras.map_or("", |extras| &extras.passed_on).as_bytes(), &mut bytes);
    if let Some(share) = &row.share {
        put_bytes(share.as_str().as_bytes(), &mut bytes);
    }
    bytes
}

fn read_message(
    id: u64,
    row: &LastingMessageRow<'_>,
    limits: &Limits,
    now: Moment,
    before: Before,
) -> Result<AgainRow, Misread> {
    let mut reader = Reader(row.data);
    if reader.byte()? != VERSION {
        return Err(Misread::Newer);
    }
    let kind = match reader.byte()? {
        0 => Kind::Reading,
        1 => Kind::Command,
        2 => Kind::Answer,
        3 => Kind::Notification,
        _ => return Err(Misread::Newer),
    };
    let retention = match reader.byte()? {
        0 => Retention::Pass,
        1 => Retention::Keep,
        2 => Retention::Clear,
        _ => return Err(Misread::Newer),
    };
    let flags = reader.byte()?;
    let sent = if flags & IS_SENT != 0 {
        Some(SentAs { id: packet_id(&mut reader)?, qos: reader.byte()? })
    } else {
        None
    };
    let time = moment(reader.number()?);
    let expires = match reader.number()? {
        0 => None,
        until => {
            // Where the clock is not set yet, it has no more time than it had when it was said.
            let (until, said) = (until - 1, milliseconds(time));
            let left = until.saturating_sub(milliseconds(now.wall())).min(until.saturating_sub(said));
            Some(now.steady().after(Duration::from_millis(left)))
        }
    };
    let (from, payload, passed_on) = (reader.text()?.into(), reader.text()?.into(), reader.text()?.into());
    let share = if flags & IS_SHARED != 0 { Share::parse(reader.text()?, limits) } else { None };
    let topic = Topic::parse(row.topic, limits).map_err(|_| Misread::Damaged)?;
    Ok(AgainRow {
        id,
        session: row.session,
        topic,
        payload,
        kind,
        time,
        from,
        retention,
        expires,
        passed_on,
        share,
        is_last_value: flags & IS_LAST_VALUE != 0,
        sent,
        is_received: flags & IS_RECEIVED != 0,
        is_doubtful: !before.was_stopped,
    })
}
