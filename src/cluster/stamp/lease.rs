//! What stands beside a command that holds for a time only: for how long still, and what is safe. A header of its own, which older
//! hubs pass over. Pure.

use std::borrow::Cow;

use percent_encoding::utf8_percent_encode;

use super::{ESCAPED, unescaped};

/// The header that it stands in.
pub const HEADER_OF_LEASE: &str = "Clown-Lease";
/// Longer ones are none of ours: a safe payload has at most 1024 bytes, each of which takes three.
const MOST_BYTES: usize = 4096;

/// The words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease<'t> {
    /// For how many milliseconds the command holds; 0 with the safe command itself.
    pub left: u64,
    /// The payload of the safe command.
    pub safe: Cow<'t, str>,
}

impl<'t> Lease<'t> {
    /// The line.
    pub fn text(&self) -> String {
        format!("{} {}", self.left, utf8_percent_encode(&self.safe, ESCAPED))
    }

    /// The door. What follows, a newer hub has said.
    pub fn parse(text: &'t str) -> Option<Self> {
        let mut words = Some(text).filter(|text| text.len() <= MOST_BYTES)?.split(' ');
        let left = words.next()?.parse().ok()?;
        let safe = unescaped(words.next()?).filter(|safe| !safe.is_empty())?;
        Some(Self { left, safe })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_one_line_of_words() {
        let lease = Lease { left: 2500, safe: r#"{"state": false}"#.into() };
        assert_eq!(lease.text(), "2500 %7B%22state%22:%20false%7D");
        assert_eq!(Lease::parse(&lease.text()), Some(lease.clone()));
        assert_eq!(Lease::parse(&format!("{} more", lease.text())), Some(lease));
        for none in ["", "5", "x 1", "-5 1", "5 -", "5 ", "5 %FF", &format!("5 {}", "a".repeat(MOST_BYTES))] {
            assert_eq!(Lease::parse(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn every_lease_comes_back_as_it_went(left in any::<u64>(), safe in "\\PC{1,200}") {
            prop_assume!(safe != "-");
            let text = Lease { left, safe: (&*safe).into() }.text();
            prop_assert!(text.is_ascii());
            prop_assert_eq!(Lease::parse(&text), Some(Lease { left, safe: safe.into() }));
        }
    }
}
