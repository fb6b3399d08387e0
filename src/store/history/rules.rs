//! Which topics have history, and for how long. Pure.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::grain::{MINUTES, RAW};
use crate::topic::{Filter, Topic};

/// How long each grain is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// Each reading.
    pub raw: Duration,
    /// Steps of a minute; at least as long.
    pub minutes: Duration,
    /// Steps of a quarter of an hour; at least as long.
    pub quarters: Duration,
}

impl Ages {
    /// Milliseconds for which a grain is kept.
    pub(super) fn of(&self, tier: u64) -> u64 {
        let kept = match tier {
            RAW => self.raw,
            MINUTES => self.minutes,
            _ => self.quarters,
        };
        u64::try_from(kept.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What is kept of the topics that a filter names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which topics.
    pub filter: Filter,
    /// For how long; none if nothing is kept.
    pub ages: Option<Ages>,
}

/// All rules. Of those that name a topic the first one counts.
#[derive(Debug, Clone)]
pub struct Rules {
    /// In their order.
    pub rules: Vec<Rule>,
    /// For topics that no rule names.
    pub others: Ages,
}

impl Rules {
    fn of(&self, topic: &Topic) -> Option<(usize, &Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.filter.matches(topic))
    }

    /// Whether a topic has history.
    pub(super) fn names(&self, topic: &Topic) -> bool {
        self.of(topic).is_none_or(|(_, rule)| rule.ages.is_some())
    }

    /// Whether any topic has.
    pub(crate) fn is_on(&self) -> bool {
        let mut off = self.rules.iter().take_while(|rule| rule.ages.is_none());
        !off.any(|rule| rule.filter.as_str() == "#")
    }

    /// Topics of one class are kept for the same time: 0 is the class of those that no rule names. What is there of topics that
    /// have no history any more grows old like that.
    pub(super) fn class(&self, topic: &Topic) -> usize {
        self.of(topic).filter(|(_, rule)| rule.ages.is_some()).map_or(0, |(at, _)| at + 1)
    }

    /// The ages of all classes.
    pub(super) fn ages(&self) -> impl Iterator<Item = Ages> {
        let others = self.others;
        std::iter::once(others).chain(self.rules.iter().map(move |rule| rule.ages.unwrap_or(others)))
    }
}

/// Topics that are remembered; where there are more, all are looked up again.
const MOST_NAMED: usize = 20_000;

/// Which topics have history, as the rules say: they may be many, and are gone through once for each topic.
#[derive(Debug, Default)]
pub(super) struct Named(Mutex<HashMap<Topic, bool, RandomState>>);

impl Named {
    /// Whether a topic has history.
    pub(super) fn names(&self, rules: &Rules, topic: &Topic) -> bool {
        if rules.rules.is_empty() {
            return true;
        }
        let mut known = self.0.lock();
        if let Some(is_named) = known.get(topic) {
            return *is_named;
        }
        if known.len() >= MOST_NAMED {
            known.clear();
        }
        let is_named = rules.names(topic);
        known.insert(topic.clone(), is_named);
        is_named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Limits;

    fn rules(rules: &[(&str, bool)]) -> Rules {
        let others = Ages { raw: Duration::ZERO, minutes: Duration::ZERO, quarters: Duration::ZERO };
        let rule = |(filter, is_kept): &(&str, bool)| Rule {
            filter: Filter::parse(filter, &Limits::default()).unwrap(),
            ages: is_kept.then_some(others),
        };
        Rules { rules: rules.iter().map(rule).collect(), others }
    }

    #[test]
    fn the_first_rule_that_names_a_topic_counts() {
        let rules = rules(&[("a/b", true), ("a/#", false), ("+/b", true), ("a/c", true)]);
        let found = |text: &str| {
            let topic = Topic::parse(text, &Limits::default()).unwrap();
            (rules.names(&topic), rules.class(&topic))
        };
        assert_eq!(["a/b", "a/c", "x/b", "x"].map(found), [(true, 1), (false, 0), (true, 3), (true, 0)]);
    }

    #[test]
    fn what_is_remembered_of_a_topic_is_what_the_rules_say_and_not_more_than_so_much() {
        let (rules, named) = (rules(&[("a/#", false)]), Named::default());
        for round in 0..2 {
            for number in 0..MOST_NAMED + 10 {
                let text = format!("{}/{number}", ["a", "b"][number % 2]);
                let topic = Topic::parse(&text, &Limits::default()).unwrap();
                assert_eq!(named.names(&rules, &topic), number % 2 == 1, "{text}, round {round}");
            }
            assert!(named.0.lock().len() <= MOST_NAMED);
        }
    }

    #[test]
    fn history_is_off_where_a_rule_turns_it_off_for_all_and_none_before_it_keeps_some() {
        assert!(rules(&[]).is_on() && rules(&[("a/#", false)]).is_on());
        assert!(
            !rules(&[("#", false)]).is_on() && !rules(&[("a", false), ("#", false), ("b", true)]).is_on()
        );
        assert!(rules(&[("a", true), ("#", false)]).is_on());
    }
}
