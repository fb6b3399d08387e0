//! `GET /api/topics`: the last values that a filter names, in the order of their topics, page by page.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::LINK;
use axum::http::{HeaderValue, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::{Instant, sleep};

use super::json;
use super::problem::Problem;
use super::query::{self, Query};
use super::value;
use crate::hub::{Drained, PageBounds, Publication, Session};
use crate::moment::Moment;
use crate::server::seat::Visit;
use crate::topic::Filter;

/// Values on one page, where nothing is said, and at most.
const USUAL: usize = 100;
const MOST: usize = 1000;
/// The most bytes of their frames.
const BYTES: usize = 1 << 20;
/// Values that are looked at in one piece, and the most bytes of them.
const PIECE: PageBounds = PageBounds { values: 256, bytes: 256 * 1024 };
/// How long looking may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn list(visit: &Visit, query: Option<&str>) -> Result<Response<Body>, Problem> {
    let query = Query::read(query, &["filter*", "limit", "after"])?;
    let limit = query.number("limit", 1..=MOST)?.unwrap_or(USUAL);
    let mut session = visit.session();
    let named = query::filters(&query, &visit.app.hub.settings().topic)?;
    if named.len() > FILTERS {
        return Err(Problem::query(format!("{} filters, {FILTERS} are the most", named.len())));
    }
    let filters = if named.is_empty() { session.readable() } else { named };
    let mut page = Page::new(query.get("after"), limit);
    let until = Instant::now() + PATIENCE;
    for filter in filters {
        each_value(&mut session, filter, until, &mut |value| page.take(value)).await?;
    }
    let now = Moment::now().wall();
    let values: Vec<_> = page.values.values().map(|value| value::object(value, now)).collect();
    let mut response = json(format!("[{}]\n", values.join(",\n ")));
    if let Some(next) = page.next(&query, visit) {
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}

/// Filters of one request.
pub(super) const FILTERS: usize = 100;

/// Looks at each last value that a filter names. Others have their turn in between, and what it costs is paid for.
pub(super) async fn each_value(
    session: &mut Session,
    filter: Filter,
    until: Instant,
    take: &mut (impl FnMut(Publication) + Send),
) -> Result<(), Problem> {
    let mut pages = session.read(filter, Moment::now())?;
    loop {
        let page = session.next_page(&mut pages, PIECE, Moment::now())?;
        page.values.into_iter().for_each(&mut *take);
        match page.left {
            Drained::Everything => return Ok(()),
            Drained::More => tokio::task::yield_now().await,
            Drained::Later(wait) if wait.is_zero() => tokio::task::yield_now().await,
            Drained::Later(wait) => sleep(wait).await,
        }
        if Instant::now() >= until {
            return Err(Problem::takes_too_long());
        }
    }
}

/// The first values behind a topic.
struct Page<'q> {
    values: BTreeMap<Box<str>, Publication>,
    bytes: usize,
    after: Option<&'q str>,
    limit: usize,
    /// The first topic that did not fit.
    beyond: Option<Box<str>>,
}

impl<'q> Page<'q> {
    fn new(after: Option<&'q str>, limit: usize) -> Self {
        Self { values: BTreeMap::new(), bytes: 0, after, limit, beyond: None }
    }

    fn take(&mut self, value: Publication) {
        let topic = value.topic.as_str();
        let is_before = self.after.is_some_and(|after| topic <= after);
        if is_before || self.beyond.as_deref().is_some_and(|beyond| topic >= beyond) {
            return;
        }
        let topic = Box::from(topic);
        self.bytes += value.len();
        if let Some(older) = self.values.insert(topic, value) {
            self.bytes -= older.len();
        }
        while self.values.len() > self.limit || (self.bytes > BYTES && self.values.len() > 1) {
            let Some((topic, value)) = self.values.pop_last() else { return };
            self.bytes -= value.len();
            self.beyond = Some(topic);
        }
    }

    /// The path that asks for the next values, if there are any.
    fn next(&self, query: &Query, visit: &Visit) -> Option<HeaderValue> {
        self.beyond.as_ref()?;
        let (last, _) = self.values.last_key_value()?;
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let filters: Vec<_> = query.all("filter").map(|text| format!("filter={}&", encoded(text))).collect();
        let filters = filters.concat();
        let (prefix, limit, after) = (&visit.app.settings.path_prefix, self.limit, encoded(last));
        let path = format!("<{prefix}/api/topics?{filters}limit={limit}&after={after}>; rel=\"next\"");
        HeaderValue::try_from(path).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::Kind;
    use crate::topic::{Limits, Topic};
    use proptest::prelude::*;
    use std::time::SystemTime;

    fn value(topic: &str) -> Publication {
        let topic = Topic::parse(topic, &Limits::default()).unwrap();
        Publication::new(topic, "1", Kind::Reading, "u".into(), SystemTime::UNIX_EPOCH)
    }

    proptest! {
        #[test]
        fn pages_give_every_topic_once_and_in_order_however_the_values_come(
            topics in prop::collection::vec("[a-d]{1,3}", 1..40), limit in 1..6_usize,
        ) {
            let mut sorted = topics.clone();
            sorted.sort();
            sorted.dedup();
            let (mut given, mut after) = (Vec::new(), None::<String>);
            loop {
                let mut page = Page::new(after.as_deref(), limit);
                for topic in &topics {
                    page.take(value(topic));
                }
                prop_assert!(page.values.len() <= limit);
                given.extend(page.values.keys().map(ToString::to_string));
                let is_last = page.beyond.is_none();
                after = given.last().cloned();
                if is_last {
                    break;
                }
            }
            prop_assert_eq!(given, sorted);
        }
    }
}
