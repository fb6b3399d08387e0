//! What a client may say, and what it is answered: Clown.Talk as the hub holds it with one session.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;

use super::Retention;
use super::allowance::Excess;
use super::change::{Answer, Change, LastValues};
use super::doors::{Message, NotSubscribed, Refusal};
use super::publication::Extras;
use super::questions::{Question, Questions};
use super::session::{Session, Side, Will, Wishes};
use super::tape::Promise;
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::control::{
    Configure, HistoryGet, HubLimits, NoQuestion, PublishRefused, RequestError, Welcome, shown,
};
use crate::talk::{Frame, Frames, Kind, PublishOptions, Reply, Request};
use crate::topic::{Filter, TopicError};

static RENAMED: Seldom = Seldom::new();

/// What is answered where there is no store, or nothing in it is for history.
const NO_HISTORY: &str = "history is off: the hub has no store";

/// The store is behind or cannot write: the value is safe in memory, and is written later.
const NOT_YET_KEPT: &str = "routed, but not on the disk yet: too much waits to be written";

impl Session {
    /// Takes one message of the client: a frame, or several separated by line feeds. Whatever is wrong with one is
    /// answered and harms no other. An error means that the client has sent too much and is to be disconnected.
    pub fn receive(&mut self, message: &str, now: impl Into<Moment>) -> Result<(), Excess> {
        let (mut frames, now) = (Frames::of(message), now.into());
        while self.receive_some(&mut frames, usize::MAX, now)? {}
        Ok(())
    }

    /// As [`receive`](Self::receive), but takes `most` frames at a time, so that one message of thousands need not
    /// keep everybody waiting; fewer where they are much work. Returns whether there may be more.
    pub fn receive_some(
        &mut self,
        frames: &mut Frames<'_>,
        most: usize,
        now: impl Into<Moment>,
    ) -> Result<bool, Excess> {
        let now = now.into();
        for _ in 0..most {
            let Some(frame) = frames.next() else { return Ok(false) };
            self.count_frame(now)?;
            match frame {
                Ok(frame) if Request::claims(&frame.topic) => self.request(&frame, now)?,
                Ok(frame) => self.publication(&frame, now)?,
                Err(error) => {
                    let reason = error.fault.to_string();
                    self.refuse_bad(
                        PublishRefused { reason, at: Some(error.at), ..Default::default() },
                        now,
                    )?;
                }
            }
            if self.is_turn_over() {
                break;
            }
        }
        Ok(!frames.is_done())
    }

    fn refuse_bad(&mut self, refused: PublishRefused, now: Moment) -> Result<(), Excess> {
        self.reply(&Reply::PublishError(refused));
        self.count_bad_frame(now)
    }

    fn reply(&self, reply: &Reply) {
        self.outbox.reply(reply.text());
    }

    /// Answers a request about the subscription.
    fn answer(&mut self, reply: &Reply) {
        let text = reply.text();
        self.count_answer(&text);
        self.outbox.reply(text);
    }

    fn request(&mut self, frame: &Frame<'_>, now: Moment) -> Result<(), Excess> {
        match Request::parse(&frame.topic, frame.payload) {
            Ok(Request::Configure(configure)) => {
                let filters = configure.filters.as_ref().map_or(0, Vec::len);
                self.count_request(frame.payload.len(), filters, now)?;
                self.configure(configure);
            }
            Ok(Request::Replace(filters)) => {
                self.count_request(frame.payload.len(), filters.len(), now)?;
                self.change_filters(&filters, |_, asked| asked);
            }
            Ok(Request::Add(filters)) => {
                self.count_request(frame.payload.len(), filters.len(), now)?;
                self.change_filters(&filters, added);
            }
            Ok(Request::Remove(filters)) => {
                self.count_request(frame.payload.len(), filters.len(), now)?;
                self.change_filters(&filters, removed);
            }
            Ok(Request::Show) => {
                self.count_request(frame.payload.len(), 0, now)?;
                let filters = self.held_names();
                self.answer(&Reply::SubscriptionOk { filters });
            }
            Ok(Request::History(payload)) => {
                self.count_request(payload.len(), 0, now)?;
                self.ask_history(&payload, now);
            }
            Err(RequestError::Config(reason)) => self.refuse_config(reason, vec![]),
            Err(RequestError::Subscription(reason)) => {
                self.answer(&Reply::SubscriptionError { reason, filters: vec![] });
            }
            Err(RequestError::UnknownTopic) => {
                let reason = "unknown topic under clown.talk/".to_owned();
                let topic = Some(frame.topic.to_string());
                let refused = PublishRefused { reason, at: Some(frame.topic_at), topic, id: None };
                return self.refuse_bad(refused, now);
            }
        }
        Ok(())
    }

    /// The answer comes when it is there; other frames go on meanwhile.
    fn ask_history(&mut self, payload: &str, now: Moment) {
        match self.history_question(payload, now) {
            Ok((questions, question)) => questions.ask(question),
            Err(NoQuestion { id, reason }) => self.answer(&Reply::HistoryError { id, reason }),
        }
    }

    fn history_question(&self, payload: &str, now: Moment) -> Result<(Arc<Questions>, Question), NoQuestion> {
        let since_1970 = now.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let get = HistoryGet::parse(payload, u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))?;
        let no = |reason: String| NoQuestion { id: get.id.clone(), reason };
        let questions = self.hub.questions().ok_or_else(|| no(NO_HISTORY.to_owned()))?;
        let filters = self.filters(&get.filters).map_err(|(reason, _)| no(reason))?;
        let bytes = self.hub.settings().outbox.hard_bytes / 4;
        let base = self.client.base.clone();
        Ok((Arc::clone(questions), Question::of_session(get, filters, base, bytes, &self.outbox)))
    }

    fn configure(&mut self, configure: Configure) {
        match self.check(&configure) {
            Ok((change, will)) => self.apply(configure, change, will),
            Err((reason, filters)) => self.refuse_config(reason, filters),
        }
    }

    /// A client whose first words were not understood is told at once, as it waits for nothing else.
    fn refuse_config(&mut self, reason: String, filters: Vec<String>) {
        const AT_ONCE: usize = 8;
        let answer = Reply::ConfigError { reason, filters }.text();
        self.count_answer(&answer);
        let mut inside = self.outbox.lock();
        if self.opened || inside.first.len() >= AT_ONCE {
            drop(inside);
            return self.outbox.reply(answer);
        }
        inside.first.push_back(answer);
        drop(inside);
        self.outbox.wake();
    }

    fn check(&self, configure: &Configure) -> Result<(Change, Option<Will>), Complaint> {
        let longest = self.hub.settings().longest_batch;
        if configure.batch.is_some_and(|batch| batch > longest) {
            return Err((format!("key batch is at most {} milliseconds", longest.as_millis()), vec![]));
        }
        let filters = match &configure.filters {
            Some(asked) => self.filters(asked)?,
            None => self.usual_filters(),
        };
        let will = configure.will.as_ref().map(|(topic, payload)| self.will(topic, payload)).transpose()?;
        let last_values = if configure.retained.unwrap_or(true) { LastValues::All } else { LastValues::None };
        let change = self.plan(filters, last_values).map_err(|reason| (reason.to_string(), vec![]))?;
        Ok((change, will))
    }

    fn will(&self, topic: &str, payload: &str) -> Result<Will, Complaint> {
        let settings = self.hub.settings();
        let whole = self.client.base.topic(topic, &settings.topic);
        let whole = whole.map_err(|error| (format!("key will: {error}"), vec![]))?;
        if Request::claims(topic) || !self.may_publish(&whole) {
            return Err((format!("key will: {}", Refusal::MayNotPublish), vec![]));
        }
        Ok(Will { topic: whole, kind: Kind::of(topic), payload: payload.to_owned() })
    }

    fn apply(&mut self, configure: Configure, change: Change, will: Option<Will>) {
        self.set_will(will);
        self.wishes = Wishes {
            options: configure.options.unwrap_or(false),
            batch: configure.batch.unwrap_or_default(),
        };
        self.outbox.set_echo(configure.echo.unwrap_or(false));
        {
            let mut inside = self.outbox.lock();
            if let Some(name) = configure.name.filter(|name| inside.name.as_deref() != Some(name)) {
                if let Some(times) = RENAMED.again(&self.client.user) {
                    let session = self.outbox.id.0;
                    tracing::info!(user = %self.client.user, session, name, %times, "client has named itself");
                }
                inside.name = Some(Arc::from(name));
            }
            let conflated = inside.queue.keep_only_newest(configure.conflate.unwrap_or(false));
            inside.untold += conflated;
            self.hub.figures().conflated.add(conflated);
        }
        let is_opening = !std::mem::replace(&mut self.opened, true);
        let welcome = Reply::ConfigOk(self.welcome()).text();
        let answer = if is_opening { Answer::First(welcome) } else { Answer::InLine(welcome) };
        self.carry_out(change, answer);
    }

    fn welcome(&self) -> Welcome {
        let settings = self.hub.settings();
        let limits = HubLimits {
            filters: Some(settings.filters),
            message_bytes: Some(settings.message_bytes),
            messages_per_second: self.client.rates.frames_per_second,
            topic_bytes: Some(settings.topic.max_bytes),
            topic_levels: Some(settings.topic.max_levels),
        };
        let (base, name) = (self.client.base.to_string(), self.name().to_string());
        Welcome { base, name, limits, ..Welcome::of_this_hub(self.hub.started()) }
    }

    /// What a client gets that names no filters, as far as the user may read it.
    fn usual_filters(&self) -> Vec<Filter> {
        let usual: &[&str] = match self.client.side {
            Side::Dashboard => &["#"],
            Side::Node => &["+/+/+", "+/+/+/+"],
            Side::Link => &[],
        };
        let limits = &self.hub.settings().topic;
        let mut filters: Vec<Filter> = Vec::new();
        for filter in usual.iter().filter_map(|text| self.client.base.filter(text, limits).ok()) {
            if self.client.rights.may_subscribe(&filter) {
                filters.push(filter);
            } else {
                filters
                    .extend(self.client.rights.subscribe.iter().filter_map(|may| may.intersection(&filter)));
            }
        }
        distinct(filters)
    }

    fn change_filters(&mut self, asked: &[String], change: fn(&[Filter], Vec<Filter>) -> Vec<Filter>) {
        let changed = self.filters(asked).map(|asked| change(&self.held(), asked));
        let checked = changed.and_then(|filters| {
            let counted = self.count_filters(filters.len());
            let planned = counted.and_then(|()| Ok(self.plan(filters, LastValues::New)?));
            planned.map_err(|refused| complaint(&refused, asked))
        });
        match checked {
            Ok(change) => {
                let reply = self.subscription(change.filters()).text();
                self.count_answer(&reply);
                self.carry_out(change, Answer::InLine(reply));
            }
            Err((reason, filters)) => self.answer(&Reply::SubscriptionError { reason, filters }),
        }
    }

    fn subscription(&self, filters: &[Filter]) -> Reply {
        let names = filters.iter().filter_map(|filter| self.client.base.relative(filter.as_str()));
        Reply::SubscriptionOk { filters: names.map(str::to_owned).collect() }
    }

    /// All or nothing: one bad filter, and none is taken.
    fn filters(&self, asked: &[String]) -> Result<Vec<Filter>, Complaint> {
        self.count_filters(asked.len()).map_err(|refused| complaint(&refused, asked))?;
        let limits = &self.hub.settings().topic;
        let parsed: Vec<_> = asked.iter().map(|text| (text, self.client.base.filter(text, limits))).collect();
        let bad: Vec<_> = parsed.iter().filter(|(_, filter)| filter.is_err()).collect();
        if let Some((text, Err(error))) = bad.first() {
            let reason = format!("filter {:?}: {}", shown(text), in_filter(*error));
            return Err((reason, bad.iter().map(|(text, _)| (*text).clone()).collect()));
        }
        let filters: Vec<_> = parsed.into_iter().filter_map(|(_, filter)| filter.ok()).collect();
        self.check_filters(&filters).map_err(|refused| complaint(&refused, asked))?;
        let filters = distinct(filters);
        self.count_filters(filters.len()).map_err(|refused| complaint(&refused, asked))?;
        Ok(filters)
    }

    fn publication(&mut self, frame: &Frame<'_>, now: Moment) -> Result<(), Excess> {
        let refused = |reason: String, id: Option<String>| PublishRefused {
            reason,
            id,
            at: Some(frame.topic_at),
            topic: Some(frame.topic.to_string()),
        };
        let options = match frame.options.map(PublishOptions::parse).transpose() {
            Ok(options) => options.unwrap_or_default(),
            Err(error) => return self.refuse_bad(refused(error.reason.to_owned(), error.id), now),
        };
        let id = options.id.clone();
        let topic = match self.client.base.topic(&frame.topic, &self.hub.settings().topic) {
            Ok(topic) => topic,
            Err(error) => return self.refuse_bad(refused(error.to_string(), id), now),
        };
        let retention = options.retain.map(|retain| match retain {
            true if frame.payload == "null" => Retention::Clear,
            true => Retention::Keep,
            false => Retention::Pass,
        });
        let expires = options.expires.map(|expires| now.steady().after(expires));
        let extras = Extras { expires, passed_on: options.passed_on.into(), trail: None };
        // A dashboard that stands at a lamp says `set` to it; the whole topic shows that it is a command.
        let is_dashboard = self.client.side == Side::Dashboard;
        let kind = Kind::of(if is_dashboard { topic.as_str() } else { &frame.topic });
        // Made only where it is needed: most hubs answer at once.
        let asked = id.as_ref().filter(|_| self.hub.confirms());
        let asked = asked.map(|id| refused(String::new(), Some(id.clone())));
        let message = Message { topic, payload: frame.payload, kind, retention, extras };
        match (self.publish_and_ask(message, now, asked), id) {
            (Ok((retention, Promise::None)), Some(id)) => {
                // A dashboard sends commands, and knows that they are not kept.
                let kept = retention != Retention::Pass || is_dashboard;
                self.reply(&Reply::PublishOk { id, kept });
            }
            (Ok((_, Promise::None)), None) | (Ok((_, Promise::Waits)), _) => {}
            (Ok((_, Promise::Broken)), id) => {
                self.reply(&Reply::PublishError(refused(NOT_YET_KEPT.to_owned(), id)));
            }
            (Err(refusal), id) => self.reply(&Reply::PublishError(refused(refusal.to_string(), id))),
        }
        Ok(())
    }
}

/// What is wrong with a subscription, as an answer tells it.
fn complaint(refused: &NotSubscribed, asked: &[String]) -> Complaint {
    let forbidden = match refused {
        NotSubscribed::Forbidden(which) => {
            which.iter().filter_map(|number| asked.get(*number).cloned()).collect()
        }
        NotSubscribed::TooManyFilters { .. } | NotSubscribed::TooDear(_) => Vec::new(),
    };
    (refused.to_string(), forbidden)
}

/// A reason, and the filters at fault.
type Complaint = (String, Vec<String>);

fn added(held: &[Filter], asked: Vec<Filter>) -> Vec<Filter> {
    distinct(held.iter().cloned().chain(asked).collect())
}

fn removed(held: &[Filter], asked: Vec<Filter>) -> Vec<Filter> {
    let asked: HashSet<Filter, RandomState> = asked.into_iter().collect();
    held.iter().filter(|filter| !asked.contains(*filter)).cloned().collect()
}

/// Each filter once, in the order in which they were first named.
fn distinct(mut filters: Vec<Filter>) -> Vec<Filter> {
    let mut seen = HashSet::<Filter, RandomState>::default();
    filters.retain(|filter| seen.insert(filter.clone()));
    filters
}

fn in_filter(error: TopicError) -> String {
    error.to_string().replacen("topic", "filter", 1)
}
