//! The page: plain files of our own, compiled in.

use std::hash::{BuildHasher, Hasher};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use foldhash::quality::FixedState;

/// Where the page for bringing up a device is.
pub(crate) const DIAGNOSTICS: &str = "/diagnostics";

/// What that page may do: what the others may, and open a WebSocket to anywhere.
const ANY_SOCKET: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                          connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Path, content type and content of everything there is.
const FILES: [(&str, &str, &str); 23] = [
    ("/", "text/html; charset=utf-8", include_str!("../../web/index.html")),
    ("/api", "text/html; charset=utf-8", include_str!("../../web/api.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("../../web/style.css")),
    ("/app.js", SCRIPT, include_str!("../../web/app.js")),
    ("/commands.js", SCRIPT, include_str!("../../web/commands.js")),
    ("/control.js", SCRIPT, include_str!("../../web/control.js")),
    (DIAGNOSTICS, "text/html; charset=utf-8", include_str!("../../web/diagnostics.html")),
    ("/diagnostics.css", "text/css; charset=utf-8", include_str!("../../web/diagnostics.css")),
    ("/diagnostics.js", SCRIPT, include_str!("../../web/diagnostics.js")),
    ("/element.js", SCRIPT, include_str!("../../web/element.js")),
    ("/frame.js", SCRIPT, include_str!("../../web/frame.js")),
    ("/hub.js", SCRIPT, include_str!("../../web/hub.js")),
    ("/past.js", SCRIPT, include_str!("../../web/past.js")),
    ("/readings.js", SCRIPT, include_str!("../../web/readings.js")),
    ("/session.js", SCRIPT, include_str!("../../web/session.js")),
    ("/signin.js", SCRIPT, include_str!("../../web/signin.js")),
    ("/sparkline.js", SCRIPT, include_str!("../../web/sparkline.js")),
    ("/tile.js", SCRIPT, include_str!("../../web/tile.js")),
    ("/topic.js", SCRIPT, include_str!("../../web/topic.js")),
    ("/wall.js", SCRIPT, include_str!("../../web/wall.js")),
    ("/wish.js", SCRIPT, include_str!("../../web/wish.js")),
    ("/words.js", SCRIPT, include_str!("../../web/words.js")),
    ("/icon.svg", "image/svg+xml", include_str!("../../web/icon.svg")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The file at a path, or 304 where the browser has it.
pub(crate) fn file(path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    let (_, kind, content) = FILES.iter().find(|(name, _, _)| *name == path)?;
    let tag = tag(content);
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.contains(&tag));
    let (status, body) = if known {
        (StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        (StatusCode::OK, Body::from(*content))
    };
    let mut response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, *kind)
        .header(CACHE_CONTROL, "no-cache")
        .header(ETAG, tag)
        .body(body)
        .ok()?;
    if path == DIAGNOSTICS {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(ANY_SOCKET));
    }
    Some(response)
}

/// Whether there is a file at a path.
pub(crate) fn is_there(path: &str) -> bool {
    FILES.iter().any(|(name, _, _)| *name == path)
}

fn tag(content: &str) -> String {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(content.as_bytes());
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = match name.as_str() {
                "index.html" => "/".to_owned(),
                "diagnostics.html" => DIAGNOSTICS.to_owned(),
                other => format!("/{other}"),
            };
            let answer = file(&path, &HeaderMap::new()).unwrap_or_else(|| panic!("{path} is not served"));
            assert_eq!(answer.status(), StatusCode::OK);
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let first = file("/app.js", &HeaderMap::new()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(file("/app.js", &headers).unwrap().status(), StatusCode::NOT_MODIFIED);
    }
}
