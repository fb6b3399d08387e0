//! The program: arguments in, exit code out. What it does is in [`clown_hub::cli`].

use std::process::ExitCode;

use clap::Parser;
use clown_hub::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
