//! `mosquitto.conf` as keys of `hub.toml`. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::told::{Told, lines};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Conf {
    /// Keys as `section.key`, with their values as TOML.
    keys: BTreeMap<&'static str, String>,
    /// What has no counterpart.
    pub(super) told: Vec<Told>,
    pub(super) password_file: Option<String>,
    pub(super) acl_file: Option<String>,
    listeners: Vec<Listener>,
    /// Which of them lines are about: the last one that began.
    bind_address: Option<String>,
}

/// A place where Mosquitto listens.
#[derive(Debug, Default, Clone)]
struct Listener {
    line: usize,
    port: u16,
    bind: Option<String>,
    is_websocket: bool,
    certificate: Option<String>,
    key: Option<String>,
    authorities: Option<String>,
    revoked: Option<String>,
    asks_for_certificate: bool,
}

impl Conf {
    pub(super) fn read(text: &str) -> Self {
        let mut conf = Self::default();
        for (line, entry) in lines(text) {
            let (key, value) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
            conf.take(line, key, value.trim());
        }
        conf.listen();
        conf.told.sort_by_key(|told| told.line);
        conf
    }

    fn tell(&mut self, line: usize, key: &str, sentence: &str) {
        self.told.push(Told::new(line, format!("{key}: {sentence}")));
    }

    fn put(&mut self, key: &'static str, value: impl Into<String>) {
        self.keys.insert(key, value.into());
    }

    /// Changes the listener that a line is about. Lines before the first one are about the one of the port of MQTT.
    fn listener(&mut self, line: usize, change: impl FnOnce(&mut Listener)) {
        if self.listeners.is_empty() {
            self.listeners.push(Listener { line, port: 1883, ..Listener::default() });
        }
        if let Some(last) = self.listeners.last_mut() {
            change(last);
        }
    }

    fn take(&mut self, line: usize, key: &str, value: &str) {
        if !(self.take_of_listener(line, key, value) || self.take_number(line, key, value)) {
            self.take_word(line, key, value);
        }
    }

    /// Whether the line is about a listener.
    fn take_of_listener(&mut self, line: usize, key: &str, value: &str) -> bool {
        let text = || Some(value.to_owned());
        match key {
            "listener" => {
                let (port, bind) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
                let bind = Some(bind.trim().to_owned()).filter(|bind| !bind.is_empty());
                match port.parse() {
                    Ok(0) => self.tell(line, key, "sockets in the file system are not listened to"),
                    Ok(port) => self.listeners.push(Listener { line, port, bind, ..Listener::default() }),
                    Err(_) => self.tell(line, key, "no port"),
                }
            }
            "port" => match value.parse() {
                Ok(port) => self.listener(line, |listener| listener.port = port),
                Err(_) => self.tell(line, key, "no port"),
            },
            "bind_address" => self.bind_address = text(),
            "protocol" => match value {
                "mqtt" => self.listener(line, |listener| listener.is_websocket = false),
                "websockets" => self.listener(line, |listener| listener.is_websocket = true),
                _ => self.tell(line, key, "neither mqtt nor websockets"),
            },
            "certfile" => self.listener(line, |listener| listener.certificate = text()),
            "keyfile" => self.listener(line, |listener| listener.key = text()),
            "cafile" => self.listener(line, |listener| listener.authorities = text()),
            "crlfile" => self.listener(line, |listener| listener.revoked = text()),
            "require_certificate" => {
                self.listener(line, |listener| listener.asks_for_certificate = value == "true");
            }
            "use_identity_as_username" if value == "true" => self.tell(
                line,
                key,
                "a certificate names an account by its common name anyway; give that account `certificate = true`",
            ),
            _ => return false,
        }
        true
    }

    /// Whether the line has a number that has a counterpart.
    fn take_number(&mut self, line: usize, key: &str, value: &str) -> bool {
        let (ours, least, most): (&'static str, u64, u64) = match key {
            "max_inflight_messages" => ("mqtt.window", 1, 65_535),
            "max_queued_messages" => ("outbox.messages", 1, 1_000_000),
            "message_size_limit" | "max_packet_size" => ("limits.message_bytes", 1024, 16_777_216),
            "max_keepalive" => ("mqtt.keep_alive_seconds", 0, 65_535),
            "max_topic_alias" => ("mqtt.topic_aliases", 0, 1024),
            "max_connections" | "global_max_connections" => ("limits.connections", 1, 1_000_000),
            "sys_interval" => ("figures.every_seconds", 1, 3600),
            "persistent_client_expiration" => {
                match seconds(value) {
                    Some(seconds) => self.put("mqtt.session_seconds", seconds.min(31_536_000).to_string()),
                    None => self.tell(line, key, "no time such as 14d"),
                }
                return true;
            }
            _ => return false,
        };
        let Ok(number) = value.parse::<i64>() else {
            self.tell(line, key, "no number");
            return true;
        };
        let Some(number) = u64::try_from(number).ok().filter(|number| *number > 0 || least == 0) else {
            self.tell(line, key, &format!("everything here has a bound: {ours} keeps its default"));
            return true;
        };
        let taken = number.clamp(least, most);
        self.put(ours, taken.to_string());
        if taken != number {
            self.tell(line, key, &format!("{number} is outside of what {ours} takes: it is {taken}"));
        }
        if ours == "outbox.messages" && taken > 10_000 {
            self.put("outbox.hard_messages", taken.to_string());
        }
        // The longest topic has to fit into a message, and a message into each queue.
        if ours == "limits.message_bytes" && taken > 8 * 1024 * 1024 {
            self.put("outbox.hard_bytes", taken.to_string());
        }
        true
    }

    fn take_word(&mut self, line: usize, key: &str, value: &str) {
        match (key, value) {
            ("password_file", _) => self.password_file = Some(value.to_owned()),
            ("acl_file", _) => self.acl_file = Some(value.to_owned()),
            ("persistence", "false") => self.put("store.directory", "\"\""),
            ("log_type", "debug" | "all") => self.put("log.filter", "\"debug\""),
            // As it is here anyway.
            (
                "allow_anonymous" | "per_listener_settings" | "queue_qos0_messages" | "upgrade_outgoing_qos",
                "false",
            )
            | (
                "persistence" | "allow_zero_length_clientid" | "set_tcp_nodelay" | "retain_available",
                "true",
            )
            | ("max_qos", "2") => {}
            _ => {
                let why = why_not(key);
                self.tell(line, key, why);
            }
        }
    }

    /// Turns listeners into keys. There is one of each kind.
    fn listen(&mut self) {
        if let (Some(bind), Some(first)) = (self.bind_address.take(), self.listeners.first_mut()) {
            first.bind.get_or_insert(bind);
        }
        if self.listeners.is_empty() {
            // Without a listener Mosquitto listens to this machine alone.
            self.listeners.push(Listener {
                port: 1883,
                bind: Some("localhost".to_owned()),
                ..Listener::default()
            });
        }
        for listener in std::mem::take(&mut self.listeners) {
            let Some(address) = address(&listener) else {
                self.tell(
                    listener.line,
                    "listener",
                    "only addresses are listened on here: write one into hub.toml",
                );
                continue;
            };
            let is_tls = listener.certificate.is_some();
            let key = match (listener.is_websocket, is_tls) {
                (false, false) => "mqtt.listen",
                (false, true) => "mqtt.tls_listen",
                (true, false) => "server.listen",
                (true, true) => "server.tls_listen",
            };
            if let Some(taken) = self.keys.get(key) {
                let sentence = format!("{key} is {taken} already, and there is one of it");
                self.tell(listener.line, "listener", &sentence);
                continue;
            }
            self.put(key, quoted(&address.to_string()));
            if listener.is_websocket {
                self.put("mqtt.websocket", "true");
                self.tell(listener.line, "listener", "MQTT over WebSocket is at the path /mqtt here");
            }
            if is_tls {
                self.take_certificate(&listener);
            }
        }
    }

    fn take_certificate(&mut self, listener: &Listener) {
        let files = [
            ("server.tls_certificate", &listener.certificate),
            ("server.tls_key", &listener.key),
            ("server.tls_client_ca", &listener.authorities),
            ("server.tls_client_crl", &listener.revoked),
        ];
        for (key, file) in files {
            let Some(file) = file.as_deref().map(quoted) else { continue };
            match self.keys.get(key) {
                Some(taken) if *taken != file => {
                    let sentence = format!("{key} is {taken} already, and all listeners have the same");
                    self.tell(listener.line, "listener", &sentence);
                }
                _ => self.put(key, file),
            }
        }
        if listener.authorities.is_some() {
            let asks = if listener.asks_for_certificate { "required" } else { "optional" };
            self.put("server.tls_client", quoted(asks));
        }
    }

    /// The accounts are in this file.
    pub(super) fn users_are_in(&mut self, users: &Path) {
        let users = std::path::absolute(users).unwrap_or_else(|_| users.to_owned());
        self.put("users.file", quoted(&users.display().to_string()));
    }

    /// The file.
    pub(super) fn toml(&self, from: &str) -> String {
        let mut text = format!(
            "# Made of {} by `clown-hub import mosquitto`. config/hub.toml has every key.\n",
            from.replace('\n', " ")
        );
        let mut section = "";
        for (key, value) in &self.keys {
            let (of, name) = key.split_once('.').unwrap_or(("", key));
            if of != section {
                let _ = writeln!(text, "\n[{of}]");
                section = of;
            }
            let _ = writeln!(text, "{name} = {value}");
        }
        text
    }
}

/// Why a key has no counterpart.
fn why_not(key: &str) -> &'static str {
    match key {
        "allow_anonymous" => "everybody has an account here; one account may serve many devices",
        "persistence_location" | "persistence_file" => {
            "what is kept is in store.directory; Mosquitto's own file is not read: a bridge, or mosquitto_sub and mosquitto_pub -r, brings \
             last values over"
        }
        "autosave_interval" | "autosave_on_changes" => {
            "store.write_milliseconds says how often the store writes"
        }
        "log_dest"
        | "log_timestamp"
        | "log_timestamp_format"
        | "log_type"
        | "connection_messages"
        | "websockets_log_level" => {
            "the log goes to standard error; log.filter and log.format say what is in it"
        }
        "pid_file" | "user" => "systemd or a container does it: config/clown-hub.service",
        "include_dir" => "the files of the folder are not read: import each of them",
        "mount_point" | "clientid_prefixes" => "topics and ids are the same at every listener",
        "capath" | "ciphers" | "ciphers_tls1.3" | "tls_version" | "dhparamfile" | "tls_engine"
        | "tls_keyform" => {
            "TLS 1.2 and 1.3 with their safe ciphers, and authorities in one file (server.tls_client_ca)"
        }
        "psk_file" | "psk_hint" | "use_subject_as_username" => {
            "certificates or passwords, no pre-shared keys and no subjects"
        }
        "use_identity_as_username" => "a certificate names an account by its common name",
        "plugin" | "auth_plugin" | "plugin_load" | "plugin_use" => {
            "there are no plug-ins: accounts are in users.toml"
        }
        "http_dir" => "the page of the hub is at the same port",
        "retain_available" => {
            "last values are always there; an account without the right retain keeps only readings"
        }
        "max_qos" => "QoS 0, 1 and 2 are always there",
        "per_listener_settings" => "accounts and rights are the same at every listener",
        "max_inflight_bytes" | "max_queued_bytes" | "memory_limit" => {
            "outbox.bytes, outbox.hard_bytes and limits.memory_bytes bound what waits"
        }
        "connection"
        | "address"
        | "addresses"
        | "topic"
        | "remote_username"
        | "remote_password"
        | "remote_clientid"
        | "bridge_protocol_version"
        | "bridge_cafile"
        | "bridge_insecure"
        | "cleansession"
        | "notifications"
        | "try_private"
        | "start_type"
        | "restart_timeout"
        | "keepalive_interval" => {
            "a bridge is a file in bridges/ (docs/bridge.md): bridges/mosquitto.toml.example is one to copy"
        }
        _ if key.starts_with("bridge_")
            || key.starts_with("remote_")
            || key.starts_with("local_")
            || key.starts_with("notification") =>
        {
            "a bridge is a file in bridges/ (docs/bridge.md)"
        }
        _ if key.starts_with("plugin_opt_") || key.starts_with("auth_opt_") => {
            "there are no plug-ins: accounts are in users.toml"
        }
        _ => "has no counterpart",
    }
}

/// Where a listener listens, if that is an address.
fn address(listener: &Listener) -> Option<SocketAddr> {
    let ip = match listener.bind.as_deref() {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Some("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(text) => text.parse().ok()?,
    };
    Some(SocketAddr::new(ip, listener.port))
}

/// 1h, 14d, 2w, 6m, 1y.
fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let hours = match unit {
        'h' => 1,
        'd' => 24,
        'w' => 7 * 24,
        'm' => 30 * 24,
        'y' => 365 * 24,
        _ => return None,
    };
    number.checked_mul(hours * 3600)
}

/// A text of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => _ = write!(quoted, "\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(conf: &Conf) -> Vec<(usize, &str)> {
        conf.told.iter().map(|told| (told.line, told.sentence.split(':').next().unwrap())).collect()
    }

    #[test]
    fn what_has_a_counterpart_is_written_and_the_rest_is_told_by_its_line() {
        let conf = Conf::read(
            "# house\nlistener 1883\nallow_anonymous false\npassword_file /etc/mosquitto/passwd\n\nlistener 8883 192.168.1.2\n\
             certfile /etc/c.pem\nkeyfile /etc/k.pem\ncafile /etc/ca.pem\nrequire_certificate true\n\
             listener 9001\nprotocol websockets\n\
             max_inflight_messages 20\nmax_queued_messages 20000\nmessage_size_limit 0\npersistent_client_expiration 2w\n\
             log_dest file /var/log/m.log\nconnection cloud\nlistener 1884\nwhatever 1\n",
        );
        let toml = conf.toml("mosquitto.conf");
        let expected = "# Made of mosquitto.conf by `clown-hub import mosquitto`. config/hub.toml has every key.\n\n\
            [mqtt]\nlisten = \"0.0.0.0:1883\"\nsession_seconds = 1209600\ntls_listen = \"192.168.1.2:8883\"\n\
            websocket = true\nwindow = 20\n\n[outbox]\nhard_messages = 20000\nmessages = 20000\n\n\
            [server]\nlisten = \"0.0.0.0:9001\"\ntls_certificate = \"/etc/c.pem\"\ntls_client = \"required\"\n\
            tls_client_ca = \"/etc/ca.pem\"\ntls_key = \"/etc/k.pem\"\n";
        assert_eq!(toml, expected);
        assert_eq!(conf.password_file.as_deref(), Some("/etc/mosquitto/passwd"));
        let lines = [
            (11, "listener"),
            (15, "message_size_limit"),
            (17, "log_dest"),
            (18, "connection"),
            (19, "listener"),
            (20, "whatever"),
        ];
        assert_eq!(told(&conf), lines);
    }

    #[test]
    fn without_a_listener_it_is_this_machine_alone() {
        assert!(Conf::read("").toml("x").contains("[mqtt]\nlisten = \"127.0.0.1:1883\"\n"));
        assert!(
            Conf::read("port 1884\nbind_address 10.0.0.1").toml("x").contains("listen = \"10.0.0.1:1884\"")
        );
        let conf = Conf::read("listener 1883 eth0\n");
        assert!(!conf.toml("x").contains("listen") && told(&conf) == [(1, "listener")]);
    }

    #[test]
    fn what_is_beyond_our_bounds_is_told() {
        let conf = Conf::read("listener 1\nmax_keepalive 70000\nmax_topic_alias many\nmax_connections -1\n");
        assert!(conf.toml("x").contains("keep_alive_seconds = 65535"));
        assert_eq!(told(&conf), [(2, "max_keepalive"), (3, "max_topic_alias"), (4, "max_connections")]);
        assert_eq!(quoted("a\"\\\u{1}"), r#""a\"\\\u0001""#);
    }
}
