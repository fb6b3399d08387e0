//! Complaints about the command line, without what may hold a password.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::escape;
use super::secrets::looks_secret;

/// Prints what is wrong with the arguments, or the help that was asked for, and ends. `parse` reads arguments again.
#[expect(clippy::print_stderr, reason = "no log is set up yet")]
pub(super) fn complain<T>(
    error: clap::Error,
    parse: impl FnOnce(Vec<OsString>) -> Result<T, clap::Error>,
) -> ! {
    if is_bench(&error) {
        eprintln!("clown-hub: {BENCH}");
        std::process::exit(error.exit_code());
    }
    // What a script typed may be the words of others. The same complaint, about those words as they may be shown:
    let args: Vec<_> = std::env::args_os()
        .map(|arg| OsString::from(escape::escaped(&arg.to_string_lossy()).into_owned()))
        .collect();
    let error = parse(args.clone()).err().unwrap_or(error);
    let text = error.render().to_string();
    let shown = without_secrets(&text, args.into_iter().skip(1));
    let shown = escape::lines(&shown);
    if shown == text || matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        error.exit();
    }
    eprint!("{shown}");
    std::process::exit(error.exit_code());
}

/// The answer to a subcommand that there was once.
const BENCH: &str = "the load generator is a program of its own; in the folder of the sources, run: \
                     cargo build --release && cargo run --release -p clown-hub-bench -- --help";

fn is_bench(error: &clap::Error) -> bool {
    let word = error.get(ContextKind::InvalidSubcommand);
    matches!(word, Some(ContextValue::String(word)) if word == "bench")
}

/// Prints one sentence that says what to type, and ends.
pub(super) fn end_with(sentence: &str) -> ! {
    super::output::notice(sentence);
    std::process::exit(2);
}

/// The text with three dots in place of arguments that look like a URL.
fn without_secrets(text: &str, args: impl Iterator<Item = OsString>) -> String {
    let mut secrets: Vec<String> = args
        .map(|arg| arg.to_string_lossy().into_owned())
        .flat_map(|arg| [arg.split_once('=').map(|(_, value)| value.to_owned()), Some(arg)])
        .flatten()
        .filter(|arg| looks_secret(arg))
        .collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_url_is_not_repeated() {
        let shown = |arg: &str| {
            let text = format!("error: unexpected argument '{arg}' found");
            without_secrets(&text, std::iter::once(OsString::from(arg)))
        };
        for arg in ["ws://u:secret@hub", "u:secret@hub", "--url=u:secret@hub", "ws://secret"] {
            assert!(!shown(arg).contains("secret"), "{arg}");
        }
        assert_eq!(shown("--bogus"), "error: unexpected argument '--bogus' found");
    }
}
