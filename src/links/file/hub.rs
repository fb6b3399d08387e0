//! What a link to another hub has, from its file.

use super::keys::INFLIGHT;
use super::reader::Reader;
use super::rules::Told;
use crate::client::Address;
use crate::links::hub::settings::HubSettings;
use crate::links::rules::Rules;
use crate::operator::Table;

impl Reader<'_> {
    /// The settings, what the hub is called, and the rules.
    pub(super) fn hub(&mut self, table: &Table) -> Option<(HubSettings, String, Rules)> {
        let url = self.text(table, "url");
        if table.get("url").is_none() {
            let sentence =
                "is missing: where is the hub? write it as wss://USER@HOST:PORT/BASE, without a password";
            self.form.say(0, "url", sentence);
        }
        let address = url.as_deref().and_then(|url| self.address(table, url));
        let is_nobody = address.as_ref().is_some_and(Address::is_anonymous);
        let lacks_user = is_nobody.then_some("needs a user in url, as wss://USER@HOST");
        let password = self.password(table, lacks_user);
        let ca_file = self.text(table, "ca_file").map(Into::into);
        if address.as_ref().is_some_and(|address| !address.is_encrypted()) && table.get("ca_file").is_some() {
            self.form.refuse(table, "ca_file", "is only for wss://, but url is not");
        }
        let inflight = self.number(table, &INFLIGHT) as usize;
        let rules = self.rules(table, Told::AllOfAHub);
        let far = address?.place();
        Some((HubSettings { url: url?, password, ca_file, inflight }, far, rules?))
    }

    fn address(&mut self, table: &Table, url: &str) -> Option<Address> {
        match Address::parse(url) {
            Ok(address) if address.has_password() => {
                let sentence = "leave the password out of it: give password_file or password_env";
                self.form.refuse(table, "url", sentence);
                None
            }
            Ok(address) => Some(address),
            Err(error) => {
                self.form.refuse(table, "url", error.to_string().replace(":PASSWORD", ""));
                None
            }
        }
    }
}
