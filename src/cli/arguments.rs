//! Complaints about the command line, without what may hold a password.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::escape;
use super::secrets::looks_secret;

/// Prints what is wrong with the arguments, or the help that was asked for, and ends. `parse` reads arguments again.
#[expect(clippy::print_stderr, reason = "no log is set up yet")]
pub(super) fn complain<T>(
    error: clap::Error,
    words: Vec<OsString>,
    parse: impl FnOnce(Vec<OsString>) -> Result<T, clap::Error>,
) -> ! {
    if is_bench(&error) {
        eprintln!("clown-hub: {BENCH}");
        std::process::exit(error.exit_code());
    }
    if let Some(advice) = unknown_flag(&error) {
        end_with(advice);
    }
    // The arguments of a script may contain texts of others. So make the same message again, about escaped arguments:
    let args: Vec<_> = words
        .into_iter()
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

/// What to type in place of a flag that other programs have, or of a value for a flag that takes none.
fn unknown_flag(error: &clap::Error) -> Option<&'static str> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return None };
    let typed: Vec<_> = std::env::args().skip(1).collect();
    let is_for_an_account = matches!(&typed[..], [user, add, ..] if user == "user" && add == "add");
    Some(match flag.as_str() {
        "--port" | "-p" => {
            "there is no such flag: the address and the port go together, as in --listen 127.0.0.1:9090"
        }
        "--admin" if is_for_an_account => {
            "there is no such flag here: an account for everything is made with `clown-hub user add NAME --admin`"
        }
        value
            if is_for_an_account
                && !value.starts_with('-')
                && typed.iter().any(|word| word == "--retain") =>
        {
            "--retain takes no filter: it is about the topics of --publish; type --publish FILTER --retain"
        }
        _ => return None,
    })
}

/// The answer to a subcommand that there was once.
const BENCH: &str = "the load generator is a program of its own; in the folder of the sources run: \
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
