//! The file of the accounts, watched: another text is taken as a whole, and a bad one is told while the old accounts stay.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::users::{Accounts, Version};
use super::{ACCOUNTS_BYTES, Access, Replaced};
use crate::editions::Editions;
use crate::operator::small_file::{self, Unreadable};
use crate::operator::{Mistake, Mistakes, Settled};

/// What has to be true of accounts besides.
pub type Check = Arc<dyn Fn(&Accounts) -> Result<(), Mistake> + Send + Sync>;

/// What a look has found.
#[derive(Debug)]
pub enum AccountsNews {
    /// The file makes sense, and is in force from now on.
    Taken(Replaced),
    /// It does not: the accounts from before stay. The version is that of its text, if there is one.
    Refused(Option<Version>, Mistakes),
}

/// The file, as it was seen last. To be looked at every half second.
pub struct AccountsWatch {
    file: PathBuf,
    settled: Settled,
    check: Check,
    editions: Option<Arc<Editions>>,
}

/// What the file says: nothing where it is not there and need not be.
type Said = Option<Accounts>;
type Refused = (Option<Version>, Mistakes);

impl AccountsWatch {
    /// Watches a file, which may have changed since it was read. Accounts are taken if they pass the check, which may wait for
    /// password hashes.
    pub fn new(
        file: PathBuf,
        check: impl Fn(&Accounts) -> Result<(), Mistake> + Send + Sync + 'static,
    ) -> Self {
        let settled = Settled::read_before(vec![file.clone()]);
        Self { settled, file, check: Arc::new(check), editions: None }
    }

    /// The same file, which all hubs of a cluster have alike.
    #[must_use]
    pub fn shared(self, editions: Option<Arc<Editions>>) -> Self {
        Self { editions, ..self }
    }

    /// The editions of it, if all hubs have it alike.
    pub fn editions(&self) -> Option<&Arc<Editions>> {
        self.editions.as_ref()
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What has to be true of accounts besides, for somebody who is about to write them.
    pub fn check(&self) -> Check {
        Arc::clone(&self.check)
    }

    /// Looks at the file, away from the threads that serve sockets. It is read when two looks in a row found it the same.
    pub async fn look(&mut self, access: &Access) -> Option<AccountsNews> {
        let (file, check) = (self.file.clone(), Arc::clone(&self.check));
        let before = access.accounts();
        match self.settled.look(move || load(&file, &before, &check)).await? {
            Ok(None) => None,
            Ok(Some(accounts)) => Some(AccountsNews::Taken(access.replace_accounts(accounts))),
            Err((version, mistakes)) => Some(AccountsNews::Refused(version, mistakes)),
        }
    }
}

fn load(file: &Path, before: &Accounts, check: &Check) -> Result<Said, Refused> {
    let shown = file.display().to_string();
    let text = match small_file::text(file, ACCOUNTS_BYTES) {
        Ok(text) => text,
        Err(Unreadable::Missing) if before.is_demo() => return Ok(None),
        Err(Unreadable::Missing) => {
            let mistake = Mistake::at(shown, "the file is gone: without it the hub does not start again");
            return Err((None, mistake.into()));
        }
        Err(why) => return Err((None, Mistake::at(shown, format!("the file of the accounts {why}")).into())),
    };
    let version = Version::of(&text);
    let refused = |mistakes: Mistakes| (Some(version.clone()), mistakes);
    let accounts = Accounts::parse(&text, &shown).map_err(refused)?;
    check(&accounts).map_err(|mistake| refused(mistake.into()))?;
    Ok(Some(accounts))
}

#[cfg(test)]
mod tests {
    use std::fs::write;

    use tokio_util::sync::CancellationToken;

    use super::super::Settings;
    use super::super::password::cheap_hash;
    use super::*;

    struct House {
        folder: tempfile::TempDir,
        hash: String,
    }

    impl House {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), hash: cheap_hash("right") }
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("users.toml")
        }

        fn text(&self, names: &[&str]) -> String {
            let user = |name| format!("[[user]]\nname = \"{name}\"\npassword = \"{}\"\n", self.hash);
            names.iter().map(user).collect()
        }

        fn put(&self, names: &[&str]) {
            write(self.file(), self.text(names)).unwrap();
        }

        fn opened(&self, accounts: Accounts) -> (Access, AccountsWatch) {
            let access = Access::new(accounts, &Settings::default(), CancellationToken::new()).unwrap();
            let watch = AccountsWatch::new(self.file(), |accounts| match accounts.get("nobody") {
                Some(_) => Err(Mistake::at("users.toml", "nobody is refused")),
                None => Ok(()),
            });
            (access, watch)
        }
    }

    async fn looks(watch: &mut AccountsWatch, access: &Access) -> String {
        match watch.look(access).await {
            None => String::new(),
            Some(AccountsNews::Taken(_)) => access
                .accounts()
                .iter()
                .map(|account| account.name().to_owned())
                .collect::<Vec<_>>()
                .join(" "),
            Some(AccountsNews::Refused(version, mistakes)) => {
                format!("refused{}: {mistakes}", if version.is_none() { " without a version" } else { "" })
            }
        }
    }

    #[tokio::test]
    async fn a_text_is_taken_when_two_looks_have_found_it_the_same_and_a_bad_one_is_told_once() {
        let house = House::new();
        house.put(&["jana"]);
        let accounts = Accounts::parse(&house.text(&["jana"]), "users.toml").unwrap();
        let first = accounts.version().clone();
        let (access, mut watch) = house.opened(accounts);
        assert_eq!(looks(&mut watch, &access).await, "jana", "it may have changed since it was read");
        assert_eq!(access.accounts().version(), &first);
        house.put(&["jana", "emil"]);
        assert_eq!(looks(&mut watch, &access).await, "");
        assert_eq!(looks(&mut watch, &access).await, "emil jana");
        assert_ne!(access.accounts().version(), &first);
        let cut = house.text(&["jana", "emil"]);
        write(house.file(), cut.split_at(cut.len() - 10).0).unwrap();
        let mut tells = async |words: &str| {
            let mut told = String::new();
            for _ in 0..3 {
                told.push_str(&looks(&mut watch, &access).await);
            }
            assert!(told.starts_with("refused") && told.contains(words), "{told}");
            assert_eq!(looks(&mut watch, &access).await, "", "it is told once");
            assert_eq!(access.accounts().iter().count(), 2);
        };
        tells("users.toml:6").await;
        house.put(&["nobody"]);
        tells("nobody is refused").await;
        std::fs::remove_file(house.file()).unwrap();
        tells("without a version").await;
        house.put(&["jana", "emil"]);
        assert_eq!(looks(&mut watch, &access).await, "");
        assert_eq!(looks(&mut watch, &access).await, "emil jana", "that it is good again is told, too");
    }

    #[tokio::test]
    async fn the_demo_needs_no_file_and_ends_with_the_first_account() {
        let house = House::new();
        let (access, mut watch) = house.opened(Accounts::demo());
        for _ in 0..5 {
            assert_eq!(looks(&mut watch, &access).await, "");
        }
        house.put(&["jana"]);
        assert_eq!(looks(&mut watch, &access).await, "");
        assert_eq!(looks(&mut watch, &access).await, "jana");
        assert!(!access.accounts().is_demo());
    }
}
