//! A change of a session's subscription, piece by piece: is there room for it, what does it replace, and which last values
//! follow? Everything that grows with the number of filters is done in pieces, between which others have their turn. The
//! one exception is the switch, at which all of the change becomes true for whoever publishes: it only writes to places
//! that are already there.

use std::ops::Range;
use std::sync::Arc;

use super::Hub;
use super::allowance::{A_FILTER, BYTES_A_STEP, Excess, STEPS_A_FRAME};
use super::branches::{Branches, TooMany};
use super::conversation::{Complaint, complaint, in_filter};
use super::doors::NotSubscribed;
use super::generation::Generation;
use super::outbox::Outbox;
use super::queue::Item;
use super::session::{Session, Side};
use super::step::{Change, Edit, LastValues, Occasion, PIECE, Step};
use super::trie::Id;
use crate::moment::Moment;
use crate::talk::Reply;
use crate::talk::control::shown;
use crate::topic::Filter;

/// Filters that may be remembered for look-ups that are under way, as a multiple of those that a session may hold.
const REMEMBERED: usize = 3;

/// Where an answer to a subscription stands among what waits.
enum Answer {
    /// Before everything.
    First(String),
    /// After what waits already.
    InLine(String),
    /// Nowhere: nobody asked.
    None,
}

impl Hub {
    /// Takes filters away from a session and gives it others, for which there is room and which have a place, in one step;
    /// returns the generation that this made.
    fn resubscribe(
        &self,
        outbox: &Arc<Outbox>,
        gone: impl ExactSizeIterator<Item = Id>,
        new: &[Id],
    ) -> Generation {
        self.figures.filters.sub(gone.len() as u64);
        self.figures.filters.add(new.len() as u64);
        let changed = self.subscriptions.change(outbox, gone, new);
        self.care.has_new_readers();
        changed
    }
}

impl Session {
    /// The filters that it holds.
    pub(super) fn held(&self) -> Vec<Filter> {
        self.hub.subscriptions.held(&self.filters, &self.hub.settings.topic)
    }

    /// The same as the client calls them.
    pub(super) fn held_names(&self) -> Vec<String> {
        let mut texts = self.hub.subscriptions.texts(&self.filters);
        for text in &mut texts {
            let name = self.client.base.relative(text).map_or(0, str::len);
            text.drain(..text.len() - name);
        }
        texts
    }

    /// Counts a request about the subscription of so many bytes that names so many filters, before it is looked at.
    /// Returns how much work it is.
    pub(super) fn count_request(
        &mut self,
        bytes: usize,
        filters: usize,
        now: Moment,
    ) -> Result<usize, Excess> {
        let of_filters = A_FILTER * (filters + self.filters.len());
        let steps = STEPS_A_FRAME as usize + of_filters + bytes / BYTES_A_STEP;
        self.add_to_turn(steps);
        self.allowance.request(steps, now.steady())?;
        Ok(steps)
    }

    /// Counts the answer to such a request.
    pub(super) fn count_answer(&mut self, text: &str) {
        self.took(text.len() / BYTES_A_STEP);
    }

    /// Does a piece of a change. Says whether that was the last one. After an error nothing has changed.
    pub(super) fn go_on_with(&mut self, change: &mut Change) -> Result<bool, Complaint> {
        let done = self.do_a_piece(change);
        if done.is_err() {
            self.give_up(change);
        }
        done
    }

    fn do_a_piece(&mut self, change: &mut Change) -> Result<bool, Complaint> {
        let handled = match change.step {
            Step::Read => self.read_asked(change)?,
            Step::Held => self.read_held(change),
            Step::Compare => self.compare(change),
            Step::Sum => self.sum(change)?,
            Step::Ways => check_ways(change)?,
            Step::Reserve => self.reserve(change)?,
            Step::Name => self.name_filters(change),
            Step::Write => {
                let filters = std::mem::take(&mut change.names);
                change.answer = Reply::SubscriptionOk { filters }.text();
                self.count_answer(&change.answer);
                change.step = Step::Place;
                0
            }
            Step::Place => {
                let piece = change.piece(change.new.len(), Step::Keep);
                let new = change.new.get(piece.clone()).unwrap_or_default();
                self.hub.subscriptions.place(new, &mut change.placed);
                piece.len()
            }
            Step::Keep => {
                let next = if self.hub.demand.get().is_some() { Step::Ask } else { Step::Switch };
                let piece = change.piece(change.gone.len(), next);
                let gone = change.gone.get(piece.clone()).unwrap_or_default();
                self.hub.subscriptions.keep(gone.iter().map(|(_, id)| *id));
                change.kept = piece.end;
                piece.len()
            }
            Step::Ask => self.ask_others(change),
            Step::Await => {
                if self.is_in_effect(change) {
                    change.step = Step::Switch;
                }
                0
            }
            Step::Switch => {
                self.switch(change);
                change.gone.len() + change.new.len()
            }
            Step::NoteHeld | Step::NoteGone | Step::NoteNew => self.note_for_look_ups(change),
            Step::LetGo => {
                self.add_to_turn(
                    A_FILTER * PIECE.min(change.held.len() + change.gone.len() + change.placed.len()),
                );
                return Ok(self.let_go(change));
            }
        };
        self.add_to_turn(A_FILTER * handled);
        Ok(false)
    }

    fn read_asked(&mut self, change: &mut Change) -> Result<usize, Complaint> {
        if let Occasion::Settings(configure, _) = &change.occasion {
            self.check_settings(configure)?;
        }
        self.count_filters(change.asked.len()).map_err(|refused| complaint(&refused, &change.asked))?;
        let piece = change.piece(change.asked.len(), Step::Held);
        let limits = &self.hub.settings.topic;
        for (number, text) in piece.clone().zip(change.asked.get(piece.clone()).unwrap_or_default()) {
            match self.client.base.filter(text, limits) {
                Ok(filter) => {
                    if !self.client.rights.may_subscribe(&filter) {
                        change.forbidden.push(number);
                    }
                    if change.seen.insert(filter.clone()) {
                        change.wanted.push(filter);
                    }
                }
                Err(error) => {
                    change.error.get_or_insert(error);
                    change.bad.push(number);
                }
            }
        }
        if change.step != Step::Read {
            change.seen = std::collections::HashSet::default();
            self.check_what_was_read(change)?;
        }
        Ok(piece.len())
    }

    fn check_what_was_read(&mut self, change: &mut Change) -> Result<(), Complaint> {
        let text = |number: &usize| change.asked.get(*number);
        if let (Some(error), Some(first)) = (change.error, change.bad.first().and_then(text)) {
            let reason = format!("filter {:?}: {}", shown(first), in_filter(error));
            return Err((reason, change.bad.iter().filter_map(text).cloned().collect()));
        }
        if !change.forbidden.is_empty() {
            let limits = &self.hub.settings.topic;
            let whole = |number: &usize| self.client.base.filter(text(number)?, limits).ok();
            let refused =
                self.refuse_filters(change.forbidden.iter().filter_map(whole), change.forbidden.clone());
            return Err(complaint(&refused, &change.asked));
        }
        self.count_filters(change.wanted.len()).map_err(|refused| complaint(&refused, &change.asked))?;
        if let Occasion::Settings(configure, checked) = &mut change.occasion {
            let will = configure.will.as_ref().map(|(topic, payload)| self.will(topic, payload));
            *checked = will.transpose()?;
        }
        Ok(())
    }

    fn read_held(&mut self, change: &mut Change) -> usize {
        let piece = change.piece(self.filters.len(), Step::Compare);
        let ids = self.filters.get(piece.clone()).unwrap_or_default();
        for filter in self.hub.subscriptions.held(ids, &self.hub.settings.topic) {
            change.places.insert(filter.clone(), change.held.len());
            change.held.push(filter);
            change.goes.push(change.edit == Edit::Replace);
        }
        piece.len()
    }

    fn compare(&mut self, change: &mut Change) -> usize {
        let piece = change.piece(change.wanted.len(), Step::Sum);
        for filter in change.wanted.get(piece.clone()).unwrap_or_default() {
            let place = change.places.get(filter).copied();
            let stays = place.and_then(|place| self.filters.get(place)).copied();
            if let Some(goes) = place.and_then(|place| change.goes.get_mut(place)) {
                *goes = change.edit == Edit::Remove;
            }
            if change.edit == Edit::Replace {
                change.filters.push(filter.clone());
                change.stays.push(stays);
            }
            if place.is_none() && change.edit != Edit::Remove {
                change.is_branching |= Branches::concern(filter.as_str());
                change.new.push(filter.clone());
            }
        }
        piece.len()
    }

    fn sum(&mut self, change: &mut Change) -> Result<usize, Complaint> {
        let piece = change.piece(change.held.len(), Step::Ways);
        let ids = self.filters.get(piece.clone()).unwrap_or_default();
        let held = change.held.get(piece.clone()).unwrap_or_default();
        for ((filter, id), goes) in
            held.iter().zip(ids).zip(change.goes.get(piece.clone()).unwrap_or_default())
        {
            if *goes {
                change.gone.push((filter.clone(), *id));
            } else if change.edit != Edit::Replace {
                change.filters.push(filter.clone());
                change.stays.push(Some(*id));
            }
        }
        if change.step != Step::Sum {
            if change.edit == Edit::Add {
                change.filters.extend(change.new.iter().cloned());
                change.stays.resize(change.filters.len(), None);
            }
            self.check_sum(change).map_err(|refused| complaint(&refused, &change.asked))?;
            // The filters of links are the operator's.
            if !change.is_branching || self.client.side == Side::Link {
                change.step = Step::Reserve;
            }
        }
        Ok(piece.len())
    }

    fn check_sum(&self, change: &mut Change) -> Result<(), NotSubscribed> {
        change.places = std::collections::HashMap::default();
        self.count_filters(change.filters.len() + self.groups().len())?;
        let most = self.hub.settings.filters.saturating_mul(REMEMBERED);
        let more =
            if change.last_values == LastValues::Asked { change.wanted.len() } else { change.new.len() };
        if matches!(change.last_values, LastValues::New | LastValues::Asked)
            && let Some(look_ups) = &self.look_ups
            && look_ups.stretches() + more > most
        {
            return Err(TooMany::Changes(look_ups.stretches()).into());
        }
        Ok(())
    }

    fn reserve(&mut self, change: &mut Change) -> Result<usize, Complaint> {
        let next = match change.occasion {
            Occasion::Subscription => Step::Name,
            Occasion::Settings(..) | Occasion::Withdrawn | Occasion::Inside => Step::Place,
        };
        let piece = change.piece(change.new.len(), next);
        let new = change.new.get(piece.clone()).unwrap_or_default();
        self.hub
            .subscriptions
            .reserve(new, self.client.side != Side::Link)
            .map_err(|refused| too_dear(&refused))?;
        change.reserved = piece.end;
        Ok(piece.len())
    }

    fn name_filters(&mut self, change: &mut Change) -> usize {
        let piece = change.piece(change.filters.len(), Step::Write);
        let filters = change.filters.get(piece.clone()).unwrap_or_default().iter();
        let names = filters.filter_map(|filter| self.client.base.relative(filter.as_str()));
        change.names.extend(names.map(str::to_owned));
        piece.len()
    }

    /// Changes the subscription, and puts the answer and then the place of the last values into the outbox, all in one
    /// piece.
    fn switch(&mut self, change: &mut Change) {
        let is_wanted = match change.last_values {
            LastValues::None | LastValues::Silent => false,
            LastValues::All => !change.filters.is_empty(),
            LastValues::New => !change.new.is_empty(),
            LastValues::Asked => !change.wanted.is_empty(),
        };
        let answer = match std::mem::replace(&mut change.occasion, Occasion::Inside) {
            Occasion::Subscription | Occasion::Withdrawn => {
                Answer::InLine(std::mem::take(&mut change.answer))
            }
            Occasion::Settings(configure, will) => {
                let is_opening = !self.opened;
                let welcome = self.apply(*configure, will);
                if is_opening { Answer::First(welcome) } else { Answer::InLine(welcome) }
            }
            Occasion::Inside => Answer::None,
        };
        let ends_look_ups = matches!(change.last_values, LastValues::None | LastValues::All);
        if ends_look_ups || change.filters.is_empty() {
            self.abandon_look_ups();
        }
        let mut inside = self.outbox.lock();
        match answer {
            Answer::First(text) => inside.first.push_back(text),
            Answer::InLine(text) => {
                let offered = inside.queue.offer(Item::Reply(text));
                self.outbox.account(&mut inside, offered, "clown.talk/-");
            }
            Answer::None => {}
        }
        let gone = change.gone.iter().map(|(_, id)| *id);
        let mut generation = self.hub.resubscribe(&self.outbox, gone, &change.placed);
        if is_wanted {
            if change.new.is_empty() && change.gone.is_empty() {
                generation = self.hub.subscriptions.renew();
            }
            inside.queue.put_last_values(generation, change.last_values == LastValues::All);
        }
        drop(inside);
        change.generation = Some(generation);
        let mut placed = change.placed.iter().copied();
        let stays = change.stays.iter();
        self.filters = stays.filter_map(|stays| stays.or_else(|| placed.next())).collect();
        change.step = match (&self.look_ups, is_wanted, change.last_values) {
            (_, true, LastValues::All | LastValues::Asked) => Step::NoteNew,
            (None, true, LastValues::New) => Step::NoteHeld,
            (Some(_), _, LastValues::New) => Step::NoteGone,
            (_, _, LastValues::None | LastValues::All | LastValues::Asked | LastValues::Silent)
            | (None, false, LastValues::New) => Step::LetGo,
        };
        self.outbox.wake();
    }

    /// What has changed is told to the look-ups, which wait for it: what was held before, if there were none, what has
    /// gone, and what is new.
    fn note_for_look_ups(&mut self, change: &mut Change) -> usize {
        let look_ups = self.look_ups.get_or_insert_default();
        let generation = change.generation.unwrap_or_default();
        if change.step == Step::NoteHeld {
            let piece = change.piece(change.held.len(), Step::NoteGone);
            look_ups.hold(change.held.get(piece.clone()).unwrap_or_default(), Generation::NEVER);
            return piece.len();
        }
        if change.step == Step::NoteGone {
            let piece = change.piece(change.gone.len(), Step::NoteNew);
            let gone = change.gone.get(piece.clone()).unwrap_or_default();
            look_ups.end(gone.iter().map(|(filter, _)| filter), generation);
            return piece.len();
        }
        let new = |change: &Change| match change.last_values {
            LastValues::All => change.filters.len(),
            LastValues::Asked => change.wanted.len(),
            LastValues::None | LastValues::New | LastValues::Silent => change.new.len(),
        };
        let len = new(change);
        let piece = change.piece(len, Step::LetGo);
        match change.last_values {
            LastValues::All => look_ups.hold(some(&change.filters, &piece), generation),
            LastValues::Asked => look_ups.ask_for(some(&change.wanted, &piece), generation),
            LastValues::None | LastValues::New | LastValues::Silent => {
                look_ups.hold(some(&change.new, &piece), generation);
            }
        }
        if change.step == Step::LetGo {
            look_ups.changed(generation, len > 0);
        }
        piece.len()
    }

    /// Gives up the places of some of those that went, and holds some of the new ones by what is at them alone. Says whether
    /// these were the last.
    fn let_go(&self, change: &mut Change) -> bool {
        let gone = last(&mut change.gone);
        self.hub.subscriptions.let_go(gone.iter().map(|(_, id)| *id).chain(last(&mut change.placed)));
        self.hub.subscriptions.give_back(gone.iter().map(|(filter, _)| filter));
        self.release(gone.iter().map(|(filter, _)| filter));
        // To free all of this in one piece would take its time, too.
        drop((last(&mut change.asked), last(&mut change.wanted), last(&mut change.new)));
        drop((last(&mut change.held), last(&mut change.filters)));
        change.gone.is_empty()
            && change.placed.is_empty()
            && change.held.is_empty()
            && change.asked.is_empty()
    }

    /// Other hubs need not send what was asked for by these, as far as this client is concerned.
    pub(super) fn release<'f>(&self, filters: impl Iterator<Item = &'f Filter>) {
        if let Some(demand) = self.hub.demand.get() {
            demand.release(filters);
        }
    }

    /// Gives back what was taken for a change that is not finished.
    pub(super) fn give_up(&self, change: &mut Change) {
        if change.is_switched() {
            while !self.let_go(change) {}
            return;
        }
        self.hub.subscriptions.give_back(change.new.iter().take(change.reserved));
        self.release(change.new.iter().take(change.demanded));
        let kept = change.gone.iter().take(change.kept).map(|(_, id)| *id);
        self.hub.subscriptions.let_go(kept.chain(change.placed.iter().copied()));
    }
}

/// This piece of these.
fn some<'f>(filters: &'f [Filter], piece: &Range<usize>) -> &'f [Filter] {
    filters.get(piece.clone()).unwrap_or_default()
}

/// A piece of these, from their end.
fn last<T>(all: &mut Vec<T>) -> Vec<T> {
    all.split_off(all.len().saturating_sub(PIECE))
}

fn check_ways(change: &mut Change) -> Result<usize, Complaint> {
    let piece = change.piece(change.filters.len(), Step::Reserve);
    for filter in change.filters.get(piece.clone()).unwrap_or_default() {
        change.ways.add(filter);
    }
    change.ways.check().map_err(|refused| too_dear(&refused))?;
    Ok(piece.len())
}

fn too_dear(refused: &TooMany) -> Complaint {
    (refused.to_string(), Vec::new())
}
