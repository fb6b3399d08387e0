//! `clown-hub completions`: what a shell needs to complete our commands.

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::help_end;
use super::output;

const AFTER_HELP: &str = help_end!(
    "Examples:
  clown-hub completions bash > ~/.local/share/bash-completion/completions/clown-hub
  clown-hub completions zsh > \"${fpath[1]}/_clown-hub\""
);

/// Print the completion script of a shell.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// `command` is the whole command line.
pub(super) fn completions(args: &CompletionsArgs, command: &mut Command) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, command, "clown-hub", &mut text);
    output::print(&String::from_utf8_lossy(&text))
}
