//! What stands behind the question mark, and how a topic stands in a path. Pure.

use std::borrow::Cow;
use std::time::Duration;

use percent_encoding::percent_decode;

use super::problem::Problem;
use crate::topic::{Filter, Limits, Topic};

/// So many parts of a query are looked at.
const PARTS: usize = 200;

/// The query of a request: names and values, in their order.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query that may have these names, each once; those that end in `*` as often as one likes.
    pub(super) fn read(text: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let parts: Vec<_> = text.unwrap_or_default().split('&').filter(|part| !part.is_empty()).collect();
        if parts.len() > PARTS {
            let sentence = format!("the query has {} parts, and {PARTS} are the most", parts.len());
            return Err(Problem::query(sentence));
        }
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = name.replace('+', " ");
            let name = decoded(&name, Problem::query)?;
            let often = known.iter().any(|known| known.strip_suffix('*') == Some(&*name));
            if !often && !known.contains(&&*name) {
                return Err(Problem::query(unknown(&name, known)));
            }
            if !often && pairs.iter().any(|(there, _)| *there == name) {
                return Err(Problem::query(format!("{name} may be there only once")));
            }
            let value = if name == "filter" { plus_in_filter(value) } else { value.replace('+', " ").into() };
            let value = decoded(&value, Problem::query)?;
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(there, _)| there == name).map(|(_, value)| &**value)
    }

    pub(super) fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(there, _)| there == name).map(|(_, value)| &**value)
    }

    /// A value that is true or false.
    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.get(name)
            .map(|value| match value {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(Problem::query(format!("{name} must be true or false"))),
            })
            .transpose()
    }

    /// A value that is a whole number, of these.
    pub(super) fn number(
        &self,
        name: &str,
        of: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.parse().ok().filter(|number| of.contains(number));
        let must =
            || Problem::query(format!("{name} must be a whole number from {} to {}", of.start(), of.end()));
        number.map(Some).ok_or_else(must)
    }

    /// A value that is a time above zero, and at most so long: `30s`, `500ms`, `2m`, or seconds.
    pub(super) fn time(&self, name: &str, most: Duration) -> Result<Option<Duration>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let time = time(value).filter(|time| !time.is_zero() && *time <= most);
        time.map(Some).ok_or_else(|| {
            let most = most.as_secs();
            Problem::query(format!("{name} must be a time as 30s, 500ms or 2m, above 0 and at most {most}s"))
        })
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    let name: String = name.chars().take(64).collect();
    if known.is_empty() {
        return format!("{name:?} is not known here: this path takes no query");
    }
    let known: Vec<_> = known.iter().map(|name| name.trim_end_matches('*')).collect();
    format!("{name:?} is not known here; there are: {}", known.join(", "))
}

fn time(text: &str) -> Option<Duration> {
    let at = text.find(|char: char| char.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(at)?;
    let number =
        Some(number).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))?;
    let factor = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()
}

/// A plus is a blank in a query, but in a filter a level that is nothing but a plus is the wildcard: no filter may have it among
/// other characters, and nobody calls a level " ".
fn plus_in_filter(value: &str) -> Cow<'_, str> {
    let level = |level: &str| if level == "+" { "%2B".to_owned() } else { level.replace('+', " ") };
    value.split('/').map(level).collect::<Vec<_>>().join("/").into()
}

/// A text without its percent-encoding.
fn decoded(text: &str, problem: fn(String) -> Problem) -> Result<Cow<'_, str>, Problem> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let digits = rest.get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(problem(
                "behind a % there must be two hexadecimal digits; the % itself is %25".to_owned(),
            ));
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    let not_utf8 = |_| problem("it is not UTF-8 where it is percent-encoded".to_owned());
    percent_decode(text.as_bytes()).decode_utf8().map_err(not_utf8)
}

/// The topic that a path names: level by level, so that a slash in a level is none between two.
pub(super) fn topic(path: &str, limits: &Limits) -> Result<Topic, Problem> {
    let mut levels = Vec::new();
    for level in path.split('/') {
        let level = decoded(level, Problem::topic)?;
        if level.contains('/') {
            return Err(Problem::topic(
                "%2F: a level of a topic cannot hold a slash; write the slash between two levels as it is",
            ));
        }
        levels.push(level);
    }
    let text = levels.join("/");
    Topic::parse(&text, limits).map_err(|error| {
        let sentence = match error.to_string() {
            sentence if sentence.starts_with("wildcard") => format!("{sentence}: GET /api/topics?filter=…"),
            sentence => sentence,
        };
        Problem::topic(sentence).with("topic", text.chars().take(64).collect::<String>())
    })
}

/// The filters of a query.
pub(super) fn filters(query: &Query, limits: &Limits) -> Result<Vec<Filter>, Problem> {
    let parse = |text: &str| {
        let wrong = |error: crate::topic::TopicError| {
            let sentence = error.to_string().replacen("topic", "filter", 1);
            Problem::query(sentence).with("filter", text.chars().take(64).collect::<String>())
        };
        Filter::parse(text, limits).map_err(wrong)
    };
    query.all("filter").map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_in_a_path_is_read_level_by_level() {
        let read = |path: &str| topic(path, &Limits::default()).map(|topic| topic.to_string());
        assert_eq!(read("nodes/bridge/0").unwrap(), "nodes/bridge/0");
        assert_eq!(read("a//b/").unwrap(), "a//b/");
        assert_eq!(read("t%C3%BDden/50%25/a%20b").unwrap(), "týden/50%/a b");
        assert_eq!(read("a%3Fb%26c%23").unwrap_err().status(), 400, "a wildcard");
        for (path, word) in [
            ("a%2Fb", "%2F"),
            ("a%2fb", "%2F"),
            ("a%00b", "NUL"),
            ("a/+/b", "wildcard"),
            ("a/%2B", "wildcard"),
            ("%23", "GET /api/topics?filter="),
            ("", "empty"),
            ("a%ff", "UTF-8"),
            ("50%", "two hexadecimal digits"),
            ("a%4", "two hexadecimal digits"),
            ("a%zz", "two hexadecimal digits"),
        ] {
            let problem = read(path).unwrap_err();
            assert!(problem.detail().contains(word), "{path}: {}", problem.detail());
        }
    }

    #[test]
    fn a_query_is_read_whole_or_not_at_all() {
        let read = |text: &'static str| Query::read(Some(text), &["filter*", "limit", "wait"]);
        let query = read("filter=a/+/b&filter=living+room/%2B&filter=%23&limit=5&wait=500ms").unwrap();
        assert_eq!(query.all("filter").collect::<Vec<_>>(), ["a/+/b", "living room/+", "#"]);
        assert_eq!(query.number("limit", 1..=10).unwrap(), Some(5));
        assert_eq!(query.time("wait", Duration::from_mins(1)).unwrap(), Some(Duration::from_millis(500)));
        for (text, word) in [
            ("limit=1&limit=1", "only once"),
            ("limits=1", "there are: filter, limit, wait"),
            ("filter=%ff", "UTF-8"),
            ("%", "two hexadecimal digits"),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.detail().contains(word), "{text}: {}", problem.detail());
        }
        for text in ["limit=0", "limit=11", "limit=-1", "limit=1e1", "limit="] {
            assert!(read(text).unwrap().number("limit", 1..=10).is_err(), "{text}");
        }
        for text in ["wait=0", "wait=61", "wait=-1s", "wait=1d", "wait=infs", "wait=nan", "wait=1e1", "wait="]
        {
            assert!(read(text).unwrap().time("wait", Duration::from_mins(1)).is_err(), "{text}");
        }
    }
}
