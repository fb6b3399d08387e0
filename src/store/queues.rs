//! Messages that wait for brokers, between the hub's book of them and the file.
//!
//! ```text
//! data    version (1 byte), kind (1), what became of it here (1), when the hub took it, when it expires + 1 or 0, who said it,
//!         payload, way; numbers are varints, and texts and bytes stand behind their lengths
//! ```

use std::time::Duration;

use super::bytes::{Fault as Misread, Reader, put, put_bytes};
use super::log::{milliseconds, moment};
use super::tables::{Checked, Fault, Order, QueuedRow, Tables, Writing};
use crate::hub::{Hub, QueueChanges, Queued, QueuedAgain, Retention};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::{Limits, Topic};

const VERSION: u8 = 1;

impl Writing<'_> {
    /// Writes what has changed.
    pub(super) fn change_queues(&self, changes: &QueueChanges, now: Moment) -> Result<(), Fault> {
        changes.gone.iter().try_for_each(|id| self.forget_queued(*id))?;
        changes.rows.iter().try_for_each(|(id, queued)| {
            let (data, topic) = (data(queued, now), queued.message.topic.as_str());
            self.put_queued(
                *id,
                &QueuedRow { link: &queued.link, topic, at: milliseconds(queued.at), data: &data },
            )
        })
    }
}

/// What is wrong with what was read.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Rows that were not what had been written.
    pub(super) damaged: u64,
    /// Messages with a number that another one had: they have a new one.
    pub(super) renumbered: u64,
    /// Why reading came to an end before the end.
    pub(super) broken: Option<String>,
}

/// Gives what waits back to the hub. What is damaged is lost, counted, and leaves the file.
pub(super) fn give_back(tables: &Tables, hub: &Hub, now: Moment) -> Account {
    let (mut account, mut reached) = (Account::default(), None);
    let (book, limits) = (hub.stored_queues(), &hub.settings().topic);
    let mut take = |id, row: Checked<QueuedRow<'_>>| {
        let again = match row {
            Checked::Good(row) => read(&row, limits, now).ok(),
            Checked::Damaged => None,
        };
        if let Some(again) = again {
            account.renumbered += u64::from(book.restore(id, again, now));
        } else {
            account.damaged += 1;
            book.discard(id, now);
        }
    };
    let up = tables.queued(Order::Up, |id, row| {
        reached = Some(id);
        take(id, row);
        true
    });
    if let Err(fault) = up {
        let _ = tables.queued(Order::Down, |id, row| {
            let is_new = Some(id) > reached;
            if is_new {
                take(id, row);
            }
            is_new
        });
        account.broken = Some(fault.to_string());
    }
    if account.renumbered > 0 {
        let messages = account.renumbered;
        tracing::warn!(
            messages,
            "the store has messages for brokers with numbers that others have: they go out, perhaps not in their order"
        );
    }
    if account.damaged > 0 {
        let lost = account.damaged;
        tracing::error!(
            lost,
            "the store has messages for brokers that are not what was written: they are lost"
        );
    }
    account
}

fn data(queued: &Queued, now: Moment) -> Vec<u8> {
    let message = &queued.message;
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
    let mut bytes = vec![VERSION, kind, retention];
    put(message.milliseconds(), &mut bytes);
    let expires = message.extras().and_then(|extras| extras.expires);
    // That is measured by a clock that ends with the process.
    let expires = expires.map(|expires| milliseconds(now.wall() + expires.since(now.steady())) + 1);
    put(expires.unwrap_or_default(), &mut bytes);
    put_bytes(message.from.as_bytes(), &mut bytes);
    put_bytes(message.payload().as_bytes(), &mut bytes);
    put_bytes(&queued.way, &mut bytes);
    bytes
}

fn read(row: &QueuedRow<'_>, limits: &Limits, now: Moment) -> Result<QueuedAgain, Misread> {
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
    let time = moment(reader.number()?);
    let expires = match reader.number()? {
        0 => None,
        until => {
            // Where the clock is not set yet, it has no more time than it had when it was queued.
            let until = until - 1;
            let left = until.saturating_sub(milliseconds(now.wall())).min(until.saturating_sub(row.at));
            Some(now.steady().after(Duration::from_millis(left)))
        }
    };
    let mut piece =
        || reader.number().and_then(|length| reader.take(usize::try_from(length).unwrap_or(usize::MAX)));
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Misread::Damaged);
    let (from, payload, way) = (text(piece()?)?.into(), text(piece()?)?.into(), piece()?.into());
    let topic = Topic::parse(row.topic, limits).map_err(|_| Misread::Damaged)?;
    let (link, at) = (row.link.into(), moment(row.at));
    Ok(QueuedAgain { link, topic, payload, kind, time, from, retention, expires, way, at })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn where_the_clock_is_not_set_a_message_has_no_more_time_than_when_it_was_queued() {
        let then = Moment::now();
        let at = milliseconds(then.wall());
        let mut data = vec![VERSION, 1, 0];
        put(at, &mut data);
        put(at + 5000 + 1, &mut data);
        for piece in [&b"jana"[..], b"true", b"way"] {
            put_bytes(piece, &mut data);
        }
        let row = QueuedRow { link: "house", topic: "relay/0/set", at, data: &data };
        let later = |seconds| then.wall() + Duration::from_secs(seconds);
        for (wall, expected) in [(SystemTime::UNIX_EPOCH, 5000), (later(2), 3000), (later(9), 0)] {
            let now = then.with_wall(wall);
            let again = read(&row, &Limits::default(), now).unwrap();
            assert_eq!((&*again.payload, again.kind), ("true", Kind::Command));
            assert_eq!(again.expires.unwrap().since(now.steady()).as_millis(), expected);
        }
    }
}
