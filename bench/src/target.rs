//! What is measured: a hub at work, its CPU time and its memory.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::Context;
use url::Url;

use crate::arguments::Mistake;
use crate::dialect::Dialect;
use crate::recipe::Started;
use crate::stream::Tls;

/// How to get in.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    /// Name and password.
    pub(crate) credentials: Option<(Vec<u8>, Vec<u8>)>,
    /// Over TLS, if at all.
    pub(crate) tls: Option<Tls>,
}

/// A hub at work. If it was started for this, it ends with this value.
pub(crate) struct Target {
    pub(crate) door: Door,
    pub(crate) dialect: Dialect,
    pid: u32,
    _started: Option<Started>,
}

/// Bytes that a process holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

impl Target {
    pub(crate) fn new(url: &Url, pid: u32, started: Option<Started>) -> anyhow::Result<Self> {
        Ok(Self { door: door(url)?, dialect: dialect(url)?, pid, _started: started })
    }

    /// User and system time of all its threads, those that have ended included, in nanoseconds. Grows in steps of
    /// a clock tick, mostly 10 ms.
    pub(crate) fn cpu(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name in brackets may hold anything.
        let rest = stat.rsplit_once(") ").map(|(_, rest)| rest).context("/proc/PID/stat")?;
        let ticks = rest.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)))
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kilobytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let [now, peak] = ["VmRSS:", "VmHWM:"].map(|key| kilobytes(key).unwrap_or_default() * 1024);
        Ok(Memory { now, peak })
    }

    /// Has the peak begin anew, where the system lets us.
    pub(crate) fn forget_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.pid), "5");
    }
}

/// Only this machine is ever put under load.
pub(crate) fn door(url: &Url) -> anyhow::Result<Door> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port().unwrap_or(dialect(url)?.default_port());
    let address = (host, port).to_socket_addrs().with_context(|| host.to_owned())?.next();
    let address: SocketAddr = address.with_context(|| format!("{host} has no address"))?;
    if !address.ip().is_loopback() {
        let sentence = format!("{host} is not this machine, and nothing else is ever put under load");
        return Err(Mistake::new(sentence).into());
    }
    let decode = |text: &str| -> Vec<u8> { percent_encoding::percent_decode_str(text).collect() };
    let pair = (decode(url.username()), decode(url.password().unwrap_or_default()));
    Ok(Door { address, credentials: (!pair.0.is_empty()).then_some(pair), tls: None })
}

/// What is spoken there.
pub(crate) fn dialect(url: &Url) -> anyhow::Result<Dialect> {
    Dialect::of_scheme(url.scheme()).ok_or_else(|| {
        Mistake::new(format!("{}:// is not spoken here; {} is", url.scheme(), Dialect::SCHEMES)).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_put_under_load() {
        let ok = door(&Url::parse("ws://clown:big%3Aclown@127.0.0.1:8080").unwrap()).unwrap();
        assert_eq!(ok.credentials, Some((b"clown".to_vec(), b"big:clown".to_vec())));
        for url in ["ws://192.0.2.1:8080", "mqtt://192.0.2.1", "mqtt+ws://192.0.2.1", "nats://192.0.2.1"] {
            assert!(door(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        assert_eq!(door(&Url::parse("nats://127.0.0.1").unwrap()).unwrap().address.port(), 4222);
    }
}
