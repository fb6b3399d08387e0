//! What is set for history.

use std::time::Duration;

use super::rules::Rules;
#[cfg(test)]
use super::rules::{Ages, Rule};

/// What is set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which topics have history, and for how long.
    pub rules: Rules,
    /// What is said is sealed after so long.
    pub span: Duration,
    /// It is sealed sooner when it takes so many bytes.
    pub open_bytes: usize,
    /// How many series there may be.
    pub series: usize,
    /// How many one topic may have.
    pub series_per_topic: usize,
}

impl Settings {
    /// Whether any topic has history.
    pub(crate) fn is_on(&self) -> bool {
        self.rules.is_on()
    }
}

#[cfg(test)]
impl Settings {
    /// Some, for tests.
    pub(crate) fn some() -> Self {
        Self {
            rules: Rules { rules: Vec::new(), others: ages(7, 90, 1095) },
            span: Duration::from_hours(2),
            open_bytes: 1 << 24,
            series: 20_000,
            series_per_topic: 32,
        }
    }

    /// Some, with rules: a filter, and days of each grain; none if nothing is kept.
    pub(super) fn with(rules: &[(&str, Option<[u64; 3]>)]) -> Self {
        let rule = |(filter, days): &(&str, Option<[u64; 3]>)| Rule {
            filter: crate::topic::Filter::parse(filter, &crate::topic::Limits::default()).unwrap(),
            ages: days.map(|[raw, minutes, quarters]| ages(raw, minutes, quarters)),
        };
        let mut some = Self::some();
        some.rules.rules = rules.iter().map(rule).collect();
        some
    }
}

#[cfg(test)]
fn ages(raw: u64, minutes: u64, quarters: u64) -> Ages {
    let days = |days: u64| Duration::from_hours(24 * days);
    Ages { raw: days(raw), minutes: days(minutes), quarters: days(quarters) }
}
