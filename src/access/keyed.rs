//! Digests: what stands in the maps in place of secrets. Most are made under a random key that lives as long as the process;
//! those of the sign-ins of pages have no key, as they outlive it.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// Random bytes from the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// HMAC-SHA256 under a key of 256 random bits that is never shown and never kept.
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    pub(super) fn random() -> Result<Self, NoRandomness> {
        let key: [u8; 32] = random()?;
        // HMAC takes keys of any length; the error is that of other MACs.
        Hmac::new_from_slice(&key).map(Self).map_err(|_| NoRandomness)
    }

    /// The digest of some parts for one purpose. Each part goes in behind its length, so that moving a byte from
    /// one to its neighbour makes another digest.
    pub(super) fn digest(&self, purpose: Purpose, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        feed(purpose, parts, |bytes| mac.update(bytes));
        Digest(mac.finalize().into_bytes().into())
    }
}

/// The digest of parts that nobody can guess, such as random bits. It has no key, so it outlives the process.
pub(super) fn lasting_digest(purpose: Purpose, parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    feed(purpose, parts, |bytes| hash.update(bytes));
    Digest(hash.finalize().into())
}

fn feed(purpose: Purpose, parts: &[&[u8]], mut update: impl FnMut(&[u8])) {
    update(&[purpose as u8]);
    for part in parts {
        update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        update(part);
    }
}

/// Keeps digests made for one thing from meaning anything in the place of another.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Login,
    Name,
    WebSession,
    Account,
    Accounts,
    Token,
}

/// A digest. Whether two are the same is found in constant time by [`Digest::is`]; `==` serves
/// the maps: nobody outside can choose a digest that is near to another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// Whether both are the same, in a time that does not tell how far they are.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// As it is stored.
    pub(super) fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// As it was stored.
    pub(super) fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A number below `end`, ever the same for the same digest; 0 where `end` is 0.
    pub(super) fn number_below(&self, end: usize) -> usize {
        let fold = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        let number = self.0.iter().take(8).fold(0, fold);
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        number.checked_rem(end).and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_changes_sides_makes_another_digest() {
        let key = Key::random().unwrap();
        let login =
            |name: &str, password: &str| key.digest(Purpose::Login, &[name.as_bytes(), password.as_bytes()]);
        assert!(login("jana", "x").is(&login("jana", "x")));
        assert!(!login("jana", "x").is(&login("jan", "ax")));
        assert!(!login("", "janax").is(&login("janax", "")));
        assert!(!key.digest(Purpose::Login, &[b"a"]).is(&key.digest(Purpose::Name, &[b"a"])));
    }

    #[test]
    fn a_lasting_digest_is_the_same_in_every_process_and_bound_to_its_purpose() {
        let digest = |purpose, parts: &[&[u8]]| lasting_digest(purpose, parts);
        assert!(digest(Purpose::WebSession, &[b"a"]).is(&digest(Purpose::WebSession, &[b"a"])));
        assert!(!digest(Purpose::WebSession, &[b"a"]).is(&digest(Purpose::Account, &[b"a"])));
        assert!(!digest(Purpose::Account, &[b"a", b"b"]).is(&digest(Purpose::Account, &[b"ab", b""])));
        let hex = digest(Purpose::WebSession, &[b"token"]).bytes().map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(
            hex, "b3d6f9438c679351acf4e7e42096c78b737aea1a041cc9aadbf3daf2a2adc216",
            "what stands in files"
        );
    }

    #[test]
    fn two_processes_make_different_digests() {
        let (one, two) = (Key::random().unwrap(), Key::random().unwrap());
        assert_ne!(one.digest(Purpose::Name, &[b"jana"]), two.digest(Purpose::Name, &[b"jana"]));
    }

    #[test]
    fn a_number_is_below_its_end_and_nought_where_there_is_none() {
        let key = Key::random().unwrap();
        for end in 1..50 {
            assert!(key.digest(Purpose::Name, &[b"jana"]).number_below(end) < end);
        }
        assert_eq!(key.digest(Purpose::Name, &[b"jana"]).number_below(0), 0);
    }
}
