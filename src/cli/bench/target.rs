//! What is measured: a hub that the generator starts, or one that runs already; its CPU time and its memory.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use url::Url;

use super::fleet::Door;
use crate::cli::OperatorError;

/// How to come by a hub.
#[derive(Debug, Clone)]
pub(super) enum Recipe {
    /// This program, with these keys set beside those that lift its limits.
    Own(Vec<(String, String)>),
    /// A program that prints the URL at which it serves.
    Command(Vec<String>),
    /// One that runs, and its process.
    Running(Url, u32),
}

/// Limits that would end a measurement rather than be measured.
const LIFTED: [&str; 8] = [
    "simulator.run=off",
    "log.filter=error",
    "limits.messages_per_second=0",
    "limits.connections=100000",
    "limits.handshakes=100000",
    "limits.filters=100000",
    "retained.topics=10000000",
    "retained.bytes=1099511627776",
];

impl Recipe {
    /// A URL, with the process as its fragment, or a command.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        if text.starts_with("ws://") || text.starts_with("http://") {
            let mut url = Url::parse(text).map_err(|error| OperatorError::new(format!("{text}: {error}")))?;
            let pid = url.fragment().and_then(|pid| pid.parse().ok());
            url.set_fragment(None);
            let Some(pid) = pid else {
                return Err(OperatorError::new("say which process serves there: ws://HOST:PORT#PID").into());
            };
            return Ok(Self::Running(url, pid));
        }
        Ok(Self::Command(text.split_whitespace().map(str::to_owned).collect()))
    }

    fn command(&self) -> anyhow::Result<(PathBuf, Vec<OsString>)> {
        match self {
            Self::Own(sets) => {
                let sets = sets.iter().map(|(key, value)| format!("{key}={value}"));
                let sets = LIFTED.iter().map(ToString::to_string).chain(sets);
                let flags = sets.flat_map(|set| ["--set".into(), set.into()]);
                let program = std::env::current_exe().context("this program does not know where it is")?;
                Ok((program, ["--listen".into(), "127.0.0.1:0".into()].into_iter().chain(flags).collect()))
            }
            Self::Command(words) => {
                let (program, rest) = words.split_first().context("an empty command")?;
                // It runs in another folder.
                let program = match Path::new(program) {
                    path if path.components().count() > 1 => {
                        path.canonicalize().with_context(|| program.clone())?
                    }
                    name => name.to_owned(),
                };
                Ok((program, rest.iter().map(OsString::from).collect()))
            }
            Self::Running(..) => bail!("it runs already"),
        }
    }

    /// Starts it on one CPU if one is named, and waits until it says where it is.
    pub(super) fn start(&self, cpu: Option<usize>) -> anyhow::Result<Target> {
        if let Self::Running(url, pid) = self {
            let target = Target { door: door(url)?, pid: *pid, _started: None };
            target.cpu().with_context(|| format!("process {pid} cannot be read"))?;
            return Ok(target);
        }
        let (program, args) = self.command()?;
        let home = Home::new()?;
        let before = sched_getaffinity(None)?;
        if let Some(cpu) = cpu {
            pin(cpu)?;
        }
        let mut command = Command::new(&program);
        command.args(args).current_dir(&home.0).stdin(Stdio::null()).stdout(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CLOWN_HUB_") {
                command.env_remove(name);
            }
        }
        let child = command.spawn().with_context(|| format!("{} could not be started", program.display()));
        sched_setaffinity(None, &before)?;
        let mut started = Started { child: child?, output: None, _home: home };
        let url = started.url()?;
        Ok(Target { door: door(&url)?, pid: started.child.id(), _started: Some(started) })
    }
}

/// Has this program run on one CPU only.
pub(super) fn pin(cpu: usize) -> anyhow::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only)
        .map_err(|error| OperatorError::new(format!("CPU {cpu} cannot be used: {error}")).into())
}

/// A folder of its own, so that no configuration and no accounts of this place count.
struct Home(PathBuf);

impl Home {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("clown-hub-bench-{}", super::clock::now()));
        std::fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What is left in a folder for temporary things does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A hub that ends with this value.
struct Started {
    child: Child,
    /// Held, so that the hub can go on writing to it.
    output: Option<BufReader<ChildStdout>>,
    _home: Home,
}

impl Started {
    fn url(&mut self) -> anyhow::Result<Url> {
        let mut output = BufReader::new(self.child.stdout.take().context("its output is not there")?);
        let mut line = String::new();
        while output.read_line(&mut line)? > 0 {
            let found = line.split_whitespace().find(|word| word.contains("://"));
            if let Some(url) = found.and_then(|word| Url::parse(word).ok()) {
                self.output = Some(output);
                return Ok(url);
            }
            line.clear();
        }
        bail!("the hub ended before it said where it is")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A hub at work. If it was started for this, it ends with this value.
pub(super) struct Target {
    pub(super) door: Door,
    pid: u32,
    _started: Option<Started>,
}

/// Bytes that a process holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) now: u64,
    pub(super) peak: u64,
}

impl Target {
    /// User and system time of all its threads, those that have ended included, in nanoseconds. Grows in steps of
    /// a clock tick, mostly 10 ms.
    pub(super) fn cpu(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name in brackets may hold anything.
        let rest = stat.rsplit_once(") ").map(|(_, rest)| rest).context("/proc/PID/stat")?;
        let ticks = rest.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)))
    }

    pub(super) fn memory(&self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kilobytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let [now, peak] = ["VmRSS:", "VmHWM:"].map(|key| kilobytes(key).unwrap_or_default() * 1024);
        Ok(Memory { now, peak })
    }

    /// Has the peak begin anew, where the system lets us.
    pub(super) fn forget_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.pid), "5");
    }
}

/// Only this machine is ever put under load.
fn door(url: &Url) -> anyhow::Result<Door> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    let address = (host, port).to_socket_addrs().with_context(|| host.to_owned())?.next();
    let address: SocketAddr = address.with_context(|| format!("{host} has no address"))?;
    if !address.ip().is_loopback() {
        let sentence = format!("{host} is not this machine, and nothing else is ever put under load");
        return Err(OperatorError::new(sentence).into());
    }
    let decode = |text: &str| -> Vec<u8> { percent_encoding::percent_decode_str(text).collect() };
    let pair = [decode(url.username()), decode(url.password().unwrap_or_default())].join(&b':');
    let authorization = match pair.as_slice() {
        b":" => String::new(),
        pair => format!("Authorization: Basic {}\r\n", STANDARD.encode(pair)),
    };
    Ok(Door { address, authorization })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_put_under_load() {
        let ok = door(&Url::parse("ws://clown:big%3Aclown@127.0.0.1:8080").unwrap()).unwrap();
        assert_eq!(ok.authorization, "Authorization: Basic Y2xvd246YmlnOmNsb3du\r\n");
        assert!(door(&Url::parse("ws://192.0.2.1:8080").unwrap()).is_err());
    }

    #[test]
    fn a_running_hub_is_named_with_its_process() {
        assert!(matches!(Recipe::parse("ws://127.0.0.1:80#42").unwrap(), Recipe::Running(_, 42)));
        assert!(Recipe::parse("ws://127.0.0.1:80").is_err());
        assert!(matches!(Recipe::parse("a/hub --x 1").unwrap(), Recipe::Command(words) if words.len() == 3));
    }
}
