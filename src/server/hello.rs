//! Who speaks on a byte stream, as its first line says: a `config/set` with some keys more.

use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

use super::SideWord;
use crate::connection::{BEFORE_SIGN_IN, Ending, Incoming, Lines, Turn, Wire};
use crate::talk::{Frames, Request};

/// First lines that are longer, and read on at one time, by users who have signed in with what they begin with.
const LONG_ONES: usize = 16;

/// The form of a first line, for the answer to a wrong one.
const FIRST_LINE: &str =
    "the first line must be [\"clown.talk/-/config/set\", {\"user\": \"…\", \"password\": \"…\"}]";

/// What the first line says.
#[derive(Deserialize)]
pub(super) struct Hello {
    user: Option<String>,
    password: Option<String>,
    #[serde(default)]
    pub(super) base: String,
    #[serde(default)]
    pub(super) side: SideWord,
}

/// The first line, as far as it is read before its sender has signed in.
pub(super) enum FirstLine {
    /// All of it.
    Whole(String),
    /// It is long. This is who sent it; see [`rest_of_first_line`].
    Begun(Credentials),
}

/// Name and password. Without `Debug`, which would show the password.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// Reads the first line, or its beginning where it is long and not longer than `longest` allows. Blank lines before it are nothing.
pub(super) async fn first_line<S>(wire: &mut Lines<S>, longest: usize) -> Result<FirstLine, Ending>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    match next_line(wire).await {
        Ok(line) => Ok(FirstLine::Whole(line)),
        Err(Ending::TooBig { limit }) if limit < longest => match Credentials::begun(wire.begun()) {
            Some(credentials) => Ok(FirstLine::Begun(credentials)),
            None => Err(Ending::NotSignedIn(
                format!("user and password must stand in the first {BEFORE_SIGN_IN} bytes of the first line")
                    .into(),
            )),
        },
        Err(ending) => Err(ending),
    }
}

/// Reads a long first line to its end, at most `limit` bytes, once its sender has signed in. A few at a time, so that they
/// have a bound in all.
pub(super) async fn rest_of_first_line<S>(wire: &mut Lines<S>, limit: usize) -> Result<String, Ending>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    static TURN: Semaphore = Semaphore::const_new(LONG_ONES);
    let _turn = TURN.acquire().await;
    wire.set_limit(limit);
    next_line(wire).await
}

async fn next_line<S: AsyncRead + AsyncWrite + Unpin + Send>(wire: &mut Lines<S>) -> Result<String, Ending> {
    let mut turn = Turn::default();
    loop {
        match poll_fn(|cx| wire.poll_read(cx)).await {
            Incoming::Text => match wire.text() {
                None => return Err(Ending::NotUtf8),
                Some(line) if line.trim().is_empty() => turn.took(line.len()),
                Some(line) => return Ok(line.to_owned()),
            },
            Incoming::Part(bytes) => turn.read(bytes),
            Incoming::Binary | Incoming::Packet(_) | Incoming::Aside | Incoming::Alive => {}
            Incoming::End(ending) => return Err(ending),
        }
        if turn.is_over() {
            turn = Turn::default();
            tokio::task::yield_now().await;
        }
    }
}

/// The sentence goes to the sender of the line only: it may quote a password.
fn complaint(error: &serde_json::Error) -> Cow<'static, str> {
    let said = error.to_string();
    if said.starts_with("missing field") {
        FIRST_LINE.into()
    } else {
        format!("the first line: {said}").into()
    }
}

/// For a first line that names nobody.
pub(super) fn nobody() -> Ending {
    Ending::NotSignedIn(FIRST_LINE.into())
}

impl Hello {
    /// Name and password; `None` if there is neither. A client with a certificate needs none.
    pub(super) fn credentials(&self) -> Option<Credentials> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (self.user.is_some() || self.password.is_some())
            .then(|| Credentials { user: text(&self.user), password: text(&self.password) })
    }

    pub(super) fn parse(line: &str) -> Result<Self, Ending> {
        match Frames::of(line).next() {
            Some(Ok(frame)) if frame.topic == Request::CONFIGURE => {
                let hello: Self = serde_json::from_str(frame.payload)
                    .map_err(|error| Ending::NotSignedIn(complaint(&error)))?;
                // Only half of a sign-in is none.
                if hello.user.is_some() == hello.password.is_some() { Ok(hello) } else { Err(nobody()) }
            }
            _ => Err(Ending::NotSignedIn(FIRST_LINE.into())),
        }
    }
}

impl Credentials {
    /// The name and the password that stand in the beginning of a first line.
    fn begun(text: &str) -> Option<Self> {
        let mut found = Found::default();
        // The text ends somewhere; what came before has been found.
        let _ = serde_json::Deserializer::from_str(text).deserialize_seq(FrameOf(&mut found));
        Some(Self { user: found.user?, password: found.password? })
    }
}

#[derive(Default)]
struct Found {
    user: Option<String>,
    password: Option<String>,
}

/// Looks into the frame.
struct FrameOf<'f>(&'f mut Found);

/// Looks into its payload.
struct PayloadOf<'f>(&'f mut Found);

impl<'de> Visitor<'de> for FrameOf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a frame")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut frame: A) -> Result<(), A::Error> {
        if frame.next_element::<String>()?.as_deref() == Some(Request::CONFIGURE) {
            frame.next_element_seed(PayloadOf(self.0))?;
        }
        Ok(())
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for PayloadOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, payload: D) -> Result<(), D::Error> {
        payload.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PayloadOf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut payload: A) -> Result<(), A::Error> {
        while let Some(key) = payload.next_key::<String>()? {
            match key.as_str() {
                "user" => self.0.user = Some(payload.next_value()?),
                "password" => self.0.password = Some(payload.next_value()?),
                _ => {
                    payload.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, duplex};

    #[test]
    fn name_and_password_are_found_in_the_beginning_of_a_line() {
        let begun = |text: &str| Credentials::begun(text).map(|found| (found.user, found.password));
        let found = Some(("u".to_owned(), "p".to_owned()));
        assert_eq!(
            begun(r#"["clown.talk/-/config/set", {"user": "u", "password": "p", "filters": ["a", "b"#),
            found
        );
        assert_eq!(
            begun(r#" [ "clown.talk/-/config/set" , {"will": [1, {}], "password":"p","user":"u","x"#),
            found
        );
        assert_eq!(begun(r#"["clown.talk/-/config/set", {"user": "u", "password": "p"#), None, "it goes on");
        assert_eq!(begun(r#"["clown.talk/-/config/set", {"filters": ["a", "b"#), None);
        assert_eq!(begun(r#"["other", {"user": "u", "password": "p", "#), None);
        assert_eq!(begun(""), None);
    }

    #[tokio::test]
    async fn before_the_sign_in_only_the_beginning_of_a_line_is_read() {
        let (here, mut there) = duplex(1 << 20);
        let mut wire = Lines::new(here, 1 << 20);
        let filters = vec!["\"some/filter/#\""; 2000].join(",");
        let line = format!(
            r#"["clown.talk/-/config/set", {{"user": "u", "password": "p", "filters": [{filters}]}}]"#
        );
        there.write_all(format!("\n{line}\n[\"next\", 1]\n").as_bytes()).await.unwrap();
        let Ok(FirstLine::Begun(credentials)) = first_line(&mut wire, 1 << 20).await else {
            panic!("it is long")
        };
        assert!(credentials == Credentials { user: "u".into(), password: "p".into() });
        assert!(wire.held() <= 2 * BEFORE_SIGN_IN, "{}", wire.held());
        assert_eq!(rest_of_first_line(&mut wire, 1 << 20).await, Ok(line));
        assert_eq!(next_line(&mut wire).await, Ok("[\"next\", 1]".to_owned()));
    }

    #[tokio::test]
    async fn a_long_first_line_without_a_name_is_refused_before_it_is_read() {
        let (here, mut there) = duplex(1 << 20);
        let mut wire = Lines::new(here, 1 << 20);
        there.write_all(&vec![b'['; 1 << 19]).await.unwrap();
        assert!(matches!(first_line(&mut wire, 1 << 20).await, Err(Ending::NotSignedIn(_))));
        assert!(wire.held() <= 2 * BEFORE_SIGN_IN, "{}", wire.held());
    }
}
