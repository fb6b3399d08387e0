//! The program: arguments in, exit code out. What it does is in [`clown_hub::cli`].

use std::process::ExitCode;

use clown_hub::cli::Cli;

/// Idle connections and last values take less room by it, and messages less time (`docs/performance.md`).
#[cfg(all(feature = "jemalloc", target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    Cli::from_arguments().run()
}
