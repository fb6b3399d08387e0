//! The store from beside the hub: what a command reads of it and leaves in it, whether the hub runs or not. It takes no lock
//! of the folder, and makes no file.

use std::path::{Path, PathBuf};

use super::Refused;
use super::folder;
use super::tables::{Fault, Revocation, Tables};
use super::web_sessions::Stored;
use crate::access::KeptWebSession;

/// Revocations that wait for a hub.
const MOST_REVOCATIONS: usize = 10_000;
/// Bytes of the name of a user in one. No account has a longer name.
const MOST_NAME: usize = 64;

/// The file of a hub, for commands.
pub struct Beside {
    tables: Tables,
    path: PathBuf,
}

/// Something that the hub was asked to do.
#[derive(Debug)]
pub struct Asked(u64);

impl Beside {
    /// Opens the file in this folder.
    pub fn open(directory: &Path) -> Result<Self, Refused> {
        let path = directory.join(folder::NAME);
        let found = std::fs::metadata(&path);
        let tables =
            found.map_err(|error| Fault::Other(error.to_string())).and_then(|_| Tables::open_beside(&path));
        match tables {
            Ok(tables) => Ok(Self { tables, path }),
            Err(fault) => Err(refused(&path, &fault)),
        }
    }

    /// The sign-ins of pages that are in the file, less those that the hub was asked to end.
    pub fn web_sessions(&self) -> Result<Vec<KeptWebSession>, Refused> {
        let stored = Stored::read(&self.tables);
        stored.broken.map_or(Ok(stored.sessions), |fault| Err(refused(&self.path, &fault)))
    }

    /// Asks the hub to end these sign-ins.
    pub fn revoke(&mut self, sessions: &[KeptWebSession]) -> Result<Asked, Refused> {
        self.ask(sessions.iter().map(|kept| Revocation::Session(kept.digest)))
    }

    /// Asks the hub to end all sign-ins of a user, also those that are not in the file yet.
    pub fn revoke_user(&mut self, user: &str) -> Result<Asked, Refused> {
        if user.len() > MOST_NAME {
            let bytes = user.len();
            let why = format!("no account has a name of {bytes} bytes, the limit is {MOST_NAME}");
            return Err(Refused(why));
        }
        self.ask([Revocation::User(user.into())].into_iter())
    }

    fn ask(&mut self, revocations: impl ExactSizeIterator<Item = Revocation>) -> Result<Asked, Refused> {
        let waiting = self.tables.revocations().map_err(|fault| refused(&self.path, &fault))?.len();
        if waiting + revocations.len() > MOST_REVOCATIONS {
            return Err(Refused(format!(
                "{waiting} revocations wait in the store for a hub, the limit is {MOST_REVOCATIONS}; start the hub, which ends \
                 those sign-ins, and revoke again"
            )));
        }
        let written = self.tables.write(true, |writing| {
            let mut newest = 0;
            for revocation in revocations {
                newest = writing.revoke(&revocation)?;
            }
            Ok(newest)
        });
        written.map(Asked).map_err(|fault| refused(&self.path, &fault))
    }

    /// Whether the hub has done it.
    pub fn is_done(&self, asked: &Asked) -> Result<bool, Refused> {
        let is_open = self.tables.has_revocation(asked.0);
        is_open.map(|is_open| !is_open).map_err(|fault| refused(&self.path, &fault))
    }
}

fn refused(path: &Path, fault: &Fault) -> Refused {
    let advice = match fault {
        Fault::Older { .. } => "start this version of the hub once",
        Fault::Newer { .. } => "use the command of the hub that has written it",
        Fault::Foreign => "name the folder of the hub: --set store.directory=FOLDER",
        Fault::Damaged(_) => "the hub looks after it at its next start",
        Fault::Busy(_) => "try again",
        Fault::Full | Fault::Scarce { .. } => fault.advice(),
        Fault::ReadOnly(_) | Fault::Other(_) => {
            "is this the hub's folder (--set store.directory=FOLDER), and is this the hub's user?"
        }
    };
    Refused(format!("the store {} cannot be used: {fault}; {advice}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revocations_that_no_hub_reads_have_a_bound_and_the_operator_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut tables = Tables::open(&dir.path().join(folder::NAME), 1 << 30, 7).unwrap();
        let user = Revocation::User("jana".into());
        let fill = |writing: &super::super::tables::Writing<'_>| {
            (1..MOST_REVOCATIONS).try_for_each(|_| writing.revoke(&user).map(drop))
        };
        tables.write(false, fill).unwrap();
        let mut beside = Beside::open(dir.path()).unwrap();
        let asked = beside.revoke_user("jana").unwrap();
        let refused = beside.revoke_user("jana").unwrap_err().to_string();
        assert!(refused.starts_with("10000 revocations wait in the store for a hub"), "{refused}");
        tables.write(false, |writing| writing.forget_revocations(asked.0)).unwrap();
        beside.revoke_user("jana").unwrap();
    }
}
