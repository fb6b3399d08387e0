//! Roles: rule sets with a name. A role says in one word what most accounts need, from a base on.

use std::fmt;

use crate::hub::Rights;
use crate::topic::{Base, Filter, Limits};

/// So many levels a command may have between the base and its last word. Filters have no form for "and whatever is between".
const COMMAND_LEVELS: usize = 6;

/// The last words of the commands that operators give.
const COMMANDS: [&str; 2] = ["set", "get"];

/// What somebody does at the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleName {
    /// Reads.
    Dashboard,
    /// Is a node or a gateway: reads and publishes everything.
    Node,
    /// Reads, and gives commands.
    Operator,
    /// May do everything.
    Admin,
}

impl RoleName {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, Self); 4] = [
        ("dashboard", Self::Dashboard),
        ("node", Self::Node),
        ("operator", Self::Operator),
        ("admin", Self::Admin),
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Node => "node",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// A rule set, from a base on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    name: RoleName,
    base: Base,
    rights: Rights,
}

impl Role {
    /// The rules of a role from a base on, which an admin does not need.
    pub(super) fn new(name: RoleName, base: Base) -> Self {
        let limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };
        let filters = |texts: &[String]| -> Vec<Filter> {
            texts.iter().filter_map(|text| base.filter(text, &limits).ok()).collect()
        };
        let all = ["#".to_owned()];
        let rights = match name {
            RoleName::Dashboard => Rights { subscribe: filters(&all), ..Rights::default() },
            RoleName::Node => {
                Rights { subscribe: filters(&all), publish: filters(&all), retain: true, ..Rights::default() }
            }
            RoleName::Operator => {
                let any = |levels| std::iter::repeat_n("+/", levels).collect::<String>();
                let named = |levels| COMMANDS.map(|word| format!("{}{word}", any(levels)));
                let commands: Vec<_> = (1..=COMMAND_LEVELS).flat_map(named).collect();
                Rights { subscribe: filters(&all), publish: filters(&commands), ..Rights::default() }
            }
            RoleName::Admin => Rights::everything(),
        };
        Self { name, base, rights }
    }

    /// Which one it is.
    pub fn name(&self) -> RoleName {
        self.name
    }

    /// Where it begins.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// What it allows.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base.as_str() {
            "" => f.write_str(self.name.word()),
            base => write!(f, "{} of {base}", self.name.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Topic;

    fn role(name: RoleName, base: &str) -> Role {
        Role::new(name, Base::parse(base, &Limits::default()).unwrap())
    }

    #[test]
    fn a_role_allows_what_its_word_says_and_nothing_outside_of_its_base() {
        let topic = |text: &str| Topic::parse(text, &Limits::default()).unwrap();
        let filter = |text: &str| Filter::parse(text, &Limits::default()).unwrap();
        let (below, outside) = (filter("house/kitchen/#"), filter("house/#"));
        for (name, commands, says, retains) in [
            (RoleName::Dashboard, false, false, false),
            (RoleName::Operator, true, false, false),
            (RoleName::Node, true, true, true),
        ] {
            let role = role(name, "house/kitchen");
            let rights = role.rights();
            assert!(rights.may_subscribe(&below) && !rights.may_subscribe(&outside), "{role}");
            for command in
                ["house/kitchen/lamp/set", "house/kitchen/relay/i2c0-3b/set", "house/kitchen/a/b/get"]
            {
                assert_eq!(rights.may_publish(&topic(command)), commands, "{role}: {command}");
            }
            assert_eq!(rights.may_publish(&topic("house/kitchen/presence")), says, "{role}");
            assert!(!rights.may_publish(&topic("house/cellar/lamp/set")), "{role}");
            assert_eq!((rights.retain, rights.admin), (retains, false), "{role}");
        }
        let admin = role(RoleName::Admin, "");
        assert_eq!(*admin.rights(), Rights::everything());
        assert!(admin.rights().admin && admin.rights().may_subscribe(&filter("$SYS/#")));
    }
}
