//! Any text, read as a message: what comes out of [`Frames`] is held against `serde_json`.

use clown_hub::talk::frame::{Fault, MAX_DEPTH, encode};
use clown_hub::talk::{Frame, Frames};
use serde_json::value::RawValue;

/// A good frame on a line of its own, which no text before it may hide.
const LAST: &str = "\n[\"last\", 1]";

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for frame in Frames::of(text) {
        match frame {
            Ok(frame) => check_good(&frame),
            Err(error) => {
                assert!(error.at <= text.len(), "{error}");
                assert!(!error.to_string().is_empty());
            }
        }
    }
    check_against_twin(text);
    let text = [text, LAST].concat();
    let last = Frames::of(&text).last();
    assert!(matches!(last, Some(Ok(Frame { ref topic, .. })) if topic == "last"), "{last:?}");
}

fn check_good(frame: &Frame<'_>) {
    assert_eq!(raw(frame.payload), Some(frame.payload));
    if let Some(options) = frame.options {
        assert_eq!(raw(options), Some(options));
        assert!(options.starts_with('{'));
    }
    let mut line = String::new();
    encode(&frame.topic, frame.payload, &mut line);
    assert!(!line.contains(['\n', '\r']), "{line:?}");
    let mut again = Frames::of(&line);
    let Some(Ok(read)) = again.next() else { panic!("not read again: {line:?}") };
    assert_eq!(read.topic, frame.topic);
    assert_eq!(read.payload, frame.payload.replace(['\n', '\r'], " "));
    assert!(read.options.is_none() && again.next().is_none());
}

/// The text as one frame: both take it, or both refuse it, but for the depth that only the hub bounds.
fn check_against_twin(text: &str) {
    let twins = without_marks(text);
    let mut frames = Frames::of(text);
    let first = frames.next();
    let is_one = matches!(first, Some(Ok(_))) && frames.next().is_none();
    let twin = serde_json::from_str::<(String, &RawValue)>(twins).is_ok()
        || serde_json::from_str::<(String, &RawValue, &RawValue)>(twins)
            .is_ok_and(|(_, _, options)| options.get().starts_with('{'));
    if is_one != twin {
        let too_deep = matches!(&first, Some(Err(error)) if error.fault == Fault::TooDeep);
        assert!(too_deep && twin, "{first:?} where the twin says {twin}: {text:?}");
        let open = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
        assert!(open > MAX_DEPTH as usize + 1, "too deep with {open} brackets");
    }
}

/// Less the NUL bytes around a frame and the byte order marks in front of it, which the twin does not know.
fn without_marks(text: &str) -> &str {
    const SPACE: [char; 5] = [' ', '\t', '\r', '\n', '\0'];
    let is_nothing = |mark: char| SPACE.contains(&mark) || mark == '\u{feff}';
    let mut text = text.trim_start_matches(is_nothing);
    // Behind a line feed another frame could begin.
    while let Some((head, last)) = text.rsplit_once('\n') {
        if !last.chars().all(is_nothing) {
            break;
        }
        text = head;
    }
    text.trim_end_matches(SPACE)
}

fn raw(text: &str) -> Option<&str> {
    serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get)
}
