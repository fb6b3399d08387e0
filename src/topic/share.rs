//! The filter of a shared subscription: `$share/NAME/FILTER` (MQTT 5.0, 4.8.2).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{Filter, Limits};

/// What such a filter begins with.
const PREFIX: &str = "$share/";

/// The longest name, in bytes.
const NAME: usize = 256;

/// A group of subscribers by its name, and what each of them reads a part of. Cloning counts a reference.
#[derive(Clone)]
pub struct Share(Arc<Inside>);

struct Inside {
    text: Box<str>,
    filter: Filter,
}

impl Share {
    /// Whether a filter means a group, well written or not.
    pub fn claims(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads one, and checks the rules and the limits, which hold for what stands behind the name. A name has at least one
    /// character and at most 256 bytes, without `/`, `+` and `#`.
    pub fn parse(text: &str, limits: &Limits) -> Option<Self> {
        let (name, filter) = text.strip_prefix(PREFIX)?.split_once('/')?;
        let is_name = !name.is_empty() && name.len() <= NAME && !name.contains(['+', '#', '\0']);
        let filter = Filter::parse(filter, limits).ok().filter(|_| is_name)?;
        Some(Self(Arc::new(Inside { text: text.into(), filter })))
    }

    /// What the group reads.
    pub fn filter(&self) -> &Filter {
        &self.0.filter
    }

    /// All of it as text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Share {}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Share {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.text.cmp(&other.0.text)
    }
}

impl Hash for Share {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.text.hash(state);
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_name_and_a_filter() {
        let limits = Limits::default();
        for (text, filter) in [
            ("$share/g/lamp/#", "lamp/#"),
            ("$share/g/+", "+"),
            ("$share/g//", "/"),
            ("$share/$g/$SYS/#", "$SYS/#"),
            ("$share/ž x/a", "a"),
        ] {
            let share = Share::parse(text, &limits).unwrap();
            assert_eq!((share.as_str(), share.filter().as_str()), (text, filter));
        }
        let long = format!("$share/{}/a", "g".repeat(257));
        for text in [
            "$share",
            "$share/",
            "$share//a",
            "$share/a",
            "$share/a/",
            "$share/a+/x",
            "$share/+/x",
            "$share/#/x",
            "$share/a#/x",
            "$share/#",
            "$share/g/a#",
            "$share/g/#/a",
            "$share/g/a\0",
            "$share/g\0/a",
            &long,
            "share/g/a",
        ] {
            assert_eq!(Share::parse(text, &limits), None, "{text}");
        }
        // The limits are those of the filter alone.
        let limits = Limits { max_bytes: 3, max_levels: 2 };
        assert!(Share::parse("$share/group/a/b", &limits).is_some());
        assert!(Share::parse("$share/group/a/bc", &limits).is_none());
    }
}
