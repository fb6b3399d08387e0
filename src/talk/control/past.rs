//! What the hub answers about the past (`docs/protocol.md`, clause 4.9).

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::wire;

/// What was said, as `clown.talk/-/history/ok` tells it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryAnswer {
    /// The JSON text of the asker's `id`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
    pub id: Option<String>,
    /// By topic and path.
    #[serde(default)]
    pub series: Vec<PastSeries>,
    /// Times of which readings may be missing.
    #[serde(default)]
    pub gaps: Vec<PastGap>,
    /// What is to be asked for the rest; `null` where this is all.
    #[serde(default)]
    pub more: Option<serde_json::Value>,
}

/// What was said at one path in the payloads of one topic. All lists have the same length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PastSeries {
    /// From the base of the asker.
    pub topic: String,
    /// A JSON pointer.
    pub path: String,
    /// Where the payload says one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Seconds; 0 where each reading is told.
    pub step: u64,
    /// Milliseconds since 1970: of each reading, or the beginning of each step.
    #[serde(rename = "t")]
    pub times: Vec<u64>,
    /// Each reading, or each state from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value: Vec<PastValue>,
    /// How many readings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub count: Vec<u64>,
    /// The least.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "numbers")]
    pub min: Vec<f64>,
    /// The mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "numbers")]
    pub mean: Vec<f64>,
    /// The greatest.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "numbers")]
    pub max: Vec<f64>,
    /// The last.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "numbers")]
    pub last: Vec<f64>,
    /// Times of which readings of this series alone may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<PastGap>,
}

/// A time of which readings may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastGap {
    /// Milliseconds since 1970.
    pub from: u64,
    /// Milliseconds since 1970.
    pub to: u64,
    /// Why, as `hub stopped`.
    pub why: String,
    /// How many messages are missing, where that is known.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lost: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it out like this")]
fn is_none(lost: &u64) -> bool {
    *lost == 0
}

/// The names of the columns of a point.
pub const COLUMNS: [&str; 10] =
    ["time", "topic", "path", "unit", "value", "count", "min", "mean", "max", "last"];

impl PastSeries {
    /// Its points, each as texts in the order of [`COLUMNS`]; empty where there is nothing.
    pub fn points(&self) -> impl Iterator<Item = [String; 10]> {
        self.times.iter().enumerate().map(|(at, time)| {
            let value = self.value.get(at).map(PastValue::to_string).unwrap_or_default();
            let count = self.count.get(at).map(u64::to_string).unwrap_or_default();
            let number = |column: &[f64]| column.get(at).map(f64::to_string).unwrap_or_default();
            let [min, mean, max, last] =
                [&self.min, &self.mean, &self.max, &self.last].map(|column| number(column));
            let [topic, path, unit] = [&self.topic, &self.path, &self.unit].map(String::clone);
            [shown_moment(*time), topic, path, unit, value, count, min, mean, max, last]
        })
    }
}

/// A moment in milliseconds since 1970, for people and their tables.
pub fn shown_moment(milliseconds: u64) -> String {
    const SHAPE: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000);
    let text = moment.ok().and_then(|moment| moment.format(SHAPE).ok());
    text.unwrap_or_else(|| milliseconds.to_string())
}

/// A reading.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum PastValue {
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Truth(bool),
    /// A text.
    Text(String),
}

impl fmt::Display for PastValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Truth(truth) => truth.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for PastValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => Plain(*number).serialize(serializer),
            Self::Truth(truth) => serializer.serialize_bool(*truth),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// A number without a point where it is whole.
struct Plain(f64);

impl Serialize for Plain {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_whole = self.0.fract() == 0.0 && self.0.abs() < 1e15;
        if is_whole { serializer.serialize_i64(self.0 as i64) } else { serializer.serialize_f64(self.0) }
    }
}

fn numbers<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(numbers.iter().map(|number| Plain(*number)))
}
