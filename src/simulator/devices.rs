//! The actuators of the bridge that have a `state`: relay and LED.

use serde_json::Value;

use super::payload::Object;
use super::{Moment, Refusal};

/// Milliseconds from a command to the switched coil.
const COIL: u64 = 20;
/// Milliseconds between two switches of one coil.
const SWITCH_PAUSE: u64 = 100;
/// Reports that may wait; the firmware had no bound.
const MAX_REPORTS: usize = 256;

/// A relay module. It reports after it has switched, and every `set` is reported, also one that changes nothing.
#[derive(Debug, Default)]
pub(super) struct Relay {
    wanted: Option<bool>,
    state: Option<bool>,
    reports: usize,
    due: Option<Moment>,
    rested: Option<Moment>,
}

impl Relay {
    pub(super) fn set(&mut self, command: &Object, now: Moment) -> Result<(), Refusal> {
        let bad = Refusal::BadValue { key: "state", expected: "true or false" };
        let state = command.leading("state")?.as_bool().ok_or(bad)?;
        if self.reports >= MAX_REPORTS {
            return Err(Refusal::QueueFull { capacity: MAX_REPORTS });
        }
        self.wanted = Some(state);
        self.reports += 1;
        if self.due.is_none() {
            let rest = self.rested.map_or(0, |rested| rested.since(now)).min(SWITCH_PAUSE);
            self.due = Some(now.plus(rest.max(COIL)));
        }
        Ok(())
    }

    /// The coil as it is; `null` until it is first switched.
    pub(super) fn payload(&self) -> String {
        let state = self.state.map_or("null", |state| if state { "true" } else { "false" });
        format!(r#"{{"state": {state}}}"#)
    }

    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// Switches as often as there was time for, towards what is wanted now: states between are not applied.
    pub(super) fn wake(&mut self, now: Moment) -> Vec<String> {
        let mut reports = Vec::new();
        while let Some(due) = self.due
            && due.is_due(now, SWITCH_PAUSE + COIL)
        {
            self.state = self.wanted;
            reports.push(self.payload());
            self.reports = self.reports.saturating_sub(1);
            let rested = due.min(now).plus(SWITCH_PAUSE);
            self.rested = Some(rested);
            self.due = (self.reports > 0).then_some(rested);
        }
        reports
    }
}

/// The LED of the bridge.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Led {
    #[default]
    Off,
    On,
    OneDot,
    TwoDots,
    ThreeDots,
}

impl Led {
    pub(super) fn parse(command: &Object) -> Result<Self, Refusal> {
        match command.leading("state")?.as_str() {
            Some("off") => Ok(Self::Off),
            Some("on") => Ok(Self::On),
            Some("1-dot") => Ok(Self::OneDot),
            Some("2-dot") => Ok(Self::TwoDots),
            Some("3-dot") => Ok(Self::ThreeDots),
            _ => Err(Refusal::BadValue { key: "state", expected: "off, on, 1-dot, 2-dot or 3-dot" }),
        }
    }

    pub(super) fn payload(self) -> String {
        let state = match self {
            Self::Off => "off",
            Self::On => "on",
            Self::OneDot => "1-dot",
            Self::TwoDots => "2-dot",
            Self::ThreeDots => "3-dot",
        };
        format!(r#"{{"state": {}}}"#, Value::from(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(relay: &mut Relay, state: bool, now: u64) -> Result<(), Refusal> {
        relay.set(&Object::parse(&format!(r#"{{"state": {state}}}"#)).unwrap(), Moment(now))
    }

    #[test]
    fn a_relay_reports_after_the_coil_has_switched() {
        let mut relay = Relay::default();
        assert_eq!(relay.payload(), r#"{"state": null}"#);
        set(&mut relay, true, 1000).unwrap();
        assert_eq!(relay.payload(), r#"{"state": null}"#);
        assert!(relay.wake(Moment(1019)).is_empty());
        assert_eq!(relay.wake(Moment(1020)), [r#"{"state": true}"#]);
        assert_eq!(relay.due(), None);
    }

    #[test]
    fn rapid_sets_each_yield_a_report_of_the_latest_wanted_state_100_ms_apart() {
        let mut relay = Relay::default();
        for (state, now) in [(true, 1000), (false, 1001), (true, 1002), (false, 1003)] {
            set(&mut relay, state, now).unwrap();
        }
        for now in [1020, 1120, 1220, 1320] {
            assert_eq!(relay.due(), Some(Moment(now)));
            assert_eq!(relay.wake(Moment(now)), [r#"{"state": false}"#]);
        }
        assert_eq!(relay.due(), None);
        set(&mut relay, false, 1330).unwrap();
        assert_eq!(relay.due(), Some(Moment(1420)));
    }

    #[test]
    fn a_flood_of_sets_is_bounded_and_a_late_wake_reports_the_rest() {
        let mut relay = Relay::default();
        for _ in 0..MAX_REPORTS {
            set(&mut relay, true, 0).unwrap();
        }
        assert_eq!(set(&mut relay, true, 0), Err(Refusal::QueueFull { capacity: MAX_REPORTS }));
        assert_eq!(relay.wake(Moment(u64::MAX / 2)).len(), MAX_REPORTS);
    }

    #[test]
    fn a_relay_whose_clock_went_back_does_not_wait_for_the_old_time() {
        let mut relay = Relay::default();
        set(&mut relay, true, 1_000_000).unwrap();
        set(&mut relay, true, 1_000_000).unwrap();
        assert_eq!(relay.wake(Moment(5)).len(), 1);
        assert_eq!(relay.due(), Some(Moment(105)));
        relay.wake(Moment(1_000_000));
        set(&mut relay, true, 7).unwrap();
        assert_eq!(relay.due(), Some(Moment(107)));
    }

    #[test]
    fn only_literal_booleans_under_a_leading_state_switch_a_relay() {
        let mut relay = Relay::default();
        for bad in [
            r#"{"state": "true"}"#,
            r#"{"state": 1}"#,
            r#"{"state": null}"#,
            r#"{"x": 1, "state": true}"#,
            "{}",
        ] {
            assert!(relay.set(&Object::parse(bad).unwrap(), Moment(0)).is_err(), "{bad}");
        }
        assert_eq!(relay.due(), None);
        relay.set(&Object::parse(r#"{"state": true, "x": 1}"#).unwrap(), Moment(0)).unwrap();
    }

    #[test]
    fn the_led_knows_five_states_and_says_them_as_it_was_told() {
        for state in ["off", "on", "1-dot", "2-dot", "3-dot"] {
            let text = format!(r#"{{"state": "{state}"}}"#);
            assert_eq!(Led::parse(&Object::parse(&text).unwrap()).unwrap().payload(), text);
        }
        for bad in [r#"{"state": "blink"}"#, r#"{"state": true}"#, r#"{"x": 1, "state": "on"}"#] {
            assert!(Led::parse(&Object::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
