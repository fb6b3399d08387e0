//! From the text of `bridges/*.toml` to settings: every mistake at once, with file, line and key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::packets::Version;
use super::rules::{Direction, Draft, Empty, Qos, REMOTE_LIMITS, Retain, Rule, Rules, Text};
use super::settings::{Broker, LinkSettings, Secret};
use crate::config::{plain, quoted};
use crate::topic::{Limits, Topic};

/// The longest file of a link.
pub const FILE_BYTES: u64 = 256 * 1024;
/// Rules that a link may have.
pub const MOST_RULES: usize = 200;

/// A whole number that a key takes.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// The key.
    pub key: &'static str,
    /// Its default.
    pub default: u32,
    /// The least.
    pub least: u32,
    /// The most.
    pub most: u32,
    /// Of what.
    pub unit: &'static str,
}

/// Every bound of a link that its file may change.
pub const NUMBERS: [Number; 7] = [
    Number { key: "keep_alive_seconds", default: 30, least: 5, most: 3600, unit: "seconds" },
    Number { key: "connect_seconds", default: 10, least: 1, most: 300, unit: "seconds" },
    Number { key: "session_seconds", default: 3600, least: 0, most: 604_800, unit: "seconds" },
    Number { key: "inflight", default: 100, least: 1, most: 10_000, unit: "messages" },
    Number { key: "packet_bytes", default: 1_048_576, least: 1024, most: 16_777_216, unit: "bytes" },
    Number { key: "queue_messages", default: 10_000, least: 1, most: 1_000_000, unit: "messages" },
    Number { key: "queue_bytes", default: 8_388_608, least: 1024, most: 1_073_741_824, unit: "bytes" },
];

/// The other keys of a link.
pub const KEYS: [&str; 11] = [
    "url",
    "version",
    "client_id",
    "user",
    "password_env",
    "password_file",
    "ca_file",
    "cert_file",
    "key_file",
    "status_topic",
    "rule",
];

/// The keys of a rule.
pub const RULE_KEYS: [&str; 8] =
    ["direction", "filter", "local_prefix", "remote_prefix", "qos", "retain", "text", "empty"];

/// One thing to be put right in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The path of the file.
    pub file: String,
    /// Where, counted from 1.
    pub line: Option<usize>,
    /// The key, where there is one.
    pub key: Option<String>,
    /// What was found and what to do. One line.
    pub sentence: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.sentence)
    }
}

/// What a link of this file is called: its name without `.toml`. `None` if it is no file of a link.
pub fn name(path: &Path) -> Option<Result<&str, String>> {
    let file = path.file_name()?.to_str()?;
    let name = file.strip_suffix(".toml")?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(sound) {
        let sentence =
            "the name of the file names the link: take 1 to 64 letters, digits, - and _ before .toml";
        return Some(Err(sentence.to_owned()));
    }
    Some(Ok(name))
}

/// Reads the file of a link.
pub fn load(path: &Path, limits: &Limits) -> Result<LinkSettings, Vec<Mistake>> {
    let file = path.display().to_string();
    let broken = |sentence: String| vec![Mistake { file: file.clone(), line: None, key: None, sentence }];
    let name = match name(path) {
        Some(Ok(name)) => name,
        Some(Err(sentence)) => return Err(broken(sentence)),
        None => return Err(broken("a link is a file whose name ends in .toml".to_owned())),
    };
    parse(name, &file, &text(path).map_err(broken)?, limits)
}

fn text(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let unreadable =
        |error: std::io::Error| format!("cannot be read: {error}; let the user of the hub read it");
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("is larger than {FILE_BYTES} bytes; is it the file of a link?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        format!("is not UTF-8 at byte {}; save it as UTF-8", error.utf8_error().valid_up_to())
    })
}

/// As [`load`], from a text.
pub fn parse(name: &str, file: &str, text: &str, limits: &Limits) -> Result<LinkSettings, Vec<Mistake>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { file, text, limits, mistakes: Vec::new() };
    if let Some(error) = errors.first() {
        let at = error.span().unwrap_or_default().start;
        reader.say(at, None, plain(error.message().trim_end_matches(", expected nothing")));
        return Err(reader.mistakes);
    }
    let settings = reader.link(name, table.get_ref());
    match settings {
        Some(settings) if reader.mistakes.is_empty() => Ok(settings),
        _ => {
            reader.mistakes.sort_by_key(|mistake| mistake.line);
            Err(reader.mistakes)
        }
    }
}

struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    limits: &'t Limits,
    mistakes: Vec<Mistake>,
}

type Table<'t> = DeTable<'t>;
type Value<'v, 't> = &'v Spanned<DeValue<'t>>;

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    fn say(&mut self, at: usize, key: Option<&str>, sentence: impl Into<String>) {
        let mistake = Mistake {
            file: self.file.to_owned(),
            line: Some(self.line(at)),
            key: key.map(str::to_owned),
            sentence: sentence.into(),
        };
        self.mistakes.push(mistake);
    }

    fn link(&mut self, name: &str, table: &Table<'_>) -> Option<LinkSettings> {
        let numbers = NUMBERS.map(|number| number.key);
        self.unknown(table, None, &[&KEYS[..], &numbers].concat());
        let broker = self.broker(table);
        let version = self.choice(table, "version", &[("5", Version::V5), ("3.1.1", Version::V3)]);
        let version = version.unwrap_or(Version::V5);
        let user = self.string(table, "user");
        let password = self.password(table, user.is_some());
        let tls = self.files(table, broker.as_ref());
        let status_topic = self.status_topic(table);
        let client_id = self.string(table, "client_id");
        if client_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 256) {
            self.say(
                at(table, "client_id"),
                Some("client_id"),
                "takes 1 to 256 bytes; leave it out to have one made",
            );
        }
        let [keep_alive, connect, session, inflight, packet_bytes, queue_messages, queue_bytes] =
            NUMBERS.map(|number| self.number(table, &number));
        let rules = self.rules(table, version);
        let seconds = |number: u32| Duration::from_secs(number.into());
        let (ca_file, identity) = tls?;
        Some(LinkSettings {
            name: name.into(),
            file: self.file.into(),
            broker: broker?,
            version,
            client_id,
            user,
            password,
            ca_file,
            identity,
            keep_alive: seconds(keep_alive),
            connect: seconds(connect),
            session: seconds(session),
            inflight: u16::try_from(inflight).unwrap_or(u16::MAX),
            packet_bytes: packet_bytes as usize,
            queue_messages: queue_messages as usize,
            queue_bytes: queue_bytes as usize,
            status_topic,
            rules: rules?,
        })
    }

    /// What is no key. A value is never told back: it may be a password under the wrong name.
    fn unknown(&mut self, table: &Table<'_>, within: Option<&str>, known: &[&str]) {
        for (key, _) in table {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let sentence = match name {
                "password" => "passwords do not stand here: give password_file or password_env".to_owned(),
                "topic" => {
                    "unknown key; what Mosquitto calls topic is a [[rule]] with filter here".to_owned()
                }
                _ => format!("unknown key; there are {}", known.join(", ")),
            };
            let whole = within.map_or_else(|| plain(name), |within| format!("{within}.{}", plain(name)));
            self.say(key.span().start, Some(&whole), sentence);
        }
    }

    fn broker(&mut self, table: &Table<'_>) -> Option<Broker> {
        const SHAPE: &str = "write it as mqtt://HOST, mqtts://HOST, ws://HOST/PATH or wss://HOST/PATH, with :PORT if \
                             it is an unusual one";
        let Some(text) = self.string(table, "url") else {
            if table.get("url").is_none() {
                self.say(0, Some("url"), format!("is missing: where is the broker? {SHAPE}"));
            }
            return None;
        };
        let at = at(table, "url");
        let Ok(url) = Url::parse(&text) else {
            self.say(at, Some("url"), format!("is no URL; {SHAPE}"));
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.say(
                at,
                Some("url"),
                "leave user and password out of it: give user, and password_file or password_env",
            );
            return None;
        }
        let (is_tls, port, is_websocket) = match url.scheme() {
            "mqtt" | "tcp" => (false, 1883, false),
            "mqtts" | "ssl" | "tls" => (true, 8883, false),
            "ws" => (false, 80, true),
            "wss" => (true, 443, true),
            other => {
                self.say(at, Some("url"), format!("{} is no scheme of MQTT; {SHAPE}", quoted(other)));
                return None;
            }
        };
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            self.say(at, Some("url"), format!("names no host; {SHAPE}"));
            return None;
        };
        let beyond = url.query().is_some() || url.fragment().is_some();
        if beyond || (!is_websocket && !matches!(url.path(), "" | "/")) {
            self.say(at, Some("url"), format!("has something behind host and port; {SHAPE}"));
            return None;
        }
        Some(Broker {
            is_tls,
            websocket: is_websocket.then(|| url.path().to_owned()),
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port().unwrap_or(port),
        })
    }

    fn password(&mut self, table: &Table<'_>, has_user: bool) -> Option<Secret> {
        let variable = self.string(table, "password_env");
        let file = self.string(table, "password_file");
        if variable.is_some() && file.is_some() {
            self.say(
                at(table, "password_env"),
                Some("password_env"),
                "and password_file are both there; give one",
            );
        }
        if (variable.is_some() || file.is_some()) && !has_user {
            let key = if variable.is_some() { "password_env" } else { "password_file" };
            self.say(at(table, key), Some(key), "is there, and no user; give user, too");
        }
        if let Some(name) = &variable
            && (name.is_empty() || name.starts_with("CLOWN_HUB_"))
        {
            let sentence = "takes the name of a variable that does not begin with CLOWN_HUB_";
            self.say(at(table, "password_env"), Some("password_env"), sentence);
        }
        variable.map(Secret::Variable).or_else(|| file.map(|file| Secret::File(file.into())))
    }

    #[expect(clippy::type_complexity, reason = "two optional parts, one of them a pair, used once")]
    fn files(
        &mut self,
        table: &Table<'_>,
        broker: Option<&Broker>,
    ) -> Option<(Option<PathBuf>, Option<(PathBuf, PathBuf)>)> {
        let mut path = |key| self.string(table, key).map(PathBuf::from);
        let (ca, cert, key) = (path("ca_file"), path("cert_file"), path("key_file"));
        if broker.is_some_and(|broker| !broker.is_tls) {
            for name in
                ["ca_file", "cert_file", "key_file"].into_iter().filter(|key| table.contains_key(*key))
            {
                self.say(at(table, name), Some(name), "is for mqtts:// and wss://, and url is neither");
            }
        }
        match (cert, key) {
            (Some(cert), Some(key)) => Some((ca, Some((cert, key)))),
            (None, None) => Some((ca, None)),
            (Some(_), None) => {
                self.say(at(table, "cert_file"), Some("cert_file"), "is there without key_file; give both");
                None
            }
            (None, Some(_)) => {
                self.say(at(table, "key_file"), Some("key_file"), "is there without cert_file; give both");
                None
            }
        }
    }

    fn status_topic(&mut self, table: &Table<'_>) -> Option<String> {
        let topic = self.string(table, "status_topic")?;
        match Topic::parse(&topic, &REMOTE_LIMITS) {
            Ok(parsed) if parsed.is_system() => {
                self.say(
                    at(table, "status_topic"),
                    Some("status_topic"),
                    "topics that begin with $ are the broker's own",
                );
            }
            Ok(_) => {}
            Err(error) => self.say(at(table, "status_topic"), Some("status_topic"), error.to_string()),
        }
        Some(topic)
    }

    fn rules(&mut self, table: &Table<'_>, version: Version) -> Option<Rules> {
        let found = match table.get("rule").map(|value| (value.span().start, value.get_ref())) {
            Some((_, DeValue::Array(rules))) if !rules.is_empty() => rules,
            Some((at, _)) => {
                self.say(at, Some("rule"), "is a list of tables: begin each rule with [[rule]]");
                return None;
            }
            None => {
                self.say(0, Some("rule"), "there is none: say with [[rule]] which messages are carried");
                return None;
            }
        };
        if found.len() > MOST_RULES {
            let sentence = format!("there are {} rules, a link has at most {MOST_RULES}", found.len());
            self.say(at(table, "rule"), Some("rule"), sentence);
            return None;
        }
        let rules: Vec<_> = found.iter().filter_map(|rule| self.rule(rule, version)).collect();
        if rules.len() < found.len() {
            return None;
        }
        Rules::new(rules).map_err(|overlaps| self.overlap(&overlaps)).ok()
    }

    fn overlap(&mut self, overlaps: &[super::rules::Overlap]) {
        for overlap in overlaps {
            let [first, second] = overlap.lines;
            let way = if overlap.direction == Direction::In { "in" } else { "out" };
            let common = quoted(&overlap.common);
            let sentence = format!(
                "the rules of line {first} and line {second} would both carry {common} {way}; narrow one of them"
            );
            self.mistakes.push(Mistake {
                file: self.file.to_owned(),
                line: Some(second),
                key: Some("rule.filter".to_owned()),
                sentence,
            });
        }
    }

    fn rule(&mut self, value: Value<'_, '_>, version: Version) -> Option<Rule> {
        let start = value.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            self.say(start, Some("rule"), "is a table: begin it with [[rule]]");
            return None;
        };
        let before = self.mistakes.len();
        self.unknown(table, Some("rule"), &RULE_KEYS);
        let directions = [("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both)];
        let direction = self.choice(table, "direction", &directions);
        if !table.contains_key("direction") {
            self.say(start, Some("rule.direction"), "is missing: in, out or both, seen from the hub");
        }
        if !table.contains_key("filter") {
            self.say(start, Some("rule.filter"), "is missing: which messages? \"#\" is all of them");
        }
        let retains = [("readings", Retain::Readings), ("as-sent", Retain::AsSent), ("never", Retain::Never)];
        let texts = [("string", Text::String), ("bare", Text::Bare), ("drop", Text::Drop)];
        let empties = [("null", Empty::Null), ("clear", Empty::Clear), ("drop", Empty::Drop)];
        let draft = Draft {
            line: self.line(start),
            direction: direction.unwrap_or(Direction::In),
            filter: self.string(table, "filter").unwrap_or_default(),
            local_prefix: self.string(table, "local_prefix").unwrap_or_default(),
            remote_prefix: self.string(table, "remote_prefix").unwrap_or_default(),
            qos: self.qos(table),
            retain: self.choice(table, "retain", &retains).unwrap_or(Retain::Readings),
            text: self.choice(table, "text", &texts).unwrap_or(Text::String),
            empty: self.choice(table, "empty", &empties).unwrap_or(Empty::Null),
        };
        if draft.retain == Retain::AsSent && version == Version::V3 && draft.direction.is_in() {
            let sentence = "\"as-sent\" needs version = \"5\": a broker of 3.1.1 does not say what was published retained";
            self.say(at(table, "retain"), Some("rule.retain"), sentence);
        }
        if self.mistakes.len() > before {
            return None;
        }
        match Rule::new(&draft, self.limits) {
            Ok(rule) => Some(rule),
            Err(error) => {
                let at = table.get(error.key).map_or(start, |value| value.span().start);
                self.say(at, Some(&format!("rule.{}", error.key)), error.sentence);
                None
            }
        }
    }

    fn qos(&mut self, table: &Table<'_>) -> Qos {
        let number = Number { key: "qos", default: 1, least: 0, most: 2, unit: "" };
        match self.number(table, &number) {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            _ => Qos::ExactlyOnce,
        }
    }

    fn number(&mut self, table: &Table<'_>, number: &Number) -> u32 {
        let Some(value) = table.get(number.key) else { return number.default };
        let allowed = number.least..=number.most;
        if let DeValue::Integer(found) = value.get_ref()
            && let Ok(found) = u32::from_str_radix(found.as_str(), found.radix())
            && allowed.contains(&found)
        {
            return found;
        }
        let unit = if number.unit.is_empty() { String::new() } else { format!(" ({})", number.unit) };
        let sentence = format!("expected a whole number from {} to {}{unit}", number.least, number.most);
        self.say(value.span().start, Some(number.key), sentence);
        number.default
    }

    fn string(&mut self, table: &Table<'_>, key: &str) -> Option<String> {
        let value = table.get(key)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some(text.to_string());
        }
        self.say(value.span().start, Some(key), "expected a text in quotes");
        None
    }

    fn choice<T: Copy>(&mut self, table: &Table<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.string(table, key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let all = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            self.say(at(table, key), Some(key), format!("expected one of {all}, found {}", quoted(&text)));
        }
        found
    }
}

/// Where the value of a key stands.
fn at(table: &Table<'_>, key: &str) -> usize {
    table.get(key).map_or(0, |value| value.span().start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match parse("house", "bridges/house.toml", text, &Limits::default()) {
            Ok(settings) => panic!("taken: {settings:?}"),
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    fn with_rule(text: &str) -> String {
        format!("{text}\n[[rule]]\ndirection = \"in\"\nfilter = \"#\"\n")
    }

    fn taken(text: &str) -> LinkSettings {
        parse("house", "bridges/house.toml", &with_rule(text), &Limits::default()).unwrap()
    }

    #[test]
    fn a_link_needs_an_address_and_a_rule_and_has_a_default_for_the_rest() {
        let settings = taken("url = 'mqtt://house.local'");
        assert_eq!(settings.broker.to_string(), "house.local:1883");
        assert_eq!((settings.version, settings.inflight), (Version::V5, 100));
        assert_eq!(settings.keep_alive, Duration::from_secs(30));
        let rule = settings.rules.get(0).unwrap();
        assert_eq!((rule.qos, rule.retain), (Qos::AtLeastOnce, Retain::Readings));
        assert_eq!(told("").lines().count(), 2);
    }

    #[test]
    fn an_address_is_one_of_four_kinds() {
        let broker = |url: &str| taken(&format!("url = '{url}'")).broker;
        assert_eq!(broker("mqtts://a.example").port, 8883);
        assert_eq!(broker("wss://a.example/mqtt").websocket.as_deref(), Some("/mqtt"));
        assert_eq!(broker("ws://a.example:9001").to_string(), "a.example:9001");
        assert_eq!(broker("mqtt://[::1]:1884").to_string(), "[::1]:1884");
        for url in ["http://a", "mqtt://", "a.example", "mqtt://a/path", "ws://a/mqtt?x=1"] {
            assert!(told(&with_rule(&format!("url = '{url}'"))).contains(":1: url: "), "{url}");
        }
    }

    #[test]
    fn no_password_is_told_back() {
        for text in [
            "url = 'mqtt://jana:hunter2@a'",
            "url = 'mqtt://a'\npassword = 'hunter2'",
            "url = 'mqtt://a'\nqos = 'hunter2'",
        ] {
            let told = told(&with_rule(text));
            assert!(!told.contains("hunter2"), "{told}");
        }
        assert!(told(&with_rule("url = 'mqtt://a'\npassword = 'x'")).contains("password_file"));
    }

    #[test]
    fn every_mistake_is_told_with_its_line_and_its_key() {
        let text = "url = 'mqtt://a'\nversion = '4'\ninflight = 0\nca_file = 'ca.pem'\npassword_env = 'X'\n\n[[rule]]\n\
                    direction = 'inwards'\nfilter = '#'\nqos = 3\n\n[[rule]]\nfiltre = 'a'\n";
        let expected = [
            r#"bridges/house.toml:2: version: expected one of "5", "3.1.1", found "4""#,
            "bridges/house.toml:3: inflight: expected a whole number from 1 to 10000 (messages)",
            "bridges/house.toml:4: ca_file: is for mqtts:// and wss://, and url is neither",
            "bridges/house.toml:5: password_env: is there, and no user; give user, too",
            r#"bridges/house.toml:8: direction: expected one of "in", "out", "both", found "inwards""#,
            "bridges/house.toml:10: qos: expected a whole number from 0 to 2",
            "bridges/house.toml:12: rule.direction: is missing: in, out or both, seen from the hub",
            r##"bridges/house.toml:12: rule.filter: is missing: which messages? "#" is all of them"##,
            "bridges/house.toml:13: rule.filtre: unknown key; there are direction, filter, local_prefix, \
             remote_prefix, qos, retain, text, empty",
        ];
        assert_eq!(told(text).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn rules_that_overlap_are_refused_with_both_lines() {
        let rule = |filter: &str| format!("[[rule]]\ndirection = 'both'\nfilter = '{filter}'\n");
        let text = format!("url = 'mqtt://a'\n{}{}", rule("a/#"), rule("+/b"));
        assert_eq!(
            told(&text),
            "bridges/house.toml:5: rule.filter: the rules of line 2 and line 5 would both carry \"a/b\" in; \
             narrow one of them"
        );
    }

    #[test]
    fn a_prefix_with_a_wildcard_is_refused_where_it_stands() {
        let text = "url = 'mqtt://a'\n[[rule]]\ndirection = 'in'\nfilter = '#'\nlocal_prefix = 'a/+/'\n";
        assert!(told(text).starts_with("bridges/house.toml:5: rule.local_prefix: \"a/+/\" holds a wildcard"));
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        assert_eq!(told("url = 'mqtt://a'\nversion 5\n").split(": ").next(), Some("bridges/house.toml:2"));
    }

    #[test]
    fn the_name_of_the_file_is_the_name_of_the_link() {
        assert_eq!(name(Path::new("bridges/house-2.toml")), Some(Ok("house-2")));
        assert_eq!(name(Path::new("bridges/house.toml.example")), None);
        for bad in ["a b.toml", ".toml", "č.toml", "a+.toml"] {
            assert!(name(Path::new(bad)).unwrap().is_err(), "{bad}");
        }
    }
}
