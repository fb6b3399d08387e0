//! Commands for a strip of LEDs. The strip never answers, so all there is to do is to tell good from bad.

use serde_json::Value;

use super::{Refusal, payload};

/// Whether the command of that name (`color`, `effect`, …) is a good one; `None` where there is no such command.
pub(super) fn check(command: &str, value: &Value) -> Option<Result<(), Refusal>> {
    let (good, key, expected) = match command {
        "color" => (color(value), "color", "\"#rrggbb\" or \"#rrggbb(ww)\""),
        "brightness" => (number_up_to(value, 100), "brightness", "0 to 100"),
        "compound" => (compound(value), "compound", "a list of count, color, count, color"),
        "effect" => (effect(value), "effect", "a known type, with the wait and the color it needs"),
        "thermometer" => (
            thermometer(value),
            "thermometer",
            "temperature with min and max in -128..127, and a color with a set-point",
        ),
        _ => return None,
    };
    Some(if good { Ok(()) } else { Err(Refusal::BadValue { key, expected }) })
}

fn color(value: &Value) -> bool {
    let hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    match value.as_str().map(str::as_bytes) {
        Some([b'#', color @ ..]) => match color {
            [rgb @ .., b'(', high, low, b')'] => rgb.len() == 6 && hex(rgb) && hex(&[*high, *low]),
            rgb => rgb.len() == 6 && hex(rgb),
        },
        _ => false,
    }
}

fn number_up_to(value: &Value, most: u32) -> bool {
    payload::whole(value).is_some_and(|number| number <= most)
}

/// Counts above 255 are capped by the firmware, so they are good.
fn compound(value: &Value) -> bool {
    let Some(items) = value.as_array() else {
        return false;
    };
    items.chunks(2).all(|pair| matches!(pair, [count, hue] if payload::whole(count).is_some() && color(hue)))
}

fn effect(value: &Value) -> bool {
    let wait = || value.get("wait").is_some_and(|wait| payload::whole(wait).is_some());
    let hue = || value.get("color").is_some_and(color);
    match value.get("type").and_then(Value::as_str) {
        Some("test") => true,
        Some("rainbow" | "rainbow-cycle" | "theater-chase-rainbow") => wait(),
        Some("color-wipe" | "theater-chase" | "stroboscope" | "icicle" | "pulse-color") => wait() && hue(),
        _ => false,
    }
}

fn thermometer(value: &Value) -> bool {
    let limit = |key| {
        let limit = value.get(key).and_then(Value::as_f64);
        limit.is_some_and(|limit| (-128.0..=127.0).contains(&limit))
    };
    let number_or_absent = |key| value.get(key).is_none_or(Value::is_number);
    let dots = value.get("white-dots").is_none_or(|dots| number_up_to(dots, 255));
    let hue = match value.get("color") {
        Some(hue) => color(hue),
        None => value.get("set-point").is_none(),
    };
    let temperature = value.get("temperature").is_some_and(Value::is_number);
    temperature && limit("min") && limit("max") && dots && number_or_absent("set-point") && hue
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(command: &str, text: &str) -> bool {
        check(command, &serde_json::from_str(text).unwrap()).unwrap().is_ok()
    }

    #[test]
    fn commands_as_published_are_good() {
        for (command, text) in [
            ("color", r##""#250000""##),
            ("color", r##""#250000(80)""##),
            ("brightness", "100"),
            ("compound", r##"[20, "#ff0000", 300, "#00ff00"]"##),
            ("compound", "[]"),
            ("effect", r#"{"type":"test"}"#),
            ("effect", r#"{"type":"rainbow", "wait":50}"#),
            ("effect", r#"{"type":"theater-chase-rainbow", "wait":50}"#),
            ("effect", r##"{"type":"color-wipe", "wait":50, "color":"#800000"}"##),
            ("effect", r##"{"type":"pulse-color", "wait":200, "color":"#ff0000"}"##),
            ("thermometer", r#"{"temperature": 22.5, "min":-20, "max": 50}"#),
            (
                "thermometer",
                r##"{"temperature": 22.5, "min":-20, "max": 50, "white-dots": 10, "set-point": 30, "color":"#ff0000"}"##,
            ),
        ] {
            assert!(good(command, text), "{command} {text}");
        }
    }

    #[test]
    fn commands_that_miss_something_are_bad() {
        for (command, text) in [
            ("color", r##""#25000""##),
            ("color", r##""#250000(8)""##),
            ("color", r##""#25000g""##),
            ("color", r#""250000""#),
            ("color", r##""#250000()""##),
            ("color", "3"),
            ("brightness", "101"),
            ("brightness", "-1"),
            ("compound", r##"[20, "#ff0000", 20]"##),
            ("compound", r##"["#ff0000", 20]"##),
            ("compound", "{}"),
            ("effect", r#"{"type":"rainbow"}"#),
            ("effect", r#"{"type":"icicle", "wait":50}"#),
            ("effect", r#"{"type":"disco", "wait":50}"#),
            ("thermometer", r#"{"temperature": 22.5, "min":-20}"#),
            ("thermometer", r#"{"temperature": 22.5, "min":-200, "max": 50}"#),
            ("thermometer", r#"{"temperature": 22.5, "min":-20, "max": 50, "set-point": 30}"#),
            ("thermometer", r#"{"temperature": 22.5, "min":-20, "max": 50, "white-dots": 256}"#),
        ] {
            assert!(!good(command, text), "{command} {text}");
        }
        assert!(check("sparkle", &Value::Null).is_none());
    }
}
