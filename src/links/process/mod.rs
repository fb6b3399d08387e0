//! A program that speaks Clown.Talk on its standard input and output, on the far side of a link. `client` is the
//! [`Far`](super::far::Far), `child` the program as a process, with all that it starts itself.

mod child;
pub(super) mod client;
mod pace;
pub mod settings;
