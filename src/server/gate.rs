//! Who is at the door: credentials, cookies and the page they come from. The same questions are put on every
//! listener.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN, USER_AGENT};
use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::peer::Peer;
use super::{App, Door, secure, token};
use crate::access::{LoginError, SignedIn, User};
use crate::config::WebOrigin;
use crate::hub::Side;
use crate::seldom::{Seldom, Times};
use crate::topic::Base;

/// The cookie of the page's sign-in. Over TLS it has a name that browsers protect: no page without TLS and no other host can
/// set it. So one that was set without TLS counts for nothing there, and is in nobody's way.
///
/// Behind a proxy other hubs may have the same host name, each with a path prefix of its own. So the prefix is part of the name.
pub(super) fn cookie_name(app: &App, peer: &Peer) -> String {
    let name = if peer.is_encrypted() { "__Host-hub_session" } else { "hub_session" };
    format!("{name}{}", app.settings.path_prefix.replace('/', "-"))
}

/// Small boards leave out the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why nobody was recognised.
pub(super) enum Stranger {
    /// No credentials, or none that can be read; the sentence says which. Usual for a browser's first try.
    Unnamed(&'static str),
    /// The access refused.
    Refused(LoginError),
}

impl App {
    /// Finds the user of these headers: by name and password if they are there, otherwise by the cookie.
    pub(super) async fn recognise(
        &self,
        headers: &HeaderMap,
        peer: &Peer,
        door: Door,
    ) -> Result<SignedIn, Stranger> {
        let found = self.find(headers, peer, door).await;
        if found.is_ok() {
            peer.has_signed_in();
        }
        found
    }

    async fn find(&self, headers: &HeaderMap, peer: &Peer, door: Door) -> Result<SignedIn, Stranger> {
        if let Some(token) = token::bearer(headers) {
            return self.sign_in_with_token(peer, door, token);
        }
        if headers.contains_key(AUTHORIZATION) {
            let (name, password) = basic(headers).map_err(Stranger::Unnamed)?;
            return self.login(peer, door, &name, &password).await.map_err(Stranger::Refused);
        }
        let let_in = |who| self.let_in(who, peer, door).ok();
        let by_certificate = || self.signed_in_by_certificate(peer).and_then(let_in);
        let known = self.signed_in_page(headers, peer).and_then(let_in).or_else(by_certificate);
        known.ok_or(Stranger::Unnamed(match peer.certificate() {
            None => "name and password are needed",
            Some(_) => "name and password are needed: the certificate names no account",
        }))
    }

    /// Whom the certificate of the client names, if it is still valid: a session of TLS that is resumed may be hours old.
    pub(super) fn signed_in_by_certificate(&self, peer: &Peer) -> Option<SignedIn> {
        static UNKNOWN: Seldom = Seldom::new();
        let certificate = peer.certificate().filter(|certificate| certificate.is_valid(secure::now()))?;
        let (names, common_name) = certificate.for_accounts();
        let found = self.access.named(&names, common_name);
        if found.is_none()
            && let Some(times) = UNKNOWN.again(&peer.address().to_string())
        {
            let names = certificate.all_names().collect::<Vec<_>>().join(", ");
            let names: String = names.chars().take(128).collect();
            tracing::warn!(
                ?names, address = %peer, %times,
                "the certificate of the client names no account, or several: one of its names must be an account's"
            );
        }
        found
    }

    /// Whether somebody may sign in here as far as certificates go: an account may ask for one.
    fn has_the_certificate(&self, user: &User, peer: &Peer) -> bool {
        !self.access.asks_for_certificate(&user.name)
            || self.signed_in_by_certificate(peer).is_some_and(|named| named.user.name == user.name)
    }

    /// Whether somebody who has proved who they are may come in here: with this certificate, from this address, at this time.
    /// Every sign-in comes by here, in whatever way.
    pub(super) fn admits(&self, who: &SignedIn, peer: &Peer) -> Result<(), LoginError> {
        static NOT_FROM_THERE: Seldom = Seldom::new();
        if !self.has_the_certificate(&who.user, peer) {
            return Err(LoginError::NoCertificate);
        }
        let address = peer.address();
        let admitted = self.access.admits(who, address, peer.is_untold());
        if admitted == Err(LoginError::NotFromHere)
            && let Some(times) = NOT_FROM_THERE.again(&who.user.name)
        {
            let user = &who.user.name;
            let why = if peer.is_untold() {
                "the account has `from`, and the trusted proxy at this address does not tell whom it speaks for; have it tell, or \
                 add this very address to `from`"
            } else {
                "the account is for other addresses; if it may come from this one, add it to `from`"
            };
            tracing::warn!(?user, %address, %times, "sign-in refused: {why}");
        }
        admitted
    }

    /// Who has signed in at the page that sent these headers. Another program on the same host name may have set a cookie
    /// of our name, too, so each of them is tried.
    fn signed_in_page(&self, headers: &HeaderMap, peer: &Peer) -> Option<SignedIn> {
        cookies(self, headers, peer)
            .find_map(|token| self.access.web_session(token))
            .map(|page| page.signed_in)
    }

    /// Whether a browser's page may use the hub; the sentence says why not, and what to do.
    pub(super) fn welcomes(&self, headers: &HeaderMap, peer: &Peer) -> Result<(), String> {
        if !origin_is_welcome(headers, peer.host(), &self.settings.origins, peer.is_encrypted()) {
            static ORIGINS: Seldom = Seldom::new();
            let origin = text(headers, ORIGIN);
            if let Some(times) = self.counts_refused(&ORIGINS, &origin) {
                tracing::warn!(
                    ?origin, address = %peer, %times,
                    "page refused: if pages of this origin may use the hub, add it to server.origins"
                );
            }
            return Err(format!(
                "pages of the origin {origin:?} may not use the hub; if they may, add it to server.origins"
            ));
        }
        if self.access.accounts().is_demo() && !is_local(headers, peer, calls_this_machine) {
            static HOSTS: Seldom = Seldom::new();
            let host = peer.host().unwrap_or_default().chars().take(128).collect::<String>();
            if let Some(times) = self.counts_refused(&HOSTS, &host) {
                tracing::warn!(
                    ?host, address = %peer, %times,
                    "connection refused: the demo user is for this machine only; make accounts in users.file"
                );
            }
            return Err(
                "the demo user is for this machine alone: call it localhost, or set up accounts".into()
            );
        }
        Ok(())
    }

    fn counts_refused(&self, kind: &Seldom, who: &str) -> Option<Times> {
        self.hub.figures().connections_refused.add(1);
        kind.again(who)
    }
}

/// Whether a user may stand at a base; the sentence says why not.
pub(super) fn may_stand(user: &User, base: &Base, side: Side) -> Result<(), &'static str> {
    user.rights.may_stand(base, side)
}

/// So many cookies of our name are looked at. Each is some work, and anybody can send them.
const COOKIES: usize = 8;

/// The tokens in the cookies of the page's sign-in.
pub(super) fn cookies<'h>(
    app: &App,
    headers: &'h HeaderMap,
    peer: &Peer,
) -> impl Iterator<Item = &'h str> + use<'h> {
    named(headers, cookie_name(app, peer))
}

fn named(headers: &HeaderMap, ours: String) -> impl Iterator<Item = &str> + use<'_> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(name, _)| *name == ours)
        .map(|(_, token)| token)
        .take(COOKIES)
}

/// Name and password (RFC 7617): split at the first colon, the name in UTF-8. The sentence says what is wrong.
fn basic(headers: &HeaderMap) -> Result<(String, Vec<u8>), &'static str> {
    const SCHEME: &str =
        "the header Authorization must be Basic and name:password in base64, or Bearer and a token";
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).ok_or(SCHEME)?;
    let (scheme, encoded) = header.split_once(' ').ok_or(SCHEME)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(SCHEME);
    }
    let pair = BASE64.decode(encoded.trim()).map_err(|_| "what follows Basic is not base64")?;
    let colon = pair.iter().position(|byte| *byte == b':');
    let colon = colon.ok_or("there is no colon in the credentials: they are name:password in base64")?;
    let (name, password) = pair.split_at(colon);
    let name = String::from_utf8(name.to_vec()).map_err(|_| "the name is not UTF-8")?;
    Ok((name, password.get(1..).unwrap_or_default().to_vec()))
}

/// Whether the page that a browser runs may use the hub: the hub's own, or one that the configuration names. What
/// names no origin is not a browser.
///
/// Without TLS the hub's own page may have come over TLS all the same, from a proxy in front. With TLS it has not come
/// without: such a page may be anybody's on the network.
fn origin_is_welcome(
    headers: &HeaderMap,
    host: Option<&str>,
    named: &[WebOrigin],
    is_encrypted: bool,
) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let plain = origin.strip_prefix("http://").filter(|_| !is_encrypted);
    let page = plain.or_else(|| origin.strip_prefix("https://"));
    let own = page.zip(host).is_some_and(|(page, host)| is_same_host(page, host));
    own || named.iter().any(|named| named.as_str() == origin) || is_a_devices(origin, headers)
}

/// Libraries for microcontrollers send this origin with every handshake. A page on disk, in a browser, does as well, but
/// no page can send another `User-Agent` than its browser's.
fn is_a_devices(origin: &str, headers: &HeaderMap) -> bool {
    let agents = headers.get_all(USER_AGENT).iter().map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    origin == "file://"
        && !agents.into_iter().any(|agent| agent.contains("Mozilla/") || agent.contains("Opera/"))
}

/// Whether both mean the same host and port. The names of this machine are one host.
fn is_same_host(one: &str, other: &str) -> bool {
    let ((name, port), (other_name, other_port)) = (name_and_port(one), name_and_port(other));
    let is_local =
        |name: &str| name.eq_ignore_ascii_case("localhost") || matches!(name, "127.0.0.1" | "[::1]");
    one == other || (port == other_port && is_local(name) && is_local(other_name))
}

/// A host without its port, and the port with its colon.
pub(super) fn name_and_port(host: &str) -> (&str, &str) {
    let after_address = host.find(']').map_or(0, |at| at + 1);
    let rest = host.get(after_address..).unwrap_or_default();
    host.split_at_checked(after_address + rest.find(':').unwrap_or(rest.len())).unwrap_or((host, ""))
}

/// Whether the client calls the hub by a name that only this machine can mean. A page of another site that has its
/// own name resolve to 127.0.0.1 does not.
pub(super) fn calls_this_machine(host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let (name, _) = name_and_port(host);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The port with its colon, where the hub is called by a name of this machine.
pub(super) fn port_on_this_machine(host: Option<&str>) -> Option<&str> {
    let host = host.filter(|_| calls_this_machine(host))?;
    let (_, port) = name_and_port(host);
    port.bytes().skip(1).all(|byte| byte.is_ascii_digit()).then_some(port)
}

/// Whether a program of this machine asks, and no page of another site: such a page may have its own name resolve to 127.0.0.1.
pub(super) fn is_of_this_machine(headers: &HeaderMap, peer: &Peer) -> bool {
    is_local(headers, peer, is_no_site)
}

fn is_local(headers: &HeaderMap, peer: &Peer, is_ours: fn(Option<&str>) -> bool) -> bool {
    // A page of another site may write the headers of a proxy, but not the header `Host`.
    let host = host(headers);
    peer.is_near() && is_ours(host) && (peer.host() == host || is_ours(peer.host()))
}

/// Whether the client calls the hub by an address, or by a name without a dot: no site of others has such a name.
fn is_no_site(host: Option<&str>) -> bool {
    let Some(host) = host else { return true };
    let (name, _) = name_and_port(host);
    name.starts_with('[') || !name.contains('.') || name.parse::<IpAddr>().is_ok()
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

/// The part of a header that a log or an answer may repeat. The caller escapes it.
fn text(headers: &HeaderMap, name: HeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.unwrap_or_default().chars().take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_name_ends_at_the_first_colon_and_the_password_may_hold_any_byte() {
        let read = |pair: &[u8]| {
            let header = format!("Basic {}", BASE64.encode(pair));
            basic(&headers(&[(AUTHORIZATION, &header)]))
        };
        assert_eq!(read(b"clown:big:clown"), Ok(("clown".to_owned(), b"big:clown".to_vec())));
        assert_eq!(read("žlu:kůň℃".as_bytes()), Ok(("žlu".to_owned(), "kůň℃".as_bytes().to_vec())));
        assert_eq!(read(b"clown:"), Ok(("clown".to_owned(), vec![])));
        assert_eq!(read(b"u:\xe9"), Ok(("u".to_owned(), vec![0xe9])));
    }

    #[test]
    fn credentials_that_cannot_be_read_are_told_what_is_wrong_with_them() {
        let read = |header: &str| basic(&headers(&[(AUTHORIZATION, header)]));
        let pair = Ok(("clown".to_owned(), b"bigclown".to_vec()));
        for padded_or_not in
            ["Basic Y2xvd246YmlnY2xvd24=", "Basic Y2xvd246YmlnY2xvd24", "bAsIc  Y2xvd246YmlnY2xvd24"]
        {
            assert_eq!(read(padded_or_not), pair, "{padded_or_not}");
        }
        for (header, word) in [
            ("Bearer x", "must be Basic"),
            ("Basic", "must be Basic"),
            ("Basic clown:bigclown", "not base64"),
            ("Basic bm8gY29sb24=", "no colon"),
            ("Basic ", "no colon"),
            ("Basic 6Tpw", "not UTF-8"),
        ] {
            let why = read(header).unwrap_err();
            assert!(why.contains(word), "{header}: {why}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_not_welcome() {
        let named = |config: &[WebOrigin], host: &str, origin: &str| {
            origin_is_welcome(&headers(&[(ORIGIN, origin)]), Some(host), config, false)
        };
        let with_tls =
            |origin: &str| origin_is_welcome(&headers(&[(ORIGIN, origin)]), Some("hub.local"), &[], true);
        assert!(with_tls("https://hub.local") && !with_tls("http://hub.local"));
        assert!(named(&[], "hub.local:8080", "http://hub.local:8080"));
        assert!(named(&[], "hub.local", "https://hub.local"));
        assert!(!named(&[], "hub.local:8080", "http://hub.local:8081"));
        assert!(!named(&[], "hub.local", "null"));
        assert!(!named(&[], "hub.local:8080", "http://localhost:8080"));
        assert!(!named(&[], "hub.local", "http://hub.local.evil.example"));
        assert!(origin_is_welcome(&headers(&[]), Some("hub.local"), &[], false));
    }

    #[test]
    fn only_names_of_this_machine_mean_this_machine() {
        let calls = |host: &str| calls_this_machine(Some(host));
        for name in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"] {
            assert!(calls(name), "{name}");
        }
        for name in ["evil.example:8080", "127.0.0.1.evil.example", "192.168.1.5", ""] {
            assert!(!calls(name), "{name}");
        }
    }

    #[test]
    fn a_name_with_a_dot_may_be_a_site_of_others() {
        for name in
            ["localhost:8080", "127.0.0.1:8080", "[fe80::1]:8080", "192.168.1.5", "raspberrypi:8080", ""]
        {
            assert!(is_no_site(Some(name)), "{name}");
        }
        assert!(is_no_site(None), "HTTP/1.0, which no browser speaks");
        for name in ["evil.example:8080", "127.0.0.1.evil.example", "raspberrypi.local", "1.2.3.4.5"] {
            assert!(!is_no_site(Some(name)), "{name}");
        }
    }

    #[test]
    fn the_names_of_this_machine_are_one_host() {
        let comes = |host: &str, origin: &str| {
            origin_is_welcome(&headers(&[(ORIGIN, origin)]), Some(host), &[], false)
        };
        let names = ["localhost", "127.0.0.1", "[::1]"];
        for (name, other) in names.iter().flat_map(|name| names.map(|other| (*name, other))) {
            assert!(comes(&format!("{name}:8080"), &format!("http://{other}:8080")), "{name} {other}");
            assert!(comes(name, &format!("http://{other}")), "{name} {other}");
            assert!(!comes(&format!("{name}:8080"), &format!("http://{other}:8081")), "{name} {other}");
        }
        for other in ["127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.2", "evil.example"] {
            assert!(!comes("localhost:8080", &format!("http://{other}:8080")), "{other}");
        }
    }

    #[test]
    fn a_page_on_disk_is_no_device_and_a_device_is_no_page() {
        const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let comes = |agents: &[&str], origin: &str| {
            let agents = agents.iter().map(|agent| (USER_AGENT, *agent));
            let all: Vec<_> = [(ORIGIN, origin)].into_iter().chain(agents).collect();
            origin_is_welcome(&headers(&all), Some("hub.local"), &[], false)
        };
        for agents in [&[][..], &["arduino-WebSocket-Client"], &[""]] {
            assert!(comes(agents, "file://"), "{agents:?}");
            for origin in ["null", "file:///", "http://evil.example", "file://x"] {
                assert!(!comes(agents, origin), "{agents:?} {origin}");
            }
        }
        assert!(!comes(&[FIREFOX], "file://"));
        assert!(!comes(&["arduino-WebSocket-Client", FIREFOX], "file://"));
    }

    #[test]
    fn every_cookie_of_our_name_is_found_among_others() {
        let found = |text: &str| {
            let headers = headers(&[(COOKIE, text)]);
            named(&headers, "hub_session".to_owned()).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(found("a=b; hub_session=tok; c=d"), ["tok"]);
        assert_eq!(found("hub_session=bad; hub_session=tok"), ["bad", "tok"]);
        assert_eq!(found("not_hub_session=tok"), [""; 0]);
        assert_eq!(
            found(&"hub_session=x; ".repeat(1000)),
            ["x"; COOKIES],
            "more is work that nobody pays for"
        );
    }
}
