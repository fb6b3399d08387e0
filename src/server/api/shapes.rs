//! The shapes of the answers: what is written is what `/api/openapi.json` describes.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Number, Value};
use utoipa::ToSchema;

/// A last value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LastValue)]
pub(super) struct LastValueShape<'v> {
    /// The whole topic.
    pub(super) topic: &'v str,
    /// What was said, as it was said.
    #[schema(value_type = Value)]
    pub(super) payload: &'v RawValue,
    /// When the hub took it.
    pub(super) time: String,
    /// The user who said it.
    pub(super) from: &'v str,
    /// For how many seconds the topic has been silent.
    pub(super) age: f64,
    /// How many seconds are between two readings, where the topic is regular.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, nullable = false)]
    pub(super) every: Option<Number>,
    /// Whether it has been silent for longer than that lets one expect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) stale: Option<bool>,
    /// The options that its sender gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub(super) options: Option<Box<RawValue>>,
}

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Published)]
pub(super) struct PublishedShape<'v> {
    /// The whole topic.
    pub(super) topic: &'v str,
    /// Whether it is the last value of its topic now.
    pub(super) kept: bool,
    /// To how many readers it went.
    pub(super) delivered: u64,
}

/// What a node has reported after a command.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Confirmed)]
pub(super) struct ConfirmedShape<'v> {
    /// The topic of the command.
    pub(super) topic: &'v str,
    /// What was reported.
    #[schema(value_type = Value)]
    pub(super) confirmed: Box<RawValue>,
    /// Where.
    pub(super) reported: Option<String>,
    /// After how many seconds.
    pub(super) after: Option<f64>,
}

/// What became of the lines of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(super) struct BatchShape {
    /// Lines that are not blank.
    pub(super) lines: usize,
    /// Messages that were routed.
    pub(super) published: usize,
    /// Of these, messages that are last values now.
    pub(super) kept: usize,
    /// To how many readers they went.
    pub(super) delivered: u64,
    /// What nodes have confirmed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(super) confirmed: Vec<ConfirmedLineShape>,
}

/// What a node has reported after the command of a line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConfirmedLine)]
pub(super) struct ConfirmedLineShape {
    /// The number of the line, from 1 on.
    pub(super) line: usize,
    /// What was reported.
    #[schema(value_type = Value)]
    pub(super) confirmed: Box<RawValue>,
    /// Where.
    pub(super) reported: Option<String>,
    /// After how many seconds.
    pub(super) after: Option<f64>,
}

/// A node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub(super) struct NodeShape<'v> {
    /// Its base; a point is the root.
    pub(super) node: &'v str,
    /// `online` or `offline`.
    pub(super) state: &'v str,
    /// Since when.
    pub(super) since: &'v str,
    /// How many topics have a last value.
    pub(super) topics: u64,
    /// How many of these are stale.
    pub(super) stale: u64,
}

/// The hub.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Version)]
pub(super) struct VersionShape {
    /// Its version.
    pub(super) version: &'static str,
}

/// Why a request is not answered (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemShape<'v> {
    /// Which kind of problem it is: a place on the page `/api`, or `about:blank`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The kind in words.
    pub(super) title: &'v str,
    /// The status of the answer.
    pub(super) status: u16,
    /// What was wrong, and what to do.
    pub(super) detail: &'v str,
    /// What else is known, such as `topic`, `right`, `at`, `line` or `errors`.
    #[serde(flatten)]
    #[schema(value_type = Object, additional_properties)]
    pub(super) members: serde_json::Map<String, Value>,
}

/// As text, which these shapes always have.
pub(super) fn text(shape: &impl Serialize) -> String {
    serde_json::to_string(shape).unwrap_or_default()
}

/// JSON text that is known to be some.
pub(super) fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
