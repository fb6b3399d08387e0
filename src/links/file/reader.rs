//! The keys of a link, from its file.

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::{KEYS, Mistake, NUMBERS, Number};
use crate::config::{plain, quoted};
use crate::links::mqtt::packets::Version;
use crate::links::mqtt::settings::{Broker, MqttSettings, Secret};
use crate::links::rules::REMOTE_LIMITS;
use crate::links::settings::{LinkSettings, Plan};
use crate::topic::{Limits, Topic};

/// What is read, and what was found wrong with it.
pub(super) struct Reader<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
    pub(super) limits: &'t Limits,
    pub(super) mistakes: Vec<Mistake>,
}

pub(super) type Table<'t> = DeTable<'t>;
pub(super) type Value<'v, 't> = &'v Spanned<DeValue<'t>>;

impl Reader<'_> {
    pub(super) fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    pub(super) fn say(&mut self, at: usize, key: Option<&str>, sentence: impl Into<String>) {
        let mistake = Mistake {
            file: self.file.to_owned(),
            line: Some(self.line(at)),
            key: key.map(str::to_owned),
            sentence: sentence.into(),
        };
        self.mistakes.push(mistake);
    }

    pub(super) fn link(&mut self, name: &str, table: &Table<'_>) -> Option<Plan> {
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
        if client_id.as_ref().is_some_and(|id| !(1..=256).contains(&id.len()) || id.contains('\0')) {
            let sentence = "takes 1 to 256 bytes, none of them NUL; leave it out to have one made";
            self.say(at(table, "client_id"), Some("client_id"), sentence);
        }
        if user.as_ref().is_some_and(|user| user.len() > 65_535 || user.contains('\0')) {
            self.say(at(table, "user"), Some("user"), "takes at most 65535 bytes, none of them NUL");
        }
        let [keep_alive, connect, session, inflight, packet_bytes, queue_messages, queue_bytes] =
            NUMBERS.map(|number| self.number(table, &number));
        let rules = self.rules(table, version);
        let seconds = |number: u32| Duration::from_secs(number.into());
        let (ca_file, identity) = tls?;
        let broker = broker?;
        let link = LinkSettings {
            name: name.into(),
            file: self.file.into(),
            far: broker.to_string().to_ascii_lowercase().into(),
            queue_messages: queue_messages as usize,
            queue_bytes: queue_bytes as usize,
            rules: rules?,
        };
        let mqtt = MqttSettings {
            broker,
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
            status_topic,
        };
        Some(Plan { link: link.into(), mqtt: mqtt.into() })
    }

    /// What is no key. A value is never told back: it may be a password under the wrong name.
    pub(super) fn unknown(&mut self, table: &Table<'_>, within: Option<&str>, known: &[&str]) {
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

    pub(super) fn number(&mut self, table: &Table<'_>, number: &Number) -> u32 {
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

    pub(super) fn string(&mut self, table: &Table<'_>, key: &str) -> Option<String> {
        let value = table.get(key)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some(text.to_string());
        }
        self.say(value.span().start, Some(key), "expected a text in quotes");
        None
    }

    pub(super) fn choice<T: Copy>(&mut self, table: &Table<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
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
pub(super) fn at(table: &Table<'_>, key: &str) -> usize {
    table.get(key).map_or(0, |value| value.span().start)
}
