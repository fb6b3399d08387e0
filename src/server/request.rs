//! The form that a request must have before the server looks at what it asks for.

use axum::body::Body;
use axum::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Response, StatusCode, Uri, Version};

use super::answer::refusal;

/// Refuses what different programs read in different ways: behind a proxy that reads it otherwise, it would be a door.
pub(super) fn ambiguous(version: Version, uri: &Uri, headers: &HeaderMap) -> Option<Response<Body>> {
    let once = [HOST, ORIGIN, AUTHORIZATION, TRANSFER_ENCODING, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION];
    let some_are_twice = headers.len() > headers.keys_len();
    if some_are_twice
        && let Some(twice) = once.iter().find(|name| headers.get_all(*name).iter().nth(1).is_some())
    {
        let sentence = format!("the header {twice} may be there only once");
        return Some(closing(refusal(StatusCode::BAD_REQUEST, &sentence)));
    }
    if version == Version::HTTP_10 && headers.contains_key(UPGRADE) {
        let mut response = refusal(StatusCode::UPGRADE_REQUIRED, "a WebSocket is opened with HTTP/1.1");
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Some(response);
    }
    let sentence = wrong_host(version, uri, headers.get(HOST)).or_else(|| {
        // Whether what follows is the body or the first message would be a matter of taste.
        (lists(headers, UPGRADE, "websocket") && has_body(headers))
            .then_some("a WebSocket handshake has no body")
    });
    sentence.map(|sentence| closing(refusal(StatusCode::BAD_REQUEST, sentence)))
}

/// What is wrong with the host that a request names.
fn wrong_host(version: Version, uri: &Uri, host: Option<&HeaderValue>) -> Option<&'static str> {
    let Some(host) = host else {
        return (version == Version::HTTP_11).then_some("HTTP/1.1 needs the header Host");
    };
    if !is_of_a_host(host.as_bytes()) {
        return Some("the header Host must be one name or address, perhaps with a port");
    }
    let is_another = |named: &str| !named.as_bytes().eq_ignore_ascii_case(host.as_bytes());
    let named = uri.authority().filter(|named| is_another(named.as_str()));
    named.map(|_| "the request line names another host than the header Host")
}

/// Whether a host may be written like this, perhaps with a port.
pub(super) fn is_of_a_host(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_graphic() && !b",/\\@?#\"<>".contains(byte))
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|length| length != "0")
}

/// Whether a header that is a list holds this word.
pub(super) fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    // Mostly it is the whole header.
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.eq_ignore_ascii_case(token)
            || value.split(',').any(|value| value.trim().eq_ignore_ascii_case(token))
    })
}

/// What follows such a request on its connection may belong to it, so nothing more is read.
fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Takes the slashes too many out of the path of a door for sockets, as a URL that is joined from a base with a slash has
/// them: in front, behind the name of the door, and at the end. Inside of a base they stay, where a level was left out by
/// mistake. So do those of other paths: a proxy in front may keep some of them to itself.
pub(super) fn tidy(uri: &mut Uri) {
    let path = uri.path();
    let levels = path.trim_start_matches('/');
    let (door, base) = levels.split_once('/').unwrap_or((levels, ""));
    let is_tidy = levels.len() + 1 == path.len() && !base.starts_with('/') && !path.ends_with('/');
    if is_tidy || !matches!(door, "talk" | "auth") {
        return;
    }
    let base = base.trim_matches('/');
    let tidy = if base.is_empty() { format!("/{door}") } else { format!("/{door}/{base}") };
    let text = uri.query().map_or_else(|| tidy.clone(), |query| format!("{tidy}?{query}"));
    if let Ok(path_and_query) = PathAndQuery::try_from(text) {
        *uri = Uri::from(path_and_query);
    }
}

/// A path without the prefix that a proxy leaves in front of all; `None` where it does not begin with it.
pub(super) fn without_prefix<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(prefix).filter(|_| !prefix.is_empty())?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The path as it is without that prefix.
pub(super) fn own_path<'u>(uri: &'u Uri, prefix: &str) -> &'u str {
    without_prefix(uri.path(), prefix).unwrap_or(uri.path())
}

/// Takes that prefix away.
pub(super) fn strip_prefix(uri: &mut Uri, prefix: &str) {
    let Some(rest) = without_prefix(uri.path(), prefix) else { return };
    let rest = if rest.is_empty() { "/" } else { rest };
    let text = uri.query().map_or_else(|| rest.to_owned(), |query| format!("{rest}?{query}"));
    if let Ok(path_and_query) = PathAndQuery::try_from(text) {
        *uri = Uri::from(path_and_query);
    }
}

/// A path without the slashes too many; `None` where there are none.
pub(super) fn tidy_path(path: &str) -> Option<String> {
    if path == "/" || !(path.contains("//") || path.ends_with('/')) {
        return None;
    }
    let levels: Vec<_> = path.split('/').filter(|level| !level.is_empty()).collect();
    Some(format!("/{}", levels.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_away_where_it_is_there_and_ends_at_a_slash() {
        let stripped = |text: &str| {
            let mut uri = Uri::try_from(text).unwrap();
            strip_prefix(&mut uri, "/hub");
            uri.to_string()
        };
        assert_eq!(stripped("/hub/talk/a?side=node"), "/talk/a?side=node");
        assert_eq!(stripped("/hub/"), "/");
        assert_eq!(stripped("/hub?x"), "/?x");
        assert_eq!(stripped("/hub/hub/a"), "/hub/a");
        for stays in ["/hubs", "/talk/hub", "/", "/hubs/hub"] {
            assert_eq!(stripped(stays), stays);
        }
        assert_eq!(without_prefix("/talk", ""), None);
    }

    #[test]
    fn slashes_too_many_are_taken_out_of_the_doors_for_sockets_alone() {
        let tidied = |text: &str| {
            let mut uri = Uri::try_from(text).unwrap();
            tidy(&mut uri);
            uri.to_string()
        };
        assert_eq!(tidied("//auth/clown-talk-server_a"), "/auth/clown-talk-server_a");
        assert_eq!(tidied("/auth/clown-talk-server_a/?x=//"), "/auth/clown-talk-server_a?x=//");
        assert_eq!(tidied("//talk//nodes/a//?side=node"), "/talk/nodes/a?side=node");
        assert_eq!(tidied("/talk//a//b/"), "/talk/a//b", "a base that lacks a level");
        assert_eq!(tidied("/talk/"), "/talk");
        for stays in ["/", "/talk/a", "/talk/a%2F%2Fb", "//metrics", "//", "/talker/"] {
            assert_eq!(tidied(stays), stays);
        }
        assert_eq!(tidy_path("//metrics/").as_deref(), Some("/metrics"));
        assert_eq!(tidy_path("//").as_deref(), Some("/"));
    }
}
