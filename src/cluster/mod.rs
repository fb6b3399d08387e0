//! Many hubs are one, over servers of NATS: what is said at one is heard at all, and each hears only what its own clients ask
//! for. Floor 2: an edge, like the links, of which it knows nothing.
//!
//! [`join`] is the loop: a session of the hub that hears everything, the queue of what waits, and the connections to the
//! servers ([`wire`], the only file that knows the library). Pure are [`subject`], what a topic is called there; [`stamp`],
//! what stands beside a payload; [`interest`], what is asked for; [`heard`], which message is missing and which has come
//! before; [`others`], which hubs there are. Last values are put into a stream at the servers and read from there ([`last`]):
//! [`keeper`] decides what is put, [`reader`] what is read, and [`stream`] has the texts. What is to be said for a hub that dies is
//! there, too ([`estate`]), and [`heirs`] says it. [`accounts`] carries those that all hubs have alike. `docs/scaling.md` says what is promised, and what is not.

mod accounts;
mod estate;
pub mod heard;
pub mod heirs;
pub mod interest;
mod inward;
mod join;
pub mod keeper;
mod last;
pub mod others;
mod outward;
pub mod reader;
mod report;
pub mod settings;
mod stale;
pub mod stamp;
mod standing;
pub mod stream;
pub mod subject;
mod wire;

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use self::join::Join;
use self::settings::Settings;
use crate::editions::Editions;
use crate::hub::Hub;
use crate::shutdown::{Shutdown, Stage};

/// Joins the hub to its cluster, until the sign to stop. Does not wait for the servers. The sentence says what of the settings
/// cannot be used.
pub async fn join(
    hub: &Arc<Hub>,
    settings: Settings,
    accounts: Option<Arc<Editions>>,
    shutdown: &Shutdown,
) -> Result<(), String> {
    let mut join = Join::new(hub, settings, accounts, life()).await?;
    let stop = shutdown.sign(Stage::Links).clone();
    shutdown.spawn_in(Stage::Links, async move { join.run(&stop).await });
    Ok(())
}

/// What this life of the hub is called.
fn life() -> String {
    let mut bytes = [0; 9];
    if getrandom::fill(&mut bytes).is_err() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        bytes.copy_from_slice(&[&now.as_nanos().to_be_bytes()[8..], &[0]].concat());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}
