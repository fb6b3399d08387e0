//! The loop of the cluster: what is said here goes out, what comes in is said here, and what the clients ask for is asked for
//! at the servers.

mod words;

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Duration, Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::accounts::Shared;
use super::estate::Estate;
use super::interest::{Difference, Interest, Numbered};
use super::inward::Inward;
use super::last::LastValues;
use super::others::{EVERY, Here, Others};
use super::outward::Outward;
use super::report::Report;
use super::settings::Settings;
use super::stale::Stale;
use super::subject::Subjects;
use super::wire::{Ear, News, Which, Wire};
use crate::connection::Turn;
use crate::editions::Editions;
use crate::hub::{Asked, Demand, Hub};
use crate::topic::Filter;

/// How long the end may take, once the hub is told to stop.
const GRACE: Duration = Duration::from_secs(2);
/// Who was away for longer was not alone, most likely: all servers were gone.
const LONG: Duration = Duration::from_millis(250);
/// So long after that what waits is held back, as other hubs may not be there again: they try every two seconds.
const GATHERING: Duration = Duration::from_millis(2500);
/// Questions whether subscriptions are in effect that wait for their answers. With more, the last stands for those that follow.
const PROBES: usize = 64;
/// What is asked there is about last values.
const JETSTREAM: &str = "$JS.API";
/// How often it is looked whether last values still come that somebody waits for.
const STILL: Duration = Duration::from_millis(50);
/// So long after a piece of what is stale was forgotten comes the next one.
const STALE: Duration = Duration::from_millis(5);
/// Messages of other hubs that are taken in one go.
const AT_ONCE: usize = 64;

/// This hub in its cluster.
pub(super) struct Join {
    hub: Arc<Hub>,
    settings: Settings,
    subjects: Subjects,
    session: String,
    report: Report,
    wire: Wire,
    demand: Arc<Demand>,
    interest: Interest,
    numbered: Numbered,
    ears: BTreeMap<Filter, Ear>,
    outward: Outward,
    inward: Inward,
    others: Others,
    last: LastValues,
    estate: Estate,
    accounts: Option<Shared>,
    /// Up to where all subscriptions are in effect.
    proved: Asked,
    /// Up to where subscriptions were asked for, and when.
    probes: VecDeque<(Asked, Instant)>,
    /// What was brought of topics that are not asked for any more.
    stale: Stale,
    is_connected: bool,
    /// Since when it is not.
    away_since: Instant,
    /// Until when nothing goes out.
    held_until: Option<Instant>,
    /// How often the connection for messages was made.
    connects: u64,
    /// Whether the servers are to be asked whether all that was asked for is in effect.
    is_to_be_probed: bool,
    next_word: Instant,
    next_figures: Instant,
    turn: Turn,
}

impl Join {
    /// Begins to connect. The sentence says what of the settings cannot be used.
    pub(super) async fn new(
        hub: &Arc<Hub>,
        settings: Settings,
        accounts: Option<Arc<Editions>>,
        session: String,
    ) -> Result<Self, String> {
        let subjects = Subjects::under(&settings.prefix);
        let mut wire = Wire::open(&settings).await?;
        let probe = subjects.between(&session);
        let full = |_| "the cluster cannot be joined: the library takes nothing".to_owned();
        wire.listen_between(probe).map_err(full)?;
        wire.listen_between(subjects.between(&format!("{session}.>"))).map_err(full)?;
        wire.listen_between(subjects.between("here")).map_err(full)?;
        let accounts = accounts.map(|editions| Shared::new(editions, &settings, &subjects, &session));
        if accounts.is_some() {
            wire.listen_between(subjects.of_accounts().to_owned()).map_err(full)?;
        }
        let own = Here {
            hub: settings.name.clone(),
            session: session.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Here::default()
        };
        let now = Instant::now();
        let demand = Arc::clone(hub.demand());
        hub.hear_of_leases();
        Ok(Self {
            report: Report::new(hub, &settings),
            demand,
            interest: Interest::new(settings.subscriptions, settings.linger),
            numbered: Numbered::default(),
            ears: BTreeMap::new(),
            outward: Outward::new(hub, &settings, &session),
            inward: Inward::new(hub, &settings, &subjects, &session),
            others: Others::new(own),
            last: LastValues::new(hub, &settings, &subjects, &session),
            estate: Estate::new(hub, &settings.name, &subjects, &session),
            accounts,
            proved: Asked::default(),
            probes: VecDeque::new(),
            stale: Stale::default(),
            is_connected: false,
            away_since: now,
            held_until: None,
            connects: 0,
            is_to_be_probed: false,
            next_word: now,
            next_figures: now,
            turn: Turn::default(),
            hub: Arc::clone(hub),
            subjects,
            session,
            wire,
            settings,
        })
    }

    /// Until the sign to stop, and until what waits then is out.
    pub(super) async fn run(&mut self, stop: &CancellationToken) {
        self.report.begins(&self.session);
        let mut end: Option<Instant> = None;
        loop {
            self.step();
            if end.is_some_and(|end| Instant::now() >= end || !self.is_connected)
                || (end.is_some() && self.outward.is_empty() && self.wire.is_written() && self.is_settled())
            {
                break;
            }
            self.end_turn().await;
            tokio::task::coop::consume_budget().await;
            let next = self.next_date().min(end.unwrap_or_else(|| Instant::now() + EVERY));
            let outbox = Arc::clone(self.outward.outbox());
            tokio::select! {
                () = stop.cancelled(), if end.is_none() => {
                    (end, self.held_until) = (Some(Instant::now() + GRACE), None);
                }
                found = outbox.ready() => self.outward.hear(found, &mut self.last, &mut self.report),
                () = self.something() => {}
                () = sleep_until(next) => {}
            }
        }
        self.outward.gather(&mut self.last, &mut self.report);
        self.report.ended(self.outward.waiting());
    }

    /// Waits until there is something, and does it.
    async fn something(&mut self) {
        poll_fn(|cx| {
            let mut has_come = false;
            while let Poll::Ready((which, news)) = self.wire.poll_news(cx) {
                self.note(which, news);
                has_come = true;
            }
            for _ in 0..AT_ONCE {
                if self.turn.has_taken_enough() {
                    break;
                }
                let Poll::Ready(word) = self.wire.poll_word(cx) else { break };
                self.turn.took(word.payload.len());
                self.hear_word(&word);
                has_come = true;
            }
            for _ in 0..AT_ONCE {
                if self.turn.has_taken_enough() {
                    break;
                }
                let Poll::Ready(arrived) = self.wire.poll_arrived(cx) else { break };
                self.turn.took(arrived.payload.len());
                self.inward.take(&arrived, self.outward.session(), &self.report);
                has_come = true;
            }
            has_come |= self.wire.poll_written(cx).is_ready() || self.demand.poll_changes(cx).is_ready();
            has_come |= self.accounts.as_ref().is_some_and(|accounts| accounts.poll_changes(cx).is_ready());
            has_come |= self.last.stream().is_some() && self.estate.bequests().poll_changes(cx).is_ready();
            if has_come { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Has all others have their turn, if this one is over.
    async fn end_turn(&mut self) {
        if self.turn.has_taken_enough() {
            self.turn = Turn::default();
            tokio::task::yield_now().await;
        }
    }

    /// What is to be done after whatever has happened. Subscriptions go before messages: who waits for the answer to a command
    /// hears it.
    fn step(&mut self) {
        let now = Instant::now();
        self.outward.gather(&mut self.last, &mut self.report);
        self.look_at_the_connections(now);
        self.ask(now);
        self.look_at_last_values(now);
        self.stale.forget_some(self.outward.session_mut(), &self.interest);
        if self.held_until.is_none_or(|until| now >= until) {
            self.held_until = None;
            self.outward.send(&mut self.wire, &self.subjects, &self.report);
        }
        self.wire.flush();
        let (messages, bytes, is_full) = self.outward.measure();
        self.report.measure(messages, bytes, is_full);
        self.look_at_the_clock(now);
    }

    fn next_date(&self) -> Instant {
        let probe = self.probes.front().map(|(_, at)| *at + self.settings.answer);
        let stale = (!self.stale.is_empty()).then(|| Instant::now() + STALE);
        let interest = self.interest.next().filter(|_| self.is_connected);
        let unread = (self.last.is_read_up_to(self.proved) < self.proved && self.demand.is_waited_for())
            .then(|| Instant::now() + STILL);
        let estate = self.last.stream().and_then(|_| self.estate.next_date());
        let accounts = self.accounts.as_ref().and_then(Shared::next_date);
        let last = self.last.next_date();
        let dates = [probe, stale, self.held_until, interest, last, unread, estate, accounts];
        dates.into_iter().flatten().fold(self.next_word.min(self.next_figures), Instant::min)
    }

    /// Last values are put and read.
    fn look_at_last_values(&mut self, now: Instant) {
        if self.inward.has_missed() {
            self.last.read_again();
        }
        self.last.step(&mut self.wire, &mut self.report, now);
        if self.estate.has_stood_still(now) {
            self.look_who_is_here();
            self.last.read_again();
        }
        let stream = self.last.stream();
        self.estate.connection(stream.is_some(), now);
        if let Some(stream) = stream {
            self.estate.step(stream, &mut self.wire, now);
        }
        self.demand.in_effect(self.last.is_read_up_to(self.proved));
    }

    fn is_settled(&self) -> bool {
        let is_kept = self.last.stream().is_some();
        (!is_kept || (self.last.is_settled() && self.estate.is_settled()))
            && self.accounts.as_ref().is_none_or(Shared::is_settled)
    }

    fn look_at_the_connections(&mut self, now: Instant) {
        let is_connected = self.wire.is_connected(Which::Messages);
        let connects = self.wire.connects();
        if is_connected && (!self.is_connected || connects != self.connects) {
            self.report.connected(self.wire.server(), self.outward.waiting());
            // What was asked for before counts from now on.
            self.is_to_be_probed = true;
            self.last.reconnected();
            self.look_who_is_here();
            if !self.is_connected && now >= self.away_since + LONG {
                self.held_until = Some(now + GATHERING);
            }
        } else if self.is_connected && !is_connected {
            self.report.disconnected();
            (self.away_since, self.held_until) = (now, None);
        }
        (self.is_connected, self.connects) = (is_connected, connects);
        let is_there = is_connected && self.wire.is_connected(Which::Between);
        if !is_there {
            self.probes.clear();
        }
        self.last.connection(is_there, &mut self.report, now);
        if let Some(accounts) = &mut self.accounts {
            accounts.connection(is_there);
            accounts.step(&mut self.wire, now);
        }
        self.demand.is_there(is_there);
    }

    fn note(&mut self, which: Which, news: News) {
        match news {
            News::Slow => {
                self.last.read_again();
                self.report.slow();
            }
            News::NotAllowed(text)
                if self.accounts.as_ref().is_some_and(|accounts| accounts.is_meant(&text)) =>
            {
                let _ = self.accounts.as_mut().map(Shared::is_not_allowed);
            }
            News::NotAllowed(text) if text.contains(JETSTREAM) => {
                self.last.is_not_allowed(&mut self.report, Instant::now());
            }
            News::NotAllowed(text) => self.report.not_allowed(&text),
            News::Complaint(text) => Report::complaint(&text),
            News::Trouble(trouble) if which == Which::Messages => self.report.trouble(&trouble),
            // Whether the connections are there is looked up in any case.
            News::Changed | News::Trouble(_) => {}
        }
    }

    /// Takes what the clients ask for to the servers.
    fn ask(&mut self, now: Instant) {
        let changes = self.demand.take();
        for (filter, is_held) in changes.filters.iter().filter(|(filter, _)| !is_of_the_hub(filter)) {
            self.interest.hold(filter, *is_held, now);
        }
        for (filter, time) in &changes.for_a_while {
            self.interest.hear_for(filter, *time, now);
        }
        if !self.is_connected {
            return;
        }
        self.interest.expire(now);
        let Difference { add, remove } = self.interest.difference();
        self.is_to_be_probed |= changes.filters.iter().any(|(_, is_held)| *is_held);
        let is_changed = !add.is_empty() || !remove.is_empty();
        for filter in add {
            self.listen(&filter);
            self.last.want(filter, changes.asked);
        }
        if self.last.is_to_be_read_again(now) {
            for filter in self.interest.told() {
                self.last.want(filter.clone(), changes.asked);
            }
            self.is_to_be_probed = true;
        }
        for filter in remove {
            self.stale.push(filter.clone());
            if let Some(ear) = self.ears.remove(&filter) {
                ear.end();
            }
            if let Some(number) = self.numbered.end(&filter) {
                self.inward.ended(number);
            }
        }
        if is_changed || !changes.filters.is_empty() {
            self.report.asks(self.interest.wanted(), self.numbered.len(), self.interest.depth());
        }
        if std::mem::take(&mut self.is_to_be_probed) {
            self.probe(changes.asked);
        }
    }

    fn listen(&mut self, filter: &Filter) {
        let number = self.numbered.begin(filter);
        // What is too long to be asked for is asked for by its beginning.
        let subject = self.subjects.of_filter(filter).unwrap_or_else(|| self.subjects.of_start(filter));
        if let Ok(ear) = self.wire.listen(subject, number) {
            self.inward.begins(number);
            self.ears.insert(filter.clone(), ear);
        } else {
            self.numbered.end(filter);
            self.interest.not_told(filter);
        }
    }

    fn look_at_the_clock(&mut self, now: Instant) {
        let answer = self.settings.answer;
        while let Some((asked, _)) = self.probes.pop_front_if(|(_, at)| now >= *at + answer) {
            if self.demand.is_waited_for() {
                self.report.answered_late();
            }
            self.proved = self.proved.max(asked);
            self.last.proved(asked, now);
            self.demand.in_effect(asked);
        }
        let is_unread = self.last.is_read_up_to(self.proved) < self.proved;
        if is_unread && self.last.stands_still(now, answer) && self.demand.is_waited_for() {
            self.report.answered_late();
            self.demand.in_effect(self.proved);
        }
        if self.last.has_caught_up() {
            self.others.own_mut().again += 1;
            self.next_word = now;
        }
        if now >= self.next_word {
            self.next_word = now + EVERY;
            if self.wire.is_connected(Which::Between) {
                self.say_how_it_is();
                let _ = self.wire.say(Which::Between, self.subjects.between("here"), self.others.own());
            }
            let dead = self.others.forget(now);
            if !dead.is_empty() {
                self.estate.died(dead, &self.others, now);
                self.tell_others();
            }
        }
        if now >= self.next_figures {
            self.next_figures = now + self.settings.figures_every;
            self.tell_others();
        }
    }
}

impl Drop for Join {
    fn drop(&mut self) {
        // Whatever happens, nobody waits for us any more.
        self.demand.is_there(false);
    }
}

/// Whether a filter names nothing but what each hub says of itself, which never comes from others.
fn is_of_the_hub(filter: &Filter) -> bool {
    filter.as_str().strip_prefix("$SYS").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
