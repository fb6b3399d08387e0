//! Files that people write, from a path to types. Floor 0: one way to read them, to watch them and to say what is
//! wrong in them, for the configuration, the accounts, the links and `client.toml`.
//!
//! * [`small_file`]: a file of a bounded size, read without waiting; a pipe or a device is refused.
//! * [`in_place`]: a text that takes the place of a file in one step, one writer after the other.
//! * [`Watch`]: what became of the files of a folder, a half-written one excepted.
//! * [`Settled`]: files that are read again when they have changed, once they are whole.
//! * [`Form`]: TOML to types. Each question states what is allowed; a wrong answer is noted and reading goes on, so
//!   that all mistakes are found at once. The only place that knows the crate `toml`.
//! * [`question`]: the questions themselves, for values from wherever they come.
//! * [`Mistake`]: one thing to be put right, with its place.

mod form;
pub mod in_place;
mod mark;
mod mistake;
mod near;
pub mod question;
mod settled;
pub mod small_file;
mod syntax;
mod value;
mod watch;

pub use self::form::Form;
pub use self::mistake::{Mistake, Mistakes, escaped, key_name, plain, quoted};
pub use self::near::nearest;
pub use self::question::{Found, Tells};
pub use self::settled::Settled;
pub use self::value::{Entry, Kind, Table, Value};
pub use self::watch::{Change, Watch};
