//! Leases where a node is at another hub. The hub that has the node runs a lease as well: it ends it if the hub that took it is
//! not heard. And who does not know whether a node has got the safe command sends that a few times.

use std::sync::Arc;
use std::time::Duration;

use super::{Full, LINGER, Lease, Leases, OF_A_USER, OF_ALL, Phase};
use crate::hub::outbox::SessionId;
use crate::moment::{Moment, Steady};
use crate::topic::Topic;

/// Stands before the hub and the user of a lease that another hub has taken. No account has such a name.
pub(super) const AT_ANOTHER_HUB: &str = "cluster:";
/// So much later than the hub that has taken it a hub ends a lease: most likely the word of the other one is there by then.
pub(super) const BEHIND: Duration = Duration::from_secs(2);
/// A safe command that no node has reported is sent to other hubs again after 2, 4, 8, 16 and 32 s.
const TIMES: u32 = 5;

/// What another hub says of the lease of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FarLease {
    /// The name of that hub.
    pub hub: Box<str>,
    /// For how long the command still holds; nothing for the safe one.
    pub left: Duration,
    /// The payload of the safe command.
    pub safe: Box<str>,
}

/// What goes to other hubs with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leased {
    /// It never had a lease.
    Plain,
    /// It holds for so long, and then this is safe.
    With(Duration, Box<str>),
    /// It is the safe command of one.
    Safe,
    /// Its lease is over, or somebody else has taken one since, so it is not to be given any more.
    Over,
}

/// A lease of another hub whose safe command is about to be given to a node here.
#[derive(Debug)]
pub(in crate::hub) struct OnItsWay<O>(Lease<O>);

/// Somebody else has taken a lease since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hub) struct Superseded;

/// What other hubs were told of a lease that is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Elsewhere {
    times: u32,
    is_now: bool,
    next: Option<Steady>,
}

impl Elsewhere {
    pub(super) fn to_be_told() -> Self {
        Self { times: 0, is_now: true, next: None }
    }

    pub(super) fn is_to_be_told_now(self) -> bool {
        self.is_now
    }

    pub(super) fn has_been_told(self) -> bool {
        self.times > 0
    }

    pub(super) fn was_told(&mut self, now: Steady) {
        self.times += 1;
        let wait = (self.times <= TIMES).then(|| Duration::from_secs(1 << self.times));
        (self.is_now, self.next) = (false, wait.map(|wait| now.after(wait)));
    }
}

impl<O> Lease<O> {
    /// Whether another hub has taken it.
    pub(super) fn is_of_another_hub(&self) -> bool {
        self.user.starts_with(AT_ANOTHER_HUB)
    }

    /// For how long it holds.
    pub(super) fn left(&self, now: Steady) -> Duration {
        let behind = if self.is_of_another_hub() { BEHIND } else { Duration::ZERO };
        self.until.since(now).saturating_sub(behind)
    }

    /// When it is not owed any longer, if it is: it was said, and nobody has contradicted.
    fn is_forgotten_at(&self) -> Option<Steady> {
        match &self.phase {
            Phase::Owed { told: Some((_, at)), .. } => Some(at.after(LINGER)),
            Phase::Owed { told: None, elsewhere } if !self.is_near && elsewhere.has_been_told() => {
                Some(self.until.after(LINGER))
            }
            Phase::Owed { .. } | Phase::Held => None,
        }
    }

    /// When something is to be done.
    fn date(&self) -> Option<Steady> {
        match &self.phase {
            Phase::Held => Some(self.until),
            Phase::Owed { told, elsewhere } => {
                let again = elsewhere.next.filter(|_| told.is_none());
                again.into_iter().chain(self.is_forgotten_at()).min()
            }
        }
    }
}

impl<O> Leases<O> {
    /// A node here gets the command of this lease.
    pub(in crate::hub) fn is_near(&mut self, topic: &Topic) {
        if let Some(lease) = self.all.get_mut(topic).filter(|lease| !lease.is_near) {
            lease.is_near = true;
            self.rows.change(topic);
        }
    }

    /// Whether the node that has to hear of the end of a lease was here when it last got the command.
    pub(in crate::hub) fn has_near(&self, topic: &Topic) -> bool {
        self.all.get(topic).is_some_and(|lease| lease.is_near)
    }

    /// What goes to other hubs with a command that was given with a lease.
    pub(in crate::hub) fn leased(&self, topic: &Topic, now: Steady) -> Leased {
        match self.all.get(topic) {
            // A command that was given for a time must not go out without its end.
            None | Some(Lease { phase: Phase::Owed { .. }, .. }) => Leased::Over,
            Some(lease) if lease.is_of_another_hub() => Leased::Over,
            Some(lease) => Leased::With(lease.left(now), lease.safe.clone()),
        }
    }

    /// Another hub has taken a lease, and a node here gets the command. Returns a command that waited for the disk and was
    /// overtaken.
    pub(in crate::hub) fn run_as_well(
        &mut self,
        topic: &Topic,
        user: &str,
        FarLease { hub, left, safe }: FarLease,
        now: Moment,
    ) -> (Option<O>, Result<(), Full>) {
        let user: Arc<str> = format!("{AT_ANOTHER_HUB}{hub}:{user}").into();
        let is_renewed = self.all.get(topic).is_some_and(|before| before.user == user);
        let on_disk = self.all.get(topic).and_then(|before| before.on_disk.clone());
        let overtaken = if is_renewed {
            self.remove(topic).and_then(|before| before.waits).map(|waits| waits.command)
        } else {
            self.commanded(topic)
        };
        let full = if self.all.len() >= OF_ALL {
            Some(Full::OfAll)
        } else {
            (self.of_user.get(&user).copied().unwrap_or(0) >= OF_A_USER).then_some(Full::OfAUser)
        };
        self.rows.change(topic);
        if let Some(full) = full {
            return (overtaken, Err(full));
        }
        let (until, version) = (now.steady().after(left).after(BEHIND), self.next_version());
        let lease = Lease {
            user,
            holder: None,
            time: left + BEHIND,
            safe,
            keep: true,
            is_near: true,
            until,
            phase: Phase::Held,
            waits: None,
            version,
            on_disk,
            due: None,
        };
        self.insert(topic.clone(), lease, until);
        self.looked.get_or_insert(now);
        (overtaken, Ok(()))
    }

    /// Another hub sends the safe command of a lease that it has taken. Where this hub runs it as well, it is taken out until the
    /// command was given. An error says that somebody else has taken a lease since: the command is not to be given.
    pub(in crate::hub) fn take_safe(
        &mut self,
        topic: &Topic,
        hub: &str,
        payload: &str,
    ) -> Result<Option<OnItsWay<O>>, Superseded> {
        let Some(lease) = self.all.get(topic).filter(|lease| matches!(lease.phase, Phase::Held)) else {
            return Ok(None);
        };
        let of = lease.user.strip_prefix(AT_ANOTHER_HUB).and_then(|rest| rest.split_once(':'));
        match of {
            // What is not the safe command ends nothing: this hub will.
            Some((of, _)) if of == hub && *lease.safe != *payload => Ok(None),
            Some((of, _)) if of == hub => Ok(self.remove(topic).map(OnItsWay)),
            _ => Err(Superseded),
        }
    }

    /// The command was given to this node here, the newest, or to none. It is owed until a node has it.
    pub(in crate::hub) fn was_given(
        &mut self,
        topic: &Topic,
        OnItsWay(mut lease): OnItsWay<O>,
        reader: Option<SessionId>,
        now: Steady,
    ) {
        self.ended.push((topic.clone(), Arc::clone(&lease.user)));
        lease.version = self.next_version();
        lease.until = now;
        // The hub that has said it tells the others.
        let told = reader.map(|reader| (reader, now));
        lease.phase = Phase::Owed { told, elsewhere: Elsewhere::default() };
        self.insert(topic.clone(), lease, now);
        self.owed.insert(topic.clone());
        self.rows.change(topic);
        self.plan(topic);
    }

    /// Topics whose safe command is to be sent to other hubs once more.
    pub(in crate::hub) fn take_again(&mut self) -> Vec<Topic> {
        std::mem::take(&mut self.again)
    }

    /// The date of a lease that is owed has come.
    pub(super) fn look_at_owed(&mut self, topic: &Topic, now: Steady) {
        let Some(lease) = self.all.get_mut(topic) else { return };
        lease.due = None;
        if lease.is_forgotten_at().is_some_and(|at| at <= now) {
            self.commanded(topic);
            return;
        }
        if let Phase::Owed { elsewhere, .. } = &mut lease.phase
            && elsewhere.next.take_if(|next| *next <= now).is_some()
        {
            elsewhere.is_now = true;
            self.again.push(topic.clone());
        }
        self.plan(topic);
    }

    /// It is looked at again at its date.
    pub(super) fn plan(&mut self, topic: &Topic) {
        let Some(lease) = self.all.get_mut(topic) else { return };
        if let Some(due) = lease.due.take() {
            self.due.remove(&due);
        }
        if let Some(date) = lease.date() {
            let key = (date, lease.version);
            lease.due = Some(key);
            self.due.insert(key, topic.clone());
        }
    }
}
