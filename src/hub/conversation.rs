//! What a client may say, and what it is answered: Clown.Talk as the hub holds it with one session.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::Retention;
use super::allowance::Excess;
use super::care::Wants;
use super::doors::{Message, NotSubscribed, Refusal};
use super::held::plus;
use super::publication::{Extras, Trail};
use super::session::{Session, Side, Wishes};
use super::step::{Change, Edit, LastValues, Occasion, Will};
use super::tape::Promise;
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::control::{Configure, HubLimits, PublishRefused, Published, RequestError, Welcome, shown};
use crate::talk::{Frame, Frames, Kind, PublishOptions, Reply, Request};
use crate::topic::{Filter, Topic, TopicError};

static RENAMED: Seldom = Seldom::new();

/// The store is behind or cannot write: the value is safe in memory, and is written later.
const NOT_YET_KEPT: &str = "routed, but not on the disk yet: too much waits to be written";

impl Session {
    /// Takes one message of the client: a frame, or several separated by line feeds. Whatever is wrong with one is
    /// answered and harms no other. An error means that the client has sent too much and is to be disconnected.
    pub fn receive(&mut self, message: &str, now: impl Into<Moment>) -> Result<(), Excess> {
        let (mut frames, now) = (Frames::of(message), now.into());
        while self.receive_some(&mut frames, usize::MAX, now)? {
            self.wait_no_longer();
        }
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
            if self.pending.is_some() {
                if !self.awaits() {
                    self.go_on();
                }
                break;
            }
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
        Ok(self.pending.is_some() || !frames.is_done())
    }

    fn refuse_bad(&mut self, refused: PublishRefused, now: Moment) -> Result<(), Excess> {
        self.reply(&Reply::PublishError(refused));
        self.count_bad_frame(now)
    }

    fn reply(&self, reply: &Reply) {
        self.outbox.reply(reply.text());
    }

    /// Answers a request about the subscription.
    pub(super) fn answer(&mut self, reply: &Reply) {
        let text = reply.text();
        self.count_answer(&text);
        self.outbox.reply(text);
    }

    fn request(&mut self, frame: &Frame<'_>, now: Moment) -> Result<(), Excess> {
        match Request::parse(&frame.topic, frame.payload) {
            Ok(Request::Configure(configure)) => {
                self.begin(frame, self.configuration(configure), now)?;
            }
            Ok(Request::Replace(asked)) => self.begin(frame, subscription(Edit::Replace, asked), now)?,
            Ok(Request::Add(asked)) => self.begin(frame, subscription(Edit::Add, asked), now)?,
            Ok(Request::Remove(asked)) => self.begin(frame, subscription(Edit::Remove, asked), now)?,
            Ok(Request::Show) => {
                self.count_request(frame.payload.len(), 0, now)?;
                let filters = self.held_names();
                self.answer(&Reply::SubscriptionOk { filters });
            }
            Ok(Request::History(payload)) => {
                let work = self.count_request(payload.len(), 0, now)?;
                self.add_to_turn(work);
                self.ask_history(&payload, now);
            }
            Ok(Request::Forget(payload)) => {
                self.count_request(payload.len(), 0, now)?;
                self.ask_to_forget(&payload);
            }
            Ok(Request::Leases(asked)) => {
                self.count_request(frame.payload.len(), asked.len(), now)?;
                let reply = match self.filters(&asked) {
                    Ok(filters) => self.tell_leases(&filters, now),
                    Err((reason, filters)) => Reply::LeaseError { reason, filters },
                };
                self.answer(&reply);
            }
            Ok(Request::Events(payload)) => {
                let work = self.count_request(payload.len(), 0, now)?;
                self.add_to_turn(work);
                self.ask_events(&payload, now);
            }
            Err(RequestError::Lease(reason)) => self.answer(&Reply::LeaseError { reason, filters: vec![] }),
            Err(RequestError::Config(reason)) => self.refuse_config(reason, vec![]),
            Err(RequestError::Subscription(reason)) => {
                self.answer(&Reply::SubscriptionError { reason, filters: vec![] });
            }
            Err(RequestError::UnknownTopic) => {
                let reason = "unknown topic under clown.talk/".to_owned();
                let topic = Some(frame.topic.to_string());
                let refused =
                    PublishRefused { reason, at: Some(frame.topic_at), topic, ..PublishRefused::default() };
                return self.refuse_bad(refused, now);
            }
        }
        Ok(())
    }

    /// Begins with a request that changes the subscription. One that is little work is done at once.
    fn begin(&mut self, frame: &Frame<'_>, change: Change, now: Moment) -> Result<(), Excess> {
        self.count_request(frame.payload.len(), change.asked.len(), now)?;
        self.pending = Some(Box::new(change));
        while self.pending.is_some() && !self.is_turn_over() && !self.awaits() {
            self.go_on();
        }
        Ok(())
    }

    /// Does the next piece of the request.
    pub(super) fn go_on(&mut self) {
        let Some(mut change) = self.pending.take() else { return };
        match self.go_on_with(&mut change) {
            Ok(true) => {}
            Ok(false) => self.pending = Some(change),
            Err((reason, filters)) => match change.occasion {
                Occasion::Settings(..) => self.refuse_config(reason, filters),
                Occasion::Subscription | Occasion::Withdrawn | Occasion::Inside => {
                    self.answer(&Reply::SubscriptionError { reason, filters });
                }
            },
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

    fn configuration(&self, mut configure: Configure) -> Change {
        let last_values = if configure.retained.unwrap_or(true) { LastValues::All } else { LastValues::None };
        let asked = configure.filters.take();
        let wanted = if asked.is_none() { self.usual_filters() } else { Vec::new() };
        let occasion = Occasion::Settings(Box::new(configure), None);
        let mut change = Change::new(Edit::Replace, asked.unwrap_or_default(), occasion, last_values);
        change.wanted = wanted;
        change
    }

    /// What of the settings is wrong before any filter is looked at.
    pub(super) fn check_settings(&self, configure: &Configure) -> Result<(), Complaint> {
        let longest = self.hub.settings().longest_batch;
        if configure.batch.is_some_and(|batch| batch > longest) {
            return Err((format!("key batch is at most {} milliseconds", longest.as_millis()), vec![]));
        }
        Ok(())
    }

    pub(super) fn will(&self, topic: &str, payload: &str) -> Result<Will, Complaint> {
        let settings = self.hub.settings();
        let whole = self.client.base.topic(topic, &settings.topic);
        let whole = whole.map_err(|error| (format!("key will: {error}"), vec![]))?;
        if Request::claims(topic) || !self.may_publish(&whole) {
            return Err((format!("key will: {}", Refusal::MayNotPublish), vec![]));
        }
        let (kind, payload) = (self.kind(topic, &whole), payload.to_owned());
        Ok(Will { topic: whole, kind, payload, retention: None, passed_on: Box::default(), lasts: None })
    }

    /// The shape of a message (`docs/protocol.md`, clause 6.1). A dashboard that stands at a lamp says `set` to it: only the
    /// whole topic shows that it is a command.
    fn kind(&self, relative: &str, whole: &Topic) -> Kind {
        Kind::of(if self.client.side == Side::Dashboard { whole.as_str() } else { relative })
    }

    /// Takes the settings of a transmission. Returns the answer.
    pub(super) fn apply(&mut self, configure: Configure, will: Option<Will>) -> String {
        self.set_will(will);
        self.wishes = Wishes {
            options: configure.options.unwrap_or(false),
            marks: configure.marks.unwrap_or(false),
            batch: configure.batch.map_or(0, |batch| u32::try_from(batch.as_millis()).unwrap_or(u32::MAX)),
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
            inside.untold = plus(inside.untold, conflated);
            self.hub.figures().conflated.add(conflated);
        }
        self.opened = true;
        Reply::ConfigOk(self.welcome()).text()
    }

    fn welcome(&self) -> Welcome {
        let settings = self.hub.settings();
        let limits = HubLimits {
            filters: Some(settings.filters),
            message_bytes: Some(settings.message_bytes),
            messages_per_second: self.allowance.frames_per_second(),
            topic_bytes: Some(settings.topic.max_bytes),
            topic_levels: Some(settings.topic.max_levels),
        };
        let (base, name) = (self.client.base.to_string(), self.name().to_string());
        Welcome { base, name, limits, ..Welcome::of_this_hub(self.hub.started()) }
    }

    /// What a client gets that names no filters, as far as the user may read it.
    pub(super) fn usual_filters(&self) -> Vec<Filter> {
        let usual: &[&str] = match self.client.side {
            Side::Dashboard => &["#"],
            Side::Node => &["+/+/+", "+/+/+/+"],
            Side::Link | Side::Device => &[],
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

    /// All or nothing: one bad filter, and none is taken.
    pub(super) fn filters(&self, asked: &[String]) -> Result<Vec<Filter>, Complaint> {
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
            ..PublishRefused::default()
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
        let Ok(trail) = self.trail(options.mark.as_deref(), &topic, frame.payload) else {
            if let Some(id) = id {
                self.reply(&Reply::PublishOk(Published::plainly(id, true)));
            }
            return Ok(());
        };
        let extras = Extras { expires, passed_on: options.passed_on.into(), trail };
        let kind = self.kind(&frame.topic, &topic);
        // Made only where it is needed: most hubs answer at once.
        let asked = id.as_ref().filter(|_| self.hub.confirms());
        let asked = asked.map(|id| Box::new(refused(String::new(), Some(id.clone()))));
        let message = Message { topic, payload: frame.payload, kind, retention, extras, was_kept: false };
        let wants = Wants { confirm: options.confirm, lease: options.lease };
        if wants.anything() {
            return self.publish_with_care(message, wants, refused(String::new(), id), now);
        }
        match (self.publish_and_ask(message, now, asked), id) {
            (Ok((retention, Promise::None)), Some(id)) => {
                // A dashboard sends commands, and knows that they are not kept.
                let kept = retention != Retention::Pass || self.client.side == Side::Dashboard;
                self.reply(&Reply::PublishOk(Published::plainly(id, kept)));
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

impl Session {
    /// Where a message has been that has a mark; an error where it has been here. A mark says that others are not to be taken,
    /// so it counts only from those who may say what is retained, as other hubs do.
    fn trail(&self, mark: Option<&str>, topic: &Topic, payload: &str) -> Result<Option<Trail>, ()> {
        let Some(mark) = mark.filter(|_| self.client.rights.retain) else { return Ok(None) };
        let taken = self.hub.marks().take(mark, (topic.as_str(), payload.as_bytes()), &self.client.user);
        taken.inspect_err(|()| self.hub.figures.returned.add(1))
    }
}

fn subscription(edit: Edit, asked: Vec<String>) -> Change {
    Change::new(edit, asked, Occasion::Subscription, LastValues::New)
}

/// What is wrong with a subscription, as an answer tells it.
pub(super) fn complaint(refused: &NotSubscribed, asked: &[String]) -> Complaint {
    let forbidden = match refused {
        NotSubscribed::Forbidden(which) => {
            which.iter().filter_map(|number| asked.get(*number).cloned()).collect()
        }
        NotSubscribed::TooManyFilters { .. } | NotSubscribed::TooDear(_) => Vec::new(),
    };
    (refused.to_string(), forbidden)
}

/// A reason, and the filters at fault.
pub(super) type Complaint = (String, Vec<String>);

/// Each filter once, in the order in which they were first named.
fn distinct(mut filters: Vec<Filter>) -> Vec<Filter> {
    let mut seen = HashSet::<Filter, RandomState>::default();
    filters.retain(|filter| seen.insert(filter.clone()));
    filters
}

pub(super) fn in_filter(error: TopicError) -> String {
    error.to_string().replacen("topic", "filter", 1)
}
