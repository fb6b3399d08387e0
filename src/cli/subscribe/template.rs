//! `--template`: a line of one's own for each message, with the signs that `mosquitto_sub -F` has.

/// What a line may be made of, all fit for where it goes.
pub(super) struct Parts<'p> {
    pub(super) topic: &'p str,
    pub(super) payload: &'p str,
    pub(super) length: usize,
    pub(super) retained: bool,
    pub(super) time: &'p str,
    pub(super) frame: &'p str,
}

/// What stands in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Topic,
    Payload,
    Length,
    Retained,
    Quality,
    Time,
    Frame,
}

/// A line with places for the parts of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Template(Vec<Piece>);

impl Template {
    /// Reads what was typed; the error says what is wrong.
    pub(in crate::cli) fn parse(typed: &str) -> Result<Self, String> {
        const SIGNS: &str = "there are %t topic, %p payload, %l its length, %r retained, %q QoS, %I time, %j the frame, and %%";
        let (mut pieces, mut text, mut chars) = (Vec::new(), String::new(), typed.chars());
        while let Some(c) = chars.next() {
            let piece = match (c, chars.as_str().chars().next()) {
                ('\\', Some(escaped)) => {
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        '\\' => '\\',
                        _ => {
                            return Err(format!(
                                "\\{escaped} means nothing; there are \\n, \\t, \\r and \\\\"
                            ));
                        }
                    });
                    None
                }
                ('%', Some('%')) => {
                    text.push('%');
                    None
                }
                ('%', Some('t')) => Some(Piece::Topic),
                ('%', Some('p')) => Some(Piece::Payload),
                ('%', Some('l')) => Some(Piece::Length),
                ('%', Some('r')) => Some(Piece::Retained),
                ('%', Some('q')) => Some(Piece::Quality),
                ('%', Some('I')) => Some(Piece::Time),
                ('%', Some('j')) => Some(Piece::Frame),
                ('%', Some(other)) => return Err(format!("%{other} means nothing; {SIGNS}")),
                ('%', None) => return Err(format!("% at the end means nothing; {SIGNS}")),
                (c, _) => {
                    text.push(c);
                    continue;
                }
            };
            chars.next();
            if let Some(piece) = piece {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(piece);
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self(pieces))
    }

    /// Whether it has a place for what the hub adds for those who ask.
    pub(super) fn needs_options(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Retained | Piece::Time))
    }

    /// The line for one message.
    pub(super) fn line(&self, parts: &Parts<'_>) -> String {
        let mut line = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => line.push_str(text),
                Piece::Topic => line.push_str(parts.topic),
                Piece::Payload => line.push_str(parts.payload),
                Piece::Length => line.push_str(&parts.length.to_string()),
                Piece::Retained => line.push(if parts.retained { '1' } else { '0' }),
                Piece::Quality => line.push('0'),
                Piece::Time => line.push_str(parts.time),
                Piece::Frame => line.push_str(parts.frame),
            }
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_the_parts_of_a_message_in_its_places() {
        let line = |typed: &str, payload: &str| {
            let time = "2026-11-21T09:00:00.123Z";
            let length = payload.len();
            let parts = Parts { topic: "a/b", payload, length, retained: true, time, frame: "[…]" };
            Template::parse(typed).unwrap().line(&parts)
        };
        assert_eq!(line("%t: %p", "21.50"), "a/b: 21.50\n");
        assert_eq!(line("%p|%l", "on ℃"), "on ℃|6\n");
        assert_eq!(line("%I\\t%r %q 100%% \\\\", "1"), "2026-11-21T09:00:00.123Z\t1 0 100% \\\n");
        assert_eq!(line("%j", "1"), "[…]\n");
        assert_eq!(line("", "1"), "\n");
    }

    #[test]
    fn a_sign_that_means_nothing_is_named() {
        for (typed, named) in [("%t %z", "%z"), ("50%", "% at the end"), ("a\\q", "\\q")] {
            assert!(Template::parse(typed).unwrap_err().starts_with(named), "{typed}");
        }
        assert!(!Template::parse("%t %p").unwrap().needs_options());
        assert!(Template::parse("%r").unwrap().needs_options());
    }
}
