//! The program: arguments in, exit code out. What it does is in [`clown_hub::cli`].

use std::process::ExitCode;

use clown_hub::cli::Cli;

fn main() -> ExitCode {
    Cli::from_arguments().run()
}
