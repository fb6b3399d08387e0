//! Sign-ins of pages in SQL, and what commands ask of them while the hub runs.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, params};

use super::super::log::{milliseconds, moment, sum};
use super::super::rows::{blob, text, whole};
use super::{BUSY, Check, Checked, Fault, Order, STEPS, Tables, Writing, check_owner};
use crate::access::{KeptWebSession, Visitor, WebSessionChanges};

/// Whose sign-ins are to end.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::store) enum Revocation {
    /// The one of this digest.
    Session([u8; 32]),
    /// All of this user.
    User(Box<str>),
}

impl Tables {
    /// Opens a file from beside the hub that owns it: nothing is made or changed by that.
    pub(in crate::store) fn open_beside(path: &Path) -> Result<Self, Fault> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY)?;
        let application: u32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        check_owner(application, version, true)?;
        if u64::from(version) < STEPS.len() as u64 {
            return Err(Fault::Older { found: version.into(), known: STEPS.len() });
        }
        let mut tables = Self { check: Check::Over, connection, mark: 0, sync: None };
        let mark = tables.found_mark()?;
        tables.mark = mark.ok_or_else(|| Fault::Damaged("its mark cannot be read".to_owned()))?;
        Ok(tables)
    }

    /// All sign-ins of pages, by the numbers of their rows.
    pub(in crate::store) fn web_sessions(
        &self,
        order: Order,
        mut take: impl FnMut(u64, Checked<KeptWebSession>) -> bool,
    ) -> Result<(), Fault> {
        let sql = format!(
            "SELECT id, digest, user, account, created, used, until, stays, address, browser, sum \
             FROM web_session ORDER BY id {}",
            order.sql()
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            if !take(id, web_session(self.mark, row).map_or(Checked::Damaged, Checked::Good)) {
                break;
            }
        }
        Ok(())
    }

    /// What is to be revoked, by the numbers of the rows.
    pub(in crate::store) fn revocations(&self) -> Result<Vec<(u64, Checked<Revocation>)>, Fault> {
        let mut statement =
            self.connection.prepare("SELECT id, digest, user, sum FROM revocation ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(id) = whole(row, 0) else { continue };
            let digest = blob(row, 1).and_then(|digest| digest.try_into().ok()).map(Revocation::Session);
            let revocation = digest.or_else(|| text(row, 2).map(|user| Revocation::User(user.into())));
            let revocation =
                revocation.filter(|revocation| whole(row, 3) == Some(revocation.sum(self.mark).into()));
            found.push((id, revocation.map_or(Checked::Damaged, Checked::Good)));
        }
        Ok(found)
    }

    /// Whether a row of the revocations is still there.
    pub(in crate::store) fn has_revocation(&self, id: u64) -> Result<bool, Fault> {
        let sql = "SELECT count(*) FROM revocation WHERE id = ?1";
        let count: i64 = self.connection.query_row(sql, [id.cast_signed()], |row| row.get(0))?;
        Ok(count > 0)
    }

    /// A number that is another one when somebody else has written.
    pub(in crate::store) fn written_by_others(&self) -> Result<i64, Fault> {
        Ok(self.connection.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }
}

impl Writing<'_> {
    pub(in crate::store) fn change_web_sessions(&self, changes: &WebSessionChanges) -> Result<(), Fault> {
        if changes.is_all {
            self.run("DELETE FROM web_session", [])?;
        }
        for digest in &changes.gone {
            self.run("DELETE FROM web_session WHERE digest = ?1", params![digest])?;
        }
        for kept in &changes.kept {
            let KeptWebSession { digest, user, account, stays, visitor, .. } = kept;
            let [created, used, until] = times(kept).map(u64::cast_signed);
            self.run(
                "INSERT OR REPLACE INTO web_session \
                 (digest, user, account, created, used, until, stays, address, browser, sum) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    digest,
                    &**user,
                    account,
                    created,
                    used,
                    until,
                    stays,
                    &*visitor.address,
                    &*visitor.browser,
                    kept_sum(self.mark, kept)
                ],
            )?;
        }
        Ok(())
    }

    /// Asks the hub to end sign-ins. Returns the number of the row.
    pub(in crate::store) fn revoke(&self, revocation: &Revocation) -> Result<u64, Fault> {
        let (digest, user) = match revocation {
            Revocation::Session(digest) => (Some(digest), None),
            Revocation::User(user) => (None, Some(&**user)),
        };
        let sql = "INSERT INTO revocation (digest, user, sum) VALUES (?1, ?2, ?3)";
        self.run(sql, params![digest, user, revocation.sum(self.mark)])?;
        Ok(self.transaction.last_insert_rowid().cast_unsigned())
    }

    /// Forgets what was asked for up to a number.
    pub(in crate::store) fn forget_revocations(&self, until: u64) -> Result<(), Fault> {
        self.run("DELETE FROM revocation WHERE id <= ?1", params![until.cast_signed()])
    }
}

impl Revocation {
    fn sum(&self, mark: u64) -> u32 {
        let mark = mark.to_le_bytes();
        match self {
            Self::Session(digest) => sum(&[b"revoked session", &mark, digest]),
            Self::User(user) => sum(&[b"revoked user", &mark, user.as_bytes()]),
        }
    }
}

fn times(kept: &KeptWebSession) -> [u64; 3] {
    [kept.created, kept.used, kept.until].map(milliseconds)
}

fn kept_sum(mark: u64, kept: &KeptWebSession) -> u32 {
    let [created, used, until] = times(kept);
    let Visitor { address, browser } = &kept.visitor;
    let numbers = [mark, created, used, until, kept.stays.into()].map(u64::to_le_bytes);
    let lengths = [kept.user.len(), address.len(), browser.len()].map(|length| (length as u64).to_le_bytes());
    let texts = [kept.user.as_bytes(), address.as_bytes(), browser.as_bytes()].concat();
    sum(&[&kept.digest, &kept.account, numbers.as_flattened(), lengths.as_flattened(), &texts])
}

fn web_session(mark: u64, row: &Row<'_>) -> Option<KeptWebSession> {
    let bytes = |at| blob(row, at).and_then(|bytes| bytes.try_into().ok());
    let time = |at| whole(row, at).map(moment);
    let kept = KeptWebSession {
        digest: bytes(1)?,
        user: text(row, 2)?.into(),
        account: bytes(3)?,
        created: time(4)?,
        used: time(5)?,
        until: time(6)?,
        stays: whole(row, 7)? == 1,
        visitor: Visitor { address: text(row, 8)?.into(), browser: text(row, 9)?.into() },
    };
    (whole(row, 10) == Some(kept_sum(mark, &kept).into())).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: u8, user: &str) -> KeptWebSession {
        KeptWebSession {
            digest: [number; 32],
            user: user.into(),
            account: [9; 32],
            created: moment(1_000),
            used: moment(2_000),
            until: moment(3_000),
            stays: number == 1,
            visitor: Visitor { address: "10.0.0.1".into(), browser: "Firefox on Linux".into() },
        }
    }

    fn all(tables: &Tables) -> Vec<Checked<KeptWebSession>> {
        let mut found = Vec::new();
        tables
            .web_sessions(Order::Up, |_, kept| {
                found.push(kept);
                true
            })
            .unwrap();
        found
    }

    fn write(tables: &mut Tables, changes: &WebSessionChanges) {
        tables.write(false, |writing| writing.change_web_sessions(changes)).unwrap();
    }

    #[test]
    fn sign_ins_come_back_as_they_were_and_a_changed_row_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let (one, two) = (kept(1, "jana"), kept(2, "emil"));
        let changes = |is_all, kept: &[&KeptWebSession], gone: &[u8]| WebSessionChanges {
            is_all,
            kept: kept.iter().map(|kept| (*kept).clone()).collect(),
            gone: gone.iter().map(|number| [*number; 32]).collect(),
            ..WebSessionChanges::default()
        };
        write(&mut tables, &changes(false, &[&one, &two], &[]));
        assert!(all(&tables) == [Checked::Good(one.clone()), Checked::Good(two.clone())]);
        let later = KeptWebSession { used: moment(2_500), ..one.clone() };
        write(&mut tables, &changes(false, &[&later], &[2]));
        assert!(all(&tables) == [Checked::Good(later)]);
        write(&mut tables, &changes(true, &[&two], &[]));
        assert!(all(&tables) == [Checked::Good(two)]);
        for change in ["stays = 1", "user = 'jana'", "until = until + 1", "account = zeroblob(32)"] {
            write(&mut tables, &changes(true, &[&kept(2, "emil")], &[]));
            tables.connection.execute(&format!("UPDATE web_session SET {change}"), []).unwrap();
            assert!(all(&tables) == [Checked::Damaged], "{change}");
        }
    }

    #[test]
    fn what_a_command_leaves_beside_a_hub_that_runs_is_seen_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        write(
            &mut tables,
            &WebSessionChanges { kept: vec![kept(1, "jana")], ..WebSessionChanges::default() },
        );
        let before = tables.written_by_others().unwrap();
        let mut beside = Tables::open_beside(&path).unwrap();
        assert_eq!((all(&beside).len(), tables.written_by_others()), (1, Ok(before)));
        let id = beside
            .write(true, |writing| {
                writing.revoke(&Revocation::Session([1; 32]))?;
                writing.revoke(&Revocation::User("emil".into()))
            })
            .unwrap();
        assert_ne!(tables.written_by_others().unwrap(), before);
        let found: Vec<_> =
            tables.revocations().unwrap().into_iter().map(|(_, revocation)| revocation).collect();
        let expected = [Revocation::Session([1; 32]), Revocation::User("emil".into())].map(Checked::Good);
        assert!(found == expected);
        tables.connection.execute("UPDATE revocation SET user = 'jana' WHERE id = 2", []).unwrap();
        assert!(tables.revocations().unwrap()[1].1 == Checked::Damaged);
        assert!(beside.has_revocation(id).unwrap());
        tables.write(false, |writing| writing.forget_revocations(id)).unwrap();
        assert!(!beside.has_revocation(id).unwrap() && tables.revocations().unwrap().is_empty());
    }

    #[test]
    fn a_file_of_the_first_version_gets_the_tables_and_until_then_no_command_touches_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let connection = Connection::open(&path).unwrap();
        let mut first = Tables { check: Check::Over, connection, mark: 7, sync: None };
        first.migrate(&STEPS[..1], &path).unwrap();
        drop(first);
        let refused = Tables::open_beside(&path).unwrap_err();
        assert_eq!(refused, Fault::Older { found: 1, known: STEPS.len() });
        let mut tables = Tables::open(&path, 1 << 30, 7).unwrap();
        write(
            &mut tables,
            &WebSessionChanges { kept: vec![kept(1, "jana")], ..WebSessionChanges::default() },
        );
        assert_eq!(all(&Tables::open_beside(&path).unwrap()).len(), 1);
        assert!(Tables::open_beside(&dir.path().join("none.db")).is_err());
    }
}
