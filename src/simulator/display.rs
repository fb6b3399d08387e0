//! The OLED display of the bridge.

use serde_json::Value;

use super::payload::Object;
use super::{Refusal, encoding};

const LINES: usize = 8;
const MAX_CHARACTERS: usize = 21;
const FRAME_BYTES: usize = 1024;

/// What the display shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// Eight lines of up to 21 characters, from the top.
    Text([String; 8]),
    /// A framebuffer of 1,024 bytes: 128 x 64 pixels in the page layout of the SSD1306.
    Raw(Vec<u8>),
}

impl Screen {
    /// The start screen: the maker, and the topic under which the display can be written.
    pub(super) fn start(device: &str) -> Self {
        let mut lines: [String; LINES] = Default::default();
        let [first, _, third, ..] = &mut lines;
        "BigClown".clone_into(first);
        device.clone_into(third);
        Self::Text(lines)
    }

    /// Writes lines or a framebuffer. A line that cannot be shown is skipped and the others are shown; the refusal
    /// is that of the first one skipped.
    pub(super) fn set(&mut self, command: &Object) -> Result<(), Refusal> {
        if let Some(value) = command.last("raw") {
            *self = Self::Raw(frame(value, command.len())?);
            return Ok(());
        }
        if command.is_empty() {
            return Err(Refusal::MissingKey { key: "line-0" });
        }
        let outcomes: Vec<_> = command.entries().map(|(key, value)| self.set_line(key, value)).collect();
        outcomes.into_iter().collect()
    }

    fn set_line(&mut self, key: &str, value: &Value) -> Result<(), Refusal> {
        let bad_key =
            Refusal::BadValue { key: "key of a display", expected: "line-0 to line-7, or raw alone" };
        let bad_text = Refusal::BadValue { key: "line", expected: "a string of up to 21 characters" };
        let number = key.strip_prefix("line-").filter(|digits| digits.len() == 1).ok_or(bad_key)?;
        let number: usize = number.parse().ok().filter(|number| *number < LINES).ok_or(bad_key)?;
        let text = value.as_str().filter(|text| text.chars().count() <= MAX_CHARACTERS).ok_or(bad_text)?;
        if let Self::Raw(_) = self {
            *self = Self::Text(Default::default());
        }
        if let Self::Text(lines) = self
            && let Some(line) = lines.get_mut(number)
        {
            text.clone_into(line);
        }
        Ok(())
    }
}

fn frame(value: &Value, keys: usize) -> Result<Vec<u8>, Refusal> {
    let frame = value.as_str().and_then(encoding::from_base64);
    frame
        .filter(|bytes| bytes.len() == FRAME_BYTES && keys == 1)
        .ok_or(Refusal::BadValue { key: "raw", expected: "the only key, with 1024 bytes in base64" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        Screen::start("display-oled/i2c0-3c")
    }

    fn set(screen: &mut Screen, text: &str) -> Result<(), Refusal> {
        screen.set(&Object::parse(text).unwrap())
    }

    fn lines(screen: &Screen) -> Vec<&str> {
        match screen {
            Screen::Text(lines) => lines.iter().map(String::as_str).collect(),
            Screen::Raw(_) => panic!("raw"),
        }
    }

    #[test]
    fn the_start_screen_names_the_display() {
        assert_eq!(lines(&screen()), ["BigClown", "", "display-oled/i2c0-3c", "", "", "", "", ""]);
    }

    #[test]
    fn any_subset_of_lines_can_be_set() {
        let mut screen = screen();
        set(&mut screen, r#"{"line-7": "21 characters at most", "line-0": "℃"}"#).unwrap();
        assert_eq!(
            lines(&screen),
            ["℃", "", "display-oled/i2c0-3c", "", "", "", "", "21 characters at most"]
        );
    }

    #[test]
    fn a_line_that_does_not_fit_is_skipped_and_the_others_are_shown() {
        let mut screen = screen();
        let outcome =
            set(&mut screen, r#"{"line-0": "twenty-two characters!", "line-1": "fits", "line-8": "no"}"#);
        assert!(matches!(outcome, Err(Refusal::BadValue { key: "line", .. })));
        assert_eq!(lines(&screen)[..2], ["BigClown", "fits"]);
        for bad in
            [r#"{"line-8": "x"}"#, r#"{"line-00": "x"}"#, r#"{"line-+1": "x"}"#, r#"{"line-1": 5}"#, "{}"]
        {
            assert!(set(&mut screen, bad).is_err(), "{bad}");
        }
        assert_eq!(lines(&screen)[..2], ["BigClown", "fits"]);
    }

    #[test]
    fn a_framebuffer_replaces_the_lines_and_a_line_replaces_the_framebuffer() {
        let mut screen = screen();
        let raw = format!("{}AA==", "A".repeat(1364));
        set(&mut screen, &format!(r#"{{"raw": "{raw}"}}"#)).unwrap();
        assert_eq!(screen, Screen::Raw(vec![0; 1024]));
        assert!(set(&mut screen, &format!(r#"{{"raw": "{raw}", "line-0": "x"}}"#)).is_err());
        assert!(set(&mut screen, r#"{"raw": "AAAA"}"#).is_err());
        assert_eq!(screen, Screen::Raw(vec![0; 1024]));
        set(&mut screen, r#"{"line-1": "back"}"#).unwrap();
        assert_eq!(lines(&screen), ["", "back", "", "", "", "", "", ""]);
    }
}
