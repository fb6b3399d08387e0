//! The PROXY protocol, versions 1 and 2: the first bytes of a connection, in which a proxy that only passes bytes on says whom
//! it speaks for. <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>
//!
//! The header is read to its last byte and not beyond, as what follows belongs to TLS, to HTTP or to a line.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::place::Proxied;

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The longest header of version 1, with its end.
const LONGEST_LINE: usize = 107;

/// The most that follows the first 16 bytes of version 2. With the certificate of a client it may be some hundreds.
const LONGEST: usize = 2048;

/// What is wrong with a header.
#[derive(Debug, thiserror::Error)]
pub(super) enum Wrong {
    #[error(
        "a trusted proxy has begun a connection without a PROXY header, which server.proxy_protocol asks for"
    )]
    Missing,
    #[error("the PROXY header is not readable: {0}")]
    Unreadable(&'static str),
    #[error("the PROXY header says that {said} bytes follow, and {LONGEST} are the most")]
    TooLong { said: usize },
    #[error("the PROXY header did not come whole: {0}")]
    NotWhole(#[from] io::Error),
}

/// Reads a header.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Proxied, Wrong> {
    // No header is shorter.
    let mut begin = [0; SIGNATURE.len()];
    for at in 0..begin.len() {
        let byte = stream.read_u8().await?;
        if let Some(place) = begin.get_mut(at) {
            *place = byte;
        }
        let so_far = begin.get(..=at).unwrap_or_default();
        if !SIGNATURE.starts_with(so_far) && !so_far.starts_with(b"PROXY ".get(..=at).unwrap_or(b"PROXY ")) {
            return Err(Wrong::Missing);
        }
    }
    if begin == SIGNATURE {
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let said = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if said > LONGEST {
            return Err(Wrong::TooLong { said });
        }
        let mut rest = vec![0; said];
        stream.read_exact(&mut rest).await?;
        return version_2(head[0], head[1], &rest).map_err(Wrong::Unreadable);
    }
    let mut line = begin.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(Wrong::Unreadable("version 1 has at most 107 bytes, with a line break at the end"));
        }
        line.push(stream.read_u8().await?);
    }
    version_1(&line).map_err(Wrong::Unreadable)
}

/// `PROXY TCP4 203.0.113.9 10.0.0.1 4711 80`
fn version_1(line: &[u8]) -> Result<Proxied, &'static str> {
    const FORM: &str = "version 1 is PROXY, TCP4 or TCP6, two addresses and two ports, with single spaces";
    let line = str::from_utf8(line).ok().and_then(|line| line.strip_suffix("\r\n")).ok_or(FORM)?;
    let words: Vec<_> = line.split(' ').skip(1).collect();
    let client = match &words[..] {
        ["UNKNOWN", ..] => None,
        [family @ ("TCP4" | "TCP6"), from, to, port, to_port] => {
            let (from, to) = (from.parse::<IpAddr>(), to.parse::<IpAddr>());
            let (Ok(from), Ok(to), Ok(port), Ok(_)) = (from, to, port.parse(), to_port.parse::<u16>()) else {
                return Err(FORM);
            };
            if from.is_ipv4() != (*family == "TCP4") || to.is_ipv4() != from.is_ipv4() {
                return Err("version 1 names another family than that of the addresses");
            }
            Some(SocketAddr::new(from, port))
        }
        _ => return Err(FORM),
    };
    Ok(Proxied { client, over_tls: false })
}

/// What follows the signature and the length.
fn version_2(version_and_command: u8, family: u8, rest: &[u8]) -> Result<Proxied, &'static str> {
    const SHORT: &str = "its length ends within the addresses";
    let port = |bytes: &[u8; 2]| u16::from_be_bytes(*bytes);
    match version_and_command {
        // The proxy speaks for itself, to see whether the hub is there.
        0x20 => return Ok(Proxied { client: None, over_tls: false }),
        0x21 => {}
        _ => return Err("it is neither version 1 nor 2, or has an unknown command"),
    }
    let (client, extras) = match family {
        0x11 => {
            let (from, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
            let (_to, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
            let (from_port, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
            let (_to_port, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
            (Some(SocketAddr::new(Ipv4Addr::from(*from).into(), port(from_port))), rest)
        }
        0x21 => {
            let (from, rest) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
            let (_to, rest) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
            let (from_port, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
            let (_to_port, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
            (Some(SocketAddr::new(Ipv6Addr::from(*from).into(), port(from_port))), rest)
        }
        0x00 => (None, &[][..]),
        _ => return Err("it speaks for a client that has not come over TCP"),
    };
    Ok(Proxied { client, over_tls: over_tls(extras)? })
}

/// Whether an extra says that the client has come over TLS. All of them are looked through, so that a length that is a lie is
/// found out.
fn over_tls(mut extras: &[u8]) -> Result<bool, &'static str> {
    const TLS: u8 = 0x20;
    const CLIENT_USED_TLS: u8 = 1;
    const WRONG: &str = "its length does not fit what it holds";
    let mut is = false;
    while let Some((&kind, rest)) = extras.split_first() {
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(WRONG)?;
        let (value, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(WRONG)?;
        is |= kind == TLS && value.first().is_some_and(|flags| flags & CLIENT_USED_TLS != 0);
        extras = rest;
    }
    Ok(is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is read, and what is left.
    async fn reads(bytes: &[u8]) -> (Result<Proxied, String>, Vec<u8>) {
        let mut stream = bytes;
        let read = read(&mut stream).await.map_err(|wrong| wrong.to_string());
        (read, stream.to_vec())
    }

    fn of(address: &str, over_tls: bool) -> Proxied {
        Proxied { client: Some(address.parse().unwrap()), over_tls }
    }

    fn second(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, rest].concat()
    }

    const IPV4: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0x12, 0x67, 0, 80];

    #[tokio::test]
    async fn a_header_is_read_to_its_end_and_not_beyond() {
        let nobody = Proxied { client: None, over_tls: false };
        let ipv6 =
            [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 16], &[0x12, 0x67, 0, 80]];
        let tls = [&IPV4[..], &[0x20, 0, 5, 1, 0, 0, 0, 0], &[4, 0, 1, 0]].concat();
        for (header, expected) in [
            (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n".to_vec(), of("203.0.113.9:4711", false)),
            (b"PROXY TCP6 2001:db8::1 ::1 4711 80\r\n".to_vec(), of("[2001:db8::1]:4711", false)),
            (b"PROXY UNKNOWN\r\n".to_vec(), nobody),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), nobody),
            (second(1, 0x11, &IPV4), of("203.0.113.9:4711", false)),
            (second(1, 0x21, &ipv6.concat()), of("[2001:db8::1]:4711", false)),
            (second(1, 0x11, &tls), of("203.0.113.9:4711", true)),
            (second(0, 0, &[]), nobody),
            (second(1, 0, b"what is here is not looked at"), nobody),
        ] {
            let follows = b"GET / HTTP/1.1\r\n";
            let (read, left) = reads(&[&header[..], follows].concat()).await;
            assert_eq!(read, Ok(expected), "{header:?}");
            assert_eq!(left, follows, "{header:?}");
        }
    }

    #[tokio::test]
    async fn a_header_that_is_none_or_lies_about_its_length_is_told_so() {
        let mut long = second(1, 0x11, &IPV4);
        long[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
        let mut more = second(1, 0x11, &[&IPV4[..], b"GET / HTTP/1.1"].concat());
        more[15] = 12 + 8;
        for (bytes, word) in [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "without a PROXY header"),
            (b"PROXIES\r\n".to_vec(), "without a PROXY header"),
            ([&b"PROXY TCP4 "[..], &[b'1'; 200]].concat(), "at most 107 bytes"),
            (b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n".to_vec(), "another family"),
            (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711\r\n".to_vec(), "two ports"),
            (b"PROXY TCP4 203.0.113.9 10.0.0.1 70000 80\r\n".to_vec(), "two ports"),
            (b"PROXY TCP4 203.0.113.9".to_vec(), "not come whole"),
            (long, "65535 bytes follow"),
            (second(1, 0x11, &IPV4[..11]), "ends within the addresses"),
            (more, "does not fit"),
            (second(1, 0x12, &IPV4), "not come over TCP"),
            (second(2, 0x11, &IPV4), "unknown command"),
        ] {
            let (read, _) = reads(&bytes).await;
            let wrong = read.unwrap_err();
            assert!(wrong.contains(word), "{bytes:?}: {wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_otherwise_or_keep_much(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..3) {
            let begin: &[u8] = match kind { 0 => b"", 1 => b"PROXY ", _ => &SIGNATURE };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(reads(&[begin, &bytes].concat()));
        }
    }
}
