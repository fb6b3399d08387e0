//! What the configuration says of the cluster, and the secrets that it names.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::operator::small_file;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the servers are.
    pub servers: Vec<String>,
    /// What this hub is called.
    pub name: String,
    /// Under what all hubs speak.
    pub prefix: String,
    /// How the hub signs in.
    pub login: Login,
    /// Authorities that are trusted besides those of the system.
    pub authorities: Option<PathBuf>,
    /// A certificate that is shown, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Subscriptions at the most.
    pub subscriptions: usize,
    /// How long a filter stays after its last holder.
    pub linger: Duration,
    /// How long an answer to a subscription waits.
    pub answer: Duration,
    /// Messages that wait for the servers.
    pub queue_messages: usize,
    /// The same in bytes.
    pub queue_bytes: usize,
    /// Topics of which is known how many messages there were.
    pub topics: usize,
    /// On how many servers last values are.
    pub replicas: usize,
    /// Bytes of all last values of the cluster at the servers.
    pub last_values_bytes: u64,
    /// How often the figures are told.
    pub figures_every: Duration,
}

/// A secret. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for whoever it is made for.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// How the hub signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Not at all.
    None,
    /// By a user and a password.
    Password(String, Secret),
    /// By a token.
    Token(Secret),
    /// By the seed of a key.
    Nkey(Secret),
    /// By the text of a file of credentials.
    Credentials(Secret),
}

/// Where a secret is.
#[derive(Debug, Clone, Copy)]
pub enum Source<'s> {
    /// In a variable of the hub's environment.
    Variable(&'s str),
    /// In a file.
    File(&'s std::path::Path),
}

impl Source<'_> {
    /// The first line of it.
    pub fn line(&self) -> Result<Secret, String> {
        let Secret(text) = self.all()?;
        match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
            Some(line) => Ok(Secret(line.to_owned())),
            None => Err(format!("{self} is empty")),
        }
    }

    /// All of it.
    pub fn all(&self) -> Result<Secret, String> {
        let text = match self {
            Self::Variable(name) => std::env::var(name)
                .map_err(|_| format!("the hub's environment has no variable {name} in UTF-8"))?,
            Self::File(path) => small_file::text(path, small_file::MOST_BYTES)
                .map_err(|why| format!("{} {why}", path.display()))?,
        };
        Ok(Secret(text))
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret \nmore").unwrap();
        let secret = Source::File(file.path()).line().unwrap();
        assert_eq!(secret.reveal(), "s3cret");
        assert_eq!(format!("{:?}", Login::Password("jana".into(), secret)), r#"Password("jana", …)"#);
        std::fs::write(file.path(), "").unwrap();
        assert!(Source::File(file.path()).line().is_err());
        assert!(Source::Variable("THERE_IS_NO_SUCH_VARIABLE").line().is_err());
    }
}
