//! `clown-hub access explain`: which filter of an account allows something, or why none does; and all that it may do.

use clap::{Args, Subcommand, ValueEnum};

use super::exit::help_end;
use super::serve::{ConfigArgs, accounts};
use super::user::described;
use super::{OperatorError, habit, output};
use crate::access::Account;
use crate::topic::{Filter, Limits, Topic};

const AFTER_HELP: &str = help_end!(
    "Write topics and filters in full, with the base in front, as in users.toml.

Examples:
  clown-hub access explain jana
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
    /// The right in question; without it all rights are listed
    #[arg(value_enum, value_name = "RIGHT", requires = "topic")]
    right: Option<Right>,
    /// The topic to publish to, or the filter to subscribe to
    topic: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Right {
    Publish,
    Retain,
    Subscribe,
}

pub(super) fn access(command: &AccessCommand) -> anyhow::Result<()> {
    let AccessCommand::Explain(args) = command;
    let settings = args.config.settings()?;
    let accounts = accounts(&settings.users.file)?;
    let Some(account) = accounts.get(&args.user) else {
        let file = settings.users.file.display();
        let sentence = if accounts.is_demo() {
            format!(
                "there is no {file} yet, and the demo user clown may do everything; `clown-hub user add` begins it"
            )
        } else {
            format!("there is no account {:?} in {file}; `clown-hub user list` shows them", args.user)
        };
        return Err(OperatorError::new(sentence).into());
    };
    let Some((right, topic)) = args.right.zip(args.topic.as_ref()) else {
        return output::print(&described(account, true));
    };
    let question = Question { right, user: &args.user, topic };
    question.answer(account, &settings.limits.topic)
}

/// Whether an account has a right to a topic or a filter.
struct Question<'a> {
    right: Right,
    user: &'a str,
    topic: &'a str,
}

impl Question<'_> {
    fn answer(&self, account: &Account, limits: &Limits) -> anyhow::Result<()> {
        let wrong =
            |error: crate::topic::TopicError| OperatorError::new(format!("{:?}: {error}", self.topic));
        let (rights, user, topic) = (account.rights(), self.user, self.topic);
        let (filters, allowing, overlapping): (&[Filter], Vec<_>, Vec<_>) = match self.right {
            Right::Publish | Right::Retain => {
                let wanted = Topic::parse(topic, limits).map_err(wrong)?;
                if wanted.levels().next() == Some("$SYS") {
                    let sentence =
                        format!("no: {user} may not publish to {topic}: only the hub publishes under $SYS");
                    return Err(OperatorError::refused(sentence).into());
                }
                (
                    &rights.publish,
                    rights.publish.iter().filter(|filter| filter.matches(&wanted)).collect(),
                    vec![],
                )
            }
            Right::Subscribe => {
                habit::wildcards(topic).map_err(OperatorError::new)?;
                let wanted = Filter::parse(topic, limits).map_err(wrong)?;
                let covering = rights.subscribe.iter().filter(|filter| filter.covers(&wanted)).collect();
                let overlapping = rights.subscribe.iter().filter(|filter| filter.overlaps(&wanted)).collect();
                (&rights.subscribe, covering, overlapping)
            }
        };
        let (to, key) = match self.right {
            Right::Publish | Right::Retain => ("publish to", "publish"),
            Right::Subscribe => ("subscribe to", "subscribe"),
        };
        if !allowing.is_empty() {
            let of_role = account.role().filter(|role| {
                let rights = role.rights();
                let filters = if key == "publish" { &rights.publish } else { &rights.subscribe };
                allowing.iter().all(|filter| filters.contains(filter))
            });
            let by = format!("by {key} = [{}]", listed(&allowing));
            let by = of_role.map_or(by.clone(), |role| format!("{by} of the role {role}"));
            return self.allowed(rights.retain, &format!("{user} may {to} {topic}, {by}"));
        }
        let all: Vec<_> = filters.iter().collect();
        let why = match (all.is_empty(), overlapping.is_empty()) {
            (true, _) => format!("the account has no filters in `{key}`"),
            (false, true) => format!("none of its filters matches: {key} = [{}]", listed(&all)),
            (false, false) => format!(
                "one filter of the account must cover it whole, and these cover only a part: {}",
                listed(&overlapping)
            ),
        };
        let takes = format!("this takes the right {key}");
        Err(OperatorError::refused(format!("no: {user} may not {to} {topic}: {takes}, and {why}")).into())
    }

    /// A filter allows it; what is left is the right that the option `retain` takes.
    fn allowed(&self, may_retain: bool, sentence: &str) -> anyhow::Result<()> {
        match (self.right, may_retain) {
            (Right::Retain, true) => output::print(&format!("yes: {sentence} and retain = true\n")),
            (Right::Retain, false) => {
                let sentence = format!(
                    "no: {sentence}, but not with the option retain: this takes the right retain; set retain = true for this account"
                );
                Err(OperatorError::refused(sentence).into())
            }
            (Right::Publish, false) => output::print(&format!(
                "yes: {sentence}; but not with the option retain, as the account lacks retain = true\n"
            )),
            (Right::Publish | Right::Subscribe, _) => output::print(&format!("yes: {sentence}\n")),
        }
    }
}

fn listed(filters: &[&Filter]) -> String {
    filters.iter().map(|filter| format!("{:?}", filter.as_str())).collect::<Vec<_>>().join(", ")
}
