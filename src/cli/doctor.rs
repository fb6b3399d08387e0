//! `clown-hub doctor`: looks at everything on this machine that a hub needs, and says for each what to do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::client_runtime::block_on;
use super::exit::help_end;
use super::serve::{self, ConfigArgs};
use super::{bridge, output};
use crate::config::{Place, ProxyProtocol, Settings};
use crate::links::settings::FarSettings;
use crate::store::upkeep;

/// How long a program or a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// With fewer days a certificate is to be renewed soon.
const SOON: i64 = 14;

/// Descriptors that a hub needs besides one for each connection.
const OTHER_DESCRIPTORS: u64 = 100;

/// What a hub says to a trusted proxy that does not begin with a PROXY header.
const WANTS_A_HEADER: &str = "without a PROXY header, which server.proxy_protocol asks for";

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:
  clown-hub doctor
  sudo -u clown-hub clown-hub doctor --config /etc/clown-hub/hub.toml && systemctl restart clown-hub

The exit code is 1 if a line begins with FAIL."))]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// What was looked at, and how it stands.
enum Finding {
    Good(String),
    /// The hub runs, and something is to be done.
    Warning(String),
    /// The hub does not start, or does not do what it is for.
    Failure(String),
}

use Finding::{Failure, Good, Warning};

pub(super) fn doctor(args: &DoctorArgs) -> anyhow::Result<()> {
    let settings = args.config.settings()?;
    let mut findings = vec![Good("the configuration is good".to_owned())];
    findings.extend(accounts(&settings));
    let runs = is_a_hub(settings.server.listen, settings.server.proxy_protocol);
    findings.extend(ports(&settings, runs));
    findings.extend(certificate(&settings));
    findings.push(clock());
    findings.push(descriptors(&settings));
    findings.extend(store(&settings));
    findings.extend(block_on(async { Ok(links(&settings).await) })?);
    let line = |finding: &Finding| match finding {
        Good(text) => format!("ok    {text}\n"),
        Warning(text) => format!("warn  {text}\n"),
        Failure(text) => format!("FAIL  {text}\n"),
    };
    output::print(&findings.iter().map(line).collect::<String>())?;
    match findings.iter().filter(|finding| matches!(finding, Failure(_))).count() {
        0 => Ok(()),
        1 => Err(anyhow::anyhow!("one thing is wrong")),
        many => Err(anyhow::anyhow!("{many} things are wrong")),
    }
}

fn accounts(settings: &Settings) -> Vec<Finding> {
    let file = &settings.users.file;
    let accounts = match serve::accounts(file) {
        Ok(accounts) => accounts,
        Err(error) => return vec![Failure(format!("accounts: {error}"))],
    };
    if let Err(error) = serve::refuse_demo_elsewhere(&accounts, settings) {
        return vec![Failure(format!("accounts: {error}"))];
    }
    let mut findings: Vec<_> =
        serve::never_given_a_password(&accounts, file).into_iter().map(Warning).collect();
    if accounts.is_demo() {
        let text = "accounts: there is only the demo user, on this machine; `clown-hub user add NAME --admin` makes an account";
        findings.push(Warning(text.to_owned()));
        return findings;
    }
    let shown = file.display();
    findings.push(if is_open(file) {
        Warning(format!("accounts: everybody on this machine can read {shown}; run chmod 600 {shown}"))
    } else {
        Good(format!("accounts: {} in {shown}", accounts.iter().count()))
    });
    findings
}

/// Whether everybody on the machine may read a file or look into a folder.
fn is_open(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o007 != 0)
}

fn ports(settings: &Settings, runs: bool) -> Vec<Finding> {
    let all = settings.listeners();
    let one = |(key, address): (&str, Option<SocketAddr>)| {
        let address = address?;
        Some(match TcpListener::bind(address) {
            Ok(_) => Good(format!("port: {address} ({key}) is free")),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && runs => {
                Good(format!("port: {address} ({key}) is in use, and a hub runs"))
            }
            Err(error) => Failure(format!("port: {}", serve::cannot_listen(address, key, &error))),
        })
    };
    all.into_iter().filter_map(one).collect()
}

/// Whether a hub answers at an address.
fn is_a_hub(address: SocketAddr, proxy_protocol: ProxyProtocol) -> bool {
    // Where this machine is a trusted proxy, the hub waits for what a proxy says first. So only a hub answers.
    let wants_a_header =
        |answer: &str| proxy_protocol == ProxyProtocol::All && answer.contains(WANTS_A_HEADER);
    let ask = || {
        let here = if address.ip().is_unspecified() {
            SocketAddr::from(([127, 0, 0, 1], address.port()))
        } else {
            address
        };
        let mut stream = TcpStream::connect_timeout(&here, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {here}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        std::io::Result::Ok(answer.contains("{\"status\": \"ok\"}") || wants_a_header(&answer))
    };
    address.port() != 0 && ask().unwrap_or(false)
}

fn certificate(settings: &Settings) -> Vec<Finding> {
    let Some(files) = serve::tls_files(settings) else {
        let open = !settings.server.listen.ip().is_loopback();
        let text = "TLS: off, so others on the network can read passwords; `clown-hub cert make` makes a certificate";
        return if open { vec![Warning(text.to_owned())] } else { Vec::new() };
    };
    let mut findings = Vec::new();
    if files.key_is_open() {
        let key = files.key.display();
        findings.push(Warning(format!("TLS: everybody on this machine can read {key}; run chmod 600 {key}")));
    }
    findings.push(match files.read() {
        Err(mistake) => Failure(format!("TLS: {mistake}")),
        Ok(identity) => {
            let names = identity.certificate.all_names().collect::<Vec<_>>().join(", ");
            match identity.certificate.days_left(now()) {
                ..=0 => Failure(format!(
                    "TLS: the certificate for {names} has expired; renew it (`clown-hub cert renew`, certbot, lego)"
                )),
                days @ 1..=SOON => Warning(format!("TLS: the certificate for {names} ends in {days} days; renew it")),
                days => Good(format!("TLS: the certificate for {names} is good for {days} days")),
            }
        }
    });
    findings
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Boards without a battery begin with the clock of the day on which they were made.
fn clock() -> Finding {
    let built = std::env::current_exe().and_then(std::fs::metadata).and_then(|about| about.modified());
    if built.is_ok_and(|built| SystemTime::now() < built) {
        let text = "clock: it is before the time at which this program was installed; set it (timedatectl set-ntp true), or \
                    certificates and times of messages are wrong";
        return Failure(text.to_owned());
    }
    let timesyncd = Path::new("/run/systemd/timesync");
    if timesyncd.exists() && !timesyncd.join("synchronized").exists() {
        return Warning(
            "clock: it is not set by the network yet; see timedatectl timesync-status".to_owned(),
        );
    }
    Good("clock: plausible".to_owned())
}

fn descriptors(settings: &Settings) -> Finding {
    let needed = (settings.limits.connections as u64).saturating_add(OTHER_DESCRIPTORS);
    match rlimit::getrlimit(rlimit::Resource::NOFILE) {
        Ok((_, most)) if most < needed => Warning(format!(
            "descriptors: {most} are allowed, and limits.connections takes {needed}; raise LimitNOFILE= of the unit (ulimit -Hn), or \
             lower limits.connections"
        )),
        Ok((_, most)) => Good(format!("descriptors: {most} are allowed, {needed} are needed at the most")),
        Err(error) => Warning(format!("descriptors: the limit cannot be told: {error}")),
    }
}

fn store(settings: &Settings) -> Vec<Finding> {
    let Some(folder) = serve::store_directory(&settings.store) else {
        return vec![match settings.store.directory {
            Place::Auto | Place::Named(_) => Warning(
                "store: none, so last values are lost with a restart; name a folder in store.directory"
                    .to_owned(),
            ),
            Place::Off => Good("store: off".to_owned()),
        }];
    };
    let shown = folder.display();
    // The hub makes the folder: what is free is asked of what is there already.
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let mut findings = Vec::new();
    if !may_write(there) {
        findings.push(Failure(format!(
            "store: this user may not write in {}; run the doctor as the hub's user, or chown the folder to it",
            there.display()
        )));
    } else if there == folder && is_open(&folder) {
        findings.push(Warning(format!("store: others may look into {shown}; run chmod 700 {shown}")));
    }
    let (free, least) = (upkeep::free_bytes(there), settings.store.keep_free);
    findings.push(match free {
        None => Warning(format!("store: what is free on the disk of {shown} cannot be told")),
        Some(free) if free < least => Failure(format!(
            "store: {} are free on the disk of {shown}, and store.keep_free_bytes leaves {} to others; make room",
            amount(free),
            amount(least)
        )),
        Some(free) if free < settings.store.bytes.saturating_add(least) => Warning(format!(
            "store: {} are free on the disk of {shown}, and store.bytes lets the file become {}; make room, or lower it",
            amount(free),
            amount(settings.store.bytes)
        )),
        Some(free) => Good(format!("store: {} are free on the disk of {shown}", amount(free))),
    });
    findings
}

/// Whether a file can be made in a folder.
fn may_write(folder: &Path) -> bool {
    let path = folder.join(format!(".clown-hub-doctor-{}", std::process::id()));
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).is_ok();
    made && std::fs::remove_file(&path).is_ok()
}

/// Whether the brokers of all links can be reached. Nobody signs in there.
async fn links(settings: &Settings) -> Vec<Finding> {
    let files = match bridge::files(&settings.bridges.directory) {
        Ok(files) => files,
        Err(error) => return vec![Failure(format!("links: {error}"))],
    };
    let mut findings = Vec::new();
    for path in files {
        let plan = match bridge::load(&path, &settings.limits.topic) {
            Ok(plan) => plan,
            Err(mistakes) => {
                findings.extend(mistakes.iter().map(|mistake| Failure(format!("link: {mistake}"))));
                continue;
            }
        };
        let file = &plan.link.file;
        let mqtt = match &plan.far {
            FarSettings::Mqtt(mqtt) => mqtt,
            FarSettings::Hub(hub) => {
                if let Some(Err(why)) = hub.password.as_ref().map(crate::links::mqtt::settings::Secret::read)
                {
                    findings.push(Failure(format!("link: {file}: {why}")));
                }
                findings.push(reach(file, "the hub", &plan.link.far).await);
                continue;
            }
            FarSettings::Process(process) => {
                let (program, path) = (process.program(), std::env::var_os("PATH").unwrap_or_default());
                let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
                let is_there = Path::new(program).is_file() || places.any(|place| place.is_file());
                findings.push(if is_there {
                    Good(format!("link: {file}: there is a program {program}"))
                } else {
                    Warning(format!("link: {file}: there is no program {program}. The hub goes on trying"))
                });
                continue;
            }
            FarSettings::Serial(serial) => {
                let port = serial.port.display();
                findings.push(if serial.port.exists() {
                    Good(format!("link: {file}: there is a port {port}"))
                } else {
                    Warning(format!(
                        "link: {file}: there is no port {port}: is the gateway plugged in? `clown-hub bridge ports` lists what \
                         there is. The hub goes on trying"
                    ))
                });
                continue;
            }
        };
        let broker = &mqtt.broker;
        if let Some(Err(why)) = mqtt.password.as_ref().map(crate::links::mqtt::settings::Secret::read) {
            findings.push(Failure(format!("link: {file}: {why}")));
        }
        findings.push(reach(file, "the broker", &broker.to_string()).await);
    }
    findings
}

/// Whether something listens at `HOST:PORT`.
async fn reach(file: &str, noun: &str, place: &str) -> Finding {
    let connecting = tokio::net::TcpStream::connect(place);
    match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Ok(_)) => Good(format!("link: {file}: {place} can be reached")),
        Ok(Err(error)) => Warning(format!(
            "link: {file}: {place} cannot be reached: {error}; is {noun} running, and are host and port right? \
             The hub goes on trying"
        )),
        Err(_) => Warning(format!(
            "link: {file}: {place} does not answer within {} s; is there a firewall in between? The hub goes on trying",
            PATIENCE.as_secs()
        )),
    }
}

/// Bytes as people say them: in MB, from a thousand of them on in GB, cut off.
fn amount(bytes: u64) -> String {
    let megabytes = bytes / 1_000_000;
    if megabytes < 1000 {
        format!("{megabytes} MB")
    } else {
        format!("{}.{} GB", megabytes / 1000, megabytes % 1000 / 100)
    }
}
