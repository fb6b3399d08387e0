//! Whether the hub that runs has taken what a command has written.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::access::Version;

/// How long the hub may take: it looks twice a second, and wants to see the same twice; three times where it is a mistake.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);
/// The most bytes of an answer.
const BYTES: u64 = 16 * 1024;

/// What the hub says of the file of accounts.
#[derive(Deserialize)]
struct Versions {
    in_force: String,
    refused: Option<String>,
}

/// What became of what a command has written, and whether a hub that runs goes on without it.
pub(super) struct Became {
    pub(super) sentence: String,
    is_left_out: bool,
}

impl Became {
    fn left_out(sentence: String) -> Self {
        Self { sentence, is_left_out: true }
    }

    /// An error where a hub runs without it. The sentence has been told.
    pub(super) fn is_in_effect(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.is_left_out, "the file is written, and the hub that runs does not go by it");
        Ok(())
    }
}

impl From<String> for Became {
    fn from(sentence: String) -> Self {
        Self { sentence, is_left_out: false }
    }
}

/// Waits until the hub that listens here has taken this version of the file, and says what became of that. `are_shared` tells
/// whether all hubs of a cluster have the accounts alike.
pub(super) fn wait_for(listen: SocketAddr, version: &Version, are_shared: bool) -> Became {
    let address = SocketAddr::new(near(listen.ip()), listen.port());
    let began = Instant::now();
    loop {
        match ask(address) {
            Ok(said) if said.in_force == version.as_str() => {
                return format!("in effect: the hub at {address} has taken it").into();
            }
            Ok(said) if said.refused.as_deref() == Some(version.as_str()) => {
                let sentence =
                    format!("NOT in effect: the hub at {address} has refused the file; its log says why");
                return Became::left_out(sentence);
            }
            Ok(_) if began.elapsed() < PATIENCE => std::thread::sleep(LOOK),
            Ok(_) => {
                return Became::left_out(format!(
                    "NOT in effect yet: the hub at {address} has not taken it; does it read this file (users.file)? Its log says so"
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && are_shared => {
                return format!(
                    "no hub answers at {address}: one that starts takes the accounts of its cluster in place of this file, if \
                     that has any (users.source); start it, then run the command again"
                )
                .into();
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return format!("no hub answers at {address}: one that starts reads it").into();
            }
            Err(error) => {
                return format!(
                    "the hub at {address} does not say whether it has taken it ({error}); one that reads this file takes it \
                     within seconds, and its log says so"
                )
                .into();
            }
        }
    }
}

/// Where this machine reaches what listens on an address.
fn near(listens_on: IpAddr) -> IpAddr {
    match listens_on {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => listens_on,
    }
}

fn ask(address: SocketAddr) -> io::Result<Versions> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    write!(stream, "GET /api/accounts HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(BYTES).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if !head.starts_with("HTTP/1.1 200 ") {
        let status = head.lines().next().unwrap_or_default();
        let status: String = status.chars().filter(|character| !character.is_control()).take(60).collect();
        return Err(io::Error::other(if status.is_empty() { "it says nothing".to_owned() } else { status }));
    }
    serde_json::from_str(body).map_err(|_| io::Error::other("its answer makes no sense"))
}
