//! `/api/openapi.json`: what the calls are, for programs. The functions here are never called; what stands above them is what is
//! described, and the shapes are those that are written.

mod parameters;
mod past;

use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use self::parameters::{Filter, Level, Moment, Pointer, Tag, Time, Topic};
use super::shapes::{
    BatchShape, ConfirmedLineShape, ConfirmedShape, LastValueShape, NodeShape, ProblemShape, PublishedShape,
    VersionShape,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Clown Hub",
        description = "Topics over plain HTTP. A topic has levels that are joined by slashes, and stands in the path as it is; a level has none. See docs/http.md."
    ),
    paths(topics, value, put, post, clear, batch, stream, nodes, version, past::history, past::events, hook, hook_below),
    components(schemas(
        LastValueShape, PublishedShape, ConfirmedShape, BatchShape, ConfirmedLineShape, NodeShape, VersionShape, ProblemShape,
        Topic, Level, Filter, Time, Tag, Format, past::PastShape, past::SeriesShape, past::GapShape, past::HappenedShape,
        past::EventShape, Moment, Pointer, past::Written
    )),
    security(("basic" = []), ("bearer" = [])),
    modifiers(&SignIn)
)]
struct Api;

struct SignIn;

impl Modify for SignIn {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_with(Default::default);
        for (name, scheme) in [("basic", HttpAuthScheme::Basic), ("bearer", HttpAuthScheme::Bearer)] {
            components.add_security_scheme(name, SecurityScheme::Http(Http::new(scheme)));
        }
    }
}

/// The description as JSON, for a hub whose paths have this prefix.
pub(super) fn document(prefix: &str) -> String {
    let mut api = Api::openapi();
    if !prefix.is_empty() {
        api.servers = Some(vec![utoipa::openapi::Server::new(prefix)]);
    }
    let mut document = serde_json::to_value(&api).unwrap_or_default();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let methods = paths.into_iter().flat_map(|paths| paths.values_mut()).filter_map(Value::as_object_mut);
    let parameters =
        methods.flat_map(|call| call.values_mut()).filter_map(|method| method.get_mut("parameters"));
    for parameter in parameters.filter_map(Value::as_array_mut).flatten() {
        parameter.get_mut("schema").into_iter().for_each(without_null);
    }
    document.to_string()
}

/// A parameter that may be left out is never `null`.
fn without_null(schema: &mut Value) {
    if let Some(of) =
        schema["oneOf"].as_array().and_then(|kinds| kinds.iter().find(|kind| kind["type"] != "null"))
    {
        *schema = of.clone();
    } else if let Some(kind) =
        schema["type"].as_array().and_then(|kinds| kinds.iter().find(|kind| **kind != "null"))
    {
        schema["type"] = kind.clone();
    }
}

/// The last values that filters name, in the order of their topics.
#[utoipa::path(
    get, path = "/api/topics", tag = "topics",
    params(
        ("filter" = Option<Vec<Filter>>, Query, description = "which topics; without it all that the user may read"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "how many, 100 without it"),
        ("after" = Option<String>, Query, description = "only topics behind this one")
    ),
    responses(
        (status = 200, description = "the values; the header Link names the next page", body = Vec<LastValueShape>),
        (status = "4XX", description = "why not", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn topics() {}

/// The last value of a topic, or the next message.
#[utoipa::path(
    get, path = "/api/topics/{topic}", tag = "topics",
    params(
        ("topic" = Topic, Path, description = "the topic; each level percent-encoded, and slashes between them as they are"),
        ("format" = Option<Format>, Query, description = "the payload alone, or an object with what is known of it"),
        ("wait" = Option<Time>, Query, description = "so long for a newer message, at most 5 minutes"),
        ("If-None-Match" = Option<Tag>, Header, description = "304 as long as it is this one")
    ),
    responses(
        (status = 200, description = "the payload as it was said, or the object", body = serde_json::Value,
            headers(("ETag" = Option<String>), ("Last-Modified" = String))),
        (status = 204, description = "nothing was said in the time of wait"),
        (status = 304, description = "it is still the same"),
        (status = "4XX", description = "why not", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn value() {}

/// Publishes the body as a message to the topic.
#[utoipa::path(
    put, path = "/api/topics/{topic}", tag = "topics",
    params(
        ("topic" = Topic, Path, description = "the topic"),
        ("retain" = Option<bool>, Query, description = "whether it becomes the last value"),
        ("expires" = Option<Time>, Query, description = "how long it is worth delivering"),
        ("confirm" = Option<Time>, Query, description = "for a command: how long to wait for the node, at most 60 seconds"),
    ),
    request_body(content((serde_json::Value = "application/json"), (String = "text/plain"))),
    responses(
        (status = 200, description = "it was routed, or the node has confirmed it", body = Outcome),
        (status = "4XX", description = "why not", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn put() {}

/// As PUT.
#[utoipa::path(
    post, path = "/api/topics/{topic}", tag = "topics",
    params(
        ("topic" = Topic, Path, description = "the topic"),
        ("retain" = Option<bool>, Query, description = "whether it becomes the last value"),
        ("expires" = Option<Time>, Query, description = "how long it is worth delivering"),
        ("confirm" = Option<Time>, Query, description = "for a command: how long to wait for the node, at most 60 seconds"),
    ),
    request_body(content((serde_json::Value = "application/json"), (String = "text/plain"))),
    responses(
        (status = 200, description = "it was routed, or the node has confirmed it", body = Outcome),
        (status = "4XX", description = "why not", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn post() {}

/// Clears the last value of a topic.
#[utoipa::path(
    delete, path = "/api/topics/{topic}", tag = "topics",
    params(("topic" = Topic, Path, description = "the topic")),
    responses(
        (status = 204, description = "there is none now"),
        (status = "4XX", description = "why not", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn clear() {}

/// Publishes many messages, a frame of Clown.Talk a line.
#[utoipa::path(
    post, path = "/api/publish", tag = "messages",
    request_body(content = String, content_type = "application/x-ndjson", description = "[\"topic\", payload] or [\"topic\", payload, options] on each line"),
    responses(
        (status = 200, description = "all were routed", body = BatchShape),
        (status = "4XX", description = "why not; 422 tells the lines at fault", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn batch() {}

/// Follows topics as Server-Sent Events: `open`, `gap`, `past`, `message`, `notice` and `end`.
#[utoipa::path(
    get, path = "/api/stream", tag = "messages",
    params(
        ("filter" = Option<Vec<Filter>>, Query, description = "which topics; without it all that the user may read"),
        ("retained" = Option<bool>, Query, description = "with the last values first; true without it"),
        ("options" = Option<bool>, Query, description = "with the third element of frames"),
        ("token" = Option<String>, Query, description = "a token, where users.token_in_url allows it"),
        ("Last-Event-ID" = Option<String>, Header, description = "as a browser sends it that comes again")
    ),
    responses(
        (status = 200, description = "the events", body = String, content_type = "text/event-stream"),
        (status = "4XX", description = "why not", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn stream() {}

/// The nodes: who is there, since when, and what is stale.
#[utoipa::path(
    get, path = "/api/nodes", tag = "hub",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "how many"),
        ("after" = Option<String>, Query, description = "only nodes behind this base")
    ),
    responses(
        (status = 200, description = "in the order of their bases", body = Vec<NodeShape>),
        (status = "4XX", description = "why not", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn nodes() {}

/// The version of the hub.
#[utoipa::path(
    get, path = "/api/version", tag = "hub",
    responses(
        (status = 200, description = "the version", body = VersionShape),
        (status = "4XX", description = "why not", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn version() {}

/// A webhook publishes to the one topic, or at the base, of the scope of its token.
#[utoipa::path(
    post, path = "/hook/{token}", tag = "webhooks", security(()),
    params(
        ("token" = Level, Path, description = "the token"),
        ("retain" = Option<bool>, Query, description = "whether it becomes the last value"),
        ("expires" = Option<Time>, Query, description = "how long it is worth delivering"),
    ),
    request_body(content((serde_json::Value = "application/json"), (String = "text/plain"))),
    responses(
        (status = 200, description = "it was routed", body = PublishedShape),
        (status = "4XX", description = "why not; 404 while webhooks are off", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn hook() {}

/// A webhook publishes below the base of the scope of its token.
#[utoipa::path(
    post, path = "/hook/{token}/{topic}", tag = "webhooks", security(()),
    params(
        ("token" = Level, Path, description = "the token"),
        ("topic" = Topic, Path, description = "the topic, below the base"),
        ("retain" = Option<bool>, Query, description = "whether it becomes the last value"),
        ("expires" = Option<Time>, Query, description = "how long it is worth delivering"),
    ),
    request_body(content((serde_json::Value = "application/json"), (String = "text/plain"))),
    responses(
        (status = 200, description = "it was routed", body = PublishedShape),
        (status = "4XX", description = "why not; 404 while webhooks are off", body = ProblemShape, content_type = "application/problem+json"),
        (status = "5XX", description = "not now", body = ProblemShape, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "described, and never called")]
fn hook_below() {}

/// How a value is told.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "described, and never made")]
enum Format {
    Payload,
    Full,
}

/// What became of a message.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "described, and never made")]
enum Outcome {
    Published(PublishedShape<'static>),
    Confirmed(ConfirmedShape<'static>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_and_every_method_of_it_is_described() {
        let document: Value = serde_json::from_str(&document("/hub")).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        assert_eq!(document["servers"][0]["url"], "/hub");
        let paths = document["paths"].as_object().unwrap();
        // They are served elsewhere.
        let past = ["/api/history", "/api/events"];
        for (path, call) in paths.iter().filter(|(path, _)| !past.contains(&path.as_str())) {
            let concrete = path.replace("{topic}", "a").replace("{token}", "b");
            let known = super::super::Call::of(&concrete).unwrap_or_else(|| panic!("{path}"));
            let methods = known.methods().split(", ").filter(|method| !matches!(*method, "HEAD" | "OPTIONS"));
            for method in methods {
                assert!(!call[method.to_lowercase()].is_null(), "{method} {path} is not described");
            }
        }
        assert!(past.iter().all(|path| !paths[*path]["get"].is_null()));
        assert_eq!(paths.len(), 10, "{paths:?}");
        let parameters = paths["/api/topics"]["get"]["parameters"].to_string();
        assert!(!parameters.contains("null"), "{parameters}");
    }
}
