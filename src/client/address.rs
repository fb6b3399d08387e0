//! Where a hub is, and as whom to go there: `ws://USER:PASSWORD@HOST:PORT/BASE`, or `wss://` for a hub with TLS.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;

/// The form that every complaint about an address shows.
const FORM: &str = "ws://USER:PASSWORD@HOST:PORT/BASE";

/// The address of a hub. `Debug` and `Display` show no password.
#[derive(Clone)]
pub struct Address {
    /// Without user and password.
    url: Url,
    user: Vec<u8>,
    password: Option<Vec<u8>>,
    /// Authorities to be trusted besides those of the system.
    authorities: Option<PathBuf>,
}

/// Why a text is no address. Never repeats the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL.
    #[error("{0}; write {FORM}")]
    NotAUrl(String),
    /// `http` and the like.
    #[error("the URL of a hub begins with ws://, or with wss:// for TLS; write {FORM}")]
    Scheme,
    /// The same, where nothing in it can be a password, with what to write.
    #[error("the URL of a hub begins with ws://; write {0}")]
    NoScheme(String),
    /// A colon could not be told from the one in front of the password.
    #[error("a user's name holds no colon; write {FORM}")]
    Colon,
    /// The part behind the host.
    #[error("the URL ends with the base: write {FORM}; in a password '?' is %3F and '#' is %23")]
    Query,
    /// What is taken for the base may be the end of a password.
    #[error("there is an '@' behind the host: write {FORM}; '/' in a password is %2F, '@' in a base is %40")]
    At,
}

impl Address {
    /// Reads an address. The path is the base, or one of the hub's own paths, which begin with `/auth/` and `/talk/`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if let Some(meant) = with_scheme(text) {
            return Err(AddressError::NoScheme(meant));
        }
        let mut url = Url::parse(text).map_err(|error| AddressError::NotAUrl(error.to_string()))?;
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(AddressError::Scheme);
        }
        if url.fragment().is_some() || url.query().is_some_and(|query| !query.starts_with("side=")) {
            return Err(AddressError::Query);
        }
        if url.path().contains('@') {
            return Err(AddressError::At);
        }
        let decode = |text: &str| -> Vec<u8> { percent_encoding::percent_decode_str(text).collect() };
        let user = decode(url.username());
        if user.contains(&b':') {
            return Err(AddressError::Colon);
        }
        let password = url.password().map(decode);
        // A URL of this scheme always has a host, and so a place for both.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url, user, password, authorities: None })
    }

    /// The URL as it was given, less user and password.
    pub fn without_user(&self) -> &Url {
        &self.url
    }

    /// Host and port: the same for all ways to write where a hub is.
    pub fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or_default().to_ascii_lowercase();
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{host}:{port}")
    }

    /// The same hub and user, at this base.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        let mut address = self.clone();
        address.url.set_path(&format!("/talk/{base}"));
        address
    }

    /// Whether there is a user whose password is missing.
    pub fn lacks_password(&self) -> bool {
        !self.user.is_empty() && self.password.is_none()
    }

    /// Whether there is a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// With this password.
    pub fn set_password(&mut self, password: &[u8]) {
        self.password = Some(password.to_vec());
    }

    /// Trusts the authorities in this file, too.
    pub fn trust(&mut self, authorities: PathBuf) {
        self.authorities = Some(authorities);
    }

    /// The file of authorities to be trusted besides those of the system.
    pub fn authorities(&self) -> Option<&Path> {
        self.authorities.as_deref()
    }

    /// Whether the hub is reached over TLS.
    pub fn is_encrypted(&self) -> bool {
        self.url.scheme() == "wss"
    }

    /// Whether neither user nor password is given.
    pub fn is_anonymous(&self) -> bool {
        self.user.is_empty() && self.password.is_none()
    }

    /// Whether the user is the one of the demo.
    pub fn is_demo_user(&self) -> bool {
        self.user == b"clown"
    }

    /// The URL of the socket, for a dashboard or for a node (`docs/protocol.md`, clause 2.1). A path that names its side
    /// keeps it.
    pub fn socket(&self, as_node: bool) -> String {
        let mut url = self.url.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        if path.starts_with("/auth/") {
            return url.into();
        }
        if path != "/talk" && !path.starts_with("/talk/") {
            url.set_path(&format!("/talk{path}"));
        }
        if as_node && url.query().is_none() {
            url.set_query(Some("side=node"));
        }
        url.into()
    }

    /// The base that topics are relative to.
    pub fn base(&self) -> String {
        let path = percent_encoding::percent_decode_str(self.url.path()).decode_utf8_lossy();
        let path = path.trim_matches('/');
        let of_2016 = ["auth/clown-talk-server", "auth/clown-talk-client"];
        if let Some(base) = of_2016.iter().find_map(|start| path.strip_prefix(start)) {
            return base.trim_start_matches('_').replace('_', "/");
        }
        match path.strip_prefix("talk") {
            Some("") => String::new(),
            Some(rest) if rest.starts_with('/') => rest.trim_matches('/').to_owned(),
            _ => path.to_owned(),
        }
    }

    /// The header `Authorization`, where there is something to be sent.
    pub fn authorization(&self) -> Option<String> {
        if self.is_anonymous() {
            return None;
        }
        let pair = [&self.user[..], self.password.as_deref().unwrap_or_default()].join(&b':');
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }
}

/// The URL that was meant by `HOST:PORT` or by the URL of the page. `None` where it may hold a password.
fn with_scheme(text: &str) -> Option<String> {
    let (scheme, usual) = if text.starts_with("https://") { ("wss", "8443") } else { ("ws", "8080") };
    let rest = ["http://", "https://", "//", "mqtt://", "tcp://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    if rest.is_none() && text.contains("://") {
        return None;
    }
    let rest = rest.unwrap_or(text).trim_end_matches('/');
    let (authority, base) = rest.split_once('/').map_or((rest, ""), |(authority, base)| (authority, base));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, port),
        _ => (authority, usual),
    };
    let is_name =
        |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    let is_host = !host.is_empty()
        && (is_name(host, "-.") || (host.starts_with('[') && host.ends_with(']') && is_name(host, "[]:")));
    (is_host && port.parse::<u16>().is_ok() && is_name(base, "-._/"))
        .then(|| format!("{scheme}://{host}:{port}/{base}").trim_end_matches('/').to_owned())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> String {
        Address::parse(text).unwrap().socket(false)
    }

    #[test]
    fn the_path_is_the_base_or_one_of_the_hubs_own() {
        assert_eq!(socket("ws://hub"), "ws://hub/talk");
        assert_eq!(socket("wss://hub"), "wss://hub/talk");
        assert_eq!(socket("ws://hub:8080/"), "ws://hub:8080/talk");
        assert_eq!(socket("ws://hub/nodes/bridge/0"), "ws://hub/talk/nodes/bridge/0");
        assert_eq!(socket("ws://hub/talk/nodes"), "ws://hub/talk/nodes");
        assert_eq!(socket("ws://hub/talkative"), "ws://hub/talk/talkative");
        let tutorial = "ws://hub/auth/clown-talk-server_nodes_bridge_0";
        assert_eq!(socket(tutorial), tutorial);
    }

    #[test]
    fn the_base_is_what_the_hub_takes_for_it() {
        for (url, base) in [
            ("ws://hub", ""),
            ("ws://hub/talk/", ""),
            ("ws://hub/nodes/bridge/0/", "nodes/bridge/0"),
            ("ws://hub/talk/living_room?side=node", "living_room"),
            ("ws://hub/talkative", "talkative"),
            ("ws://hub/b%C3%A4d", "bäd"),
            ("ws://hub/auth/clown-talk-client_nodes_bridge_0", "nodes/bridge/0"),
            ("ws://hub/auth/clown-talk-server", ""),
        ] {
            assert_eq!(Address::parse(url).unwrap().base(), base, "{url}");
        }
    }

    #[test]
    fn a_node_says_so_unless_the_path_has_said_it() {
        let node = |text| Address::parse(text).unwrap().socket(true);
        assert_eq!(node("ws://hub/home/attic"), "ws://hub/talk/home/attic?side=node");
        assert_eq!(node("ws://hub/talk/a?side=dashboard"), "ws://hub/talk/a?side=dashboard");
    }

    #[test]
    fn the_password_leaves_the_url_for_a_header_and_is_shown_nowhere() {
        let address = Address::parse("ws://cl%40wn:p%3Aw@hub/a").unwrap();
        let header = address.authorization().unwrap();
        assert_eq!(STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap(), b"cl@wn:p:w");
        let shown = format!("{address} {address:?} {}", address.socket(true));
        assert!(!shown.contains("p%3Aw") && !shown.contains("p:w") && !shown.contains("112"), "{shown}");
    }

    #[test]
    fn a_text_that_is_no_address_is_told_how_to_be_one_and_not_repeated() {
        for text in [
            "hub secret",
            "http://u:secret@hub",
            "https://u:secret@hub",
            "ws://u:secret@hub/?x=1",
            "ws://",
            "ws://u:80/secret@hub",
            "ws://u:80?secret@hub",
            "ws://u:80#secret@hub",
            "ws://u:se/cret@hub",
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret") && error.contains("ws://"), "{error}");
        }
        let meant = |text: &str| Address::parse(text).unwrap_err().to_string();
        for (text, right) in [
            ("127.0.0.1:22100", "ws://127.0.0.1:22100"),
            ("localhost:8080/nodes/bridge/0", "ws://localhost:8080/nodes/bridge/0"),
            ("house", "ws://house:8080"),
            ("http://house:80/", "ws://house:80"),
            ("[::1]:80", "ws://[::1]:80"),
            ("https://house:443/a", "wss://house:443/a"),
            ("https://house", "wss://house:8443"),
        ] {
            assert_eq!(meant(text), format!("the URL of a hub begins with ws://; write {right}"));
        }
        assert_eq!(Address::parse("ws://a%3Ab:c@hub").unwrap_err(), AddressError::Colon);
    }
}
