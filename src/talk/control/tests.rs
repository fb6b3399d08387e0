//! Requests as they are read, replies as they are written and read.

use super::*;
use crate::talk::Frames;
use proptest::prelude::*;
use serde_json::json;

fn configure(payload: &str) -> Result<Configure, String> {
    Configure::parse(payload)
}

#[test]
fn the_empty_request_of_2016_leaves_every_default() {
    assert_eq!(Request::parse("clown.talk/-/config/set", "{}"), Ok(Request::Configure(Configure::default())));
}

#[test]
fn every_key_of_a_config_request_is_read_and_unknown_ones_are_ignored() {
    let read = configure(
        r##"{"filters": ["#"], "retained": false, "echo": true, "options": true, "batch": 50, "conflate": true,
            "will": ["state", {"on": 20.10}], "name": "kitchen", "colour": "red"}"##,
    )
    .unwrap();
    assert_eq!(read.filters.as_deref(), Some(&["#".to_owned()][..]));
    assert_eq!((read.retained, read.echo, read.options), (Some(false), Some(true), Some(true)));
    assert_eq!((read.batch, read.conflate), (Some(Duration::from_millis(50)), Some(true)));
    assert_eq!(read.will, Some(("state".to_owned(), r#"{"on": 20.10}"#.to_owned())));
    assert_eq!(read.name.as_deref(), Some("kitchen"));
}

#[test]
fn a_key_of_the_wrong_type_is_named_with_what_it_should_be() {
    const NAME: &str = "key name must have a visible character, and no control, format or bidi character";
    assert!(configure(r#"{"name": "Küche ☀️ 厨房"}"#).is_ok());
    for (payload, reason) in [
        ("[]", "the payload must be an object"),
        (r#"{"filters": "a"}"#, "key filters must be an array of strings"),
        (r#"{"retained": 1}"#, "key retained must be true or false"),
        (r#"{"batch": -1}"#, "key batch must be a whole number of milliseconds"),
        (r#"{"batch": "50"}"#, "key batch must be a whole number of milliseconds"),
        (r#"{"will": {}}"#, "key will must be [topic, payload] or null"),
        (r#"{"will": ["a"]}"#, "key will must be [topic, payload] or null"),
        (r#"{"name": " "}"#, NAME),
        (r#"{"name": "a\nb"}"#, NAME),
        ("{\"name\": \"a\u{202e}b\"}", NAME),
        (r#"{"name": "a\u2066b"}"#, NAME),
        ("{\"name\": \"a\u{e0041}\"}", NAME),
        ("{\"name\": \"a\u{85}b\"}", NAME),
    ] {
        assert_eq!(configure(payload).unwrap_err(), reason, "{payload}");
    }
    assert!(configure(&format!(r#"{{"name": "{}"}}"#, "ž".repeat(65))).unwrap_err().contains("64"));
}

#[test]
fn a_subscription_request_needs_filters() {
    let error = |payload| Request::parse("clown.talk/-/subscription/set", payload).unwrap_err();
    assert!(matches!(error("{}"), RequestError::Subscription(reason) if reason.contains("missing")));
    assert!(matches!(error("7"), RequestError::Subscription(reason) if reason.contains("object")));
    assert_eq!(Request::parse("clown.talk/-/nonsense", "{}"), Err(RequestError::UnknownTopic));
}

fn read_again(text: &str) -> Option<Reply> {
    let frame = Frames::of(text).next().unwrap().unwrap();
    Reply::read(&frame).map(Result::unwrap)
}

#[test]
fn replies_are_written_as_the_documents_show_them() {
    let refused = PublishRefused { reason: "no".to_owned(), ..Default::default() };
    let welcome = Welcome { base: "n".to_owned(), ..Welcome::of_this_hub(SystemTime::UNIX_EPOCH) };
    for (reply, text) in [
        (
            Reply::PublishOk(Published::plainly("7".to_owned(), true)),
            r#"["clown.talk/-/publish/ok", {"id": 7}]"#.to_owned(),
        ),
        (
            Reply::PublishOk(Published::plainly("7".to_owned(), false)),
            r#"["clown.talk/-/publish/ok", {"id": 7, "kept": false}]"#.to_owned(),
        ),
        (
            Reply::PublishOk(Published {
                confirmed: Some(r#"{"state": true}"#.to_owned()),
                topic: Some("relay/0".to_owned()),
                after: Some(0.124),
                lease: Some(30.0),
                ..Published::plainly("7".to_owned(), true)
            }),
            r#"["clown.talk/-/publish/ok", {"id": 7, "confirmed": {"state": true}, "topic": "relay/0", "after": 0.124, "lease": 30.0}]"#.to_owned(),
        ),
        (Reply::PublishError(refused), r#"["clown.talk/-/publish/error", {"reason": "no"}]"#.to_owned()),
        (Reply::Skipped { count: 3 }, r#"["clown.talk/-/skipped", {"count": 3}]"#.to_owned()),
        (
            Reply::SubscriptionOk { filters: vec!["a".to_owned(), "b".to_owned()] },
            r#"["clown.talk/-/subscription/ok", {"filters": ["a", "b"]}]"#.to_owned(),
        ),
        (
            Reply::ConfigOk(welcome),
            format!(
                r#"["clown.talk/-/config/ok", {{"ack": false, "device": "hub", "capabilities": 1, "firmware-datetime": "1970-01-01T00:00:00Z", "firmware-release": "v{}", "base": "n", "name": "", "limits": {{}}}}]"#,
                env!("CARGO_PKG_VERSION")
            ),
        ),
    ] {
        assert_eq!(reply.text(), text);
    }
}

#[test]
fn a_reply_repeats_64_characters_of_what_it_is_about() {
    let long = "ž".repeat(70);
    let refused = PublishRefused { topic: Some(long.clone()), ..Default::default() };
    let Some(Reply::PublishError(read)) = read_again(&Reply::PublishError(refused).text()) else { panic!() };
    assert_eq!(read.topic, Some("ž".repeat(64)));
    let reply = Reply::ConfigError { reason: String::new(), filters: vec![long] };
    let Some(Reply::ConfigError { filters, .. }) = read_again(&reply.text()) else { panic!() };
    assert_eq!(filters, ["ž".repeat(64)]);
}

#[test]
fn what_another_hub_leaves_out_is_not_known_and_what_it_adds_is_passed_over() {
    let Some(Reply::ConfigOk(welcome)) =
        read_again(r#"["clown.talk/-/config/ok", {"ack": false, "device": "bridge", "colour": [1]}]"#)
    else {
        panic!()
    };
    assert_eq!((welcome.device.as_str(), welcome.limits), ("bridge", HubLimits::default()));
    let text = r#"["clown.talk/-/config/ok", {"limits": {"message-bytes": 10, "messages-per-second": 20, "more": {}}}]"#;
    let Some(Reply::ConfigOk(welcome)) = read_again(text) else { panic!() };
    assert_eq!((welcome.limits.message_bytes, welcome.limits.messages_per_second), (Some(10), Some(20)));
}

#[test]
fn messages_are_told_from_the_words_of_the_hub_and_unknown_words_from_known_ones() {
    assert_eq!(read_again(r#"["a/config/ok", {"limits": {}}]"#), None);
    for text in [r#"["clown.talk/-/what/comes/later", 7]"#, r#"["clown.talk/-/skipped", {"count": "3"}]"#] {
        let frame = Frames::of(text).next().unwrap().unwrap();
        assert!(Reply::read(&frame).unwrap().is_err(), "{text}");
    }
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let text = || "\\PC{0,20}";
    let texts = || prop::collection::vec("\\PC{0,20}", 0..4);
    let id = || {
        prop_oneof![
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,3})?",
            "\\PC{0,9}".prop_map(|id| json!(id).to_string())
        ]
    };
    // Numbers that a reader takes to the bit.
    let quarters = || (0..1_000_000_u32).prop_map(|quarters| f64::from(quarters) / 4.0);
    let refused =
        (prop::option::of(id()), text(), prop::option::of(any::<usize>()), prop::option::of(text()));
    let limits = (prop::option::of(any::<usize>()), prop::option::of(any::<u32>()));
    prop_oneof![
        (text(), text(), limits).prop_map(|(base, name, (message_bytes, messages_per_second))| {
            let limits = HubLimits { message_bytes, messages_per_second, ..HubLimits::default() };
            Reply::ConfigOk(Welcome { base, name, limits, ..Welcome::of_this_hub(SystemTime::UNIX_EPOCH) })
        }),
        (text(), texts()).prop_map(|(reason, filters)| Reply::ConfigError { reason, filters }),
        texts().prop_map(|filters| Reply::SubscriptionOk { filters }),
        (text(), texts()).prop_map(|(reason, filters)| Reply::SubscriptionError { reason, filters }),
        (id(), any::<bool>(), prop::option::of(id()), prop::option::of(quarters()), any::<bool>()).prop_map(
            |(id, kept, confirmed, after, stored)| {
                let topic = confirmed.clone();
                let lease = after;
                Reply::PublishOk(Published { id, kept, confirmed, topic, after, lease, stored })
            }
        ),
        refused.prop_map(|(id, reason, at, topic)| {
            let (state, answer) = (id.clone(), None);
            Reply::PublishError(PublishRefused { id, reason, at, topic, state, answer })
        }),
        (text(), text(), quarters(), id(), any::<bool>(), any::<usize>()).prop_map(
            |(topic, holder, left, safe, owed, more)| {
                Reply::LeaseOk { leases: vec![ToldLease { topic, holder, left, safe, owed }], more }
            }
        ),
        (text(), texts()).prop_map(|(reason, filters)| Reply::LeaseError { reason, filters }),
        any::<u64>().prop_map(|count| Reply::Skipped { count }),
        (any::<u16>(), text()).prop_map(|(code, reason)| Reply::Close { code, reason }),
    ]
}

proptest! {
    #[test]
    fn whatever_the_hub_says_a_client_reads(reply in any_reply()) {
        let text = reply.text();
        prop_assert!(!text.contains(['\n', '\r']));
        prop_assert_eq!(read_again(&text), Some(reply));
    }
}
