//! What was said and what has happened: `/api/history` and `/api/events`, as clauses 7.6 and 7.7 of the protocol have them.

use serde_json::Value;
use utoipa::ToSchema;

use super::parameters::{Filter, Moment, Pointer};

/// What was said about these topics, or a page of it.
#[utoipa::path(
    get, path = "/api/history", tag = "past",
    params(
        ("topic" = Vec<Filter>, Query, description = "topics or filters"),
        ("since" = Option<Moment>, Query, description = "from when on, an hour ago without it"),
        ("until" = Option<Moment>, Query, description = "until when, now without it"),
        ("points" = Option<u32>, Query, minimum = 1, maximum = 5000, description = "about so many of each series"),
        ("step" = Option<u64>, Query, description = "whole seconds; 0 for each reading"),
        ("path" = Option<Pointer>, Query, description = "only this place in the payloads"),
        ("after_topic" = Option<String>, Query, description = "only series behind this one, as Link has it"),
        ("after_path" = Option<Pointer>, Query, description = "the same"),
        ("format" = Option<Written>, Query, description = "JSON, or lines of RFC 4180")
    ),
    responses(
        (status = 200, description = "the series; the header Link names the next page",
            content((PastShape = "application/json"), (String = "text/csv"))),
        (status = "4XX", description = "why not: `error` in one word, `message` as a sentence"),
        (status = "5XX", description = "not now")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
pub(super) fn history() {}

/// What has happened, the newest first: who switched what, who came, what was refused.
#[utoipa::path(
    get, path = "/api/events", tag = "past",
    params(
        ("filter" = Option<Vec<Filter>>, Query, description = "of which topics; without it all that the user may read"),
        ("since" = Option<Moment>, Query, description = "from when on"),
        ("until" = Option<Moment>, Query, description = "until when"),
        ("by" = Option<String>, Query, description = "only what this user has done"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "how many, 100 without it"),
        ("before" = Option<u64>, Query, description = "only events with smaller numbers"),
        ("after" = Option<u64>, Query, description = "only events with greater numbers")
    ),
    responses(
        (status = 200, description = "the events", body = HappenedShape),
        (status = "4XX", description = "why not, `reason` as a sentence"),
        (status = "5XX", description = "not now")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
pub(super) fn events() {}

/// How the answer is written.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "described, and never made")]
pub(super) enum Written {
    Json,
    Csv,
}

/// What was said.
#[derive(ToSchema)]
#[schema(as = Past)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct PastShape {
    /// By topic and path.
    series: Vec<SeriesShape>,
    /// Times of which readings may be missing.
    gaps: Vec<GapShape>,
    /// The path that asks for the rest; `null` where this is all.
    more: Option<String>,
}

/// What was said at one path in the payloads of one topic. All lists have the same length.
#[derive(ToSchema)]
#[schema(as = Series)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct SeriesShape {
    topic: String,
    /// A JSON pointer.
    path: String,
    #[schema(required = false, nullable = false)]
    unit: Option<String>,
    /// Seconds; 0 where each reading is told.
    step: u64,
    /// Milliseconds since 1970.
    t: Vec<u64>,
    /// Each reading, where it is told: a number, a truth or a text.
    #[schema(required = false, nullable = false)]
    value: Option<Vec<Value>>,
    /// How many readings each step has.
    #[schema(required = false, nullable = false)]
    count: Option<Vec<u64>>,
    #[schema(required = false, nullable = false)]
    min: Option<Vec<f64>>,
    #[schema(required = false, nullable = false)]
    mean: Option<Vec<f64>>,
    #[schema(required = false, nullable = false)]
    max: Option<Vec<f64>>,
    #[schema(required = false, nullable = false)]
    last: Option<Vec<f64>>,
    /// Times of which readings of this series alone may be missing.
    #[schema(required = false, nullable = false)]
    gaps: Option<Vec<GapShape>>,
}

/// A time of which readings may be missing.
#[derive(ToSchema)]
#[schema(as = Gap)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct GapShape {
    /// Milliseconds since 1970.
    from: u64,
    /// Milliseconds since 1970.
    to: u64,
    why: String,
    /// How many messages, where that is known.
    #[schema(required = false, nullable = false)]
    lost: Option<u64>,
}

/// What has happened.
#[derive(ToSchema)]
#[schema(as = Happened)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct HappenedShape {
    /// The newest first.
    events: Vec<EventShape>,
    /// What is to be asked for the rest, as the query says it; `null` where this is all.
    #[schema(value_type = Option<Object>)]
    more: Option<Value>,
    /// So many of the newest are not on the disk, and not in this answer.
    #[schema(required = false, nullable = false)]
    unwritten: Option<u64>,
}

/// One event. What else it has depends on its kind (clause 7.7).
#[derive(ToSchema)]
#[schema(as = Event)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct EventShape {
    /// Grows with each event.
    #[schema(required = false, nullable = false)]
    number: Option<u64>,
    /// When, as RFC 3339 has it.
    time: String,
    /// `command`, `answer`, `refused`, `sign-in`, `sign-out`, `presence`, `lease`, `account`, `layout` or `lost`.
    kind: String,
    /// Who, by the name of the account; `hub` for the hub itself.
    #[schema(required = false, nullable = false)]
    user: Option<String>,
    #[schema(required = false, nullable = false)]
    topic: Option<String>,
    #[schema(value_type = Value, required = false)]
    payload: Option<Value>,
}
