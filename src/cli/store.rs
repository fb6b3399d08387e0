//! `clown-hub backup`, `restore` and `store`: the care of the file in which last values survive.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::exit::help_end;
use super::serve::{ConfigArgs, store_directory};
use super::{OperatorError, habit, output};
use crate::store::upkeep::{self, Forget, Report, Trouble};
use crate::talk::timestamp;
use crate::topic::{Filter, Limits};

/// The end of the help of `clown-hub store`.
pub(super) const EXAMPLES: &str = help_end!(
    "Examples:
  clown-hub store check
  clown-hub store compact
  clown-hub store forget 'nodes/bedroom/#'
  clown-hub store forget --history 'nodes/+/+/camera/#'"
);

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:\n  clown-hub backup /mnt/stick/hub-2026-11-28.db\n  clown-hub backup --force /mnt/stick/hub.db"))]
pub(super) struct BackupArgs {
    /// The file that the copy is to be in
    file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:\n  clown-hub restore /mnt/stick/hub-2026-11-28.db\n  clown-hub restore --drop-queued /mnt/stick/hub-2026-11-28.db"))]
pub(super) struct RestoreArgs {
    /// A copy that `clown-hub backup` has made
    file: PathBuf,
    /// Leave out what waited for brokers when the copy was made: they may have had it since
    #[arg(long)]
    drop_queued: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Look through everything in the store, and say what is in it and whether it is whole
    Check(CheckArgs),
    /// Give what the store does not need any more back to the disk; the hub has to be stopped
    Compact(CompactArgs),
    /// Forget topics, so that nothing of them is in the file any more; the hub has to run
    Forget(ForgetArgs),
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:\n  clown-hub store check\n  clown-hub store check --json"))]
pub(super) struct CheckArgs {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub store compact"))]
pub(super) struct CompactArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:\n  clown-hub store forget nodes/bedroom/thermometer\n  clown-hub store forget 'nodes/bedroom/#' 'nodes/+/+/camera/#'\n  clown-hub store forget --history 'nodes/bedroom/#'"))]
pub(super) struct ForgetArgs {
    /// The topics, as filters from the root: + is any one level, # the rest
    #[arg(required = true, value_name = "FILTER", value_parser = filter)]
    filters: Vec<String>,
    /// Forget their history only; last values and events stay
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

fn filter(typed: &str) -> Result<String, String> {
    habit::wildcards(typed)?;
    // How long it may be is set at the hub.
    let limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };
    Filter::parse(typed, &limits).map(|_| typed.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn store(command: &StoreCommand) -> anyhow::Result<()> {
    match command {
        StoreCommand::Check(args) => check(args),
        StoreCommand::Compact(args) => compact(args),
        StoreCommand::Forget(args) => forget(args),
    }
}

pub(super) fn backup(args: &BackupArgs) -> anyhow::Result<()> {
    let made = upkeep::back_up(&directory(&args.config)?, &args.file, args.force).map_err(told)?;
    let (file, bytes) = (made.file.display(), made.report.bytes);
    output::print(&format!("{file}: {bytes} bytes, {}\n", content(&made.report)))
}

pub(super) fn restore(args: &RestoreArgs) -> anyhow::Result<()> {
    let restored = upkeep::restore(&directory(&args.config)?, &args.file, args.drop_queued).map_err(told)?;
    let (report, copy) = (&restored.report, args.file.display());
    let mut lines = vec![format!("{} is now what {copy} is: {}", report.file.display(), content(report))];
    if report.leases > 0 {
        lines.push(
            "commands that held for a time only are ended by the hub when it starts, if their time is over: devices are \
             switched then"
                .to_owned(),
        );
    }
    if restored.dropped > 0 {
        lines.push(format!("messages for brokers that were left out: {}", restored.dropped));
    } else if report.queued > 0 {
        lines.push(
            "what waited for brokers goes out again when the hub starts, also what they have had since; --drop-queued leaves it out"
                .to_owned(),
        );
    }
    if restored.of_sessions > 0 {
        lines.push(format!("messages for MQTT sessions that were left out: {}", restored.of_sessions));
    } else if report.lasting_messages > 0 {
        lines.push(
            "what waited for MQTT sessions goes out again, also what their clients have had since; --drop-queued leaves it out"
                .to_owned(),
        );
    }
    lines.extend(restored.set_aside.map(|aside| {
        format!("what was there before is {}; delete it when you do not need it any more", aside.display())
    }));
    output::print(&(lines.join("\n") + "\n"))
}

fn check(args: &CheckArgs) -> anyhow::Result<()> {
    let report = upkeep::check(&directory(&args.config)?).map_err(told)?;
    let text = if args.json { format!("{}\n", as_json(&report)) } else { as_text(&report) };
    output::print(&text)?;
    if report.is_whole() {
        return Ok(());
    }
    Err(anyhow::anyhow!(
        "{}: damaged: {}; at its next start the hub keeps what is whole, and sets the file aside if its pages are damaged",
        report.file.display(),
        report.complaint()
    ))
}

fn compact(args: &CompactArgs) -> anyhow::Result<()> {
    let done = upkeep::compact(&directory(&args.config)?).map_err(told)?;
    output::print(&format!("{} bytes; before, there were {}\n", done.after, done.before))
}

fn forget(args: &ForgetArgs) -> anyhow::Result<()> {
    let what = if args.history { Forget::History } else { Forget::Everything };
    let said = upkeep::forget(&directory(&args.config)?, &args.filters, what).map_err(told)?;
    output::print(&format!("{said}\n"))
}

fn directory(config: &ConfigArgs) -> anyhow::Result<PathBuf> {
    let settings = config.settings()?;
    let none = "there is no store (store.directory): last values are in the memory of the hub only";
    let directory = store_directory(&settings.store).ok_or_else(|| OperatorError::new(none))?;
    Ok(std::path::absolute(&directory).unwrap_or(directory))
}

fn told(trouble: Trouble) -> anyhow::Error {
    match trouble {
        Trouble::Input(sentence) => OperatorError::new(sentence).into(),
        Trouble::Refused(sentence) => OperatorError::refused(sentence).into(),
        Trouble::Broken(sentence) => anyhow::anyhow!(sentence),
    }
}

/// What is in a store, in a part of a sentence.
fn content(report: &Report) -> String {
    let more = [
        ("leases", report.leases),
        ("messages for brokers", report.queued),
        ("MQTT sessions", report.lasting),
        ("messages for them", report.lasting_messages),
        ("sign-ins of pages", report.sign_ins),
        ("series of history", report.series),
        ("events", report.events),
    ];
    let more = more.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!(", {what}: {count}"));
    let values = format!("last values: {}", report.values);
    let written = report.written.map(|written| format!(", as of {}", shown(written))).unwrap_or_default();
    format!("{values}{}{written}", more.collect::<String>())
}

fn shown(time: SystemTime) -> String {
    timestamp::milliseconds(time)
}

fn as_text(report: &Report) -> String {
    let mut lines = vec![
        format!("{}", report.file.display()),
        format!("version      {}", report.version),
        format!("bytes        {}, of which {} are unused", report.bytes, report.unused_bytes),
        format!("journal      {} bytes", report.journal_bytes),
        format!("last values  {}", report.values),
        format!("leases       {}", report.leases),
        format!("for brokers  {}", report.queued),
        format!("sessions     {}, with {} messages", report.lasting, report.lasting_messages),
        format!("sign-ins     {}", report.sign_ins),
        format!("series       {}", report.series),
        format!("events       {}", report.events),
    ];
    lines.extend(report.oldest.map(|oldest| format!("oldest       {}", shown(oldest))));
    lines.extend(report.written.map(|written| format!("written      {}", shown(written))));
    lines.push(format!(
        "closed       {}",
        if report.is_closed { "yes" } else { "no: a hub runs, or was killed" }
    ));
    for table in &report.tables {
        let damaged = match table.damaged {
            0 => String::new(),
            damaged => format!(", {damaged} of them damaged"),
        };
        lines.push(format!("table {:12} {} rows{damaged}", table.name, table.rows));
    }
    lines.extend(report.complaints.iter().map(|complaint| format!("damaged      {complaint}")));
    lines.push(if report.is_whole() { "whole".to_owned() } else { "damaged".to_owned() });
    lines.join("\n") + "\n"
}

fn as_json(report: &Report) -> Value {
    let tables = report
        .tables
        .iter()
        .map(|table| (table.name.clone(), json!({"rows": table.rows, "damaged": table.damaged})));
    json!({
        "file": report.file.display().to_string(),
        "whole": report.is_whole(),
        "version": report.version,
        "bytes": report.bytes,
        "journal_bytes": report.journal_bytes,
        "unused_bytes": report.unused_bytes,
        "values": report.values,
        "leases": report.leases,
        "queued": report.queued,
        "mqtt_sessions": report.lasting,
        "mqtt_messages": report.lasting_messages,
        "sign_ins": report.sign_ins,
        "series": report.series,
        "events": report.events,
        "oldest": report.oldest.map(shown),
        "written": report.written.map(shown),
        "closed": report.is_closed,
        "tables": tables.collect::<Map<_, _>>(),
        "complaints": report.complaints,
    })
}
