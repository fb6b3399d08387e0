//! `clown-hub bridge`: what is needed to write the files of `bridges/`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::exit::help_end;
use super::serve::ConfigArgs;
use super::{OperatorError, client_runtime, output};
use crate::links::rules::{Rule, example};
use crate::links::settings::Plan;
use crate::links::{file, serial};
use crate::operator::{Mistake, Mistakes, small_file};
use crate::topic::{Limits, Topic};

#[derive(Debug, Subcommand)]
pub(super) enum BridgeCommand {
    /// Print what each rule carries, and every mistake in the files
    Check(CheckArgs),
    /// List the serial ports of this machine, and what is plugged in there
    Ports(PortsArgs),
}

/// The end of the help of `clown-hub bridge`.
pub(super) const EXAMPLES: &str = help_end!(
    "Example:
  cp bridges/mosquitto.toml.example bridges/house.toml
  clown-hub bridge check
  clown-hub"
);

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:\n  clown-hub bridge check\n  clown-hub bridge check bridges/house.toml"))]
pub(super) struct CheckArgs {
    /// The file of a link; without it every file in bridges.directory
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:\n  clown-hub bridge ports\n  clown-hub bridge ports --ask\n  clown-hub bridge ports /dev/ttyUSB0"))]
pub(super) struct PortsArgs {
    /// Ask what is at these ports who it is, and list nothing else
    #[arg(value_name = "PORT")]
    ports: Vec<PathBuf>,
    /// Ask what is at each port who it is, where no other program holds it
    #[arg(long)]
    ask: bool,
    /// How fast the ports are
    #[arg(long, default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(1200..=4_000_000))]
    baud: u32,
}

pub(super) fn bridge(command: BridgeCommand) -> anyhow::Result<()> {
    match command {
        BridgeCommand::Check(args) => check(args),
        BridgeCommand::Ports(args) => ports(args),
    }
}

fn ports(args: PortsArgs) -> anyhow::Result<()> {
    if !args.ports.is_empty() {
        return output::print(&asked(args.ports, args.baud)?);
    }
    let found = serial::ports::look(Path::new("/sys"), Path::new("/dev"));
    let mut text = String::new();
    for device in &found {
        let port =
            device.port.as_ref().map_or_else(|| "no port".to_owned(), |port| port.display().to_string());
        let (vendor, product) = device.usb;
        writeln!(text, "{port}\n  {vendor:04x}:{product:04x} {}\n  {}", device.says, device.seems)?;
        if let Some(port) = device.port.clone().filter(|_| args.ask) {
            text.push_str(&asked(vec![port], args.baud)?);
        }
    }
    if found.is_empty() {
        text.push_str("No device of USB with a serial port is plugged in, as far as /sys says.\n");
    }
    output::print(&text)
}

/// What gateways say of themselves, or why nothing does.
fn asked(ports: Vec<PathBuf>, baud: u32) -> anyhow::Result<String> {
    let mut text = String::new();
    client_runtime::block_on(async {
        for port in ports {
            let told = match serial::who_is_there(&port, baud).await {
                Ok(info) => format!("{}: a TOWER gateway: {info}", port.display()),
                Err(why) => why,
            };
            writeln!(text, "  {}", crate::operator::escaped(told.chars()))?;
        }
        Ok(())
    })?;
    Ok(text)
}

fn check(args: CheckArgs) -> anyhow::Result<()> {
    let hub = args.config.settings()?;
    let files = match args.file {
        Some(file) => vec![file],
        None => files(&hub.bridges.directory)?,
    };
    let (mut text, mut mistakes) = (String::new(), Vec::new());
    for path in &files {
        match load(path, &hub.limits.topic) {
            Ok(plan) => text.push_str(&report(&plan)),
            Err(found) => mistakes.extend(found.iter().map(ToString::to_string)),
        }
    }
    if files.is_empty() {
        writeln!(
            text,
            "{} has no file that ends in .toml: there are no links",
            hub.bridges.directory.display()
        )?;
    }
    output::print(&text)?;
    if mistakes.is_empty() { Ok(()) } else { Err(OperatorError::list("bridges", mistakes).into()) }
}

/// An example may be looked at, too.
pub(super) fn load(path: &Path, limits: &Limits) -> Result<Plan, Mistakes> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml.example")) else {
        return file::load(path, limits);
    };
    let shown = file::shown(path);
    let unreadable = |why| Mistakes::from(Mistake::at(&shown, why));
    let text = small_file::text(path, file::FILE_BYTES).map_err(unreadable)?;
    file::parse(name, &shown, &text, limits)
}

pub(super) fn files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let sentence = format!("{}: the folder cannot be read: {error}", directory.display());
            return Err(OperatorError::new(sentence).into());
        }
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| file::name(path).is_some());
    files.sort();
    Ok(files)
}

/// What a link carries, in words and with an example of each.
fn report(plan: &Plan) -> String {
    let mut text = format!("{}: {}\n", plan.link.file, plan.link.far);
    for rule in plan.link.rules.iter() {
        let arrow = match (rule.direction.is_in(), rule.direction.is_out()) {
            (true, true) => "↔",
            (true, false) => "←",
            _ => "→",
        };
        let line = if rule.line == 0 { "made".to_owned() } else { format!("line {}", rule.line) };
        let _ = writeln!(text, "  {line}: {} {arrow} {}", rule.local.filter, rule.remote.filter);
        for (way, from, to) in examples(rule) {
            let _ = writeln!(text, "    {way:3} {from} becomes {to}");
        }
    }
    text
}

/// One topic each way, with its name before and after.
fn examples(rule: &Rule) -> Vec<(&'static str, String, String)> {
    let limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };
    let topic = |filter| Topic::parse(&example(filter), &limits).ok();
    let inward = rule.direction.is_in().then(|| {
        let remote = topic(&rule.remote.filter)?;
        let local = rule.inward(&remote, &limits)?.ok()?;
        Some(("in", remote.to_string(), local.to_string()))
    });
    let outward = rule.direction.is_out().then(|| {
        let local = topic(&rule.local.filter)?;
        Some(("out", local.to_string(), rule.outward(&local)?.to_string()))
    });
    [inward, outward].into_iter().flatten().flatten().collect()
}
