//! What stands in paths, queries and headers.

/// A level of a topic, or several; a tool cannot write the slashes between them.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, pattern = r"^[^/+#.\x00-\x1f][^/+#\x00-\x1f]*$", max_length = 1024)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct Topic(String);

/// A level of a path.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, pattern = r"^[A-Za-z0-9_-]+$", max_length = 100)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct Level(String);

/// A filter of MQTT.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, pattern = r"^(#|(\+|[a-z0-9$ -]+)(/(\+|[a-z0-9$ -]+)){0,9}(/#)?)$")]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct Filter(String);

/// A time above zero, as `500ms`, `30s`, `2m` or `1h`; without a unit it is seconds.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, pattern = r"^([1-9][0-9]{0,3}ms|[1-5]?[1-9]s?|1m)$")]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct Time(String);

/// The tag of a value, as an answer has it in `ETag`.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, pattern = r#"^(\*|"[0-9a-f]{1,16}-[0-9a-f]{1,16}")$"#)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct Tag(String);

/// A time: milliseconds since 1970, `now`, a time of RFC 3339, or one before now, as `-2h`.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct Moment(String);

/// A JSON pointer (RFC 6901).
#[derive(utoipa::ToSchema)]
#[schema(value_type = String)]
#[expect(dead_code, reason = "described, and never made")]
pub(super) struct Pointer(String);
