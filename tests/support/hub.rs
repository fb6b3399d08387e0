//! The process.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tempfile::TempDir;

use super::{in_time, until};

/// The password of every account that [`user`] makes.
pub const PASSWORD: &str = "correct horse battery";

/// A running hub. It is killed where it is dropped.
pub struct Hub {
    child: Child,
    log: Arc<Mutex<String>>,
    /// Its log, where nobody reads it.
    _unread: Option<ChildStderr>,
    /// Where HTTP and WebSocket are served.
    pub address: SocketAddr,
    /// Where lines over TCP are served, if they are.
    pub lines: Option<SocketAddr>,
    /// Where HTTP and WebSocket are served over TLS, if they are.
    pub tls: Option<SocketAddr>,
    /// Where lines are served over TLS, if they are.
    pub tls_lines: Option<SocketAddr>,
    /// Where MQTT is served, if it is.
    pub mqtt: Option<SocketAddr>,
    /// Where MQTT is served over TLS, if it is.
    pub tls_mqtt: Option<SocketAddr>,
    dir: TempDir,
}

impl Hub {
    /// The demo on a free port, without its simulated nodes.
    pub fn demo() -> Self {
        Self::with(&[])
    }

    /// As [`demo`](Self::demo), with `key=value` of `config/hub.toml`.
    pub fn with(settings: &[&str]) -> Self {
        Self::start(empty_dir(), &[], settings)
    }

    /// With these accounts, each from [`user`].
    pub fn with_users(users: &[String], settings: &[&str]) -> Self {
        let dir = empty_dir();
        let file = dir.path().join("users.toml");
        std::fs::write(&file, users.join("\n")).unwrap();
        Self::start(dir, &["--users", file.to_str().unwrap()], settings)
    }

    /// With links, each a name and the text of its file.
    pub fn with_links(links: &[(&str, &str)], settings: &[&str]) -> Self {
        let dir = empty_dir();
        std::fs::create_dir(dir.path().join("bridges")).unwrap();
        for (name, text) in links {
            std::fs::write(dir.path().join(format!("bridges/{name}.toml")), text).unwrap();
        }
        Self::start(dir, &[], settings)
    }

    /// With these variables in its environment, which is empty otherwise.
    pub fn with_env(variables: &[(&str, &str)], settings: &[&str]) -> Self {
        let dir = empty_dir();
        let mut command = command(&dir);
        command.envs(variables.iter().copied()).args(["--listen", "127.0.0.1:0"]);
        let mut child = launch_as(command, settings, Stdio::piped());
        let log = follow(child.stderr.take().unwrap());
        Self::greeted(child, Some(log), dir, settings)
    }

    /// As [`with_env`](Self::with_env), of another program where one is given: a hub of another version.
    pub fn of(program: Option<std::path::PathBuf>, variables: &[(&str, &str)], settings: &[&str]) -> Self {
        let Some(program) = program else { return Self::with_env(variables, settings) };
        let dir = empty_dir();
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null()).current_dir(dir.path());
        command.envs(variables.iter().copied()).args(["--listen", "127.0.0.1:0"]);
        let mut child = launch_as(command, settings, Stdio::piped());
        let log = follow(child.stderr.take().unwrap());
        Self::greeted(child, Some(log), dir, settings)
    }

    /// With its store in this folder, which outlives it.
    pub fn with_store(store: &std::path::Path, settings: &[&str]) -> Self {
        let directory = format!("store.directory={}", store.display());
        Self::with(&[&[&*directory], settings].concat())
    }

    /// Kills it, as the kernel does it where there is no memory.
    pub async fn killed(mut self) {
        self.signal("KILL");
        self.ended().await;
    }

    /// Asks it to end, and waits until it has.
    pub async fn stopped(mut self) {
        self.signal("TERM");
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// The folder in which it was started.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// As [`with`](Self::with), with a log that is a pipe which nobody reads.
    pub fn with_unread_log(settings: &[&str]) -> Self {
        let dir = empty_dir();
        let child = launch(&dir, &[], settings, Stdio::piped());
        Self::greeted(child, None, dir, settings)
    }

    /// The demo on an address that was free a moment ago, with this as its standard output.
    pub async fn with_output(output: impl Into<Stdio>) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let dir = empty_dir();
        let mut child = launch(&dir, &["--listen", &address.to_string()], &[], output.into());
        let log = follow(child.stderr.take().unwrap());
        let (lines, tls, tls_lines, mqtt, tls_mqtt) = (None, None, None, None, None);
        let hub = Self { child, log, _unread: None, address, lines, tls, tls_lines, mqtt, tls_mqtt, dir };
        in_time("the listener", async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
        hub
    }

    fn start(dir: TempDir, args: &[&str], settings: &[&str]) -> Self {
        let mut child = launch(&dir, args, settings, Stdio::piped());
        let log = follow(child.stderr.take().unwrap());
        Self::greeted(child, Some(log), dir, settings)
    }

    /// Reads off where the hub is. Without a `log` that is followed, nobody reads what it logs.
    fn greeted(mut child: Child, log: Option<Arc<Mutex<String>>>, dir: TempDir, settings: &[&str]) -> Self {
        let log = log.unwrap_or_default();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let url = said(&mut says, "WebSocket", &log);
        let address = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        let lines = settings
            .iter()
            .any(|setting| setting.starts_with("server.line_listen="))
            .then(|| said(&mut says, "TCP lines", &log).parse().unwrap());
        // The host is the first name in the certificate, which nobody here can look up.
        let mut port_of = |key: &str, word| {
            let said = settings
                .iter()
                .any(|setting| setting.starts_with(key))
                .then(|| said(&mut says, word, &log))?;
            let said = said
                .trim_start_matches("https://")
                .trim_start_matches("mqtt://")
                .trim_start_matches("mqtts://");
            let port = said.split([':', '/']).nth(1)?.parse().ok()?;
            Some(SocketAddr::from(([127, 0, 0, 1], port)))
        };
        let tls = port_of("server.tls_listen=", "with TLS");
        let tls_lines = port_of("server.line_tls_listen=", "TLS lines");
        let mqtt = port_of("mqtt.listen=", "MQTT");
        let tls_mqtt = port_of("mqtt.tls_listen=", "TLS MQTT");
        let unread = child.stderr.take();
        Self { child, log, _unread: unread, address, lines, tls, tls_lines, mqtt, tls_mqtt, dir }
    }

    /// The demo on an address that is known, such as that of a hub that has ended.
    pub fn at(address: &str) -> Self {
        Self::start(empty_dir(), &["--listen", address], &[])
    }

    /// As [`with_users`](Self::with_users), on an address that is known.
    pub fn with_users_at(address: &str, users: &[String], settings: &[&str]) -> Self {
        let dir = empty_dir();
        let file = dir.path().join("users.toml");
        std::fs::write(&file, users.join("\n")).unwrap();
        Self::start(dir, &["--listen", address, "--users", file.to_str().unwrap()], settings)
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a line of the log that holds this.
    pub async fn logs(&self, text: &str) {
        let what = format!("{text:?} in the log");
        until(&what, || self.log.lock().unwrap().contains(text)).await;
    }

    /// Sends a signal by its name, as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the process.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the end of the process", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Memory of the process that is in use, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log.lock().map(|log| log.clone()).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(40).collect();
            let end: Vec<_> = end.into_iter().rev().collect();
            println!("the end of the hub's log:\n{}", end.join("\n"));
        }
    }
}

/// A command that has not ended by then hangs, and is killed. Some handle a hundred thousand messages, which takes a machine
/// that is busy with other work much longer than one answer does.
const LONGEST_RUN: Duration = Duration::from_mins(10);

/// Runs the binary with these arguments in an empty directory until it ends by itself, and feeds it `input`.
pub fn run_to_the_end(args: &[&str], input: &str) -> Output {
    let dir = empty_dir();
    let mut child = command(&dir)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A binary that refuses its arguments does not read to the end, and one that prints much must not wait for us.
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.as_bytes().to_vec());
    std::thread::spawn(move || stdin.write_all(&input));
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (seen, id) = (Arc::clone(&ended), child.id().to_string());
    std::thread::spawn(move || {
        std::thread::sleep(LONGEST_RUN);
        if !seen.load(std::sync::atomic::Ordering::Relaxed) {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    let output = child.wait_with_output().unwrap();
    ended.store(true, std::sync::atomic::Ordering::Relaxed);
    output
}

/// What the binary did that ran to its end.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// What it printed, having nothing to complain about.
    pub fn succeeds(self) -> String {
        assert!(self.code == Some(0) && self.stderr.is_empty(), "exit code {:?}: {}", self.code, self.stderr);
        self.stdout
    }
}

/// As [`run_to_the_end`], with texts.
pub fn run(args: &[&str], input: &str) -> Ran {
    let output = run_to_the_end(args, input);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The binary, with nothing of our environment.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clown-hub"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// An account with [`PASSWORD`], as it stands in users.toml.
pub fn user(name: &str, subscribe: &[&str], publish: &[&str], retain: bool) -> String {
    let mut text = String::new();
    writeln!(text, "[[user]]\nname = {name:?}\npassword = {:?}", hash()).unwrap();
    writeln!(text, "subscribe = {subscribe:?}\npublish = {publish:?}\nretain = {retain}").unwrap();
    text
}

/// The hash of [`PASSWORD`], made by the binary once.
fn hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let made = run_to_the_end(&["user", "hash"], &format!("{PASSWORD}\n"));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    })
}

fn empty_dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn launch(dir: &TempDir, args: &[&str], settings: &[&str], output: Stdio) -> Child {
    let mut command = command(dir);
    command.args(args);
    if !args.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    launch_as(command, settings, output)
}

/// The environment is empty, so a hub has no store unless its settings name a folder for it.
fn launch_as(mut command: Command, settings: &[&str], output: Stdio) -> Child {
    for setting in ["simulator.run=off"].iter().chain(settings) {
        command.args(["--set", setting]);
    }
    command.stdout(output).stderr(Stdio::piped()).spawn().unwrap()
}

fn command(dir: &TempDir) -> Command {
    let mut command = binary();
    command.current_dir(dir.path());
    command
}

fn follow(mut stderr: ChildStderr) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&log);
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = stderr.read(&mut chunk) {
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
    });
    log
}

/// The rest of the line that begins with `word`.
fn said(says: &mut impl BufRead, word: &str, log: &Mutex<String>) -> String {
    let mut line = String::new();
    while says.read_line(&mut line).unwrap() > 0 {
        if let Some(rest) = line.trim().strip_prefix(word) {
            return rest.trim().to_owned();
        }
        line.clear();
    }
    // The reason is on its way through the other pipe.
    std::thread::sleep(std::time::Duration::from_millis(200));
    panic!("the hub did not start: {}", log.lock().unwrap());
}
