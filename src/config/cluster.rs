//! Section `[cluster]`: with which other hubs this one is one.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;

const MIB: u64 = 1024 * 1024;

/// Section `[cluster]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Where the servers of NATS are, as `nats://host:4222`; none is no cluster.
    pub servers: Vec<String>,
    /// What this hub is called there.
    pub name: String,
    /// Under what all hubs of the cluster speak.
    pub prefix: String,
    /// How it signs in.
    pub login: ClusterLogin,
    /// Authorities that are trusted besides those of the system.
    pub authorities: Option<PathBuf>,
    /// A certificate that is shown, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Subscriptions at the most, beyond which filters are widened.
    pub subscriptions: usize,
    /// How long a filter stays after its last holder.
    pub linger: Duration,
    /// How long an answer to a subscription waits for the servers.
    pub answer: Duration,
    /// Messages that wait for the servers.
    pub queue_messages: usize,
    /// The same in bytes; not below one message.
    pub queue_bytes: usize,
    /// Topics of which it is known how many messages there were.
    pub topics: usize,
    /// On how many servers last values are kept.
    pub replicas: usize,
    /// Bytes of all last values there.
    pub last_values_bytes: u64,
}

/// How the hub signs in at the servers; never a secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClusterLogin {
    /// Not at all.
    #[default]
    None,
    /// By a user and a password.
    Password(String, ClusterSecret),
    /// By a token.
    Token(ClusterSecret),
    /// By the seed of a key.
    Nkey(ClusterSecret),
    /// By a file of credentials.
    Credentials(ClusterSecret),
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterSecret {
    /// In a variable of the hub's environment.
    Variable(String),
    /// In a file.
    File(PathBuf),
}

/// The keys of secrets: in a file, and in a variable.
const SECRETS: [(&str, &str); 4] = [
    ("cluster.password_file", "cluster.password_env"),
    ("cluster.token_file", "cluster.token_env"),
    ("cluster.nkey_file", "cluster.nkey_env"),
    ("cluster.credentials_file", "cluster.credentials_env"),
];

impl Cluster {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let servers = reader.servers("cluster.servers");
        let name = reader.word("cluster.name", "a name, or nothing", is_name);
        let prefix = reader.word("cluster.prefix", "a prefix", is_prefix);
        let login = read_login(reader);
        let authorities = reader.optional_path("cluster.tls_ca");
        let certificate = reader.optional_path("cluster.tls_certificate");
        let key = reader.optional_path("cluster.tls_key");
        if certificate.is_some() != key.is_some() {
            let (given, other) = match certificate {
                Some(_) => ("cluster.tls_certificate", "cluster.tls_key"),
                None => ("cluster.tls_key", "cluster.tls_certificate"),
            };
            reader.mistake(given, format!("is there without {other}: give both, or none"));
        }
        if name.is_empty() && !servers.is_empty() {
            let sentence =
                "there are servers and no cluster.name: give each hub of the cluster a name of its own";
            reader.mistake("cluster.servers", sentence.to_owned());
        }
        Self {
            servers,
            name,
            prefix,
            login,
            authorities,
            identity: certificate.zip(key),
            subscriptions: reader.count("cluster.subscriptions", 1..=100_000, "subscriptions"),
            linger: reader.seconds("cluster.linger_seconds", 0..=3600),
            answer: reader.milliseconds("cluster.answer_milliseconds", 1..=60_000),
            queue_messages: reader.count("cluster.queue_messages", 1..=1_000_000, "messages"),
            queue_bytes: reader.count("cluster.queue_bytes", 1024..=1024 * MIB, "bytes"),
            topics: reader.count("cluster.topics", 2..=10_000_000, "topics"),
            replicas: reader.count("cluster.replicas", 1..=5, "servers"),
            last_values_bytes: reader.number("cluster.last_values_bytes", MIB..=1024 * 1024 * MIB, "bytes"),
        }
    }
}

fn read_login(reader: &mut Reader) -> ClusterLogin {
    let user = reader.word("cluster.user", "a user, or nothing", |_| true);
    let mut found: Vec<(usize, &'static str, ClusterSecret)> = Vec::new();
    for (kind, (file, variable)) in SECRETS.into_iter().enumerate() {
        if let Some(path) = reader.optional_path(file) {
            found.push((kind, file, ClusterSecret::File(path)));
        }
        let name = reader.word(variable, "the name of a variable, or nothing", |_| true);
        if !name.is_empty() {
            found.push((kind, variable, ClusterSecret::Variable(name)));
        }
    }
    if let [(_, first, _), (_, second, _), ..] = &*found {
        let (second, sentence) = (*second, format!("is there together with {first}; give only one of them"));
        reader.mistake(second, sentence);
    }
    let Some((kind, key, secret)) = found.into_iter().next() else {
        if !user.is_empty() {
            let sentence = "is there without a password: give cluster.password_file or cluster.password_env";
            reader.mistake("cluster.user", sentence.to_owned());
        }
        return ClusterLogin::None;
    };
    match kind {
        0 if user.is_empty() => {
            reader.mistake(key, "is there without cluster.user".to_owned());
            ClusterLogin::None
        }
        0 => ClusterLogin::Password(user, secret),
        1 => ClusterLogin::Token(secret),
        2 => ClusterLogin::Nkey(secret),
        _ => ClusterLogin::Credentials(secret),
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn is_prefix(text: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 64 && text.split('.').all(is_token)
}
