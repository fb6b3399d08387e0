//! From what looks like JSON to JSON: keys without quotes, single quotes, the words of Python. For advice alone; nothing
//! of it is ever sent.

use serde_json::Value;

/// The JSON that was probably meant; `None` if that is not clear.
pub(super) fn json_of(text: &str) -> Option<String> {
    let text = text.trim();
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if is_json(text) {
        return Some(text.to_owned());
    }
    if !text.starts_with(['{', '[', '"', '\'']) {
        return Some(word(text));
    }
    Some(repaired(text)?).filter(|json| is_json(json))
}

/// A word without quotes: a number, a truth, nothing, or a text.
fn word(text: &str) -> String {
    match text {
        "True" => "true".to_owned(),
        "False" => "false".to_owned(),
        "None" => "null".to_owned(),
        _ if serde_json::from_str::<Value>(text).is_ok() => text.to_owned(),
        _ => Value::from(text).to_string(),
    }
}

fn repaired(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let behind = rest.get(first.len_utf8()..)?;
        rest = match first {
            '{' | '}' | '[' | ']' | ':' => {
                if matches!(first, '}' | ']') && out.trim_end().ends_with(',') {
                    out.truncate(out.trim_end().len() - 1);
                }
                out.push(first);
                behind
            }
            ',' => {
                out.push(first);
                behind
            }
            '"' => {
                let end = end_of_string(behind, '"')?;
                out.push('"');
                out.push_str(behind.get(..end)?);
                out.push('"');
                behind.get(end + 1..)?
            }
            '\'' => {
                let end = end_of_string(behind, '\'')?;
                out.push_str(&Value::from(behind.get(..end)?.replace(r"\'", "'")).to_string());
                behind.get(end + 1..)?
            }
            _ if first.is_whitespace() => {
                out.push(first);
                behind
            }
            _ => {
                let end = rest.find(['{', '}', '[', ']', ':', ',', '"', '\'']).unwrap_or(rest.len());
                let found = rest.get(..end)?;
                out.push_str(&word(found.trim_end()));
                rest.get(end..)?
            }
        };
    }
    Some(out)
}

/// Where a string ends that began before `text`.
fn end_of_string(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_json_becomes_json() {
        for (typed, meant) in [
            ("{'state': true}", r#"{"state": true}"#),
            ("{state: true}", r#"{"state": true}"#),
            ("{state:on, level: 5}", r#"{"state":"on", "level": 5}"#),
            ("{\"state\": True,}", r#"{"state": true}"#),
            ("[1, two, None, ]", r#"[1, "two", null]"#),
            ("hello world", r#""hello world""#),
            ("it's on", r#""it's on""#),
            ("'on'", r#""on""#),
            ("True", "true"),
            ("20,5", r#""20,5""#),
            ("{'a': 'it\\'s'}", r#"{"a": "it's"}"#),
            ("{a: {b: [x]}}", r#"{"a": {"b": ["x"]}}"#),
            (" 1 ", "1"),
        ] {
            assert_eq!(json_of(typed).as_deref(), Some(meant), "{typed}");
        }
    }

    #[test]
    fn what_nobody_can_read_is_not_guessed() {
        for typed in
            ["{", "{\"a\": ", "{'a: 1}", "[1}", "{1: 2", "{a b}", "{a: 1} {b: 2}", "{url: http://hub}"]
        {
            assert_eq!(json_of(typed), None, "{typed}");
        }
    }
}
