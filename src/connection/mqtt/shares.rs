//! The groups in which a client is, and how it wants what it gets of them. Pure.

use std::collections::BTreeMap;

use super::subscriptions::Wanted;
use crate::mqtt::{Qos, Remembered, Wish};
use crate::topic::Share;

/// How each of them is wanted, and the id of the subscription.
type All = BTreeMap<Share, (Wish, Option<u32>)>;

/// All of them. Few clients are in any.
#[derive(Debug, Default)]
pub(super) struct Shares(Option<Box<All>>);

impl Shares {
    /// Adds one, or takes the place of the same one.
    pub(super) fn put(&mut self, share: Share, wish: Wish, id: Option<u32>) {
        self.0.get_or_insert_default().insert(share, (wish, id));
    }

    /// Takes one away. Whether it was there.
    pub(super) fn remove(&mut self, share: &Share) -> bool {
        self.0.as_mut().is_some_and(|all| all.remove(share).is_some())
    }

    /// Puts down all of them.
    pub(super) fn tell(&self, session: &mut Remembered) {
        for (share, (wish, id)) in self.0.iter().flat_map(|all| all.iter()) {
            session.add(share.as_str(), *wish, *id);
        }
    }

    /// Those of QoS 0, which nobody needs while the client is away, or the others.
    pub(super) fn some(&self, of_qos_0: bool) -> Vec<Share> {
        let is_it =
            |(_, (wish, _)): &(&Share, &(Wish, Option<u32>))| (wish.qos == Qos::AtMostOnce) == of_qos_0;
        self.0.iter().flat_map(|all| all.iter()).filter(is_it).map(|(share, _)| share.clone()).collect()
    }

    /// How the client wants a message of this group, and the id of the subscription; `None` if it is not in it any more.
    pub(super) fn wanted(&self, share: &Share, ids: &mut Vec<u32>) -> Option<Wanted> {
        ids.clear();
        let (wish, id) = self.0.as_ref()?.get(share)?;
        ids.extend(*id);
        Some(Wanted { qos: wish.qos, as_published: wish.as_published })
    }
}
