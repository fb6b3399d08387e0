//! `clown-hub-bench`: a load generator for any Clown hub on this machine, and for its peers. It is made so that it is
//! not what is measured: one thread, one epoll, reused buffers, and no time taken from what the hub's process is
//! charged.

#![cfg(target_os = "linux")]
#![expect(clippy::cast_precision_loss, reason = "figures for people have three digits")]

mod arguments;
mod clock;
mod curve;
mod dialect;
mod fleet;
mod kinds;
mod latency;
mod message;
mod picture;
mod recipe;
mod report;
mod scenario;
mod stream;
mod target;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use self::arguments::{Mistake, key_and_value};
use self::curve::{Growth, Sweep};
use self::kinds::Kinds;
use self::recipe::{Own, Recipe};
use self::report::Report;
use self::scenario::{Kind, Outcome, Scenario, Sizes, Stage};

macro_rules! scenarios {
    () => {
        "\
fanout: 1 publisher, N readers, bursts of B     filters: F wildcard filters, M match a message
fanin: N devices, wildcard readers, a rate      stall: one of N readers stops, the data do not
roundtrip: operator, device, operator           mixed: a day of a house in so many seconds
idle: N connections that do nothing             retained: V last values under N bases
unmatched: F filters match nothing, M match all handshakes: clients come and go
neighbour: one client beside a dear one"
    };
}

const AFTER_HELP: &str = concat!(
    scenarios!(),
    "

Example: clown-hub-bench fanout --readers 100 --burst 32 --vs target/release/floor
All options: clown-hub-bench --help"
);

const AFTER_LONG_HELP: &str = concat!(
    scenarios!(),
    "

URL_OR_COMMAND is one of
  ws://HOST:PORT#PID                what runs already, and its process
  PROGRAM ARGS…                     a program that prints its URL
  URL PROGRAM ARGS…                 a program that serves there; {port} in both is a free port
and the scheme says what is spoken: ws (Clown.Talk), mqtt, mqtt+ws or nats.

Example: clown-hub-bench fanout --readers 100 --burst 32 --vs target/release/floor
Exit codes: 0 every message came once and in order, 1 not so, 2 a mistake in arguments."
);

/// Put a hub on this machine under load and count what comes back.
///
/// Starts a hub of its own unless --url names one. A size that is not given is that of docs/performance.md.
#[derive(Debug, Parser)]
#[command(name = "clown-hub-bench", version, max_term_width = 100)]
#[command(after_help = AFTER_HELP, after_long_help = AFTER_LONG_HELP)]
struct Arguments {
    /// What is done
    #[arg(value_enum, hide_possible_values = true)]
    scenario: Scenario,
    #[command(flatten)]
    sizes: Sizes,
    /// Runs of each target, in turns; prints medians [default: 1, of two 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// Repeat it for several sizes, as in `--over readers=10,100,1000`, and print a table
    #[arg(long, hide_short_help = true, value_name = "SIZE=N,N,…")]
    over: Option<Sweep>,
    /// Draw the growth over these sizes
    #[arg(long, hide_short_help = true, value_name = "FILE", requires = "over")]
    svg: Option<PathBuf>,
    /// The program of the hub; without it the clown-hub beside this program
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "target"])]
    hub: Option<PathBuf>,
    /// A hub that runs already
    #[arg(long, value_name = "URL", requires = "pid")]
    url: Option<String>,
    /// The process of that hub
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// What to measure in place of a hub that is started here
    #[arg(long, hide_short_help = true, value_name = "URL_OR_COMMAND", conflicts_with_all = ["url", "sets"])]
    target: Option<String>,
    /// What to compare with
    #[arg(long, value_name = "URL_OR_COMMAND")]
    vs: Option<String>,
    /// Measure the hub over TLS; beside it, if nothing else is named, without
    #[arg(long, conflicts_with_all = ["url", "target"])]
    tls: bool,
    /// Run a hub that is started here on this CPU only
    #[arg(long, hide_short_help = true, value_name = "CPU")]
    pin_server: Option<usize>,
    /// Run the generator on this CPU only
    #[arg(long, hide_short_help = true, value_name = "CPU")]
    pin_client: Option<usize>,
    /// Sets a key of the hub's configuration, as in `--set server.io_threads=2`
    #[arg(long = "set", hide_short_help = true, value_name = "KEY=VALUE", value_parser = key_and_value, conflicts_with = "url")]
    sets: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Does what was asked for on the command line, and says by the exit code how it went.
#[expect(clippy::print_stderr, reason = "the last word to whoever typed it")]
pub fn run() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| arguments::complain(&error));
    match bench(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clown-hub-bench: {error:#}");
            ExitCode::from(if error.is::<Mistake>() { 2 } else { 1 })
        }
    }
}

/// Every message came once and in order, or a sentence that says otherwise.
fn bench(args: &Arguments) -> anyhow::Result<()> {
    if args.scenario == Scenario::Neighbour {
        refuse_others(args)?;
    } else if args.sizes.kind().is_some() {
        return Err(Mistake::new("--kind belongs to the scenario neighbour").into());
    }
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        return Err(Mistake::new(format!("the limit of open files cannot be raised: {error}")).into());
    }
    if args.scenario == Scenario::Neighbour {
        return neighbour(args);
    }
    let mut recipes = vec![hub(args, &args.sizes)?];
    match (&args.vs, recipes.as_slice()) {
        (Some(vs), _) => recipes.push(Recipe::parse(vs)?),
        (None, [Recipe::Own(own)]) if own.tls => recipes.push(Recipe::Own(Own { tls: false, ..own.clone() })),
        _ => {}
    }
    let Some(sweep) = &args.over else {
        let report = measure(args, &args.sizes, &recipes, "")?;
        report.print(args.json);
        return verdict(report.complaint());
    };
    let reports = sweep.values.iter().map(|value| {
        let sizes = args.sizes.with(&sweep.size, *value)?;
        Ok((*value, measure(args, &sizes, &recipes, &format!(" with {value} {}", sweep.size))?))
    });
    let reports = reports.collect::<anyhow::Result<_>>()?;
    let names = recipes.iter().map(Recipe::name).collect();
    let growth = Growth::new(args.scenario, &sweep.size, names, reports);
    growth.print(args.json);
    args.svg.as_deref().map_or(Ok(()), |file| growth.draw(file))?;
    verdict(growth.complaint())
}

/// One kind, or all of them in turn.
fn neighbour(args: &Arguments) -> anyhow::Result<()> {
    let one = |kind: Kind| {
        let sizes = args.sizes.of_kind(kind);
        measure(args, &sizes, &[hub(args, &sizes)?], &format!(" {}", kind.name()))
    };
    if let Some(kind) = args.sizes.kind() {
        let report = one(kind)?;
        report.print(args.json);
        return verdict(report.complaint());
    }
    let reports = Kind::value_variants().iter().map(|kind| Ok((*kind, one(*kind)?)));
    let kinds = Kinds(reports.collect::<anyhow::Result<_>>()?);
    kinds.print(args.json);
    verdict(kinds.complaint())
}

/// It needs a hub with its own accounts and with the limits of the default.
fn refuse_others(args: &Arguments) -> anyhow::Result<()> {
    let others = [
        ("--url", args.url.is_some()),
        ("--target", args.target.is_some()),
        ("--vs", args.vs.is_some()),
        ("--over", args.over.is_some()),
    ];
    match others.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => {
            let sentence =
                format!("neighbour starts a hub of its own: name its program by --hub, not by {flag}");
            Err(Mistake::new(sentence).into())
        }
        None => Ok(()),
    }
}

fn verdict(complaint: Option<String>) -> anyhow::Result<()> {
    complaint.map_or(Ok(()), |complaint| Err(anyhow::anyhow!(complaint)))
}

/// All rounds of all targets, in turns.
fn measure(args: &Arguments, sizes: &Sizes, recipes: &[Recipe], what: &str) -> anyhow::Result<Report> {
    let rounds = args.rounds.unwrap_or(if recipes.len() > 1 { 3 } else { 1 });
    let mut outcomes: Vec<Vec<Outcome>> = recipes.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for ((recipe, outcomes), name) in recipes.iter().zip(&mut outcomes).zip(["hub", "vs"]) {
            let label = format!("{}{what} {name} {round}/{rounds}", args.scenario);
            outcomes.push(once(args, sizes, recipe, label)?);
        }
    }
    Ok(Report::new(args.scenario, &outcomes))
}

fn hub(args: &Arguments, sizes: &Sizes) -> anyhow::Result<Recipe> {
    match (&args.target, &args.url, args.pid) {
        (Some(target), ..) => Recipe::parse(target),
        (None, Some(url), Some(pid)) => Recipe::running(url, pid),
        _ => {
            let keys = [args.scenario.keys(sizes), args.sets.clone()].concat();
            let (program, accounts) = (args.hub.clone(), args.scenario.accounts());
            Ok(Recipe::Own(Own { program, keys, accounts, tls: args.tls }))
        }
    }
}

fn once(args: &Arguments, sizes: &Sizes, recipe: &Recipe, label: String) -> anyhow::Result<Outcome> {
    let target = recipe.start(args.pin_server)?;
    if let Some(cpu) = args.pin_client {
        recipe::pin(cpu)?;
    }
    let progress = report::Progress::new(label, std::io::stderr().is_terminal());
    let mut stage = Stage::new(sizes, &target, progress)?;
    args.scenario.play(&mut stage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_measurement_in_the_documents_is_a_command_that_the_program_takes() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
        let page = std::fs::read_to_string(page).unwrap();
        let inline = page.split('`').filter_map(|text| text.strip_prefix("bench "));
        let lines = page.lines().filter_map(|line| line.strip_prefix("target/release/clown-hub-bench "));
        let commands: std::collections::BTreeSet<_> = inline.chain(lines).collect();
        assert!(commands.len() >= 10, "{commands:?}");
        for command in commands {
            let words = command.split_whitespace().map(|word| if word == "$FLOOR" { "floor" } else { word });
            let taken = Arguments::try_parse_from(["bench"].into_iter().chain(words));
            assert!(taken.is_ok(), "{command}: {:?}", taken.err().map(|error| error.to_string()));
        }
    }
}
