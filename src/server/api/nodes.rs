//! `GET /api/nodes`: who is there, since when, how many values each has, and how many of them are stale. The same as
//! `clown-hub nodes`, without the values.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::Response;
use tokio::time::Instant;

use super::json;
use super::problem::Problem;
use super::query::Query;
use super::shapes::{self, NodeShape};
use super::topics::each_value;
use super::value::silence;
use crate::hub::{Publication, Session};
use crate::moment::Moment;
use crate::server::seat::Visit;
use crate::talk::nodes::{base_of, node_of, presence};

/// Nodes that are looked at, and told on one page.
const NODES: usize = 10_000;
const MOST: usize = 1000;
/// How long looking may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Node {
    state: String,
    since: String,
    topics: u64,
    stale: u64,
}

pub(super) async fn list(visit: &Visit, query: Option<&str>) -> Result<Response<Body>, Problem> {
    let query = Query::read(query, &["limit", "after"])?;
    let limit = query.number("limit", 1..=MOST)?.unwrap_or(MOST);
    let mut session = visit.session();
    let until = Instant::now() + PATIENCE;
    let mut nodes = BTreeMap::<String, Node>::new();
    each(&mut session, until, &mut |value| {
        if let Some(base) = base_of(value.topic.as_str()).filter(|_| nodes.len() < NODES)
            && let Some((state, since)) = presence(value.payload())
        {
            nodes.insert(base.to_owned(), Node { state, since, topics: 0, stale: 0 });
        }
    })
    .await?;
    let now = Moment::now().wall();
    each(&mut session, until, &mut |value| count(&mut nodes, value, now)).await?;
    let after = query.get("after").unwrap_or_default();
    let told = nodes.iter().filter(|(base, _)| after.is_empty() || base.as_str() > after).take(limit);
    let told: Vec<_> = told.map(|(base, node)| object(base, node)).collect();
    Ok(json(format!("[{}]\n", told.join(",\n "))))
}

/// Each value that the user may read, once.
async fn each(
    session: &mut Session,
    until: Instant,
    take: &mut (impl FnMut(&Publication) + Send),
) -> Result<(), Problem> {
    let readable = session.readable();
    for (at, filter) in readable.iter().enumerate() {
        let before = readable.get(..at).unwrap_or_default();
        let mut take_new = |value: Publication| {
            if !before.iter().any(|before| before.matches(&value.topic)) {
                take(&value);
            }
        };
        each_value(session, filter.clone(), until, &mut take_new).await?;
    }
    Ok(())
}

fn count(nodes: &mut BTreeMap<String, Node>, value: &Publication, now: SystemTime) {
    let found = node_of(value.topic.as_str(), |base| nodes.contains_key(base));
    let Some((base, _)) = found.filter(|(_, relative)| *relative != "presence") else { return };
    if let Some(node) = nodes.get_mut(base) {
        node.topics += 1;
        let is_stale = value.rhythm.every().is_some_and(|every| every.is_stale(silence(value, now)));
        node.stale += u64::from(is_stale);
    }
}

fn object(base: &str, node: &Node) -> String {
    let Node { state, since, topics, stale } = node;
    shapes::text(&NodeShape { node: base, state, since, topics: *topics, stale: *stale })
}
