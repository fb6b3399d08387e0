//! Password hashes: argon2id in PHC text, made and verified. The one file that knows argon2.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::errors::InvalidValue;
use argon2::password_hash::{Error as PhcError, PasswordHash as Phc, PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};

use super::keyed::{self, Digest, NoRandomness};
use super::token;

/// The password of the account everybody knows.
pub(super) const DEMO_PASSWORD: &str = "bigclown";

/// A hash of [`DEMO_PASSWORD`]; that its salt is written here gives nothing away that the line above does not.
const DEMO_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Y2xvd24taHViLWRlbW8$qfbBFnEyelc3MSZLYsz2savyn8ZjJ19QRwQiW2EYBFU";

/// The text of a hash that was drawn and not computed, so that nobody knows a password to it.
const HASH_OF_NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$h+NixyO4gGPt8Sx0VBu9PA$HscoF+yQJiRdCDeYRGHdTkxVRsh13gNPgh0t8vxx50Q";

pub(super) const MAX_PASSWORD_BYTES: usize = 1024;
const MIN_MEMORY_KIB: u32 = 1024;
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;
const MIN_SALT_BYTES: usize = 8;
const MIN_OUTPUT_BYTES: usize = 16;

/// Why [`hash_password`] made no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Not one byte.
    #[error("the password is empty")]
    Empty,
    /// Longer than anyone types.
    #[error("the password has {bytes} bytes, the limit is {MAX_PASSWORD_BYTES}")]
    TooLong {
        /// Bytes found.
        bytes: usize,
    },
    /// It is `bigclown`.
    #[error(
        "\"{DEMO_PASSWORD}\" is the password of the demo account, and everybody knows it: choose another"
    )]
    Demo,
    /// Without a random salt there is no hash.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// A new hash of a password as PHC text, for the key `password` of `users.toml`: argon2id, 19 MiB, 2 passes, 1
/// lane, a random salt of 16 bytes. Takes some tens of milliseconds of one core.
///
/// Refuses an empty password, one over 1,024 bytes, and the demo password.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    match password {
        "" => return Err(PasswordError::Empty),
        DEMO_PASSWORD => return Err(PasswordError::Demo),
        long if long.len() > MAX_PASSWORD_BYTES => return Err(PasswordError::TooLong { bytes: long.len() }),
        _ => {}
    }
    hash_with_cost(password, Params::DEFAULT)
}

fn hash_with_cost(password: &str, cost: Params) -> Result<String, PasswordError> {
    let salt: [u8; 16] = keyed::random()?;
    // 16 bytes are a good salt and 1,024 a short password, so that only memory could fail here, and it aborts.
    let salt = SaltString::encode_b64(&salt).map_err(|_| NoRandomness)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
    let hash = argon2.hash_password(password.as_bytes(), &salt).map_err(|_| NoRandomness)?;
    Ok(hash.to_string())
}

/// Why a text is no password hash that the hub works with. The text itself is never repeated: it may be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// Not PHC text of argon2id in version 19 with salt and hash.
    #[error("no argon2id hash ($argon2id$v=19$m=..,t=..,p=..$salt$hash): run `clown-hub user hash`")]
    NotArgon2id,
    /// `m` is absurd: every login would take that much, or nothing.
    #[error(
        "m={kib} KiB of memory is outside {MIN_MEMORY_KIB} to {MAX_MEMORY_KIB}: run `clown-hub user hash`"
    )]
    Memory {
        /// What was asked for.
        kib: u32,
    },
    /// `t` is absurd.
    #[error("t={passes} passes is outside 1 to {MAX_PASSES}: run `clown-hub user hash`")]
    Passes {
        /// What was asked for.
        passes: u32,
    },
    /// `p` is absurd.
    #[error("p={lanes} lanes is outside 1 to {MAX_LANES}: run `clown-hub user hash`")]
    Lanes {
        /// What was asked for.
        lanes: u32,
    },
    /// The salt is short enough to be met again.
    #[error("the salt has less than {MIN_SALT_BYTES} bytes: run `clown-hub user hash`")]
    ShortSalt,
    /// The hash is short enough to be met by another password.
    #[error("the hash has less than {MIN_OUTPUT_BYTES} bytes: run `clown-hub user hash`")]
    ShortHash,
}

/// A hash that was found good: it verifies with bounded memory and time. Cloning counts a reference; `Debug` shows
/// nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hash(Arc<str>);

impl Hash {
    /// The door: PHC text of argon2id, version 19, with bounded costs, a salt and a hash.
    pub(super) fn parse(text: &str) -> Result<Self, HashError> {
        let phc = Phc::new(text).map_err(|error| {
            let argon2id = text.starts_with("$argon2id$");
            let short = argon2id && error == PhcError::SaltInvalid(InvalidValue::TooShort);
            if short { HashError::ShortSalt } else { HashError::NotArgon2id }
        })?;
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(HashError::NotArgon2id);
        };
        if phc.algorithm != Algorithm::Argon2id.ident() || phc.version != Some(Version::V0x13.into()) {
            return Err(HashError::NotArgon2id);
        }
        check_cost(&phc)?;
        // A key id or associated data would name something that the hub does not have.
        let cost = Params::try_from(&phc).map_err(|_| HashError::NotArgon2id)?;
        if !cost.keyid().is_empty() || !cost.data().is_empty() {
            return Err(HashError::NotArgon2id);
        }
        let mut bytes = [0; 64];
        if salt.decode_b64(&mut bytes).is_ok_and(|salt| salt.len() < MIN_SALT_BYTES) {
            return Err(HashError::ShortSalt);
        }
        if output.len() < MIN_OUTPUT_BYTES {
            return Err(HashError::ShortHash);
        }
        Ok(Self(text.into()))
    }

    /// What is kept of a token, in place of a password.
    pub(super) fn of_token(text: &str) -> Option<Self> {
        token::stored(text).map(|_| Self(text.into()))
    }

    /// The digest of the token, if it is one's.
    pub(super) fn token(&self) -> Option<Digest> {
        token::stored(&self.0)
    }

    /// The hash of the demo password.
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test parses it")]
    pub(super) fn demo() -> Self {
        Self::parse(DEMO_HASH).expect("the demo hash is good")
    }

    /// A hash that no password has: for accounts that sign in with a certificate and have none.
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test parses it")]
    pub(super) fn of_nobody() -> Self {
        Self::parse(HASH_OF_NOBODY).expect("the hash of nobody is good")
    }

    /// Whether this is the hash of that password. Blocks for as long as a hash takes; the comparison of the results
    /// is in constant time (`password_hash::Output`).
    pub(super) fn verifies(&self, password: &[u8]) -> bool {
        if let Some(stored) = self.token() {
            return stored.is(&token::digest(password));
        }
        Phc::new(&self.0).is_ok_and(|phc| Argon2::default().verify_password(password, &phc).is_ok())
    }

    /// The bytes that a digest binds a remembered login to.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

/// Looks at the numbers as they are written, before anything is reserved for them.
fn check_cost(phc: &Phc<'_>) -> Result<(), HashError> {
    let cost = |key: &str| phc.params.get_decimal(key).ok_or(HashError::NotArgon2id);
    let (kib, passes, lanes) = (cost("m")?, cost("t")?, cost("p")?);
    if !(MIN_MEMORY_KIB..=MAX_MEMORY_KIB).contains(&kib) {
        return Err(HashError::Memory { kib });
    }
    if !(1..=MAX_PASSES).contains(&passes) {
        return Err(HashError::Passes { passes });
    }
    if !(1..=MAX_LANES).contains(&lanes) {
        return Err(HashError::Lanes { lanes });
    }
    Ok(())
}

/// A hash that costs next to nothing, for tests that are not about the cost.
#[cfg(test)]
pub(super) fn cheap_hash(password: &str) -> String {
    hash_with_cost(password, Params::new(MIN_MEMORY_KIB, 1, 1, None).unwrap()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "c29tZXNhbHRzb21lc2FsdA";
    const OUTPUT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn refused(text: &str) -> HashError {
        Hash::parse(text).unwrap_err()
    }

    #[test]
    fn a_hash_verifies_its_password_and_no_other() {
        let text = hash_password("a horse, 2 clowns").unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let hash = Hash::parse(&text).unwrap();
        assert!(hash.verifies(b"a horse, 2 clowns"));
        assert!(!hash.verifies(b"a horse, 2 clown"));
        assert!(!hash.verifies(b""));
        assert_ne!(text, hash_password("a horse, 2 clowns").unwrap(), "salted");
    }

    #[test]
    fn the_demo_hash_is_that_of_the_demo_password() {
        assert!(Hash::demo().verifies(DEMO_PASSWORD.as_bytes()));
    }

    #[test]
    fn an_empty_an_endless_and_the_known_password_are_refused_with_a_reason() {
        assert_eq!(hash_password("").unwrap_err().to_string(), "the password is empty");
        assert_eq!(
            hash_password(&"x".repeat(1025)).unwrap_err().to_string(),
            "the password has 1025 bytes, the limit is 1024"
        );
        assert_eq!(
            hash_password("bigclown").unwrap_err().to_string(),
            "\"bigclown\" is the password of the demo account, and everybody knows it: choose another"
        );
    }

    #[test]
    fn what_is_no_argon2id_hash_is_refused() {
        for text in [
            "",
            "secret",
            "$argon2id",
            "$argon2id$v=19$m=19456,t=2,p=1",
            &format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}"),
            &format!("$argon2i$v=19$m=19456,t=2,p=1${SALT}${OUTPUT}"),
            &format!("$argon2id$v=16$m=19456,t=2,p=1${SALT}${OUTPUT}"),
            &format!("$argon2id$m=19456,t=2,p=1${SALT}${OUTPUT}"),
            &format!("$argon2id$v=19${SALT}${OUTPUT}"),
            &format!("$argon2id$v=19$m=19456,t=2,p=1,x=1${SALT}${OUTPUT}"),
            &format!("$argon2id$v=19$m=19456,t=2,p=1,keyid=AAAA${SALT}${OUTPUT}"),
            &format!(" $argon2id$v=19$m=19456,t=2,p=1${SALT}${OUTPUT}"),
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        ] {
            assert_eq!(refused(text), HashError::NotArgon2id, "{text}");
        }
        assert_eq!(
            HashError::NotArgon2id.to_string(),
            "no argon2id hash ($argon2id$v=19$m=..,t=..,p=..$salt$hash): run `clown-hub user hash`"
        );
    }

    #[test]
    fn absurd_costs_are_refused_and_fair_ones_of_other_tools_are_not() {
        let with = |cost: &str| Hash::parse(&format!("$argon2id$v=19${cost}${SALT}${OUTPUT}"));
        for good in ["m=65536,t=3,p=4", "m=4096,t=3,p=1", "m=1048576,t=16,p=16"] {
            assert!(with(good).is_ok(), "{good}");
        }
        let bad = |cost: &str| with(cost).unwrap_err();
        assert_eq!(bad("m=1048577,t=2,p=1"), HashError::Memory { kib: 1_048_577 });
        assert_eq!(bad("m=4294967295,t=2,p=1"), HashError::Memory { kib: u32::MAX });
        assert_eq!(bad("m=8,t=2,p=1"), HashError::Memory { kib: 8 });
        assert_eq!(bad("m=19456,t=17,p=1"), HashError::Passes { passes: 17 });
        assert_eq!(bad("m=19456,t=0,p=1"), HashError::Passes { passes: 0 });
        assert_eq!(bad("m=19456,t=2,p=17"), HashError::Lanes { lanes: 17 });
        assert_eq!(bad("m=99999999999,t=2,p=1"), HashError::NotArgon2id);
    }

    #[test]
    fn a_short_salt_and_a_short_hash_are_refused() {
        let cost = "$argon2id$v=19$m=19456,t=2,p=1";
        assert_eq!(refused(&format!("{cost}$AAAAAA${OUTPUT}")), HashError::ShortSalt);
        assert_eq!(refused(&format!("{cost}$AA${OUTPUT}")), HashError::ShortSalt);
        assert_eq!(refused(&format!("{cost}${SALT}$AAECAwQFBgcICQo")), HashError::ShortHash);
    }

    #[test]
    fn debug_shows_nothing_of_a_hash() {
        assert_eq!(format!("{:?}", Hash::demo()), "Hash");
    }
}
