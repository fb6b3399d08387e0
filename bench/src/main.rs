//! The program `clown-hub-bench`: arguments in, exit code out. What it does is in the library of the same name.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    clown_hub_bench::run()
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::print_stderr, reason = "the only thing that it says")]
fn main() -> ExitCode {
    eprintln!("clown-hub-bench: reads /proc, so it runs on Linux only");
    ExitCode::from(2)
}
