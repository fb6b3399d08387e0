//! Who is at the door: credentials, cookies and the page they come from. The same questions are put on every
//! listener.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio_util::sync::CancellationToken;

use crate::access::{Access, LoginError, User};
use crate::config::WebOrigin;

/// The cookie of the page's sign-in.
pub(crate) const COOKIE_NAME: &str = "hub_session";

/// Somebody who has been recognised.
pub(crate) struct Guest {
    pub(crate) user: User,
    /// Fires when the sign-in that this rests on ends.
    pub(crate) signed_out: Option<CancellationToken>,
}

/// Why nobody was recognised.
pub(crate) enum Stranger {
    /// No credentials, or none that can be read. Usual for a browser's first try.
    Unnamed,
    /// The access refused.
    Refused(LoginError),
}

/// Recognises whoever sent these headers: by name and password where they are given, else by the cookie.
pub(crate) async fn recognise(access: &Access, headers: &HeaderMap, from: IpAddr) -> Result<Guest, Stranger> {
    if headers.contains_key(AUTHORIZATION) {
        let (name, password) = basic(headers).ok_or(Stranger::Unnamed)?;
        let user = access.login(from, &name, &password).await.map_err(Stranger::Refused)?;
        return Ok(Guest { user, signed_out: None });
    }
    let signed_in = cookie(headers).and_then(|token| access.web_session(token)).ok_or(Stranger::Unnamed)?;
    Ok(Guest { user: signed_in.user, signed_out: Some(signed_in.ended) })
}

/// The token in the cookie of the page's sign-in.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, token)| (name == COOKIE_NAME).then_some(token))
}

/// Name and password (RFC 7617): split at the first colon, the name in UTF-8.
fn basic(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(encoded.trim()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    let (name, password) = pair.split_at(colon);
    Some((String::from_utf8(name.to_vec()).ok()?, password.get(1..)?.to_vec()))
}

/// Whether the page that a browser runs may use the hub: the hub's own, or one that the configuration names. What
/// says no origin is not a browser.
pub(crate) fn origin_is_welcome(headers: &HeaderMap, named: &[WebOrigin]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let own = host(headers).is_some_and(|host| {
        origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host)
    });
    own || named.iter().any(|named| named.as_str() == origin)
}

/// Whether the client calls the hub by a name that only this machine can mean. A page of another site that has its
/// own name resolve to 127.0.0.1 does not.
pub(crate) fn calls_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = host(headers) else { return false };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use axum::http::header::HeaderName;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_name_ends_at_the_first_colon_and_the_password_may_hold_any_byte() {
        let read = |pair: &[u8]| {
            let header = format!("Basic {}", STANDARD.encode(pair));
            basic(&headers(&[(AUTHORIZATION, &header)]))
        };
        assert_eq!(read(b"clown:big:clown"), Some(("clown".to_owned(), b"big:clown".to_vec())));
        assert_eq!(read("žlu:kůň℃".as_bytes()), Some(("žlu".to_owned(), "kůň℃".as_bytes().to_vec())));
        assert_eq!(read(b"clown:"), Some(("clown".to_owned(), vec![])));
        assert_eq!(read(b"u:\xe9"), Some(("u".to_owned(), vec![0xe9])));
        assert_eq!(read(b"\xe9:p"), None);
        assert_eq!(read(b"no colon"), None);
        assert_eq!(basic(&headers(&[(AUTHORIZATION, "Bearer x")])), None);
    }

    #[test]
    fn a_page_of_another_site_is_not_welcome() {
        let named = |config: &[WebOrigin], host: &str, origin: &str| {
            origin_is_welcome(&headers(&[(HOST, host), (ORIGIN, origin)]), config)
        };
        assert!(named(&[], "hub.local:8080", "http://hub.local:8080"));
        assert!(named(&[], "hub.local", "https://hub.local"));
        assert!(!named(&[], "hub.local:8080", "http://hub.local:8081"));
        assert!(!named(&[], "127.0.0.1:8080", "http://localhost:8080"));
        assert!(!named(&[], "hub.local", "null"));
        assert!(!named(&[], "hub.local", "http://hub.local.evil.example"));
        assert!(origin_is_welcome(&headers(&[(HOST, "hub.local")]), &[]));
    }

    #[test]
    fn only_names_of_this_machine_mean_this_machine() {
        let calls = |host: &str| calls_this_machine(&headers(&[(HOST, host)]));
        for name in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"] {
            assert!(calls(name), "{name}");
        }
        for name in ["evil.example:8080", "127.0.0.1.evil.example", "192.168.1.5", ""] {
            assert!(!calls(name), "{name}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = |text: &str| cookie(&headers(&[(COOKIE, text)])).map(str::to_owned);
        assert_eq!(found("a=b; hub_session=tok; c=d"), Some("tok".to_owned()));
        assert_eq!(found("not_hub_session=tok"), None);
    }
}
