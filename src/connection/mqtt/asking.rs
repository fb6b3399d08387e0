//! What a device asks to hear: SUBSCRIBE and UNSUBSCRIBE, each filter with an answer of its own.

use super::answers::{Later, Unsubscribed};
use super::talk::Talk;
use crate::hub::Session;
use crate::mqtt::{Qos, Subscribe, Unsubscribe, Writer, code};
use crate::seldom::Seldom;
use crate::topic::{Filter, Share};

/// What a client asks for.
enum Asked {
    /// All messages of a filter.
    All(Filter),
    /// A share of them.
    Share(Share),
}

impl Talk {
    pub(super) fn subscribe(&mut self, subscribe: &Subscribe<'_>, session: &mut Session, out: &mut Vec<u8>) {
        let mut codes = Vec::with_capacity(subscribe.filters.len());
        // With last values and without: those that are new to the hub, or are to be asked for once more.
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for (number, (text, wish)) in subscribe.filters.iter().enumerate() {
            let asked = self.asked(text, session);
            codes.push(asked.as_ref().map_or_else(|code| *code, |_| wish.qos.number()));
            let Ok(asked) = asked else { continue };
            if wish.qos > Qos::AtMostOnce && self.rest.lasting.is_some() {
                session.is_to_be_noted();
            }
            let filter = match asked {
                Asked::All(filter) => filter,
                // No last values come by a group ([MQTT-3.8.4-4] and 3.3.1.3).
                Asked::Share(share) => {
                    match session.joins(&share) {
                        Ok(()) => self.rest.shares.put(share, *wish, subscribe.properties.subscription_id),
                        Err(reason) => {
                            note_not_taken(session, share.as_str(), &reason);
                            if let Some(code) = codes.get_mut(number) {
                                *code = code::QUOTA;
                            }
                        }
                    }
                    continue;
                }
            };
            let is_new = !self.rest.subscriptions.has(&filter);
            self.rest.subscriptions.put(filter.clone(), *wish, subscribe.properties.subscription_id);
            match wish.handling {
                0 => with.push((number, filter, is_new)),
                1 if is_new => with.push((number, filter, is_new)),
                _ if is_new => without.push((number, filter, is_new)),
                _ => {}
            }
        }
        for (filters, last_values) in [(with, true), (without, false)] {
            self.add(filters, last_values, session, &mut codes);
        }
        self.tells_the_hub(session);
        let stamp = self.remember();
        self.after(stamp, Later::Subscribed(subscribe.id, codes), out);
    }

    /// Reads what is asked for, and whether the user may; else the reason code.
    fn asked(&self, text: &str, session: &Session) -> Result<Asked, u8> {
        let limits = &self.bounds.topic;
        let asked = if Share::claims(text) {
            Asked::Share(Share::parse(text, limits).ok_or(code::BAD_FILTER)?)
        } else {
            Asked::All(Filter::parse(text, limits).map_err(|_| code::BAD_FILTER)?)
        };
        let filter = match &asked {
            Asked::All(filter) => filter,
            Asked::Share(share) => share.filter(),
        };
        if session.may_hold(filter) { Ok(asked) } else { Err(code::NOT_AUTHORIZED) }
    }

    /// Adds filters all at once or, if that is too much, as many as there is room for.
    fn add(
        &mut self,
        filters: Vec<(usize, Filter, bool)>,
        last_values: bool,
        session: &mut Session,
        codes: &mut [u8],
    ) {
        if filters.is_empty() {
            return;
        }
        let all = filters.iter().map(|(_, filter, _)| filter.clone()).collect();
        if session.add_filters(all, last_values).is_ok() {
            return;
        }
        for (number, filter, is_new) in filters {
            let Err(reason) = session.add_filters(vec![filter.clone()], last_values) else { continue };
            if let Some(code) = codes.get_mut(number) {
                *code = code::QUOTA;
            }
            if is_new {
                self.rest.subscriptions.remove(&filter);
            }
            note_not_taken(session, filter.as_str(), &reason);
        }
    }

    pub(super) fn unsubscribe(
        &mut self,
        unsubscribe: &Unsubscribe<'_>,
        session: &mut Session,
        out: &mut Vec<u8>,
    ) {
        let (mut gone, mut left, mut codes) = (Vec::new(), Vec::new(), Vec::new());
        for text in &unsubscribe.filters {
            let limits = self.bounds.topic;
            let is_there = if Share::claims(text) {
                Share::parse(text, &limits).map(|share| {
                    let is_there = self.rest.shares.remove(&share);
                    left.extend(is_there.then_some(share));
                    is_there
                })
            } else {
                Filter::parse(text, &limits).ok().map(|filter| {
                    let is_there = self.rest.subscriptions.remove(&filter);
                    gone.extend(is_there.then_some(filter));
                    is_there
                })
            };
            codes.push(match is_there {
                Some(true) => code::SUCCESS,
                Some(false) => code::NO_SUBSCRIPTION,
                None => code::BAD_FILTER,
            });
        }
        if !gone.is_empty() {
            session.remove_filters(gone);
            self.tells_the_hub(session);
        }
        let answer = Unsubscribed { id: unsubscribe.id, codes };
        if left.is_empty() {
            return self.unsubscribed(&answer, out);
        }
        // What was not sent goes to others there; what was is acknowledged by this client.
        let unsent = self.rest.take_unsent_of(&left);
        self.held_back -= unsent.iter().map(|relayed| relayed.message.len()).sum::<usize>();
        session.begins_to_leave(&left, unsent);
        self.leaving = Some(Box::new(answer));
        self.go_on_leaving(session, out);
    }

    /// Whether an UNSUBSCRIBE is not done with: groups are left, and what waits is on its way to others.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Goes on with it, a turn at the most.
    pub(super) fn go_on_leaving(&mut self, session: &mut Session, out: &mut Vec<u8>) {
        if session.passes_on()
            && let Some(answer) = self.leaving.take()
        {
            self.unsubscribed(&answer, out);
        }
    }

    /// An UNSUBSCRIBE is done with. Until here the store knows nothing of it: whatever ends the hub, the session is a member still that
    /// has what it did not pass on.
    fn unsubscribed(&self, answer: &Unsubscribed, out: &mut Vec<u8>) {
        if answer.codes.contains(&code::SUCCESS) {
            self.remember();
        }
        Writer::new(self.client.version, out).unsubscribed(answer.id, &answer.codes);
    }
}

fn note_not_taken(session: &Session, filter: &str, reason: &str) {
    static NOT_TAKEN: Seldom = Seldom::new();
    if let Some(times) = NOT_TAKEN.again(&session.name()) {
        tracing::info!(client = %session.name(), ?filter, %reason, %times, "subscription is not taken");
    }
}
