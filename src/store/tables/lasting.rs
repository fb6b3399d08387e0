//! Sessions that outlive a restart and what waits for them, in SQL.

use rusqlite::{Row, params};

use super::super::log::sum;
use super::super::rows::{blob, text, whole};
use super::tally::{Counted, Tally};
use super::{Checked, Fault, Order, Tables, Writing};

/// A session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct LastingRow<'r> {
    pub(in crate::store) user: &'r str,
    /// What its client is called.
    pub(in crate::store) name: &'r str,
    /// Since when its client is away, in milliseconds since 1970 and one more; 0 if it is not.
    pub(in crate::store) left: u64,
    /// All else of it.
    pub(in crate::store) data: &'r [u8],
}

impl LastingRow<'_> {
    fn sum(&self, mark: u64, id: u64) -> u32 {
        let Self { user, name, left, data } = self;
        let lengths = [user.len(), name.len()].map(|length| length as u64);
        let numbers = [mark, id, *left, lengths[0], lengths[1]].map(u64::to_le_bytes);
        sum(&[b"lasting", numbers.as_flattened(), user.as_bytes(), name.as_bytes(), data])
    }
}

/// A message that waits for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct LastingMessageRow<'r> {
    /// The number of the session.
    pub(in crate::store) session: u64,
    pub(in crate::store) topic: &'r str,
    /// All else of it.
    pub(in crate::store) data: &'r [u8],
}

impl LastingMessageRow<'_> {
    fn sum(&self, mark: u64, id: u64) -> u32 {
        let Self { session, topic, data } = self;
        let numbers = [mark, id, *session, topic.len() as u64].map(u64::to_le_bytes);
        sum(&[b"lasting message", numbers.as_flattened(), topic.as_bytes(), data])
    }
}

impl Tables {
    /// All sessions, with their numbers.
    pub(in crate::store) fn lasting(
        &self,
        order: Order,
        mut take: impl FnMut(u64, Checked<LastingRow<'_>>) -> bool,
    ) -> Result<(), Fault> {
        let sql = format!("SELECT id, user, name, left, data, sum FROM lasting ORDER BY id {}", order.sql());
        let mut statement = self.connection.prepare(&sql)?;
        let (mut rows, mut tally) = (statement.query([])?, Tally::default());
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            tally.add(whole(row, 5));
            if !take(id, session(self.mark, id, row).map_or(Checked::Damaged, Checked::Good)) {
                return Ok(());
            }
        }
        tally.compare(&self.connection, Counted::Lasting)
    }

    /// All messages that wait for sessions, with their numbers.
    pub(in crate::store) fn lasting_messages(
        &self,
        order: Order,
        mut take: impl FnMut(u64, Checked<LastingMessageRow<'_>>) -> bool,
    ) -> Result<(), Fault> {
        let sql =
            format!("SELECT id, session, topic, data, sum FROM lasting_message ORDER BY id {}", order.sql());
        let mut statement = self.connection.prepare(&sql)?;
        let (mut rows, mut tally) = (statement.query([])?, Tally::default());
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            tally.add(whole(row, 4));
            if !take(id, message(self.mark, id, row).map_or(Checked::Damaged, Checked::Good)) {
                return Ok(());
            }
        }
        tally.compare(&self.connection, Counted::LastingMessages)
    }

    /// Deletes all messages that wait for sessions. Says how many they were.
    pub(in crate::store) fn forget_all_lasting_messages(&mut self) -> Result<usize, Fault> {
        Ok(self.connection.execute("DELETE FROM lasting_message", [])?)
    }
}

impl Writing<'_> {
    pub(in crate::store) fn put_lasting(&self, id: u64, row: &LastingRow<'_>) -> Result<(), Fault> {
        let LastingRow { user, name, left, data } = *row;
        let values = params![id.cast_signed(), user, name, left.cast_signed(), data, row.sum(self.mark, id)];
        self.run("INSERT OR REPLACE INTO lasting VALUES (?1, ?2, ?3, ?4, ?5, ?6)", values)
    }

    /// Deletes a session with all that waits for it.
    pub(in crate::store) fn forget_lasting(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM lasting_message WHERE session = ?1", params![id.cast_signed()])?;
        self.run("DELETE FROM lasting WHERE id = ?1", params![id.cast_signed()])
    }

    pub(in crate::store) fn put_lasting_message(
        &self,
        id: u64,
        row: &LastingMessageRow<'_>,
    ) -> Result<(), Fault> {
        let LastingMessageRow { session, topic, data } = *row;
        let values = params![id.cast_signed(), session.cast_signed(), topic, data, row.sum(self.mark, id)];
        self.run("INSERT OR REPLACE INTO lasting_message VALUES (?1, ?2, ?3, ?4, ?5)", values)
    }

    pub(in crate::store) fn forget_lasting_message(&self, id: u64) -> Result<(), Fault> {
        self.run("DELETE FROM lasting_message WHERE id = ?1", params![id.cast_signed()])
    }
}

fn session<'r>(mark: u64, id: u64, row: &'r Row<'_>) -> Option<LastingRow<'r>> {
    let (user, name) = (text(row, 1)?, text(row, 2)?);
    let lasting = LastingRow { user, name, left: whole(row, 3)?, data: blob(row, 4)? };
    (whole(row, 5) == Some(lasting.sum(mark, id).into())).then_some(lasting)
}

fn message<'r>(mark: u64, id: u64, row: &'r Row<'_>) -> Option<LastingMessageRow<'r>> {
    let message = LastingMessageRow { session: whole(row, 1)?, topic: text(row, 2)?, data: blob(row, 3)? };
    (whole(row, 4) == Some(message.sum(mark, id).into())).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: LastingRow<'_> = LastingRow { user: "jana", name: "lamp", left: 5, data: b"data" };
    const MESSAGE: LastingMessageRow<'_> =
        LastingMessageRow { session: 7, topic: "relay/0/set", data: b"data" };

    fn open(dir: &tempfile::TempDir) -> Tables {
        Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap()
    }

    fn all(tables: &Tables) -> Result<Vec<(u64, bool)>, Fault> {
        let mut found = Vec::new();
        tables.lasting(Order::Up, |id, row| {
            found.push((id, row == Checked::Good(SESSION)));
            true
        })?;
        tables.lasting_messages(Order::Up, |id, row| {
            found.push((id, row == Checked::Good(MESSAGE)));
            true
        })?;
        Ok(found)
    }

    #[test]
    fn sessions_and_their_messages_come_back_and_a_changed_row_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = open(&dir);
        let put = |tables: &mut Tables| {
            tables.write(false, |writing| {
                writing.put_lasting(7, &SESSION)?;
                [2, 1].iter().try_for_each(|id| writing.put_lasting_message(*id, &MESSAGE))
            })
        };
        put(&mut tables).unwrap();
        put(&mut tables).unwrap();
        assert_eq!(all(&tables), Ok(vec![(7, true), (1, true), (2, true)]));
        for change in ["user = 'other'", "name = 'other'", "left = 6", "data = x'00'"] {
            put(&mut tables).unwrap();
            tables.connection.execute(&format!("UPDATE lasting SET {change}"), []).unwrap();
            assert_eq!(all(&tables), Ok(vec![(7, false), (1, true), (2, true)]), "{change}");
        }
        for change in ["session = 8", "topic = 'other'", "data = x'00'"] {
            put(&mut tables).unwrap();
            let sql = format!("UPDATE lasting_message SET {change} WHERE id = 2");
            tables.connection.execute(&sql, []).unwrap();
            assert_eq!(all(&tables), Ok(vec![(7, true), (1, true), (2, false)]), "{change}");
        }
    }

    #[test]
    fn a_session_goes_with_its_messages_and_one_that_is_missing_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = open(&dir);
        tables
            .write(false, |writing| {
                writing.put_lasting(7, &SESSION)?;
                writing.put_lasting_message(1, &MESSAGE)?;
                writing.put_lasting_message(2, &LastingMessageRow { session: 8, ..MESSAGE })?;
                writing.put_lasting_message(3, &MESSAGE)?;
                writing.forget_lasting(7)
            })
            .unwrap();
        assert_eq!(all(&tables), Ok(vec![(2, false)]));
        tables
            .connection
            .execute_batch("DROP TRIGGER lasting_message_removed; DELETE FROM lasting_message")
            .unwrap();
        let why = "it has 0 messages of sessions, and 1 were counted";
        assert_eq!(all(&tables), Err(Fault::Damaged(why.to_owned())));
    }
}
