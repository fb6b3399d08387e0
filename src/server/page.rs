//! The page: what `build.rs` made of `web/`, compiled in, as it is and compressed; or, in a hub that was built without npm,
//! one plain page.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};

/// Where the page for bringing up a device is.
pub(crate) const DIAGNOSTICS: &str = "/diagnostics";

/// What that page may do: what the others may, and open a WebSocket to anywhere.
const ANY_SOCKET: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                          connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One file of the page. `web/build.mjs` writes these.
#[derive(Clone, Copy)]
struct File {
    path: &'static str,
    kind: &'static str,
    /// Whether its name changes with its content, so that a browser never has to ask again.
    is_hashed: bool,
    /// Digest of the content.
    tag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

/// Everything there is. Nothing if the hub was built without the page.
const BUILT: &[File] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What there is then.
const PLAIN: &[File] = &[File {
    path: "/",
    kind: "text/html; charset=utf-8",
    is_hashed: false,
    tag: concat!("plain-", env!("CARGO_PKG_VERSION")),
    plain: include_bytes!("../../web/plain.html"),
    gzip: &[],
    brotli: &[],
}];

/// The forms that a file may come in, the smallest first.
const CODINGS: [&str; 2] = ["br", "gzip"];

/// The file at a path, or 304 where the browser has it.
pub(crate) fn file(path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    of(files(BUILT), path, headers)
}

/// Whether there is a file at a path.
pub(crate) fn is_there(path: &str) -> bool {
    files(BUILT).iter().any(|file| file.path == path)
}

fn files(built: &'static [File]) -> &'static [File] {
    if built.is_empty() { PLAIN } else { built }
}

fn of(files: &[File], path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    let file = files.iter().find(|file| file.path == path)?;
    let (coding, content) = CODINGS
        .into_iter()
        .zip([file.brotli, file.gzip])
        .find(|(coding, content)| !content.is_empty() && accepts(headers, coding))
        .map_or((None, file.plain), |(coding, content)| (Some(coding), content));
    let is_known = headers
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.contains(file.tag));
    let (status, body) = if is_known {
        (StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        (StatusCode::OK, Body::from(content))
    };
    let keep = if file.is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, file.kind)
        .header(CACHE_CONTROL, keep)
        .header(
            ETAG,
            format!("\"{}{}\"", file.tag, coding.map(|coding| format!("-{coding}")).unwrap_or_default()),
        )
        .header(VARY, "Accept-Encoding")
        .body(body)
        .ok()?;
    if let Some(coding) = coding {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if path == DIAGNOSTICS {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(ANY_SOCKET));
    }
    Some(response)
}

/// Whether a client names a coding, other than to say that it does not want it.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let named = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        is_it
            && !parts
                .any(|part| part.strip_prefix("q=").is_some_and(|q| q.trim_matches(['0', '.']).is_empty()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: File = File {
        path: "/app-1.js",
        kind: "text/javascript",
        is_hashed: true,
        tag: "abc",
        plain: b"plain",
        gzip: b"gzip",
        brotli: b"br",
    };

    fn asked(headers: &[(&'static str, &'static str)], files: &[File], path: &str) -> Option<Response<Body>> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        of(files, path, &headers.collect())
    }

    fn header<'a>(answer: &'a Response<Body>, name: &str) -> &'a str {
        answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn a_browser_gets_the_smallest_form_that_it_can_read() {
        let cases = [
            ("", ""),
            ("gzip, deflate, br, zstd", "br"),
            ("GZIP", "gzip"),
            ("br;q=0, gzip;q=0.5", "gzip"),
            ("br;q=0.0 , gzip; q=0", ""),
            ("brotli, x-gzip", ""),
        ];
        for (accepted, coding) in cases {
            let answer = asked(&[("accept-encoding", accepted)], &[SCRIPT], "/app-1.js").unwrap();
            assert_eq!(header(&answer, "content-encoding"), coding, "{accepted}");
            assert_eq!(header(&answer, "vary"), "Accept-Encoding");
            let tag = if coding.is_empty() { "\"abc\"".to_owned() } else { format!("\"abc-{coding}\"") };
            assert_eq!(header(&answer, "etag"), tag);
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        for tag in ["\"abc\"", "W/\"abc-br\", \"x\""] {
            let answer = asked(&[("if-none-match", tag)], &[SCRIPT], "/app-1.js").unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        }
        let other = asked(&[("if-none-match", "\"xyz\"")], &[SCRIPT], "/app-1.js").unwrap();
        assert_eq!(other.status(), StatusCode::OK);
        assert_eq!(header(&other, "cache-control"), "public, max-age=31536000, immutable");
    }

    #[test]
    fn without_the_page_there_is_a_plain_one_that_says_how_to_get_it() {
        let files = files(&[]);
        let answer = asked(&[("accept-encoding", "br, gzip")], files, "/").unwrap();
        assert_eq!((header(&answer, "content-encoding"), header(&answer, "cache-control")), ("", "no-cache"));
        assert!(String::from_utf8_lossy(PLAIN[0].plain).contains("Node.js"));
        assert!(asked(&[], files, DIAGNOSTICS).is_none());
    }

    #[test]
    fn every_script_and_style_that_a_page_names_is_there() {
        for page in BUILT.iter().filter(|file| file.kind.starts_with("text/html")) {
            let text = String::from_utf8_lossy(page.plain);
            let named: Vec<_> = text
                .split('"')
                .filter(|word| [".js", ".css"].iter().any(|ending| word.ends_with(ending)))
                .map(|name| format!("/{name}"))
                .collect();
            assert!(!named.is_empty(), "{}", page.path);
            for name in named {
                let file = BUILT.iter().find(|file| file.path == name);
                // A script of some bytes takes a few more.
                let is_small = |gzip: &[u8], plain: &[u8]| !gzip.is_empty() && gzip.len() < plain.len() + 32;
                assert!(file.is_some_and(|file| file.is_hashed && is_small(file.gzip, file.plain)), "{name}");
            }
        }
    }
}
