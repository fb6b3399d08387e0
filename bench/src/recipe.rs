//! How to come by a hub: one that the generator starts, or one that runs already.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use url::Url;

use crate::arguments::Mistake;
use crate::clock;
use crate::stream::Tls;
use crate::target::{self, Target};

/// How to come by a hub.
#[derive(Debug, Clone)]
pub(crate) enum Recipe {
    /// A hub of ours.
    Own(Own),
    /// A program that serves at this URL, or prints where it does.
    Command(Option<String>, Vec<String>),
    /// One that runs, and its process.
    Running(Url, u32),
}

/// A hub of ours: its program, and what it is told.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    /// Without one it is the `clown-hub` beside this program.
    pub(crate) program: Option<PathBuf>,
    /// `KEY=VALUE`; of two for one key the later one counts.
    pub(crate) keys: Vec<String>,
    /// Its accounts; without them it is the demo.
    pub(crate) accounts: Option<&'static str>,
    /// Over TLS, with a certificate that the hub makes for it.
    pub(crate) tls: bool,
}

impl Own {
    /// Where the program is. Cargo puts the hub and the generator into one folder.
    fn program(&self) -> anyhow::Result<PathBuf> {
        let Some(program) = &self.program else {
            let this = std::env::current_exe().context("this program does not know where it is")?;
            let beside = this.with_file_name("clown-hub");
            if !beside.is_file() {
                let sentence = format!(
                    "there is no hub at {}: build it (cargo build --release), or name one with --hub FILE",
                    beside.display()
                );
                return Err(Mistake::new(sentence).into());
            }
            return Ok(beside);
        };
        absolute(program)
    }

    fn arguments(&self) -> Vec<OsString> {
        let listen = ["--listen", "127.0.0.1:0"].map(OsString::from);
        let users = self.accounts.map(|_| ["--users", USERS].map(OsString::from));
        let tls = if self.tls { TLS.as_slice() } else { &[] };
        let keys = tls.iter().map(OsString::from).chain(self.keys.iter().map(OsString::from));
        let sets = keys.flat_map(|key| ["--set".into(), key]);
        listen.into_iter().chain(users.into_iter().flatten()).chain(sets).collect()
    }

    /// Has the hub make an authority and a certificate in its folder, and trusts that authority.
    fn make_certificate(&self, home: &Home) -> anyhow::Result<Tls> {
        let mut command = Command::new(self.program()?);
        let made = command.args(["cert", "make"]).current_dir(&home.0).stdin(Stdio::null()).output()?;
        if !made.status.success() {
            bail!("the hub made no certificate: {}", String::from_utf8_lossy(&made.stderr).trim_end());
        }
        Tls::new(&home.0.join("config/tls/authority.pem"))
    }
}

/// How a hub is told to serve with the certificate that it made.
const TLS: [&str; 3] = [
    "server.tls_listen=127.0.0.1:0",
    "server.tls_certificate=config/tls/hub.pem",
    "server.tls_key=config/tls/hub.key",
];

/// The file of accounts, in the folder that the hub runs in.
const USERS: &str = "users.toml";

/// A program by its path, for one that runs in another folder; a mere name is looked for in PATH.
fn absolute(program: &Path) -> anyhow::Result<PathBuf> {
    match program {
        // Not what a link leads to: a Python knows by its own path which packages it has.
        path if path.components().count() > 1 => Ok(std::path::absolute(path)?),
        name => Ok(name.to_owned()),
    }
}

impl Recipe {
    /// A URL with the process as its fragment, or a command, which may have its URL before it.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        // An `@` without more is a URL that was typed wrong, and its password is not to be taken for a program.
        let is_url = |word: &&String| word.contains("://") || word.contains('@');
        let url = words.first().filter(is_url).cloned();
        words.drain(..usize::from(url.is_some()));
        match url {
            Some(url) if words.is_empty() => {
                let mut url = parse_url(&url)?;
                let pid = url.fragment().and_then(|pid| pid.parse().ok());
                url.set_fragment(None);
                match pid {
                    Some(pid) => Ok(Self::Running(url, pid)),
                    None => Err(Mistake::new("say which process serves there: URL#PID").into()),
                }
            }
            url => Ok(Self::Command(url, words)),
        }
    }

    /// A hub that runs already, and its process.
    pub(crate) fn running(url: &str, pid: u32) -> anyhow::Result<Self> {
        Ok(Self::Running(parse_url(url)?, pid))
    }

    /// What it is called beside others.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Own(Own { tls: true, .. }) => "hub over TLS".to_owned(),
            Self::Own(_) => "hub".to_owned(),
            Self::Command(_, words) => {
                let program = words.first().map(Path::new).and_then(Path::file_stem);
                program.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
            }
            Self::Running(url, _) => without_user(url),
        }
    }

    fn command(&self) -> anyhow::Result<(PathBuf, Vec<OsString>)> {
        match self {
            Self::Own(own) => Ok((own.program()?, own.arguments())),
            Self::Command(_, words) => {
                let (program, rest) = words.split_first().context("an empty command")?;
                Ok((absolute(Path::new(program))?, rest.iter().map(OsString::from).collect()))
            }
            Self::Running(..) => bail!("it runs already"),
        }
    }

    /// With a free port in the place of `{port}`.
    fn with_a_port(&self) -> anyhow::Result<Self> {
        let Self::Command(url, words) = self else { return Ok(self.clone()) };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let fill = |text: &String| text.replace("{port}", &port);
        Ok(Self::Command(url.as_ref().map(fill), words.iter().map(fill).collect()))
    }

    /// Starts it on one CPU if one is named, and waits until it serves.
    pub(crate) fn start(&self, cpu: Option<usize>) -> anyhow::Result<Target> {
        let recipe = self.with_a_port()?;
        let url = match &recipe {
            Self::Running(url, pid) => {
                let target = Target::new(url, *pid, None)?;
                target.cpu().with_context(|| format!("process {pid} cannot be read"))?;
                return Ok(target);
            }
            Self::Command(url, _) => url.as_deref().map(parse_url).transpose()?,
            Self::Own(_) => None,
        };
        let (program, args) = recipe.command()?;
        let home = Home::new()?;
        if let Self::Own(Own { accounts: Some(accounts), .. }) = &recipe {
            home.keep_accounts(accounts)?;
        }
        let tls = match &recipe {
            Self::Own(own) if own.tls => Some(own.make_certificate(&home)?),
            Self::Own(_) | Self::Command(..) | Self::Running(..) => None,
        };
        let mut command = Command::new(&program);
        command.args(args).current_dir(&home.0).stdin(Stdio::null());
        if url.is_some() {
            let log = File::create(home.log())?;
            command.stdout(log.try_clone()?).stderr(log);
        } else {
            command.stdout(Stdio::piped());
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CLOWN_HUB_") {
                command.env_remove(name);
            }
        }
        // Nothing is left behind by a measurement, and nothing of the user's is touched.
        command.env("CLOWN_HUB__STORE__DIRECTORY", "");
        let before = sched_getaffinity(None)?;
        if let Some(cpu) = cpu {
            pin(cpu)?;
        }
        let child = command.spawn().with_context(|| format!("{} could not be started", program.display()));
        sched_setaffinity(None, &before)?;
        let mut started = Started { child: child?, output: None, home };
        let url = match url {
            Some(url) => started.wait_until_it_listens(&url).map(|()| url),
            None => started.url(|_| true),
        }?;
        let port = match &tls {
            Some(_) => started.url(|url| url.scheme() == "https")?.port(),
            None => None,
        };
        let mut target = Target::new(&url, started.child.id(), Some(started))?;
        target.door.address.set_port(port.unwrap_or(target.door.address.port()));
        target.door.tls = tls;
        Ok(target)
    }
}

/// What may be shown of a URL.
fn without_user(url: &Url) -> String {
    let mut url = url.clone();
    // A URL without a host has no place for them, and none of them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

fn parse_url(text: &str) -> anyhow::Result<Url> {
    let form = "write ws://USER:PASSWORD@HOST:PORT";
    let url = Url::parse(text).map_err(|error| Mistake::new(format!("no URL: {error}; {form}")))?;
    target::dialect(&url)?;
    Ok(url)
}

/// Has this program run on one CPU only.
pub(crate) fn pin(cpu: usize) -> anyhow::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only)
        .map_err(|error| Mistake::new(format!("CPU {cpu} cannot be used: {error}")).into())
}

/// A folder of its own, so that no configuration and no accounts of this place count.
struct Home(PathBuf);

impl Home {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("clown-hub-bench-{}", clock::now()));
        std::fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Home {
    /// For its owner only, as the hub asks for.
    fn keep_accounts(&self, accounts: &str) -> anyhow::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(self.0.join(USERS))?;
        Ok(file.write_all(accounts.as_bytes())?)
    }

    /// What a program wrote that says nothing to us.
    fn log(&self) -> PathBuf {
        self.0.join("log.txt")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What is left in a folder for temporary things does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A hub that ends with this value.
pub(crate) struct Started {
    child: Child,
    /// Held, so that the hub can go on writing to it.
    output: Option<BufReader<ChildStdout>>,
    home: Home,
}

impl Started {
    /// The next URL of this kind that it prints.
    fn url(&mut self, fits: impl Fn(&Url) -> bool) -> anyhow::Result<Url> {
        let output = self.output.take().or_else(|| self.child.stdout.take().map(BufReader::new));
        let mut output = output.context("its output is not there")?;
        let mut line = String::new();
        while output.read_line(&mut line)? > 0 {
            let found = line.split_whitespace().find(|word| word.contains("://"));
            if let Some(url) = found.and_then(|word| Url::parse(word).ok()).filter(&fits) {
                self.output = Some(output);
                return Ok(url);
            }
            line.clear();
        }
        bail!("the hub ended before it said where it is")
    }

    fn wait_until_it_listens(&mut self, url: &Url) -> anyhow::Result<()> {
        let (address, start) = (target::door(url)?.address, clock::now());
        while TcpStream::connect(address).is_err() {
            let late = clock::now() - start > clock::nanoseconds(10.0);
            if late || self.child.try_wait()?.is_some() {
                let log = std::fs::read_to_string(self.home.log()).unwrap_or_default();
                bail!("nothing serves at {address}; the program said {:?}", log.trim_end());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_hub_is_named_with_its_process() {
        assert!(matches!(Recipe::parse("ws://127.0.0.1:80#42").unwrap(), Recipe::Running(_, 42)));
        assert!(matches!(Recipe::parse("mqtt://127.0.0.1#42").unwrap(), Recipe::Running(_, 42)));
        assert!(Recipe::parse("ws://127.0.0.1:80").is_err());
        assert!(Recipe::parse("gopher://127.0.0.1:80#42").is_err());
    }

    #[test]
    fn a_password_is_shown_neither_in_a_name_nor_in_a_complaint() {
        assert_eq!(Recipe::parse("ws://u:secret@127.0.0.1:81#42").unwrap().name(), "ws://127.0.0.1:81/");
        for text in
            ["u:secret@hub#42", "ws://u:secret@hub", "ws://u:se/cret@hub#42", "gopher://u:secret@hub#42"]
        {
            let error = Recipe::parse(text).unwrap_err().to_string();
            assert!(!error.contains("cret"), "{error}");
        }
    }

    #[test]
    fn a_command_may_have_its_url_before_it_and_is_given_a_port() {
        let plain = Recipe::parse("a/hub --x 1").unwrap();
        assert!(matches!(plain, Recipe::Command(None, words) if words.len() == 3));
        let broker = Recipe::parse("mqtt://127.0.0.1:{port} broker -p {port}").unwrap();
        let Recipe::Command(Some(url), words) = broker.with_a_port().unwrap() else { panic!("no command") };
        assert_eq!(url, format!("mqtt://127.0.0.1:{}", words[2]));
        assert!(words[2].parse::<u16>().unwrap() > 0);
    }
}
