//! What a device asks to hear: SUBSCRIBE and UNSUBSCRIBE, each filter with an answer of its own.

use super::answers::Later;
use super::talk::Talk;
use crate::hub::Session;
use crate::mqtt::{Qos, Subscribe, Unsubscribe, Writer, code};
use crate::seldom::Seldom;
use crate::topic::Filter;

impl Talk {
    pub(super) fn subscribe(&mut self, subscribe: &Subscribe<'_>, session: &mut Session, out: &mut Vec<u8>) {
        let mut codes = Vec::with_capacity(subscribe.filters.len());
        // With last values and without: those that are new to the hub, or are to be asked for once more.
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for (number, (text, wish)) in subscribe.filters.iter().enumerate() {
            let filter = match Filter::parse(text, &self.bounds.topic) {
                _ if text.starts_with("$share/") => Err(code::NO_SHARED),
                Err(_) => Err(code::BAD_FILTER),
                Ok(filter) if !session.may_hold(&filter) => Err(code::NOT_AUTHORIZED),
                Ok(filter) => Ok(filter),
            };
            codes.push(filter.as_ref().map_or_else(|code| *code, |_| wish.qos.number()));
            let Ok(filter) = filter else { continue };
            if wish.qos > Qos::AtMostOnce && self.rest.lasting.is_some() {
                session.is_to_be_noted();
            }
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

    /// Adds filters all at once or, if that is too much, as many as there is room for.
    fn add(
        &mut self,
        filters: Vec<(usize, Filter, bool)>,
        last_values: bool,
        session: &mut Session,
        codes: &mut [u8],
    ) {
        static TOO_MANY: Seldom = Seldom::new();
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
            if let Some(times) = TOO_MANY.again(&session.name()) {
                tracing::info!(client = %session.name(), filter = ?filter, %reason, %times, "subscription is not taken");
            }
        }
    }

    pub(super) fn unsubscribe(
        &mut self,
        unsubscribe: &Unsubscribe<'_>,
        session: &mut Session,
        out: &mut Vec<u8>,
    ) {
        let mut gone = Vec::new();
        let codes: Vec<_> = unsubscribe
            .filters
            .iter()
            .map(|text| match Filter::parse(text, &self.bounds.topic) {
                Ok(filter) if self.rest.subscriptions.remove(&filter) => {
                    gone.push(filter);
                    code::SUCCESS
                }
                Ok(_) => code::NO_SUBSCRIPTION,
                Err(_) => code::BAD_FILTER,
            })
            .collect();
        if !gone.is_empty() {
            session.remove_filters(gone);
            self.tells_the_hub(session);
            self.remember();
        }
        Writer::new(self.client.version, out).unsubscribed(unsubscribe.id, &codes);
    }
}
