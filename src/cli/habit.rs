//! What people type who know Mosquitto, NATS or a shell, and what to type here instead.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

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

/// The command line that one with the flags of `mosquitto_pub` or `mosquitto_sub` means here; the error is a sentence about a flag that
/// means nothing here. `-h` alone asks for help.
pub(super) fn mosquitto(args: &[String]) -> Option<Result<Vec<String>, String>> {
    let (command, rest) = args.split_first()?;
    if command != "pub" && command != "sub" {
        return None;
    }
    let rest: Vec<_> = rest.iter().map(String::as_str).take_while(|arg| *arg != "--").collect();
    let names_host = rest.windows(2).any(|pair| matches!(pair, ["-h", host] if !host.starts_with('-')));
    if !names_host && !rest.iter().any(|arg| matches!(*arg, "-t" | "-m" | "-L")) {
        return None;
    }
    Some(Meant::of(command, rest.into_iter()).map(|meant| meant.arguments(command)))
}

/// Flags of this program that take a value; those of Mosquitto may stand beside them.
const OURS_WITH_VALUES: [&str; 10] = [
    "--ca",
    "--context",
    "--count",
    "--for",
    "--format",
    "--lease",
    "--retained",
    "--safe",
    "--template",
    "--url",
];

/// What the flags of Mosquitto's tools say.
#[derive(Default)]
struct Meant<'a> {
    topics: Vec<&'a str>,
    message: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<&'a str>,
    user: Option<&'a str>,
    password: Option<&'a str>,
    /// Whether TLS is asked for.
    is_encrypted: bool,
    ours: Vec<String>,
}

impl<'a> Meant<'a> {
    fn of(command: &str, mut args: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let (mut meant, is_sub) = (Self::default(), command == "sub");
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().ok_or_else(|| format!("{arg} of mosquitto_{command} takes a value"));
            match arg {
                "-t" | "--topic" => meant.topics.push(value()?),
                "-m" | "--message" => meant.message = Some(value()?),
                "-h" | "--host" => meant.host = Some(value()?),
                "-p" | "--port" => meant.port = Some(value()?),
                "-u" | "--username" => meant.user = Some(value()?),
                "-P" | "--pw" => meant.password = Some(value()?),
                "-r" | "--retain" => meant.flag("--retain"),
                "-f" | "--file" if !is_sub => meant.flags(["--file", value()?]),
                "-s" | "--stdin-file" => meant.flags(["--file", "-"]),
                "-n" | "--null-message" => meant.message = Some("null"),
                "-C" => meant.flags(["--count", value()?]),
                "-W" if is_sub => {
                    let seconds = format!("{}s", value()?);
                    meant.flags(["--for", &seconds]);
                }
                "-R" => meant.flags(["--retained", "no"]),
                "--retained-only" => meant.flags(["--retained", "only"]),
                // A message is confirmed or it is not; a subscription has no quality of service.
                "-q" | "--qos" => {
                    if value()? != "0" && !is_sub {
                        meant.flag("--confirm");
                    }
                }
                "--cafile" => {
                    meant.is_encrypted = true;
                    meant.flags(["--ca", value()?]);
                }
                // Who and how, which is the same for every client here.
                "-i" | "--id" | "-I" | "--id-prefix" | "-k" | "--keepalive" | "-V" | "--protocol-version" => {
                    value()?;
                }
                // Lines of input are what is read where there is no payload; the rest is so here, or of no use.
                "-l" | "--stdin-line" | "-v" | "--verbose" | "-d" | "--debug" | "-c" | "-N" | "--quiet" => {}
                "-F" if is_sub => meant.flags(["--template", value()?]),
                "-L" => {
                    return Err(unknown(arg, command, "--url ws://USER:PASSWORD@HOST:PORT and the topic"));
                }
                "-T" | "-U" | "-E" | "-x" | "-D" | "--will-topic" | "--will-payload" | "--cert" | "--key" => {
                    return Err(unknown(arg, command, "there is nothing like it in this program"));
                }
                flag if OURS_WITH_VALUES.contains(&flag) => meant.flags([flag, value()?]),
                flag if flag.starts_with("--") => meant.flag(flag),
                topic => meant.topics.push(topic),
            }
        }
        Ok(meant)
    }

    fn flag(&mut self, flag: &str) {
        self.ours.push(flag.to_owned());
    }

    fn flags(&mut self, words: [&str; 2]) {
        self.ours.extend(words.map(str::to_owned));
    }

    /// The same in our words.
    fn arguments(&self, command: &str) -> Vec<String> {
        let mut words = vec![command.to_owned()];
        let is_encrypted = self.is_encrypted || self.port == Some("8883");
        if is_encrypted || self.host.is_some() || self.port.is_some() || self.user.is_some() {
            let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let password =
                self.password.map_or_else(String::new, |password| format!(":{}", encoded(password)));
            let user = self.user.map_or_else(String::new, |user| format!("{}{password}@", encoded(user)));
            // The ports of MQTT brokers are no ports of a hub.
            let (scheme, usual) = if is_encrypted { ("wss", "8443") } else { ("ws", "8080") };
            let port = self.port.filter(|port| !matches!(*port, "1883" | "8883")).unwrap_or(usual);
            let host = self.host.unwrap_or("127.0.0.1");
            words.extend(["--url".to_owned(), format!("{scheme}://{user}{host}:{port}")]);
        }
        words.extend(self.ours.iter().cloned());
        if command == "pub" {
            words.push("--json-or-text".to_owned());
        }
        words.push("--".to_owned());
        words.extend(self.topics.iter().chain(&self.message).map(|word| (*word).to_owned()));
        words
    }
}

fn unknown(flag: &str, command: &str, instead: &str) -> String {
    format!("{flag} of mosquitto_{command} means nothing here: {instead}")
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
    fn flags_of_mosquitto_become_ours() {
        let said = |line: &str| {
            let args: Vec<_> = line.split(' ').map(str::to_owned).collect();
            mosquitto(&args).map(|said| said.map(|words| words.join(" ")))
        };
        let is = |line: &str, meant: &str| assert_eq!(said(line).unwrap().as_deref(), Ok(meant), "{line}");
        is("pub -t x -m 1", "pub --json-or-text -- x 1");
        is("pub -r -q 1 -t x -m on", "pub --retain --confirm --json-or-text -- x on");
        is("pub -t x -r -n", "pub --retain --json-or-text -- x null");
        is("pub -t x -l", "pub --json-or-text -- x");
        is("pub -t x -f photo -i me -q 0", "pub --file photo --json-or-text -- x");
        is("pub -t x -m -5 --node", "pub --node --json-or-text -- x -5");
        is("sub -h house -t #", "sub --url ws://house:8080 -- #");
        is(
            "sub -v -h house -p 1883 -u j@na -P s3/cret -t a/# -q 2",
            "sub --url ws://j%40na:s3%2Fcret@house:8080 -- a/#",
        );
        is("sub -h house -p 80 -C 3 -W 5 -t a -t b", "sub --url ws://house:80 --count 3 --for 5s -- a b");
        is(
            "sub -u jana -t a -R --format json",
            "sub --url ws://jana@127.0.0.1:8080 --retained no --format json -- a",
        );
        // Who asks for TLS gets TLS, and no password goes out without it.
        is("sub --cafile ca.pem -h house -t a", "sub --url wss://house:8443 --ca ca.pem -- a");
        is(
            "pub -h house -p 8883 -u jana -P secret -t a -m 1",
            "pub --url wss://jana:secret@house:8443 --json-or-text -- a 1",
        );
        is("sub -p 9090 -t a", "sub --url ws://127.0.0.1:9090 -- a");
        is("sub -t a -F %t:%p", "sub --template %t:%p -- a");
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
        for (line, why) in [
            ("sub -L mqtt://house/a", "-L of mosquitto_sub means nothing here: --url ws://"),
            ("pub -t", "-t of mosquitto_pub takes a value"),
        ] {
            assert!(said(line).unwrap().unwrap_err().starts_with(why), "{line}");
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
