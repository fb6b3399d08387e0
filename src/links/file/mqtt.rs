//! What a link to a broker has, from its file.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::keys::{CONNECT, INFLIGHT, KEEP_ALIVE, PACKET, SESSION};
use super::reader::Reader;
use super::rules::Told;
use crate::discovery::is_prefix;
use crate::links::mqtt::packets::Version;
use crate::links::mqtt::settings::{Broker, MqttSettings, Secret};
use crate::links::rules::{REMOTE_LIMITS, Rules};
use crate::operator::{Table, quoted};
use crate::topic::Topic;

impl Reader<'_> {
    pub(super) fn mqtt(&mut self, table: &Table) -> Option<(MqttSettings, Rules)> {
        let broker = self.broker(table);
        let version = self.form.choice(table, "version", &[("5", Version::V5), ("3.1.1", Version::V3)]);
        let version = version.unwrap_or(Version::V5);
        let user = self.text(table, "user");
        let password = self.password(table, user.is_none().then_some("needs the key user, too"));
        let tls = self.files(table, broker.as_ref());
        let status_topic = self.status_topic(table);
        let home_assistant = self.home_assistant(table);
        let client_id = self.text(table, "client_id");
        if client_id.as_ref().is_some_and(|id| !(1..=256).contains(&id.len()) || id.contains('\0')) {
            let sentence = "takes 1 to 256 bytes, none of them NUL; leave it out to have one made";
            self.form.refuse(table, "client_id", sentence);
        }
        if user.as_ref().is_some_and(|user| user.len() > 65_535 || user.contains('\0')) {
            self.form.refuse(table, "user", "takes at most 65535 bytes, none of them NUL");
        }
        let [keep_alive, connect, session, inflight, packet_bytes] =
            [KEEP_ALIVE, CONNECT, SESSION, INFLIGHT, PACKET].map(|number| self.number(table, &number));
        let told = match version {
            Version::V5 => Told::Everything,
            Version::V3 => Told::NotWhatIsNewAndRetained,
        };
        let rules = self.rules(table, told);
        let seconds = |number: u32| Duration::from_secs(number.into());
        let (ca_file, identity) = tls?;
        let settings = MqttSettings {
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
            status_topic,
            home_assistant,
        };
        Some((settings, rules?))
    }

    fn broker(&mut self, table: &Table) -> Option<Broker> {
        const SHAPE: &str = "write it as mqtt://HOST, mqtts://HOST, ws://HOST/PATH or wss://HOST/PATH, with :PORT if \
                             it is an unusual one";
        let Some(text) = self.text(table, "url") else {
            if table.get("url").is_none() {
                self.form.say(0, "url", format!("is missing: where is the broker? {SHAPE}"));
            }
            return None;
        };
        let Ok(url) = Url::parse(&text) else {
            self.form.refuse(table, "url", format!("is no URL; {SHAPE}"));
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.form.refuse(
                table,
                "url",
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
                self.form.refuse(table, "url", format!("{} is no scheme of MQTT; {SHAPE}", quoted(other)));
                return None;
            }
        };
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            self.form.refuse(table, "url", format!("names no host; {SHAPE}"));
            return None;
        };
        let beyond = url.query().is_some() || url.fragment().is_some();
        if beyond || (!is_websocket && !matches!(url.path(), "" | "/")) {
            self.form.refuse(table, "url", format!("has something behind host and port; {SHAPE}"));
            return None;
        }
        Some(Broker {
            is_tls,
            websocket: is_websocket.then(|| url.path().to_owned()),
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port().unwrap_or(port),
        })
    }

    /// Where the password is. `lacks_user` says what to do where nobody is to sign in with it.
    pub(super) fn password(&mut self, table: &Table, lacks_user: Option<&str>) -> Option<Secret> {
        let variable = self.text(table, "password_env");
        let file = self.text(table, "password_file");
        if variable.is_some() && file.is_some() {
            self.form.refuse(
                table,
                "password_env",
                "is there together with password_file; give only one of them",
            );
        }
        if let Some(sentence) = lacks_user.filter(|_| variable.is_some() || file.is_some()) {
            let key = if variable.is_some() { "password_env" } else { "password_file" };
            self.form.refuse(table, key, sentence);
        }
        if let Some(name) = &variable
            && (name.is_empty() || name.starts_with("CLOWN_HUB_"))
        {
            let sentence = "takes the name of a variable that does not begin with CLOWN_HUB_";
            self.form.refuse(table, "password_env", sentence);
        }
        variable.map(Secret::Variable).or_else(|| file.map(|file| Secret::File(file.into())))
    }

    #[expect(clippy::type_complexity, reason = "two optional parts, one of them a pair, used once")]
    fn files(
        &mut self,
        table: &Table,
        broker: Option<&Broker>,
    ) -> Option<(Option<PathBuf>, Option<(PathBuf, PathBuf)>)> {
        let mut path = |key| self.text(table, key).map(PathBuf::from);
        let (ca, cert, key) = (path("ca_file"), path("cert_file"), path("key_file"));
        if broker.is_some_and(|broker| !broker.is_tls) {
            for name in
                ["ca_file", "cert_file", "key_file"].into_iter().filter(|key| table.get(key).is_some())
            {
                self.form.refuse(table, name, "is only for mqtts:// and wss://, but url is neither");
            }
        }
        match (cert, key) {
            (Some(cert), Some(key)) => Some((ca, Some((cert, key)))),
            (None, None) => Some((ca, None)),
            (Some(_), None) => {
                self.form.refuse(table, "cert_file", "is there without key_file; give both");
                None
            }
            (None, Some(_)) => {
                self.form.refuse(table, "key_file", "is there without cert_file; give both");
                None
            }
        }
    }

    /// Below what Home Assistant is told of the nodes, if it is.
    fn home_assistant(&mut self, table: &Table) -> Option<String> {
        const KEY: &str = "home_assistant_prefix";
        let is_told = self.form.truth(table, "home_assistant").unwrap_or(false);
        let prefix = self.text(table, KEY);
        if prefix.as_deref().is_some_and(|prefix| !is_prefix(prefix)) {
            self.form.refuse(
                table,
                KEY,
                "takes a level of a topic: letters, digits, - and _ of ASCII, at most 64",
            );
        }
        is_told.then(|| prefix.unwrap_or_else(|| "homeassistant".to_owned()))
    }

    fn status_topic(&mut self, table: &Table) -> Option<String> {
        let topic = self.text(table, "status_topic")?;
        match Topic::parse(&topic, &REMOTE_LIMITS) {
            Ok(parsed) if parsed.is_system() => {
                self.form.refuse(table, "status_topic", "topics that begin with $ are the broker's own");
            }
            Ok(_) => {}
            Err(error) => self.form.refuse(table, "status_topic", error.to_string()),
        }
        Some(topic)
    }
}
