//! Typed reading of the merged values. Each question states what is allowed; a wrong answer is noted, something
//! harmless is returned, and reading goes on, so that all mistakes are found at once.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use config::{Value, ValueKind};
use ipnet::IpNet;

use super::place::Place;
use super::web_origin::WebOrigin;
use crate::operator::{Found, Mistake, Tells, question, quoted};
use crate::topic::{Base, Filter, Limits};

/// The origin of a default in a mistake. It is seen where a default breaks a limit that was set, as a base that is
/// deeper than `limits.topic_levels`.
pub(super) const DEFAULT: &str = "the defaults";

/// A key as the code knows it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: &'static str,
    /// What is allowed, as `config/hub.toml` and `docs/configuration.md` say it.
    pub(super) range: String,
    /// Empty where the value is no quantity.
    pub(super) unit: &'static str,
    /// The value that counts.
    pub(super) found: Option<Value>,
}

/// One of the two sides of a mutual check.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub(super) key: &'static str,
    pub(super) value: u64,
}

pub(super) struct Reader {
    merged: Value,
    asked: Vec<Asked>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Reader {
    /// Goes on with the mistakes that were found so far.
    pub(super) fn new(merged: Value, mistakes: Vec<Mistake>) -> Self {
        Self { merged, asked: Vec::new(), mistakes }
    }

    /// What was asked for, and everything that was wrong.
    pub(super) fn finish(self) -> (Vec<Asked>, Vec<Mistake>) {
        (self.asked, self.mistakes)
    }

    /// A whole number; the least one if there was a mistake.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        unit: &'static str,
    ) -> u64 {
        let (least, most) = (*range.start(), *range.end());
        self.ask(key, format!("{least} to {most}"), unit);
        let answer = question::whole(self.found(key), range, unit, Tells::Values);
        self.note(key, answer, least)
    }

    /// A number of things in memory.
    pub(super) fn count(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        unit: &'static str,
    ) -> usize {
        // Saturates on a machine of 32 bits, which is to say that it does not limit there.
        usize::try_from(self.number(key, range, unit)).unwrap_or(usize::MAX)
    }

    /// A number of things, or `None` for the word that leaves it to the hub.
    pub(super) fn count_or_auto(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        unit: &'static str,
    ) -> Option<usize> {
        let (least, most) = (*range.start(), *range.end());
        self.ask(key, format!("auto, {least} to {most}"), unit);
        let found = self.found(key);
        let answer = if let Found::Text(text) = found {
            if text == "auto" {
                return None;
            }
            let expected = format!("auto or a whole number from {least} to {most} ({unit})");
            Err(found.mismatch(&expected, Tells::Values))
        } else {
            question::whole(found, range, unit, Tells::Values)
        };
        usize::try_from(self.note(key, answer, least)).ok()
    }

    /// A number that is known to fit.
    pub(super) fn small(&mut self, key: &'static str, range: RangeInclusive<u32>, unit: &'static str) -> u32 {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        u32::try_from(self.number(key, range, unit)).unwrap_or(u32::MAX)
    }

    /// A time, given as a whole number of units of `unit_milliseconds`.
    fn time(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        unit: &'static str,
        unit_milliseconds: u64,
    ) -> Duration {
        Duration::from_millis(self.number(key, range, unit).saturating_mul(unit_milliseconds))
    }

    pub(super) fn milliseconds(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Duration {
        self.time(key, range, "milliseconds", 1)
    }

    pub(super) fn seconds(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Duration {
        self.time(key, range, "seconds", 1000)
    }

    pub(super) fn minutes(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Duration {
        self.time(key, range, "minutes", 60 * 1000)
    }

    pub(super) fn hours(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Duration {
        self.time(key, range, "hours", 60 * 60 * 1000)
    }

    pub(super) fn days(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Duration {
        self.time(key, range, "days", 24 * 60 * 60 * 1000)
    }

    /// A number that may have a fraction; the least one if there was a mistake.
    pub(super) fn factor(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        unit: &'static str,
    ) -> f64 {
        let (least, most) = (*range.start(), *range.end());
        self.ask(key, format!("{least} to {most}"), unit);
        let answer = question::number(self.found(key), &range, unit, Tells::Values);
        self.note(key, answer, least)
    }

    /// True or false; false if there was a mistake.
    pub(super) fn truth(&mut self, key: &'static str) -> bool {
        self.ask(key, "true, false".to_owned(), "");
        let answer = question::truth(self.found(key), Tells::Values);
        self.note(key, answer, false)
    }

    pub(super) fn address(&mut self, key: &'static str) -> SocketAddr {
        self.text(key, "an address and a port", parse_address).unwrap_or(([127, 0, 0, 1], 0).into())
    }

    pub(super) fn optional_address(&mut self, key: &'static str) -> Option<SocketAddr> {
        let parse = |text: &str| {
            if text.is_empty() { Ok(None) } else { parse_address(text).map(Some) }
        };
        self.text(key, "an address and a port, or nothing", parse).flatten()
    }

    pub(super) fn path(&mut self, key: &'static str) -> PathBuf {
        let parse = |text: &str| match text {
            "" => Err("expected a path, found nothing".to_owned()),
            path => Ok(OsString::from(path)),
        };
        self.text(key, "a path", parse).unwrap_or_default().into()
    }

    pub(super) fn optional_path(&mut self, key: &'static str) -> Option<PathBuf> {
        let parse = |text: &str| Ok((!text.is_empty()).then(|| PathBuf::from(text)));
        self.text(key, "a path, or nothing", parse).flatten()
    }

    /// A path, the word for the usual one, or none.
    pub(super) fn place(&mut self, key: &'static str) -> Place {
        let parse = |text: &str| {
            Ok(match text {
                "" => Place::Off,
                "auto" => Place::Auto,
                path => Place::Named(path.into()),
            })
        };
        self.text(key, "a path, auto, or nothing", parse).unwrap_or_default()
    }

    pub(super) fn log_filter(&mut self, key: &'static str) -> String {
        let parse = |text: &str| match text.parse::<tracing_subscriber::filter::Targets>() {
            Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
            _ => Err(format!(
                "expected a level (error, warn, info, debug, trace) or levels by module such as \
                 info,clown_hub::hub=debug, found {}",
                quoted(text)
            )),
        };
        self.text(key, "a log filter", parse).unwrap_or_default()
    }

    pub(super) fn base(&mut self, key: &'static str, limits: &Limits) -> Base {
        let parse = |text: &str| Base::parse(text, limits).map_err(|why| format!("{}: {why}", quoted(text)));
        self.text(key, "a base topic", parse).unwrap_or(Base::ROOT)
    }

    /// One of a few words; the first one if there was a mistake.
    pub(super) fn choice<T: Copy, const N: usize>(
        &mut self,
        key: &'static str,
        words: [(&str, T); N],
    ) -> Option<T> {
        let all = words.map(|(word, _)| word).join(", ");
        self.text(key, &all, |text| question::choice(text, &words, &all))
    }

    pub(super) fn filters(&mut self, key: &'static str, limits: &Limits) -> Vec<Filter> {
        self.list(key, "topic filters", |text| {
            Filter::parse(text, limits).map_err(|why| format!("{}: {why}", quoted(text)))
        })
    }

    pub(super) fn web_origins(&mut self, key: &'static str) -> Vec<WebOrigin> {
        self.list(key, "web origins", WebOrigin::parse)
    }

    pub(super) fn networks(&mut self, key: &'static str) -> Vec<IpNet> {
        self.list(key, "addresses and networks", parse_network)
    }

    pub(super) fn path_prefix(&mut self, key: &'static str) -> String {
        self.text(key, "a path prefix, or nothing", parse_path_prefix).unwrap_or_default()
    }

    /// Whether something is wrong with the value of a key.
    pub(super) fn is_wrong(&self, key: &str) -> bool {
        self.mistakes.iter().any(|mistake| mistake.key.as_deref() == Some(key))
    }

    /// Notes that `higher` is below `lower`, naming the one that is not a default. Nothing is said where one of
    /// them is wrong already: it has no value that could be compared.
    pub(super) fn at_least(&mut self, higher: Side, lower: Side) {
        let told = self.is_wrong(higher.key) || self.is_wrong(lower.key);
        if higher.value >= lower.value || told {
            return;
        }
        let (key, sentence) = match (self.origin(higher.key), self.origin(lower.key)) {
            (None, Some(_)) => (
                lower.key,
                format!("{} is above {}, which is {} by default", lower.value, higher.key, higher.value),
            ),
            (_, other) => (
                higher.key,
                format!(
                    "{} is below {}, which is {} {}",
                    higher.value,
                    lower.key,
                    lower.value,
                    other.map_or("by default".to_owned(), |origin| format!("({origin})"))
                ),
            ),
        };
        self.mistake(key, sentence);
    }

    /// Notes a mistake that the value of `key` is part of.
    pub(super) fn mistake(&mut self, key: &'static str, sentence: String) {
        self.mistake_at(self.origin(key), key, sentence);
    }

    pub(super) fn mistake_at(&mut self, origin: Option<String>, key: &'static str, sentence: String) {
        let place = origin.unwrap_or_else(|| DEFAULT.to_owned());
        self.mistakes.push(Mistake { place, key: Some(key.to_owned()), sentence });
    }

    fn text<T>(
        &mut self,
        key: &'static str,
        range: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.ask(key, range.to_owned(), "");
        let answer = question::text(self.found(key), Tells::Values).and_then(parse).map(Some);
        self.note(key, answer, None)
    }

    fn list<T>(
        &mut self,
        key: &'static str,
        items: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        self.ask(key, format!("a list of {items}"), "");
        let expected = format!("a list of {items} in quotes");
        let (items, mistakes) = match self.find(key).map(|value| &value.kind) {
            Some(ValueKind::Array(items)) => read_items(items, &expected, parse),
            _ => (Vec::new(), vec![(self.origin(key), self.found(key).mismatch(&expected, Tells::Values))]),
        };
        for (origin, sentence) in mistakes {
            self.mistake_at(origin, key, sentence);
        }
        items
    }

    pub(super) fn ask(&mut self, key: &'static str, range: String, unit: &'static str) {
        let found = self.find(key).cloned();
        self.asked.push(Asked { key, range, unit, found });
    }

    fn note<T>(&mut self, key: &'static str, answer: Result<T, String>, harmless: T) -> T {
        answer.unwrap_or_else(|sentence| {
            self.mistake(key, sentence);
            harmless
        })
    }

    pub(super) fn found(&self, key: &str) -> Found<'_> {
        self.find(key).map_or(Found::Nothing, |value| found(&value.kind))
    }

    /// Where the value of `key` comes from; `None` for a default.
    pub(super) fn origin(&self, key: &str) -> Option<String> {
        self.find(key)?.origin().map(str::to_owned)
    }

    pub(super) fn find(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(&self.merged, |value, name| {
            let ValueKind::Table(table) = &value.kind else {
                return None;
            };
            table.get(name)
        })
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    // The one name that means the same address everywhere; no other is looked up.
    let address = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    address.as_deref().unwrap_or(text).parse().map_err(|_| {
        let port = text.strip_prefix(':').or_else(|| text.strip_prefix("*:")).unwrap_or(text);
        if port.parse::<u16>().is_ok() {
            return format!(
                "found a port alone; write 127.0.0.1:{port} for programs of this machine only, or 0.0.0.0:{port} for the \
                 whole network (which takes accounts)"
            );
        }
        if let Ok(ip) = text.parse() {
            return format!("found an address without a port; write {}", SocketAddr::new(ip, 8080));
        }
        format!("expected an address and a port such as 127.0.0.1:8080 or [::]:8080, found {}", quoted(text))
    })
}

/// An address, or a network as its address and the number of its bits. Bits beyond these are left out.
fn parse_network(text: &str) -> Result<IpNet, String> {
    let network =
        text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            format!(
                "expected an address such as 127.0.0.1, or a network such as 10.0.0.0/8, found {}",
                quoted(text)
            )
        })?;
    if network.prefix_len() == 0 {
        return Err(format!("{} is everybody: name the addresses of the proxies alone", quoted(text)));
    }
    Ok(network.trunc())
}

fn parse_path_prefix(text: &str) -> Result<String, String> {
    let is_of_a_level = |char: char| char.is_ascii_alphanumeric() || "-._~".contains(char);
    let is_a_level = |level: &str| !matches!(level, "" | "." | "..") && level.chars().all(is_of_a_level);
    let levels = text.strip_prefix('/').map(|levels| levels.split('/').all(is_a_level));
    if text.is_empty() || levels == Some(true) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "expected a path of letters, digits and -._~ such as /hub, without a slash at its end, found {}",
        quoted(text)
    ))
}

/// The items of a list that are good, and what is wrong with the others, each with its origin.
fn read_items<T>(
    items: &[Value],
    expected: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> (Vec<T>, Vec<(Option<String>, String)>) {
    let (mut good, mut wrong) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        let answer = if let ValueKind::String(text) = &item.kind {
            parse(text)
        } else {
            Err(found(&item.kind).mismatch(expected, Tells::Values))
        };
        match answer {
            Ok(item) => good.push(item),
            Err(sentence) => wrong.push((item.origin().map(str::to_owned), sentence)),
        }
    }
    (good, wrong)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "layers make values of these kinds only")]
pub(super) fn found(kind: &ValueKind) -> Found<'_> {
    match kind {
        ValueKind::String(text) => Found::Text(text),
        ValueKind::I64(number) => Found::Whole(*number),
        ValueKind::Float(number) => Found::Fraction(*number),
        ValueKind::Boolean(truth) => Found::Truth(*truth),
        ValueKind::Array(_) => Found::List,
        ValueKind::Table(_) => Found::Table,
        _ => Found::Nothing,
    }
}
