//! Which link has which gateway's name: two gateways of one name would answer for each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// All names that are taken, and by which link. As many as there are links.
#[derive(Debug, Default)]
pub struct Claims(Mutex<BTreeMap<Box<str>, Arc<str>>>);

/// A name that is a link's own until this is dropped.
#[derive(Debug)]
pub struct Claim {
    claims: Arc<Claims>,
    name: Box<str>,
}

impl Claims {
    /// Takes a name for a link.
    pub fn claim(self: &Arc<Self>, name: &str, link: &Arc<str>) -> Result<Claim, String> {
        let mut names = self.0.lock();
        if let Some(other) = names.get(name) {
            return Err(format!(
                "its name would be {name:?}, which is the name of the gateway of link {other}: give this one another name \
                 with the key gateway"
            ));
        }
        names.insert(name.into(), Arc::clone(link));
        Ok(Claim { claims: Arc::clone(self), name: name.into() })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.0.lock().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_links_until_that_lets_go_of_it() {
        let claims = Arc::new(Claims::default());
        let (one, two) = (Arc::from("one"), Arc::from("two"));
        let claim = claims.claim("usb-dongle", &one).unwrap();
        assert!(claims.claim("usb-dongle", &two).unwrap_err().contains("of link one"));
        claims.claim("core-module", &two).unwrap();
        drop(claim);
        claims.claim("usb-dongle", &two).unwrap();
    }
}
