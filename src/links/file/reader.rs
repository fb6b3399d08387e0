//! What every link has, from its file.

use std::time::Duration;

use super::keys::{
    KEYS, KINDS, NUMBERS, Number, QUEUE, QUEUE_BYTES, STORED_BYTES, STORED_HOURS, Which, kinds_of,
};
use crate::links::settings::{FarSettings, LinkSettings, Plan};
use crate::operator::{Form, Table};
use crate::topic::Limits;

/// The form of a link, and what the hub allows.
pub(super) struct Reader<'t> {
    pub(super) form: Form<'t>,
    pub(super) limits: &'t Limits,
}

/// What may wait for the far side.
struct Waiting {
    messages: usize,
    bytes: usize,
    stored_for: Option<Duration>,
}

impl Reader<'_> {
    pub(super) fn link(&mut self, name: &str, table: &Table) -> Option<Plan> {
        let keys: Vec<_> = KEYS.iter().map(|(key, _)| *key).chain(NUMBERS.map(|number| number.key)).collect();
        self.form.unknown(table, &keys, instead);
        let which = self.which(table)?;
        self.only_keys_of(table, which);
        let waiting = self.waiting(table);
        let link = LinkSettings {
            name: name.into(),
            file: self.form.file().into(),
            far: "".into(),
            noun: "broker",
            queue_messages: waiting.messages,
            queue_bytes: waiting.bytes,
            stored_for: waiting.stored_for,
            patience: None,
            rules: crate::links::rules::Rules::default(),
        };
        match which {
            Which::Mqtt => {
                let (mqtt, rules) = self.mqtt(table)?;
                let far = mqtt.broker.to_string().to_ascii_lowercase().into();
                let link = LinkSettings { far, rules, ..link };
                Some(Plan { link: link.into(), far: FarSettings::Mqtt(mqtt.into()) })
            }
            Which::Serial => {
                let (serial, patience, rules) = self.serial(name, table)?;
                let far = serial.port.to_string_lossy().into();
                let patience = Some(patience);
                let link = LinkSettings { far, noun: "gateway", patience, rules, ..link };
                Some(Plan { link: link.into(), far: FarSettings::Serial(serial.into()) })
            }
            Which::Hub => {
                let (hub, far, rules) = self.hub(table)?;
                let link = LinkSettings { far: far.into(), noun: "hub", rules, ..link };
                Some(Plan { link: link.into(), far: FarSettings::Hub(hub.into()) })
            }
            Which::Process => {
                let (process, patience, rules) = self.process(table)?;
                let far = format!("{} ({name})", process.program()).into();
                let patience = Some(patience);
                let link = LinkSettings { far, noun: "program", patience, rules, ..link };
                Some(Plan { link: link.into(), far: FarSettings::Process(process.into()) })
            }
        }
    }

    /// The kind of link. Where it is none, the other keys cannot be judged.
    fn which(&mut self, table: &Table) -> Option<Which> {
        let before = self.form.mistakes();
        let which = self.form.choice(table, "kind", &KINDS);
        (self.form.mistakes() == before).then_some(which.unwrap_or(Which::Mqtt))
    }

    fn only_keys_of(&mut self, table: &Table, which: Which) {
        for entry in table.iter() {
            if let Some(kinds) = kinds_of(&entry.key)
                && !kinds.contains(&which)
            {
                let sentence = is_for(kinds, which);
                self.form.say(entry.at, &entry.key, sentence);
            }
        }
    }

    fn waiting(&mut self, table: &Table) -> Waiting {
        let [messages, bytes, stored, hours] =
            [QUEUE, QUEUE_BYTES, STORED_BYTES, STORED_HOURS].map(|number| self.number(table, &number));
        let is_stored = stored > 0;
        if is_stored && table.get("queue_bytes").is_some() {
            let sentence = "is there together with stored_queue_bytes, which bounds a queue that is in the store; give only one";
            self.form.refuse(table, "queue_bytes", sentence);
        }
        if !is_stored && table.get("stored_queue_hours").is_some() {
            let sentence = "needs the key stored_queue_bytes, too: without it the queue is in memory only";
            self.form.refuse(table, "stored_queue_hours", sentence);
        }
        Waiting {
            messages: messages as usize,
            bytes: if is_stored { stored } else { bytes } as usize,
            stored_for: is_stored.then(|| Duration::from_secs(u64::from(hours) * 3600)),
        }
    }

    pub(super) fn number(&mut self, table: &Table, number: &Number) -> u32 {
        let range = u64::from(number.least)..=u64::from(number.most);
        let found = self.form.whole(table, number.key, range, number.unit);
        found.and_then(|found| u32::try_from(found).ok()).unwrap_or(number.default)
    }

    pub(super) fn text(&mut self, table: &Table, key: &str) -> Option<String> {
        self.form.text(table, key).map(str::to_owned)
    }
}

/// Why a key has no meaning in a link of this kind.
pub(super) fn is_for(kinds: &[Which], which: Which) -> String {
    let kinds: Vec<_> = kinds.iter().map(|kind| format!("{:?}", kind.name())).collect();
    format!("is for links of kind {}, and this one is of kind {:?}", kinds.join(" or "), which.name())
}

/// Better words than "unknown key" for what people write most.
pub(super) fn instead(key: &str) -> Option<&'static str> {
    match key {
        "password" => Some("passwords do not stand here: give password_file or password_env"),
        "topic" => Some("unknown key; what Mosquitto calls topic is a [[rule]] with filter here"),
        _ => None,
    }
}
