//! Tokens: long random secrets, for devices and for those who are shown something.
//!
//! A token has 256 random bits. What is kept of it is a SHA-256 digest, and no slow hash: a slow hash makes each guess of a
//! password dear, as passwords are few. Nobody guesses 256 random bits, however fast, so nothing would be won by it, and every
//! request would cost 20 ms and 19 MiB.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keyed::{self, Digest, NoRandomness, Purpose, lasting_digest};

/// What a token begins with, so that people and programs that look for secrets know one.
const MARK: &str = "cht_";
/// The mark, and 32 bytes in base64url.
pub(super) const CHARACTERS: usize = MARK.len() + 43;
/// What stands before the digest in the file.
const SCHEME: &str = "sha256$";

/// A token that was drawn just now. `Debug` does not show it.
pub struct NewToken {
    /// The secret. This is the only time that it is told.
    pub token: String,
    /// What is kept of it, for the key `hash` of the file of accounts.
    pub hash: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewToken")
    }
}

/// Draws a token.
pub fn new_token() -> Result<NewToken, NoRandomness> {
    let token = format!("{MARK}{}", URL_SAFE_NO_PAD.encode(keyed::random::<32>()?));
    let hex = digest(token.as_bytes()).bytes().map(|byte| format!("{byte:02x}")).concat();
    Ok(NewToken { token, hash: format!("{SCHEME}{hex}") })
}

/// The digest that a token is known by.
pub(super) fn digest(token: &[u8]) -> Digest {
    lasting_digest(Purpose::Token, &[token])
}

/// The digest that a text of the file stands for, if it is one of a token.
pub(super) fn stored(text: &str) -> Option<Digest> {
    let hex = text.strip_prefix(SCHEME).filter(|hex| hex.len() == 64 && hex.is_ascii())?;
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(Digest::of_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_random_and_only_its_digest_is_kept() {
        let (one, two) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(one.token, two.token);
        assert_eq!(one.token.len(), CHARACTERS);
        // It has to fit into a header of subprotocols.
        assert!(one.token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
        assert!(stored(&one.hash).unwrap().is(&digest(one.token.as_bytes())));
        assert!(!stored(&one.hash).unwrap().is(&digest(two.token.as_bytes())));
        assert!(!one.hash.contains(&one.token) && !format!("{one:?}").contains(&one.token));
        let (cut, rest) = one.hash.split_at(70);
        for bad in ["", "sha256$", rest, cut, &format!("{}0", one.hash), &one.token] {
            assert!(stored(bad).is_none(), "{bad}");
        }
    }
}
