//! Messages that wait for brokers, in SQL.

use rusqlite::{Row, params};

use super::super::log::sum;
use super::super::rows::{blob, text, whole};
use super::tally::{Counted, Tally};
use super::{Checked, Fault, Order, Tables, Writing};

/// A message that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct QueuedRow<'r> {
    /// The name of the link.
    pub(in crate::store) link: &'r str,
    pub(in crate::store) topic: &'r str,
    /// Since when it waits, in milliseconds since 1970.
    pub(in crate::store) at: u64,
    /// All else of it.
    pub(in crate::store) data: &'r [u8],
}

impl QueuedRow<'_> {
    fn sum(&self, mark: u64, id: u64) -> u32 {
        let Self { link, topic, at, data } = self;
        let lengths = [link.len(), topic.len()].map(|length| length as u64);
        let numbers = [mark, id, *at, lengths[0], lengths[1]].map(u64::to_le_bytes);
        sum(&[b"queued", numbers.as_flattened(), link.as_bytes(), topic.as_bytes(), data])
    }
}

impl Tables {
    /// All messages that wait, with their numbers.
    pub(in crate::store) fn queued(
        &self,
        order: Order,
        mut take: impl FnMut(u64, Checked<QueuedRow<'_>>) -> bool,
    ) -> Result<(), Fault> {
        let sql = format!("SELECT id, link, topic, at, data, sum FROM queued ORDER BY id {}", order.sql());
        let mut statement = self.connection.prepare(&sql)?;
        let (mut rows, mut tally) = (statement.query([])?, Tally::default());
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            tally.add(whole(row, 5));
            if !take(id, queued(self.mark, id, row).map_or(Checked::Damaged, Checked::Good)) {
                return Ok(());
            }
        }
        tally.compare(&self.connection, Counted::Queued)
    }
}

impl Writing<'_> {
    pub(in crate::store) fn put_queued(&self, id: u64, row: &QueuedRow<'_>) -> Result<(), Fault> {
        let QueuedRow { link, topic, at, data } = *row;
        let values = params![id.cast_signed(), link, topic, at.cast_signed(), data, row.sum(self.mark, id)];
        self.run("INSERT OR REPLACE INTO queued VALUES (?1, ?2, ?3, ?4, ?5, ?6)", values)
    }

    pub(in crate::store) fn forget_queued(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM queued WHERE id = ?1", params![id.cast_signed()])
    }
}

impl Tables {
    /// Deletes all messages that wait. Says how many they were.
    pub(in crate::store) fn forget_all_queued(&mut self) -> Result<usize, Fault> {
        Ok(self.connection.execute("DELETE FROM queued", [])?)
    }
}

fn queued<'r>(mark: u64, id: u64, row: &'r Row<'_>) -> Option<QueuedRow<'r>> {
    let (link, topic) = (text(row, 1)?, text(row, 2)?);
    let queued = QueuedRow { link, topic, at: whole(row, 3)?, data: blob(row, 4)? };
    (whole(row, 5) == Some(queued.sum(mark, id).into())).then_some(queued)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: QueuedRow<'_> = QueuedRow { link: "house", topic: "relay/0/set", at: 5, data: b"data" };

    fn all(tables: &Tables) -> Vec<(u64, bool)> {
        let mut found = Vec::new();
        let take = |id, row: Checked<QueuedRow<'_>>| {
            found.push((id, row == Checked::Good(ROW)));
            true
        };
        tables.queued(Order::Up, take).unwrap();
        found
    }

    #[test]
    fn messages_come_back_in_their_order_and_a_changed_row_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let put = |tables: &mut Tables, id| tables.write(false, |writing| writing.put_queued(id, &ROW));
        for id in [3, 1, 2] {
            put(&mut tables, id).unwrap();
        }
        assert_eq!(all(&tables), [(1, true), (2, true), (3, true)]);
        for change in ["link = 'other'", "topic = 'relay/1/set'", "at = 6", "data = x'00'", "id = 9"] {
            put(&mut tables, 3).unwrap();
            tables.connection.execute(&format!("UPDATE queued SET {change} WHERE id = 3"), []).unwrap();
            assert_eq!(all(&tables).iter().filter(|(_, good)| !good).count(), 1, "{change}");
        }
        tables
            .write(false, |writing| [1, 2, 3, 9].iter().try_for_each(|id| writing.forget_queued(*id)))
            .unwrap();
        assert_eq!(all(&tables), []);
    }

    #[test]
    fn all_messages_that_wait_can_be_left_out_and_the_file_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        tables.write(false, |writing| (1..4).try_for_each(|id| writing.put_queued(id, &ROW))).unwrap();
        assert_eq!(tables.forget_all_queued(), Ok(3));
        assert_eq!(all(&tables), [], "and none is missing");
        assert_eq!(tables.forget_all_queued(), Ok(0));
    }

    #[test]
    fn a_message_that_is_missing_or_as_it_was_before_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        tables.write(false, |writing| (1..4).try_for_each(|id| writing.put_queued(id, &ROW))).unwrap();
        tables
            .connection
            .execute_batch("DROP TRIGGER queued_removed; DELETE FROM queued WHERE id = 2")
            .unwrap();
        let why = "it has 2 messages that wait, and 3 were counted";
        assert_eq!(tables.queued(Order::Up, |_, _| true), Err(Fault::Damaged(why.to_owned())));
    }
}
