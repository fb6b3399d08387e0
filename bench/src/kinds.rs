//! The scenario `neighbour` in all its kinds: a table with a line for each.

use serde_json::json;

use crate::report::{Report, say, shown};
use crate::scenario::Kind;

/// What was found, kind by kind.
pub(crate) struct Kinds(pub(crate) Vec<(Kind, Report)>);

/// Columns: a heading, the figure, and what it is divided by.
const COLUMNS: [(&str, &str, f64); 10] = [
    ("quiet p99, ms", "quiet_p99_us", 1e3),
    ("quiet worst, ms", "quiet_worst_us", 1e3),
    ("p50, ms", "p50_us", 1e3),
    ("p99, ms", "p99_us", 1e3),
    ("worst, ms", "worst_us", 1e3),
    ("round trips", "round_trips", 1.0),
    ("not delivered", "not_delivered", 1.0),
    ("attacker's frames / s", "attacker_frames_per_second", 1.0),
    ("CPU, µs a frame", "cpu_us_per_attacker_frame", 1.0),
    ("cut off", "attacker_cut_offs", 1.0),
];

impl Kinds {
    pub(crate) fn print(&self, json: bool) {
        if json { say(&format!("{}\n", self.json())) } else { say(&self.table()) }
    }

    /// What went wrong first, if something did.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.0.iter().find_map(|(kind, report)| Some(format!("{}: {}", kind.name(), report.complaint()?)))
    }

    fn table(&self) -> String {
        let head: Vec<_> = COLUMNS.iter().map(|(heading, ..)| *heading).collect();
        let head = format!("| kind | {} |\n|{}\n", head.join(" | "), "---|".repeat(COLUMNS.len() + 1));
        let row = |(kind, report): &(Kind, Report)| {
            let cell = |(_, figure, unit): &(&str, &str, f64)| {
                report.median(figure, 0).map_or_else(String::new, |value| shown(value / unit))
            };
            let cells: Vec<_> = COLUMNS.iter().map(cell).collect();
            format!("| `{}` | {} |\n", kind.name(), cells.join(" | "))
        };
        head + &self.0.iter().map(row).collect::<String>()
    }

    fn json(&self) -> serde_json::Value {
        let kind = |(kind, report): &(Kind, Report)| json!({ "kind": kind.name(), "report": report.json() });
        json!({ "scenario": "neighbour", "kinds": self.0.iter().map(kind).collect::<Vec<_>>() })
    }
}
