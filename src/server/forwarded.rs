//! What a trusted proxy says in the headers of a request: whom it speaks for, and how that client has come to it. `Forwarded`
//! (RFC 7239), and `X-Forwarded-For`, `-Proto` and `-Host`. Pure.
//!
//! Each proxy adds the address that it was reached from at the right. What stands further to the left is only worth as much as
//! the proxy that passed it on. So the headers are read from the right, as long as a trusted proxy vouches for what comes next.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{FORWARDED, HeaderName, VIA};
use axum::http::{HeaderMap, HeaderValue};

/// The headers that became usual before there was `Forwarded`.
const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Whether a proxy has passed a request on, as far as that is written into it.
pub(super) fn is_a_proxys(headers: &HeaderMap) -> bool {
    static NAMES: [HeaderName; 6] = [FORWARDED, FOR, PROTO, X_HOST, REAL_IP, VIA];
    headers.keys().any(|name| NAMES.contains(name))
}

/// What a proxy says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Forwarded {
    /// The client; where the proxy does not know it, the last that is known on the way to it.
    pub(super) client: IpAddr,
    /// Whether the client is known.
    pub(super) is_known: bool,
    /// Whether all who are named from the client on are this machine.
    pub(super) all_near: bool,
    /// Whether the client has come over TLS, if that is said.
    pub(super) over_tls: Option<bool>,
    /// What the client calls the hub, if that is said.
    pub(super) host: Option<Box<str>>,
}

/// One on the way to the client.
#[derive(Default)]
struct Hop {
    /// `None` where it is hidden, or no address.
    address: Option<IpAddr>,
    over_tls: Option<bool>,
    host: Option<Box<str>>,
}

/// Where the client is, and which of the hops it is.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Found {
    client: IpAddr,
    is_known: bool,
    all_near: bool,
    hop: Option<usize>,
}

/// Reads the headers of a request that comes from the trusted `proxy`; `None` where none of them is there. The error says what
/// is wrong with them.
pub(super) fn read(
    proxy: IpAddr,
    headers: &HeaderMap,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Result<Option<Forwarded>, &'static str> {
    let usual = usual_hops(headers);
    let standard = standard_hops(headers)?;
    let said_alone = headers.contains_key(PROTO) || headers.contains_key(X_HOST);
    if usual.is_none() && standard.is_none() && !said_alone {
        return Ok(None);
    }
    let walked = |hops: &Option<Vec<Hop>>| hops.as_ref().map(|hops| walk(proxy, hops, &is_trusted));
    let (by_usual, by_standard) = (walked(&usual), walked(&standard));
    if let (Some(one), Some(other)) = (by_usual, by_standard)
        && one.client != other.client
    {
        // The proxy writes one of the two, and passes on what the client wrote into the other.
        return Err(
            "Forwarded and X-Forwarded-For name two clients: the proxy must remove the one that it does not write",
        );
    }
    let nobody = Found { client: proxy, is_known: false, all_near: false, hop: None };
    let found = by_usual.or(by_standard).unwrap_or(nobody);
    let hop = by_standard.and_then(|found| standard.as_ref()?.get(found.hop?));
    Ok(Some(Forwarded {
        client: found.client,
        is_known: found.is_known,
        all_near: found.all_near,
        over_tls: last(headers, &PROTO).and_then(over_tls).or(hop.and_then(|hop| hop.over_tls)),
        host: match last(headers, &X_HOST) {
            Some(host) => Some(a_host(host)?),
            None => hop.and_then(|hop| hop.host.clone()),
        },
    }))
}

/// Goes from the proxy to the left, as far as trusted proxies vouch for what they say.
fn walk(proxy: IpAddr, hops: &[Hop], is_trusted: impl Fn(IpAddr) -> bool) -> Found {
    let mut found = Found { client: proxy, is_known: true, all_near: true, hop: None };
    for (number, hop) in hops.iter().enumerate().rev() {
        if !is_trusted(found.client) {
            break;
        }
        found.hop = Some(number);
        let Some(address) = hop.address else {
            found.is_known = false;
            break;
        };
        found.client = address;
        found.all_near &= address.is_loopback();
    }
    found
}

fn usual_hops(headers: &HeaderMap) -> Option<Vec<Hop>> {
    headers.contains_key(FOR).then(|| {
        let values = headers.get_all(FOR).iter().map(HeaderValue::as_bytes);
        let hops = values.flat_map(|value| value.split(|byte| *byte == b','));
        hops.map(|hop| Hop { address: str::from_utf8(hop).ok().and_then(address), ..Hop::default() })
            .collect()
    })
}

fn standard_hops(headers: &HeaderMap) -> Result<Option<Vec<Hop>>, &'static str> {
    const WRONG: &str = "the proxy sends a header Forwarded that is none (RFC 7239)";
    if !headers.contains_key(FORWARDED) {
        return Ok(None);
    }
    let mut hops = Vec::new();
    for value in headers.get_all(FORWARDED) {
        let value = value.to_str().map_err(|_| WRONG)?;
        for element in split_outside_quotes(value, ',').ok_or(WRONG)? {
            let mut hop = Hop::default();
            for pair in split_outside_quotes(element, ';').ok_or(WRONG)? {
                if pair.trim().is_empty() {
                    continue;
                }
                let (name, value) = pair.split_once('=').ok_or(WRONG)?;
                let value = unquoted(value.trim());
                match name.trim().to_ascii_lowercase().as_str() {
                    "for" => hop.address = address(&value),
                    "proto" => hop.over_tls = over_tls(&value),
                    "host" => hop.host = Some(a_host(&value)?),
                    _ => {}
                }
            }
            hops.push(hop);
        }
    }
    Ok(Some(hops))
}

/// The parts of a text between the separators that stand in no quotes; `None` where quotes are left open.
fn split_outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            char if char == separator && !is_quoted => {
                parts.push(text.get(begin..at)?);
                begin = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(begin..)?);
    (!is_quoted).then_some(parts)
}

fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut is_escaped = false;
    let kept = inner.chars().filter(|char| {
        is_escaped = !is_escaped && *char == '\\';
        !is_escaped
    });
    kept.collect()
}

/// An address, perhaps in brackets and perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let in_brackets = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let alone = in_brackets.unwrap_or(text).parse::<IpAddr>().ok();
    let address = alone.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

fn over_tls(text: &str) -> Option<bool> {
    let is = |words: [&str; 2]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["https", "wss"]) { Some(true) } else { is(["http", "ws"]).then_some(false) }
}

fn a_host(text: &str) -> Result<Box<str>, &'static str> {
    if text.is_empty() || !super::request::is_of_a_host(text.as_bytes()) {
        return Err("the proxy names a host that is none");
    }
    Ok(text.into())
}

/// The last one in a header that is a list: the proxy next to the hub has written it.
fn last<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    /// The client that the headers name, where 10.0.0.0/24 and loopback are trusted.
    fn read_of(pairs: &[(&str, &str)]) -> Result<Option<Forwarded>, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let is_trusted =
            |address: IpAddr| address.is_loopback() || address.to_string().starts_with("10.0.0.");
        read(PROXY.parse().unwrap(), &headers, is_trusted)
    }

    fn client(pairs: &[(&str, &str)]) -> String {
        let found = read_of(pairs).unwrap().unwrap();
        if found.is_known { found.client.to_string() } else { format!("unknown behind {}", found.client) }
    }

    #[test]
    fn the_client_is_the_right_most_address_that_is_no_trusted_proxy() {
        for (value, expected) in [
            ("203.0.113.9", "203.0.113.9"),
            ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
            ("127.0.0.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("10.0.0.7, 10.0.0.2", "10.0.0.7"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("203.0.113.9, unknown", "unknown behind 10.0.0.1"),
            ("203.0.113.9, _hidden, 10.0.0.2", "unknown behind 10.0.0.2"),
            ("", "unknown behind 10.0.0.1"),
        ] {
            assert_eq!(client(&[("x-forwarded-for", value)]), expected, "{value}");
        }
        let two = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client(&two), "203.0.113.9", "a header in two lines is one list");
        assert_eq!(read_of(&[]), Ok(None));
    }

    #[test]
    fn the_header_of_the_standard_is_read_with_its_quotes() {
        for (value, expected) in [
            ("for=203.0.113.9;proto=https;host=hub.example", "203.0.113.9"),
            ("for=1.1.1.1, For=\"[2001:db8::17]:4711\" ; by=10.0.0.1", "2001:db8::17"),
            ("for=203.0.113.9, for=\"10.0.0.2:80\"", "203.0.113.9"),
            ("for=\"_a, for=1.1.1.1\"", "unknown behind 10.0.0.1"),
            ("proto=https", "unknown behind 10.0.0.1"),
        ] {
            assert_eq!(client(&[("forwarded", value)]), expected, "{value}");
        }
        for wrong in ["for=\"1.1.1.1", "for", "for=1.1.1.1;host=a/b", "host=\"\""] {
            assert!(read_of(&[("forwarded", wrong)]).is_err(), "{wrong}");
        }
        let said = read_of(&[("forwarded", "for=1.1.1.1;host=old, for=1.2.3.4;proto=https;host=\"hub:1\"")]);
        let said = said.unwrap().unwrap();
        assert_eq!((said.over_tls, said.host.as_deref()), (Some(true), Some("hub:1")));
    }

    #[test]
    fn two_headers_that_name_two_clients_are_refused() {
        let both = |one, other| read_of(&[("x-forwarded-for", one), ("forwarded", other)]);
        assert!(both("203.0.113.9", "for=127.0.0.1").is_err());
        assert!(both("203.0.113.9", "for=203.0.113.9").is_ok());
    }

    #[test]
    fn what_the_proxy_next_to_the_hub_says_of_host_and_tls_counts() {
        let said = |pairs: &[(&str, &str)]| {
            let said = read_of(pairs).unwrap().unwrap();
            (said.is_known, said.over_tls, said.host)
        };
        let host = Some(Box::from("hub.example"));
        let pairs = [("x-forwarded-proto", "http, HTTPS"), ("x-forwarded-host", "x, hub.example")];
        assert_eq!(said(&pairs), (false, Some(true), host));
        assert_eq!(said(&[("x-forwarded-proto", "ftp")]), (false, None, None));
        assert!(read_of(&[("x-forwarded-host", "a b")]).is_err());
    }

    #[test]
    fn only_a_way_that_never_leaves_this_machine_is_near() {
        let near = |value: &str| {
            let found = read_of(&[("x-forwarded-for", value)]).unwrap().unwrap();
            found.is_known && found.all_near
        };
        assert!(near("127.0.0.1") && near("::1, 127.0.0.1"));
        assert!(!near("127.0.0.1, 10.0.0.2"), "a machine between says so, and it may be any of its network");
        assert!(!near("127.0.0.1, 203.0.113.9") && !near("unknown"));
    }
}
