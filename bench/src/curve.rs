//! A scenario over several sizes: a table of what CPU time it takes, and a picture of it.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::picture::{Curve, Picture, number};
use crate::report::{Report, say, shown};
use crate::scenario::Scenario;

/// What is drawn of a report: CPU time for each of something.
const DRAWN: &str = "cpu_us_per_";

/// Sizes that one scenario is played with, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sweep {
    pub(crate) size: String,
    pub(crate) values: Vec<usize>,
}

impl std::str::FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (size, values) = text.split_once('=').ok_or("say which size, as in readers=10,100,1000")?;
        let values =
            values.split(',').map(|value| value.parse().map_err(|_| format!("{value} is no number")));
        let values = values.collect::<Result<Vec<usize>, _>>()?;
        if !values.is_sorted_by(|a, b| a < b) || values.first().is_none_or(|first| *first == 0) {
            return Err("the numbers have to grow, from 1 or more".to_owned());
        }
        Ok(Self { size: size.to_owned(), values })
    }
}

/// What was found, size by size.
pub(crate) struct Growth {
    scenario: Scenario,
    size: String,
    /// The names of the targets.
    names: Vec<String>,
    reports: Vec<(usize, Report)>,
}

impl Growth {
    pub(crate) fn new(
        scenario: Scenario,
        size: &str,
        names: Vec<String>,
        reports: Vec<(usize, Report)>,
    ) -> Self {
        Self { scenario, size: size.to_owned(), names, reports }
    }

    pub(crate) fn print(&self, json: bool) {
        if json { say(&format!("{}\n", self.json())) } else { say(&self.table()) }
    }

    pub(crate) fn draw(&self, file: &Path) -> anyhow::Result<()> {
        let mut out = std::fs::File::create(file).with_context(|| file.display().to_string())?;
        Ok(out.write_all(self.picture().svg().as_bytes())?)
    }

    pub(crate) fn complaint(&self) -> Option<String> {
        self.reports
            .iter()
            .find_map(|(size, report)| Some(format!("with {size} {}: {}", self.size, report.complaint()?)))
    }

    /// One curve for each figure of each target.
    fn curves(&self) -> Vec<Curve> {
        let names = self.reports.first().into_iter().flat_map(|(_, report)| report.figures());
        let figures: Vec<_> = names.filter_map(|name| Some((name, name.strip_prefix(DRAWN)?))).collect();
        let mut curves = Vec::new();
        for (figure, unit) in &figures {
            for (at, target) in self.names.iter().enumerate() {
                let name = match (figures.len(), self.names.len()) {
                    (1, _) => target.clone(),
                    (_, 1) => unit.replace('_', " "),
                    _ => format!("{target}, {}", unit.replace('_', " ")),
                };
                let point =
                    |(size, report): &(usize, Report)| Some((*size as f64, report.median(figure, at)?));
                curves.push(Curve { name, points: self.reports.iter().filter_map(point).collect() });
            }
        }
        curves
    }

    /// Of the first curve to the second, where those are two targets for one figure.
    fn ratios(&self, curves: &[Curve]) -> Vec<f64> {
        match curves {
            [hub, vs] if self.names.len() == 2 => {
                hub.points.iter().zip(&vs.points).map(|((_, hub), (_, vs))| hub / vs).collect()
            }
            _ => Vec::new(),
        }
    }

    fn picture(&self) -> Picture {
        let curves = self.curves();
        let figures = self.reports.first().into_iter().flat_map(|(_, report)| report.figures());
        let units: Vec<_> = figures.filter_map(|name| name.strip_prefix(DRAWN)).collect();
        let unit = match units.as_slice() {
            [unit] => format!("µs of CPU time for each {}", unit.replace('_', " ")),
            _ => "µs of CPU time".to_owned(),
        };
        Picture {
            title: format!("{}: {unit}, by the number of {}", self.scenario, self.size),
            x: format!("{} (logarithmic)", self.size),
            y: unit,
            ratios: self.ratios(&curves),
            curves,
        }
    }

    fn table(&self) -> String {
        let curves = self.curves();
        let ratios = self.ratios(&curves);
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let ratio = (!ratios.is_empty()).then(|| "ratio".to_owned());
        let names = curves.iter().map(|curve| curve.name.clone());
        let head: Vec<_> = std::iter::once(self.size.clone()).chain(names).chain(ratio).collect();
        let mut table = format!("|{}\n", "---|".repeat(head.len()));
        table.insert_str(0, &row(head));
        for (at, (size, _)) in self.reports.iter().enumerate() {
            let values = curves.iter().map(|curve| curve.points.get(at).map_or(f64::NAN, |point| point.1));
            let cells = values.chain(ratios.get(at).copied()).map(shown);
            table.push_str(&row(std::iter::once(number(*size as f64)).chain(cells).collect()));
        }
        table
    }

    fn json(&self) -> Value {
        let point = |(size, report): &(usize, Report)| json!({ "size": size, "report": report.json() });
        json!({
            "scenario": self.scenario.to_string(),
            "over": self.size,
            "points": self.reports.iter().map(point).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_named_and_grow() {
        let sweep = Sweep { size: "readers".to_owned(), values: vec![10, 300] };
        assert_eq!("readers=10,300".parse(), Ok(sweep));
        for bad in ["readers", "readers=", "readers=1,x", "readers=10,10", "readers=0,1"] {
            assert!(bad.parse::<Sweep>().is_err(), "{bad}");
        }
    }
}
