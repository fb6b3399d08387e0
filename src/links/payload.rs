//! From the bytes of MQTT to the JSON of the hub, and back. Pure.

use std::borrow::Cow;

use super::rules::Text;
use crate::talk::foreign;

/// A payload of the broker as JSON: as it came where it is JSON, otherwise as a string, or, where it is no text, as
/// `{"$base64": "…"}`. `None` where the rule drops what is no JSON. An empty payload is the caller's affair.
pub fn inward(payload: &[u8], text: Text) -> Option<Cow<'_, str>> {
    let json = foreign::from_bytes(payload);
    // What is no JSON does not come as it was.
    let is_json = matches!(json, Cow::Borrowed(_));
    (is_json || text != Text::Drop).then_some(json)
}

/// A payload of the hub as the broker gets it: as it is, but for bytes that came in as `{"$base64": "…"}`, and for
/// strings where the rule wants them bare.
pub fn outward(payload: &[u8], text: Text) -> Cow<'_, [u8]> {
    foreign::to_binary(payload).or_else(|| bare(payload, text)).map_or(Cow::Borrowed(payload), Cow::Owned)
}

fn bare(payload: &[u8], text: Text) -> Option<Vec<u8>> {
    let is_string = text == Text::Bare && payload.starts_with(b"\"");
    is_string.then(|| serde_json::from_slice::<String>(payload).ok().map(String::into_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::frame;
    use proptest::prelude::*;

    fn told(payload: &[u8]) -> String {
        inward(payload, Text::String).unwrap().into_owned()
    }

    #[test]
    fn json_passes_unchanged_both_ways() {
        for json in ["20.10", "{\"b\": 1e3, \"a\": [1.00, \"℃\"]}", "null", "\"ON\"", "-0", "[1, 2]"] {
            assert_eq!(told(json.as_bytes()), json);
            assert_eq!(&*outward(json.as_bytes(), Text::String), json.as_bytes());
        }
    }

    #[test]
    fn text_that_is_no_json_becomes_a_string_and_leaves_as_the_rule_says() {
        assert_eq!(told(b"ON"), r#""ON""#);
        assert_eq!(told(b"nan"), r#""nan""#);
        assert_eq!(told(b"{\"a\": 1"), r#""{\"a\": 1""#);
        assert_eq!(told("dvě\nřádky".as_bytes()), "\"dvě\\nřádky\"");
        assert_eq!(inward(b"ON", Text::Drop), None);
        assert_eq!(&*outward(b"\"ON\"", Text::String), b"\"ON\"");
        assert_eq!(&*outward(b"\"O\\u004e\"", Text::Bare), b"ON");
        assert_eq!(&*outward(b"{\"state\": \"ON\"}", Text::Bare), b"{\"state\": \"ON\"}");
    }

    #[test]
    fn bytes_that_are_no_text_come_back_as_they_were() {
        assert_eq!(told(b"\xff\x00"), r#"{"$base64":"/wA="}"#);
        assert_eq!(&*outward(b"{\"$base64\": \"/wA=\"}", Text::String), b"\xff\x00");
        for other in [r#"{"$base64": "!"}"#, r#"{"$base64": "/wA=", "a": 1}"#, r#"{"$base64": 1}"#] {
            assert_eq!(&*outward(other.as_bytes(), Text::String), other.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_in_is_json_and_what_was_bytes_leaves_as_the_same_bytes(bytes in prop_oneof![any::<Vec<u8>>(), "\\PC{0,20}".prop_map(String::into_bytes)]) {
            let json = told(&bytes);
            prop_assert_eq!(frame::payload(&json), Some(&*json));
            match std::str::from_utf8(&bytes) {
                Err(_) => prop_assert_eq!(&*outward(json.as_bytes(), Text::String), &*bytes),
                // Text that is no JSON leaves bare as it came.
                Ok(text) if frame::payload(text).is_none() => {
                    prop_assert_eq!(&*outward(json.as_bytes(), Text::Bare), &*bytes);
                }
                Ok(_) => {}
            }
        }
    }
}
