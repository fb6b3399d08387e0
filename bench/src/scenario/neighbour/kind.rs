//! The kinds of attack: what each needs beforehand, and what it says again and again. All of it is allowed.

use clap::ValueEnum;

use crate::scenario::Sizes;

/// What the attacker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Small messages at the allowed rate.
    Small,
    /// Messages of 1 MiB, each an array of numbers.
    Arrays,
    /// Messages of 1 MiB, each one string.
    Strings,
    /// Thousands of frames in one message.
    Frames,
    /// `config/set` with many filters over many deep last values.
    Set,
    /// Publications to topics that are always new, past many deep filters of other connections.
    Match,
    /// `subscription/remove` of a filter that is not held, while many last values wait.
    Remove,
    /// `subscription/remove` and `subscription/add` of half of very many filters.
    RemoveMany,
    /// `subscription/get` with many long filters.
    Get,
    /// Connections that open and vanish.
    Connects,
}

/// The rate that the hub allows by default, and that is set for this.
pub(crate) const ALLOWED: u32 = 20_000;

/// What the hub counts its work in, and how many of them it allows for each frame of the rate: `docs/protocol.md`,
/// clause 4.8.
const STEPS_A_FRAME: usize = 64;
const STEPS_A_FILTER: usize = 32;
const STEPS_A_VALUE: usize = 8;
const BYTES_A_STEP: usize = 16;

/// The hub takes messages of 1 MiB; this much is left for the frame around the payload.
const LARGEST: usize = 1_048_576 - 256;

/// What an attack needs, and what it says.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Keys of the hub's configuration.
    pub(crate) keys: &'static [&'static str],
    /// Last values that are there before.
    pub(crate) values: usize,
    /// What other connections of the attacker hold.
    pub(crate) holders: Vec<Vec<String>>,
    /// What the one that speaks holds.
    pub(crate) filters: Vec<String>,
    /// What it says once when it has come, and the frames that this counts as.
    pub(crate) opening: Option<(String, usize)>,
    /// It reads nothing from then on.
    pub(crate) sleeps: bool,
    pub(crate) says: Says,
    /// Frames in one message.
    pub(crate) frames: usize,
    /// Frames that one message counts as, against the allowed rate.
    pub(crate) cost: usize,
    /// Messages that may be unanswered; without a number nothing is answered.
    pub(crate) unanswered: Option<usize>,
}

/// A request that the hub may refuse.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) text: String,
    /// The frames that it counts as.
    pub(crate) cost: usize,
    /// Those that it counts as besides where it is not refused.
    pub(crate) look_up: usize,
}

/// What is said again and again.
#[derive(Debug)]
pub(crate) enum Says {
    /// These, in turn.
    These(Vec<String>),
    /// The first of these that the hub does not refuse.
    Largest(Vec<Set>),
    /// A number between these two, another one each time.
    Numbered(String, String),
    /// Nothing: it comes, opens, and vanishes.
    Nothing,
}

impl Default for Says {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Kind {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn plan(self, sizes: &Sizes) -> Plan {
        let filters = sizes.filters.unwrap_or(1000);
        // The store has room for 100,000 topics, and a few are taken.
        let values = sizes.values.unwrap_or(99_000);
        let bytes = sizes.pad.unwrap_or(LARGEST).min(LARGEST);
        let plan = Plan { frames: 1, cost: 1, ..Plan::default() };
        match self {
            Self::Small => Plan { says: Says::These(small()), ..plan },
            Self::Arrays => Plan { says: one(format!("[\"big/a\", [{}]]", numbers(bytes))), ..plan },
            Self::Strings => Plan { says: one(format!("[\"big/s\", \"{}\"]", "x".repeat(bytes))), ..plan },
            Self::Frames => {
                let frames = sizes.burst.unwrap_or(10_000);
                Plan { says: one("[\"a/b\",1]\n".repeat(frames)), frames, cost: frames, ..plan }
            }
            Self::Set => {
                let sizes =
                    std::iter::successors(Some(filters), |size| Some(size / 2).filter(|half| *half > 0));
                let set = |size| {
                    let all = deep(10, 18, "+", size);
                    let text = list("config/set", &all);
                    Set { text, cost: request(&all, &all), look_up: look_up(values, size) }
                };
                Plan { values, says: Says::Largest(sizes.map(set).collect()), unanswered: Some(1), ..plan }
            }
            Self::Match => {
                let all = deep(16, 12, "+/x", filters * sizes.readers.unwrap_or(50));
                let holders = all.chunks(filters).map(<[String]>::to_vec).collect();
                let says = Says::Numbered(format!("[\"{}/", ["a"; 28].join("/")), "/y\", 1]".to_owned());
                Plan { holders, says, ..plan }
            }
            Self::Remove => {
                let (all, none) = (["#".to_owned()], ["none".to_owned()]);
                let opening = Some((list("config/set", &all), request(&all, &[]) + look_up(values, 1)));
                let (says, cost) = (one(list("subscription/remove", &none)), request(&none, &all));
                Plan { values, opening, sleeps: true, says, cost, ..plan }
            }
            Self::RemoveMany => {
                let filters: Vec<_> = (0..filters * 20).map(|n| format!("f/{n:06}")).collect();
                let half = filters.get(filters.len() / 2..).unwrap_or_default();
                let says =
                    ["remove", "add"].map(|request| list(&format!("subscription/{request}"), half)).to_vec();
                let (keys, says) = (&["limits.filters=20000"][..], Says::These(says));
                let cost = request(half, &filters);
                Plan { keys, filters, says, cost, unanswered: Some(2), ..plan }
            }
            Self::Get => {
                let filters: Vec<_> = (0..filters).map(|n| format!("{n:04}{}", "y".repeat(990))).collect();
                let says = one("[\"clown.talk/-/subscription/get\", {}]".to_owned());
                let cost = request(&[], &filters);
                Plan { filters, says, cost, unanswered: Some(4), ..plan }
            }
            Self::Connects => Plan { says: Says::Nothing, ..plan },
        }
    }
}

/// The frames that a request about the subscription counts as which names these filters, while the client holds those.
/// Its answer lists all that are held then.
pub(crate) fn request(named: &[String], held: &[String]) -> usize {
    let filters = named.len() + held.len();
    // Each filter stands in quotes, before a comma and a blank, and a hundred bytes are around them.
    let bytes = |filters: &[String]| filters.iter().map(|filter| filter.len() + 4).sum::<usize>();
    let bytes = 2 * bytes(named) + bytes(held) + 100;
    1 + (STEPS_A_FILTER * filters + bytes / BYTES_A_STEP).div_ceil(STEPS_A_FRAME)
}

/// The frames that it counts as to look up so many last values, each by all of so many filters.
fn look_up(values: usize, filters: usize) -> usize {
    (values * (STEPS_A_VALUE + 1 + 2 * filters)).div_ceil(STEPS_A_FRAME)
}

/// The topic of a last value below the attacker's base: 29 levels, 30 with the base.
pub(crate) fn value(number: usize) -> String {
    format!("{}/{number:06}", ["a"; 28].join("/"))
}

fn one(text: String) -> Says {
    Says::These(vec![text])
}

fn small() -> Vec<String> {
    (0..100).map(|n| format!("[\"flood/{n:02}\", 1]")).collect()
}

/// So many different filters: in each of the first levels an `a` or a `+`, then `a`, and an end.
fn deep(either: usize, same: usize, end: &str, count: usize) -> Vec<String> {
    let level = |n: usize, bit: usize| if n >> bit & 1 == 1 { "+" } else { "a" };
    let filter = |n: usize| {
        let levels = (0..either).map(|bit| level(n, bit)).chain(std::iter::repeat_n("a", same)).chain([end]);
        levels.collect::<Vec<_>>().join("/")
    };
    (0..count.min(1 << either)).map(filter).collect()
}

fn list(request: &str, filters: &[String]) -> String {
    format!("[\"clown.talk/-/{request}\", {}]", serde_json::json!({ "filters": filters }))
}

fn numbers(bytes: usize) -> String {
    "7,".repeat(bytes.saturating_sub(1) / 2) + "7"
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sizes: Sizes,
    }

    fn plan(kind: Kind) -> Plan {
        kind.plan(&Line::parse_from(["bench"]).sizes)
    }

    #[test]
    fn nothing_that_is_said_is_larger_than_the_hub_allows() {
        for kind in Kind::value_variants() {
            let texts = match plan(*kind).says {
                Says::These(texts) => texts,
                Says::Largest(texts) => texts.into_iter().map(|set| set.text).collect(),
                Says::Numbered(..) | Says::Nothing => continue,
            };
            assert!(texts.iter().all(|text| text.len() <= 1_048_576), "{}", kind.name());
            let first = texts[0].lines().next().unwrap();
            assert!(serde_json::from_str::<serde_json::Value>(first).is_ok(), "{}", kind.name());
        }
    }

    #[test]
    fn what_is_asked_for_is_paid_with_as_many_frames_as_the_protocol_says() {
        assert_eq!((plan(Kind::Small).cost, plan(Kind::Frames).cost), (1, 10_000));
        assert_eq!(plan(Kind::Remove).cost, 1 + (64_usize + 121 / 16).div_ceil(64));
        assert_eq!(plan(Kind::Get).cost, 1 + (32_000_usize + 998_100 / 16).div_ceil(64));
        assert_eq!(plan(Kind::RemoveMany).cost, 1 + (960_000_usize + 480_100 / 16).div_ceil(64));
        let Says::Largest(sets) = plan(Kind::Set).says else { panic!("no sets") };
        assert_eq!(sets[0].look_up, (99_000_usize * 2_009).div_ceil(64));
        assert!(sets[0].cost > 1_000 && sets.last().unwrap().cost == 3, "{:?}", sets.last());
    }

    #[test]
    fn filters_differ_and_are_as_deep_as_the_topics() {
        let plan = plan(Kind::Match);
        let all: Vec<_> = plan.holders.concat();
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!((plan.holders.len(), all.len(), different.len()), (50, 50_000, 50_000));
        let levels = |text: &str| text.split('/').count();
        let Says::Numbered(before, after) = plan.says else { panic!("no numbers") };
        assert!(all.iter().all(|filter| levels(filter) == levels(&format!("{before}1{after}"))));
        assert!(deep(10, 18, "+", 1000).iter().all(|filter| levels(filter) == levels(&value(7))));
    }

    #[test]
    fn no_connection_holds_more_filters_than_it_may() {
        for kind in Kind::value_variants() {
            let plan = plan(*kind);
            let most = if plan.keys.is_empty() { 1000 } else { 20_000 };
            let held = plan.holders.iter().chain([&plan.filters]).map(Vec::len).max();
            assert!(held.unwrap() <= most, "{}", kind.name());
        }
    }
}
