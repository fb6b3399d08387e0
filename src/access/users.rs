//! The accounts: names, their password hashes and their rights.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::account::{Account, User};
use super::keyed::{Digest, Purpose, lasting_digest};
use super::password::{DEMO_PASSWORD, Hash};
use super::users_file;
use crate::hub::Rights;
use crate::operator::Mistakes;

const DEMO_NAME: &str = "clown";

/// The file that people copy.
const EXAMPLE: &str = include_str!("../../config/users.toml.example");

/// Everybody who may come in, one account at least. `Debug` shows names, not hashes.
pub struct Accounts {
    /// Sorted by name, each name once, never empty.
    sorted: Vec<Arc<Account>>,
    /// Which of them is let in by which token.
    tokens: HashMap<Digest, Arc<str>>,
    demo: bool,
    version: Version,
}

/// Which text the accounts are of: another text has another version. It tells nothing of the text, as there are random salts in
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version(String);

impl Version {
    /// That of a text.
    pub fn of(text: &str) -> Self {
        let digest = lasting_digest(Purpose::Accounts, &[text.as_bytes()]);
        Self(digest.bytes().map(|byte| format!("{byte:02x}")).concat())
    }

    /// In 64 characters; empty for the accounts of the demo, which have no text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Accounts {
    /// One user `clown` with the password `bigclown`, which everybody knows, and every right.
    pub fn demo() -> Self {
        let user = User { name: DEMO_NAME.into(), rights: Arc::new(Rights::everything()) };
        let account = Account {
            user,
            hash: Hash::demo(),
            asks_for_certificate: false,
            role: None,
            valid_until: None,
            from: Vec::new(),
            note: None,
        };
        let (sorted, tokens) = (vec![Arc::new(account)], HashMap::new());
        Self { sorted, tokens, demo: true, version: Version::default() }
    }

    /// The accounts in the text of a `users.toml` (`config/users.toml.example` tells the format), or every mistake
    /// in it, in the order of lines. `file` is what the mistakes call it. All or nothing: a file with a mistake
    /// makes no accounts.
    pub fn parse(text: &str, file: &str) -> Result<Self, Mistakes> {
        let mut accounts = users_file::read(text, file)?;
        accounts.sort_by(|one, other| one.user.name.cmp(&other.user.name));
        let token = |account: &Account| Some((account.hash.token()?, Arc::clone(&account.user.name)));
        let tokens = accounts.iter().filter_map(token).collect();
        let sorted = accounts.into_iter().map(Arc::new).collect();
        Ok(Self { sorted, tokens, demo: false, version: Version::of(text) })
    }

    /// Whether these are the accounts of [`Accounts::demo`].
    pub fn is_demo(&self) -> bool {
        self.demo
    }

    /// The name of an account that still has the demo password: the demo itself, or one called `clown` with it.
    /// Only that one is tried, and blocks for one password hash.
    pub fn has_demo_password(&self) -> Option<&str> {
        let account = self.find(DEMO_NAME)?;
        let known = self.demo || account.hash.verifies(DEMO_PASSWORD.as_bytes());
        known.then_some(&*account.user.name)
    }

    /// The names of accounts that still have a hash of `config/users.toml.example`, whose passwords nobody knows.
    pub fn from_the_example(&self) -> impl Iterator<Item = &str> {
        let example = Self::parse(EXAMPLE, "the example").map(|example| example.sorted).unwrap_or_default();
        let left = move |account: &&Arc<Account>| example.iter().any(|known| known.hash == account.hash);
        self.sorted.iter().filter(left).map(|account| &*account.user.name)
    }

    /// What the account of this name may do.
    pub fn rights(&self, name: &str) -> Option<&Rights> {
        self.find(name).map(|account| &*account.user.rights)
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.sorted.iter().map(|account| &**account)
    }

    /// The account of this name.
    pub fn get(&self, name: &str) -> Option<&Account> {
        self.find(name).map(|account| &**account)
    }

    /// The name of the account that a token of this digest lets in.
    pub(super) fn of_token(&self, digest: &Digest) -> Option<&str> {
        self.tokens.get(digest).map(|name| &**name)
    }

    /// Which text they are of.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// All of them, sorted by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.sorted.iter()
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<Account>> {
        let at = self.sorted.binary_search_by(|account| (*account.user.name).cmp(name)).ok()?;
        self.sorted.get(at)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The account of that number, below [`Accounts::len`].
    #[expect(
        clippy::expect_used,
        reason = "callers take the number below the length, and accounts are never none"
    )]
    pub(super) fn nth(&self, number: usize) -> &Arc<Account> {
        self.sorted.get(number).expect("an account of that number")
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sorted.iter().map(|account| &account.user.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::password::cheap_hash;
    use super::*;

    fn one(name: &str, password: &str) -> Accounts {
        let text = format!("[[user]]\nname = \"{name}\"\npassword = \"{}\"\n", cheap_hash(password));
        Accounts::parse(&text, "users.toml").unwrap()
    }

    #[test]
    fn the_demo_is_one_account_with_every_right() {
        let demo = Accounts::demo();
        assert!(demo.is_demo());
        assert_eq!(demo.has_demo_password(), Some("clown"));
        assert_eq!(*demo.find("clown").unwrap().user.rights, Rights::everything());
        assert!(demo.find("clow").is_none());
        assert_eq!(demo.len(), 1);
    }

    #[test]
    fn the_demo_password_is_found_in_an_account_called_clown() {
        assert_eq!(one("clown", "bigclown").has_demo_password(), Some("clown"));
        assert_eq!(one("clown", "another").has_demo_password(), None);
        assert_eq!(one("jana", "bigclown").has_demo_password(), None, "only that account is tried");
        assert!(!one("clown", "bigclown").is_demo());
    }

    #[test]
    fn accounts_are_found_by_their_whole_name_whatever_their_order() {
        let hash = cheap_hash("x");
        let names = ["zoe", "Jana", "jana", "emil", "žofie"];
        let user = |name: &str| format!("[[user]]\nname = \"{name}\"\npassword = \"{hash}\"\n");
        let text = names.map(user).concat();
        let accounts = Accounts::parse(&text, "users.toml").unwrap();
        for name in names {
            assert_eq!(&*accounts.find(name).unwrap().user.name, name);
        }
        assert!(accounts.find("JANA").is_none());
    }

    #[test]
    fn debug_shows_names_and_no_hashes() {
        let text = format!("{:?} {:?}", one("jana", "x"), one("jana", "x").find("jana"));
        assert!(text.contains("jana") && !text.contains("argon2"), "{text}");
    }
}
