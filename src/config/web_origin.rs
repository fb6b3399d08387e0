//! Web pages that may connect.

use crate::operator::quoted;

/// The origin of a web page just as a browser sends it: `null` or `file://` for pages on disk, or a scheme, a host and,
/// where it is not the usual one, a port. Lower case, no path and no slash at the end (RFC 6454, 6.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// The origin as text, to be compared with the header `Origin` byte by byte.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The door. What no browser sends is refused, as it would silently allow nothing.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(format!("{} {why}", quoted(text)));
        if text == "null" || text == "file://" {
            return Ok(Self(text.to_owned()));
        }
        let Some((scheme, host)) = text.split_once("://") else {
            return refused("is no web origin; write it as https://house.example");
        };
        if scheme.is_empty() || host.is_empty() || host.contains(['*', '@', ' ', ',']) {
            return refused("is no web origin; write it as https://house.example, each one in full");
        }
        if host.contains(['/', '?', '#']) {
            return refused("has a path, which an origin has not; leave out what follows the host");
        }
        if text.chars().any(char::is_uppercase) {
            return refused("has capitals, which browsers do not send; write it in lower case");
        }
        if (scheme == "http" && host.ends_with(":80")) || (scheme == "https" && host.ends_with(":443")) {
            return refused("names the usual port, which browsers leave out; leave it out");
        }
        Ok(Self(text.to_owned()))
    }
}
