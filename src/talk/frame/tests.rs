//! Frames as text: what is one, what is none, and where it stops.

use super::*;
use proptest::prelude::*;
use serde_json::value::RawValue;

fn decode(text: &str) -> Result<Frame<'_>, FrameError> {
    Frames::of(text).next().expect("not blank")
}

fn fault(text: &str) -> (usize, Fault) {
    let error = decode(text).unwrap_err();
    (error.at, error.fault)
}

#[test]
fn a_frame_is_a_topic_a_payload_and_perhaps_options() {
    let frame = decode(r#"["relay/i2c0-3b/set", {"state": true}]"#).unwrap();
    assert_eq!(frame.topic, "relay/i2c0-3b/set");
    assert_eq!(frame.payload, r#"{"state": true}"#);
    assert_eq!(frame.options, None);
    let frame = decode(r#"  [ "a" , 20.10 , {"id": 7} ]  "#).unwrap();
    assert_eq!((frame.payload, frame.options), ("20.10", Some(r#"{"id": 7}"#)));
}

#[test]
fn payload_bytes_are_left_as_they_came() {
    for payload in [
        "20.10",
        "1e400",
        "-0",
        "123456789012345678901234567890",
        "\"\\u2103\"",
        "[ 1 ,2]",
        "\"\\ud800\"",
        "null",
    ] {
        assert_eq!(decode(&format!(r#"["t",{payload}]"#)).unwrap().payload, payload);
    }
}

#[test]
fn a_topic_may_be_written_with_escapes() {
    assert_eq!(decode(r#"["a\/b\u002fc", 1]"#).unwrap().topic, "a/b/c");
    assert_eq!(fault(r#"["\ud800", 1]"#), (1, Fault::Escape));
}

#[test]
fn what_is_no_frame_is_told_with_the_byte_where_it_stops_making_sense() {
    assert_eq!(fault("hello"), (0, Fault::NotAnArray));
    assert_eq!(fault("[]"), (1, Fault::TopicNotAString));
    assert_eq!(fault(r#"["a"]"#), (4, Fault::NoPayload));
    assert_eq!(fault(r#"["a",1,{},2]"#), (9, Fault::TooManyElements));
    assert_eq!(fault(r"[1,2]"), (1, Fault::TopicNotAString));
    assert_eq!(fault(r#"["a",1,"b"]"#), (7, Fault::OptionsNotAnObject));
    assert_eq!(fault(r#"["a",[1}]"#), (7, Fault::Expected("',' or ']'")));
    assert_eq!(fault(r#"["a",]"#), (4, Fault::Habit(Habit::TrailingComma)));
    assert_eq!(fault(r#"["a",?]"#), (5, Fault::Expected("a value")));
    assert_eq!(fault(r#"["a",1 2]"#), (7, Fault::Expected("',' or ']'")));
    assert_eq!(fault(r#"["a",1e]"#), (7, Fault::Expected("a digit")));
    assert_eq!(fault(r#"["a",{[]:1}]"#), (6, Fault::Expected("a key in quotes")));
    assert_eq!(fault(r#"["a","\x"]"#), (6, Fault::Escape));
    assert_eq!(fault("[\"a\",\"\t\"]"), (6, Fault::ControlCharacter));
    assert_eq!(fault(r#"["lux-meter/i2c0-44", {"illuminance": [600, "lux"]}"#), (51, Fault::Ended));
    assert_eq!(fault(r#"["a",1] x"#), (8, Fault::TextAfterFrame));
    assert_eq!(fault("\u{c}[\"a\",1]"), (0, Fault::NotAnArray), "a form feed is no white space of JSON");
    assert_eq!(fault("\u{c}"), (0, Fault::NotAnArray));
}

#[test]
fn what_other_languages_write_is_named_with_what_to_send() {
    for (text, at, reason) in [
        (r#"["tele/x/SENSOR",{"DHT11":{"Temperature":nan}}]"#, 41, "nan is not JSON: send null"),
        (r#"["t/a",NaN]"#, 7, "NaN is not JSON: send null"),
        (r#"["t/a",-nan]"#, 7, "-nan is not JSON: send null"),
        (r#"["t/a",-nan(ind)]"#, 7, "-nan is not JSON: send null"),
        (r#"["t/a",Infinity]"#, 7, "Infinity is not JSON: send null"),
        (r#"["t/a",[1, -Infinity]]"#, 11, "-Infinity is not JSON: send null"),
        (r#"["t/a",inf]"#, 7, "inf is not JSON: send null"),
        (r#"["t/a",None]"#, 7, "None is not JSON: send null"),
        (r#"["t/a",undefined]"#, 7, "undefined is not JSON: send null"),
        (r#"["t/a",{"on": True}]"#, 14, "True is not JSON: send true"),
        (r#"["t/a",{"on":False}]"#, 13, "False is not JSON: send false"),
    ] {
        let error = decode(text).unwrap_err();
        assert_eq!((error.at, &*error.fault.to_string()), (at, reason), "{text}");
    }
}

#[test]
fn json_of_other_habits_is_named_at_its_first_byte() {
    for (text, at, habit) in [
        (r#"["t/a",.5]"#, 7, Habit::LeadingPoint),
        (r#"["t/a",-.5]"#, 7, Habit::LeadingPoint),
        (r#"["t/a",1.]"#, 7, Habit::TrailingPoint),
        (r#"["t/a",[-12.,1]]"#, 8, Habit::TrailingPoint),
        (r#"["t/a",1.e3]"#, 7, Habit::TrailingPoint),
        (r#"["t/a",+1]"#, 7, Habit::PlusSign),
        (r#"["t/a",+.5]"#, 7, Habit::PlusSign),
        (r#"["t/a",01]"#, 7, Habit::LeadingZero),
        (r#"["t/a",{"b":-007}]"#, 12, Habit::LeadingZero),
        (r#"["t/a",0x1F]"#, 7, Habit::Hexadecimal),
        (r#"["t/a",21,5]"#, 10, Habit::DecimalComma),
        (r#"["t/a",on]"#, 7, Habit::UnquotedText),
        (r#"["t/a",20°C]"#, 7, Habit::UnquotedText),
        (r#"["t/a",20C]"#, 7, Habit::UnquotedText),
        (r#"["t/a",2026-11-28]"#, 7, Habit::UnquotedText),
        (r#"["t/a",truely]"#, 7, Habit::UnquotedText),
        (r#"["t/a",#ff0000]"#, 7, Habit::UnquotedText),
        (r#"["t/a",{state:true}]"#, 8, Habit::UnquotedKey),
        (r#"["t/a",{"a":1, b:2}]"#, 15, Habit::UnquotedKey),
        (r"['t/a',1]", 1, Habit::SingleQuotes),
        (r#"["t/a",'on']"#, 7, Habit::SingleQuotes),
        (r#"["t/a",{'state': true}]"#, 8, Habit::SingleQuotes),
        (r"[“t/a”,1]", 1, Habit::OtherQuotes('“')),
        (r#"["t/a",{"a":1,}]"#, 13, Habit::TrailingComma),
        (r#"["t/a",[1, ]]"#, 9, Habit::TrailingComma),
        (r#"["t/a",1,]"#, 8, Habit::TrailingComma),
        (r#"["t/a",1] // one"#, 10, Habit::Comment),
        (r#"["t/a",/* one */ 1]"#, 7, Habit::Comment),
        (r#"["t/a",{"a":1 # one"#, 14, Habit::Comment),
        ("# 12.30 <I> APP: Publish temperature", 0, Habit::Comment),
        (r#"{"topic":"t/a","payload":1}"#, 0, Habit::ObjectFrame),
        (r#""[\"t/a\",1]""#, 0, Habit::QuotedFrame),
        (r#"'["t/a",1]'"#, 0, Habit::QuotedFrame),
    ] {
        assert_eq!(fault(text), (at, Fault::Habit(habit)), "{text}: {}", decode(text).unwrap_err());
    }
}

#[test]
fn a_c_string_is_taken_with_its_end() {
    for text in
        ["[\"t/a\",1]\0", "[\"t/a\",1]\0\0\0", "[\"t/a\",1]\r\0\n", "[\"t/a\",1]\0\r\n", "\0[\"t/a\",1]\n\0"]
    {
        let read: Vec<_> = Frames::of(text).map(|frame| frame.map(|frame| frame.topic)).collect();
        assert_eq!(read, [Ok("t/a".into())], "{text:?}");
    }
    let two: Vec<_> = Frames::of("[\"a\",1]\n\0[\"b\",2]\0\n\n").collect();
    assert_eq!(two.len(), 2);
    assert!(two.iter().all(Result::is_ok), "{two:?}");
    assert!(Frames::of("\0").next().is_none());
}

#[test]
fn what_is_nothing_but_nul_bytes_and_marks_is_done_before_it_is_read() {
    for text in ["", "\0", "\u{feff}\n\0\0", " \r\n"] {
        assert!(Frames::of(text).is_done() && Frames::of(text).next().is_none(), "{text:?}");
    }
    assert!(!Frames::of("\0[\"a\", 1]").is_done());
}

#[test]
fn a_nul_byte_anywhere_else_is_named() {
    for (text, at) in [
        ("[\"t\0a\",1]", 3),
        ("[\"a\",\"b\0\"]", 7),
        ("[\"a\",\u{0}1]", 5),
        ("[\"a\",1]\0[\"b\",2]", 7),
        ("[\0\"a\",1]", 1),
    ] {
        assert_eq!(fault(text), (at, Fault::Nul), "{text:?}");
        assert!(Fault::Nul.to_string().starts_with("NUL byte"));
    }
}

#[test]
fn a_byte_order_mark_in_front_of_a_frame_is_nothing() {
    assert_eq!(decode("\u{feff}[\"t/a\",1]").unwrap().topic, "t/a");
    assert_eq!(decode("\u{feff} \r\n[\"t/a\",1]").unwrap().topic, "t/a");
    assert!(Frames::of("\u{feff}").next().is_none());
    assert_eq!(fault("\u{feff}[\"a\",?]"), (5, Fault::NO_VALUE), "bytes are counted from the bracket");
    assert_eq!(fault("[\"a\",1]\u{feff}[\"a\",1]"), (7, Fault::TextAfterFrame));
}

#[test]
fn a_payload_nests_128_deep_and_no_deeper() {
    let nested = |depth: usize| format!(r#"["a",{}1{}]"#, "[".repeat(depth), "]".repeat(depth));
    assert!(decode(&nested(128)).is_ok());
    assert_eq!(decode(&nested(129)).unwrap_err().fault, Fault::TooDeep);
    let objects = |depth: usize| format!(r#"["a",{}1{}]"#, r#"{"k":"#.repeat(depth), "}".repeat(depth));
    assert!(decode(&objects(128)).is_ok());
    assert_eq!(decode(&objects(129)).unwrap_err().fault, Fault::TooDeep);
}

#[test]
fn a_message_holds_several_frames_and_a_bad_one_harms_no_other() {
    let message = "[\"a\",1]\n\n[\"b\", {\"x\": [1}\n[\"c\",\n 3]\r\n[\"d\",4] [\"e\",5]\n[\"f\",6]\n";
    let read: Vec<_> = Frames::of(message).map(|frame| frame.map(|f| f.topic.into_owned())).collect();
    assert_eq!(read[0].as_deref(), Ok("a"));
    assert_eq!(read[1].as_ref().unwrap_err().at, 14);
    assert_eq!(read[2].as_deref(), Ok("c"));
    assert_eq!(read[3].as_ref().unwrap_err().fault, Fault::TextAfterFrame);
    assert_eq!(read[4].as_deref(), Ok("f"));
    assert_eq!(read.len(), 5);
}

#[test]
fn blank_messages_hold_no_frame() {
    for blank in ["", "\n", " \r\n\t\n"] {
        assert!(Frames::of(blank).next().is_none());
    }
}

#[test]
fn an_encoded_frame_is_one_line() {
    let mut out = String::new();
    encode("a\"\\\n\u{1}℃", "{\r\n \"b\": 1\n}", &mut out);
    assert_eq!(out, "[\"a\\\"\\\\\\n\\u0001℃\", {   \"b\": 1 }]");
    assert_eq!(escaped_len("a\"\n\u{1}℃"), 1 + 2 + 2 + 6 + 3);
}

/// JSON texts, and texts that nearly are.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        "[a-z℃ ]{0,5}".prop_map(|text| format!("\"{text}\"")),
        "\"(\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-f]{4})\"",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec(inner, 0..3).prop_map(|items| {
                let pairs: Vec<_> = items.iter().map(|item| format!("\"k\":\t{item}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

fn twin_accepts(text: &str) -> bool {
    serde_json::from_str::<(String, &RawValue)>(text).is_ok()
        || serde_json::from_str::<(String, &RawValue, &RawValue)>(text)
            .is_ok_and(|(_, _, options)| options.get().starts_with('{'))
}

/// A frame, as the twin knows it, between what is nothing in front of a frame and behind it.
fn without_marks(text: &str) -> &str {
    text.trim_start_matches(['\0', '\u{feff}', ' ', '\r', '\n', '\t'])
        .trim_end_matches(['\0', ' ', '\r', '\n', '\t'])
}

proptest! {
    #[test]
    fn whatever_is_json_comes_back_to_the_byte(payload in json(), topic in "\\PC{0,8}") {
        let mut text = String::new();
        encode(&topic, &payload, &mut text);
        let frame = decode(&text).unwrap();
        prop_assert_eq!(frame.topic.as_ref(), topic.as_str());
        prop_assert_eq!(frame.payload, payload.as_str());
    }

    #[test]
    fn it_accepts_what_serde_json_accepts_and_nothing_else(
        payload in json(), at in any::<prop::sample::Index>(), junk in "[\\[\\]{}\",:0-9.eE+\\-a-z\\\\ \\x00\u{feff}]",
    ) {
        let mut text = format!(r#"["t",{payload}]"#);
        let mut place = at.index(text.len());
        while !text.is_char_boundary(place) { place -= 1; }
        text.insert_str(place, &junk);
        prop_assert_eq!(decode(&text).is_ok(), twin_accepts(without_marks(&text)), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}\",:0-9eE+\\-.#/'trufalsnN_°\\\\ \n\\x00\u{feff}]{0,64}") {
        for frame in Frames::of(&text) {
            if let Err(error) = frame {
                prop_assert!(error.at <= text.len() && !error.to_string().is_empty());
            }
        }
    }
}
