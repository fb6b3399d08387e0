//! `POST /hook/TOKEN`: a webhook of others publishes with a token in its path, and with nothing else. The token must have one
//! scope: it says where the message goes. It is in no log of the hub, and in those of everybody in between; so a key turns it on.

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;

use super::body;
use super::problem::Problem;
use super::query::{self, Query};
use super::speaking::{self, Wish};
use crate::server::seat::Visit;
use crate::topic::{Filter, Limits, Topic};

pub(super) async fn publish(
    visit: &Visit,
    parts: &Parts,
    below: Option<&str>,
    content: Body,
) -> Result<Response<Body>, Problem> {
    let query = Query::read(parts.uri.query(), &["retain", "expires"])?;
    let wish = Wish::read(&query, &parts.headers)?;
    let limits = &visit.app.hub.settings().topic;
    let below = below.map(|below| query::topic(below, limits)).transpose()?;
    let filters: Vec<_> = visit.who.user.rights.publish.iter().map(Filter::as_str).collect();
    let topic = topic(&filters, below.as_ref(), limits)?;
    body::check(&parts.headers)?;
    let mut session = visit.session();
    let (most, patience) = (visit.app.hub.settings().message_bytes, visit.app.settings.handshake);
    let content = body::read(&mut session, &parts.headers, content, most, patience).await?;
    let payload = body::payload(&parts.headers, &content)?;
    let outcome = speaking::say(&mut session, topic.clone(), &payload, wish).await?;
    Ok(speaking::told(&topic, outcome))
}

/// Where the message goes: to the one topic of the scope, or below the base of it.
fn topic(scope: &[&str], below: Option<&Topic>, limits: &Limits) -> Result<Topic, Problem> {
    const ONE: &str = "the token of a webhook must have one scope to publish: a topic, or BASE/#";
    let [scope] = scope else { return Err(Problem::forbidden(ONE, "publish")) };
    let (base, is_base) = scope.strip_suffix("/#").map_or((*scope, false), |base| (base, true));
    if base.contains(['+', '#']) {
        return Err(Problem::forbidden(ONE, "publish"));
    }
    let text = match below {
        None => base.to_owned(),
        Some(below) if is_base => format!("{base}/{below}"),
        Some(_) => {
            let sentence = "the scope of this token is one topic: nothing may stand behind the token";
            return Err(Problem::forbidden(sentence, "publish"));
        }
    };
    Topic::parse(&text, limits).map_err(|error| Problem::topic(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_of_the_token_says_where_the_message_goes() {
        let limits = Limits::default();
        let goes = |scope: &[&str], below: Option<&str>| {
            let below = below.map(|below| Topic::parse(below, &limits).unwrap());
            topic(scope, below.as_ref(), &limits).map(|topic| topic.to_string()).ok()
        };
        assert_eq!(goes(&["door/bell"], None).unwrap(), "door/bell");
        assert_eq!(goes(&["git/#"], None).unwrap(), "git");
        assert_eq!(goes(&["git/#"], Some("push/main")).unwrap(), "git/push/main");
        for none in
            [goes(&["#"], Some("a")), goes(&["a/+"], None), goes(&["a/+/#"], None), goes(&["a", "b"], None)]
        {
            assert_eq!(none, None);
        }
        assert_eq!(goes(&["door/bell"], Some("a")), None);
        assert_eq!(goes(&[], None), None);
    }
}
