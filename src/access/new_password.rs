//! New passwords: whether one is long enough, and its hash, which waits for its turn among those of logins.

use std::thread;

use tokio::sync::oneshot;

use super::{Access, LoginError, hash_password};

/// Whether a new password has so many characters at least; the sentence says what is wrong. Shorter ones are guessed, in spite of
/// the lockout.
pub fn check_new_password(password: &str, least: usize) -> Result<(), String> {
    let count = password.chars().count();
    if count >= least {
        return Ok(());
    }
    let characters = if count == 1 { "character" } else { "characters" };
    Err(format!("the password has {count} {characters}; choose one of {least} or more"))
}

impl Access {
    /// The hash of a new password, in a thread of its own. The inner error is a sentence.
    pub async fn hash_of_new(&self, password: String) -> Result<Result<String, String>, LoginError> {
        let turn = self.turn().await?;
        let (tell, told) = oneshot::channel();
        let hash = move || {
            let hashed = hash_password(&password).map_err(|error| error.to_string());
            drop(turn);
            // Who asked may be gone.
            let _ = tell.send(hashed);
        };
        match thread::Builder::new().name("hash".into()).spawn(hash) {
            Ok(_) => told.await.map_err(|_| LoginError::Busy),
            Err(_) => Err(LoginError::Busy),
        }
    }
}
