//! Text that is no TOML: where reading stopped, and the line that was meant if that is clear.

use toml::de::{DeTable, Error};

use super::mistake::{plain, quoted};
use super::question::Tells;
use super::value::Table;

/// How many mistakes of syntax are reported for one file; a file with more than that is probably no TOML.
const MOST_MISTAKES: usize = 20;

/// The tree of a text; or its mistakes of syntax with the byte where each stands, at most one a line, since what
/// follows on a line follows from that.
///
/// The name of a key is repeated only if `is_key` knows it: what stands before a `=` may be half of a URL with a
/// password in it.
pub(super) fn parse(
    text: &str,
    tells: Tells,
    is_key: impl Fn(&str) -> bool,
) -> Result<Table, Vec<(usize, String)>> {
    let (table, mut errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Table::new(0, table.get_ref()));
    }
    errors.sort_by_key(start);
    let mut mistakes: Vec<(usize, String)> = Vec::new();
    for error in &errors {
        let at = start(error);
        let is_new_line = mistakes
            .last()
            .and_then(|(before, _)| text.get(*before..at))
            .is_none_or(|between| between.contains('\n'));
        if is_new_line && mistakes.len() < MOST_MISTAKES {
            let (begins, line) = line(text, at);
            // Only the message: the whole error quotes the line, which may hold a password.
            mistakes.push(match (in_quotes(line, tells, &is_key), is_duplicate(error)) {
                (Some((column, meant)), _) => (begins + column, meant),
                (None, true) => (at, twice(text, line, &is_key)),
                (None, false) => (at, message(error)),
            });
        }
    }
    Err(mistakes)
}

fn start(error: &Error) -> usize {
    error.span().unwrap_or_default().start
}

fn message(error: &Error) -> String {
    plain(error.message().trim_end_matches(", expected nothing"))
}

fn is_duplicate(error: &Error) -> bool {
    error.message().starts_with("duplicate key")
}

/// What to do where a key or a section is there for a second time.
fn twice(text: &str, line: &str, is_key: impl Fn(&str) -> bool) -> String {
    let section =
        line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name);
    match section.map(str::trim).filter(|name| is_key(name)) {
        Some(name) if text.contains(&format!("[[{name}]]")) => {
            format!("there may be several of these; write [[{name}]] with two brackets, as above")
        }
        _ => "duplicate key: this key or section stands further up, too; keep one of the two".to_owned(),
    }
}

/// The line with this byte in it, and where it begins.
fn line(text: &str, at: usize) -> (usize, &str) {
    let begins = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    (begins, text.get(begins..).and_then(|rest| rest.lines().next()).unwrap_or_default())
}

/// The line as it was meant, where a text has no quotes, and where in it that text begins.
fn in_quotes(line: &str, tells: Tells, is_key: impl Fn(&str) -> bool) -> Option<(usize, String)> {
    let (key, rest) = line.split_once('=')?;
    let column = line.len() - rest.trim_start().len();
    let (key, value) = (key.trim(), rest.split(" #").next()?.trim());
    if value.is_empty() {
        return Some((column, "there is no value behind the =".to_owned()));
    }
    let is_bare = !value.contains(['"', '\'', '\\', '[', ']', '{', '}']);
    if !is_bare || DeTable::parse(&format!("x = {value}")).is_ok() {
        return None;
    }
    if !is_key(key) {
        return Some((
            column,
            "this is no number and no list, and a text is in quotes: write KEY = \"TEXT\"".to_owned(),
        ));
    }
    let value =
        if tells == Tells::Values && value.len() <= 80 { quoted(value) } else { "\"…\"".to_owned() };
    Some((column, format!("a text is in quotes; write {key} = {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, tells: Tells) -> String {
        let mistakes = parse(text, tells, |key| key == "listen").unwrap_err();
        mistakes.iter().map(|(_, sentence)| sentence.as_str()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_text_without_quotes_is_answered_with_the_line_to_write() {
        for value in ["127.0.0.1:8080", "/etc/users.toml", "localhost:8080", "a/#", "house"] {
            let told = told(&format!("[server]\n listen = {value} # here\n"), Tells::Values);
            assert_eq!(told, format!("a text is in quotes; write listen = {value:?}"));
        }
    }

    #[test]
    fn what_may_be_a_secret_is_never_repeated() {
        let texts =
            ["listen = s3cret", "password = s3cret", "ws://anna:s3cret@hub?a=1", "s3cret", "x = \"s3cret"];
        for text in texts {
            let told = told(text, Tells::Kinds);
            assert!(!told.contains("s3cret") && !told.is_empty(), "{told}");
        }
        assert!(!told("password = s3cret", Tells::Values).contains("s3cret"), "it is no key");
    }

    #[test]
    fn a_key_that_nobody_knows_gets_the_same_advice_without_its_words() {
        let advice = "this is no number and no list, and a text is in quotes: write KEY = \"TEXT\"";
        assert_eq!(told("adress = 127.0.0.1\n", Tells::Values), advice);
    }

    #[test]
    fn a_section_that_may_be_there_several_times_is_told_its_brackets() {
        assert_eq!(
            told("[[listen]]\na = 1\n[listen]\na = 2\n", Tells::Kinds),
            "there may be several of these; write [[listen]] with two brackets, as above"
        );
        assert_eq!(
            told("[listen]\na = 1\n[listen]\n", Tells::Kinds),
            "duplicate key: this key or section stands further up, too; keep one of the two"
        );
    }

    #[test]
    fn of_many_lines_without_sense_the_first_twenty_are_told() {
        assert_eq!(told(&"x\n".repeat(1000), Tells::Values).lines().count(), MOST_MISTAKES);
    }
}
