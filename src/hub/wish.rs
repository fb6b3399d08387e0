//! What a command asks for, and whether a node has said that it is so. Pure.

use serde_json::{Map, Value};

/// Bytes of a payload that is compared, of a command as well as of a state. A longer one is not looked at.
pub(super) const COMPARED: usize = 4096;

/// What a command asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    /// This is to be so.
    State(Value),
    /// Whatever the node says is an answer.
    Answer,
}

impl Wish {
    /// What is asked for by this command; `None` where the payload is too long to be compared.
    pub(super) fn of(command: &str, payload: &str) -> Option<Self> {
        if !command.ends_with("/set") {
            return Some(Self::Answer);
        }
        let value = (payload.len() <= COMPARED).then(|| serde_json::from_str(payload).ok()).flatten()?;
        Some(Self::State(value))
    }

    /// Whether this state is what was asked for.
    pub(super) fn is_met_by(&self, state: &Value) -> bool {
        match self {
            Self::Answer => true,
            Self::State(wish) => is_same(wish, state),
        }
    }
}

/// Numbers are compared by value, a number with a unit is its number, a bare truth may be written as a text. Of an object
/// the state may have more keys.
fn is_same(wish: &Value, state: &Value) -> bool {
    match (wish, state) {
        (Value::Object(wish), Value::Object(state)) => has_all(wish, state),
        (Value::Array(wish), Value::Array(state)) => {
            wish.len() == state.len() && wish.iter().zip(state).all(|(wish, state)| is_same(wish, state))
        }
        (wish, Value::Array(state)) => {
            matches!(state.as_slice(), [value @ Value::Number(_), Value::String(_)] if is_same(wish, value))
        }
        (Value::Array(wish), state) => {
            matches!(wish.as_slice(), [value @ Value::Number(_), Value::String(_)] if is_same(value, state))
        }
        (Value::Number(wish), Value::Number(state)) => wish == state || wish.as_f64() == state.as_f64(),
        (Value::Bool(truth), Value::String(text)) | (Value::String(text), Value::Bool(truth)) => {
            text == if *truth { "true" } else { "false" }
        }
        (wish, state) => wish == state,
    }
}

fn has_all(wish: &Map<String, Value>, state: &Map<String, Value>) -> bool {
    wish.iter().all(|(key, wish)| state.get(key).is_some_and(|state| is_same(wish, state)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_met(wish: &str, state: &str) -> bool {
        Wish::of("a/set", wish).unwrap().is_met_by(&serde_json::from_str(state).unwrap())
    }

    #[test]
    fn a_state_is_what_was_asked_for_where_every_key_has_the_same_value() {
        for (wish, state) in [
            (r#"{"state": true}"#, r#"{"state": true}"#),
            (r#"{"state": true}"#, r#"{"since": 1, "state": true}"#),
            (r#"{"a": {"b": 1}}"#, r#"{"a": {"b": 1.0, "c": 2}}"#),
            (r#"{"level": 50}"#, r#"{"level": [50.0, "%"]}"#),
            (r#"{"level": [50, "%"]}"#, r#"{"level": 50}"#),
            ("true", "true"),
            ("true", "\"true\""),
            ("\"false\"", "false"),
            ("100000000000000000001", "1e20"),
            ("[1, 2]", "[1.0, 2]"),
            ("{}", r#"{"state": false}"#),
            ("null", "null"),
        ] {
            assert!(is_met(wish, state), "{wish} {state}");
        }
    }

    #[test]
    fn another_state_is_not_what_was_asked_for() {
        for (wish, state) in [
            (r#"{"state": true}"#, r#"{"state": false}"#),
            (r#"{"state": true}"#, r#"{"other": true}"#),
            (r#"{"state": true}"#, "true"),
            ("true", r#"{"state": true}"#),
            ("true", "1"),
            ("true", "\"yes\""),
            ("1", "\"1\""),
            ("[1, 2]", "[1]"),
            ("50", "[50]"),
            ("null", "false"),
        ] {
            assert!(!is_met(wish, state), "{wish} {state}");
        }
    }

    #[test]
    fn a_question_is_answered_by_whatever_the_node_says() {
        assert_eq!(Wish::of("a/get", "null"), Some(Wish::Answer));
        assert!(Wish::Answer.is_met_by(&Value::Null));
        assert_eq!(Wish::of("a/set", &format!("\"{}\"", "x".repeat(COMPARED))), None);
    }
}
