//! TLS: what stands in certificates and their files, what a listener and a client make of it, and the authority of a
//! house. Floor 1: knows how files of people are read, and no listener and no account.
//!
//! * [`Files`] are read into an [`Identity`], or into the one mistake that is to be put right.
//! * [`Offer`] is what listeners serve now; [`Watch`] puts a renewed certificate in its place. Open connections keep theirs.
//! * [`Stream`] is a stream with TLS or without.
//! * [`client`] is the other side: whom a client trusts, of a hub or of a broker. [`NotShaken`] says why that was not enough.
//! * [`house`] makes an authority and certificates.
//!
//! The cryptography is that of `ring`, for the whole program.

mod certificate;
mod cryptography;
mod files;
pub mod house;
mod offer;
mod stream;
mod trust;
mod watch;

pub use self::certificate::{Certificate, Name};
pub use self::cryptography::provider;
pub use self::files::{Clients, Files, Identity, authority_of, certificates};
pub use self::offer::{Facts, Offer};
pub use self::stream::Stream;
pub use self::trust::{NotShaken, Unfit, client, trusting};
pub use self::watch::{News, Watch};
