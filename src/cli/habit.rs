//! What people type who know Mosquitto, NATS or a shell, and what to type here instead.

use super::exit::OperatorError;
use super::repair::json_of;
use super::secrets::looks_secret;
use crate::topic::foreign_wildcard;

/// Refuses wildcards of other systems: such a filter would match nothing, without a message.
pub(super) fn wildcards(filter: &str) -> Result<(), String> {
    match foreign_wildcard(filter) {
        None => Ok(()),
        Some((whose, meant)) => Err(format!("{filter} has a wildcard {whose}; here it is {}", shell(&meant))),
    }
}

/// The sentence for a command line with the flags of `mosquitto_pub` or `mosquitto_sub`. `-h` alone asks for help.
pub(super) fn mosquitto(args: &[String]) -> Option<String> {
    let (command, rest) = args.split_first()?;
    let tool = match command.as_str() {
        "pub" => "mosquitto_pub",
        "sub" => "mosquitto_sub",
        _ => return None,
    };
    let rest: Vec<_> = rest.iter().map(String::as_str).take_while(|arg| *arg != "--").collect();
    let names_host = rest.windows(2).any(|pair| matches!(pair, ["-h", host] if !host.starts_with('-')));
    if !names_host && !rest.iter().any(|arg| matches!(*arg, "-t" | "-m")) {
        return None;
    }
    let meant = Meant::of(rest.into_iter().filter(|arg| !looks_secret(arg)));
    Some(format!("those are flags of {tool}; here type: {}", meant.command(command)))
}

/// What the flags of Mosquitto's tools say.
#[derive(Default)]
struct Meant<'a> {
    topics: Vec<&'a str>,
    message: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<&'a str>,
    user: Option<&'a str>,
    ours: Vec<String>,
}

impl<'a> Meant<'a> {
    fn of(mut args: impl Iterator<Item = &'a str>) -> Self {
        let mut meant = Self::default();
        while let Some(arg) = args.next() {
            match arg {
                "-t" | "--topic" => meant.topics.extend(args.next()),
                "-m" | "--message" => meant.message = args.next(),
                "-h" | "--host" => meant.host = args.next(),
                "-p" | "--port" => meant.port = args.next(),
                "-u" | "--username" => meant.user = args.next(),
                "-r" | "--retain" => meant.ours.push("--retain".to_owned()),
                "-C" => meant.ours.extend(args.next().map(|count| format!("--count {}", shell(count)))),
                "-W" => meant.ours.extend(args.next().map(|time| format!("--for {}", shell(time)))),
                // A password, an identity, a quality of service and the like: nothing of it is repeated.
                "-P" | "--pw" | "-i" | "--id" | "-I" | "-q" | "--qos" | "-k" | "-V" | "-F" | "--cafile"
                | "--url" => {
                    args.next();
                }
                flag if flag.starts_with('-') => {}
                topic => meant.topics.push(topic),
            }
        }
        meant
    }

    fn command(&self, command: &str) -> String {
        let mut words = vec!["clown-hub".to_owned(), command.to_owned()];
        if let Some(host) = self.host {
            let user = self.user.map_or_else(String::new, |user| format!("{user}:PASSWORD@"));
            // The ports of MQTT brokers are no ports of a hub.
            let port = self.port.filter(|port| !matches!(*port, "1883" | "8883")).unwrap_or("8080");
            words.extend(["--url".to_owned(), shell(&format!("ws://{user}{host}:{port}"))]);
        }
        words.extend(self.ours.iter().cloned());
        words.extend(self.topics.iter().map(|topic| shell(topic)));
        if command == "pub" && self.topics.is_empty() {
            words.push("TOPIC".to_owned());
        }
        if let Some(message) = self.message {
            words
                .push(json_of(message).map_or_else(|| "'{\"state\": true}'".to_owned(), |json| shell(&json)));
        }
        words.join(" ")
    }
}

/// A word as a shell takes it for one.
pub(super) fn shell(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:+@%,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The payload, where it was typed as one word. A shell makes several of `{state: true}` without quotes.
pub(super) fn one_payload<'a>(
    command: &str,
    payload: &'a str,
    rest: &[String],
) -> Result<&'a str, OperatorError> {
    let Some(first) = rest.first() else { return Ok(payload) };
    if rest.iter().chain([&payload.to_owned()]).any(|word| looks_secret(word)) {
        return Err(OperatorError::new("there is more than one payload; a URL goes behind --url"));
    }
    let whole = [&[payload.to_owned()], rest].concat().join(" ");
    let meant = json_of(&whole).filter(|json| json.chars().count() <= 80);
    Err(OperatorError::new(match meant {
        Some(json) => format!(
            "the shell made {} words of the payload, so put it in single quotes; type: {command} {}",
            rest.len() + 1,
            shell(&json)
        ),
        None => format!(
            "there is more than one payload, here {}; put a payload of several words in single quotes",
            shell(first)
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_others_are_named_with_ours() {
        for (filter, ours) in [
            ("nodes/*", "'nodes/#'"),
            ("*", "'#'"),
            ("nodes/*/temperature", "nodes/+/temperature"),
            ("nodes.>", "'nodes/#'"),
            ("nodes/>", "'nodes/#'"),
            (">", "'#'"),
            ("nodes.*.temperature", "nodes/+/temperature"),
            ("nodes.*", "nodes/+"),
        ] {
            let said = wildcards(filter).unwrap_err();
            assert!(said.ends_with(&format!("here it is {ours}")), "{said}");
        }
        for filter in ["#", "nodes/#", "nodes/+/a*b", "fw/1.2.3", "1.2", "a>b", "x/1.*"] {
            assert_eq!(wildcards(filter), Ok(()), "{filter}");
        }
    }

    #[test]
    fn flags_of_mosquitto_become_ours_and_no_password_is_repeated() {
        let said = |line: &str| {
            let args: Vec<_> = line.split(' ').map(str::to_owned).collect();
            mosquitto(&args).map(|said| said.split_once("type: ").unwrap().1.to_owned())
        };
        let is = |line: &str, meant: &str| assert_eq!(said(line).as_deref(), Some(meant), "{line}");
        is("pub -t x -m 1", "clown-hub pub x 1");
        is("pub -r -t x -m on", "clown-hub pub --retain x '\"on\"'");
        is("sub -h house -t #", "clown-hub sub --url ws://house:8080 '#'");
        is(
            "sub -v -h house -p 1883 -u jana -P s3cret -t a/#",
            "clown-hub sub --url ws://jana:PASSWORD@house:8080 'a/#'",
        );
        is("sub -h house -p 80 -C 3 -t a -t b", "clown-hub sub --url ws://house:80 --count 3 a b");
        is("sub -h house", "clown-hub sub --url ws://house:8080");
        for ours in [
            "sub -h",
            "pub -h",
            "pub a 1 --retain",
            "sub a -h",
            "pub -- -t 1",
            "pub -/a 1",
            "nodes -h x",
            "sub",
        ] {
            assert_eq!(said(ours), None, "{ours}");
        }
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_change_it() {
        assert_eq!(shell("a/b-c_1"), "a/b-c_1");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("a#"), "'a#'");
    }
}
