//! Events in SQL: one method a statement.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::log::sum;
use super::super::rows::{text, whole};
use super::tally::{Counted, Tally};
use super::{Checked, Fault, Tables, Writing};

/// What an event takes beside its texts, about.
const A_ROW: u64 = 40;

/// An event in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct EventRow<'r> {
    pub(in crate::store) at: u64,
    /// Empty where there is none.
    pub(in crate::store) user: &'r str,
    /// What filters name it by.
    pub(in crate::store) topic: &'r str,
    pub(in crate::store) data: &'r str,
}

impl EventRow<'_> {
    pub(in crate::store) fn len(&self) -> u64 {
        A_ROW + [self.user, self.topic, self.data].map(|text| text.len() as u64).iter().sum::<u64>()
    }

    fn sum(&self, mark: u64, id: u64) -> u32 {
        let texts = [self.user, self.topic, self.data];
        let [user, topic, data] = texts.map(|text| text.len() as u64);
        let numbers = [mark, id, self.at, user, topic, data].map(u64::to_le_bytes);
        let [user, topic, data] = texts.map(str::as_bytes);
        sum(&[b"event", numbers.as_flattened(), user, topic, data])
    }
}

/// How much the file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::store) struct Kept {
    pub(in crate::store) rows: u64,
    pub(in crate::store) bytes: u64,
    /// The number of the newest event, and when the oldest one was.
    pub(in crate::store) highest: u64,
    pub(in crate::store) oldest: Option<u64>,
}

impl Tables {
    /// The topics of all events, each once.
    pub(in crate::store) fn topics_of_events(&self) -> Result<Vec<String>, Fault> {
        let mut statement = self.connection.prepare("SELECT DISTINCT topic FROM event")?;
        let topics = statement.query_map([], |row| row.get(0))?;
        Ok(topics.collect::<Result<_, _>>()?)
    }

    /// Whether all events are there that were counted, and none of them as it was before.
    pub(in crate::store) fn compare_events(&self) -> Result<(), Fault> {
        let sql = "SELECT count(*), coalesce(sum(sum), 0) FROM event";
        let read = |row: &Row<'_>| Ok([0, 1].map(|at| whole(row, at).unwrap_or_default()));
        let [entries, total] = self.connection.query_row(sql, [], read)?;
        Tally::of(entries, total).compare(&self.connection, Counted::Events)
    }

    /// How many events there are.
    pub(in crate::store) fn events_kept(&self) -> Result<Kept, Fault> {
        let sql = "SELECT count(*), coalesce(sum(octet_length(user) + octet_length(topic) + octet_length(data)), 0), \
                   coalesce(max(id), 0) FROM event";
        let read = |row: &Row<'_>| Ok([0, 1, 2].map(|at| whole(row, at).unwrap_or_default()));
        let [rows, bytes, highest] = self.connection.query_row(sql, [], read)?;
        let bytes = bytes.saturating_add(rows.saturating_mul(A_ROW));
        Ok(Kept { rows, bytes, highest, oldest: oldest(&self.connection)? })
    }

    /// The events between two numbers, the newest first. `take` says whether to go on.
    pub(in crate::store) fn events(
        &self,
        before: u64,
        after: u64,
        mut take: impl FnMut(u64, Checked<EventRow<'_>>) -> bool,
    ) -> Result<(), Fault> {
        let sql =
            "SELECT id, at, user, topic, data, sum FROM event WHERE id < ?1 AND id > ?2 ORDER BY id DESC";
        let mut statement = self.connection.prepare(sql)?;
        let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![bound(before), bound(after)])?;
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            if !take(id, event(self.mark, id, row).map_or(Checked::Damaged, Checked::Good)) {
                break;
            }
        }
        Ok(())
    }
}

impl Writing<'_> {
    /// Puts an event down, or in place of what was there with its number.
    pub(in crate::store) fn put_event(&self, id: u64, row: &EventRow<'_>) -> Result<(), Fault> {
        let EventRow { at, user, topic, data } = *row;
        let values = params![id.cast_signed(), at.cast_signed(), user, topic, data, row.sum(self.mark, id)];
        self.run("INSERT OR REPLACE INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6)", values)
    }

    /// Changes an event, if it is there and is what was written. Says by how many bytes it has grown.
    pub(in crate::store) fn change_event(
        &self,
        id: u64,
        change: impl FnOnce(&EventRow<'_>) -> Option<Box<str>>,
    ) -> Result<u64, Fault> {
        let sql = "SELECT id, at, user, topic, data, sum FROM event WHERE id = ?1";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query(params![id.cast_signed()])?;
        let Some(row) = rows.next()?.and_then(|row| event(self.mark, id, row)) else { return Ok(0) };
        let Some(data) = change(&row) else { return Ok(0) };
        let (before, user, topic) = (row.len(), row.user.to_owned(), row.topic.to_owned());
        let at = row.at;
        drop(rows);
        let row = EventRow { at, user: &user, topic: &topic, data: &data };
        self.put_event(id, &row)?;
        Ok(row.len().saturating_sub(before))
    }

    /// What is there is all that there is: events that are missing were told of.
    pub(in crate::store) fn count_events_anew(&self) -> Result<(), Fault> {
        self.run("INSERT OR REPLACE INTO tally SELECT 5, count(*), coalesce(sum(sum), 0) FROM event", [])
    }

    /// Forgets the events of one topic.
    pub(in crate::store) fn forget_events_of(&self, topic: &str) -> Result<(), Fault> {
        self.run("DELETE FROM event WHERE topic = ?1", params![topic])
    }

    /// Deletes the oldest events, at most so many, and where there is a `horizon` only those from before it. Says how many
    /// went with how many bytes, and when the oldest one was that is left.
    pub(in crate::store) fn forget_events(&self, most: u64, horizon: Option<u64>) -> Result<Kept, Fault> {
        let slice = "FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT ?1) AND at < ?2";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let horizon = horizon.map_or(i64::MAX, |horizon| i64::try_from(horizon).unwrap_or(i64::MAX));
        let sizes = format!(
            "SELECT count(*), coalesce(sum(octet_length(user) + octet_length(topic) + octet_length(data)), 0) {slice}"
        );
        let read = |row: &Row<'_>| Ok([0, 1].map(|at| whole(row, at).unwrap_or_default()));
        let [rows, bytes] =
            self.transaction.prepare_cached(&sizes)?.query_row(params![most, horizon], read)?;
        self.run(&format!("DELETE {slice}"), params![most, horizon])?;
        let bytes = bytes.saturating_add(rows.saturating_mul(A_ROW));
        Ok(Kept { rows, bytes, highest: 0, oldest: oldest(&self.transaction)? })
    }
}

fn oldest(connection: &Connection) -> Result<Option<u64>, Fault> {
    let mut oldest = connection.prepare_cached("SELECT at FROM event ORDER BY id LIMIT 1")?;
    Ok(oldest.query_row([], |row| Ok(whole(row, 0))).optional()?.flatten())
}

fn event<'r>(mark: u64, id: u64, row: &'r Row<'_>) -> Option<EventRow<'r>> {
    let (at, user) = (whole(row, 1)?, text(row, 2)?);
    let event = EventRow { at, user, topic: text(row, 3)?, data: text(row, 4)? };
    (whole(row, 5) == Some(event.sum(mark, id).into())).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: EventRow<'_> = EventRow { at: 5000, user: "jana", topic: "relay/0/set", data: "{}" };

    fn ids(tables: &Tables, before: u64, after: u64) -> Vec<(u64, bool)> {
        let mut found = Vec::new();
        let take = |id, row: Checked<EventRow<'_>>| {
            found.push((id, matches!(row, Checked::Good(ROW))));
            true
        };
        tables.events(before, after, take).unwrap();
        found
    }

    #[test]
    fn events_come_back_newest_first_and_a_changed_row_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        tables.write(true, |writing| (1..=4).try_for_each(|id| writing.put_event(id, &ROW))).unwrap();
        let reading = Tables::open_to_read(&path).unwrap();
        assert_eq!(ids(&reading, u64::MAX, 0), [(4, true), (3, true), (2, true), (1, true)]);
        assert_eq!(ids(&reading, 4, 2), [(3, true)]);
        for change in ["at = 1", "user = 'emil'", "topic = 'relay/1/set'", "data = '[]'", "sum = 1", "id = 9"]
        {
            tables.write(false, |writing| writing.put_event(3, &ROW)).unwrap();
            tables.connection.execute(&format!("UPDATE event SET {change} WHERE id = 3"), []).unwrap();
            assert_eq!(ids(&reading, u64::MAX, 2).iter().filter(|(_, good)| !good).count(), 1, "{change}");
        }
    }

    #[test]
    fn an_event_that_is_missing_or_as_it_was_before_is_known_although_each_sum_is_right() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        tables.write(false, |writing| (1..=4).try_for_each(|id| writing.put_event(id, &ROW))).unwrap();
        tables.connection.execute_batch("CREATE TABLE before AS SELECT * FROM event").unwrap();
        tables
            .write(false, |writing| {
                writing.change_event(2, |_| Some("{\"result\":\"confirmed\"}".into()))?;
                writing.put_event(3, &EventRow { at: 6000, ..ROW })?;
                writing.forget_events(1, None)
            })
            .unwrap();
        assert_eq!(tables.compare_events(), Ok(()));
        // As a disk does it that mixes up its pages: nobody counts.
        let triggers = "DROP TRIGGER event_added; DROP TRIGGER event_changed; DROP TRIGGER event_removed;";
        tables.connection.execute_batch(triggers).unwrap();
        tables.connection.execute_batch("REPLACE INTO event SELECT * FROM before WHERE id = 2").unwrap();
        let damaged = |why: &str| Err(Fault::Damaged(why.to_owned()));
        assert_eq!(tables.compare_events(), damaged("some of its 3 events are not the newest ones"));
        tables.connection.execute_batch("DELETE FROM event WHERE id = 4").unwrap();
        assert_eq!(tables.compare_events(), damaged("it has 2 events, and 3 were counted"));
        tables
            .write(false, |writing| {
                writing.count_events_anew()?;
                Ok(())
            })
            .unwrap();
        assert_eq!(tables.compare_events(), Ok(()));
    }

    #[test]
    fn what_came_of_an_event_is_added_to_it_and_a_damaged_one_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let grown = tables.write(false, |writing| {
            writing.put_event(1, &ROW)?;
            writing.change_event(1, |row| Some(format!("{} more", row.data).into()))
        });
        assert_eq!(grown, Ok(5));
        let none = tables.write(false, |writing| writing.change_event(2, |_| Some("x".into())));
        assert_eq!((none, tables.events_kept().unwrap().rows), (Ok(0), 1));
        tables.connection.execute("UPDATE event SET at = 1", []).unwrap();
        let none = tables.write(false, |writing| writing.change_event(1, |_| panic!("it is damaged")));
        assert_eq!(none, Ok(0));
    }

    #[test]
    fn the_oldest_go_first_and_those_of_a_clock_that_was_ahead_are_no_older_than_they_say() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let put = |writing: &Writing<'_>, id, at| writing.put_event(id, &EventRow { at, ..ROW });
        tables.write(false, |writing| (1..=10).try_for_each(|id| put(writing, id, id * 10))).unwrap();
        let kept = tables.events_kept().unwrap();
        assert_eq!((kept.rows, kept.highest, kept.oldest), (10, 10, Some(10)));
        assert_eq!(kept.bytes, 10 * ROW.len());
        let gone = tables.write(false, |writing| writing.forget_events(2, None)).unwrap();
        assert_eq!(gone, Kept { rows: 2, bytes: 2 * ROW.len(), highest: 0, oldest: Some(30) });
        let gone = tables.write(false, |writing| writing.forget_events(5, Some(50))).unwrap();
        assert_eq!((gone.rows, gone.oldest), (2, Some(50)));
        assert_eq!(tables.events_kept().unwrap().rows, 6);
    }
}
