//! `clown-hub sessions`: which pages are signed in, and how to end that while the hub runs.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use tokio::time::Instant;

use super::exit::help_end;
use super::serve::{ConfigArgs, store_directory};
use super::{OperatorError, escape, output};
use crate::access::KeptWebSession;
use crate::store::{Asked, Beside};

/// How long the hub may take to do it: it looks every second.
const PATIENCE: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(50);

pub(super) const AFTER_HELP: &str = help_end!(
    "Examples:
  clown-hub sessions
  clown-hub sessions revoke 5f0c1d2e3a4b
  clown-hub sessions revoke --user jana"
);

/// List the pages that are signed in, or end their sign-ins
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(super) struct SessionsArgs {
    #[command(subcommand)]
    command: Option<SessionsCommand>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
enum SessionsCommand {
    /// End sign-ins, also while the hub runs: their sockets are closed
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
struct RevokeArgs {
    /// The sign-ins, as `clown-hub sessions` calls them
    #[arg(required_unless_present = "user", conflicts_with = "user", value_name = "ID")]
    ids: Vec<String>,
    /// All sign-ins of this account
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn sessions(args: &SessionsArgs) -> anyhow::Result<()> {
    match &args.command {
        None => list(&args.config),
        Some(SessionsCommand::Revoke(args)) => revoke(args),
    }
}

fn open(config: &ConfigArgs) -> anyhow::Result<Beside> {
    let settings = config.settings()?;
    let Some(directory) = store_directory(&settings.store) else {
        let sentence = "there is no store (store.directory): sign-ins are in the memory of the hub, and a restart ends them all";
        return Err(OperatorError::new(sentence).into());
    };
    let directory: PathBuf = std::path::absolute(&directory).unwrap_or(directory);
    Ok(Beside::open(&directory).map_err(OperatorError::new)?)
}

fn list(config: &ConfigArgs) -> anyhow::Result<()> {
    let beside = open(config)?;
    let (mut sessions, now) = (beside.web_sessions().map_err(OperatorError::new)?, SystemTime::now());
    // Some that are over stay in the file for a while.
    sessions.retain(|kept| kept.until > now);
    sessions.sort_by(|one, other| (&one.user, other.used).cmp(&(&other.user, one.used)));
    output::print(&table(&sessions, now))
}

fn revoke(args: &RevokeArgs) -> anyhow::Result<()> {
    let mut beside = open(&args.config)?;
    let sessions = beside.web_sessions().map_err(OperatorError::new)?;
    let (asked, what) = if let Some(user) = &args.user {
        let count = sessions.iter().filter(|kept| *kept.user == **user).count();
        // One that began a moment ago is in the memory of the hub only, and ends as well.
        (beside.revoke_user(user), format!("all of {user}, of which the store had {count}"))
    } else {
        let find = |id: &String| {
            let found = sessions.iter().find(|kept| kept.id() == *id).cloned();
            found.ok_or_else(|| {
                OperatorError::new(format!("no page is signed in as {id:?}; `clown-hub sessions` shows them"))
            })
        };
        let chosen = args.ids.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        (beside.revoke(&chosen), chosen.len().to_string())
    };
    let asked = asked.map_err(OperatorError::new)?;
    let said = if is_done(&beside, &asked)? {
        format!("sign-ins ended: {what}; their sockets are closed\n")
    } else {
        format!(
            "sign-ins ended: {what}; no hub has answered; the next one that starts with this store lets none of them in\n"
        )
    };
    output::print(&said)
}

/// Waits for the hub, if there is one.
fn is_done(beside: &Beside, asked: &Asked) -> Result<bool, OperatorError> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if beside.is_done(asked).map_err(OperatorError::new)? {
            return Ok(true);
        }
        std::thread::sleep(LOOK);
    }
    Ok(false)
}

fn table(sessions: &[KeptWebSession], now: SystemTime) -> String {
    if sessions.is_empty() {
        return "no page is signed in\n".to_owned();
    }
    let head = ["ID", "USER", "SINCE", "USED", "ENDS", "FROM", "BROWSER"].map(str::to_owned);
    let rows = sessions.iter().map(|kept| {
        let age = |time: SystemTime| {
            let age = now.duration_since(time).unwrap_or_default();
            format!("{} ago", span(age))
        };
        let left = span(kept.until.duration_since(now).unwrap_or_default());
        [
            kept.id(),
            escape::escaped(&kept.user).into_owned(),
            age(kept.created),
            age(kept.used),
            if kept.stays { format!("in {left}, or later") } else { format!("in {left}") },
            escape::escaped(&kept.visitor.address).into_owned(),
            escape::escaped(&kept.visitor.browser).into_owned(),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..6).filter_map(width).collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(widths.iter().copied().chain([0]));
        let cells: Vec<_> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// In the one unit that says most.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Visitor;

    #[test]
    fn a_sign_in_is_a_line_that_people_know_their_own_by() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1_000_000);
        let kept = |number: u8, user: &str, stays: bool, browser: &str| KeptWebSession {
            digest: [number; 32],
            user: user.into(),
            account: [7; 32],
            created: now - Duration::from_hours(50),
            used: now - Duration::from_mins(5),
            until: now + Duration::from_hours(if stays { 720 } else { 7 }),
            stays,
            visitor: Visitor { address: "192.168.1.20".into(), browser: browser.into() },
        };
        let sessions =
            [kept(1, "emil", false, "curl\u{1b}[31m"), kept(0xab, "jana", true, "Firefox on Android")];
        insta::assert_snapshot!(table(&sessions, now), @r"
        ID            USER  SINCE    USED       ENDS               FROM          BROWSER
        010101010101  emil  2 d ago  5 min ago  in 7 h             192.168.1.20  curl\u001b[31m
        abababababab  jana  2 d ago  5 min ago  in 30 d, or later  192.168.1.20  Firefox on Android
        ");
        assert_eq!(table(&[], now), "no page is signed in\n");
    }
}
