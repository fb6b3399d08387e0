//! `clown-hub access explain`: which filter of an account allows something, or why none does; and all that it may do.

use clap::{Args, Subcommand, ValueEnum};

use super::exit::help_end;
use super::serve::{ConfigArgs, accounts};
use super::user::described;
use super::{OperatorError, habit, output};
use crate::access;

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

impl From<Right> for access::Right {
    fn from(right: Right) -> Self {
        match right {
            Right::Publish => Self::Publish,
            Right::Retain => Self::Retain,
            Right::Subscribe => Self::Subscribe,
        }
    }
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
    if right == Right::Subscribe {
        habit::wildcards(topic).map_err(OperatorError::new)?;
    }
    let explained = account.explain(right.into(), topic, &settings.limits.topic);
    let explained = explained.map_err(|error| OperatorError::new(format!("{topic:?}: {error}")))?;
    if explained.is_allowed {
        return output::print(&format!("{}\n", explained.sentence));
    }
    Err(OperatorError::refused(explained.sentence).into())
}
