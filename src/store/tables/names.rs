//! The names of topics and of users, with their numbers: all at once, or row by row.

use rusqlite::{Rows, Statement};

use super::super::rows::{name_sum, text, whole};
use super::tally::{Counted, Tally};
use super::{Checked, Fault, Order, Tables};

/// A question for all names of a table.
pub(in crate::store) struct Names<'t> {
    tables: &'t Tables,
    table: &'static str,
    counted: Counted,
    statement: Statement<'t>,
}

/// The answer, row by row.
pub(in crate::store) struct NameRows<'s> {
    tables: &'s Tables,
    table: &'static str,
    counted: Counted,
    rows: Rows<'s>,
    tally: Tally,
}

impl Names<'_> {
    /// From the first one on.
    pub(in crate::store) fn rows(&mut self) -> Result<NameRows<'_>, Fault> {
        let Self { tables, table, counted, statement } = self;
        let rows = statement.query([])?;
        Ok(NameRows { tables, table, counted: *counted, rows, tally: Tally::default() })
    }

    /// All of them; `take` says whether to go on.
    fn all(mut self, mut take: impl FnMut(u64, Checked<&str>) -> bool) -> Result<(), Fault> {
        let (mut rows, mut goes_on) = (self.rows()?, true);
        while goes_on && rows.next(|id, name| goes_on = take(id, name))? {}
        Ok(())
    }
}

impl NameRows<'_> {
    /// Hands out the next one, and says whether there was one. At the end they are compared with their count.
    pub(in crate::store) fn next(&mut self, take: impl FnOnce(u64, Checked<&str>)) -> Result<bool, Fault> {
        let (mark, table) = (self.tables.mark, self.table);
        while let Some(row) = self.rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            let sum = whole(row, 2);
            self.tally.add(sum);
            let name = text(row, 1).filter(|name| sum == Some(name_sum(mark, table, id, name).into()));
            take(id, name.map_or(Checked::Damaged, Checked::Good));
            return Ok(true);
        }
        self.tally.compare(&self.tables.connection, self.counted)?;
        Ok(false)
    }
}

impl Tables {
    /// All topics with their numbers.
    pub(in crate::store) fn topics(
        &self,
        order: Order,
        take: impl FnMut(u64, Checked<&str>) -> bool,
    ) -> Result<(), Fault> {
        self.names_of_topics(order)?.all(take)
    }

    /// All users with their numbers.
    pub(in crate::store) fn users(
        &self,
        order: Order,
        take: impl FnMut(u64, Checked<&str>) -> bool,
    ) -> Result<(), Fault> {
        self.names("user", Counted::Users, order)?.all(take)
    }

    /// The topics with their numbers, to be read row by row.
    pub(in crate::store) fn names_of_topics(&self, order: Order) -> Result<Names<'_>, Fault> {
        self.names("topic", Counted::Topics, order)
    }

    fn names(&self, table: &'static str, counted: Counted, order: Order) -> Result<Names<'_>, Fault> {
        let sql = format!("SELECT id, name, sum FROM {table} ORDER BY id {}", order.sql());
        Ok(Names { tables: self, table, counted, statement: self.connection.prepare(&sql)? })
    }
}
