//! The file of `acl_file`: who may read and write which topics. Pure.

use std::collections::BTreeMap;

use super::told::{Told, lines};
use crate::topic::{Filter, Limits};

/// What an account may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) subscribe: Vec<String>,
    pub(super) publish: Vec<String>,
}

impl Rules {
    fn add(&mut self, access: Access, filter: &str) {
        let put = |filters: &mut Vec<String>| {
            if !filters.iter().any(|known| known == filter) {
                filters.push(filter.to_owned());
            }
        };
        if access != Access::Write {
            put(&mut self.subscribe);
        }
        if access != Access::Read {
            put(&mut self.publish);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Both,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Acl {
    /// The first line of a user, and its rules.
    users: BTreeMap<String, (usize, Rules)>,
    /// Those of everybody.
    patterns: Rules,
}

impl Acl {
    pub(super) fn read(text: &str) -> (Self, Vec<Told>) {
        let (mut acl, mut told, mut user) = (Self::default(), Vec::new(), None::<String>);
        for (line, entry) in lines(text) {
            let (word, rest) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
            let rest = rest.trim();
            match word {
                "user" if !rest.is_empty() => {
                    acl.users.entry(rest.to_owned()).or_insert((line, Rules::default()));
                    user = Some(rest.to_owned());
                }
                "topic" | "pattern" => match rule(word, rest) {
                    Err(why) => told.push(Told::new(line, why)),
                    Ok((access, filter)) if word == "pattern" => acl.patterns.add(access, filter),
                    Ok((access, filter)) => match user.as_ref().and_then(|user| acl.users.get_mut(user)) {
                        Some((_, rules)) => rules.add(access, filter),
                        None => {
                            told.push(Told::new(line, "for clients without a name, who do not come in here"));
                        }
                    },
                },
                _ => told.push(Told::new(line, "neither user, topic nor pattern")),
            }
        }
        (acl, told)
    }

    /// Those of an account.
    pub(super) fn rules_of(&self, name: &str) -> Rules {
        let mut rules = self.users.get(name).map(|(_, rules)| rules.clone()).unwrap_or_default();
        for filter in &self.patterns.subscribe {
            rules.add(Access::Read, filter);
        }
        for filter in &self.patterns.publish {
            rules.add(Access::Write, filter);
        }
        rules
    }

    /// Users without an account.
    pub(super) fn strangers(&self, is_known: impl Fn(&str) -> bool) -> Vec<Told> {
        let strangers = self.users.iter().filter(|(name, _)| !is_known(name));
        strangers.map(|(name, (line, _))| Told::new(*line, format!("there is no account {name:?}"))).collect()
    }
}

/// What a line allows: the access, and the filter.
fn rule<'t>(word: &str, rest: &'t str) -> Result<(Access, &'t str), String> {
    let (access, filter) = match rest.split_once(char::is_whitespace) {
        Some(("read", filter)) => (Access::Read, filter.trim()),
        Some(("write", filter)) => (Access::Write, filter.trim()),
        Some(("readwrite", filter)) => (Access::Both, filter.trim()),
        Some(("deny", _)) => {
            return Err(
                "rights here only add: narrow what else allows it, as far as that is possible".to_owned()
            );
        }
        _ => (Access::Both, rest),
    };
    let has = |mark: &str| filter.contains(mark);
    if word == "topic" && (has("%u") || has("%c")) {
        return Err("%u and %c have no meaning behind topic".to_owned());
    }
    if has("%c") {
        return Err("%c, the client id, cannot stand in rights here".to_owned());
    }
    if has("%u") && filter.split('/').any(|level| level.contains("%u") && level != "%u") {
        return Err("%u has to be a whole level here".to_owned());
    }
    let limits = Limits::default();
    if let Err(why) = Filter::parse(filter, &limits) {
        return Err(format!("{filter:?}: {why}"));
    }
    if filter.starts_with("$SYS") && filter != "$SYS/#" {
        return Err("the hub's own figures have other names: $SYS/hub/…, read with $SYS/#".to_owned());
    }
    if filter.starts_with("$share/") {
        return Err("a shared subscription takes the right to what stands behind its name".to_owned());
    }
    if filter.starts_with('$') && !filter.starts_with("$SYS") {
        return Err("topics that begin with $ are the broker's own".to_owned());
    }
    Ok((access, filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn users_have_their_topics_and_the_patterns_of_all() {
        let (acl, told) = Acl::read(
            "topic read news/#\n\n# people\nuser jana\ntopic house/#\ntopic read $SYS/#\nuser lamp\ntopic write lamp/state\n\
             pattern readwrite devices/%u/#\ntopic read lamp/set with blanks\n",
        );
        assert_eq!(told, [Told::new(1, "for clients without a name, who do not come in here")]);
        let jana = Rules {
            subscribe: strings(&["house/#", "$SYS/#", "devices/%u/#"]),
            publish: strings(&["house/#", "devices/%u/#"]),
        };
        assert_eq!(acl.rules_of("jana"), jana);
        let lamp = acl.rules_of("lamp");
        assert_eq!(lamp.subscribe, ["lamp/set with blanks", "devices/%u/#"]);
        assert_eq!(lamp.publish, ["lamp/state", "devices/%u/#"]);
        assert_eq!(acl.rules_of("nobody").subscribe, ["devices/%u/#"]);
        assert_eq!(acl.strangers(|name| name == "jana"), [Told::new(7, "there is no account \"lamp\"")]);
    }

    #[test]
    fn what_cannot_be_said_here_is_told_with_its_line() {
        let cases = [
            ("topic deny house/safe", "rights here only add"),
            ("pattern read c/%c/#", "%c, the client id"),
            ("pattern read home-%u", "whole level"),
            ("topic read %u", "no meaning behind topic"),
            ("topic read a/#/b", "#"),
            ("topic read $SYS/broker/uptime", "$SYS/hub"),
            ("topic read $share/x/y", "behind its name"),
            ("topic read $other/y", "broker's own"),
            ("topic", ""),
            ("allow all", "neither user"),
        ];
        for (line, why) in cases {
            let (_, told) = Acl::read(&format!("user jana\n{line}\n"));
            let [told] = <[_; 1]>::try_from(told).unwrap();
            assert!(told.line == 2 && told.sentence.contains(why), "{line}: {told:?}");
        }
    }
}
