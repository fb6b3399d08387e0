//! What is told: medians of the rounds, ratios where two targets were measured, and whether every message came.

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::clock;
use crate::message::Checks;
use crate::scenario::{Outcome, Scenario};

pub(crate) struct Report {
    scenario: Scenario,
    rounds: usize,
    /// Name, the medians of each target.
    lines: Vec<(&'static str, Vec<f64>)>,
    checks: Vec<Checks>,
}

/// Prints what was asked for.
#[expect(clippy::print_stdout, reason = "this is what was asked for")]
pub(crate) fn say(text: &str) {
    print!("{text}");
}

impl Report {
    /// `outcomes` are the rounds of each target.
    pub(crate) fn new(scenario: Scenario, outcomes: &[Vec<Outcome>]) -> Self {
        let names = outcomes.iter().flatten().next().map(|outcome| &outcome.figures);
        let of = |name| {
            outcomes.iter().map(|rounds| median(rounds.iter().filter_map(|o| o.figure(name)))).collect()
        };
        let lines = names.into_iter().flatten().map(|(name, _)| (*name, of(name))).collect();
        let sum = |rounds: &Vec<Outcome>| rounds.iter().fold(Checks::default(), |sum, o| sum.and(o.checks));
        let checks = outcomes.iter().map(sum).collect();
        Self { scenario, rounds: outcomes.first().map_or(0, Vec::len), lines, checks }
    }

    pub(crate) fn print(&self, json: bool) {
        if json { say(&format!("{}\n", self.json())) } else { say(&self.table()) }
    }

    pub(crate) fn figures(&self) -> impl Iterator<Item = &'static str> {
        self.lines.iter().map(|(name, _)| *name)
    }

    /// What a target has of a figure.
    pub(crate) fn median(&self, figure: &str, target: usize) -> Option<f64> {
        self.lines.iter().find(|(name, _)| *name == figure)?.1.get(target).copied()
    }

    /// What went wrong, if something did.
    pub(crate) fn complaint(&self) -> Option<String> {
        let bad = self.checks.iter().find(|checks| !checks.is_clean())?;
        Some(format!(
            "of {} deliveries {} were lost, {} came twice, {} came out of order",
            bad.sent, bad.lost, bad.duplicated, bad.disordered
        ))
    }

    fn table(&self) -> String {
        let title = match self.rounds {
            1 => self.scenario.to_string(),
            rounds => format!("{}, medians of {rounds}", self.scenario),
        };
        let mut lines = vec![title];
        if self.checks.len() > 1 {
            lines.push(line("", ["hub", "vs", "ratio"].map(str::to_owned)));
        }
        for (name, values) in &self.lines {
            let ratio = match values.as_slice() {
                [hub, vs] if *vs > 0.0 => Some(format!("{:.2}", hub / vs)),
                _ => None,
            };
            lines.push(line(name, values.iter().copied().map(shown).chain(ratio)));
        }
        let count = |name, of: fn(&Checks) -> u64| line(name, self.checks.iter().map(|c| of(c).to_string()));
        lines.push(count("deliveries", |checks| checks.received));
        lines.push(count("lost", |checks| checks.lost));
        lines.push(count("duplicated", |checks| checks.duplicated));
        lines.push(count("out_of_order", |checks| checks.disordered));
        lines.join("\n") + "\n"
    }

    pub(crate) fn json(&self) -> Value {
        let target = |at: usize| {
            let figures = self.lines.iter().filter_map(|(name, values)| Some((name, values.get(at)?)));
            let mut object: Map<_, _> =
                figures.map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
            let checks = self.checks.get(at).copied().unwrap_or_default();
            object.insert("deliveries".to_owned(), checks.received.into());
            object.insert("lost".to_owned(), checks.lost.into());
            object.insert("duplicated".to_owned(), checks.duplicated.into());
            object.insert("out_of_order".to_owned(), checks.disordered.into());
            Value::from(object)
        };
        let mut report =
            json!({ "scenario": self.scenario.to_string(), "rounds": self.rounds, "hub": target(0) });
        if let (2, Some(report)) = (self.checks.len(), report.as_object_mut()) {
            let ratio = |(name, values): &(&'static str, Vec<f64>)| match values.as_slice() {
                [hub, vs] if *vs > 0.0 => Some(((*name).to_owned(), Value::from(hub / vs))),
                _ => None,
            };
            report.insert("vs".to_owned(), target(1));
            report.insert(
                "ratio".to_owned(),
                self.lines.iter().filter_map(ratio).collect::<Map<_, _>>().into(),
            );
        }
        report
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn line(name: &str, values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<_> = values.into_iter().map(|value| format!("{value:>12}")).collect();
    format!("{name:26} {}", values.join(" "))
}

/// Three digits and no more.
pub(crate) fn shown(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A line on the terminal that says how far it is, once it takes longer than a second.
pub(crate) struct Progress {
    label: String,
    shown: bool,
    next: u64,
    /// Cleared when done.
    dirty: bool,
}

impl Progress {
    pub(crate) fn new(label: String, shown: bool) -> Self {
        Self { label, shown, next: clock::now() + 1_000_000_000, dirty: false }
    }

    /// `what` is under way and `share` of it is done.
    pub(crate) fn at(&mut self, what: &str, share: f64) {
        if self.shown && clock::now() >= self.next {
            self.next = clock::now() + 200_000_000;
            self.dirty = true;
            self.write(&format!("\r{}: {what} {:3.0} % ", self.label, share * 100.0));
        }
    }

    /// Says something that the figures do not.
    pub(crate) fn note(&mut self, text: &str) {
        let cleared = if std::mem::take(&mut self.dirty) { "\r\x1b[K" } else { "" };
        self.write(&format!("{cleared}{text}\n"));
    }

    #[expect(clippy::unused_self, reason = "only who holds the line writes it")]
    fn write(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        // A terminal that is gone needs no progress.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.dirty {
            self.write("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(cpu: f64, lost: u64) -> Outcome {
        let checks = Checks { sent: 10, received: 10 - lost, lost, ..Checks::default() };
        Outcome { figures: vec![("cpu_us_per_delivery", cpu)], checks }
    }

    #[test]
    fn two_targets_are_compared_by_their_medians() {
        let rounds = |values: [f64; 3]| values.map(|cpu| outcome(cpu, 0)).to_vec();
        let report = Report::new(Scenario::Fanout, &[rounds([3.0, 9.0, 2.0]), rounds([1.0, 2.0, 1.5])]);
        assert_eq!(report.json()["ratio"]["cpu_us_per_delivery"], 2.0);
        assert!(report.table().contains("2.00") && report.complaint().is_none());
    }

    #[test]
    fn a_lost_message_in_any_round_is_told() {
        let report = Report::new(Scenario::Fanin, &[vec![outcome(1.0, 0), outcome(1.0, 2)]]);
        assert_eq!(
            report.complaint().unwrap(),
            "of 20 deliveries 2 were lost, 0 came twice, 0 came out of order"
        );
    }
}
