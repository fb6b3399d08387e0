//! Where another hub is and who we are there, as the file of a link says it.

use std::path::PathBuf;

use crate::client::{Address, AddressError};
use crate::links::mqtt::settings::Secret;

/// Another hub, and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// `ws://` or `wss://`, with the user if there is one, and without a password.
    pub url: String,
    /// Where the password is.
    pub password: Option<Secret>,
    /// Certificates to be trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Messages that may be on their way at one time.
    pub inflight: usize,
}

impl HubSettings {
    /// The address, without the password.
    pub fn address(&self) -> Result<Address, AddressError> {
        let mut address = Address::parse(&self.url)?;
        if let Some(authorities) = &self.ca_file {
            address.trust(authorities.clone());
        }
        Ok(address)
    }
}
