//! `clown-hub access explain`: which filter of an account allows something, or why none does.

use clap::{Args, Subcommand, ValueEnum};

use super::exit::help_end;
use super::serve::{ConfigArgs, accounts};
use super::{OperatorError, habit, output};
use crate::topic::{Filter, Limits, Topic};

const AFTER_HELP: &str = help_end!(
    "Topics and filters are whole, as the accounts have them: with the base in front.

Examples:
  clown-hub access explain jana publish nodes/bridge/0/relay/i2c0-3b/set
  clown-hub access explain display subscribe 'nodes/#' --users /etc/clown-hub/users.toml"
);

#[derive(Debug, Subcommand)]
pub(super) enum AccessCommand {
    /// Say whether an account may do something, and by which filter
    Explain(ExplainArgs),
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ExplainArgs {
    /// The account
    user: String,
    /// What they would do
    #[arg(value_enum)]
    deed: Deed,
    /// The topic they would publish to, or the filter they would subscribe to
    topic: String,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deed {
    Publish,
    Retain,
    Subscribe,
}

pub(super) fn access(command: &AccessCommand) -> anyhow::Result<()> {
    let AccessCommand::Explain(args) = command;
    let settings = args.config.settings()?;
    let accounts = accounts(&settings.users.file)?;
    let Some(rights) = accounts.rights(&args.user) else {
        let file = settings.users.file.display();
        let sentence =
            format!("there is no account {:?} in {file}; `clown-hub user list` shows them", args.user);
        return Err(OperatorError::new(sentence).into());
    };
    let wrong = |error: crate::topic::TopicError| OperatorError::new(format!("{:?}: {error}", args.topic));
    let limits: &Limits = &settings.limits.topic;
    let (user, topic) = (&args.user, &args.topic);
    let (filters, allowing, overlapping): (&[Filter], Vec<_>, Vec<_>) = match args.deed {
        Deed::Publish | Deed::Retain => {
            let wanted = Topic::parse(topic, limits).map_err(wrong)?;
            if wanted.levels().next() == Some("$SYS") {
                let sentence =
                    format!("no: {user} may not publish to {topic}: what is under $SYS is said by the hub");
                return Err(OperatorError::refused(sentence).into());
            }
            (
                &rights.publish,
                rights.publish.iter().filter(|filter| filter.matches(&wanted)).collect(),
                vec![],
            )
        }
        Deed::Subscribe => {
            habit::wildcards(topic).map_err(OperatorError::new)?;
            let wanted = Filter::parse(topic, limits).map_err(wrong)?;
            let covering = rights.subscribe.iter().filter(|filter| filter.covers(&wanted)).collect();
            let overlapping = rights.subscribe.iter().filter(|filter| filter.overlaps(&wanted)).collect();
            (&rights.subscribe, covering, overlapping)
        }
    };
    let (to, key) = match args.deed {
        Deed::Publish | Deed::Retain => ("publish to", "publish"),
        Deed::Subscribe => ("subscribe to", "subscribe"),
    };
    if !allowing.is_empty() {
        let by = format!("by {key} = [{}]", listed(&allowing));
        return allowed(args, rights.retain, &format!("{user} may {to} {topic}, {by}"));
    }
    let all: Vec<_> = filters.iter().collect();
    let why = match (all.is_empty(), overlapping.is_empty()) {
        (true, _) => format!("the account has no filters for {key}"),
        (false, true) => format!("none of its filters names that: {key} = [{}]", listed(&all)),
        (false, false) => format!(
            "one filter has to name all that it names, and these name only a part: {}",
            listed(&overlapping)
        ),
    };
    Err(OperatorError::refused(format!("no: {user} may not {to} {topic}: {why}")).into())
}

/// A filter allows it; what is left is the right that the option `retain` takes.
fn allowed(args: &ExplainArgs, may_retain: bool, sentence: &str) -> anyhow::Result<()> {
    match (args.deed, may_retain) {
        (Deed::Retain, true) => output::print(&format!("yes: {sentence} and retain = true\n")),
        (Deed::Retain, false) => {
            let sentence = format!(
                "no: {sentence}, but not with the option retain; set retain = true for this account to give it"
            );
            Err(OperatorError::refused(sentence).into())
        }
        (Deed::Publish, false) => output::print(&format!(
            "yes: {sentence}; not with the option retain, which takes retain = true\n"
        )),
        (Deed::Publish | Deed::Subscribe, _) => output::print(&format!("yes: {sentence}\n")),
    }
}

fn listed(filters: &[&Filter]) -> String {
    filters.iter().map(|filter| format!("{:?}", filter.as_str())).collect::<Vec<_>>().join(", ")
}
