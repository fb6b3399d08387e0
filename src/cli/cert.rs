//! `clown-hub cert`: an authority of the house, made once, and a certificate of it for this machine.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::banner::{addresses, hosts};
use super::exit::help_end;
use super::serve::ConfigArgs;
use super::{OperatorError, output};
use crate::moment::Moment;
use crate::operator::in_place;
use crate::operator::small_file::{self, Unreadable};
use crate::talk::timestamp;
use crate::tls::house::{self, Pair};
use crate::tls::{Certificate, Name, certificates};

/// The end of the help of `clown-hub cert`.
pub(super) const EXAMPLES: &str = help_end!(
    "Examples:
  clown-hub cert make
  clown-hub cert make --name hub.house.example
  clown-hub cert renew --within 30
  clown-hub cert show"
);

/// A private key is for the user that runs the hub, and for nobody else.
const SECRET: u32 = 0o600;
/// A certificate is no secret.
const OPEN: u32 = 0o644;

#[derive(Debug, Subcommand)]
pub(super) enum CertCommand {
    /// Make an authority, if there is none yet, and a certificate for this machine
    Make(CertArgs),
    /// Make a new certificate for the same names and the addresses of this machine
    Renew(RenewArgs),
    /// Print what there is, and how devices learn to trust it
    Show(CertArgs),
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CertArgs {
    /// The folder of the files
    #[arg(long, value_name = "FOLDER", default_value = "config/tls")]
    directory: PathBuf,
    /// Another name or address of this machine
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RenewArgs {
    #[command(flatten)]
    common: CertArgs,
    /// Do nothing if the certificate is good for more than so many days
    #[arg(long, value_name = "DAYS")]
    within: Option<i64>,
}

/// Where the files are.
struct House {
    authority: PathBuf,
    authority_key: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

pub(super) fn cert(command: &CertCommand) -> anyhow::Result<()> {
    match command {
        CertCommand::Make(args) => make(args),
        CertCommand::Renew(args) => renew(args),
        CertCommand::Show(args) => show(args),
    }
}

fn make(args: &CertArgs) -> anyhow::Result<()> {
    let house = House::at(&args.directory);
    if house.certificate.exists() {
        let sentence = "is there already; `clown-hub cert renew` makes a new one for the same names";
        return Err(OperatorError::new(format!("{} {sentence}", house.certificate.display())).into());
    }
    std::fs::create_dir_all(&args.directory).map_err(|error| cannot_write(&args.directory, &error))?;
    let authority = match house.authority()? {
        Some(authority) => authority,
        None => house.found()?,
    };
    house.sign(&authority, &names(&args.names))?;
    let mut text = told(&house, args)?;
    text.push_str(&lines_for_the_hub(&house));
    output::print(&text)
}

fn renew(args: &RenewArgs) -> anyhow::Result<()> {
    let RenewArgs { common, within } = args;
    let house = House::at(&common.directory);
    let old = read(&house.certificate)?;
    let days = old.days_left(now());
    if within.is_some_and(|within| days > within) {
        return output::print(&format!("the certificate is good for {days} days; nothing was done\n"));
    }
    let authority = house.authority()?.ok_or_else(|| {
        let path = house.authority_key.display();
        OperatorError::new(format!(
            "{path} is not there; only with the key of the authority a certificate is made"
        ))
    })?;
    let mut names: Vec<_> = old.names.iter().filter_map(of_a_host).collect();
    names.extend(common.names.iter().cloned());
    names.extend(addresses().iter().map(IpAddr::to_string));
    house.sign(&authority, &each_once(names))?;
    let text = told(&house, common)?;
    output::print(&format!("{text}\na hub that runs takes the new certificate within 5 seconds\n"))
}

fn show(args: &CertArgs) -> anyhow::Result<()> {
    let house = House::at(&args.directory);
    output::print(&told(&house, args)?)
}

impl House {
    fn at(directory: &Path) -> Self {
        let path = |name: &str| directory.join(name);
        Self {
            authority: path("authority.pem"),
            authority_key: path("authority.key"),
            certificate: path("hub.pem"),
            key: path("hub.key"),
        }
    }

    /// The authority; none where neither of its files is there.
    fn authority(&self) -> Result<Option<Pair>, OperatorError> {
        match (text(&self.authority)?, text(&self.authority_key)?) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Pair { certificate, key })),
            (certificate, _) => {
                let (there, missing) = (&self.authority, &self.authority_key);
                let (there, missing) =
                    if certificate.is_some() { (there, missing) } else { (missing, there) };
                let (there, missing) = (there.display(), missing.display());
                Err(OperatorError::new(format!(
                    "{there} is there and {missing} is not; an authority is both"
                )))
            }
        }
    }

    /// Makes the authority.
    fn found(&self) -> anyhow::Result<Pair> {
        let name = format!("Clown Hub of {}", host_name().unwrap_or_else(|| "this house".to_owned()));
        let authority = house::authority(&name, now()).map_err(OperatorError::new)?;
        write(&self.authority_key, &authority.key, SECRET)?;
        write(&self.authority, &authority.certificate, OPEN)?;
        Ok(authority)
    }

    /// Makes a certificate and its key. The authority stands behind it, so that the hub can give it to devices.
    fn sign(&self, authority: &Pair, names: &[String]) -> anyhow::Result<()> {
        let made = house::leaf(authority, names, now()).map_err(OperatorError::new)?;
        write(&self.key, &made.key, SECRET)?;
        write(&self.certificate, &(made.certificate + &authority.certificate), OPEN)?;
        Ok(())
    }
}

/// What there is, as text.
fn told(house: &House, args: &CertArgs) -> anyhow::Result<String> {
    let (certificate, authority) = (read(&house.certificate)?, read(&house.authority)?);
    let mut text = String::new();
    for (what, path, read) in
        [("certificate", &house.certificate, &certificate), ("authority", &house.authority, &authority)]
    {
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(read.until).unwrap_or(0));
        let (until, days) = (timestamp::seconds(until), read.days_left(now()));
        let names = each_once(read.all_names().collect()).join(", ");
        let path = path.display();
        writeln!(text, "{what}  {path}\n  for      {names}\n  until    {until}, {days} days")?;
        writeln!(text, "  SHA-256  {}", read.fingerprint())?;
    }
    text.push_str(&how_to_trust(&house.authority));
    if let Some(url) = url_of_the_authority(args)? {
        writeln!(text, "\non a phone, when the hub runs: open {url}, and compare the fingerprint")?;
        if std::io::stdout().is_terminal() {
            let code = QrCode::new(&url)?;
            writeln!(text, "\n{}", code.render::<Dense1x2>().quiet_zone(true).build())?;
        }
    }
    Ok(text)
}

fn how_to_trust(authority: &Path) -> String {
    let file = authority.display();
    format!(
        "\nEach device that is to trust the hub needs the authority once:
  Debian, Ubuntu  sudo cp {file} /usr/local/share/ca-certificates/clown-hub.crt && sudo update-ca-certificates
  Fedora          sudo cp {file} /etc/pki/ca-trust/source/anchors/clown-hub.pem && sudo update-ca-trust
  Chromium, Linux certutil -d sql:$HOME/.pki/nssdb -A -n clown-hub -t C,, -i {file}
  macOS           sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {file}
  Windows         certutil -addstore -f Root {file}
  Firefox         Settings, Privacy and Security, View Certificates, Authorities, Import
  Android         Settings, Security, Encryption and credentials, Install a certificate, CA certificate
  iPhone, iPad    open the file, install the profile, then General, About, Certificate Trust Settings
  clown-hub       --ca {file}, or ca_file in client.toml
"
    )
}

fn lines_for_the_hub(house: &House) -> String {
    let (certificate, key) = (house.certificate.display(), house.key.display());
    format!(
        "\nIn config/hub.toml:\n\n[server]\ntls_listen = \"0.0.0.0:8443\"\ntls_certificate = \"{certificate}\"\ntls_key = \"{key}\"\n"
    )
}

/// Where devices find the authority, once the hub runs; none where they cannot reach it.
fn url_of_the_authority(args: &CertArgs) -> anyhow::Result<Option<String>> {
    let server = args.config.settings()?.server;
    let is_reached = |address: &std::net::SocketAddr| !address.ip().is_loopback() && address.port() != 0;
    let plain = Some(server.listen).filter(is_reached).map(|address| ("http", address));
    let found = plain.or_else(|| server.tls_listen.filter(is_reached).map(|address| ("https", address)));
    Ok(found.and_then(|(scheme, address)| {
        let host = hosts(address, &addresses()).into_iter().next()?;
        Some(format!("{scheme}://{host}/authority.crt"))
    }))
}

/// The names and addresses of this machine, and those that were given, which come first.
fn names(given: &[String]) -> Vec<String> {
    let mut names = given.to_vec();
    if let Some(host) = host_name() {
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
        names.push(host);
    }
    names.push("localhost".to_owned());
    names.extend(addresses().iter().map(IpAddr::to_string));
    names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    each_once(names)
}

fn each_once(names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

fn of_a_host(name: &Name) -> Option<String> {
    match name {
        Name::Dns(name) => Some(name.clone()),
        Name::Ip(address) => Some(address.to_string()),
        Name::Uri(_) | Name::Mail(_) => None,
    }
}

/// What this machine is called, where that is a name of a host.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .ok()?;
    let name = name.trim().to_lowercase();
    let is_of_a_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.');
    (!name.is_empty() && name != "localhost" && name.chars().all(is_of_a_name)).then_some(name)
}

/// The first certificate in a file.
fn read(path: &Path) -> Result<Certificate, OperatorError> {
    let shown = path.display();
    let chain = certificates(path).map_err(|sentence| {
        OperatorError::new(format!("{shown} {sentence}; `clown-hub cert make` makes one"))
    })?;
    let read = chain.first().and_then(|first| Certificate::read(first));
    read.ok_or_else(|| OperatorError::new(format!("{shown} holds a certificate that cannot be read")))
}

/// The text of a small file; none where there is none.
fn text(path: &Path) -> Result<Option<String>, OperatorError> {
    match small_file::text(path, small_file::MOST_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(Unreadable::Missing) => Ok(None),
        Err(why) => Err(OperatorError::new(format!("{} {why}", path.display()))),
    }
}

/// Writes a file in one step, so that nobody reads half of it. One that was there keeps its owner, and who else may read it: the
/// hub runs as another user than root.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), OperatorError> {
    let kept = if mode == SECRET { 0o770 } else { 0o777 };
    in_place::alone(path)
        .and_then(|alone| in_place::put(&alone, path, text, mode, kept))
        .map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> OperatorError {
    OperatorError::new(format!("{} cannot be written: {error}", path.display()))
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = Moment::now().wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
