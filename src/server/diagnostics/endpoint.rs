//! Which endpoints there are, and what each one answers. No socket, no clock.

use std::borrow::Cow;

/// One of the small servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Any message comes back as it came.
    Echo,
    /// A text comes back reversed, as the servers of the mbed and Tornado tutorials do it.
    Reversed {
        /// Whether it greets each client.
        greets: bool,
    },
    /// A text comes back with a word in front.
    Socket,
    /// A number every two seconds, the same for all.
    Streaming,
    /// Two words, two answers.
    Poke,
}

/// What a text is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The same text.
    Echo,
    Text(Cow<'static, str>),
    Silence,
}

impl Endpoint {
    /// The paths, in the order in which messages list them.
    pub(crate) const PATHS: [&'static str; 5] = ["/echo", "/ws", "/socket", "/streaming", "/poke"];

    /// The endpoint that a path names.
    pub(super) fn at(path: &str, query: Option<&str>) -> Option<Self> {
        let greets = || {
            query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some("greet")))
        };
        match path {
            "/echo" => Some(Self::Echo),
            "/ws" => Some(Self::Reversed { greets: greets() }),
            "/socket" => Some(Self::Socket),
            "/streaming" => Some(Self::Streaming),
            "/poke" => Some(Self::Poke),
            _ => None,
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Echo => "/echo",
            Self::Reversed { .. } => "/ws",
            Self::Socket => "/socket",
            Self::Streaming => "/streaming",
            Self::Poke => "/poke",
        }
    }

    /// What it sends before it has received anything.
    pub(super) fn greeting(self) -> Option<&'static str> {
        (self == Self::Reversed { greets: true }).then_some("Hello World")
    }

    /// What a text is answered.
    pub(super) fn answer(self, text: &str) -> Answer {
        match self {
            Self::Echo => Answer::Echo,
            // By code points, as Python's [::-1] does it: what is joined of several of them comes apart.
            Self::Reversed { .. } => Answer::Text(text.chars().rev().collect::<String>().into()),
            Self::Socket => Answer::Text(format!("server: {text}").into()),
            Self::Poke if text == "CONNECTED" => Answer::Text("Welcome".into()),
            Self::Poke if text == "POKE" => Answer::Text("Quit poking me!".into()),
            Self::Poke | Self::Streaming => Answer::Silence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(path: &str, text: &str) -> Option<String> {
        match Endpoint::at(path, None).unwrap().answer(text) {
            Answer::Echo => Some(text.to_owned()),
            Answer::Text(answer) => Some(answer.into_owned()),
            Answer::Silence => None,
        }
    }

    #[test]
    fn every_path_is_that_of_its_endpoint() {
        for path in Endpoint::PATHS {
            assert_eq!(Endpoint::at(path, None).unwrap().path(), path);
        }
        assert_eq!(Endpoint::at("/echo/", None), None);
        assert_eq!(Endpoint::at("/", None), None);
    }

    #[test]
    fn a_text_is_reversed_by_characters_and_not_by_bytes() {
        assert_eq!(answer("/ws", "21.5 ℃ kůň").as_deref(), Some("ňůk ℃ 5.12"));
        assert_eq!(answer("/ws", "").as_deref(), Some(""));
    }

    #[test]
    fn only_who_asks_for_it_is_greeted() {
        let greeting = |query| Endpoint::at("/ws", query).unwrap().greeting();
        assert_eq!(greeting(Some("greet")), Some("Hello World"));
        assert_eq!(greeting(Some("a=b&greet=1")), Some("Hello World"));
        assert_eq!(greeting(Some("greeting")), None);
        assert_eq!(greeting(None), None);
        assert_eq!(Endpoint::at("/echo", Some("greet")).unwrap().greeting(), None);
    }

    #[test]
    fn a_poke_is_answered_and_other_words_are_not() {
        assert_eq!(answer("/poke", "CONNECTED").as_deref(), Some("Welcome"));
        assert_eq!(answer("/poke", "POKE").as_deref(), Some("Quit poking me!"));
        assert_eq!(answer("/poke", "poke"), None);
        assert_eq!(answer("/streaming", "faster"), None);
    }
}
